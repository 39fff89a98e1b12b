"""The report page in a real browser."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.report.pages import MANY, ROOT, a_line, opened, realistic, report_of, written

from fileorg.core import figures
from fileorg.core.names import display
from fileorg.report.content import ReasonShare

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from tests.report.pages import Opened

    from fileorg.report.content import Line

_LARGEST_BYTES = 30_000_000
_PATIENCE_SECONDS = 8


def test_the_page_opens_without_a_word_and_without_the_network(table: Opened) -> None:
    assert table.count == "20,000 of 20,000"
    table.sort("size")
    table.type("img")
    assert table.reported == []


def test_what_a_page_does_wrong_is_noticed(browser: Browser, many: Path, tmp_path: Path) -> None:
    page = many.read_text()
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(page.replace("<main>", '<main><img src="https://example.invalid/a.png"><script>let a</script>'))
    with opened(browser, spoilt) as it:
        it.settled()
        assert len(it.reported) >= 2, "neither the script nor the picture was noticed"


def test_problems_come_first_and_the_rest_as_it_was_done(table: Opened) -> None:
    lines = list(realistic(MANY, folders=100))
    assert set(table.column("status")) == {"failed"}
    table.choose("status", "done")
    done = [(display(line.source_name or b""), line.status) for line in lines if line.status == "done"]
    shown = [(path.rpartition("/")[2].lstrip("\n"), "done") for path in table.column("from")]
    assert shown == done[: len(shown)]


def test_folders_on_the_way_come_after_the_files_and_are_a_category(browser: Browser, tmp_path: Path) -> None:
    made = {"action": "make-folder", "source_folder": None, "source_name": None, "category": "", "size": 0}
    lines = [a_line(1, b"Documents", **made), a_line(2, b"a.txt"), a_line(3, b"b.txt", status="failed")]
    with opened(browser, written(tmp_path / "page.html", report_of(lines))) as it:
        assert it.settled().column("status") == ["failed", "done", "done"]
        assert it.column("category") == ["Documents", "Documents", "folder"]
        it.choose("category", "folder")
        assert it.column("reason") == ["make-folder"]


def _sorted_by(table: Opened, key: str) -> list[list[str]]:
    """Return folder and name of the visible rows; targets show only the folder if the name is unchanged."""
    parts = [text.casefold().split("\n") for text in table.column(key)]
    return [part[:1] for part in parts] if key == "to" else parts


def test_every_column_sorts_both_ways(table: Opened) -> None:
    def sizes() -> list[str]:
        return table.column("size")[:3]

    by_size = sorted((line.size for line in realistic(MANY, folders=100)), reverse=True)
    table.sort("size")
    assert sizes() == [figures.size(size) for size in by_size[:3]]
    table.sort("size")
    assert sizes() == [figures.size(size) for size in by_size[:-4:-1]]
    assert table.page.get_attribute("[data-key=size]", "aria-sort") == "ascending"
    for key in ("from", "to", "category", "reason"):
        table.sort(key)
        first = _sorted_by(table, key)
        assert first == sorted(first), key
        table.sort(key)
        last = _sorted_by(table, key)
        assert last == sorted(last, reverse=True), key
        assert first[0] < last[0] or key == "reason"
    table.page.focus("[data-key=status] button")
    table.page.keyboard.press("Enter")
    assert table.settled().page.get_attribute("[data-key=status]", "aria-sort") == "ascending"


def test_a_filter_leaves_what_holds_the_text_whatever_its_case(table: Opened) -> None:
    lines = list(realistic(MANY, folders=100))

    def holding(text: str) -> int:
        def paths(line: Line) -> str:
            below = (ROOT + b"/").decode()
            places = ((line.source_folder, line.source_name), (line.target_folder, line.target_name))
            return "\n".join(
                f"{display(folder or b'')}/{display(name or b'')}".removeprefix(below) for folder, name in places
            )

        return sum(text.casefold() in f"{paths(line)}\n{line.reason}".casefold() for line in lines)

    for text in ("INVOICE", "images/img_2015", "batch-0042/im", "permission", "(2).", "a.b|c", "", "no such thing"):
        table.type(text)
        assert table.count == f"{holding(text):,} of 20,000", text
    assert table.page.is_visible("#nothing")
    table.page.click("button[type=reset]")
    table.until(lambda: table.count == "20,000 of 20,000")


def test_choices_filter_and_go_together_with_the_text(table: Opened) -> None:
    lines = list(realistic(MANY, folders=100))
    table.choose("status", "failed")
    table.choose("category", "Video")
    both = [line for line in lines if line.status == "failed" and line.category == "Video"]
    assert table.count == f"{len(both)} of 20,000"
    table.type("mp4")
    assert table.count == f"{sum(b'.mp4' in (line.source_name or b'') for line in both)} of 20,000"


def test_a_problem_leads_to_its_records(table: Opened) -> None:
    table.page.evaluate("document.getElementById('grid').setAttribute('aria-busy', 'true')")
    table.page.click("button.find[data-status=conflict]")
    table.settled()
    assert set(table.column("status")) == {"conflict"}
    failed = sum(line.status == "conflict" for line in realistic(MANY, folders=100))
    assert table.count == f"{failed} of 20,000"


def test_a_problem_of_which_the_names_are_left_out_leads_to_its_records(browser: Browser, tmp_path: Path) -> None:
    lines = [a_line(number, status="skipped", reason=f"identical to {number}.txt") for number in range(5)]
    report = report_of([*lines, a_line(5, status="skipped", reason="something else"), a_line(6)])
    kind = ReasonShare("skipped", "identical to a file that is already there", 5, [])
    with opened(browser, written(tmp_path / "page.html", report._replace(reasons=[kind]))) as it:
        it.settled().page.click("button.find")
        it.until(lambda: it.count == "5 of 7")


def _make_taller(table: Opened, row_pixels: int) -> None:
    """Make rows so tall that the table exceeds the height limit of browsers."""
    table.page.evaluate(f"document.documentElement.style.setProperty('--row', '{row_pixels}px')")
    table.page.set_viewport_size({"width": 1270, "height": 800})
    table.until(lambda: table.page.evaluate("document.getElementById('rows').offsetHeight") == 8_000_000)


def test_keys_reach_every_record_also_where_all_are_too_tall_for_a_browser(table: Opened) -> None:
    _make_taller(table, 1000)
    table.page.focus("#grid")
    press = table.page.keyboard.press

    def row() -> str | None:
        return table.page.get_attribute("#layer [aria-selected=true]", "aria-rowindex")

    press("End")
    assert row() == "20001"
    assert table.page.locator("#row-19999").bounding_box()["y"] < 800  # type: ignore[index]
    press("ArrowUp")
    assert row() == "20000"
    press("Home")
    assert row() == "2"
    for _ in range(3):
        press("ArrowDown")
    press("PageDown")
    assert row() == "6"
    press("PageUp")
    assert row() == "5"
    assert table.page.get_attribute("#grid", "aria-activedescendant") == "row-3"


def test_a_wheel_skips_no_record_also_where_all_are_too_tall_for_a_browser(table: Opened) -> None:
    _make_taller(table, 1000)
    grid = table.page.locator("#grid")
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    assert box is not None
    table.page.mouse.move(box["x"] + 50, box["y"] + 100)

    def top() -> int:
        script = """() => {
            const grid = document.getElementById("grid").getBoundingClientRect();
            const row = document.elementFromPoint(grid.x + 30, grid.y + 60).closest(".row");
            return Number(row.getAttribute("aria-rowindex"));
        }"""
        return int(table.page.evaluate(script))

    table.page.evaluate("document.getElementById('grid').scrollTop = 4000000")
    table.page.wait_for_timeout(400)
    middle = top()
    assert 9_900 < middle < 10_100
    for step in range(1, 6):
        table.page.mouse.wheel(0, 250)
        table.page.wait_for_timeout(250)
        assert middle <= top() <= middle + 1 + step // 4
    table.page.evaluate("document.getElementById('grid').scrollTop = 1e9")
    table.page.wait_for_timeout(400)
    assert table.page.locator("#row-19999").is_visible()


def test_a_record_tells_all_that_is_known_of_it(browser: Browser, tmp_path: Path) -> None:
    kept = a_line(
        4, b"copy.txt", target_folder=ROOT + b"/.fileorg/trash/7", action="quarantine", keeper=ROOT + b"/b/kept.txt"
    )
    with opened(browser, written(tmp_path / "page.html", report_of([kept._replace(reason="noted")]))) as it:
        it.settled().page.focus("#grid")
        it.page.keyboard.press("Home")
        it.page.keyboard.press("Enter")
        assert it.page.evaluate("document.activeElement.id") == "details"
        facts = dict(zip(*(it.page.locator(f"#facts {tag}").all_inner_texts() for tag in ("dt", "dd")), strict=True))
        it.page.keyboard.press("Escape")
        assert it.page.evaluate("document.activeElement.id") == "grid"
    assert facts == {
        "From": "/home/ana/Downloads/copy.txt", "To": "/home/ana/Downloads/.fileorg/trash/7/copy.txt",
        "Reason": "noted", "Kept": "/home/ana/Downloads/b/kept.txt", "Status": "done", "Action": "quarantine",
        "Category": "Documents", "Size": "1004 B (1,004 bytes)", "Record": "4",
    }  # fmt: skip


_HOSTILE = [
    b"<script>window.harmed = 1</script>", b'"><img src=x onerror="window.harmed = 1">.jpg', b"</script><h1>harm",
    b"<!--", b"]]>", b"=1+1", b"{{ 7*7 }}", b"&lt;b&gt;", "\u202egnp.exe".encode(), b"\xff\xfe.txt", b"two\nlines",
    b"\x1b[31mred", "zero\u200bwidth".encode(), b"a\\nb", b"'; --", b"  spaces  ", "Ünïcödé 名前 🙂".encode(),
]  # fmt: skip


def test_hostile_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    lines = [
        a_line(number, name, source_folder=ROOT + b"/" + name, target_folder=ROOT + b"/to " + name,
              target_name=b"new " + name, category=display(name), status="failed", reason=os.fsdecode(name))
        for number, name in enumerate(_HOSTILE)
    ]  # fmt: skip
    report = report_of(
        lines, way_back="fileorg undo '<b>'", options={"exclude": [os.fsdecode(name) for name in _HOSTILE]}
    )
    with opened(browser, written(tmp_path / "page.html", report)) as it:
        it.settled()
        names = it.page.locator("#layer .of-from .name").evaluate_all("cells => cells.map(cell => cell.textContent)")
        new = it.page.locator("#layer .of-to .name").evaluate_all("cells => cells.map(cell => cell.textContent)")
        it.page.focus("#grid")
        for _ in lines:
            it.page.keyboard.press("ArrowDown")
        it.page.emulate_media(media="print")
        assert it.page.evaluate("window.harmed") is None
        assert it.page.locator("main img, main script, main h1").count() == 0
        text = it.page.evaluate("document.body.textContent")
        assert it.reported == []
    assert names == [display(name) for name in _HOSTILE]
    assert new == [display(b"new " + name) for name in _HOSTILE]
    assert not {"\x1b", "\u202e", "\u200b", "\ufffd"} & set(text)


def test_a_scan_shows_when_files_changed(browser: Browser, tmp_path: Path) -> None:
    seen = [
        a_line(number, b"%d.txt" % number, target_folder=None, target_name=None, status="seen", action="",
              mtime_ns=(1_600_000_000 - number * 10**9) * 10**9)
        for number in range(3)
    ]  # fmt: skip
    report = report_of(seen, kind="scan", operation=None, way_back=None, options={}, ended_ns=None)
    with opened(browser, written(tmp_path / "page.html", report)) as it:
        it.settled()
        assert [path.replace("\n", "") for path in it.column("from")] == ["0.txt", "1.txt", "2.txt"]
        it.sort("changed")
        assert [path.replace("\n", "") for path in it.column("from")] == ["0.txt", "1.txt", "2.txt"]
        it.sort("changed")
        assert [path.replace("\n", "") for path in it.column("from")] == ["2.txt", "1.txt", "0.txt"]
        assert [when[:4] for when in it.column("changed")] == ["1957", "1989", "2020"]
        assert it.reported == []


@pytest.mark.slow
@pytest.mark.parametrize("folders", [1000, 1])
def test_a_million_records_open_and_sort_in_time(browser: Browser, tmp_path: Path, folders: int) -> None:
    report = report_of(realistic(1000))
    summary = report.summary._replace(records=1_000_000)
    page = written(
        tmp_path / "page.html", report._replace(summary=summary, lines=lambda: realistic(1_000_000, folders))
    )
    assert page.stat().st_size < _LARGEST_BYTES
    started = time.perf_counter()
    with opened(browser, page) as it:
        it.settled().sort("from")
        took = time.perf_counter() - started
        assert it.count == "1,000,000 of 1,000,000"
        started = time.perf_counter()
        it.type("holiday")
        filtered = time.perf_counter() - started
        it.type("")
        it.page.focus("#grid")
        it.page.keyboard.press("End")
        assert it.page.get_attribute("#layer [aria-selected=true]", "aria-rowindex") == "1000001"
        assert it.reported == []
    print(f"{page.stat().st_size / 1e6:.1f} MB; sorted after {took:.1f} s, filtered in {filtered:.2f} s")
    assert took < _PATIENCE_SECONDS or "CI" in os.environ
