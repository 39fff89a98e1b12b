"""The steps of a copy, a removal and a seal, with interference between them that no plan can show."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.model import DEST, ROOT, PlanRow, RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.actions import move
from fileorg.execute.actions.handler import Series
from fileorg.execute.identity import identity
from fileorg.execute.precheck import Checker
from fileorg.execute.temporaries import Stuck, put_back, remove_checked, rename_over_reserved
from fileorg.execute.verdict import Refusal
from fileorg.execute.work import Work
from fileorg.journal.journal import Journal
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.local.worker import InlineRenamer, unpack
from fileorg.workflows import session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Entry
    from fileorg.core.state import StateDirectory

_NOBODY = 65534


def nobody_is_notified(_: Entry | None) -> None:
    """Ignore placeholders."""


@pytest.fixture
def storage(tree: Tree) -> Iterator[LocalStorage]:
    with closing(LocalStorage(os.fsencode(tree.root))) as opened:
        yield opened


# Removal --------------------------------------------------------------------------------------------------------------


def test_only_what_is_expected_is_removed(tree: Tree, storage: LocalStorage) -> None:
    tree.write({"a": "1", "b": "2"})
    expected = storage.lstat(b"", b"a")
    assert expected is not None
    assert not remove_checked(storage, b"", b"b", b"aside", identity(expected), reserving=nobody_is_notified)
    assert remove_checked(storage, b"", b"a", b"aside", identity(expected), reserving=nobody_is_notified)
    assert tree.read() == {"b": "2"}


def test_what_cannot_be_put_back_is_told(tree: Tree, storage: LocalStorage) -> None:
    tree.write({"aside": "1", "a": "an outsider was faster"})
    with pytest.raises(Stuck, match=r"Could not move a back to its name \(File exists\): it is now aside"):
        put_back(storage, b"", b"a", b"aside", nobody_is_notified)
    assert tree.read() == {"aside": "1", "a": "an outsider was faster"}


def test_what_others_remove_while_it_is_aside_is_removed(
    tree: Tree, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was emptied by others: the run goes on, and the file counts as removed."""
    tree.write({"a": "1"})
    expected = storage.lstat(b"", b"a")
    assert expected is not None
    rename = storage.rename_noreplace

    def rename_and_lose(*names: Any) -> None:
        rename(*names)
        tree.path("aside").unlink()

    monkeypatch.setattr(storage, "rename_noreplace", rename_and_lose)
    assert remove_checked(storage, b"", b"a", b"aside", identity(expected), reserving=nobody_is_notified)
    assert tree.read() == {}


# Rename over a placeholder --------------------------------------------------------------------------------------------


def test_a_rename_over_a_name_that_was_reserved(tree: Tree, storage: LocalStorage) -> None:
    tree.write({"a": "1"})
    reported: list[Entry | None] = []
    rename_over_reserved(storage, b"", b"a", storage, b"", b"b", reported.append)
    assert tree.read() == {"b": "1"}
    assert [entry and (entry.name, entry.size) for entry in reported] == [None, (b"b", 0)]


def test_a_name_that_is_taken_cannot_be_reserved(tree: Tree, storage: LocalStorage) -> None:
    tree.write({"a": "1", "b": "2"})
    reported: list[Entry | None] = []
    with pytest.raises(FileExistsError):
        rename_over_reserved(storage, b"", b"a", storage, b"", b"b", reported.append)
    assert tree.read() == {"a": "1", "b": "2"}


def test_a_reserved_name_is_given_free_when_the_rename_fails(tree: Tree, storage: LocalStorage) -> None:
    reported: list[Entry | None] = []
    with pytest.raises(FileNotFoundError):
        rename_over_reserved(storage, b"", b"missing", storage, b"", b"b", reported.append)
    assert tree.read() == {}


# Cross-device move ----------------------------------------------------------------------------------------------------


class Crossing:
    """A move of `a` to `b` on another file system, with its intent committed."""

    def __init__(self, tree: Tree, journal: Journal, storages: Sequence[LocalStorage]) -> None:
        tree.write({"a": "1"})
        source, target = storages
        self.seen = source.lstat(b"", b"a")
        assert self.seen is not None
        number = journal.begin(
            "organize", source.root, target.root, root_inode=source.identity[1], options={}, undoes=None
        )
        [operation] = journal.operations()
        self.row = PlanRow.move(ROOT, b"", self.seen, b"")._replace(target_base=DEST, target_name=b"b")
        self.work = Work(journal, operation, storages, InlineRenamer(storages))
        with journal.transaction():
            self.batch = Checker(self.work).check([self.row])
            self.record = journal.insert(number, self.batch)

    def move(self) -> None:
        def fail(_: int, error: Refusal | OSError) -> None:
            raise error

        series = Series([self.row], [0], self.batch, self.record, None)
        with move.Crossing(self.work, series, fail) as crossing:
            crossing.add(0)
            crossing.finish()


@pytest.fixture
def crossing(tree: Tree, state: StateDirectory, storage: LocalStorage, elsewhere: Path) -> Iterator[Crossing]:
    with closing(LocalStorage(os.fsencode(elsewhere))) as target, Journal(state.journal) as journal:
        yield Crossing(tree, journal, (storage, target))


def test_it_is_there_and_no_longer_here(crossing: Crossing, tree: Tree, elsewhere: Path) -> None:
    crossing.move()
    assert tree.read() == {}
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"b": "1"}


def test_a_file_that_is_edited_after_the_look_stays(crossing: Crossing, tree: Tree, elsewhere: Path) -> None:
    tree.write({"a": "edited"})
    with pytest.raises(Refusal) as refused:
        crossing.move()
    assert refused.value.reason == Reason(ReasonCode.CHANGED_WHILE_MOVED)
    assert tree.read() == {"a": "edited"}
    assert os.listdir(elsewhere) == []
    assert crossing.work.touched_folders == {(ROOT, b""), (DEST, b"")}


def test_a_copy_whose_name_is_taken_leaves_nothing_behind(crossing: Crossing, tree: Tree, elsewhere: Path) -> None:
    (elsewhere / "b").write_text("someone else's")
    with pytest.raises(FileExistsError):
        crossing.move()
    assert tree.read() == {"a": "1"}
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"b": "someone else's"}


# File systems with neither RENAME_NOREPLACE nor links -----------------------------------------------------------------


class WithoutRenames:
    """A worker on a file system with neither RENAME_NOREPLACE nor hard links."""

    def __init__(self) -> None:
        self._moves: list[tuple[int, int]] = []

    def start(self, packed: bytes) -> None:
        self._moves = [(position, errno.ENOTSUP) for position in range(len(unpack(packed).paths) // 4)]

    def finish(self) -> list[tuple[int, int]]:
        return self._moves

    def close(self) -> None: ...


@pytest.fixture
def without_renames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "renamer_for", lambda *_: WithoutRenames())


@pytest.mark.usefixtures("without_renames")
def test_a_name_is_reserved_and_renamed_over(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/b.jpg": "2", "Images/b.jpg": "3"})
    before = tree.snapshot()
    assert runs.organize(recursive=True).problems == []
    assert tree.read() == {"Images/a.jpg": "1", "Images/b (2).jpg": "2", "Images/b.jpg": "3", "x/": ""}
    assert runs.undo().problems == []
    assert tree.snapshot() == before


@pytest.mark.usefixtures("without_renames")
def test_a_name_that_was_taken_meanwhile_is_not_replaced(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    with runs.organizing() as run:
        tree.write({"Images/a.jpg": ""})
        outcome = run.run()
    assert [problem.state for problem in outcome.problems] == [RecordState.CONFLICT]
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": ""}


@pytest.mark.usefixtures("without_renames")
def test_it_may_be_another_file_system_all_the_same(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    before = tree.snapshot()
    assert runs.organize(dest=elsewhere).problems == []
    assert (elsewhere / "Images/a.jpg").read_text() == "1"
    assert runs.undo().problems == []
    assert tree.snapshot() == before


# Seal -----------------------------------------------------------------------------------------------------------------


def test_a_folder_whose_time_cannot_be_set_back_is_told(of_nobody: Runs) -> None:
    """The folder belongs to another user: files may be moved in and out, but its time may not be set."""
    if os.getuid() == 0 or os.getresuid()[2] != 0:
        pytest.skip("giving a folder to another user needs root")
    tree = of_nobody.tree
    tree.write({"x/a.jpg": "1"})
    tree.path("x").chmod(0o777)
    os.setresuid(0, 0, 0)
    os.chown(tree.path("x"), 1, 1)
    os.setresuid(_NOBODY, _NOBODY, 0)
    of_nobody.organize(recursive=True)
    outcome = of_nobody.undo()
    assert tree.read() == {"x/a.jpg": "1"}
    assert outcome.notes == ["Could not restore the time of the folder x: Operation not permitted."]


def test_of_several_folders_the_one_whose_time_cannot_be_set_back_is_told_by_its_whole_path(of_nobody: Runs) -> None:
    if os.getuid() == 0 or os.getresuid()[2] != 0:
        pytest.skip("giving a folder to another user needs root")
    tree = of_nobody.tree
    dest = tree.root.parent / "dest"
    dest.mkdir()
    tree.write({"a.jpg": "1"})
    os.chmod(dest, 0o777)
    os.setresuid(0, 0, 0)
    os.chown(dest, 1, 1)
    os.setresuid(_NOBODY, _NOBODY, 0)
    of_nobody.organize(dest=dest)
    assert of_nobody.undo().notes == [f"Could not restore the time of the folder {dest}: Operation not permitted."]
