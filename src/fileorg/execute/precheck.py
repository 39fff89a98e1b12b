"""Checks the files of a batch as they are now and records intents, before the commit."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from fileorg.core.model import (
    FOLDER_ACTIONS,
    FROM_A_LINK,
    IN_NO_FOLDER,
    ON_DUPLICATES,
    ON_SYMLINKS,
    RELOCATIONS,
    REMOVALS,
    RENAMES,
    ROOT,
    Action,
    Base,
    RecordState,
)
from fileorg.core.names import below, is_step_name, join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions.handler import check_ready
from fileorg.execute.actions.keeper_checks import check_keeper_ready
from fileorg.execute.actions.table import TABLE, handler_of
from fileorg.execute.verdict import Refusal
from fileorg.journal.journal import Batch
from fileorg.journal.trash_records import is_trash
from fileorg.storage.local.listing import INODE_MASK, entry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.free_names import FreeNames
    from fileorg.execute.work import Work

_FROM_SOURCE = frozenset(action for (action, *_), handler in TABLE.items() if handler.checks_source)
_TAKES_NO_NAME = IN_NO_FOLDER | REMOVALS | FOLDER_ACTIONS
_SKIPPED, _INTENT = RecordState.SKIPPED, RecordState.INTENT


class Checker:
    """Turns plan rows into journal intents. Used inside a transaction of the journal."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._storages = work.storages
        self.seen: list[os.stat_result | OSError | None] = []
        """The stat result at the source of each row of the last batch."""

    def check(self, batch: Sequence[PlanRow]) -> Batch:
        """Return an intent for each row, at the same position; rows that must not be applied are exceptions."""
        for storage in self._storages:
            storage.forget(b"")  # an open folder may have been moved away since
        seen = self.seen = self._stat_sources(batch)
        folder_id, known, values = self._work.folder_id, self._work.folders, list[Any]()
        add = values.extend
        exceptions: dict[int, tuple[RecordState, Reason | None]] = {}
        keepers: dict[int, tuple[int, bytes, int, int]] = {}
        groups: dict[int, list[int]] = {}
        brought: dict[tuple[Base, bytes, bytes], int] = {}
        passed_on: dict[int, int] = {}
        not_brought: dict[tuple[Base, bytes, bytes], int] = {}
        free = self._work.free = self._free_names() if _has_folders_together(batch) else None
        for position, (row, at_source) in enumerate(zip(batch, seen, strict=True)):
            there, is_copy = at_source, False
            (action, source_base, source_folder, name, base, folder, target_name, inode, size, mtime_ns, _, category,
             reverts, _, keeper, together) = row  # fmt: skip
            if there is None and together and (earlier := brought.get(row[1:4])) is not None:
                there = seen[position] = seen[earlier]  # on its way, by an earlier row of the group
                passed_on[earlier] = position
                is_copy = self._is_brought_as_copy(batch[earlier])
            if is_copy and isinstance(there, os.stat_result):
                # Its inode is known once the copy is made.
                size, mtime_ns, mode, nlink, dev = there.st_size, there.st_mtime_ns, there.st_mode, 1, None
            elif (
                there.__class__ is os.stat_result
                and there.st_size == size
                and there.st_mtime_ns == mtime_ns
                and there.st_ino & INODE_MASK == inode
            ):
                # Nearly every row: the file is unchanged since the plan.
                mode, nlink, dev = there.st_mode, there.st_nlink, there.st_dev
            else:
                found = entry_of(name, there) if isinstance(there, os.stat_result) else there
                state, reason, found = self._judge(row, found)
                if state is RecordState.MISSING and (earlier := not_brought.get(row[1:4])) is not None:
                    state, reason = _SKIPPED, _stays_with(batch[earlier])  # the file is refused with that row
                if state is not _INTENT or reason:
                    exceptions[position] = (state, reason)
                mode, nlink, dev = row.mode, None, None
                if found is not None:
                    _, size, mtime_ns, _, inode, mode, nlink, dev = found
            # Known ids are looked up inline: a call for each would cost a tenth of the check.
            source = known[source_base].get(source_folder) or folder_id(source_base, source_folder) if name else None
            add((
                action, source, name or None,
                known[base].get(folder) or folder_id(base, folder), None if target_name == name else target_name,
                dev, None if is_copy else inode, size, mtime_ns, mode, nlink, category or None, reverts or None,
            ))  # fmt: skip
            if together:
                groups.setdefault(together, []).append(position)
                if exceptions.get(position, (_INTENT, None))[0] is _INTENT:
                    if is_step_name(target_name):
                        brought[row[4:7]] = position
                    if free is not None:
                        free.add(row)
                elif reverts and is_step_name(target_name):
                    not_brought[row[4:7]] = position
            if keeper is not None:
                keepers[position] = (folder_id(keeper.base, keeper.folder), keeper.name, keeper.inode, keeper.mtime_ns)
        if self._work.flagged:
            self._refuse_flagged(batch, exceptions)
        if self._work.has_trash or groups:
            self._leave_open(batch, exceptions)
        for positions in groups.values():
            self._find_taken(batch, positions, exceptions)
            _refuse_at_first(batch, passed_on, positions, exceptions)
            _keep_whole(batch, positions, exceptions)
        companions = {position: positions[0] for positions in groups.values() for position in positions}
        return Batch(values, exceptions, keepers, companions, passed_on)

    def _free_names(self) -> FreeNames:
        from fileorg.execute.free_names import FreeNames  # rarely needed

        return FreeNames(self._storages)

    def _is_brought_as_copy(self, row: PlanRow) -> bool:
        """Return whether a row brings its file from another file system, as far as the numbers of devices tell."""
        try:
            folders = (
                self._storages[row.source_base].stat_folder(row.source_folder),
                self._storages[row.target_base].stat_folder(row.target_folder),
            )
        except OSError:
            return False
        return len({folder.dev for folder in folders if folder is not None}) > 1

    def _find_taken(
        self,
        batch: Sequence[PlanRow],
        positions: Sequence[int],
        exceptions: dict[int, tuple[RecordState, Reason | None]],
    ) -> None:
        """Refuse taken names before any file of the group is moved; a single file finds out by its rename."""
        makes_room: FreeNames | None = None
        for position in positions:
            row = batch[position]
            if row.action in _TAKES_NO_NAME or exceptions.get(position, (_INTENT, None))[0] is not _INTENT:
                continue
            try:
                there = self._storages[row.target_base].lstat(row.target_folder, row.target_name)
            except OSError:
                continue  # the action will report the error of the folder
            # A link that fileorg made, or the file itself in another case, does not count as taken.
            if there is None or row.action in FROM_A_LINK or there.inode == row.inode:
                continue
            if not self._storages[row.target_base].capabilities.takes_name(there):
                continue
            if makes_room is None:
                makes_room = self._free_names()
                # No name is taken by a file that only stays because another one of the group does.
                is_torn = any(_tears(exceptions.get(at), undoes=row.reverts > 0) for at in positions)
                group = set(positions)
                for at, other in enumerate(batch):
                    if exceptions.get(at, (_INTENT, None))[0] is _INTENT or (is_torn and at in group):
                        makes_room.add(other)
            if not _becomes_free(makes_room, row, is_folder=there.is_folder) and self._is_listed(row):
                exceptions[position] = RecordState.CONFLICT, Reason(ReasonCode.NAME_TAKEN)

    def _is_listed(self, row: PlanRow) -> bool:
        """Return whether the name of a target that seems taken is, and not one that the kernel only remembers."""
        storage = self._storages[row.target_base]
        try:
            return storage.lstat_listed(row.target_folder, row.target_name) is not None
        except OSError:
            return True

    def _refuse_flagged(
        self, batch: Sequence[PlanRow], exceptions: dict[int, tuple[RecordState, Reason | None]]
    ) -> None:
        """Refuse flagged folders: a move into one could not be undone, and a move out of one would fail."""
        for position, row in enumerate(batch):
            if exceptions.get(position, (_INTENT, None))[0] is not _INTENT or row.action in IN_NO_FOLDER:
                continue
            base, flagged = row.target_base, self._work.flagged.get((row.target_base, row.target_folder))
            if flagged is None and row.action in RELOCATIONS:
                base, flagged = row.source_base, self._work.flagged.get((row.source_base, row.source_folder))
            if flagged is not None:
                on_the_way = row.action in FOLDER_ACTIONS and not row.category
                state = _SKIPPED if on_the_way or row.action in ON_SYMLINKS else RecordState.FAILED
                exceptions[position] = state, Reason(ReasonCode.FOLDER_FLAGGED, self._shown(base, flagged))

    def _shown(self, base: Base, folder: bytes) -> bytes:
        """Return the path relative to the root, or for another root, the absolute path."""
        root = self._storages[base].root
        return folder or b"." if root == self._storages[ROOT].root else below(root, folder)

    def _leave_open(self, batch: Sequence[PlanRow], exceptions: dict[int, tuple[RecordState, Reason | None]]) -> None:
        """Refuse files that another program writes to: those renamed to the trash, because nothing checks them later,
        and members of a group, because the others would have been moved before the action checks.
        """
        goes_on = {row.source_name: row for row in batch if row.together and is_step_name(row.source_name)}
        for position, (row, there) in enumerate(zip(batch, self.seen, strict=True)):
            is_copied = row.together and isinstance(there, os.stat_result) and self._is_copied(row, there)
            if goes_on and isinstance(there, os.stat_result) and (onward := goes_on.get(row.target_name)):
                is_copied = is_copied or self._is_copied(onward, there)  # from its temporary name to another disk
            is_displaced = row.action is Action.MOVE and is_trash(row.target_folder) and not stat.S_ISLNK(row.mode)
            is_duplicate = row.together and row.action in ON_DUPLICATES
            if not (is_copied or is_displaced or is_duplicate):
                continue
            if exceptions.get(position, (_INTENT, None))[0] is not _INTENT:
                continue
            must_be_known = is_copied and row.action is not Action.COPY
            try:
                with self._storages[row.source_base].held(row.source_folder, row.source_name) as answer:
                    check_ready(row, answer, if_unknown=not must_be_known)
                if is_duplicate and (keeper := row.keeper) is not None:
                    with self._storages[keeper.base].held(keeper.folder, keeper.name) as answer:
                        check_keeper_ready(self._work, row, answer)
            except Refusal as refusal:
                exceptions[position] = refusal.state, refusal.reason
            except OSError:
                continue  # the action will report the error

    def _is_copied(self, row: PlanRow, there: os.stat_result) -> bool:
        """Return whether the file is copied or moved to another file system, judged by the device of the root."""
        is_cross_device = row.action in RENAMES and there.st_dev != self._storages[row.target_base].identity[0]
        return (is_cross_device or row.action is Action.COPY) and stat.S_ISREG(there.st_mode)

    def _stat_sources(self, batch: Sequence[PlanRow]) -> list[os.stat_result | OSError | None]:
        """Return the stat result at each source, read folder by folder; None also for rows without a source."""
        seen: list[os.stat_result | OSError | None] = [None] * len(batch)
        by_folder: dict[tuple[Base, bytes], list[int]] = {}
        base: Base | None = None
        folder, positions = b"", list[int]()
        for position, row in enumerate(batch):
            if row[0] in _FROM_SOURCE and not row[13]:
                if row[2] is not folder or row[1] is not base:  # rows of one folder follow each other
                    base, folder = row[1], row[2]
                    positions = by_folder.setdefault((base, folder), [])
                positions.append(position)
        for (base, folder), positions in by_folder.items():
            entries = self._storages[base].lstat_all(folder, [batch[position][3] for position in positions])
            for position, entry in zip(positions, entries, strict=True):
                seen[position] = entry
        return seen

    def _judge(self, row: PlanRow, found: Entry | OSError | None) -> tuple[RecordState, Reason | None, Entry | None]:
        """Return the state to record, the reason if any, and the entry that exists now."""
        if row.reason:
            is_missing = row.reason.code is ReasonCode.ROOT_MISSING and (row.source_name or row.category)
            return RecordState.MISSING if is_missing else _SKIPPED, row.reason, None
        try:
            if isinstance(found, OSError):
                raise found
            handler = handler_of(row.action, row.source_base, row.target_base, self._storages)
            seen, reason = handler.check(self._work, row, found)
        except Refusal as refusal:
            return refusal.state, refusal.reason, None
        except OSError as error:
            self._work.transient += self._work.is_transient(row, error)
            return RecordState.FAILED, Reason.of_error(error), None
        return _INTENT, reason, seen


def _becomes_free(makes_room: FreeNames, row: PlanRow, *, is_folder: bool) -> bool:
    """Return whether the other rows free the target of a row: a folder is removed only if nothing stays in it."""
    base, folder, name = row.target_base, row.target_folder, row.target_name
    if not makes_room.has(base, folder, name):
        return False
    try:
        return not is_folder or makes_room.is_left_empty(base, join(folder, name))
    except OSError:
        return False


def _has_folders_together(batch: Sequence[PlanRow]) -> bool:
    return any(row[15] and row[0] in FOLDER_ACTIONS for row in batch)


def _refuse_at_first(
    batch: Sequence[PlanRow],
    passed_on: dict[int, int],
    positions: Sequence[int],
    exceptions: dict[int, tuple[RecordState, Reason | None]],
) -> None:
    """In an undo, move what refuses a file on its way from a temporary name to the row that would bring it there: this
    row counts.
    """
    for position in positions if passed_on else ():
        later = passed_on.get(position, -1)
        if not batch[position].reverts or exceptions.get(position, (_INTENT, None))[0] is not _INTENT:
            continue
        if exceptions.get(later, (_INTENT, None))[0] is not _INTENT:
            exceptions[position] = exceptions[later]
            exceptions[later] = _SKIPPED, _stays_with(batch[position])


def _keep_whole(
    batch: Sequence[PlanRow],
    positions: Sequence[int],
    exceptions: dict[int, tuple[RecordState, Reason | None]],
) -> None:
    """Skip a whole group if one of its files cannot be applied. Missing files do not count."""
    undoes = batch[positions[0]].reverts > 0
    stays = next((position for position in positions if _tears(exceptions.get(position), undoes=undoes)), None)
    if stays is None:
        return
    reason = _stays_with(batch[stays])
    for position in positions:
        if exceptions.get(position, (_INTENT, None))[0] is _INTENT:
            exceptions[position] = _SKIPPED, reason


def _stays_with(row: PlanRow) -> Reason:
    """Return the reason of a file that stays because that of another row does."""
    folder, name = row[2:4] if row.source_name and not is_step_name(row.source_name) else row[5:7]
    return Reason(ReasonCode.LEADER_STAYS, join(folder, name))


def _tears(exception: tuple[RecordState, Reason | None] | None, *, undoes: bool) -> bool:
    """Return whether an exception splits its group, by the rules of `KeptGroups.torn`."""
    if exception is None:
        return False
    state, reason = exception
    if state in {RecordState.SKIPPED, RecordState.CHANGED}:
        return not undoes and (reason is None or reason.code is not ReasonCode.IDENTICAL)
    return state in {RecordState.CONFLICT, RecordState.FAILED}
