"""How many points of each row of the fault matrix were tried: counted by the tests, told at the end."""

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
    """A process that shares the tests with others tells the first one what it has counted."""
    if hasattr(session.config, "workeroutput"):
        tally: Counter[str] = session.config.stash[TALLY]
        session.config.workeroutput["tally"] = dict(tally)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """One that has crashed tells nothing."""
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
    """How many points of each row of the fault matrix were tried."""
    return request.config.stash[TALLY]
