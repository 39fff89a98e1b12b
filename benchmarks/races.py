"""A race of programs that find duplicates: they take turns on one tree, and must agree before any is timed."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from statistics import median

import finders
import stages
from finders import Finder, Groups
from measure import Bench, Run

AGAIN = "fileorg, again"
SCAN_AGAIN = "fileorg scan, again"
CACHE_AGAIN = "fclones --cache, again"

Measure = Callable[[Bench, Sequence[str], Path | None], Run]
"""`Bench.time` or `Bench.sample_memory`."""


class Cache(Enum):
    """The state of the page cache when a program starts."""

    WARM = "warm"
    COLD = "cold"


Turn = Callable[[Measure, Cache], dict[str, Run]]
"""A program's turn. It returns the name and the result of each run."""


class DisagreementError(Exception):
    """Raised if programs find different duplicates, so that their times are not comparable."""


@dataclass(slots=True)
class Outcome:
    """The result of one race. Programs are in the given order."""

    programs: list[str]
    groups: Groups
    seconds: defaultdict[tuple[str, Cache], list[float]] = field(default_factory=lambda: defaultdict(list))
    peak_bytes: dict[str, int] = field(default_factory=dict)

    def median_s(self, program: str, cache: Cache) -> float | None:
        """Return the median of a program's times, None if it did not run."""
        seconds = self.seconds.get((program, cache))
        return median(seconds) if seconds else None


@dataclass(frozen=True, slots=True)
class Race:
    """The programs and the tree of a race. The programs write answers below `bench.cwd`, not into the tree."""

    bench: Bench
    root: Path
    peers: Sequence[Finder]
    fileorg: stages.Fileorg | None

    def run(self, caches: Sequence[Cache], repeat: int) -> Outcome:
        runners = self._runners()
        outcome = Outcome([*runners], self._agreed())
        for cache in sorted(caches, key=[*Cache].index):  # warm first, because all programs have just read the tree
            for turn in range(repeat):
                order = [*runners.values()]
                first = turn % len(order)
                for runner in order[first:] + order[:first]:
                    for program, run in runner(Bench.time, cache).items():
                        outcome.seconds[program, cache].append(run.seconds)
        for runner in runners.values():
            for program, run in runner(Bench.sample_memory, Cache.WARM).items():
                outcome.peak_bytes[program] = run.peak_bytes or 0
        return outcome

    def _runners(self) -> dict[str, Turn]:
        runners: dict[str, Turn] = {}
        if self.fileorg is not None:
            runners["fileorg"] = self._fileorg_turn
        for finder in self.peers:
            runners[finder.name] = partial(self._peer_turn, finder)
        return runners

    def _fileorg_turn(self, measure: Measure, cache: Cache) -> dict[str, Run]:
        """Measure a very first run, a second run on the unchanged tree, and a scan of the unchanged tree."""
        assert self.fileorg is not None
        with self.fileorg.fresh_state() as (fresh, _):
            bench = fresh.bench.cold(is_cold=cache is Cache.COLD)
            finder = finders.fileorg(fresh.command)
            first = self._measured(finder, bench, measure)
            again = self._measured(finder, bench, measure)
            bench.time(fresh.scan(self.root))
            return {"fileorg": first, AGAIN: again, SCAN_AGAIN: measure(bench, fresh.scan(self.root), None)}

    def _peer_turn(self, finder: Finder, measure: Measure, cache: Cache) -> dict[str, Run]:
        bench = self.bench.cold(is_cold=cache is Cache.COLD)
        runs = {finder.name: self._measured(finder, bench, measure)}
        if finder.name == "fclones":
            # The only peer that can remember digests: each turn uses a new cache.
            home = bench.cwd / "fclones-cache"
            home.mkdir()
            with_cache = bench.with_environment(HOME=str(home), XDG_CACHE_HOME=str(home))
            self._measured(finder, with_cache, Bench.time, "--cache")
            runs[CACHE_AGAIN] = self._measured(finder, with_cache, measure, "--cache")
            shutil.rmtree(home)
        return runs

    def _measured(self, finder: Finder, bench: Bench, measure: Measure, *more: str) -> Run:
        answer = self._answer(finder)
        answer.unlink(missing_ok=True)
        command = finder.command(str(self.root), answer, *more)
        return measure(bench, command, None if finder.writes_file else answer)

    def _agreed(self) -> Groups:
        """Return the groups that all programs find, in runs that are not timed. Raise `DisagreementError`."""
        found: list[tuple[str, Groups]] = []
        for finder in self.peers:
            self._measured(finder, self.bench, Bench.time)
            found.append((finder.name, self._groups(finder)))
        if self.fileorg is not None:
            with self.fileorg.fresh_state() as (fresh, _):
                finder = finders.fileorg(fresh.command)
                for name in ("fileorg", AGAIN):
                    self._measured(finder, fresh.bench, Bench.time)
                    found.append((name, self._groups(finder)))
        name, groups = found[0]
        if not groups.files:
            raise DisagreementError(f"{name} found no duplicates")
        for other, theirs in found[1:]:
            if theirs != groups:
                lines = "\n".join(groups.differences(theirs))
                raise DisagreementError(f"{name} and {other} disagree:\n{lines}")
        return groups

    def _groups(self, finder: Finder) -> Groups:
        return finder.groups(self._answer(finder).read_bytes())

    def _answer(self, finder: Finder) -> Path:
        return self.bench.cwd / f"{finder.name}.answer"
