"""Work in processes: a bounded number of tasks on a `concurrent.futures.Executor`, results as they are completed.

Modules for several processes are imported on first use: small runs start 10 ms earlier.
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
"""Queued tasks per worker: enough to keep it busy, few enough to lose little when the run is stopped."""


_OBJECTS_A_COLLECTION = 50_000


def workers() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes:
    """Worker processes, started on first use. Spawned, not forked: SQLite does not survive a fork."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or workers()
        self._executor: Executor | None = None

    def warm(self) -> None:
        """Start the processes ahead of their first task: a start takes as long as reading thousands of files."""
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
        """Yield results as `as_they_come` does."""
        return as_they_come(self._started(), self.count, work, next_task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)


def as_they_come(
    executor: Executor, count: int, work: Callable[[Task], Result], next_task: Callable[[], Task | None]
) -> Iterator[Result]:
    """Yield the results of `work` on each task, in the order of completion. `next_task` is asked again after each
    result, because results may create new tasks; the work ends when it returns None and no task is running.
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
                    "A worker process was killed.",
                    hint="run the command again; the worker process had changed nothing",
                ) from None


def collect_rarely() -> None:
    """Make garbage collection rare: millions of acyclic objects would make cycle collection take 10 % of the run time.

    Everything imported so far is excluded from collection.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_COLLECTION)


def end_with_parent(parent: int) -> bool:
    """Ask the kernel to kill this process when its parent dies. Return False if the parent is dead already."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal signals all its processes; only the parent reacts
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def _nothing() -> None:
    """Do nothing: a first task that starts a process."""


def _prepare(parent: int) -> None:
    if not end_with_parent(parent):
        os._exit(1)
    collect_rarely()
