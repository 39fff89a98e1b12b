"""A state directory prepared by an attacker: nothing outside the tree is touched, and each problem is named."""

from __future__ import annotations

import os
import random
import sqlite3
from typing import TYPE_CHECKING

import pytest
from tests.support import snapshot

from fileorg.core.errors import FileorgError, GuardRefused, JournalError, StateError
from fileorg.core.model import RecordState
from fileorg.journal.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def alter(state: StateDirectory, statement: str, *values: object) -> None:
    with sqlite3.connect(os.fsdecode(state.journal)) as db:
        db.execute(statement, values)
    db.close()


# Locks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["run.lock", "index.lock"])
@pytest.mark.parametrize("kind", ["symlink", "hard link", "folder", "pipe"])
def test_a_lock_that_is_no_plain_file_is_refused(tree: Tree, runs: Runs, tmp_path: Path, lock: str, kind: str) -> None:
    """Writing to the lock would write to another file."""
    precious = tmp_path / "precious"
    precious.write_text("not to be replaced")
    place = os.path.join(os.fsdecode(runs.state.path), lock)
    match kind:
        case "symlink":
            os.symlink(precious, place)
        case "hard link":
            os.link(precious, place)
        case "folder":
            os.mkdir(place)
        case _:
            os.mkfifo(place)
    tree.write({"a.jpg": "1"})
    with pytest.raises(StateError, match=rf"{lock} is not a regular file"):
        runs.organize()
    assert tree.read() == {"a.jpg": "1"}
    assert precious.read_text() == "not to be replaced"


# The journal ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["root", "dest"])
@pytest.mark.parametrize("place", [b"/", b"/etc", b"/usr/share", b"/proc/self"])
def test_an_operation_on_a_place_of_the_system_is_not_undone(tree: Tree, runs: Runs, column: str, place: bytes) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    alter(runs.state, f"UPDATE operations SET {column} = ?, root_inode = ?", place, os.stat(place).st_ino)
    with pytest.raises(GuardRefused, match="belongs to the system"):
        runs.undo()
    assert tree.read() == {"Images/a.jpg": "1"}


def test_an_operation_on_our_own_state_is_not_undone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    inode = os.stat(runs.state.path).st_ino
    alter(runs.state, "UPDATE operations SET root = ?, root_inode = ?", runs.state.path, inode)
    with pytest.raises(GuardRefused, match="state directory"):
        runs.undo()


def test_an_open_operation_on_a_place_of_the_system_is_not_settled(tree: Tree, runs: Runs) -> None:
    """Recovery would remove a file that it takes for a temporary."""
    tree.write({"a.jpg": "1"})
    runs.organize()
    alter(
        runs.state, "UPDATE operations SET root = ?, root_inode = ?, state = 'running'", b"/etc", os.stat("/etc").st_ino
    )
    tree.write({"b.jpg": "2"})
    runs.organize()  # the operation is left open, with a note
    with Journal(runs.state.journal) as journal:
        assert [op.id for op in journal.open_operations()] == [1]


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("UPDATE folders SET base = 7", ()),
        ("UPDATE folders SET base = -1", ()),
        ("UPDATE folders SET base = 'x'", ()),
        ("UPDATE folders SET path = ? WHERE path = x'78'", (b"../outside",)),
        ("UPDATE folders SET path = ? WHERE path = x'78'", (b"/etc",)),
        ("UPDATE folders SET path = ? WHERE path = x'78'", (b"a\0b",)),
        ("UPDATE folders SET path = 'text' WHERE path = x'78'", ()),
        ("UPDATE folders SET mode = 'text' WHERE path = ?", (b"x",)),
        ("UPDATE folders SET mode = -1 WHERE path = ?", (b"x",)),
    ],
)
def test_a_folder_that_is_not_ours_is_refused(
    tree: Tree, runs: Runs, tmp_path: Path, statement: str, values: tuple[object, ...]
) -> None:
    """This holds for a parent that undo would make again, too."""
    tree.write({"x/a.jpg": "1"})
    runs.organize(recursive=True)
    tree.path("x").rmdir()
    alter(runs.state, statement, *values)
    before = snapshot.take(os.fsencode(tmp_path))
    with pytest.raises(JournalError, match="contains an entry that fileorg did not write"):
        runs.undo()
    after = snapshot.take(os.fsencode(tmp_path))
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert {path for path in changed if path and not path.startswith(b"state")} == set()


def test_after_a_row_was_refused_the_rest_can_still_be_settled(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    runs.organize()
    alter(runs.state, "UPDATE records SET source_name = ? WHERE source_name = ?", b"../a.jpg", b"a.jpg")
    with pytest.raises(JournalError):
        runs.undo()
    with pytest.raises(JournalError):
        runs.undo()
    assert sorted(tree.read().values()) == ["1", "2"]
    alter(runs.state, "UPDATE records SET source_name = ? WHERE source_name = ?", b"a.jpg", b"../a.jpg")
    runs.undo(1)
    assert tree.read() == {"a.jpg": "1", "b.mp3": "2"}


# The index ------------------------------------------------------------------------------------------------------------


def test_an_index_with_a_trigger_is_made_anew(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    with sqlite3.connect(os.fsdecode(runs.state.index)) as db:
        db.execute("CREATE TRIGGER mine AFTER INSERT ON batches BEGIN DELETE FROM columns; END")
    db.close()
    tree.write({"b.jpg": "2"})
    assert runs.organize().done == 1
    with sqlite3.connect(os.fsdecode(runs.state.index)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").fetchone() == (0,)
    db.close()


@pytest.mark.parametrize("part", range(8))
def test_an_index_that_is_damaged_in_the_middle_does_no_harm(tree: Tree, runs: Runs, part: int) -> None:
    """The index is a cache: the run reports the damage or rebuilds the index, and the next run works."""
    tree.write({f"x{number:03}/{number}.jpg": str(number) for number in range(300)})
    runs.organize(recursive=True, include=["nothing.at.all"])
    index = os.fsdecode(runs.state.index)
    before = tree.snapshot()
    size = os.path.getsize(index)
    with open(index, "r+b") as file:
        file.seek(max(100, size * part // 8))
        file.write(random.Random(part).randbytes(4096))
    try:
        runs.organize(recursive=True)
    except FileorgError:
        assert tree.snapshot() == before
        runs.organize(recursive=True)
    assert len(os.listdir(tree.path("Images"))) == 300
    assert runs.records(runs.undo().operation, RecordState.FAILED) == []
