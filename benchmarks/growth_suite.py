"""The command that measures the cost per file from ten files to a million, and writes GROWTH.md and docs/growth.svg."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import finders
import listing
import machine
from line_chart import line_chart
from measure import CommandFailedError, Run
from stages import Fileorg, WrongTreeError
from suite import DISK_BYTES_PER_FILE, SetupError, fileorg_under_test
from tree import Bytes, make_tree

_HERE = Path(__file__).resolve().parent
_SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
_PARTS = ("organize", "scan", "dedupe")
_RUNS = ((1_000, 9), (10_000, 5), (100_000, 3))
"""Up to this number of files, so many runs; above, one."""
_SAMPLED_FROM, _SAMPLE_EVERY_S = 1_000_000, 1.0
"""From this number of files on, the memory is sampled during the timed runs: so rarely that it hardly slows them."""
_LABELS = {1.0: "1 µs", 10.0: "10 µs", 100.0: "100 µs", 1e3: "1 ms", 1e4: "10 ms", 1e5: "100 ms", 1e6: "1 s"}
_HEADINGS = ("files", "command", "wall", "processor time", "processor time per file", "most memory", "runs")


_NOTES = (
    "Medians. Processor time is that of all processes of a command, user and system. Page cache: warm.",
    "The files are sparse: dedupe reads little of the large ones.",
    "After each undo, the tree matched the first one in names, sizes, times and modes.",
)

_BUSY = (
    "**Other processes were at work**: wall times mean nothing, and processor times are higher than on a quiet machine,"
    " most of all for large trees. Only a run on a quiet machine shows how the cost grows."
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command costs with this many files: medians of `runs` runs."""

    files: int
    command: str
    seconds: float
    processor_seconds: float
    peak_bytes: int | None
    runs: int

    @classmethod
    def of(cls, files: int, command: str, runs: Sequence[Run]) -> "Cost":
        peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
        wall, processor = (median(run.seconds for run in runs), median(run.processor_seconds for run in runs))
        return cls(files, command, wall, processor, max(peaks, default=None), len(runs))

    @property
    def microseconds(self) -> float:
        """The processor time per file."""
        return self.processor_seconds / self.files * 1e6

    def cells(self) -> tuple[str, ...]:
        return (
            f"{self.files:,}",
            self.command,
            f"{self.seconds:.2f} s",
            f"{self.processor_seconds:.2f} s",
            f"{self.microseconds:,.1f} µs",
            "" if self.peak_bytes is None else f"{self.peak_bytes / 1e6:.0f} MB",
            str(self.runs),
        )


def costs(fileorg: Fileorg, files: int, parts: Sequence[str]) -> list[Cost]:
    """Return the cost of each command on a tree of this many files. Raises `WrongTreeError` if undo is not exact."""
    runs = next((runs for limit, runs in _RUNS if files <= limit), 1)
    root = fileorg.bench.cwd / "growing"
    make_tree(root, files, written=Bytes.SPARSE)
    before = listing.take(root) if "organize" in parts else None
    found: dict[str, list[Run]] = {}
    for _ in range(runs):
        for command, run in _turn(fileorg, root, files, parts):
            found.setdefault(command, []).append(run)
        if before is not None and listing.take(root).digest != before.digest:
            raise WrongTreeError(f"undo did not restore the first tree of {files:,} files")
    shutil.rmtree(root)
    return [Cost.of(files, command, measured) for command, measured in found.items()]


def _turn(fileorg: Fileorg, root: Path, files: int, parts: Sequence[str]) -> Iterator[tuple[str, Run]]:
    """Yield one run of each command; each starts without previous state, only undo after its organize."""

    def run(used: Fileorg, command: Sequence[str]) -> Run:
        if files < _SAMPLED_FROM:
            return used.bench.time(command)
        return used.bench.sample_memory(command, every_s=_SAMPLE_EVERY_S)

    if "scan" in parts:
        with fileorg.fresh_state() as (fresh, _):
            yield "scan", run(fresh, fresh.scan(root))
    if "dedupe" in parts:
        with fileorg.fresh_state() as (fresh, _):
            yield "dedupe", run(fresh, finders.fileorg(fresh.command).command(str(root), Path(os.devnull)))
    if "organize" in parts:
        with fileorg.fresh_state() as (fresh, _):
            yield "organize", run(fresh, fresh.organize(root))
            yield "undo", run(fresh, fresh.undo())


def picture(found: Sequence[Cost]) -> str:
    """Return the processor time per file of each command as SVG."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for cost in found:
        lines.setdefault(cost.command, []).append((cost.files, cost.microseconds))
    labels = {float(files): f"{files:,}" for files in sorted({cost.files for cost in found})}
    return line_chart(lines, title="Processor time per file", x_title="files", x_labels=labels, y_labels=_LABELS)


def _page(facts: Mapping[str, str], command: str, found: Sequence[Cost], *, is_busy: bool) -> str:
    lines = [_HEADINGS, ("--:", "---", "--:", "--:", "--:", "--:", "--:"), *(cost.cells() for cost in found)]
    parts = [
        "# The cost of a file, from ten files to a million",
        "![The processor time per file of each command](../docs/growth.svg)",
        f"`{command}`",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        "\n".join(f"| {' | '.join(cells)} |" for cells in lines),
        "\n".join(f"- {note}" for note in (*_NOTES, *((_BUSY,) if is_busy else ()))),
    ]
    return "\n\n".join(parts) + "\n"


def _measure(chosen: argparse.Namespace, sizes: Sequence[int], parts: Sequence[str]) -> list[Cost]:
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        raise SetupError("unset PYTHONDONTWRITEBYTECODE: fileorg would be compiled anew at each start")
    usage, needed = os.statvfs(chosen.work), max(sizes)
    if usage.f_bavail * usage.f_frsize < needed * DISK_BYTES_PER_FILE or 0 < usage.f_favail < needed:
        raise SetupError(f"{needed:,} files need {needed * DISK_BYTES_PER_FILE / 1e9:.1f} GB and as many inodes free")
    work = Path(tempfile.mkdtemp(prefix="fileorg-growth-", dir=chosen.work.resolve()))
    found = list[Cost]()
    try:
        fileorg = fileorg_under_test(chosen.fileorg, work)
        fileorg.bench.time(fileorg.version())
        for files in sizes:
            for cost in costs(fileorg, files, parts):
                print("\t".join(cost.cells()), file=sys.stderr, flush=True)
                found.append(cost)
    finally:
        shutil.rmtree(work)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/growth", description=__doc__)
    parser.add_argument("--files", type=int, action="append", metavar="N", help="only this size; several times")
    parser.add_argument("--part", action="append", choices=_PARTS, help="only this part (organize: undo, too)")
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), metavar="DIR", help="folder for the trees")
    parser.add_argument("--fileorg", metavar="CMD", help="the fileorg to measure (default: this Python's -m fileorg)")
    chosen = parser.parse_args()
    # A terminated benchmark must still remove its trees.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sizes, parts = tuple(chosen.files or _SIZES), tuple(chosen.part or _PARTS)
    try:
        load = os.getloadavg()[0]
        found = _measure(chosen, sizes, parts)
    except (SetupError, CommandFailedError, WrongTreeError, OSError) as error:
        print(f"benchmarks/growth: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    words = ["benchmarks/growth", *(f"--files {files}" for files in chosen.files or ())]
    words += [f"--part {part}" for part in chosen.part or ()]
    loads = load, os.getloadavg()[0]
    facts = machine.facts(chosen.work) | {"load before and after": "{:.0f} and {:.0f}".format(*loads)}
    # The measured command itself keeps some two processors busy.
    page = _page(facts, " ".join(words), found, is_busy=max(loads) > (os.cpu_count() or 1) + 2)
    print(page)
    if (sizes, parts) == (_SIZES, _PARTS):
        (_HERE / "GROWTH.md").write_text(page)
        (_HERE.parent / "docs" / "growth.svg").write_text(picture(found))
    return 0
