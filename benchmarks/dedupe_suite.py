"""The command that measures dedupe and writes DEDUPE.md."""

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import finders
import machine
import races
import report
import stages
from duplicate_trees import make_large, make_small
from measure import Bench, CommandFailedError, can_drop_caches
from races import Cache, DisagreementError, Outcome, Race
from report import Row, Sense, Target, Unit
from suite import SetupError, fileorg_under_test
from tree import Bytes, make_tree

HERE = Path(__file__).resolve().parent
SPARE_BYTES = 2_000_000_000
SCALE = 100
"""The divisor of sizes in the large tree: at full size, each program would read 100 GB of zeros."""

FASTER = Target(Sense.BELOW, 1)
NO_SLOWER = Target(Sense.AT_MOST, 1)
AGAIN = Target(Sense.AT_MOST, 1.3)
MEMORY = Target(Sense.BELOW, 200)
RIVALS = ("jdupes", "rdfind", "rmlint", "fclones")


class Case(Enum):
    """The kinds of trees."""

    SMALL = "small"
    TREE = "tree"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of one case. `size` counts files; for large files, it counts bytes."""

    case: Case
    size: int
    repeat: int
    caches: tuple[Cache, ...]

    @property
    def title(self) -> str:
        match self.case:
            case Case.SMALL:
                return f"{self.size:,} small files"
            case Case.TREE:
                return f"{self.size:,} files of every kind, sizes divided by {SCALE}"
            case Case.LARGE:
                return f"{self.size / 1e9:g} GB of large files"

    @property
    def disk_bytes(self) -> int:
        bytes_per_file = {Case.SMALL: 7_000, Case.TREE: 14_000, Case.LARGE: 1}
        return self.size * bytes_per_file[self.case] + SPARE_BYTES

    def make(self, root: Path) -> None:
        match self.case:
            case Case.SMALL:
                root.mkdir()
                make_small(root, self.size)
            case Case.TREE:
                make_tree(root, self.size, written=Bytes.SCALED, scale=SCALE)
            case Case.LARGE:
                root.mkdir()
                make_large(root, self.size)

    def words(self) -> list[str]:
        """Return the options that request this extent."""
        size = ["--gigabytes", f"{self.size / 1e9:g}"] if self.case is Case.LARGE else ["--files", str(self.size)]
        return ["--case", self.case.value, *size, "--repeat", str(self.repeat)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/dedupe", description="measure dedupe and its peers")
    parser.add_argument("--case", choices=[case.value for case in Case], help="measure one tree only (default: all)")
    parser.add_argument("--files", type=int, metavar="N", help="files (default: small 200,000, tree 1,000,000)")
    parser.add_argument("--gigabytes", type=float, default=10, metavar="G", help="size of all large files (default 10)")
    parser.add_argument("--repeat", type=int, default=3, metavar="R", help="runs per median (default 3)")
    parser.add_argument("--cache", choices=[cache.value for cache in Cache], help="one state only (default: both)")
    parser.add_argument(
        "--peers", default=",".join(finders.PEER_NAMES), metavar="NAMES", help="default: all that are in PATH"
    )
    parser.add_argument("--no-fileorg", action="store_true", help="measure the peers alone, and check that they agree")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder for the trees (default: /var/tmp)")
    parser.add_argument("--keep", action="store_true", help="keep the trees and answers, to examine a failure")
    parser.add_argument("--fileorg", metavar="CMD", help="the fileorg to measure (default: this Python's -m fileorg)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: DEDUPE.md for a complete run, or none")
    return parser.parse_args()


def _extents(arguments: argparse.Namespace) -> list[Extent]:
    caches = tuple(Cache) if arguments.cache is None else (Cache(arguments.cache),)
    sizes = {Case.SMALL: arguments.files or 200_000, Case.TREE: arguments.files or 1_000_000}
    sizes[Case.LARGE] = int(arguments.gigabytes * 1e9)
    cases = tuple(Case) if arguments.case is None else (Case(arguments.case),)
    if arguments.repeat < 1 or min(sizes.values()) < 1:
        raise SetupError("--files, --gigabytes and --repeat must be 1 or more")
    return [Extent(case, sizes[case], arguments.repeat, caches) for case in cases]


def _peers(arguments: argparse.Namespace, notes: list[str]) -> list[finders.Finder]:
    """Return the installed peers, and add a note for each missing one."""
    found = []
    for name in filter(None, arguments.peers.split(",")):
        if name not in finders.PEER_NAMES:
            raise SetupError(f"{name} is not a known peer: choose from {', '.join(finders.PEER_NAMES)}")
        finder = finders.peer(name)
        if finder is None:
            notes.append(f"{name} is missing, because it was not in PATH.")
        else:
            found.append(finder)
    if arguments.no_fileorg and not found:
        raise SetupError("no program to measure: install a peer, or drop --no-fileorg")
    return found


def _require(extents: Sequence[Extent], work: Path) -> None:
    if any(Cache.COLD in extent.caches for extent in extents) and not can_drop_caches():
        raise SetupError("a cold page cache needs root: use --cache warm")
    usage = os.statvfs(work)
    needed = max(extent.disk_bytes for extent in extents)
    if usage.f_bavail * usage.f_frsize < needed:
        raise SetupError(f"the trees need {needed / 1e9:.1f} GB free: choose another --work")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Section:
    """The results of one case."""

    extent: Extent
    outcome: Outcome

    def text(self) -> str:
        groups = self.outcome.groups
        agreed = f"{groups.file_count:,} files in {len(groups.files):,} groups: all programs agree."
        medians = f"Medians of {self.extent.repeat}; ratio: fileorg to the program."
        return "\n\n".join([f"## {self.extent.title}", f"{agreed} {medians}", self._table()])

    def rows(self) -> list[Row]:
        """Return the rows that compare fileorg with its targets."""
        rows = [row for cache in self.extent.caches for row in self._rows_of(cache)]
        peak = self.outcome.peak_bytes.get("fileorg")
        if peak is not None:
            rows.append(Row(f"peak memory, {self.extent.title}", peak / 1e6, Unit.MEGABYTES, target=MEMORY))
        return rows

    def _rows_of(self, cache: Cache) -> list[Row]:
        what, repeat = f"{self.extent.title}, {cache.value}", self.extent.repeat
        ours = self.outcome.median_s("fileorg", cache)
        if ours is None:
            return []
        rows = []
        is_large = self.extent.case is Case.LARGE
        beside = ("fclones",) if is_large else RIVALS
        theirs = [(s, name) for name in beside if (s := self.outcome.median_s(name, cache)) is not None]
        if theirs:
            # The tree of every kind has no target.
            target = {Case.SMALL: FASTER, Case.LARGE: NO_SLOWER}.get(self.extent.case)
            rows.append(Row(what, ours, Unit.SECONDS, repeat, *min(theirs), target))
        again = self.outcome.median_s(races.AGAIN, cache) or 0.0
        scan = self.outcome.median_s(races.SCAN_AGAIN, cache)
        rows.append(Row(f"{what}, again", again, Unit.SECONDS, repeat, scan, "scan again", AGAIN))
        return rows

    def _table(self) -> str:
        """Return a line per program: its seconds, and the time of fileorg divided by its time."""
        outcome, caches = self.outcome, self.extent.caches
        extra = [name for name, _ in outcome.seconds if name not in outcome.programs]
        head = ["program"] + [word for cache in caches for word in (cache.value, "ratio")] + ["peak memory"]
        lines = [head, ["---"] + ["--:"] * (len(head) - 1)]
        for name in dict.fromkeys([*outcome.programs, *extra]):
            cells = [name]
            for cache in caches:
                seconds, ours = outcome.median_s(name, cache), outcome.median_s("fileorg", cache)
                cells.append("" if seconds is None else f"{seconds:.2f} s")
                is_peer = name in outcome.programs and name != "fileorg"
                cells.append(f"{ours / seconds:.2f} {report.TIMES}" if ours and seconds and is_peer else "")
            peak = outcome.peak_bytes.get(name)  # none if the program ended before the first sample
            lines.append([*cells, f"{peak / 1e6:.0f} MB" if peak else ""])
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _versions(bench: Bench, peers: Sequence[finders.Finder], fileorg: stages.Fileorg | None) -> dict[str, str]:
    """Return the first number with a point in the version output of each program, on either stream."""
    asked = {peer.name: [*peer.program, *peer.version] for peer in peers}
    if fileorg is not None:
        asked = {"fileorg": fileorg.version()} | asked
    versions = {}
    for name, command in asked.items():
        said = subprocess.run(command, env=bench.environment, capture_output=True, text=True, check=False)
        number = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
        versions[name] = number.group() if number else "unknown"
    return versions


def _page(arguments: argparse.Namespace, work: Path, extents: Sequence[Extent]) -> str:
    notes: list[str] = []
    tested = fileorg_under_test(arguments.fileorg, work)
    fileorg = None if arguments.no_fileorg else tested
    peers = _peers(arguments, notes)
    facts = machine.facts(work) | _versions(tested.bench, peers, fileorg)
    sections = []
    for extent in extents:
        root = work / extent.case.value
        _say(f"creating {extent.title}")
        extent.make(root)
        _say(f"comparing {', '.join(peer.name for peer in peers)}")
        sections.append(Section(extent, Race(tested.bench, root, peers, fileorg).run(extent.caches, extent.repeat)))
        _say(sections[-1].text())
        if not arguments.keep:
            shutil.rmtree(root)
    rows = [row for section in sections for row in section.rows()]
    head = report.page(
        title="Results of dedupe", facts=facts, command=_shown_command(arguments, extents), rows=rows, notes=notes
    )
    return "\n\n".join([head.rstrip("\n"), *(section.text() for section in sections)]) + "\n"


def _shown_command(arguments: argparse.Namespace, extents: Sequence[Extent]) -> str:
    """Return the command that repeats this run, without the paths of this machine."""
    words = extents[0].words() if len(extents) == 1 else ["--repeat", str(arguments.repeat)]
    words += ["--cache", arguments.cache] if arguments.cache else []
    return shlex.join(["benchmarks/dedupe", *words, *(["--no-fileorg"] if arguments.no_fileorg else [])])


def _measure(arguments: argparse.Namespace) -> str:
    extents = _extents(arguments)
    parent = arguments.work or Path("/var/tmp")
    parent.mkdir(parents=True, exist_ok=True)
    _require(extents, parent)
    work = Path(tempfile.mkdtemp(prefix="fileorg-bench-", dir=parent.resolve()))
    try:
        return _page(arguments, work, extents)
    finally:
        if arguments.keep:
            _say(f"kept: {work}")
        else:
            shutil.rmtree(work)


def main() -> int:
    # A terminated benchmark must still remove its trees.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = _arguments()
    try:
        page = _measure(arguments)
    except (SetupError, CommandFailedError, DisagreementError, OSError) as error:
        _say(f"benchmarks/dedupe: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    print(page)
    is_whole = arguments.case is None and arguments.cache is None and not arguments.no_fileorg
    output = arguments.output or (HERE / "DEDUPE.md" if is_whole else None)
    if output is not None:
        output.write_text(page)
    return 0
