#!/usr/bin/env python3
"""Take the pictures of the documentation from a real run: `python docs/screenshots.py --home /home/you`.

Create a Downloads folder in that home, which must not exist, show it in the page of fileorg serve, organize it in a
terminal, open its report in Chromium, and remove the home. Needs the dev dependencies, Chromium, and permission to
create that folder.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "benchmarks"), str(HERE.parent)]

import pexpect  # noqa: E402  after the two folders
import pyte  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from tree import Bytes, make_tree  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

COLUMNS, LINES = 92, 40
FILES = 2_400
HELD = 3
_PATIENCE_MS = 120_000
_PROGRAM = [sys.executable, "-m", "fileorg"]
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_COLOURS = {"cyan": "#56b6c2", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b"}
_TERMINAL = """
body { margin: 0; background: #fff }
pre { display: inline-block; margin: 0; padding: 18px 22px; border-radius: 10px; background: #1c1f26; color: #d7dae0;
  font: 14px/1.38 "DejaVu Sans Mono", monospace }
b { color: #fff }
i { font-style: normal; opacity: .6 }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a folder that does not exist yet")
    parser.add_argument("--page", action="store_true", help="only the pictures of the page of fileorg serve")
    given = parser.parse_args()
    home = given.home.absolute()
    home.mkdir()
    try:
        _take(home, only_page=given.page)
    finally:
        subprocess.run(["chattr", "-R", "-i", home], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(home)


def _take(home: Path, *, only_page: bool) -> None:
    make_tree(home / "Downloads", FILES, written=Bytes.SPARSE, per_folder=60)
    _hold(home / "Downloads")
    environment = {**os.environ, "HOME": str(home), "FILEORG_HOME": str(home / ".state"), "TERM": "xterm-256color"}
    environment["PYTHONPATH"] = str(HERE.parent / "src")
    environment["XDG_CONFIG_HOME"] = str(home / ".config")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_QUIET)
        _pictures_of_page(browser, home, environment)
        browser.close()
    if only_page:
        return
    screen = _organize(home, environment)
    page = home / "report.html"
    subprocess.run([*_PROGRAM, "report", "-q", "-o", page], env=environment, cwd=home, check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_QUIET)
        _picture_of_terminal(browser, screen)
        for scheme in ("light", "dark"):
            _pictures_of_report(browser, page, scheme)
        browser.close()


def _hold(folder: Path) -> None:
    """Make some files immovable, if the file system allows that, so that the report has content."""
    held = sorted(path for path in folder.rglob("*") if path.is_file())[: HELD * 7 : 7]
    subprocess.run(["chattr", "+i", *held], check=False, stderr=subprocess.DEVNULL)


def _organize(home: Path, environment: dict[str, str]) -> Any:
    """Organize the folder in a terminal, and return its screen."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[1m$ fileorg organize -r ~/Downloads\x1b[0m\r\n")
    child = pexpect.spawn(
        _PROGRAM[0],
        [*_PROGRAM[1:], "organize", "-r", str(home / "Downloads")],
        env=environment,
        cwd=str(home),
        dimensions=(LINES, COLUMNS),
        encoding="utf-8",
        timeout=60,
    )
    child.expect(r"\[y/N[^\]]*\] ")
    stream.feed(child.before + child.after)
    child.send("y\r")
    child.expect(pexpect.EOF)
    stream.feed(child.before)
    child.close()
    return screen


def _picture_of_terminal(browser: Browser, screen: Any) -> None:
    rows = ["".join(_cell(screen.buffer[row][column]) for column in range(COLUMNS)) for row in range(LINES)]
    while rows and not rows[-1].strip():
        rows.pop()
    page = browser.new_page(viewport={"width": 1000, "height": 900}, device_scale_factor=1.5)
    page.set_content(f"<style>{_TERMINAL}</style><pre>" + "\n".join(row.rstrip() for row in rows) + "</pre>")
    page.locator("pre").screenshot(path=HERE / "terminal.png")


def _cell(cell: Any) -> str:
    text = html.escape(cell.data)
    if cell.fg in _COLOURS:
        return f'<span style="color: {_COLOURS[cell.fg]}">{text}</span>'
    return f"<b>{text}</b>" if cell.bold else text


def _pictures_of_page(browser: Browser, home: Path, environment: dict[str, str]) -> None:
    """Serve the folder, and take pictures of its space and of a plan in which a file was moved."""
    words = ["serve", "--no-open", "--", str(home / "Downloads")]
    server = subprocess.Popen([*_PROGRAM, *words], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        link = next(found[0] for line in server.stdout or () if (found := re.search(r"http://\S+", line)))
        context = browser.new_context()
        page = context.new_page()
        page.goto(link)
        page.wait_for_selector(".treemap", timeout=_PATIENCE_MS)
        cookies: Any = context.cookies()
        for scheme in ("light", "dark"):
            _pictures_of_views(browser, link.partition("/login")[0], cookies, scheme)
    finally:
        server.terminate()
        server.wait()


def _pictures_of_views(browser: Browser, origin: str, cookies: Any, scheme: Any) -> None:
    for name, width, height in (("page", 1280, 860), ("page-phone", 390, 844)):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.add_cookies(cookies)
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.goto(f"{origin}/#/")
        page.wait_for_selector(".treemap")
        page.screenshot(path=HERE / f"{name}-home-{scheme}.png")
        page.goto(f"{origin}/#/organize")
        page.get_by_label("Include subfolders").check()
        page.get_by_role("button", name="Make a plan").click()
        page.wait_for_selector("plan-tree .line")
        after = page.get_by_role("tree", name="After")
        after.locator(".line[aria-level='2'] .caret").nth(1).click()
        after.locator(".line[aria-level='3'] .label").nth(1).click()
        page.get_by_role("button", name="Move to…").click()
        page.get_by_role("combobox", name="Folder").fill("Archives/Backups")
        page.get_by_role("button", name="Move", exact=True).click()
        page.get_by_role("radio").first.check()
        page.get_by_role("button", name="Move", exact=True).click()
        page.wait_for_selector("text=moved by you")
        before = page.get_by_role("tree", name="Before")
        before.locator(".line[aria-level='2'] .check").nth(1).click()
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(200)
        page.screenshot(path=HERE / f"{name}-{scheme}.png")
        page.get_by_role("button", name="Drop the plan").click()
        page.wait_for_selector("text=Make a plan")
        context.close()


def _pictures_of_report(browser: Browser, path: Path, scheme: Any) -> None:
    for name, width, height, scale in (("report", 1280, 1000, 1), ("report-phone", 390, 844, 2)):
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale, color_scheme=scheme
        )
        page = context.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("#grid[aria-busy=false]")
        page.screenshot(path=HERE / f"{name}-{scheme}.png")
        page.locator("#grid").scroll_into_view_if_needed()
        page.locator("#grid").evaluate("grid => grid.closest('section').scrollIntoView()")
        page.wait_for_timeout(300)
        page.screenshot(path=HERE / f"{name}-records-{scheme}.png")
        context.close()


if __name__ == "__main__":
    main()
