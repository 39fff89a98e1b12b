"""Jobs that are stopped, cancelled, closed with their terminal, and taken up again."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.events import NullReporter
from fileorg.core.locks import place_for_run, root_locks, run_lock
from fileorg.core.model import JobState
from fileorg.core.state import find_state
from fileorg.jobs.carry_out import carry_out
from fileorg.jobs.found import FoundJob, job, look_at
from fileorg.storage.local import copying
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.compare import CompareOptions, comparing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.cli.screens import Fileorg
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def stopped_after(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is None


def resume(state: StateDirectory, number: int = 1) -> FoundJob:
    carry_out(state, number, NullReporter(), lambda: False)
    return job(state, number)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)
    monkeypatch.setattr("fileorg.workflows.operations.COPIED_ROWS", 3)


def test_what_is_left_is_done_and_what_came_since_is_not(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({f"sub/{at}.jpg": str(at) for at in range(9)} | {"sub/edited.txt": "before"})
    with runs.organizing(recursive=True) as run:
        assert run.run(stopped_after(2)).interrupted
    before = tree.read()
    assert job(state, 1).state is JobState.INTERRUPTED
    time.sleep(0.02)  # the clock of the disk ticks a hundred times a second
    tree.write({"late.jpg": "late", "sub/edited.txt": "edited since"})
    ended = resume(state)
    assert (ended.state, ended.row.attempts, len(ended.operations)) == (JobState.DONE, 2, 2)
    now = tree.read()
    assert now["late.jpg"] == "late"
    assert now["sub/edited.txt"] == "edited since"
    assert sum(path.startswith("Images/") for path in now) == 9 > sum(path.startswith("Images/") for path in before)
    done = [sum(one.done for one in ended.operations), ended.row.files]
    assert done[0] in {9, 10}


class _Notes(NullReporter):
    def __init__(self) -> None:
        self.all: list[str] = []

    def note(self, message: str) -> None:
        self.all.append(message)


def test_files_that_stay_because_a_clock_was_slow_are_told(
    runs: Runs, tree: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a battery, a clock is years late until it has been set: all files look newer than the job."""
    tree.write({f"{at}.jpg": str(at) for at in range(9)})
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda now=time.time_ns: now() - 10 * 365 * 86_400 * 10**9)
        with runs.organizing() as run:
            assert run.run(stopped_after(2)).interrupted
    left = sum(1 for name in tree.read() if "/" not in name and name.endswith(".jpg"))
    assert left
    notes = _Notes()
    carry_out(state, 1, notes, lambda: False)
    [said] = [note for note in notes.all if "when the job began" in note]
    assert said.startswith(f"Left alone: {left} files that arrived or changed since 20")


def test_a_job_looks_ended_only_when_its_locks_are_released(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    """Otherwise `jobs attach 1 && undo` finds the journal locked."""
    tree.write({"a.jpg": "one"})
    with runs.organizing() as run:
        run.run()
        assert job(state, 1).state is JobState.DONE
        assert look_at(state, 1)[0]
    assert not look_at(state, 1)[0]
    assert not Path(os.fsdecode(state.of_job(1, b"status"))).exists()
    with run_lock(state, "the next one"):
        pass


def test_copies_of_missing_files_are_continued_without_what_came_since(
    tree: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    tree.write({f"sub/{at}.jpg": str(at) for at in range(9)} | {"z/edited.txt": "before"})
    (tmp_path / "new").mkdir()
    root, new, dest = (os.fsencode(path) for path in (tree.root, tmp_path / "new", tmp_path / "to"))
    with comparing(CompareOptions(root, [new], dest=dest), state, NullReporter(), changes=True) as run:
        assert run.run(stopped_after(2)).interrupted
    time.sleep(0.02)  # the clock of the disk ticks a hundred times a second
    tree.write({"late.jpg": "late", "z/edited.txt": "edited since"})
    assert resume(state).state is JobState.DONE
    copied = {path.name: path.read_text() for path in (tmp_path / "to").rglob("*.*")}
    assert copied == {f"{at}.jpg": str(at) for at in range(9)}


def test_hard_links_are_continued_with_the_same_keeper(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({f"{group}{at}.bin": f"content {group}" for group in "abc" for at in range(4)})
    with runs.deduping(changes=True, action="hardlink", keep=["first"]) as run:
        assert run.run(stopped_after(2)).interrupted
    assert resume(state).state is JobState.DONE
    for group in "abc":
        assert os.stat(tree.path(f"{group}0.bin")).st_nlink == 4


@pytest.mark.parametrize("calls", [1, 2])
def test_what_a_plan_has_put_into_a_folder_stays(runs: Runs, tree: Tree, state: StateDirectory, calls: int) -> None:
    """A row for a folder is about what was in it before the plan, also when the plan is read again."""
    tree.write({f"new/{at}.txt": f"new {at}" for at in range(6)} | {"new/in/a.txt": "in", "copy": "copied"})
    tree.write({f"old/x{at}.txt": f"old {at}" for at in range(6)})
    before = tree.snapshot()
    rows = [{"path": "new", "new_path": "old"}, {"path": "old", "new_path": "older"}]
    rows += [{"action": "copy", "path": "copy", "new_path": "old/copy"}]
    plan = tree.root.parent / "plan.jsonl"
    plan.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with runs.applying(rows, plan=os.fsencode(plan)) as run:
        assert run.run(stopped_after(calls)).interrupted
    assert resume(state).state is JobState.DONE
    expected = {f"old/{at}.txt": f"new {at}" for at in range(6)} | {"old/in/a.txt": "in"}
    expected |= {f"older/x{at}.txt": f"old {at}" for at in range(6)} | {"old/copy": "copied", "copy": "copied"}
    assert {path: text for path, text in tree.read().items() if not path.endswith("/")} == expected
    assert not tree.path("new").exists()
    runs.undo(2)
    runs.undo(1)
    assert tree.snapshot() == before


@pytest.mark.parametrize("calls", [1, 3, 5, 7, 9, 11])
def test_a_plan_that_was_killed_in_the_middle_goes_on(fileorg: Fileorg, tree: Tree, calls: int) -> None:
    """Folders and files that exchange their names, a chain, and files that go elsewhere: planned in the background."""
    tree.write({f"a/{at}.txt": f"a {at}" for at in range(6)} | {f"b/{at}.txt": f"b {at}" for at in range(6)})
    tree.write({f"{at}.jpg": str(at) for at in range(9)} | {"empty/": "", "c/in/empty/": ""})
    tree.write({f"c/{at}.txt": f"c {at}" for at in range(6)} | {f"c/in/{at}.txt": f"in {at}" for at in range(6)})
    rows = [("a", "b"), ("b", "a"), ("c", "new/d"), ("empty", "void"), ("0.jpg", "1.jpg"), ("1.jpg", "0.jpg")]
    rows += [(f"{at}.jpg", f"new/{at}.jpg") for at in range(2, 9)]
    plan = tree.root.parent / "plan.jsonl"
    plan.write_text("".join(json.dumps({"path": path, "new_path": new_path}) + "\n" for path, new_path in rows))
    before = tree.snapshot()
    assert fileorg.inside("apply", str(plan), "--root", "tree", "--hold").code == 3
    state, left = find_state(os.fsencode(fileorg.home)), iter(range(calls))

    def dies() -> bool:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    child = os.fork()
    if not child:
        carry_out(state, 1, NullReporter(), dies)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert job(state, 1).state is JobState.INTERRUPTED
    assert fileorg.inside("jobs", "resume", "1").code == 0
    expected = {f"a/{at}.txt": f"b {at}" for at in range(6)} | {f"b/{at}.txt": f"a {at}" for at in range(6)}
    expected |= {f"new/{at}.jpg": str(at) for at in range(2, 9)} | {"0.jpg": "1", "1.jpg": "0", "void/": ""}
    expected |= {f"new/d/{at}.txt": f"c {at}" for at in range(6)} | {"new/d/in/empty/": ""}
    expected |= {f"new/d/in/{at}.txt": f"in {at}" for at in range(6)}
    assert tree.read() == expected
    assert fileorg.inside("undo", "--job", "1", "--yes").code == 0
    assert tree.snapshot() == before


class Notes(NullReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def applied_in_part(runs: Runs, rows: Sequence[tuple[str, str]], calls: int, action: str = "move") -> None:
    plan = runs.tree.root.parent / "plan.jsonl"
    given = [{"path": path, "new_path": new_path, "action": action} for path, new_path in rows]
    plan.write_text("".join(json.dumps(row) + "\n" for row in given))
    with runs.applying(given, plan=os.fsencode(plan)) as run:
        assert run.run(stopped_after(calls)).interrupted


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_exchanges_that_are_done_are_no_problems_of_the_rest(
    runs: Runs, tree: Tree, state: StateDirectory, calls: int
) -> None:
    tree.write({"one": "1", "two/in": "2", "three": "3", "four/in": "4", "a": "a", "b": "b", "x": "x", "y/": ""})
    pairs = [("one", "two"), ("three", "four"), ("a", "b")]
    rows = [*pairs, *((new, old) for old, new in pairs), ("x", "new/x"), ("y", "z")]
    applied_in_part(runs, rows, calls)
    said = Notes()
    carry_out(state, 1, said, lambda: False)
    assert (job(state, 1).state, said.notes) == (JobState.DONE, [])
    after = {"one/in": "2", "two": "1", "three/in": "4", "four": "3", "a": "b", "b": "a", "new/x": "x", "z/": ""}
    assert tree.read() == after


def test_names_that_differ_only_in_case_are_two_files(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    files = {f"{name} {at}": f"{name} {at}" for name in ("A", "a") for at in range(6)}
    tree.write(files)
    applied_in_part(runs, [(name, f"new/{name}") for name in files], 2)
    carry_out(state, 1, NullReporter(), lambda: False)
    assert tree.read() == {f"new/{name}": content for name, content in files.items()}


@pytest.mark.parametrize("action", ["copy", "hardlink", "symlink"])
def test_each_of_several_rows_for_one_file_is_done(runs: Runs, tree: Tree, state: StateDirectory, action: str) -> None:
    tree.write({"a": "a"})
    targets = [f"new/{at}" for at in range(9)]
    applied_in_part(runs, [("a", target) for target in targets], 2, action=action)
    assert not os.path.lexists(tree.path("new/8"))
    carry_out(state, 1, NullReporter(), lambda: False)
    assert job(state, 1).state is JobState.DONE
    assert {path.name: path.read_text() for path in tree.path("new").iterdir()} == {str(at): "a" for at in range(9)}


@pytest.mark.parametrize("action", ["copy", "hardlink", "symlink"])
def test_what_is_added_under_the_same_name_is_continued(
    runs: Runs, tree: Tree, state: StateDirectory, action: str
) -> None:
    tree.write({str(at): f"of {at}" for at in range(9)})
    applied_in_part(runs, [(str(at), f"new/{at}") for at in range(9)], 2, action=action)
    assert not os.path.lexists(tree.path("new/8"))
    carry_out(state, 1, NullReporter(), lambda: False)
    assert job(state, 1).state is JobState.DONE
    assert {path.name: path.read_text() for path in tree.path("new").iterdir()} == {
        str(at): f"of {at}" for at in range(9)
    }


def test_rows_that_cannot_be_done_any_more_are_told(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({f"{at}.jpg": str(at) for at in range(9)})
    applied_in_part(runs, [(f"{at}.jpg", f"new/{at}.jpg") for at in range(9)], 2)
    tree.write({"new/7.jpg": "of another program"})
    tree.path("8.jpg").unlink()
    said = Notes()
    carry_out(state, 1, said, lambda: False)
    ended = job(state, 1)
    assert (ended.state, ended.row.reason) == (JobState.FAILED, "rows of the plan could not be done")
    assert said.notes == ["line 8: 7.jpg: the name is taken: new/7.jpg", "line 9: 8.jpg: it does not exist"]
    assert tree.read() == {f"new/{at}.jpg": str(at) for at in range(7)} | {
        "7.jpg": "7",
        "new/7.jpg": "of another program",
    }


@pytest.mark.parametrize("command", ["undo", "clean", "purge"])
def test_other_commands_go_on(runs: Runs, tree: Tree, state: StateDirectory, command: str) -> None:
    tree.write({f"sub/{at}.jpg": "" for at in range(9)})
    if command == "clean":
        with runs.cleaning() as run:
            run.run(stopped_after(1))
    elif command == "purge":
        runs.clean()
        assert runs.purge(stop=stopped_after(2)).outcome.done < 9
    else:
        runs.organize(recursive=True)
        runs.undo(stop=stopped_after(1))
    number = 1 if command == "clean" else 2
    assert job(state, number).state is JobState.INTERRUPTED
    assert resume(state, number).state is JobState.DONE
    left = [path for path in tree.read() if path.startswith("sub/")]
    assert len(left) == (9 if command == "undo" else 0)


def test_a_cancelled_copy_is_withdrawn(
    runs: Runs, tree: Tree, state: StateDirectory, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.jpg": "x" * 5000, "b.jpg": "y" * 5000})
    write = copying._write_all

    def cancels(fd: int, data: memoryview, position: int) -> None:
        write(fd, data[:100], position)
        Path(os.fsdecode(state.of_job(1, b"cancel"))).touch()

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_write_all", cancels)
        patch.setattr(copying, "_CHUNK_BYTES", 100)
        patch.setattr("fileorg.workflows.operations._POLL_SECONDS", 0)
        with runs.organizing(dest=elsewhere) as run:
            outcome = run.run()
    assert (outcome.interrupted, outcome.done, outcome.problems) == (True, 0, [])
    assert job(state, 1).state is JobState.CANCELLED
    assert [path.name for path in elsewhere.rglob("*") if path.is_file()] == []
    assert set(tree.read()) == {"a.jpg", "b.jpg"}
    assert resume(state).state is JobState.DONE
    assert set(tree.read()) == set()


def test_a_run_that_finds_its_folder_taken_says_by_which_job(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree")
    state = find_state(os.fsencode(fileorg.home))
    storage = LocalStorage(os.fsencode(tree.root))
    with (
        closing(storage),
        place_for_run(state, "organizing here", 2) as place,
        root_locks({storage.root: storage.fd(b"")}),
    ):
        place.describe("organizing here", 1, [storage.root])
        ran = fileorg.inside("undo")
        assert (ran.code, "job 1, organizing here" in ran.err) == (4, True), ran.err
        ran = fileorg.inside("undo", "1", "--wait", "1s")
        assert (ran.code, "Waiting. Another fileorg is running: job 1" in ran.err) == (4, True), ran.err
        assert fileorg.inside("undo", "1", "--wait=0s").code == 2
    assert fileorg.inside("undo", "1", "--wait").code == 0


def test_a_queued_job_waits_and_can_be_cancelled(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    storage = LocalStorage(os.fsencode(tree.root))
    with ExitStack() as stack:
        stack.callback(storage.close)
        assert fileorg.inside("organize", "tree", "--hold").code == 3
        stack.enter_context(root_locks({storage.root: storage.fd(b"")}))  # as of another state directory
        assert fileorg.inside("jobs", "approve", "1").code == 0
        assert _waiting(fileorg)["pid"]
        assert fileorg.inside("jobs", "show", "1", "-f", "json").json["status"] == "queued"
        # On a busy machine, the command gives up waiting for the end before it comes.
        assert fileorg.inside("jobs", "cancel", "1").code in {0, 4}
        assert fileorg.inside("jobs", "attach", "1").code == 130
    assert fileorg.inside("jobs", "show", "1", "-f", "json").json["status"] == "cancelled"
    assert set(tree.read()) == {"a.jpg"}


def _waiting(fileorg: Fileorg) -> dict[str, Any]:
    """Wait until the process of job 1 waits for its turn, and return what it wrote into its status file."""
    until = time.monotonic() + 60
    while True:
        is_alive, said = look_at(find_state(os.fsencode(fileorg.home)), 1)
        if said.get("state") == "queued":
            return said
        assert is_alive, "it has ended"
        assert time.monotonic() < until, "it never waited"
        time.sleep(0.02)


def _long_job(fileorg: Fileorg, tree: Tree) -> Any:
    """Begin a job in the background that goes on until it is cancelled: its folder is taken."""
    tree.write({"a.jpg": "one"})
    storage = LocalStorage(os.fsencode(tree.root))
    assert fileorg.inside("organize", "tree", "--hold").code == 3
    stack = ExitStack()
    stack.callback(storage.close)
    stack.enter_context(root_locks({storage.root: storage.fd(b"")}))
    assert fileorg.inside("jobs", "approve", "1").code == 0
    return stack


def test_three_terminals_watch_and_one_leaves(fileorg: Fileorg, tree: Tree) -> None:
    with _long_job(fileorg, tree) as stack:
        terminals = [fileorg.terminal("jobs", "attach", "1") for _ in range(3)]
        for terminal in terminals:
            terminal.wait_for("Waiting")
        terminals[0].send("\x03")
        assert terminals[0].end() == 0
        assert "Detached: job 1 goes on." in terminals[0].screen
        stack.close()
    for terminal in terminals[1:]:
        assert terminal.end() == 0
        assert "Job 1 is done: 1 of 1 file." in terminal.screen
    assert set(tree.read()) == {"Images/a.jpg"}


def test_the_terminal_is_closed_and_the_session_ended(fileorg: Fileorg, tree: Tree) -> None:
    with _long_job(fileorg, tree) as stack:
        found = job(find_state(os.fsencode(fileorg.home)), 1)
        assert found.is_alive
        pid = _waiting(fileorg)["pid"]
        assert os.getsid(pid) == pid
        os.kill(pid, signal.SIGHUP)
        time.sleep(0.3)
        assert job(find_state(os.fsencode(fileorg.home)), 1).is_alive
        os.kill(pid, signal.SIGTERM)
        ran = fileorg.inside("jobs", "attach", "1")
        assert (ran.code, "Job 1 is interrupted" in ran.out) == (130, True), ran.out
        stack.close()
    assert fileorg.inside("jobs", "resume", "1").code == 0
    assert set(tree.read()) == {"Images/a.jpg"}
