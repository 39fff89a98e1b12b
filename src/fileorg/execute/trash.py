"""What lies in our trash, file by file and folder by folder: is it what was put there, away with it, is it back.

That a file is ours to remove is told as everywhere, by inode number, size and time. Where inode numbers do not last,
size and time have to do, and the digest where the journal has one: nobody else works in our trash.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from fileorg.core.model import RESERVED_MTIME_NS, RecordState
from fileorg.core.names import display, join, split
from fileorg.core.reasons import ReasonCode
from fileorg.execute.identity import Identity, is_known
from fileorg.execute.seal import sync_all
from fileorg.execute.temporaries import aside, put_aside, put_back
from fileorg.execute.verdict import Refusal
from fileorg.storage.local.listing import entry_of
from fileorg.storage.local.readiness import FREE, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Entry, Listing, Reservation, Reserving
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, Place
    from fileorg.journal.trash import Trashed
    from fileorg.storage.local.storage import LocalStorage

_TOP = b".fileorg"
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def look_at_trash(storages: Sequence[LocalStorage], files: Sequence[Trashed]) -> list[Entry | Refusal | None]:
    """What there is of each file: as it was put there, or why it is to be left alone, or None where it is gone."""
    seen: list[Entry | Refusal | None] = []
    for storage, folder, some in by_folder(storages, files):
        there = storage.lstat_all(folder, [file.name for file in some])
        seen += [_judged(storage, file, found) for file, found in zip(some, there, strict=True)]
    return seen


def by_folder(
    storages: Sequence[LocalStorage], files: Sequence[Trashed]
) -> Iterator[tuple[LocalStorage, bytes, list[Trashed]]]:
    """Runs of files that lie in one folder, in their order."""
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
    """By what a file of the trash is known again."""
    return Identity(file.inode, file.size, file.mtime_ns)


def remove(storage: LocalStorage, operation: int, file: Trashed, reserving: Reserving) -> int:
    """Remove one file, aside first: between a look and an unlink of one name someone could put another file there.

    How many bytes it frees. Raises `Refusal` or `OSError` if it is still under its name, `Stuck` if it is aside.
    """
    folder, name = file.folder, aside(operation, file.id)
    put_aside(storage, folder, file.name, name)
    refusal: Refusal | OSError = Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT)
    try:
        entry = storage.lstat(folder, name)
        if entry is None:
            return 0  # someone else has emptied the trash just now
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
    """Raises `OSError`."""
    if identity_in_trash(file).fits(entry):
        return True
    if not is_known(storage, file.folder, entry, identity_in_trash(file)):
        return False
    return file.digest is None or storage.has_digest(file.folder, name, file.digest)


def are_there(storage: LocalStorage, folder: bytes, operation: int, files: Sequence[Trashed]) -> Iterator[bool]:
    """Whether there is something under the name of a file, or aside: of nearly all of them there is nothing."""
    named = storage.lstat_all(folder, [file.name for file in files])
    moved = storage.lstat_all(folder, [aside(operation, file.id) for file in files])
    return (one is not None or other is not None for one, other in zip(named, moved, strict=True))


def is_back(
    storage: LocalStorage, operation: int, file: Trashed, reservation: Reservation | None, reserving: Reserving
) -> bool:
    """Give a file its name again if it is aside. Whether it is there, maybe edited.

    `reservation`: its name may be taken by an empty file of ours.
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
            storage.discard(folder, name)  # its name is taken: it goes, as it was about to
            return False
        else:
            put_back(storage, folder, file.name, name, reserving)
        there = storage.lstat(folder, file.name)
    if there is None or is_known(storage, folder, there, identity_in_trash(file)):
        return there is not None
    return there.is_file and there.inode == file.inode and not storage.reuses_inodes(folder)


def _is_second_name(moved: Entry, there: Entry, storage: LocalStorage, file: Trashed) -> bool:
    """Whether what is aside is the file between link and unlink, or an empty file that was to reserve the name."""
    if (moved.dev, moved.inode) == (there.dev, there.inode) and moved.nlink > 1:
        return True
    is_its_own = is_known(storage, file.folder, there, identity_in_trash(file))
    return moved.size == 0 and (is_its_own or moved.mtime_ns == RESERVED_MTIME_NS)


# The folders ----------------------------------------------------------------------------------------------------------


def note_times(journal: Journal, purge: Operation, purged: Operation, storages: Sequence[LocalStorage]) -> None:
    """Write down the times of the folders that a `.fileorg` may now go from. Inside a transaction."""
    for base, path in journal.trash.holders(purged):
        with contextlib.suppress(OSError):
            known = journal.known_folder(purge.id, base, path) is not None  # from before a crash
            if not known and storages[base].lstat(path, _TOP) is not None:
                journal.add_folder(purge.id, base, path, storages[base].stat_folder(path))


def close(
    journal: Journal, purge: Operation, purged: Operation, storages: Sequence[LocalStorage], problems: int
) -> list[str]:
    """Remove what is empty now, see to it that all is on disk, and seal. Notes about it.

    A folder goes first, and then its record: one that says done of a folder that is gone does no harm, and the next
    purge, or the recovery of this one, sets it right.
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
            notes.append(f"The time of the folder {display(path) or '.'} could not be set back: {error.strerror}.")
    sync_all(storages)
    journal.seal_purge(purge, problems)
    return notes


def _remove_folders(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> list[str]:
    """Those that the operation made in the trash and that are empty: then there is nothing of them to be undone.

    A note for the first that could not be removed; those above it then stay as well.
    """
    notes: list[str] = []
    for batch in journal.trash.folders(operation):
        gone = []
        for folder in batch:
            try:
                if _is_removed(storages[folder.base], folder.path):
                    gone.append((folder.id, RecordState.PURGED, dict[str, str]()))
            except OSError as error:
                notes.append(f"The folder {display(folder.path)} could not be removed: {error.strerror}.")
        with journal.transaction():
            journal.mark_many(gone)
    return notes[:1]


def _is_removed(storage: LocalStorage, path: bytes) -> bool:
    """Remove it if it is empty. Whether it is gone now. Raises `OSError`."""
    try:
        storage.remove_folder(*split(path))
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in _NOT_EMPTY:
            return False
        raise
    return True


def _remove_top(journal: Journal, storages: Sequence[LocalStorage], holder: Place) -> None:
    """`.fileorg/trash` and `.fileorg`, which an operation made whose own trash may have been emptied long ago."""
    storage, top = storages[holder.base], join(holder.folder, _TOP)
    trash = join(top, b"trash")
    try:
        if any(map(_has_entries, storage.list_folder(trash))):
            return
    except FileNotFoundError:
        pass  # gone with the trash of this operation, or before a crash
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
            with contextlib.suppress(OSError):  # they are empty: to leave them loses nothing
                gone = [record for record, path in found if path is not None and _is_removed(storage, path)]
                with journal.transaction():
                    journal.mark_many([(record, RecordState.PURGED, {}) for record in gone])


def _has_entries(listing: Listing) -> bool:
    return bool(listing.files or listing.folders or listing.others)
