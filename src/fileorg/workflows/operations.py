"""Begins operations and the job that they belong to, and repairs groups of files that an operation has split."""

from __future__ import annotations

import contextlib
import os
import time
from enum import Enum
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, Exit, FileorgError, Locked, RunInterrupted
from fileorg.core.events import JobProgress, ended_jobs, read_status, write_status
from fileorg.core.figures import plural
from fileorg.core.formats import named
from fileorg.core.model import CLIENT, GIVEN, PROBLEM_STATES, REMOVALS, JobState, Limits, Problem, RecordState
from fileorg.core.names import join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions.copy import GROUP_BYTES
from fileorg.execute.applier import PROBLEMS_KEPT
from fileorg.execute.run import BATCH_ROWS, COPIED_ROWS, OBJECT_ROWS, execute
from fileorg.execute.work import Changed
from fileorg.journal.rows import BIRTHS, client_of, destination_of
from fileorg.storage.base import Kind
from fileorg.storage.local.worker import renamer_for
from fileorg.workflows.roots import births_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import JobStart, Journal
    from fileorg.journal.rows import Operation, Record
    from fileorg.storage.local.storage import LocalStorage


_POLL_SECONDS = 0.1
"""A job looks for a request to cancel this often: one system call."""
_SMALL_COPIED = 4
_BATCHES, _FEWEST_RENAMED = 16, 1024
"""Renames are cut into this many batches, of so many files at least: a batch costs a commit."""


class JobCancelled(FileorgError):
    """Raised if a job is cancelled before it changes anything."""

    exit_code = Exit.INTERRUPTED
    code = ErrorCode.INTERRUPTED


class JobRun:
    """The job that this process carries out: its row, its progress, and the lock that shows that it is alive.

    A new job gets its row with its first operation, and a job that is taken up again when it is claimed.
    """

    def __init__(self, state: StateDirectory, journal: Journal, start: JobStart, *, fd: int | None = None) -> None:
        """`fd`: the status file, if this process holds its lock already; the caller closes it. Raises `Locked` if
        another process holds it.
        """
        self._journal = journal
        self._state = state
        self._is_claimed = bool(start.number)
        if not start.number:
            number, fd = free_job(state, journal)
            start = start._replace(number=number)
        elif fd is not None:
            fd = os.dup(fd)
        elif (fd := state.alive(start.number)) is None:
            raise Locked(
                f"Job {start.number} is running already.", hint=f"watch it: fileorg jobs attach {start.number}"
            )
        self.start = start
        self.fd = fd
        self._path = state.of_job(self.start.number, b"")
        self._looked_at = 0.0
        self._is_cancelled = self._has_ended = self._goes_on = False
        self._limits, self._batches, self._is_late = Limits(), 0, False
        self._began = time.monotonic()
        if GIVEN.limits != self._limits or GIVEN.configuration:
            self.start = self.start._replace(limits=given_limits())
            self._begin_limits()
        self.is_changing = False
        """True while files are changed: a request to cancel then ends the operation, and raises nothing."""
        if self._is_claimed:
            self._discard(b"cancel")  # of an earlier attempt
            journal.claim_job(self.start.number)

    def _begin_limits(self) -> None:
        from fileorg.core import limits

        self._limits = GIVEN.limits
        limits.note_status(self.fd)

    def reporter(self, reporter: Reporter) -> Reporter:
        """Return a reporter that also writes the progress of the job."""
        return JobProgress(reporter, self.fd, self._check)

    def is_cancelled(self) -> bool:
        """Return whether `fileorg jobs cancel` asked this job to end."""
        if not self._is_cancelled and (now := time.monotonic()) - self._looked_at > _POLL_SECONDS:
            self._looked_at = now
            self._is_cancelled = os.path.exists(self._path + b"cancel")
        return self._is_cancelled

    def _check(self) -> None:
        if not self.is_changing and self.is_cancelled():
            raise JobCancelled(f"Job {self.start.number} was cancelled. Nothing was changed.")

    def stopping(self, stop: Callable[[], bool]) -> Callable[[], bool]:
        """Return a callable that also returns true if the job is cancelled, or has used up its time."""
        return lambda: stop() or self.is_cancelled() or self._has_used_its_time()

    def _has_used_its_time(self) -> bool:
        """Return whether the time limit is over. The first batch is done in any case: a job that is taken up again and
        again makes progress, however long it plans.
        """
        self._batches += 1
        limit = self._limits.time_limit
        self._is_late = limit is not None and self._batches > 1 and time.monotonic() - self._began >= limit
        return self._is_late

    def end_with(self, outcome: Outcome) -> None:
        """Record the end of the job by the outcome of its operations."""
        problems = outcome.problem_count
        outcome.job = self.start.number
        if outcome.interrupted and self._is_late and not self._is_cancelled:
            outcome.parked = True
            self.end(JobState.PARKED, _time_is_over(self._limits.time_limit or 0))
        elif outcome.interrupted:
            self.end(JobState.CANCELLED if self._is_cancelled else JobState.INTERRUPTED)
        elif not problems:
            self.end(JobState.DONE)
        elif outcome.transient and (self._limits.attempts or 1) > 1:
            outcome.goes_on = True
            self.end(JobState.QUEUED, _first_failure(outcome, problems))
        else:
            self.end(JobState.FAILED, _first_failure(outcome, problems))

    def end(self, state: JobState, reason: str | None = None) -> None:
        """Record the end of the job. Raises `JournalError`."""
        self._journal.end_job(self.start.number, state, reason)
        self._has_ended, self._goes_on = True, state is JobState.QUEUED
        if state is not JobState.QUEUED:
            ended_jobs.append((self._state.path, self.start.number))
        self._discard(b"cancel")
        if state is JobState.DONE:
            self._discard(b"plan")
            self._discard(b"plan.columns")

    @property
    def has_ended(self) -> bool:
        """True if the end of the job was recorded."""
        return self._has_ended

    def fail(self, error: BaseException) -> None:
        """Record that an error ended the job, if the journal can still be written."""
        state = JobState.FAILED if isinstance(error, FileorgError | OSError) else JobState.INTERRUPTED
        if isinstance(error, JobCancelled):
            state = JobState.CANCELLED
        elif isinstance(error, RunInterrupted):
            state = JobState.CANCELLED if self._is_cancelled else JobState.INTERRUPTED
        elif isinstance(error, FileorgError) and error.exit_code is Exit.DONE:
            state = JobState.DONE
        elif isinstance(error, Locked) and not self.is_changing:
            state = JobState.QUEUED  # its turn has not come yet
        write_status(self.fd, state=str(state), reason=str(error)[:300])
        with contextlib.suppress(FileorgError):
            self.end(state, str(error) or None)

    def close(self) -> None:
        """Let go of the lock. After its end, the progress of a job is of no use any more."""
        if self._limits != Limits():
            from fileorg.core import limits

            limits.note_status(None)
        if self._has_ended and not self._goes_on:
            self._discard(b"status")
        os.close(self.fd)

    def _discard(self, what: bytes) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path + what)


def _time_is_over(seconds: float) -> str:
    from fileorg.core.limits import in_words

    return f"its time limit of {in_words(seconds)} was over"


def _first_failure(outcome: Outcome, problems: int) -> str:
    """Return the number of failures, the first of them, and the command that lists all."""
    from fileorg.core.figures import plural
    from fileorg.core.names import below, display
    from fileorg.report.sentences import sentence

    first = next((problem for problem in outcome.problems if problem.state in PROBLEM_STATES), None)
    said = "" if first is None else f"{display(below(first.root, first.path))}: {sentence(first.reason)}"
    if problems == 1:
        return f"1 file failed: {said}"
    where = f"fileorg history --problems {outcome.operation}"
    return f"{plural(problems, 'file')} failed, the first of them {said}; all: {where}"


def free_job(state: StateDirectory, journal: Journal) -> tuple[int, int]:
    """Return the number of a new job, and its status file, whose lock keeps other processes from the number.

    Raises `StateError`, `OSError`.
    """
    number = journal.next_job()
    while True:
        fd = state.alive(number)
        if fd is not None:
            if not journal.has_job(number):
                return number, fd
            os.close(fd)  # it has begun and ended since
        number += 1


def interrupt_dead_jobs(state: StateDirectory, journal: Journal) -> None:
    """Record the end of each job whose process has ended without doing so itself."""
    for number in journal.unended_jobs():
        if state.is_alive(number) or (fd := state.alive(number)) is None:
            continue
        try:
            if not journal.is_unended(number):
                os.unlink(state.of_job(number, b"status"))  # it has just ended as it should
                continue
            _interrupt(state, journal, number, fd)
        finally:
            os.close(fd)


def _interrupt(state: StateDirectory, journal: Journal, number: int, fd: int) -> None:
    """Record the end of a job with the status file `fd`, whose lock this process holds."""
    said = read_status(fd)
    ended = str(said.get("state"))
    is_known = ended in {JobState.FAILED, JobState.CANCELLED, JobState.PARKED}
    journal.end_job(number, JobState(ended) if is_known else JobState.INTERRUPTED, said.get("reason"))
    ended_jobs.append((state.path, number))


def given_limits() -> str:
    """Return the limits of this process, and the path of its configuration, as a job keeps them."""
    if GIVEN.limits == Limits() and not GIVEN.configuration:
        return "{}"
    from fileorg.core.limits import as_json

    return as_json(GIVEN.limits, GIVEN.configuration)


def options_as_json(options: Any) -> str:
    """Return the options of a command as JSON, for a job that is taken up again: `jobs.job_options` reads them."""
    import json

    fields = _plain(options)
    if CLIENT in os.environ:
        from fileorg.core.confinement import client

        fields |= {"client": client()}
    return json.dumps(fields)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if isinstance(value, Enum):
        return str(value.value)
    if for_job := getattr(value, "for_job", None):
        return for_job()
    if fields := getattr(value, "_fields", None):
        return {name: _plain(getattr(value, name)) for name in fields}
    if isinstance(value, list | tuple | frozenset):
        return [_plain(each) for each in value]
    return value


def begin(
    journal: Journal,
    kind: str,
    storages: Sequence[LocalStorage],
    facts: dict[str, Any],
    undoes: int | None,
    job: JobStart | None = None,
) -> Operation:
    """Record and return a new operation in the directories of `storages`, by `Base`, as a part of `job`."""
    if job is not None and (asks := client_of(job.options)):
        facts = facts | {"client": asks}
    if undoes is not None and (undone := journal.operation(undoes)) is not None:
        made = destination_of(undone.options)
        facts = facts | ({} if made is None else named("dest", made))
    if any(storage.kind is not Kind.LOCAL for storage in storages):
        from fileorg.workflows.store_services import services_of

        facts = facts | services_of(storages)
    facts = facts | {BIRTHS: births_of(storages)}
    source, target = storages[:2]
    dest = None if target is source else target.root
    more = [
        (base, storage.root, storage.identity[1])
        for base, storage in enumerate(storages)
        if base and storage is not source
    ]
    number = journal.begin(
        kind, source.root, dest, root_inode=source.identity[1], options=facts, undoes=undoes, more_roots=more, job=job
    )
    operation = journal.operation(number)
    if operation is None:
        raise AssertionError("it has just been written")
    return operation


def mend_torn(
    journal: Journal, operation: Operation, storages: Sequence[LocalStorage], reporter: Reporter
) -> Outcome | None:
    """Undo the moves of groups that were moved only in part, as a separate operation. Return None if there are none.

    After an undo, the rest of the group is undone instead. The caller holds the run lock and the locks of the roots.
    Raises `JournalError`.
    """
    torn, mended = journal.groups.torn(operation), operation
    if not torn:
        return None
    from fileorg.plan.undo_plan import UndoPlan

    if operation.kind == "undo" and (undone := journal.operation(operation.undoes or 0)) is not None:
        torn = journal.groups.reverted(torn)
        operation = undone
    stayed = [] if mended.kind == "undo" else [(*each, journal.groups.that_stayed(*each)) for each in torn]
    journal.selection.begin()
    for low, high in torn:
        journal.selection.add_range(low, high)
    journal.selection.complete(operation)
    plan = UndoPlan(journal, operation, storages, selected=True)
    back = begin(journal, "undo", storages, {}, operation.id)
    with contextlib.closing(renamer_for(0, storages, [])) as renamer:
        rows = rows_at_a_time(storages, 0, copies=True)
        outcome = execute(plan, journal, back, storages, renamer, reporter, changed=Changed.EDITED, rows=rows)
    for each in (back, mended):
        journal.close_torn(each)
    outcome.moved_back = list(islice(_moved_back(journal, back, stayed, storages), PROBLEMS_KEPT))
    return outcome


def _moved_back(
    journal: Journal,
    back: Operation,
    stayed: Sequence[tuple[int, int, Record | None]],
    storages: Sequence[LocalStorage],
) -> Iterator[Problem]:
    """Yield the files that `back` has moved back. `stayed`: the file that was not moved, by the range of a group."""
    for record in chain.from_iterable(journal.records(back, states=(RecordState.DONE,))):
        stays = next((found for low, high, found in stayed if low <= (record.reverts or 0) <= high), None)
        if stays is None or not record.source_name:
            continue
        reason = Reason(ReasonCode.LEADER_STAYS, join(stays.source_folder, stays.source_name))
        base, folder, name = record.target_base, record.target_folder, record.target_name
        if record.action in REMOVALS:  # of a copy
            base, folder, name = record.source_base, record.source_folder, record.source_name
        yield Problem(join(folder, name), RecordState.SKIPPED, reason, storages[base].root)


def take_back(outcome: Outcome, mended: Outcome) -> None:
    """Correct the outcome of a run by what `mend_torn` has moved back: these files were not processed, and are named
    as such.
    """
    outcome.done -= mended.done
    outcome.size_bytes -= mended.size_bytes
    known = {(problem.root, problem.path) for problem in outcome.problems}
    outcome.problems += [problem for problem in mended.moved_back if (problem.root, problem.path) not in known]
    for state, files in ((RecordState.DONE, -mended.done), (RecordState.SKIPPED, mended.done)):
        outcome.counts[state] = outcome.counts.get(state, 0) + files
    outcome.counts = {state: files for state, files in outcome.counts.items() if files}


def notes_on_mended(mended: Outcome) -> list[str]:
    """Return what to say of the outcome of `mend_torn`."""
    notes = [f"Moved {plural(mended.done, 'file')} back to keep groups together."] if mended.done else []
    if stays := mended.problem_count:
        notes.append(
            f"Could not move {plural(stays, 'file')} back, so groups are split: fileorg history --problems"
            f" {mended.operation} says why."
        )
    return notes + mended.notes


def rows_at_a_time(storages: Sequence[LocalStorage], files: int, *, copies: bool = False, size_bytes: int = 0) -> int:
    """Return the number of files between two checks of the stop flag: few if contents are copied, which takes long.
    `size_bytes`: of all files, if it is known; more of small ones are copied at a time. Few of few files, too: the
    worker begins when the first of them are committed.
    """
    if any(storage.kind is not Kind.LOCAL for storage in storages):
        return OBJECT_ROWS
    devices = {storage.identity[0] for storage in storages}
    if copies or len(devices) > 1:
        small = files * GROUP_BYTES // size_bytes if size_bytes else 0
        return max(COPIED_ROWS, min(small, _SMALL_COPIED * COPIED_ROWS))
    return min(BATCH_ROWS, max(_FEWEST_RENAMED, files // _BATCHES))
