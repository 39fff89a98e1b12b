"""Commands that a request begins and does not wait for: each runs in its own process, and is followed by number."""

from __future__ import annotations

import asyncio
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, FileorgError
from fileorg.jobs.command import run_command
from fileorg.serve.feeds import Feed
from fileorg.serve.problems import HttpCode, HttpProblem, as_json, problem_of
from fileorg.workflows.session import PLAN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST_AT_ONCE, _MOST_KEPT = 4, 50
COLUMNS = {PLAN_COLUMNS: "1"}
"""Plans are written as columns too, for the page."""


class StartedCommand:
    """A command, its progress and its end."""

    def __init__(self, number: int, kind: str) -> None:
        self.number, self.kind = number, kind
        self.status = "running"
        self.stage = ""
        self.files = 0
        self.total: int | None = None
        self.answer: Any = None
        self.problem: dict[str, Any] | None = None
        self.feed = Feed()
        self.stops = threading.Event()

    def as_json(self) -> dict[str, Any]:
        """Return the run for programs."""
        progress = {"stage": self.stage, "files": self.files, "total": self.total} if self.stage else None
        return {
            "run": self.number, "kind": self.kind, "status": self.status, "progress": progress, "answer": self.answer,
            "problem": self.problem,
        }  # fmt: skip

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event of `--progress json`."""
        if event.get("event") == "stage":
            self.stage, self.files, self.total = str(event["stage"]), 0, event.get("files")
        elif event.get("event") == "advance":
            self.files = int(event["files"])  # of the stage so far


class Runs:
    """The commands of one server, the last ones of those that have ended included."""

    def __init__(self) -> None:
        self._runs: dict[int, StartedCommand] = {}
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, number: int) -> StartedCommand:
        """Return a run. Raises `HttpProblem`."""
        if number not in self._runs:
            raise HttpProblem(HTTPStatus.NOT_FOUND, HttpCode.NOT_FOUND, f"There is no run {number}.", "begin it again")
        return self._runs[number]

    def begin(self, kind: str, words: Sequence[str | bytes], take: Callable[[Any], Any]) -> StartedCommand:
        """Begin a command; `take` makes the answer from its document, in a thread. Raises `HttpProblem`."""

        def work(run: StartedCommand) -> Any:
            return take(run_command(words, environment=COLUMNS, on_event=run.hear, stop=run.stops.is_set).document)

        return self.begin_work(kind, work)

    def begin_work(self, kind: str, work: Callable[[StartedCommand], Any]) -> StartedCommand:
        """Begin `work`, which returns the answer of its run and heeds its `stops`. Raises `HttpProblem`."""
        if sum(each.status == "running" for each in self._runs.values()) >= _MOST_AT_ONCE:
            raise HttpProblem(
                HTTPStatus.CONFLICT,
                ErrorCode.LOCKED,
                f"{_MOST_AT_ONCE} commands run already.",
                "wait until one has ended",
            )
        self._last += 1
        run = self._runs[self._last] = StartedCommand(self._last, kind)
        for old in [each for each in self._runs.values() if each.status != "running"][
            : max(0, len(self._runs) - _MOST_KEPT)
        ]:
            del self._runs[old.number]
        task = asyncio.create_task(self._carry(run, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def _carry(self, run: StartedCommand, work: Callable[[StartedCommand], Any]) -> None:
        def carry() -> None:
            try:
                run.answer = work(run)
                run.status = "done"
            except Exception as error:
                run.status, run.problem = "failed", as_json(problem_of(error))
                if not isinstance(error, HttpProblem | FileorgError | OSError):
                    raise  # an error in fileorg itself: the terminal shows it

        working = asyncio.create_task(asyncio.to_thread(carry))
        while True:
            done, _ = await asyncio.wait({working}, timeout=0.4)
            run.feed.publish({"run": run.as_json()}, is_last=bool(done))
            if done:
                return

    async def end(self) -> None:
        """Stop all commands, and wait for their end."""
        for run in self._runs.values():
            run.stops.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
