"""Distribution of the suite over processes: tests that share a process, and tests that start first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

_FIRST = ("tests/power/", "tests/odd/", "tests/chains/", "tests/faults/", "tests/report/", "tests/serve/")
"""Long tests start first, so that the last ones to start end soon."""
_BY_SCENARIO = tuple(f"tests/faults/test_{name}.py" for name in ("kills", "failing_calls", "duplicates_disturbed"))


def processes() -> int:
    """Return the number of processes that share the tests, this one included."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run tests selected by file or name in this process, which saves the start of others.

    Otherwise there are three processes for two processors: each waits half of the time, for disks, programs and clocks.
    """
    is_small = all("::" in argument or Path(argument).is_file() for argument in config.args)
    return 0 if is_small else (os.cpu_count() or 1) * 3 // 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.timeout(0))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return Scheduling(config, log)


def scope_of(nodeid: str) -> str:
    """Return the scope of a test, usually its file. One process runs all tests of a scope in order."""
    path, _, test = nodeid.partition("::")
    if path.startswith("tests/power/"):  # each of its workers makes its own disks once
        return "tests/power"
    if path in _BY_SCENARIO:  # the undisturbed run of a tree is shared by all its fault points
        return f"tests/faults: {test.rstrip(']').rpartition('[')[2].rpartition('-')[2]}"
    return path
