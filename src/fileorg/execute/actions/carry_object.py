"""Copies objects to another service, through this computer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.kept_attributes import attributes_of_object
from fileorg.execute.actions.object_copies import made_copy, withdrawn
from fileorg.execute.verdict import Refusal
from fileorg.storage.object.client import ObjectOutcome, Result
from fileorg.storage.object.object_storage import ObjectReader
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fileorg.execute.actions.handler import Fail
    from fileorg.execute.actions.kept_attributes import ObjectAttributes
    from fileorg.execute.actions.object_copies import CopiedObject, ObjectMove
    from fileorg.execute.work import Work
    from fileorg.storage.object.client import StoredObject
    from fileorg.storage.object.object_storage import ObjectStorage

AT_ONCE = 16
"""Contents under way: more than a connection needs to be busy, few enough for their files to be open."""
READ_WHOLE_BYTES = 1 << 20
"""Contents up to this size are read at once, and written at the same time as others."""


def with_attributes(
    source: ObjectStorage, keys: Sequence[bytes]
) -> list[tuple[StoredObject, ObjectAttributes] | Refusal | OSError]:
    """Return each object with what it has beside its content, or why it cannot be moved. Raises `StoreError`."""

    def tags(key: bytes) -> Mapping[str, str] | StoreError:
        try:
            return source.client.tags(key)
        except StoreError as error:
            return {} if error.code is StoreCode.UNSUPPORTED else error

    found: list[tuple[StoredObject, ObjectAttributes] | Refusal | OSError] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for there, labels in zip(source.client.head(keys), pool.map(tags, keys), strict=True):
            if there is None:
                found.append(Refusal(RecordState.MISSING, ReasonCode.GONE))
            elif isinstance(there, StoreError):
                found.append(there)
            elif there.is_archived or there.is_locked:
                found.append(StoreError(StoreCode.ARCHIVED if there.is_archived else StoreCode.LOCKED))
            elif isinstance(labels, StoreError):
                found.append(labels)
            else:
                found.append((there, attributes_of_object(there, labels)))
    return found


def carried_objects(
    work: Work, source: ObjectStorage, target: ObjectStorage, moves: Sequence[ObjectMove], first: int, fail: Fail
) -> list[CopiedObject]:
    """Copy objects to another service, through this computer, with headers, metadata and tags; return the moves whose
    copy is there. Raises `StoreError`.
    """
    copied: list[CopiedObject] = []
    for start in range(0, len(moves), AT_ONCE):
        try:
            work.check_cancelled()
        except OSError as error:  # what is copied is recorded, and its originals are deleted
            for move in moves[start:]:
                fail(move.position, error)
            break
        some = moves[start : start + AT_ONCE]
        ready: list[tuple[ObjectMove, ObjectAttributes]] = []
        for move, found in zip(some, with_attributes(source, [move.source for move in some]), strict=True):
            if not isinstance(found, tuple):
                fail(move.position, found)
            elif found[0].etag != move.listed.etag:
                fail(move.position, Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN))
            else:  # a storage class has a meaning in its own service only
                ready.append((move, found[1]._replace(storage_class="STANDARD")))
        copied += _carried(work, source, target, ready, first, fail)
    return copied


def _carried(
    work: Work,
    source: ObjectStorage,
    target: ObjectStorage,
    ready: Sequence[tuple[ObjectMove, ObjectAttributes]],
    first: int,
    fail: Fail,
) -> list[CopiedObject]:
    def carry(each: tuple[ObjectMove, ObjectAttributes], **more: Any) -> ObjectOutcome:
        move, attributes = each
        size, etag = move.listed.size, move.listed.etag
        reader = ObjectReader(source.client, move.source, size, etag)
        try:
            content = source.client.read(move.source, 0, size, etag=etag) if size <= READ_WHOLE_BYTES else reader
            if isinstance(content, bytes) and len(content) != size:
                raise StoreError(StoreCode.INCOMPLETE)
            return target.client.put(move.target, cast("BinaryIO", content), **attributes._asdict(), **more)
        except StoreError as error:  # of the source: nothing was written
            has_changed = error.code is StoreCode.CHANGED
            return ObjectOutcome(Result.CHANGED) if has_changed else ObjectOutcome(Result.FAILED, error=error)

    small = [each for each in ready if each[0].listed.size <= READ_WHOLE_BYTES]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = {each[0].position: outcome for each, outcome in zip(small, pool.map(carry, small), strict=True)}
    copied = []
    for each in ready:
        move, attributes = each
        if move.position not in outcomes:
            record = first + move.position
            begun = lambda upload, record=record: work.journal.objects().note_upload(record, upload)  # noqa: E731
            outcomes[move.position] = carry(each, begun=begun)
        try:
            made = made_copy(source, target, move, outcomes[move.position])
            if attributes.tags:
                _check_tags(work, target, made, first, attributes.tags)
            copied.append(made)
        except (Refusal, OSError) as error:
            fail(move.position, error)
    return copied


def _check_tags(work: Work, target: ObjectStorage, made: CopiedObject, first: int, tags: Mapping[str, str]) -> None:
    """Remove a copy that did not get the tags of its object. Raises `StoreError` then, `StorageFailure`."""
    try:
        if dict(target.client.tags(made.move.target)) == dict(tags):
            return
        failure = StoreError(StoreCode.UNSUPPORTED)
    except StoreError as error:
        failure = error
    raise withdrawn(work, target, made.move.row, first + made.move.position, made.etag, failure)
