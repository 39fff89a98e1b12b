"""The HTML of a report page."""

from __future__ import annotations

import io
import tracemalloc
from itertools import cycle, islice
from typing import TYPE_CHECKING

from tests.report.pages import ROOT, a_line, realistic, report_of, some_groups, unpacked, written

from fileorg.core.names import display
from fileorg.report import html
from fileorg.report.content import FolderShare
from fileorg.report.html import write_html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from fileorg.report.content import DuplicateGroup, Report


def _page(report: Report) -> str:
    stream = io.StringIO()
    write_html(stream, report)
    return stream.getvalue()


def test_what_is_packed_is_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_MAX_FOLDERS", 3)
    monkeypatch.setattr(html, "_BATCH", 7)
    monkeypatch.setattr(html, "_BLOCK_BYTES", 30)
    lines = [
        a_line(3 * number, b"%d.txt" % number, source_folder=ROOT + b"/%d" % (number % 5), reason="why" * (number % 2))
        for number in range(100)
    ]
    lines[50] = lines[50]._replace(target_name=b"50 (2).txt", keeper=ROOT + b"/kept.txt", source_folder=None)
    _, *batches = unpacked(_page(report_of(lines)))
    folders, words, reported, last = [""], [""], [], 0
    for batch in batches:
        folders += batch["folders"]
        words += batch["words"]
        reasons = dict(zip(batch["reason"][::2], batch["reason"][1::2], strict=True))
        keepers = dict(zip(batch["keeper"][::2], batch["keeper"][1::2], strict=True))
        for at, difference in enumerate(batch["id"]):
            last += difference
            keeper = keepers.get(at)
            reported.append(
                [last, words[batch["action"][at]], folders[batch["from"][at]], batch["name"][at],
                 folders[batch["to"][at]], batch["newName"][at] or batch["name"][at], words[batch["category"][at]],
                 words[batch["status"][at]], batch["size"][at], reasons.get(at, ""),
                 keeper and f"{folders[keeper[0]]}/{keeper[1]}"]
            )  # fmt: skip

    def below(path: bytes | None) -> str:
        return display(path or b"").removeprefix(display(ROOT)).removeprefix("/")

    assert reported == [
        [line.id, line.action, below(line.source_folder), display(line.source_name or b""), below(line.target_folder),
         display(line.target_name or b""), line.category, line.status, line.size, line.reason,
         f"/{below(line.keeper)}" if line.keeper else None]
        for line in lines
    ]  # fmt: skip
    assert len(folders) > 6, "no folder was written out again: the test shows nothing of that"


def test_with_several_roots_paths_are_whole() -> None:
    header, batch = unpacked(_page(report_of([a_line(1)], roots=[ROOT, b"/mnt/disk"])))
    assert header["root"] == ""
    assert batch["folders"] == ["/home/ana/Downloads", "/home/ana/Downloads/Documents"]


def test_memory_does_not_grow_with_the_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(html, "_BLOCK_BYTES", 30_000)
    lines = list(realistic(5_000, folders=200))

    def peak(records: int) -> int:
        report = report_of(lines)._replace(lines=lambda: islice(cycle(lines), records))
        tracemalloc.start()
        try:
            written(tmp_path / "page.html", report)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(60_000) < peak(20_000) + 300_000


def test_no_more_groups_are_read_than_are_shown() -> None:
    read = []

    def groups() -> Iterator[DuplicateGroup]:
        for group in some_groups(1000):
            read.append(group)
            yield group

    report = report_of([a_line(1)], groups=some_groups(1000))
    page = _page(report._replace(groups=groups))
    assert len(read) <= 101
    assert "The first 100 groups" in page


def test_the_policy_allows_nothing_but_the_page_itself() -> None:
    page = _page(report_of([a_line(1)]))
    assert "default-src &#39;none&#39;" in page
    assert "unsafe" not in page.partition("<style>")[0]
    assert " style=" not in page.partition("<style>")[0] + page.partition("</style>")[2].partition("<script")[0]


def test_what_there_is_nothing_of_is_left_out() -> None:
    page = _page(report_of([], kind="purge", undoes=3, way_back=None, options={}))
    for absent in ("Problems", "By category", "Destinations", "Duplicates", "<script", "Undo with", "Options"):
        assert absent not in page
    assert "of operation 3" in page


def test_a_scan_has_no_targets_and_no_undo() -> None:
    seen = [a_line(1, target_folder=None, target_name=None, status="seen", action="", mtime_ns=1_700_000_000 * 10**9)]
    page = _page(report_of(seen, kind="scan", operation=None, way_back=None, options={}, ended_ns=None))
    assert "<title>fileorg: Contents of /home/ana/Downloads</title>" in page
    assert 'data-key="changed"' in page
    assert 'data-key="to"' not in page


def test_the_tree_tells_of_each_folder_what_it_adds() -> None:
    places = [
        FolderShare(ROOT + path, path.count(b"/") - 1, 1, 10) for path in (b"/A", b"/A/2020", b"/A/2020/01", b"/B")
    ]
    page = _page(report_of([a_line(1)])._replace(places=places))
    assert [part.partition("<")[0] for part in page.split('class="level-')[1:]] == ['0">A', '1">2020', '2">01', '0">B']
