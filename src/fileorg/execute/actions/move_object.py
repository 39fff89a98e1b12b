"""Moves an object within a store: a copy under preconditions, and once that is recorded, a deletion under one.

The copy succeeds only if its source still has the ETag of the check and its target does not exist; the deletion only if
the source still has that ETag. No marker of fileorg is written: it would replace the metadata of the object.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, cast

from fileorg.core.errors import StorageFailure
from fileorg.core.model import Action, RecordState
from fileorg.core.names import display, join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.actions.handler import Handler, gone
from fileorg.execute.verdict import CHANGED, DONE, GONE, TAKEN, Refusal, Verdict
from fileorg.execute.work import Changed
from fileorg.storage.base import Kind
from fileorg.storage.object.client import (
    DeleteMarker,
    ObjectCopy,
    ObjectDeletion,
    ObjectOutcome,
    Result,
    Upload,
    etag_token,
    may_be_md5,
)
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.base import Storage
    from fileorg.storage.object.client import StoredObject
    from fileorg.storage.object.known_keys import KnownKey
    from fileorg.storage.object.object_storage import ObjectStorage

_COMPARED_BYTES = 8 << 20


def check_object(work: Work, row: PlanRow, seen: Entry | None) -> tuple[Entry, Reason | None]:
    """Return the entry at the source and a note. The time does not count: a store sets it at each copy."""
    if seen is None:
        raise gone(work, row)
    if not seen.is_file:
        raise Refusal(RecordState.CHANGED, ReasonCode.SOMETHING_ELSE_THERE)
    if (seen.inode, seen.size) == (row.inode, row.size) or row.inode == 0:  # unknown in the redo of a copy
        return seen, None
    if work.changed is Changed.ANY:
        return seen, Reason(ReasonCode.EDITED_AND_MOVED)
    # An object is replaced as a whole: nothing tells an edited one from another one.
    is_left = work.changed is Changed.LEAVE
    raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN if is_left else ReasonCode.ANOTHER_FILE_THERE)


class _Move(NamedTuple):
    """A row under way: its position, its two keys, and its source as listed."""

    position: int
    row: PlanRow
    source: bytes
    target: bytes
    listed: KnownKey
    marker: str | None
    """The version of the delete marker that hides what the row brings back."""


def _apply(work: Work, series: Series, fail: Fail) -> None:
    """Carry out a series; a row that needs the name of an earlier one comes after it."""
    for wave in _waves(series):
        _move_all(work, series._replace(positions=wave), fail)


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


def _move_all(work: Work, series: Series, fail: Fail) -> None:
    """Copy the objects of a series, record the copies in one commit, and delete the originals."""
    first = series.batch[series.positions[0]]
    source, target = store_of(work, first.source_base), store_of(work, first.target_base)
    moves = moves_of(work, source, target, series, fail)
    try:
        work.check_cancelled()
        hidden = [move for move in moves if move.marker is not None]
        copied, others = _unhidden(source, target, hidden, fail) if hidden else ([], [])
        others += [move for move in moves if move.marker is None]
        copied += copied_objects(work, source, target, others, series.first, fail)
    except StoreError as error:
        raise unreachable(target, error) from error
    except OSError as error:  # cancelled
        for move in moves:
            fail(move.position, error)
        return
    if copied:
        record_copies(work, series, copied)
        _delete(work, source, target, copied, series.first, fail)


def store_of(work: Work, base: int) -> ObjectStorage:
    return cast("ObjectStorage", work.storages[base])


def unreachable(storage: ObjectStorage, error: StoreError) -> StorageFailure:
    """Return the error that ends a run whose store fails: the operation stays open for recovery."""
    return StorageFailure(
        f"{display(storage.root)} cannot be used any more: {error.strerror}.",
        hint="run fileorg recover once it can be: it checks every object",
    )


def moves_of(work: Work, source: ObjectStorage, target: ObjectStorage, series: Series, fail: Fail) -> list[_Move]:
    """Return the rows with their keys and ETags. One whose ETag is not that of its intent fails."""
    found = []
    markers = work.journal.objects().markers(
        row.reverts for row in (series.batch[position] for position in series.positions) if row.reverts
    )
    for position in series.positions:
        row, intent = series.batch[position], series.checked.intent(position)
        try:
            listed = source.listed(row.source_folder, row.source_name)
            if listed is None or (etag_token(listed.etag), listed.size) != (intent.inode, intent.size):
                raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN)
            keys = source.key(row.source_folder, row.source_name), target.key(row.target_folder, row.target_name)
            # What the marker hides is the same as the copy, unless the copy was changed.
            marker = markers.get(row.reverts) if intent.inode == row.inode else None
            found.append(_Move(position, row, *keys, listed, marker))
        except (Refusal, OSError) as error:
            fail(position, error)
    return found


class _Copied(NamedTuple):
    """A move whose copy is there, and how."""

    move: _Move
    etag: str
    mtime_ns: int


def _unhidden(
    source: ObjectStorage, target: ObjectStorage, moves: Sequence[_Move], fail: Fail
) -> tuple[list[_Copied], list[_Move]]:
    """Remove the markers that hide the objects to bring back. Return the moves whose target is there again, and those
    whose object must be copied.
    """
    found, left = [], []
    outcomes = target.client.remove_markers([DeleteMarker(move.target, move.marker or "") for move in moves])
    for move, outcome in zip(moves, outcomes, strict=True):
        try:
            if outcome.result in {Result.DONE, Result.AMBIGUOUS}:
                found.append(_looked_at(source, target, move))
            elif outcome.result is Result.NOT_BEGUN:
                raise error_of(outcome)
            else:
                left.append(move)
        except (Refusal, OSError) as error:
            fail(move.position, error)
    return found, left


def copied_objects(
    work: Work, source: ObjectStorage, target: ObjectStorage, moves: Sequence[_Move], first: int, fail: Fail
) -> list[_Copied]:
    """Copy; return the moves whose copy is there."""
    bucket = None if source.client.bucket == target.client.bucket else source.client.bucket
    rows = [
        ObjectCopy(move.source, move.listed.etag, move.target, move.listed.size, bucket, move.listed.storage_class)
        for move in moves
    ]
    found = []

    def begun(number: int, upload_id: str) -> None:
        work.journal.objects().note_upload(first + moves[number].position, upload_id)

    for move, outcome in zip(moves, target.client.copy(rows, begun=begun), strict=True):
        try:
            if outcome.result is Result.DONE and outcome.mtime_ns:
                found.append(_Copied(move, outcome.etag, outcome.mtime_ns))
            elif outcome.result in {Result.DONE, Result.AMBIGUOUS}:
                found.append(_looked_at(source, target, move))
            else:
                raise error_of(outcome)
        except (Refusal, OSError) as error:
            fail(move.position, error)
    return found


def _looked_at(source: ObjectStorage, target: ObjectStorage, move: _Move) -> _Copied:
    """Return the copy of a move if a look at both keys shows that it was made. Raises `Refusal`, `OSError`, and
    `StorageFailure` if nobody can tell now.
    """
    row = move.row
    try:
        here = source.head(row.source_folder, row.source_name)
        there = target.head(row.target_folder, row.target_name)
        is_made = here is not None and there is not None and is_copy(source, here, target, there)
    except StoreError as error:
        raise unreachable(target, error) from error
    if here is None:
        raise Refusal(RecordState.MISSING, ReasonCode.GONE)
    if here.etag != move.listed.etag:
        raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN)
    if there is None:
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    if not is_made:
        raise Refusal(RecordState.CONFLICT, ReasonCode.NAME_TAKEN)
    return _Copied(move, there.etag, there.mtime_ns)


def error_of(outcome: ObjectOutcome) -> Refusal | OSError:
    match outcome.result:
        case Result.TARGET_EXISTS:
            return Refusal(RecordState.CONFLICT, ReasonCode.NAME_TAKEN)
        case Result.CHANGED:
            return Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN)
        case Result.GONE:
            return Refusal(RecordState.MISSING, ReasonCode.GONE)
        case Result.NOT_BEGUN:
            return OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
        case _:
            return outcome.error or OSError(errno.EIO, os.strerror(errno.EIO))


def record_copies(work: Work, series: Series, copied: Sequence[_Copied]) -> None:
    """Record the copies: nothing is deleted before."""
    marks = [
        (
            series.first + each.move.position,
            RecordState.COPIED,
            {"target_inode": etag_token(each.etag), "target_mtime_ns": each.mtime_ns},
        )
        for each in copied
    ]
    with work.journal.transaction():
        work.journal.mark_many(marks)


def _delete(
    work: Work, source: ObjectStorage, target: ObjectStorage, copied: Sequence[_Copied], first: int, fail: Fail
) -> None:
    """Delete the originals. One that has been replaced since the copy stays: it is another object now."""
    try:
        outcomes = source.client.delete([ObjectDeletion(each.move.source, each.move.listed.etag) for each in copied])
    except StoreError as error:
        raise unreachable(source, error) from error
    markers: dict[int, str] = {}
    for each, outcome in zip(copied, outcomes, strict=True):
        row = each.move.row
        failure = _failure(source, each, outcome)
        if failure is not None:
            fail(each.move.position, _withdrawn(target, each, failure))
            continue
        source.known.drop([join(row.source_folder, row.source_name)])
        listed = each.move.listed._replace(path=join(row.target_folder, row.target_name))
        target.known.add([listed._replace(etag=each.etag, mtime_ns=each.mtime_ns)])
        if outcome.version is not None:
            markers[first + each.move.position] = outcome.version
    if markers:
        work.journal.objects().note_markers(markers)


def _failure(source: ObjectStorage, copied: _Copied, outcome: ObjectOutcome) -> Refusal | OSError | None:
    """Return why the original is still there, None if it is not, or is another object."""
    if outcome.result in {Result.DONE, Result.GONE, Result.CHANGED}:
        return None
    row = copied.move.row
    try:
        there = source.head(row.source_folder, row.source_name)
    except StoreError as error:
        raise unreachable(source, error) from error
    return error_of(outcome) if there is not None and there.etag == copied.move.listed.etag else None


def _withdrawn(target: ObjectStorage, copied: _Copied, failure: Refusal | OSError) -> Refusal | OSError:
    """Remove the copy of an object whose original could not be deleted; return what to report.

    Raises `StorageFailure` if the copy may be removed by a later recovery.
    """
    try:
        [outcome] = target.client.delete([ObjectDeletion(copied.move.target, copied.etag)])
    except StoreError as error:
        raise unreachable(target, error) from error
    if outcome.result in {Result.DONE, Result.GONE, Result.CHANGED}:
        return failure
    cause = outcome.error or StoreError(StoreCode.TIMED_OUT)
    if not cause.is_permanent:
        raise unreachable(target, cause)
    row = copied.move.row
    path = join(row.target_folder, row.target_name)
    return Refusal(RecordState.FAILED, ReasonCode.COPY_STAYS, path, cause.errno)


# After a crash --------------------------------------------------------------------------------------------------------


def settle(case: Case) -> Verdict:
    """Return what became of a move, by what the store says of both keys now."""
    source, target = cast("ObjectStorage", case.source), cast("ObjectStorage", case.target)
    record = case.record
    here = source.head(record.source_folder, record.source_name)
    there = target.head(record.target_folder, record.target_name)
    is_here = here is not None and (here.token, here.size) == (record.inode, record.size)
    is_there = there is not None and (there.token, there.size) == (record.target_inode, record.size)
    if here is None or not is_here:  # a new object at the source is someone else's
        if is_there:
            return DONE._replace(reason=case.note())
        return GONE if here is None and there is None else CHANGED
    if there is None:
        return case.not_done
    if record.state is RecordState.CONFLICT or not is_copy(source, here, target, there):
        return TAKEN
    columns = {"target_inode": there.token, "target_mtime_ns": there.mtime_ns}
    case.announce(Verdict(RecordState.COPIED, case.note(), columns))
    [outcome] = source.client.delete([ObjectDeletion(here.key, here.etag)])
    if outcome.result not in {Result.DONE, Result.GONE, Result.CHANGED}:
        raise outcome.error or OSError(errno.EIO, os.strerror(errno.EIO))
    return Verdict(RecordState.DONE, case.note(), columns)


def abort_uploads(journal: Journal, operation: Operation, storages: Sequence[Storage]) -> None:
    """Abort the uploads in parts that an interrupted operation began and did not complete. Raises `OSError`."""
    by_base: dict[int, list[Upload]] = {}
    for base, folder, name, upload_id in journal.objects().uploads(operation):
        target = cast("ObjectStorage", storages[base])
        by_base.setdefault(base, []).append(Upload(target.key(folder, name), upload_id, 0))
    for base, uploads in by_base.items():
        for outcome in cast("ObjectStorage", storages[base]).client.abort(uploads):
            if outcome.result not in {Result.DONE, Result.GONE}:
                raise outcome.error or OSError(errno.EIO, os.strerror(errno.EIO))


def is_copy(source: ObjectStorage, here: StoredObject, target: ObjectStorage, there: StoredObject) -> bool:
    """Return whether one object is the copy of another: the same content, headers, metadata and tags.

    The content is read if neither ETags nor checksums decide. Raises `OSError`.
    """
    if (here.size, here.metadata, here.headers) != (there.size, there.metadata, there.headers):
        return False
    if source.client.tags(here.key) != target.client.tags(there.key):
        return False
    if here.etag == there.etag and may_be_md5(here.etag):
        return True
    for algorithm, checksum in here.checksums.items():
        if (other := there.checksums.get(algorithm)) is not None:
            return checksum == other
    return _same_content(source, here, target, there)


def _same_content(source: ObjectStorage, here: StoredObject, target: ObjectStorage, there: StoredObject) -> bool:
    for start in range(0, here.size, _COMPARED_BYTES):
        stop = min(here.size, start + _COMPARED_BYTES)
        one = source.client.read(here.key, start, stop, etag=here.etag)
        if one != target.client.read(there.key, start, stop, etag=there.etag) or len(one) != stop - start:
            return False
    return True


_MOVE = Handler(check_object, _apply, settle)
TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (action, Kind.OBJECT, Kind.OBJECT): _MOVE for action in (Action.MOVE, Action.RESTORE)
}
"""The handlers of actions within a store. Loaded only if a store takes part."""
