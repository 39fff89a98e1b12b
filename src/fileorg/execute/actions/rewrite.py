"""Rewrites a symlink when its target file has moved, and back: by an exchange, as for a duplicate.

The old symlink is moved to the trash, so that undo restores the very same one. A symlink that cannot be rewritten is
reported as skipped, not as failed: the file itself has moved.
"""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING

from fileorg.core.model import RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions.handler import Handler, check_source, check_unchanged, one_by_one
from fileorg.execute.actions.keeper_checks import keeper_of, keeper_path, keeper_place, source_of, target_of
from fileorg.execute.actions.replace import Wreck, put_in_place, replacement_link, restore
from fileorg.execute.identity import Identity, identity, is_known
from fileorg.execute.verdict import CUT_SHORT, NOT_DONE, Refusal, Verdict
from fileorg.storage.links import Location

if TYPE_CHECKING:
    from fileorg.core.model import Entry, Keeper, PlanRow
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work

_ROUNDED_NS = 2_000_000_000
"""The largest rounding of an mtime by a file system (FAT: 2 s)."""

_IN_DOUBT = frozenset({ReasonCode.NOT_PUT_BACK, ReasonCode.REMOVED_MEANWHILE})
"""Reasons that keep their state: the symlink itself is no longer in its place."""


def _check(work: Work, row: PlanRow, seen: Entry | None) -> tuple[Entry, None]:
    """Like `check_unchanged`, but a symlink that another program has changed is skipped.

    The redo of an earlier operation makes its symlinks again, as new ones: they count if they lead to the same file.
    """
    try:
        return check_unchanged(work, row, seen)
    except Refusal as refusal:
        if seen is None or not _is_made_again(work, row, seen):
            raise Refusal(RecordState.SKIPPED, *refusal.reason[:3]) from refusal
        work.made_again[row.reverts] = identity(seen)
        return seen, None


def _is_made_again(work: Work, row: PlanRow, seen: Entry) -> bool:
    if not row.reverts or not stat.S_ISLNK(seen.mode) or seen.size != row.size:
        return False
    symlink = source_of(work, row)
    try:
        return _is(symlink.storage.follow_symlink(symlink.folder, symlink.name), keeper_of(row))
    except OSError:
        return False


def _rewrite(work: Work, row: PlanRow, record: int) -> None:
    """Point the symlink to the new place of its file, if the file has moved."""
    symlink, keeper = source_of(work, row), keeper_of(row)
    new, link = keeper_place(work, keeper), replacement_link(work, row, symlink)
    expected = work.made_again.pop(row.reverts, None) or Identity(row.inode, row.size, row.mtime_ns)

    def check() -> None:
        if not _is_there(new, keeper):
            raise Refusal(RecordState.SKIPPED, ReasonCode.SYMLINK_TARGET_STAYS)

    try:
        says = symlink.storage.readlink(symlink.folder, symlink.name)
        if _leads_on(symlink, keeper):
            raise Refusal(RecordState.SKIPPED, ReasonCode.SYMLINK_TARGET_STAYS)
        put_in_place(
            work,
            row,
            record,
            link,
            lambda here: link.make(here, says),
            lambda there: is_known(symlink.storage, symlink.folder, there, expected),
            check,
        )
    except Refusal as refusal:
        state = refusal.state if refusal.reason.code in _IN_DOUBT else RecordState.SKIPPED
        raise Refusal(state, *refusal.reason[:3]) from refusal
    work.note_rewritten(symlink.storage.root, symlink.path)


def _not_rewritten(work: Work, row: PlanRow, error: OSError) -> Refusal:
    path = keeper_path(work, row, keeper_of(row))
    return Refusal(RecordState.SKIPPED, ReasonCode.SYMLINK_NOT_REWRITTEN, path, error.errno)


def _restore(work: Work, row: PlanRow, record: int) -> None:
    """Restore the old symlink, unless its file is still at the new place."""
    keeper = keeper_of(row)
    if _is_there(keeper_place(work, keeper), keeper):
        raise Refusal(RecordState.SKIPPED, ReasonCode.SYMLINK_TARGET_STAYS)
    restore(work, row, record)
    symlink = target_of(work, row)
    with contextlib.suppress(OSError):
        if _is(symlink.storage.follow_symlink(symlink.folder, symlink.name), keeper):  # else its file has another name
            work.note_rewritten(symlink.storage.root, symlink.path)


def _leads_on(symlink: Location, keeper: Keeper) -> bool:
    """Return whether the symlink still leads to the file that was to be moved. Raises `OSError`."""
    there = symlink.storage.follow_symlink(symlink.folder, symlink.name)
    return there is not None and there.inode == keeper.inode


def _is_there(place: Location, keeper: Keeper) -> bool:
    """Return whether the moved file is at its new place. On another disk its inode differs, so the mtime may decide.

    Raises `OSError`.
    """
    return _is(place.lstat(), keeper)


def _is(there: Entry | None, keeper: Keeper) -> bool:
    if there is None or not there.is_file:
        return False
    return there.inode == keeper.inode or abs(there.mtime_ns - keeper.mtime_ns) <= _ROUNDED_NS


# After a crash --------------------------------------------------------------------------------------------------------


def _settle_rewritten(case: Case) -> Verdict:
    """Make the symlink match its file: rewritten if the file has moved, unchanged if not."""
    wreck = Wreck(case, case.source_place, case.target_place)
    keeper = case.keeper
    if keeper is None:
        return wreck.replaced()
    symlink, trash = case.source_place, case.target_place
    new = Location(case.storages[keeper.base], keeper.folder, keeper.name)
    has_moved = _is_there(new, keeper)
    if not has_moved and wreck.link.is_at(symlink) and case.is_made(trash.lstat(), case.moved):
        case.touch()
        trash.rename(symlink.beside(case.aside))  # `replaced` puts it back from there
    verdict = wreck.replaced()
    if not has_moved or verdict not in (NOT_DONE, CUT_SHORT) or not case.is_original(symlink.lstat()):
        return verdict
    if _leads_on(symlink, keeper):
        return verdict
    return _finish(case, wreck, new)


def _finish(case: Case, wreck: Wreck, new: Location) -> Verdict:
    """Finish the rewrite of a symlink whose file has moved."""
    symlink, here = case.source_place, case.source_place.beside(case.aside)
    case.touch()
    try:
        wreck.link.make(here, symlink.storage.readlink(symlink.folder, symlink.name))
        here.exchange(symlink)
        here.rename(case.target_place)
    except OSError as error:
        wreck.replaced()
        return Verdict(RecordState.SKIPPED, Reason(ReasonCode.SYMLINK_NOT_REWRITTEN, new.path, error.errno))
    return Verdict(RecordState.DONE)


def _settle_restored(case: Case) -> Verdict:
    """Make the symlink match its file: the old symlink if the file is back, the rewritten one if not."""
    symlink, trash, keeper = case.target_place, case.source_place, case.keeper
    wreck = Wreck(case, symlink, trash)
    verdict = wreck.restored()
    if keeper is None or verdict not in (NOT_DONE, CUT_SHORT) or not wreck.link.is_at(symlink):
        return verdict
    new, here = Location(case.storages[keeper.base], keeper.folder, keeper.name), symlink.beside(case.aside)
    if _is_there(new, keeper) or not case.is_original(trash.lstat()):
        return verdict
    case.touch()
    try:
        trash.rename(here)
        here.exchange(symlink)
        here.remove()
    except OSError:
        return wreck.restored()
    return Verdict(RecordState.DONE)


REWRITE_SYMLINK = Handler(_check, one_by_one(_rewrite), _settle_rewritten, is_repeatable=True, refused=_not_rewritten)
RESTORE_SYMLINK = Handler(check_source, one_by_one(_restore), _settle_restored, is_repeatable=True)
