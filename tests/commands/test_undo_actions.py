"""Undo of copies, links and displaced files: only files that are unmodified are removed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support import snapshot

from fileorg.core.model import Action, OnConflict, RecordState
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

made = pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])


@made
def test_what_was_made_is_taken_away_and_made_again(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.jpg": "1", "x/b.jpg": "2"})
    before = tree.snapshot()
    runs.organize(action=action, recursive=True)
    after = tree.read()
    assert runs.undo().problems == []
    assert tree.snapshot() == before
    assert runs.redo().problems == []
    assert tree.read() == after
    assert runs.undo().problems == []
    assert tree.snapshot() == before


@made
def test_what_was_taken_away_by_someone_else_is_reported(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(action=action)
    tree.path("Images/a.jpg").unlink()
    outcome = runs.undo()
    assert [problem.state for problem in outcome.problems] == [RecordState.MISSING]
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}


@made
def test_something_else_in_its_place_is_kept(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=action)
    tree.path("Images/a.jpg").unlink()
    tree.write({"Images/a.jpg": "someone else's"})
    outcome = runs.undo(include_changed=True)
    assert [problem.state for problem in outcome.problems] == [RecordState.CHANGED]
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "someone else's"}


@made
@pytest.mark.parametrize("instead", ["a file", "a folder"])
def test_what_stays_is_named_and_why(tree: Tree, runs: Runs, action: Action, instead: str) -> None:
    """Not the file from which it was made, which nobody touched."""
    tree.write({"a.jpg": "1"})
    runs.organize(action=action)
    tree.write({"new": "1"} if instead == "a file" else {"new/": ""})  # before: else it may get the same inode number
    tree.path("Images/a.jpg").unlink()
    tree.path("new").rename(tree.path("Images/a.jpg"))
    (problem,) = runs.undo().problems
    assert problem.path == b"Images/a.jpg"
    assert sentence(problem.reason) in {
        "something else has taken its place, and was kept",
        "it is no longer a hard link to the same file, so it was kept",
    }


@pytest.mark.parametrize("action", ["symlink", "hardlink"])
def test_a_copy_that_a_purge_made_a_link_for_good_is_not_said_to_be_edited(tree: Tree, runs: Runs, action: str) -> None:
    tree.write({"a.jpg": "1" * 100})
    runs.organize(action=Action.COPY)
    runs.dedupe(action, protect=["/a.jpg"])
    runs.purge()
    before = tree.read()
    (problem,) = runs.undo(1).problems
    assert (problem.path, sentence(problem.reason)) == (
        b"Images/a.jpg",
        "something else has taken its place, and was kept",
    )
    assert tree.read() == before


@made
def test_a_redo_makes_it_under_a_numbered_name_if_its_own_is_taken(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=action)
    made = tree.read()["Images/a.jpg"]
    runs.undo()
    tree.write({"Images/a.jpg": "someone else's"})
    before = tree.snapshot()
    assert runs.redo(rename=True).problems == []
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "someone else's", "Images/a (2).jpg": made}
    assert runs.undo().problems == []
    assert tree.snapshot() == before


def test_an_edited_copy_is_kept(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(action=Action.COPY)
    tree.write({"Images/a.jpg": "edited"})
    outcome = runs.undo()
    assert [sentence(problem.reason) for problem in outcome.problems] == ["it was edited since, so it was kept"]
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2", "Images/a.jpg": "edited"}


@pytest.mark.parametrize("change", ["edited", "gone", "replaced by a folder"])
def test_a_copy_whose_original_is_not_there_any_more_is_kept(tree: Tree, runs: Runs, change: str) -> None:
    """The copy may be the last one."""
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.COPY)
    if change == "edited":
        tree.write({"a.jpg": "edited"})
    else:
        tree.path("a.jpg").unlink()
    if change == "replaced by a folder":
        tree.write({"a.jpg/": ""})
    outcome = runs.undo()
    assert [sentence(problem.reason) for problem in outcome.problems] == [
        "its original changed or no longer exists, so the copy was kept"
    ]
    assert tree.read()["Images/a.jpg"] == "1"


def test_a_hard_link_whose_other_name_is_gone_is_kept(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.HARDLINK)
    tree.path("a.jpg").unlink()
    assert [problem.state for problem in runs.undo().problems] == [RecordState.CHANGED]
    assert tree.read() == {"Images/a.jpg": "1"}


def test_a_hard_link_is_taken_away_however_the_file_was_edited(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.HARDLINK)
    tree.write({"a.jpg": "edited"})
    assert runs.undo().problems == []
    assert tree.read() == {"a.jpg": "edited"}


def test_a_symlink_is_taken_away_though_it_leads_nowhere_now(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.SYMLINK)
    tree.path("a.jpg").unlink()
    assert runs.undo().problems == []
    assert tree.read() == {}


def test_a_symlink_that_leads_elsewhere_now_is_kept(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.SYMLINK)
    tree.path("Images/a.jpg").unlink()
    tree.write({"Images/a.jpg": "-> ../b.jpg"})
    outcome = runs.undo()
    assert [sentence(problem.reason) for problem in outcome.problems] == ["it is a different link now"]
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "-> ../b.jpg"}


def test_a_redo_of_a_copy_copies_what_is_there_now(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.COPY)
    runs.undo()
    tree.write({"a.jpg": "edited"})
    runs.redo()
    assert tree.read() == {"a.jpg": "edited", "Images/a.jpg": "edited"}
    runs.undo()
    assert tree.read() == {"a.jpg": "edited"}


def test_a_redo_replaces_nothing(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    runs.undo()
    tree.write({"Images/a.jpg": "someone else's"})
    outcome = runs.redo()
    assert [problem.state for problem in outcome.problems] == [RecordState.CONFLICT]
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "someone else's", "Images/b.jpg": "2"}


@pytest.mark.parametrize("action", [Action.COPY, Action.SYMLINK])
def test_across_file_systems(tree: Tree, runs: Runs, action: Action, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    before = tree.snapshot()
    runs.organize(action=action, dest=elsewhere)
    assert os.listdir(elsewhere / "Images") == ["a.jpg"]
    assert runs.undo().problems == []
    assert os.listdir(elsewhere) == []
    assert tree.snapshot() == before


@pytest.mark.parametrize("on_conflict", [OnConflict.RENAME, OnConflict.SKIP, OnConflict.KEEP_NEWER])
@pytest.mark.parametrize("newer", ["a.jpg", "Images/a.jpg"])
def test_each_way_out_of_a_conflict_can_be_undone_and_redone(
    tree: Tree, runs: Runs, on_conflict: OnConflict, newer: str
) -> None:
    tree.write({"a.jpg": "one", "x/a.jpg": "two", "Images/a.jpg": "three", "b.jpg": "four"})
    for path in ("a.jpg", "x/a.jpg", "Images/a.jpg"):
        tree.date(path, "2023-01-01" if path == newer else "2022-01-01")
    before = tree.snapshot()
    runs.organize(on_conflict=on_conflict, recursive=True)
    after = tree.snapshot()
    runs.undo()
    assert tree.snapshot() == before
    runs.redo()
    assert tree.snapshot() == after
    runs.undo()
    assert tree.snapshot() == before


def test_a_displaced_file_comes_back_only_when_its_place_is_free(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "Images/a.jpg": "old"})
    tree.date("Images/a.jpg", "2020-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    tree.write({"a.jpg": "someone else's"})
    outcome = runs.undo()
    assert [problem.state for problem in outcome.problems] == [RecordState.CONFLICT, RecordState.CONFLICT]
    assert tree.read() == {
        "a.jpg": "someone else's",
        "Images/a.jpg": "new",
        ".fileorg/trash/1/Images/a.jpg": "old",
    }
    tree.path("a.jpg").unlink()
    assert runs.undo().problems == []
    assert tree.read() == {"a.jpg": "new", "Images/a.jpg": "old"}


def test_redo_gives_an_empty_folder_its_time_back(runs: Runs, elsewhere: Path) -> None:
    """No file is moved out of the folder or into it: a hard link to another disk is not possible."""
    runs.tree.write({"a.jpg": "one"})
    runs.organize(action=Action.HARDLINK, dest=elsewhere)
    os.utime(elsewhere / "Images", ns=(10**18, 10**18))
    before = snapshot.take(os.fsencode(elsewhere))
    runs.undo()
    assert not (elsewhere / "Images").exists()
    runs.redo()
    assert snapshot.differences(before, snapshot.take(os.fsencode(elsewhere))) == []


def test_redo_gives_it_back_too_where_not_all_can_be_redone(runs: Runs, elsewhere: Path) -> None:
    runs.tree.write({"a.jpg": "one", "b.txt": "two"})
    runs.organize(action=Action.HARDLINK, dest=elsewhere)
    os.utime(elsewhere / "Images", ns=(10**18, 10**18))
    runs.undo()
    (elsewhere / "Documents").mkdir()
    runs.redo()
    assert (elsewhere / "Images").stat().st_mtime_ns == 10**18
