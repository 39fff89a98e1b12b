"""Unstable inode numbers on any machine: this disk is treated like one of that kind."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import open_again, recovered
from tests.support.remembered import Remembered

from fileorg.core.model import Action, RecordState
from fileorg.storage.local.casing import Casing
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome


@pytest.fixture(params=[True, False], ids=["numbers that last", "numbers that do not"])
def lasting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    lasting: bool = request.param
    monkeypatch.setattr(Casing, "has_stable_inodes", lambda *_: lasting)
    monkeypatch.setattr(Casing, "reuses_inodes", lambda *_: not lasting)
    return lasting


def renumber(place: Path) -> None:
    """Give a file another inode, and change nothing else."""
    shutil.copy2(place, place.with_name("copy"))
    os.rename(place.with_name("copy"), place)


def states(outcome: Outcome) -> list[RecordState]:
    return [problem.state for problem in outcome.problems]


def test_a_file_is_known_by_size_and_time(tree: Tree, runs: Runs, lasting: bool) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    renumber(tree.path("Images/a.jpg"))
    assert states(runs.undo()) == ([RecordState.CHANGED] if lasting else [])
    assert ("a.jpg" in tree.read()) == (not lasting)


def test_between_plan_and_deed(tree: Tree, runs: Runs, lasting: bool) -> None:
    tree.write({"a.jpg": "1"})
    with runs.organizing() as run:
        renumber(tree.path("a.jpg"))
        outcome = run.run()
    assert states(outcome) == ([RecordState.CHANGED] if lasting else [])


def test_a_copy_goes_if_its_content_is_ours(tree: Tree, runs: Runs, lasting: bool) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.COPY)
    renumber(tree.path("Images/a.jpg"))
    assert states(runs.undo()) == ([RecordState.CHANGED] if lasting else [])
    assert ("Images/a.jpg" in tree.read()) == lasting


def test_a_copy_of_other_content_stays(tree: Tree, runs: Runs, lasting: bool) -> None:
    """It stays although it has the size and mtime of fileorg's copy."""
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.COPY)
    place = tree.path("Images/a.jpg")
    time_ns = place.stat().st_mtime_ns
    renumber(place)
    place.write_text("2")
    os.utime(place, ns=(time_ns, time_ns))
    assert states(runs.undo()) == [RecordState.CHANGED]
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "2"}


def test_a_file_of_another_time_is_another_file(tree: Tree, runs: Runs, lasting: bool) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    place = tree.path("Images/a.jpg")
    renumber(place)
    os.utime(place, ns=(10**18, 10**18))
    assert states(runs.undo()) == [RecordState.CHANGED]
    assert tree.read() == {"Images/a.jpg": "1"}


def test_an_edited_file_cannot_be_told_from_another_one(tree: Tree, runs: Runs, lasting: bool) -> None:
    """Its inode number may belong to any file meanwhile: it is skipped, and moved only with `--include-changed`."""
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.path("Images/a.jpg").write_text("edited")
    assert states(runs.undo()) == ([] if lasting else [RecordState.CHANGED])
    if not lasting:
        runs.undo(include_changed=True)
    assert tree.read() == {"a.jpg": "edited"}


def test_nor_after_a_crash(tree: Tree, runs: Runs, lasting: bool) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.path("Images/a.jpg").write_text("edited")
    open_again(runs)
    ((state, reason),) = recovered(runs)
    assert (state, str(reason).startswith("it was edited")) == ("done" if lasting else "changed", lasting)


def test_recovery_names_the_folder_that_may_be_another(
    tree: Tree, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the source lasts, and is the same; but nothing shows whether the disk of the target is."""
    dest = tmp_path / "disk"
    dest.mkdir()
    monkeypatch.setattr(LocalStorage, "has_stable_inodes", lambda storage, *_: storage.root != os.fsencode(dest))
    tree.write({"a.jpg": "1"})
    runs.organize(dest=dest)
    open_again(runs)
    (dest / "Images/a.jpg").rename(dest / "elsewhere")
    os.utime(dest / "Images", (1, 1))  # not from the time of the operation
    tree.write({"a.jpg": "another"})
    said = Remembered()
    found = recover_all(runs.state, said)
    assert [operation.id for operation in found.left] == [1]
    assert [note for note in said.notes if f"{dest} has none of the operation's files as they were" in note]
    (dest / "elsewhere").rename(dest / "Images/a.jpg")
    assert recovered(runs) == [("done", None)]
