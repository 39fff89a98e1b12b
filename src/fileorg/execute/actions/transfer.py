"""Moves files into a store, and objects into a folder.

The content is copied and verified first, and the copy recorded; only then the original is taken away, if it is still
what was copied: an object is deleted, and a file goes into the trash of its root, from where undo takes it back. What
the target cannot keep of it is in the journal before that, for an undo after a purge.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, cast

from fileorg.content.identical import same_content
from fileorg.core.model import Action, Entry, RecordState
from fileorg.core.names import join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions.carry_object import AT_ONCE, with_attributes
from fileorg.execute.actions.copy import Copies, as_recorded, settle_copy, withdraw, without_copy
from fileorg.execute.actions.copy_object import as_made, file_to_put, put_files
from fileorg.execute.actions.handler import Handler, check_ready, check_source, kept
from fileorg.execute.actions.keeper_checks import stuck_at, target_of
from fileorg.execute.actions.kept_attributes import (
    ObjectAttributes,
    as_file,
    as_object,
    file_text,
    object_text,
)
from fileorg.execute.actions.move import settle_original, take_away
from fileorg.execute.actions.move_object import check_object, leave_original
from fileorg.execute.actions.object_copies import (
    STAYS,
    delete_one,
    is_forbidden,
    store_of,
    unreachable,
    why_left,
    withdrawn,
)
from fileorg.execute.identity import Identity, identity, intended, is_intact, is_known
from fileorg.execute.temporaries import put_back, remove_checked, rename_to_free
from fileorg.execute.verdict import CHANGED, GONE, TAKEN, Refusal, Verdict
from fileorg.journal.object_facts import KeptOriginal
from fileorg.storage.base import Kind
from fileorg.storage.links import Location
from fileorg.storage.local import posix
from fileorg.storage.local.attributes import attributes_of
from fileorg.storage.local.digests import digest_of, digest_of_copy
from fileorg.storage.object.client import ObjectDeletion, etag_token
from fileorg.storage.object.download import mtime_metadata
from fileorg.storage.object.known_keys import KnownKey
from fileorg.storage.object.store_error import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fileorg.core.model import PlanRow
    from fileorg.execute.actions.copy_object import FileToPut
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.storage.local.original import Original
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.client import StoredObject
    from fileorg.storage.object.object_storage import ObjectStorage


_NO_PLACE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.EXDEV})
"""Errors if a file has no place in the trash, now or later."""

# A file into a store --------------------------------------------------------------------------------------------------


def _put(work: Work, series: Series, fail: Fail) -> None:
    for start in range(0, len(series.positions), AT_ONCE):
        with contextlib.ExitStack() as stack:
            uploads, attributes, originals = [], dict[int, str](), dict[int, KeptOriginal]()
            for position in series.positions[start : start + AT_ONCE]:
                try:
                    work.check_cancelled()
                    upload = _opened(work, stack, series, position)
                    record = series.first + position
                    if (place := _place_in_trash(work, upload)) is not None:
                        originals[record] = place
                    attributes[record] = file_text(attributes_of(upload.original.fd))
                    uploads.append(upload)
                except (Refusal, OSError) as error:
                    fail(position, error)
            if uploads:
                work.journal.objects().keep(attributes, originals, work.folder_id)
                _put_and_remove(work, series, uploads, originals, fail)


def _opened(work: Work, stack: contextlib.ExitStack, series: Series, position: int) -> FileToPut:
    row, intent = series.batch[position], series.checked.intent(position)
    if (intent.nlink or 1) > 1:
        raise kept(row, ReasonCode.HARD_LINKS_TORN, None, intent.nlink)
    if not stat.S_ISREG(intent.mode or stat.S_IFREG):
        raise kept(row, ReasonCode.SYMLINK_STAYS)
    original = stack.enter_context(work.storages[row.source_base].original(row.source_folder, row.source_name))
    check_ready(row, original.begin(), if_unknown=False)
    if posix.flags(original.fd) & (posix.IMMUTABLE | posix.APPEND):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # the original could not be removed
    before = as_object(work.journal.objects().kept(row.reverts)) if row.reverts else None
    return file_to_put(work, stack, position, row, original, before or _of_file(original.facts.st_mtime_ns))


def _of_file(mtime_ns: int) -> ObjectAttributes:
    return ObjectAttributes(mtime_metadata(mtime_ns))


def _place_in_trash(work: Work, upload: FileToPut) -> KeptOriginal | None:
    """Return where in the trash a file goes after its upload: the plan has made the folder, or a redo makes it again.
    None if there is no such place, for a redo after a purge: the file is removed then.

    Raises `Refusal` if the trash is on another file system, `OSError`.
    """
    row, facts = upload.row, work.journal.objects()
    if row.reverts:
        before = facts.original_before(row.reverts)
        folder = None if before is None else before.folder
    else:
        trash = facts.trash_of(work.operation, row.source_base)
        folder = None if trash is None else join(trash, row.source_folder) if row.source_folder else trash
    if folder is None:
        return None
    source = work.storages[row.source_base]
    there, here = source.stat_folder(folder), source.stat_folder(row.source_folder)
    if there is None or here is None:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), os.fsdecode(folder))
    if there.dev != here.dev:  # not that of the file: overlayfs gives it the number of a layer
        raise kept(row, ReasonCode.OTHER_DISK_THAN_TRASH)
    entry = upload.original.entry
    return KeptOriginal(row.source_base, folder, row.source_name, entry.inode, entry.mtime_ns)


def _into_trash(storage: LocalStorage, place: KeptOriginal) -> Callable[[bytes, bytes], None]:
    """Return a function that renames a file, which is aside, to its place in the trash. It raises `OSError`."""
    return lambda folder, name: rename_to_free(storage, folder, name, storage, place.folder, place.name, lambda _: None)


def _put_and_remove(
    work: Work, series: Series, uploads: Sequence[FileToPut], originals: Mapping[int, KeptOriginal], fail: Fail
) -> None:
    made = []
    for each, known in put_files(work, uploads, series.first, fail):
        try:
            made.append((each, known, _digest(each.original)))
        except OSError as error:
            target, record = store_of(work, each.row.target_base), series.first + each.position
            fail(each.position, withdrawn(work, target, each.row, record, known.etag, error))
    with work.journal.transaction():
        work.journal.mark_many(
            [
                (series.first + each.position, RecordState.COPIED, {**as_made(known), "digest": digest})
                for each, known, digest in made
            ]
        )
    for each, known, digest in made:
        row, record = each.row, series.first + each.position
        expected = intended(series.checked.intent(each.position))
        place = originals.get(record)
        dispose = None if place is None else _into_trash(work.storages[row.source_base], place)
        failure = take_away(work, row, record, expected, digest, each.original, dispose)
        if failure is not None:
            work.touched_folders.add((row.source_base, row.source_folder))
            fail(each.position, withdrawn(work, store_of(work, row.target_base), row, record, known.etag, failure))


def _digest(original: Original) -> bytes:
    view = memoryview(bytearray(1 << 20))
    return digest_of(original.fd, original.facts.st_size, view, digest_of_copy(original.facts))


def _settle_put(case: Case) -> Verdict:
    """Return what became of a file on its way into a store, and remove the original if the copy is complete."""
    target, record = cast("ObjectStorage", case.target), case.record
    folder, name = record.source_folder, record.source_name
    is_aside = case.is_aside(record.source_base, folder, name, case.original)
    kept = case.objects.original(record.id)
    there = target.head(record.target_folder, record.target_name)
    here = case.source.lstat(folder, case.aside) if is_aside else case.at_source()
    is_original = case.is_original(here)
    if kept is not None and here is not None and is_original:
        _clear(case, kept, here)
    is_recorded = there is not None and (there.token, there.size) == (record.target_inode, record.size)
    if there is not None and is_recorded and is_original and record.state in STAYS:
        # The removal of the copy may be under way.
        if is_aside:
            put_back(case.source, folder, name, case.aside, case.reserving)
        failed = Verdict(record.state, record.reason)
        return leave_original(case, there, failed) if _has_metadata(case, there) else failed
    is_whole = there is not None and _is_put(case, there, is_aside=is_aside)
    if there is None or not is_whole:
        if is_aside:
            put_back(case.source, folder, name, case.aside, case.reserving)
        elif here is None and kept is not None and _is_back(case, kept):
            is_original = True
        if there is None:
            return case.not_done if is_original else GONE if here is None else CHANGED
        return TAKEN if is_original or record.state is RecordState.CONFLICT else CHANGED
    columns = {"target_inode": there.token, "target_mtime_ns": there.mtime_ns, "digest": case.record.digest}
    if is_aside and not is_original:
        put_back(case.source, folder, name, case.aside, case.reserving)
        return CHANGED
    if not is_original:  # gone, or the file of another program
        return Verdict(RecordState.DONE, case.note(), columns)
    case.announce(Verdict(RecordState.COPIED, case.note(), columns))
    case.touch_folder(record.source_base, folder)
    stays = _taken_away(case, kept, is_aside=is_aside)
    if stays is None:
        return Verdict(RecordState.DONE, case.note(), columns)
    return leave_original(case, there, stays)


def _taken_away(case: Case, kept: KeptOriginal | None, *, is_aside: bool) -> Verdict | None:
    """Remove the original, or move it to its place in the trash; return why it stays, under its name. Raises `OSError`
    if a later recovery may succeed.
    """
    dispose = None if kept is None else _into_trash(case.source, kept)
    try:
        failure = settle_original(case, is_aside=is_aside, dispose=dispose)
    except OSError as error:
        if kept is None or error.errno not in _NO_PLACE or not case.is_original(case.at_source()):
            raise
        if error.errno == errno.EXDEV:
            return Verdict(RecordState.FAILED, Reason(ReasonCode.OTHER_DISK_THAN_TRASH))
        return Verdict(RecordState.FAILED, Reason.of_error(error))
    return None if failure is None else Verdict(RecordState.CHANGED, Reason(failure))


def _clear(case: Case, kept: KeptOriginal, here: Entry) -> None:
    """Remove what has the name in the trash of a file that is not there yet: a placeholder that reserved it, or a
    second name of the file, where a rename is a link and an unlink.
    """
    there = case.source.lstat(kept.folder, kept.name)
    if there is not None and (there.size == 0 or _is_second_name(there, here)):
        case.source.discard(kept.folder, kept.name)


def _is_second_name(there: Entry, here: Entry) -> bool:
    return here.nlink > 1 and (there.dev, there.inode) == (here.dev, here.inode)


def _is_back(case: Case, kept: KeptOriginal) -> bool:
    """Put a file back whose object is gone or was replaced since; return whether that was possible."""
    place = Location(case.source, kept.folder, kept.name)
    if not case.is_original(place.lstat()):
        return False
    case.touch_folder(case.record.source_base, case.record.source_folder)
    rename_to_free(*place, *case.source_place, case.reserving)
    return True


def _is_put(case: Case, there: StoredObject, *, is_aside: bool) -> bool:
    """Return whether an object is the copy of the file: as it was recorded, or else by its content, whose digest the
    record has then.
    """
    target, record = case.target, case.record
    if record.digest is not None:  # recorded together with the object
        return (there.token, there.size) == (record.target_inode, record.size)
    if record.state is RecordState.CONFLICT or there.size != record.size or is_aside:
        return False
    if not _has_metadata(case, there):
        return False
    place = record.source_folder, record.source_name
    if not case.is_original(case.at_source()):
        return False
    with case.source.original(*place) as original:
        case.record = record._replace(digest=_digest(original))
    return same_content(case.source, *place, target, record.target_folder, record.target_name)


def _has_metadata(case: Case, there: StoredObject) -> bool:
    """Return whether an object has the metadata of the copy. The same content may have been uploaded by others."""
    record = case.record
    before = as_object(case.objects.kept(record.reverts)) if record.reverts else None
    return dict(there.metadata) == dict((before or _of_file(record.mtime_ns or 0)).metadata)


# An object into a folder ----------------------------------------------------------------------------------------------


def _check_home(work: Work, row: PlanRow, seen: Entry | None) -> tuple[Entry, Reason | None]:
    """Return the entry of an object as `check_object` does, and also of one that is gone if its original is in the
    trash.
    """
    place = work.journal.objects().original(row.reverts) if seen is None and row.reverts else None
    if place is not None and _is_in_trash(work.storages[place.base], place, row.size):
        return Entry(row.source_name, row.size, row.mtime_ns, row.mtime_ns, row.inode, row.mode, 1, 0), None
    return check_object(work, row, seen)


def _get(work: Work, series: Series, fail: Fail) -> None:
    """Take originals out of the trash, and download the others. An object that was changed in the store is another
    content than its original.
    """
    source = store_of(work, series.batch[series.positions[0]].source_base)
    kept = dict[int, tuple[KeptOriginal, KnownKey | None]]()
    for position in series.positions:
        row, intent = series.batch[position], series.checked.intent(position)
        place = work.journal.objects().original(row.reverts) if row.reverts else None
        listed = source.listed(row.source_folder, row.source_name)
        is_same = listed is None or etag_token(listed.etag) == row.inode
        if place is None or not is_same or intent.inode != row.inode:
            continue
        if _is_in_trash(work.storages[place.base], place, row.size):
            kept[position] = place, listed
    if kept:
        _give_back(work, series, kept, fail)
    left = [position for position in series.positions if position not in kept]
    for start in range(0, len(left), AT_ONCE):
        _get_some(work, series, left[start : start + AT_ONCE], fail)


def _is_in_trash(storage: LocalStorage, place: KeptOriginal, size: int) -> bool:
    try:
        there = storage.lstat(place.folder, place.name)
    except OSError:
        return False
    return is_known(storage, place.folder, there, Identity(place.inode, size, place.mtime_ns))


def _give_back(
    work: Work, series: Series, kept: Mapping[int, tuple[KeptOriginal, KnownKey | None]], fail: Fail
) -> None:
    """Rename originals from the trash to their names, then remove their objects, each if it still has its ETag."""
    source = store_of(work, series.batch[series.positions[0]].source_base)
    with work.journal.transaction():  # recovery then knows that they were not downloaded
        work.journal.mark_many(
            [
                (
                    series.first + position,
                    RecordState.COPIED,
                    {"target_inode": place.inode, "target_mtime_ns": place.mtime_ns, "digest": None},
                )
                for position, (place, _) in kept.items()
            ]
        )
    back = list[tuple[int, KnownKey]]()
    for position, (place, listed) in kept.items():
        row = series.batch[position]
        try:
            work.check_cancelled()
            work.begin_row()
            now = Location(work.storages[place.base], place.folder, place.name)
            rename_to_free(*now, *target_of(work, row), work.reserving(series.first + position))
            if listed is not None:
                back.append((position, listed))
        except OSError as error:
            fail(position, error)
    deletions = [ObjectDeletion(source.key(*series.batch[position][2:4]), listed.etag) for position, listed in back]
    try:
        outcomes = source.client.delete(deletions) if deletions else []
    except StoreError as error:
        raise unreachable(source, error) from error
    for (position, listed), outcome in zip(back, outcomes, strict=True):
        row, place = series.batch[position], kept[position][0]
        failure = why_left(source, row, listed.etag, outcome)
        if failure is None:
            source.known.drop([listed.path])
            continue
        now, there = target_of(work, row), Location(work.storages[place.base], place.folder, place.name)
        try:
            if is_known(now.storage, now.folder, now.lstat(), Identity(place.inode, row.size, place.mtime_ns)):
                rename_to_free(*now, *there, lambda _: None)
        except OSError as error:
            raise stuck_at(there, now, error) from error
        fail(position, failure)


def _get_some(work: Work, series: Series, positions: Sequence[int], fail: Fail) -> None:
    source = store_of(work, series.batch[positions[0]].source_base)
    there = _described(work, source, series, positions, fail)
    with Copies(work, fail) as copies:
        for position, (found, _) in there.items():
            row = series.batch[position]
            try:
                work.check_cancelled()
                work.begin_row()
                before = as_file(work.journal.objects().kept(row.reverts)) if row.reverts else None
                copies.stage(position, row, series.first + position, None, there=found, attributes=before)
            except (Refusal, OSError) as error:
                fail(position, error)
        made = copies.publish()
    if not made:
        return
    try:
        outcomes = source.client.delete(
            [ObjectDeletion(there[copy.position][0].key, there[copy.position][0].etag) for copy in made]
        )
    except StoreError as error:
        raise unreachable(source, error) from error
    for copy, outcome in zip(made, outcomes, strict=True):
        failure = why_left(source, copy.row, there[copy.position][0].etag, outcome)
        if failure is not None:
            facts = copy.row, copy.record, RecordState.COPIED, identity(copy.entry), copy.staged.digest
            withdraw(work, *facts)
            fail(copy.position, failure)
            continue
        source.known.drop([join(copy.row.source_folder, copy.row.source_name)])
        work.losses.add(copy.staged.lost)


def _described(
    work: Work, source: ObjectStorage, series: Series, positions: Sequence[int], fail: Fail
) -> dict[int, tuple[StoredObject, ObjectAttributes]]:
    """Return the objects of a series, by position, and what they are to get back; that is in the journal then."""
    found: dict[int, tuple[StoredObject, ObjectAttributes]] = {}
    try:
        work.check_cancelled()
        described = with_attributes(source, [source.key(*series.batch[position][2:4]) for position in positions])
    except StoreError as error:
        raise unreachable(source, error) from error
    except OSError as error:
        for position in positions:
            fail(position, error)
        return found
    for position, each in zip(positions, described, strict=True):
        intent = series.checked.intent(position)
        if not isinstance(each, tuple):
            fail(position, each)
        elif (each[0].token, each[0].size) != (intent.inode, intent.size):
            fail(position, Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN))
        else:
            found[position] = each
    if found:
        work.journal.objects().keep({series.first + at: object_text(what) for at, (_, what) in found.items()})
    return found


def _settle_get(case: Case) -> Verdict:
    """Return what became of an object on its way into a folder, and remove it if the copy is complete."""
    source, record = cast("ObjectStorage", case.source), case.record
    kept = case.objects.original(record.reverts) if record.reverts and record.digest is None else None
    if kept is not None and (kept.inode, kept.mtime_ns) == (record.target_inode, record.target_mtime_ns):
        return _settle_given_back(case, kept)
    made = settle_copy(case)
    if isinstance(made, Verdict):
        return made
    here = source.head(record.source_folder, record.source_name)
    is_here = here is not None and (here.token, here.size) == (record.inode, record.size)
    if made is None:
        # Its object may have been gone before.
        waits = kept is not None and _is_in_trash(case.storages[kept.base], kept, record.size or 0)
        return _not_gotten(case, is_here=is_here or (here is None and waits), is_gone=here is None)
    place = record.target_folder, record.target_name
    if not is_here:
        return Verdict(RecordState.DONE, case.note(), as_recorded(made)) if _is_made(case, made) else CHANGED
    if not is_intact(case.target, *place, made, record.digest):
        return without_copy(case)
    if here is not None:
        case.announce(Verdict(RecordState.COPIED, case.note(), as_recorded(made)))
        try:
            delete_one(source, here)
        except StoreError as error:
            if not is_forbidden(error):
                raise
            case.touch_folder(record.target_base, record.target_folder)
            is_removed = remove_checked(case.target, *place, case.aside, made, record.digest, reserving=case.reserving)
            return Verdict(RecordState.FAILED, Reason.of_error(error)) if is_removed else CHANGED
    return Verdict(RecordState.DONE, case.note(), as_recorded(made))


def _settle_given_back(case: Case, kept: KeptOriginal) -> Verdict:
    """Return what became of an original on its way from the trash, and remove its object if it has its name again."""
    source, record = cast("ObjectStorage", case.source), case.record
    here = source.head(record.source_folder, record.source_name)
    is_here = here is not None and (here.token, here.size) == (record.inode, record.size)
    home = case.at_target()
    if home is None or not case.is_made(home, case.moved):
        is_free = home is None
        if _is_in_trash(case.storages[kept.base], kept, record.size or 0):
            return case.not_done if is_free else TAKEN
        return _not_gotten(case, is_here=is_here, is_gone=here is None)
    case.touch_folder(record.target_base, record.target_folder)
    waiting = case.storages[kept.base].lstat(kept.folder, kept.name)
    if waiting is not None and _is_second_name(waiting, home):
        case.storages[kept.base].discard(kept.folder, kept.name)
    if is_here and here is not None:
        case.announce(Verdict(RecordState.COPIED, case.note(), as_recorded(case.moved)))
        try:
            delete_one(source, here)
        except StoreError as error:
            if not is_forbidden(error):
                raise
            trash = case.storages[kept.base]
            rename_to_free(*case.target_place, trash, kept.folder, kept.name, lambda _: None)
            return Verdict(RecordState.FAILED, Reason.of_error(error))
    return Verdict(RecordState.DONE, case.note(), as_recorded(case.moved))


def _not_gotten(case: Case, *, is_here: bool, is_gone: bool) -> Verdict:
    is_free = case.at_target() is None
    if is_here:
        return case.not_done if is_free else TAKEN
    return GONE if is_gone and is_free else CHANGED


def _is_made(case: Case, made: Identity) -> bool:
    return case.is_made(case.at_target(), made)


_PUT = Handler(check_source, _put, _settle_put)
_GET = Handler(_check_home, _get, _settle_get)
TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (action, source, target): handler
    for action in (Action.MOVE, Action.RESTORE)
    for source, target, handler in ((Kind.LOCAL, Kind.OBJECT, _PUT), (Kind.OBJECT, Kind.LOCAL, _GET))
}
"""The handlers of moves between folders and stores. Loaded only if a store takes part."""
