"""`fileorg files`, for people and programs."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING

import pytest

from fileorg.storage.local import posix

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.fixture
def organized(fileorg: Fileorg, mess: Tree) -> Tree:
    """A tree with four moved files and a skipped one."""
    mess.write({"Images/photo.jpg": "jpg"})
    fileorg("organize", "tree")
    return mess


def test_before_anything_was_done(fileorg: Fileorg) -> None:
    ran = fileorg("files")
    assert (ran.code, ran.out) == (0, "No operations yet.\n")
    assert fileorg("files", "3").err.splitlines()[0] == "fileorg: There is no operation 3."


@pytest.mark.usefixtures("organized")
def test_where_each_file_went_and_why_one_did_not(fileorg: Fileorg) -> None:
    lines = fileorg("files", "--sort", "path").out.splitlines()
    assert lines[0].split() == ["Status", "Category", "Size", "From", "To,", "or", "reason"]
    assert [line.split()[0] for line in lines[1:]] == ["done", "done", "done", "skipped"]
    assert lines[1].split()[-2:] == ["Letter.PDF", "Documents/Letter.PDF"]
    assert lines[4].endswith("  photo.jpg      identical to Images/photo.jpg")
    assert fileorg("files", "9").err.splitlines()[0] == "fileorg: There is no operation 9."


def test_the_shape_of_a_page(fileorg: Fileorg, organized: Tree) -> None:
    page = fileorg("files", "1", "--sort", "size", "--page", "2", "--page-size", "3", "-f", "json").json
    assert {key: page[key] for key in ("operation", "total", "page", "page_size")} == {
        "operation": 1, "total": 4, "page": 2, "page_size": 3,
    }  # fmt: skip
    [file] = page["files"]
    assert file["path"].startswith(str(organized.root))
    assert set(file) >= {"path", "new_path", "category", "status", "size_bytes", "reason", "record"}

    [skipped] = fileorg("files", "--status", "skipped", "-f", "json").json["files"]
    assert skipped["path"] == str(organized.root / "photo.jpg")
    assert (skipped["category"], skipped["size_bytes"]) == ("Images", 3)
    assert (skipped["reason"], skipped["reason_code"]) == ("identical to Images/photo.jpg", "identical")
    assert fileorg("files", "--category", "Fonts", "-f", "json").json["files"] == []


@pytest.mark.usefixtures("organized")
def test_pages_as_text_and_csv(fileorg: Fileorg) -> None:
    assert fileorg("files", "--page-size", "3").out.endswith("Page 1 of 2, 4 files. Next: --page 2\n")
    assert fileorg("files", "--page-size", "3", "--page", "2").out.endswith("Page 2 of 2, 4 files.\n")
    assert fileorg("files", "--page", "2").out == "There is only 1 page.\n"
    assert fileorg("files", "--status", "failed").out == "No files match.\n"
    rows = list(csv.DictReader(io.StringIO(fileorg("files", "-f", "csv", "--sort", "category").out)))
    assert [row["category"] for row in rows] == ["Archives", "Documents", "Documents", "Images"]


@pytest.mark.usefixtures("organized")
def test_a_narrow_terminal(fileorg: Fileorg) -> None:
    terminal = fileorg.terminal("files", columns=50)
    assert terminal.end() == 0
    assert terminal.screen.splitlines()[0].split() == ["Status", "Size", "From", "To,", "or", "reason"]


@pytest.mark.usefixtures("organized")
def test_what_makes_no_sense(fileorg: Fileorg) -> None:
    for words in (("--page", "0"), ("--page-size", "10001"), ("--sort", "colour"), ("--status", "odd"), ("x",)):
        assert fileorg.inside("files", *words).code == 2


def test_what_was_not_kept_is_said_beside_where_it_went(fileorg: Fileorg, tree: Tree, elsewhere: Path) -> None:
    """The summary has the number, both listings the names. The exit code is 0: the files were moved."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    fd = os.open(tree.path("a.jpg"), os.O_RDONLY)
    lost = posix.add_flags(fd, 0x8)
    os.close(fd)
    if lost:
        pytest.skip("the file system has no flags of chattr")
    ran = fileorg("organize", "tree", "--dest", str(elsewhere))
    assert "  Could not preserve all metadata of 1 file (flags of 1): see fileorg files 1" in ran.out.splitlines()
    assert ran.code == 0
    listed = [line for line in fileorg("files").out.splitlines() if line.endswith("(flags could not be preserved)")]
    assert len(listed) == 1
    assert "a.jpg" in listed[0]
    assert fileorg("history", "tree/a.jpg").out.splitlines()[-1].strip() == "flags could not be preserved"
