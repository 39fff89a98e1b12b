"""History: the operations, the moves of a file, and the files that were not done. Changes nothing."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import UnknownOperation
from fileorg.core.model import PROBLEM_STATES, RecordState, StatusCode
from fileorg.core.names import below, is_step_name, is_within, join, scheme_of
from fileorg.core.reasons import UNSETTLED
from fileorg.core.tuples import NamedTuple
from fileorg.journal.journal import Journal
from fileorg.journal.rows import parsed_options
from fileorg.journal.status import operation_statuses
from fileorg.workflows.open_journal import open_journal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from fileorg.core.model import Base
    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Operation, Record
    from fileorg.journal.status import OperationStatus

FORWARD = frozenset({"organize", "dedupe", "clean", "compare", "import", "apply", "redo"})
"""Kinds of operations that undo reverts."""
BACKWARD = frozenset({"undo"})
"""Kinds of operations that redo reverts."""


class OperationPage(NamedTuple):
    """A page of operations, newest first, and the total number."""

    total: int
    operations: list[Operation]
    statuses: list[OperationStatus]
    """The status of each operation."""
    more_roots: dict[int, int]
    """The number of roots beside the first, for operations with more than one."""


class Step(NamedTuple):
    """One record of a file, with absolute paths; for a folder, source and target are equal."""

    operation: Operation
    record: Record
    source: bytes
    target: bytes


class Trail(NamedTuple):
    """The steps of a file, oldest first, and the requested path, absolute."""

    path: bytes
    steps: list[Step]


def is_empty(state: StateDirectory) -> bool:
    """Return whether there are no operations: the journal is missing or empty."""
    return not state.has_journal


def operations_page(page: tuple[int, int], state: StateDirectory) -> OperationPage:
    """Return a page of operations; `page` is its number, from 1, and its size. Raises `JournalError`."""
    number, size = page
    with open_journal(state, read_only=True) as journal:
        total, operations, later = journal.operations_page((number - 1) * size, size)
        statuses = operation_statuses(journal, [*later, *operations])[len(later) :]
        return OperationPage(total, operations, statuses, journal.more_roots() if operations else {})


def operations_in(folder: bytes, page: tuple[int, int], state: StateDirectory) -> OperationPage:
    """Return a page of the operations that worked in a folder, as `operations_page` does. Raises `JournalError`."""
    number, size = page
    with open_journal(state, read_only=True) as journal:
        operations = journal.operations()
        statuses = dict(zip((each.id for each in operations), operation_statuses(journal, operations), strict=True))
        places = _places(operations, absolute(folder))
        chosen = [each for each in operations if any(journal.worked_in(each, place) for place in places)]
        shown = chosen[(number - 1) * size : number * size]
        return OperationPage(len(chosen), shown, [statuses[each.id] for each in shown], journal.more_roots())


def operations_of(journal: bytes, kinds: Collection[str], *, in_effect: bool) -> list[Operation]:
    """Return the operations of some kinds, newest first; with `in_effect`, only those that are not undone or purged.

    `journal` is never created. Raises `OSError` if it is missing, `JournalError`.
    """
    if not os.path.getsize(journal):
        return []
    with Journal(journal, read_only=True) as opened:
        operations = opened.operations()
        statuses = operation_statuses(opened, operations)
    return [
        operation
        for operation, status in zip(operations, statuses, strict=True)
        if operation.kind in kinds and not (in_effect and status.code in {StatusCode.UNDONE, StatusCode.PURGED})
    ]


@contextlib.contextmanager
def not_done(number: int, state: StateDirectory) -> Iterator[Iterator[tuple[bytes, bytes, Record]]]:
    """Yield the records of files that an operation did not change, each with its root and path; valid until the block
    ends.

    Raises `UsageError` if the operation does not exist, `JournalError`.
    """
    with open_journal(state, read_only=True) as journal:
        operation = journal.operation(number)
        if operation is None:
            raise UnknownOperation(number)
        states = (*PROBLEM_STATES, RecordState.SKIPPED)
        roots = [root.path for root in journal.roots(operation)]
        yield (
            (roots[base], path, record)
            for batch in journal.records(operation, states=states)
            for record in batch
            if record.source_name or record.category  # without intermediate folders
            for base, path in (_place_of(record),)
        )


def _place_of(record: Record) -> tuple[Base, bytes]:
    """Return the base and the path that name a file that was not changed: that of its source, unless a crash has left
    it at its temporary name.
    """
    is_left = is_step_name(record.target_name) and record.reason is not None and record.reason.code in UNSETTLED
    if record.source_name and not is_left:
        return record.source_base, join(record.source_folder, record.source_name)
    return record.target_base, join(record.target_folder, record.target_name)


def trail(path: bytes, state: StateDirectory) -> Trail:
    """Return the steps that moved a file to `path` and away from it, in all operations. Raises `JournalError`."""
    asked = absolute(path)
    with open_journal(state, read_only=True) as journal:
        places = _places(journal.operations(), asked)
        return Trail(asked, sorted(_steps(journal, places), key=lambda step: step.record.id))


def absolute(path: bytes) -> bytes:
    """Return the absolute path, without symlinks above its last name."""
    if scheme_of(path):
        return path
    name = os.path.abspath(path)
    return os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))


def _places(operations: Sequence[Operation], path: bytes) -> list[bytes]:
    """Return the path, and where it is now if an undo was told that its folder was moved; `operations` newest first."""
    found = [path]
    for operation in reversed(operations):
        for old, new in _moves(operation):
            found += [new + place[len(old) :] for place in found if is_within(place, old)]
    return list(dict.fromkeys(found))


def _moves(operation: Operation) -> list[tuple[bytes, bytes]]:
    """Return the old and the new place of each folder that was moved before the operation."""
    if '"moved"' not in operation.options:
        return []
    try:
        return [(os.fsencode(old), os.fsencode(new)) for old, new in parsed_options(operation.options)["moved"]]
    except (ValueError, TypeError, KeyError):
        return []


def _steps(journal: Journal, places: Sequence[bytes]) -> Iterator[Step]:
    """Yield the steps that touch these paths, then follow the file: forward in time from targets, backward from
    sources.
    """
    seen: set[int] = set()
    pending = [(place, 0, 1 << 62) for place in places]
    while pending:
        name, low, high = pending.pop()
        for operation, record in journal.trail(name):
            if low < record.id < high and record.id not in seen:
                seen.add(record.id)
                step = Step(operation, record, *_paths(journal, operation, record))
                yield step
                pending += [(step.source, 0, record.id)] if step.source != name else []
                pending += [(step.target, record.id, 1 << 62)] if step.target != name else []


def _paths(journal: Journal, operation: Operation, record: Record) -> tuple[bytes, bytes]:
    roots = [root.path for root in journal.roots(operation)]
    target = below(roots[record.target_base], join(record.target_folder, record.target_name))
    if not record.source_name:
        return target, target
    return below(roots[record.source_base or 0], join(record.source_folder, record.source_name)), target
