"""The question before a change, in a real terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

QUESTION = "Move 4 files? fileorg undo reverses it. [y/N, l lists every file]"


def test_yes_moves_and_tells_the_way_back(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree")
    terminal.wait_for(QUESTION)
    terminal.send("y\n")
    assert terminal.end() == 0
    assert "Moved 4 files (11 B) in " in terminal.screen
    assert terminal.screen.endswith("Undo with: fileorg undo 1")
    assert mess.read().keys() >= {"Images/photo.jpg", "Documents/Letter.PDF", "Archives/backup.tar.gz"}


def test_the_plan_is_a_table_with_what_stays_and_why(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree")
    terminal.wait_for(QUESTION)
    assert terminal.screen.splitlines()[:13] == [
        "  Category   Files  Size  To",
        "  Documents      2   6 B  Documents/",
        "  Archives       1   2 B  Archives/",
        "  Images         1   3 B  Images/",
        "  ──────────────────────",
        "  Total          4  11 B",
        "",
        "  Left in place",
        "  1  file of unknown type",
        "  1  hidden file or folder",
        "  1  unfinished download",
        "  1  folder not entered (-r enters it)",
        "",
    ]


@pytest.mark.parametrize("answer", ["n\n", "no\n", "\n"])
def test_no_and_enter_change_nothing(fileorg: Fileorg, mess: Tree, answer: str) -> None:
    before = mess.snapshot()
    terminal = fileorg.terminal("organize", "tree")
    terminal.wait_for(QUESTION)
    terminal.send(answer)
    assert terminal.end() == 3
    assert terminal.screen.endswith("Nothing was changed.")
    assert mess.snapshot() == before
    assert fileorg("history").out.startswith("No operations yet (journal: ")


def test_the_end_of_the_input_is_a_no(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    terminal = fileorg.terminal("organize", "tree")
    terminal.wait_for(QUESTION)
    terminal.end_input()
    assert terminal.end() == 3
    assert terminal.screen.endswith("Nothing was changed.")
    assert mess.snapshot() == before


def test_ctrl_c_at_the_question_changes_nothing(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    terminal = fileorg.terminal("organize", "tree", columns=200)  # the sentence may follow the echo of the key
    terminal.wait_for(QUESTION)
    terminal.interrupt()
    assert terminal.end() == 130
    assert "fileorg: Stopped. Nothing was changed." in terminal.screen
    assert mess.snapshot() == before


def test_the_list_names_every_file_and_asks_again(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", lines=40)
    terminal.wait_for(QUESTION)
    terminal.send("l\n")
    terminal.wait_for("Letter.PDF -> Documents/Letter.PDF")
    terminal.send("what?\n")
    terminal.wait_for("Answer y for yes, n for no, or l to list every file.")
    terminal.send("yes\n")
    assert terminal.end() == 0


def test_with_yes_nothing_is_asked(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", "--yes")
    assert terminal.end() == 0
    assert "[y/N" not in terminal.screen
    assert "Moved 4 files" in terminal.screen


def test_undo_says_what_it_takes_back_and_asks(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    fileorg("organize", "tree")
    terminal = fileorg.terminal("undo")
    terminal.wait_for("Undo operation 1? [y/N, l lists every file]")
    assert "Operation 1  organize, " in terminal.screen
    assert "To undo      4 files" in terminal.screen
    terminal.send("y\n")
    assert terminal.end() == 0
    assert terminal.screen.endswith("Redo with: fileorg redo 2")
    assert mess.snapshot() == before


def test_the_question_comes_to_the_terminal_when_the_output_goes_elsewhere(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", "--format", "json", "-o", "done.json")
    terminal.wait_for(QUESTION)
    terminal.send("y\n")
    assert terminal.end() == 0
    assert '"files": 4' in (fileorg.folder / "done.json").read_text()


def test_a_narrow_terminal_shows_all_of_it(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", columns=40)
    terminal.wait_for("Move 4 files? [y/N/l]")
    assert "  Category   Files  Size  To\n  Documents      2   6 B  Documents/" in terminal.screen
    terminal.send("y\n")
    assert terminal.end() == 0
    assert all(len(line) <= 40 for line in terminal.screen.splitlines())


def test_a_narrow_terminal_breaks_no_word(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"in/a.txt": "a", "Documents/a.txt": "b"})
    ran = fileorg.terminal("organize", "tree", "-r", "--remove-empty", "--yes", columns=40)
    assert ran.end() == 0
    assert "its\nname is taken." in ran.screen
    assert "left\nempty." in ran.screen


def test_a_very_narrow_terminal_leaves_out_what_goes_without_saying(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", columns=28)
    terminal.wait_for("[y/N/l]")
    assert "  Category   Files  Size\n  Documents      2   6 B\n" in terminal.screen
    terminal.send("n\n")
    assert terminal.end() == 3
