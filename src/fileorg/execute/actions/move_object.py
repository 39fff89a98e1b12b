"""Moves an object within a store: a copy under preconditions, and once that is recorded, a deletion under one.

The copy succeeds only if its source still has the ETag of the check and its target does not exist; the deletion only if
the source still has that ETag. No marker of fileorg is written: it would replace the metadata of the object.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

from fileorg.core.figures import plural
from fileorg.core.model import Action, RecordState
from fileorg.core.names import display, is_step_name, join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.actions.carry_object import carried_objects
from fileorg.execute.actions.handler import Handler, gone
from fileorg.execute.actions.object_copies import (
    STAYS,
    CopiedObject,
    copy_left,
    delete_one,
    error_of,
    is_copy,
    is_forbidden,
    is_one_service,
    looked_at,
    made_copy,
    moves_of,
    store_of,
    unreachable,
    why_left,
    withdrawn,
)
from fileorg.execute.verdict import CHANGED, DONE, GONE, TAKEN, Refusal, Verdict
from fileorg.execute.work import Changed
from fileorg.storage.base import Kind
from fileorg.storage.object.client import (
    DeleteMarker,
    ObjectCopy,
    ObjectDeletion,
    Result,
    Upload,
    etag_token,
)
from fileorg.storage.object.store_error import Permission, StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.actions.object_copies import ObjectMove
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.base import Storage
    from fileorg.storage.object.client import ObjectOutcome, StoredObject
    from fileorg.storage.object.known_keys import KnownKey
    from fileorg.storage.object.object_storage import ObjectStorage

_REMOVALS = 2
"""The requests whose deletions are not waited for while others are copied."""
_NEVER_ABORTED = frozenset({StoreCode.DENIED, StoreCode.UNSUPPORTED})


def check_object(work: Work, row: PlanRow, seen: Entry | None) -> tuple[Entry, Reason | None]:
    """Return the entry at the source and a note. The time does not count: a store sets it at each copy."""
    if seen is None:
        raise gone(work, row)
    if not seen.is_file:
        raise Refusal(RecordState.CHANGED, ReasonCode.SOMETHING_ELSE_THERE)
    if (seen.inode, seen.size) == (row.inode, row.size) or row.inode == 0:  # unknown in the redo of a copy
        return seen, None
    if is_step_name(row.source_name) and seen.size == row.size:
        return seen, None  # nobody else uses such a name: it came back to it, and a copy may have another ETag
    if work.changed is Changed.ANY:
        return seen, Reason(ReasonCode.EDITED_AND_MOVED)
    # An object is replaced as a whole: nothing tells an edited one from another one.
    is_left = work.changed is Changed.LEAVE
    raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN if is_left else ReasonCode.ANOTHER_FILE_THERE)


class Conditions(Protocol):
    """What an action asks for beyond the conditions of the requests. Both methods report what fails it."""

    def before_copy(self, source: ObjectStorage, moves: list[ObjectMove], fail: Fail) -> list[ObjectMove]:
        """Return the moves to begin."""
        ...

    def before_deletion(self, moves: Sequence[ObjectMove]) -> dict[int, Refusal | OSError]:
        """Return why originals must stay whose copies are there, by position."""
        ...


def _apply(work: Work, series: Series, fail: Fail) -> None:
    """Carry out a series; a row that needs the name of an earlier one comes after it."""
    for number, wave in enumerate(_waves(series)):
        move_all(work, series._replace(positions=wave), fail, is_later=number > 0)


def _waves(series: Series) -> list[list[int]]:
    """Return the positions in the waves that can each be carried out at once: first most of them, then those whose
    target is the source of an earlier row, as where an older file makes room, or the reverse.
    """
    waves: list[list[int]] = []
    left: dict[tuple[int, bytes, bytes], int] = {}
    taken: dict[tuple[int, bytes, bytes], int] = {}
    for position in series.positions:
        row = series.batch[position]
        source, target = row[1:4], row[4:7]
        number = max(left.get(target, 0), taken.get(source, 0))
        left[source] = taken[target] = number + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(position)
    return waves


def move_all(
    work: Work, series: Series, fail: Fail, conditions: Conditions | None = None, *, is_later: bool = False
) -> None:
    """Copy the objects of a series, record the copies, and delete the originals of those that are recorded while others
    are still copied. `is_later`: their names were those of objects that have just been moved.
    """
    first = series.batch[series.positions[0]]
    source, target = store_of(work, first.source_base), store_of(work, first.target_base)
    moves = [
        move._replace(is_awaited=is_later or is_step_name(move.row.target_name))
        for move in moves_of(work, source, target, series, fail)
    ]
    try:
        work.check_cancelled()
        moves = conditions.before_copy(source, moves, fail) if conditions is not None else moves
    except StoreError as error:
        raise unreachable(target, error) from error
    except OSError as error:  # cancelled
        for move in moves:
            fail(move.position, error)
        return
    copies = _copied(work, source, target, moves, series.first, fail)
    removals: deque[_Removal] = deque()
    with contextlib.closing(copies):
        for copied in copies if conditions is None else _at_once(copies):
            if not copied:
                continue
            record_copies(work, series, copied)
            free = (
                copied if conditions is None else _not_withdrawn(work, target, copied, conditions, series.first, fail)
            )
            if free and conditions is not None:
                _note_deletions(work, series, free)
            if free:
                removals.append(_begun(source, free))
            if len(removals) > _REMOVALS:
                _finish(work, source, target, removals.popleft(), series.first, fail)
    for removal in removals:
        _finish(work, source, target, removal, series.first, fail)


def _copied(
    work: Work, source: ObjectStorage, target: ObjectStorage, moves: Sequence[ObjectMove], first: int, fail: Fail
) -> Generator[list[CopiedObject]]:
    """Copy; yield the moves whose copies are there. Raises `StorageFailure`."""
    hidden = [move for move in moves if move.marker is not None]
    others = [move for move in moves if move.marker is None]
    try:
        if hidden:
            found, again = _unhidden(source, target, hidden, fail)
            others = again + others
            yield found
        yield from copied_objects(work, source, target, others, first, fail)
    except StoreError as error:
        raise unreachable(target, error) from error


def _note_deletions(work: Work, series: Series, free: Sequence[CopiedObject]) -> None:
    """Record that originals are deleted from now on: whatever their conditions are later, the copies stay."""
    with work.journal.transaction():
        work.journal.mark_many([(series.first + each.move.position, RecordState.DONE, {}) for each in free])


def _at_once(groups: Iterable[list[CopiedObject]]) -> Iterator[list[CopiedObject]]:
    yield [each for group in groups for each in group]


def _not_withdrawn(
    work: Work,
    target: ObjectStorage,
    copied: Sequence[CopiedObject],
    conditions: Conditions,
    first: int,
    fail: Fail,
) -> list[CopiedObject]:
    """Remove the copies whose originals must stay, and return the others."""
    stays = conditions.before_deletion([each.move for each in copied])
    for each in copied:
        if (refusal := stays.get(each.move.position)) is not None:
            _withdraw(work, target, each, first, refusal, fail)
    return [each for each in copied if each.move.position not in stays]


def _withdraw(
    work: Work, target: ObjectStorage, copied: CopiedObject, first: int, failure: Refusal | OSError, fail: Fail
) -> None:
    """Remove the copy of an original that stays."""
    position = copied.move.position
    fail(position, withdrawn(work, target, copied.move.row, first + position, copied.etag, failure))


def _unhidden(
    source: ObjectStorage, target: ObjectStorage, moves: Sequence[ObjectMove], fail: Fail
) -> tuple[list[CopiedObject], list[ObjectMove]]:
    """Remove the markers that hide the objects to bring back. Return the moves whose target is there again, and those
    whose object must be copied.
    """
    found, left = [], []
    outcomes = target.client.remove_markers([DeleteMarker(move.target, move.marker or "") for move in moves])
    for move, outcome in zip(moves, outcomes, strict=True):
        try:
            if outcome.result in {Result.DONE, Result.AMBIGUOUS}:
                found.append(looked_at(source, target, move))
            elif outcome.result is Result.NOT_BEGUN:
                raise error_of(outcome)
            else:
                left.append(move)
        except (Refusal, OSError) as error:
            fail(move.position, error)
    return found, left


def copied_objects(
    work: Work, source: ObjectStorage, target: ObjectStorage, moves: Sequence[ObjectMove], first: int, fail: Fail
) -> Generator[list[CopiedObject]]:
    """Copy; yield the moves whose copies are there, while others are copied. Raises `StoreError`, `OSError`."""
    if not is_one_service(source, target):
        yield carried_objects(work, source, target, moves, first, fail)
        return
    bucket = None if source.client.bucket == target.client.bucket else source.client.bucket
    rows = [
        ObjectCopy(move.source, move.listed.etag, move.target, move.listed.size, bucket, move.listed.storage_class)
        for move in moves
    ]

    def begun(number: int, upload_id: str) -> None:
        work.journal.objects().note_upload(first + moves[number].position, upload_id)

    with contextlib.closing(target.client.copying(rows, begun=begun)) as groups:
        for group in groups:
            found = []
            for number, outcome in group:
                try:
                    found.append(made_copy(source, target, moves[number], outcome))
                except (Refusal, OSError) as error:
                    fail(moves[number].position, error)
            yield found


def record_copies(work: Work, series: Series, copied: Sequence[CopiedObject]) -> None:
    """Record the copies: nothing is deleted before."""
    marks = [
        (
            series.first + each.move.position,
            RecordState.COPIED,
            {"target_inode": etag_token(each.etag), "target_mtime_ns": each.mtime_ns},
        )
        for each in copied
    ]
    checked = series.checked
    with work.journal.transaction():
        work.journal.mark_many(marks)
        for each in copied:
            if (later := checked.brought.get(each.move.position)) is not None:  # the ETag of a copy may be another one
                known = etag_token(each.etag), each.mtime_ns
                work.journal.identify(series.first + later, *known)
                checked.identify(later, *known)


class _Removal(NamedTuple):
    """Originals that are being deleted, and what waits for the results."""

    copied: Sequence[CopiedObject]
    results: Callable[[], list[ObjectOutcome]]


def _begun(source: ObjectStorage, copied: Sequence[CopiedObject]) -> _Removal:
    """Begin to delete the originals. One that has been replaced since the copy stays: it is another object now."""
    rows = [ObjectDeletion(each.move.source, each.move.listed.etag) for each in copied]
    try:
        return _Removal(copied, source.client.deleting(rows))
    except StoreError as error:
        raise unreachable(source, error) from error


def _finish(
    work: Work, source: ObjectStorage, target: ObjectStorage, removal: _Removal, first: int, fail: Fail
) -> None:
    """Wait for deletions, and note what they leave."""
    try:
        outcomes = removal.results()
    except StoreError as error:
        raise unreachable(source, error) from error
    markers: dict[int, str] = {}
    moved: list[KnownKey] = []
    left: list[bytes] = []
    for each, outcome in zip(removal.copied, outcomes, strict=True):
        row = each.move.row
        failure = why_left(source, row, each.move.listed.etag, outcome)
        if failure is not None:
            _withdraw(work, target, each, first, failure, fail)
            continue
        path = join(row.target_folder, row.target_name)
        moved.append(each.move.listed._replace(path=path, etag=each.etag, mtime_ns=each.mtime_ns))
        left.append(each.move.listed.path)
        if outcome.version is not None:
            markers[first + each.move.position] = outcome.version
    source.known.drop(left)
    target.known.add(moved)
    if markers:
        work.journal.objects().note_markers(markers)


# After a crash --------------------------------------------------------------------------------------------------------


def settle(case: Case) -> Verdict:
    """Return what became of a move, by what the store says of both keys now."""
    source, target = cast("ObjectStorage", case.source), cast("ObjectStorage", case.target)
    record = case.record
    here = source.head(record.source_folder, record.source_name)
    there = target.head(record.target_folder, record.target_name)
    is_here = here is not None and (here.token, here.size) == (record.inode, record.size)
    if here is not None and is_step_name(record.source_name):  # as in `check_object`
        is_here = here.size == record.size
    is_there = there is not None and (there.token, there.size) == (record.target_inode, record.size)
    if here is None or not is_here:  # a new object at the source is someone else's
        if is_there or _has_left_step(case, there):
            return DONE._replace(reason=case.note())
        if is_step_name(record.source_name) and here is None and not record.target_inode:
            return case.not_done  # it never came to its temporary name, or went back from there
        return GONE if here is None and there is None else CHANGED
    if there is None:
        return case.not_done
    if record.state is RecordState.CONFLICT or not is_copy(source, here, target, there):
        return case.not_done if is_step_name(record.source_name) and not record.target_inode else TAKEN
    columns = {"target_inode": there.token, "target_mtime_ns": there.mtime_ns}
    if is_there and record.state in STAYS:
        return leave_original(case, there, Verdict(record.state, record.reason))
    begun = RecordState.DONE if record.state is RecordState.DONE else RecordState.COPIED
    case.announce(Verdict(begun, case.note(), columns))
    try:
        delete_one(source, here)
    except StoreError as error:
        if not is_forbidden(error):
            raise
        return leave_original(case, there, Verdict(RecordState.FAILED, Reason.of_error(error)))
    return Verdict(RecordState.DONE, case.note(), columns)


def _has_left_step(case: Case, there: StoredObject | None) -> bool:
    """Return whether an object was copied to the temporary name of a cycle, and is not there any more: the record of
    the next step says where it is. What was given up is judged as an intent, with the copy that was recorded.
    """
    record = case.record
    return (
        there is None
        and is_step_name(record.target_name)
        and record.state in {RecordState.INTENT, RecordState.COPIED, RecordState.DONE}
        and bool(record.target_inode)
    )


def leave_original(case: Case, copy: StoredObject, verdict: Verdict) -> Verdict:
    """Remove the copy of an original that stays; return the verdict. It is recorded first, as in a run.

    Raises `OSError` if a later recovery may remove it.
    """
    case.announce(verdict._replace(columns={"target_inode": copy.token, "target_mtime_ns": copy.mtime_ns}))
    record = case.record
    stays = copy_left(cast("ObjectStorage", case.target), record.target_folder, record.target_name, copy.etag)
    return verdict if stays is None else Verdict(stays.state, stays.reason)


def abort_uploads(journal: Journal, operation: Operation, storages: Sequence[Storage]) -> list[str]:
    """Abort the uploads in parts that an interrupted operation began and did not complete. Return notes on those that
    the store does not let fileorg abort. Raises `OSError` if a later recovery may abort them.
    """
    by_base: dict[int, list[Upload]] = {}
    for base, folder, name, upload_id in journal.objects().uploads(operation):
        target = cast("ObjectStorage", storages[base])
        by_base.setdefault(base, []).append(Upload(target.key(folder, name), upload_id, 0))
    notes = []
    for base, uploads in by_base.items():
        target, left = cast("ObjectStorage", storages[base]), 0
        for outcome in target.client.abort(uploads):
            if outcome.result in {Result.DONE, Result.GONE}:
                continue
            if outcome.error is None or outcome.error.code not in _NEVER_ABORTED:
                raise outcome.error or OSError(errno.EIO, os.strerror(errno.EIO))
            left += 1
        if left:
            notes.append(
                f"{display(target.root)} does not let fileorg abort {plural(left, 'unfinished upload')} (the permission"
                f" {Permission.ABORT}). What was uploaded takes space until the owner of the bucket aborts it."
            )
    return notes


_MOVE = Handler(check_object, _apply, settle)
TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (action, Kind.OBJECT, Kind.OBJECT): _MOVE for action in (Action.MOVE, Action.RESTORE)
}
"""The handlers of actions within a store. Loaded only if a store takes part."""
