"""kill -9 and errors at the system calls of purge, and of the recovery of a killed purge."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.faults.purging import SCENARIOS, Purging
from tests.faults.sweep import spread
from tests.support.share import part

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.process import Call
    from tests.faults.sweep import Workers
    from tests.faults.trees import Scenario

_ERRORS = ("EIO", "ENOSPC", "EROFS", "EACCES", "EXDEV", "EINVAL", "ENOSYS", "EBUSY")
_ERRORS_OF_STATE = ("EIO", "ENOSPC", "EROFS")
_FEW, _FEW_ERRORS, _FEW_OF_RECOVERY = 9, 6, 4

_all_scenarios = pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
_whole = pytest.mark.parametrize("scenario", [one for one in SCENARIOS if not one.others], ids=str)


@_all_scenarios
def test_a_kill_of_purge(workers: Workers, tally: Counter[str], scenario: Scenario) -> None:
    kill_at(workers, tally, Purging(scenario), _FEW)


@_all_scenarios
def test_a_kill_of_the_recovery_of_purge(workers: Workers, tally: Counter[str], scenario: Scenario) -> None:
    kill_at(workers, tally, wrecked(workers, scenario, SCENARIOS.index(scenario)), _FEW_OF_RECOVERY)


@_whole
def test_a_call_of_purge_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario) -> None:
    fail_at(workers, tally, Purging(scenario), _FEW_ERRORS)


@pytest.mark.slow
@_all_scenarios
def test_a_kill_at_every_call_of_purge(workers: Workers, tally: Counter[str], scenario: Scenario) -> None:
    kill_at(workers, tally, Purging(scenario), None)


@pytest.mark.slow
@_all_scenarios
def test_a_kill_of_every_recovery_of_purge(workers: Workers, tally: Counter[str], scenario: Scenario) -> None:
    for number in range(7):
        kill_at(workers, tally, wrecked(workers, scenario, number), None)


@pytest.mark.slow
@_whole
def test_every_call_of_purge_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario) -> None:
    fail_at(workers, tally, Purging(scenario), None)
    fail_at(workers, tally, wrecked(workers, scenario, 3), None)


def wrecked(workers: Workers, scenario: Scenario, number: int) -> Purging:
    """Return the recovery of a purge that was killed at one of seven calls."""
    calls = [call for call in Purging(scenario).calls(workers.all[0]) if call.about == "user"]
    wrecks = spread(calls, 7)
    return Purging(scenario, wrecks[number % len(wrecks)])


def kill_at(workers: Workers, tally: Counter[str], purging: Purging, limit: int | None) -> None:
    calls = spread(purging.calls(workers.all[0]), limit)
    if limit is None:
        calls = part(calls)
    found = workers.each([partial(purging.kill, call=call, ending=number) for number, call in enumerate(calls)])
    tally["1 kills: purge, and the recovery from it"] += len(calls)
    check(purging, [f"killed at {call}" for call in calls], found)


def fail_at(workers: Workers, tally: Counter[str], purging: Purging, limit: int | None) -> None:
    calls = spread(purging.calls(workers.all[0]), limit)
    points = [(call, error) for number, call in enumerate(calls) for error in errors_at(call, number, limit)]
    if limit is None:
        points = part(points)
    tasks = [partial(purging.fail, call=call, error=error, ending=end) for end, (call, error) in enumerate(points)]
    found = workers.each(tasks)
    tally["2 failing calls: of purge, and of a recovery from it"] += len(points)
    check(purging, [f"{error} at {call}" for call, error in points], found)


def errors_at(call: Call, number: int, limit: int | None) -> tuple[str, ...]:
    """Return all errors if every call is tried, else another one for each call."""
    errors = _ERRORS if call.about == "user" else _ERRORS_OF_STATE
    return errors if limit is None else (errors[number % len(errors)],)


def check(purging: Purging, points: list[str], found: list[list[str]]) -> None:
    violations = [f"{purging}: {point}: {one}" for point, each in zip(points, found, strict=True) for one in each]
    assert not violations, "\n".join(violations)
