"""A server of its own process with messy folders, and its page in a browser that records what it must not do."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

PATIENCE_MS = 30_000
_PAST = 1_700_000_000

HOSTILE = (
    b"<img src=x onerror=document.title='taken'>.pdf",
    b"bad\xff\xfename.jpg",
    "\u202egpj.exe.pdf".encode(),
    b"new\nline.txt",
)


def picture(colour: tuple[int, int, int]) -> bytes:
    """Return a PNG of one colour."""
    rows = (b"\0" + bytes(colour) * 60) * 40

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60, 40, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def messy(root: Path) -> Path:
    """Make a folder with files of some kinds, hostile names, and a picture that is there three times."""
    for name, size in (
        ("notes.txt", 20), ("film.mp4", 90_000), ("invoice 1.pdf", 300), ("invoice 2.pdf", 400),
        ("old/invoice 3.pdf", 500), ("old/song.mp3", 5_000), ("to sort/report.docx", 700), ("to sort/letter.docx", 800),
    ):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() + bytes(size))
    for name in ("sunset.png", "sunset (1).png", "old/sunset copy.png"):
        (root / name).write_bytes(picture((200, 120, 40)))
    for raw in HOSTILE:
        with open(os.fsencode(root) + b"/" + raw, "wb") as file:
            file.write(raw * 3)
    for path in root.rglob("*"):
        os.utime(path, (_PAST, _PAST))
    return root


@dataclass
class Server:
    """A running server, and what it serves."""

    link: str
    roots: list[Path]
    configuration: Path
    state: Path
    process: subprocess.Popen[str]

    @property
    def origin(self) -> str:
        return self.link.partition("/login")[0]


@contextmanager
def serving(place: Path, roots: list[Path]) -> Iterator[Server]:
    """Serve folders until the block ends. The tests of a module share one session, so it may do more in an hour."""
    state, configuration = place / "state", place / "fileorg" / "fileorg.toml"
    configuration.parent.mkdir()
    configuration.write_text("version = 1\n\n[serve]\nrequests_per_minute = 1000\noperations_per_hour = 100\n")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(place)}
    words = ["serve", "--no-open", "--state-dir", str(state), "--", *map(str, roots)]
    process = subprocess.Popen(
        [sys.executable, "-m", "fileorg", *words], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        link = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        yield Server(link, roots, configuration, state, process)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@dataclass
class Opened:
    """The page in a browser. `reported` is what it must not do; `heard` are the messages of its WebSockets."""

    page: Page
    server: Server
    reported: list[str] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.reported.append(f"error: {error}"))
        self.page.on("request", self._on_request)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._on_frame))

    def _on_console(self, message: ConsoleMessage) -> None:
        self.reported.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.server.origin}/", "data:,", "blob:")):
            self.reported.append(f"request: {request.url}")

    def _on_frame(self, text: str | bytes) -> None:
        self.heard.append(json.loads(text))

    def check_refused(self, status: int) -> None:
        """Check that nothing was reported but refusals with this status, each of which the browser reports."""
        assert [text for text in self.reported if f"status of {status}" not in text] == []
        self.reported.clear()

    def go(self, view: str) -> None:
        """Open a view of the page."""
        self.page.goto(f"{self.server.origin}/#/{view}")
        self.page.wait_for_selector("h1")

    def plan(self, root: Path, action: str = "Move") -> None:
        """Have a plan made of a folder and its subfolders."""
        self.go("organize")
        self.page.get_by_label("Folder", exact=True).select_option(label=str(root))
        self.page.get_by_label("Action", exact=True).select_option(label=action)
        self.page.get_by_label("Include subfolders").check()
        self.page.get_by_role("button", name="Make a plan").click()
        self.page.wait_for_selector("plan-tree .line")

    def side(self, name: str) -> Any:
        """Return the tree of a side of the plan: Before or After."""
        return self.page.get_by_role("tree", name=name)

    def line(self, side: str, name: str) -> Any:
        """Return the row of a file or folder."""
        return (
            self.side(side).get_by_role("treeitem").filter(has=self.page.locator(f".label:text-is({json.dumps(name)})"))
        )

    def open_folder(self, side: str, name: str) -> None:
        """Open a folder of a tree."""
        self.line(side, name).locator(".caret").click()

    def check_for_everyone(self) -> None:
        """Check that axe finds nothing serious, and that nothing sticks out of the window."""
        axe = pytest.importorskip(
            "axe_playwright_python.base", reason="NOT TESTED: accessibility, without axe-playwright-python"
        )
        self.page.evaluate(axe.AXE_FILE_PATH.read_text())
        found = self.page.evaluate("axe.run()")
        assert len(found["passes"]) > 12, "axe did not look"
        serious = [each for each in found["violations"] if each["impact"] in {"serious", "critical"}]
        assert not serious, json.dumps([(each["id"], each["nodes"][0]["html"]) for each in serious], indent=1)
        sizes: Mapping[str, int] = self.page.evaluate("({ is: document.documentElement.scrollWidth, may: innerWidth })")
        assert sizes["is"] <= sizes["may"], "something sticks out"


@contextmanager
def opened(
    browser: Browser, server: Server, cookies: list[Any], *, width: int = 1280, **options: Any
) -> Iterator[Opened]:
    """Open the page in a browser that has logged in. `options` are those of a browser context."""
    context = browser.new_context(viewport={"width": width, "height": 860}, **options)
    try:
        context.add_cookies(cookies)
        yield Opened(context.new_page(), server)
    finally:
        context.close()
