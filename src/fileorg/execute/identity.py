"""By what a file is known again."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

if TYPE_CHECKING:
    from fileorg.core.model import Entry
    from fileorg.storage.local.storage import LocalStorage


class Identity(NamedTuple):
    """By what a file is known again: the journal keeps it."""

    inode: int
    size: int
    mtime_ns: int

    def fits(self, entry: Entry | None) -> TypeGuard[Entry]:
        return entry is not None and (entry.inode, entry.size, entry.mtime_ns) == self


def identity(entry: Entry) -> Identity:
    return Identity(entry.inode, entry.size, entry.mtime_ns)


def is_known(storage: LocalStorage, folder: bytes, entry: Entry | None, expected: Identity) -> bool:
    """Whether it is the file that was expected, as far as a look can tell.

    Where inode numbers are given out anew (FUSE, FAT, network), size and time have to do: enough for a rename, which
    loses nothing. Before something is removed, see `is_certain`.
    """
    if entry is None or expected.fits(entry):
        return entry is not None
    is_movable = entry.is_file or stat.S_ISLNK(entry.mode)
    alike = is_movable and (entry.size, entry.mtime_ns) == (expected.size, expected.mtime_ns)
    return alike and not storage.has_stable_inodes(folder)


def is_certain(storage: LocalStorage, folder: bytes, name: bytes, expected: Identity, digest: bytes | None) -> bool:
    """Whether the file is what was expected: by its inode number, or where that is worth nothing, by its content.

    Raises `OSError`.
    """
    entry = storage.lstat(folder, name)
    if expected.fits(entry):
        return True
    if digest is None or entry is None or not entry.is_file or not is_known(storage, folder, entry, expected):
        return False
    return storage.has_digest(folder, name, digest)


def is_intact(storage: LocalStorage, folder: bytes, name: bytes, expected: Identity, digest: bytes | None) -> bool:
    """As `is_certain`; and where a digest is known, its content has to say so whatever else does. Raises `OSError`."""
    entry = storage.lstat(folder, name)
    if digest is None:
        return expected.fits(entry)
    alike = entry is not None and entry.is_file and is_known(storage, folder, entry, expected)
    return alike and storage.has_digest(folder, name, digest)
