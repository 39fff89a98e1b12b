"""Removes empty keys that only mark a folder of a store, and makes them again with all that they had.

A store has no folder and no "remove if empty": the keys below a marker are listed just before. What the marker had is
in the journal before the deletion.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from fileorg.core.model import Action, RecordState
from fileorg.core.names import join
from fileorg.core.reasons import ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.actions.carry_object import AT_ONCE, with_attributes
from fileorg.execute.actions.handler import Handler
from fileorg.execute.actions.kept_attributes import ObjectAttributes, as_object, object_text
from fileorg.execute.actions.object_copies import error_of, is_forbidden, not_made, store_of, unreachable
from fileorg.execute.verdict import CHANGED, DONE, TAKEN, Refusal, Verdict
from fileorg.storage.base import Kind
from fileorg.storage.object.client import DeleteMarker, ObjectDeletion, ObjectOutcome, Result, etag_token
from fileorg.storage.object.known_keys import KnownKey
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.storage.object.client import StoredObject
    from fileorg.storage.object.object_storage import ObjectStorage


class _Marker(NamedTuple):
    """A marker under way: its position, its folder and its key."""

    position: int
    folder: bytes
    key: bytes


def _markers(store: ObjectStorage, series: Series) -> list[_Marker]:
    rows = [(position, series.batch[position]) for position in series.positions]
    folders = [(position, join(row.target_folder, row.target_name)) for position, row in rows]
    return [_Marker(position, folder, store.marker_key(folder)) for position, folder in folders]


def _by_depth(markers: Iterable[_Marker], *, deepest_first: bool) -> Iterator[list[_Marker]]:
    """Yield the markers of one depth together: SeaweedFS has folders, and makes and drops those in between itself."""
    depths = defaultdict[int, list[_Marker]](list)
    for each in markers:
        depths[each.key.count(b"/")].append(each)
    for depth in sorted(depths, reverse=deepest_first):
        yield depths[depth]


def _is_going_on(work: Work, markers: Sequence[_Marker], fail: Fail) -> bool:
    """Return whether the run goes on; if it was cancelled, report that for each marker."""
    try:
        work.check_cancelled()
    except OSError as error:
        for each in markers:
            fail(each.position, error)
        return False
    return True


# Remove ---------------------------------------------------------------------------------------------------------------


def _check_removed(work: Work, row: PlanRow, _: Entry | None) -> tuple[Entry | None, None]:
    store = store_of(work, row.target_base)
    folder = join(row.target_folder, row.target_name)
    if not store.known.is_listed(folder):  # a redo: its ETag is looked at once it is its turn
        return None, None
    entry, marker = store.folder_entry(row.target_folder, row.target_name), store.marker(folder)
    if entry is None or marker is None:
        raise Refusal(RecordState.SKIPPED, ReasonCode.GONE)
    return entry._replace(inode=etag_token(marker.etag), mtime_ns=marker.mtime_ns), None


def _remove(work: Work, series: Series, fail: Fail) -> None:
    store = store_of(work, series.batch[series.positions[0]].target_base)
    markers = _markers(store, series)
    if not _is_going_on(work, markers, fail):
        return
    try:
        removable = _removable(store, series, markers, fail)
        kept = {series.first + each.position: object_text(attributes) for each, _, attributes in removable}
        work.journal.objects().keep(kept)
        _remove_all(work, store, series, [(each, there) for each, there, _ in removable], fail)
    except StoreError as error:
        raise unreachable(store, error) from error


def _removable(
    store: ObjectStorage, series: Series, markers: Sequence[_Marker], fail: Fail
) -> list[tuple[_Marker, StoredObject, ObjectAttributes]]:
    """Return the markers that are as they were and have nothing else below them, with what they have. Raises
    `StoreError`.
    """
    found = []
    for each, there in zip(markers, with_attributes(store, [each.key for each in markers]), strict=True):
        intended = series.checked.intent(each.position).inode
        if not isinstance(there, tuple):
            is_gone = isinstance(there, Refusal)
            fail(each.position, Refusal(RecordState.SKIPPED, ReasonCode.GONE) if is_gone else there)
        elif there[0].size or (intended and there[0].token != intended):
            fail(each.position, Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN))
        else:
            found.append((each, *there))
    held = _with_others_below(store, {each.key for each, *_ in found})
    for each, *_ in found:
        if each.key in held:
            fail(each.position, Refusal(RecordState.SKIPPED, ReasonCode.NOT_EMPTY))
    return [marker for marker in found if marker[0].key not in held]


def _with_others_below(store: ObjectStorage, going: Collection[bytes]) -> set[bytes]:
    """Return the markers below which there is a key that does not go with them. Raises `StoreError`."""

    def held_below(top: bytes) -> set[bytes]:
        inside, held = {key for key in going if key.startswith(top)} if len(going) > 1 else {top}, set[bytes]()
        for page in store.client.pages(top):
            for each in page:
                if each.key not in going:
                    held.update(key for key in _on_the_way(each.key) if key in inside)
            if held == inside:
                break
        return held

    tops = [key for key in going if not any(above in going for above in _on_the_way(key[:-1]))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return set[bytes]().union(*pool.map(held_below, tops))


def _on_the_way(key: bytes) -> Iterator[bytes]:
    """Yield the markers of all folders that a key is in."""
    at = key.find(b"/")
    while at >= 0:
        yield key[: at + 1]
        at = key.find(b"/", at + 1)


def _remove_all(
    work: Work, store: ObjectStorage, series: Series, removable: Sequence[tuple[_Marker, StoredObject]], fail: Fail
) -> None:
    """Delete the markers, the deepest first. Raises `StoreError`, also if nobody knows whether one is gone."""
    etags = {each.key: there.etag for each, there in removable}
    left, versions = set[bytes](), dict[int, str]()
    for depth in _by_depth((each for each, _ in removable), deepest_first=True):
        stay = [each for each in depth if each.key in left]
        goes = [each for each in depth if each.key not in left]
        for each in stay:
            fail(each.position, Refusal(RecordState.SKIPPED, ReasonCode.NOT_EMPTY))
        outcomes = store.client.delete([ObjectDeletion(each.key, etags[each.key]) for each in goes])
        unknown: StoreError | None = None
        for each, outcome in zip(goes, outcomes, strict=True):
            if outcome.result is Result.AMBIGUOUS:
                unknown = outcome.error or StoreError(StoreCode.TIMED_OUT)
            elif outcome.result in {Result.DONE, Result.GONE}:
                store.known.drop([each.folder + b"/"])
                if outcome.version is not None:
                    versions[series.first + each.position] = outcome.version
            else:
                left.update(_on_the_way(each.key[:-1]))
                fail(each.position, error_of(outcome))
        if versions:
            work.journal.objects().note_markers(versions)
            versions.clear()
        if unknown is not None:
            raise unknown


def _settle_removed(case: Case) -> Verdict:
    """Return what became of a removal. If the request may be on its way yet, it is sent again: it would be carried out
    after an undo otherwise.
    """
    store, record = cast("ObjectStorage", case.target), case.record
    folder = join(record.target_folder, record.target_name)
    there = store.head_marker(folder)
    if there is None:
        return DONE
    if record.state is not RecordState.INTENT or case.objects.kept(record.id) is None:
        return case.not_done
    if there.size or (record.inode and there.token != record.inode):
        return CHANGED
    if _with_others_below(store, {there.key}):
        return case.not_done
    [outcome] = store.client.delete([ObjectDeletion(there.key, there.etag)])
    if outcome.result in {Result.DONE, Result.GONE}:
        return DONE
    if outcome.result is Result.CHANGED:
        return CHANGED
    if outcome.error is not None and is_forbidden(outcome.error):
        return case.not_done
    raise outcome.error or OSError(errno.EIO, os.strerror(errno.EIO))


# Make again -----------------------------------------------------------------------------------------------------------


def _check_made(work: Work, row: PlanRow, _: Entry | None) -> tuple[None, None]:
    store = store_of(work, row.target_base)
    if store.marker(join(row.target_folder, row.target_name)) is not None:
        raise Refusal(RecordState.SKIPPED, ReasonCode.ALREADY_THERE)
    return None, None


def _make(work: Work, series: Series, fail: Fail) -> None:
    store = store_of(work, series.batch[series.positions[0]].target_base)
    facts = work.journal.objects()
    for markers in _by_depth(_markers(store, series), deepest_first=False):
        if not _is_going_on(work, markers, fail):
            continue
        reverts = {each.position: series.batch[each.position].reverts for each in markers}
        attributes = {each.position: _kept(facts.kept(reverts[each.position])) for each in markers}
        versions = facts.markers(reverts.values())
        hidden = [each for each in markers if reverts[each.position] in versions]
        try:
            unhidden = store.client.remove_markers(
                [DeleteMarker(each.key, versions[reverts[each.position]]) for each in hidden]
            )
            back = {
                each.position
                for each, outcome in zip(hidden, unhidden, strict=True)
                if outcome.result in {Result.DONE, Result.AMBIGUOUS}
            }
            outcomes = _written(store, [each for each in markers if each.position not in back], attributes)
            outcomes |= {position: ObjectOutcome(Result.AMBIGUOUS) for position in back}
            made = []
            for each in markers:
                try:
                    made.append((each, _made(store, each, attributes[each.position], outcomes[each.position])))
                except (Refusal, OSError) as error:
                    fail(each.position, error)
        except StoreError as error:
            raise unreachable(store, error) from error
        _record(work, store, series, made)


def _kept(text: str | None) -> ObjectAttributes:
    return as_object(text) or ObjectAttributes({})


def _written(
    store: ObjectStorage, markers: Sequence[_Marker], attributes: dict[int, ObjectAttributes]
) -> dict[int, ObjectOutcome]:
    def put(each: _Marker) -> ObjectOutcome:
        return store.client.put(each.key, b"", **attributes[each.position]._asdict())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {each.position: outcome for each, outcome in zip(markers, pool.map(put, markers), strict=True)}


def _made(store: ObjectStorage, marker: _Marker, attributes: ObjectAttributes, outcome: ObjectOutcome) -> KnownKey:
    """Return the marker that is there. Raises `Refusal`, `OSError`, `StorageFailure` if nobody can tell now."""
    path = marker.folder + b"/"
    match outcome.result:
        case Result.DONE if outcome.mtime_ns:
            return KnownKey(path, 0, outcome.mtime_ns, outcome.etag, attributes.storage_class)
        case Result.TARGET_EXISTS:
            # SeaweedFS takes a folder of its own for the marker, such as one with old versions: that is not listed.
            first = next(store.client.pages(marker.key), [])
            is_there = any(each.key == marker.key for each in first)
            code = ReasonCode.ALREADY_THERE if is_there else ReasonCode.NAME_TAKEN
            raise Refusal(RecordState.SKIPPED if is_there else RecordState.CONFLICT, code)
        case Result.DONE | Result.AMBIGUOUS:
            try:
                there = store.head_marker(marker.folder)
                is_as_before = there is not None and _is_as_before(store, there.key, attributes)
            except StoreError as error:
                raise unreachable(store, error) from error
            if there is None:
                raise not_made(outcome.error)
            if not is_as_before:
                raise Refusal(RecordState.SKIPPED, ReasonCode.ALREADY_THERE)
            return KnownKey(path, 0, there.mtime_ns, there.etag, there.storage_class)
        case _:
            raise error_of(outcome)


def _record(work: Work, store: ObjectStorage, series: Series, made: Sequence[tuple[_Marker, KnownKey]]) -> None:
    """Record the ETags of the markers, by which a redo knows them."""
    store.known.add([known for _, known in made])
    with work.journal.transaction():
        work.journal.mark_many(
            [
                (
                    series.first + each.position,
                    RecordState.COPIED,
                    {"target_inode": etag_token(known.etag), "target_mtime_ns": known.mtime_ns},
                )
                for each, known in made
            ]
        )


def _is_as_before(store: ObjectStorage, key: bytes, attributes: ObjectAttributes) -> bool:
    """Return whether a marker has what an earlier one had. Raises `OSError`."""
    [found] = with_attributes(store, [key])
    if isinstance(found, OSError):
        raise found
    if isinstance(found, Refusal):
        return False
    there, own = found
    return not there.size and own == attributes


def _settle_made(case: Case) -> Verdict:
    store, record = cast("ObjectStorage", case.target), case.record
    there = store.head_marker(join(record.target_folder, record.target_name))
    if there is None:
        return case.not_done
    columns = {"target_inode": there.token, "target_mtime_ns": there.mtime_ns}
    if record.state is RecordState.COPIED or _is_as_before(store, there.key, _kept(case.objects.kept(record.reverts))):
        return Verdict(RecordState.DONE, case.note(), columns)
    return TAKEN


_MAKE = Handler(_check_made, _make, _settle_made, checks_source=False)
_REMOVE = Handler(_check_removed, _remove, _settle_removed, checks_source=False)
TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (action, source, Kind.OBJECT): handler
    for action, handler in ((Action.MAKE_FOLDER, _MAKE), (Action.REMOVE_FOLDER, _REMOVE))
    for source in Kind  # folders have no source: their rows name the first base
}
"""The handlers of markers of folders. Loaded only if a store takes part."""
