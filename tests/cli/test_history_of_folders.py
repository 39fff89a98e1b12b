"""`history FOLDER`, moved folders, and the state directory that a command used."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.fixture
def worked(fileorg: Fileorg, tree: Tree) -> Tree:
    """Operations 1 to 4: in `a`, in `b`, in the tree that holds both, and of `a` into `b`."""
    tree.write({"a/one.jpg": "1", "b/two.jpg": "2", "c/sub/three.mp3": "3", "b/empty.txt": ""})
    assert fileorg("organize", "tree/a").code == 0
    assert fileorg("organize", "tree/b").code == 0
    assert fileorg("clean", "tree").code == 0
    tree.write({"a/four.png": "4"})
    assert fileorg("organize", "tree/a", "--dest", "tree/b").code == 0
    return tree


@pytest.mark.parametrize(
    ("folder", "numbers"),
    [
        ("tree", [4, 3, 2, 1]),
        ("tree/a", [4, 1]),
        ("tree/b", [4, 3, 2]),
        ("tree/b/Images", [4, 2]),
        ("tree/a/Images", [1]),
        ("tree/c", []),
        ("tree/c/sub", []),
        (".", [4, 3, 2, 1]),
    ],
)
def test_the_operations_of_a_folder(fileorg: Fileorg, worked: Tree, folder: str, numbers: list[int]) -> None:
    found = fileorg("history", folder, "-f", "json").json
    assert [op["operation"] for op in found["operations"]] == numbers
    assert found["total"] == len(numbers)
    lines = fileorg("history", folder).out.splitlines()
    if numbers:
        assert [line.split()[0] for line in lines[1:-1]] == [str(number) for number in numbers]
    else:
        assert lines == [f"No operations in {folder} yet (journal: {worked.root.parent}/state)."]


def test_pages_of_a_folder(fileorg: Fileorg, worked: Tree) -> None:
    first, second = (
        fileorg("history", "tree/b", "--page-size", "2", "--page", page, "-f", "json").json for page in "12"
    )
    assert [[op["operation"] for op in page["operations"]] for page in (first, second)] == [[4, 3], [2]]
    assert [page["total"] for page in (first, second)] == [3, 3]
    assert second["operations"][0]["status"] == "active"


def test_a_folder_that_is_gone_has_a_history(fileorg: Fileorg, worked: Tree) -> None:
    shutil.rmtree(worked.path("a"))
    assert [op["operation"] for op in fileorg("history", "tree/a", "-f", "json").json["operations"]] == [4, 1]
    assert fileorg("history", "tree/nowhere").out.startswith("No recorded operation touched ")


def test_a_file_has_its_moves(fileorg: Fileorg, worked: Tree) -> None:
    steps = fileorg("history", "tree/b/Images/four.png", "-f", "json").json["steps"]
    assert [step["operation"] for step in steps] == [4]


def test_the_undo_of_a_gone_folder_names_the_option(fileorg: Fileorg, worked: Tree) -> None:
    old = worked.path("a")
    new = old.rename(worked.path("moved"))
    ran = fileorg("undo", "1")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        f"fileorg: The folder of operation 1 does not exist: {old}.",
        "Hint: mount its disk; or if the folder was moved: fileorg undo 1 --root NEW",
    ]
    shown = fileorg("undo", "1", "--root", "tree/moved", "-n", "-f", "json").json
    assert shown["moved"] == [{"path": str(old), "new_path": str(new)}]
    assert fileorg("history", "1", "-f", "json").json["steps"] == []
    done = fileorg("undo", "1", "--root", "tree/moved")
    assert done.code == 0
    assert f"  Moved        {old} -> {new}" in done.out.splitlines()
    assert worked.read()["moved/one.jpg"] == "1"
    # The old path still leads to what was done there, and older operations know the new place.
    for place in ("tree/a", "tree/moved"):
        assert [op["operation"] for op in fileorg("history", place, "-f", "json").json["operations"]] == [5, 4, 1]
    old_name, new_name = (fileorg("history", f"tree/{place}/one.jpg").out for place in ("a", "moved"))
    assert old_name == new_name
    assert fileorg("undo", "4").code == 0
    assert worked.read()["moved/four.png"] == "4"


@pytest.mark.parametrize("command", ["undo", "redo"])
def test_another_folder_is_refused(fileorg: Fileorg, worked: Tree, command: str) -> None:
    if command == "redo":
        fileorg("undo", "1")
    worked.path("a").rename(worked.path("moved"))
    before = worked.snapshot()
    ran = fileorg(command, "1", "--root", "tree/c")
    assert ran.code == 5
    assert ran.err.splitlines()[0].endswith("/a: 0 of 1 recorded file are there.")
    assert worked.snapshot() == before


# The state directory --------------------------------------------------------------------------------------------------


def test_a_state_directory_that_is_not_the_default_is_named(fileorg: Fileorg, worked: Tree) -> None:
    state = worked.root.parent / "state"
    assert fileorg("history").out.splitlines()[-1] == f"Journal: {state}"
    assert fileorg("history", "tree/a").out.splitlines()[-1] == f"Journal: {state}"
    assert f"  Journal      {state}" in fileorg("undo", "4").out.splitlines()
    assert fileorg("history", "-f", "json").json["state_dir"] == str(state)


def test_the_default_state_directory_is_named_only_if_it_is_empty(fileorg: Fileorg, mess: Tree) -> None:
    home = mess.root.parent / "home"
    home.mkdir()
    env: Any = {"HOME": str(home), "XDG_STATE_HOME": "", "FILEORG_HOME": str(home / ".local/state/fileorg")}
    assert fileorg("history", **env).out == "No operations yet (journal: ~/.local/state/fileorg).\n"
    ran = fileorg("undo", **env)
    assert ran.code == 0
    assert ran.out.splitlines()[0] == f"Nothing to undo (journal: {home}/.local/state/fileorg)."
    os.makedirs(home / ".local/state", exist_ok=True)
    assert fileorg("organize", "tree", **env).code == 0
    assert "Journal" not in fileorg("history", **env).out
    assert "Journal" not in fileorg("undo", "1", **env).out
