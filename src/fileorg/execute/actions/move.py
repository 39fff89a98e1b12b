"""Moves a file: by a rename, or if one rename cannot do it, by a copy, a placeholder or a temporary name."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from fileorg.core.errors import StorageFailure
from fileorg.core.model import RecordState
from fileorg.core.names import collision_key, is_step_name
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions.copy import Copies, as_recorded, settle_copy, withdraw, without_copy
from fileorg.execute.actions.handler import Handler, check_ready, check_source, kept
from fileorg.execute.identity import Identity, identity, intended, is_certain, is_intact, is_known
from fileorg.execute.temporaries import (
    aside,
    put_aside,
    put_back,
    remove_checked,
    rename_beside,
    rename_over_reserved,
    settle_aside,
)
from fileorg.execute.verdict import CHANGED, CUT_SHORT, DONE, EDITED, GONE, TAKEN, Refusal, Verdict
from fileorg.storage.local import posix
from fileorg.storage.local.readiness import State
from fileorg.storage.local.worker import Moves, RenamerDied, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from fileorg.core.model import Base, Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.journal.rows import Record
    from fileorg.storage.local.original import Original
    from fileorg.storage.local.storage import LocalStorage


_ORIGINALS = 32
"""Files that are copied together: each needs two descriptors until it is removed."""
_MAY_NOT_GO = {errno.EROFS, errno.EACCES, errno.EPERM}
"""Errors that say themselves why an original stays: a disk that is read-only now, or a sticky folder."""
_LOSSES = 3
"""A file that has ended this number of workers is set aside; after as many such files in a row, none is to blame."""


def _pack(rows: Sequence[PlanRow]) -> bytes:
    paths = [part for row in rows for part in (row[2], row[3], row[5], row[6])]
    return pack(Moves(rows[0].source_base, rows[0].target_base, paths))


def _apply(work: Work, series: Series, fail: Fail) -> Callable[[], None]:
    """Start all renames in the worker; failed ones are retried in another way when the rest are done."""
    work.renamer.start(series.packed or b"")

    def finish() -> None:
        try:
            failed = work.renamer.finish()
        except RenamerDied:
            failed = _rename_the_rest(work, series, fail)
        if not failed:
            return
        with Crossing(work, series, fail) as crossing:
            for index, code in failed:
                position = series.positions[index]
                try:
                    work.check_cancelled()
                    work.begin_row()
                    row = series.batch[position]
                    is_due = crossing.is_due_before(row)
                    if is_due:
                        crossing.finish()
                    # The worker tried it before an earlier row had brought the file in another way.
                    if is_due or (code == errno.ENOENT and is_step_name(row.source_name)):
                        _rename_again(work, crossing, position)
                    else:
                        _otherwise(work, crossing, position, OSError(code, os.strerror(code)))
                except (Refusal, OSError) as error:
                    fail(position, error)
            crossing.finish()

    return finish


def _rename_the_rest(work: Work, series: Series, fail: Fail) -> list[tuple[int, int]]:
    """Do the task of a worker that has died again: the renames that it did not get done, first all of them, then one by
    one. A file that has ended three workers is set aside. Return (index, errno) of each failure.

    Raises `StorageFailure` if workers keep ending, whatever the file.
    """
    work.renamer.replace()
    left = [index for index in range(len(series.positions)) if not _is_renamed(work, series, index)]
    try:
        return _renamed(work, series, left)
    except RenamerDied:
        work.renamer.replace()
    failed, in_a_row = list[tuple[int, int]](), 0
    for index in [index for index in left if not _is_renamed(work, series, index)]:
        try:
            failed += _renamed(work, series, [index])
            in_a_row = 0
        except RenamerDied:
            if in_a_row == _LOSSES:
                raise StorageFailure(
                    "The process that moves files keeps ending, and no file is to blame.",
                    hint="free some memory, or give it more with --helper-memory; then run fileorg recover",
                ) from None
            work.renamer.replace()
            if not _is_renamed(work, series, index):
                in_a_row += 1
                fail(series.positions[index], Refusal(RecordState.FAILED, ReasonCode.ENDED_HELPERS))
    return failed


def _renamed(work: Work, series: Series, indices: Sequence[int]) -> list[tuple[int, int]]:
    """Rename some files of a series in the worker; return (index, errno) of each failure. Raises `RenamerDied`."""
    if not indices:
        return []
    work.renamer.start(_pack([series.batch[series.positions[index]] for index in indices]))
    return [(indices[place], code) for place, code in work.renamer.finish()]


def _is_renamed(work: Work, series: Series, index: int) -> bool:
    """Return whether a worker that has died had renamed a file; one that has both of its names loses the old one.

    A doubtful file counts as not renamed: its rename then fails, and replaces nothing.
    """
    row, intent = series.batch[series.positions[index]], series.checked.intent(series.positions[index])
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    for storage in (source, target):
        storage.forget(b"")
    try:
        there = target.lstat(row.target_folder, row.target_name)
        here = source.lstat(row.source_folder, row.source_name)
        expected = intended(intent)
        is_here = is_known(source, row.source_folder, here, expected)
        if there is None:  # a file in a cycle may have left its temporary name again
            return is_step_name(row.target_name) and not is_here
        if not is_known(target, row.target_folder, there, expected):
            return False
        if here is None or not is_here:  # a later row may have brought another file
            return True
        if (here.dev, here.inode) != (there.dev, there.inode) or here.nlink <= (intent.nlink or 1):
            return False
        source.remove(row.source_folder, row.source_name)
    except OSError:
        return False
    return True


def _otherwise(work: Work, crossing: Crossing, position: int, error: OSError) -> None:
    """Retry a failed rename in the way that its error calls for, or raise the error."""
    series = crossing.series
    row, record = series.batch[position], series.first + position
    match error.errno:
        case errno.EXDEV:
            crossing.add(position)
        case errno.ENOTSUP:
            try:
                by_placeholder(work, row, record)
            except OSError as other:
                if other.errno != errno.EXDEV:
                    raise
                crossing.add(position)
        case errno.EEXIST:
            _taken(work, row, record, error)
        case _:
            raise error


def _rename_again(work: Work, crossing: Crossing, position: int) -> None:
    """Rename a file once its names are those that earlier rows leave to it."""
    row = crossing.series.batch[position]
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    try:
        source.rename_noreplace(row.source_folder, row.source_name, target, row.target_folder, row.target_name)
    except OSError as error:
        _otherwise(work, crossing, position, error)


def _taken(work: Work, row: PlanRow, record: int, error: OSError) -> None:
    """Handle a taken name: it may be the file itself in another case, or a stale entry in the kernel's cache.

    Raises `error` if another file has the name.
    """
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    if _case_rename(work, row, record):
        return
    is_free = target.lstat(row.target_folder, row.target_name) is None  # an earlier row needed more than a rename
    if not is_free and not target.casing.is_free_after_all(row.target_folder, row.target_name):
        raise error
    try:
        source.rename_noreplace(row.source_folder, row.source_name, target, row.target_folder, row.target_name)
    except OSError as other:
        if other.errno != errno.ENOTSUP:
            raise
        by_placeholder(work, row, record)


# After a crash --------------------------------------------------------------------------------------------------------


def settle(case: Case) -> Verdict:
    made = settle_copy(case)
    if made is not None:
        return made if isinstance(made, Verdict) else _settle_cross_device(case, made)
    if _is_case_rename(case.record) and (verdict := _settle_case_rename(case)) is not None:
        return verdict
    source, target = case.at_source(), case.at_target()
    if (verdict := _settle_step(case, source, target)) is not None:
        return verdict
    match (case.is_original(source), case.is_made(target, case.moved), target is None):
        case (False, True, _):
            # A new file at the source belongs to another program.
            return Verdict(RecordState.DONE, case.note(), case.as_placed(target))
        case (True, False, True):
            return case.not_done
        case (True, True, _) if _is_between_names(case, source, target):
            case.source.remove(case.record.source_folder, case.record.source_name)
            return DONE
        case (True, _, False):
            return TAKEN
        case (False, False, True) if source is None:
            return GONE
        case _:
            return _edited(case, source, target)


def _settle_step(case: Case, source: Entry | None, target: Entry | None) -> Verdict | None:
    """Recover a step to or from the temporary name of a cycle, if the file has left it already, is not there yet or has
    not left it; None otherwise. Nobody else takes a file from such a name: what is there is the file, though others may
    have replaced it. The record of the other step says where it is.
    """
    if is_step_name(case.record.target_name) and target is None:
        is_here = case.is_original(source) or (source is not None and source.inode == case.record.inode)
        if not is_here:
            return Verdict(RecordState.DONE, case.note(), case.as_placed(target))
    if is_step_name(case.record.source_name):
        is_known = case.is_original(source) or case.is_made(target, case.moved)
        if not is_known:
            return EDITED if _edited(case, source, target) == EDITED else case.not_done
    return None


def _is_between_names(case: Case, source: Entry | None, target: Entry | None) -> bool:
    """Return whether the rename stopped between link and unlink: both names are of one file, with one link more."""
    if source is None or target is None or source.inode != target.inode:
        return False
    return source.nlink > (case.record.nlink or 1)


def _edited(case: Case, source: Entry | None, target: Entry | None) -> Verdict:
    """Return the verdict on a file that another program has edited: the same inode with other content."""
    record = case.record
    if target is not None and target.inode == record.target_inode and _is_of_its_kind(case, target) and source is None:
        # A reused inode number may belong to another file.
        if not case.target.reuses_inodes(record.target_folder):
            return EDITED
    elif source is not None and source.inode == record.inode and target is None:
        return case.not_done
    return CHANGED


def _is_of_its_kind(case: Case, entry: Entry) -> bool:
    return stat.S_IFMT(entry.mode) == (stat.S_IFMT(case.record.mode or 0) or stat.S_IFREG)


# To another file system -----------------------------------------------------------------------------------------------


class Crossing:
    """Files of a series on their way to another file system: copied together, then their originals are removed."""

    def __init__(self, work: Work, series: Series, fail: Fail) -> None:
        self.series = series
        self._work = work
        self._fail = fail
        self._copies = Copies(work, fail, files=_ORIGINALS)
        self._originals: dict[int, Original] = {}
        """By position. They stay open: a lease and the times of an open file show writers."""
        self._places: set[tuple[Base, bytes, bytes]] = set()
        """The sources and targets of the files that are under way."""
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._copies.close()
        self._open.close()

    def add(self, position: int) -> None:
        """Copy a file to a temporary name on the other file system. Raises `Refusal`, `OSError`."""
        row, intent = self.series.batch[position], self.series.checked.intent(position)
        if (intent.nlink or 1) > 1:
            raise kept(row, ReasonCode.HARD_LINKS_TORN, None, intent.nlink)
        if not stat.S_ISREG(intent.mode or stat.S_IFREG):
            raise kept(row, ReasonCode.SYMLINK_STAYS)
        with contextlib.ExitStack() as stack:
            source = self._work.storages[row.source_base]
            original = stack.enter_context(source.original(row.source_folder, row.source_name))
            check_ready(row, original.begin(), if_unknown=False)
            if posix.flags(original.fd) & (posix.IMMUTABLE | posix.APPEND):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # like a rename: the original cannot be removed
            self._copies.stage(position, row, self.series.first + position, original)
            self._open.push(stack.pop_all())
        self._originals[position] = original
        self._places |= {row[1:4], row[4:7]}
        if (following := self.series.checked.brought.get(position)) is not None:
            self._copies.brings[self.series.first + position] = self.series.first + following
        if self._copies.is_full:
            self.finish()

    def is_due_before(self, row: PlanRow) -> bool:
        """Return whether a file that is under way leaves the target of a row, or comes to its source."""
        return bool(self._places) and not self._places.isdisjoint((row[1:4], row[4:7]))

    def finish(self) -> None:
        """Give the copies their names, and remove the originals. Raises `Stuck`."""
        work = self._work
        self._places.clear()
        for position, row, record, staged, entry in self._copies.publish():
            if (following := self.series.checked.brought.get(position)) is not None:
                self.series.checked.identify(following, entry.inode, entry.mtime_ns)
            expected = intended(self.series.checked.intent(position))
            failure = take_away(work, row, record, expected, staged.digest, self._originals[position])
            if failure is None:
                work.losses.add(staged.lost)
                continue
            work.touched_folders.add((row.source_base, row.source_folder))
            withdraw(work, row, record, RecordState.COPIED, identity(entry), staged.digest)
            self._fail(position, failure)
        self._originals.clear()
        self._open.close()


def take_away(
    work: Work,
    row: PlanRow,
    record: int,
    expected: Identity,
    digest: bytes,
    original: Original,
    dispose: Callable[[bytes, bytes], None] | None = None,
) -> Refusal | None:
    """Remove the original after the copy, by `dispose` if it is given; or return why it is kept."""
    source = work.storages[row.source_base]
    try:
        check_ready(row, original.ask(), if_unknown=False)
        place = source, row.source_folder, row.source_name
        if original.is_untouched() and work.remove(*place, record, expected, digest, original, dispose):
            return None
    except Refusal as refusal:
        return refusal
    except OSError as error:
        if dispose is not None and error.errno == errno.EXDEV:  # a bind mount, whose device number is the same
            return Refusal(RecordState.FAILED, ReasonCode.OTHER_DISK_THAN_TRASH)
        if dispose is not None and error.errno not in {errno.ENOENT, errno.ESTALE}:  # such as a full trash
            return Refusal.of_error(error)
        if error.errno in _MAY_NOT_GO:
            return Refusal.of_error(error)
    return Refusal(RecordState.CHANGED, ReasonCode.CHANGED_WHILE_MOVED)


def _settle_cross_device(case: Case, made: Identity) -> Verdict:
    """Recover a move whose copy is complete: remove the original, unless it or the copy has changed."""
    source, folder, name = case.source, case.record.source_folder, case.record.source_name
    is_aside = case.is_aside(case.record.source_base, folder, name, case.original)
    is_there = not is_aside and case.is_original(case.at_source())
    place = case.record.target_folder, case.record.target_name
    digest = case.record.digest
    is_whole = is_intact if is_aside or is_there else is_certain  # stricter if the original is about to be removed
    whole = is_whole(case.target, *place, made, digest)
    has_left = not (is_aside or is_there) and case.record.reason != CUT_SHORT.reason
    if is_step_name(case.record.target_name) and has_left and case.at_target() is None:
        return Verdict(RecordState.DONE, case.note(), as_recorded(made))  # the next step of its file says where it is
    if is_there and whole:
        case.touch_folder(case.record.source_base, folder)
    if not whole:
        if is_aside:
            put_back(source, folder, name, case.aside, case.reserving)
        return without_copy(case) if case.is_original(case.at_source()) else CHANGED
    if is_aside and not case.is_original(source.lstat(folder, case.aside)):
        put_back(source, folder, name, case.aside, case.reserving)
        return CHANGED
    # Otherwise the file at the source belongs to another program.
    if (is_aside or is_there) and (failure := settle_original(case, is_aside=is_aside)) is not None:
        case.touch_folder(case.record.target_base, case.record.target_folder)
        withdrawn = remove_checked(case.target, *place, case.aside, made, digest, reserving=case.reserving)
        return Verdict(RecordState.CHANGED, Reason(failure)) if withdrawn else CHANGED
    return Verdict(RecordState.DONE, case.note(), as_recorded(made))


def settle_original(
    case: Case, *, is_aside: bool, dispose: Callable[[bytes, bytes], None] | None = None
) -> ReasonCode | None:
    """Remove the original, by `dispose` if it is given; or put it back and return why it is kept. Its content shows
    writes since the copy.
    """
    source, folder, name = case.source, case.record.source_folder, case.record.source_name
    with source.original(folder, case.aside if is_aside else name, by_content=True) as original:
        if (answer := original.ask()).state is not State.FREE:
            if is_aside:
                put_back(source, folder, name, case.aside, case.reserving)
            return ReasonCode.BEING_WRITTEN if answer.state is State.IN_USE else ReasonCode.WRITERS_UNKNOWN
        original.ready()
        settle = settle_aside if is_aside else remove_checked
        facts = case.original, case.record.digest, original
        gone = settle(source, folder, name, case.aside, *facts, reserving=case.reserving, dispose=dispose)
        return None if gone else ReasonCode.CHANGED_WHILE_MOVED


# Without a rename that never replaces ---------------------------------------------------------------------------------


def by_placeholder(work: Work, row: PlanRow, record: int) -> None:
    """Create a placeholder under the new name, which fails if the name is taken, and rename over it."""
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    work.touched_folders.add((row.target_base, row.target_folder))
    places = source, row.source_folder, row.source_name, target, row.target_folder, row.target_name
    rename_over_reserved(*places, work.reserving(record))
    _mark_after(work, record, target.lstat(row.target_folder, row.target_name))


def _mark_after(work: Work, record: int, made: Entry | None) -> None:
    """Record the identity of the file under its new name, if it exists."""
    if made is not None:
        columns = {"target_inode": made.inode, "target_mtime_ns": made.mtime_ns}
        with work.journal.transaction():
            work.journal.mark_many([(record, RecordState.COPIED, columns)])
            work.journal.reservations.forget(record)


# Case-only renames ----------------------------------------------------------------------------------------------------
#
# The new name is taken by the file itself, so the file is renamed through a temporary name that the journal announces.
# After a crash, the file has that name, or the folder listing shows which casing it has.


def _is_case_rename(row: PlanRow | Record) -> bool:
    """Return whether both names are equal without case."""
    return (
        row.source_name != row.target_name
        and row.source_base == row.target_base
        and _folded(row.source_name) == _folded(row.target_name)
        and _folded(row.source_folder) == _folded(row.target_folder)
    )


def _case_rename(work: Work, row: PlanRow, record: int) -> bool:
    """Change the case of a name if the file itself has the new name; otherwise change nothing and return False.

    Raises `OSError` if the file still has its old name, `Stuck` if it has the temporary one.
    """
    storage, folder, name = work.storages[row.source_base], row.source_folder, aside(work.operation, record)
    if not _is_case_rename(row) or not _is_itself(storage, row):
        return False
    reserving = work.reserving(record)
    reserving(None)  # announced while the file is aside
    put_aside(storage, folder, row.source_name, name)
    try:
        rename_beside(storage, folder, name, row.target_name, reserving)
    except OSError:
        put_back(storage, folder, row.source_name, name, reserving)
        raise
    _mark_after(work, record, storage.lstat(folder, row.target_name))
    return True


def _is_itself(storage: LocalStorage, row: PlanRow) -> bool:
    one = storage.lstat(row.source_folder, row.source_name)
    other = storage.lstat(row.target_folder, row.target_name)
    if one is None or other is None:
        return False
    if (one.dev, one.inode) == (other.dev, other.inode) and one.nlink == 1:
        return True
    return storage.casing.differs_in_case(row.target_folder, row.target_name)


def _folded(name: bytes) -> bytes:
    return collision_key(name, case_insensitive=True)


def _settle_case_rename(case: Case) -> Verdict | None:
    """Recover a case-only rename by the name that the file has now; None if both names are not one file."""
    storage, folder, name = case.target, case.record.target_folder, case.record.target_name
    there = storage.lstat(folder, case.aside)
    if case.reservation is not None and there is not None:
        case.touch_folder(case.record.target_base, folder)
        if case.is_original(there):
            _finish_case_rename(case, folder, name)
        elif there.size == 0:
            storage.remove(folder, case.aside)  # the name was only reserved
    # The kernel may answer from a stale cache; the folder listing is reliable.
    listed, target = storage.casing.casings(folder, name), case.at_target()
    if len(listed) != 1 or not case.is_original(target):
        return None
    if name not in listed:
        return case.not_done
    return Verdict(RecordState.DONE, case.note(), case.as_placed(target))


def _finish_case_rename(case: Case, folder: bytes, name: bytes) -> None:
    """Give a file that is aside its new name."""
    if not case.target.casing.casings(folder, name):
        case.target.casing.is_free_after_all(folder, name)
    put_back(case.target, folder, name, case.aside, case.reserving)


MOVE = Handler(check_source, _apply, settle, is_repeatable=True, pack=_pack)
