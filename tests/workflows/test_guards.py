"""Roots that are refused, each with a sentence that names the place and the way out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import Exit, FileorgError, GuardRefused, UsageError
from fileorg.workflows.guards import changeable_folder, existing_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def refusal(path: object, state: StateDirectory) -> FileorgError:
    with pytest.raises(FileorgError) as caught:
        changeable_folder(os.fsencode(str(path)), state)
    assert str(caught.value).endswith(".")
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("place", ["/", "/home", "/tmp", "/usr", "/usr/lib", "/etc", "/proc", "/dev", "/var"])
def test_what_belongs_to_the_system_is_refused(place: str, state: StateDirectory) -> None:
    error = refusal(place, state)
    assert isinstance(error, GuardRefused)
    assert error.exit_code == Exit.REFUSED
    assert place in str(error)


def test_a_home_directory_is_refused_and_a_folder_in_it_is_not(
    tmp_path: Path, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "Downloads").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    assert isinstance(refusal(home, state), GuardRefused)
    assert changeable_folder(os.fsencode(home / "Downloads"), state) == os.fsencode(home / "Downloads")


def test_a_symlink_to_a_refused_place_is_refused(tmp_path: Path, state: StateDirectory) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert isinstance(refusal(tmp_path / "link", state), GuardRefused)


def test_the_state_directory_and_what_is_in_it_are_refused(state: StateDirectory) -> None:
    (os.mkdir(os.path.join(state.path, b"inside")))
    assert "state directory" in str(refusal(os.fsdecode(state.path), state))
    assert "state directory" in str(refusal(os.fsdecode(state.path) + "/inside", state))


@pytest.mark.parametrize("marker", [".git", ".hg", ".svn"])
def test_a_checkout_is_refused(marker: str, tree: Tree, state: StateDirectory) -> None:
    tree.write({f"{marker}/config": "x", "a.jpg": "one"})
    assert marker in str(refusal(tree.root, state))


def test_what_is_missing_or_no_folder_is_a_usage_error(tmp_path: Path, state: StateDirectory) -> None:
    (tmp_path / "file").write_text("x")
    missing, file = refusal(tmp_path / "missing", state), refusal(tmp_path / "file", state)
    assert isinstance(missing, UsageError)
    assert "There is no folder" in str(missing)
    assert "is a file, not a folder" in str(file)
    assert (missing.exit_code, file.exit_code) == (Exit.USAGE, Exit.USAGE)


def test_what_may_not_be_read_or_written_is_a_usage_error(of_nobody: Runs) -> None:
    root = os.fsencode(of_nobody.tree.root)
    of_nobody.tree.write({"a.jpg": "one"})
    os.chmod(root, 0o500)
    with pytest.raises(UsageError, match="cannot be written: permission denied"):
        changeable_folder(root, of_nobody.state)
    os.chmod(root, 0o000)
    with pytest.raises(UsageError, match="cannot be read: permission denied"):
        existing_folder(root)
    os.chmod(root, 0o700)
