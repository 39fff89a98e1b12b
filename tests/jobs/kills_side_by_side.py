"""Kills one of two jobs that work side by side, at random moments: `python -m tests.jobs.kills_side_by_side`.

Each round begins two jobs with one state directory on two trees, in the background or in the foreground, and kills the
process of one of them, a helper of it, or all its processes; in a quarter of the rounds, those of both. The other job
must end as if nothing had happened, with its first attempt. The killed one is resumed meanwhile, in half of the rounds
killed again, and resumed to its end. Both trees must equal those of undisturbed runs; `fileorg undo --job` must give
back the first trees exactly, in a random order.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.jobs.kills import SCENARIOS, Scenario, World, _difference, _parent
from tests.support.snapshot import take

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

_PATIENCE_SECONDS = 600
_LOCKED = 4
PAIRS = [
    ("organize", "quarantine"),
    ("with a helper", "organize"),
    ("to another disk", "clean"),
    ("copies", "hard links"),
    ("with a helper", "to another disk"),
]


class Side:
    """One of two trees, and the job on it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.first = self._trees()
        began = time.monotonic()
        ran = world.run(*world.words, "--yes")
        self.seconds = time.monotonic() - began
        assert ran.returncode == 0, ran.stderr
        self.expected = world.now()
        self.undo()
        self.number = 0
        self.starts = 0
        self.started: subprocess.Popen[bytes] | None = None

    def _trees(self) -> list[Any]:
        return [take(os.fsencode(root)) for root in (self.world.tree, self.world.dest)]

    def undo(self) -> None:
        ran = self.world.run("undo", "--job", str(self.world.job()["job"]), "--yes")
        assert ran.returncode == 0, (ran.stdout, ran.stderr)
        now = self._trees()
        assert now == self.first, [_difference(*pair) for pair in zip(self.first, now, strict=True)]

    def begin(self, *, in_background: bool) -> None:
        before = self.world.job()
        self.started = self.world.start(*self.world.words, "--background" if in_background else "--yes")
        self.starts = 1
        until = time.monotonic() + _PATIENCE_SECONDS
        while self.world.job() == before and self.started.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        job = self.world.job()
        self.number = 0 if job is None or job == before else job["job"]

    def again(self, *, in_background: bool) -> None:
        self.starts += 1
        words = ["--background"] if in_background else []
        self.started = self.world.start("jobs", "resume", str(self.number), *words)

    def processes(self, *, helpers: bool = True) -> list[int]:
        """Return the processes of this job: that which carries it out, and those that it started."""
        there = self.world.processes()
        number = os.fsencode(str(self.number))
        found = {pid for pid in there if self.started is not None and pid == self.started.pid}
        for pid in there:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"fileorg.jobs.detached" in words and words[words.index(b"fileorg.jobs.detached") + 2] == number:
                    found.add(pid)
        while helpers and (more := {pid for pid in there if _parent(pid) in found} - found):
            found |= more
        return sorted(found)

    def kill(self, whom: str) -> None:
        leaders, everybody = self.processes(helpers=False), self.processes()
        chosen = {
            "process": leaders,
            "helper": [pid for pid in everybody if pid not in leaders][:1] or leaders,
            "all": everybody,
        }
        for pid in chosen[whom]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def is_over(self) -> bool:
        """Return whether no process works on the job any more."""
        if self.started is not None and self.started.poll() is not None:
            self.started.communicate()
            self.started = None
        return self.started is None and not self.processes()

    def wait(self) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self.is_over():
            assert time.monotonic() < until, f"an orphan is left: {self.processes()}"
            time.sleep(0.01)

    def see_through(self) -> None:
        """Resume the job to its end. The other one may hold the recovery for a moment."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while self.world.job()["status"] != "done":
            self.starts += 1
            ended = self.world.run("jobs", "resume", str(self.number))
            assert ended.returncode in {0, _LOCKED}, (ended.returncode, ended.stdout, ended.stderr)
            assert time.monotonic() < until, self.world.job()

    def check(self) -> None:
        job = self.world.job()
        assert (job["job"], job["status"]) == (self.number, "done"), job
        assert len(job["operations"]) <= job["attempts"] <= self.starts, (job, self.starts)
        now = self.world.now()
        assert now == self.expected, _difference(self.expected, now)


def play(sides: Sequence[Side], chance: random.Random) -> Counter[str]:
    """Play one round; return what was met. Raises `AssertionError`."""
    met: Counter[str] = Counter()
    for side in sides:
        side.begin(in_background=chance.random() < 0.6)
    victims = list(sides) if chance.random() < 0.25 else [chance.choice(sides)]
    others = [side for side in sides if side not in victims]
    time.sleep(chance.random() ** 2 * max(side.seconds for side in sides))
    for victim in victims:
        whom = chance.choice(["process", "helper", "all"])
        if not victim.is_over():
            met["while both work"] += not any(other.is_over() for other in others)
            victim.kill(whom)
            met["kills"] += 1
            met[whom] += 1
    for victim in victims:
        victim.wait()
    for victim in victims:
        job = victim.world.job()
        if victim.number and job["status"] == "interrupted" and chance.random() < 0.5:
            victim.again(in_background=chance.random() < 0.5)
            time.sleep(chance.random() * victim.seconds)
            if not victim.is_over():
                victim.kill(chance.choice(["process", "helper", "all"]))
                met["kills"] += 1
                met["again while resuming"] += 1
                victim.wait()
    for victim in victims:
        if victim.number:
            met[f"was {victim.world.job()['status']}"] += 1
            victim.see_through()
    for other in others:
        other.wait()
        assert other.world.job()["attempts"] == 1, other.world.job()
    for side in chance.sample(list(sides), len(sides)):
        if not side.number:  # it was killed before it began
            met["before it began"] += 1
            continue
        side.check()
        side.undo()
    world = sides[0].world
    assert not world.processes(), "a process is left"
    assert not world.is_locked(), "a lock is left"
    return met


def sweep(
    base: Path, kills: int, seed: int, pairs: Sequence[tuple[str, str]], *, files: int = 0, shows: bool = False
) -> Counter[str]:
    """Kill so many times, over the pairs in turn; return the counts. Raises `AssertionError` with the seed.

    `files` replaces the number of files of each tree.
    """
    chance = random.Random(seed)
    total: Counter[str] = Counter()
    for at, names in enumerate(pairs):
        worlds = [
            World(base / f"world {at} {side}", Scenario(SCENARIOS[name].words, files or SCENARIOS[name].files),
                  base / f"state {at}")
            for side, name in enumerate(names)
        ]  # fmt: skip
        try:
            sides = [Side(world) for world in worlds]
            share = 0
            while share < kills // len(pairs) + (at < kills % len(pairs)):
                try:
                    met = play(sides, chance)
                except AssertionError as error:
                    raise AssertionError(f"{names}, seed {seed}: {error}") from error
                share += met["kills"]
                total += met
                if shows:
                    print(f"{names}: {share}, {dict(met)}", flush=True)
        finally:
            for pid in worlds[0].processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for world in worlds:
                world.close()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fileorg-kills-") as base:
        found = sweep(Path(base), chosen.kills, chosen.seed, PAIRS, shows=True)
    print(json.dumps({"seed": chosen.seed, **found}, indent=2))


if __name__ == "__main__":
    main()
