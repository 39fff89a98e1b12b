"""The program that is told when a job ends: what it gets, and that its own trouble is only a line in the log."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.state import find_state
from fileorg.jobs.notify import may_name_a_program, notify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

_PATIENCE_SECONDS = 60


def wait_for(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not (seen := found()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
    return seen


class Hook:
    """A configuration with a program that keeps what it is told, a file for each job and state."""

    def __init__(self, folder: Path) -> None:
        self.received, self.config = folder / "received", folder / "fileorg.toml"
        self.received.mkdir()
        script = 'cat > "$0/new.$$" && mv "$0/new.$$" "$0/received.$$"'
        self.set("/bin/sh", "-c", script, str(self.received))

    def set(self, *words: str) -> None:
        self.config.write_text(f"version = 1\n[jobs]\nnotify = {json.dumps(words)}\n")

    def of(self, job: int, status: str) -> Any:
        """Wait until the program was told that a job has this status, and return what it received."""
        return wait_for(lambda: next((one for one in self.all() if (one["job"], one["status"]) == (job, status)), None))

    def all(self) -> list[Any]:
        return [json.loads(path.read_text()) for path in self.received.glob("received.*")]


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def log_of(fileorg: Fileorg, number: int) -> str:
    path = fileorg.home / f"job-{number}.log"
    return path.read_text() if path.exists() else ""


def test_it_is_told_of_each_end_in_the_foreground_and_in_the_background(
    fileorg: Fileorg, tree: Tree, hook: Hook
) -> None:
    tree.write({"a.jpg": "one", "b.txt": "two"})
    assert fileorg("organize", "tree", "--config", str(hook.config)).code == 0
    one = hook.of(1, "done")
    assert (one["kind"], one["files_done"], one["background"], one["operations"]) == (
        "organize",
        2,
        False,
        [1],
    )
    assert one == fileorg("jobs", "show", "1", "-f", "json").json
    # A command without --config has the file of the environment.
    named = str(hook.config)
    assert fileorg("undo", "1", FILEORG_CONFIG=named).code == 0
    hook.of(2, "done")
    assert fileorg("organize", "tree", f"--config={hook.config}", "--background").code == 0
    assert hook.of(3, "done")["background"] is True
    assert fileorg("undo", "3").code == 0  # without a configuration nobody is told
    assert fileorg("organize", "tree", "--hold", FILEORG_CONFIG=named).code == 3
    hook.of(5, "waiting")
    assert fileorg("jobs", "cancel", "5", FILEORG_CONFIG=named).code == 0
    hook.of(5, "cancelled")
    assert sorted(one["job"] for one in hook.all()) == [1, 2, 3, 5, 5]
    assert log_of(fileorg, 1) == ""


def test_it_is_told_of_a_job_that_failed_and_of_one_that_was_killed(fileorg: Fileorg, tree: Tree, hook: Hook) -> None:
    named = {"FILEORG_CONFIG": str(hook.config)}
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree", "--hold", **named)
    hook.of(1, "waiting")
    os.rename(tree.root, tree.root.with_name("away"))
    fileorg.inside("jobs", "approve", "1", **named)
    assert "There is no folder" in hook.of(1, "failed")["reason"]
    os.rename(tree.root.with_name("away"), tree.root)
    # The next command that changes something finds out what became of a job that was killed.
    _pretend_to_run(fileorg)
    assert fileorg.inside("organize", "tree", **named).code == 0
    hook.of(1, "interrupted")


def test_a_job_keeps_the_configuration_that_it_was_begun_with(fileorg: Fileorg, tree: Tree, hook: Hook) -> None:
    """Whoever cancels it or takes it up again names no configuration, and may be in another folder."""
    tree.write({"a.jpg": "one"})
    relative = os.path.relpath(hook.config, fileorg.folder)
    assert fileorg.inside("organize", "tree", "--hold", "--config", relative).code == 3
    assert fileorg.inside("jobs", "cancel", "1").code == 0
    hook.of(1, "cancelled")
    assert fileorg.inside("jobs", "resume", "1", "--time-limit", "1h").code == 0
    one = hook.of(1, "done")
    assert (one["files_done"], one["attempts"]) == (1, 1)
    assert fileorg.inside("undo", "1").code == 0
    # A configuration of its own does not pass to a job of another one, whichever command finds out what became of it.
    _pretend_to_run(fileorg)
    other = fileorg.folder / "other.toml"
    other.write_text("version = 1\n")
    assert fileorg.inside("organize", "tree", "--config", str(other)).code == 0
    hook.of(1, "interrupted")
    assert {one["job"] for one in hook.all()} == {1}


def test_a_store_of_the_configuration_is_known_to_the_job_that_goes_on(fileorg: Fileorg, tree: Tree) -> None:
    """A service that does not answer shows that its table was read: without it, the scheme is not known."""
    tree.write({"a.jpg": "one"})
    config = fileorg.folder / "fileorg.toml"
    config.write_text('version = 1\n[storage.mine]\nendpoint = "http://127.0.0.1:9"\n')
    fileorg.inside("organize", "tree", "--hold", "--config", str(config))
    with closing(sqlite3.connect(fileorg.home / "journal.db")) as db, db:
        (options,) = db.execute("SELECT options FROM jobs").fetchone()
        changed = json.dumps(json.loads(options) | {"root": "mine://bucket/inbox"})
        db.execute("UPDATE jobs SET options = ?", (changed,))
    (fileorg.home / "job-1.plan").unlink()
    assert fileorg.inside("jobs", "cancel", "1").code == 0
    ran = fileorg.inside("jobs", "resume", "1")
    assert "cannot open mine:// URLs" not in ran.err
    assert ran.code != 0


def _pretend_to_run(fileorg: Fileorg) -> None:
    with closing(sqlite3.connect(fileorg.home / "journal.db")) as db, db:
        db.execute("UPDATE jobs SET state = 'running' WHERE id = 1")


FAULTS = {
    "missing": (["/no/such/program"], "Could not run the program of [jobs] notify, /no/such/program: No such file"),
    "fails": (["/bin/sh", "-c", "echo no mail >&2; exit 3"], "/bin/sh, ended with code 3: no mail"),
    "is killed": (["/bin/sh", "-c", "kill -9 $$"], "/bin/sh, was ended by signal 9"),
    "hangs": (["/bin/sh", "-c", "sleep 1000"], "/bin/sh, was ended: it took longer than 0.2 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_its_trouble_is_a_line_in_the_log(fileorg: Fileorg, tree: Tree, fault: str) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree")
    words, said = FAULTS[fault]
    state = find_state(os.fsencode(fileorg.home))
    if fault == "hangs":
        notify(state, 1, words, seconds=0.2)
    else:
        notify(state, 1, words)
    (line,) = log_of(fileorg, 1).splitlines()
    assert said in line, line
    assert fileorg.inside("jobs", "show", "1", "-f", "json").json["status"] == "done"
    assert said in fileorg.inside("jobs", "log", "1").out


def test_a_program_that_reads_nothing_and_one_that_leaves_others_behind(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree")
    state = find_state(os.fsencode(fileorg.home))
    notify(state, 1, ["/bin/true"])
    notify(state, 1, ["/bin/sh", "-c", "sleep 1000 & echo $! > left.pid"], folder=os.fsencode(fileorg.folder))
    os.kill(int((fileorg.folder / "left.pid").read_text()), signal.SIGKILL)
    assert log_of(fileorg, 1) == ""


def test_no_lock_is_held_while_the_program_runs(fileorg: Fileorg, tree: Tree, hook: Hook) -> None:
    tree.write({"a.jpg": "one"})
    begun = hook.received / "begun"
    hook.set("/bin/sh", "-c", f"echo $$ > {begun}.part; mv {begun}.part {begun}; exec sleep 1000")
    ran = fileorg("organize", "tree", "--background", FILEORG_CONFIG=str(hook.config))
    assert ran.code == 0
    wait_for(begun.exists)
    try:
        assert fileorg.inside("jobs", "show", "1", "-f", "json").json["status"] == "done"
        assert fileorg.inside("undo", "1").code == 0
        assert set(tree.read()) == {"a.jpg"}
    finally:
        os.kill(int(begun.read_text()), signal.SIGKILL)
    assert "was ended by signal 9" in wait_for(lambda: "signal" in log_of(fileorg, 1) and log_of(fileorg, 1))


def test_a_configuration_with_a_fault_is_a_line_in_the_log(fileorg: Fileorg, tree: Tree, hook: Hook) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree")
    hook.config.write_text("version = 1\n[jobs]\nnotify = 7\n")
    ran = fileorg.inside("undo", "1", FILEORG_CONFIG=str(hook.config))
    assert (ran.code, ran.err) == (0, "")
    assert "line 3: 7 is not a list of texts" in wait_for(lambda: log_of(fileorg, 2))


@pytest.mark.parametrize(
    ("text", "may_name"),
    [
        ("version = 1\n[[rule]]\nname = 'all'\nto = 'Rest'\n", False),
        ("version = 1\n[jobs]\nattempts = 2\n", False),
        ("version = 1\n[jobs]\nnotify = ['true']\n", True),
        ("version = 1\njobs.webhook = 'https://example.org'\n", True),
        ('version = 1\n[jobs]\n"n\\u006ftify" = ["true"]\n', True),
        ("version = 1\n[jobs]\nnotify", True),
    ],
)
def test_no_process_is_started_for_a_configuration_that_names_no_program(
    tmp_path: Path, text: str, may_name: bool
) -> None:
    config = tmp_path / "fileorg.toml"
    config.write_text(text)
    assert may_name_a_program(os.fsencode(config)) is may_name


def test_a_configuration_that_is_missing_names_no_program_and_one_that_cannot_be_read_may(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert not may_name_a_program(os.fsencode(tmp_path / "missing"))
    assert may_name_a_program(os.fsencode(tmp_path / "fifo"))
