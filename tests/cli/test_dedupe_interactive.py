"""`fileorg dedupe -i`: the choice in a real terminal, group by group."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg, Terminal
    from tests.support.tree import Tree

LONG = "a folder with a very long name that goes on/and on/until no terminal is wide enough"


@pytest.fixture
def copies(tree: Tree) -> Tree:
    """Three groups, largest waste first: 1.jpg, 2.jpg and 3.jpg, each with copies in `old` and in a deep folder."""
    for number in (1, 2, 3):
        content = str(number) * (4000 - 1000 * number)
        names = (f"{number}.jpg", f"old/{number} (1).jpg", f"{LONG}/{number}.jpg")
        tree.write(dict.fromkeys(names, content))
        for day, name in enumerate(names, 1):
            tree.date(name, f"2024-01-0{day}")
    return tree


def answer(terminal: Terminal, *answers: str) -> None:
    for number, keys in enumerate(answers, 1):
        terminal.wait_for("Keep [", times=number)
        terminal.send(f"{keys}\n")


def test_group_by_group(fileorg: Fileorg, copies: Tree) -> None:
    before = copies.snapshot()
    terminal = fileorg.terminal("dedupe", "tree", "-i", lines=120)
    answer(terminal, "", "s", "b", "2, 3", "9", "?", "q")
    terminal.wait_for("Quarantine 3 duplicates (7.8 KB)? [y/N/l]")
    screen = terminal.screen
    assert re.search(r"^\* 1  2024-01-01 \d\d:\d\d  1\.jpg$", screen, re.MULTILINE)
    assert screen.count("fileorg would keep 1: clean name, then oldest.") == 5
    assert "Group 1 of 3: 3 files of 2.9 KB, 5.9 KB wasted" in screen
    assert "Keep [Enter skips; numbers, s, b, a, q, ?]: 2, 3" in screen  # what was chosen before is offered again
    assert "2 files stay, 1 will be moved to the trash." in screen
    assert screen.count("Type numbers from 1 to 3, or one of these keys:") == 2
    assert "Chosen: 3 duplicates in 2 groups, 7.8 KB wasted." in screen
    terminal.send("y\n")
    assert terminal.end() == 0
    assert {name for name in copies.read() if not name.startswith(".fileorg/") and not name.endswith("/")} == {
        "1.jpg", f"{LONG}/2.jpg", "old/2 (1).jpg", "3.jpg", "old/3 (1).jpg", f"{LONG}/3.jpg",
    }  # fmt: skip
    fileorg.inside("undo", "-y")
    assert copies.snapshot() == before


def test_a_narrow_terminal_without_unicode_shows_whole_paths(fileorg: Fileorg, copies: Tree) -> None:
    terminal = fileorg.terminal("dedupe", "tree", "-i", columns=40, lines=120, LC_ALL="C", LANG="C")
    answer(terminal, "2", "a")
    terminal.wait_for("[y/N/l]")
    shown = terminal.screen
    assert shown.isascii()
    assert max(map(len, shown.splitlines())) <= 40
    assert "".join(line[5:] for line in shown.splitlines() if line.startswith(("  ", "* "))).count(f"{LONG}/2.jpg") == 1
    assert "2024-01-03 " in shown
    terminal.send("n\n")
    assert terminal.end() == 3


@pytest.mark.parametrize("by", ["ctrl-c", "end of input"])
def test_stopping_changes_nothing(fileorg: Fileorg, copies: Tree, by: str) -> None:
    before = copies.snapshot()
    terminal = fileorg.terminal("dedupe", "tree", "-i", "--action", "hardlink")
    answer(terminal, "1")
    terminal.wait_for("Group 2 of 3")
    if by == "ctrl-c":
        terminal.interrupt()
    else:
        terminal.end_input()
    assert terminal.end() == (130 if by == "ctrl-c" else 3)
    assert "Nothing was changed." in terminal.screen
    assert copies.snapshot() == before


def test_skipping_all_is_an_answer(fileorg: Fileorg, copies: Tree) -> None:
    before = copies.snapshot()
    terminal = fileorg.terminal("dedupe", "tree", "-i", "--reference", "tree/old")
    answer(terminal, "q")
    assert terminal.end() == 0
    assert "(always stays: in a reference folder)" in terminal.screen
    assert "fileorg would keep 1: in a reference folder." in terminal.screen
    assert terminal.screen.endswith("All files stay. Nothing was changed.")
    assert copies.snapshot() == before


def test_a_dry_run_of_choices(fileorg: Fileorg, copies: Tree) -> None:
    before = copies.snapshot()
    terminal = fileorg.terminal("dedupe", "tree", "-in", lines=100)
    answer(terminal, "3", "q")
    assert terminal.end() == 0
    assert "2 duplicates (5.9 KB) would be moved to the trash. Dry run: nothing was changed." in terminal.screen
    assert copies.snapshot() == before


def test_a_group_larger_than_the_screen(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({f"{number:03}.jpg": "same" for number in range(200)})
    terminal = fileorg.terminal("dedupe", "tree", "-i", PAGER="sed 's/^/| /'")
    terminal.wait_for("more (l lists all)")
    terminal.send("l\n")
    terminal.wait_for("| ")
    terminal.send("150 7\n")
    terminal.wait_for("Quarantine 198 duplicates")
    assert terminal.raw.count(b"| ") == 200
    terminal.send("y\n")
    assert terminal.end() == 0
    assert len([name for name in tree.read() if not name.startswith(".fileorg/")]) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "-i needs a terminal."),
        (("--format", "json"), "-i and --format json cannot be combined."),
        (("--format", "fdupes"), "-i and --format fdupes cannot be combined."),
        (("-y",), "-i and --yes cannot be combined."),
        (("-n", "-0"), "-i and --null cannot be combined."),
    ],
)
def test_where_nobody_can_choose_it_is_refused(
    fileorg: Fileorg, copies: Tree, words: tuple[str, ...], sentence: str
) -> None:
    before = copies.snapshot()
    ran = fileorg.inside("dedupe", "tree", "-i", *words)
    assert ran.code == 2
    assert sentence in ran.err
    assert copies.snapshot() == before
