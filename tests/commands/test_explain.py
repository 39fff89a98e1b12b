"""Explain says what organize does and why: for each kind of reason, and for a whole tree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import UsageError
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.rules.filters import Filters
from fileorg.rules.ignore import IgnoreReason
from fileorg.scan.stays import NotTaken
from fileorg.workflows.explain import Explained, Status, explain
from fileorg.workflows.organize import OrganizeOptions

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

TREE = {
    "a.jpg": "picture",
    "a.xmp": "edit",
    "b.pdf": "",
    "b.pdf.part": "half",
    "c.odt": "text",
    ".~lock.c.odt#": ",anna,host,",
    "d.bin": "?",
    ".hidden": "1",
    "page.html": "<html>",
    "page_files/a.png": "p",
    "project/package.json": "{}",
    "project/x.js": "x",
    "same.txt": "same",
    "Documents/same.txt": "same",
    "link.txt": "-> same.txt",
}


def explained(tree: Tree, runs: Runs, path: str, **options: object) -> Explained:
    chosen = OrganizeOptions(b"", filters=Filters(recursive=False, **options))  # type: ignore[arg-type]
    root = os.fsencode(tree.root)
    return explain(os.fsencode(tree.path(path)), root, chosen, runs.state)


def relative(tree: Tree, path: bytes | None) -> str | None:
    return None if path is None else os.fsdecode(os.path.relpath(path, os.fsencode(tree.root)))


@pytest.mark.parametrize(
    ("path", "reason", "marker"),
    [
        ("b.pdf", IgnoreReason.UNFINISHED, "b.pdf.part"),
        ("b.pdf.part", IgnoreReason.UNFINISHED, "b.pdf"),
        ("c.odt", IgnoreReason.OPEN, ".~lock.c.odt#"),
        ("d.bin", NotTaken.UNKNOWN_KIND, None),
        (".hidden", IgnoreReason.HIDDEN, None),
        ("page.html", IgnoreReason.TOGETHER, "page_files"),
        ("page_files/a.png", IgnoreReason.TOGETHER, "page.html"),
        ("project/x.js", IgnoreReason.PROJECT, "project/package.json"),
        ("Documents/same.txt", NotTaken.IN_PLACE, None),
        ("link.txt", NotTaken.NOT_A_FILE, None),
    ],
)
def test_why_it_stays(tree: Tree, runs: Runs, path: str, reason: object, marker: str | None) -> None:
    tree.write(TREE)
    found = explained(tree, runs, path)
    assert (found.status, found.reason, relative(tree, found.marker)) == (Status.STAYS, reason, marker)


def test_where_it_goes_and_with_what(tree: Tree, runs: Runs) -> None:
    tree.write(TREE)
    for name in ("a.jpg", "a.xmp"):
        found = explained(tree, runs, name)
        assert (found.status, found.reason) == (Status.GOES, None)
        assert relative(tree, found.new_path) == f"Images/{name}"
        assert [relative(tree, path) for path in found.group] == ["a.jpg", "a.xmp"]
        assert found.evidence.category == "Images"


def test_what_a_plan_skips(tree: Tree, runs: Runs) -> None:
    tree.write(TREE)
    assert explained(tree, runs, "same.txt").reason == Reason(ReasonCode.IDENTICAL, b"Documents/same.txt")


def test_patterns(tree: Tree, runs: Runs) -> None:
    tree.write(TREE | {".fileorgignore": "a.xmp\n"})
    assert explained(tree, runs, "a.jpg").reason is IgnoreReason.EXCLUDED
    assert explained(tree, runs, "same.txt", exclude=["*.txt"]).reason is IgnoreReason.EXCLUDED


def test_who_has_it_open(tree: Tree, runs: Runs) -> None:
    tree.write(TREE)
    with tree.path("a.jpg").open("ab"):
        open_by = explained(tree, runs, "a.jpg").open_by
    assert open_by is not None
    assert open_by.pid == os.getpid()
    assert explained(tree, runs, "a.jpg").open_by is None


def test_a_folder_that_is_refused(tree: Tree, runs: Runs) -> None:
    tree.write({".git/HEAD": "ref", "a.jpg": "1"})
    found = explained(tree, runs, "a.jpg")
    assert (found.status, found.reason) == (Status.REFUSED, NotTaken.ROOT_REFUSED)
    assert ".git" in (found.refusal or "")


@pytest.mark.parametrize("path", ["nothing.txt", "../elsewhere.txt"])
def test_what_is_not_there(tree: Tree, runs: Runs, path: str) -> None:
    (tree.root.parent / "elsewhere.txt").write_text("")
    with pytest.raises(UsageError):
        explained(tree, runs, path)


def test_it_is_what_organize_does(tree: Tree, runs: Runs) -> None:
    tree.write(TREE)
    said = {path: relative(tree, explained(tree, runs, path).new_path) for path in TREE if "/" not in path}
    before = tree.read()
    runs.organize()
    after = tree.read()
    new = {text: path for path, text in after.items() if path not in before}
    assert {path: there for path, there in said.items() if there} == {
        path: new[text] for path, text in before.items() if path not in after
    }
