"""What a person does with a job: cancel it, let it go on, take it up again, remove what is left of it."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, Locked, UsageError
from fileorg.core.events import ended_jobs
from fileorg.core.model import JobState
from fileorg.jobs.found import ENDED, FoundJob, all_jobs, job, look_at, refuse_other_machine, saved_plan
from fileorg.jobs.log import LOG_FILES
from fileorg.journal.job_rows import configuration_of, limits_of
from fileorg.workflows.open_journal import journal_to_write, open_journal

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory

_FILES = (b"plan", b"plan.columns", b"status", b"cancel", b"certificate", *LOG_FILES)
_PATIENCE_SECONDS = 5.0


def cancel(state: StateDirectory, number: int) -> FoundJob:
    """Ask a job to end, and return it once it has: files in progress are finished or withdrawn.

    One that has ended already is returned as it is. Raises `Locked` if it does not end within seconds.
    """
    found = job(state, number)
    refuse_other_machine(found)
    if found.state in ENDED:
        return found
    if not found.is_alive and (fd := state.alive(number)) is not None:  # it waits for a person
        try:
            with journal_to_write(state) as journal:
                journal.end_job(number, JobState.CANCELLED)
        finally:
            os.close(fd)
        ended_jobs.append((state.path, number))
        return job(state, number)
    fd = os.open(state.of_job(number, b"cancel"), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.close(fd)
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        time.sleep(0.02)
        if not look_at(state, number)[0]:  # its locks are released, too
            return job(state, number)
    raise Locked(
        f"Job {number} was asked to end, and has not ended yet.", hint=f"watch it: fileorg jobs attach {number}"
    )


PLAN_VERSION = "FILEORG_PLAN_VERSION"
"""The variable with the version of the plan that a server has shown: `jobs approve` carries out no other one."""


def claimable(state: StateDirectory, number: int, *, approves: bool = False, version: str | None = None) -> int:
    """Return the locked status file of a job that can be taken up again; with `approves`, of one that waits.

    Raises `UsageError` for one that is done, undone or waits, or whose plan has another `version` if one is given;
    `Locked` for one that is running.
    """
    found = job(state, number)
    if approves and found.state is not JobState.WAITING:
        raise UsageError(
            f"Job {number} does not wait for anybody: it is {found.state}.", code=ErrorCode.JOB_ENDED, hint=""
        )
    if not approves and found.state is JobState.WAITING:
        raise UsageError(
            f"Job {number} waits for your approval.",
            hint=f"let it go on: fileorg jobs approve {number}",
            code=ErrorCode.JOB_ENDED,
        )
    if found.state is JobState.DONE:
        raise UsageError(
            f"Job {number} is done: there is nothing left to do.",
            hint="run its command again",
            code=ErrorCode.JOB_ENDED,
        )
    _refuse_undone(state, found)
    fd = None if found.is_alive else state.alive(number)
    if fd is None:
        raise Locked(f"Job {number} is {found.state} already.", hint=f"watch it: fileorg jobs attach {number}")
    try:
        if version is not None:
            _check_version(state, number, version)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(state.of_job(number, b"cancel"))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_version(state: StateDirectory, number: int, version: str) -> None:
    """Raise `UsageError` unless the plan of a job has this version. The caller holds the lock of its status file."""
    if (plan := saved_plan(state, number)) is not None:
        with contextlib.closing(plan):
            if plan.version == version:
                return
    raise UsageError(
        f"The plan of job {number} is not the one that you have seen: it was edited, carried out or dropped since.",
        hint="look at it again",
        code=ErrorCode.PLAN_CHANGED,
    )


def limit(state: StateDirectory, number: int, time_limit: float | None, kill_after: float | None) -> None:
    """Give a job other limits in seconds; None leaves one as it is. The caller holds the lock of its status file.

    Raises `Locked` if another run works alone.
    """
    from fileorg.core.limits import as_json

    row = job(state, number).row
    limits = limits_of(row)
    if time_limit is not None:
        limits = limits._replace(time_limit=time_limit)
    if kill_after is not None:
        limits = limits._replace(kill_after=kill_after)
    with journal_to_write(state) as journal:
        journal.limit_job(number, as_json(limits, configuration_of(row)))


def queue(state: StateDirectory, number: int) -> None:
    """Record that a job is to be carried out in the background. The caller holds the lock of its status file.

    Raises `Locked` if another run works alone.
    """
    with journal_to_write(state) as journal:
        journal.end_job(number, JobState.QUEUED)


def _refuse_undone(state: StateDirectory, found: FoundJob) -> None:
    """Raise `UsageError` for a job whose changes were undone since: to go on would bring half of them back."""
    if not found.operations:
        return
    own = {operation.id for operation in found.operations}
    with open_journal(state, read_only=True) as journal:
        for operation in found.operations:
            later = [each for each in journal.operations("undoes = ?", (operation.id,)) if each.id not in own]
            if later and later[0].kind == "undo" and not journal.has_done(operation):
                raise UsageError(
                    f"Job {found.row.id} was undone by operation {later[0].id}.",
                    hint=f"run its command again, or fileorg redo {later[0].id}",
                    code=ErrorCode.JOB_ENDED,
                )


def prune(state: StateDirectory) -> list[int]:
    """Remove the files of jobs that have ended: logs and plans. Their operations, and undo, stay. Return the jobs."""
    pruned = []
    for found in all_jobs(state):
        if found.state not in {JobState.DONE, JobState.CANCELLED, JobState.FAILED}:
            continue
        removed = False
        for what in _FILES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(state.of_job(found.row.id, what))
                removed = True
        if removed:
            pruned.append(found.row.id)
    return pruned
