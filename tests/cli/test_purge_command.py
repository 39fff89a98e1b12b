"""`fileorg purge` on the screen: the files to remove, the question, and what can no longer be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.tree import Tree

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg

QUESTION = "Remove 2 files (11 B) permanently? This cannot be undone. [y/N, l lists every file]"


@pytest.fixture
def displaced(fileorg: Fileorg, tree: Tree) -> Tree:
    """A tree with two files in the trash, one from each operation."""
    for number, (name, old) in enumerate([("a.txt", "old a"), ("b.txt", "older b")], 1):
        tree.write({f"Documents/{name}": old[:5] if number == 1 else old[:6], name: "new"})
        tree.date(f"Documents/{name}", "2020-01-01")
        assert fileorg("organize", "tree", "--on-conflict", "keep-newer", "-q").code == 0
    return tree


def test_yes_removes_and_says_what_cannot_be_undone(fileorg: Fileorg, displaced: Tree) -> None:
    terminal = fileorg.terminal("purge", columns=120)
    terminal.wait_for(QUESTION)
    table = [line.split() for line in terminal.screen.splitlines()]
    assert table[0] == ["Op", "What", "When", "Where", "Files", "Frees"]
    assert [row[0] for row in table[1:3]] == ["2", "1"]
    assert table[4] == ["Total", "2", "11", "B"]
    terminal.send("y\n")
    assert terminal.end() == 0
    assert "Freed 11 B: 2 files in " in terminal.screen
    assert terminal.screen.endswith("Operations 1 and 2 can only be undone in part now.")
    assert displaced.read() == {"Documents/a.txt": "new", "Documents/b.txt": "new"}


@pytest.mark.parametrize("columns", [80, 40])
def test_a_narrow_terminal_does_not_leave_out_the_warning(fileorg: Fileorg, displaced: Tree, columns: int) -> None:
    terminal = fileorg.terminal("purge", columns=columns)
    terminal.wait_for("[y/N/l]")
    assert "permanently? This cannot be undone." in " ".join(terminal.screen.split())
    assert all(len(line) <= columns for line in terminal.screen.splitlines())
    terminal.send("n\n")
    assert terminal.end() == 3


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_no_removes_nothing(fileorg: Fileorg, displaced: Tree, answer: str) -> None:
    before = displaced.snapshot()
    terminal = fileorg.terminal("purge", columns=120)
    terminal.wait_for(QUESTION)
    terminal.send(answer)
    assert terminal.end() == 3
    assert terminal.screen.endswith("Nothing was changed.")
    assert displaced.snapshot() == before


def test_the_list_names_every_file(fileorg: Fileorg, displaced: Tree) -> None:
    terminal = fileorg.terminal("purge", columns=200)
    terminal.wait_for(QUESTION)
    terminal.send("l\n")
    terminal.wait_for("tree/.fileorg/trash/1/Documents/a.txt (5 B)")
    terminal.send("n\n")
    assert terminal.end() == 3


def test_without_a_terminal_it_has_to_be_told_to(fileorg: Fileorg, displaced: Tree) -> None:
    before = displaced.snapshot()
    ran = fileorg("purge")
    assert ran.code == 5
    assert ran.err.splitlines() == [
        "fileorg: A purge cannot be undone, and there is no terminal to ask in.",
        "Hint: check with --dry-run what would be removed, then add --yes",
    ]
    assert displaced.snapshot() == before
    assert fileorg("purge", "--yes").code == 0
    assert not displaced.path(".fileorg").exists()


def test_a_dry_run_names_the_files_and_sums_them(fileorg: Fileorg, displaced: Tree) -> None:
    before = displaced.snapshot()
    ran = fileorg("purge", "-n")
    assert ran.code == 0
    assert ran.out.splitlines()[:2] == [
        f"{displaced.root}/.fileorg/trash/2/Documents/b.txt (6 B)",
        f"{displaced.root}/.fileorg/trash/1/Documents/a.txt (5 B)",
    ]
    assert ran.out.endswith("Dry run: nothing was removed.\n")
    reported = fileorg("purge", "-n", "1", "-f", "json").json
    assert (reported["files"], reported["size_bytes"], [op["operation"] for op in reported["operations"]]) == (
        1,
        5,
        [1],
    )
    assert reported["rows"][0]["path"].endswith("/1/Documents/a.txt")
    assert displaced.snapshot() == before


def test_what_programs_are_told(fileorg: Fileorg, displaced: Tree) -> None:
    reported = fileorg("purge", "-y", "-f", "json").json
    assert (reported["kind"], reported["files"], reported["size_bytes"], reported["problems"]) == ("purge", 2, 11, [])
    assert reported["operations"] == [
        {"operation": 2, "purge": 3, "files": 1, "size_bytes": 6, "undoable": "partly"},
        {"operation": 1, "purge": 4, "files": 1, "size_bytes": 5, "undoable": "partly"},
    ]
    again = fileorg("purge", "-y", "-f", "json").json
    assert (again["files"], again["operations"]) == (0, [])


def test_history_shows_it(fileorg: Fileorg, displaced: Tree) -> None:
    fileorg("purge", "-y", "2")
    operations = fileorg("history", "-f", "json").json["operations"]
    assert [(op["operation"], op["status"], op["partly_purged"]) for op in operations] == [
        (3, "permanent", False), (2, "active", True), (1, "active", False),
    ]  # fmt: skip
    assert "active, purged in part" in fileorg("history").out
    assert " purge 2 " in fileorg("history").out
    assert "(purged)" in fileorg("history", "tree/.fileorg/trash/2/Documents/b.txt").out
    assert "  Purged       1 file, which cannot be restored\n" in fileorg("undo", "2").out
    [second] = [op for op in fileorg("history", "-f", "json").json["operations"] if op["operation"] == 2]
    assert (second["status"], second["undone_by"], second["partly_purged"]) == ("undone", [4], True)
    assert "undone by 4, purged in part" in fileorg("history").out


def test_quiet_and_nothing_to_do(fileorg: Fileorg, displaced: Tree) -> None:
    assert fileorg("purge", "-y", "-q")[:2] == (0, b"")
    assert fileorg("purge", "-y").out == "The trash is empty.\n"
    assert fileorg("purge", "-n").out == "The trash is empty.\n"


def test_what_is_kept_is_named(fileorg: Fileorg, displaced: Tree) -> None:
    displaced.write({".fileorg/trash/1/Documents/a.txt": "edited", "Documents/c.txt": "old c", "c.txt": "new"})
    ran = fileorg("purge", "-y")
    assert ran.code == 1
    assert ran.err == (
        "1 file left in the trash:\n  .fileorg/trash/1/Documents/a.txt: it was edited in the trash, so it was kept\n"
    )
    assert displaced.path(".fileorg/trash/1/Documents/a.txt").exists()


def test_what_is_kept_in_one_of_several_folders_is_named_by_its_whole_path(fileorg: Fileorg, tree: Tree) -> None:
    other = Tree(tree.root.parent / "other")
    for each in (tree, other):
        each.write({"a.txt": "", "b.txt": "1"})
    assert fileorg("clean", "tree", "other", "-y", "-q").code == 0
    other.write({".fileorg/trash/1/a.txt": "edited"})
    said = f"{other.root}/.fileorg/trash/1/a.txt: it was edited in the trash, so it was kept"
    assert said in fileorg("purge", "-y").err.replace("\n", " ")


def test_what_is_kept_of_one_of_several_operations_is_named_by_its_whole_path(fileorg: Fileorg, tree: Tree) -> None:
    other = Tree(tree.root.parent / "other")
    for each in (tree, other):
        each.write({"a.txt": "", "b.txt": "1"})
        assert fileorg("clean", str(each.root), "-y", "-q").code == 0
    other.write({".fileorg/trash/2/a.txt": "edited"})
    said = f"{other.root}/.fileorg/trash/2/a.txt: it was edited in the trash, so it was kept"
    assert said in fileorg("purge", "-y").err.replace("\n", " ")


def test_an_operation_that_there_is_not(fileorg: Fileorg, displaced: Tree) -> None:
    ran = fileorg("purge", "-y", "9")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "fileorg: There is no operation 9.")
    assert fileorg("purge", "-y", "--older-than", "1d").out.startswith(
        "Nothing in the trash is older than 1 day (since "
    )


def test_expired_goes_by_the_settings(fileorg: Fileorg, displaced: Tree) -> None:
    config = displaced.root.parent / "fileorg.toml"
    asked = ("purge", "--expired", "--config", str(config))
    config.write_text("version = 1\n")
    ran = fileorg(*asked, "-y")
    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "fileorg: --expired needs keep_days or trash_size in [settings] of fileorg.toml, and neither is there.",
    )
    config.write_text("version = 1\n[settings]\nkeep_days = 1\n")
    assert fileorg(*asked, "-y").out == "Nothing in the trash has expired by keep_days = 1.\n"
    config.write_text("version = 1\n[settings]\nkeep_days = 1\ntrash_size = '10B'\n")
    before = displaced.snapshot()
    planned = fileorg(*asked, "-n", "-f", "json").json
    assert (planned["trash_size_bytes"], [row["path"][-21:] for row in planned["rows"]]) == (
        10,
        ["trash/1/Documents/a.txt"[-21:]],
    )
    assert "  Only what has expired by keep_days = 1 and trash_size = 10 B.\n" in fileorg(*asked, "-n").out
    assert displaced.snapshot() == before
    assert fileorg(*asked, "-y").out.endswith("Operation 1 can only be undone in part now.\n")
    assert set(displaced.read()) == {
        ".fileorg/trash/2/Documents/b.txt",
        "Documents/a.txt",
        "Documents/b.txt",
    }
    config.write_text("version = 1\n[settings]\nkeep_days = 0\n")
    assert fileorg(*asked, "-y").code == 0
    assert not displaced.path(".fileorg").exists()
    assert fileorg(*asked, "--older-than", "1d").code == 2
