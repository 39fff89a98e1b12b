"""How a whole suite is spread over the processors: which tests stay together, and which come first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

_FIRST = ("tests/power/", "tests/odd/", "tests/chains/", "tests/faults/", "tests/report/")
"""Where the long ones are: what is begun last should end soon."""
_BY_SCENARIO = tuple(f"tests/faults/test_{name}.py" for name in ("kills", "failing_calls", "duplicates_disturbed"))


def processes() -> int:
    """How many processes share the tests, this one among them."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """What is asked for by file or by name runs in this process, without the start of others."""
    is_small = all("::" in argument or Path(argument).is_file() for argument in config.args)
    return 0 if is_small else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return Scheduling(config, log)


def scope_of(nodeid: str) -> str:
    """The tests of one scope are run by one process, one after the other: mostly those of a file."""
    path, _, test = nodeid.partition("::")
    if path.startswith("tests/power/"):  # its workers have disks of their own, which are made once
        return "tests/power"
    if path in _BY_SCENARIO:  # the undisturbed course of a tree is run once for all that is tried on it
        return f"tests/faults: {test.rstrip(']').rpartition('[')[2].rpartition('-')[2]}"
    return path
