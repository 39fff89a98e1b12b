"""Runs chains in several processes and counts their results."""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.chains import places as file_systems
from tests.chains.places import Places
from tests.chains.play import kind_of, play, shrunk
from tests.chains.runners import Forks, Processes
from tests.chains.steps import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.chains.play import Played
    from tests.chains.runners import Runner
    from tests.chains.steps import Chain

_KEPT_SECONDS = 60


@dataclass(frozen=True)
class Assignment:
    """Chains `first`, `first + 1`, … of a seed, until the number of steps or seconds is reached."""

    seed: str
    steps: int
    first: int = 0
    jobs: int = 1
    seconds: float = float("inf")
    forks: bool = True
    fileorg: Path | None = None
    """The script of another fileorg, instead of this checkout's."""
    shrink: int = 1
    """The number of chains to shrink for each kind of violation."""
    control: str = ""
    tells: bool = False
    """True to print each violation as soon as it is found."""
    about: str = ""
    plain: bool = False
    """True to use only ext4 and tmpfs."""
    results: Path | None = None
    """The file in which each job stores its counts, in lines that begin with `how`."""
    how: dict[str, Any] = field(default_factory=dict)


@dataclass
class Came:
    """Counts of steps, commands, acts and violations; for each violation its chain, the steps and the findings."""

    counts: Counter[str]
    found: list[tuple[Chain, Played]]
    next_chain: int

    @property
    def violations(self) -> list[str]:
        return [f"chain {chain['seed']}: {line}" for chain, played in self.found for line in played.wrong.splitlines()]


def run(assignment: Assignment) -> Came:
    """Run the jobs, each in a separate process if there are several, and sum up. Raises `JobFailed`."""
    if assignment.jobs == 1 and assignment.results is None:
        return _job(assignment, 0, lambda: True)
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(assignment.jobs)]
    jobs = [context.Process(target=_alone, args=(assignment, job, end)) for job, (_, end) in enumerate(pipes)]
    for process, (_, end) in zip(jobs, pipes, strict=True):
        process.start()
        end.close()
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        for process in jobs:
            process.terminate()

    came = list[Came]()
    with _asked_to_stop(stop):
        for end, _ in pipes:
            try:
                came.append(end.recv())
            except EOFError:
                if not stopped.is_set():  # if it is set, the job had not started yet
                    stop()
                    raise JobFailed("a job has ended without an answer") from None
        for process in jobs:
            process.join()
    return Came(
        sum((one.counts for one in came), Counter()),
        [one for each in came for one in each.found],
        max((one.next_chain for one in came), default=assignment.first),
    )


class JobFailed(Exception):
    """Raised if a job ended without a result; the job has printed the reason."""


@contextlib.contextmanager
def _asked_to_stop(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` if this process is interrupted or terminated, instead of dying."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda *_: stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _alone(assignment: Assignment, job: int, end: Connection) -> None:
    """Run a job in a separate process. A stop request ends it after the current chain; its counts are kept."""
    os.setpgid(0, 0)  # Ctrl-C must reach the parent, not the tools that run here
    parent, stopped = os.getppid(), threading.Event()
    with _asked_to_stop(stopped.set):
        end.send(_job(assignment, job, lambda: not stopped.is_set() and os.getppid() == parent))


def runner_for(assignment: Assignment, places: Places) -> Runner:
    return (Forks if assignment.forks else Processes)(places.memory / "scratch", assignment.fileorg)


def kinds(assignment: Assignment, places: Places) -> list[str]:
    """Return the available file systems. The chains of a seed depend on them."""
    return list(file_systems.PLAIN) if assignment.plain else [kind for kind in file_systems.ALL if places.has(kind)]


def _job(assignment: Assignment, job: int, goes_on: Callable[[], bool]) -> Came:
    """Run every n-th chain, for n jobs."""
    start = time.monotonic()
    came, kept, short = Came(Counter(), [], assignment.first), Kept(assignment, start), Counter[str]()
    with Places.opened() as places:
        runner, has = runner_for(assignment, places), kinds(assignment, places)
        for number in itertools.count(assignment.first + job, assignment.jobs):
            if assignment.control and came.found:
                break
            is_enough = came.counts["steps"] >= assignment.steps / assignment.jobs
            if is_enough or time.monotonic() > start + assignment.seconds or not goes_on():
                break
            chain = draw(f"{assignment.seed}:{number}", has=has, about=assignment.about)
            played = play(chain, runner, places, assignment.control)
            came.counts += played.counts
            came.counts["chains"] += 1
            came.next_chain = number + 1
            if played.wrong:
                kind = kind_of(played.wrong)
                came.counts += Counter({"violations": 1, f"violation: {kind}": 1})
                short[kind] += 1
                if short[kind] <= assignment.shrink:
                    chain, played = shrunk(chain, played, runner, places, assignment.control, goes_on)
                came.found.append((chain, played))
                if assignment.tells:
                    print(reported(chain, played), flush=True)
            kept.keep(came)
        kept.keep(came, is_end=True)
        runner.close()
    return came


class Kept:
    """Writes the counts of a job to the results file: once a minute, the increase since the last line."""

    def __init__(self, assignment: Assignment, start: float) -> None:
        self._results, self._how = assignment.results, assignment.how
        self._counts, self._last = Counter[str](), start

    def keep(self, came: Came, *, is_end: bool = False) -> None:
        now = time.monotonic()
        if self._results is None or (now - self._last < _KEPT_SECONDS and not is_end):
            return
        line = {
            **self._how, "next_chain": came.next_chain, "seconds": round(now - self._last),
            "counts": came.counts - self._counts, "processors": os.cpu_count(),
        }  # fmt: skip
        with self._results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._counts, self._last = Counter(came.counts), now


def reported(chain: Chain, played: Any) -> str:
    """Return a chain as text: the steps, the violations, and the chain as JSON."""
    return "\n".join(
        [f"== chain {chain['seed']}", *played.reported, "WRONG:", played.wrong or "nothing", json.dumps(chain), ""]
    )
