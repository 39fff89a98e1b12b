"""Recovers interrupted operations: before each command that changes files, and on demand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.descriptors import TooManyOpen, raise_limit
from fileorg.core.errors import ErrorCode, FileorgError, GuardRefused, Locked, StorageFailure, UsageError
from fileorg.core.figures import plural
from fileorg.core.locks import place_for_run, recovery_lock
from fileorg.core.model import GIVEN, PARALLEL, OperationState
from fileorg.core.names import join
from fileorg.core.reasons import LYING, Reason
from fileorg.core.tuples import NamedTuple
from fileorg.execute.purging import settle_purge
from fileorg.execute.recovery import Unsettled, give_up, is_recognised, recover, settle_left
from fileorg.journal.rows import BIRTHS, parsed_options
from fileorg.journal.trash_records import PURGE
from fileorg.workflows.open_journal import open_journal
from fileorg.workflows.roots import AnotherRoot, another_root, check_services, reborn_root, reopened, uncertain_roots

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, Root
    from fileorg.storage.local.storage import LocalStorage


_NAMED = 20
_WITH_PROBLEMS = "state = 'sealed' AND was_interrupted AND problems"


class Unsure(NamedTuple):
    """An operation, the number of its files that were changed after a crash, and the first of them with reasons."""

    operation: Operation
    files: int
    first: list[tuple[bytes, Reason | None]]


class Recovered(NamedTuple):
    """The operations that were recovered (`settled`), and those that cannot be yet (`left`), reported with the reason.

    `unsure` lists operations, recovered now or before, with files that only a person can judge.
    """

    settled: list[Operation]
    left: list[Operation]
    unsure: list[Unsure]


def recover_all(state: StateDirectory, reporter: Reporter, job: int = 0, *, given_up: int | None = None) -> Recovered:
    """Recover all interrupted operations, as `fileorg recover` does. `job` is the one that this process takes up again.
    `given_up` is an operation to be sealed without a look at its files if it cannot be recovered now.

    Raises `Locked` if another process recovers operations now, `UsageError` if `given_up` is not interrupted,
    `JournalError`.
    """
    raise_limit()
    places = GIVEN.limits.parallel or PARALLEL
    with place_for_run(state, "recover", places), open_journal(state) as journal:
        if given_up is not None and given_up not in {each.id for each in journal.open_operations()}:
            raise UsageError(
                f"Operation {given_up} is not interrupted.", hint="fileorg recover lists the operations that are"
            )
        found = recover_open(journal, state, reporter, job)
        if found is None:
            raise Locked("Another fileorg recovers interrupted operations just now.", hint="run the command again")
        for operation in [each for each in found.left if each.id == given_up]:
            found.left.remove(operation)
            _give_up(journal, operation, reporter)
        for operation in journal.operations(_WITH_PROBLEMS):
            _settle_left(journal, operation, state, reporter)
        return Recovered(found.settled, found.left, list(_unsure(journal)))


def _give_up(journal: Journal, operation: Operation, reporter: Reporter) -> None:
    if operation.kind == PURGE:
        journal.interrupt(operation.id)
        journal.seal_purge(operation, 0)
        reporter.note(f"Gave up operation {operation.id}. What it had not removed yet stays in the trash.")
        return
    files = plural(give_up(journal, operation), "file")
    reporter.note(
        f"Gave up operation {operation.id}: {files} of it may be at the old place, at the new one, or at both. Once the"
        f" disk or store is back, fileorg recover checks them. All: fileorg history --problems {operation.id}"
    )


def _settle_left(journal: Journal, operation: Operation, state: StateDirectory, reporter: Reporter) -> None:
    """Recover files that kept a temporary name when the operation was recovered; what fails again remains unsure."""
    reasons = (record.reason for record in journal.changed_in_crash(operation))
    if not any(reason and reason.code in LYING for reason in reasons):
        return
    roots = journal.roots(operation)
    not_now = contextlib.suppress(FileorgError, AnotherRoot, TooManyOpen, OSError)
    with not_now, reopened(roots, state) as (storages, _):
        check_services(journal, operation, storages)
        other = _another_root(operation, storages, roots)
        if other is None and (files := settle_left(journal, operation, storages)):
            what = plural(files, "file")
            reporter.note(f"Recovered {what} of operation {operation.id} that had been left.")


def _another_root(operation: Operation, storages: Sequence[LocalStorage], roots: Sequence[Root]) -> Root | None:
    births = parsed_options(operation.options).get(BIRTHS)
    return another_root(storages, roots) or reborn_root(storages, roots, births)


def _unsure(journal: Journal) -> Iterator[Unsure]:
    for operation in journal.operations(_WITH_PROBLEMS):
        found = _unsure_of(journal, operation)
        if found.files:
            yield found


def _unsure_of(journal: Journal, operation: Operation) -> Unsure:
    """Return the unsure files of an operation. They are reported again until they are undone or back in place."""
    files = 0
    first: list[tuple[bytes, Reason | None]] = []
    for record in journal.changed_in_crash(operation):
        files += 1
        if len(first) < _NAMED:
            first.append((join(record.target_folder, record.target_name), record.reason))
    return Unsure(operation, files, first)


class RecoveredNow(NamedTuple):
    """The operations that were recovered, and those that could not be, newest first."""

    settled: list[Operation]
    left: list[Operation]


def recover_open(
    journal: Journal, state: StateDirectory, reporter: Reporter, job: int = 0, only: Collection[int] = ()
) -> RecoveredNow | None:
    """Recover interrupted operations, newest first; None if another process does so now. Those whose disk is missing or
    fails are left for later. Operations of living jobs are not interrupted; `job` is the job of this process. `only`
    are operations that no process works on, because the caller has just held the locks of their directories.

    The caller has a place among the runs.
    """
    with recovery_lock(state) as is_mine:
        if not is_mine:
            return None
        found = journal.open_operations()
        if only:
            return _recover(journal, state, reporter, [each for each in found if each.id in only])
        return _recover(journal, state, reporter, [each for each in found if not _is_alive(journal, state, each, job)])


def _recover(
    journal: Journal, state: StateDirectory, reporter: Reporter, interrupted: Sequence[Operation]
) -> RecoveredNow:
    settled: list[Operation] = []
    left: list[Operation] = []
    if interrupted:
        from fileorg.workflows.operations import interrupt_dead_jobs  # few runs recover

        interrupt_dead_jobs(state, journal)  # first: a process may have written why it ended
    for operation in interrupted:
        try:
            if not _settle(journal, operation, state, reporter):
                continue
        except (Locked, GuardRefused, UsageError, StorageFailure, AnotherRoot, TooManyOpen, OSError) as error:
            if getattr(error, "code", None) is ErrorCode.OUTSIDE:  # not for those that may not use its folder
                left.append(operation)
                continue
            reporter.note(
                f"Operation {operation.id} was interrupted and cannot be recovered now: {_why(error)}."
                f" Run fileorg recover later, or give it up: fileorg recover --give-up {operation.id}"
            )
            left.append(operation)
            continue
        settled.append(journal.operation(operation.id) or operation)
        way_on = f"Undo it with: fileorg undo {operation.id}"
        if operation.kind == PURGE:
            way_on = f"Continue with: fileorg purge {operation.undoes}"
        elif not journal.has_done(operation):
            way_on = "Nothing is left to undo."
        unsure = _unsure_of(journal, operation).files
        but = f", except {plural(unsure, 'file')} changed after the crash" if unsure else ""
        reporter.note(f"Recovered operation {operation.id}, which had been interrupted{but}. {way_on}")
    return RecoveredNow(settled, left)


def _why(error: Exception) -> str:
    """Return why an operation stays open, with what a store said as a sentence."""
    reason = error.reason if isinstance(error, Unsettled) else None
    if isinstance(error, OSError) and hasattr(error, "refused"):
        reason = Reason.of_error(error)
    if reason is None:
        return str(error).removesuffix(".")
    from fileorg.report.sentences import sentence  # only if a store failed

    return f"{error}: {sentence(reason)}" if isinstance(error, Unsettled) else sentence(reason)


def _is_alive(journal: Journal, state: StateDirectory, operation: Operation, job: int) -> bool:
    """Return whether the job of an open operation is alive, but for `job`. A repair of split groups has no job of its
    own: it belongs to that of the operation which it repairs.
    """
    for number in (operation.id, operation.undoes):
        of = None if number is None else journal.job_of(number)
        if of is not None:
            return of != job and state.is_alive(of)
    return False


def _settle(journal: Journal, operation: Operation, state: StateDirectory, reporter: Reporter) -> bool:
    """Recover an operation, and return True; False if it has ended by itself meanwhile."""
    roots = journal.roots(operation)
    with reopened(roots, state) as (storages, _):
        now = journal.operation(operation.id)
        if now is None or now.state is OperationState.SEALED:
            return False
        if (other := _another_root(operation, storages, roots)) is not None:
            raise AnotherRoot(other)
        check_services(journal, operation, storages)
        for storage, uncertain in uncertain_roots(storages, roots).items():
            if not is_recognised(journal, operation, storages, storage):
                raise AnotherRoot(uncertain, is_certain=False)
        (settle_purge if operation.kind == PURGE else recover)(journal, operation, storages, reporter)
        if operation.kind != PURGE and journal.groups.torn(operation):
            from fileorg.workflows.operations import mend_torn, notes_on_mended  # few crashes split a group

            mended = mend_torn(journal, operation, storages, reporter)
            for note in [] if mended is None else notes_on_mended(mended):
                reporter.note(note)
    return True
