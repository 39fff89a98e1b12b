"""The thread of an event loop ends whatever happens in it."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import CancelledError, Future

import pytest

from fileorg.storage.object.loop_thread import LoopThread
from fileorg.storage.object.store_error import StoreCode, StoreError


def test_the_thread_ends_also_if_the_last_request_fails() -> None:
    async def answer() -> int:
        return 1

    async def fail() -> None:
        raise ConnectionError

    loop, before = LoopThread(), set(threading.enumerate())
    assert loop.run(answer()) == 1
    with pytest.raises(ConnectionError):
        loop.close(fail)
    assert set(threading.enumerate()) <= before


def test_a_result_that_comes_as_a_wait_ends_is_returned() -> None:
    class Late(Future[str]):
        """It is done between the end of the wait and the question whether it is."""

        def result(self, timeout: float | None = None) -> str:
            if not self.done():
                self.set_result("a page")
                raise TimeoutError
            return super().result(timeout)

    assert LoopThread().result(Late()) == "a page"


def test_an_error_of_time_is_that_of_the_work() -> None:
    async def give_up() -> None:
        raise TimeoutError("of the work")

    async def nothing() -> None: ...

    loop = LoopThread()
    with pytest.raises(TimeoutError, match="of the work"):
        loop.run(give_up())
    loop.close(nothing)


def test_what_is_under_way_at_the_end_is_cancelled_and_its_caller_told() -> None:
    loop, started = LoopThread(), threading.Event()

    async def stall(_: int) -> str:
        started.set()
        await asyncio.Event().wait()
        return "done"

    async def nothing() -> None: ...

    rows = loop.start_rows(stall, 3, 2, "not begun", "cut off")
    started.wait()
    loop.close(nothing)
    with pytest.raises(CancelledError):
        rows.results()


def test_what_runs_to_the_end_goes_on_after_a_cancellation_while_the_store_answers() -> None:
    loop, begun = LoopThread(), threading.Event()

    async def answer(number: int) -> int:
        begun.set()
        await asyncio.sleep(0.4)
        loop.heard()
        return number

    async def nothing() -> None: ...

    loop.is_over = begun.is_set
    assert loop.start_rows(answer, 4, 1, -1, -2, to_the_end=True).results() == [0, 1, 2, 3]
    loop.close(nothing)


def test_a_store_that_is_silent_after_a_cancellation_is_given_up() -> None:
    loop, begun = LoopThread(), threading.Event()
    asked = list[int]()

    async def stall(number: int) -> int:
        asked.append(number)
        begun.set()
        await asyncio.Event().wait()
        return number

    async def nothing() -> None: ...

    loop.is_over, started = begun.is_set, time.monotonic()
    assert loop.start_rows(stall, 3, 2, -1, -2, to_the_end=True).results() == [-2, -2, -1]
    assert 0.5 < time.monotonic() - started < 10
    started = time.monotonic()
    assert loop.start_rows(stall, 2, 2, -1, -2, to_the_end=True).results() == [-1, -1]
    with pytest.raises(StoreError) as given_up:
        loop.run(stall(9), to_the_end=True)
    assert given_up.value.code is StoreCode.CANCELLED
    assert (time.monotonic() - started < 5, set(asked) - {9}) == (True, {0, 1})
    loop.close(nothing)
