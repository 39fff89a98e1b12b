"""Moves a duplicate to the trash. Undo is a plain move."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions import move
from fileorg.execute.actions.handler import Handler, check_unchanged, one_by_one
from fileorg.execute.actions.keeper_checks import (
    compare_with_keeper,
    not_here,
    put_back,
    source_of,
    still_kept,
    target_of,
)
from fileorg.execute.identity import is_known
from fileorg.execute.verdict import CHANGED, Refusal

if TYPE_CHECKING:
    from fileorg.core.model import PlanRow
    from fileorg.execute.case import Case
    from fileorg.execute.verdict import Verdict
    from fileorg.execute.work import Work


def _quarantine(work: Work, row: PlanRow, record: int) -> None:
    victim, trash = source_of(work, row), target_of(work, row)
    compared = compare_with_keeper(work, row)
    work.touched_folders |= {(row.source_base, row.source_folder), (row.target_base, row.target_folder)}
    try:
        try:
            victim.rename(trash)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            move.by_placeholder(work, row, record)
    except OSError as error:
        raise not_here(error) from error
    try:
        if (there := trash.lstat()) is not None and not is_known(trash.storage, trash.folder, there, compared.identity):
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_JUST_NOW)
        still_kept(work, row, compared)
    except (OSError, Refusal):
        put_back(trash, victim, work.reserving(record))
        raise
    if there is None:
        raise Refusal(RecordState.MISSING, ReasonCode.REMOVED_MEANWHILE)
    work.read_back.append((there.ctime_ns, record))


def _settle(case: Case) -> Verdict:
    """Recover like a move, but put back a file in the trash that is not the duplicate."""
    there = case.at_target()
    is_foreign = there is not None and not case.is_original(there) and not case.is_made(there, case.moved)
    was_unfinished = case.record.state in {RecordState.INTENT, RecordState.COPIED}
    if was_unfinished and is_foreign and case.at_source() is None:
        case.touch()
        put_back(case.target_place, case.source_place, case.reserving)
        return CHANGED
    return move.settle(case)


QUARANTINE = Handler(check_unchanged, one_by_one(_quarantine), _settle, is_repeatable=True)
