"""The page of a comparison and of a certificate: what it says, hostile names, memory, and how it is for everyone."""

from __future__ import annotations

import html
import io
import json
import os
import re
import tracemalloc
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import pytest
from tests.report.pages import opened, unpacked
from tests.support.tree import Tree

from fileorg.cli.compare_view import show
from fileorg.cli.options import ListOrPageFormat
from fileorg.cli.terminal import Out
from fileorg.core.events import NullReporter
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.report import html as report_html
from fileorg.report.certificate import write_certificate
from fileorg.report.contents_page import ContentsPage, Finding, write_contents_page
from fileorg.rules.filters import Filters
from fileorg.workflows.compare import CompareOptions, comparing
from fileorg.workflows.import_files import ImportOptions, importing

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from fileorg.core.state import StateDirectory

_HOSTILE = {
    "<script>alert(1)<": "<img src=x onerror=alert(2)>\n\x1b[31m.jpg",
    "quotes \" ' & </title": "\u202egpj.exe",
    "not utf \udcff": "`${alert(3)}`.txt",
}


@pytest.fixture
def new(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "new")


@pytest.fixture
def away(elsewhere: Path) -> Tree:
    """A folder on another file system."""
    return Tree(elsewhere / "new")


def _compared(old: Tree, new: Tree, state: StateDirectory, unread: int = 0, **options: Any) -> str:
    """Return the page of a comparison; so many files and folders could not be read."""
    chosen = CompareOptions(os.fsencode(old.root), [os.fsencode(new.root)], **options)
    stream = io.StringIO()
    with comparing(chosen, state, NullReporter()) as run:
        seen, denied = run.sides[0].seen, Reason(ReasonCode.SYSTEM_ERROR, number=13)
        for number in range(unread):
            run.reads.fail(os.fsencode(old.path("a.txt")) if not number else b"/elsewhere/%d" % number, denied)
            seen.unreadable.append((b"locked/%d" % number, denied))
            seen.unreadable_roots.append(os.fsencode(old.root))
            seen.unreadable_count += 1
        show(Out(stream), run, ListOrPageFormat.HTML, verbose=False, paranoid=chosen.paranoid)
    return stream.getvalue()


def _certified(card: Tree, dest: Tree, state: StateDirectory, **options: Any) -> str:
    """Import, and return the certificate as a page; `lost` is a file of the destination that is removed before."""
    lost = options.pop("lost", None)
    stream = io.StringIO()
    with importing(
        ImportOptions(os.fsencode(card.root), os.fsencode(dest.root), **options), state, NullReporter()
    ) as run:
        run.run()
        if lost is not None:
            dest.path(lost).unlink()
        with run.certificate() as certificate:
            write_certificate(stream, certificate, b"card.HTML")
    return stream.getvalue()


def _text(page: str) -> str:
    """Return the text of the page without its script and data, with single spaces."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def _files(page: str) -> list[tuple[str, str, str | None, str]]:
    """Return status, path, new path and reason of each record."""
    _, *batches = unpacked(page)
    folders, words, found = [""], [""], []
    for batch in batches:
        folders += batch["folders"]
        words += batch["words"]
        reasons = dict(zip(batch["reason"][::2], batch["reason"][1::2], strict=True))
        for at, name in enumerate(batch["name"]):
            to = batch["to"][at]
            new_path = f"{folders[to]}/{batch['newName'][at] or name}" if to else None
            path = os.path.join(folders[batch["from"][at]], name)
            found.append((words[batch["status"][at]], path, new_path, reasons.get(at, "")))
    return found


def test_missing_folders_come_largest_first_and_whole_ones_are_one_line(
    tree: Tree, new: Tree, state: StateDirectory
) -> None:
    tree.write({
        "Photos/2012/1.jpg": "x" * 900, "Photos/2012/2.jpg": "y" * 800, "Photos/3.jpg": "z", "b.txt": "kept",
        "Papers/a.txt": "p" * 3000, "Papers/b.txt": "kept", "empty.txt": "", "link": "-> b.txt",
    })  # fmt: skip
    new.write({"other name.txt": "kept"})
    page = _compared(tree, new, state)
    text = _text(page)
    assert f"4 of 6 files (4.6 KB of 4.6 KB) in {tree.root} are missing in {new.root}." in text
    assert "Not compared: 1 empty file, 1 symlink or special file." in text
    assert re.search(r"compared in \S+ s by digest", text)
    assert "Papers 1 of 2 2.9 KB Photos all 3 1.7 KB Missing files" in text
    assert [record[:3] for record in _files(page)] == [
        ("missing", path, None)
        for path in ("Papers/a.txt", "Photos/2012/1.jpg", "Photos/2012/2.jpg", "Photos/3.jpg")
    ]  # fmt: skip
    assert re.search(r"compared in \S+ s byte by byte", _text(_compared(tree, new, state, paranoid=True)))


def test_what_could_not_be_read_comes_first_folders_before_files(tree: Tree, new: Tree, state: StateDirectory) -> None:
    tree.write({"a.txt": "a", "b.txt": "b"})
    new.write({"c.txt": "c"})
    page = _compared(tree, new, state, unread=2)
    text = _text(page)
    folders, files = "Permission denied; the folder may hold anything", "unreadable Permission denied Paths"
    assert text.index("Could not be read") < text.index(folders) < text.index(files) < text.index("Missing, by folder")
    assert "Unreadable folders 2" in text
    assert "Paths locked/0 locked/1 2 unreadable" in text
    assert [record[1::2] for record in _files(page)] == [("a.txt", "Permission denied"), ("b.txt", "")]


def test_in_both_directions_there_are_two_findings(tree: Tree, new: Tree, state: StateDirectory) -> None:
    tree.write({"a.txt": "a", "both.txt": "both"})
    new.write({"b.txt": "b!", "2.txt": "both"})
    page = _compared(tree, new, state, both=True)
    assert _text(page).count(" is missing in ") == 2
    assert [path for _, path, *_ in _files(page)] == [f"{new.root}/b.txt", f"{tree.root}/a.txt"]


def test_if_nothing_is_missing_there_is_no_table_and_no_script(tree: Tree, new: Tree, state: StateDirectory) -> None:
    tree.write({"a.txt": "a"})
    new.write({"b.txt": "a"})
    page = _compared(tree, new, state)
    assert "Nothing is missing: the content of 1 file (1 B)" in _text(page)
    for absent in ("<script", "Missing, by folder", "Could not be read"):
        assert absent not in page


def test_a_certificate_says_where_each_content_is(tree: Tree, away: Tree, state: StateDirectory) -> None:
    tree.write({"DCIM/1.jpg": "one", "DCIM/2.jpg": "two", "empty.jpg": "", ".fileorg/trash/1/x.jpg": "x"})
    away.write({"old/there already.jpg": "one"})
    page = _certified(tree, away, state)
    text = _text(page)
    assert f"Everything is there: the content of 2 files (6 B) in {tree.root} is also in {away.root}." in text
    assert "The card may be formatted, if nothing that was left out is needed." in text
    assert "Not part of it: 1 empty file, 1 file or folder of fileorg." in text
    assert sorted(_files(page)) == [
        ("there", "DCIM/1.jpg", f"{away.root}/old/there already.jpg", ""),
        ("there", "DCIM/2.jpg", f"{away.root}/Images/2.jpg", ""),
    ]


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_card_may_be_formatted_only_if_everything_is_there(
    is_lost: bool, tree: Tree, away: Tree, state: StateDirectory
) -> None:
    tree.write({"1.jpg": "one", "2.jpg": "two"})
    away.write({"x.txt": "other"})
    page = _certified(tree, away, state, lost="Images/2.jpg" if is_lost else None)
    text = _text(page)
    assert ("The card may be formatted." in text, "Do not format the card yet." in text) == (not is_lost, is_lost)
    assert ("Not everything is there: 1 of 2 files" in text) == is_lost
    assert [record[0] for record in _files(page)].count("missing") == is_lost


def test_what_has_the_copies_is_not_to_be_formatted(tree: Tree, new: Tree, state: StateDirectory) -> None:
    tree.write({"1.jpg": "one"})
    text = _text(_certified(tree, new, state))
    assert "Everything is there" in text
    assert "Do not format the card: copies are on the same file system." in text
    assert "may be formatted" not in text


def test_what_the_options_left_out_is_no_reason_to_format(tree: Tree, away: Tree, state: StateDirectory) -> None:
    tree.write({"1.jpg": "one", "2.raw": "two"})
    away.write({"x.txt": "other"})
    text = _text(_certified(tree, away, state, filters=Filters(exclude=["*.raw"], hidden=True, all_files=True)))
    assert "if nothing that was left out is needed" in text
    assert "1 file that the options do not select" in text


def test_hostile_names_are_text(tree: Tree, new: Tree, state: StateDirectory) -> None:
    tree.write({f"{folder}/{name}": name for folder, name in _HOSTILE.items()})
    new.write({"x.txt": "other"})
    for page in (_compared(tree, new, state, unread=1), _certified(tree, new, state)):
        outside = re.sub(r"<(style)\b.*?</\1>", "", page, flags=re.DOTALL)
        assert set(re.findall(r"<script[^>]*>", outside)) == {
            '<script type="application/octet-stream" class="data">', '<script type="module">',
        }  # fmt: skip
        assert not re.search(r"<img|</title(?!>)", outside)
        assert not re.search("[\x1b\u202e\udcff]", page)
        assert "default-src &#39;none&#39;" in page
        names = json.dumps([list(line) for line in _files(page)], ensure_ascii=False)
        assert "<img src=x onerror=alert(2)>" in names
        assert "\\\\udcff" in names or "\\\\xff" in names
        assert not re.search("[\x1b\u202e]", names)


def test_memory_does_not_grow_with_the_files(
    monkeypatch: pytest.MonkeyPatch, tree: Tree, new: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    monkeypatch.setattr(report_html, "_BLOCK_BYTES", 30_000)
    tree.write({"a.txt": "a"})
    new.write({"b.txt": "b"})
    some = [
        (b"/card/DCIM/%d/%d.jpg" % (at % 100, at), at, 10**18, b"/photos/%d/%d.jpg" % (at % 90, at))
        for at in range(5000)
    ]
    chosen = CompareOptions(os.fsencode(tree.root), [os.fsencode(new.root)])
    with comparing(chosen, state, NullReporter()) as run:
        (side,) = run.sides
        finding = Finding(side.roots, side.others, side.found, side.seen, True, "Everything is there.", [], side.path)

        def peak(records: int) -> int:
            lines = islice(cycle(some), records)
            page = ContentsPage("Import", "", 0, "by digest", [finding], run.reads, [], records, lines, True, "fileorg")
            tracemalloc.start()
            try:
                with (tmp_path / "page.html").open("w") as stream:
                    write_contents_page(stream, page)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        assert peak(40_000) < peak(15_000) + 300_000


@pytest.mark.parametrize("kind", ["comparison", "certificate"])
def test_in_a_browser_it_is_quiet_and_for_everyone(
    kind: str, browser: Browser, tree: Tree, new: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.base", reason="NOT TESTED: accessibility, without axe-playwright-python"
    )
    tree.write({f"{folder}/{name}": name for folder, name in _HOSTILE.items()})
    tree.write({f"{folder:02}/{name}.jpg": f"{folder} {name}" for folder in range(30) for name in range(3)})
    new.write({"x.txt": "other"})
    page = _compared(tree, new, state, unread=1) if kind == "comparison" else _certified(tree, new, state)
    path = tmp_path / "page.html"
    path.write_text(page)
    with opened(browser, path) as it:
        it.settled().page.click("#row-1")
        assert it.page.is_visible("#details")
        assert it.count == "93 of 93"
        assert it.reported == []
    for scheme, width in (("light", 1280), ("dark", 390)):
        with opened(browser, path, width=width, color_scheme=scheme, bypass_csp=True) as it:
            it.settled().page.click("#row-1")
            assert it.page.evaluate("document.documentElement.scrollWidth") == width
            it.page.evaluate(axe.AXE_FILE_PATH.read_text())
            found = it.page.evaluate("axe.run()")
        assert len(found["passes"]) > 20, "axe did not look"
        serious = [each for each in found["violations"] if each["impact"] in {"serious", "critical"}]
        assert not serious, json.dumps([(each["id"], each["nodes"][0]["html"]) for each in serious], indent=1)
