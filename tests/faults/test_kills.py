"""kill -9 at the system calls of organize, undo and redo, and of the recovery after such a kill.

A fast part of each sweep is in every test run; `pytest -m slow tests/faults` tries every call of every sweep.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.faults.sweep import spread, sweep_kills, sweep_many_kills
from tests.faults.trees import SCENARIOS
from tests.support.share import part

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.process import Call
    from tests.faults.sweep import Course, Workers
    from tests.faults.trees import Scenario

_FEW = {"organize": 3, "undo": 3, "redo": 2}
_FEW_OF_RECOVERY = 2
_WRECKS = 7
_MANY_OF_RECOVERY, _WHOLE_RECOVERIES = 8, 4

_all_scenarios = pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
_all_commands = pytest.mark.parametrize("command", ["organize", "undo", "redo"])
_wrecked = pytest.mark.parametrize("command", ["organize", "undo"])


def _fast(**few: int) -> list[tuple[str, Scenario]]:
    """Return each command with each tree, but only the given number of trees for commands that do much the same."""
    commands = ["organize", "undo", *(["redo"] if "redo" in few else [])]
    return [
        (command, scenario)
        for command in commands
        for number, scenario in enumerate(SCENARIOS)
        if command not in few or number % (len(SCENARIOS) // few[command]) == 1
    ]


@pytest.mark.parametrize(("command", "scenario"), _fast(undo=18, redo=5), ids=str)
def test_a_kill(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    kill_at(workers, tally, course_of(workers, scenario, command), _FEW[command])


@pytest.mark.parametrize(("command", "scenario"), _fast(organize=18, undo=5), ids=str)
def test_a_kill_of_the_recovery(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    course = course_of(workers, scenario, command)
    kill_a_recovery(workers, tally, course, SCENARIOS.index(scenario), _FEW_OF_RECOVERY)


@pytest.mark.slow
@_all_scenarios
@_all_commands
def test_a_kill_at_every_call(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    kill_at_every_call(workers, tally, course_of(workers, scenario, command))


@pytest.mark.slow
@_all_scenarios
@_wrecked
def test_a_kill_of_every_recovery(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    """Try some calls of each recovery, and all calls of a few: recoveries do much the same."""
    kill_recoveries(workers, tally, course_of(workers, scenario, command))


def course_of(workers: Workers, scenario: Scenario, command: str) -> Course:
    """Return the undisturbed course of the command."""
    if scenario.other_device and workers.all[0].place.other is None:
        pytest.skip("NOT TESTED: there is no second device to write to")
    return workers.course(scenario, command)


def wreck_of(course: Course, number: int) -> Call:
    """Return the call at which to kill a command before its recovery: another one for each `number`."""
    wrecks = spread([call for call in course.calls if call.about == "user"], _WRECKS)
    return wrecks[number % len(wrecks)]


def kill_a_recovery(workers: Workers, tally: Counter[str], course: Course, number: int, limit: int) -> None:
    """Kill at some calls of one recovery: see `wreck_of`."""
    kill_at(workers, tally, course.recovery(workers.all[0], wreck_of(course, number)), limit)


def kill_at_every_call(workers: Workers, tally: Counter[str], course: Course) -> None:
    kill_at(workers, tally, course._replace(calls=part(course.calls)), None)


def kill_recoveries(workers: Workers, tally: Counter[str], course: Course) -> None:
    """Kill at each call on user files; then try some calls of each recovery, and all calls of a few."""
    wrecks = part([call for call in course.calls if call.about == "user"])
    whole = spread(wrecks, _WHOLE_RECOVERIES)
    recoveries = workers.each([partial(course.recovery, wreck=wreck) for wreck in wrecks])
    sweeps = [
        (recovery, spread(recovery.calls, None if wreck in whole else _MANY_OF_RECOVERY))
        for wreck, recovery in zip(wrecks, recoveries, strict=True)
    ]
    violations = sweep_many_kills(workers, sweeps)
    for recovery, points in sweeps:
        tally[row_of(recovery)] += len(points)
    assert not violations, "\n".join(violations)


def kill_at(workers: Workers, tally: Counter[str], course: Course, limit: int | None) -> None:
    violations = sweep_kills(workers, course, limit)
    tally[row_of(course)] += len(spread(course.calls, limit))
    assert not violations, "\n".join(violations)


def row_of(course: Course) -> str:
    """Return the row of the fault matrix that a kill of it counts for."""
    scenario = course.sweep.scenario
    if scenario.others:
        return "6 other file systems: no renameat2, no links"
    if scenario.other_device:
        return "7 across devices: kills"
    if scenario.two_processes:
        return "5 two processes: the parent or the renamer killed"
    if scenario.part and course.sweep.command != "organize":
        return "1 kills: undo and redo of a part, the recovery of them"
    if scenario.first[0] != "organize":
        return f"1 kills: {scenario.first[0]}, its undo and redo, the recovery of them"
    return "1 kills: recovery" if course.sweep.wreck else "1 kills: organize, undo, redo"
