"""Another program acts while a command is halted at any of its steps.

It replaces folders by symlinks that lead out of the tree, edits files while they are copied, takes names, and removes
files and folders. Nothing outside changes, nothing is lost or overwritten, and every failure is reported.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.trees import BY_NAME
from tests.faults.world import World
from tests.support.share import SHARE

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.sweep import Worker, Workers

_THEIRS = b"someone else's"
_FAST_APART = 307
"""The distance of the tried steps of an act; each act has another first step."""

Meddling = tuple[str, str, tuple[Any, ...]]

HERE: list[Meddling] = [
    ("few", "divert", (b"root/b",)),
    ("few", "divert", (b"root/Images",)),
    ("few", "create", (b"root/Images", b"a.jpg", _THEIRS)),
    ("few", "create", (b"root", b"a.jpg", _THEIRS)),
    ("few", "make_folder", (b"root/Images", b"a.jpg")),
    ("few", "overwrite", (b"root/Images", b"a.jpg", _THEIRS)),
    ("few", "edit", (b"root/b/a.jpg", b"TWO")),
    ("few", "append", (b"root/a.jpg", b" and more")),
    ("few", "replace", (b"root/b/c.txt", _THEIRS)),
    ("few", "delete", (b"root/b/a.jpg",)),
    ("few", "delete_folder", (b"root/b",)),
    ("few", "delete_folder", (b"root/Images",)),
    ("few", "move", (b"root/b", b"root", b"elsewhere")),
    ("few", "link", (b"root/a.jpg", b"root/b", b"linked.zip")),
]
CROSS_DEVICE: list[Meddling] = [
    ("across devices", "divert", (b"root/b",)),
    ("across devices", "divert", (b"dest/Images",)),
    ("across devices", "create", (b"dest/Archives", b"big.zip", _THEIRS)),
    ("across devices", "overwrite", (b"dest/Archives", b"big.zip", _THEIRS)),
    ("across devices", "edit", (b"root/big.zip", b"edited")),
    ("across devices", "append", (b"root/big.zip", b" and more")),
    ("across devices", "truncate", (b"root/big.zip",)),
    ("across devices", "replace", (b"root/big.zip", _THEIRS)),
    ("across devices", "delete", (b"root/big.zip",)),
    ("across devices", "edit", (b"root/b/attributes.png", b"edited")),
    ("across devices", "replace", (b"root/a.jpg", _THEIRS)),
    ("across devices", "link", (b"root/a.jpg", b"root/b", b"linked.zip")),
    ("across devices", "delete_folder", (b"root/b",)),
    ("across devices", "delete_folder", (b"dest/Archives",)),
]
DUPLICATES: list[Meddling] = [
    (f"pair, {action}", meddling_step, facts)
    for action in ("quarantine", "hardlink", "symlink")
    for meddling_step, facts in (
        ("edit", (b"root/a.jpg", b"SAME")),
        ("replace", (b"root/a.jpg", _THEIRS)),
        ("delete", (b"root/a.jpg",)),
        ("move", (b"root/a.jpg", b"root/b", b"elsewhere.jpg")),
        ("edit", (b"root/b/a.jpg", b"SAME")),
        ("append", (b"root/b/a.jpg", b" and more")),
        ("replace", (b"root/b/a.jpg", _THEIRS)),
        ("delete", (b"root/b/a.jpg",)),
        ("make_folder", (b"root/b", b"a.jpg")),
        ("overwrite", (b"root/.fileorg/trash/1/b", b"a.jpg", _THEIRS)),
        ("link", (b"root/a.jpg", b"root/b", b"linked.zip")),
        ("divert", (b"root/b",)),
        ("divert", (b"root/.fileorg",)),
        ("delete_folder", (b"root/b",)),
        ("delete_folder", (b"root/.fileorg",)),
    )
]
_everywhere = pytest.mark.parametrize(
    "meddlings", [HERE, CROSS_DEVICE, DUPLICATES], ids=["here", "across", "duplicates"]
)
_all_commands = pytest.mark.parametrize("command", ["organize", "undo"])


@_everywhere
@_all_commands
def test_others_act_at_a_step(
    plain_workers: Workers, tally: Counter[str], command: str, meddlings: list[Meddling]
) -> None:
    sweep_all(plain_workers, tally, command, meddlings, _FAST_APART)


@pytest.mark.slow
@_everywhere
@_all_commands
def test_others_act_at_every_step(
    plain_workers: Workers, tally: Counter[str], command: str, meddlings: list[Meddling]
) -> None:
    sweep_all(plain_workers, tally, command, meddlings, SHARE.of, SHARE.number - 1, is_patient=True)


def sweep_all(
    workers: Workers,
    tally: Counter[str],
    command: str,
    meddlings: list[Meddling],
    apart: int,
    begin: int = 0,
    *,
    is_patient: bool = False,
) -> None:
    """Run all sweeps, each from another first step."""
    if meddlings is CROSS_DEVICE and workers.all[0].place.other is None:
        pytest.skip("NOT TESTED: there is no second device to write to")
    firsts = [1 + (37 * number + begin) % apart for number in range(len(meddlings))]
    one_of = partial(sweep, command, is_patient=is_patient)
    sweeps = [partial(one_of, one, first, apart) for one, first in zip(meddlings, firsts, strict=True)]
    tally["4 races: others act at a step"] += sum(workers.each(sweeps))


def test_a_plain_rename_is_found_out(plain_workers: Workers) -> None:
    """Negative control: with a rename that replaces, a name that is taken at the last moment is overwritten."""
    taken = HERE[2]
    with pytest.raises(AssertionError, match=r"I2 of others: root/Images/a\.jpg"):
        plain_workers.one(partial(sweep, "organize", taken, 1, 4, control="plain rename"))


def sweep(
    command: str,
    meddling: Meddling,
    first: int,
    apart: int,
    worker: Worker,
    *,
    control: str = "",
    is_patient: bool = False,
) -> int:
    """Try each step with a new tree, until the command ends before the step. Return the number of steps."""
    name, meddling_step, facts = meddling
    for tried, step in enumerate(count(first, apart)):
        world = World(BY_NAME[name], worker, control)
        world.outsiders.is_patient = is_patient
        words = world.case.organize
        if command == "undo":
            world.run(*words)
            words = ["undo", "-y"]
        meanwhile = partial(getattr(world.outsiders, meddling_step), *facts)
        if not world.race(*words, halt_at=step, meanwhile=meanwhile):
            return tried
        world.run("undo", "-y")
    raise AssertionError("there is no end of steps")
