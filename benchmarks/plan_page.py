#!/usr/bin/env python3
"""Time a plan in the page of `fileorg serve`: `plan_page.py --work DIR [--files N]`. Print JSON: seconds, MB.

The plan has names of 60 characters in 5,000 folders. It is saved as a command saves it, served by a real server, and
opened as two trees in Chromium. Then all folders are opened, and the tree is scrolled: `blank_ms` is the longest time
without a row somewhere in sight. `opened_s` is the time on the clock, and grows with all else that the machine does;
`opened_cpu_s` is what the renderer, the rest of the browser and the server computed meanwhile. `received_s` is when
the browser had the first and the last byte of the plan, from the same start. `renderer_mb` is the PSS of the renderer,
the peak and afterwards. Needs playwright and Chromium. Run it while the machine has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from fileorg.core.events import NullReporter
from fileorg.core.model import ROOT, Action, PlanRow
from fileorg.core.state import open_state
from fileorg.workflows.organize import OrganizeOptions, organizing
from fileorg.workflows.session import Later
from measure import memory_bytes, processor_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_PATIENCE_MS = 120_000
_FOLDERS = 5_000
_KINDS = [(b"Images", b"jpg"), (b"Documents", b"pdf"), (b"Video", b"mp4"), (b"Audio", b"mp3"), (b"Code", b"py")]
_SCROLL = """async (port) => {
  const layer = port.querySelector(".layer");
  let [blank, longest, last] = [0, 0, performance.now()];
  for (let step = 0; step < 240; step++) {
    port.scrollTop = step % 3 === 2 ? Math.random() * port.scrollHeight : port.scrollTop + 400;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    longest = Math.max(longest, now - last);
    const [inside, rows] = [port.getBoundingClientRect(), layer.getBoundingClientRect()];
    const covered = layer.children.length && rows.top <= inside.top + 1 && rows.bottom >= inside.bottom - 1;
    blank = covered ? 0 : blank + now - last;
    if (blank > (window.blank ?? 0)) window.blank = blank;
    last = now;
  }
  return { blank: window.blank ?? 0, longest };
}"""

_RECEIVED = """() => {
  const [begun] = performance.getEntriesByName("begun");
  const [plan] = performance.getEntriesByType("resource").filter((each) => each.name.endsWith("/columns"));
  return { first: (plan.responseStart - begun.startTime) / 1000, last: (plan.responseEnd - begun.startTime) / 1000 };
}"""


class _ManyRows:
    """A plan without files behind it: only a page looks at it."""

    def __init__(self, files: int) -> None:
        self.files = files

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        for start in range(0, self.files, rows):
            yield [self._row(number) for number in range(start, min(start + rows, self.files))]

    def _row(self, number: int) -> PlanRow:
        folder, extension = _KINDS[number % len(_KINDS)]
        name = b"%010d of a name that is as long as the names of films %c.%b" % (
            number * 7919 % self.files, 97 + number % 26, extension,
        )  # fmt: skip
        source = b"year %d/batch %04d" % (number * 20 // self.files, number * _FOLDERS // self.files)
        return PlanRow(
            Action.MOVE, ROOT, source, name, ROOT, folder, name, number, number % 10**7, 0, 0o644, folder.decode()
        )


def _processes(browser: int, server: int) -> dict[str, list[int]]:
    """Return the processes that open a plan: the renderers, the rest of the browser, and the server."""
    found: dict[str, list[int]] = {"renderer": [], "browser": [], "server": [server]}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            if b"chrom" in words and _is_below(int(entry.name), browser):
                found["renderer" if b"--type=renderer" in words else "browser"].append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def _pss_mb(processes: list[int]) -> float:
    """Return the PSS of the largest of some renderers: another one waits for a page that may come."""
    return max(map(memory_bytes, processes)) / 2**20


def _computed_s(processes: dict[str, list[int]]) -> dict[str, float]:
    """Return the processor time of processes by their part."""
    return {part: sum(map(processor_seconds, each)) for part, each in processes.items()}


def _is_below(process: int, ancestor: int) -> bool:
    while process > 1:
        if process == ancestor:
            return True
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="a folder that does not exist yet")
    parser.add_argument("--files", type=int, default=1_000_000)
    given = parser.parse_args()
    given.work.mkdir()
    try:
        print(json.dumps(_measured(given.work, given.files)))
    finally:
        shutil.rmtree(given.work)


def _measured(work: Path, files: int) -> dict[str, Any]:
    root, state = work / "root", work / "state"
    root.mkdir()
    later = Later(holds=True, columns=True)
    started = time.perf_counter()
    with organizing(OrganizeOptions(root=os.fsencode(root)), open_state(os.fsencode(state)), NullReporter()) as run:
        run._session.save("organize", _ManyRows(files), {}, later)  # noqa: SLF001
    os.close(later.fd)
    found: dict[str, Any] = {"files": files, "saved_s": time.perf_counter() - started}
    found["columns_mb"] = (state / f"job-{later.number}.plan.columns").stat().st_size / 2**20
    words = ["-m", "fileorg", "serve", "--no-open", "--state-dir", str(state), "--", str(root)]
    server = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        link = next(each[0] for line in server.stdout if (each := re.search(r"http://\S+", line)))
        return found | _in_browser(link, later.number, server.pid)
    finally:
        server.terminate()
        server.wait()


def _in_browser(link: str, job: int, server: int) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(_PATIENCE_MS)
        page.goto(link)
        page.wait_for_selector("text=0 files")
        page.wait_for_load_state("networkidle")
        processes = _processes(os.getpid(), server)
        peak = [0.0]
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(0.05):
                peak[0] = max(peak[0], _pss_mb(processes["renderer"]))

        watching = threading.Thread(target=watch)
        watching.start()
        before = _computed_s(processes)
        started = time.perf_counter()
        page.evaluate(f"performance.mark('begun'); location.hash = '#/plan/{job}'")
        page.wait_for_selector("plan-tree .line")
        opened = time.perf_counter() - started
        computed = {part: each - before[part] for part, each in _computed_s(processes).items()}
        received = page.evaluate(_RECEIVED)
        started = time.perf_counter()
        port = page.locator("[role=tree]").nth(1)
        for _ in _KINDS:  # opens from below, so that all of them are in sight
            port.locator(".line[aria-expanded=false] .caret").last.click()
        all_opened = time.perf_counter() - started
        scrolled = [page.locator("[role=tree]").nth(at).evaluate(_SCROLL) for at in (1, 0)]
        is_over.set()
        watching.join()
        after = _pss_mb(processes["renderer"])
        browser.close()
    return {
        "opened_s": opened,
        "opened_cpu_s": computed,
        "received_s": received,
        "folders_opened_s": all_opened,
        "blank_ms": max(each["blank"] for each in scrolled),
        "longest_frame_ms": max(each["longest"] for each in scrolled),
        "renderer_mb": {"peak": peak[0], "after": after},
    }


if __name__ == "__main__":
    main()
