"""Negative controls: the tests must find the damage of a power loss to fileorg without one of its safeguards."""

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


def violations(workers: Workers, layout: Layout, scenario: str, control: str, states: int) -> list[str]:
    trial = Trial(layout, replace(BY_NAME[scenario], rows=4), "organize", control=control)
    findings = workers.one(lambda worker: trial.run(worker, states, all_of_them=True))
    assert findings.unmountable == []
    return findings.violations


def found(what: str, lines: list[str]) -> bool:
    return any(what in line for line in lines)


def test_shutil_move_is_found_to_lose_files(workers: Workers) -> None:
    """Its unlink reaches one disk with the next commit of the journal, its copy reaches the other only at the end."""
    assert found("I1 lost", violations(workers, _TWO_DISKS, "across devices", "shutil.move", _FEW))


@pytest.mark.slow
def test_a_journal_that_is_not_flushed_is_found_out(workers: Workers) -> None:
    """Needs two disks: on one, a flush of a rename nearly always flushes the journal too."""
    lines = violations(workers, _TWO_DISKS, "across devices", "synchronous=NORMAL", _MANY)
    assert found("I6 made without a record", lines)
    assert found("I4", lines)


@pytest.mark.slow
def test_that_nothing_is_flushed_is_found_out(workers: Workers) -> None:
    lines = violations(workers, _TWO_DISKS, "across devices", "no flush", _MANY)
    assert found("I1 lost", lines)
    lines = violations(workers, Layout((BTRFS,)), "messy", "no flush", _MANY)
    assert found("said to be done", lines)
