"""An event loop in a thread of its own, for callers that are synchronous."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import TimeoutError as NotYet
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
    from concurrent.futures import Future
    from typing import Any

_T = TypeVar("_T")
_SLICE_SECONDS = 0.1
"""A caller that waits looks this often whether the run was cancelled."""
_GRACE_SECONDS = 0.5
"""What is under way gets this long to end after that: most requests then have a clear result."""
_SILENT_SECONDS = 0.9
"""After that, what runs to the end is given up if the store has not answered anything for so long."""
_CLOSE_SECONDS = 5.0


class LoopThread:
    """Runs coroutines for other threads, until the run is cancelled."""

    def __init__(self) -> None:
        self.is_over: Callable[[], bool] = lambda: False
        """Ends what may be cancelled; asked in the thread of the caller. What is to be run `to_the_end` goes on, as
        long as the store answers.
        """
        self._over_since: float | None = None
        self._heard_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def heard(self) -> None:
        """Note that the store has answered something."""
        self._heard_at = time.monotonic()

    @property
    def is_given_up(self) -> bool:
        """Return whether the run was cancelled, and the store has been silent since."""
        if not self.is_over():
            self._over_since = None
            return False
        now = time.monotonic()
        if self._over_since is None:
            self._over_since = now
        return now - max(self._over_since, self._heard_at) > _SILENT_SECONDS

    def submit(self, coroutine: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Start a coroutine, for `result`."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._started())

    def result(self, future: Future[_T], *, to_the_end: bool = False) -> _T:
        """Return the result. Raises `StoreError` CANCELLED, and leaves the coroutine, if the run is cancelled."""
        while True:
            try:
                return future.result(_SLICE_SECONDS)
            except NotYet:
                if future.done():  # just now: the wait was over, and not the work in vain
                    return future.result()
                given_up = self.is_given_up  # first: it notes when the run was cancelled
                if given_up or (not to_the_end and self.is_over()):
                    future.cancel()
                    raise StoreError(StoreCode.CANCELLED, may_be_done=True) from None
            except BaseException:
                future.cancel()
                raise

    def run(self, coroutine: Coroutine[Any, Any, _T], *, to_the_end: bool = False) -> _T:
        return self.result(self.submit(coroutine), to_the_end=to_the_end)

    def start_rows(
        self,
        work: Callable[[int], Awaitable[_T]],
        count: int,
        concurrent: int,
        not_begun: _T,
        cut_off: _T,
        *,
        at_least: int = 0,
        to_the_end: bool = False,
    ) -> RowsUnderWay[_T]:
        """Start the rows of one call, a bounded number at a time. If the run is cancelled, the rest is `not_begun`;
        what is under way and does not end soon is `cut_off`; if they run `to_the_end`, only once the store is given up.
        `at_least` is for `RowsUnderWay.groups`.
        """
        rows = _Rows(work, count, not_begun, cut_off, at_least or count)
        if self.is_given_up:
            rows.over.set()  # its loop has not begun: nothing is sent
        future = self.submit(rows.run(min(concurrent, count)))
        future.add_done_callback(lambda _: rows.groups.put(None))

        def end_if_cancelled() -> None:
            if self.is_given_up:
                rows.grace_seconds = 0.0
            elif to_the_end or not self.is_over():
                return
            self._started().call_soon_threadsafe(rows.over.set)

        return RowsUnderWay(rows, future, end_if_cancelled)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End the thread, after `last` has run in its loop; also if the run was cancelled."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            try:
                with contextlib.suppress(NotYet):
                    asyncio.run_coroutine_threadsafe(_finish(last), loop).result(_CLOSE_SECONDS)
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="fileorg-store", daemon=True)
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped."""
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.run_until_complete(loop.shutdown_asyncgens())


async def _finish(last: Callable[[], Awaitable[None]]) -> None:
    """End what is under way before its connections are closed."""
    await _ended([task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
    await last()


class RowsUnderWay(Generic[_T]):
    """The rows of one call that were started."""

    def __init__(self, rows: _Rows, future: Future[list[_T]], end_if_cancelled: Callable[[], None]) -> None:
        """`end_if_cancelled` ends the rows if the run is cancelled."""
        self._rows, self._future, self._end_if_cancelled = rows, future, end_if_cancelled

    def groups(self) -> Generator[list[tuple[int, _T]]]:
        """Yield the numbers and results of rows as they come, several at once. Rows go on meanwhile; those of an
        iterator that is closed are cancelled.
        """
        seen = set[int]()
        try:
            while True:
                self._end_if_cancelled()
                try:
                    group = self._rows.groups.get(timeout=_SLICE_SECONDS)
                except Empty:
                    continue
                if group is None:
                    break
                seen.update(group)
                yield [(number, self._rows.results[number]) for number in group]
            results = self._future.result()
            if rest := [(number, result) for number, result in enumerate(results) if number not in seen]:
                yield rest
        finally:
            self._future.cancel()

    def results(self) -> list[_T]:
        """Wait for the result of each row."""
        for _ in self.groups():
            pass
        return self._future.result()


class _Rows:
    """The rows of one call, and the workers that take them in order."""

    def __init__(
        self, work: Callable[[int], Awaitable[Any]], count: int, not_begun: Any, cut_off: Any, at_least: int
    ) -> None:
        self._work = work
        self._count = count
        self._next = 0
        self._cut_off = cut_off
        self._at_least = at_least
        self._ended: list[int] = []
        self.results = [not_begun] * count
        self.groups: SimpleQueue[list[int] | None] = SimpleQueue()
        """The numbers of rows that have ended, `at_least` at once; None at the end."""
        self.over = asyncio.Event()
        self.grace_seconds = _GRACE_SECONDS

    async def run(self, concurrent: int) -> list[Any]:
        workers = [asyncio.ensure_future(self._take()) for _ in range(concurrent)]
        over: asyncio.Future[Any] = asyncio.ensure_future(self.over.wait())
        finished: asyncio.Future[Any] = asyncio.gather(*workers)
        try:
            await asyncio.wait({finished, over}, return_when=asyncio.FIRST_COMPLETED)
            if not finished.done():
                await asyncio.wait({finished}, timeout=self.grace_seconds)
            if finished.done():
                finished.result()
        finally:
            over.cancel()
            await _ended([*workers, over])
            _forget(finished)
        return self.results

    async def _take(self) -> None:
        while self._next < self._count and not self.over.is_set():
            number = self._next
            self._next += 1
            self.results[number] = self._cut_off
            self.results[number] = await self._work(number)
            self._ended.append(number)
            if len(self._ended) >= self._at_least:
                self.groups.put(self._ended)
                self._ended = []


async def _ended(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel what still runs, and wait for it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _forget(future: asyncio.Future[Any]) -> None:
    """Mark the error of a future as seen: its tasks were looked at."""
    if future.done() and not future.cancelled():
        future.exception()
