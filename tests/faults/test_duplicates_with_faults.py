"""Kills and errors at the system calls of dedupe, its undo and redo, and the recovery of each.

A fast part is in every test run; `pytest -m slow tests/faults` tries every call.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.faults.sweep import Worker, Workers
from tests.faults.test_failing_calls import fail_at
from tests.faults.test_kills import course_of, kill_a_recovery, kill_at, kill_at_every_call, kill_recoveries, wreck_of
from tests.faults.trees import DUPLICATES, SHARED
from tests.power.filesystems import BTRFS, XFS, FileSystem, Unmountable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tests.faults.trees import Scenario

_PLAIN = DUPLICATES[:3]
_FEW, _FEW_OF_RECOVERY, _FEW_SHARED = 4, 3, 2

_all_scenarios = pytest.mark.parametrize("scenario", DUPLICATES, ids=str)
_failing = pytest.mark.parametrize("scenario", [one for one in DUPLICATES if not one.others], ids=str)
_plain = pytest.mark.parametrize("scenario", _PLAIN, ids=str)
_all_commands = pytest.mark.parametrize("command", ["organize", "undo", "redo"])
_wrecked = pytest.mark.parametrize("command", ["organize", "undo"])


@_plain
@_all_commands
def test_a_kill(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    kill_at(workers, tally, course_of(workers, scenario, command), _FEW)


@_plain
@_wrecked
def test_a_kill_of_the_recovery(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    course = course_of(workers, scenario, command)
    kill_a_recovery(workers, tally, course, DUPLICATES.index(scenario) + 2, _FEW_OF_RECOVERY)


@_plain
@_wrecked
def test_a_call_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    fail_at(workers, tally, course_of(workers, scenario, command), in_full=False)


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
@_all_commands
def test_every_call_that_fails(workers: Workers, tally: Counter[str], scenario: Scenario, command: str) -> None:
    fail_at(workers, tally, course_of(workers, scenario, command), in_full=True)


@pytest.mark.slow
@_failing
@_wrecked
def test_every_call_of_a_recovery_that_fails(
    workers: Workers, tally: Counter[str], scenario: Scenario, command: str
) -> None:
    course = course_of(workers, scenario, command)
    for number in range(3):
        fail_at(workers, tally, course.recovery(workers.all[0], wreck_of(course, 2 * number)), in_full=True)


# File systems that share blocks ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[BTRFS, XFS], ids=str)
def sharers(request: pytest.FixtureRequest, workers: Workers, fast_folder: Path) -> Iterator[Workers]:
    """Workers with trees on a file system that shares blocks between files."""
    disk: FileSystem = request.param
    if not disk.is_there:
        pytest.skip(f"NOT TESTED: shared blocks on {disk} need mkfs.{disk}")
    with tempfile.TemporaryDirectory(dir=fast_folder) as folder:
        try:
            disk.create(Path(folder, "image"))
            with disk.mounted(Path(folder, "image"), Path(folder, "disk")):
                places = [Path(folder, "disk", f"worker-{number}") for number in range(len(workers.all))]
                for place in places:
                    place.mkdir()
                yield Workers(
                    [
                        Worker(one.driver, replace(one.place, disk=place))
                        for one, place in zip(workers.all, places, strict=True)
                    ]
                )
        except Unmountable as why:
            pytest.skip(f"NOT TESTED: shared blocks on {disk}: {why}")


@pytest.mark.root
def test_blocks_are_shared_and_it_is_killed(sharers: Workers, tally: Counter[str]) -> None:
    share(sharers, tally, _FEW_SHARED, in_full=False)


@pytest.mark.root
@pytest.mark.slow
def test_blocks_are_shared_and_it_is_killed_at_every_call(sharers: Workers, tally: Counter[str]) -> None:
    share(sharers, tally, None, in_full=True)


def share(sharers: Workers, tally: Counter[str], limit: int | None, *, in_full: bool) -> None:
    course = course_of(sharers, SHARED, "organize")
    shared = [call for call in course.calls if call.name == "ioctl"]
    assert shared, "no blocks were shared"
    kill_at(sharers, tally, course._replace(calls=shared), limit)
    for command in ("organize", "undo", "redo") if in_full else ("organize",):
        if in_full:
            kill_at_every_call(sharers, tally, course_of(sharers, SHARED, command))
        else:
            kill_at(sharers, tally, course_of(sharers, SHARED, command), limit)
        fail_at(sharers, tally, course_of(sharers, SHARED, command), in_full=in_full)
