"""Purge: only files in the trash are removed for good, and undo knows the files that it can no longer restore."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import OnConflict, RecordState
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

A, B = ".fileorg/trash/1/Documents/a.txt", ".fileorg/trash/1/Images/b.jpg"
ORGANIZED = {"Documents/a.txt": "new a", "Images/b.jpg": "new b", "Images/c.jpg": "c"}


@pytest.fixture
def displaced(tree: Tree, runs: Runs) -> Runs:
    """Operation 1 has moved two files to the trash."""
    displace(tree, runs)
    return runs


def displace(tree: Tree, runs: Runs) -> None:
    tree.write({"Documents/a.txt": "old a", "Images/b.jpg": "old b", "a.txt": "new a", "b.jpg": "new b", "c.jpg": "c"})
    for old in ("Documents/a.txt", "Images/b.jpg"):
        tree.date(old, "2020-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)


def states(runs: Runs, operation: int) -> list[RecordState]:
    return [RecordState(record.state) for record in runs.records(operation)]


def test_the_trash_is_gone_and_the_rest_as_it_was(tree: Tree, displaced: Runs) -> None:
    before = {path: node for path, node in tree.snapshot().items() if not path.startswith(b".fileorg")}
    run = displaced.purge()
    assert (run.outcome.done, run.outcome.size_bytes, run.outcome.problems) == (2, 10, [])
    assert [(one.operation, one.purge, one.files, one.wholly) for one in run.purged] == [(1, 2, 2, False)]
    assert tree.read() == ORGANIZED
    assert tree.snapshot() == before  # including the time of the root, from which `.fileorg` was removed
    assert displaced.purge().files == 0
    assert recover_all(displaced.state, NullReporter()) == ([], [], [])


def test_undo_takes_back_the_rest(tree: Tree, displaced: Runs) -> None:
    displaced.purge()
    outcome = displaced.undo()
    assert outcome.problems == []
    assert tree.read() == {"a.txt": "new a", "b.jpg": "new b", "c.jpg": "c", "Documents/": "", "Images/": ""}
    displaced.redo()
    assert tree.read() == ORGANIZED


def test_an_operation_of_which_nothing_is_left_cannot_be_undone(tree: Tree, displaced: Runs) -> None:
    """The operation had only displaced files."""
    with closing(sqlite3.connect(displaced.state.journal)) as db, db:
        db.execute("UPDATE records SET state = 'skipped' WHERE target_folder IN (SELECT id FROM folders WHERE base = 0"
                   " AND path IN (CAST('Documents' AS BLOB), CAST('Images' AS BLOB)))")  # fmt: skip
    [purged] = displaced.purge().purged
    assert purged.wholly
    with pytest.raises(UsageError, match="Operation 1 has nothing left to undo: its files in the trash"):
        displaced.undo(1)
    with pytest.raises(UsageError, match="Nothing to undo"):
        displaced.undo()
    with pytest.raises(UsageError, match="Operation 2 is a purge, which cannot be undone"):
        displaced.undo(2)


def test_undo_without_a_number_skips_a_purge(tree: Tree, displaced: Runs) -> None:
    displaced.purge()
    assert displaced.undo().operation == 3
    assert tree.path("a.txt").exists()


def test_what_was_edited_in_the_trash_stays_and_can_be_undone(tree: Tree, displaced: Runs) -> None:
    tree.write({A: "edited"})
    run = displaced.purge()
    assert [(p.path, p.state) for p in run.outcome.problems] == [(os.fsencode(A), RecordState.CHANGED)]
    assert tree.read() == ORGANIZED | {A: "edited"}
    assert states(displaced, 1).count(RecordState.PURGED) == 2  # the file, and its folder in the trash
    displaced.undo()
    assert tree.path("Documents/a.txt").read_text() == "edited"
    assert not tree.path(".fileorg").exists()


def test_another_file_in_its_place_stays(tree: Tree, displaced: Runs) -> None:
    tree.path(A).unlink()
    tree.write({A: "old a"})
    assert len(displaced.purge().outcome.problems) == 1
    assert tree.read() == ORGANIZED | {A: "old a"}


def test_what_others_put_into_the_trash_stays(tree: Tree, displaced: Runs) -> None:
    tree.write({".fileorg/trash/1/mine.txt": "mine", ".fileorg/trash/7/x/mine.txt": "mine"})
    displaced.purge()
    stays = {".fileorg/trash/1/mine.txt": "mine", ".fileorg/trash/7/x/mine.txt": "mine"}
    assert tree.read() == ORGANIZED | stays


def test_what_others_removed_is_purged_with_the_rest(tree: Tree, displaced: Runs) -> None:
    tree.path(A).unlink()
    run = displaced.purge()
    assert (run.outcome.done, run.outcome.problems) == (1, [])
    assert displaced.undo().problems == []


def test_a_trash_that_others_emptied_is_left_to_undo_to_tell_of(tree: Tree, displaced: Runs) -> None:
    shutil.rmtree(tree.path(".fileorg"))
    assert displaced.purge().files == 0
    assert {problem.state for problem in displaced.undo().problems} == {RecordState.MISSING}


def test_a_file_with_another_name_frees_nothing(tree: Tree, displaced: Runs) -> None:
    os.link(tree.path(A), tree.path("kept.txt"))
    run = displaced.purge()
    assert (run.size_bytes, run.outcome.size_bytes, run.outcome.done) == (5, 5, 2)
    assert tree.path("kept.txt").read_text() == "old a"


def test_two_names_in_the_trash_free_their_file_once(tree: Tree, displaced: Runs) -> None:
    tree.write({"Documents/d.txt": "old d", "d.txt": "new d", "e.txt": "new e"})
    tree.date("Documents/d.txt", "2020-01-01")
    os.link(tree.path("Documents/d.txt"), tree.path("Documents/e.txt"))
    displaced.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert displaced.purge(2).outcome.size_bytes == 5


def test_only_the_operations_that_are_named(tree: Tree, displaced: Runs) -> None:
    second(tree, displaced)
    assert [one.operation for one in displaced.purge(2).purged] == [2]
    assert tree.path(A).exists()
    assert not tree.path(".fileorg/trash/2").exists()
    with pytest.raises(UsageError, match="There is no operation 9"):
        displaced.purge(9)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_folders_of_the_trash_go_with_the_last(tree: Tree, displaced: Runs, order: tuple[int, int]) -> None:
    """It does not matter which operation made the folders."""
    second(tree, displaced)
    for operation in order:
        displaced.purge(operation)
    assert not tree.path(".fileorg").exists()
    left = [record for number in (1, 2) for record in displaced.records(number, RecordState.DONE)]
    assert [record for record in left if b".fileorg" in record.target_folder + record.target_name] == []
    displaced.undo(2)
    displaced.undo(1)
    assert tree.read().keys() == {"a.txt", "b.jpg", "c.jpg", "d.txt", "Documents/", "Images/"}


def second(tree: Tree, runs: Runs) -> None:
    """Operation 2 moves one file to the trash."""
    tree.write({"Documents/d.txt": "old d", "d.txt": "new d"})
    tree.date("Documents/d.txt", "2020-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)


def test_older_than(tree: Tree, displaced: Runs) -> None:
    now = time.time_ns()
    second(tree, displaced)
    assert [one.operation for one in displaced.purge(older_than_ns=now).purged] == [1]
    assert displaced.purge(older_than_ns=now).files == 0


@pytest.mark.parametrize(
    ("trash_size", "purged"),
    [(15, []), (14, [1]), (5, [1]), (4, [2, 1]), (0, [2, 1])],  # 5 bytes of operation 2, 10 of operation 1
)
def test_only_the_oldest_beyond_a_size(tree: Tree, displaced: Runs, trash_size: int, purged: list[int]) -> None:
    second(tree, displaced)
    run = displaced.purge(trash_size=trash_size)
    assert [one.operation for one in run.purged] == purged
    assert run.outcome.size_bytes == run.size_bytes == {0: 0, 1: 10, 2: 15}[len(purged)]
    assert displaced.purge(trash_size=trash_size).files == 0


def test_what_is_old_and_what_is_beyond_a_size(tree: Tree, displaced: Runs) -> None:
    now = time.time_ns()
    second(tree, displaced)
    assert [one.operation for one in displaced.purge(older_than_ns=now, trash_size=100).purged] == [1]
    assert [one.operation for one in displaced.purge(older_than_ns=now, trash_size=1).purged] == [2]


def test_a_size_frees_what_it_says_with_hard_links(tree: Tree, runs: Runs) -> None:
    """A file with one name in each of two operations is freed only with the last of them."""
    tree.write({"Documents/a.txt": "old", "a.txt": "new", "b.txt": "new"})
    os.link(tree.path("Documents/a.txt"), tree.path("Documents/b.txt"))
    tree.date("Documents/a.txt", "2020-01-01")
    for name in ("a.txt", "b.txt"):
        runs.organize(on_conflict=OnConflict.KEEP_NEWER, include=[name])
    run = runs.purge(trash_size=2)
    assert (run.size_bytes, [one.operation for one in run.purged]) == (run.outcome.size_bytes, [1])


def test_after_a_redo_the_files_are_those_of_the_redo(tree: Tree, displaced: Runs) -> None:
    """The files are in the folder of operation 1 again, which is the number that users know."""
    displaced.undo()
    assert displaced.purge(1).files == 0
    displaced.redo()
    assert tree.path(A).exists()
    assert [one.operation for one in displaced.purge(1).purged] == [3]
    assert tree.read() == ORGANIZED
    displaced.undo()
    assert tree.read() == {"a.txt": "new a", "b.jpg": "new b", "c.jpg": "c", "Documents/": "", "Images/": ""}


def test_at_a_destination_that_the_run_made(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    """The trash is in a folder below the base that the journal has."""
    tree.write({"x/a.txt": "1", "y/a.txt": "2"})
    tree.date("x/a.txt", "2020-01-01")
    dest = tmp_path / "made"
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, recursive=True, dest=dest)
    tree.write({"z/a.txt": "3"})
    tree.date("z/a.txt", "2099-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, recursive=True, dest=dest)
    assert (dest / ".fileorg/trash/2/Documents/a.txt").exists()
    assert runs.purge().outcome.done == 1
    assert os.listdir(dest) == ["Documents"]
    assert (dest / "Documents/a.txt").read_text() == "3"


def test_the_time_of_the_root_is_given_back_by_undo_after_a_purge(tree: Tree, runs: Runs) -> None:
    tree.write({"Documents/a.txt": "old", "a.txt": "new"})
    tree.date("Documents/a.txt", "2020-01-01")
    tree.date(".", "2021-01-01")
    first = tree.root.stat().st_mtime_ns
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    runs.purge()
    runs.undo()
    assert tree.root.stat().st_mtime_ns == first


def test_a_folder_in_which_nothing_went_to_the_trash_has_its_time_again(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    """Dedupe has made a trash there, and then could not move the duplicate: a program has it open for writing."""
    other = trash_of_nothing(tree, runs, tmp_path)
    assert (other / ".fileorg").is_dir()
    runs.purge()
    assert sorted(os.listdir(other)) == ["3", "4"]
    assert other.stat().st_mtime_ns == 10**18
    assert tree.root.stat().st_mtime_ns > 10**18  # a file is gone from it


def trash_of_nothing(tree: Tree, runs: Runs, tmp_path: Path) -> Path:
    """Let dedupe move a file of the tree, but none of the folder that is returned, to the trash."""
    tree.write({"1": "one", "2": "one"})
    other = tmp_path / "other"
    other.mkdir()
    for name in ("3", "4"):
        (other / name).write_text("two")
    for folder in (tree.root, other):
        os.utime(folder, ns=(0, 10**18))
    with (other / "3").open("r+"), (other / "4").open("r+"):
        assert runs.dedupe("quarantine", other).done == 1
    return other


def test_a_folder_that_others_have_changed_since_keeps_its_time(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    other = trash_of_nothing(tree, runs, tmp_path)
    os.utime(other, ns=(0, 11**17))
    runs.purge()
    assert other.stat().st_mtime_ns == 11**17


def test_a_root_that_is_gone_is_left_out(tree: Tree, displaced: Runs) -> None:
    tree.root.rename(tree.root.with_name("elsewhere"))
    assert displaced.purge().files == 0
    tree.root.mkdir()
    assert displaced.purge().files == 0
    tree.root.rmdir()
    tree.root.with_name("elsewhere").rename(tree.root)
    assert displaced.purge().files == 2


def test_a_stop_leaves_the_rest(tree: Tree, displaced: Runs) -> None:
    second(tree, displaced)
    answers = iter([False, False, True])
    run = displaced.purge(stop=lambda: next(answers, True))
    assert run.outcome.interrupted
    assert [one.operation for one in run.purged] == [2]
    assert tree.path(A).exists()
    assert displaced.purge().outcome.done == 2


def test_an_operation_that_is_open_is_not_purged(tree: Tree, displaced: Runs) -> None:
    with closing(sqlite3.connect(displaced.state.journal)) as db, db:
        db.execute("UPDATE operations SET state = 'interrupted', root = CAST('/nowhere' AS BLOB)")
    assert displaced.purge().files == 0
    assert tree.path(A).exists()


def test_a_purge_that_was_killed_is_rolled_back_as_far_as_the_files_are_there(tree: Tree, displaced: Runs) -> None:
    """The records are committed as purged, and one of the two files has its temporary name: no file was removed yet."""
    [record] = [one for one in displaced.records(1) if one.target_folder.endswith(b"1/Documents")]
    with closing(sqlite3.connect(displaced.state.journal)) as db, db:
        db.execute("UPDATE records SET state = 'purged' WHERE target_folder IN (SELECT id FROM folders"
                   " WHERE instr(path, CAST('trash/1/' AS BLOB)))")  # fmt: skip
        db.execute("INSERT INTO operations (kind, root, root_inode, options, undoes, state, first_record, pid, host,"
                   " started_ns) SELECT 'purge', root, root_inode, '{}', 1, 'running', 1000, 1, '', started_ns"
                   " FROM operations")  # fmt: skip
    before = tree.read()
    tree.path(A).rename(tree.path(A).with_name(f".fileorg-1-{record.id}-old.part"))
    recover_all(displaced.state, NullReporter())
    assert tree.read() == before
    assert RecordState.PURGED not in states(displaced, 1)
    displaced.undo()
    assert tree.path("Documents/a.txt").read_text() == "old a"
