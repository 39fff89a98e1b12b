"""Sweeps over the system calls of a command: all points, the selected ones, and the violations found there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tests.faults import laws
from tests.faults.case import Case
from tests.support import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.faults.case import Place
    from tests.faults.process import Call, Driver
    from tests.faults.trees import Scenario
    from tests.support.snapshot import Snapshot

T = TypeVar("T")

BEFORE = {"organize": (), "undo": ("organize",), "redo": ("organize", "undo")}
"""The commands to run before the disturbed one."""


Point = tuple["Call", str]
"""A call, and the error that it is made to return."""


class Worker(NamedTuple):
    driver: Driver
    place: Place


@dataclass
class Workers:
    """A pool of workers; each point is given to a free one."""

    all: list[Worker]
    free: SimpleQueue[Worker] = field(default_factory=SimpleQueue)
    courses: dict[Sweep, Course] = field(default_factory=dict)
    """A cache of courses: each takes as long as a few points."""

    def __post_init__(self) -> None:
        for worker in self.all:
            self.free.put(worker)

    def one(self, task: Callable[[Worker], T]) -> T:
        worker = self.free.get()
        try:
            return task(worker)
        finally:
            self.free.put(worker)

    def course(self, scenario: Scenario, command: str) -> Course:
        """Return the undisturbed course of a command. The commands of one scenario are run together, once."""
        wanted = [Sweep(scenario, name) for name in BEFORE]
        missing = [sweep for sweep in wanted if sweep not in self.courses]
        if missing:
            self.courses.update(zip(missing, self.each([sweep.course for sweep in missing]), strict=True))
        return self.courses[Sweep(scenario, command)]

    def each(self, tasks: Sequence[Callable[[Worker], T]]) -> list[T]:
        with ThreadPoolExecutor(len(self.all)) as pool:
            return list(pool.map(self.one, tasks))


_TRIES = 3
"""A call may have another number in one run of many, because a run also looks at the processes of the machine: then the
kill does not happen, and shows nothing.
"""


@dataclass(frozen=True)
class Sweep:
    """A command on the tree of a scenario, to be disturbed at any point."""

    scenario: Scenario
    command: str
    control: str = ""
    wreck: Call | None = None
    """The call at which the command was killed; then its recovery is disturbed."""

    def __str__(self) -> str:
        what = f"recovery of {self.command} killed at {self.wreck}" if self.wreck else self.command
        return f"{what}, {self.scenario}"

    @property
    def word(self) -> str:
        """The command line of the user: the first command of a scenario may not be organize."""
        return self.scenario.first[0] if self.command == "organize" else self.command

    def ready(self, worker: Worker) -> tuple[Case, list[str]]:
        """Return a tree ready for the command, and the words of the command."""
        case = Case(self.scenario, worker.driver, worker.place, self.control)
        for command in (*BEFORE[self.command], self.command):
            if command == "undo":
                self.scenario.meddle(worker.place.root)
            if command == self.command:
                break
            finished = case.run(*_words(case, command))
            if finished.code:
                raise AssertionError(f"{command} ends with {finished.code}: {finished.output}")
        words = _words(case, self.command)
        if self.wreck is None:
            return case, words
        case.with_faults(words, [self.wreck.kill])
        return case, ["recover"]

    def course(self, worker: Worker) -> Course:
        """Run the command undisturbed; return its calls, and the trees before and after."""
        case, words = self.ready(worker)
        before = case.snapshot()
        finished, calls = case.counted(words)
        calls = self.of_interest(calls)
        after = case.snapshot()
        violations = laws.honest(finished.code, finished.output) + case.check_settled()
        if finished.code:
            violations.append(f"{self.command} ends with {finished.code}: {finished.output}")
        if self.command == "undo" and not self.scenario.part and after != case.first:
            violations += snapshot.differences(case.first, after)
        violations += case.undo_all()
        if violations:
            raise AssertionError("\n".join([f"{self}, undisturbed:", *violations]))
        return Course(self, calls, before, after)

    def of_interest(self, calls: list[Call]) -> list[Call]:
        """Leave out calls that always fail on this file system: the state before them is that before the next call."""
        failing = {fault.partition(":")[0] for fault in self.scenario.others}
        return [call for call in calls if call.name not in failing]


def _words(case: Case, command: str) -> list[str]:
    if command == "organize":
        return case.organize
    part = case.scenario.part
    return [command, "-y", *(["1", "--", *part] if part else [])]


class Course(NamedTuple):
    """An undisturbed command. Apart from inodes, `before` and `after` are the same in each run."""

    sweep: Sweep
    calls: list[Call]
    before: Snapshot
    after: Snapshot

    def recovery(self, worker: Worker, wreck: Call) -> Course:
        """Return the course of the recovery after a kill of this command. It leads between the same two trees."""
        sweep = replace(self.sweep, wreck=wreck)
        case, words = sweep.ready(worker)
        finished, calls = case.counted(words)
        violations = laws.honest(finished.code, finished.output) + case.check_settled() + case.undo_all()
        if violations:
            raise AssertionError("\n".join([f"{sweep}, undisturbed:", *violations]))
        return self._replace(sweep=sweep, calls=sweep.of_interest(calls))

    def kill(self, worker: Worker, call: Call, ending: int) -> list[str]:
        """Kill the command at a call and check; recover, undo, and check again."""
        for _ in range(_TRIES):
            case, words = self.sweep.ready(worker)
            finished = case.with_faults(words, [call.kill])
            may_end = self.sweep.scenario.two_processes or (self.sweep.scenario.wanders and finished.code == 0)
            if finished.code == -9 or may_end:
                break
        else:
            return [f"it was not killed, but ended with {finished.code}: {finished.output}"]
        # A group that a fault has split is repaired by a separate operation, after the run or by recovery.
        # A renamer that is killed splits a group in a run that goes on, and is then killed itself.
        scenario = self.sweep.scenario
        is_split = self.sweep.wreck is not None or (scenario.two_processes and scenario.first == ("apply",))
        operations = 2 if is_split else 1
        return case.check_wreck(self.before, self.after, operations) + self.aftermath(case, ending)

    def fail(self, worker: Worker, call: Call, error: str, ending: int) -> list[str]:
        """Let a call fail: the command must report it, lose nothing, and be undoable."""
        case, words = self.sweep.ready(worker)
        finished = case.with_faults(words, [f"{call.name}:error={error}:when={call.number}"])
        found = laws.honest(finished.code, finished.output)
        if not finished.code and self.sweep.wreck is None:
            found += laws.shortfall(self.after, case.snapshot(), finished.output)
        return found + case.check_wreck(self.before, self.after, 2) + self.aftermath(case, ending)

    def aftermath(self, case: Case, ending: int) -> list[str]:
        """Continue after a kill in one of several ways, which all lead back to the first tree."""
        match ending % 3:
            case 0:
                return case.recover() + case.undo_all()
            case 1:
                return case.undo_all()
            case _:
                return case.organize_again(self.after) + case.undo_all()


def spread(calls: Sequence[Call], limit: int | None) -> list[Call]:
    """Return at most `limit` calls, evenly over the run; two thirds of them change user files, if there are so many."""
    if limit is None or len(calls) <= limit:
        return list(calls)
    user = [position for position, call in enumerate(calls) if call.about == "user"]
    rest = [position for position, call in enumerate(calls) if call.about != "user"]
    of_user = min(len(user), max(limit * 2 // 3, limit - len(rest)))
    chosen = sorted(_evenly(user, of_user) + _evenly(rest, limit - of_user))
    return [calls[position] for position in chosen]


def _evenly(positions: list[int], limit: int) -> list[int]:
    return [positions[(2 * number + 1) * len(positions) // (2 * limit)] for number in range(limit)]


def sweep_kills(workers: Workers, course: Course, limit: int | None) -> list[str]:
    """Kill at each of the points; return the violations with their points."""
    return sweep_many_kills(workers, [(course, spread(course.calls, limit))])


def sweep_many_kills(workers: Workers, sweeps: Sequence[tuple[Course, list[Call]]]) -> list[str]:
    """Like `sweep_kills` for several courses at once, so that no worker is idle between courses."""
    points = [(course, call, number) for course, calls in sweeps for number, call in enumerate(calls)]
    found = workers.each([partial(course.kill, call=call, ending=number) for course, call, number in points])
    return [
        f"{course.sweep}: killed at {call}: {violation}"
        for (course, call, _), violations in zip(points, found, strict=True)
        for violation in violations
    ]


def sweep_errors(workers: Workers, course: Course, points: Sequence[Point]) -> list[str]:
    """Let each of the calls fail; return the violations with their points."""
    tasks = [partial(course.fail, call=call, error=error, ending=number) for number, (call, error) in enumerate(points)]
    found = workers.each(tasks)
    return [
        f"{course.sweep}: {error} at {call}: {violation}"
        for (call, error), violations in zip(points, found, strict=True)
        for violation in violations
    ]
