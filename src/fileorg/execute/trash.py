"""Checks, removes and restores files and folders of the trash.

A file is recognised by inode number, size and mtime. Without stable inode numbers, size and mtime must suffice, and
the digest if the journal has one: no other program works in the trash.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from fileorg.core.model import RESERVED_MTIME_NS, RecordState
from fileorg.core.names import below, display, join, split
from fileorg.core.reasons import ReasonCode
from fileorg.execute.identity import Identity, is_known
from fileorg.execute.seal import sync_all, time_is_lost
from fileorg.execute.temporaries import aside, put_aside, put_back
from fileorg.execute.verdict import Refusal
from fileorg.storage.local.listing import entry_of
from fileorg.storage.local.readiness import FREE, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Entry, Listing, Reservation, Reserving
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, RecordedFolder
    from fileorg.journal.trash_records import Trashed
    from fileorg.storage.local.storage import LocalStorage

_TOP = b".fileorg"
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def check_trash(storages: Sequence[LocalStorage], files: Sequence[Trashed]) -> list[Entry | Refusal | None]:
    """Return the entry of each file, why it must be kept if it was changed, or None if it is missing."""
    seen: list[Entry | Refusal | None] = []
    for storage, folder, some in by_folder(storages, files):
        there = storage.lstat_all(folder, [file.name for file in some])
        seen += [_judged(storage, file, found) for file, found in zip(some, there, strict=True)]
    return seen


def by_folder(
    storages: Sequence[LocalStorage], files: Sequence[Trashed]
) -> Iterator[tuple[LocalStorage, bytes, list[Trashed]]]:
    """Yield runs of consecutive files in the same folder."""
    run: list[Trashed] = []
    for file in files:
        if run and (run[-1].base, run[-1].folder) != (file.base, file.folder):
            yield storages[run[0].base], run[0].folder, run
            run = []
        run.append(file)
    if run:
        yield storages[run[0].base], run[0].folder, run


def _judged(storage: LocalStorage, file: Trashed, found: os.stat_result | OSError | None) -> Entry | Refusal | None:
    if found is None:
        return None
    if isinstance(found, OSError):
        return Refusal.of_error(found)
    entry = entry_of(file.name, found)
    if is_known(storage, file.folder, entry, identity_in_trash(file)):
        return entry
    same = entry.inode == file.inode and entry.is_file and not storage.reuses_inodes(file.folder)
    return Refusal(RecordState.CHANGED, ReasonCode.EDITED_IN_TRASH if same else ReasonCode.SOMETHING_ELSE_KEPT)


def identity_in_trash(file: Trashed) -> Identity:
    """Return the identity of a file in the trash."""
    return Identity(file.inode, file.size, file.mtime_ns)


def remove(storage: LocalStorage, operation: int, file: Trashed, reserving: Reserving) -> int:
    """Remove one file and return the bytes that it frees. It is put aside first: under its own name, another program
    could replace it between check and unlink.

    Raises `Refusal` or `OSError` if it still has its name, `Stuck` if it is aside.
    """
    folder, name = file.folder, aside(operation, file.id)
    put_aside(storage, folder, file.name, name)
    refusal: Refusal | OSError = Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT)
    try:
        entry = storage.lstat(folder, name)
        if entry is None:
            return 0  # another program has emptied the trash just now
        with storage.held(folder, name) if entry.is_file else contextlib.nullcontext(FREE) as answer:
            if answer.state is State.IN_USE:
                refusal = Refusal(RecordState.CHANGED, ReasonCode.BEING_WRITTEN, None, answer.pid)
            elif _is_ours(storage, name, file, entry):
                storage.discard(folder, name)
                return entry.size if entry.nlink == 1 else 0
    except OSError as error:
        refusal = error
    put_back(storage, folder, file.name, name, reserving)
    raise refusal


def _is_ours(storage: LocalStorage, name: bytes, file: Trashed, entry: Entry) -> bool:
    """Return whether the file that was put aside is the one in the journal. Raises `OSError`."""
    if identity_in_trash(file).fits(entry):
        return True
    if not is_known(storage, file.folder, entry, identity_in_trash(file)):
        return False
    return file.digest is None or storage.has_digest(file.folder, name, file.digest)


def are_there(storage: LocalStorage, folder: bytes, operation: int, files: Sequence[Trashed]) -> Iterator[bool]:
    """Yield whether each file exists, under its name or aside; after a purge nearly all are gone."""
    named = storage.lstat_all(folder, [file.name for file in files])
    moved = storage.lstat_all(folder, [aside(operation, file.id) for file in files])
    return (one is not None or other is not None for one, other in zip(named, moved, strict=True))


def is_back(
    storage: LocalStorage, operation: int, file: Trashed, reservation: Reservation | None, reserving: Reserving
) -> bool:
    """Rename a file back if it is aside. Return whether it exists, maybe edited.

    `reservation`: an empty placeholder may occupy its name.
    Raises `OSError`, `Stuck`.
    """
    folder, name = file.folder, aside(operation, file.id)
    there, moved = storage.lstat(folder, file.name), storage.lstat(folder, name)
    if moved is not None:
        if reservation is not None and storage.is_reserved(folder, file.name, reservation):
            storage.discard(folder, file.name)
            there = None
        if there is not None and _is_second_name(moved, there, storage, file):
            storage.discard(folder, name)
        elif there is not None and _is_ours(storage, name, file, moved):
            storage.discard(folder, name)  # its name is taken: remove it, as intended
            return False
        else:
            put_back(storage, folder, file.name, name, reserving)
        there = storage.lstat(folder, file.name)
    if there is None or is_known(storage, folder, there, identity_in_trash(file)):
        return there is not None
    return there.is_file and there.inode == file.inode and not storage.reuses_inodes(folder)


def _is_second_name(moved: Entry, there: Entry, storage: LocalStorage, file: Trashed) -> bool:
    """Return whether the file aside is a second hard link of the file, or a placeholder that reserved the name."""
    if (moved.dev, moved.inode) == (there.dev, there.inode) and moved.nlink > 1:
        return True
    is_its_own = is_known(storage, file.folder, there, identity_in_trash(file))
    return moved.size == 0 and (is_its_own or moved.mtime_ns == RESERVED_MTIME_NS)


# The folders ----------------------------------------------------------------------------------------------------------


def note_times(journal: Journal, purge: Operation, purged: Operation, storages: Sequence[LocalStorage]) -> None:
    """Record the times that folders get again if `.fileorg` is removed from them. Inside a transaction."""
    for base, path in journal.trash.holders(purged):
        with contextlib.suppress(OSError):
            known = journal.known_folder(purge.id, base, path) is not None  # from before a crash
            if not known and storages[base].lstat(path, _TOP) is not None:
                seen = storages[base].stat_folder(path)
                if seen and (before := journal.trash.time_before(purged, base, path, seen.mtime_ns)) is not None:
                    seen = seen._replace(mtime_ns=before)
                journal.add_folder(purge.id, base, path, seen)


def close(
    journal: Journal, purge: Operation, purged: Operation, storages: Sequence[LocalStorage], problems: int
) -> list[str]:
    """Remove empty folders, flush all file systems and seal the purge. Return notes.

    A folder is removed before its record is marked: a record that is done without its folder does no harm, and the
    next purge, or recovery, corrects it.
    """
    for storage in storages:
        storage.forget(b"")
    notes = _remove_folders(journal, purged, storages)
    for place in journal.trash.holders(purged):
        _remove_top(journal, storages, place)
    for _, base, path, _, mtime_ns, _ in journal.folders(purge.id):
        try:
            if mtime_ns is not None and storages[base].lstat(path, _TOP) is None:
                storages[base].set_folder_times(path, mtime_ns)
        except OSError as error:
            notes.append(time_is_lost(below(storages[base].root, path), error))  # a purge is of many trees
    sync_all(storages)
    journal.seal_purge(purge, problems)
    return notes


def _remove_folders(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> list[str]:
    """Remove the empty folders that the operation made in the trash.

    Return a note on the first one that could not be removed; the folders above it are kept as well.
    """
    notes: list[str] = []
    for batch in journal.trash.folders(operation):
        gone = []
        for folder in batch:
            try:
                if _is_removed(storages[folder.base], folder.path):
                    gone.append((folder.id, RecordState.PURGED, dict[str, str]()))
            except OSError as error:
                where = display(below(storages[folder.base].root, folder.path))
                notes.append(f"Could not remove the folder {where}: {error.strerror}.")
        with journal.transaction():
            journal.mark_many(gone)
    return notes[:1]


def _is_removed(storage: LocalStorage, path: bytes) -> bool:
    """Remove the folder if it is empty. Return whether it is gone now. Raises `OSError`."""
    try:
        storage.remove_folder(*split(path))
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in _NOT_EMPTY:
            return False
        raise
    return True


def _remove_top(journal: Journal, storages: Sequence[LocalStorage], parent: RecordedFolder) -> None:
    """Remove `.fileorg/trash` and `.fileorg` if empty, and mark the records of the operation that made them, which may
    be older than the one whose trash was emptied.
    """
    storage, top = storages[parent.base], join(parent.folder, _TOP)
    trash = join(top, b"trash")
    try:
        if any(map(_has_entries, storage.list_folder(trash))):
            return
    except FileNotFoundError:
        pass  # removed with the trash of this operation, or before a crash
    except OSError:
        return
    absolute = {os.path.join(storage.root, path): path for path in (trash, top)}
    numbers = journal.trash.operations()
    for operation in journal.operations("state = 'sealed'"):
        roots = journal.roots(operation) if operation.id in numbers else []
        if not any(next(iter(absolute)).startswith(root.path) for root in roots):
            continue
        for batch in journal.trash.folders(operation):
            found = [(each.id, absolute.get(os.path.join(roots[each.base].path, each.path))) for each in batch]
            with contextlib.suppress(OSError):  # an empty folder that stays does no harm
                gone = [record for record, path in found if path is not None and _is_removed(storage, path)]
                with journal.transaction():
                    journal.mark_many([(record, RecordState.PURGED, {}) for record in gone])


def _has_entries(listing: Listing) -> bool:
    return bool(listing.files or listing.folders or listing.others)
