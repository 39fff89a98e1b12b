"""`fileorg clean` on the command line, and the items in `fileorg scan`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.fixture
def hollow(tree: Tree) -> Tree:
    tree.write({"a.txt": "", "b/c.txt": "", "b/full": "x", "e/f/": "", "l": "-> nowhere", "b/__init__.py": ""})
    return tree


def test_in_a_terminal_it_shows_what_goes_and_asks(fileorg: Fileorg, hollow: Tree) -> None:
    before = hollow.snapshot()
    terminal = fileorg.terminal("clean", "tree")
    terminal.wait_for("Remove 5 items? fileorg undo reverses it. [y/N, l lists every file]")
    assert "  Kind             Count  Names\n" in terminal.screen
    assert "  Empty files          2  a.txt, b/c.txt\n" in terminal.screen
    assert "  Empty folders        2  e/f/, e/\n" in terminal.screen
    assert "  Broken symlinks      1  l\n" in terminal.screen
    assert "  Skipped\n  1  file empty on purpose\n" in terminal.screen
    terminal.send("l\n")
    terminal.wait_for("e/f/ removed")
    terminal.send("n\n")
    assert terminal.end() == 3
    assert "Nothing was changed." in terminal.screen
    assert hollow.snapshot() == before


def test_elsewhere_it_runs_and_says_how_to_go_back(fileorg: Fileorg, hollow: Tree) -> None:
    before = hollow.snapshot()
    ran = fileorg("clean", "tree")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-2].startswith("Removed 5 items in ")
    assert ran.out.splitlines()[-1] == "Undo with: fileorg undo 1"
    assert fileorg("history", "-f", "json").json["operations"][0]["kind"] == "clean"
    assert "active" in fileorg("history").out
    undone = fileorg("undo", "-v")
    assert undone.code == 0
    assert "e/f/ made\n" in undone.out
    assert ".fileorg/trash/1/l -> l\n" in undone.out
    assert "To undo      5 items" in undone.out
    assert undone.out.splitlines()[-2].startswith("Undone: 5 items in ")
    assert hollow.snapshot() == before
    assert "Redone: 5 items in " in fileorg("redo").out


def test_folders_alone_can_be_undone(fileorg: Fileorg, hollow: Tree) -> None:
    before = hollow.snapshot()
    assert "Removed 2 items in " in fileorg("clean", "tree", "--empty-folders").out
    assert not hollow.path(".fileorg").exists()
    assert "active" in fileorg("history").out
    assert "Undone: 2 items in " in fileorg("undo").out
    assert hollow.snapshot() == before


def test_a_dry_run_names_each_and_changes_nothing(fileorg: Fileorg, hollow: Tree) -> None:
    os.symlink("../a.txt", hollow.path("b/to it"))
    before = hollow.snapshot()
    assert fileorg("clean", "-n", "tree").out.splitlines() == [
        "a.txt skipped: a symlink points to it",
        "b/c.txt removed, empty file",
        "e/ removed",
        "e/f/ removed",
        "l removed, broken symlink",
        "",
        "4 items would be removed, 1 skipped. Dry run: nothing was changed.",
    ]
    names = fileorg("clean", "-n", "-0", "tree").out_bytes.split(b"\0")
    assert names == [b"b/c.txt", b"", b"e", b"", b"e/f", b"", b"l", b"", b""]
    reported = fileorg("clean", "-n", "tree", "-f", "json").json
    assert (reported["empty_files"], reported["empty_folders"], reported["broken_symlinks"], reported["skipped"]) == (
        1,
        2,
        1,
        1,
    )
    assert reported["left_alone"] == {"intentional": 1}
    assert [row["path"] for row in reported["rows"] if row["action"] == "remove-folder"] == [
        str(hollow.path("e")), str(hollow.path("e/f")),
    ]  # fmt: skip
    assert hollow.snapshot() == before


def test_json_tells_what_came_of_it(fileorg: Fileorg, hollow: Tree) -> None:
    reported = fileorg("clean", "tree", "--format", "json").json
    assert (reported["operation"], reported["kind"], reported["files"], reported["way_back"]) == (
        1,
        "clean",
        5,
        "fileorg undo 1",
    )
    assert (reported["empty_files"], reported["empty_folders"], reported["broken_symlinks"]) == (2, 2, 1)
    again = fileorg("clean", "tree", "--format", "json").json
    assert (again["operation"], again["files"]) == (None, 0)
    assert fileorg("clean", "tree").out.startswith("Nothing to do.\n")
    assert fileorg("clean", "tree", "-q")[:] == (0, b"", b"")


def test_only_what_was_asked_for(fileorg: Fileorg, hollow: Tree) -> None:
    assert fileorg("clean", "tree", "--empty-files", "--broken-symlinks", "--exclude", "b/", "-q").code == 0
    left = {path for path in hollow.read() if not path.startswith(".fileorg")}
    assert left == {"b/c.txt", "b/full", "b/__init__.py", "e/f/"}


def test_guards_are_told_in_a_sentence(fileorg: Fileorg, hollow: Tree) -> None:
    ran = fileorg("clean", "tree", "--max-changes", "4")
    assert ran.code == 5
    assert ran.err == (
        "fileorg: 5 items would be removed, more than --max-changes 4 allows.\n"
        "Hint: check the plan with --dry-run, then raise the limit\n"
    )
    ran = fileorg("clean", "tree", "-0")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "fileorg: -0 requires --dry-run.")


def test_a_folder_that_stays_is_named_with_the_reason(fileorg: Fileorg, hollow: Tree) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(hollow.path("e/f"), 1234, 1234)
    ran = fileorg("clean", "tree", "--empty-folders", "--empty-files")
    assert ran.code == 0
    assert "Skipped 1 item:\n  e/f: could not be restored exactly: its owner or group differs" in ran.out
    assert fileorg("history", "--problems", "1").out.startswith("e/f: skipped, could not be restored exactly")


def test_scan_counts_them(fileorg: Fileorg, hollow: Tree) -> None:
    assert (
        "  Empty or broken (fileorg clean removes these)\n  2  empty files\n  2  empty folders\n  1  broken symlink\n"
        in fileorg("scan", "tree").out
    )
    reported = fileorg("scan", "tree", "-f", "json").json
    assert (reported["empty_files"], reported["empty_folders"], reported["broken_symlinks"]) == (2, 2, 1)
    fileorg("clean", "tree")
    assert "Empty or broken" not in fileorg("scan", "tree").out


def test_undo_of_it_is_completed(fileorg: Fileorg, hollow: Tree) -> None:
    fileorg("clean", "tree")
    ran = fileorg.inside("fileorg undo ", "", _FILEORG_COMPLETE="bash")
    assert "1" in ran.out.split()
