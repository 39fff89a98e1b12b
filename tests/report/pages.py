"""Reports with up to a million records, their pages, and a browser that records messages, errors and requests."""

from __future__ import annotations

import gzip
import json
import random
import re
import time
from base64 import b64decode
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fileorg.core.model import StatusCode
from fileorg.journal.status import OperationStatus
from fileorg.report.content import (
    Copy,
    DuplicateGroup,
    DuplicateSums,
    FolderShare,
    Line,
    ReasonShare,
    Report,
    Share,
    Summary,
)
from fileorg.report.html import write_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import Any

    from playwright.sync_api import Browser, Page, Request

_PATIENCE_SECONDS = 20

ROOT = b"/home/ana/Downloads"
MANY = 20_000

# Typical names and extensions of a download folder.
_KINDS = [
    ("Images", ["jpg", "png", "heic"], 4_000_000),
    ("Video", ["mp4", "mov"], 200_000_000),
    ("Documents", ["pdf", "docx", "txt"], 600_000),
    ("Audio", ["mp3", "flac"], 9_000_000),
    ("Archives", ["zip", "tar.gz"], 40_000_000),
    ("Code", ["py", "js"], 9_000),
]
_WORDS = [
    "invoice", "report", "holiday", "scan", "draft", "photo", "notes", "budget", "letter", "final", "contract",
    "ticket", "map", "song",
]  # fmt: skip


def realistic(count: int, folders: int = 1000, seed: int = 1) -> Iterator[Line]:
    """Yield records of an organize: one in a hundred has failed, one in fifty got a number, the others are done."""
    chance = random.Random(seed)
    for number in range(count):
        kind, extensions, usual = chance.choice(_KINDS)
        extension = chance.choice(extensions)
        if kind in {"Images", "Video"}:
            day = f"{chance.randrange(2010, 2026)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}"
            name = f"IMG_{day}_{chance.randrange(10**6):06}.{extension}"
        else:
            name = f"{chance.choice(_WORDS)} {chance.choice(_WORDS)} {chance.randrange(10_000)}.{extension}"
        batch = number * folders // count
        source = ROOT + f"/{_WORDS[batch % 14]}/{2010 + batch % 16}/batch-{batch:04}".encode()
        status, reason = "done", ""
        if not number % 100:
            status, reason = chance.choice(
                [
                    ("skipped", "identical content is there already"),
                    ("failed", "Permission denied"),
                    ("conflict", "the name was taken meanwhile"),
                ]
            )
        new = name if number % 50 != 7 else name.replace(".", " (2).", 1)
        size = int(usual * chance.expovariate(1)) + 1
        yield Line(
            number + 1, "move", source, name.encode(), ROOT + f"/{kind}".encode(), new.encode(), kind, status, size,
            None, reason, None,
        )  # fmt: skip


def a_line(number: int, name: bytes = b"a.txt", **changes: Any) -> Line:
    """Return the line of a moved file, with `changes`."""
    line = Line(
        number, "move", ROOT, name, ROOT + b"/Documents", name, "Documents", "done", 1000 + number, None, "", None
    )
    return line._replace(**changes)


def report_of(lines: Iterable[Line], *, groups: Iterable[DuplicateGroup] = (), **changes: Any) -> Report:
    """Return a report of these lines, with totals from them; `changes` apply to the summary."""
    kept, given = list(lines), list(groups)
    shares: dict[str, Counter[str]] = {"category": Counter(), "status": Counter()}
    sizes: dict[str, Counter[str]] = {"category": Counter(), "status": Counter()}
    reasons: dict[tuple[str, str], list[bytes]] = {}
    places: dict[bytes, list[int]] = {}
    for line in kept:
        for key in ("category", "status"):
            if key == "status" or line.status in {"done", "seen"}:
                shares[key][getattr(line, key)] += 1
                sizes[key][getattr(line, key)] += line.size
        if line.reason:
            reasons.setdefault((line.status, line.reason), []).append(_path(line))
        if line.target_folder is not None and line.status == "done":
            total = places.setdefault(line.target_folder, [0, 0])
            total[0] += 1
            total[1] += line.size
    done = [line.size for line in kept if line.status in {"done", "seen"}]
    summary = Summary(
        kind="organize", status=OperationStatus(StatusCode.ACTIVE), roots=[ROOT], dest=None, records=len(kept),
        files=len(done), size_bytes=sum(done), operation=7,
        options={"by": "category", "action": "move", "exclude": ["*.part", "keep/"]},
        started_ns=1_795_000_000_000_000_000, ended_ns=1_795_000_018_400_000_000, way_back="fileorg undo 7",
    )  # fmt: skip
    reclaimable = sum(group.reclaimable for group in given)
    return Report(
        summary=summary._replace(**changes),
        categories=_shares(shares["category"], sizes["category"]),
        statuses=_shares(shares["status"], sizes["status"]),
        reasons=[
            ReasonShare(status, reason, len(paths), paths[:3]) for (status, reason), paths in sorted(reasons.items())
        ],
        places=[FolderShare(path, 0, *total) for path, total in sorted(places.items())],
        duplicates=DuplicateSums(len(given), sum(len(group.copies) for group in given), reclaimable) if given else None,
        lines=lambda: iter(kept),
        groups=lambda: iter(given),
    )


def _path(line: Line) -> bytes:
    return (line.source_folder or line.target_folder or b"") + b"/" + (line.source_name or line.target_name or b"")


def _shares(counts: Counter[str], sizes: Counter[str]) -> list[Share]:
    return sorted(
        (Share(name, count, sizes[name]) for name, count in counts.items()), key=lambda share: -share.size_bytes
    )


def some_groups(count: int) -> list[DuplicateGroup]:
    return [
        DuplicateGroup(
            ROOT + b"/Images/IMG_%04d.jpg" % at, 4_000_000 - at, 8_000_000 - 2 * at, 2,
            [Copy(ROOT + b"/old/IMG_%04d (%d).jpg" % (at, copy), "moved to the trash") for copy in (1, 2)],
        )
        for at in range(count)
    ]  # fmt: skip


def written(path: Path, report: Report) -> Path:
    with path.open("w", encoding="utf-8") as stream:
        write_html(stream, report)
    return path


def unpacked(page: str) -> Iterator[Any]:
    """Yield the packed records of the page, line by line."""
    blocks = re.findall(r'class="data">([^<]*)<', page)
    return map(json.loads, gzip.decompress(b"".join(map(b64decode, blocks))).splitlines())


@dataclass
class Opened:
    """A page in a browser, with what it must not do: messages, errors, and requests other than for itself."""

    page: Page
    url: str
    reported: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.reported.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.reported.append(f"error: {error}"))
        self.page.on("request", self._on_request)
        self.page.on("requestfailed", lambda request: self.reported.append(f"failed: {request.url}"))

    def _on_request(self, request: Request) -> None:
        if request.url not in {self.url, "data:,"}:
            self.reported.append(f"request: {request.url}")

    def settled(self) -> Opened:
        """Wait until the table shows the last request."""
        self.page.wait_for_selector("#grid[aria-busy=false]")
        return self

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the condition holds. The page's policy forbids `wait_for_function`, which evaluates code there."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < end, "it never came to that"
            self.page.wait_for_timeout(20)

    def column(self, key: str) -> list[str]:
        return self.page.locator(f"#layer .of-{key}").all_inner_texts()

    def sort(self, key: str) -> None:
        self.page.click(f"[data-key={key}] button")
        self.settled()

    def type(self, text: str) -> None:
        """Type into the filter and wait for the filtered table."""
        self.page.evaluate("document.getElementById('grid').setAttribute('aria-busy', 'true')")
        self.page.fill("#text", text)
        self.settled()

    def choose(self, what: str, value: str) -> None:
        self.page.select_option(f"#{what}", value)
        self.settled()

    @property
    def count(self) -> str:
        return self.page.inner_text("#count")


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = 1280, **options: Any) -> Iterator[Opened]:
    """Open a page. `options` are those of a browser context: color_scheme, java_script_enabled …"""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    try:
        it = Opened(context.new_page(), path.as_uri())
        it.page.goto(it.url)
        yield it
    finally:
        context.close()
