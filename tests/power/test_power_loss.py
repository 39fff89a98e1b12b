"""Power loss during organize, undo and redo: writes since the last flush are lost and reordered.

A few states of each file system are in every test run; `pytest -m slow tests/power` tries hundreds.
"""

from __future__ import annotations

import filecmp
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.faults.sweep import BEFORE
from tests.faults.trees import BY_NAME
from tests.power.bench import Bench, Layout
from tests.power.filesystems import BTRFS, EXT4, XFS, copy_image
from tests.power.trial import Trial

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from tests.faults.sweep import Worker, Workers

pytestmark = pytest.mark.root

_FEW, _FEW_ON_TWO = 8, 4
_MANY, _MANY_ON_TWO = 20, 10
_MANY_OF_OTHERS, _MANY_OF_RECOVERY = 8, 5

_ONE_DISK = [Layout((disk,)) for disk in (EXT4, XFS, BTRFS)]
_TWO_DISKS = [
    Layout(disks, journal_on_last)
    for disks in ((EXT4, XFS), (XFS, BTRFS), (BTRFS, EXT4))
    for journal_on_last in (False, True)
]
_SMALL_BATCHES = 4


def trial(layout: Layout, scenario: str, command: str) -> Trial:
    return Trial(layout, replace(BY_NAME[scenario], rows=_SMALL_BATCHES), command)


def on_one_disk(layout: Layout) -> Iterator[Trial]:
    for scenario in ("messy", "keep newer", "copy", "clean"):
        for command in BEFORE:
            yield trial(layout, scenario, command)
    for scenario in ("quarantine", "hard links in their place"):
        for command in BEFORE:
            yield trial(layout, scenario, command)
    yield trial(layout, "folders that were removed", "undo")
    yield trial(layout, "first run", "organize")
    yield trial(layout, "hard links", "organize")
    yield trial(layout, "symlinks", "organize")


def on_two_disks(layout: Layout) -> Iterator[Trial]:
    for command in BEFORE:
        yield trial(layout, "across devices", command)
    yield trial(layout, "copy across devices", "organize")


@pytest.mark.parametrize("layout", _ONE_DISK, ids=str)
def test_the_power_is_lost(workers: Workers, tally: Counter[str], layout: Layout) -> None:
    lose_power(workers, tally, [trial(layout, "messy", "organize")], _FEW)


@pytest.mark.parametrize("layout", [_TWO_DISKS[1], _TWO_DISKS[4]], ids=str)
def test_the_power_of_two_disks_is_lost(workers: Workers, tally: Counter[str], layout: Layout) -> None:
    lose_power(workers, tally, [trial(layout, "across devices", "organize")], _FEW_ON_TWO)


@pytest.mark.slow
@pytest.mark.parametrize("layout", _ONE_DISK, ids=str)
def test_the_power_is_lost_at_many_moments(workers: Workers, tally: Counter[str], layout: Layout) -> None:
    lose_power(workers, tally, list(on_one_disk(layout)), _MANY)
    lose_power(workers, tally, [replace(one, others_flush=True) for one in on_one_disk(layout)], _MANY_OF_OTHERS)


@pytest.mark.slow
@pytest.mark.parametrize("layout", [*_ONE_DISK, *_TWO_DISKS], ids=str)
def test_the_power_is_lost_again_in_the_recovery(workers: Workers, tally: Counter[str], layout: Layout) -> None:
    trials = on_one_disk(layout) if len(layout.disks) == 1 else on_two_disks(layout)
    # Flushes by others leave more of the trees half done.
    recoveries = [replace(one, recovery=True, others_flush=True) for one in trials if one.scenario.name != "first run"]
    lose_power(workers, tally, recoveries, _MANY_OF_RECOVERY)


@pytest.mark.slow
@pytest.mark.parametrize("layout", _TWO_DISKS, ids=str)
def test_the_power_of_two_disks_is_lost_at_many_moments(workers: Workers, tally: Counter[str], layout: Layout) -> None:
    lose_power(workers, tally, list(on_two_disks(layout)), _MANY_ON_TWO)
    lose_power(workers, tally, [replace(one, others_flush=True) for one in on_two_disks(layout)], _MANY_OF_OTHERS)


def lose_power(workers: Workers, tally: Counter[str], trials: Sequence[Trial], states: int) -> None:
    for layout in {one.layout for one in trials}:
        for disk in layout.disks:
            if not disk.is_there:
                pytest.skip(f"NOT TESTED: power loss on {disk} needs mkfs.{disk}")
    found = workers.each([partial(one.run, states=states) for one in trials])
    for one, findings in zip(trials, found, strict=True):
        disks = f"{one.layout}, one disk" if len(one.layout.disks) == 1 else "two disks"
        tally[f"3 power loss: {'again in the recovery' if one.recovery else disks}"] += findings.states
    assert [line for findings in found for line in findings.violations] == []
    # Blocks are never torn, so every file system must be mountable.
    assert [line for findings in found for line in findings.unmountable] == []


def test_the_log_holds_all_that_was_written(workers: Workers) -> None:
    """Applied to the disks from before, the whole log gives the disks from after; and it has flushes."""

    def task(worker: Worker) -> None:
        one = trial(_TWO_DISKS[0], "across devices", "organize")
        bench = Bench(one.layout, worker)
        logged = one.record(bench, worker.driver).logged
        copies = [image.with_name(f"{image.name}-end") for image in bench.images]
        for image, end in zip(bench.images, copies, strict=True):
            copy_image(image, end)
        bench.crash([entry for entry in logged.log if not entry.is_flush])
        assert all(filecmp.cmp(image, end, shallow=False) for image, end in zip(bench.images, copies, strict=True))
        during = logged.log[logged.start : logged.end]
        assert {entry.disk for entry in during if entry.is_flush} == {0, 1}

    workers.one(task)
