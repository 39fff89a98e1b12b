"""Progress by WebSocket: states with numbers, the last one for everybody, and the latest one for who is slow."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import time
from typing import TYPE_CHECKING, Any

from fileorg.cli.progress import JsonLines
from fileorg.cli.terminal import Out
from fileorg.core.errors import JournalError
from fileorg.core.state import open_state
from fileorg.serve import feeds
from fileorg.serve.feeds import Feed, JobFeeds, follow
from fileorg.serve.journal_pages import check_operation
from fileorg.serve.runs import StartedCommand
from fileorg.serve.served import Served
from fileorg.workflows.open_journal import open_journal as opened_journal

if TYPE_CHECKING:
    import pytest
    from tests.serve.conftest import Server


def test_a_job_that_has_ended_tells_its_end_once(shared: Server) -> None:
    with shared.events("/jobs/1/events") as events:
        said = [json.loads(text) for text in events]
    assert [each["last"] for each in said] == [True]
    assert said[0]["job"] == shared.get("/jobs/1")


def test_a_state_is_pushed_every_half_second(server: Server) -> None:
    """A plan that waits changes nothing for as long as it waits."""
    job = server.plan()["job"]
    with server.events(f"/jobs/{job}/events") as events:
        numbers, times = [], []
        for _ in range(5):
            said = json.loads(events.recv(timeout=60))
            numbers.append(said["number"])
            times.append(time.monotonic())
            assert said["job"]["status"] == "waiting"
            assert said["last"] is False
    assert numbers == sorted(set(numbers))
    assert min(after - before for before, after in itertools.pairwise(times)) < 1
    with server.events(f"/jobs/{job}/events?after={numbers[-1]}") as events:
        assert json.loads(events.recv(timeout=60))["number"] > numbers[-1]
    with server.events(f"/jobs/{job}/events?after=999999") as events:  # of a server before this one
        assert json.loads(events.recv(timeout=60))["number"] < 999999


def test_many_follow_one_job_and_all_see_its_end(server: Server) -> None:
    plan = server.plan()
    followers = [server.events(f"/jobs/{plan['job']}/events") for _ in range(20)]
    server.post(f"/jobs/{plan['job']}/approve", {"version": plan["version"]})
    for each in followers:
        with each:
            said = [json.loads(text) for text in each]
        assert (said[-1]["last"], said[-1]["job"]["status"]) == (True, "done")


class _SlowReader:
    """A WebSocket whose reader takes a message only when it is told to."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.may_take, self.has_taken = asyncio.Event(), asyncio.Event()

    async def accept(self) -> None: ...

    async def close(self) -> None: ...

    async def receive_text(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def send_text(self, text: str) -> None:
        self.taken.append(json.loads(text))
        self.has_taken.set()
        await self.may_take.wait()


def test_a_slow_reader_gets_the_latest_state_only() -> None:
    async def run() -> list[Any]:
        feed, reader = Feed(), _SlowReader()
        feed.publish({"state": 0})
        following = asyncio.create_task(follow(reader, feed, 0))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await reader.has_taken.wait()
        for state in range(1, 1000):
            feed.publish({"state": state})
        feed.publish({"state": 1000}, is_last=True)
        reader.may_take.set()
        await following
        return [each["state"] for each in reader.taken]

    assert asyncio.run(run()) == [0, 1000]


def test_a_reader_that_was_away_gets_what_it_missed_as_one_state() -> None:
    async def run() -> list[Any]:
        feed, reader = Feed(), _SlowReader()
        reader.may_take.set()
        for state in range(5):
            feed.publish({"state": state}, is_last=state == 4)
        await follow(reader, feed, 2)  # type: ignore[arg-type]
        return [(each["number"], each["state"]) for each in reader.taken]

    assert asyncio.run(run()) == [(5, 4)]


def test_a_job_that_nobody_follows_is_not_read_any_more(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_ASK_SECONDS", 0.5)
    job = server.plan()["job"]

    async def run() -> None:
        JobFeeds(open_state(os.fsencode(server.state))).of(job)
        reading = asyncio.all_tasks() - {asyncio.current_task()}
        assert len(reading) == 1
        _, pending = await asyncio.wait(reading, timeout=10)
        assert not pending

    asyncio.run(run())


def test_a_run_that_ends_under_the_reader_of_a_job_is_not_its_last_state(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal changes under a reader then: it is read again."""
    job = server.plan()["job"]
    failures = _fails_once(monkeypatch, "fileorg.jobs.found.open_journal")

    async def run() -> Any:
        feed = JobFeeds(open_state(os.fsencode(server.state))).of(job)
        await asyncio.wait_for(feed.later_than(0), 30)
        return json.loads(feed.text)

    said = asyncio.run(run())
    assert not failures
    assert (said["last"], said["job"]["status"]) == (False, "waiting")


def test_progress_of_a_run_is_that_of_its_stage() -> None:
    """The events of commands have the number of files of the stage so far."""
    run = StartedCommand(1, "organize")
    stream = io.StringIO()
    progress = JsonLines(Out(stream))
    progress.stage("Moving", 10)
    for _ in range(3):
        progress.advance(2)
        progress.pause()
    for line in stream.getvalue().splitlines():
        run.hear(json.loads(line))
    assert (run.stage, run.files, run.total) == ("Moving", 6, 10)


def test_an_operation_is_looked_up_again_if_a_run_ends_meanwhile(
    shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = open_state(os.fsencode(shared.state))
    served = Served(state, (os.fsencode(os.path.realpath(shared.root)),), b"/none", 1, 1)
    failures = _fails_once(monkeypatch, "fileorg.serve.journal_pages.open_journal")
    check_operation(served, 1)
    assert not failures


def _fails_once(monkeypatch: pytest.MonkeyPatch, name: str) -> list[JournalError]:
    """Have the journal opened under this name in vain once; the failure is taken from what is returned."""
    failures = [JournalError("The journal has changed.")]

    def open_journal(*words: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return opened_journal(*words, **named)

    monkeypatch.setattr(name, open_journal)
    return failures
