"""The fault matrix as one command: it omits no test, and repeats none that is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.matrix import ROWS, table

_REPOSITORY = Path(__file__).parents[1]
_TESTS = """
import os
import pytest

@pytest.mark.parametrize("number", [7, 8])
def test_points(tally, number):
    tally["1 kills: recovery"] += number
    assert number == 7, "lost: a.jpg\\nlost: b.txt"

def test_that_is_interrupted():
    if not os.path.exists("again"):
        raise KeyboardInterrupt

def test_what_is_not_there():
    pytest.skip("NOT TESTED")
"""


def test_each_slow_test_of_the_matrix_is_in_a_row() -> None:
    """A row names a file, or a test in it."""
    named = tuple(target.partition("::")[0] for row in ROWS if row.marked == "slow" for target in row.tests)
    for folder in ("faults", "power", "odd", "jobs"):
        for path in (_REPOSITORY / "tests" / folder).glob("test_*.py"):
            if "pytest.mark.slow" in path.read_text():
                assert str(path.relative_to(_REPOSITORY)).startswith(named)


@pytest.mark.slow
def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    (tmp_path / "test_points.py").write_text(_TESTS)
    first = run(tmp_path)
    assert [(line["test"].partition("::")[2], line["outcome"], line["violations"]) for line in first] == [
        ("test_points[7]", "passed", 0),
        ("test_points[8]", "failed", 2),
    ]
    assert [line["seed"] for line in first] == [7, 8]
    (tmp_path / "again").touch()
    second = run(tmp_path)[len(first) :]
    assert [(line["test"].partition("::")[2], line["outcome"]) for line in second] == [
        ("test_that_is_interrupted", "passed"),
        ("test_what_is_not_there", "skipped"),
    ]
    third = run(tmp_path)[len(first) + len(second) :]
    assert [line["outcome"] for line in third] == ["skipped"]
    assert table(first + second) == [
        "| row | how | points |", "|---|---|--:|", "| 1 kills | recovery | 15 |", "| together | | 15 |",
    ]  # fmt: skip


def run(folder: Path) -> list[dict[str, Any]]:
    """Run the matrix; return the lines of its results file."""
    plugins = ["-ptests.support.tally", "-ptests.support.results"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "--results=results", "--rootdir=.", "-c", os.devnull]
    environment = os.environ | {"PYTHONPATH": str(_REPOSITORY), "PYTEST_ADDOPTS": ""}
    subprocess.run([*command, "test_points.py"], cwd=folder, check=False, capture_output=True, env=environment)
    return [json.loads(line) for line in (folder / "results").read_text().splitlines()]
