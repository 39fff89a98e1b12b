"""Starts a watch in the background."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fileorg.core.errors import Locked
from fileorg.core.events import NullReporter
from fileorg.core.model import JobState
from fileorg.core.state import run_lock
from fileorg.jobs.detached import start
from fileorg.jobs.watch_loop import NoEvents, WatchLoop
from fileorg.journal.journal import JobStart
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.open_journal import open_journal
from fileorg.workflows.operations import options_as_json

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.watch_loop import WatchOptions


def start_in_background(state: StateDirectory, options: WatchOptions, configuration: bytes) -> int:
    """Start a process that watches, and return the number of its job. At its end, the program of `configuration` is
    notified. Raises `FileorgError`, `OSError`.
    """
    options = options._replace(organize=[each._replace(root=existing_folder(each.root)) for each in options.organize])
    WatchLoop(
        options, state, NoEvents(), NullReporter(), lambda: True
    ).close()  # what is wrong is said here, not in a log
    with run_lock(state, "starting to watch"), open_journal(state) as journal:
        number = journal.next_job()
        fd = state.alive(number)
        if fd is None:
            raise Locked(f"Job {number} is starting just now.", hint="run the command again")
        try:
            with journal.transaction():
                job = JobStart("watch", options_as_json(options), time.time_ns(), number)
                journal.add_job(job, options.roots[0], state=JobState.QUEUED, background=True)
        except BaseException:
            os.close(fd)
            raise
    try:
        start(state, number, fd, configuration)
    finally:
        os.close(fd)
    return number
