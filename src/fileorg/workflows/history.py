"""What was done: the operations, where a file went, and which files were not done. Nothing is changed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.errors import UnknownOperation
from fileorg.core.model import PROBLEM_STATES, RecordState
from fileorg.core.names import below, join
from fileorg.journal.journal import Journal
from fileorg.journal.status import standings
from fileorg.workflows.journal import open_journal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Operation, Record

FORWARD = frozenset({"organize", "dedupe", "clean", "redo"})
"""Kinds of operations that an undo takes back."""
BACKWARD = frozenset({"undo"})
"""Kinds of operations that a redo takes back."""


class OperationPage(NamedTuple):
    """A page of operations, newest first, and how many there are in all."""

    total: int
    operations: list[Operation]
    states: list[str]
    """What became of each."""
    more_roots: dict[int, int]
    """How many roots an operation has beside the first, of those that have any."""


class Step(NamedTuple):
    """One record of a file. Where it was and where it went are absolute; a folder stays where it is."""

    operation: Operation
    record: Record
    source: bytes
    target: bytes


class Trail(NamedTuple):
    """The steps of a file, oldest first, and the absolute path that was asked for."""

    path: bytes
    steps: list[Step]


def is_empty(state: StateDirectory) -> bool:
    """Whether nothing was ever done: there is no journal to read then."""
    return not os.path.getsize(state.journal)


def operations_page(page: tuple[int, int], state: StateDirectory) -> OperationPage:
    """A page of operations; `page` is its number, from 1 on, and how many are on one. Raises `JournalError`."""
    number, size = page
    with open_journal(state, read_only=True) as journal:
        total, operations, later = journal.operations_page((number - 1) * size, size)
        states = standings([*later, *operations])[len(later) :]
        return OperationPage(total, operations, states, journal.more_roots() if operations else {})


def operations_of(journal: bytes, kinds: Collection[str], *, in_effect: bool) -> list[Operation]:
    """The operations of some kinds, newest first; only those that were not taken back, if `in_effect`.

    `journal` is a file that may be missing, and is not made. Raises `OSError`, `JournalError`.
    """
    if not os.path.getsize(journal):
        return []
    with Journal(journal, read_only=True) as opened:
        operations = opened.operations()
    return [
        operation
        for operation, state in zip(operations, standings(operations), strict=True)
        if operation.kind in kinds and not (in_effect and state.startswith(("undone", "purged")))
    ]


@contextlib.contextmanager
def not_done(number: int, state: StateDirectory) -> Iterator[Iterator[Record]]:
    """The records of files that an operation did not do; valid until the block ends.

    Raises `UsageError` if there is no such operation, `JournalError`.
    """
    with open_journal(state, read_only=True) as journal:
        operation = journal.operation(number)
        if operation is None:
            raise UnknownOperation(number)
        states = (*PROBLEM_STATES, RecordState.SKIPPED)
        yield (
            record
            for batch in journal.records(operation, states=states)
            for record in batch
            if record.source_name or record.category  # not the folders on the way
        )


def trail(path: bytes, state: StateDirectory) -> Trail:
    """The steps that led a file to `path` and away again, across all operations. Raises `JournalError`."""
    name = os.path.abspath(path)
    asked = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
    with open_journal(state, read_only=True) as journal:
        return Trail(asked, sorted(_follow(journal, asked), key=lambda step: step.record.id))


def _follow(journal: Journal, path: bytes) -> Iterator[Step]:
    """The steps that touch `path`, and from their other ends on: later ones forward, earlier ones backward."""
    told: set[int] = set()
    pending = [(path, 0, 1 << 62)]
    while pending:
        name, low, high = pending.pop()
        for operation, record in journal.trail(name):
            if low < record.id < high and record.id not in told:
                told.add(record.id)
                step = Step(operation, record, *_ends(journal, operation, record))
                yield step
                pending += [(step.source, 0, record.id)] if step.source != name else []
                pending += [(step.target, record.id, 1 << 62)] if step.target != name else []


def _ends(journal: Journal, operation: Operation, record: Record) -> tuple[bytes, bytes]:
    roots = [root.path for root in journal.roots(operation)]
    target = below(roots[record.target_base], join(record.target_folder, record.target_name))
    if not record.source_name:
        return target, target
    return below(roots[record.source_base or 0], join(record.source_folder, record.source_name)), target
