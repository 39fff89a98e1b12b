"""Links made for files: the targets of symlinks, and the links that replace duplicates."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Self

from fileorg.core.model import BY_SYMLINK, ON_SYMLINKS, Action
from fileorg.core.names import below, display, join
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.storage.local.storage import LocalStorage


def link_content(source: LocalStorage, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes) -> bytes:
    """Return the target of a symlink in `target_folder` to a file: relative within one tree, absolute across two."""
    path = join(folder, name)
    if source.root == target.root:
        return os.path.relpath(path, target_folder or b".")
    return os.path.join(source.root, path)


class Location(NamedTuple):
    """A name in a folder of a storage. Its methods raise `OSError` as the storage does."""

    storage: LocalStorage
    folder: bytes
    name: bytes

    def __str__(self) -> str:
        return display(self.path)

    @property
    def path(self) -> bytes:
        """The path relative to the root of the storage."""
        return join(self.folder, self.name)

    def beside(self, name: bytes) -> Self:
        """Return another name in the same folder."""
        return self._replace(name=name)

    def lstat(self) -> Entry | None:
        """Return the current entry, None if nothing exists."""
        return self.storage.lstat(self.folder, self.name)

    def rename(self, to: Location) -> None:
        """Rename the file to a free name."""
        self.storage.rename_noreplace(self.folder, self.name, to.storage, to.folder, to.name)

    def exchange(self, other: Location) -> None:
        """Exchange the file with another one in the same folder."""
        self.storage.exchange(self.folder, self.name, other.name)

    def remove(self) -> None:
        """Remove the file if it exists."""
        self.storage.discard(self.folder, self.name)

    @property
    def has_stable_inodes(self) -> bool:
        """True if inode numbers identify the files in this folder permanently."""
        return self.storage.has_stable_inodes(self.folder)


class ReplacementLink:
    """The link to the keeper that takes the place of a duplicate or of a rewritten symlink."""

    def __init__(self, action: Action, keeper: Location, inode: int, at: Location) -> None:
        """Take the keeper's `inode`, and the place `at` of the duplicate or any other name in its folder."""
        self.is_symlink = action in BY_SYMLINK
        self._keeper = keeper
        self._inode = inode
        self._at = at
        self._keeps_form = action in ON_SYMLINKS

    @classmethod
    def of(cls, row: PlanRow, storages: Sequence[LocalStorage], at: Location) -> Self | None:
        """Return the link of a row; None if the row has no keeper."""
        if row.keeper is None:
            return None
        base, folder, name, inode, _ = row.keeper
        return cls(row.action, Location(storages[base], folder, name), inode, at)

    @property
    def _absolute(self) -> bytes:
        return below(self._keeper.storage.root, self._keeper.path)

    @property
    def _relative(self) -> bytes:
        return os.path.relpath(self._absolute, below(self._at.storage.root, self._at.folder))

    def make(self, place: Location, like: bytes = b"") -> None:
        """Make the link at `place`; a rewritten symlink is absolute or relative like its old target `like`. Raises
        `OSError`, such as `FileExistsError`.
        """
        if not self.is_symlink:
            self._keeper.storage.hardlink(self._keeper.folder, self._keeper.name, *place)
        elif self._keeps_form:
            place.storage.symlink(self._absolute if like.startswith(b"/") else self._relative, *place[1:])
        else:
            place.storage.symlink(link_content(*self._keeper, self._at.storage, self._at.folder), *place[1:])

    def is_at(self, place: Location) -> bool:
        """Return whether the entry at `place` is this link."""
        there = place.lstat()
        if there is None:
            return False
        if not self.is_symlink:
            return there.is_file and there.inode == self._inode
        if not stat.S_ISLNK(there.mode):
            return False
        says = place.storage.readlink(place.folder, place.name)
        if self._keeps_form:
            return says in (self._absolute, self._relative)
        return says == link_content(*self._keeper, self._at.storage, self._at.folder)
