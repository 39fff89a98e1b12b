"""kill -9 on other kinds of disks: exFAT, which has no links, no RENAME_NOREPLACE, no stable inode numbers and no
case; NTFS, which has links.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.faults.sweep import Worker, Workers, spread, sweep_kills
from tests.faults.trees import ON_EXFAT, Scenario, caseless, few, pair, shouted
from tests.support.disks import KINDS, NotTested, plugged_in
from tests.support.share import part

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

pytestmark = pytest.mark.root

_EXFAT, _WINDOWS = "exfat", "ntfs, names of Windows"
SCENARIOS = {
    _EXFAT: (
        Scenario("all on exFAT", caseless, placeholders=True),
        Scenario("to exFAT", few, other_device=True, placeholders=True),
        Scenario("copies on exFAT", caseless, ("--action", "copy"), placeholders=True),
        Scenario("duplicates on exFAT", pair, ("--action", "quarantine"), first=("dedupe",), placeholders=True),
        Scenario("another case", shouted, placeholders=True, wanders=True, control="case_rename"),
        ON_EXFAT,
    ),
    _WINDOWS: (Scenario("all on NTFS", caseless), Scenario("to NTFS", few, other_device=True)),
}
_FEW = {"organize": 2, "undo": 2, "redo": 1}


class Breakers(NamedTuple):
    """Workers for one kind of disk: those in `on` have their trees there, those in `to` only the destination."""

    kind: str
    on: Workers
    to: Workers

    def of(self, scenario: Scenario) -> Workers:
        return self.to if scenario.other_device else self.on


@pytest.fixture(scope="module", params=KINDS)
def breakers(request: pytest.FixtureRequest, workers: Workers, fast_folder: Path) -> Iterator[Breakers]:
    if request.param not in SCENARIOS:
        # lowntfs-3g loses track of folders that are removed and recreated, as in each case: ENOENT.
        pytest.skip(f"NOT TESTED: kills on a disk of the kind {request.param}, which is tried without them")
    with tempfile.TemporaryDirectory(dir=fast_folder) as folder:
        try:
            with plugged_in(request.param, Path(folder, "plugged in")) as disk:
                on, to = [], []
                for number, worker in enumerate(workers.all):
                    own = disk.place / f"worker-{number}"
                    own.mkdir()
                    on.append(Worker(worker.driver, replace(worker.place, disk=own)))
                    to.append(Worker(worker.driver, replace(worker.place, other=own)))
                yield Breakers(request.param, Workers(on), Workers(to))
        except NotTested as why:
            pytest.skip(str(why))


@pytest.mark.parametrize("command", ["organize", "undo", "redo"])
def test_a_kill_there(breakers: Breakers, tally: Counter[str], command: str) -> None:
    for scenario in SCENARIOS[breakers.kind]:
        kill_there(breakers, tally, scenario, command, _FEW[command])


@pytest.mark.parametrize("command", ["organize", "undo"])
def test_a_kill_of_the_recovery_there(breakers: Breakers, tally: Counter[str], command: str) -> None:
    for number, scenario in enumerate(SCENARIOS[breakers.kind]):
        kill_recovery_there(breakers, tally, scenario, command, wrecks=[number], limit=2)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["organize", "undo", "redo"])
def test_a_kill_at_every_call_there(breakers: Breakers, tally: Counter[str], command: str) -> None:
    for scenario in SCENARIOS[breakers.kind]:
        kill_there(breakers, tally, scenario, command, None)
        if command != "redo":
            kill_recovery_there(breakers, tally, scenario, command, wrecks=part(range(8)), limit=10)


def kill_there(breakers: Breakers, tally: Counter[str], scenario: Scenario, command: str, limit: int | None) -> None:
    workers = breakers.of(scenario)
    course = workers.course(scenario, command)
    if limit is None:
        course = course._replace(calls=part(course.calls))
    violations = sweep_kills(workers, course, limit)
    tally[row_of(breakers)] += len(spread(course.calls, limit))
    assert not violations, "\n".join(violations)


def row_of(breakers: Breakers) -> str:
    return f"6 other file systems: {breakers.kind}"


def kill_recovery_there(
    breakers: Breakers,
    tally: Counter[str],
    scenario: Scenario,
    command: str,
    *,
    wrecks: list[int],
    limit: int,
) -> None:
    workers = breakers.of(scenario)
    course = workers.course(scenario, command)
    points = spread([call for call in course.calls if call.about == "user"], 8)
    for wreck in wrecks:
        recovery = course.recovery(workers.all[0], points[(2 * wreck + 1) % len(points)])
        violations = sweep_kills(workers, recovery, limit)
        tally[row_of(breakers)] += len(spread(recovery.calls, limit))
        assert not violations, "\n".join(violations)
