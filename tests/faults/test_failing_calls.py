"""Errors from system calls: the run reports them, nothing is lost, and changes can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.sweep import spread, sweep_errors
from tests.faults.test_kills import course_of, wreck_of
from tests.faults.trees import SCENARIOS
from tests.support.share import part

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.process import Call
    from tests.faults.sweep import Course, Point, Workers
    from tests.faults.trees import Scenario

_ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EXDEV", "EINVAL", "ENOSYS")
_ERRORS_OF_STATE = ("EIO", "ENOSPC", "EROFS")
_FEW_USER, _FEW_STATE = 3, 1

# If the file system lacks a call, that call fails anyway.
_whole = [scenario for scenario in SCENARIOS if not scenario.others and not scenario.two_processes]
_all_scenarios = pytest.mark.parametrize("scenario", _whole, ids=str)
_some = _whole[1::2]


@pytest.mark.parametrize(
    ("command", "scenario"),
    [*(("organize", each) for each in _whole), *(("undo", each) for each in _some)],
    ids=str,
)
def test_a_call_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    fail_at(workers, tally, course_of(workers, scenario, command), in_full=False)


@pytest.mark.parametrize("scenario", _some, ids=str)
def test_a_call_of_the_recovery_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario) -> None:
    course = course_of(workers, scenario, "organize")
    wreck = wreck_of(course, _whole.index(scenario))
    fail_at(workers, tally, course.recovery(workers.all[0], wreck), in_full=False)


@pytest.mark.slow
@_all_scenarios
@pytest.mark.parametrize("command", ["organize", "undo", "redo"])
def test_every_call_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    fail_at(workers, tally, course_of(workers, scenario, command), in_full=True)


@pytest.mark.slow
@_all_scenarios
@pytest.mark.parametrize("command", ["organize", "undo"])
def test_every_call_of_a_recovery_that_fails(
    workers: Workers, tally: Counter[str], scenario: Scenario, command: str
) -> None:
    course = course_of(workers, scenario, command)
    wreck = wreck_of(course, _whole.index(scenario))
    fail_at(workers, tally, course.recovery(workers.all[0], wreck), in_full=True)


def fail_at(workers: Workers, tally: Counter[str], course: Course, *, in_full: bool) -> None:
    user = [call for call in course.calls if call.about == "user"]
    state = [call for call in course.calls if call.about != "user"]
    points: dict[str, list[Point]]
    if in_full:
        points = {
            "on user files": part([(call, error) for call in user for error in _ERRORS]),
            "on the journal and the state directory": part(
                [(call, error) for call in state for error in _ERRORS_OF_STATE]
            ),
        }
    else:
        first = len(course.sweep.scenario.name)
        points = {
            "on user files": _one_each(spread(user, _FEW_USER), _ERRORS, first),
            "on the journal and the state directory": _one_each(spread(state, _FEW_STATE), _ERRORS_OF_STATE, first),
        }
    for files, chosen in points.items():
        violations = sweep_errors(workers, course, chosen)
        tally[f"2 failing calls: {files}"] += len(chosen)
        assert not violations, "\n".join(violations)


def _one_each(calls: list[Call], errors: tuple[str, ...], first: int) -> list[Point]:
    """Pair each call with the next error in turn."""
    return [(call, errors[(first + 3 * number) % len(errors)]) for number, call in enumerate(calls)]
