"""The state of jobs and of running commands, pushed to any number of WebSockets.

Each message is a whole state with a number. A reader that is slow, or was away, gets the latest one only: nothing is
kept for it. One task reads a job, however many connections follow it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from fileorg.core.errors import FileorgError
from fileorg.core.model import JobState
from fileorg.jobs.found import ENDED, job, look_at, progress_of
from fileorg.jobs.job_json import job_as_json, progress_as_json
from fileorg.serve.problems import as_json, problem_of
from fileorg.workflows.open_journal import again

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from fileorg.core.state import StateDirectory

MOST_CONNECTIONS = 1000
_LOOK_SECONDS = 0.2
_PUSH_SECONDS = 0.39
"""The state is pushed this often, which is each second look; a change of its status at once. A connection that is
silent for longer is lost.
"""
_ASK_SECONDS = 3.0


class Feed:
    """The latest state of one thing. Used in the thread of the event loop only."""

    def __init__(self) -> None:
        self.number = 0
        self.text = ""
        self.is_last = False
        self.readers = 0
        self._changed = asyncio.Event()

    def publish(self, state: dict[str, Any], *, is_last: bool = False) -> None:
        """Give all readers a new state."""
        self.number += 1
        self.is_last = is_last
        self.text = json.dumps({"number": self.number, "last": is_last, **state}, separators=(",", ":"))
        self._changed.set()
        self._changed = asyncio.Event()

    async def later_than(self, number: int) -> None:
        """Wait until there is a state with another number. A higher one stems from a server before this one."""
        while self.number == number or not self.text:
            await self._changed.wait()


async def follow(socket: WebSocket, feed: Feed, seen: int) -> None:
    """Send each state after the one `seen` until the last one; return if the reader leaves."""
    await socket.accept()
    feed.readers += 1
    sending = asyncio.current_task()
    left = False

    async def listen() -> None:
        """Wait for the end of the connection. A message of the reader ends it: there is nothing to say."""
        nonlocal left
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.receive_text()
        left = True
        if sending is not None:
            sending.cancel()

    listening = asyncio.create_task(listen())
    try:
        while True:
            if not (feed.is_last and feed.number == seen):
                await feed.later_than(seen)
                seen, is_last, text = feed.number, feed.is_last, feed.text
                await socket.send_text(text)
            else:
                is_last = True
            if is_last:
                break
        listening.cancel()
        await socket.close()
    except asyncio.CancelledError:
        if not left:
            raise
    except (WebSocketDisconnect, RuntimeError):  # it left while a message was sent
        pass
    finally:
        feed.readers -= 1
        listening.cancel()


class JobFeeds:
    """The feeds of jobs, each read by one task while anybody follows it."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state
        self._feeds: dict[int, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, number: int) -> Feed:
        """Return the feed of a job, which exists."""
        feed = self._feeds.get(number)
        if feed is None or feed.is_last:
            before = 0 if feed is None else feed.number
            self._feeds[number] = feed = Feed()
            feed.number = before
            task = asyncio.create_task(self._read(number, feed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return feed

    async def _read(self, number: int, feed: Feed) -> None:
        loop = asyncio.get_running_loop()
        known: dict[str, Any] = {}
        was_alive, asked, pushed, last = False, 0.0, 0.0, ""
        followed = loop.time()
        while True:
            is_alive, said = look_at(self._state, number)
            now = loop.time()
            if feed.readers:
                followed = now
            if not known or is_alive != was_alive or now - asked > _ASK_SECONDS:
                try:
                    found = await run_in_threadpool(again(job), self._state, number)
                    known = job_as_json(found, self._state)
                except (FileorgError, OSError) as error:
                    feed.publish({"problem": as_json(problem_of(error))}, is_last=True)
                    return
                if found.state in ENDED and not found.is_alive:
                    feed.publish({"job": known}, is_last=True)
                    return
                was_alive, asked = is_alive, now
            elif is_alive:
                progress = progress_of(said)
                if progress is not None:
                    known = known | {"progress": progress_as_json(progress), "status": str(JobState.RUNNING)}
            if known["status"] != last or now - pushed >= _PUSH_SECONDS:
                feed.publish({"job": known})
                last, pushed = known["status"], now
            await asyncio.sleep(_LOOK_SECONDS)
            if not feed.readers and now - followed > _ASK_SECONDS:
                self._feeds.pop(number, None)
                return
