"""Links that are made for files: what a symlink says, and the link that stands in the place of a duplicate."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple, Self

from fileorg.core.model import BY_SYMLINK, ON_SYMLINKS, Action
from fileorg.core.names import below, display, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.storage.local.storage import LocalStorage


def link_content(source: LocalStorage, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes) -> bytes:
    """What a symlink in `target_folder` says to lead to the file: relative within one tree, absolute across two."""
    path = join(folder, name)
    if source.root == target.root:
        return os.path.relpath(path, target_folder or b".")
    return os.path.join(source.root, path)


class Place(NamedTuple):
    """A name in a folder of a storage. What is done there raises `OSError` as the storage does."""

    storage: LocalStorage
    folder: bytes
    name: bytes

    def __str__(self) -> str:
        return display(self.path)

    @property
    def path(self) -> bytes:
        """Below the root of the storage."""
        return join(self.folder, self.name)

    def beside(self, name: bytes) -> Self:
        """Another name in the same folder."""
        return self._replace(name=name)

    def look(self) -> Entry | None:
        """What is there now."""
        return self.storage.lstat(self.folder, self.name)

    def rename(self, to: Place) -> None:
        """Give it another name, which must be free."""
        self.storage.rename_noreplace(self.folder, self.name, to.storage, to.folder, to.name)

    def exchange(self, other: Place) -> None:
        """Give it the name of what is at another place of the same folder, which gets the name of this one."""
        self.storage.exchange(self.folder, self.name, other.name)

    def remove(self) -> None:
        """Remove what is there, if there is something."""
        self.storage.discard(self.folder, self.name)

    @property
    def has_stable_inodes(self) -> bool:
        """Whether the files in this folder are known again by their inode numbers."""
        return self.storage.has_stable_inodes(self.folder)


class StandIn:
    """The link to the keeper that is in the place of a duplicate, or of a symlink that led to where the keeper was: how
    it is made, and by what it is known.
    """

    def __init__(self, action: Action, keeper: Place, inode: int, at: Place) -> None:
        """`inode` is the keeper's, `at` the place of the duplicate or another one in its folder."""
        self.is_symlink = action in BY_SYMLINK
        self._keeper = keeper
        self._inode = inode
        self._at = at
        self._keeps_form = action in ON_SYMLINKS

    @classmethod
    def of(cls, row: PlanRow, storages: Sequence[LocalStorage], at: Place) -> Self | None:
        """The one that a row is about; None where the row knows no keeper."""
        if row.keeper is None:
            return None
        base, folder, name, inode, _ = row.keeper
        return cls(row.action, Place(storages[base], folder, name), inode, at)

    @property
    def _absolute(self) -> bytes:
        return below(self._keeper.storage.root, self._keeper.path)

    @property
    def _relative(self) -> bytes:
        return os.path.relpath(self._absolute, below(self._at.storage.root, self._at.folder))

    def make(self, place: Place, like: bytes = b"") -> None:
        """Make it; of a symlink that is rewritten, `like` is what that says. Raises `OSError`, `FileExistsError` among
        them.
        """
        if not self.is_symlink:
            self._keeper.storage.hardlink(self._keeper.folder, self._keeper.name, *place)
        elif self._keeps_form:
            place.storage.symlink(self._absolute if like.startswith(b"/") else self._relative, *place[1:])
        else:
            place.storage.symlink(link_content(*self._keeper, self._at.storage, self._at.folder), *place[1:])

    def is_at(self, place: Place) -> bool:
        """Whether it is what is there now."""
        there = place.look()
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
