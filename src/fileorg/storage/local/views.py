"""Files that are seen twice: by their own file system, and through one that shows files of others, such as bindfs,
mergerfs, an overlay or a network mount. Each view has device and inode numbers of its own.

Where a file system shows the file of another one, opening it there opens the file itself, and the kernel grants no
write lease on a file that is open elsewhere. Nothing is written for that.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Final

from fileorg.core.names import below, join
from fileorg.core.tuples import NamedTuple
from fileorg.storage.local import posix
from fileorg.storage.local.original import CLOCK_NS
from fileorg.storage.local.readiness import is_alone
from fileorg.storage.local.storage import LocalStorage

_OF_DISKS: Final = frozenset({0x9123683E, 0x2FC12FC1, 0xCA451A4E, 0x01021994, 0x858458F6})
"""btrfs, ZFS, bcachefs, tmpfs, ramfs: their device numbers are none of a disk, but their files are their own."""
_WAITS: Final = (0.001, 0.004, 0.015, 0.06)
"""Seconds to wait for a FUSE server, which closes a file some time after its reader has."""
_SECOND: Final = 10**9
_SLASH: Final = 0x2F
_STEP: Final = 100
"""Nanoseconds: the steps of the times that SMB passes on."""


class Name(NamedTuple):
    """A name of a file in a folder of a storage."""

    storage: LocalStorage
    folder: bytes
    name: bytes


def may_be_one_file(one: Name, other: Name) -> bool:
    """Return whether two files of the same content may be one file, seen twice. False if none is seen through a file
    system that shows others, and if one of them is gone. Raises `OSError`.
    """
    # A view and the file that may be behind it.
    pairs = [(view, file) for view, file in ((one, other), (other, one)) if _may_show_others(view)]
    if not pairs:
        return False
    first, second = _times(one), _times(other)
    has_same_times = first is not None and second is not None and first.are_of(second)
    if first is not None and second is not None:
        if has_same_times and first.are_telling:
            return True
        if all(times.are_telling for times in (first, second)) and first.are_apart(second):
            return False
    answers = [_is_opened_with(file, view) for view, file in pairs]
    if True in answers:
        return True
    # Two views may be of one file that is neither: only their times tell.
    return has_same_times and (len(pairs) > 1 or None in answers)


def shown_at(file: Name, place: bytes) -> bytes | None:
    """Return a path of the root of a file's storage through another file system, that of the folder `place`; None if
    none is found. Raises `OSError`.

    An overlay does not count: what is written to it does not go to the layer below.
    """
    root, path = file.storage.root, join(file.folder, file.name)
    itself, dev = os.lstat(below(root, path)), os.stat(place).st_dev
    while os.stat(place).st_dev == dev:
        for start in (*(at for at, byte in enumerate(root) if byte == _SLASH), len(root)):
            shown = below(place, root[start + 1 :])
            found = below(shown, path)
            if not os.path.lexists(found) or os.lstat(found).st_dev == itself.st_dev:
                continue
            with contextlib.closing(LocalStorage(os.path.dirname(found))) as storage:
                is_overlay = posix.file_system_type(storage.fd(b"")) == posix.OVERLAY
                if not is_overlay and may_be_one_file(file, Name(storage, b"", file.name)):
                    return shown
        if place == b"/":
            break
        place = os.path.dirname(place)
    return None


def _may_show_others(file: Name) -> bool:
    fd = file.storage.fd(file.folder)
    return os.major(os.fstat(fd).st_dev) == 0 and posix.file_system_type(fd) not in _OF_DISKS


class _Times(NamedTuple):
    """When a file was written, and when it was changed in any way. A copy has the first time of its original, and the
    second one of its own, unless a file system knows no second time.
    """

    written_ns: int
    changed_ns: int

    @property
    def are_telling(self) -> bool:
        """False if the second time may be the first one."""
        return abs(self.changed_ns - self.written_ns) > CLOCK_NS

    def are_of(self, other: _Times) -> bool:
        """Return whether these seem to be the times of the same file: full seconds are no evidence."""
        same = all(mine // _STEP == its // _STEP for mine, its in zip(self, other, strict=True))
        return same and self.changed_ns % _SECOND != 0

    def are_apart(self, other: _Times) -> bool:
        """Return whether these cannot be the times of the same file."""
        return abs(self.changed_ns - other.changed_ns) > CLOCK_NS


def _times(file: Name) -> _Times | None:
    storage, folder, name = file
    entry, changed_ns = storage.lstat(folder, name), storage.changed_ns(folder, name)
    return None if entry is None or changed_ns is None else _Times(entry.mtime_ns, changed_ns)


def _is_opened_with(file: Name, view: Name) -> bool | None:
    """Return whether a file is open while it is open in a view, and only then; None if that cannot be found out."""
    try:
        with file.storage.open_read(file.folder, file.name) as mine:
            for _ in range(2):  # another program may open it just then, but hardly twice
                if not _is_alone_soon(mine.fileno()):
                    return None
                with view.storage.open_read(view.folder, view.name):
                    if is_alone(mine.fileno()):
                        return False
    except FileNotFoundError:
        return False
    except PermissionError:
        return None
    return True


def _is_alone_soon(fd: int) -> bool:
    for wait in _WAITS:
        if (answer := is_alone(fd)) is not False:
            return answer is True
        time.sleep(wait)
    return is_alone(fd) is True
