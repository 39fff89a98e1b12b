"""A command on disks that log; the states in which a loss of power may leave them; and all that must hold there."""

from __future__ import annotations

import contextlib
import copy
import random
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.case import Case, Place
from tests.faults.sweep import BEFORE
from tests.power.filesystems import Unmountable, copy_image, logged
from tests.power.log import Moment, read_log, survivors, write_to
from tests.support import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.faults.process import Driver, Finished
    from tests.faults.sweep import Worker
    from tests.faults.trees import Scenario
    from tests.power.filesystems import FileSystem
    from tests.power.log import Entry
    from tests.support.snapshot import Snapshot

_MOSTLY_BEFORE_ITS_END = 0.75
"""Of the moments, so many are during the command: after it there is less that could go wrong."""


@dataclass(frozen=True)
class Layout:
    """Which disks there are. The tree is on the first, the destination on the last, the journal on either."""

    disks: tuple[FileSystem, ...]
    journal_on_last: bool = False

    def __str__(self) -> str:
        on = ", journal on the second" if self.journal_on_last else ""
        return " and ".join(map(str, self.disks)) + on


@dataclass(frozen=True)
class PlaceOnDisks(Place):
    journal_on_last: bool = False

    @property
    def state(self) -> Path:
        return (self.other if self.journal_on_last and self.other else self.base) / "state"


@dataclass
class Findings:
    """What was tried, and what was wrong; `unmountable` are states in which the file system does not come back."""

    states: int = 0
    unmountable: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """A command on a tree on disks. `control`: what is taken out of fileorg meanwhile, but not out of its recovery."""

    layout: Layout
    scenario: Scenario
    command: str
    control: str = ""

    def __str__(self) -> str:
        return f"{self.command}, {self.scenario}, {self.layout}" + (f", {self.control}" if self.control else "")

    def run(self, worker: Worker, states: int) -> Findings:
        """Record the command once, then try so many states; always the same ones, as far as the disks are alike."""
        bench = Bench(self.layout, worker)
        recording = self.record(bench, worker.driver)
        findings = Findings()
        for moment in recording.moments(states, str(self)):
            findings.states += 1
            try:
                violations = recording.check(bench, moment)
            except Unmountable as error:
                findings.unmountable.append(f"{self}: power lost at {moment}: {error}")
            else:
                findings.violations += [f"{self}: power lost at {moment}: {line}" for line in violations]
        return findings

    def record(self, bench: Bench, driver: Driver) -> Recording:
        bench.create()
        with bench.mounted(bench.images):
            case = Case(self.scenario, driver, bench.place)
            for command in BEFORE[self.command]:
                finished = case.run(*_words(case, command))
                if finished.code:
                    raise AssertionError(f"{self}: {command} ends with {finished.code}: {finished.output}")
        bench.keep()
        with logged(bench.images, bench.folder / "served", bench.log) as served:
            with bench.mounted(served):
                before, start = case.look(), len(read_log(bench.log))
                request = case.request(*_words(case, self.command))
                request.control = self.control
                finished = driver.run(request)
                end, after = len(read_log(bench.log)), case.look()
            log = read_log(bench.log)
        if finished.code and not self.control:
            raise AssertionError(f"{self}: undisturbed, it ends with {finished.code}: {finished.output}")
        return Recording(case, finished, log, start, end, before, after, len(BEFORE[self.command]) + 1)


def _words(case: Case, command: str) -> list[str]:
    return case.organize if command == "organize" else [command, "-y"]


class Bench:
    """Where one worker has its disks: images as they were before the command, and what is mounted now."""

    def __init__(self, layout: Layout, worker: Worker) -> None:
        self._layout = layout
        self.folder = worker.place.base
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.images = [self.folder / f"disk-{number}" for number in range(len(layout.disks))]
        self._kept = [self.folder / f"{image.name}-before" for image in self.images]
        self._mounts = [self.folder / f"mount-{number}" for number in range(len(layout.disks))]
        other = self._mounts[-1] if len(layout.disks) > 1 else None
        self.place = PlaceOnDisks(self._mounts[0], other, worker.place.blank, layout.journal_on_last)

    def create(self) -> None:
        for disk, image in zip(self._layout.disks, self.images, strict=True):
            image.unlink(missing_ok=True)
            disk.create(image)

    def keep(self) -> None:
        for image, kept in zip(self.images, self._kept, strict=True):
            copy_image(image, kept)

    def crash(self, entries: Iterator[Entry] | Sequence[Entry]) -> None:
        """Make the disks what they were before the command, and these writes."""
        for image, kept in zip(self.images, self._kept, strict=True):
            copy_image(kept, image)
        write_to(self.images, entries)

    @contextlib.contextmanager
    def mounted(self, images: Sequence[Path]) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for disk, image, mount in zip(self._layout.disks, images, self._mounts, strict=True):
                stack.enter_context(disk.mounted(image, mount))
            yield


class Recording(NamedTuple):
    """A command that nothing disturbed. `start` and `end`: how much was in the log when it began, and had ended."""

    case: Case
    finished: Finished
    log: list[Entry]
    start: int
    end: int
    before: Snapshot
    after: Snapshot
    number: int
    """Of the operation."""

    def moments(self, states: int, seed: str) -> list[Moment]:
        """Spread evenly over the log with some chance: most of them during the command, the others after it."""
        chance = random.Random(seed)
        during = round(states * _MOSTLY_BEFORE_ITS_END)
        spans = [(self.start, self.end, during), (self.end, len(self.log), states - during)]
        positions = [
            low + round((number + chance.random()) * (high - low) / many)
            for low, high, many in spans
            for number in range(many)
        ]
        return [Moment(position, f"{seed} {number}", position >= self.end) for number, position in enumerate(positions)]

    def check(self, bench: Bench, moment: Moment) -> list[str]:
        """Lose the power then, and look; recover and undo, and look again. Raises `Unmountable`."""
        bench.crash(survivors(self.log, moment.position, random.Random(moment.seed)))
        with bench.mounted(bench.images):
            try:
                case = copy.copy(self.case)
                found = self.check_wreck(case, moment)
                return found + case.recover() + case.undo_all()
            except (OSError, sqlite3.Error) as error:
                return [f"it cannot even be looked at: {error!r}"]

    def check_wreck(self, case: Case, moment: Moment) -> list[str]:
        """Before recovery: what holds at any moment of a command, and more at its beginning and after its end."""
        now, operations = case.look(), case.ledger().operations
        found = case.check_wreck(self.before, self.after)
        if self.number not in operations:
            found += [f"not journaled yet: {line}" for line in snapshot.differences(self.before, now)]
        if moment.is_after and self.finished.code == 0:
            # It has said that it is done: then it is done.
            found += [f"said to be done: {line}" for line in snapshot.differences(self.after, now)]
            found += [] if operations.get(self.number) == "sealed" else ["said to be done, and is not sealed"]
        return found
