"""Starts a watch in the background."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fileorg.core.events import NullReporter
from fileorg.core.model import JobState
from fileorg.jobs.detached import start
from fileorg.jobs.watch_loop import NoEvents, WatchLoop
from fileorg.journal.journal import JobStart
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.open_journal import journal_to_write
from fileorg.workflows.operations import free_job, given_limits, options_as_json

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
    with journal_to_write(state) as journal:
        number, fd = free_job(state, journal)
        try:
            with journal.transaction():
                job = JobStart("watch", options_as_json(options), time.time_ns(), number, limits=given_limits())
                journal.add_job(job, options.roots[0], state=JobState.QUEUED, background=True)
        except BaseException:
            os.close(fd)
            raise
    try:
        start(state, number, fd, configuration)
    finally:
        os.close(fd)
    return number
