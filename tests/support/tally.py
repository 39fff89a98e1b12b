"""How many points of each row of the fault matrix were tried: counted by the tests, told at the end."""

from __future__ import annotations

from collections import Counter

import pytest

_TALLY = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Counter()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[_TALLY]
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
    return request.config.stash[_TALLY]
