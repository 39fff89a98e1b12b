"""Terminals of every size: a plan fits on the screen, numbers are not broken, and colours are what the user wants."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from fileorg.cli.terminal import wrap

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

KINDS = ["jpg", "pdf", "mp3", "mp4", "zip", "py", "xlsx", "pptx", "epub", "deb", "iso", "json", "ttf", "psd"]
QUESTION = "[y/N, l lists every file]"


@pytest.fixture
def all_kinds(tree: Tree) -> Tree:
    """Files of fourteen categories, of different numbers, and entries that stay for nine reasons."""
    tree.write({f"{kind}{number}.{kind}": "x" for place, kind in enumerate(KINDS) for number in range(20 - place)})
    tree.write(
        {
            ".hidden": "x", "what": "x", "film.part": "x", "Thumbs.db": "x", "link": "-> nowhere", "App.app/x": "x",
            "project/.git/HEAD": "x", ".fileorgignore": "skip*\n", "skip.jpg": "x", "in/x": "x",
        },
    )  # fmt: skip
    return tree


# Folding --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (80, 16), (120, 30)])
def test_a_plan_and_its_question_fit_on_the_screen(fileorg: Fileorg, all_kinds: Tree, columns: int, lines: int) -> None:
    terminal = fileorg.terminal("organize", "tree", columns=columns, lines=lines)
    terminal.wait_for(QUESTION)
    assert "Category" in terminal.screen.splitlines()[0]
    assert "more" in terminal.screen
    assert "-v lists them" in terminal.screen
    assert "  Total" in terminal.screen
    assert "Left in place" in terminal.screen
    assert all_kinds.path("jpg0.jpg").exists()


def test_a_tall_terminal_shows_all(fileorg: Fileorg, all_kinds: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", lines=60)
    terminal.wait_for(QUESTION)
    assert "-v lists them" not in terminal.screen
    assert all(category in terminal.screen for category in ("Images", "Design", "Fonts"))


def test_v_shows_all(fileorg: Fileorg, all_kinds: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", "-v", PAGER="cat")
    terminal.wait_for(QUESTION)
    assert b"-v lists them" not in terminal.raw
    assert all(category in terminal.raw for category in (b"Images", b"Design", b"Fonts"))


def test_the_numbers_add_up_when_folded(fileorg: Fileorg, all_kinds: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree")
    terminal.wait_for(QUESTION)
    table = terminal.screen.partition("Left in place")[0]
    *files, total = [int(number) for number in re.findall(r"^  [\w ]+?  +(\d+)  ", table, re.MULTILINE)]
    assert (sum(files), total) == (total, sum(20 - place for place in range(len(KINDS))))


def test_a_pipe_shows_all(fileorg: Fileorg, all_kinds: Tree) -> None:
    assert "-v lists them" not in fileorg("organize", "tree", "-y").out
    assert all_kinds.path("Design").exists()


# Lines ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", range(12, 60))
def test_a_number_stays_with_its_unit(width: int) -> None:
    text = "Freed 12.3 GB: 4,321 files in 0.41 s. Moved 1 file (2 B), 34 folders."
    lines = wrap(text, width)
    assert " ".join(lines) == text
    for whole in ("12.3 GB", "4,321 files", "0.41 s", "1 file", "2 B", "34 folders"):
        assert any(whole in line for line in lines)


# Colours --------------------------------------------------------------------------------------------------------------

COLOUR = b"\x1b["


@pytest.mark.parametrize(
    ("words", "environment", "coloured"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        (("--color=always",), {"NO_COLOR": "1"}, True),
        (("--color", "auto"), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "0"}, False),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_in_a_pipe(
    fileorg: Fileorg, mess: Tree, words: tuple[str, ...], environment: dict[str, str], coloured: bool
) -> None:
    for command in (("organize", str(mess.root), "-n"), ("scan", "tree"), ("organize", "--help")):
        assert (COLOUR in fileorg(*command, *words, given=b"", **environment).out_bytes) == coloured


def test_never_holds_in_a_terminal(fileorg: Fileorg, mess: Tree) -> None:
    terminal = fileorg.terminal("scan", mess.root, "--color", "never")
    terminal.end()
    assert COLOUR + b"1m" not in terminal.raw


def test_a_wrong_colour(fileorg: Fileorg) -> None:
    ran = fileorg("history", "--color", "red")
    assert (ran.code, ran.err.splitlines()[0]) == (
        2, "fileorg: --color red is not valid: choose auto, always or never.",
    )  # fmt: skip


def test_a_file_named_like_the_option(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"--color/a.jpg": "x"})
    fileorg.folder = tree.root
    assert fileorg("scan", "--", "--color").code == 0


# Help -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["organize", "undo", "purge"])
def test_help_as_a_command(fileorg: Fileorg, command: str) -> None:
    assert fileorg.inside("help", command) == fileorg.inside(command, "--help")


def test_help_alone_and_of_nothing(fileorg: Fileorg) -> None:
    assert fileorg.inside("help") == fileorg.inside("--help")
    assert fileorg.inside("help", "nonsense").err.startswith("fileorg: No such command 'nonsense'.")
