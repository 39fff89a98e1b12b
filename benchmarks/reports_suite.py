"""The command that measures reports and listings and writes REPORTS.md."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import machine
import report
from measure import CommandFailedError
from report import Row, Sense, Target, Unit
from suite import SetupError, fileorg_under_test
from tree import Bytes, make_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stages import Fileorg

HERE = Path(__file__).resolve().parent
DISK_BYTES_PER_FILE = 6_500
FORMATS = ("html", "json", "csv")

MEMORY = Target(Sense.BELOW, 200)
PAGE_SIZE = Target(Sense.BELOW, 30)
PAGE = Target(Sense.BELOW, 5)
FIRST_SORT = Target(Sense.BELOW, 8)


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows of the table, and notes on other measurements."""

    rows: list[Row]
    notes: list[str]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/reports", description="measure reports and listings")
    parser.add_argument("--files", type=int, default=1_000_000, metavar="N", help="files (default 1,000,000)")
    parser.add_argument("--repeat", type=int, default=3, metavar="R", help="runs per median (default 3)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder for the trees (default: /var/tmp)")
    parser.add_argument("--fileorg", metavar="CMD", help="the fileorg to measure (default: this Python's -m fileorg)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: REPORTS.md for a million files")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure(arguments: argparse.Namespace, work: Path) -> str:
    fileorg = fileorg_under_test(arguments.fileorg, work)
    facts = machine.facts(work)
    with fileorg.fresh_state() as (ours, state):
        _say(f"creating and organizing {arguments.files:,} files")
        make_tree(work / "tree", arguments.files, written=Bytes.SPARSE)
        ours.bench.time(ours.organize(work / "tree"))
        shutil.rmtree(work / "tree")
        written = _written(ours, state, work, arguments.repeat)
        paged = _paged(ours, state, "files")
    with fileorg.fresh_state() as (ours, state):
        pairs = arguments.files // 2
        _say(f"creating and deduplicating {pairs:,} duplicates")
        _make_pairs(work / "pairs", pairs)
        ours.bench.time([*ours.command, "dedupe", "--action", "quarantine", "-y", "-q", str(work / "pairs")])
        grouped = _paged(ours, state, "groups")
        rows = [_memory(ours, work, form, f"report of {pairs:,} groups as {form}") for form in FORMATS]
        grouped = Measured([*grouped.rows, *rows], grouped.notes)
        shutil.rmtree(work / "pairs")
    parts = (written, paged, grouped)
    return report.page(
        title="Results of reports and listings",
        facts=facts,
        command=f"benchmarks/reports --files {arguments.files} --repeat {arguments.repeat}",
        rows=[row for part in parts for row in part.rows],
        notes=[note for part in parts for note in part.notes],
    )


def _make_pairs(root: Path, pairs: int) -> None:
    """Create pairs of identical files of a few bytes."""
    for number in range(pairs):
        folder = root / f"{number // 1000:04}"
        if not number % 1000:
            folder.mkdir(parents=True)
        for name in ("a", "b"):
            (folder / f"{number}{name}.txt").write_text(f"{number}\n")


def _written(ours: Fileorg, state: Path, work: Path, repeat: int) -> Measured:
    """Measure each format, and compare JSON and CSV with a bare loop over the same records."""
    rows, notes, journal = [], [], str(state / "journal.db")
    for form in FORMATS:
        _say(f"writing {form}")
        path = work / f"report.{form}"
        command = _report(ours, form, path)
        bare = [sys.executable, str(HERE / "bare_dump.py"), journal, form]
        seconds: list[float] = []
        beside: list[float] = []
        for _ in range(repeat):
            seconds.append(ours.bench.time(command).seconds)
            if form != "html":
                beside.append(ours.bench.time(bare, work / "bare").seconds)
        peer = statistics.median(beside) if beside else None
        rows.append(
            Row(
                f"report as {form}", statistics.median(seconds), Unit.SECONDS, repeat, peer, "bare loop" if peer else ""
            )
        )
        rows.append(_memory(ours, work, form, f"report as {form}"))
        if form == "html":
            rows.append(Row("size of the page", path.stat().st_size / 1e6, Unit.MEGABYTES, target=PAGE_SIZE))
            browsed = _browsed(path, ours, repeat)
            rows += browsed.rows
            notes += browsed.notes
    return Measured(rows, notes)


def _report(ours: Fileorg, form: str, path: Path) -> list[str]:
    return [*ours.command, "report", "-q", "-f", form, "--force", "-o", str(path)]


def _memory(ours: Fileorg, work: Path, form: str, what: str) -> Row:
    peak = ours.bench.sample_memory(_report(ours, form, work / f"report.{form}")).peak_bytes or 0
    return Row(f"{what}, memory", peak / 1e6, Unit.MEGABYTES, target=MEMORY)


def _browsed(path: Path, ours: Fileorg, repeat: int) -> Measured:
    if importlib.util.find_spec("playwright") is None or shutil.which("chromium") is None:
        return Measured([], ["The benchmark did not measure the page: playwright or Chromium is missing."])
    _say("opening the page")
    runs = [
        json.loads(ours.bench.output([sys.executable, str(HERE / "browsing.py"), str(path)])) for _ in range(repeat)
    ]

    def median(key: str) -> float:
        return statistics.median(float(run[key]) for run in runs)

    rows = [
        Row("page opened, all records loaded", median("shown_s"), Unit.SECONDS, repeat),
        Row("page opened and sorted", median("first_sort_s"), Unit.SECONDS, repeat, target=FIRST_SORT),
        Row("page filtered by text", median("filter_s"), Unit.SECONDS, repeat),
    ]
    slowest = max(second for run in runs for second in run["sorts_s"])
    return Measured(rows, [f"The slowest sort in the page (by size, name or new name) took {slowest:.1f} s."])


def _paged(ours: Fileorg, state: Path, what: str) -> Measured:
    """Measure random pages, from the opening of the databases on; report the 95th percentile."""
    _say(f"paging through {what}")
    found: Mapping[str, Mapping[str, Any]] = json.loads(
        ours.bench.output([sys.executable, str(HERE / "pages.py"), str(state), "1", what])
    )
    peer = found.get("by OFFSET")
    rows = [
        Row(f"page of {name}, {each['rows']:,} rows: p95", each["p95_ms"], Unit.MILLISECONDS, target=PAGE)
        for name, each in found.items()
        if each is not peer
    ]
    firsts = [each["first_s"] for each in found.values() if each is not peer]
    notes = [f"The first page of a listing of {what} in a new order took {min(firsts):.1f} to {max(firsts):.1f} s."]
    if peer:
        notes.append(f"With OFFSET, a page of {what} in the order of the run took {peer['p95_ms']:.0f} ms (p95).")
    return Measured(rows, notes)


def main() -> int:
    # A terminated benchmark must still remove its trees.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = _arguments()
    parent = arguments.work or Path("/var/tmp")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        usage = os.statvfs(parent)
        if usage.f_bavail * usage.f_frsize < arguments.files * DISK_BYTES_PER_FILE:
            raise SetupError(
                f"the trees need {arguments.files * DISK_BYTES_PER_FILE / 1e9:.1f} GB free: choose another --work"
            )
        with tempfile.TemporaryDirectory(prefix="fileorg-bench-", dir=parent.resolve()) as work:
            page = _measure(arguments, Path(work))
    except (SetupError, CommandFailedError, OSError) as error:
        _say(f"benchmarks/reports: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    print(page)
    output = arguments.output or (HERE / "REPORTS.md" if arguments.files >= 1_000_000 else None)
    if output is not None:
        output.write_text(page)
    return 0
