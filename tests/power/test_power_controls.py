"""What these tests are worth: they have to find what a loss of power does to fileorg without one of its safeguards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.trees import BY_NAME
from tests.power.bench import Layout
from tests.power.filesystems import BTRFS, EXT4, XFS
from tests.power.trial import Trial

if TYPE_CHECKING:
    from tests.faults.sweep import Workers

pytestmark = pytest.mark.root

_FEW, _MANY = 8, 40
_TWO_DISKS = Layout((EXT4, XFS))


def violations(workers: Workers, layout: Layout, scenario: str, control: str, states: int, **more: bool) -> list[str]:
    trial = Trial(layout, replace(BY_NAME[scenario], rows=4), "organize", control=control, **more)
    findings = workers.one(lambda worker: trial.run(worker, states))
    assert findings.unmountable == []
    return findings.violations


def found(what: str, lines: list[str]) -> bool:
    return any(what in line for line in lines)


def test_a_journal_that_is_not_flushed_is_found_out(workers: Workers) -> None:
    lines = violations(workers, _TWO_DISKS, "across devices", "synchronous=NORMAL", _FEW)
    assert found("I6 made without a record", lines)


@pytest.mark.slow
def test_a_journal_that_is_not_flushed_is_found_out_on_one_disk(workers: Workers) -> None:
    lines = violations(workers, Layout((EXT4,)), "messy", "synchronous=NORMAL", _MANY)
    assert found("I6 made without a record", lines)
    assert found("I4", lines)


@pytest.mark.slow
def test_that_nothing_is_flushed_is_found_out(workers: Workers) -> None:
    lines = violations(workers, _TWO_DISKS, "across devices", "no flush", _MANY)
    assert found("I1 lost", lines)
    lines = violations(workers, Layout((BTRFS,)), "messy", "no flush", _MANY)
    assert found("said to be done", lines)


@pytest.mark.slow
@pytest.mark.parametrize("layout", [_TWO_DISKS, Layout((BTRFS, EXT4))], ids=str)
def test_shutil_move_is_found_to_lose_files(workers: Workers, layout: Layout) -> None:
    """Its unlink reaches the one disk before the copy does the other, when someone flushes the one."""
    lines = violations(workers, layout, "across devices", "shutil.move", _MANY, others_flush=True)
    assert found("I1 lost", lines)
