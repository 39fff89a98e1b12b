"""Entries that stay can be listed, each with the reason; and listings are in path order, whatever the disk."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from fileorg.core.sorting import in_path_order

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

STAYS = {
    "what": "file of unknown type",
    ".hidden": "hidden file or folder",
    "film.mkv.part": "unfinished download",
    "sub": "folder not entered (-r enters it)",
    "project": "folder not entered (-r enters it)",
    "link": "symlink or special file",
    "Thumbs.db": "system file",
    "skip.jpg": "file or folder excluded by a pattern",
    ".fileorgignore": "file or folder of fileorg",
    "report.docx": "file open in a program",
    "~$report.docx": "lock file of an office program",
}


@pytest.fixture
def many(mess: Tree) -> Tree:
    mess.write(
        {"project/.git/HEAD": "x", "link": "-> nowhere", "Thumbs.db": "x", "skip.jpg": "x", ".fileorgignore": "skip.*"}
    )
    return mess


def listed(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(.*?) left in place: (.*)$", text, re.MULTILINE))


def expected(tree: Tree, *others: str) -> dict[str, str]:
    names = set(os.listdir(tree.root)) - {
        "photo.jpg",
        "Letter.PDF",
        "notes.txt",
        "backup.tar.gz",
        *others,
    }
    return {name: STAYS[name] for name in names}


def test_a_dry_run_lists_each(fileorg: Fileorg, many: Tree) -> None:
    assert listed(fileorg("organize", "tree", "-n", "--stays").out) == expected(many)
    assert listed(fileorg("organize", "tree", "-n").out) == {}


def test_json_lists_each_with_a_code(fileorg: Fileorg, many: Tree) -> None:
    rows = fileorg("organize", "tree", "-n", "--stays", "-f", "json").json["stays"]
    names = {row["path"]: os.path.relpath(row["path"], many.root) for row in rows}
    assert {names[row["path"]]: row["reason"] for row in rows} == expected(many)
    codes = {names[row["path"]]: row["reason_code"] for row in rows}
    assert (codes["what"], codes[".hidden"], codes["link"]) == ("unknown-kind", "hidden", "not-a-file")
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)


def test_explain_has_the_same_codes(fileorg: Fileorg, many: Tree) -> None:
    many.write({"Images/a.jpg": "x"})
    rows = fileorg.inside("organize", "tree", "-n", "-r", "--stays", "-f", "json").json["stays"]
    codes = {row["path"]: row["reason_code"] for row in rows if not os.path.isdir(row["path"])}
    explained = fileorg.inside("explain", "--root", "tree", *codes, "-f", "json").json["files"]
    assert {each["path"]: each["reason_code"] for each in explained} == codes
    assert {"unknown-kind", "not-a-file", "hidden", "unfinished", "excluded"} <= set(codes.values())


def test_a_run_lists_each_with_v(fileorg: Fileorg, many: Tree) -> None:
    wanted = expected(many)
    assert listed(fileorg("organize", "tree", "-v", "--stays").out) == wanted


def test_the_question_lists_each(fileorg: Fileorg, many: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", "--stays", lines=100)
    terminal.wait_for("[y/N")
    terminal.send("l\n")
    terminal.wait_for("[y/N", times=2)
    assert listed(terminal.screen) == expected(many)


def test_the_numbers_of_the_summary_are_those_of_the_list(fileorg: Fileorg, many: Tree) -> None:
    many.write({"sub/Images/a.jpg": "x", "sub/odd": "x", "sub/.dots/x": "x", "App.app/x": "x"})
    ran = fileorg("organize", "tree", "-n", "-r", "--stays")
    counted = sum(
        int(number) for number in re.findall(r"^  (\d+)  ", ran.out[ran.out.index("Left in place") :], re.MULTILINE)
    )
    assert len(listed(ran.out)) == counted


def test_what_is_in_place_is_listed(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"Images/a.jpg": "x", "b.jpg": "x", "jpg/c.jpg": "x"})
    ran = fileorg("organize", "tree", "-n", "-r", "--by", "extension", "--stays")
    assert listed(ran.out) == {"jpg/c.jpg": "file already in place"}


def test_an_unreadable_folder_is_listed(fileorg: Fileorg, tree: Tree) -> None:
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root cannot be made to obey permissions here")
        fileorg.prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    tree.write({"a.jpg": "x", "closed/b.jpg": "x"})
    tree.path("closed").chmod(0)
    ran = fileorg("organize", "tree", "-n", "-r", "--stays")
    tree.path("closed").chmod(0o700)
    assert listed(ran.out) == {"closed": "unreadable folder"}


def test_a_dry_run_shows_the_table_and_the_summary_too(fileorg: Fileorg, many: Tree) -> None:
    out = fileorg("organize", "tree", "-n").out
    assert "Category" in out
    assert "Left in place" in out
    assert "Category" not in fileorg("organize", "tree", "-n", "-q").out


# Path order -----------------------------------------------------------------------------------------------------------

NAMES = [f"{letter}{number}.jpg" for number in (3, 1, 2) for letter in "zam"]


@pytest.mark.parametrize("where", ["ext4 or like it", "tmpfs"])
def test_listings_are_in_path_order(fileorg: Fileorg, tmp_path: Path, elsewhere: Path, where: str) -> None:
    root = (elsewhere if where == "tmpfs" else tmp_path) / "photos"
    for folder in ("b", "a b", "a", "."):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (root / folder / name).write_text(folder + name)
    paths = [os.path.join(folder, name) for folder in ("a", "a b", "b") for name in sorted(NAMES)]
    wanted = sorted(paths + NAMES, key=lambda path: path.replace("/", "\0"))
    ran = fileorg("organize", root, "-n", "-r")
    assert re.findall(r"^(.*) -> ", ran.out, re.MULTILINE) == wanted
    pairs = fileorg("organize", root, "-n", "-r", "-0").out.split("\0")
    assert pairs[:-1:2] == wanted
    rows = fileorg("organize", root, "-n", "-r", "-f", "json").json["rows"]
    assert [row["path"] for row in rows if row["action"] == "move"] == [str(root / path) for path in wanted]


@pytest.mark.parametrize("number", [0, 1, 49_999, 50_000, 120_000])
def test_in_path_order(number: int) -> None:
    paths = [b"%d/%d" % (each % 97, each * 7919 % 100_003) for each in range(number)]
    ordered = sorted(zip(paths, range(number), strict=True), key=lambda pair: pair[0].replace(b"/", b"\0"))
    assert list(in_path_order(zip(paths, range(number), strict=True))) == [item for _, item in ordered]


# The pager ------------------------------------------------------------------------------------------------------------


def test_a_long_list_goes_through_the_pager(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({f"{number:03}.jpg": str(number) for number in range(60)})
    terminal = fileorg.terminal("organize", "tree", "-n", PAGER="sed 's/^/| /'", lines=100)
    terminal.end()
    assert "| 000.jpg" not in terminal.screen  # it fits on the screen
    terminal = fileorg.terminal("organize", "tree", "-n", PAGER="sed 's/^/| /'", lines=24)
    terminal.end()
    assert terminal.raw.count(b"| 0") == 60
    assert "Dry run" in terminal.screen


@pytest.mark.parametrize("pager", ["true", "head -n 3", "no-such-pager", "cat"])
def test_a_pager_that_ends_early_ends_nothing(fileorg: Fileorg, tree: Tree, pager: str) -> None:
    tree.write({f"{number:04}.jpg": str(number) for number in range(3000)})
    terminal = fileorg.terminal("organize", "tree", PAGER=pager)
    terminal.wait_for("[y/N")
    terminal.send("l\nn\n")
    assert terminal.end() != 0
    assert b"Nothing was changed." in terminal.raw
    assert (b"2999.jpg" in terminal.raw) == (pager in {"no-such-pager", "cat"})


def test_no_pager_stops_a_run_that_does_not_ask(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({f"{number:03}.jpg": str(number) for number in range(60)})
    terminal = fileorg.terminal("organize", "tree", "-v", "--yes", PAGER="sed 's/^/| /'", lines=24)
    assert terminal.end() == 0
    assert b"Images/059.jpg" in terminal.raw
    assert b"| 0" not in terminal.raw


def test_no_pager_in_a_pipe(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({f"{number:03}.jpg": str(number) for number in range(60)})
    assert "| " not in fileorg("organize", "tree", "-n", PAGER="sed 's/^/| /'").out


# Folders that a run leaves empty --------------------------------------------------------------------------------------


def test_folders_that_a_run_left_empty(fileorg: Fileorg, tree: Tree) -> None:
    tree.write(
        {"a/b/c/x.jpg": "x", "a/d/y.jpg": "y", "e/z.jpg": "z", "e/stays": "?", "f/empty before/": "", "v.jpg": "v"}
    )
    ran = fileorg("organize", "tree", "-r")
    assert f"4 folders are empty now. Remove with: fileorg clean --empty-folders {tree.root}\n" in ran.out
    fileorg("undo")
    assert fileorg("organize", "tree", "-r", "-y", "-f", "json").json["emptied_folders"] == 4


def test_one_folder_and_its_removal(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a b/x.jpg": "x"})
    ran = fileorg("organize", "tree", "-r")
    assert f"1 folder is empty now. Remove with: fileorg clean --empty-folders {tree.root}\n" in ran.out
    fileorg("clean", "--empty-folders", tree.root)
    assert tree.read() == {"Images/x.jpg": "x"}


@pytest.mark.parametrize("words", [("--action", "copy"), ("--exclude", "x.jpg"), ("-q",), ("-n",)])
def test_nothing_is_said_of_folders_that_are_not_emptied(fileorg: Fileorg, tree: Tree, words: tuple[str, ...]) -> None:
    tree.write({"a/x.jpg": "x", "b.jpg": "b", "a/stays": "?"} if words[0] != "-q" else {"a/x.jpg": "x"})
    assert "empty now" not in fileorg("organize", "tree", "-r", *words).out


def test_remove_empty(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a/b/x.jpg": "x", "c/y.jpg": "y", "c/link": "-> ../d", "d/z.jpg": "z"})
    words = ("organize", "tree", "-r", "--remove-empty")
    dry = fileorg(*words, "-n")
    assert "a/b/ removed\n" in dry.out
    assert "d/ skipped: a symlink points to it\n" in dry.out
    assert "3 files (3 B) would be moved, 2 folders left empty would be removed. Dry run" in dry.out
    assert fileorg(*words, "-n", "-f", "json").json["removed_folders"] == 2
    ran = fileorg(*words)
    assert ran.code == 0
    assert "Moved 3 files (3 B)" in ran.out
    assert "Removed 2 folders that the run left empty.\n1 folder is empty now.\n" in ran.out
    assert "  d: a symlink points to it\n" in ran.out
    assert tree.path("c").is_dir()
    undone = fileorg("undo", "1", "-f", "json").json
    assert (undone["files"], undone["problems"]) == (3, [])
    redone = fileorg(*words, "-f", "json").json
    assert (redone["files"], redone["removed_folders"], redone["emptied_folders"]) == (3, 2, 1)
    assert redone["counts"] == {"done": 3}


@pytest.mark.parametrize(("words", "missing"), [((), "-r"), (("-r", "--action", "copy"), "--action move")])
def test_what_remove_empty_requires(fileorg: Fileorg, tree: Tree, words: tuple[str, ...], missing: str) -> None:
    ran = fileorg("organize", "tree", "--remove-empty", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"fileorg: --remove-empty requires {missing}.\n")
