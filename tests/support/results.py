"""Writes a line per test of the matrix to a file, and skips tests that are in it: `pytest --results FILE`.

A line is JSON: the tested code (the tree of src/, the commit), the row, the test, its share of the points, its outcome,
points and violations, seconds, and the machine. Random choices in a test follow from its name; a `seed` is the number
in that.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.support.share import SHARE, Share
from tests.support.tally import TALLY

if TYPE_CHECKING:
    from collections.abc import Generator

_REPOSITORY = Path(__file__).parents[2]
_MAX_SAID = 4000


class Tested(NamedTuple):
    """The tested code: results of another tree of src/ do not apply to it."""

    source: str
    """The git hash of src/ as on disk."""
    commit: str
    """The last commit, which may lack changes on disk."""

    @classmethod
    def now(cls) -> Tested:
        with tempfile.TemporaryDirectory() as folder:
            own = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
            _git("read-tree", "HEAD", **own)
            _git("add", "src", **own)
            source = _git("write-tree", "--prefix=src/", **own)
        return cls(source[:12], _git("rev-parse", "--short=12", "HEAD"))


def read(file: Path, tested: Tested, share: Share) -> dict[str, dict[str, Any]]:
    """Return the last line of each test of this tree of src/ and this share. A truncated line is skipped."""
    found = dict[str, dict[str, Any]]()
    for text in file.read_text().splitlines() if file.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if line["source"] == tested.source and line["share"] == str(share):
            found[line["test"]] = line
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--results", type=Path, help="append a line for each test to this file, pass over what is in it")
    parser.addoption("--row", default="", help="the row of the matrix that these tests are of")
    parser.addoption("--again", action="store_true", help="also what is in the file of results")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("results"):
        config.pluginmanager.register(_Writer(config))


class _Writer:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file: Path = config.getoption("results")
        self._tested = Tested.now()
        self._said: list[str] = []
        self._outcomes: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect tests with a result, failures included; repeat skipped ones, which may be possible now."""
        lines = {} if config.getoption("again") else read(self._file, self._tested, SHARE)
        done = {test for test, line in lines.items() if line["outcome"] != "skipped"}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in done])
        items[:] = [item for item in items if item.nodeid not in done]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        tally: Counter[str] = self._config.stash[TALLY]
        before, start = Counter(tally), time.monotonic()
        self._said, self._outcomes = [], set()
        result = yield
        outcome = next((one for one in ("failed", "skipped") if one in self._outcomes), "passed")
        said = "\n".join(self._said)
        line = {
            **self._tested._asdict(),
            "row": self._config.getoption("row"),
            "test": item.nodeid,
            "share": str(SHARE),
            "outcome": outcome,
            "points": dict(tally - before),
            "violations": _violations(said) if outcome == "failed" else 0,
            "said": said[:_MAX_SAID],
            "seed": item.callspec.params.get("number") if hasattr(item, "callspec") else None,
            "seconds": round(time.monotonic() - start, 1),
            "machine": f"{os.cpu_count()} processors, {platform.system()} {platform.release()}",
        }
        with open(self._file, "a") as file:
            file.write(json.dumps(line) + "\n")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._outcomes.add(report.outcome)
        if report.failed:
            self._said.append(getattr(getattr(report.longrepr, "reprcrash", None), "message", report.longreprtext))
        elif report.skipped and isinstance(report.longrepr, tuple):
            self._said.append(report.longrepr[2])


def _violations(said: str) -> int:
    """Count violations: tests report one per line, after which pytest appends the assertion."""
    return sum(not line.startswith("assert ") for line in said.splitlines())


def _git(*words: str, **environment: str) -> str:
    finished = subprocess.run(
        ["git", *words], cwd=_REPOSITORY, check=True, capture_output=True, text=True, env=os.environ | environment
    )
    return finished.stdout.strip()
