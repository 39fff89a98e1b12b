"""One request to a store, and what is done around each: a limit on how many are under way, and repetitions."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from fileorg.core.retry import Backoff
from fileorg.core.tuples import NamedTuple
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

REQUESTS = Backoff(tries=8, first_seconds=0.1, factor=2.0, longest_seconds=20.0)
"""For one request: up to half a minute in all. `Retry-After` overrides a shorter wait."""
_LONGEST_AFTER_SECONDS = 60.0
"""A longer `Retry-After` is not waited for: the request fails, and the operation can be continued later."""
CONCURRENT = 64
"""The requests under way at once, unless the store asks for fewer."""


class StoreAnswer(NamedTuple):
    """The answer to a request. `may_be_repeated`: an earlier try may have been carried out as well."""

    fields: Mapping[str, Any]
    may_be_repeated: bool = False


class Sender(Protocol):
    """Sends one request. Clients need nothing else of a service; wrappers add to it."""

    async def close(self) -> None: ...

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        """Return the fields of the answer to an operation of S3, with a body read whole. Raises `StoreError`."""
        ...


class LoopClock(NamedTuple):
    """The waits and the chance of a sender."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


class RetryingSender:
    """Repeats a request whose error may pass. Which errors do is a matter of their code alone."""

    def __init__(self, inner: Sender, *, backoff: Backoff = REQUESTS, clock: LoopClock | None = None) -> None:
        self._inner, self._backoff = inner, backoff
        self._clock = clock or LoopClock()

    async def close(self) -> None:
        await self._inner.close()

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        may_be_done = False
        number = 1
        while True:
            try:
                answer = await self._inner.send(operation, **parameters)
            except StoreError as error:
                may_be_done = error.may_be_done = may_be_done or error.may_be_done
                number += 1
                wait = self._wait(error, number)
                if wait is None:
                    raise
                await self._clock.sleep(wait)
            else:
                return answer._replace(may_be_repeated=may_be_done)

    def _wait(self, error: StoreError, number: int) -> float | None:
        """Return the seconds before try `number`; None for no such try."""
        if error.is_permanent or number > self._backoff.tries:
            return None
        wait = self._backoff.wait(number, self._clock.chance())
        if error.after_seconds is None:
            return wait
        return max(wait, error.after_seconds) if error.after_seconds <= _LONGEST_AFTER_SECONDS else None


class Window:
    """How many requests may be under way. It halves when the store says that it is overloaded, once for all requests
    that were under way by then, and grows by one for each full window of answers.
    """

    def __init__(self, largest: int = CONCURRENT) -> None:
        self._largest = largest
        self.size = float(largest)
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round = 0

    async def enter(self) -> int:
        """Wait for a place, and return a number for `leave`. Who waits first gets the next one: otherwise a few
        deletions would wait until all copies are made.
        """
        if self._waiting or self._under_way >= int(self.size):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():  # it had a place already
                    self._under_way -= 1
                self._wake()
                raise
        else:
            self._under_way += 1
        return self._round

    def leave(self, entered: int, *, overloaded: bool) -> None:
        self._under_way -= 1
        if overloaded and entered == self._round:
            self.size = max(1.0, self.size / 2)
            self._round += 1
        elif not overloaded:
            self.size = min(float(self._largest), self.size + 1 / self.size)
        self._wake()

    def _wake(self) -> None:
        """Give free places to those who wait."""
        while self._waiting and self._under_way < int(self.size):
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)


class LimitedSender:
    """Sends within a window. It stands inside the repetitions: a request that waits for its next try has no place."""

    def __init__(self, inner: Sender, window: Window) -> None:
        self._inner, self._window = inner, window

    async def close(self) -> None:
        await self._inner.close()

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        entered = await self._window.enter()
        overloaded = False
        try:
            return await self._inner.send(operation, **parameters)
        except StoreError as error:
            overloaded = error.code is StoreCode.THROTTLED
            raise
        finally:
            self._window.leave(entered, overloaded=overloaded)
