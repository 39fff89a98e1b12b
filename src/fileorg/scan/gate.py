"""The gate of a run that nobody starts by hand: it takes only files that are settled, closed, and not put back."""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from fileorg.core.tuples import NamedTuple
from fileorg.rules.ignore import IgnoreReason
from fileorg.storage.local.readiness import is_open_for_writing, paths_open_for_writing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.core.model import Entry
    from fileorg.storage.local.storage import LocalStorage


_SERVES_SECONDS = 1.0
WAITING = frozenset({IgnoreReason.UNSETTLED, IgnoreReason.OPEN, IgnoreReason.UNFINISHED})
"""Reasons that pass by themselves: a later look may take the file."""


def stamp_of(folder: bytes, entry: Entry) -> int:
    """Return a number for a file as it looks now: it changes with the path, the size and the times."""
    return xxh3_64_intdigest(b"%b/%b\0%d %d %d" % (folder, entry.name, entry.size, entry.mtime_ns, entry.ctime_ns))


def content_by_inode(inode: int, size: int, mtime_ns: int) -> int:
    """Return a number for a file and its content, wherever it is, on a disk whose inode numbers last."""
    return xxh3_64_intdigest(b"%d %d %d" % (inode, size, mtime_ns))


def content_by_name(name: bytes, size: int, mtime_ns: int) -> int:
    """Return the same by its name, for a disk whose inode numbers do not last."""
    return xxh3_64_intdigest(b"%b\0%d %d" % (name, size, mtime_ns))


def packed(numbers: Iterable[int]) -> bytes:
    """Return numbers in the form in which a gate has them: sorted, eight bytes each."""
    return array("Q", sorted(numbers)).tobytes()


def has(numbers: bytes, number: int) -> bool:
    """Return whether packed numbers include one."""
    view = memoryview(numbers).cast("Q")  # a view: a copy for each file would cost the square of their number
    at = bisect_left(view, number)
    return at < len(view) and view[at] == number


@lru_cache(maxsize=1)
def _written_at(_moment: int) -> frozenset[str]:
    return paths_open_for_writing()


def _written() -> frozenset[str]:
    """Return the files that programs write to: one pass over all processes serves many files of a run."""
    return _written_at(int(time.monotonic() / _SERVES_SECONDS))


class Gate(NamedTuple):
    """Which files pass, as packed numbers: an hour of events is no more than eight bytes for each file.

    `settled`: stamps that did not change for the settle time (see `stamp_of`). `put_back`: contents that fileorg has
    moved before, or that a person did not want to be moved: found here again, they are left alone until they change.
    """

    settled: bytes
    put_back: bytes = b""
    by_name: bool = False

    def reason(self, storage: LocalStorage, folder: bytes, entry: Entry) -> IgnoreReason | None:
        """Return why a file does not pass, None if it does."""
        if not has(self.settled, stamp_of(folder, entry)):
            return IgnoreReason.UNSETTLED
        if self.put_back and has(self.put_back, self._content(entry)):
            return IgnoreReason.PUT_BACK
        try:
            with storage.open_read(folder, entry.name) as file:
                return IgnoreReason.OPEN if is_open_for_writing(file.fileno(), _written) else None
        except BlockingIOError:  # leased for writing by a file server
            return IgnoreReason.OPEN
        except OSError:  # it is gone, or unreadable: the plan or the run reports it
            return None

    def _content(self, entry: Entry) -> int:
        if self.by_name:
            return content_by_name(entry.name, entry.size, entry.mtime_ns)
        return content_by_inode(entry.inode, entry.size, entry.mtime_ns)
