"""Settle what a crash left open: before each command that changes files, and on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.descriptors import TooManyOpen, raise_limit
from fileorg.core.errors import GuardRefused, Locked
from fileorg.core.state import run_lock
from fileorg.execute.purge import settle_purge
from fileorg.execute.recover import Unsettled, is_recognised, recover
from fileorg.journal.journal import Journal
from fileorg.journal.trash import PURGE
from fileorg.workflows.roots import AnotherRoot, another_root, reopened

if TYPE_CHECKING:
    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Operation


class Recovered(NamedTuple):
    """The operations that are settled now, and those that cannot be yet: the reporter was told why."""

    settled: list[Operation]
    left: list[Operation]


def recover_all(state: StateDirectory, reporter: Reporter) -> Recovered:
    """`fileorg recover`: settle what a crash left open. Raises `Locked`, `JournalError`."""
    raise_limit()
    with run_lock(state, "recover"), Journal(state.journal) as journal:
        return Recovered(recover_open(journal, state, reporter), journal.open_operations())


def recover_open(journal: Journal, state: StateDirectory, reporter: Reporter) -> list[Operation]:
    """Settle what a crash left open, newest first; those whose disk is not there or not well are left for later.

    The caller holds the run lock.
    """
    settled = []
    for operation in journal.open_operations():
        try:
            _settle(journal, operation, state, reporter)
        except (Locked, GuardRefused, AnotherRoot, Unsettled, TooManyOpen, OSError) as error:
            reporter.note(
                f"Operation {operation.id} was interrupted and cannot be settled now: {str(error).removesuffix('.')}."
                " Run fileorg recover later."
            )
            continue
        settled.append(journal.operation(operation.id) or operation)
        undo = f"Undo it with: fileorg undo {operation.id}"
        way_on = f"Go on with: fileorg purge {operation.undoes}" if operation.kind == PURGE else undo
        reporter.note(f"Operation {operation.id} had been interrupted; it is settled now. {way_on}")
    return settled


def _settle(journal: Journal, operation: Operation, state: StateDirectory, reporter: Reporter) -> None:
    roots = journal.roots(operation)
    with reopened(roots, state) as (storages, _):
        other = another_root(storages, roots)
        if other is None and not all(storage.capabilities.stable_inodes for storage in storages):
            other = None if is_recognised(journal, operation, storages) else roots[0]
        if other is not None:
            raise AnotherRoot(other)
        (settle_purge if operation.kind == PURGE else recover)(journal, operation, storages, reporter)
