"""The number of tested points of each row of the fault matrix, reported at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

TALLY = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Counter()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the counts of a worker process to the main one."""
    if hasattr(session.config, "workeroutput"):
        tally: Counter[str] = session.config.stash[TALLY]
        session.config.workeroutput["tally"] = dict(tally)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Add the counts of a worker; a crashed one has none."""
    node.config.stash[TALLY].update(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[TALLY]
    if not tally:
        return
    terminalreporter.section("faults")
    width = max(map(len, tally))
    for row, points in sorted(tally.items()):
        terminalreporter.line(f"{row:{width}}  {points:6,} points")
    terminalreporter.line(f"{'together':{width}}  {tally.total():6,} points")


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Counter[str]:
    """The number of tested points by row of the fault matrix."""
    return request.config.stash[TALLY]
