"""Shared fixtures: a tree and a state directory for each test, and the count of tested faults."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.events import ended_jobs
from fileorg.core.state import StateDirectory, open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("tests.support.parallel", "tests.support.tally", "tests.support.results")

_NOBODY = 65534

for _signal, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, lambda *_: None)):
    # In the background of a script, or under nohup, these signals are ignored, also by all child processes.
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, _handler)

# A busy machine draws slowly, and that is no failure.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


# The configuration of whoever runs the tests changes none of them.
os.environ["XDG_CONFIG_HOME"] = "/nonexistent"
os.environ.pop("FILEORG_CONFIG", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write tests/cli/snapshots anew")


@pytest.fixture(autouse=True)
def _no_ended_jobs() -> None:
    """Forget the jobs of earlier tests: a command tells a program of all that its process has ended."""
    ended_jobs.clear()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateDirectory:
    """A state directory, set in the environment for child processes as well."""
    monkeypatch.setenv("FILEORG_HOME", str(tmp_path / "state"))
    return open_state(os.fsencode(tmp_path / "state"))


@pytest.fixture
def runs(tree: Tree, state: StateDirectory) -> Runs:
    return Runs(tree, state)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """An empty folder on another file system."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    with contextlib.ExitStack() as stack:
        yield Path(stack.enter_context(tempfile.TemporaryDirectory(dir=shared)))


@pytest.fixture
def of_nobody(runs: Runs) -> Iterator[Runs]:
    """Runs of an unprivileged user: root becomes nobody meanwhile."""
    runs.organize(exclude=["anything"])  # late imports: nobody may not read root's Python
    was_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as place:
        os.chmod(place, 0o777)
        if was_root:
            os.setresuid(_NOBODY, _NOBODY, 0)  # the saved uid is the way back
        try:
            yield Runs(Tree(Path(place, "tree")), open_state(os.fsencode(place) + b"/state"))
        finally:
            if was_root:
                os.setresuid(0, 0, 0)
