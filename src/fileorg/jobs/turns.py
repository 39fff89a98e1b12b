"""The queue: a job waits until no other run works in its folders, and until older jobs there have had their turn."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from fileorg.core import retry
from fileorg.core.errors import ErrorCode, FileorgError, Locked
from fileorg.core.events import ended_jobs, write_status
from fileorg.core.locks import naming_who, place_for_run, root_locks
from fileorg.core.model import PARALLEL, JobState
from fileorg.core.names import overlap
from fileorg.jobs.found import look_at
from fileorg.journal.job_rows import job_rows
from fileorg.workflows.open_journal import journal_to_write, open_journal
from fileorg.workflows.operations import JobCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory

_SOONEST_SECONDS, _LATEST_SECONDS = 0.02, 0.2

ATTEMPTS = retry.JOBS.tries
"""How often a job in the background is tried, if files fail by errors that may pass."""


def wait_for_turn(
    state: StateDirectory,
    number: int,
    roots: Sequence[bytes],
    fd: int,
    stop: Callable[[], bool] = lambda: False,
    parallel: int = PARALLEL,
) -> None:
    """Wait until nothing that the job needs is taken, and fewer than `parallel` runs work; the reason is written into
    its status file `fd`.

    The locks are only tried: the run takes them itself. Raises `JobCancelled` if the job is cancelled, `FileorgError`
    if `stop` returns true.
    """
    pause = _SOONEST_SECONDS
    while True:
        if os.path.exists(state.of_job(number, b"cancel")):
            raise JobCancelled(f"Job {number} was cancelled while it waited. Nothing was changed.")
        if stop():
            raise FileorgError(
                f"Job {number} was ended by a signal while it waited. Nothing was changed.", code=ErrorCode.INTERRUPTED
            )
        try:
            older = _older(state, number, roots)
            if older is None:
                _try(state, number, roots, parallel)
                return
            waits_for = f"job {older}"
        except Locked as locked:
            waits_for = str(locked)
        write_status(fd, state=str(JobState.QUEUED), reason=waits_for)
        time.sleep(pause)
        pause = min(2 * pause, _LATEST_SECONDS)


def wait_for_attempt(
    state: StateDirectory, number: int, attempt: int, fd: int, reporter: Reporter, stop: Callable[[], bool]
) -> None:
    """Wait before a further attempt, or until the job is cancelled or `stop` returns true: its turn then tells."""
    seconds = retry.JOBS.wait(attempt, retry.CLOCK.chance())
    reason = f"some files failed; attempt {attempt} begins in {seconds:.0f} s"
    reporter.note(reason)
    write_status(fd, state=str(JobState.QUEUED), reason=reason)
    retry.CLOCK.pause(seconds, lambda: stop() or os.path.exists(state.of_job(number, b"cancel")))


def _older(state: StateDirectory, number: int, roots: Sequence[bytes]) -> int | None:
    """Return an older job that waits for folders of this one, too."""
    with open_journal(state, read_only=True) as journal:
        rows = job_rows(journal, "state = 'queued' AND id < ?", (number,))
    for row in reversed(rows):
        if any(overlap(row.root, root) for root in roots) and look_at(state, row.id)[0]:
            return row.id
    return None


def _try(state: StateDirectory, number: int, roots: Sequence[bytes], parallel: int) -> None:
    """Raise `Locked` if all places or a folder are taken."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(place_for_run(state, f"job {number}", parallel))
        fds = {}
        for root in roots:
            with contextlib.suppress(OSError):  # a folder that is gone: the run reports it
                fds[root] = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, fds[root])
        with naming_who(state):
            stack.enter_context(root_locks(fds))


def end_unclaimed(state: StateDirectory, number: int, fd: int, error: BaseException) -> None:
    """Record the end of a job that an error, or a request to cancel, ended before it was claimed."""
    if not os.fstat(fd).st_nlink:
        return  # it was claimed, its end is recorded, and it may have been resumed since
    ended = JobState.FAILED
    if isinstance(error, JobCancelled):
        ended = JobState.CANCELLED
    elif isinstance(error, FileorgError) and error.code is ErrorCode.INTERRUPTED:
        ended = JobState.INTERRUPTED
    write_status(fd, state=str(ended), reason=str(error)[:300])
    with contextlib.suppress(FileorgError), journal_to_write(state) as journal:
        rows = job_rows(journal, "id = ? AND state IN ('queued', 'waiting')", (number,))
        if rows:
            journal.end_job(number, ended, str(error))
            ended_jobs.append((state.path, number))
    with contextlib.suppress(OSError):
        os.unlink(state.of_job(number, b"cancel"))
