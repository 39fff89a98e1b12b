"""The stages of the benchmark: each takes a tree, restores it, and returns rows of the table."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import listing
import peers
from kinds import UNKNOWN
from loop import Changes, write_changes
from measure import Bench, CommandFailedError, disk_bytes
from report import Row, Sense, Target, Unit
from tree import Bytes, make_tree

SCAN = Target(Sense.AT_MOST, 2.0)
MOVES = Target(Sense.AT_MOST, 1.6)
ORGANIZE_TOOL = Target(Sense.AT_LEAST, 25)
MEMORY = Target(Sense.BELOW, 200)
VERSION = Target(Sense.BELOW, 30)
TEN_FILES = Target(Sense.BELOW, 200)


class WrongTreeError(Exception):
    """Raised if fileorg or a peer leaves a wrong tree, so that its time means nothing."""


@dataclass(frozen=True, slots=True)
class Fileorg:
    """The fileorg under test and the bench that runs it."""

    command: tuple[str, ...]
    bench: Bench

    @contextmanager
    def fresh_state(self) -> Iterator[tuple["Fileorg", Path]]:
        """Yield the same fileorg with an empty state directory, and that directory."""
        above = self.bench.cwd / "state"
        home = above / "fileorg"
        home.mkdir(mode=0o700, parents=True)
        yield Fileorg(self.command, self.bench.with_environment(XDG_STATE_HOME=str(above))), home
        # Not after a failure: what is left may tell why.
        shutil.rmtree(above)

    def scan(self, root: Path) -> list[str]:
        return [*self.command, "scan", str(root)]

    def organize(self, root: Path) -> list[str]:
        return [*self.command, "organize", "-r", "-y", str(root)]

    def organize_top_level(self, root: Path) -> list[str]:
        return [*self.command, "organize", "-y", str(root)]

    def undo(self) -> list[str]:
        return [*self.command, "undo", "-y"]

    def version(self) -> list[str]:
        return [*self.command, "--version"]


@dataclass(slots=True)
class Times:
    """The seconds of each run of each side."""

    loop: list[float] = field(default_factory=list)
    loop_synced: list[float] = field(default_factory=list)
    fileorg: list[float] = field(default_factory=list)

    def add_loop(self, seconds: tuple[float, float]) -> None:
        self.loop.append(seconds[0])
        self.loop_synced.append(sum(seconds))

    def rows(self, what: str) -> list[Row]:
        measured, runs = median(self.fileorg), len(self.fileorg)
        return [
            Row(what, measured, Unit.SECONDS, runs, median(self.loop), "loop", MOVES),
            Row(
                f"{what}, compared with the loop and a syncfs",
                measured,
                Unit.SECONDS,
                runs,
                median(self.loop_synced),
                "loop",
            ),
        ]


@dataclass(frozen=True, slots=True)
class Before:
    """The original state of a tree, and the number of files to move."""

    root: Path
    places: listing.Places
    listing: listing.Listing

    @classmethod
    def of(cls, root: Path) -> "Before":
        return cls(root, listing.places(root), listing.take(root))

    @property
    def files_to_move(self) -> int:
        unknown = tuple(os.fsencode(f".{extension}") for extension in UNKNOWN.extensions)
        return sum(not path.endswith(unknown) for path in self.places.files.values())

    def changes(self) -> Changes:
        return listing.changes_between(self.places, listing.places(self.root))

    def require_same(self, who: str) -> None:
        if listing.take(self.root).digest == self.listing.digest:
            return
        strays = self.changes()
        example = f"; for example {strays.destinations[0]!r}" if strays.destinations else ""
        raise WrongTreeError(f"{who} did not restore the first tree: {len(strays.sources)} files differ{example}")


def scan_stage(fileorg: Fileorg, root: Path, repeat: int) -> list[Row]:
    bench = fileorg.bench
    find = peers.find_command(root)
    bench.time(find)
    found, first, again = [], [], []
    for _ in range(repeat):
        found.append(bench.time(find).seconds)
        with fileorg.fresh_state() as (fresh, _):
            first.append(fresh.bench.time(fresh.scan(root)).seconds)
            again.append(fresh.bench.time(fresh.scan(root)).seconds)
    with fileorg.fresh_state() as (fresh, home):
        peak = fresh.bench.sample_memory(fresh.scan(root)).peak_bytes
        state = disk_bytes(home)
    return [
        Row("first scan", median(first), Unit.SECONDS, repeat, median(found), "find", SCAN),
        Row("second scan, nothing changed", median(again), Unit.SECONDS, repeat, median(found), "find"),
        Row("peak memory of scan", _megabytes(peak), Unit.MEGABYTES, target=MEMORY),
        Row("state directory after scan", _megabytes(state), Unit.MEGABYTES),
    ]


def move_stage(fileorg: Fileorg, root: Path, repeat: int) -> list[Row]:
    """Compare organize and undo with the bare loop; the first side changes with each turn."""
    forth, back, rows = timed_moves(fileorg, root, repeat)
    return [*forth.rows("organize"), *back.rows("undo"), *rows]


def timed_moves(fileorg: Fileorg, root: Path, repeat: int) -> tuple[Times, Times, list[Row]]:
    """Return the times of organize and of undo, each beside the loop, and the rows of `_first_moves`."""
    before = Before.of(root)
    changes, organized, rows = _first_moves(fileorg, before)
    turns = _Turns(fileorg, before, organized, fileorg.bench.cwd / "changes")
    write_changes(turns.plan, changes)
    for turn in range(repeat):
        sides = [turns.loop, turns.fileorg_itself]
        for side in sides if turn % 2 == 0 else reversed(sides):
            side()
    turns.plan.unlink()
    return turns.forth, turns.back, rows


def _first_moves(fileorg: Fileorg, before: Before) -> tuple[Changes, listing.Listing, list[Row]]:
    """Return the renames that fileorg makes, and rows of its memory and state, from a run that is not timed."""
    with fileorg.fresh_state() as (fresh, home):
        organize_peak = fresh.bench.sample_memory(fresh.organize(before.root)).peak_bytes
        organize_state = disk_bytes(home)
        changes, organized = before.changes(), listing.take(before.root)
        undo_peak = fresh.bench.sample_memory(fresh.undo()).peak_bytes
        undo_state = disk_bytes(home)
    before.require_same("undo")
    if not changes.sources:
        raise WrongTreeError("organize moved no file")
    expected = Target(Sense.EQUAL, before.files_to_move)
    return (
        changes,
        organized,
        [
            Row("peak memory of organize", _megabytes(organize_peak), Unit.MEGABYTES, target=MEMORY),
            Row("peak memory of undo", _megabytes(undo_peak), Unit.MEGABYTES, target=MEMORY),
            Row("state directory after organize", _megabytes(organize_state), Unit.MEGABYTES),
            Row("state directory after undo", _megabytes(undo_state), Unit.MEGABYTES),
            Row("files moved into category folders", len(changes.sources), Unit.FILES, target=expected),
        ],
    )


@dataclass(slots=True)
class _Turns:
    """The timed runs of both sides. Each begins and ends with the first tree."""

    fileorg: Fileorg
    before: Before
    organized: listing.Listing
    plan: Path
    forth: Times = field(default_factory=Times)
    back: Times = field(default_factory=Times)

    def loop(self) -> None:
        self.forth.add_loop(peers.run_loop(self.fileorg.bench, self.plan, is_back=False))
        if listing.take(self.before.root).digest != self.organized.digest:
            raise WrongTreeError("the loop did not make the renames that fileorg made")
        self.back.add_loop(peers.run_loop(self.fileorg.bench, self.plan, is_back=True))
        self.before.require_same("the loop")

    def fileorg_itself(self) -> None:
        root = self.before.root
        with self.fileorg.fresh_state() as (fresh, _):
            self.forth.fileorg.append(fresh.bench.time(fresh.organize(root)).seconds)
            # Runs may number different files of one name, but each folder must get the same number of files.
            if listing.take(root).files_of_top_folder != self.organized.files_of_top_folder:
                raise WrongTreeError("two runs of organize moved different numbers of files")
            self.back.fileorg.append(fresh.bench.time(fresh.undo()).seconds)
        self.before.require_same("undo")


def organize_tool_stage(fileorg: Fileorg, root: Path, repeat: int) -> tuple[Row, float]:
    """Return the row, and the files per second of organize-tool. Both sort the same tree by the same extensions."""
    bench = fileorg.bench
    before = Before.of(root)
    ours, theirs = [], []
    changes = Changes([], [], [], [])
    for _ in range(repeat):
        with fileorg.fresh_state() as (fresh, _):
            seconds = fresh.bench.time(fresh.organize(root)).seconds
            changes = before.changes()
            ours.append(len(changes.sources) / seconds)
            fresh.bench.time(fresh.undo())
        before.require_same("undo")
    program = peers.install_organize_tool(bench.cwd / "organize-tool")
    config = bench.cwd / "organize-tool.yaml"
    peers.write_organize_config(config, root, peers.folder_of_extension(root, changes))
    # organize-tool logs to the home directory.
    guest = bench.with_environment(HOME=str(bench.cwd), XDG_DATA_HOME=str(bench.cwd), XDG_STATE_HOME=str(bench.cwd))
    for _ in range(repeat):
        seconds = guest.time(peers.organize_tool_command(program, config)).seconds
        theirs.append(_take_back(bench, before, len(changes.sources)) / seconds)
    what = f"organize {before.listing.files:,} files"
    row = Row(what, median(ours), Unit.FILES_PER_SECOND, repeat, median(theirs), "organize-tool", ORGANIZE_TOOL)
    return row, median(theirs)


def _take_back(bench: Bench, before: Before, expected: int) -> int:
    """Undo a run of a program without undo. Return the number of files that it had moved."""
    changes = before.changes()
    if len(changes.sources) != expected:
        raise CommandFailedError(f"organize-tool moved {len(changes.sources)} files, but fileorg moved {expected}")
    plan = bench.cwd / "changes"
    write_changes(plan, changes)
    peers.run_loop(bench, plan, is_back=True)
    plan.unlink()
    before.require_same("the loop")
    return expected


def start_stage(fileorg: Fileorg, repeat: int) -> list[Row]:
    """Measure short commands, which consist mostly of their start, and an empty Python program."""
    bare = [fileorg.bench.time([sys.executable, "-c", "pass"]).seconds for _ in range(repeat)]
    fileorg.bench.time(fileorg.version())
    version = [fileorg.bench.time(fileorg.version()).seconds for _ in range(repeat)]
    never_run = []
    for _ in range(repeat):
        with fileorg.fresh_state() as (fresh, _):
            never_run.append(ten_files(fresh))
    with fileorg.fresh_state() as (used, _):
        ten_files(used)
        usual = [ten_files(used) for _ in range(repeat)]
    return [
        Row("`fileorg --version`", _milliseconds(version), Unit.MILLISECONDS, repeat, target=VERSION),
        Row("organize ten files", _milliseconds(usual), Unit.MILLISECONDS, repeat, target=TEN_FILES),
        Row("organize ten files, very first run", _milliseconds(never_run), Unit.MILLISECONDS, repeat),
        Row("`python -c pass`, for comparison", _milliseconds(bare), Unit.MILLISECONDS, repeat),
    ]


def ten_files(fileorg: Fileorg) -> float:
    root = fileorg.bench.cwd / "ten"
    make_tree(root, 10, written=Bytes.SPARSE)
    try:
        before = Before.of(root)
        seconds = fileorg.bench.time(fileorg.organize_top_level(root)).seconds
        if len(before.changes().sources) != before.files_to_move:
            raise WrongTreeError("organize did not move all of the ten files")
    finally:
        shutil.rmtree(root)
    return seconds


def _milliseconds(seconds: Sequence[float]) -> float:
    return median(seconds) * 1000


def _megabytes(size: int | None) -> float:
    return (size or 0) / 1e6
