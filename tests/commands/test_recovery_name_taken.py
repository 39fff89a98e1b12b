"""The name of a file was taken after a crash, while the file had a temporary name: the file keeps that name and is
reported, everything else can be undone, and recovery continues once the name is free.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import alter, file_records, open_again

from fileorg.core.events import NullReporter
from fileorg.core.model import Action, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.temporaries import aside
from fileorg.journal.journal import Journal
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome
    from fileorg.core.reasons import Reason


@pytest.fixture
def left(tree: Tree, runs: Runs, elsewhere: Path) -> Path:
    """Killed while moving to another disk: b.jpg has a complete copy; its original has a temporary name, this path."""
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"})
    runs.organize(dest=elsewhere)
    open_again(runs, state="copied")
    return put_aside(runs, tree.root, "b.jpg", "2")


def put_aside(runs: Runs, folder: Path, name: str, content: str, operation: int = 1) -> Path:
    [record] = [each for each in file_records(runs, operation) if each.source_name == os.fsencode(name)]
    path = folder / os.fsdecode(aside(operation, record.id))
    path.write_text(content)
    os.utime(path, ns=(record.mtime_ns, record.mtime_ns))
    alter(runs, "UPDATE records SET inode = ? WHERE id = ?", path.stat().st_ino, record.id)
    return path


def save(path: Path, content: str) -> None:
    path.with_name("new").write_text(content)
    path.with_name("new").rename(path)


def settled(runs: Runs) -> list[tuple[bytes, Reason | None]]:
    """Return the files that recovery names; no operation is open afterwards."""
    found = recover_all(runs.state, NullReporter())
    assert found.left == []
    with Journal(runs.state.journal) as journal:
        assert journal.open_operations() == []
    return [each for unsure in found.unsure for each in unsure.first]


def named(outcome: Outcome) -> list[tuple[bytes, RecordState, ReasonCode, bytes | None]]:
    return [(each.path, each.state, each.reason.code, each.reason.about) for each in outcome.problems if each.reason]


def take(place: Path, by: str) -> None:
    if by == "a folder":
        (place / "inside").mkdir(parents=True)
    elif by == "a symlink":
        place.symlink_to("nowhere")
    else:
        place.write_text({"an empty file": ""}.get(by, "someone's"))


@pytest.mark.parametrize("by", ["a file", "an empty file", "a folder", "a symlink"])
@pytest.mark.parametrize("copy", ["saved anew", "edited", "moved away", "a folder"])
def test_it_is_named_and_the_rest_is_undone(
    tree: Tree, runs: Runs, elsewhere: Path, left: Path, copy: str, by: str
) -> None:
    there = elsewhere / "Images/b.jpg"
    if copy == "saved anew":
        save(there, "an editor's")
    elif copy == "edited":
        there.write_text("an editor's")
    else:
        there.rename(elsewhere / "kept")
        if copy == "a folder":
            there.mkdir()
    take(tree.path("b.jpg"), by)
    before = tree.read()["b.jpg/inside/" if by == "a folder" else "b.jpg"]
    for _ in range(2):
        [(path, reason)] = settled(runs)
        assert (path, reason) == (b"Images/b.jpg", (ReasonCode.NAME_TAKEN_AFTER_CRASH, os.fsencode(left.name), None, 0))
    for changed in (False, True):
        assert named(runs.undo(1, include_changed=changed)) == [
            (b"Images/b.jpg", RecordState.CHANGED, ReasonCode.NOT_PUT_BACK, os.fsencode(left.name))
        ]
    now = tree.read()
    assert (now["a.jpg"], now["c.jpg"], left.read_text()) == ("1", "3", "2")
    assert now["b.jpg/inside/" if by == "a folder" else "b.jpg"] == before


def test_it_gets_its_name_when_that_is_free(tree: Tree, runs: Runs, elsewhere: Path, left: Path) -> None:
    save(elsewhere / "Images/b.jpg", "an editor's")
    take(tree.path("b.jpg"), "a file")
    assert len(settled(runs)) == 1
    tree.path("b.jpg").unlink()
    [(_, reason)] = settled(runs)
    assert reason is not None
    assert reason.code is ReasonCode.CHANGED_IN_CRASH
    assert (tree.read(), left.exists()) == ({"b.jpg": "2"}, False)
    assert len(runs.undo(1).problems) == 1
    assert (tree.read(), (elsewhere / "Images/b.jpg").read_text()) == (
        {"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"},
        "an editor's",
    )


def test_it_is_back_when_the_copy_was_moved_away(tree: Tree, runs: Runs, elsewhere: Path, left: Path) -> None:
    (elsewhere / "Images/b.jpg").unlink()
    take(tree.path("b.jpg"), "a file")
    assert len(settled(runs)) == 1
    assert len(runs.undo(1).problems) == 1
    tree.path("b.jpg").unlink()
    assert settled(runs) == []
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"}


def test_it_goes_when_the_copy_is_back(tree: Tree, runs: Runs, elsewhere: Path, left: Path) -> None:
    there = elsewhere / "Images/b.jpg"
    there.rename(elsewhere / "kept")
    take(tree.path("b.jpg"), "a file")
    assert len(settled(runs)) == 1
    (elsewhere / "kept").rename(there)
    assert settled(runs) == []
    assert (tree.read(), there.read_text()) == ({"b.jpg": "someone's"}, "2")


def test_an_undo_was_killed(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """The undo was killed on the way back: the first operation can be undone except for that file, and fully later."""
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"})
    runs.organize(dest=elsewhere)
    runs.undo()
    open_again(runs, 2, state="copied")
    (elsewhere / "Images").mkdir()
    left = put_aside(runs, elsewhere / "Images", "b.jpg", "2", 2)
    alter(
        runs,
        "UPDATE records SET target_inode = ? WHERE operation = 1 AND source_name = ?",
        left.stat().st_ino,
        b"b.jpg",
    )
    tree.path("b.jpg").unlink()
    take(elsewhere / "Images/b.jpg", "a file")
    assert len(settled(runs)) == 1
    assert [each[2:] for each in named(runs.undo(1))] == [
        (ReasonCode.NOT_PUT_BACK, b"Images/" + os.fsencode(left.name))
    ]
    (elsewhere / "Images/b.jpg").unlink()
    assert settled(runs) == []
    assert runs.undo(1).problems == []
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"}


def test_a_copy_was_being_withdrawn(tree: Tree, runs: Runs) -> None:
    """The file was edited under its temporary name, and its own name is taken."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(action=Action.COPY)
    open_again(runs, state="copied")
    [record] = [each for each in file_records(runs) if each.source_name == b"b.jpg"]
    left = tree.path("Images/b.jpg").rename(tree.path("Images") / os.fsdecode(aside(1, record.id)))
    with left.open("a") as file:
        file.write(", edited")
    take(tree.path("Images/b.jpg"), "a file")
    [(_, reason)] = settled(runs)
    assert reason is not None
    assert reason.code is ReasonCode.NAME_TAKEN_AFTER_CRASH
    assert len(runs.undo(1).problems) == 1
    assert tree.read() == {
        "a.jpg": "1", "b.jpg": "2", "Images/b.jpg": "someone's", f"Images/{left.name}": "2, edited"
    }  # fmt: skip


def test_a_file_that_was_aside_to_be_purged(tree: Tree, runs: Runs) -> None:
    """The file was edited in the trash, and another file has its name there: both stay."""
    tree.write({"a": "same", "b": "same"})
    runs.dedupe("quarantine")
    runs.purge()
    alter(runs, "UPDATE operations SET state = 'running' WHERE id = 2")
    [record] = file_records(runs)
    trash = tree.path(".fileorg/trash/1")
    trash.mkdir(parents=True)
    (trash / os.fsdecode(aside(1, record.id))).write_text("edited")
    (trash / "b").write_text("someone's")
    assert settled(runs) == []
    assert sorted(path.read_text() for path in trash.iterdir()) == ["edited", "someone's"]


def test_the_trash_is_gone(tree: Tree, runs: Runs) -> None:
    """A duplicate was exchanged with its link, its name is taken, and the trash is missing."""
    tree.write({"a": "same", "b": "same"})
    runs.dedupe("hardlink")
    open_again(runs)
    [record] = file_records(runs)
    left = tree.path(os.fsdecode(aside(1, record.id)))
    tree.path(".fileorg/trash/1/b").rename(left)
    save(tree.path("b"), "someone's")
    for folder in (".fileorg/trash/1", ".fileorg/trash", ".fileorg"):
        tree.path(folder).rmdir()
    [(_, reason)] = settled(runs)
    assert reason is not None
    assert reason.code is ReasonCode.INCONSISTENT_AFTER_CRASH
    assert (left.read_text(), tree.path("b").read_text()) == ("same", "someone's")
    tree.path("b").unlink()
    assert settled(runs) == []
    assert tree.read() == {"a": "same", "b": "same"}
