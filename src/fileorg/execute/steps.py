"""The steps that an action is made of, in the order that a crash between any two of them can be told apart.

`run` takes them, `recover` retraces them. Names of temporaries come from ids, so that they are never too long and
recovery knows whose they are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.model import Base
from fileorg.names import join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.journal import Journal, Operation
    from fileorg.model import Entry, RecordState
    from fileorg.storage import LocalStorage


class Refusal(Exception):
    """A file that is not done, and why."""

    def __init__(self, state: RecordState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class Identity(NamedTuple):
    """By what a file is known again: the journal keeps it."""

    inode: int
    size: int
    mtime_ns: int

    def fits(self, entry: Entry | None) -> bool:
        return entry is not None and (entry.inode, entry.size, entry.mtime_ns) == self


def identity(entry: Entry) -> Identity:
    return Identity(entry.inode, entry.size, entry.mtime_ns)


def temporary(operation: int, record: int) -> bytes:
    """Where a copy is written before it has its name; beside the target."""
    return b".fileorg-%d-%d.part" % (operation, record)


def aside(operation: int, record: int) -> bytes:
    """Where a file is put to be looked at before it is removed; beside where it was, so on the same file system."""
    return b".fileorg-%d-%d-old.part" % (operation, record)


def remove_checked(storage: LocalStorage, folder: bytes, name: bytes, aside_name: bytes, expected: Identity) -> bool:
    """Remove a file if it is the one that was expected: it is moved aside, looked at there, and only then removed.

    Between a look and an unlink of the same name another program could put its own file. False if it was another
    file: that is back under its name, or aside if the name was taken again. Raises `OSError`.
    """
    storage.rename_noreplace(folder, name, storage, folder, aside_name)
    return settle_aside(storage, folder, name, aside_name, expected)


def settle_aside(storage: LocalStorage, folder: bytes, name: bytes, aside_name: bytes, expected: Identity) -> bool:
    """The second half of `remove_checked`: remove what is aside if it fits, else put it back."""
    if expected.fits(storage.lstat(folder, aside_name)):
        storage.remove(folder, aside_name)
        return True
    storage.rename_noreplace(folder, aside_name, storage, folder, name)
    return False


def link_content(source: LocalStorage, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes) -> bytes:
    """What a symlink in `target_folder` says to lead to the file: relative within one tree, absolute across two."""
    path = join(folder, name)
    if source.root == target.root:
        return os.path.relpath(path, target_folder or b".")
    return os.path.join(source.root, path)


def seal(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> None:
    """Close an operation: folder times as they should be, everything on disk, and only then the mark that says so."""
    restored = journal.restorable_folders(operation) if operation.undoes else {}
    sealed: list[tuple[int, int]] = []
    for folder, base, path, *_ in journal.folders(operation.id):
        storage = storages[base]
        try:
            if folder in restored:
                storage.set_folder_times(path, restored[folder])
            entry = storage.stat_folder(path)
        except OSError:  # a folder that is no longer ours to read keeps the time it has
            continue
        if entry is not None:
            sealed.append((entry.mtime_ns, folder))
    for storage in {storages[Base.ROOT], storages[Base.DEST]}:
        storage.sync()
    journal.seal(operation.id, sealed)
