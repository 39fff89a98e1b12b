"""Tasks on any executor: a task that is lost with its helper is done again, and a file that ends helpers is named."""

from __future__ import annotations

import importlib
import os
import signal
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.errors import StorageFailure
from fileorg.core.model import GIVEN, Limits
from fileorg.core.pool import Pool, Processes, TaskKind, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Numbers = list[int]


def squares(numbers: Numbers) -> list[tuple[int, int | None]]:
    return [(number, number * number) for number in numbers]


def set_aside(numbers: Numbers) -> list[tuple[int, int | None]]:
    return [(number, None) for number in numbers]


def without_memory(bad: int, numbers: Numbers) -> list[tuple[int, int | None]]:
    if bad in numbers:
        raise MemoryError
    return squares(numbers)


def failing(numbers: Numbers) -> list[tuple[int, int | None]]:
    raise ValueError(str(numbers))


def deadly(bad: int, deaths: Path, numbers: Numbers) -> list[tuple[int, int | None]]:
    """Die like a process that the kernel ends for want of memory, and leave a file for each death."""
    if bad in numbers:
        (deaths / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return squares(numbers)


def deadly_once(bad: int, died: Path, numbers: Numbers) -> list[tuple[int, int | None]]:
    if bad in numbers and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return squares(numbers)


def work(run: Callable[[Numbers], list[tuple[int, int | None]]]) -> TaskKind[Numbers, list[tuple[int, int | None]]]:
    return TaskKind(run, cut, set_aside)


def done(pool: Pool, run: Callable[[Numbers], list[tuple[int, int | None]]], files: int = 400) -> dict[int, int | None]:
    """Return the results of tasks of 100 numbers; each number must have exactly one."""
    tasks = cut(list(range(files)), files // 100)
    results = [each for result in pool.work(work(run), lambda: tasks.pop() if tasks else None) for each in result]
    assert sorted(number for number, _ in results) == list(range(files))
    return dict(results)


EXPECTED: dict[int, int | None] = {number: number * number for number in range(400)}


@pytest.fixture(params=["threads", "processes", pytest.param("dask", marks=pytest.mark.slow)])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    match request.param:
        case "threads":
            with ThreadPoolExecutor(2) as threads:
                yield Pool(threads, 2)
        case "processes":
            with Processes(2) as processes:
                yield processes
        case _:
            distributed = pytest.importorskip("distributed", reason="Dask is not installed")
            with (
                # By default, Dask tries four times: here each loss costs the start of one process, not of four.
                importlib.import_module("dask").config.set({"distributed.scheduler.allowed-failures": 0}),
                distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
                distributed.Client(cluster) as client,
            ):
                yield Pool(client.get_executor(), 2)


# The same on every executor -------------------------------------------------------------------------------------------


def test_a_pool_does_what_one_process_does(pool: Pool) -> None:
    pool.warm()
    assert done(pool, squares) == EXPECTED
    assert done(pool, squares) == EXPECTED
    assert pool.lost == 0
    # An error of the task itself is no loss.
    with pytest.raises(ValueError, match=r"\[0, 1"):
        done(pool, failing, 100)
    assert pool.lost == 0
    # Results may create tasks.
    tasks = [[1]]
    seen = []
    for result in pool.work(work(squares), lambda: tasks.pop() if tasks else None):
        seen += result
        tasks.extend([number + 1] for number, _ in result if number < 5)
    assert seen == squares([1, 2, 3, 4, 5])
    # A file for which there is never enough memory is set aside; all others are done.
    assert done(pool, partial(without_memory, 250)) == EXPECTED | {250: None}
    assert pool.lost == 3


@pytest.mark.parametrize("pool", ["processes", pytest.param("dask", marks=pytest.mark.slow)], indirect=True)
def test_a_lost_task_is_done_again(pool: Pool, tmp_path: Path) -> None:
    assert done(pool, partial(deadly_once, 5, tmp_path / "died")) == EXPECTED
    assert done(pool, partial(deadly, 123, tmp_path)) == EXPECTED | {123: None}
    assert len(list(tmp_path.iterdir())) - 1 == 3


def test_a_helper_that_dies_while_another_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn = ProcessPoolExecutor._spawn_process  # type: ignore[attr-defined]
    waited: list[object] = []

    def spawn_late(executor: Any) -> None:
        if len(executor._processes) == 1 and not waited:
            waited.append(executor)
            ends = time.monotonic() + 2
            while not executor._call_queue._reader.closed and time.monotonic() < ends:
                time.sleep(0.001)
        spawn(executor)

    monkeypatch.setattr(ProcessPoolExecutor, "_spawn_process", spawn_late)
    with Processes(2) as pool:
        assert done(pool, partial(deadly_once, 399, tmp_path / "died")) == EXPECTED


# Executors of other kinds ---------------------------------------------------------------------------------------------


class Losing(Executor):
    """Loses some of the attempts, each with an error of its own kind."""

    def __init__(self, losses: dict[int, Exception]) -> None:
        self.attempts = 0
        self.losses = losses

    def submit(self, fn, /, *args, **kwargs) -> Future:  # type: ignore[no-untyped-def, type-arg]
        future: Future[object] = Future()
        self.attempts += 1
        if self.attempts in self.losses:
            future.set_exception(self.losses[self.attempts])
        else:
            future.set_result(fn(*args, **kwargs))
        return future


class KilledWorker(Exception):
    """The error of an executor that fileorg does not know."""


def test_a_lost_task_is_known_by_what_it_means_not_by_its_error() -> None:
    losses = {1: KilledWorker(), 2: OSError("the connection was lost"), 5: RuntimeError("the machine has gone")}
    pool = Pool(Losing(losses), 1)
    assert done(pool, squares) == EXPECTED
    assert pool.lost == 3


def test_each_attempt_differs_so_that_no_executor_repeats_an_old_result() -> None:
    seen = []

    class Remembering(Losing):
        def submit(self, fn, /, *args, **kwargs) -> Future:  # type: ignore[no-untyped-def, type-arg]
            seen.append(repr(args[1:]))
            return super().submit(fn, *args, **kwargs)

    done(Pool(Remembering({}), 1), squares)
    done(Pool(Remembering({}), 1), squares)
    assert len(set(seen)) == 8


def test_an_executor_that_ended_is_one_sentence() -> None:
    with pytest.raises(StorageFailure, match="The executor that was given to fileorg has ended"):
        done(Pool(Losing({1: BrokenExecutor()}), 1), squares)


def test_a_task_that_cannot_be_sent_is_an_error_of_ours() -> None:
    def local(numbers: Numbers) -> list[tuple[int, int | None]]:
        return squares(numbers)

    with Processes(1) as pool, pytest.raises(AttributeError, match="local"):
        done(pool, local)
    assert pool.lost == 0


# Memory ---------------------------------------------------------------------------------------------------------------


def greedy(bad: int, numbers: Numbers) -> list[tuple[int, int | None]]:
    if bad in numbers:
        bytearray(1 << 30)
    return squares(numbers)


def test_the_memory_of_helpers_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GIVEN, "limits", Limits(helper_memory=512 << 20))
    with Processes(1) as pool:
        assert done(pool, partial(greedy, 42)) == EXPECTED | {42: None}
        assert pool.lost == 3


def test_helpers_that_end_at_once_are_not_started_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    always = {attempt: BrokenExecutor() for attempt in range(1000)}
    monkeypatch.setattr(Processes, "_start", lambda _: Losing(dict(always)))
    with Processes(1) as pool, pytest.raises(StorageFailure, match="end before they have done anything"):
        done(pool, squares)


def test_helpers_that_do_no_task_blame_no_file() -> None:
    pool = Pool(Losing({attempt: KilledWorker() for attempt in range(1000)}), 1)
    with pytest.raises(StorageFailure, match="end before they have done anything"):
        done(pool, squares)
    assert pool.lost < 20
