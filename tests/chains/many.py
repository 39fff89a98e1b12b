"""Chains one after the other, in several processes: what they came to, counted."""

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
class Wanted:
    """Chains `first`, `first + 1`, … of a seed, until there were so many steps or seconds."""

    seed: str
    steps: int
    first: int = 0
    jobs: int = 1
    seconds: float = float("inf")
    forks: bool = True
    fileorg: Path | None = None
    """Another fileorg than that of this checkout: its script."""
    shrink: int = 1
    """How many chains of each kind of violation are made short."""
    control: str = ""
    tells: bool = False
    """Whether each violation is printed as soon as it is found."""
    about: str = ""
    plain: bool = False
    """Only on ext4 and tmpfs."""
    results: Path | None = None
    """Where each job keeps its counts, in lines that begin with `how`."""
    how: dict[str, Any] = field(default_factory=dict)


@dataclass
class Came:
    """Counts of steps, commands, acts and violations; of each violation a chain, what was done, and what is wrong."""

    counts: Counter[str]
    found: list[tuple[Chain, Played]]
    next_chain: int

    @property
    def violations(self) -> list[str]:
        return [f"chain {chain['seed']}: {line}" for chain, played in self.found for line in played.wrong.splitlines()]


def run(wanted: Wanted) -> Came:
    """What the jobs came to, each in a process of its own if there are several. Raises `JobFailed`."""
    if wanted.jobs == 1 and wanted.results is None:
        return _job(wanted, 0, lambda: True)
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe(duplex=False) for _ in range(wanted.jobs)]
    jobs = [context.Process(target=_alone, args=(wanted, job, end)) for job, (_, end) in enumerate(ends)]
    for process, (_, end) in zip(jobs, ends, strict=True):
        process.start()
        end.close()
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        for process in jobs:
            process.terminate()

    came = list[Came]()
    with _told_to_stop(stop):
        for end, _ in ends:
            try:
                came.append(end.recv())
            except EOFError:
                if not stopped.is_set():  # if it is, that one had not begun yet
                    stop()
                    raise JobFailed("a job has ended without an answer") from None
        for process in jobs:
            process.join()
    return Came(
        sum((one.counts for one in came), Counter()),
        [one for each in came for one in each.found],
        max((one.next_chain for one in came), default=wanted.first),
    )


class JobFailed(Exception):
    """A job has ended without an answer: it has told why."""


@contextlib.contextmanager
def _told_to_stop(stop: Callable[[], object]) -> Iterator[None]:
    """`stop` when this process is interrupted or terminated, instead of dying of it."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda *_: stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _alone(wanted: Wanted, job: int, end: Connection) -> None:
    """A job in a process of its own. Told to stop, it ends after the chain at hand; its counts are not lost."""
    os.setpgid(0, 0)  # an interrupt of the terminal is for the parent, not for the tools that are run here
    parent, stopped = os.getppid(), threading.Event()
    with _told_to_stop(stopped.set):
        end.send(_job(wanted, job, lambda: not stopped.is_set() and os.getppid() == parent))


def runner_for(wanted: Wanted, places: Places) -> Runner:
    return (Forks if wanted.forks else Processes)(places.memory / "scratch", wanted.fileorg)


def kinds(wanted: Wanted, places: Places) -> list[str]:
    """File systems that there are here. What a chain is depends on them."""
    return list(file_systems.PLAIN) if wanted.plain else [kind for kind in file_systems.ALL if places.has(kind)]


def _job(wanted: Wanted, job: int, goes_on: Callable[[], bool]) -> Came:
    """Every so-manieth chain."""
    start = time.monotonic()
    came, kept, short = Came(Counter(), [], wanted.first), Kept(wanted, start), Counter[str]()
    with Places.opened() as places:
        runner, has = runner_for(wanted, places), kinds(wanted, places)
        for number in itertools.count(wanted.first + job, wanted.jobs):
            if wanted.control and came.found:
                break
            is_enough = came.counts["steps"] >= wanted.steps / wanted.jobs
            if is_enough or time.monotonic() > start + wanted.seconds or not goes_on():
                break
            chain = draw(f"{wanted.seed}:{number}", has=has, about=wanted.about)
            played = play(chain, runner, places, wanted.control)
            came.counts += played.counts
            came.counts["chains"] += 1
            came.next_chain = number + 1
            if played.wrong:
                kind = kind_of(played.wrong)
                came.counts += Counter({"violations": 1, f"violation: {kind}": 1})
                short[kind] += 1
                if short[kind] <= wanted.shrink:
                    chain, played = shrunk(chain, played, runner, places, wanted.control, goes_on)
                came.found.append((chain, played))
                if wanted.tells:
                    print(told(chain, played), flush=True)
            kept.keep(came)
        kept.keep(came, is_end=True)
        runner.close()
    return came


class Kept:
    """The counts of a job in the file of results: what came since the last line, once a minute."""

    def __init__(self, wanted: Wanted, start: float) -> None:
        self._results, self._how = wanted.results, wanted.how
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


def told(chain: Chain, played: Any) -> str:
    """A chain for people: what was done, what is wrong, and itself as JSON."""
    return "\n".join(
        [f"== chain {chain['seed']}", *played.told, "WRONG:", played.wrong or "nothing", json.dumps(chain), ""]
    )
