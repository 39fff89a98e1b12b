"""Copies files into a store, within it and out of it; undo removes a copy if it is still the one it was.

A store accepts an upload only as a whole, with its checksum, and only if the key is free: there is no temporary name.
"""

from __future__ import annotations

import contextlib
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from fileorg.content.identical import same_content
from fileorg.core.model import Action, RecordState
from fileorg.core.names import join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.actions import copy, folder_actions, link_actions
from fileorg.execute.actions.carry_object import AT_ONCE, READ_WHOLE_BYTES
from fileorg.execute.actions.handler import Handler, check_ready, check_source, gone
from fileorg.execute.actions.kept_attributes import ObjectAttributes
from fileorg.execute.actions.move_object import check_object, copied_objects, record_copies
from fileorg.execute.actions.object_copies import (
    COMPARED_BYTES,
    error_of,
    is_copy,
    moves_of,
    not_made,
    store_of,
    unreachable,
    withdrawn,
)
from fileorg.execute.verdict import CHANGED, DONE, NOT_DONE, TAKEN, Refusal, Verdict
from fileorg.storage.base import Kind
from fileorg.storage.object.client import ObjectDeletion, ObjectOutcome, Result, etag_token
from fileorg.storage.object.download import MTIME, mtime_metadata
from fileorg.storage.object.known_keys import KnownKey
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.storage.local.original import Original
    from fileorg.storage.object.object_storage import ObjectStorage


# Into a store ---------------------------------------------------------------------------------------------------------


class FileToPut(NamedTuple):
    """A row under way: its file, open and unchanged since the check, its key, and what its object is to have."""

    position: int
    row: PlanRow
    original: Original
    file: BinaryIO
    key: bytes
    attributes: ObjectAttributes


def _upload(work: Work, series: Series, fail: Fail) -> None:
    for start in range(0, len(series.positions), AT_ONCE):
        _upload_some(work, series, series.positions[start : start + AT_ONCE], fail)


def _upload_some(work: Work, series: Series, positions: Sequence[int], fail: Fail) -> None:
    with contextlib.ExitStack() as stack:
        uploads = []
        for position in positions:
            row = series.batch[position]
            try:
                work.check_cancelled()
                original = stack.enter_context(
                    work.storages[row.source_base].original(row.source_folder, row.source_name)
                )
                check_ready(row, original.begin(), if_unknown=original.is_quiet)
                attributes = ObjectAttributes(mtime_metadata(original.facts.st_mtime_ns))
                uploads.append(file_to_put(work, stack, position, row, original, attributes))
            except (Refusal, OSError) as error:
                fail(position, error)
        if not uploads:
            return
        made = put_files(work, uploads, series.first, fail)
        with work.journal.transaction():
            work.journal.mark_many(
                [(series.first + each.position, RecordState.COPIED, as_made(known)) for each, known in made]
            )


def as_made(known: KnownKey) -> dict[str, int]:
    """Return the columns by which the journal recognises an object."""
    return {"target_inode": etag_token(known.etag), "target_mtime_ns": known.mtime_ns}


def put_files(work: Work, uploads: Sequence[FileToPut], first: int, fail: Fail) -> list[tuple[FileToPut, KnownKey]]:
    """Upload files to one store; return those whose object is there, and is of a file that did not change meanwhile."""
    target = store_of(work, uploads[0].row.target_base)
    made = []
    for upload, outcome in zip(uploads, _put(work, target, uploads, first), strict=True):
        try:
            if isinstance(outcome, OSError):
                raise outcome
            made.append((upload, _made(work, target, upload, first, outcome)))
        except (Refusal, OSError) as error:
            fail(upload.position, error)
    target.known.add(known for _, known in made)
    return made


def file_to_put(
    work: Work,
    stack: contextlib.ExitStack,
    position: int,
    row: PlanRow,
    original: Original,
    attributes: ObjectAttributes,
) -> FileToPut:
    """Return the upload of an open file. Raises `OSError`."""
    source = work.storages[row.source_base]
    original.ready()
    # A descriptor of its own: the other one holds the lease.
    file = stack.enter_context(source.open_read(row.source_folder, row.source_name))
    if os.fstat(file.fileno()) != original.facts:
        raise OSError(errno.ESTALE, "it changed while it was copied", os.fsdecode(row.source_name))
    key = store_of(work, row.target_base).key(row.target_folder, row.target_name)
    return FileToPut(position, row, original, file, key, attributes)


def _put(work: Work, target: ObjectStorage, uploads: Sequence[FileToPut], first: int) -> list[ObjectOutcome | OSError]:
    """Upload at the same time, but one after another those that go in parts: their ids are recorded first. A file that
    cannot be read has its error.
    """
    outcomes: dict[int, ObjectOutcome | OSError] = {}

    def put(upload: FileToPut, **more: object) -> ObjectOutcome | OSError:
        size = upload.original.facts.st_size
        try:
            source = upload.file.read() if size <= READ_WHOLE_BYTES else upload.file
            return target.client.put(upload.key, source, **upload.attributes._asdict(), **more)  # type: ignore[arg-type]
        except StoreError:
            raise
        except OSError as error:
            return error

    try:
        small = [each for each in uploads if each.original.facts.st_size <= READ_WHOLE_BYTES]
        if len(small) > 1:
            with ThreadPoolExecutor(len(small)) as pool:
                outcomes = dict(zip([each.position for each in small], pool.map(put, small), strict=True))
        for each in uploads:
            if each.position not in outcomes:
                record = first + each.position
                begun = lambda upload, record=record: work.journal.objects().note_upload(record, upload)  # noqa: E731
                outcomes[each.position] = put(each, begun=begun)
    except StoreError as error:
        raise unreachable(target, error) from error
    return [outcomes[each.position] for each in uploads]


def _made(work: Work, target: ObjectStorage, upload: FileToPut, first: int, outcome: ObjectOutcome) -> KnownKey:
    """Return the copy in the store. One of a file that changed meanwhile is removed. Raises `Refusal`, `OSError`."""
    row, size = upload.row, upload.original.facts.st_size
    path = join(row.target_folder, row.target_name)
    if outcome.result is Result.DONE and outcome.mtime_ns:
        known = KnownKey(path, size, outcome.mtime_ns, outcome.etag)
    elif outcome.result in {Result.DONE, Result.AMBIGUOUS}:
        known = _looked_at(target, upload, path, outcome.error)
    else:
        raise error_of(outcome)
    if upload.original.is_untouched():
        return known
    changed = OSError(errno.ESTALE, "it changed while it was copied", os.fsdecode(row.source_name))
    raise withdrawn(work, target, row, first + upload.position, known.etag, changed)


def _looked_at(target: ObjectStorage, upload: FileToPut, path: bytes, cause: StoreError | None) -> KnownKey:
    """Return the copy if a look at its key shows that it was made. `cause` is why nobody knows. Raises `Refusal`,
    `OSError`, `StorageFailure`.
    """
    try:
        there = target.head(upload.row.target_folder, upload.row.target_name)
        if there is None:
            raise not_made(cause)
        is_made = there.metadata == upload.attributes.metadata
        size = upload.original.facts.st_size
        if not (is_made and there.size == size and _has_content(target, there.key, there.etag, upload.file, size)):
            raise Refusal(RecordState.CONFLICT, ReasonCode.NAME_TAKEN)
    except StoreError as error:
        raise unreachable(target, error) from error
    return KnownKey(path, there.size, there.mtime_ns, there.etag, there.storage_class)


def _has_content(target: ObjectStorage, key: bytes, etag: str, file: BinaryIO, size: int) -> bool:
    file.seek(0)
    for start in range(0, size, COMPARED_BYTES):
        stop = min(size, start + COMPARED_BYTES)
        part = b""
        while len(part) < stop - start and (more := file.read(stop - start - len(part))):
            part += more
        if part != target.client.read(key, start, stop, etag=etag):
            return False
    return True


def _settle_upload(case: Case) -> Verdict:
    """Return what became of an upload, by what the store says of its key now."""
    target, record = cast("ObjectStorage", case.target), case.record
    there = target.head(record.target_folder, record.target_name)
    if there is None:
        return case.not_done
    if record.state is RecordState.CONFLICT:
        return TAKEN
    if (there.token, there.size) == (record.target_inode, record.size):
        return Verdict(RecordState.DONE, case.note())
    place = record.source_folder, record.source_name
    is_ours = there.metadata.get(MTIME) == mtime_metadata(record.mtime_ns)[MTIME] and there.size == record.size
    target_place = record.target_folder, record.target_name
    if is_ours and case.is_original(case.at_source()) and same_content(case.source, *place, case.target, *target_place):
        columns = {"target_inode": there.token, "target_mtime_ns": there.mtime_ns}
        return Verdict(RecordState.DONE, case.note(), columns)
    return TAKEN if record.state is RecordState.INTENT else CHANGED


# Within a store -------------------------------------------------------------------------------------------------------


def _copy(work: Work, series: Series, fail: Fail) -> None:
    if not series.positions:
        return
    first = series.batch[series.positions[0]]
    source, target = store_of(work, first.source_base), store_of(work, first.target_base)
    moves = moves_of(work, source, target, series, fail)
    try:
        work.check_cancelled()
        groups = copied_objects(work, source, target, moves, series.first, fail)
        copied = [each for group in groups for each in group]
    except StoreError as error:
        raise unreachable(target, error) from error
    except OSError as error:  # cancelled
        for move in moves:
            fail(move.position, error)
        return
    record_copies(work, series, copied)
    for each in copied:
        path = join(each.move.row.target_folder, each.move.row.target_name)
        target.known.add([each.move.listed._replace(path=path, etag=each.etag, mtime_ns=each.mtime_ns)])


def _settle_copy(case: Case) -> Verdict:
    source, target = cast("ObjectStorage", case.source), cast("ObjectStorage", case.target)
    record = case.record
    there = target.head(record.target_folder, record.target_name)
    if there is None:
        return case.not_done
    if record.state is RecordState.CONFLICT:
        return TAKEN
    columns = {"target_inode": there.token, "target_mtime_ns": there.mtime_ns}
    if record.state is not RecordState.INTENT and (there.token, there.size) == (record.target_inode, record.size):
        return Verdict(RecordState.DONE, case.note(), columns)
    here = source.head(record.source_folder, record.source_name)
    if here is not None and here.token == record.inode and is_copy(source, here, target, there):
        return Verdict(RecordState.DONE, case.note(), columns)
    return TAKEN if record.state is RecordState.INTENT else CHANGED


# Into a folder --------------------------------------------------------------------------------------------------------


def _download(work: Work, series: Series, fail: Fail) -> None:
    with copy.Copies(work, fail) as copies:
        for position in series.positions:
            try:
                work.check_cancelled()
                work.begin_row()
                copies.stage(position, series.batch[position], series.first + position, None)
            except (Refusal, OSError) as error:
                fail(position, error)
            if copies.is_full:
                copy.publish(work, copies)
        copy.publish(work, copies)


# Undo -----------------------------------------------------------------------------------------------------------------


def _check_removal(work: Work, row: PlanRow, _: Entry | None) -> tuple[Entry, Reason | None]:
    """Return the entry of a copy. It must be the one that was made, and its original must still be there."""
    target = work.storages[row.target_base]
    seen = target.lstat(row.target_folder, row.target_name)
    if seen is None:
        raise gone(work, row)
    if (seen.inode, seen.size) != (row.inode, row.size):
        raise Refusal(RecordState.CHANGED, ReasonCode.EDITED_AND_KEPT)
    copied, source = work.journal.copied(row.reverts), work.storages[row.source_base]
    place = row.source_folder, row.source_name
    there = source.lstat(*place)
    is_kept = there is not None and there.size == row.size
    if (is_kept and there is not None and there.inode != copied.inode) or source.kind is Kind.LOCAL:
        is_kept = is_kept and same_content(source, *place, target, row.target_folder, row.target_name)
    if not is_kept:
        raise Refusal(RecordState.CHANGED, ReasonCode.ORIGINAL_CHANGED)
    return seen, None


def _remove(work: Work, series: Series, fail: Fail) -> None:
    """Remove copies, each only if it still has its ETag."""
    deletions = []
    target = store_of(work, series.batch[series.positions[0]].target_base)
    for position in series.positions:
        row = series.batch[position]
        try:
            work.check_cancelled()
            there = target.head(row.target_folder, row.target_name)
            if there is None:
                raise gone(work, row)
            if (there.token, there.size) != (row.inode, row.size):
                raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT)
            deletions.append((position, ObjectDeletion(there.key, there.etag)))
        except StoreError as error:
            raise unreachable(target, error) from error
        except (Refusal, OSError) as error:
            fail(position, error)
    try:
        outcomes = target.client.delete([deletion for _, deletion in deletions]) if deletions else []
    except StoreError as error:
        raise unreachable(target, error) from error
    for (position, _), outcome in zip(deletions, outcomes, strict=True):
        row = series.batch[position]
        if outcome.result in {Result.DONE, Result.GONE}:
            target.known.drop([join(row.target_folder, row.target_name)])
        elif outcome.result is Result.CHANGED:
            fail(position, Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT))
        elif outcome.result is Result.AMBIGUOUS:
            raise unreachable(target, outcome.error or StoreError(StoreCode.TIMED_OUT))
        else:
            fail(position, error_of(outcome))


def _settle_removal(case: Case) -> Verdict:
    record = case.record
    there = cast("ObjectStorage", case.target).head(record.target_folder, record.target_name)
    if there is None:
        return DONE
    return NOT_DONE if (there.token, there.size) == (record.inode, record.size) else CHANGED


_REMOVE_COPY = Handler(_check_removal, _remove, _settle_removal, checks_source=False)
TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (Action.COPY, Kind.LOCAL, Kind.OBJECT): Handler(check_source, _upload, _settle_upload),
    (Action.COPY, Kind.OBJECT, Kind.OBJECT): Handler(check_object, _copy, _settle_copy),
    (Action.COPY, Kind.OBJECT, Kind.LOCAL): Handler(check_object, _download, copy.COPY.settle),
    (Action.REMOVE_COPY, Kind.OBJECT, Kind.LOCAL): link_actions.REMOVE_COPY,
    (Action.REMOVE_COPY, Kind.LOCAL, Kind.OBJECT): _REMOVE_COPY,
    (Action.REMOVE_COPY, Kind.OBJECT, Kind.OBJECT): _REMOVE_COPY,
    # Folders have no source: their rows name the first base.
    (Action.MAKE_FOLDER, Kind.OBJECT, Kind.LOCAL): folder_actions.MAKE_FOLDER,
    (Action.REMOVE_FOLDER, Kind.OBJECT, Kind.LOCAL): folder_actions.REMOVE_FOLDER,
}
"""The handlers of copies from and to stores. Loaded only if a store takes part."""
