"""A tree that was moved, and an `undo --root` that is killed, or halted while another program acts, at its steps.

After each kill, recovery finds the files in the new place, and the same undo again gives the first tree, exactly.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.faults import laws
from tests.faults.case import Case
from tests.faults.trees import BY_NAME
from tests.faults.world import World
from tests.support import snapshot
from tests.support.share import SHARE

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.sweep import Worker, Workers
    from tests.support.snapshot import Snapshot

_KILLED = -9
_FAST_APART = 13
SCENARIOS = ("few", "batches", "two processes", "across devices", "clean", "pair, quarantine", "pair, hardlink")
_every_scenario = pytest.mark.parametrize("name", SCENARIOS)
_every_way = pytest.mark.parametrize("copied", [False, True], ids=["renamed", "copied"])


def move(case: Case, *, copied: bool) -> str:
    """Move the root, by a rename or with other inode numbers, and let the case know. Return the new path."""
    old = case.place.root
    disk = case.place.base / "moved"
    shutil.rmtree(disk, ignore_errors=True)
    disk.mkdir()
    if copied:
        subprocess.run(["cp", "-a", str(old), str(disk / "root")], check=True)
        shutil.rmtree(old)
    else:
        old.rename(disk / "root")
    case.place = replace(case.place, disk=disk)
    return str(case.place.root)


def ready(worker: Worker, name: str, *, copied: bool) -> tuple[Case, list[str]]:
    """Return a case whose tree was moved after its first command, and the words of its undo."""
    case = Case(BY_NAME[name], worker.driver, worker.place)
    finished = case.run(*case.organize)
    assert finished.code == 0, finished.output
    return case, ["undo", "-y", "1", "--root", move(case, copied=copied)]


@_every_scenario
@_every_way
def test_kills(plain_workers: Workers, tally: Counter[str], name: str, copied: bool) -> None:
    tally["moved trees: undo is killed"] += plain_workers.one(
        partial(sweep_kills, name=name, copied=copied, apart=_FAST_APART)
    )


@pytest.mark.slow
@_every_scenario
@_every_way
def test_kills_at_every_step(plain_workers: Workers, tally: Counter[str], name: str, copied: bool) -> None:
    tally["moved trees: undo is killed"] += plain_workers.one(
        partial(sweep_kills, name=name, copied=copied, apart=SHARE.of, begin=SHARE.number)
    )


def sweep_kills(worker: Worker, *, name: str, copied: bool, apart: int, begin: int = 1) -> int:
    """Kill the undo at each step with a new tree, until it ends before the step. Return the number of kills."""
    for tried, step in enumerate(count(begin, apart)):
        case, words = ready(worker, name, copied=copied)
        before = case.snapshot()
        request = case.request(*words)
        request.die_at = step
        finished = worker.driver.run(request)
        if finished.code != _KILLED:
            assert finished.code == 0, finished.output
            assert differences(case, case.first, copied=copied) == []
            return tried
        found = wreck(case, before) + case.recover() + undone(case, words, copied=copied)
        assert not found, "\n".join([f"{name}, killed at step {step}:", *found])
    raise AssertionError("there is no end of steps")


def wreck(case: Case, before: Snapshot) -> list[str]:
    """Return violations right after a kill: what was lost, and changes that the journal does not announce."""
    now = case.snapshot()
    return laws.conserved(case.first, now) + laws.announced(case.ledger(), before, now, 1)


def undone(case: Case, words: list[str], *, copied: bool) -> list[str]:
    """Undo what is left with the same words, redo it without --root, and undo it again."""
    finished = case.run(*words, "--wait", "10s")  # a helper may outlive a killed command by some milliseconds
    found = [] if finished.code in {0, 2} else [f"undo ends with {finished.code}: {finished.output}"]
    found += [f"I4 {line}" for line in differences(case, case.first, copied=copied)]
    for again in ("redo", "undo"):
        finished = case.run(again, "-y", "1")
        found += [] if finished.code == 0 else [f"{again} ends with {finished.code}: {finished.output}"]
    return found + [f"I4 again {line}" for line in differences(case, case.first, copied=copied)]


def differences(case: Case, first: Snapshot, *, copied: bool) -> list[str]:
    """Return how the tree differs. A copy of a tree has other times of links that fileorg makes anew."""
    now = case.snapshot()
    if copied:
        first, now = ({path: _plain(node) for path, node in tree.items()} for tree in (first, now))
    return snapshot.differences(first, now)


def _plain(node: snapshot.Node) -> snapshot.Node:
    return node._replace(mtime_ns=0) if node.kind == "symlink" else node


# Other programs -------------------------------------------------------------------------------------------------------

_THEIRS = b"someone else's"
MEDDLING = [
    ("create", (b"root", b"a.jpg", _THEIRS)),
    ("replace", (b"root/Images/a.jpg", _THEIRS)),
    ("edit", (b"root/Images/a.jpg", b"TWO")),
    ("delete_folder", (b"root/Images",)),
    ("divert", (b"root/Images",)),
]


@pytest.mark.parametrize("meddling", MEDDLING, ids=lambda meddling: meddling[0])
def test_others_act_while_it_is_halted(
    plain_workers: Workers, tally: Counter[str], meddling: tuple[str, tuple[bytes, ...]]
) -> None:
    tally["moved trees: others act"] += plain_workers.one(partial(sweep_halts, meddling=meddling))


def sweep_halts(worker: Worker, *, meddling: tuple[str, tuple[bytes, ...]]) -> int:
    change, facts = meddling
    for tried, step in enumerate(count(1 + MEDDLING.index(meddling), 37)):
        world = World(BY_NAME["few"], worker)
        world.run(*world.case.organize)
        new = move(world.case, copied=False)
        meanwhile = partial(getattr(world.outsiders, change), *facts)
        if not world.race("undo", "-y", "1", "--root", new, halt_at=step, meanwhile=meanwhile):
            return tried
        world.run("undo", "-y", "1", "--root", new)
    raise AssertionError("there is no end of steps")
