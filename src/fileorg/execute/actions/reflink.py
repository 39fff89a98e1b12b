"""Shares the blocks of a duplicate with its keeper. This has no visible effect, so undo changes nothing."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from fileorg.core.model import RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions.handler import Handler, check_unchanged, one_by_one
from fileorg.execute.actions.keeper_checks import differs, opened
from fileorg.execute.verdict import DONE, NOT_DONE, Refusal, Verdict
from fileorg.storage.local.blocks import share_blocks

if TYPE_CHECKING:
    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work

_STAYS_SHARED = Reason(ReasonCode.STAYS_SHARED)
_STAY_SHARED = "Shared blocks stay shared; this has no visible effect."
_NO_SHARING = {errno.ENOTSUP, errno.EINVAL, errno.EXDEV, errno.ENOTTY, errno.ENOSYS}


def _share(work: Work, row: PlanRow, _: int) -> None:
    with opened(work, row) as (victim, keeper):
        try:
            same = share_blocks(keeper.fileno(), victim.fileno(), row.size)
        except OSError as error:
            if error.errno in _NO_SHARING:
                raise Refusal(RecordState.FAILED, ReasonCode.NO_SHARED_BLOCKS) from error
            if error.errno in {errno.EPERM, errno.EACCES}:
                raise Refusal(RecordState.FAILED, ReasonCode.NOT_WRITABLE) from error
            raise
        if not same:
            raise differs(work, row)


def _settle(case: Case) -> Verdict:
    # Sharing has no visible effect and may be repeated.
    return DONE if case.record.state is RecordState.DONE else NOT_DONE


REFLINK = Handler(check_unchanged, one_by_one(_share), _settle)

# Undo -----------------------------------------------------------------------------------------------------------------


def _check_back(_work: Work, _row: PlanRow, _found: Entry | None) -> tuple[None, Reason]:
    return None, _STAYS_SHARED


def _leave(work: Work, _row: PlanRow, _record: int) -> None:
    work.notes.add(_STAY_SHARED)


def _settle_back(_: Case) -> Verdict:
    return Verdict(RecordState.DONE, _STAYS_SHARED)


REMOVE_REFLINK = Handler(_check_back, one_by_one(_leave), _settle_back, checks_source=False)
