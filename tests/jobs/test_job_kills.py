"""Kills of jobs at random moments: a dozen in each test run, and fifty for each kind of job in the matrix.

The same for two jobs side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.jobs import kills_side_by_side
from tests.jobs.kills import SCENARIOS, sweep

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

_ROW = "10 jobs: kills at random moments, also while resuming"

_PAIRS = "10 jobs: kills of one of two jobs, side by side"


def test_a_dozen_kills(tmp_path: Path, tally: Counter[str]) -> None:
    tally[_ROW] += sweep(tmp_path, 12, 17, ["hard links"], files=90)["kills"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_many_kills(tmp_path: Path, tally: Counter[str], name: str) -> None:
    tally[_ROW] += sweep(tmp_path, 50, 17, [name])["kills"]


def test_a_few_kills_side_by_side(tmp_path: Path, tally: Counter[str]) -> None:
    pairs = kills_side_by_side.PAIRS[:1]
    tally[_PAIRS] += kills_side_by_side.sweep(tmp_path, 4, 5, pairs, files=90)["kills"]


@pytest.mark.slow
@pytest.mark.parametrize("pair", kills_side_by_side.PAIRS, ids=" and ".join)
def test_many_kills_side_by_side(tmp_path: Path, tally: Counter[str], pair: tuple[str, str]) -> None:
    tally[_PAIRS] += kills_side_by_side.sweep(tmp_path, 20, 5, [pair])["kills"]
