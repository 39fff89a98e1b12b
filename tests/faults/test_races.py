"""Another program acts between the plan and the rename: its files are not overwritten."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.faults import laws
from tests.faults.case import Case
from tests.faults.trees import BY_NAME, write
from tests.support import snapshot

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from tests.faults.sweep import Worker, Workers

_FOREIGN = b"someone else's"


def test_a_name_that_is_taken_in_the_last_moment(workers: Workers, tally: Counter[str]) -> None:
    tally["4 races: at one call"] += 1
    assert race(workers, "") == []


def test_a_plain_rename_is_found_out(workers: Workers) -> None:
    violations = race(workers, "plain rename")
    assert any("overwritten" in line for line in violations)


def race(workers: Workers, control: str) -> list[str]:
    """Take the names of two files while the first rename is delayed at the entry of its system call."""
    worker = workers.all[0]
    case = Case(BY_NAME["few"], worker.driver, worker.place, control)
    images = worker.place.root / "Images"
    with worker.driver.tracing(case.request(*case.organize), ["renameat2,renameat:delay_enter=400000:when=1"]):
        until(images.exists)
        write(images / "a.jpg", _FOREIGN)
        write(images / "a (2).jpg", _FOREIGN + b" too")
        finished = worker.driver.end()
    taken = case.snapshot()
    found = laws.honest(finished.code, finished.output)
    found += [] if finished.code == 1 else [f"exit code {finished.code}: {finished.output}"]
    for name, content in ((b"a.jpg", _FOREIGN), (b"a (2).jpg", _FOREIGN + b" too")):
        if taken[b"root/Images/" + name].content != content:
            found.append(f"I2 overwritten: {name!r}")
    found += laws.conserved(case.first, taken)
    case.run("undo", "-y")
    left = {path: node for path, node in case.snapshot().items() if not path.startswith(b"root/Images")}
    return found + snapshot.differences({**case.first, b"root": left[b"root"]}, left)


def until(so: object, seconds: float = 10.0) -> None:
    """Wait until `so()` is true."""
    assert callable(so)
    late = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < late, "it never happened"
        time.sleep(0.002)


def test_a_link_that_someone_else_made_is_not_half_a_rename(workers: Workers, tally: Counter[str]) -> None:
    """After a crash, both names belong to one file, as between link and unlink, but both existed before."""
    assert workers.one(link_and_kill) == []
    tally["4 races: at one call"] += 1


def link_and_kill(worker: Worker) -> list[str]:
    _, calls = linked(worker)[0].counted(["undo", "-y"])
    last_rename = max(number for number, call in enumerate(calls) if call.name == "renameat2")
    settles = next(call for call in calls[last_rename:] if call.about == "journal")
    case, names = linked(worker)
    finished = case.with_faults(["undo", "-y"], [settles.kill])
    found = [] if finished.code == -9 else [f"it was not killed: {finished.output}"]
    found += case.recover()
    return found + [f"taken away: {name}" for name in names if not name.exists()]


def linked(worker: Worker) -> tuple[Case, tuple[Path, Path]]:
    """Organize, then link one of the files back to its old path."""
    case = Case(BY_NAME["few"], worker.driver, worker.place)
    case.run(*case.organize)
    names = worker.place.root / "a.jpg", worker.place.root / "Images/a.jpg"
    os.link(names[1], names[0])
    return case, names
