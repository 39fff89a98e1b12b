"""Work in helpers: a bounded number of tasks on a `concurrent.futures.Executor`, results as they are completed.

Modules for several processes are imported on first use: small runs start 10 ms earlier.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from fileorg.core.errors import StorageFailure
from fileorg.core.model import GIVEN
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

Task = TypeVar("Task")
Result = TypeVar("Result")

_PR_SET_PDEATHSIG = 1
_WAITING_PER_WORKER = 2
"""Queued tasks per worker: enough to keep it busy, few enough to lose little when the run is stopped."""


_OBJECTS_A_COLLECTION = 50_000

_LOSSES = 3
"""A file that has ended this number of helpers is set aside."""
_LOSSES_IN_A_ROW = 4 * _LOSSES
"""After this number of tasks that were lost while they ran alone, no file is to blame."""
_PARTS = 48
"""The parts of a task that was lost once: about the square root of the files of a task, so that a file that ends its
helpers is alone in the third attempt."""


LEAST_MEMORY_BYTES = 128 << 20
"""The least address space in which each kind of helper starts and does its work: measured, with room to spare."""


def workers() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class TaskKind(NamedTuple, Generic[Task, Result]):
    """What helpers do with tasks. A task holds all that it needs, such as the path of its tree: a helper may be on
    another machine.
    """

    run: Callable[[Task], Result]
    """A function of a module. It returns columns, and changes nothing: a task may be run again."""
    split: Callable[[Task, int], list[Task]]
    """Returns the task in at most this number of parts, if possible with one file each."""
    set_aside: Callable[[Task], Result]
    """Returns the result of a task, usually of one file, that ended its helpers: it names the files."""


class Pool:
    """Runs tasks on an executor: processes, threads or machines. It belongs to the caller, who shuts it down."""

    def __init__(self, executor: Executor | None, count: int) -> None:
        """`count` is the number of tasks that the executor runs at once."""
        self.count = count
        self.lost = 0
        """The number of tasks that were lost with their helpers."""
        self._executor = executor
        self._is_broken = False
        self._lost_in_a_row = 0
        self._key = os.urandom(8)  # each attempt differs from all others: Dask may give an equal one the same result
        self._attempts = 0

    @property
    def is_started(self) -> bool:
        """True if the helpers run already: to give them little work costs little."""
        return self._executor is not None

    def warm(self) -> None:
        """Start the helpers ahead of their first task, if they are started by this process."""

    def started(self) -> Executor:
        """Return the executor, started on first use. Raises `StorageFailure` if it is broken and not replaceable."""
        if self._executor is None or self._is_broken:
            raise StorageFailure(
                "The executor that was given to fileorg has ended.",
                hint="run the command again; the executor had changed nothing",
            )
        return self._executor

    def work(self, kind: TaskKind[Task, Result], next_task: Callable[[], Task | None]) -> Iterator[Result]:
        """Yield the results of the tasks, in the order of completion. `next_task` is asked again after each result,
        because results may create new tasks; the work ends when it returns None and no task is running.

        A task that was lost with its helper is run again, alone and in parts, until the file that ends the helpers is
        found: the result of that file is `kind.set_aside`. Raises `StorageFailure`; the errors of `kind.run`.
        """
        from concurrent.futures import FIRST_COMPLETED, wait

        waiting: dict[Future[Any], tuple[Task, int]] = {}
        again: list[tuple[Task, int]] = []  # with the number of helpers that they may have ended
        while True:
            if again and not waiting:  # one at a time: the one that is lost has ended its helper
                self._check_losses()
                alone = again.pop()
                waiting[self._submit(kind, alone[0])] = alone
            while not again and len(waiting) < self.count * _WAITING_PER_WORKER:
                if (task := next_task()) is None:
                    break
                waiting[self._submit(kind, task)] = (task, 0)
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                task, losses = waiting.pop(future)
                is_done, result = self._outcome(future)
                if is_done:
                    self._lost_in_a_row = 0
                    yield result
                elif losses + 1 == _LOSSES:
                    self._lost_in_a_row += 1
                    yield kind.set_aside(task)
                else:
                    self._lost_in_a_row += losses > 0
                    parts = kind.split(task, _PARTS if losses == 0 else sys.maxsize)
                    again += [(part, losses + 1) for part in reversed(parts)]

    def _check_losses(self) -> None:
        if self._lost_in_a_row >= _LOSSES_IN_A_ROW:
            raise _keep_ending()

    def _submit(self, kind: TaskKind[Task, Result], task: Task) -> Future[tuple[Any, ...]]:
        from concurrent.futures import BrokenExecutor, Future

        try:
            self._attempts += 1
            return self.started().submit(_attempt, kind.run, task, (self._key, self._attempts))
        except BrokenExecutor as error:  # a helper has died since the last result
            lost: Future[tuple[Any, ...]] = Future()
            lost.set_exception(error)
            return lost

    def _outcome(self, future: Future[tuple[Any, ...]]) -> tuple[bool, Any]:
        """Return whether the task was done, and its result. Raises the errors of the task itself.

        Executors have no common error for a lost task. But `_attempt` returns the errors of the task, so any error of
        the future is one of the executor.
        """
        import pickle
        from concurrent.futures import BrokenExecutor

        try:
            is_done, result = future.result()
        except (pickle.PicklingError, TypeError, AttributeError, ImportError):
            raise  # a task that cannot be sent: an error in fileorg
        except Exception as error:
            self.lost += 1
            self._is_broken = self._is_broken or isinstance(error, BrokenExecutor)
            return False, None
        if isinstance(result, MemoryError):
            self.lost += 1
            return False, None
        if not is_done:
            raise result
        return True, result


class Processes(Pool):
    """Helper processes, started on first use. Spawned, not forked: SQLite does not survive a fork. If one dies, all are
    replaced.
    """

    def __init__(self, count: int | None = None) -> None:
        super().__init__(None, count or workers())
        self._sent: Callable[..., Any] | None = None

    def _submit(self, kind: TaskKind[Task, Result], task: Task) -> Future[tuple[Any, ...]]:
        """Submit a task whose function can be sent: an executor that ends while one cannot be may wait for ever."""
        if kind.run is not self._sent:
            import pickle

            pickle.dumps(kind.run)
            self._sent = kind.run
        return super()._submit(kind, task)

    def warm(self) -> None:
        if self._executor is None:
            from concurrent.futures import BrokenExecutor

            with contextlib.suppress(BrokenExecutor):  # one has died already: the first task will tell
                self.started().submit(_nothing)

    def started(self) -> Executor:
        if self._is_broken:
            self._replace()
        if self._executor is None:
            self._executor = self._start()
        return self._executor

    def _start(self) -> Executor:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        arguments = os.getpid(), GIVEN.limits.helper_memory
        executor = ProcessPoolExecutor(self.count, get_context("spawn"), _prepare, arguments)
        # All at once, before there are tasks, as it does with forks. Otherwise one may be started while another that
        # has a task dies; then the thread that ends the others fails, or the start does: "handle is closed".
        executor._launch_processes()  # type: ignore[attr-defined]  # noqa: SLF001
        return executor

    def _replace(self) -> None:
        """Start other helpers, and wait for the first. Raises `StorageFailure` if they die at once, too."""
        from concurrent.futures import BrokenExecutor

        for _ in range(_LOSSES):
            self.close()
            self._executor = self._start()
            try:
                self._executor.submit(_nothing).result()
            except BrokenExecutor:
                continue
            self._is_broken = False
            return
        raise _keep_ending()

    def close(self) -> None:
        """End the helpers."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cut(items: list[Task], parts: int) -> list[list[Task]]:
    """Return the items in at most `parts` lists of about the same length."""
    length = max(1, -(-len(items) // parts))
    return [items[start : start + length] for start in range(0, len(items), length)]


def collect_rarely() -> None:
    """Make garbage collection rare: millions of acyclic objects would make cycle collection take 10 % of the run time.

    Everything imported so far is excluded from collection.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_COLLECTION)
    gc.enable()


def end_with_parent(parent: int) -> bool:
    """Ask the kernel to kill this process when its parent dies. Return False if the parent is dead already."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal signals all its processes; only the parent reacts
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def limit_memory(size_bytes: int) -> None:
    """Limit the address space of this process: beyond it, memory is refused (`MemoryError`)."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = size_bytes if hard == resource.RLIM_INFINITY else min(size_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _attempt(run: Callable[[Task], Result], task: Task, _: tuple[bytes, int]) -> tuple[bool, Any]:
    """Return whether the task was done, and its result or its error."""
    try:
        return True, run(task)
    except Exception as error:
        return False, error


def _keep_ending() -> StorageFailure:
    return StorageFailure(
        "The helper processes end before they have done anything.",
        hint="free some memory, or give them more with --helper-memory; they had changed nothing",
    )


def _nothing() -> None:
    """Do nothing: a first task that starts a process."""


def _prepare(parent: int, memory_bytes: int | None) -> None:
    if not end_with_parent(parent):
        os._exit(1)
    if memory_bytes is not None:
        limit_memory(memory_bytes)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # multiprocessing shows a traceback when memory is refused
    collect_rarely()
