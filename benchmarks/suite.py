"""The command that measures fileorg and its peers and writes RESULTS.md."""

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import machine
import report
import stages
from measure import Bench, CommandFailedError, can_drop_caches
from tree import Bytes, make_tree

HERE = Path(__file__).resolve().parent
DISK_BYTES_PER_FILE = 6_000  # a block, an inode, a name, and the records of fileorg


class SetupError(Exception):
    """Raised if the benchmark cannot run here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of the benchmark."""

    files: int
    repeat: int
    peer_files: int
    start_repeat: int


FULL = Extent(files=1_000_000, repeat=3, peer_files=20_000, start_repeat=20)
QUICK = Extent(files=20_000, repeat=1, peer_files=2_000, start_repeat=5)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description="measure fileorg and its peers")
    parser.add_argument("--files", type=int, metavar="N", help=f"files in the large tree (default {FULL.files})")
    parser.add_argument(
        "--peer-files", type=int, metavar="N", help=f"files for organize-tool (default {FULL.peer_files})"
    )
    parser.add_argument("--repeat", type=int, metavar="R", help=f"runs per median (default {FULL.repeat})")
    parser.add_argument("--quick", action="store_true", help="a small tree and one run, to check the benchmark")
    parser.add_argument("--cold", action="store_true", help="empty the page cache before each command (root)")
    parser.add_argument("--no-organize-tool", action="store_true", help="skip the peer that needs PyPI")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder for the trees (default: /var/tmp)")
    parser.add_argument("--keep", action="store_true", help="keep the trees and states, to examine a failure")
    parser.add_argument("--fileorg", metavar="CMD", help="the fileorg to measure (default: this Python's -m fileorg)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: RESULTS.md; with --quick, no file")
    return parser.parse_args()


def _extent(arguments: argparse.Namespace) -> Extent:
    usual = QUICK if arguments.quick else FULL
    extent = Extent(
        files=usual.files if arguments.files is None else arguments.files,
        repeat=usual.repeat if arguments.repeat is None else arguments.repeat,
        peer_files=usual.peer_files if arguments.peer_files is None else arguments.peer_files,
        start_repeat=usual.start_repeat,
    )
    if min(extent.files, extent.repeat, extent.peer_files) < 1:
        raise SetupError("--files, --peer-files and --repeat must be 1 or more")
    return extent


def _shown_command(arguments: argparse.Namespace, extent: Extent) -> str:
    """Return the command that repeats this run, without the paths of this machine."""
    words = ["benchmarks/run", "--files", str(extent.files), "--repeat", str(extent.repeat)]
    words += ["--peer-files", str(extent.peer_files)]
    words += [f"--{name}" for name in ("quick", "cold") if getattr(arguments, name)]
    return " ".join([*words, "--no-organize-tool"] if arguments.no_organize_tool else words)


def fileorg_under_test(named: str | None, work: Path, *, is_cold: bool = False) -> stages.Fileorg:
    """Return the fileorg beside this folder, or the command `named`; it runs in `work`."""
    environment = {name: value for name, value in os.environ.items() if name != "FILEORG_HOME"}
    environment["XDG_STATE_HOME"] = str(work / "state")  # as most users have it
    command: tuple[str, ...]
    if named is None:
        command = (sys.executable, "-m", "fileorg")
        # Use the code beside this folder, even if nothing is installed.
        paths = [str(HERE.parent / "src"), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    else:
        command = tuple(shlex.split(named))
    return stages.Fileorg(command, Bench(work, environment, is_cold=is_cold))


def _require(arguments: argparse.Namespace, extent: Extent, work: Path) -> None:
    if sys.platform != "linux":
        raise SetupError("the benchmarks need Linux, because they read /proc and compare with GNU find")
    if arguments.cold and not can_drop_caches():
        raise SetupError("--cold needs root to empty the page cache")
    files = extent.files + extent.peer_files
    usage = os.statvfs(work)
    if usage.f_bavail * usage.f_frsize < files * DISK_BYTES_PER_FILE:
        raise SetupError(f"{files:,} files need {files * DISK_BYTES_PER_FILE / 1e9:.1f} GB free: choose another --work")
    if 0 < usage.f_favail < files:
        raise SetupError(f"the file system has only {usage.f_favail:,} free inodes: choose another --work")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Suite:
    """All stages in order, on trees below the work folder."""

    extent: Extent
    fileorg: stages.Fileorg
    with_organize_tool: bool
    notes: list[str]

    def rows(self) -> list[report.Row]:
        _say("timing short commands")
        start_rows = stages.start_stage(self.fileorg, self.extent.start_repeat)
        _say(f"creating {self.extent.files:,} files")
        root = self._tree("large", self.extent.files)
        _say("comparing scan with find")
        scan_rows = stages.scan_stage(self.fileorg, root, self.extent.repeat)
        _say("comparing organize and undo with a bare loop")
        move_rows = stages.move_stage(self.fileorg, root, self.extent.repeat)
        return [*scan_rows, *move_rows, *self._organize_tool_rows(move_rows), *start_rows]

    def _organize_tool_rows(self, move_rows: list[report.Row]) -> list[report.Row]:
        """Return the rows of organize-tool; if it cannot be measured, add a note and return none."""
        if not self.with_organize_tool:
            return []
        count = self.extent.peer_files
        _say(f"comparing organize with organize-tool, {count:,} files")
        try:
            row, their_rate = stages.organize_tool_stage(self.fileorg, self._tree("small", count), self.extent.repeat)
        except CommandFailedError as error:
            _say(str(error))
            self.notes.append("The benchmark could not measure organize-tool.")
            return []
        moved = next(row.measured for row in move_rows if row.unit is report.Unit.FILES)
        large = report.Row(
            f"organize {self.extent.files:,} files",
            moved / move_rows[0].measured,
            report.Unit.FILES_PER_SECOND,
            self.extent.repeat,
            their_rate,
            f"organize-tool, {count:,} files,",
            stages.ORGANIZE_TOOL,
        )
        return [row, large]

    def _tree(self, name: str, files: int) -> Path:
        root = self.fileorg.bench.cwd / name
        make_tree(root, files, written=Bytes.SPARSE)
        return root


def _page(arguments: argparse.Namespace, extent: Extent, fileorg: stages.Fileorg) -> str:
    facts = machine.facts(fileorg.bench.cwd)
    version = fileorg.bench.output(fileorg.version()).strip()
    notes = [
        "Page cache: emptied before each command." if arguments.cold else "Page cache: warm.",
        "After each undo, the tree matched the first one in names, sizes, times and modes.",
    ]
    rows = Suite(extent, fileorg, not arguments.no_organize_tool, notes).rows()
    return report.page(
        facts={**facts, "fileorg": version.removeprefix("fileorg").strip()},
        command=_shown_command(arguments, extent),
        rows=rows,
        notes=notes,
    )


def _measure(arguments: argparse.Namespace) -> str:
    extent = _extent(arguments)
    parent = arguments.work or Path("/var/tmp")
    parent.mkdir(parents=True, exist_ok=True)
    _require(arguments, extent, parent)
    work = Path(tempfile.mkdtemp(prefix="fileorg-bench-", dir=parent.resolve()))
    try:
        return _page(arguments, extent, fileorg_under_test(arguments.fileorg, work, is_cold=arguments.cold))
    finally:
        if arguments.keep:
            _say(f"kept: {work}")
        else:
            shutil.rmtree(work)


def main() -> int:
    arguments = _arguments()
    # A terminated benchmark must still remove its trees.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        page = _measure(arguments)
    except (SetupError, CommandFailedError, stages.WrongTreeError, OSError) as error:
        _say(f"benchmarks/run: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    print(page)
    output = arguments.output or (None if arguments.quick else HERE / "RESULTS.md")
    if output is not None:
        output.write_text(page)
    return 0
