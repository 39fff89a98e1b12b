"""After a crash, a symlink leads to its file wherever that is, and undo restores the same symlink."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import file_records, open_again, recovered

from fileorg.core.model import Action, RecordState
from fileorg.execute.temporaries import aside

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runs import Runs
    from tests.support.tree import Tree

OLD, NEW = "../a.pdf", "../Documents/a.pdf"


class Wreck:
    """A run that was reset by hand: the symlink `x/l` to `a.pdf`, its path in the trash, and the temporary name."""

    def __init__(self, tree: Tree, runs: Runs, *, undo: bool = False) -> None:
        tree.write({"a.pdf": "1", "x/l": f"-> {OLD}"})
        for path, when in (("x/l", 3), ("x", 5), (".", 7)):
            tree.set_time(path, when * 10**9 + 1)
        self.tree, self.runs = tree, runs
        self.before = tree.snapshot()
        self.inode = tree.path("x/l").lstat().st_ino
        runs.organize(recursive=True)
        if undo:
            runs.undo()
        self.operation = 2 if undo else 1
        open_again(runs, self.operation)
        of_link = {Action.REWRITE_SYMLINK, Action.RESTORE_SYMLINK}
        [record] = [record for record in file_records(runs, self.operation) if record.action in of_link]
        self.place, self.trash = tree.path("x/l"), tree.path(".fileorg/trash/1/x/l")
        self.here = self.place.with_name(os.fsdecode(aside(self.operation, record.id)))

    def recovered(self) -> RecordState:
        """Return the state of the symlink's record; no temporary name is left."""
        recovered(self.runs, self.operation)
        of_link = {Action.REWRITE_SYMLINK, Action.RESTORE_SYMLINK}
        [record] = [record for record in file_records(self.runs, self.operation) if record.action in of_link]
        assert not os.path.lexists(self.here)
        return record.state

    def undo_all(self) -> None:
        """Restore the first tree, with the same symlink."""
        self.runs.undo()
        assert self.tree.snapshot() == self.before
        assert self.place.lstat().st_ino == self.inode


def _all_done(_: Wreck) -> None:
    pass


def _not_begun(wreck: Wreck) -> None:
    wreck.place.unlink()
    wreck.trash.rename(wreck.place)


def _made(wreck: Wreck) -> None:
    wreck.place.rename(wreck.here)
    wreck.trash.rename(wreck.place)


def _exchanged(wreck: Wreck) -> None:
    wreck.trash.rename(wreck.here)


def _ours_was_removed(wreck: Wreck) -> None:
    wreck.trash.rename(wreck.here)
    wreck.place.unlink()


@pytest.mark.parametrize("at", [_all_done, _not_begun, _made, _exchanged, _ours_was_removed])
def test_its_file_has_moved(tree: Tree, runs: Runs, at: Callable[[Wreck], None]) -> None:
    wreck = Wreck(tree, runs)
    at(wreck)
    assert wreck.recovered() == RecordState.DONE
    assert os.readlink(wreck.place) == NEW
    assert wreck.trash.lstat().st_ino == wreck.inode
    wreck.undo_all()


@pytest.mark.parametrize("at", [_all_done, _not_begun, _made, _exchanged, _ours_was_removed])
def test_its_file_has_not_moved(tree: Tree, runs: Runs, at: Callable[[Wreck], None]) -> None:
    """The run was killed before the move, or the disk lost the rename."""
    wreck = Wreck(tree, runs)
    at(wreck)
    tree.path("Documents/a.pdf").rename(tree.path("a.pdf"))
    assert wreck.recovered() == RecordState.SKIPPED
    assert os.readlink(wreck.place) == OLD
    assert wreck.place.lstat().st_ino == wreck.inode


def test_its_file_has_moved_and_there_is_no_trash(tree: Tree, runs: Runs) -> None:
    wreck = Wreck(tree, runs)
    _not_begun(wreck)
    for folder in (".fileorg/trash/1/x", ".fileorg/trash/1", ".fileorg/trash", ".fileorg"):
        tree.path(folder).rmdir()
    assert wreck.recovered() == RecordState.SKIPPED
    assert os.readlink(wreck.place) == OLD


def test_someone_has_pointed_it_elsewhere_since(tree: Tree, runs: Runs) -> None:
    wreck = Wreck(tree, runs)
    wreck.place.unlink()
    wreck.place.symlink_to("elsewhere")
    assert wreck.recovered() == RecordState.DONE
    assert os.readlink(wreck.place) == "elsewhere"


def _undone(_: Wreck) -> None:
    pass


def _undo_not_begun(wreck: Wreck) -> None:
    wreck.trash.parent.mkdir(parents=True)
    wreck.place.rename(wreck.trash)
    wreck.place.symlink_to(NEW)


def _undo_aside(wreck: Wreck) -> None:
    wreck.trash.parent.mkdir(parents=True)
    wreck.place.rename(wreck.here)
    wreck.place.symlink_to(NEW)


def _undo_exchanged(wreck: Wreck) -> None:
    wreck.trash.parent.mkdir(parents=True)
    wreck.here.symlink_to(NEW)


@pytest.mark.parametrize("at", [_undone, _undo_not_begun, _undo_aside, _undo_exchanged])
def test_its_file_is_back(tree: Tree, runs: Runs, at: Callable[[Wreck], None]) -> None:
    wreck = Wreck(tree, runs, undo=True)
    at(wreck)
    assert wreck.recovered() == RecordState.DONE
    assert os.readlink(wreck.place) == OLD
    assert wreck.place.lstat().st_ino == wreck.inode


def test_its_file_is_not_back(tree: Tree, runs: Runs) -> None:
    wreck = Wreck(tree, runs, undo=True)
    _undo_not_begun(wreck)
    tree.path("Documents").mkdir()
    tree.path("a.pdf").rename(tree.path("Documents/a.pdf"))
    assert wreck.recovered() == RecordState.SKIPPED
    assert os.readlink(wreck.place) == NEW
    runs.undo()
    assert os.readlink(wreck.place) == OLD
    assert wreck.place.lstat().st_ino == wreck.inode
    assert wreck.place.read_text() == "1"
