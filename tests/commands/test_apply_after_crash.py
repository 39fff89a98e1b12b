"""After a crash in an exchange of names, a file has a temporary name. If other programs change it there, it is named by
that path, where it is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import open_again

from fileorg.core.events import NullReporter
from fileorg.core.model import MOVED_ASIDE, RecordState
from fileorg.core.names import join
from fileorg.core.reasons import ReasonCode
from fileorg.workflows.history import not_done
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


@pytest.fixture
def aside(tree: Tree, runs: Runs) -> Path:
    """Killed when one file of an exchange had its temporary name, this path, and the other one still had its own."""
    tree.write({"a": "one", "b": "two"})
    runs.apply([{"path": "a", "new_path": "b"}, {"path": "b", "new_path": "a"}])
    [name] = [each.target_name for each in runs.records(1) if each.category == MOVED_ASIDE]
    path = tree.path(os.fsdecode(name))
    tree.path("b").rename(path)
    tree.path("a").rename(tree.path("b"))
    open_again(runs)
    return path


def save(path: Path, content: str) -> None:
    path.with_name("new").write_text(content)
    path.with_name("new").rename(path)


def unsure(runs: Runs) -> list[bytes]:
    """Return the paths that recovery names."""
    return [path for each in recover_all(runs.state, NullReporter()).unsure for path, _ in each.first]


def problems(runs: Runs, operation: int) -> list[bytes]:
    """Return the changed files of `history --problems`."""
    with not_done(operation, runs.state) as found:
        return [path for _, path, record in found if record.state == RecordState.CHANGED]


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_file_that_was_replaced_at_its_temporary_name(tree: Tree, runs: Runs, aside: Path, *, goes_on: bool) -> None:
    name = os.fsencode(aside.name)
    if goes_on:  # the other file had its new name, and recovery gives it the old one back
        tree.path("b").rename(tree.path("a"))
    save(aside, "saved")
    assert unsure(runs) == [name]
    assert problems(runs, 1) == [name]
    for _ in range(2):
        undone = runs.undo(1)
        assert [(each.path, each.reason and each.reason.code) for each in undone.problems] == [
            (name, ReasonCode.ANOTHER_FILE_THERE)
        ]
        assert problems(runs, undone.operation or 0) == [name]
        assert tree.read() == {aside.name: "saved", "b": "two"}
    assert runs.undo(1, include_changed=True).problems == []
    assert tree.read() == {"a": "saved", "b": "two"}
    assert unsure(runs) == []


def test_a_file_that_was_edited_at_its_temporary_name_goes_back(tree: Tree, runs: Runs, aside: Path) -> None:
    aside.write_text("edited")
    assert unsure(runs) == []
    assert tree.read() == {"a": "edited", "b": "two"}


def test_a_file_that_was_edited_at_its_new_name_is_undone(tree: Tree, runs: Runs, aside: Path) -> None:
    """The exchange was complete when the process was killed."""
    tree.path("b").rename(tree.path("a"))
    aside.rename(tree.path("b"))
    tree.path("b").write_text("edited")
    assert unsure(runs) == []
    assert runs.undo(1).problems == []
    assert tree.read() == {"a": "edited", "b": "two"}


def test_an_undo_that_was_killed(tree: Tree, runs: Runs) -> None:
    """Its file was replaced at its temporary name, and the other one is back."""
    tree.write({"a": "one", "b": "two"})
    runs.apply([{"path": "a", "new_path": "b"}, {"path": "b", "new_path": "a"}])
    runs.undo()
    [step] = [each for each in runs.records(2) if each.category == MOVED_ASIDE]
    name = join(step.source_folder, step.source_name)
    tree.path("a").rename(tree.path(os.fsdecode(name)))
    open_again(runs, 2)
    save(tree.path(os.fsdecode(name)), "saved")
    unsure(runs)
    undone = runs.undo(1)
    assert [each.path for each in undone.problems] == [name]
    assert runs.undo(1, include_changed=True).problems == []
    assert tree.read() == {"a": "saved", "b": "two"}
