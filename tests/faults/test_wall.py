"""The Landlock wall around every command of the harness holds: I5, enforced by the kernel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.faults.case import Case
from tests.faults.trees import BY_NAME
from tests.support import wall

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.sweep import Worker, Workers

pytestmark = pytest.mark.skipif(not wall.can_be_raised(), reason=wall.NOT_TESTED)


def test_a_command_that_writes_outside_is_held_back(workers: Workers, tally: Counter[str]) -> None:
    """Negative control: a version that writes a file beside the root."""
    said = workers.one(strays)
    assert os.strerror(13) in said
    assert "outside/stray" in said
    tally["9 confined by Landlock: what strays is held back"] += 1


def strays(worker: Worker) -> str:
    case = Case(BY_NAME["few"], worker.driver, worker.place, "stray")
    finished = case.run(*case.organize)
    assert finished.code
    assert case.snapshot() == case.first
    return finished.output


def test_a_place_that_is_not_given_is_a_place_outside(workers: Workers, tally: Counter[str]) -> None:
    """The root itself is not writable: no file is moved, and the run reports each."""
    assert workers.one(without_its_root) == []
    tally["9 confined by Landlock: what strays is held back"] += 1


def without_its_root(worker: Worker) -> list[str]:
    case = Case(BY_NAME["few"], worker.driver, worker.place)
    request = case.request(*case.organize)
    request.wall.remove(str(case.place.root))
    finished = worker.driver.run(request)
    assert finished.code == 1
    assert os.strerror(13) in finished.output
    return [] if case.snapshot() == case.first else ["something was changed behind a wall"]
