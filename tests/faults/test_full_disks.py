"""Full disks: that of the journal, and that of the destination."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.faults import laws
from tests.faults.case import Case
from tests.faults.trees import BY_NAME, Scenario, settle_folders, write

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.sweep import Worker, Workers

pytestmark = pytest.mark.root

_FILES = 1500


def long_names(root: Path, _dest: Path) -> None:
    """More names than a small journal can store."""
    for number in range(_FILES):
        write(root / f"folder {number % 20}" / f"{number:0200}.txt", b"")
    settle_folders(root)


LONG_NAMES = Scenario("long names", long_names, rows=200)


@pytest.mark.parametrize("kib", [40, 150, 300, 460, 600])
def test_the_disk_of_the_journal_is_full(workers: Workers, tally: Counter[str], kib: int) -> None:
    assert workers.one(lambda worker: full_journal(worker, kib)) == []
    tally["2 failing calls: full disks"] += 1


def test_undo_says_that_the_disk_of_the_journal_is_full(workers: Workers) -> None:
    """Some calls of SQLite fail with an I/O error then, and no disk has to be repaired."""
    assert workers.one(full_for_undo) == []


def full_for_undo(worker: Worker) -> list[str]:
    case = Case(BY_NAME["messy"], worker.driver, worker.place)
    state = worker.place.state
    shutil.rmtree(state)
    state.mkdir(mode=0o700)
    with mounted(state, "size=2m"):
        found = [] if case.run(*case.organize).code == 0 else ["organize failed"]
        after = case.snapshot()
        filler = state / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        finished = case.run("undo", "-y")
        if finished.code != 1 or "is full" not in finished.output:
            found.append(f"it does not say what is the matter: {finished.output}")
        found += laws.conserved(case.first, case.snapshot())
        if case.snapshot() != after:
            found.append("something moved without a record")
        filler.unlink()
        return found + case.undo_all()


def full_journal(worker: Worker, kib: int) -> list[str]:
    case = Case(LONG_NAMES, worker.driver, worker.place)
    state = worker.place.state
    shutil.rmtree(state)
    state.mkdir(mode=0o700)
    with mounted(state, f"size={kib}k"):
        finished = case.run(*case.organize)
        found = laws.honest(finished.code, finished.output)
        if finished.code == 0:
            found.append(f"{kib} KiB are enough: nothing is tested")
        elif "full" not in finished.output:
            found.append(f"it does not say what is the matter: {finished.output}")
        found += laws.conserved(case.first, case.snapshot())
        subprocess.run(["mount", "-o", "remount,size=64m", str(state)], check=True)
        return found + case.recover() + case.undo_all()


@pytest.mark.parametrize("options", ["size=4k", "size=300k", "size=1104k", "nr_inodes=5", "nr_inodes=9"])
@pytest.mark.parametrize("action", ["move", "copy"])
def test_the_destination_is_full(workers: Workers, tally: Counter[str], options: str, action: str) -> None:
    scenario = BY_NAME["across devices" if action == "move" else "copy across devices"]
    if workers.all[0].place.other is None:
        pytest.skip("NOT TESTED: there is no second device to write to")
    assert workers.one(lambda worker: full_destination(worker, scenario, options)) == []
    tally["2 failing calls: full disks"] += 1


def full_destination(worker: Worker, scenario: Scenario, options: str) -> list[str]:
    case = Case(scenario, worker.driver, worker.place)
    shutil.rmtree(case.dest)
    case.dest.mkdir()
    with mounted(case.dest, options):
        case.first = case.snapshot()
        finished = case.run(*case.organize)
        found = laws.honest(finished.code, finished.output)
        if finished.code != 1 or os.strerror(28) not in finished.output:
            found.append(f"it ends with {finished.code}: {finished.output}")
        found += laws.conserved(case.first, case.snapshot())
        return found + case.check_settled() + case.undo_all()


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "fileorg-full", str(place)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: mounting a small tmpfs needs root, with the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
