"""Objects on their way to another key: what is to be copied, what was, and whether an object is the copy of another."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, cast

from fileorg.core.errors import RunInterrupted, StorageFailure
from fileorg.core.model import Action, RecordState
from fileorg.core.names import display, join
from fileorg.core.reasons import STORE_WORDS, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.verdict import Refusal
from fileorg.journal.rows import columns_of
from fileorg.storage.object.client import (
    ARCHIVES,
    STRONG_CHECKSUMS,
    ObjectDeletion,
    ObjectOutcome,
    Result,
    StoredObject,
    etag_token,
    may_be_md5,
    plain_headers,
    tells_equal,
)
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.work import Work
    from fileorg.storage.object.known_keys import KnownKey
    from fileorg.storage.object.object_storage import ObjectStorage

COMPARED_BYTES = 8 << 20
"""How much of two contents is compared at once."""
STAYS = frozenset({RecordState.FAILED, RecordState.CHANGED})
"""States of a record whose original stays, and whose copy is removed."""
_REMOVED = frozenset({Result.DONE, Result.GONE, Result.CHANGED})
"""Results of a deletion after which the object is not there any more, or is another one."""
_FORBIDDEN = frozenset({StoreCode.DENIED, StoreCode.LOCKED})
"""Refusals that the same request a moment before got, too, even if its answer was lost."""

_OF_THE_STORE = frozenset(
    {
        StoreCode.NO_BUCKET,
        StoreCode.NO_CREDENTIALS,
        StoreCode.BAD_CREDENTIALS,
        StoreCode.EXPIRED,
        StoreCode.NO_PROFILE,
        StoreCode.BAD_SETTINGS,
        StoreCode.WRONG_REGION,
        StoreCode.CLOCK_SKEW,
        StoreCode.REQUESTER_PAYS,
    }
)
"""Refusals that say nothing of an object. The answer to HEAD has no body, so it could not tell them from others: the
404 of a bucket that is not there is the one of an object that is gone.
"""


class ObjectMove(NamedTuple):
    """A row under way: its position, its two keys, and its source as listed."""

    position: int
    row: PlanRow
    source: bytes
    target: bytes
    listed: KnownKey
    marker: str | None
    """The version of the delete marker that hides what the row brings back."""
    is_awaited: bool = False
    """Whether other rows need its result: a copy without an answer ends the run, because it may still be made, just
    where one of them puts an object.
    """


def store_of(work: Work, base: int) -> ObjectStorage:
    return cast("ObjectStorage", work.storages[base])


def unreachable(storage: ObjectStorage, error: StoreError) -> StorageFailure:
    """Return the error that ends a run whose store fails: the operation stays open for recovery."""
    if error.code is StoreCode.CANCELLED:
        return RunInterrupted(
            f"Interrupted while {display(storage.root)} did not answer."
            " The next command recovers the objects in progress.",
            hint="recover them now with: fileorg recover",
        )
    why = STORE_WORDS.get(error.code, error.strerror)
    return StorageFailure(
        f"{display(storage.root)} cannot be used any more: {why}.",
        hint="run fileorg recover once it can be: it checks every object",
    )


def moves_of(work: Work, source: ObjectStorage, target: ObjectStorage, series: Series, fail: Fail) -> list[ObjectMove]:
    """Return the rows with their keys and ETags. One whose ETag is not that of its intent fails."""
    found = []
    markers = work.journal.objects().markers(
        row.reverts for row in (series.batch[position] for position in series.positions) if row.reverts
    )
    locked = _locked(source, [source.key(*series.batch[position][2:4]) for position in series.positions])
    for position in series.positions:
        row, intent = series.batch[position], series.checked.intent(position)
        try:
            listed = source.listed(row.source_folder, row.source_name)
            if listed is None or (etag_token(listed.etag), listed.size) != (intent.inode, intent.size):
                raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN)
            keys = source.key(row.source_folder, row.source_name), target.key(row.target_folder, row.target_name)
            if listed.storage_class in ARCHIVES:
                raise StoreError(StoreCode.ARCHIVED)
            if keys[0] in locked:
                raise locked[keys[0]]
            # What the marker hides is the same as the copy, unless the copy was changed.
            marker = markers.get(row.reverts) if intent.inode == row.inode else None
            found.append(ObjectMove(position, row, *keys, listed, marker))
        except (Refusal, OSError) as error:
            fail(position, error)
    return found


def _locked(source: ObjectStorage, keys: Sequence[bytes]) -> dict[bytes, StoreError]:
    """Return why objects cannot be removed: they are under a legal hold or a retention, or the store does not tell.
    Each is asked about, in a bucket that may have such objects.
    """
    try:
        found = source.client.head(keys) if source.may_lock else []
    except StoreError as error:
        raise unreachable(source, error) from error
    stay: dict[bytes, StoreError] = {}
    for key, there in zip(keys, found, strict=False):
        if isinstance(there, StoreError):
            stay[key] = there
        elif there is not None and there.is_locked:
            stay[key] = StoreError(StoreCode.LOCKED)
    return stay


class CopiedObject(NamedTuple):
    """A move whose copy is there, and how."""

    move: ObjectMove
    etag: str
    mtime_ns: int


def is_one_service(source: ObjectStorage, target: ObjectStorage) -> bool:
    """Return whether a store can copy from one to the other itself: by the scheme, which stands for the credentials."""
    return source.client.url.partition(":")[0] == target.client.url.partition(":")[0]


def made_copy(source: ObjectStorage, target: ObjectStorage, move: ObjectMove, outcome: ObjectOutcome) -> CopiedObject:
    """Return the copy of a move, or raise why there is none: `Refusal`, `OSError`."""
    if outcome.result is Result.DONE and outcome.mtime_ns:
        return CopiedObject(move, outcome.etag, outcome.mtime_ns)
    if outcome.result in {Result.DONE, Result.AMBIGUOUS}:
        return looked_at(source, target, move, outcome.error)
    raise error_of(outcome)


def looked_at(
    source: ObjectStorage, target: ObjectStorage, move: ObjectMove, cause: StoreError | None = None
) -> CopiedObject:
    """Return the copy of a move if a look at both keys shows that it was made. `cause` is why nobody knows. Raises
    `Refusal`, `OSError`, and `StorageFailure` if nobody can tell now.
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
        if move.is_awaited:
            raise unreachable(target, cause or StoreError(StoreCode.TIMED_OUT))
        raise not_made(cause)
    if not is_made:
        raise Refusal(RecordState.CONFLICT, ReasonCode.NAME_TAKEN)
    return CopiedObject(move, there.etag, there.mtime_ns)


def not_made(cause: StoreError | None) -> OSError:
    """Return the error of what is not there after a request without an answer."""
    was_cancelled = cause is not None and cause.code is StoreCode.CANCELLED
    number = errno.ECANCELED if was_cancelled else errno.ETIMEDOUT
    return OSError(number, os.strerror(number))


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


# Deletions ------------------------------------------------------------------------------------------------------------


def why_left(source: ObjectStorage, row: PlanRow, etag: str, outcome: ObjectOutcome) -> Refusal | OSError | None:
    """Return why the original of a copy is still there after its deletion; None if it is not, or is another object.

    Raises `StorageFailure` if the store may still delete it, or cannot be asked: then both stay, and recovery goes on.
    """
    if outcome.result in _REMOVED:
        return None
    if outcome.error is not None and outcome.error.code in _OF_THE_STORE:
        raise unreachable(source, outcome.error)
    try:
        there = source.head(row.source_folder, row.source_name)
        if there is None or there.etag != etag:
            return None
        if outcome.result is not Result.AMBIGUOUS:
            return error_of(outcome)
        # Without an answer, the request may be on its way yet. If the copy were removed, both could be gone.
        [again] = source.client.delete([ObjectDeletion(there.key, etag)])
    except StoreError as error:
        raise unreachable(source, error) from error
    if again.result in _REMOVED:
        return None
    if again.error is not None and is_forbidden(again.error):
        return error_of(again)
    raise unreachable(source, again.error or StoreError(StoreCode.TIMED_OUT))


def withdrawn(
    work: Work, target: ObjectStorage, row: PlanRow, record: int, etag: str, failure: Refusal | OSError
) -> Refusal | OSError:
    """Remove the copy of an original that stays; return what to report. That it stays is recorded first: if the removal
    gets no answer, the copy may still go, and recovery must not remove the original then.

    Raises `StorageFailure` if the copy may be removed by a later recovery.
    """
    if row.action is not Action.COPY:  # its original stays in any case
        refusal = failure if isinstance(failure, Refusal) else Refusal.of_error(failure)
        # Recovery does not look at what was skipped.
        state = refusal.state if refusal.state in STAYS else RecordState.CHANGED
        work.journal.mark(record, state, target_inode=etag_token(etag), **columns_of(refusal.reason))
    try:
        stays = copy_left(target, row.target_folder, row.target_name, etag)
    except StoreError as error:
        raise unreachable(target, error) from error
    return stays or failure


def copy_left(target: ObjectStorage, folder: bytes, name: bytes, etag: str) -> Refusal | None:
    """Remove a copy; return the refusal if it must stay. Raises `StoreError` if it may be removed later."""
    path = join(folder, name)
    [outcome] = target.client.delete([ObjectDeletion(target.key(folder, name), etag)])
    if outcome.result in _REMOVED:
        target.known.drop([path])
        return None
    cause = outcome.error or StoreError(StoreCode.TIMED_OUT)
    if not cause.is_permanent:
        raise cause
    return Refusal(RecordState.FAILED, ReasonCode.COPY_STAYS, path, cause.errno)


def is_forbidden(error: StoreError) -> bool:
    """Return whether the same request will fail again until the store has other rights or the object no lock."""
    return error.code in _FORBIDDEN


def delete_one(storage: ObjectStorage, there: StoredObject) -> None:
    """Delete an object unless it has changed. Raises `OSError` if nobody can tell whether it is there."""
    [outcome] = storage.client.delete([ObjectDeletion(there.key, there.etag)])
    if outcome.result not in _REMOVED:
        raise outcome.error or OSError(errno.EIO, os.strerror(errno.EIO))


# Comparisons ----------------------------------------------------------------------------------------------------------


def is_copy(source: ObjectStorage, here: StoredObject, target: ObjectStorage, there: StoredObject) -> bool:
    """Return whether one object is the copy of another: the same content, headers, metadata and tags.

    The content is read if neither ETags nor checksums decide. Raises `OSError`.
    """
    headers = here.headers, there.headers
    if not is_one_service(source, target):
        headers = plain_headers(here), plain_headers(there)
    if (here.size, here.metadata, headers[0]) != (there.size, there.metadata, headers[1]):
        return False
    if source.client.tags(here.key) != target.client.tags(there.key):
        return False
    if here.etag == there.etag and may_be_md5(here.etag):
        return True
    for algorithm, checksum in here.checksums.items():
        if (other := there.checksums.get(algorithm)) is not None:
            return checksum == other
    return _same_content(source, here, target, there)


def tell_equal(here: KnownKey | StoredObject, there: StoredObject) -> bool:
    """Return whether two objects have the same content by their ETags alone; if not, they may still have."""
    return here.size == there.size and here.etag == there.etag and tells_equal(there.etag)


def holds_the_same(source: ObjectStorage, here: StoredObject, target: ObjectStorage, there: StoredObject) -> bool:
    """Return whether two objects have the same content: by their ETags, by a checksum that is long enough, or read.

    Raises `OSError`.
    """
    if here.size != there.size:
        return False
    if tell_equal(here, there):
        return True
    common = here.checksums.keys() & there.checksums.keys()
    if any(here.checksums[kind] != there.checksums[kind] for kind in common):
        return False
    return not common.isdisjoint(STRONG_CHECKSUMS) or _same_content(source, here, target, there)


def _same_content(source: ObjectStorage, here: StoredObject, target: ObjectStorage, there: StoredObject) -> bool:
    for start in range(0, here.size, COMPARED_BYTES):
        stop = min(here.size, start + COMPARED_BYTES)
        one = source.client.read(here.key, start, stop, etag=here.etag)
        if one != target.client.read(there.key, start, stop, etag=there.etag) or len(one) != stop - start:
            return False
    return True
