"""A watch in the background: a job like any other, which ends when it is cancelled."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from fileorg.core.errors import FileorgError, Locked
from fileorg.core.events import ended_jobs, write_status
from fileorg.core.figures import plural, size
from fileorg.core.model import JobState
from fileorg.core.names import display, join
from fileorg.jobs.watch_loop import NoEvents, WatchLoop
from fileorg.workflows.open_journal import journal_to_write

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.watch_loop import Held, WatchOptions
    from fileorg.journal.journal import Journal
    from fileorg.rules.ignore import IgnoreReason
    from fileorg.scan.stays import Stays

_TRIES, _PAUSE_SECONDS = 600, 0.1


def watch_as_job(
    state: StateDirectory,
    number: int,
    options: WatchOptions,
    reporter: Reporter,
    stop: Callable[[], bool],
    fd: int | None,
) -> None:
    """Watch until the job is cancelled, or until `stop`. `fd`: its status file, if this process holds its lock;
    the caller closes it.

    Raises `FileorgError`, `OSError`.
    """
    fd = state.alive(number) if fd is None else os.dup(fd)
    if fd is None:
        raise Locked(f"Job {number} is running already.", hint=f"watch it: fileorg jobs attach {number}")
    cancel = state.of_job(number, b"cancel")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(cancel)
    ended, why = JobState.FAILED, ""
    try:
        _write(state, lambda journal: journal.claim_job(number))
        events = _Log(reporter, fd)
        try:
            watching = WatchLoop(options, state, events, reporter, lambda: stop() or os.path.exists(cancel))
        except Locked as locked:  # the job would wait for its turn for ever
            raise FileorgError(str(locked), hint=locked.hint) from locked
        watching.wakes_for.append(cancel)
        old = signal.set_wakeup_fd(watching.wake_fd, warn_on_full_buffer=False)
        try:
            watching.run()
        finally:
            signal.set_wakeup_fd(old)
            watching.close()
        ended = JobState.CANCELLED if os.path.exists(cancel) else JobState.INTERRUPTED
    except (FileorgError, OSError) as error:
        why = str(error)
        raise
    finally:
        write_status(fd, state=str(ended), reason=why[:300])
        with contextlib.suppress(FileorgError):
            _write(state, lambda journal: journal.end_job(number, ended, why or None))
        ended_jobs.append((state.path, number))
        for what in (b"cancel", b"status"):
            with contextlib.suppress(OSError):
                os.unlink(state.of_job(number, what))
        os.close(fd)


def _write(state: StateDirectory, change: Callable[[Journal], None]) -> None:
    """Write to the journal, unless a process works alone for too long. Raises `FileorgError`."""
    for tries in range(_TRIES):
        try:
            with journal_to_write(state) as journal:
                change(journal)
        except Locked:
            if tries == _TRIES - 1:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


class _Log(NoEvents):
    """Writes what a watch does into the log of its job, and its progress into the status file."""

    def __init__(self, reporter: Reporter, fd: int) -> None:
        self._reporter = reporter
        self._fd = fd
        self._files = self._size_bytes = 0
        self._since, self._began = time.time(), time.monotonic()

    def started(self, roots: Sequence[bytes]) -> None:
        self._reporter.note(f"watching {', '.join(map(display, roots))}")
        self._write(roots[0])

    def moved(self, root: bytes, outcome: Outcome) -> None:
        self._files += outcome.done
        self._size_bytes += outcome.size_bytes
        failed = f", {outcome.problem_count:,} failed" if outcome.problem_count else ""
        what = f"{plural(outcome.done, 'file')}, {size(outcome.size_bytes)}{failed}"
        self._reporter.note(f"operation {outcome.operation} in {display(root)}: {what}")
        self._write(root)

    def held(self, held: Held) -> None:
        self._reporter.note(f"job {held.job} waits for approval: {plural(held.files, 'file')} in {display(held.root)}")

    def waits(self, root: bytes, reasons: Counter[IgnoreReason], stays: Sequence[Stays]) -> None:  # noqa: ARG002
        for each in stays:
            self._reporter.note(f"{display(join(root, each.path))} is not ready: {each.reason}")

    def trouble(self, root: bytes, sentence: str) -> None:
        self._reporter.note(f"{display(root)}: {sentence or 'works again'}")

    def _write(self, root: bytes) -> None:
        write_status(
            self._fd,
            stage="watch",
            files=self._files,
            total=None,
            bytes=self._size_bytes,
            folder=os.fsdecode(root),
            since=self._since,
            seconds=round(time.monotonic() - self._began, 3),
        )
