"""The thread of an event loop ends whatever happens in it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future

import pytest

from fileorg.storage.object.loop_thread import LoopThread


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
