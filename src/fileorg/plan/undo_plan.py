"""The inverse of an operation, the newest record first, as a plan like any other: an undo is an operation, too."""

from __future__ import annotations

import contextlib
from collections import Counter
from itertools import count, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches, row_maker, unsplit
from fileorg.core.model import (
    FREES_TARGET,
    FROM_A_LINK,
    INVERSE,
    OF_A_LOST_INODE,
    ON_DUPLICATES,
    ON_SYMLINKS,
    RELOCATIONS,
    RENAMES,
    Action,
    Base,
    PlanRow,
    RecordState,
)
from fileorg.core.names import is_step_name, join, with_parents
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.scratch import scratch
from fileorg.plan.missing_folders import is_missing
from fileorg.rules.grouping import keeps_its_name, number_places, probable_leader
from fileorg.rules.template import numbered
from fileorg.storage.links import Location, ReplacementLink
from fileorg.storage.local.absent import AbsentStorage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.scratch import Scratch
    from fileorg.journal.journal import Journal
    from fileorg.journal.relations import MadeFolder
    from fileorg.journal.rows import DoneRecord, Operation
    from fileorg.storage.local.storage import LocalStorage

_new_row = row_maker(PlanRow)
_ROWS = 4096
_MANY_NAMES = 8
_LEAVING = (
    "CREATE TABLE leaving (base INTEGER, folder BLOB, name BLOB, PRIMARY KEY (base, folder, name)) WITHOUT ROWID;"
)
_MADE_FILES = frozenset({Action.COPY, Action.HARDLINK, Action.SYMLINK})
_MADE = _MADE_FILES | {Action.MAKE_FOLDER}


class UndoPlan:
    """The records of one operation left to undo. With `rename`, a file whose name is taken gets a number."""

    def __init__(
        self,
        journal: Journal,
        operation: Operation,
        storages: Sequence[LocalStorage],
        *,
        rename: bool = False,
        selected: bool = False,
    ) -> None:
        """With `selected`, only the records of the journal's selection."""
        self._journal = journal
        self._selected = selected
        self._rename = rename
        self._leaving: Scratch | None = None
        self._operation = operation
        self._storages = storages
        self._absent = {base for base, storage in enumerate(storages) if isinstance(storage, AbsentStorage)}
        counts = journal.sums.counts(operation.id)
        self.files, self.size_bytes = counts.get(RecordState.DONE, (0, 0))
        if selected:
            self.files, self.size_bytes = journal.selection.counts(operation)
        elif counts.keys() & {RecordState.CHANGED, RecordState.MISSING}:  # recovery may not have settled them
            self.files, self.size_bytes = journal.sums.left(operation)
        self.purged, _ = counts.get(RecordState.PURGED, (0, 0))
        """The number of files that the operation moved to the trash and that are gone for good."""

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield missing parents, then the inverse of each record. Raises `JournalError` for an invalid row."""
        yield from in_batches(self._missing_parents(), rows)
        has_symlinks, held = self._journal.has_symlinks(self._operation), list[PlanRow]()
        inverses = ([_inverse(record) for record in batch] for batch in self._records(rows))
        for plan in unsplit(inverses):
            if any(row[15] and is_step_name(row[6]) for row in plan):
                plan = _without_half_exchanges(plan)  # noqa: PLW2901
            if self._absent:
                plan = [self._without_absent(row) for row in plan]  # noqa: PLW2901
            wanted = {row[4:7] for row in plan} if self._rename else set()
            self._list_targets(wanted)
            due = self._all_beside(plan, wanted) if self._rename else plan
            if has_symlinks:
                due, held = _after_their_files(held + due)
            if due:
                yield due
        if held:
            yield held
        if self._selected:
            return
        # The undo of their operation had to keep these folders, because files of this operation were in them.
        left = self._journal.relations.left_folders(self._operation)
        yield from in_batches((_removal(each) for each in left if each.base not in self._absent), rows)

    def _records(self, rows: int) -> Iterator[list[DoneRecord]]:
        return self._journal.done(self._operation, rows, selected=self._selected)

    def _without_absent(self, row: PlanRow) -> PlanRow:
        """Return the row, with a reason if something that it needs is in a base that is missing."""
        needed = [row.target_base, *([row.source_base] if row.source_name else [])]
        if row.keeper is not None and row.action in ON_DUPLICATES | ON_SYMLINKS:
            needed.append(row.keeper.base)
        gone = next((self._storages[base].root for base in needed if base in self._absent), None)
        return row if gone is None else row._replace(reason=Reason(ReasonCode.ROOT_MISSING, gone))

    def _all_beside(self, plan: Sequence[PlanRow], wanted: set[tuple[Base, bytes, bytes]]) -> list[PlanRow]:
        """Return the rows, with free names for those that are taken; `wanted` are the names in the batch."""
        found: list[PlanRow] = []
        for group, members in groupby(plan, attrgetter("together")):
            rows = list(members)
            if group and len(rows) > 1 and _is_of_one_folder(rows):
                found += self._group_beside(rows, wanted)
            else:
                found += (self._beside(row, wanted) for row in rows)
        return found

    def _group_beside(self, rows: list[PlanRow], wanted: set[tuple[Base, bytes, bytes]]) -> list[PlanRow]:
        """Return the rows of a group, all with the same number if the name of one that can come is taken. Files that
        name each other keep their names: those that are taken are reported.
        """
        base, folder, _ = rows[0][4:7]
        storage, names = self._storages[base], [row.target_name for row in rows]
        is_taken = any(not self._is_free(base, folder, row.target_name) and self._may_come(row) for row in rows)
        if not is_taken or any(map(keeps_its_name, names)):
            return rows
        stems, tail = number_places(probable_leader(names), names)
        limit = storage.capabilities.name_limit
        for number in count(2):
            found = [
                numbered(name, number, limit, stem=stem, tail=tail) for name, stem in zip(names, stems, strict=True)
            ]
            if all(self._is_free(base, folder, name) and (base, folder, name) not in wanted for name in found):
                break
        return [row._replace(target_name=name) for row, name in zip(rows, found, strict=True)]

    def _is_free(self, base: Base, folder: bytes, name: bytes) -> bool:
        return not self._is_taken(self._storages[base], folder, name) or self._is_leaving(base, folder, name)

    def _beside(self, row: PlanRow, wanted: set[tuple[Base, bytes, bytes]]) -> PlanRow:
        """Return the row, with a free name if its own is taken."""
        if row.reason:
            return row
        base, folder, own_name = row[4:7]
        storage, number, name = self._storages[base], 1, own_name
        if row.action in FROM_A_LINK:
            place = Location(storage, folder, name)
            link = ReplacementLink.of(row, self._storages, place)
            if link is not None and link.is_at(place):
                return row
        elif row.action not in RENAMES and row.action not in _MADE_FILES:
            return row
        while not self._is_free(base, folder, name) or (number > 1 and (base, folder, name) in wanted):
            number += 1
            name = numbered(own_name, number, storage.capabilities.name_limit)
        return row._replace(target_name=name)

    def _is_taken(self, storage: LocalStorage, folder: bytes, name: bytes) -> bool:
        there = storage.lstat(folder, name)
        return there is not None and storage.capabilities.takes_name(there)

    def _list_targets(self, wanted: set[tuple[Base, bytes, bytes]]) -> None:
        """List the folders of stores that many objects return to: a page of names is one request, and so is a name."""
        for (base, folder), names in Counter((base, folder) for base, folder, _ in wanted).items():
            storage = self._storages[base]
            if names >= _MANY_NAMES and not storage.capabilities.empty_folders:
                with contextlib.suppress(OSError):  # the names report it
                    storage.lstat_all(folder, ())

    def _is_leaving(self, base: Base, folder: bytes, name: bytes) -> bool:
        """Return whether the undo takes away what has a name now: names may have been exchanged. A folder goes if all
        that is in it does. What an undo had to keep before does not go.
        """
        if self._leaving is None:
            self._leaving = scratch(_LEAVING)
            stays = self._journal.relations.kept(self._journal.operations("undoes = ?", (self._operation.id,)))
            for batch in self._records(_ROWS):
                rows = [row for row in map(_inverse, batch) if row.reverts not in stays]
                places = [row[1:4] for row in rows if row.action in RENAMES]
                places += [row[4:7] for row in rows if row.action in FREES_TARGET]
                self._leaving.executemany("INSERT OR IGNORE INTO leaving VALUES (?, ?, ?)", places)
        query = "SELECT 1 FROM leaving WHERE base = ? AND folder = ? AND name = ?"
        if self._leaving.execute(query, (base, folder, name)).fetchone() is None:
            return False
        storage, path = self._storages[base], join(folder, name)
        there = storage.lstat(folder, name)
        return (
            there is None
            or not there.is_folder
            or all(
                self._is_leaving(base, path, each.name)
                for listing in storage.list_folder(path)
                for part in listing[1:]
                for each in part
            )
        )

    def _missing_parents(self) -> Iterator[PlanRow]:
        """Yield rows that make folders again that files must return to and that someone has removed since."""
        missing = [
            (base, path, mode)
            for _, base, path, mode, *_ in self._journal.folders(self._operation.id)
            if mode is not None and path and base not in self._absent and is_missing(self._storages[base], path)
        ]
        if not missing:
            return
        gone = {(base, path) for base, path, _ in missing}
        places: set[tuple[Base, bytes]] = {
            place
            for place in self._journal.needed_places(
                self._operation, self._journal.selection.CHOSEN if self._selected else ""
            )
            if place not in gone
        }
        places |= self._places_of_files(gone)
        needed = {(base, above) for base, path in places for above in with_parents(path)}
        needed -= self._journal.removed_places(self._operation)  # their own records restore them
        for base, path, mode in missing:
            if (base, path) in needed:
                yield PlanRow.make_folder(base, path, mode)

    def _places_of_files(self, folders: set[tuple[Base, bytes]]) -> set[tuple[Base, bytes]]:
        """Return those of the folders that something returns to: a folder is not made for a file that is gone."""
        found: set[tuple[Base, bytes]] = set()
        for batch in self._records(_ROWS):
            for row in map(_inverse, batch):
                place = row.target_base, row.target_folder
                if place in folders and place not in found and self._may_come(row):
                    found.add(place)
        return found

    def _may_come(self, row: PlanRow) -> bool:
        if row.action not in RELOCATIONS:
            return row.action in _MADE
        try:
            return self._storages[row.source_base].lstat(row.source_folder, row.source_name) is not None
        except OSError:
            return True


def _is_of_one_folder(rows: Sequence[PlanRow]) -> bool:
    """Return whether the rows are a group whose files come into one folder, not a cycle of names."""
    leaving = {row[1:4] for row in rows}
    return len({row[4:6] for row in rows}) == 1 and all(
        not row.reason
        and (row.action in RENAMES or row.action in _MADE_FILES)
        and not is_step_name(row.source_name)
        and not is_step_name(row.target_name)
        and row[4:7] not in leaving
        for row in rows
    )


def _without_half_exchanges(rows: list[PlanRow]) -> list[PlanRow]:
    """Return the rows, with a reason for each cycle that would leave a file at its temporary name: the redo of a repair
    would, because the repair took back only what had been done.
    """
    left = {row[1:4] for row in rows}
    half = {
        row.together: join(row.source_folder, row.source_name)
        for row in rows
        if row.together and is_step_name(row.target_name) and row[4:7] not in left
    }
    return [
        row._replace(reason=Reason(ReasonCode.LEADER_STAYS, half[row.together])) if row.together in half else row
        for row in rows
    ]


def _after_their_files(rows: Sequence[PlanRow]) -> tuple[list[PlanRow], list[PlanRow]]:
    """Return the rows with symlinks moved from directly before their file or group to directly after it, and the
    symlinks whose files are still to come. If a file has to stay, its symlinks stay, too.
    """
    found: list[PlanRow] = []
    held: list[PlanRow] = []
    for group, members in groupby(rows, attrgetter("together")):
        for unit in [list(members)] if group else ([row] for row in members):
            if unit[0].action in ON_SYMLINKS:
                held += unit
            else:  # a row that is no rename: their file is back already, and this row is of a folder that they are in
                found += [*unit, *held] if unit[0].action in RENAMES else [*held, *unit]
                held = []
    return found, held


def _removal(folder: MadeFolder) -> PlanRow:
    return PlanRow.remove_folder(folder.base, folder.path, "")._replace(mode=0o777, reverts=folder.record)


def _inverse(record: DoneRecord) -> PlanRow:
    number, action, source, source_name, target, target_name, _, inode, size, mtime_ns, mode, category, *more = record
    if action in RELOCATIONS:
        (source, source_name), (target, target_name) = (target, target_name), (source, source_name)
    elif action in OF_A_LOST_INODE:
        inode = 0  # it is made again from the original, which is known by its name only
    return _new_row(
        (
            INVERSE[action],
            *source,
            source_name,
            *target,
            target_name,
            inode or 0,
            size or 0,
            mtime_ns or 0,
            mode or 0o777,
            category or "",
            number,
            None,
            *more,
        )
    )
