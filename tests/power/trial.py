"""A command on logged disks, the states after a power loss, and the checks of these states."""

from __future__ import annotations

import copy
import random
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.case import Case
from tests.faults.sweep import BEFORE
from tests.power.bench import Bench
from tests.power.filesystems import Unmountable
from tests.power.log import Moment, survivors
from tests.support import snapshot
from tests.support.share import part

if TYPE_CHECKING:
    from tests.faults.process import Driver
    from tests.faults.sweep import Worker
    from tests.faults.trees import Scenario
    from tests.power.bench import Layout, Logged
    from tests.support.snapshot import Snapshot

_BEFORE_ITS_END = 0.75
"""The share of moments during the command; after it, less can go wrong."""
_WRECKS_CHECKED = 40


@dataclass
class Findings:
    """The tried states and the violations; `unmountable` lists states in which the file system cannot be mounted."""

    states: int = 0
    unmountable: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """A command on a tree on disks, with variations."""

    layout: Layout
    scenario: Scenario
    command: str
    others_flush: bool = False
    recovery: bool = False
    """The power is lost during the command and again during its recovery; the latter is tried."""
    control: str = ""
    """The negative control during the command, but not afterwards."""

    def __str__(self) -> str:
        also = ["others flush"] * self.others_flush + ["recovery"] * self.recovery + [self.control] * bool(self.control)
        return ", ".join([self.command, str(self.scenario), str(self.layout), *also])

    def run(self, worker: Worker, states: int, *, all_of_them: bool = False) -> Findings:
        """Record the command once, then try so many states of it, or a share of them."""
        bench = Bench(self.layout, worker)
        recording, findings = self.record(bench, worker.driver), Findings()
        moments = recording.moments(states)
        for moment in moments if all_of_them else part(moments):
            findings.states += 1
            try:
                violations = recording.check(moment)
            except Unmountable as error:
                findings.unmountable.append(f"{self}: power lost at {moment}: {error}")
            else:
                findings.violations += [f"{self}: power lost at {moment}: {line}" for line in violations]
        return findings

    def record(self, bench: Bench, driver: Driver) -> Recording:
        bench.create()
        with bench.mounted(bench.images):
            case = Case(self.scenario, driver, bench.place)
            for command in (*BEFORE[self.command], self.command):
                if command == "undo":
                    self.scenario.meddle(bench.place.root)
                if command == self.command:
                    break
                finished = case.run(*_words(case, command))
                if finished.code:
                    raise AssertionError(f"{self}: {command} ends with {finished.code}: {finished.output}")
        request = case.request(*_words(case, self.command))
        request.control = self.control
        bench.keep()
        logged = bench.logged(case, driver, request, random.Random(str(self)) if self.others_flush else None)
        recording = Recording(self, bench, case, logged, logged.before, logged.after)
        if logged.finished.code and not self.control:
            raise AssertionError(f"{self}: it ends with {logged.finished.code}: {logged.finished.output}")
        return recording.of_recovery(driver) if self.recovery else recording


def _words(case: Case, command: str) -> list[str]:
    return case.organize if command == "organize" else [command, "-y"]


class Recording(NamedTuple):
    """A command on logged disks. It, or the command that it recovers, leads from `before` to `after`."""

    trial: Trial
    bench: Bench
    case: Case
    logged: Logged
    before: Snapshot
    after: Snapshot

    @property
    def number(self) -> int:
        """The number of the operation."""
        return len(BEFORE[self.trial.command]) + 1

    def moments(self, states: int) -> list[Moment]:
        """Return moments spread over the log with some randomness: most during the command, the others after it."""
        chance, (_, log, start, end, *_) = random.Random(str(self.trial)), self.logged
        during = round(states * _BEFORE_ITS_END)
        positions = [
            low + round((number + chance.random()) * (high - low) / many)
            for low, high, many in ((start, end, during), (end, len(log), states - during))
            for number in range(many)
        ]
        return [Moment(at, f"{self.trial} {number}", at >= end) for number, at in enumerate(positions)]

    def check(self, moment: Moment) -> list[str]:
        """Lose the power at the moment and check; recover, undo, and check again. Raises `Unmountable`."""
        self._crash(moment)
        with self.bench.mounted(self.bench.images):
            try:
                case = copy.copy(self.case)
                return self._check_wreck(case, moment) + case.recover() + case.undo_all()
            except (OSError, sqlite3.Error) as error:
                return [f"it cannot even be looked at: {error!r}"]

    def of_recovery(self, driver: Driver) -> Recording:
        """Record the recovery after a power loss in this command, if possible half done, on logged disks."""
        found: Moment | None = None
        for moment in self.moments(_WRECKS_CHECKED):
            self._crash(moment)
            with self.bench.mounted(self.bench.images):
                state, tree = self.case.ledger().operations.get(self.number), self.case.snapshot()
            if state == "running":
                found = moment
                if tree not in (self.before, self.after):
                    break
        if found is None:
            raise AssertionError(f"{self.trial}: there is no state from which there is something to recover")
        self._crash(found)
        self.bench.keep()
        logged = self.bench.logged(self.case, driver, self.case.request("recover"), None)
        return self._replace(logged=logged)

    def _crash(self, moment: Moment) -> None:
        self.bench.crash(survivors(self.logged.log, moment.position, random.Random(moment.seed)))

    def _check_wreck(self, case: Case, moment: Moment) -> list[str]:
        """Return violations before recovery; at the beginning and after the end of a command, more must hold."""
        now, operations = case.snapshot(), case.ledger().operations
        found = case.check_wreck(self.before, self.after)
        if self.number not in operations:
            found += [f"not journaled yet: {line}" for line in snapshot.differences(self.before, now)]
        if moment.is_after and self.logged.finished.code == 0:
            # The command reported success, so all changes must be there.
            found += [f"said to be done: {line}" for line in snapshot.differences(self.logged.after, now)]
            found += [] if operations.get(self.number) == "sealed" else ["said to be done, and is not sealed"]
        return found
