"""The worker process and its parent: each is killed while the other is running."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.faults.case import Case
from tests.faults.test_races import until
from tests.faults.trees import Scenario, settle_folders
from tests.support.share import part

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from tests.faults.sweep import Worker, Workers

_FOLDERS, _FILES = 60, 100
_EXTENSIONS = (".jpg", ".txt", ".mp3", ".zip")
_PARENT_DIES, _RENAMER_DIES = "parent", "renamer"


def many(root: Path, _dest: Path) -> None:
    """Enough files for a worker process."""
    for number in range(_FOLDERS):
        folder = root / f"folder {number}"
        folder.mkdir()
        for file in range(_FILES):
            (folder / f"{number}-{file}{_EXTENSIONS[file % 4]}").touch()
    settle_folders(root)


MANY = Scenario("many files", many)


@pytest.mark.parametrize("who", [_PARENT_DIES, _RENAMER_DIES])
@pytest.mark.parametrize("command", ["organize", "undo"])
def test_one_of_them_is_killed_at_any_moment(workers: Workers, tally: Counter[str], command: str, who: str) -> None:
    chance = random.Random(f"{command} {who}")
    kill_at_moments(workers, tally, command, who, [chance.uniform(0, 0.1)])


@pytest.mark.slow
@pytest.mark.parametrize("who", [_PARENT_DIES, _RENAMER_DIES])
@pytest.mark.parametrize("command", ["organize", "undo"])
def test_one_of_them_is_killed_at_many_moments(workers: Workers, tally: Counter[str], command: str, who: str) -> None:
    kill_at_moments(workers, tally, command, who, part([number * 0.002 for number in range(60)]))


@pytest.mark.parametrize(("call", "code"), [("renameat2:signal=KILL:when=5000", 0), ("renameat2:signal=KILL", 1)])
def test_a_renamer_that_is_killed_at_a_call_is_replaced(
    workers: Workers, tally: Counter[str], call: str, code: int
) -> None:
    """Each new renamer is killed, too: at its 5000th rename, of which there are none, or at its first."""
    tally["5 two processes: the parent or the renamer killed"] += 1

    def kill(worker: Worker, case: Case) -> None:
        finished = worker.driver.traced(case.request(*case.organize), [call], ("renameat2",))
        assert finished.code == code, finished.output
        said = "The process that moves files keeps ending" if code else f"Moved {_FOLDERS * _FILES:,} files"
        assert said in finished.output

    assert workers.one(lambda worker: wreck_and_undo(worker, (), kill)) == []


def kill_at_moments(workers: Workers, tally: Counter[str], command: str, who: str, moments: list[float]) -> None:
    """Kill at each moment, measured from the start of the worker."""
    before = () if command == "organize" else ("organize",)
    kills = [partial(kill_one, command=command, who=who, moment=moment) for moment in moments]
    found = workers.each([partial(wreck_and_undo, before=before, kill=kill) for kill in kills])
    tally["5 two processes: the parent or the renamer killed"] += len(moments)
    assert not any(found), found


def wreck_and_undo(worker: Worker, before: tuple[str, ...], kill: Callable[[Worker, Case], None]) -> list[str]:
    case = Case(MANY, worker.driver, worker.place)
    for _ in before:
        case.run(*case.organize)
    kill(worker, case)
    names = sorted(os.path.basename(path) for path, node in case.snapshot().items() if node.kind == "file")
    first = sorted(os.path.basename(path) for path, node in case.first.items() if node.kind == "file")
    found = [] if names == first else ["I1: not every file is there exactly once"]
    return found + case.recover() + case.undo_all()


def kill_one(worker: Worker, case: Case, command: str, who: str, moment: float) -> None:
    words = case.organize if command == "organize" else ["undo", "-y"]
    parent = worker.driver.start(case.request(*words))
    until(lambda: children(parent) or ended(parent))
    renamer = next(iter(children(parent)), None)
    time.sleep(moment)
    # If the process has ended already, nothing is killed.
    kill(parent if who == _PARENT_DIES else renamer)
    finished = worker.driver.end()
    if who == _RENAMER_DIES:
        assert finished.code == 0, finished.output  # it is replaced
    until(lambda: renamer is None or ended(renamer), 60.0)


def kill(pid: int | None) -> None:
    if pid is not None and not ended(pid):
        os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def ended(pid: int) -> bool:
    """Return whether the process is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_no_lock_outlives_the_run(workers: Workers) -> None:
    """The worker holds its parent's locks until it exits; then the next command is not refused."""

    def task(worker: Worker) -> list[str]:
        case = Case(MANY, worker.driver, worker.place)
        kill_one(worker, case, "organize", _PARENT_DIES, 0.02)
        finished = case.run("recover")
        return [] if finished.code == 0 else [f"recover ends with {finished.code}: {finished.output}"]

    assert workers.one(task) == []
