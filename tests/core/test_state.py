"""The state directory belongs to its user alone, and one run at a time works in it and in each root."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import platformdirs
import pytest

from fileorg.core.errors import Exit, Locked, StateError
from fileorg.core.locks import root_locks, run_lock
from fileorg.core.state import default_state_path, open_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def mode(path: bytes) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    state = open_state(os.fsencode(tmp_path / "deep" / "state"))
    assert mode(state.path) == 0o700
    assert mode(state.journal) == 0o600
    assert mode(state.index) == 0o600


def test_one_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "state")
    open_state(path)
    os.chmod(path, 0o755)
    os.chmod(os.path.join(path, b"journal.db"), 0o644)
    state = open_state(path)
    assert (mode(state.path), mode(state.journal)) == (0o700, 0o600)


def test_it_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEORG_HOME", str(tmp_path / "there"))
    assert default_state_path() == os.fsencode(tmp_path / "there")
    monkeypatch.delenv("FILEORG_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert default_state_path() == os.fsencode(tmp_path / "xdg" / "fileorg")


@pytest.mark.parametrize("home", ["/home/ann", "/home/ann/", "/", "", "ann", None])
@pytest.mark.parametrize("state", ["/var/state", "/var/state/", "/", "", "state", "~/state", None])
def test_its_place_on_linux_is_that_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch, home: str | None, state: str | None
) -> None:
    for name, value in (("FILEORG_HOME", None), ("HOME", home), ("XDG_STATE_HOME", state)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert os.fsdecode(default_state_path()) == platformdirs.user_state_dir("fileorg", appauthor=False)


def refused(path: Path) -> str:
    with pytest.raises(StateError) as caught:
        open_state(os.fsencode(path))
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint
    return str(caught.value)


def test_a_folder_with_other_files_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    assert "holds other files" in refused(tmp_path)
    assert [name.name for name in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_symlink_is_refused(tmp_path: Path) -> None:
    open_state(os.fsencode(tmp_path / "real"))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert "is a symlink" in refused(tmp_path / "link")


def test_a_journal_that_is_a_link_is_refused(tmp_path: Path) -> None:
    state = open_state(os.fsencode(tmp_path / "state"))
    (tmp_path / "precious").write_text("do not open me as a database")
    os.unlink(state.journal)
    os.symlink(tmp_path / "precious", state.journal)
    assert "is not a regular file" in refused(tmp_path / "state")
    os.unlink(state.journal)
    os.link(tmp_path / "precious", state.journal)
    assert "has hard links" in refused(tmp_path / "state")
    assert (tmp_path / "precious").read_text() == "do not open me as a database"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_one_of_another_user_is_refused(tmp_path: Path) -> None:
    state = open_state(os.fsencode(tmp_path / "state"))
    os.chown(state.path, 65534, 65534)
    assert "belongs to another user" in refused(tmp_path / "state")


def test_a_place_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be used" in refused(tmp_path / "file" / "state")


def test_a_second_run_is_told_who_has_the_journal(state: StateDirectory) -> None:
    with (
        run_lock(state, "organizing /somewhere"),
        pytest.raises(Locked, match=rf"organizing /somewhere, process {os.getpid()}") as caught,
        run_lock(state, "undo"),
    ):
        pass
    assert caught.value.exit_code == Exit.LOCKED
    with run_lock(state, "undo"):
        pass  # free again


def test_a_lock_ends_with_the_process_that_held_it(state: StateDirectory) -> None:
    script = (
        "import os, sys; from fileorg.core.locks import run_lock; from fileorg.core.state import open_state\n"
        "with run_lock(open_state(), 'x'): sys.stdout.write('held'); sys.stdout.flush(); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first_process:
        assert first_process.stdout is not None
        assert first_process.stdout.read(4) == b"held"
        with pytest.raises(Locked), run_lock(state, "y"):
            pass
        first_process.kill()
    with run_lock(state, "y"):
        pass


def test_a_lock_file_with_nonsense_in_it_does_no_harm(state: StateDirectory) -> None:
    with run_lock(state, "x"):
        with open(os.path.join(state.path, b"run.lock"), "wb") as file:
            file.write(b"\x00not json")
        with pytest.raises(Locked, match="just started"), run_lock(state, "y"):
            pass


@contextlib.contextmanager
def held_roots(*roots: Path) -> Iterator[list[int]]:
    with contextlib.ExitStack() as stack:
        opened = {os.fsencode(root): os.open(root, os.O_RDONLY) for root in roots}
        for fd in opened.values():
            stack.callback(os.close, fd)
        yield stack.enter_context(root_locks(opened))


@pytest.mark.parametrize(("held", "wanted"), [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_a_root_conflicts_with_itself_and_those_above_and_below(held: str, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with (
        held_roots(tmp_path / held),
        pytest.raises(Locked, match="in, above or below"),
        held_roots(tmp_path / wanted),
    ):
        pass


def test_neighbours_do_not_conflict(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with held_roots(tmp_path / "a"), held_roots(tmp_path / "b"):
        pass


def test_one_run_may_hold_a_root_and_a_destination_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with held_roots(tmp_path / "a", tmp_path / "a" / "b") as held:
        assert held


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_root_is_known_again_through_a_bind_mount(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    if subprocess.run(["mount", "--bind", tmp_path / "a", tmp_path / "b"], check=False).returncode:
        pytest.skip("bind mounts are not allowed here")
    try:
        with (
            held_roots(tmp_path / "a"),
            pytest.raises(Locked),
            held_roots(tmp_path / "b"),
        ):
            pass
    finally:
        subprocess.run(["umount", tmp_path / "b"], check=True)


def test_two_state_directories_do_not_share_a_root(runs: Runs, tree: Tree, tmp_path: Path) -> None:
    tree.write({"a.jpg": "one"})
    other = type(runs)(tree, open_state(os.fsencode(tmp_path / "other state")))
    with runs.organizing() as run:
        with pytest.raises(Locked), other.organizing():
            pass
        assert run.run().done == 1
