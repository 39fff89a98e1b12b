"""Undo and redo: chains, and the operation that a command selects."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support.runs import Runs

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.state import open_state
from fileorg.journal.journal import Journal
from fileorg.workflows.order import OthersFirst

if TYPE_CHECKING:
    from tests.support.tree import Tree


def kinds(runs: Runs) -> list[tuple[int, str, int | None]]:
    """Return (number, kind, undone operation) of the operations, oldest first."""
    with Journal(runs.state.journal) as journal:
        return [(op.id, op.kind, op.undoes) for op in reversed(journal.operations())]


# Chains ---------------------------------------------------------------------------------------------------------------


def test_undo_and_redo(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    before = tree.snapshot()
    runs.organize()
    after = tree.snapshot()
    assert runs.undo().done == 2
    assert tree.snapshot() == before
    assert runs.redo().done == 2
    assert tree.snapshot() == after
    assert kinds(runs) == [(1, "organize", None), (2, "undo", 1), (3, "redo", 2)]


def test_back_and_forth_many_times(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/b.jpg": "2", "Images/a.jpg": "3"})
    before = tree.snapshot()
    runs.organize(recursive=True)
    after = tree.snapshot()
    for _ in range(4):
        runs.undo()
        assert tree.snapshot() == before
        runs.redo()
        assert tree.snapshot() == after


def test_an_undo_is_undone_by_its_number_too(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    after = tree.snapshot()
    runs.undo()
    runs.undo(2)
    assert tree.snapshot() == after
    assert kinds(runs)[-1] == (3, "redo", 2)


def test_any_number_of_a_chain_means_the_chain(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    before = tree.snapshot()
    runs.organize()
    runs.undo()
    runs.redo()
    runs.undo(1)
    assert tree.snapshot() == before
    assert kinds(runs)[-1] == (4, "undo", 3)
    runs.redo(1)
    runs.undo(3)
    assert tree.snapshot() == before
    assert kinds(runs)[-2:] == [(5, "redo", 4), (6, "undo", 5)]


def test_undo_walks_back_through_history(tree: Tree, runs: Runs) -> None:
    for name in ("a.jpg", "b.mp3", "c.jpg"):
        tree.write({name: name})
        runs.organize()
    runs.undo()
    assert tree.read().keys() == {"Images/a.jpg", "Audio/b.mp3", "c.jpg"}
    runs.undo()
    assert tree.read().keys() == {"Images/a.jpg", "b.mp3", "c.jpg"}
    runs.undo()
    assert tree.read().keys() == {"a.jpg", "b.mp3", "c.jpg"}
    with pytest.raises(UsageError, match="Nothing to undo"):
        runs.undo()


def test_redo_walks_forth_through_what_was_undone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.write({"b.jpg": "2"})
    runs.organize()
    after = tree.snapshot()
    runs.undo()
    runs.undo()
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}
    runs.redo()
    runs.redo()
    assert tree.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2"}
    assert tree.snapshot().keys() == after.keys()
    with pytest.raises(UsageError, match="Nothing to redo"):
        runs.redo()


def test_an_operation_in_the_middle(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.write({"b.jpg": "2"})
    runs.organize()
    assert runs.undo(1).done == 1
    assert tree.read() == {"a.jpg": "1", "Images/b.jpg": "2"}
    runs.undo()
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}  # the second file kept `Images`
    runs.redo(1)
    assert tree.read() == {"Images/a.jpg": "1", "b.jpg": "2"}


def test_what_a_later_operation_moved_on_is_taken_back_first(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    runs.organize(template="Sorted/{name}", recursive=True)
    with pytest.raises(OthersFirst) as refused:
        runs.undo(1)
    assert refused.value.first == [(2, "fileorg undo 2")]
    assert tree.read() == {"Sorted/a.jpg": "1", "Images/": ""}
    runs.undo(2)
    assert tree.read() == {"Images/a.jpg": "1"}
    runs.undo(1)
    assert tree.read() == {"a.jpg": "1"}


# A folder that is left does not block undo ----------------------------------------------------------------------------


def test_a_folder_that_others_have_filled_does_not_block_the_way_back(tree: Tree, runs: Runs) -> None:
    tree.write({"a.mp3": "1"})
    runs.organize()
    tree.write({"b.jpg": "2"})
    runs.organize()
    tree.write({"Images/mine": "3"})
    runs.undo()
    assert tree.read() == {"b.jpg": "2", "Images/mine": "3", "Audio/a.mp3": "1"}
    runs.undo()
    assert tree.read() == {"b.jpg": "2", "Images/mine": "3", "a.mp3": "1"}
    with pytest.raises(UsageError, match="Nothing to undo"):
        runs.undo()
    with pytest.raises(UsageError, match="Operation 2 has nothing left to undo"):
        runs.undo(2)


def test_a_folder_that_someone_else_made_does_not_block_the_way_forth(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    runs.undo()
    tree.write({"Images/": ""})
    runs.redo()
    assert tree.read() == {"Images/a.jpg": "1"}
    with pytest.raises(UsageError, match="Nothing to redo"):
        runs.redo()
    runs.undo()
    assert tree.read() == {"a.jpg": "1", "Images/": ""}


def test_a_run_that_only_made_folders_can_be_undone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    with runs.organizing() as run:
        tree.write({"a.jpg": "edited"})
        assert run.run().done == 0
    assert tree.read() == {"a.jpg": "edited", "Images/": ""}
    runs.undo()
    assert tree.read() == {"a.jpg": "edited"}


# Operations that cannot be selected -----------------------------------------------------------------------------------


def test_nothing_was_done_yet(runs: Runs) -> None:
    with pytest.raises(UsageError, match="Nothing to undo"):
        runs.undo()
    with pytest.raises(UsageError, match="Nothing to redo"):
        runs.redo()


def test_there_is_no_such_operation(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    with pytest.raises(UsageError, match="There is no operation 7"):
        runs.undo(7)


def test_it_was_undone_before(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    runs.undo()
    with pytest.raises(UsageError, match="Operation 1 has nothing left to undo"):
        runs.undo(1)
    runs.redo()
    with pytest.raises(UsageError, match="Operation 2 has nothing left to redo"):
        runs.redo(2)
    with pytest.raises(UsageError, match="Operation 3 has nothing left to redo"):
        runs.redo(3)


def test_a_run_that_did_nothing_has_nothing_to_undo(tree: Tree, runs: Runs) -> None:
    runs.organize()
    with pytest.raises(UsageError, match="Operation 1 has nothing left to undo"):
        runs.undo(1)


def test_the_root_is_gone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    moved = tree.root.with_name("moved")
    tree.root.rename(moved)
    with pytest.raises(UsageError, match="The folder of operation 1 does not exist"):
        runs.undo()
    moved.rename(tree.root)
    runs.undo()
    assert tree.read() == {"a.jpg": "1"}


def test_another_folder_is_in_the_place_of_the_root(tree: Tree, runs: Runs) -> None:
    """The disk of the root is not mounted: the files are not lost, only absent."""
    tree.write({"a.jpg": "1"})
    runs.organize()
    moved = tree.root.with_name("moved")
    tree.root.rename(moved)
    tree.root.mkdir()
    with pytest.raises(UsageError, match="is not the same folder as before"):
        runs.undo()
    assert kinds(runs) == [(1, "organize", None)]
    tree.root.rmdir()
    moved.rename(tree.root)
    runs.undo()
    assert tree.read() == {"a.jpg": "1"}


def test_a_root_that_became_a_checkout_can_still_be_undone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.write({".git/config": ""})
    with pytest.raises(GuardRefused, match="version control"):
        runs.organize()
    runs.undo()
    assert tree.read() == {"a.jpg": "1", ".git/config": ""}


def test_an_undo_that_is_stopped_can_be_finished(tree: Tree, runs: Runs) -> None:
    tree.write({f"{number:04}.jpg": "" for number in range(5000)})
    before = tree.snapshot()
    runs.organize()
    asked = iter([False, True])
    outcome = runs.undo(stop=lambda: next(asked))
    assert outcome.interrupted
    assert 0 < outcome.done < 5000
    runs.undo()
    assert tree.snapshot() == before


def test_a_state_directory_of_its_own_knows_nothing(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    shutil.rmtree(os.fsdecode(runs.state.path))
    with pytest.raises(UsageError, match="Nothing to undo"):
        Runs(tree, open_state(runs.state.path)).undo()
