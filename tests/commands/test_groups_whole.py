"""A group is moved as a whole or not at all, by organize and by undo, whatever happens to one of its files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import open_again

from fileorg.core.events import NullReporter
from fileorg.core.model import Action, RecordState
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

GROUP = {"a.jpg": "picture", "a.xmp": "edit", "a.aae": "another", "b.jpg": "alone"}


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_a_name_that_is_taken_meanwhile(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write(GROUP)
    with runs.organizing(action=action) as run:
        tree.write({"Images/a.xmp": "a stranger"})
        outcome = run.run()
    assert {path: text for path, text in tree.read().items() if path not in {"Images/b.jpg", "b.jpg"}} == {
        **{path: text for path, text in GROUP.items() if path != "b.jpg"},
        "Images/a.xmp": "a stranger",
    }
    assert {problem.path: problem.state for problem in outcome.problems} == {
        b"a.xmp": RecordState.CONFLICT,
        b"a.jpg": RecordState.SKIPPED,
        b"a.aae": RecordState.SKIPPED,
    }
    assert outcome.done == 1
    runs.undo(1)
    assert {path: text for path, text in tree.read().items() if path != "Images/a.xmp"} == GROUP


def test_to_another_disk(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write(GROUP)
    with runs.organizing(dest=elsewhere) as run:
        (elsewhere / "Images").mkdir()
        (elsewhere / "Images/a.xmp").write_text("a stranger")
        run.run()
    assert tree.read() == {path: text for path, text in GROUP.items() if path != "b.jpg"}
    assert sorted(os.listdir(elsewhere / "Images")) == ["a.xmp", "b.jpg"]


def test_a_file_that_changes_after_the_scan(tree: Tree, runs: Runs) -> None:
    tree.write(GROUP)
    with runs.organizing() as run:
        tree.write({"a.aae": "changed since"})
        run.run()
    assert {"a.jpg", "a.xmp", "a.aae", "Images/b.jpg"} == tree.read().keys()


def test_a_file_that_goes_after_the_scan_keeps_no_one(tree: Tree, runs: Runs) -> None:
    tree.write(GROUP)
    with runs.organizing() as run:
        tree.path("a.aae").unlink()
        run.run()
    assert tree.read().keys() == {"Images/a.jpg", "Images/a.xmp", "Images/b.jpg"}


@pytest.mark.parametrize("came", [["a.jpg"], ["a.xmp"], ["a.jpg", "a.aae"]])
def test_a_crash_in_the_middle(tree: Tree, runs: Runs, came: list[str]) -> None:
    """The files already moved return, and the next run moves all of them."""
    tree.write(GROUP)
    runs.organize()
    open_again(runs)
    for name in {"a.jpg", "a.xmp", "a.aae"} - {*came}:
        tree.path(f"Images/{name}").rename(tree.path(name))
    recover_all(runs.state, NullReporter())
    assert tree.read().keys() == {"a.jpg", "a.xmp", "a.aae", "Images/b.jpg"}
    runs.organize()
    assert tree.read().keys() == {"Images/a.jpg", "Images/a.xmp", "Images/a.aae", "Images/b.jpg"}


def test_a_crash_in_the_middle_of_the_undo(tree: Tree, runs: Runs) -> None:
    tree.write(GROUP)
    before = tree.snapshot()
    runs.organize()
    runs.undo()
    open_again(runs, 2)
    tree.path("Images").mkdir(exist_ok=True)
    tree.path("a.xmp").rename(tree.path("Images/a.xmp"))
    recover_all(runs.state, NullReporter())
    assert {path: node for path, node in tree.snapshot().items() if path} == {p: n for p, n in before.items() if p}


def test_undo_where_one_name_is_taken(tree: Tree, runs: Runs) -> None:
    tree.write(GROUP)
    runs.organize()
    tree.write({"a.xmp": "a stranger"})
    outcome = runs.undo()
    assert tree.read().keys() == {"Images/a.jpg", "Images/a.xmp", "Images/a.aae", "a.xmp", "b.jpg"}
    assert b"Images/a.xmp" in [problem.path for problem in outcome.problems]
    tree.path("a.xmp").unlink()
    runs.undo()
    assert tree.read() == GROUP


def test_undo_of_what_is_left_of_a_group(tree: Tree, runs: Runs) -> None:
    tree.write(GROUP)
    runs.organize()
    tree.path("Images/a.xmp").unlink()
    runs.undo()
    assert tree.read() == {path: text for path, text in GROUP.items() if path != "a.xmp"}
