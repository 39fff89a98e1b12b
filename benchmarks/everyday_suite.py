"""The command that measures fileorg at everyday sizes, and writes EVERYDAY.md."""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import finders
import machine
import peers
import report
import stages
from listing import take
from measure import CommandFailedError
from report import Row, Sense, Target, Unit
from stages import Fileorg, WrongTreeError
from suite import SetupError, fileorg_under_test
from tree import Bytes, make_tree

_HERE = Path(__file__).resolve().parent
_SORTED = ((1_000, None, None), (10_000, 2.5, 2.0), (60_000, 1.7, 1.5), (200_000, None, None))
"""Files, and the targets for organize and undo beside bare renames."""
_LARGEST_START = 20


@dataclass(frozen=True, slots=True)
class Copies:
    """A tree of files of random content: their number, their sizes, how many of 1,000 are a copy of another one."""

    name: str
    files: int
    smallest: int
    largest: int
    copies_permille: int
    target: float

    def make(self, root: Path, files: int) -> None:
        """Create the tree, 200 files per folder."""
        chance, sizes = random.Random(1), list[int]()
        for number in range(files):
            folder = root / f"{number // 200:03d}"
            folder.mkdir(parents=True, exist_ok=True)
            is_copy = sizes and chance.randrange(1000) < self.copies_permille
            content = chance.randrange(len(sizes)) if is_copy else len(sizes)
            if not is_copy:
                sizes.append(chance.randint(self.smallest, self.largest))
            (folder / f"IMG_{number:05d}.jpg").write_bytes(random.Random(content).randbytes(sizes[content]))


_DUPLICATES = (
    Copies("photos of 60 to 120 KB, one in ten twice", 8_000, 60_000, 120_000, 100, 2.5),
    Copies("files of 1 to 30 KB, one in five twice", 20_000, 1_000, 30_000, 200, 2.0),
    Copies("files of 0 to 4 KB, few twice", 60_000, 0, 4_000, 20, 1.2),
)
_COPIED = Copies("photos of 20 to 50 KB", 10_000, 20_000, 50_000, 0, 2.0)


def _times(repeat: int, sides: Sequence[Callable[[], float]]) -> list[float]:
    """Return the median seconds of each side; the sides take turns, and each turn begins with another one."""
    seconds: list[list[float]] = [[] for _ in sides]
    for turn in range(repeat):
        order = [(place + turn) % len(sides) for place in range(len(sides))]
        for place in order:
            seconds[place].append(sides[place]())
    return [median(found) for found in seconds]


def start_rows(fileorg: Fileorg, repeat: int) -> list[Row]:
    """Compare short commands with a bare start of the same Python."""
    python = [_python(fileorg), "-c", "pass"]
    with fileorg.fresh_state() as (used, _):
        stages.ten_files(used)
        bench = used.bench
        bare, history, ten, version = _times(
            repeat,
            [
                lambda: bench.time(python).seconds,
                lambda: bench.time([*used.command, "history"]).seconds,
                lambda: stages.ten_files(used),
                lambda: bench.time(used.version()).seconds,
            ],
        )
    row = partial(Row, unit=Unit.MILLISECONDS, runs=repeat, peer=bare * 1000, peer_name="bare Python")
    return [
        row("`fileorg --version`", version * 1000),
        row("`fileorg history`", history * 1000, target=Target(Sense.AT_MOST, 4)),
        row("organize ten files", ten * 1000, target=Target(Sense.AT_MOST, 7)),
    ]


def _python(fileorg: Fileorg) -> str:
    """Return the Python that runs fileorg: beside its command, if it is installed."""
    beside = Path(fileorg.command[0]).with_name("python")
    return str(beside) if beside.exists() else sys.executable


def move_rows(fileorg: Fileorg, files: int, bars: tuple[float | None, float | None], repeat: int) -> list[Row]:
    """Compare organize and undo with bare renames of the same files."""
    root = fileorg.bench.cwd / "moves"
    make_tree(root, files, written=Bytes.SPARSE)
    forth, back, _ = stages.timed_moves(fileorg, root, repeat)
    shutil.rmtree(root)
    return [
        Row(
            f"{what} {files:,} files",
            median(times.fileorg),
            Unit.SECONDS,
            repeat,
            median(times.loop),
            "bare renames",
            None if bar is None else Target(Sense.AT_MOST, bar),
        )
        for what, times, bar in (("organize", forth, bars[0]), ("undo", back, bars[1]))
    ]


def dedupe_rows(fileorg: Fileorg, kind: Copies, files: int, repeat: int) -> list[Row]:
    """Compare a first and a second dedupe with the other finders; all must find the same groups."""
    root, answer = fileorg.bench.cwd / "duplicates", fileorg.bench.cwd / "answer"
    kind.make(root, files)
    ours, others = (
        finders.fileorg(fileorg.command),
        [found for name in finders.PEER_NAMES if (found := finders.peer(name)) is not None],
    )
    expected, rows, again = set[frozenset[frozenset[finders.File]]](), list[Row](), list[float]()

    def fileorg_itself() -> float:
        with fileorg.fresh_state() as (fresh, _):
            seconds = fresh.bench.time(ours.command(str(root), answer), answer).seconds
            expected.add(ours.groups(answer.read_bytes()).files)
            again.append(fresh.bench.time(ours.command(str(root), answer), answer).seconds)
        return seconds

    def other(finder: finders.Finder) -> float:
        answer.unlink(missing_ok=True)
        output = None if finder.writes_file else answer
        seconds = fileorg.bench.time(finder.command(str(root), answer), output).seconds
        expected.add(finder.groups(answer.read_bytes()).files)
        return seconds

    mine, *theirs = _times(repeat, [fileorg_itself, *(partial(other, finder) for finder in others)])
    if len(expected) != 1:
        raise WrongTreeError(f"the finders of duplicates do not agree on {kind.name}")
    what = f"dedupe {files:,} {kind.name}"
    for finder, seconds in zip(others, theirs, strict=True):
        bar = {"jdupes": kind.target, "fclones": 1.0 if kind is not _DUPLICATES[0] else None}.get(finder.name)
        target = None if bar is None else Target(Sense.AT_MOST, bar)
        rows.append(Row(what, mine, Unit.SECONDS, repeat, seconds, finder.name, target))
    rows.append(Row(f"{what}, again", median(again), Unit.SECONDS, len(again)))
    shutil.rmtree(root)
    return rows


def copy_rows(fileorg: Fileorg, files: int, repeat: int) -> list[Row]:
    """Compare `organize --action copy` with `cp -a` and a sync."""
    cwd = fileorg.bench.cwd
    root, copied = cwd / "photos", cwd / "copied"
    _COPIED.make(root, files)
    expected = take(root).files

    def checked(seconds: float) -> float:
        if (found := take(copied).files) != expected:
            raise WrongTreeError(f"{found:,} of {expected:,} files were copied")
        shutil.rmtree(copied)
        return seconds

    def fileorg_itself() -> float:
        with fileorg.fresh_state() as (fresh, _):
            command = [*fresh.command, "organize", "-r", "-y", "--action", "copy", "--dest", str(copied), str(root)]
            return checked(fresh.bench.time(command).seconds)

    def plainly() -> float:
        command = ["sh", "-c", f"cp -a '{root}' '{copied}' && sync -f '{copied}'"]
        return checked(fileorg.bench.time(command).seconds)

    mine, theirs = _times(repeat, [fileorg_itself, plainly])
    shutil.rmtree(root)
    what, target = f"organize --action copy, {files:,} {_COPIED.name}", Target(Sense.AT_MOST, _COPIED.target)
    return [Row(what, mine, Unit.SECONDS, repeat, theirs, "cp -a and sync", target)]


def scan_rows(fileorg: Fileorg, files: int, repeat: int) -> list[Row]:
    """Compare a first scan with find."""
    root = fileorg.bench.cwd / "scanned"
    make_tree(root, files, written=Bytes.SPARSE)
    find = peers.find_command(root)

    def fileorg_itself() -> float:
        with fileorg.fresh_state() as (fresh, _):
            return fresh.bench.time(fresh.scan(root)).seconds

    mine, theirs = _times(repeat, [fileorg_itself, lambda: fileorg.bench.time(find).seconds])
    shutil.rmtree(root)
    return [Row(f"scan {files:,} files", mine, Unit.SECONDS, repeat, theirs, "find", Target(Sense.AT_MOST, 2))]


def _rows(fileorg: Fileorg, chosen: argparse.Namespace) -> Iterator[list[Row]]:
    scale, repeat, parts = chosen.scale, chosen.repeat, set(chosen.part or _PARTS)
    if "start" in parts:
        yield start_rows(fileorg, max(repeat, min(_LARGEST_START, repeat * 4)))
    if "moves" in parts:
        for files, *bars in _SORTED:
            yield move_rows(fileorg, max(10, int(files * scale)), (bars[0], bars[1]), repeat)
    if "dedupe" in parts:
        for kind in _DUPLICATES:
            yield dedupe_rows(fileorg, kind, max(10, int(kind.files * scale)), repeat)
    if "copies" in parts:
        yield copy_rows(fileorg, max(10, int(_COPIED.files * scale)), repeat)
    if "scan" in parts:
        yield scan_rows(fileorg, max(10, int(300_000 * scale)), repeat)


_PARTS = ("start", "moves", "dedupe", "copies", "scan")


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    work = Path(tempfile.mkdtemp(prefix="fileorg-everyday-", dir=parent.resolve()))
    try:
        yield work
    finally:
        shutil.rmtree(work)


def _measure(chosen: argparse.Namespace) -> str:
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        raise SetupError("unset PYTHONDONTWRITEBYTECODE: fileorg would be compiled anew at each start")
    with _work_folder(chosen.work) as work:
        fileorg, rows = fileorg_under_test(chosen.fileorg, work), list[Row]()
        facts = machine.facts(work) | {"interpreter": _interpreter(fileorg)}
        for found in _rows(fileorg, chosen):
            print(report.table(found), file=sys.stderr, flush=True)
            rows += found
    words = ["benchmarks/everyday", f"--repeat {chosen.repeat}"]
    words += [f"--scale {chosen.scale:g}"] if chosen.scale != 1 else []
    words += [f"--part {part}" for part in chosen.part or ()]
    return report.page(
        title="Everyday sizes", facts=facts, command=" ".join(words), rows=rows, notes=["Page cache: warm."]
    )


def _interpreter(fileorg: Fileorg) -> str:
    """Return the Python that runs fileorg: its version, and whether it was built with profile-guided optimization."""
    script = "import platform, sysconfig; print(platform.python_version(), sysconfig.get_config_var('CONFIG_ARGS'))"
    version, _, options = fileorg.bench.output([_python(fileorg), "-c", script]).strip().partition(" ")
    return f"Python {version}, {'' if '--enable-optimizations' in options else 'not '}optimized by profile"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/everyday", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, metavar="R", help="runs per median (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of files, to check quickly")
    parser.add_argument("--part", action="append", choices=_PARTS, help="only this part; can be given several times")
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), metavar="DIR", help="folder for the trees")
    parser.add_argument("--fileorg", metavar="CMD", help="the fileorg to measure (default: this Python's -m fileorg)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: EVERYDAY.md for the whole, else no file")
    chosen = parser.parse_args()
    # A terminated benchmark must still remove its trees.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        page = _measure(chosen)
    except (SetupError, CommandFailedError, WrongTreeError, OSError) as error:
        print(f"benchmarks/everyday: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(page)
    is_whole = not chosen.part and chosen.scale == 1
    output = chosen.output or (_HERE / "EVERYDAY.md" if is_whole else None)
    if output is not None:
        output.write_text(page)
    return 0
