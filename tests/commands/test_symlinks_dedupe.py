"""The target of a symlink stays: another duplicate of it is removed, or none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.content.keeper import Keep
from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.plan.dedupe_plan import DedupeAction

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome


def seen(tree: Tree) -> dict[str, str]:
    """Return the tree without the trash."""
    return {path: content for path, content in tree.read().items() if not path.startswith(".fileorg/")}


def reported(outcome: Outcome) -> set[bytes]:
    """Return the files that stay because a symlink leads to them."""
    led_to = [problem for problem in outcome.problems if problem.reason]
    assert all(problem.state is RecordState.SKIPPED for problem in led_to)
    assert all(problem.reason and problem.reason.code is ReasonCode.SYMLINK_LEADS_TO_IT for problem in led_to)
    return {problem.path for problem in led_to}


CASES = {
    "beside it": {"l": "-> z.txt"},
    "from a folder": {"x/l": "-> ../z.txt"},
    "by another symlink": {"l": "-> m", "m": "-> z.txt"},
    "by a symlink to a folder": {"f": "-> .", "l": "-> f/z.txt"},
    "hidden": {".l": "-> z.txt"},
    "up and down": {"x/": "", "l": "-> x/../z.txt"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_one_that_is_led_to_stays(tree: Tree, runs: Runs, case: str) -> None:
    tree.write({"a.txt": "same", "z.txt": "same", "z2.txt": "same"} | CASES[case])
    first = tree.snapshot()
    outcome = runs.dedupe("quarantine")  # by default, the first of them by path stays
    assert seen(tree) == {"z.txt": "same"} | CASES[case]
    assert outcome.done == 2
    assert not outcome.problems
    runs.undo()
    assert tree.snapshot() == first


def test_two_that_are_led_to_stay_and_are_told(tree: Tree, runs: Runs) -> None:
    before = {"a.txt": "same", "b.txt": "same", "c.txt": "same", "l": "-> b.txt", "m": "-> c.txt"}
    tree.write(before)
    outcome = runs.dedupe("quarantine")
    assert seen(tree) == {path: content for path, content in before.items() if path != "a.txt"}
    assert reported(outcome) == {b"c.txt"}


def test_where_none_may_go_that_is_told(tree: Tree, runs: Runs) -> None:
    tree.write({"b.txt": "same", "c.txt": "same", "l": "-> b.txt", "m": "-> c.txt"})
    before = tree.snapshot()
    with runs.deduping(changes=True, action=DedupeAction.QUARANTINE) as run:
        assert (run.found.victims, run.found.led_to) == (0, 1)
        assert reported(run.run()) == {b"c.txt"}
    assert tree.snapshot() == before


@pytest.mark.parametrize("action", ["hardlink", "symlink"])
def test_a_link_in_its_place_is_as_good(tree: Tree, runs: Runs, action: str) -> None:
    tree.write({"a.txt": "same", "b.txt": "same", "c.txt": "same", "l": "-> b.txt", "m": "-> c.txt"})
    first = tree.snapshot()
    outcome = runs.dedupe(action)
    assert (outcome.done, outcome.problems) == (2, [])
    assert tree.path("b.txt").is_file()
    assert not tree.path("b.txt").is_symlink()
    assert tree.path("l").read_text() == tree.path("m").read_text() == "same"
    runs.undo()
    assert tree.snapshot() == first


def test_from_another_root(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a.txt": "same", "z.txt": "same"})
    (tmp_path / "other").mkdir()
    os.symlink(tree.path("z.txt"), tmp_path / "other/l")
    runs.dedupe("quarantine", tmp_path / "other")
    assert seen(tree) == {"z.txt": "same"}


def test_what_a_reference_has_comes_before(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference/r.txt").write_text("same")
    tree.write({"a.txt": "same", "z.txt": "same", "l": "-> z.txt"})
    outcome = runs.dedupe("quarantine", references=[tmp_path / "reference"])
    assert seen(tree) == {"z.txt": "same", "l": "-> z.txt"}
    assert reported(outcome) == {b"z.txt"}


def test_what_is_preferred_stays_and_so_does_what_is_led_to(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "same", "p/b.txt": "same", "z.txt": "same", "l": "-> z.txt"})
    outcome = runs.dedupe("quarantine", prefer=["p/"])
    assert seen(tree) == {"p/b.txt": "same", "z.txt": "same", "l": "-> z.txt"}
    assert reported(outcome) == {b"z.txt"}


def test_of_hard_links_the_name_that_is_led_to_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "same", "y.txt": "same", "l": "-> z.txt", "m": "-> a.txt"})
    os.link(tree.path("y.txt"), tree.path("z.txt"))
    outcome = runs.dedupe("quarantine")
    assert seen(tree) == {"a.txt": "same", "z.txt": "same", "l": "-> z.txt", "m": "-> a.txt"}
    assert reported(outcome) == {b"z.txt"}


def test_other_groups_are_decided_as_ever(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "same", "z.txt": "same", "l": "-> z.txt", "b.txt": "other", "y.txt": "other"})
    assert runs.duplicates(keep=[Keep.FIRST]) == [["b.txt", "y.txt"], ["z.txt", "a.txt"]]
    runs.dedupe_of(action=DedupeAction.QUARANTINE)
    assert "z.txt" in seen(tree)
    assert "a.txt" not in seen(tree)


def test_a_symlink_to_a_folder_keeps_no_file_in_it(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "same", "x/z.txt": "same", "l": "-> x"})
    runs.dedupe("quarantine")
    assert "x/z.txt" not in seen(tree)


def test_a_file_whose_side_car_is_led_to_stays_with_it(tree: Tree, runs: Runs) -> None:
    before = {"a.jpg": "same", "a.xmp": "edit", "b.jpg": "same", "b.xmp": "edit", "l": "-> b.xmp"}
    tree.write(before)
    outcome = runs.dedupe("quarantine")
    assert seen(tree) == before
    assert reported(outcome) == {b"b.jpg"}
