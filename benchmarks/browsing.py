#!/usr/bin/env python3
"""Time a report in a browser: `browsing.py FILE`. Print JSON, in seconds; needs playwright and Chromium."""

import json
import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_PATIENCE_MS = 120_000


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        started = time.perf_counter()
        page.goto(Path(sys.argv[1]).absolute().as_uri())
        _settled(page)
        shown_s = time.perf_counter() - started
        sorts = [_timed(page, lambda key=key: page.click(f"[data-key={key}] button")) for key in ("size", "from", "to")]
        busy = "document.getElementById('grid').setAttribute('aria-busy', 'true')"

        def type_text() -> None:
            page.evaluate(busy)
            page.fill("#text", "invoice")

        filtered_s = _timed(page, type_text)
        heap = page.evaluate("performance.memory.usedJSHeapSize")
        print(json.dumps({
            "shown_s": shown_s, "first_sort_s": shown_s + sorts[0], "sorts_s": sorts, "filter_s": filtered_s,
            "heap_bytes": heap,
        }))  # fmt: skip
        browser.close()


def _timed(page: Page, step: object) -> float:
    started = time.perf_counter()
    step()  # type: ignore[operator]
    _settled(page)
    return time.perf_counter() - started


def _settled(page: Page) -> None:
    page.wait_for_selector("#grid[aria-busy=false]", timeout=_PATIENCE_MS)


if __name__ == "__main__":
    main()
