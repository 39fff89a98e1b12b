"""Recognises files by inode, size and mtime, or by content."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, TypeGuard

from fileorg.core.tuples import NamedTuple
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from fileorg.core.model import Entry
    from fileorg.journal.journal import Intent
    from fileorg.storage.local.storage import LocalStorage


class Identity(NamedTuple):
    """The values by which a file is recognised; the journal stores them."""

    inode: int
    size: int
    mtime_ns: int

    def fits(self, entry: Entry | None) -> TypeGuard[Entry]:
        return entry is not None and (entry.inode, entry.size, entry.mtime_ns) == self


def identity(entry: Entry) -> Identity:
    return Identity(entry.inode, entry.size, entry.mtime_ns)


def intended(intent: Intent) -> Identity:
    """Return the identity of the file that an intent was written for."""
    return Identity(intent.inode or 0, intent.size or 0, intent.mtime_ns or 0)


def is_known(storage: LocalStorage, folder: bytes, entry: Entry | None, expected: Identity) -> bool:
    """Return whether the entry is the expected file, judged by its metadata.

    Without stable inode numbers (FUSE, FAT, network), size and mtime must suffice. That is enough for a rename, which
    loses nothing. Before a removal, use `is_certain`.
    """
    if entry is None or expected.fits(entry):
        return entry is not None
    if storage.kind is not Kind.LOCAL:  # the time of an object is that of its last copy
        return (entry.inode, entry.size) == (expected.inode, expected.size)
    is_movable = entry.is_file or stat.S_ISLNK(entry.mode)
    alike = is_movable and (entry.size, entry.mtime_ns) == (expected.size, expected.mtime_ns)
    return alike and not storage.has_stable_inodes(folder)


def is_certain(storage: LocalStorage, folder: bytes, name: bytes, expected: Identity, digest: bytes | None) -> bool:
    """Return whether the file is the expected one: by its inode number, or if that is not stable, by its content.

    Raises `OSError`.
    """
    entry = storage.lstat(folder, name)
    if expected.fits(entry):
        return True
    if digest is None or entry is None or not entry.is_file or not is_known(storage, folder, entry, expected):
        return False
    return storage.has_digest(folder, name, digest)


def is_intact(storage: LocalStorage, folder: bytes, name: bytes, expected: Identity, digest: bytes | None) -> bool:
    """Like `is_certain`, but if a digest is known, the content must always match it. Raises `OSError`."""
    entry = storage.lstat(folder, name)
    if digest is None:
        return expected.fits(entry)
    alike = entry is not None and entry.is_file and is_known(storage, folder, entry, expected)
    return alike and storage.has_digest(folder, name, digest)
