"""Files and folders of years beyond 64 bits of nanoseconds: every command handles them like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.disks import LINUX_DISKS, NotTested, linux_disk
from tests.support.runs import Runs
from tests.support.tree import SECOND_NS, Tree

from fileorg.core.model import By, OnConflict, RecordState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root

YEARS = (1600, 1676, 1901, 1969, 2262, 2300, 2446)


def noon(year: int) -> int:
    """Return the middle of a year, with odd nanoseconds."""
    since = datetime(year, 7, 1, 12, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND_NS + 7


@pytest.fixture(params=LINUX_DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            place = stack.enter_context(linux_disk(request.param, tmp_path))
        except NotTested as why:
            pytest.skip(str(why))
        yield place


@pytest.fixture
def old(disk: Path, state: StateDirectory) -> Runs:
    """A tree with a file for each year that this file system supports, and a folder of 2300."""
    tree = Tree(disk / "tree")
    tree.write({f"{year}.txt": str(year) for year in YEARS} | {"pair/one.bin": "same", "pair/two.bin": "same"})
    tree.write({"empty/": "", "before.txt": "half a second before 1970"})
    for year in YEARS:
        tree.set_time(f"{year}.txt", noon(year))
    tree.set_time("before.txt", -SECOND_NS // 2)
    for path, year in (("pair/one.bin", 2300), ("pair/two.bin", 1600), ("empty", 2300), ("pair", 1600), ("", 2300)):
        tree.set_time(path, noon(year))
    return Runs(tree, state)


def month(runs: Runs, year: int) -> str:
    """Return `2300/07`, from the time that the file system stored, which may be the nearest that it supports."""
    seconds = os.stat(runs.tree.path(f"{year}.txt")).st_mtime_ns // SECOND_NS
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y/%m}"


def test_organize_and_undo(old: Runs) -> None:
    before = old.tree.snapshot()
    assert old.organize().done == len(YEARS) + 1
    old.undo()
    assert old.tree.snapshot() == before
    old.redo()
    old.undo()
    assert old.tree.snapshot() == before


def test_by_date_has_the_true_year(old: Runs) -> None:
    expected = {f"{month(old, year)}/{year}.txt" for year in YEARS}
    before = old.tree.snapshot()
    assert {"1969/07/1969.txt", "2262/07/2262.txt", "2300/07/2300.txt"} <= expected
    old.organize(by=By.DATE)
    assert expected <= old.tree.read().keys()
    assert old.organize(by=By.DATE, recursive=True, exclude=["pair", "empty"]).done == 0
    old.undo()
    assert old.tree.snapshot() == before


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
def test_dedupe_undo_and_purge(old: Runs, action: str) -> None:
    before = old.tree.snapshot()
    assert old.dedupe(action).done == 1
    old.undo()
    assert old.tree.snapshot() == before
    old.redo()
    assert old.purge().outcome.done == 1


def test_clean_and_undo(old: Runs) -> None:
    before = old.tree.snapshot()
    old.clean()
    assert "empty/" not in old.tree.read()
    old.undo()
    assert old.tree.snapshot() == before


def test_to_another_disk_and_back(old: Runs, tmp_path: Path) -> None:
    before = old.tree.snapshot()
    old.organize(dest=tmp_path / "dest")
    for year in set(YEARS) & {1969, 2262, 2300}:
        assert (tmp_path / f"dest/Documents/{year}.txt").stat().st_mtime_ns == before[b"%d.txt" % year].mtime_ns
    old.undo()
    assert old.tree.snapshot() == before


def test_a_time_that_the_other_disk_does_not_have_is_told_and_comes_back(
    state: StateDirectory, elsewhere: Path, tmp_path: Path
) -> None:
    tree = Tree(elsewhere / "tree")
    runs = Runs(tree, state)
    tree.write({"old.txt": "x", "late.txt": "y"})
    tree.set_time("old.txt", noon(1600))
    tree.set_time("late.txt", noon(9999))
    before = tree.snapshot()
    with linux_disk("ext4", tmp_path) as disk:
        outcome = runs.organize(dest=disk)
        notes = [record.reason for record in runs.records(outcome.operation, RecordState.DONE) if record.reason]
        assert len(notes) == 2
        runs.undo()
        assert tree.snapshot() == before
        runs.organize(dest=disk)
        runs.undo()
        runs.redo()
        runs.undo()
    assert tree.snapshot() == before


def test_keep_newer_compares_beyond_2262(runs: Runs) -> None:
    for name, there, here in (("a.txt", 2300, 2400), ("b.txt", 2400, 2300), ("c.txt", 1901, 2262)):
        runs.tree.write({f"Documents/{name}": "there", name: "here"})
        runs.tree.set_time(f"Documents/{name}", noon(there))
        runs.tree.set_time(name, noon(here))
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    found = runs.tree.read()
    assert [found[f"Documents/{name}"] for name in ("a.txt", "b.txt", "c.txt")] == ["here", "there", "here"]


def test_bounds_beyond_2262(runs: Runs) -> None:
    runs.tree.write({f"{year}.txt": "" for year in (1969, 2300, 2400)})
    for year in (1969, 2300, 2400):
        runs.tree.set_time(f"{year}.txt", noon(year))
    assert {row.source_name for row in runs.dry_run(newer_than_ns=noon(2350))} >= {b"2400.txt"}
    assert b"2300.txt" not in {row.source_name for row in runs.dry_run(newer_than_ns=noon(2350))}
    assert b"2400.txt" not in {row.source_name for row in runs.dry_run(older_than_ns=noon(2350))}


def test_every_way_to_tell_it(old: Runs, tmp_path: Path) -> None:
    def said(*command: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "fileorg", *command], capture_output=True, text=True, check=False, timeout=60
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    root = str(old.tree.root)
    assert "2300-07-01" in said("scan", root, "--format", "json")
    old.organize()
    reported = json.loads(said("report", "-f", "json", "-o", "-"))
    years = {record["mtime"][:4] for record in reported["records"] if record["mtime"]}
    assert {"1969", "2262", "2300"} <= years
    assert "2300-07-01T12:00:00Z" in said("report", "-f", "csv", "-o", "-")
    said("report", "-o", str(tmp_path / "page.html"))
    for command in (("history",), ("files", "1"), ("dedupe", root), ("duplicates",)):
        said(*command)
