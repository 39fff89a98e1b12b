"""The jobs as they are: what the journal says, corrected by who holds the lock of each."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.events import read_status
from fileorg.core.model import JobState
from fileorg.core.names import display
from fileorg.core.state import is_held
from fileorg.core.tuples import NamedTuple
from fileorg.journal.job_rows import job_rows, limits_of, operations_by_job, operations_of
from fileorg.journal.rows import parsed_options
from fileorg.workflows.open_journal import open_journal

if TYPE_CHECKING:
    from fileorg.core.model import Limits
    from fileorg.core.state import StateDirectory
    from fileorg.journal.job_rows import JobRow
    from fileorg.journal.rows import Operation
    from fileorg.plan.saved_plan import SavedPlan

ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED, JobState.PARKED})
"""States in which no process works on the job. In the last three and in failed, it can be taken up again."""


class UnknownJob(UsageError):
    """The journal has no job with this number."""

    code = ErrorCode.UNKNOWN_JOB
    hint = "fileorg jobs lists the jobs"

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no job {number}.")


class Progress(NamedTuple):
    """The progress of a stage; `seconds` are those that it has taken, whatever the clock of the system shows. `rate` in
    files a second, `left_seconds` until its end; None if unknown.
    """

    stage: str
    files: int
    total: int | None
    size_bytes: int
    folder: bytes
    since: float
    at: float
    seconds: float

    @property
    def rate(self) -> float:
        return self.files / max(self.seconds, 0.001)

    @property
    def left_seconds(self) -> float | None:
        if self.total is None or not self.files:
            return None
        return max(0, self.total - self.files) / self.rate


class FoundJob(NamedTuple):
    """A job: its row, its true state, its progress while it is alive, and its operations, newest first."""

    row: JobRow
    state: JobState
    is_alive: bool
    progress: Progress | None
    operations: list[Operation]
    more_roots: int = 0
    """The number of folders beside the first, of the operation with most."""

    @property
    def limits(self) -> Limits:
        return limits_of(self.row)

    @property
    def is_elsewhere(self) -> bool:
        """True if the process of the job is on another machine: its lock need not be seen from here."""
        return self.state in {JobState.QUEUED, JobState.RUNNING} and self.row.host != os.uname().nodename

    @property
    def files(self) -> int:
        """The number of files that its operations have done."""
        return sum(operation.done or 0 for operation in self.operations)


def all_jobs(state: StateDirectory) -> list[FoundJob]:
    """Return all jobs, newest first. Raises `FileorgError`."""
    if not state.has_journal:
        return []
    with open_journal(state, read_only=True) as journal:
        more, operations = journal.more_roots(), operations_by_job(journal)
        return [found_job(state, row, operations.get(row.id, []), more) for row in job_rows(journal)]


def job(state: StateDirectory, number: int) -> FoundJob:
    """Return a job. Raises `UnknownJob`, `FileorgError`."""
    if state.has_journal:
        with open_journal(state, read_only=True) as journal:
            for row in job_rows(journal, "id = ?", (number,)):
                return found_job(state, row, operations_of(journal, row.id), journal.more_roots())
    raise UnknownJob(number)


def saved_plan(state: StateDirectory, number: int) -> SavedPlan | None:
    """Return the plan of a job, opened; None if it has none. Raises `InvalidPlan`, `OSError`."""
    from fileorg.plan.saved_plan import SavedPlan

    try:
        return SavedPlan(state.of_job(number, b"plan"))
    except FileNotFoundError:
        return None


def roots_of(state: StateDirectory, row: JobRow) -> list[bytes]:
    """Return the directories in which a job works, as far as they are known. Raises `FileorgError`, `OSError`."""
    roots = {row.root}
    undone = parsed_options(row.options).get("operation")
    with open_journal(state, read_only=True) as journal:
        operations = operations_of(journal, row.id)
        if isinstance(undone, int) and (operation := journal.operation(undone)) is not None:
            operations = [*operations, operation]
        for each in operations:
            roots.update(root.path for root in journal.roots(each))
    if (plan := saved_plan(state, row.id)) is not None:
        with contextlib.closing(plan):
            roots.update(root.path for root in plan.head.roots)
    return sorted(roots)


def found_job(state: StateDirectory, row: JobRow, operations: list[Operation], more_roots: dict[int, int]) -> FoundJob:
    """Return a job from its row, its operations and the numbers of further roots of operations."""
    more = max((more_roots.get(each.id, 0) for each in operations), default=0)
    if row.state in ENDED:
        return FoundJob(row, row.state, is_alive=False, progress=None, operations=operations, more_roots=more)
    is_alive, said = look_at(state, row.id)
    now = row.state
    is_here = row.host == os.uname().nodename
    if not is_alive and is_here and now is not JobState.WAITING:
        ended = str(said.get("state"))
        now = JobState(ended) if ended in ENDED else JobState.INTERRUPTED
        reason = said.get("reason")
        row = row._replace(reason=str(reason) if ended in ENDED and reason else row.reason)
    progress = None
    if is_alive and row.state is not JobState.WAITING:
        progress = progress_of(said)
    return FoundJob(row, now, is_alive, progress, operations, more)


def look_at(state: StateDirectory, number: int) -> tuple[bool, dict[str, object]]:
    """Return whether a process holds the lock of a job, and what it last wrote of its progress."""
    try:
        fd = os.open(state.of_job(number, b"status"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False, {}
    try:
        said = read_status(fd)
        return is_held(fd), said
    finally:
        os.close(fd)


def progress_of(said: dict[str, object]) -> Progress | None:
    """Return the progress in a status file; None if its job has no stage yet."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        total = said["total"]
        return Progress(
            str(said["stage"]),
            int(said["files"]),  # type: ignore[call-overload]
            None if total is None else int(total),  # type: ignore[call-overload]
            int(said["bytes"]),  # type: ignore[call-overload]
            os.fsencode(str(said["folder"])),
            float(said["since"]),  # type: ignore[arg-type]
            float(said["at"]),  # type: ignore[arg-type]
            float(said["seconds"]),  # type: ignore[arg-type]
        )
    return None


def refuse_other_machine(found: FoundJob) -> None:
    """Raise `UsageError` for a job that another machine carries out, as far as its row knows."""
    if found.is_elsewhere:
        raise UsageError(
            f"Job {found.row.id} runs on another machine: {display(found.row.host)}.",
            hint=f"run the command there; if that machine is gone: fileorg jobs resume {found.row.id}",
        )
