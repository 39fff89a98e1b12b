"""Kills of jobs at random moments: a dozen in each test run, and fifty for each kind of job in the matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.jobs.kills import SCENARIOS, sweep

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

_ROW = "10 jobs: kills at random moments, also while resuming"


def test_a_dozen_kills(tmp_path: Path, tally: Counter[str]) -> None:
    tally[_ROW] += sweep(tmp_path, 12, 17, ["hard links"], files=90)["kills"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_many_kills(tmp_path: Path, tally: Counter[str], name: str) -> None:
    tally[_ROW] += sweep(tmp_path, 50, 17, [name])["kills"]
