"""Trouble around a job: signals, full disks, a tree that is unmounted, a clock that jumps. It ends in a state that says
so, and can be resumed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from fileorg.core.events import JobProgress, NullReporter, read_status
from fileorg.core.model import JobState
from fileorg.core.state import find_state
from fileorg.jobs.carry_out import carry_out
from fileorg.jobs.found import job, progress_of
from fileorg.storage.local import posix
from fileorg.workflows.roots import AnotherRoot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory
    from fileorg.jobs.found import FoundJob


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)


@contextlib.contextmanager
def mounted(*words: str | Path) -> Iterator[None]:
    """Mount something for the block; the last word is the mount point."""
    command = ["mount", *map(str, words)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: mounting needs root, with the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(words[-1])], check=True)


def the_job(fileorg: Fileorg, number: int = 1) -> FoundJob:
    return job(find_state(os.fsencode(fileorg.home)), number)


# Signals --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_the_terminal_is_closed_or_the_session_ended(
    fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    tree.write({f"{at}.jpg": str(at) for at in range(9)})
    first = tree.snapshot()
    rename, calls = posix.rename_noreplace, iter(range(100))

    def signalled(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
        if next(calls) == 1:
            os.kill(os.getpid(), number)
        rename(source_fd, source, target_fd, target)

    with monkeypatch.context() as patch:
        patch.setattr(posix, "rename_noreplace", signalled)
        ran = fileorg.inside("organize", "tree")
    assert (ran.code, "Stopped after" in ran.err) == (130, True), ran.err
    assert the_job(fileorg).state is JobState.INTERRUPTED
    assert 0 < sum(path.startswith("Images/") for path in tree.read()) < 9
    assert fileorg.inside("jobs", "resume", "1").code == 0
    assert all(path.startswith("Images/") for path in tree.read())
    assert fileorg.inside("undo", "--job", "1", "-y").code == 0
    assert tree.snapshot() == first


# Full disks -----------------------------------------------------------------------------------------------------------


@pytest.mark.root
def test_the_disk_of_the_destination_is_full(fileorg: Fileorg, tree: Tree, tmp_path: Path) -> None:
    tree.write({f"{at}.jpg": str(at) * 50_000 for at in range(9)})
    first, place = tree.snapshot(), tmp_path / "small"
    place.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=200k", "fileorg-small", place):
        ran = fileorg.inside("organize", "tree", "--dest", str(place))
        found = the_job(fileorg)
        assert (ran.code, found.state) == (1, JobState.FAILED)
        reason = found.row.reason or ""
        assert "files failed, the first of them " in reason
        assert "No space left on device; all: fileorg history --problems 1" in reason
        assert fileorg.inside("history", "--problems", "1").code == 0
        subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
        ran = fileorg.inside("jobs", "retry", "1")
        assert (ran.code, the_job(fileorg).state) == (0, JobState.DONE), ran.err
        assert len(list((place / "Images").iterdir())) == 9
        assert fileorg.inside("undo", "--job", "1", "-y").code == 0
        assert {path: node.content for path, node in tree.snapshot().items()} == {
            path: node.content for path, node in first.items()
        }


@pytest.mark.root
@pytest.mark.usefixtures("_small_batches")
def test_the_disk_of_the_journal_is_full(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({f"{at:0150}.jpg": "" for at in range(3000)})
    first = set(tree.read())
    fileorg.home.mkdir(mode=0o700)
    with mounted("-t", "tmpfs", "-o", "mode=700,size=2m", "fileorg-small", fileorg.home):
        ran = fileorg.inside("organize", "tree")
        assert (ran.code, "full" in ran.err) == (1, True), ran.err
        subprocess.run(["mount", "-o", "remount,size=64m", str(fileorg.home)], check=True)
        found = the_job(fileorg)
        assert found.state in {JobState.FAILED, JobState.INTERRUPTED}
        assert not found.is_alive
        ran = fileorg.inside("jobs", "resume", "1")
        assert (ran.code, the_job(fileorg).state) == (0, JobState.DONE), ran.err
        assert set(tree.read()) == {f"Images/{path}" for path in first}


# A tree that is unmounted ---------------------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.usefixtures("_small_batches")
def test_a_tree_that_is_unmounted_and_comes_back(runs: Runs, tree: Tree, state: StateDirectory, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with contextlib.ExitStack() as away:
        away.enter_context(mounted("--bind", disk, tree.root))
        tree.write({f"{at}.jpg": str(at) for at in range(9)})
        calls = iter(range(2))
        with runs.organizing() as run:
            assert run.run(lambda: next(calls, None) is None).interrupted
    assert list(tree.root.iterdir()) == []
    held, before = state.alive(1), set(os.listdir("/proc/self/fd"))
    with pytest.raises(AnotherRoot, match="is its disk mounted"):
        carry_out(state, 1, NullReporter(), lambda: False, fd=held)
    assert set(os.listdir("/proc/self/fd")) == before
    assert held is not None
    os.close(held)
    assert job(state, 1).state is JobState.INTERRUPTED  # not done, although nothing is left to do in the empty folder
    with mounted("--bind", disk, tree.root):
        carry_out(state, 1, NullReporter(), lambda: False)
        assert job(state, 1).state is JobState.DONE
        assert set(tree.read()) == {f"Images/{at}.jpg" for at in range(9)}


@pytest.mark.root
def test_a_plan_whose_tree_is_unmounted_when_its_turn_comes(fileorg: Fileorg, tree: Tree, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("--bind", disk, tree.root):
        tree.write({"a.jpg": "one"})
        assert fileorg.inside("organize", "tree", "--hold").code == 3
    assert fileorg.inside("jobs", "approve", "1").code == 0
    ran = fileorg.inside("jobs", "attach", "1")
    assert (ran.code, "is its disk mounted" in ran.out) == (1, True), ran.out
    with mounted("--bind", disk, tree.root):
        ran = fileorg.inside("jobs", "retry", "1")
        assert (ran.code, the_job(fileorg).state) == (0, JobState.DONE), ran.err
        assert set(tree.read()) == {"Images/a.jpg"}


# A clock that jumps ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_the_clock_jumps_while_a_job_shows_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    with open(tmp_path / "status", "w+b", buffering=0) as file:
        progress = JobProgress(NullReporter(), file.fileno())
        clock = SimpleNamespace(time=lambda: 1e9, monotonic=lambda: 500.0)
        monkeypatch.setattr("fileorg.core.events.time", clock)
        progress.stage("move", 400)
        clock.time, clock.monotonic = lambda: 1e9 + jump, lambda: 510.0
        progress.advance(100)
        found = progress_of(read_status(file.fileno()))
    assert found is not None
    assert (found.rate, found.left_seconds) == (10.0, 30.0)


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("jump_ns", [-7200 * 10**9, 7200 * 10**9])
def test_the_clock_jumps_between_two_attempts(
    runs: Runs, tree: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch, jump_ns: int
) -> None:
    tree.write({f"{at}.jpg": str(at) for at in range(9)})
    calls, now_ns = iter(range(2)), time.time_ns
    with runs.organizing() as run:
        assert run.run(lambda: next(calls, None) is None).interrupted
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + jump_ns)
    carry_out(state, 1, NullReporter(), lambda: False)
    found = job(state, 1)
    assert (found.state, found.row.attempts) == (JobState.DONE, 2)
    assert set(tree.read()) == {f"Images/{at}.jpg" for at in range(9)}
