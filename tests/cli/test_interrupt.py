"""Ctrl-C while files are moved: the batch finishes, the operation is sealed, and can be undone or continued."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.snapshot import differences

from fileorg.journal.journal import Journal

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Operation

MANY = 30_000
KINDS = ("jpg", "pdf", "mp3", "zip")


def fill(tree: Tree, files: int) -> None:
    for number in range(files):
        os.close(os.open(tree.root / f"{number}.{KINDS[number % 4]}", os.O_CREAT | os.O_WRONLY))


@pytest.fixture
def large(tree: Tree) -> Tree:
    """A tree with enough files for an interrupt during the run."""
    fill(tree, MANY)
    return tree


def operations(state: StateDirectory) -> list[Operation]:
    with Journal(state.journal, read_only=True) as journal:
        return journal.operations()


def test_ctrl_c_seals_what_was_done_and_the_run_can_go_on(fileorg: Fileorg, state: StateDirectory, large: Tree) -> None:
    before = large.snapshot()
    terminal = fileorg.terminal("organize", "tree", "--yes", "--progress", "json", columns=200, lines=60)
    terminal.wait_for_moves()
    terminal.interrupt()
    assert terminal.end() == 130
    [done] = operations(state)
    assert done.state == "sealed"
    assert done.was_interrupted
    assert 0 < done.done < MANY
    assert f"fileorg: Stopped after {done.done:,} of 30,000 files." in terminal.screen
    assert "Reverse with:  fileorg undo 1" in terminal.screen
    assert "Continue with: fileorg organize tree --yes --progress json" in terminal.screen

    assert fileorg("organize", "tree").code == 0
    assert not any(name.is_file() for name in large.root.iterdir())
    first, second = reversed(operations(state))
    assert first.done + second.done == MANY
    assert fileorg("undo").code == 0
    assert fileorg("undo").code == 0
    assert differences(before, large.snapshot()) == []


def test_an_undo_that_was_stopped_goes_on(fileorg: Fileorg, large: Tree) -> None:
    before = large.snapshot()
    assert fileorg("organize", "tree").code == 0
    terminal = fileorg.terminal("undo", "--yes", "--progress", "json", columns=200, lines=60)
    terminal.wait_for_moves()
    terminal.interrupt()
    assert terminal.end() == 130
    assert "Continue with: fileorg undo 1" in terminal.screen
    assert fileorg("history").out.splitlines()[2].endswith("partly undone by 2")
    assert fileorg("undo", "1").code == 0
    assert fileorg("history").out.splitlines()[3].endswith(" undone by 2, 3")
    assert differences(before, large.snapshot()) == []


def test_two_ctrl_c_stop_at_once_and_nothing_is_lost(fileorg: Fileorg, large: Tree) -> None:
    before = large.snapshot()
    terminal = fileorg.terminal("organize", "tree", "--yes", "--progress", "json", columns=200)
    terminal.wait_for_moves()
    terminal.interrupt()
    terminal.wait_for('"stopping"')
    terminal.interrupt()
    assert terminal.end() == 130
    assert fileorg("recover").code == 0
    assert fileorg("undo").code == 0
    assert differences(before, large.snapshot()) == []


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_a_session_is_like_ctrl_c(fileorg: Fileorg, state: StateDirectory, tree: Tree, asked: int) -> None:
    fill(tree, 16_000)
    run = fileorg.start("organize", "tree", "--progress", "json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with run:
        assert run.stderr is not None
        while b'"stage": "move"' not in run.stderr.readline():
            pass
        assert b'"advance"' in run.stderr.readline()
        run.send_signal(asked)
        reported = run.stderr.read()
        assert run.stdout is not None
        run.stdout.read()
    assert run.returncode == 130
    assert b'"interrupted": true' in reported
    [done] = operations(state)
    assert done.state == "sealed"


def test_ctrl_c_while_the_program_loads_ends_it_without_a_traceback(fileorg: Fileorg, mess: Tree) -> None:
    hook = fileorg.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Hook:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'fileorg.cli.app':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Hook())\n"
    )
    before = mess.snapshot()
    ran = fileorg("organize", "tree", PYTHONPATH=f"{hook}:{fileorg.environment()['PYTHONPATH']}")
    assert (ran.code, ran.out, ran.err) == (-signal.SIGINT, "", "")
    assert mess.snapshot() == before
