"""Seals an operation: restores folder times, flushes all file systems and marks the operation as complete."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.errors import StorageFailure
from fileorg.core.names import below, display
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fileorg.core.model import Base, RecordState
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.base import Storage

_NOTES = 10


class Sealed(NamedTuple):
    """The result of an operation: files and bytes by state, and notes on folders."""

    counts: dict[RecordState, tuple[int, int]]
    notes: list[str]


def seal(
    journal: Journal,
    operation: Operation,
    storages: Sequence[Storage],
    touched_folders: Collection[tuple[Base, bytes]] = (),
    *,
    is_recovered: bool = False,
) -> Sealed:
    """Restore folder times, flush all file systems, and only then mark the operation as sealed.

    `touched_folders`: folders in which temporary files were created and removed. `is_recovered`: a folder in which the
    operation did nothing, but which has changed since, was changed by other programs after the crash: its time is not
    recorded as one of fileorg. Raises `StorageFailure` if a flush fails: the operation stays open.
    """
    times = _folder_times(journal, operation, touched_folders)
    sealed: list[tuple[int, int]] = []
    notes: list[str] = []
    # Not for an undo: records that it did not get done may have changed a folder and been put back.
    worked = journal.folders_with_done(operation) if is_recovered and not operation.undoes else None
    # Their times are those of the repair, which began once this operation had recorded its own.
    repaired = journal.repaired_folders(operation) if is_recovered else frozenset[int]()
    for folder, base, path, _, mtime_ns, _ in journal.folders(operation.id):
        if folder in repaired:
            continue
        storage, entry = storages[base], None
        try:
            entry = storage.stat_folder(path)
            if folder in times and entry is not None and entry.mtime_ns != times[folder]:
                storage.set_folder_times(path, times[folder])
                entry = storage.stat_folder(path)
        except OSError as error:  # for example no permission any more: the folder keeps its current time
            if folder in times and len(notes) < _NOTES:
                in_several = len({each.root for each in storages}) > 1
                notes.append(time_is_lost(below(storage.root, path) if in_several else path or b".", error))
        is_theirs = worked is not None and folder not in worked and (base, path) not in touched_folders
        if entry is not None and not (is_theirs and entry.mtime_ns != mtime_ns):
            sealed.append((entry.mtime_ns, folder))
    sync_all(storages)
    roots = _remade_roots(journal, operation, storages) if operation.undoes else []
    return Sealed(journal.seal(operation, sealed, roots), notes)


def time_is_lost(folder: bytes, error: OSError) -> str:
    """Return the note on a folder whose time could not be restored: relative to its root, or as a whole path if several
    roots may have it.
    """
    return f"Could not restore the time of the folder {display(folder)}: {error.strerror}."


def _remade_roots(journal: Journal, operation: Operation, storages: Sequence[Storage]) -> list[tuple[int, bytes, int]]:
    """Return (inode now, path, inode before) of each root that was recreated."""
    found = []
    for base, path, absolute, inode in journal.remade_roots(operation):
        with contextlib.suppress(OSError):
            entry = storages[base].stat_folder(path)
            found += [(entry.inode, absolute, inode)] if entry is not None else []
    return found


def sync_all(storages: Sequence[Storage]) -> None:
    """Flush all file systems, so that every change survives a power cut. Raises `StorageFailure` if a flush fails."""
    for storage in dict.fromkeys(storages):  # not a set: the order is the same in each run
        try:
            storage.sync()
        except OSError as error:
            raise StorageFailure(
                f"Could not flush {display(storage.root)} to disk: {error.strerror}.",
                hint="run fileorg recover once the disk is available again: it checks every file",
            ) from error


def _folder_times(
    journal: Journal, operation: Operation, touched_folders: Collection[tuple[Base, bytes]]
) -> dict[int, int]:
    """Map folder ids to the mtime_ns to set: for restored files, the time of then; without changes, the time before."""
    times = journal.restorable_folders(operation) if operation.undoes else {}
    # Folders that only contain keepers are known as well, but were not changed.
    if not touched_folders and (
        not times or (journal.is_all_done(operation) and not journal.groups.has_keepers(operation))
    ):
        return times
    worked = journal.folders_with_done(operation)
    times = {folder: mtime_ns for folder, mtime_ns in times.items() if folder in worked}
    for folder, base, path, _, mtime_ns, _ in journal.folders(operation.id):
        if (base, path) in touched_folders and folder not in worked and mtime_ns is not None:
            times[folder] = mtime_ns
    return times
