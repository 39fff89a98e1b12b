"""Finds the directories of an operation again that another program renamed, mounted elsewhere or moved to another disk.

A directory is recognised by its inode number and one file, or by half of the recorded files: name, size and time. The
journal then gets the new path for all operations in this tree, in the commit that begins the undo.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Self

from fileorg.core.errors import GuardRefused
from fileorg.core.figures import plural
from fileorg.core.model import DEST, FOLDER_ACTIONS, RELOCATIONS, REMOVALS, RecordState
from fileorg.core.names import display, is_within
from fileorg.core.tuples import NamedTuple
from fileorg.journal.moved_roots import MovedRoot
from fileorg.journal.rows import checked
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.roots import is_there

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from fileorg.core.model import Base, Entry
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, Record, Root
    from fileorg.workflows.session import Session

_FILES = 10_000
"""The number of recorded files that are looked up at most."""
_OPERATIONS = 5
"""The number of operations in the same directory whose files are looked up at most."""
_ROUNDED_NS = 2 * 10**9
"""The coarsest time of a file system."""
_GONE = frozenset({RecordState.PURGED, RecordState.MISSING, RecordState.FAILED, RecordState.PLANNED})
_AT_TARGET = frozenset({RecordState.DONE, RecordState.INTENT, RecordState.COPIED})
_ROWS = 4096


class Move(NamedTuple):
    """A directory that has another path now. `is_same`: it is the same one, by its inode number, and so are its files.
    `by_name`: inode numbers of its file system do not last.
    """

    old: bytes
    new: bytes
    old_inode: int | None
    new_inode: int
    is_same: bool
    by_name: bool

    def applied(self, root: Root) -> tuple[bytes, int | None] | None:
        """Return the new path of a directory in this tree, and its inode number if that is another now. Return None for
        another directory.
        """
        if root.path == self.old:
            if self.by_name or root.inode in {None, self.old_inode}:
                return self.new, None if self.is_same else self.new_inode
            return None
        if not is_within(root.path, self.old):
            return None
        there = self.new.rstrip(b"/") + root.path[len(self.old) :]
        now, before = _inode(there), _inode(root.path)
        if now == root.inode or (now is None and before is None):
            return there, None
        return (there, now) if now is not None and not self.is_same and before != root.inode else None


class MovedTrees:
    """The trees that a command was told the new place of. The journal shows their new paths until the command ends, and
    writes them with the operation that the command begins.
    """

    def __init__(self, moves: Sequence[Move] = (), rows: Sequence[MovedRoot] = ()) -> None:
        self.moves = moves
        self._rows = rows

    @classmethod
    def found(cls, session: Session, operation: Operation, paths: Sequence[bytes], *, changes: bool) -> Self:
        """Find the directories of an operation at `paths`. With `changes`, recover operations that were interrupted in
        them.

        Raises `GuardRefused` if a path is not such a directory, `UsageError` if it is no directory, `JournalError`.
        """
        journal = session.journal
        moves = find_moved(journal, operation, paths)
        if not moves:
            return cls()
        rows = moved_rows(journal, moves)
        interrupted = {each.id for each in journal.open_operations()} & {row.operation for row in rows}
        if interrupted and not all(move.is_same or move.by_name for move in moves):
            raise GuardRefused(
                f"Operation {min(interrupted)} was interrupted and cannot be recovered in a copy of its folder.",
                hint="put the original folder back, then run fileorg recover",
            )
        journal.moved_roots.show(rows)
        if interrupted and changes:
            from fileorg.workflows.recover import recover_open

            journal.write_moved_roots()
            recover_open(journal, session.state, session.reporter)
        return cls(moves, rows)

    def recognise_files(self, journal: Journal) -> None:
        """Note the inode numbers that the files have now, if they were copied to another file system.

        Only files that are alike; copies and links that fileorg made keep their old numbers, so that undo does not
        remove another file.
        """
        copied = [move.new for move in self.moves if not (move.is_same or move.by_name)]
        bases: dict[int, set[Base]] = {}
        for row in self._rows:
            if any(is_within(row.path, new) for new in copied):
                bases.setdefault(row.operation, set()).add(row.base)
        for number, chosen in bases.items():
            operation = journal.operation(number)
            roots = [] if operation is None else journal.roots(operation)
            with contextlib.ExitStack() as stack:
                storages = {
                    base: stack.enter_context(contextlib.closing(LocalStorage(roots[base].path)))
                    for base in chosen
                    if os.path.isdir(roots[base].path)
                }
                if operation is not None:
                    _recognise_files(journal, operation, storages)

    def facts(self) -> dict[str, Any]:
        """Return the moves that the journal keeps for history."""
        moved = [[os.fsdecode(move.old), os.fsdecode(move.new)] for move in self.moves]
        return {"moved": moved} if moved else {}


class Judged(NamedTuple):
    """The number of recorded files that were looked up, and how many are there: alike, and with the same inode."""

    files: int = 0
    alike: int = 0
    same: int = 0


def find_moved(journal: Journal, operation: Operation, paths: Sequence[bytes]) -> list[Move]:
    """Return the directories of an operation that are at `paths` now; without those that the journal knows already.

    Raises `GuardRefused` if a path is not such a directory, `UsageError` if it is no directory.
    """
    roots = journal.roots(operation)
    gone = {root.path: root.inode for root in roots if not is_there(root)}
    for root in roots:
        if root.inode is not None and root.path in gone:
            gone[root.path] = root.inode
    there = {root.path for root in roots} - gone.keys()
    moves: list[Move] = []
    for path in paths:
        new = existing_folder(path)
        if new in there or any(os.path.samefile(new, each) for each in there):
            continue
        if not gone:
            places = " and ".join(map(display, sorted(there)))
            raise GuardRefused(
                f"The folder of operation {operation.id} was not moved: it is {places}.",
                hint="run the command without --root",
                path=new,
            )
        move = _matched(journal, operation, gone, new)
        del gone[move.old]
        there.add(new)
        moves.append(move)
    return moves


def _matched(journal: Journal, operation: Operation, gone: dict[bytes, int | None], new: bytes) -> Move:
    best = Judged()
    with contextlib.closing(LocalStorage(new)) as storage:
        inode, stable = storage.identity[1], storage.capabilities.stable_inodes
        for old, old_inode in gone.items():
            for judged in _judgements(journal, operation, old, old_inode, storage):
                has_inode = stable and inode == old_inode
                is_same = has_inode and (judged.alike + judged.same > 0 or not (judged.files or os.path.ismount(new)))
                if is_same or (judged.alike and judged.alike * 2 >= judged.files):
                    return Move(old, new, old_inode, inode, is_same, by_name=not stable)
                best = max(best, judged)
    of = f"{best.alike:,} of {plural(best.files, 'recorded file')} {'is' if best.alike == 1 else 'are'} there"
    raise GuardRefused(
        f"{display(new)} is not the folder of operation {operation.id}, which was {display(next(iter(gone)))}: {of}.",
        hint="give the folder that this one is now, or was copied to, with its files as they were",
        path=new,
    )


def _judgements(
    journal: Journal, operation: Operation, old: bytes, inode: int | None, storage: LocalStorage
) -> Iterator[Judged]:
    """Yield judgements by the files of the operation, and then of others in the same directory: an operation may have
    few files left where it put them.
    """
    others = (each for each in journal.operations() if each.id != operation.id)
    for count, each in enumerate([operation, *others]):
        bases = {
            base
            for base, root in enumerate(journal.roots(each))
            if root.path == old and (root.inode is None or inode is None or root.inode == inode)
        }
        if bases:
            judged = _judged(journal, each, bases, storage)
            if judged.files or each.id == operation.id:
                yield judged
        if count > _OPERATIONS:
            return


def _judged(journal: Journal, operation: Operation, bases: Collection[Base], storage: LocalStorage) -> Judged:
    files = alike = same = 0
    for batch in journal.records(operation):
        for record in map(checked, batch):
            if record.action in FOLDER_ACTIONS or record.state in _GONE:
                continue
            found = list(_at_its_places(record, bases, storage))
            if not found:
                continue
            files += 1
            alike += any(is_alike for is_alike, _ in found)
            same += any(is_same for _, is_same in found)
            if files == _FILES:
                return Judged(files, alike, same)
    return Judged(files, alike, same)


def _at_its_places(record: Record, bases: Collection[Base], storage: LocalStorage) -> Iterator[tuple[bool, bool]]:
    """Yield whether a file is alike, and is the same inode, where the record says that it is: at its target or, if that
    was undone or not done, at its source. It may be at both, or after an interruption at either.
    """
    if record.target_base in bases and record.state in _AT_TARGET and record.action not in REMOVALS:
        target = _entry(storage, record.target_folder, record.target_name)
        yield _compared(target, record.size, record.target_mtime_ns, record.target_inode)
    stays = record.action not in RELOCATIONS or record.state is not RecordState.DONE
    if record.source_base in bases and record.source_name and stays:
        source = _entry(storage, record.source_folder, record.source_name)
        yield _compared(source, record.size, record.mtime_ns, record.inode)


def _compared(entry: Entry | None, size: int | None, mtime_ns: int | None, inode: int | None) -> tuple[bool, bool]:
    return _is_alike(entry, size, mtime_ns), entry is not None and entry.inode == inode


def _is_alike(entry: Entry | None, size: int | None, mtime_ns: int | None) -> bool:
    return entry is not None and entry.size == size and abs(entry.mtime_ns - (mtime_ns or 0)) < _ROUNDED_NS


def _entry(storage: LocalStorage, folder: bytes, name: bytes) -> Entry | None:
    try:
        return storage.lstat(folder, name)
    except OSError:
        return None


def moved_rows(journal: Journal, moves: Sequence[Move]) -> list[MovedRoot]:
    """Return the new paths of all operations in the moved trees."""
    rows = []
    for operation in journal.operations():
        for base, root in enumerate(journal.roots(operation)):
            if base == DEST and operation.dest is None:
                continue
            applied = next(filter(None, (move.applied(root) for move in moves)), None)
            if applied is not None:
                rows.append(MovedRoot(operation.id, base, *applied))
    return rows


def _recognise_files(journal: Journal, operation: Operation, storages: dict[Base, LocalStorage]) -> None:
    for batch in journal.done(operation, _ROWS):
        files, keepers = [], []
        for record in batch:
            if record.action in RELOCATIONS and record.target.base in storages:
                entry = _entry(storages[record.target.base], record.target.folder, record.target_name)
                if entry is not None and _is_alike(entry, record.size, record.target_mtime_ns):
                    files.append((record.id, entry.inode, entry.mtime_ns))
            if (keeper := record.keeper) is not None and keeper.base in storages:
                entry = _entry(storages[keeper.base], keeper.folder, keeper.name)
                if entry is not None and entry.mtime_ns == keeper.mtime_ns:
                    keepers.append((record.id, entry.inode))
        journal.moved_roots.recognised(files)
        journal.moved_roots.recognised_keepers(keepers)


def _inode(path: bytes) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
