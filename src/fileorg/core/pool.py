"""Work in processes: bounded batches over a `concurrent.futures.Executor`, results as they come.

What is needed only where there are several processes is imported there: small runs start 10 ms earlier.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Self, TypeVar

from fileorg.core.errors import StorageFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

Task = TypeVar("Task")
Result = TypeVar("Result")

_PR_SET_PDEATHSIG = 1
_WAITING_PER_WORKER = 2
"""So that a worker never waits for its next task, and little is lost when the run is stopped."""


_OBJECTS_A_COLLECTION = 50_000


def workers() -> int:
    """As many as there are processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes:
    """Lean processes, started when they are first needed. By spawn: SQLite does not survive a fork."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or workers()
        self._executor: Executor | None = None

    def warm(self) -> None:
        """Start them now, for work that is about to come: a start takes as long as reading thousands of files."""
        if self._executor is None:
            for _ in range(self.count):
                self._started().submit(_nothing)

    def _started(self) -> Executor:
        if self._executor is None:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            self._executor = ProcessPoolExecutor(self.count, get_context("spawn"), _prepare, (os.getpid(),))
        return self._executor

    def work(self, work: Callable[[Task], Result], next_task: Callable[[], Task | None]) -> Iterator[Result]:
        """As `as_they_come`."""
        return as_they_come(self._started(), self.count, work, next_task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)


def as_they_come(
    executor: Executor, count: int, work: Callable[[Task], Result], next_task: Callable[[], Task | None]
) -> Iterator[Result]:
    """The results of `work` on each task, in no order. `next_task` is asked again after each result, until it has
    none and nothing is under way: results may bring new tasks.
    """
    from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait

    waiting: set[Future[Result]] = set()
    while True:
        while len(waiting) < count * _WAITING_PER_WORKER and (task := next_task()) is not None:
            waiting.add(executor.submit(work, task))
        if not waiting:
            return
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                yield future.result()
            except BrokenExecutor:
                raise StorageFailure(
                    "A process that was helping has been killed.",
                    hint="run the command again; nothing was changed by that process",
                ) from None


def collect_rarely() -> None:
    """For a process of ours: what comes by the million is in no cycle, and looking for one takes a tenth of the time.

    What is imported so far is not looked at again.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_COLLECTION)


def end_with_parent(parent: int) -> bool:
    """Ask the kernel to kill this process when its parent dies. False if that has happened already."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what a terminal sends to all of its processes is the parent's to answer
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def _nothing() -> None:
    """A first task, so that a process starts."""


def _prepare(parent: int) -> None:
    if not end_with_parent(parent):
        os._exit(1)
    collect_rarely()
