"""Compare two versions of fileorg, which take turns: the cost of a change in wall time and processor time."""

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import finders
import listing
import machine
from duplicate_trees import make_small
from measure import Bench, CommandFailedError, Run
from report import TIMES
from stages import Fileorg, WrongTreeError
from suite import SetupError, fileorg_under_test
from tree import Bytes, make_tree

STAGES = ("start", "moves", "dedupe")
START_RUNS = 4
"""Runs of a start for each run of another stage, because a start is so short."""
DUPLICATES_PER_FILE = 5
"""The tree of the stage `dedupe` has this many times fewer files than the tree of `moves`."""


@dataclass(slots=True)
class Side:
    """A version of fileorg, and the runs that were measured."""

    fileorg: Fileorg
    runs: dict[str, list[Run]] = field(default_factory=dict)

    def time(self, what: str, bench: Bench, command: Sequence[str], output: Path | None = None) -> None:
        self.runs.setdefault(what, []).append(bench.time(command, output))

    def wall_s(self, what: str) -> float:
        return median(run.seconds for run in self.runs[what])

    def processor_s(self, what: str) -> float:
        return median(run.processor_seconds for run in self.runs[what])


Turn = Callable[[Side], None]
"""One turn of one side; it must restore the tree."""


def take_turns(sides: Sequence[Side], turn: Turn, repeat: int) -> None:
    """Run each side once untimed, to compile its bytecode; then take turns, with an alternating first side."""
    for side in sides:
        turn(Side(side.fileorg))
    for number in range(repeat):
        for side in sides if number % 2 == 0 else reversed(sides):
            turn(side)


def start(side: Side) -> None:
    """Time the shortest commands."""
    folder = side.fileorg.bench.cwd / "ten"
    make_tree(folder, 10, written=Bytes.SPARSE)
    with side.fileorg.fresh_state() as (fresh, _):
        side.time("--version", fresh.bench, fresh.version())
        side.time("organize ten files, very first run", fresh.bench, fresh.organize_top_level(folder))
        side.time("undo ten files", fresh.bench, fresh.undo())
        side.time("organize ten files", fresh.bench, fresh.organize_top_level(folder))
        side.time("history", fresh.bench, [*fresh.command, "history"])
    shutil.rmtree(folder)


def moves_of(root: Path) -> Turn:
    first = listing.take(root).digest

    def moves(side: Side) -> None:
        with side.fileorg.fresh_state() as (fresh, _):
            side.time("scan", fresh.bench, fresh.scan(root))
        with side.fileorg.fresh_state() as (fresh, _):
            side.time("organize", fresh.bench, fresh.organize(root))
            side.time("undo", fresh.bench, fresh.undo())
        if listing.take(root).digest != first:
            raise WrongTreeError("undo did not restore the first tree")

    return moves


def duplicates_of(root: Path) -> Turn:
    def duplicates(side: Side) -> None:
        with side.fileorg.fresh_state() as (fresh, _):
            finder = finders.fileorg(fresh.command)
            answer = fresh.bench.cwd / "answer"
            for what in ("dedupe", "second dedupe, nothing changed"):
                command = finder.command(str(root), answer)
                side.time(what, fresh.bench, command, None if finder.writes_file else answer)
                answer.unlink()

    return duplicates


def table(ours: Side, theirs: Side) -> str:
    lines = [
        f"| what | now | before | ratio | processor now | before | ratio | runs |\n|---|{'--:|' * 7}",
        *(_line(what, ours, theirs) for what in ours.runs),
    ]
    return "\n".join(lines)


def _line(what: str, ours: Side, theirs: Side) -> str:
    cells = [what]
    for seconds in (Side.wall_s, Side.processor_s):
        now, before = seconds(ours, what), seconds(theirs, what)
        cells += [_seconds(now), _seconds(before), f"{now / before:.2f} {TIMES}"]
    return f"| {' | '.join([*cells, str(len(ours.runs[what]))])} |"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/compare", description=__doc__)
    parser.add_argument("before", metavar="CMD", help="the command of the earlier fileorg, in its own environment")
    parser.add_argument("--fileorg", metavar="CMD", help="the fileorg to measure (default: this Python's -m fileorg)")
    parser.add_argument("--files", type=int, default=100_000, metavar="N", help="files to organize (default 100,000)")
    parser.add_argument("--repeat", type=int, default=5, metavar="R", help="runs per median (default 5)")
    parser.add_argument("--stage", action="append", choices=STAGES, help="measure only this stage; repeatable")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder for the trees (default: /var/tmp)")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace) -> str:
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        raise SetupError("PYTHONDONTWRITEBYTECODE is set, so each start would compile the program again: unset it")
    if arguments.files < DUPLICATES_PER_FILE or arguments.repeat < 1:
        raise SetupError(f"--files must be {DUPLICATES_PER_FILE} or more, --repeat 1 or more")
    parent = arguments.work or Path("/var/tmp")
    work = Path(tempfile.mkdtemp(prefix="fileorg-compare-", dir=parent.resolve()))
    try:
        ours = Side(fileorg_under_test(arguments.fileorg, work))
        theirs = Side(fileorg_under_test(arguments.before, work))
        stages = arguments.stage or STAGES
        if "start" in stages:
            take_turns([ours, theirs], start, arguments.repeat * START_RUNS)
        if "moves" in stages:
            root = work / "tree"
            make_tree(root, arguments.files, written=Bytes.SPARSE)
            take_turns([ours, theirs], moves_of(root), arguments.repeat)
            shutil.rmtree(root)
        if "dedupe" in stages:
            root = work / "twins"
            make_small(root, arguments.files // DUPLICATES_PER_FILE)
            take_turns([ours, theirs], duplicates_of(root), arguments.repeat)
        return _page(arguments, machine.facts(work), ours, theirs)
    finally:
        shutil.rmtree(work)


def _page(arguments: argparse.Namespace, facts: dict[str, str], ours: Side, theirs: Side) -> str:
    words = ["benchmarks/compare", "CMD", "--files", str(arguments.files), "--repeat", str(arguments.repeat)]
    words += [word for stage in arguments.stage or () for word in ("--stage", stage)]
    reported = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return f"`{shlex.join(words)}`\n\n{reported}\n\n{table(ours, theirs)}"


def main() -> int:
    # A terminated benchmark must still remove its trees.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        print(_measure(_arguments()))
    except (SetupError, CommandFailedError, WrongTreeError, OSError) as error:
        print(f"benchmarks/compare: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
