"""Keeps the digests and the evidence of moved files valid: a rename changes only the ctime.

They are kept only if the ctime before the move was the recorded one, which excludes edits that reset the mtime.
The index is a cache: if it cannot be written, they are dropped and the operation continues.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import FileorgError
from fileorg.core.model import RELOCATIONS, TOUCHES_SOURCE
from fileorg.core.tuples import NamedTuple
from fileorg.storage.local.listing import INODE_MASK, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Base, Entry, PlanRow
    from fileorg.index.index import Index
    from fileorg.storage.local.storage import LocalStorage


class DigestedFile(NamedTuple):
    """A file with a known digest or evidence: its entry before the move, and its place after it."""

    before: Entry
    base: Base
    folder: bytes
    name: bytes


class MovedDigests:
    """Updates digests; called before and after each batch."""

    def __init__(self, index: Index, storages: Sequence[LocalStorage]) -> None:
        """Raises `FileorgError` if the index cannot be used; nothing has been changed by then."""
        self._index, self._storages = index, storages
        with index.guarded():
            self._evidence = index.kept_evidence()
            for storage in set(storages):
                index.digests().set_aside_tree(*index.version(storage.root))
                if self._evidence is not None:
                    self._evidence.set_aside_tree(*index.version(storage.root))
            self._has_digests = index.digests().has_relocated()
            if self._evidence is not None and not self._evidence.has_relocated():
                self._evidence = None

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            with self._index.guarded():
                yield
        except FileorgError:
            self._has_digests, self._evidence = False, None

    def before(self, batch: Sequence[PlanRow], seen: Sequence[os.stat_result | OSError | None]) -> list[DigestedFile]:
        """Return the files of the batch that the index knows; `seen` is the stat result at each row's source."""
        files: list[DigestedFile] = []
        if not self._has_digests and self._evidence is None:
            return files
        with self._tolerant():
            is_known = self._is_known
            inodes = [there.st_ino & INODE_MASK for there in seen if isinstance(there, os.stat_result)]
            kept_inodes = self._kept_inodes(inodes)  # nearly always few
            for row, there in zip(batch, seen, strict=True):
                if kept_inodes and isinstance(there, os.stat_result) and there.st_ino & INODE_MASK in kept_inodes:
                    entry = entry_of(row.source_name, there)
                    if row.action in RELOCATIONS and is_known(entry):
                        files.append(DigestedFile(entry, row.target_base, row.target_folder, row.target_name))
                    elif row.action in TOUCHES_SOURCE and is_known(entry):
                        files.append(DigestedFile(entry, row.source_base, row.source_folder, row.source_name))
                if row.keeper is not None and (kept := self._lstat(*row.keeper[:3])) is not None and is_known(kept):
                    files.append(DigestedFile(kept, *row.keeper[:3]))  # a new or removed link changes its ctime, too
        return files

    def after(self, files: Sequence[DigestedFile]) -> None:
        """Move digests and evidence to the new ctimes after the batch was applied."""
        moved = []
        for before, base, folder, name in files:
            now = self._lstat(base, folder, name)
            if now is not None and now.ctime_ns != before.ctime_ns and _facts(now) == _facts(before):
                moved.append(now)
        if moved:
            with self._tolerant():
                self._index.digests().moved(moved)
                if self._evidence is not None:
                    self._evidence.moved(moved)

    def _kept_inodes(self, inodes: Sequence[int]) -> set[int]:
        found = self._index.digests().kept_inodes(inodes) if self._has_digests else set[int]()
        return found if self._evidence is None else found | self._evidence.kept_inodes(inodes)

    def _is_known(self, entry: Entry) -> bool:
        return (self._has_digests and self._index.digests().is_relocated(entry)) or (
            self._evidence is not None and self._evidence.is_relocated(entry)
        )

    def _lstat(self, base: Base, folder: bytes, name: bytes) -> Entry | None:
        try:
            return self._storages[base].lstat(folder, name)
        except OSError:
            return None


def _facts(entry: Entry) -> tuple[int, int, int, int]:
    return entry.dev, entry.inode, entry.size, entry.mtime_ns
