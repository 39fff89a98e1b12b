"""Runs of one state directory on different trees work side by side; on one tree they wait their turn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.errors import JournalError, Locked
from fileorg.core.events import NullReporter
from fileorg.core.locks import place_for_run, root_locks
from fileorg.core.model import GIVEN, JobState, Limits
from fileorg.core.state import Flock, flock
from fileorg.jobs.found import job
from fileorg.journal.job_rows import job_rows
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.open_journal import open_journal
from fileorg.workflows.recover import recover_all
from fileorg.workflows.roots import locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.screens import Fileorg

    from fileorg.core.state import StateDirectory

_FILES = 20


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)


@pytest.fixture
def one(runs: Runs) -> Runs:
    runs.tree.write({f"{at}.jpg": f"one {at}" for at in range(_FILES)})
    return runs


@pytest.fixture
def other(tmp_path: Path, state: StateDirectory) -> Runs:
    """Runs on a second tree with the same state directory."""
    tree = Tree(tmp_path / "other")
    tree.write({f"{at}.txt": f"other {at}" for at in range(_FILES)})
    return Runs(tree, state)


def stop_with(number: int, other_work: Callable[[], Any]) -> Callable[[], bool]:
    """Return a `stop` that does other work before a batch, and stops nothing."""
    calls = iter(range(1, 1000))

    def stop() -> bool:
        if next(calls) == number:
            other_work()
        return False

    return stop


def counts(state: StateDirectory) -> list[tuple[int, str, int | None]]:
    with open_journal(state, read_only=True) as journal:
        return [(each.id, each.kind, each.done) for each in reversed(journal.operations())]


def test_a_run_begins_and_ends_while_another_one_works(one: Runs, other: Runs, state: StateDirectory) -> None:
    before = one.tree.snapshot(), other.tree.snapshot()
    with one.organizing() as run:
        outcome = run.run(stop_with(3, other.organize))
    assert (outcome.operation, outcome.done) == (1, _FILES)
    assert set(one.tree.read()) == {f"Images/{at}.jpg" for at in range(_FILES)}
    assert set(other.tree.read()) == {f"Documents/{at}.txt" for at in range(_FILES)}
    assert counts(state) == [(1, "organize", _FILES), (2, "organize", _FILES)]
    assert [job(state, number).state for number in (1, 2)] == [JobState.DONE, JobState.DONE]
    one.undo(operation=1)
    assert (one.tree.snapshot(), set(other.tree.read())) == (before[0], {f"Documents/{at}.txt" for at in range(_FILES)})
    other.undo(operation=2)
    assert other.tree.snapshot() == before[1]
    one.undo(operation=1, redo=True)
    assert set(one.tree.read()) == {f"Images/{at}.jpg" for at in range(_FILES)}


def test_another_operation_is_undone_redone_and_purged_while_a_run_works(
    one: Runs, other: Runs, state: StateDirectory
) -> None:
    other.tree.write({"copy.txt": "other 1"})
    before = other.tree.snapshot()
    other.dedupe(action="quarantine")

    def other_work() -> None:
        other.undo(operation=1)
        assert other.tree.snapshot() == before
        other.undo(operation=1, redo=True)
        assert other.purge(1).outcome.done == 1

    with one.organizing() as run:
        assert run.run(stop_with(2, other_work)).done == _FILES
    assert counts(state) == [
        (1, "dedupe", 1),
        (2, "organize", _FILES),
        (3, "undo", 1),
        (4, "redo", 1),
        (5, "purge", 1),
    ]
    one.undo(operation=2)
    assert set(one.tree.read()) == {f"{at}.jpg" for at in range(_FILES)}


def test_the_running_operation_cannot_be_undone(one: Runs, other: Runs) -> None:
    other.organize()

    def other_work() -> None:
        for number in (2, None):  # it is the last one, too
            with pytest.raises(Locked, match=r"Another fileorg is running: job 2 carries out operation 2"):
                one.undo(operation=number)
        assert other.undo(operation=1).done == _FILES

    with one.organizing() as run:
        assert run.run(stop_with(4, other_work)).done == _FILES


def test_recovery_leaves_the_operation_of_a_living_job_alone(one: Runs, state: StateDirectory) -> None:
    def other_work() -> None:
        recovered = recover_all(state, NullReporter())
        assert (recovered.settled, recovered.left) == ([], [])

    with one.organizing() as run:
        assert run.run(stop_with(3, other_work)).done == _FILES
    with open_journal(state, read_only=True) as journal:
        [operation] = journal.operations()
    assert (operation.state, operation.was_interrupted) == ("sealed", 0)


def test_a_run_in_the_same_tree_or_inside_it_names_the_job(one: Runs, state: StateDirectory) -> None:
    inside = Runs(Tree(one.tree.root / "sub"), state)
    inside.tree.write({"a.jpg": "a"})

    def other_work() -> None:
        for second in (one, inside):
            with pytest.raises(Locked, match=r"Another fileorg is running: job 1, organizing .*, process \d+"):
                second.organize()

    with one.organizing() as run:
        assert run.run(stop_with(2, other_work)).done == _FILES
    assert inside.organize().done == 1


def test_no_more_runs_than_places(
    one: Runs, other: Runs, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place_for_run(state, "organizing elsewhere", 2), one.organizing() as run:
        with pytest.raises(Locked, match=r"^2 runs work side by side already, one of them: organizing elsewhere, "):
            other.organize()
        monkeypatch.setattr(GIVEN, "limits", Limits(parallel=1))
        with pytest.raises(Locked, match=r"^Another fileorg is running: organizing elsewhere"):
            other.organize()
        monkeypatch.setattr(GIVEN, "limits", Limits(parallel=3))
        assert other.organize().done == _FILES
        monkeypatch.undo()
        assert run.run().done == _FILES


def test_a_folder_without_locks_is_worked_in_alone(one: Runs, other: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network mount that has no flock: its tree lock protects nothing."""

    def on_the_tree(fd: int, kind: int) -> Flock:
        is_tree = os.readlink(f"/proc/self/fd/{fd}") == str(one.tree.root)
        return Flock.UNSUPPORTED if is_tree else flock(fd, kind)

    with monkeypatch.context() as patch:
        patch.setattr("fileorg.core.locks.flock", on_the_tree)
        with other.organizing(), pytest.raises(Locked, match="no locks to keep the two apart"):
            one.organize()
        with one.organizing() as run:
            with pytest.raises(Locked, match="Another fileorg is running"):
                other.organize()
            assert run.run().done == _FILES


_KILLED = """
import os, signal, sys
from fileorg.core.events import NullReporter
from fileorg.core.state import open_state
from fileorg.rules.filters import Filters
from fileorg.workflows import operations
from fileorg.workflows.organize import OrganizeOptions, organizing

operations.BATCH_ROWS = 3
calls = iter(range(1000))

def stop():
    if next(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return False

state, root = map(os.fsencode, sys.argv[1:])
with organizing(OrganizeOptions(root=root, filters=Filters()), open_state(state), NullReporter()) as run:
    run.run(stop)
"""


def killed(runs: Runs) -> None:
    """Organize the tree in another process, which is killed between two batches."""
    words = [sys.executable, "-c", _KILLED, os.fsdecode(runs.state.path), str(runs.tree.root)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert 0 < sum(path.startswith("Documents/") for path in runs.tree.read()) < _FILES


def test_a_run_that_is_killed_meanwhile_does_not_disturb(one: Runs, other: Runs, state: StateDirectory) -> None:
    before = one.tree.snapshot(), other.tree.snapshot()
    with one.organizing() as run:
        assert run.run(stop_with(3, lambda: killed(other))).done == _FILES
    assert other.organize().done > 0
    assert counts(state)[0] == (1, "organize", _FILES)
    for operation in (3, 2):
        other.undo(operation=operation)
    one.undo(operation=1)
    assert (one.tree.snapshot(), other.tree.snapshot()) == before


def test_a_run_that_was_killed_since_this_one_began_is_recovered_first(
    other: Runs, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the start of a session and its locks, a run in the same tree begins and is killed."""
    calls = iter(range(10))

    def lock_after_a_kill(*words: Any) -> Any:
        if next(calls) == 0:
            killed(other)
        return locked(*words)

    monkeypatch.setattr("fileorg.workflows.session.locked", lock_after_a_kill)
    other.organize()
    assert set(other.tree.read()) == {f"Documents/{at}.txt" for at in range(_FILES)}
    with open_journal(state, read_only=True) as journal:
        assert [(each.id, each.state) for each in journal.operations()] == [(2, "sealed"), (1, "sealed")]
        assert [row.state for row in job_rows(journal)] == [JobState.DONE, JobState.INTERRUPTED]


def test_a_commit_into_a_log_that_another_process_removed_moves_nothing(
    one: Runs, state: StateDirectory, fileorg: Fileorg
) -> None:
    """A descriptor of the journal that is closed drops the locks of SQLite: then the last one that closes removes the
    log, although this process still writes to it.
    """
    (fileorg.folder / "third").mkdir()
    (fileorg.folder / "third/a.jpg").write_text("a")
    before: list[set[str]] = []

    def other_work() -> None:
        os.close(os.open(state.journal, os.O_RDONLY))
        assert fileorg("organize", "third", "--yes").code == 0
        before.append(set(one.tree.read()))

    with one.organizing() as run, pytest.raises(JournalError, match="removed the log of the journal"):
        run.run(stop_with(3, other_work))
    assert set(one.tree.read()) == before[0]
    first = {f"{at}.jpg": f"one {at}" for at in range(_FILES)}
    recover_all(state, NullReporter())
    one.undo(operation=1)
    assert one.tree.read() == first


def test_a_journal_that_was_removed_is_not_said_to_know_what_was_done(one: Runs, state: StateDirectory) -> None:
    def removed() -> None:
        for part in (b"", b"-wal", b"-shm"):
            os.unlink(state.journal + part)

    with one.organizing() as run, pytest.raises(JournalError, match="removed the journal") as error:
        run.run(stop_with(3, removed))
    assert "nothing can undo what was done so far" in str(error.value.hint)


def test_a_job_in_the_background_waits_for_its_folder_alone(one: Runs, other: Runs, fileorg: Fileorg) -> None:
    """The first job is held back by a lock on its folder; the second one in another folder ends meanwhile."""
    with (
        closing(LocalStorage(os.fsencode(one.tree.root))) as storage,
        root_locks({storage.root: storage.fd(b"")}),
    ):
        assert fileorg("organize", "other", "--background").code == 0
        assert fileorg("jobs", "attach", "1").code == 0
        assert set(other.tree.read()) == {f"Documents/{at}.txt" for at in range(_FILES)}
