"""Replaces a duplicate by a link to its keeper, and back: by an exchange, so that the name is never absent.

The duplicate is checked after the exchange and moved to the trash, so undo restores the very same file. Both names are
checked after each step, because other programs may have put their own files there.
"""

from __future__ import annotations

import errno
from enum import Enum, auto
from typing import TYPE_CHECKING

from fileorg.content.identical import same_content
from fileorg.core.model import ROOT, Keeper, RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions.handler import Handler, check_source, check_unchanged, one_by_one
from fileorg.execute.actions.keeper_checks import (
    compare_with_keeper,
    keeper_of,
    keeper_path,
    keeper_place,
    not_here,
    not_put_back,
    put_back,
    source_of,
    still_kept,
    stuck_at,
    target_of,
)
from fileorg.execute.temporaries import Stuck, aside
from fileorg.execute.verdict import CHANGED, CUT_SHORT, DONE, EDITED, GONE, TAKEN, Refusal, Verdict
from fileorg.storage.links import Location, ReplacementLink
from fileorg.storage.local.readiness import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.core.model import Entry, PlanRow, Reserving
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work

_NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}

_NO_KEEPER = Keeper(ROOT, b"", b"?", 0, 0)


def _replace(work: Work, row: PlanRow, record: int) -> None:
    """Replace a duplicate by a link to its keeper, if their contents are equal now."""
    victim = source_of(work, row)
    if not victim.has_stable_inodes:
        # After a crash, recovery could not tell the two files apart.
        raise Refusal(RecordState.FAILED, ReasonCode.NO_LASTING_INODES)
    compared, link = compare_with_keeper(work, row), replacement_link(work, row, victim)

    def make(here: Location) -> None:
        try:
            link.make(here)
        except OSError as error:
            raise _no_link(error, link, keeper_path(work, row, keeper_of(row))) from error

    put_in_place(work, row, record, link, make, compared.identity.fits, lambda: still_kept(work, row, compared))


def put_in_place(
    work: Work,
    row: PlanRow,
    record: int,
    link: ReplacementLink,
    make: Callable[[Location], None],
    fits: Callable[[Entry | None], bool],
    check: Callable[[], None],
) -> None:
    """Make the link beside the file, exchange the two, check that the file `fits`, and move it to the trash.

    `check` runs before and after the exchange, and raises `Refusal` if the file must be kept.
    """
    victim, trash = source_of(work, row), target_of(work, row)
    here = victim.beside(aside(work.operation, record))
    work.touched_folders.add((row.source_base, row.source_folder))
    make(here)
    try:
        check()
        if not link.is_at(here):
            raise Refusal(RecordState.CHANGED, ReasonCode.KEEPER_REPLACED)
        here.exchange(victim)
    except (OSError, Refusal) as error:
        _take_away(link, here, victim)
        raise _no_exchange(error) from error
    try:
        if not fits(here.lstat()):
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_JUST_NOW)
        check()
        here.rename(trash)
    except (OSError, Refusal) as error:
        if _exchange_back(here, victim, work.reserving(record), lambda: link.is_at(here)):
            _take_away(link, here, victim)
        raise not_here(error) from error
    if (there := trash.lstat()) is not None and fits(there):
        work.read_back.append((there.ctime_ns, record))


def restore(work: Work, row: PlanRow, record: int) -> None:
    """Restore the duplicate: by a rename, or if the link still has its name, by an exchange with the link."""
    trash, victim = source_of(work, row), target_of(work, row)
    if victim.lstat() is None:
        trash.rename(victim)
        return
    here, link = victim.beside(aside(work.operation, record)), replacement_link(work, row, victim)
    if not link.is_at(victim):
        raise Refusal(RecordState.CONFLICT, ReasonCode.NAME_TAKEN)
    if not _may_go(link, victim, trash):
        raise Refusal(RecordState.CHANGED, ReasonCode.LINK_IS_ONLY_NAME)
    work.touched_folders |= {(row.source_base, row.source_folder), (row.target_base, row.target_folder)}
    original = trash.lstat()
    trash.rename(here)
    try:
        here.exchange(victim)
    except OSError as error:
        put_back(here, trash, work.reserving(record))
        if isinstance(error, FileNotFoundError):
            raise Refusal(RecordState.CHANGED, ReasonCode.LINK_REMOVED) from error
        raise _no_exchange(error) from error
    try:
        if not (link.is_at(here) or here.lstat() is None):  # None: another program has removed the link
            raise Refusal(RecordState.CONFLICT, ReasonCode.NAME_TAKEN)
        if not _may_go(link, here, victim):
            raise Refusal(RecordState.CHANGED, ReasonCode.LINK_IS_ONLY_NAME)
        here.remove()
    except (OSError, Refusal) as error:
        if not _exchange_back(here, victim, work.reserving(record), lambda: _is_inode_of(here, original)):
            raise Refusal(RecordState.MISSING, ReasonCode.REMOVED_MEANWHILE) from error
        put_back(here, trash, work.reserving(record))
        raise


def replacement_link(work: Work, row: PlanRow, at: Location) -> ReplacementLink:
    keeper = keeper_of(row)
    return ReplacementLink(row.action, keeper_place(work, keeper), keeper.inode, at)


def _no_link(error: OSError, link: ReplacementLink, keeper: bytes) -> OSError | Refusal:
    """Return the refusal for a link to the keeper that could not be made, or the error itself."""
    match error.errno:
        case errno.EXDEV:
            return Refusal(RecordState.FAILED, ReasonCode.KEEPER_ON_OTHER_DISK, keeper)
        case errno.EMLINK:
            return Refusal(RecordState.FAILED, ReasonCode.KEEPER_HAS_TOO_MANY_NAMES, keeper)
        case errno.EPERM | errno.EACCES if not link.is_symlink:
            return Refusal(RecordState.FAILED, ReasonCode.KEEPER_NOT_LINKABLE, keeper, error.errno)
        case errno.EPERM | errno.ENOTSUP | errno.ENOSYS:
            code = ReasonCode.NO_SYMLINKS if link.is_symlink else ReasonCode.NO_HARD_LINKS
            return Refusal(RecordState.FAILED, code, None, error.errno)
        case errno.ENOENT if not link.is_symlink:
            return Refusal(RecordState.CHANGED, ReasonCode.KEEPER_GONE, keeper)
        case _:
            return error


def _no_exchange(error: OSError | Refusal) -> OSError | Refusal:
    if isinstance(error, OSError) and error.errno in _NO_EXCHANGE:
        return Refusal(RecordState.FAILED, ReasonCode.NO_EXCHANGE)
    return error


# An exchange, and the way back ----------------------------------------------------------------------------------------


def _may_go(link: ReplacementLink, at: Location, original: Location) -> bool:
    """Return whether the link can be removed without loss: a hard link must not be the last name of its content,
    unless the original has the same.
    """
    there = at.lstat()
    if link.is_symlink or there is None or there.nlink > 1:
        return True
    return same_content(*at, *original) and not _is_in_use(at)


def _is_in_use(at: Location) -> bool:
    try:
        with at.storage.held(at.folder, at.name) as answer:
            return answer.state is State.IN_USE
    except OSError:
        return True


def _exchange_back(here: Location, victim: Location, reserving: Reserving, is_ours: Callable[[], bool]) -> bool:
    """Undo an exchange. Return True if the temporary name again has the file that it had before (`is_ours`).

    Return False if another program removed one of the two files. Raises `Refusal`, `Stuck`.
    """
    try:
        if here.lstat() is None:
            return False
        try:
            here.exchange(victim)
        except FileNotFoundError:
            put_back(here, victim, reserving)
            return False
        if is_ours():
            return True
        here.exchange(victim)  # another program has replaced the file: its file keeps the name
    except OSError as error:
        raise stuck_at(victim, here, error) from error
    raise not_put_back(here)


def _take_away(link: ReplacementLink, here: Location, victim: Location) -> None:
    """Remove the link after a failed replacement. Raises `Refusal` if it must be kept, `Stuck`."""
    try:
        if not _may_go(link, here, victim):
            raise Refusal(RecordState.CHANGED, ReasonCode.KEEPER_REMAINS, here.path)
        here.remove()
    except OSError as error:
        raise Stuck(f"Could not remove the link {here} again ({error.strerror}).") from error


def _is_inode_of(place: Location, entry: Entry | None) -> bool:
    """Return whether the place has the inode of `entry`, edited or not."""
    there = place.lstat()
    return there is not None and entry is not None and there.inode == entry.inode


# After a crash --------------------------------------------------------------------------------------------------------


class Occupant(Enum):
    """The kind of entry at a place."""

    NOTHING = auto()
    FILE = auto()  # the duplicate or the rewritten symlink, unchanged
    EDITED = auto()  # the duplicate, with other content
    LINK = auto()  # the link that fileorg made
    OTHER = auto()


class Wreck:
    """The state of an interrupted replacement: at the duplicate's name, in the trash, and at the temporary name."""

    def __init__(self, case: Case, place: Location, trash: Location) -> None:
        self._case = case
        self._place, self._trash = place, trash
        self._here = place.beside(case.aside)
        base, folder, name, inode, _ = case.keeper or _NO_KEEPER
        self._link = ReplacementLink(case.record.action, Location(case.storages[base], folder, name), inode, place)

    @property
    def link(self) -> ReplacementLink:
        return self._link

    def _what(self, place: Location) -> Occupant:
        there = place.lstat()
        if there is None:
            return Occupant.NOTHING
        if self._case.is_original(there):
            return Occupant.FILE
        if there.is_file and there.inode == self._case.record.inode and place.has_stable_inodes:
            return Occupant.EDITED
        return Occupant.LINK if self._link.is_at(place) else Occupant.OTHER

    def replaced(self) -> Verdict:
        here, place, trash = self._here, self._place, self._trash
        match (self._what(here), self._what(place), self._what(trash)):
            case (Occupant.NOTHING, Occupant.FILE | Occupant.EDITED, Occupant.NOTHING):
                return self._case.not_done
            case (Occupant.NOTHING, Occupant.FILE, Occupant.FILE):
                self._case.touch()  # one file with two names: stopped between link and unlink
                trash.remove()
                return CUT_SHORT
            case (Occupant.NOTHING, _, Occupant.FILE):
                return Verdict(RecordState.DONE, self._case.note())
            case (Occupant.NOTHING, _, Occupant.EDITED):
                return EDITED
            case (Occupant.NOTHING, Occupant.FILE | Occupant.EDITED, _):
                return TAKEN
            case (Occupant.NOTHING, Occupant.NOTHING | Occupant.LINK, Occupant.NOTHING):
                return GONE
            case (Occupant.NOTHING, Occupant.NOTHING | Occupant.LINK, Occupant.OTHER):
                return CHANGED
            case (Occupant.LINK, Occupant.FILE | Occupant.EDITED, _):
                return self._take_away(here, CUT_SHORT)
            case (Occupant.LINK, _, Occupant.FILE | Occupant.EDITED):
                return self._take_away(here, DONE)
            case (Occupant.LINK, _, _):
                return self._take_away(here, CHANGED)
            case (Occupant.FILE | Occupant.EDITED, _, Occupant.FILE | Occupant.EDITED):
                self._case.touch()
                here.remove()
                return DONE
            case (_, Occupant.LINK, _):
                # Roll back: the trash may be missing or the name there taken; this needs only the two files here.
                self._case.touch()
                here.exchange(place)
                return self._take_away(here, CUT_SHORT)
            case (_, Occupant.NOTHING, _):
                self._case.touch()  # another program has removed the link since
                here.rename(place)
                return CUT_SHORT
            case (Occupant.FILE, _, Occupant.NOTHING):
                return self._to_trash()
            case _:
                return self._between()

    def restored(self) -> Verdict:
        here, place, trash = self._here, self._place, self._trash
        match (self._what(here), self._what(place), self._what(trash)):
            case (Occupant.NOTHING, Occupant.FILE, Occupant.FILE):
                self._case.touch()  # one file with two names: stopped between link and unlink
                trash.remove()
                return DONE
            case (Occupant.NOTHING, Occupant.FILE, _):
                return Verdict(RecordState.DONE, self._case.note())
            case (Occupant.NOTHING, Occupant.EDITED, Occupant.NOTHING):
                return EDITED
            case (Occupant.NOTHING, Occupant.NOTHING | Occupant.LINK, Occupant.FILE | Occupant.EDITED):
                return self._case.not_done
            case (Occupant.NOTHING, _, Occupant.FILE | Occupant.EDITED):
                return TAKEN
            case (Occupant.NOTHING, Occupant.NOTHING | Occupant.LINK, Occupant.NOTHING):
                return GONE
            case (Occupant.FILE | Occupant.EDITED, _, Occupant.FILE | Occupant.EDITED):
                self._case.touch()
                here.remove()
                return CUT_SHORT
            case (Occupant.FILE | Occupant.EDITED, at_place, Occupant.NOTHING):
                return self._back_to_trash(at_place, CUT_SHORT)
            case (Occupant.LINK, Occupant.FILE | Occupant.EDITED, _):
                return self._without_link()
            case (Occupant.LINK, Occupant.LINK, Occupant.FILE | Occupant.EDITED):
                return self._take_away(here, CUT_SHORT)
            case (Occupant.OTHER, Occupant.FILE | Occupant.EDITED, Occupant.NOTHING):
                self._case.touch()
                here.exchange(place)
                return self._back_to_trash(Occupant.OTHER, TAKEN)
            case (Occupant.NOTHING, _, _):
                return CHANGED
            case _:
                return self._between()

    def _without_link(self) -> Verdict:
        """Remove the link after the duplicate was restored, unless the link is the last name of its content."""
        if _may_go(self._link, self._here, self._place):
            self._case.touch()
            self._here.remove()
            return DONE
        self._case.touch()
        self._here.exchange(self._place)
        return self._back_to_trash(Occupant.LINK, Verdict(RecordState.CHANGED, Reason(ReasonCode.LINK_IS_ONLY_NAME)))

    def _to_trash(self) -> Verdict:
        """Move the duplicate on to the trash, because its name is taken. Without a trash folder, leave it in place."""
        self._case.touch()
        try:
            self._here.rename(self._trash)
        except FileNotFoundError:
            return self._between()
        return DONE

    def _back_to_trash(self, at_place: Occupant, verdict: Verdict) -> Verdict:
        """Move the duplicate back to the trash. Without a trash folder, finish the restore instead."""
        self._case.touch()
        try:
            self._here.rename(self._trash)
        except FileNotFoundError:
            if at_place is Occupant.NOTHING:
                self._here.rename(self._place)
                return DONE
            if at_place is not Occupant.LINK or verdict is not CUT_SHORT:
                return self._between()
            self._here.exchange(self._place)
            return self._without_link()
        return verdict

    def _take_away(self, here: Location, verdict: Verdict) -> Verdict:
        """Remove the link, unless it is the last name of its content."""
        if not _may_go(self._link, here, self._place):
            return self._between()
        self._case.touch()
        here.remove()
        return verdict

    def _between(self) -> Verdict:
        return Verdict(RecordState.CHANGED, Reason(ReasonCode.INCONSISTENT_AFTER_CRASH, self._here.path))


def _settle_replaced(case: Case) -> Verdict:
    return Wreck(case, case.source_place, case.target_place).replaced()


def _settle_restored(case: Case) -> Verdict:
    return Wreck(case, case.target_place, case.source_place).restored()


REPLACE_BY_LINK = Handler(check_unchanged, one_by_one(_replace), _settle_replaced)
RESTORE_FROM_LINK = Handler(check_source, one_by_one(restore), _settle_restored)
