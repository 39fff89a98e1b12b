"""`fileorg import` as it is typed: its output, formats and exit codes."""

from __future__ import annotations

import fcntl
import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg


def test_a_first_dry_run_needs_no_state_directory(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"DCIM/a.jpg": "a", "DCIM/b.jpg": "b"})
    (fileorg.folder / "album").mkdir()
    shutil.rmtree(fileorg.home, ignore_errors=True)
    ran = fileorg.inside("import", "tree", "--dest", "album", "-n")
    assert (ran.code, "2 files (2 B) would be copied" in ran.out) == (0, True), ran
    assert not list((fileorg.folder / "album").iterdir())


def test_the_certificate_counts_what_it_is_not_about(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "a", "one": "", "two": "", ".fileorg/trash/1/x.jpg": "x", "b.jpg": "-> a.jpg", "c": "-> d"})
    (tree.root / "sub" / ".fileorg" / "trash").mkdir(parents=True)
    ran = fileorg.inside("import", "tree", "--dest", "album", "--yes")
    assert ran.code == 0, ran
    left_out = "Not part of it: 2 empty files, 2 symlinks and special files, 2 files and folders of fileorg."
    assert left_out in " ".join(ran.out.split()), ran.out


def test_nothing_is_written_to_the_card(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "a", "sub/": ""})
    (fileorg.folder / "way").symlink_to(tree.root / "sub")
    before = tree.snapshot()
    for option, path in (("--certificate", "tree/c.json"), ("--certificate", "way/c.json"), ("-o", "tree/sub/out.txt")):
        ran = fileorg.inside("import", "tree", "--dest", "album", "--yes", option, path)
        assert (ran.code, "is on the card itself, which is only read" in ran.err) == (2, True), ran
        assert tree.snapshot() == before
    assert not (fileorg.folder / "album").exists()
    assert fileorg.inside("import", "tree", "--dest", "album", "--yes", "--certificate", "tree.json").code == 0


def test_the_certificate_as_a_page(fileorg: Fileorg, tree: Tree, elsewhere: Path) -> None:
    tree.write({"a.jpg": "a"})
    dest = str(elsewhere / "album")
    assert fileorg.inside("import", "tree", "--dest", dest, "--yes", "--certificate", "card.html").code == 0
    page = (fileorg.folder / "card.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "The card may be formatted." in page


def test_what_a_killed_import_left_of_its_certificate_is_removed_by_the_next_run(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "a"})
    left, other = "certificate.txt.fileorg-0123abcd.part", "certificate.txt.fileorg-mine.part"
    for name in (left, other):
        (fileorg.folder / name).write_text("half a certif")
    ran = fileorg.inside("import", "tree", "--dest", "album", "--yes", "--certificate", "certificate.txt")
    assert ran.code == 0, ran
    found = {path.name for path in fileorg.folder.iterdir() if path.name.startswith("certificate")}
    assert found == {"certificate.txt", other}


def test_what_another_run_is_writing_stays(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "a"})
    with (fileorg.folder / "certificate.txt.fileorg-0123abcd.part").open("w") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        assert fileorg.inside("import", "tree", "--dest", "album", "-y", "--certificate", "certificate.txt").code == 0
        assert (fileorg.folder / "certificate.txt.fileorg-0123abcd.part").exists()


def test_an_import_that_is_held_knows_beforehand_whether_its_certificate_can_be_written(
    fileorg: Fileorg, tree: Tree
) -> None:
    tree.write({"a.jpg": "one"})
    certificate = fileorg.folder / "certificate.txt"
    certificate.write_text("of another card")
    words = ("import", "tree", "--dest", "album", "--hold", "--certificate")
    assert fileorg.inside(*words, "certificate.txt").code == 5
    missing = fileorg.inside(*words, "missing/certificate.txt")
    assert (missing.code, missing.err.endswith("Hint: give another file\n")) == (2, True)
    assert fileorg.inside(*words, "certificate.txt", "--force").code == 3
    assert certificate.read_text() == "of another card"
    assert [fileorg.inside("jobs", action, "1").code for action in ("approve", "attach")] == [0, 0]
    assert "Everything is there" in certificate.read_text()


@pytest.mark.parametrize("is_edited", [False, True])
def test_a_job_that_goes_on_replaces_its_own_certificate(fileorg: Fileorg, tree: Tree, is_edited: bool) -> None:
    """The first attempt cannot copy a photo, because a file has the name of its folder."""
    tree.write({"a.jpg": "one", "b.pdf": "two"})
    dest, file = Tree(fileorg.folder / "dest"), fileorg.folder / "certificate.json"
    dest.write({"Images": "a file"})
    ran = fileorg.inside("import", "tree", "--dest", "dest", "--certificate", file.name, "--yes")
    assert (ran.code, json.loads(file.read_text())["certificate"]["is_complete"]) == (3, False)
    dest.path("Images").unlink()
    if is_edited:
        file.write_text("of another program")
    ran = fileorg.inside("jobs", "resume", "1")
    assert dest.read() == {"Images/a.jpg": "one", "Documents/b.pdf": "two"}
    if is_edited:
        assert (ran.code, file.read_text()) == (5, "of another program")
    else:
        assert (ran.code, json.loads(file.read_text())["certificate"]["is_complete"]) == (0, True)
