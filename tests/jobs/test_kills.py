"""A dozen of the kills of `tests.jobs.kills`, in each test run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.jobs.kills import sweep

if TYPE_CHECKING:
    from pathlib import Path


def test_a_dozen_kills(tmp_path: Path) -> None:
    assert sweep(tmp_path, 12, 17, ["to another disk", "hard links"])["kills"] >= 12
