"""Which operations an undo or redo is about, if it is about a part of one, or about several."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, GuardRefused, UnknownOperation
from fileorg.core.model import LaterFiles
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple
from fileorg.workflows.history import BACKWARD, FORWARD
from fileorg.workflows.session import Session
from fileorg.workflows.undo import (
    NothingToUndo,
    UndoOptions,
    chain_of,
    chosen_operation,
    is_in,
    is_left,
    none_there,
    nothing_to,
    order_of,
)
from fileorg.workflows.undo_part import PartPlan, PartStep, UndoPart, plan_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation


class Several(NamedTuple):
    """A choice of operations: the `last` ones, or those begun at `since_ns` or later."""

    last: int | None = None
    since_ns: int | None = None


class LaterFirst(GuardRefused):
    """Raised if later operations moved or used chosen files, and it was not said what is to happen to these."""

    code = ErrorCode.OTHERS_FIRST

    def __init__(self, plan: PartPlan, targets: Sequence[int]) -> None:
        self.plan = plan
        self._targets = targets
        numbers = " and ".join(str(step.operation.id) for step in reversed(plan.later))
        who = f"operation {numbers} has" if len(plan.later) == 1 else f"operations {numbers} have"
        files = "1 of these files" if plan.hindered == 1 else f"{plan.hindered:,} of these files"
        super().__init__(
            f"Since then, {who} moved or used {files}.",
            hint="add --later first to undo it there first, or --later leave to leave what needs it",
        )

    def as_json(self) -> dict[str, Any]:
        first = [
            {"operation": number, "command": f"fileorg {'redo' if kind == 'undo' else 'undo'} {number}"}
            for number, kind in ((step.operation.id, step.operation.kind) for step in self.plan.later)
        ]
        return {"undone": self._targets[0], "hindered": self.plan.hindered, "first": first}


def undo_steps(
    options: UndoOptions,
    several: Several | None,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool,
    is_asked: bool,
) -> tuple[list[UndoOptions], PartPlan]:
    """Return the options of each undo or redo, in their order, and what they are about. Recovers interrupted operations
    before if `changes`. With `is_asked`, a person is asked about later operations.

    Raises `UsageError` if there is none, `LaterFirst`, `Locked`, `JournalError`.
    """
    word = "redo" if options.redo else "undo"
    with Session.opened(state, word, reporter, changes=changes, reads_journal=True) as session:
        if not session.has_journal:
            raise nothing_to(word, state) if options.operation is None else UnknownOperation(options.operation)
        journal = session.journal
        targets = _targets(journal, options, several, state)
        part = options.part
        if part is None:
            steps = [PartStep(each, *journal.sums.left(each), is_later=False) for each in targets]
            numbers = [each.id for each in targets]
            of_each = [
                options._replace(operation=number, within=None, after=numbers[:position])
                for position, number in enumerate(numbers)
            ]
            return of_each, PartPlan(steps, 0)
        part = part._replace(targets=[each.id for each in targets])
        with closing(order_of(journal, options)) as order:
            plan = plan_part(journal, targets, part, order)
        if not plan.steps:
            raise NothingToUndo(_nothing_there(targets, part, word), hint=UnknownOperation.hint)
        if plan.later and part.later is None:
            if not is_asked:
                raise LaterFirst(plan, part.targets)
            part = part._replace(later=LaterFiles.FIRST)
        of_step = options._replace(within=None, part=part)
        return [of_step._replace(operation=step.operation.id) for step in plan.steps], plan


def _targets(journal: Journal, options: UndoOptions, several: Several | None, state: StateDirectory) -> list[Operation]:
    """Return the operations whose files are chosen, newest first."""
    operations = journal.operations()
    kinds = BACKWARD if options.redo else FORWARD
    if several is not None:
        wanted = [each for each in operations if each.kind in kinds and _is_meant(each, several)]
        there = (each for each in wanted if is_in(journal, each, options.within) and is_left(journal, each, operations))
        found = list(islice(there, several.last))
        if not found:
            raise none_there(options, state, (each for each in wanted if is_left(journal, each, operations)))
        return found
    if options.operation is None:
        return [chosen_operation(journal, options, state)[0]]
    named = journal.operation(options.operation)
    if named is None:
        raise UnknownOperation(options.operation)
    chain = chain_of(named, operations)
    kinds = BACKWARD if options.redo or named.kind == "undo" else FORWARD
    left = [
        each for each in operations if each.id in chain and each.kind in kinds and is_left(journal, each, operations)
    ]
    return left or [chosen_operation(journal, options._replace(part=None), state)[0]]


def _is_meant(operation: Operation, several: Several) -> bool:
    return several.since_ns is None or operation.started_ns >= several.since_ns


def _nothing_there(targets: Sequence[Operation], part: UndoPart, word: str) -> str:
    if part.later is LaterFiles.LEAVE:
        return f"Nothing to {word} there: later operations moved or used all of these files."
    which = " and ".join(display(text) for text in part.patterns) or "there"
    return f"Operation {targets[0].id} has nothing left to {word} of {which}."
