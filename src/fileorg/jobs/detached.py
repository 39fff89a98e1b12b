"""A job in the background: a process of its own session, which outlives the terminal and the shell."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.state import StateDirectory
    from fileorg.jobs.log import JobLog


_PAUSE_SECONDS = 0.2


def start(state: StateDirectory, number: int, fd: int, configuration: bytes) -> None:
    """Start the process that carries out a job. It inherits the lock of the status file `fd`, and tells the program of
    the `configuration` when the job ends. Raises `OSError`.
    """
    import subprocess

    words = map(os.fsdecode, (state.path, b"%d" % number, b"%d" % fd, configuration))
    subprocess.run(
        [sys.executable, "-P", "-m", "fileorg.jobs.detached", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(fd,),
        start_new_session=True,
        cwd="/",
        check=False,
    )


def _run(words: Sequence[str]) -> int:
    if os.fork():  # the process that started this one need not wait for it, nor adopt it
        return 0
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGTERM, ask)
    from fileorg.core.descriptors import raise_limit
    from fileorg.core.errors import FileorgError
    from fileorg.core.events import ended_jobs
    from fileorg.core.state import open_state
    from fileorg.jobs.log import JobLog, remove_old_logs
    from fileorg.jobs.notify import by_configuration, notify_all
    from fileorg.jobs.turns import end_unclaimed

    path, number, fd, configuration = os.fsencode(words[0]), int(words[1]), int(words[2]), os.fsencode(words[3])
    os.set_inheritable(fd, False)
    raise_limit()
    try:
        state = open_state(path)
        log = JobLog(state, number, takes_output=True)
        remove_old_logs(state)
    except (FileorgError, OSError):  # nobody can be told
        return 1
    try:
        _carry_out(state, number, fd, log, lambda: asked)
        code = 0
    except (FileorgError, OSError) as error:
        log.note(str(error))
        with contextlib.suppress(FileorgError, OSError):
            end_unclaimed(state, number, fd, error)
        code = 1
    finally:
        os.close(fd)
    for named, ended in by_configuration(state, [ended for _, ended in ended_jobs], configuration).items():
        notify_all(state, ended, named)
    return code


def _carry_out(state: StateDirectory, number: int, fd: int, log: JobLog, stop: Callable[[], bool]) -> None:
    from fileorg.core import retry
    from fileorg.core.errors import Locked
    from fileorg.core.model import PARALLEL
    from fileorg.jobs.carry_out import carry_out
    from fileorg.jobs.found import job, roots_of
    from fileorg.jobs.turns import ATTEMPTS, wait_for_attempt, wait_for_turn
    from fileorg.journal.job_rows import limits_of

    row, attempt = job(state, number).row, 1
    limits = limits_of(row)
    attempts = limits.attempts or ATTEMPTS
    while True:
        wait_for_turn(state, number, roots_of(state, row), fd, stop, limits.parallel or PARALLEL)
        left = attempts - attempt + 1
        try:
            outcome = carry_out(state, number, log, stop, fd=fd, attempts=left, say_end=log.note)
        except Locked:  # another run was faster
            retry.CLOCK.pause(_PAUSE_SECONDS, stop)
            continue
        log.outcome(outcome)
        if not outcome.goes_on:
            return
        attempt += 1
        wait_for_attempt(state, number, attempt, fd, log, stop)


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
