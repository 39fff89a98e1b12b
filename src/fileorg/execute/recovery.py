"""Recovers an interrupted operation: finds the result of every record by the files on disk.

No recorded state is trusted, not even "done": a file system may have lost a rename that the journal still has.
Recovery can be killed and run again.
"""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.errors import StorageFailure
from fileorg.core.model import FOLDER_ACTIONS, RENAMES, Action, RecordState
from fileorg.core.names import display, join
from fileorg.core.reasons import LYING, Reason, ReasonCode
from fileorg.execute.actions.table import handler_of
from fileorg.execute.case import Case
from fileorg.execute.seal import seal, sync_all
from fileorg.execute.temporaries import Stuck
from fileorg.execute.verdict import CHANGED, CUT_SHORT, NOT_DONE, Losses, Refusal, Verdict
from fileorg.journal.rows import checked, columns_of
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Base
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, Record, RecordId
    from fileorg.storage.local.storage import LocalStorage

_OF_RECOVERY = frozenset({NOT_DONE.reason, CUT_SHORT.reason})
"""Reasons recorded by an earlier recovery. They are not trusted either: the power may have failed before its removals
reached the disk.
"""


_NAMED = 20
_COMPARED_OBJECTS = 100
"""How many objects tell one service from another one: each costs a request."""
_NO_LONGER_A_FOLDER = {errno.ELOOP, errno.ENOTDIR}
"""Errors if a folder was replaced by something else: a retry would fail the same way."""


class Unsettled(StorageFailure):
    """Raised if files of an interrupted operation could not be recovered because a disk or a store failed; a later run
    may. `reason` is what a store said of the first.
    """

    reason: Reason | None = None


def recover(journal: Journal, operation: Operation, storages: Sequence[LocalStorage], reporter: Reporter) -> None:
    """Recover and seal one open operation. The caller holds the run lock and the locks of its roots.

    Raises `Unsettled` if a disk fails: all other files are recovered, and the operation stays open.
    """
    journal.interrupt(operation.id)
    low, high = journal.record_range(operation)
    reporter.stage("recover", max(0, high - low + 1))
    touched_folders: set[tuple[Base, bytes]] = set()
    cut_short: set[RecordId] = set()
    unsettled, first = 0, ""
    said: Reason | None = None
    not_rewritten: list[str] = []
    losses = Losses()  # the run that was interrupted has not told them
    if any(storage.kind is not Kind.LOCAL for storage in storages):
        from fileorg.execute.actions.move_object import abort_uploads

        for note in abort_uploads(journal, operation, storages):
            reporter.note(note)

    def touch(record: Record, base: Base, folder: bytes) -> None:
        cut_short.add(record.id)
        if record.reason is None:  # rare: actions that can leave temporary files handle one file at a time
            journal.mark(record.id, record.state, **columns_of(CUT_SHORT.reason))
        touched_folders.add((base, folder))

    for batch in journal.records(operation):
        marks, keeper_of = [], journal.groups.keepers(batch[0].id, batch[-1].id).get
        reservation_of = journal.reservations.of(batch[0].id, batch[-1].id).get
        for raw in batch:
            record = checked(raw)
            if record.reason == CUT_SHORT.reason:  # an earlier recovery was killed
                touched_folders |= {
                    (record.source_base, record.source_folder),
                    (record.target_base, record.target_folder),
                }
            elif _has_failed_as_a_copy(record, storages):
                touched_folders.add((record.target_base, record.target_folder))
            case = Case(
                record,
                operation.id,
                storages,
                touch,
                journal.digest_of,
                keeper_of(record.id),
                reservation_of(record.id),
                journal.reservations.announcing(record.id),
                partial(_announce, journal),
                journal.objects,
            )
            try:
                verdict = _judge(record, case, storages)
            except (Stuck, OSError) as error:
                if (left := _left_for_later(case, error)) is None:
                    unsettled += 1
                    if unsettled == 1:
                        is_of_store = hasattr(error, "refused")
                        said = Reason.of_error(error) if is_of_store and isinstance(error, OSError) else None
                        why = "" if said or isinstance(error, Stuck) else f": {error.strerror}"
                        first = str(error) if isinstance(error, Stuck) else _shown(record) + why
                    continue
                verdict = left
            if verdict == CHANGED and record.state is not RecordState.CHANGED and journal.is_reverted_later(record):
                # The repair of a split group has done it, as a copy that only its own record knows.
                verdict = case.not_done
            reason = verdict.reason
            if reason is not None and reason.code is ReasonCode.SYMLINK_NOT_REWRITTEN and len(not_rewritten) < _NAMED:
                not_rewritten.append(
                    f"Could not update the symlink {_shown(record)}: its target is now {display(reason.about or b'')}"
                    f" ({os.strerror(reason.number or 0)})."
                )
            if reason is not None and reason.code is ReasonCode.NOT_KEPT and verdict.state is RecordState.DONE:
                losses.add(reason.lost)
            known = (record.state, record.reason) if record.id not in cut_short else None
            if (verdict.state, verdict.reason) != known or verdict.columns:
                marks.append((record.id, verdict.state, {**columns_of(verdict.reason), **verdict.columns}))
        with journal.transaction():
            journal.mark_many(marks)
        reporter.advance(len(batch))
    if unsettled:
        failure = Unsettled(first.removesuffix(".") + (f" (and {unsettled - 1:,} more)" if unsettled > 1 else ""))
        failure.reason = said
        raise failure
    journal.sync_reverted(operation.id)
    for note in seal(journal, operation, storages, touched_folders, is_recovered=True).notes:
        reporter.note(note)
    for note in not_rewritten + losses.sentences(operation.id):
        reporter.note(note)


def _has_failed_as_a_copy(record: Record, storages: Sequence[LocalStorage]) -> bool:
    """Return whether the run gave up a copy: it had made and removed a temporary file in the target folder."""
    has_failed = record.reason is not None and record.reason.code is ReasonCode.SYSTEM_ERROR
    is_copy = record.action is Action.COPY or storages[record.source_base] is not storages[record.target_base]
    return record.state is RecordState.FAILED and has_failed and is_copy


def _announce(journal: Journal, record: Record, verdict: Verdict) -> None:
    journal.mark(record.id, verdict.state, **{**columns_of(verdict.reason), **verdict.columns})


def _left_for_later(case: Case, error: Stuck | OSError) -> Verdict | None:
    """Return the verdict on a file that a folder flag or a taken name blocks, or None. No disk failed, so the file is
    reported and the operation is sealed without it.
    """
    cause = error.__cause__ if isinstance(error, Stuck) else error
    try:
        if isinstance(error, Stuck) and isinstance(cause, FileExistsError):
            for place in case.places_aside:
                if place.lstat() is not None:
                    return Verdict(RecordState.CHANGED, Reason(ReasonCode.NAME_TAKEN_AFTER_CRASH, place.path))
        if isinstance(cause, OSError) and cause.errno == errno.EPERM and case.reservation is None:
            for place in case.places_of_ours:
                if place.lstat() is not None and place.storage.is_flagged(place.folder):
                    return Verdict(RecordState.CHANGED, Reason(ReasonCode.LEFT_AFTER_CRASH, place.path))
    except OSError:
        pass
    return None


def settle_left(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> int:
    """Recover files of a sealed operation that an earlier recovery had to leave; return their number.

    The caller holds the run lock and the locks of its roots.
    """
    marks = []
    for left in journal.changed_in_crash(operation):
        if left.reason is None or left.reason.code not in LYING:
            continue
        # As a fresh intent: the recorded state is not trusted.
        record = checked(left)._replace(state=RecordState.INTENT, reason=None)
        keeper = journal.groups.keepers(record.id, record.id).get(record.id)
        reservation = journal.reservations.of(record.id, record.id).get(record.id)
        reserving = journal.reservations.announcing(record.id)
        announces = partial(_announce, journal)
        facts = record, operation.id, storages, lambda *_: None, journal.digest_of, keeper, reservation
        try:
            verdict = _judge(record, Case(*facts, reserving, announces, journal.objects), storages)
        except (Stuck, OSError):
            continue
        if verdict.reason is not None and verdict.reason.code in LYING:
            continue
        marks.append((record.id, verdict.state, {**columns_of(verdict.reason), **verdict.columns}))
    if marks:
        sync_all(storages)
        with journal.transaction():
            journal.mark_many(marks)
            journal.reservations.forget_of(operation.id)
        journal.sync_reverted(operation.id)
        journal.record_counts(operation)
    return len(marks)


def give_up(journal: Journal, operation: Operation) -> int:
    """Seal an open operation without a look at its files; return how many may be at either of their places. They are
    tried again by `settle_left`.
    """
    journal.interrupt(operation.id)
    files = 0
    reason = columns_of(Reason(ReasonCode.GIVEN_UP))
    for batch in journal.records(operation, states=(RecordState.INTENT, RecordState.COPIED)):
        files += len(batch)
        with journal.transaction():
            journal.mark_many([(record.id, RecordState.CHANGED, reason) for record in batch])
    journal.seal(operation, [])
    if journal.groups.torn(operation):
        journal.close_torn(operation)
    return files


def is_recognised(
    journal: Journal, operation: Operation, storages: Sequence[LocalStorage], storage: LocalStorage
) -> bool:
    """Return whether a file of the operation exists in `storage` under one of its two names, or none belongs there.

    This tells the right disk from another one if the inode number of the root does not. Of symlinks that an undo has
    removed, nothing is left: then a file of the operation that it undoes tells it.
    """
    if _has_file_of(journal, operation, operation.id, storages, storage) is not False:
        return True
    undone = journal.operation(operation.undoes) if operation.undoes else None
    if undone is None or len(journal.roots(undone)) != len(journal.roots(operation)):
        return False
    return _has_file_of(journal, undone, operation.id, storages, storage) is True


def has_object_of(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> bool:
    """Return whether one of the first objects of an operation is in its store exactly as recorded, with its time."""
    requests = 0
    for batch in journal.records(operation):
        for each in map(checked, batch):
            before = each.source_base, each.source_folder, each.source_name, each.inode, each.mtime_ns
            after = each.target_base, each.target_folder, each.target_name, each.target_inode, each.target_mtime_ns
            for base, folder, name, inode, mtime_ns in (before, after):
                if storages[base].kind is Kind.LOCAL or not name:
                    continue
                there = storages[base].lstat(folder, name)
                if there is not None and (there.inode, there.mtime_ns) == (inode, mtime_ns):
                    return True
                requests += 1
            if requests > _COMPARED_OBJECTS:
                return False
    return False


def _has_file_of(
    journal: Journal, operation: Operation, number: int, storages: Sequence[LocalStorage], storage: LocalStorage
) -> bool | None:
    """Return whether a file of the operation exists in `storage`, None if none belongs there. `number` is that of
    temporary files.
    """
    found: bool | None = None
    for batch in journal.records(operation):
        for raw in batch:
            record = checked(raw)
            if record.action in FOLDER_ACTIONS:
                continue
            case = Case(
                record,
                number,
                storages,
                lambda *_: None,
                journal.digest_of,
                None,
                None,
                lambda _: None,
                lambda *_: None,
            )
            if case.is_recognised(storage, operation.started_ns):
                return True
            if case.belongs_in(storage):
                found = False
    return found


def _judge(record: Record, case: Case, storages: Sequence[LocalStorage]) -> Verdict:
    if record.state in {RecordState.SKIPPED, RecordState.UNDONE} and record.reason not in _OF_RECOVERY:
        return Verdict(record.state, record.reason)  # decided before anything was changed
    try:
        case.remove_reservation()
        verdict = handler_of(record.action, record.source_base, record.target_base, storages).settle(case)
    except OSError as error:
        if error.errno not in _NO_LONGER_A_FOLDER:
            raise
        return Verdict(RecordState.CHANGED, Reason(ReasonCode.UNSETTLED_AFTER_CRASH, None, error.errno))
    except Refusal as refusal:
        return Verdict(refusal.state, refusal.reason)
    if verdict == CHANGED and record.action in RENAMES and case.at_target() is None and case.at_source() is not None:
        return case.not_done  # the target does not exist: nothing to undo, whatever is at the source now
    # A row that was refused before the crash keeps that reason.
    if verdict.state is RecordState.SKIPPED and record.state not in {
        RecordState.INTENT,
        RecordState.COPIED,
        RecordState.DONE,
    }:
        return Verdict(record.state, record.reason)
    return verdict


def _shown(record: Record) -> str:
    """Return the path to show to the user."""
    if record.source_name:
        return display(join(record.source_folder, record.source_name))
    return display(join(record.target_folder, record.target_name))
