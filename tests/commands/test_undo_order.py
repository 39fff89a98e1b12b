"""Undo in any order: exact, or refused with the operations to undo first; never a wrong tree without a message."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.crash import alter
from tests.support.parts import undo_part
from tests.support.runs import Runs
from tests.support.snapshot import differences
from tests.support.tree import Tree

from fileorg.content.keeper import Keep
from fileorg.core.errors import Exit, UsageError
from fileorg.core.model import Action, By, LaterFiles, OnConflict, RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.state import open_state
from fileorg.journal.journal import Journal
from fileorg.workflows.order import OthersFirst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def first(runs: Runs, operation: int | None, **options: Any) -> list[int]:
    """Return the operations that have to be undone first; nothing is changed before they are named."""
    before = runs.tree.snapshot()
    with pytest.raises(OthersFirst) as refused:
        runs.undo(operation, **options)
    assert runs.tree.snapshot() == before
    assert refused.value.exit_code is Exit.REFUSED
    assert all(re.search(rf"\b{number}\b", str(refused.value)) for number, _ in refused.value.first)
    return [number for number, _ in refused.value.first]


def date_all(tree: Tree) -> None:
    for number, path in enumerate(sorted(tree.snapshot(), reverse=True)):
        tree.set_time(os.fsdecode(path), (1_500_000_000 + number * 1000) * 10**9 + number)


# Refused, with the numbers --------------------------------------------------------------------------------------------


def test_what_a_later_one_has_moved(tree: Tree, runs: Runs) -> None:
    tree.write({"f.txt": "1", "p.jpg": "2"})
    date_all(tree)
    before = tree.snapshot()
    runs.organize()
    runs.organize(recursive=True, by=By.DATE)
    assert first(runs, 1) == [2]
    runs.undo(2)
    assert runs.undo(1).problems == []
    assert differences(before, tree.snapshot()) == []


def test_a_link_that_a_later_one_has_rewritten(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """Its file has left the disk, and ext4 may give its inode number to the new link."""
    tree.write({"f.jpg": "1"})
    before = tree.snapshot()
    runs.organize(action=Action.SYMLINK)
    with Journal(runs.state.journal) as journal:
        known = journal.select("SELECT target_inode FROM records WHERE action = 'symlink'")
    assert known == [(tree.path("Images/f.jpg").lstat().st_ino,)]
    runs.organize(dest=elsewhere, recursive=True)
    assert first(runs, 1) == [2]
    for operation in (2, 1):
        assert runs.undo(operation).problems == []
    assert differences(before, tree.snapshot()) == []


def test_a_link_is_removed_under_the_name_that_an_undo_gave_it(tree: Tree, runs: Runs) -> None:
    tree.write({"f.jpg": "1"})
    runs.organize(action=Action.SYMLINK)
    runs.apply([{"path": "Images/f.jpg", "new_path": "Images/other.jpg"}], all_files=True)
    tree.write({"Images/f.jpg": "of another program"})
    assert runs.undo(2, rename=True).problems == []
    assert tree.read()["Images/f (2).jpg"] == "-> ../f.jpg"
    assert runs.undo(1).problems == []
    assert tree.read() == {"f.jpg": "1", "Images/f.jpg": "of another program"}


@pytest.mark.parametrize("is_first", [False, True])
def test_what_a_later_one_has_exchanged_with_another_file(tree: Tree, runs: Runs, *, is_first: bool) -> None:
    """The first file of an exchange has a temporary name on its way."""
    tree.write({"f.txt": "1", "g.txt": "2"})
    date_all(tree)
    before = tree.snapshot()
    runs.organize(include=["f.txt"])
    rows = [{"path": "Documents/f.txt", "new_path": "g.txt"}, {"path": "g.txt", "new_path": "Documents/f.txt"}]
    runs.apply(rows if is_first else rows[::-1], all_files=True)
    assert first(runs, 1) == [2]
    for operation in (2, 1):
        assert runs.undo(operation).problems == []
    assert differences(before, tree.snapshot()) == []


def test_what_has_taken_the_number_of_a_file_that_left_the_disk(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """A later one has put another file in its place, to which ext4 may give the same inode number."""
    tree.write({"f.txt": "1", "g.txt": "22"})
    date_all(tree)
    before = tree.snapshot()
    runs.organize(include=["f.txt"])
    number = tree.path("Documents/f.txt").stat().st_ino
    rows = [{"path": "Documents/f.txt", "new_path": str(elsewhere / "f.txt")}]
    rows.append({"path": "g.txt", "new_path": "Documents/f.txt"})
    runs.apply(rows, roots=[os.fsencode(tree.root), os.fsencode(elsewhere)], all_files=True)
    taken = tree.path("Documents/f.txt").stat().st_ino
    alter(runs, "UPDATE records SET inode = ? WHERE inode = ?", taken, number)
    assert first(runs, 1) == [2]
    for operation in (2, 1):
        assert runs.undo(operation).problems == []
    assert differences(before, tree.snapshot()) == []


def test_the_whole_row_is_named_newest_first(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"f.txt": "1", "p.jpg": "2"})
    runs.organize()
    runs.organize(root=tree.path("Images"), by=By.EXTENSION)
    runs.organize(recursive=True, by=By.DATE)
    runs.organize(recursive=True, dest=elsewhere)
    assert first(runs, 1) == [4, 3, 2]
    assert first(runs, 2) == [4, 3]
    for number in (4, 3, 2, 1):
        assert runs.undo(number).problems == []
    assert tree.read() == {"f.txt": "1", "p.jpg": "2"}


def test_what_a_redo_has_moved_to_another_disk_again(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """The undo before it had brought the file back with another inode number."""
    tree.write({"f.txt": "1"})
    runs.organize()
    runs.organize(recursive=True, dest=elsewhere)
    tree.write({"takes the number": ""})
    runs.undo(2)
    assert runs.redo(2).operation == 4
    assert first(runs, 1) == [4]


def test_redo_has_an_order_too(tree: Tree, runs: Runs) -> None:
    tree.write({"f.txt": "1"})
    runs.organize()
    runs.organize(recursive=True, by=By.DATE)
    after = tree.read()
    runs.undo()
    runs.undo()
    assert first(runs, 2, redo=True) == [4]
    runs.redo(1)
    assert runs.redo(2).problems == []
    assert tree.read() == after


def test_what_was_organized_anew_is_not_redone_over(tree: Tree, runs: Runs) -> None:
    tree.write({"f.txt": "1"})
    runs.organize()
    runs.undo()
    runs.organize(by=By.EXTENSION)
    assert first(runs, None, redo=True) == [3]


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_what_a_later_one_has_copied_or_linked(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"in/f.txt": "1", "out/": ""})
    before = tree.snapshot()
    runs.organize(root=tree.path("in"))
    runs.organize(root=tree.path("in"), recursive=True, dest=tree.path("out"), action=action)
    assert first(runs, 1) == [2]
    runs.undo(2)
    runs.undo(1)
    assert differences(before, tree.snapshot()) == []


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK])
def test_the_original_of_a_copy_was_moved_on(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"in/f.txt": "1", "out/": ""})
    before = tree.snapshot()
    runs.organize(root=tree.path("in"), dest=tree.path("out"), action=action)
    runs.organize(root=tree.path("in"), by=By.DATE)
    assert first(runs, 1) == [2]
    runs.undo(2)
    assert runs.undo(1).problems == []
    assert differences(before, tree.snapshot()) == []


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
def test_a_duplicate_that_was_dealt_with(tree: Tree, runs: Runs, action: str) -> None:
    tree.write({"a/keeper.txt": "same", "b/f.txt": "same"})
    before = tree.snapshot()
    runs.organize(root=tree.path("b"))
    runs.dedupe(action)
    assert first(runs, 1) == [2]
    runs.undo(2)
    runs.undo(1)
    assert differences(before, tree.snapshot()) == []


@pytest.mark.parametrize("action", ["hardlink", "symlink"])
def test_a_keeper_that_links_lead_to(tree: Tree, runs: Runs, action: str) -> None:
    tree.write({"a/keeper.txt": "same", "b/f.txt": "same"})
    before = tree.snapshot()
    runs.organize(root=tree.path("a"))
    runs.dedupe(action)
    assert first(runs, 1) == [2]
    runs.undo(2)
    runs.undo(1)
    assert differences(before, tree.snapshot()) == []


def test_what_clean_took(tree: Tree, runs: Runs) -> None:
    tree.write({"x/empty.txt": "", "f.txt": "1"})
    before = tree.snapshot()
    runs.organize(recursive=True)
    runs.clean()
    assert first(runs, 1) == [2]
    runs.undo(2)
    runs.undo(1)
    assert differences(before, tree.snapshot()) == []


def test_the_folder_it_came_from_was_cleaned(tree: Tree, runs: Runs) -> None:
    tree.write({"x/f.txt": "1"})
    date_all(tree)
    before = tree.snapshot()
    runs.organize(recursive=True)
    runs.clean()
    assert tree.read() == {"Documents/f.txt": "1"}
    assert first(runs, 1) == [2]
    runs.undo(2)
    runs.undo(1)
    assert differences(before, tree.snapshot()) == []


def test_a_folder_that_was_cleaned_is_made_again_by_the_undo_of_an_earlier_part(tree: Tree, runs: Runs) -> None:
    tree.write({"x/f.txt": "1"})
    date_all(tree)
    before = tree.snapshot()
    runs.organize(recursive=True)
    runs.clean()
    undo_part(runs, 1, "*.txt", later=LaterFiles.LEAVE)
    runs.redo(3)
    runs.undo(2)
    runs.undo(1)
    assert differences(before, tree.snapshot()) == []


def test_an_undo_that_did_nothing_before_a_purge_does_not_count(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"x/a.jpg": "1", "x/longer.jpg": "1"})
    date_all(tree)
    runs.dedupe("quarantine", keep=[Keep.SHORTEST_NAME])
    folder = tree.path("x")
    then = folder.stat().st_mtime_ns
    tree.write({"x/longer.jpg": "in its way"})
    os.utime(folder, ns=(then, then))
    assert [each.state for each in runs.undo(1).problems] == [RecordState.CONFLICT]
    tree.path("x/longer.jpg").unlink()
    os.utime(folder, ns=(then, then))
    runs.purge()
    for name in "pq":
        runs.organize(recursive=True, action=Action.COPY, dest=elsewhere / name)
    runs.undo()
    runs.undo()
    assert folder.stat().st_mtime_ns == then


def test_a_folder_that_was_cleaned_is_made_again_by_a_later_one(tree: Tree, runs: Runs) -> None:
    tree.write({"Documents/": "", "f.txt": "1"})
    date_all(tree)
    before = tree.snapshot()
    runs.clean()
    runs.organize()
    assert first(runs, 1) == [2]
    runs.undo(2)
    runs.undo(1)
    assert differences(before, tree.snapshot()) == []


def test_the_folder_it_came_from_was_emptied_and_removed_by_a_later_one(tree: Tree, runs: Runs) -> None:
    """The undo would make the folder again, and then the later operation could not be undone without a redo."""
    tree.write({"sub/film.mkv": "1", "sub/hollow/": "", "other/a.jpg": "2"})
    date_all(tree)
    before = tree.snapshot()
    runs.clean()
    runs.organize(root=tree.path("other"))
    runs.organize(recursive=True, remove_empty=True)
    assert first(runs, 1) == [3]
    for number in (3, 2, 1):
        assert runs.undo(number).problems == []
    assert differences(before, tree.snapshot()) == []


def test_a_file_that_a_later_one_took_back_counts_once(tree: Tree, runs: Runs) -> None:
    tree.write({"f.txt": "1", "g.txt": "2"})
    runs.organize()
    runs.apply([{"path": f"Documents/{name}", "new_path": name} for name in ("f.txt", "g.txt")])
    with pytest.raises(OthersFirst, match="moved or used 2 of its files"):
        runs.undo(1)


# Not refused ----------------------------------------------------------------------------------------------------------


def test_other_files_in_the_same_folders_do_not_matter(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "1"})
    date_all(tree)
    runs.organize()
    tree.write({"b.txt": "2"})
    runs.organize()
    assert runs.undo(1).problems == []
    assert tree.read() == {"a.txt": "1", "Documents/b.txt": "2"}
    assert runs.undo(2).problems == []
    assert tree.read() == {"a.txt": "1", "b.txt": "2"}


def test_what_a_user_has_moved_back_is_no_ones(tree: Tree, runs: Runs) -> None:
    """The later operation moved the file, a user moved it back: no other undo is needed first."""
    tree.write({"a.txt": "1", "b.txt": "2"})
    runs.organize()
    runs.organize(recursive=True, by=By.EXTENSION, include=["a.txt"])
    [there] = [path for path in tree.read() if path.endswith("/a.txt")]
    tree.path(there).rename(tree.path("Documents/a.txt"))
    assert runs.undo(1).problems == []
    assert {"a.txt": "1", "b.txt": "2"}.items() <= tree.read().items()


def test_what_a_user_has_removed_is_named(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "1", "b.txt": "2"})
    runs.organize()
    runs.organize(recursive=True, by=By.EXTENSION, include=["a.txt"])
    [there] = [path for path in tree.read() if path.endswith("/a.txt")]
    tree.path(there).unlink()
    assert [problem.state for problem in runs.undo(1).problems] == [RecordState.MISSING]
    assert tree.path("b.txt").read_text() == "2"


def test_no_folder_is_made_for_what_is_gone(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    runs.organize(recursive=True, dest=elsewhere)
    (elsewhere / "Images/a.jpg").unlink()
    for _ in range(2):
        assert len(runs.undo(2).problems) == 1
        assert len(runs.undo(1).problems) == 1
    assert tree.read() == {"b.jpg": "2"}


def test_what_has_taken_its_place_is_not_waited_for(tree: Tree, runs: Runs) -> None:
    """The later undo leaves the other file in place; the rest of the first operation is restored nevertheless."""
    tree.write({"a.txt": "1", "b.txt": "2"})
    runs.organize()
    runs.organize(recursive=True, by=By.EXTENSION, include=["a.txt"])
    [there] = [path for path in tree.read() if path.endswith("/a.txt")]
    tree.write({"saved": "by an editor"})
    tree.path("saved").rename(tree.path(there))
    assert [problem.state for problem in runs.undo(2).problems] == [RecordState.CHANGED]
    assert [problem.state for problem in runs.undo(1).problems] == [RecordState.MISSING]
    assert tree.path("b.txt").read_text() == "2"


def test_the_undo_of_an_earlier_one_has_taken_another_file(tree: Tree, runs: Runs) -> None:
    """It had the same name before: its redo would bring back nothing of the operation."""
    tree.write({"x.txt": "1", "a.txt": "2"})
    runs.organize(include=["x.txt"])
    rows = [{"path": "Documents/x.txt", "new_path": "y.txt"}, {"path": "a.txt", "new_path": "Documents/x.txt"}]
    runs.apply(rows, all_files=True)
    tree.path("Documents/x.txt").rename(tree.path("by hand"))
    assert [problem.state for problem in runs.undo(2).problems] == [RecordState.MISSING]
    assert runs.undo(1).problems == []
    assert [problem.state for problem in runs.undo(2).problems] == [RecordState.MISSING]
    assert tree.read() == {"x.txt": "1", "by hand": "2"}


@pytest.mark.parametrize("action", ["hardlink", "symlink"])
@pytest.mark.parametrize("organized", ["a", "b"])
def test_a_link_that_others_replaced_is_not_waited_for(tree: Tree, runs: Runs, action: str, organized: str) -> None:
    """Neither by the undo of what happened to its keeper before, nor of what happened to the duplicate."""
    tree.write({"a/keeper.txt": "same", "a/c.txt": "1", "b/f.txt": "same", "b/d.txt": "2"})
    before = tree.read()
    runs.organize(root=tree.path(organized))
    runs.dedupe(action)
    assert first(runs, 1) == [2]
    [link] = (path for path in tree.root.rglob("f.txt") if ".fileorg" not in path.parts)
    link.unlink()
    link.write_text("another program")
    assert [problem.state for problem in runs.undo(2).problems] == [RecordState.CONFLICT]
    left = [RecordState.CHANGED] if organized == "b" else []
    assert [problem.state for problem in runs.undo(1).problems] == left
    assert link.read_text() == "another program"
    assert {"a/keeper.txt", "a/c.txt", "b/d.txt"} <= tree.read().keys()
    link.unlink()
    assert runs.undo(2).problems == []
    if organized == "b":
        assert runs.undo(1).problems == []
    assert tree.read() == before


def test_what_was_purged_is_named(tree: Tree, runs: Runs) -> None:
    tree.write({"a/keeper.txt": "same", "b/f.txt": "same", "b/g.txt": "other"})
    runs.organize(root=tree.path("b"))
    runs.dedupe("quarantine")
    assert first(runs, 1) == [2]
    runs.purge(2)
    assert [problem.state for problem in runs.undo(1).problems] == [RecordState.MISSING]
    assert tree.path("b/g.txt").read_text() == "other"


def test_a_name_that_a_later_one_gave_away_is_taken_beside_with_rename(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "new/a.jpg": "2"})
    runs.organize()
    runs.organize(root=tree.path("new"), dest=tree.root, template="{name}")
    assert tree.read() == {"Images/a.jpg": "1", "a.jpg": "2", "new/": ""}
    assert first(runs, 1) == [2]
    assert runs.undo(1, rename=True).problems == []
    assert tree.read()["a (2).jpg"] == "1"


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_what_an_undo_had_to_keep_is_left_with_include_changed(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"f.txt": "1", "g.txt": "2"})
    date_all(tree)
    before = tree.read()
    runs.organize()
    runs.organize(recursive=True, by=By.DATE, action=action)
    changed = next(path for path in tree.root.rglob("f.txt") if path.parent.name != "Documents")
    changed.unlink()
    changed.write_text("another program")
    assert [problem.state for problem in runs.undo(2).problems] == [RecordState.CHANGED]
    assert first(runs, 1) == [2]
    with pytest.raises(OthersFirst) as refused:
        runs.undo(1)
    assert "--include-changed" in refused.value.hint
    assert runs.undo(1, include_changed=True).problems == []
    assert tree.read() == before | {str(changed.relative_to(tree.root)): "another program"}


def test_what_no_undo_has_tried_is_undone_first_all_the_same(tree: Tree, runs: Runs) -> None:
    tree.write({"f.txt": "1"})
    runs.organize()
    runs.organize(recursive=True, by=By.DATE, action=Action.HARDLINK)
    assert first(runs, 1, include_changed=True) == [2]


# Exact in any order ---------------------------------------------------------------------------------------------------

_THREE = {
    "images": {"categories": ["images"]},
    "documents": {"categories": ["documents"]},
    "rest": {},
}


def some(tree: Tree) -> None:
    tree.write({
        "a.jpg": "1", "b.txt": "2", "c.mp3": "3", "x/a.jpg": "4", "x/b.txt": "5", "x/c.mp3": "6", "y/d.jpg": "7",
    })  # fmt: skip
    date_all(tree)


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
@pytest.mark.parametrize("options", [{}, {"by": By.DATE}, {"by": By.EXTENSION}])
def test_three_operations_in_the_same_folders(
    tree: Tree, runs: Runs, order: tuple[int, ...], options: dict[str, Any]
) -> None:
    """The last undo removes the folders that the operations made together."""
    some(tree)
    before = tree.snapshot()
    for pattern in ("*.jpg", "*.txt", "*"):
        runs.organize(recursive=True, include=[pattern], exclude=["[0-9]*"], **options)
    for number in order:
        assert runs.undo(number).problems == []
    assert differences(before, tree.snapshot()) == []
    for number in order[1:] + order[:1]:
        assert runs.redo(number).problems == []
    for number in order[::-1]:
        assert runs.undo(number).problems == []
    assert differences(before, tree.snapshot()) == []


def _cleaned(runs: Runs) -> None:
    runs.clean()


def _quarantined(runs: Runs) -> None:
    runs.dedupe("quarantine")


def _redone(runs: Runs) -> None:
    runs.dedupe("quarantine")
    runs.undo()
    runs.redo()


def _replaced(runs: Runs) -> None:
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, include=["c.txt"])


@pytest.mark.parametrize("before", [_cleaned, _quarantined, _redone, _replaced])
def test_folder_times_are_not_set_back_beyond_what_was_purged(
    tree: Tree, runs: Runs, before: Callable[[Runs], None]
) -> None:
    """What a purge has made final is a change that stays, and so does the time that it gave its folders."""
    tree.write({"a.jpg": "1", "b.txt": "same", "x/b.txt": "same", "x/empty.txt": "", "c.txt": "new"})
    tree.write({"Documents/c.txt": "old"})
    date_all(tree)
    tree.date("c.txt", "2020-01-01")
    before(runs)
    assert runs.purge().outcome.done
    found = tree.snapshot()
    last = runs.organize(include=["a.jpg"]).operation
    runs.organize(recursive=True, by=By.EXTENSION)
    runs.undo()
    assert runs.undo(last).problems == []
    assert differences(found, tree.snapshot()) == []


def test_folder_times_are_set_back_beyond_what_was_purged_once_the_rest_is_undone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "c.txt": "new", "Documents/c.txt": "old"})
    date_all(tree)
    tree.date("c.txt", "2020-01-01")
    first_time = tree.root.stat().st_mtime_ns
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, include=["c.txt"])
    runs.organize(include=["a.jpg"])
    assert runs.purge(1).outcome.done
    runs.undo(1)
    runs.undo(2)
    assert tree.root.stat().st_mtime_ns == first_time


def test_a_partial_undo_is_completed_later(tree: Tree, runs: Runs) -> None:
    """When the names are free, everything is restored, including folders and times."""
    some(tree)
    before = tree.snapshot()
    runs.organize(recursive=True)
    tree.write({"Documents/b.txt~": "saved"})
    os.rename(tree.path("Documents/b.txt"), tree.path("Documents/kept"))
    os.rename(tree.path("Documents/b.txt~"), tree.path("Documents/b.txt"))
    assert len(runs.undo().problems) == 1
    os.rename(tree.path("Documents/kept"), tree.path("Documents/b.txt"))
    assert runs.undo(1).problems == []
    assert differences(before, tree.snapshot()) == []


@pytest.mark.parametrize("is_used", [False, True])
def test_a_folder_that_the_undo_of_a_later_one_makes_again_goes_with_the_rest(
    tree: Tree, runs: Runs, elsewhere: Path, is_used: bool
) -> None:
    """The first undo lacks a file, and removes the folders that it had made for that file."""
    tree.write({"film.mkv": "1", "p.jpg": "2"})
    date_all(tree)
    before = tree.snapshot()
    runs.organize(by=By.DATE)
    runs.organize(recursive=True, dest=elsewhere, include=["*.mkv"])
    film = elsewhere / "Video/film.mkv"
    film.rename(elsewhere / "mine")
    assert [problem.reason for problem in runs.undo(1).problems] == [Reason(ReasonCode.GONE)]
    assert [path for path in tree.snapshot() if os.path.isdir(tree.path(os.fsdecode(path)))] == [b""]
    (elsewhere / "mine").rename(film)
    assert runs.undo(2).problems == []
    (made,) = tree.root.glob("20*/*")
    if is_used:
        (made / "of the user").write_text("x")
    assert runs.undo(1).problems == []
    if is_used:
        assert os.listdir(made) == ["of the user"]
    else:
        assert differences(before, tree.snapshot()) == []


def test_a_folder_that_is_made_again_after_its_maker_was_undone_goes_with_the_last(
    tree: Tree, runs: Runs, tmp_path: Path
) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.write({"b.jpg": "2"})
    runs.organize()
    dest = tmp_path / "dest"
    dest.mkdir()
    runs.organize(recursive=True, dest=dest)
    undo_part(runs, 3, "Images/a.jpg")
    assert runs.undo(1).problems == []
    assert set(tree.snapshot()) == {b"", b"a.jpg"}
    assert runs.undo(3).problems == []
    assert runs.undo(2).problems == []
    assert set(tree.snapshot()) == {b"", b"a.jpg", b"b.jpg"}


def test_a_folder_that_was_there_at_its_undo_and_is_gone_since_comes_back(tree: Tree, runs: Runs) -> None:
    """It had been made again for a file that an undo had to keep."""
    tree.write({"Images/": "", "a.jpg": "1"})
    date_all(tree)
    before = tree.read()
    runs.clean()
    runs.organize()
    tree.write({"other.jpg": "of another program"})
    tree.path("other.jpg").rename(tree.path("Images/a.jpg"))
    assert [problem.state for problem in runs.undo(2).problems] == [RecordState.CHANGED]
    assert [problem.reason for problem in runs.undo(1, include_changed=True).problems] == [
        Reason(ReasonCode.ALREADY_THERE)
    ]
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)
    assert runs.undo(2, include_changed=True).problems == []
    assert runs.undo(1).problems == []
    assert tree.read() == before | {"a.jpg": "of another program"}
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)


def test_a_folder_that_a_later_one_removed_again_comes_back_with_that(tree: Tree, runs: Runs) -> None:
    tree.write({"x/": "", "a.jpg": "1"})
    runs.clean()
    tree.path("x").mkdir()
    assert [problem.reason for problem in runs.undo(1).problems] == [Reason(ReasonCode.ALREADY_THERE)]
    runs.clean()
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)
    assert runs.undo(3).problems == []
    assert tree.read() == {"x/": "", "a.jpg": "1"}


def test_a_folder_of_the_user_that_a_redo_had_to_keep_stays(tree: Tree, runs: Runs) -> None:
    """The undo of clean has made it again, so the next operation found it there."""
    tree.write({"x/": "", "a.jpg": "1"})
    date_all(tree)
    before = tree.snapshot()
    runs.clean()
    runs.undo()
    runs.apply([{"path": "a.jpg", "new_path": "x/a.jpg"}])
    assert [problem.reason for problem in runs.redo(2).problems] == [Reason(ReasonCode.NOT_EMPTY)]
    assert runs.undo(3).problems == []
    assert differences(before, tree.snapshot()) == []
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)


def test_a_destination_that_is_made_again_after_its_maker_was_undone_goes_with_its_maker(
    tree: Tree, runs: Runs
) -> None:
    """As after an import that was killed and went on: the second operation has the folder as its destination."""
    tree.write({"one/a.jpg": "1", "two/b.png": "2"})
    date_all(tree)
    before = tree.snapshot()
    dest = tree.path("new/imported")
    runs.organize(root=tree.path("one"), dest=dest)
    runs.organize(root=tree.path("two"), dest=dest)
    runs.organize(recursive=True, include=["*.png"], dest=tree.path("sorted"))
    assert runs.undo(1).problems == []
    assert not tree.path("new").exists()
    assert runs.undo(3).problems == []
    undone = runs.undo(2)
    assert (undone.problems, os.listdir(dest)) == ([], [])
    assert undone.notes == [f"{dest} is empty now; operation 1 created it: fileorg undo 1"]
    (dest / "of the user").write_text("x")
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)
    (dest / "of the user").unlink()
    assert runs.undo(1).problems == []
    assert differences(before, tree.snapshot()) == []
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)


def test_a_folder_that_holds_a_copy_which_was_kept_is_not_in_the_way(tree: Tree, runs: Runs) -> None:
    tree.write({"Images/c.png": "1", "n.png": "2"})
    runs.organize(recursive=True, by=By.EXTENSION, remove_empty=True)
    runs.organize(recursive=True, action=Action.COPY)
    tree.write({"png/n.png": "another file"})
    assert [problem.path for problem in runs.undo(2).problems] == [b"Images/n.png"]
    assert first(runs, 1) == [2]
    assert runs.undo(1, include_changed=True).problems == []
    assert tree.read() == {"Images/c.png": "1", "Images/n.png": "2", "n.png": "another file"}


def test_what_was_kept_is_not_in_the_way_once_what_it_was_made_from_is_back(tree: Tree, runs: Runs) -> None:
    tree.write({"Images/c.png": "1", "n.png": "2"})
    runs.organize(recursive=True, by=By.EXTENSION, remove_empty=True)
    rows = [("png/c.png", "png/n.png"), ("png/n.png", "png/c.png")]
    runs.apply([{"path": path, "new_path": new_path} for path, new_path in rows])
    runs.organize(recursive=True, action=Action.COPY)
    tree.write({"Images/n.png": "edited"})
    assert [problem.path for problem in runs.undo(3).problems] == [b"Images/n.png"]
    assert runs.undo(2, include_changed=True).problems == []
    assert runs.undo(1, include_changed=True).problems == []
    assert tree.read() == {"Images/c.png": "1", "Images/n.png": "edited", "n.png": "2"}


def test_a_folder_that_others_had_filled_goes_with_the_redo(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.write({"Images/mine": "x"})
    runs.undo()
    tree.path("Images/mine").unlink()
    assert runs.redo().problems == []
    assert runs.undo().problems == []
    assert tree.read() == {"a.jpg": "1"}


@pytest.mark.parametrize(
    ("destination", "action"),
    [("sorted", Action.SYMLINK), ("sorted", Action.MOVE), ("outside/new", Action.MOVE), ("sorted/deep", Action.COPY)],
)
def test_a_destination_that_had_to_stay_is_named_when_it_is_empty(
    tree: Tree, runs: Runs, tmp_path: Path, destination: str, action: Action
) -> None:
    """The next operation has the folder as its own destination, and cannot remove it."""
    outside = Tree(tmp_path / "outside")
    dest = outside.path("new") if destination.startswith("outside") else tree.path(destination)
    tree.write({"n.mp3": "1", "p.jpg": "2"})
    date_all(tree)
    date_all(outside)
    before = tree.snapshot(), outside.snapshot()
    runs.organize(dest=dest, action=action, include=["*.mp3"])
    runs.organize(dest=dest, recursive=True, by=By.EXTENSION, include=["*.jpg"])
    assert runs.undo(1).notes == []
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)
    assert any("fileorg undo 1" in note for note in runs.undo(2).notes)
    assert runs.undo(1).problems == []
    assert (tree.snapshot(), outside.snapshot()) == before
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)


def test_a_destination_that_someone_uses_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"n.mp3": "1", "p.jpg": "2"})
    runs.organize(dest=tree.path("sorted"), include=["*.mp3"])
    runs.organize(dest=tree.path("sorted"), by=By.EXTENSION)
    tree.write({"sorted/mine": "x"})
    runs.undo(1)
    assert runs.undo(2).notes == []
    with pytest.raises(UsageError, match="has nothing left to undo"):
        runs.undo(1)


# A model of the tree alone --------------------------------------------------------------------------------------------

_PLACES = ["", "x/", "x/y/", "z/"]
_NAMES = ["a.jpg", "b.txt", "c.mp3", "empty.txt", "d.png"]
_files = st.dictionaries(
    st.tuples(st.sampled_from(_PLACES), st.sampled_from(_NAMES)).map("".join),
    st.sampled_from(["1", "2", ""]),
    min_size=1,
)
_step = st.one_of(
    st.fixed_dictionaries(
        {
            "command": st.just("organize"),
            "recursive": st.booleans(),
            "by": st.sampled_from(By),
            "on_conflict": st.sampled_from([OnConflict.RENAME, OnConflict.SKIP]),
            "include": st.sampled_from([["*"], ["*.jpg"], ["*.txt", "*.png"]]),
        },
        optional={"action": st.just(Action.COPY), "dest": st.just("dest"), "remove_empty": st.just(True)},
    ),
    st.fixed_dictionaries({"command": st.just("dedupe"), "action": st.sampled_from(["quarantine", "hardlink"])}),
    st.just({"command": "clean"}),
)


def _do(runs: Runs, step: dict[str, Any]) -> int:
    options = dict(step)
    match options.pop("command"):
        case "organize":
            if "dest" in options:
                options["dest"] = runs.tree.path("dest")
            if not options["recursive"] or "action" in options:
                options.pop("remove_empty", None)
            return runs.organize(**options).operation
        case "dedupe":
            return runs.dedupe(options["action"]).operation
        case _:
            return runs.clean().operation


@settings(
    deadline=None,
    max_examples=25,
    derandomize=True,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(_files, st.lists(_step, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_whatever_is_taken_back_in_whatever_order_the_first_tree_comes_back(
    files: dict[str, str], steps: list[dict[str, Any]], random: Any
) -> None:
    place = tempfile.mkdtemp(prefix="fileorg-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        tree = Tree(Path(place, "tree"))
        tree.write(files | {"dest/": ""})
        date_all(tree)
        before = tree.snapshot()
        runs = Runs(tree, open_state(os.fsencode(place) + b"/state"))
        done = [_do(runs, step) for step in steps]
        _all_taken_back(runs, done, random.choice)
        assert differences(before, tree.snapshot()) == []
        for number in done:  # and redo
            with contextlib.suppress(UsageError, OthersFirst):
                runs.redo(number)
        _all_taken_back(runs, done, random.choice)
        assert differences(before, tree.snapshot()) == []
    finally:
        shutil.rmtree(place)


def _all_taken_back(runs: Runs, done: Sequence[int], choose: Callable[[list[int]], int]) -> None:
    left = list(done)
    while left:
        number = choose(left)
        first: list[tuple[int, str]] = []
        try:
            problems = runs.undo(number).problems
            assert [problem for problem in problems if problem.state is not RecordState.SKIPPED] == []
            left.remove(number)
        except UsageError:  # nothing was done, or nothing is left to undo
            left.remove(number)
        except OthersFirst as refused:
            first = refused.first
        for each, command in first:
            assert (runs.redo if "redo" in command else runs.undo)(each).problems == []


# The command ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [["-y"], ["--dry-run"]])
def test_programs_are_told_the_numbers(tree: Tree, runs: Runs, more: list[str]) -> None:
    tree.write({"f.txt": "1"})
    runs.organize()
    runs.organize(recursive=True, by=By.DATE)
    command = [sys.executable, "-m", "fileorg", "undo", "1", "--format", "json", *more]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == Exit.REFUSED
    assert json.loads(ran.stdout)["first"] == [{"operation": 2, "command": "fileorg undo 2"}]
    assert "fileorg undo 2" in ran.stderr
