"""Kills and errors at the system calls of apply, its undo and redo, and the recovery of each.

A fast part is in every test run; `pytest -m slow tests/faults/test_apply_killed.py` tries every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.test_failing_calls import fail_at
from tests.faults.test_kills import course_of, kill_a_recovery, kill_at, kill_at_every_call, kill_recoveries
from tests.faults.trees import APPLIED

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.sweep import Workers
    from tests.faults.trees import Scenario

_PLAIN = APPLIED[:2]
_FEW, _FEW_OF_RECOVERY = 4, 2

_all_scenarios = pytest.mark.parametrize("scenario", APPLIED, ids=str)
_plain = pytest.mark.parametrize("scenario", _PLAIN, ids=str)
_failing = pytest.mark.parametrize(
    "scenario", [one for one in APPLIED if not one.others and not one.two_processes], ids=str
)
_all_commands = pytest.mark.parametrize("command", ["organize", "undo", "redo"])
_wrecked = pytest.mark.parametrize("command", ["organize", "undo"])


@_plain
@_wrecked
def test_a_kill(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    kill_at(workers, tally, course_of(workers, scenario, command), _FEW)


@_plain
@_wrecked
def test_a_kill_of_the_recovery(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    course = course_of(workers, scenario, command)
    kill_a_recovery(workers, tally, course, APPLIED.index(scenario) + 3, _FEW_OF_RECOVERY)


def test_a_kill_of_the_worker_and_of_the_repair(workers: Workers, tally: Counter[str]) -> None:
    """Each renamer dies at its second rename, and so does the parent, when it puts back what is split: recovery seals
    an operation that a later one has repaired, and leaves the times of its folders as the repair left them.
    """
    [scenario] = [each for each in APPLIED if each.name == "a plan, two processes"]
    course = course_of(workers, scenario, "redo")
    second = [call for call in course.calls if (call.name, call.number) == ("renameat2", 2) and call.about == "user"]
    kill_at(workers, tally, course._replace(calls=second[:1]), None)


@pytest.mark.slow
@_all_scenarios
@_all_commands
def test_a_kill_at_every_call(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    kill_at_every_call(workers, tally, course_of(workers, scenario, command))


@pytest.mark.slow
@_all_scenarios
@_wrecked
def test_a_kill_of_every_recovery(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    kill_recoveries(workers, tally, course_of(workers, scenario, command))


@pytest.mark.slow
@_failing
@_wrecked
def test_a_call_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    fail_at(workers, tally, course_of(workers, scenario, command), in_full=True)
