"""A deleted file's inode number goes to a new file: undo tells the two apart by the time of birth."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.journal.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

_TRIES = 200
_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE, the clock that file systems read


def replace(path: Path, content: str) -> None:
    """Delete a file and create another one with its inode number under its name; skip where numbers are not reused."""
    inode = path.stat().st_ino
    path.unlink()
    for number in range(_TRIES):
        new = path.with_name(f"new {number}")
        new.write_text(content)
        if new.stat().st_ino == inode:
            new.rename(path)
            return
    pytest.skip("this file system gives no inode number twice")


def wait_for_the_next_tick(runs: Runs) -> None:
    """Wait until new files are younger than the last operation, by the clock of file systems."""
    with Journal(runs.state.journal) as journal:
        ended = max(operation.ended_ns or 0 for operation in journal.operations())
    while time.clock_gettime_ns(_COARSE_CLOCK) <= ended:
        pass


def test_a_new_file_with_the_old_number_stays_and_is_named(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    wait_for_the_next_tick(runs)
    replace(tree.path("Images/a.jpg"), "of another program")
    undone = runs.undo()
    assert [(each.path, each.state, each.reason and each.reason.code) for each in undone.problems] == [
        (b"Images/a.jpg", RecordState.CHANGED, ReasonCode.ANOTHER_FILE_THERE)
    ]
    assert tree.path("Images/a.jpg").read_text() == "of another program"
    assert tree.path("b.jpg").read_text() == "2"
    assert not tree.path("a.jpg").exists()


def test_an_edit_in_place_is_moved_back_after_any_number_of_undos(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    inode = os.stat(tree.path("a.jpg")).st_ino
    runs.organize()
    runs.organize(recursive=True, template="{year}")
    runs.undo()
    wait_for_the_next_tick(runs)
    with tree.path("Images/a.jpg").open("a") as file:
        file.write(" and more")
    assert runs.undo(1).done == 1
    assert tree.path("a.jpg").read_text() == "1 and more"
    assert os.stat(tree.path("a.jpg")).st_ino == inode


def test_an_edited_file_that_came_back_from_another_disk(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    runs.organize(recursive=True, dest=elsewhere)
    runs.undo(2)  # a new file, born after the end of the first operation
    wait_for_the_next_tick(runs)
    with tree.path("Images/a.jpg").open("a") as file:
        file.write(" and more")
    undone = runs.undo(1)
    assert (undone.done, undone.problems) == (1, [])
    assert tree.path("a.jpg").read_text() == "1 and more"
