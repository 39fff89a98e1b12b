"""Chains one after the other, in several processes: what they came to, counted."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.chains import places as file_systems
from tests.chains.places import Places
from tests.chains.play import kind_of, play, shrunk
from tests.chains.runners import Forks, Processes
from tests.chains.steps import draw

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chains.play import Played
    from tests.chains.runners import Runner
    from tests.chains.steps import Chain


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
    if wanted.jobs == 1:
        return _job(wanted, 0)
    with multiprocessing.get_context("spawn").Pool(wanted.jobs) as pool:
        came = pool.starmap(_job, [(wanted, job) for job in range(wanted.jobs)])
    return Came(
        sum((one.counts for one in came), Counter()),
        [one for each in came for one in each.found],
        max(one.next_chain for one in came),
    )


def runner_for(wanted: Wanted, places: Places) -> Runner:
    return (Forks if wanted.forks else Processes)(places.memory / "scratch", wanted.fileorg)


def kinds(wanted: Wanted, places: Places) -> list[str]:
    """File systems that there are here. What a chain is depends on them."""
    return list(file_systems.PLAIN) if wanted.plain else [kind for kind in file_systems.ALL if places.has(kind)]


def _job(wanted: Wanted, job: int) -> Came:
    """Every so-manieth chain."""
    came, end = Came(Counter(), [], wanted.first), time.monotonic() + wanted.seconds
    short = Counter[str]()
    with Places.opened() as places:
        runner, has = runner_for(wanted, places), kinds(wanted, places)
        for number in itertools.count(wanted.first + job, wanted.jobs):
            if wanted.control and came.found:
                break
            if came.counts["steps"] >= wanted.steps / wanted.jobs or time.monotonic() > end:
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
                    chain, played = shrunk(chain, played, runner, places, wanted.control)
                came.found.append((chain, played))
                if wanted.tells:
                    print(told(chain, played), flush=True)
        runner.close()
    return came


def told(chain: Chain, played: Any) -> str:
    """A chain for people: what was done, what is wrong, and itself as JSON."""
    return "\n".join(
        [f"== chain {chain['seed']}", *played.told, "WRONG:", played.wrong or "nothing", json.dumps(chain), ""]
    )
