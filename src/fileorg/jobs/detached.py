"""A job in the background: a process of its own session, which outlives the terminal and the shell."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.state import StateDirectory


def start(state: StateDirectory, number: int, fd: int) -> None:
    """Start the process that carries out a job. It inherits the lock of the status file `fd`. Raises `OSError`."""
    import subprocess

    log = os.open(state.of_job(number, b"log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        subprocess.run(
            [sys.executable, "-P", "-m", "fileorg.jobs.detached", os.fsdecode(state.path), str(number), str(fd)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(fd,),
            start_new_session=True,
            cwd="/",
            check=False,
        )
    finally:
        os.close(log)


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
    from fileorg.core.errors import FileorgError, Locked
    from fileorg.core.state import open_state
    from fileorg.jobs.carry_out import carry_out
    from fileorg.jobs.found import job
    from fileorg.jobs.log import JobLog
    from fileorg.jobs.turns import end_unclaimed, wait_for_turn

    path, number, fd = os.fsencode(words[0]), int(words[1]), int(words[2])
    os.set_inheritable(fd, False)
    raise_limit()
    log = JobLog()
    try:
        state = open_state(path)
        row = job(state, number).row
        while True:
            try:
                wait_for_turn(state, number, [row.root], fd, lambda: asked)
                outcome = carry_out(state, number, log, lambda: asked, fd=os.dup(fd))
            except Locked:
                continue
            log.outcome(outcome)
            return 0
    except (FileorgError, OSError) as error:
        log.note(str(error))
        with contextlib.suppress(FileorgError, OSError):
            end_unclaimed(state, number, fd, error)
        return 1


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
