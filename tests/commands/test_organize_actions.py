"""Move, copy, hard link and symlink; and changes of the tree between the plan and the run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import GuardRefused
from fileorg.core.model import Action, RecordState
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


def test_move(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    inode = tree.path("a.jpg").stat().st_ino
    runs.organize(action=Action.MOVE)
    assert tree.read() == {"Images/a.jpg": "1"}
    assert tree.path("Images/a.jpg").stat().st_ino == inode


def test_copy(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    tree.path("a.jpg").chmod(0o604)
    tree.date("a.jpg", "2020-02-02")
    os.setxattr(tree.path("a.jpg"), "user.note", b"kept")
    original = tree.snapshot()[b"a.jpg"]
    runs.organize(action=Action.COPY)
    after = tree.snapshot()
    assert (after[b"a.jpg"], after[b"Images/a.jpg"]) == (original, original)
    assert os.listdir(tree.path("Images")) == ["a.jpg"]


def test_hardlink(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.HARDLINK)
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "1"}
    assert tree.snapshot()[b"a.jpg"].links == (b"Images/a.jpg",)


def test_hardlink_to_another_file_system_is_reported(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    outcome = runs.organize(action=Action.HARDLINK, dest=elsewhere)
    assert tree.read() == {"a.jpg": "1"}
    assert [problem.state for problem in outcome.problems] == [RecordState.SKIPPED]


def test_symlink_is_relative_within_the_tree(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.SYMLINK, template="{category}/x/{name}")
    assert tree.read() == {"a.jpg": "1", "Images/x/a.jpg": "-> ../../a.jpg"}


def test_symlink_from_another_folder_is_absolute(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a.jpg": "1"})
    (tmp_path / "sorted").mkdir()
    runs.organize(action=Action.SYMLINK, dest=tmp_path / "sorted")
    assert os.readlink(tmp_path / "sorted/Images/a.jpg") == str(tree.path("a.jpg"))


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_what_is_there_is_never_replaced(tree: Tree, runs: Runs, action: Action) -> None:
    """The name was free when the plan was made."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    with runs.organizing(action=action) as run:
        tree.write({"Images/a.jpg": "someone else's"})
        outcome = run.run()
    assert tree.read()["Images/a.jpg"] == "someone else's"
    assert tree.read()["a.jpg"] == "1"
    assert [(problem.path, problem.state) for problem in outcome.problems] == [(b"a.jpg", RecordState.CONFLICT)]
    assert outcome.done == 1


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_a_file_that_was_removed_since_the_plan(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    with runs.organizing(action=action) as run:
        tree.path("a.jpg").unlink()
        outcome = run.run()
    assert "Images/a.jpg" not in tree.read()
    assert [(problem.path, problem.state) for problem in outcome.problems] == [(b"a.jpg", RecordState.MISSING)]
    assert outcome.done == 1


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_a_file_that_was_edited_since_the_plan_stays(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.jpg": "1"})
    with runs.organizing(action=action) as run:
        tree.write({"a.jpg": "edited"})
        outcome = run.run()
    assert tree.read() == {"a.jpg": "edited", "Images/": ""}
    assert [(problem.state, sentence(problem.reason)) for problem in outcome.problems] == [
        (RecordState.CHANGED, "it changed after the scan")
    ]


def test_something_else_in_the_place_of_a_file_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    with runs.organizing() as run:
        tree.path("a.jpg").unlink()
        tree.path("a.jpg").mkdir()
        tree.path("b.jpg").unlink()
        tree.path("b.jpg").symlink_to("elsewhere")
        outcome = run.run()
    assert tree.read() == {"a.jpg/": "", "b.jpg": "-> elsewhere", "Images/": ""}
    assert {problem.state for problem in outcome.problems} == {RecordState.CHANGED}


def test_a_folder_that_was_made_since_the_plan_is_used(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    with runs.organizing() as run:
        tree.write({"Images/mine": "2"})
        outcome = run.run()
    assert tree.read() == {"Images/a.jpg": "1", "Images/mine": "2"}
    assert outcome.problems == []


def test_a_folder_that_was_removed_since_the_plan(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "Images/": ""})
    with runs.organizing() as run:
        tree.path("Images").rmdir()
        outcome = run.run()
    assert tree.read() == {"a.jpg": "1"}
    assert [problem.state for problem in outcome.problems] == [RecordState.MISSING]


# Limits --------------------------------------------------------------------------------------------------------------


def test_more_than_max_changes_is_refused(tree: Tree, runs: Runs) -> None:
    tree.write({f"{number}.jpg": str(number) for number in range(4)})
    before = tree.snapshot()
    with pytest.raises(GuardRefused, match="4 files would be moved, more than --max-changes 3 allows"):
        runs.organize(max_changes=3)
    assert tree.snapshot() == before
    assert runs.organize(max_changes=4).done == 4


def test_a_run_that_is_stopped_between_batches_is_sealed_and_can_be_undone(tree: Tree, runs: Runs) -> None:
    tree.write({f"{number:04}.jpg": str(number) for number in range(4200)})
    before = tree.snapshot()
    asked = iter([False, True])
    with runs.organizing() as run:
        outcome = run.run(stop=lambda: next(asked))
    assert outcome.interrupted
    assert outcome.done == len(os.listdir(tree.path("Images"))) == 1023
    runs.undo()
    assert tree.snapshot() == before


def test_many_files_are_moved_by_a_process_of_its_own(tree: Tree, runs: Runs) -> None:
    """More files than are renamed without a worker process."""
    tree.write({f"{number:04}.{extension}": "" for number in range(3000) for extension in ("jpg", "mp3")})
    before = tree.snapshot()
    with runs.organizing() as run:
        tree.write({"Images/0007.jpg": "someone else's"})
        outcome = run.run()
    assert outcome.done == 5999
    assert [(problem.path, problem.state) for problem in outcome.problems] == [(b"0007.jpg", RecordState.CONFLICT)]
    assert (len(os.listdir(tree.path("Images"))), len(os.listdir(tree.path("Audio")))) == (3000, 3000)
    runs.undo()
    assert tree.snapshot().keys() == before.keys() | {b"Images", b"Images/0007.jpg"}
