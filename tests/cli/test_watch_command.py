"""`fileorg watch` as a command: what it prints, its exit codes, its end, and the environment of cron."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.jobs.watching import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.runs import Runs
    from tests.support.tree import Tree

ONCE = ("watch", "tree", "--once", "--settle", "0.1s")


def test_ctrl_c_ends_it(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    terminal = fileorg.terminal("watch", "tree", "--settle", "0.2s", columns=200)
    terminal.wait_for("Ctrl-C ends it.")
    terminal.wait_for("Undo with: fileorg undo 1")
    terminal.wait_for("last: 1 file at")
    terminal.interrupt()
    assert terminal.end() == 0
    assert "last: 1 file at" not in terminal.screen
    assert set(tree.read()) == {"Images/a.jpg"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(fileorg: Fileorg, tree: Tree, number: signal.Signals) -> None:
    process = fileorg.start("watch", "tree", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"Watching ")
    assert json.loads(fileorg.inside("watch", "--status", "-f", "json").out)["watches"][0]["pid"] == process.pid
    assert fileorg.inside("watch", "tree").code == 4
    process.send_signal(number)
    assert process.wait(60) == 0
    process.stdout.close()
    assert fileorg.inside("watch", "--status").out == "Nothing is watched now.\n"


def test_once_in_text_and_json(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one", "b.zip.part": "two"})
    ran = fileorg.inside(*ONCE, "-v")
    assert ran.code == 0
    assert "a.jpg -> Images/a.jpg\n" in ran.out
    assert "b.zip.part is not ready: unfinished download\n" in ran.out
    assert f"Moved 1 file (3 B) in {tree.root}. Undo with: fileorg undo 1\n" in ran.out
    assert "1 file not ready: still written, or changed moments ago.\n" in ran.out
    assert fileorg.inside(*ONCE).out.startswith("Nothing to do.\n")
    tree.write({"c.jpg": "three"})
    events = [json.loads(line) for line in fileorg.inside(*ONCE, "-f", "json").out.splitlines()]
    assert [event["event"] for event in events] == ["operation", "end"]
    assert (events[0]["operation"], events[0]["files"], events[1]["not_ready"]) == (2, 1, 1)


def test_once_does_the_other_folders_if_one_cannot_be_done(fileorg: Fileorg, tree: Tree, runs: Runs) -> None:
    tree.write({"busy/a.jpg": "one", "free/b.jpg": "two"})
    with runs.organizing(root=tree.path("busy")):
        words = ["watch", "tree/busy", "tree/free", "--once", "--settle", "0.1s", "--quiet"]
        ran = fileorg.inside(*words)
    assert (ran.code, ran.out, "Another fileorg is running" in ran.err) == (4, "", True)
    assert set(tree.read()) == {"busy/a.jpg", "free/Images/b.jpg"}


def test_the_brake_of_a_single_run(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one", "b.jpg": "two"})
    held = fileorg.inside(*ONCE, "--max-changes", "1", "--quiet")
    assert (held.code, held.out) == (3, "")
    assert "2 files would move in" in held.err
    assert "fileorg jobs approve 1" in held.err
    again = fileorg.inside(*ONCE, "--max-changes", "1", "--quiet")
    assert (again.code, "Job 1 waits for your approval" in again.err) == (3, True)
    assert set(tree.read()) == {"a.jpg", "b.jpg"}
    assert fileorg.inside("jobs", "approve", "1").code == 0
    assert fileorg.inside("jobs", "attach", "1").code == 0
    assert set(tree.read()) == {"Images/a.jpg", "Images/b.jpg"}


def test_a_plan_that_waits_is_said_once_to_the_program_of_the_user(
    fileorg: Fileorg, tree: Tree, tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    program = json.dumps(["sh", "-c", f"cat >> {heard}"])
    (tmp_path / "fileorg.toml").write_text(f"version = 1\n[jobs]\nnotify = {program}\n")
    tree.write({"a.jpg": "one", "b.jpg": "two"})
    words = ["watch", "tree", "--settle", "0.2s", "--max-changes", "1", "--config", "fileorg.toml"]
    process = fileorg.start(*words, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert b"2 files would move" in process.stderr.readline()
    wait_for(lambda: heard.exists() and heard.read_text().endswith("}\n"), "the program")
    tree.write({"c.jpg": "three"})
    assert b"waits for your approval" in process.stderr.readline()
    process.terminate()
    assert process.wait(60) == 0
    process.stderr.close()
    assert [json.loads(line)["status"] for line in heard.read_text().splitlines()] == ["waiting"]


def test_in_the_background(fileorg: Fileorg, tree: Tree) -> None:
    started = fileorg.inside("watch", "tree", "--settle", "0.2s", "--background", "-f", "json")
    assert started.json == {"job": 1, "kind": "watch", "status": "queued"}
    tree.write({"a.jpg": "one"})
    wait_for(lambda: set(tree.read()) == {"Images/a.jpg"}, "the move")

    def listed() -> dict[int, str]:
        return {each["job"]: each["status"] for each in fileorg.inside("jobs", "-f", "json").json["jobs"]}

    def of_the_watch() -> str:
        (line,) = (line for line in fileorg.inside("jobs").out.splitlines() if " watch " in line)
        return line

    wait_for(lambda: listed() == {1: "running", 2: "done"}, "the jobs")
    # The watch says so just after the end of the job that it began.
    wait_for(lambda: of_the_watch().split()[2:5] == ["running:", "watch", "1"], "the progress")
    assert " of " not in of_the_watch()
    assert "Stage     watch, 1 file, 3 B, in" in fileorg.inside("jobs", "show", "1").out
    cancelled = fileorg.inside("jobs", "cancel", "1", "-f", "json")
    assert (cancelled.code, cancelled.json["status"]) == (0, "cancelled")
    assert "watching" in fileorg.inside("jobs", "log", "1").out
    assert fileorg.inside("jobs", "resume", "1", "--background").code == 0
    tree.write({"b.jpg": "two"})
    wait_for(lambda: "Images/b.jpg" in tree.read(), "the move after the resume")
    assert fileorg.inside("jobs", "cancel", "1").code == 0


REFUSED = {
    "": (2, "watch requires a folder."),
    "none": (2, "There is no folder none."),
    "/": (5, "belongs to the system"),
    "tree tree/sub": (2, "tree/sub is inside"),
    "tree --dest tree/Sorted": (2, "is inside the watched folder"),
    "tree --settle soon": (2, "--settle soon is not a valid time."),
    "tree --settle 1mo": (2, "--settle 1mo is not a valid time."),
    "tree --rescan 0.1s": (2, "--rescan 0.1s is shorter than 1 s."),
    "tree --once --background": (2, "--once and --background cannot be combined."),
    "tree --by date --template x": (2, "--by and --template cannot be combined."),
    "tree --profile none": (2, "There is no profile none."),
}


@pytest.mark.parametrize("words", REFUSED)
def test_requests_that_are_refused(fileorg: Fileorg, tree: Tree, words: str) -> None:
    tree.write({"sub/a.jpg": "one"})
    code, said = REFUSED[words]
    ran = fileorg.inside("watch", *words.split())
    assert (ran.code, ran.out, said in ran.err) == (code, "", True), ran.err


def test_limits_of_the_kernel_are_named(fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, error in (("inotify_add_watch", "ENOSPC"), ("inotify_init", "EMFILE")):
        monkeypatch.setattr(f"watchdog.observers.inotify_c.{name}", _failing(error))
        ran = fileorg.inside("watch", "tree")
        limit = "max_user_watches" if error == "ENOSPC" else "max_user_instances"
        assert (ran.code, f"sudo sysctl fs.inotify.{limit}=" in ran.err) == (1, True), ran.err
        monkeypatch.undo()


def _failing(error: str) -> object:
    import ctypes
    import errno

    def fail(*_: object) -> int:
        ctypes.set_errno(getattr(errno, error))
        return -1

    return fail


def test_in_the_environment_of_cron(fileorg: Fileorg, tree: Tree, tmp_path: Path) -> None:
    """No HOME, no terminal, no locale, a minimal PATH: silent if all is well, else one sentence and an exit code."""
    bare = {"PATH": "/usr/bin:/bin", "PYTHONPATH": fileorg.environment()["PYTHONPATH"]}

    def cron(*words: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "fileorg", *words, "--state-dir", str(tmp_path / "state")]
        return subprocess.run(
            command, env=bare, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
        )

    tree.write({"a.jpg": "one", "caf\udce9.pdf": "two"})
    for words in (("watch", str(tree.root), "--once", "--settle", "0.1s"), ("organize", str(tree.root))):
        ran = cron(*words, "--quiet")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert set(tree.read()) == {"Images/a.jpg", "Documents/caf\udce9.pdf"}
    ran = cron("watch", str(tree.root / "none"), "--once", "--quiet")
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.startswith(b"fileorg: There is no folder ")
    process = fileorg.start("watch", str(tree.root), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        ran = cron("watch", str(tree.root), "--once", "--quiet")
        assert (ran.returncode, ran.stdout, b"is watched already" in ran.stderr) == (4, b"", True)
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
    assert cron("watch", str(tree.root), "--once", "--settle", "0.1s", "--wait", "30s", "--quiet").returncode == 0
    assert not os.path.exists(tmp_path / "none")
