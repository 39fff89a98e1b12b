"""What is known of the contents stays known of the files that we move: a rename changes the ctime, and nothing else.

Only if the ctime just before was the one that the digest is valid for: an edit that put the time back is not followed.
The index is a cache. Where it cannot be written, it forgets, and the operation goes on.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.errors import FileorgError
from fileorg.core.model import TO_AND_FRO, TOUCHES_SOURCE
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Base, Entry, PlanRow
    from fileorg.index.index import Index
    from fileorg.storage.local.storage import LocalStorage


class Followed(NamedTuple):
    """A file of which a digest is known: what it was, and where it will be."""

    before: Entry
    base: Base
    folder: bytes
    name: bytes


class Follow:
    """Told of each batch before and after it is carried out."""

    def __init__(self, index: Index, storages: Sequence[LocalStorage]) -> None:
        """Raises `FileorgError` if the index cannot be used: nothing was begun yet."""
        self._index, self._storages = index, storages
        with index.guarded():
            for storage in set(storages):
                index.digests().set_aside_tree(*index.version(storage.root))
            self._has_digests = index.digests().has_spare()

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            with self._index.guarded():
                yield
        except FileorgError:
            self._has_digests = False

    def before(self, batch: Sequence[PlanRow], seen: Sequence[os.stat_result | OSError | None]) -> list[Followed]:
        """The files of the batch of which something is known; `seen` is what is at the source of each row."""
        followed: list[Followed] = []
        if not self._has_digests:
            return followed
        with self._tolerant():
            is_known = self._index.digests().is_spare
            for row, there in zip(batch, seen, strict=True):
                if isinstance(there, os.stat_result):
                    entry = entry_of(row.source_name, there)
                    if row.action in TO_AND_FRO and is_known(entry):
                        followed.append(Followed(entry, row.target_base, row.target_folder, row.target_name))
                    elif row.action in TOUCHES_SOURCE and is_known(entry):
                        followed.append(Followed(entry, row.source_base, row.source_folder, row.source_name))
                if row.keeper is not None and (kept := self._look(*row.keeper[:3])) is not None and is_known(kept):
                    followed.append(Followed(kept, *row.keeper[:3]))  # a link more or less changes its ctime, too
        return followed

    def after(self, followed: Sequence[Followed]) -> None:
        """The batch has been carried out."""
        moved = []
        for before, base, folder, name in followed:
            now = self._look(base, folder, name)
            if now is not None and now.ctime_ns != before.ctime_ns and _facts(now) == _facts(before):
                moved.append(now)
        if moved:
            with self._tolerant():
                self._index.digests().moved(moved)

    def _look(self, base: Base, folder: bytes, name: bytes) -> Entry | None:
        try:
            return self._storages[base].lstat(folder, name)
        except OSError:
            return None


def _facts(entry: Entry) -> tuple[int, int, int, int]:
    return entry.dev, entry.inode, entry.size, entry.mtime_ns
