"""What an action does, and how a crash in it is settled, side by side: a file for each, and the table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Action
from fileorg.execute.actions import copy, folders, links, move
from fileorg.execute.actions.handler import Handler, check_source, check_unchanged, one_by_one
from fileorg.execute.duplicates import STAYS_SHARED, Duplicates
from fileorg.execute.verdict import NOT_DONE
from fileorg.execute.verdict_duplicates import DuplicateCase
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base, Entry, PlanRow
    from fileorg.execute.actions.handler import Check, Settle
    from fileorg.execute.case import Case
    from fileorg.execute.verdict import Verdict
    from fileorg.execute.work import Work
    from fileorg.storage.local.storage import LocalStorage


def _act_on(work: Work, row: PlanRow, record: int) -> None:
    Duplicates(work).act_on(row, record)


def _check_reflink(_work: Work, _row: PlanRow, _found: Entry | None) -> tuple[None, str]:
    return None, STAYS_SHARED


def _of_a_duplicate(case: Case) -> Verdict:
    return case.verdict() if isinstance(case, DuplicateCase) else NOT_DONE


def _other(check: Check, settle: Settle = _of_a_duplicate, *, looks_at_source: bool = True) -> Handler:
    return Handler(check, one_by_one(_act_on), settle, looks_at_source)


_LOCAL = {
    Action.MOVE: move.MOVE,
    Action.RESTORE: move.MOVE,
    Action.COPY: copy.COPY,
    Action.HARDLINK: links.HARDLINK,
    Action.SYMLINK: links.SYMLINK,
    Action.REMOVE_COPY: links.REMOVE_COPY,
    Action.REMOVE_HARDLINK: links.REMOVE_HARDLINK,
    Action.REMOVE_SYMLINK: links.REMOVE_SYMLINK,
    Action.QUARANTINE: _other(check_unchanged),
    Action.REPLACE_BY_HARDLINK: _other(check_unchanged),
    Action.REPLACE_BY_SYMLINK: _other(check_unchanged),
    Action.RESTORE_FROM_HARDLINK: _other(check_source),
    Action.RESTORE_FROM_SYMLINK: _other(check_source),
    Action.REFLINK: _other(check_unchanged),
    Action.REMOVE_REFLINK: _other(_check_reflink, looks_at_source=False),
    Action.MAKE_FOLDER: folders.MAKE_FOLDER,
    Action.REMOVE_FOLDER: folders.REMOVE_FOLDER,
}

TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (action, Kind.LOCAL, Kind.LOCAL): handler for action, handler in _LOCAL.items()
}
"""By action, and the kinds of the storages of source and target."""


def handler_of(action: Action, source: Base, target: Base, storages: Sequence[LocalStorage]) -> Handler:
    """How an action between two bases is done."""
    return TABLE[action, storages[source].kind, storages[target].kind]
