"""A real browser, if installed, with a page of many records."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.report.pages import MANY, opened, realistic, report_of, some_groups, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser
    from tests.report.pages import Opened

_QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Module scope, because the event loop of playwright blocks this thread as long as the browser runs."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("NOT TESTED: the page in a browser, without playwright (pip install playwright)")
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        program = shutil.which("chromium") or shutil.which("google-chrome") or (own if Path(own).exists() else None)
        if program is None:
            pytest.skip("NOT TESTED: the page in a browser, without Chromium (playwright install chromium)")
        launched = playwright.chromium.launch(executable_path=program, args=_QUIET)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    report = report_of(realistic(MANY, folders=100), groups=some_groups(5))
    return written(tmp_path_factory.mktemp("page") / "many.html", report)


@pytest.fixture(scope="module")
def _shared(browser: Browser, many: Path) -> Iterator[Opened]:
    with opened(browser, many) as it:
        yield it


@pytest.fixture
def table(_shared: Opened) -> Opened:
    """The page of many records, reset to its initial state."""
    _shared.page.emulate_media(media="screen")
    _shared.page.set_viewport_size({"width": 1280, "height": 900})
    _shared.reported.clear()
    _shared.page.reload()
    return _shared.settled()
