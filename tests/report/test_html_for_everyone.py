"""The report page with a screen reader, on a phone, on paper, and without its script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.report.pages import a_line, opened, report_of, written

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from tests.report.pages import Opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(browser: Browser, many: Path, scheme: str, width: int) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.base", reason="NOT TESTED: accessibility, without axe-playwright-python"
    )
    with opened(browser, many, width=width, color_scheme=scheme, bypass_csp=True) as it:
        it.settled().page.focus("#grid")
        it.page.keyboard.press("ArrowDown")
        it.page.evaluate(axe.AXE_FILE_PATH.read_text())
        found = it.page.evaluate("axe.run()")
    assert len(found["passes"]) > 20, "axe did not look"
    serious = [each for each in found["violations"] if each["impact"] in {"serious", "critical"}]
    assert not serious, json.dumps([(each["id"], each["nodes"][0]["html"]) for each in serious], indent=1)


def test_axe_notices_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.base", reason="NOT TESTED: accessibility, without axe-playwright-python"
    )
    with opened(browser, written(tmp_path / "page.html", report_of([a_line(1)])), bypass_csp=True) as it:
        it.settled().page.evaluate("document.querySelector('label[for=text]').remove()")
        it.page.evaluate("document.querySelector('h1').style.color = '#ddd'")
        it.page.evaluate(axe.AXE_FILE_PATH.read_text())
        found = it.page.evaluate("axe.run()")
    assert {"label", "color-contrast"} <= {each["id"] for each in found["violations"]}


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_nothing_sticks_out(browser: Browser, many: Path, width: int) -> None:
    with opened(browser, many, width=width, has_touch=True, is_mobile=True) as it:
        it.settled()
        assert it.page.evaluate("document.documentElement.scrollWidth") == width
        it.page.tap("#row-0")
        assert it.page.is_visible("#details")
        assert it.page.evaluate("document.documentElement.scrollWidth") == width


def test_paper_gets_the_first_records_and_how_many_more_there_are(table: Opened) -> None:
    table.page.emulate_media(media="print")
    table.until(lambda: table.page.is_visible("#printed tbody tr"))
    assert table.page.inner_text("#printed-note") == "The first 1,000 records; 19,000 more are not printed."
    assert table.page.locator("#printed tbody tr").count() == 1000
    assert table.page.is_visible("#printed tbody tr:last-child td")
    assert not table.page.is_visible("#grid")
    assert table.page.locator("details:not([open])").count() == 0
    table.page.emulate_media(media="screen")
    table.until(lambda: table.page.locator("#printed tbody tr").count() == 0)
    assert table.page.locator("details:not([open])").count() > 0
    table.choose("status", "failed")
    table.choose("category", "Video")
    left = int(table.count.split()[0])
    table.page.emulate_media(media="print")
    table.until(lambda: table.page.locator("#printed tbody tr").count() == left)
    assert "of 20,000" in table.page.inner_text("#printed-note")
    table.page.emulate_media(media="screen")
    assert table.page.pdf()[:5] == b"%PDF-"


def test_without_javascript_all_but_the_table_is_there(browser: Browser, many: Path) -> None:
    with opened(browser, many, java_script_enabled=False) as it:
        text = it.page.inner_text("body")
        assert it.reported == []
    for said in (
        "Organize 7",
        "Permission denied",
        "By category",
        "Destinations",
        "Duplicates",
        "fileorg report --format csv",
    ):
        assert said in text
