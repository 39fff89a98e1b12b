"""Repetitions, their waits, and the window of requests under way. No test waits: the clock is simulated."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fileorg.core.retry import Backoff
from fileorg.storage.object.sender import LimitedSender, LoopClock, RetryingSender, StoreAnswer, Window
from fileorg.storage.object.store_error import PASSING, StoreCode, StoreError

BACKOFF = Backoff(tries=5, first_seconds=1.0, factor=2.0, longest_seconds=6.0)


class Scripted:
    """Gives one answer or error after the other."""

    def __init__(self, *script: StoreError | str) -> None:
        self.script = list(script)
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def close(self) -> None: ...

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        self.sent.append((operation, parameters))
        next_one = self.script.pop(0)
        if isinstance(next_one, StoreError):
            raise next_one
        return StoreAnswer({"answer": next_one})


def repeated(*script: StoreError | str) -> tuple[StoreAnswer | StoreError, list[float]]:
    """Return what a request ends with, and the waits before its tries, all of full length."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def send() -> StoreAnswer | StoreError:
        sender = RetryingSender(Scripted(*script), backoff=BACKOFF, clock=LoopClock(sleep, lambda: 1.0))
        try:
            return await sender.send("CopyObject")
        except StoreError as error:
            return error

    return asyncio.run(send()), waits


def of(code: StoreCode, **more: Any) -> StoreError:
    return StoreError(code, **more)


def test_a_passing_error_is_repeated_with_longer_and_longer_waits() -> None:
    throttled = [of(StoreCode.THROTTLED, may_be_done=True) for _ in range(4)]
    assert repeated(*throttled, "done") == (StoreAnswer({"answer": "done"}, may_be_repeated=True), [1.0, 2.0, 4.0, 6.0])


def test_the_tries_end() -> None:
    errors = [of(StoreCode.SERVER) for _ in range(5)]
    found, waits = repeated(*errors)
    assert found is errors[-1]
    assert len(waits) == 4


@pytest.mark.parametrize("code", sorted(set(StoreCode) - PASSING))
def test_a_permanent_error_is_not_repeated(code: StoreCode) -> None:
    error = of(code)
    assert repeated(error) == (error, [])
    assert error.is_permanent


def test_retry_after_is_heeded_unless_it_is_too_long() -> None:
    assert repeated(of(StoreCode.THROTTLED, after_seconds=7.5), "done")[1] == [7.5]
    assert repeated(of(StoreCode.THROTTLED, after_seconds=0.1), "done")[1] == [1.0]
    error = of(StoreCode.THROTTLED, after_seconds=3600)
    assert repeated(error) == (error, [])


def test_what_an_earlier_try_may_have_done_is_not_forgotten() -> None:
    found, _ = repeated(of(StoreCode.TIMED_OUT, may_be_done=True), of(StoreCode.CHANGED))
    assert isinstance(found, StoreError)
    assert (found.code, found.may_be_done) == (StoreCode.CHANGED, True)
    found, _ = repeated(of(StoreCode.NO_NETWORK), of(StoreCode.CHANGED))
    assert isinstance(found, StoreError)
    assert not found.may_be_done


def test_the_window_halves_once_for_all_that_were_under_way() -> None:
    async def run() -> list[float]:
        window = Window(16)
        entered = [await window.enter() for _ in range(16)]
        sizes = []
        for number in entered:
            window.leave(number, overloaded=True)
            sizes.append(window.size)
        number = await window.enter()
        window.leave(number, overloaded=True)
        return [*sizes, window.size]

    assert asyncio.run(run()) == [8.0] * 16 + [4.0]


def test_the_window_grows_back_and_never_closes() -> None:
    async def run() -> tuple[float, float]:
        window = Window(4)
        for _ in range(10):
            window.leave(await window.enter(), overloaded=True)
        smallest = window.size
        for _ in range(100):
            window.leave(await window.enter(), overloaded=False)
        return smallest, window.size

    assert asyncio.run(run()) == (1.0, 4.0)


def test_no_more_requests_are_under_way_than_the_window_has_places() -> None:
    under_way = largest = 0

    class Counting:
        async def close(self) -> None: ...

        async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
            nonlocal under_way, largest
            assert (operation, parameters) == ("HeadObject", {})
            under_way += 1
            largest = max(largest, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return StoreAnswer({})

    async def run() -> None:
        sender = LimitedSender(Counting(), Window(3))
        await asyncio.gather(*(sender.send("HeadObject") for _ in range(50)))

    asyncio.run(run())
    assert largest == 3


def test_a_cancelled_wait_for_a_place_passes_it_on() -> None:
    async def run() -> None:
        window = Window(1)
        number = await window.enter()
        first, second = (asyncio.ensure_future(window.enter()) for _ in range(2))
        await asyncio.sleep(0)
        window.leave(number, overloaded=False)
        first.cancel()
        await asyncio.wait_for(second, 5)

    asyncio.run(run())


def test_a_request_gets_its_place_before_those_that_come_again() -> None:
    """One deletion, beside as many workers as there are places, each of which sends one request after the other."""
    sent: list[str] = []

    async def run() -> None:
        window = Window(2)

        async def request(what: str) -> None:
            number = await window.enter()
            sent.append(what)
            await asyncio.sleep(0)
            window.leave(number, overloaded=False)

        async def worker() -> None:
            for _ in range(20):
                await request("copy")

        workers = [asyncio.ensure_future(worker()) for _ in range(2)]
        await asyncio.sleep(0)
        await request("deletion")
        await asyncio.gather(*workers)

    asyncio.run(run())
    assert sent.index("deletion") < 6
