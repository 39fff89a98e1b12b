"""The report page of each kind of run, made by the real command on hostile names, in a real browser."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.cli.screens import Fileorg
from tests.report.pages import opened

from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser
    from tests.support.tree import Tree

_NAMES = [
    b"<script>window.harmed=1<.jpg", b'"><img src=x onerror=window.harmed=1>.jpg', b"=1+1.txt",
    "\u202egnp.exe.pdf".encode(),
    b"\xff\xfe.mp3", b"two\nlines.zip", b"\x1b[31mred.jpg", b"&amp;.jpg", b"{{ 7*7 }}.jpg",
]  # fmt: skip


@pytest.fixture
def fileorg(tmp_path: Path, tree: Tree) -> Iterator[Fileorg]:
    """The program, with a tree of hostile names, duplicates and leftovers."""
    for folder in (b"", b"again<b>"):
        os.makedirs(os.path.join(os.fsencode(tree.root), folder), exist_ok=True)
        for name in _NAMES:
            with open(os.path.join(os.fsencode(tree.root), folder, name), "wb") as file:
                file.write(name)
    tree.write({"empty<i>/": "", "nothing.txt": "", "gone": "-> nowhere"})
    program = Fileorg(tmp_path / "state", tmp_path)
    yield program
    program.close()


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "tree"),
        ("organize", "-r", "tree"),
        ("organize", "-r", "--action", "copy", "--dest", "elsewhere", "tree"),
        ("dedupe", "tree", "--action", "quarantine"),
        ("dedupe", "tree", "--action", "hardlink"),
        ("clean", "tree"),
        ("undo",),
        ("redo",),
        ("purge", "-y"),
    ],
    ids=" ".join,
)
def test_the_page_of_every_kind_of_run(fileorg: Fileorg, browser: Browser, words: tuple[str, ...]) -> None:
    if words[0] in {"undo", "redo", "purge"}:
        fileorg("dedupe", "tree", "--action", "quarantine")
    if words[0] == "redo":
        fileorg("undo")
    assert fileorg(*words).code == 0
    about = ["tree"] if words[0] == "scan" else []
    assert fileorg("report", *about, "-o", "page.html").code == 0
    reported = fileorg("report", *about, "-f", "json", "-o", "-").json
    with opened(browser, fileorg.folder / "page.html") as it:
        kind = reported["kind"]
        title = it.page.inner_text("h1").lower()
        assert title == (
            "contents of " + str(fileorg.folder / "tree") if kind == "scan" else f"{kind} {reported['operation']}"
        )
        if kind != "purge":  # a purge has no records
            records = len(reported["records"])
            assert it.settled().count == f"{records} of {records}"
            names = [cell.rpartition("/")[2].strip("\n") for cell in it.column("from")]
            assert set(names) & {display(name) for name in _NAMES} or words[0] == "clean"
        assert it.page.evaluate("window.harmed") is None
        assert it.reported == []
