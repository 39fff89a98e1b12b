"""Undo and redo of a part: the chosen files go back, what belongs to them too, and the rest can follow later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.parts import undo_part

from fileorg.core.errors import UsageError
from fileorg.core.model import By, LaterFiles, OnConflict
from fileorg.workflows.undo import NothingToUndo
from fileorg.workflows.undo_steps import LaterFirst, Several

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


# Which files ----------------------------------------------------------------------------------------------------------


def test_files_are_chosen_by_where_they_are_or_were(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.pdf": "3", "d.mp3": "4"})
    runs.organize()
    undo_part(runs, 1, "Images/a.jpg", "d.mp3")
    assert tree.read() == {"a.jpg": "1", "d.mp3": "4", "Documents/c.pdf": "3", "Images/b.jpg": "2"}


def test_a_folder_means_everything_below_it(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "x/y/b.jpg": "2", "c.jpg": "3"})
    runs.organize(recursive=True)
    undo_part(runs, 1, "x")
    assert tree.read() == {"x/a.jpg": "1", "x/y/b.jpg": "2", "Images/c.jpg": "3"}


def test_a_glob_matches_at_any_depth(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "x/b.pdf": "2", "c.pdf": "3"})
    runs.organize(recursive=True)
    undo_part(runs, 1, "*.pdf")
    assert tree.read() == {"Images/a.jpg": "1", "x/b.pdf": "2", "c.pdf": "3"}


def test_a_glob_with_a_folder_is_anchored(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "y/x/b.jpg": "2"})
    runs.organize(recursive=True)
    undo_part(runs, 1, "x/*.jpg")
    assert tree.read() == {"x/a.jpg": "1", "y/x/": "", "Images/b.jpg": "2"}


def test_a_category(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "c.pdf": "3"})
    runs.organize(by=By.EXTENSION)
    undo_part(runs, 1, categories=("images",))
    assert tree.read() == {"a.jpg": "1", "pdf/c.pdf": "3"}


@pytest.mark.parametrize("pattern", ["nothing.jpg", "Images/", "*.png", "../elsewhere"])
def test_a_pattern_without_a_file_is_refused(tree: Tree, runs: Runs, pattern: str) -> None:
    tree.write({"a.pdf": "1", "b.pdf": "2"})
    runs.organize()
    after = tree.snapshot()
    with pytest.raises(UsageError, match="No file of operation 1 matches"):
        undo_part(runs, 1, "a.pdf", pattern)
    assert tree.snapshot() == after


def test_what_is_undone_already_is_no_mistake(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "b.pdf": "2"})
    runs.organize()
    undo_part(runs, 1, "a.pdf")
    with pytest.raises(NothingToUndo):
        undo_part(runs, 1, "a.pdf")


# The rest -------------------------------------------------------------------------------------------------------------


def test_the_rest_gives_the_first_tree(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "x/y/b.jpg": "2", "c.jpg": "3", "d.pdf": "4", "empty/": ""})
    for folder in ("x/y", "x", "empty", "."):
        tree.date(folder, "2020-01-02")
    before = tree.snapshot()
    runs.organize(recursive=True, remove_empty=True)
    undo_part(runs, 1, "x/y/b.jpg")
    assert tree.read() == {
        "Documents/d.pdf": "4",
        "Images/a.jpg": "1",
        "Images/c.jpg": "3",
        "x/y/b.jpg": "2",
        "empty/": "",
    }
    undo_part(runs, 1, "*.pdf")
    assert not tree.path("Documents").exists()
    runs.undo()
    assert tree.snapshot() == before


def test_parts_that_are_everything_leave_no_folder(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    tree.date(".", "2020-01-02")
    before = tree.snapshot()
    runs.organize()
    undo_part(runs, 1, "a.jpg")
    undo_part(runs, 1, "Images/b.jpg")
    assert tree.snapshot() == before


def test_redo_of_a_part(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.pdf": "3"})
    before = tree.snapshot()
    runs.organize()
    runs.undo()
    undo_part(runs, 1, "a.jpg", redo=True)
    assert tree.read() == {"Images/a.jpg": "1", "b.jpg": "2", "c.pdf": "3"}
    undo_part(runs, 1, "c.pdf", redo=True)
    assert tree.read() == {"Images/a.jpg": "1", "b.jpg": "2", "Documents/c.pdf": "3"}
    undo_part(runs, 1, "*")
    assert {path: node._replace(mtime_ns=0) for path, node in tree.snapshot().items()} == {
        path: node._replace(mtime_ns=0) for path, node in before.items()
    }


# What belongs together ------------------------------------------------------------------------------------------------


def test_a_group_stays_together(tree: Tree, runs: Runs) -> None:
    tree.write({"film.mp4": "1", "film.srt": "2", "other.mp4": "3"})
    runs.organize()
    undo_part(runs, 1, "*.srt")
    assert tree.read() == {"film.mp4": "1", "film.srt": "2", "Video/other.mp4": "3"}


def test_a_symlink_follows_its_file(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "x/l": "-> ../a.jpg", "x/m": "-> ../b.jpg"})
    before = tree.snapshot()
    runs.organize(recursive=True)
    undo_part(runs, 1, "a.jpg")
    assert tree.read() == {
        "a.jpg": "1", "x/l": "-> ../a.jpg",
        "Images/b.jpg": "2", "x/m": "-> ../Images/b.jpg", ".fileorg/trash/1/x/m": "-> ../b.jpg",
    }  # fmt: skip
    runs.undo()
    assert {path: node.content for path, node in tree.snapshot().items()} == {
        path: node.content for path, node in before.items()
    }


def test_a_file_that_made_room_comes_back_with_the_one_in_its_place(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "Images/a.jpg": "old", "b.jpg": "3"})
    tree.date("Images/a.jpg", "2020-01-02")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    undo_part(runs, 1, "a.jpg")
    assert tree.read() == {"a.jpg": "new", "Images/a.jpg": "old", "Images/b.jpg": "3"}


# Later operations -----------------------------------------------------------------------------------------------------


def twice(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.pdf": "3"})
    runs.organize()
    runs.organize(root=tree.path("Images"), include=("a.*",), template="seen/{name}")


def test_a_later_operation_on_the_same_files_is_named(tree: Tree, runs: Runs) -> None:
    twice(tree, runs)
    after = tree.snapshot()
    with pytest.raises(LaterFirst, match="operation 2 has moved or used 1 of these files"):
        undo_part(runs, 1, "*.jpg")
    assert tree.snapshot() == after


def test_files_of_a_later_operation_are_undone_first(tree: Tree, runs: Runs) -> None:
    twice(tree, runs)
    undo_part(runs, 1, "*.jpg", later=LaterFiles.FIRST)
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2", "Documents/c.pdf": "3"}


def test_or_left(tree: Tree, runs: Runs) -> None:
    twice(tree, runs)
    undo_part(runs, 1, "*.jpg", later=LaterFiles.LEAVE)
    assert tree.read() == {"Images/seen/a.jpg": "1", "b.jpg": "2", "Documents/c.pdf": "3"}


def test_no_folder_is_made_for_files_that_are_left(tree: Tree, runs: Runs) -> None:
    tree.write({"in/a.jpg": "1", "in/b.pdf": "2"})
    runs.organize(recursive=True, remove_empty=True)
    runs.organize(root=tree.path("Images"), template="seen/{name}")
    after = tree.snapshot()
    with pytest.raises(NothingToUndo):
        undo_part(runs, 1, "*.jpg", later=LaterFiles.LEAVE)
    with pytest.raises(NothingToUndo):
        undo_part(runs, 1, "in/a.jpg", later=LaterFiles.LEAVE)
    assert tree.snapshot() == after
    undo_part(runs, 1, "in", later=LaterFiles.LEAVE)
    assert tree.read() == {"Images/seen/a.jpg": "1", "in/b.pdf": "2"}


def test_other_files_need_no_later_operation(tree: Tree, runs: Runs) -> None:
    twice(tree, runs)
    undo_part(runs, 1, "b.jpg", "*.pdf")
    assert tree.read() == {"Images/seen/a.jpg": "1", "b.jpg": "2", "c.pdf": "3"}


def test_an_even_later_operation_is_found_through_another_one(tree: Tree, runs: Runs) -> None:
    twice(tree, runs)
    runs.organize(root=tree.path("Images/seen"), template="again/{name}")
    undo_part(runs, 1, "a.jpg", later=LaterFiles.FIRST)
    assert tree.read() == {"a.jpg": "1", "Images/b.jpg": "2", "Documents/c.pdf": "3"}


# Several operations ---------------------------------------------------------------------------------------------------


def test_the_last_operations(tree: Tree, runs: Runs) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        tree.write({name: name})
        runs.organize()
    undo_part(runs, None, several=Several(last=2))
    assert tree.read() == {"Images/a.jpg": "a.jpg", "b.jpg": "b.jpg", "c.jpg": "c.jpg"}


def test_some_files_of_the_last_operations(tree: Tree, runs: Runs) -> None:
    for name in ("a", "b", "c"):
        tree.write({f"{name}.jpg": name, f"{name}.pdf": name})
        runs.organize()
    undo_part(runs, None, "*.pdf", several=Several(last=2))
    assert tree.read() == {
        "Documents/a.pdf": "a", "b.pdf": "b", "c.pdf": "c",
        "Images/a.jpg": "a", "Images/b.jpg": "b", "Images/c.jpg": "c",
    }  # fmt: skip


def test_a_part_that_was_redone_is_not_all(tree: Tree, runs: Runs) -> None:
    """Its redo is undone on its own, and the rest of the operation is named."""
    before = {"a.txt": "1", "b.txt": "2", "p.jpg": "3"}
    tree.write(before)
    runs.organize()
    undo_part(runs, 1, "p.jpg")
    runs.redo(1)
    assert runs.undo(1).notes == ["More of operation 1 is left. Undo it with: fileorg undo 1"]
    assert runs.undo(1).notes == []
    assert tree.read() == before


def test_a_part_that_was_redone_and_has_to_stay_does_not_bar_the_rest(tree: Tree, runs: Runs) -> None:
    """Each part is tried in turn."""
    tree.write({"a.txt": "1", "p.jpg": "3"})
    runs.organize()
    undo_part(runs, 1, "p.jpg")
    runs.redo(1)
    tree.write({"p.jpg": "someone else's"})
    assert [problem.path for problem in runs.undo(1).problems] == [b"Images/p.jpg"]
    assert runs.undo(1).problems == []
    assert tree.read() == {"a.txt": "1", "p.jpg": "someone else's", "Images/p.jpg": "3"}
    tree.path("p.jpg").unlink()
    assert runs.undo(1).problems == []
    assert tree.read() == {"a.txt": "1", "p.jpg": "3"}
