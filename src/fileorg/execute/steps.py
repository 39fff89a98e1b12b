"""The steps that an action is made of, in the order that a crash between any two of them can be told apart.

`run` takes them, `recover` retraces them. Names of temporaries come from ids, so that they are never too long and
recovery knows whose they are.
"""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.errors import StorageFailure
from fileorg.core.names import display, join

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fileorg.core.model import Base, Entry, RecordState
    from fileorg.journal import Journal, Operation
    from fileorg.storage.local.storage import LocalStorage


_NOTES = 10

PLACED = 0
"""As the inode of a target: an empty file of ours may have taken the name. No file has that number."""


class Refusal(Exception):
    """A file that is not done, and why."""

    def __init__(self, state: RecordState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class Stuck(StorageFailure):
    """A step that can neither be finished nor taken back: the disk fails. The operation stays open for recovery."""

    hint = "nothing is lost; when the disk is well again, run fileorg recover"


class Identity(NamedTuple):
    """By what a file is known again: the journal keeps it."""

    inode: int
    size: int
    mtime_ns: int

    def fits(self, entry: Entry | None) -> bool:
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
    return storage.digest(folder, name) == digest


def temporary(operation: int, record: int) -> bytes:
    """Where a copy is written before it has its name; beside the target."""
    return b".fileorg-%d-%d.part" % (operation, record)


def aside(operation: int, record: int) -> bytes:
    """Where a file is put to be looked at before it is removed; beside where it was, so on the same file system."""
    return b".fileorg-%d-%d-old.part" % (operation, record)


def remove_checked(
    storage: LocalStorage,
    folder: bytes,
    name: bytes,
    aside_name: bytes,
    expected: Identity,
    digest: bytes | None = None,
) -> bool:
    """Remove a file, if it is what was expected: it is moved aside, looked at there, and only then removed.

    Between a look and an unlink of the same name another program could put its own file. False if it was another
    file: that is back under its name. Raises `OSError` if nothing was done, and `Stuck` if it is aside now.
    """
    rename_beside(storage, folder, name, aside_name)
    return settle_aside(storage, folder, name, aside_name, expected, digest)


def settle_aside(
    storage: LocalStorage,
    folder: bytes,
    name: bytes,
    aside_name: bytes,
    expected: Identity,
    digest: bytes | None = None,
) -> bool:
    """The second half of `remove_checked`: remove what is aside if it fits, else put it back.

    True also if someone else has removed it meanwhile, as by emptying the folder: there is nothing to put back.
    """
    failure: OSError | None = None
    try:
        is_gone = storage.lstat(folder, aside_name) is None
        if is_gone or is_certain(storage, folder, aside_name, expected, digest):
            storage.discard(folder, aside_name)
            return True
    except OSError as error:
        failure = error
    put_back(storage, folder, name, aside_name)
    if failure is not None:
        raise failure
    return False


def put_back(storage: LocalStorage, folder: bytes, name: bytes, aside_name: bytes) -> None:
    """Give what is aside its name again. Raises `Stuck`."""
    try:
        rename_beside(storage, folder, aside_name, name)
    except OSError as error:
        path, now = display(join(folder, name)), display(aside_name)
        raise Stuck(f"{path} could not be put back under its name ({error.strerror}): it is {now} now.") from error


def rename_beside(storage: LocalStorage, folder: bytes, name: bytes, new_name: bytes) -> None:
    """Give a file another name in its folder, by whatever the file system has. Raises `OSError`."""
    try:
        storage.rename_noreplace(folder, name, storage, folder, new_name)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        rename_over_reserved(storage, folder, name, storage, folder, new_name)


def rename_over_reserved(
    source: LocalStorage, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
) -> None:
    """Where the file system can neither rename without replacing nor link: take the name with an empty file first."""
    reserved = target.reserve(target_folder, target_name)
    try:
        source.rename_onto_reserved(folder, name, target, target_folder, reserved)
    except OSError:
        if identity(reserved).fits(target.lstat(target_folder, target_name)):
            target.remove(target_folder, target_name)
        raise


class Sealed(NamedTuple):
    """What came of an operation: files and bytes by state, and what is to be told of folders."""

    counts: dict[RecordState, tuple[int, int]]
    notes: list[str]


def seal(
    journal: Journal,
    operation: Operation,
    storages: Sequence[LocalStorage],
    disturbed: Collection[tuple[Base, bytes]] = (),
) -> Sealed:
    """Close an operation: folder times as they should be, everything on disk, and only then the mark that says so.

    `disturbed`: folders in which something was made and taken away again. Raises `StorageFailure` if a disk does not
    take what was written: the operation stays open.
    """
    times = _folder_times(journal, operation, disturbed)
    sealed: list[tuple[int, int]] = []
    notes: list[str] = []
    for folder, base, path, *_ in journal.folders(operation.id):
        storage, entry = storages[base], None
        try:
            entry = storage.stat_folder(path)
            if folder in times and entry is not None:
                storage.set_folder_times(path, times[folder])
                entry = storage.stat_folder(path)
        except OSError as error:  # a folder that is no longer ours to change keeps the time it has
            if folder in times and len(notes) < _NOTES:
                notes.append(f"The time of the folder {display(path) or '.'} could not be set back: {error.strerror}.")
        if entry is not None:
            sealed.append((entry.mtime_ns, folder))
    sync_all(storages)
    return Sealed(journal.seal(operation.id, sealed), notes)


def sync_all(storages: Sequence[LocalStorage]) -> None:
    """Return when everything that was done survives a power cut. Raises `StorageFailure` if it does not."""
    for storage in set(storages):
        try:
            storage.sync()
        except OSError as error:
            raise StorageFailure(
                f"The disk of {display(storage.root)} did not take all that was written: {error.strerror}.",
                hint="when it is well again, run fileorg recover: it looks at every file",
            ) from error


def _folder_times(journal: Journal, operation: Operation, disturbed: Collection[tuple[Base, bytes]]) -> dict[int, int]:
    """Folder id → the mtime_ns to give it: where files went back, that of then; where nothing came of it, as it was."""
    times = journal.restorable_folders(operation) if operation.undoes else {}
    # A folder that only holds keepers is known, too, and nothing came of it.
    if not disturbed and (not times or (journal.is_all_done(operation) and not journal.has_keepers(operation))):
        return times
    worked = journal.folders_with_done(operation)
    times = {folder: mtime_ns for folder, mtime_ns in times.items() if folder in worked}
    for folder, base, path, _, mtime_ns, _ in journal.folders(operation.id):
        if (base, path) in disturbed and folder not in worked and mtime_ns is not None:
            times[folder] = mtime_ns
    return times
