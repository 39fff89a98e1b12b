"""Undo in a tree that other programs have changed: restore what is possible, name the rest, replace nothing."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import Action, By, RecordState
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome


def problems(outcome: Outcome) -> list[tuple[bytes, RecordState, str]]:
    return [(problem.path, problem.state, sentence(problem.reason)) for problem in outcome.problems]


# The old name is taken ------------------------------------------------------------------------------------------------


def test_an_origin_that_is_taken_is_reported_and_can_be_tried_again(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    tree.write({"a.jpg": "someone else's"})
    outcome = runs.undo()
    assert problems(outcome) == [(b"Images/a.jpg", RecordState.CONFLICT, "the name is taken")]
    assert tree.read() == {"a.jpg": "someone else's", "Images/a.jpg": "1", "b.jpg": "2"}
    tree.path("a.jpg").unlink()
    assert problems(runs.undo()) == []
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}


def test_redo_takes_back_what_a_partial_undo_did(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    tree.write({"a.jpg": "someone else's"})
    runs.undo()
    runs.redo()
    assert tree.read() == {"a.jpg": "someone else's", "Images/a.jpg": "1", "Images/b.jpg": "2"}
    tree.path("a.jpg").unlink()
    runs.undo()
    assert tree.read() == {"Images/a.jpg": "1", "b.jpg": "2"}
    runs.undo()
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}


def test_rename_sets_a_file_beside_what_took_its_place(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    tree.write({"a.jpg": "someone else's", "a (2).jpg/": ""})
    assert problems(runs.undo(rename=True)) == []
    assert tree.read() == {"a.jpg": "someone else's", "a (2).jpg/": "", "a (3).jpg": "1", "b.jpg": "2"}
    runs.redo()
    assert tree.read() == {"a.jpg": "someone else's", "a (2).jpg/": "", "Images/a.jpg": "1", "Images/b.jpg": "2"}


def test_rename_leaves_their_names_to_others_that_come_back(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a (2).jpg": "2"})
    runs.organize()
    tree.write({"a.jpg": "someone else's"})
    assert problems(runs.undo(rename=True)) == []
    assert tree.read() == {"a.jpg": "someone else's", "a (2).jpg": "2", "a (3).jpg": "1"}


def test_rename_gives_the_files_of_a_group_one_number(tree: Tree, runs: Runs) -> None:
    """Otherwise someone else's edits would belong to the photo, and its own to none."""
    group = {"IMG_1.HEIC": "photo", "IMG_1.AAE": "edits", "IMG_1.MOV": "film", "x.cr2": "1", "x.cr2.xmp": "2"}
    tree.write(group | {"IMG_1 (2).MOV": "a film of its own"})
    runs.organize(include=["IMG_1.*", "x.*"])
    tree.write({"IMG_1.AAE": "someone else's", "x.cr2": "someone else's"})
    assert problems(runs.undo(rename=True)) == []
    left = {"IMG_1.AAE": "someone else's", "IMG_1 (2).MOV": "a film of its own", "x.cr2": "someone else's"}
    own = {"IMG_1 (3).HEIC": "photo", "IMG_1 (3).AAE": "edits", "IMG_1 (3).MOV": "film"}
    assert tree.read() == {**left, **own, "x (2).cr2": "1", "x (2).cr2.xmp": "2"}
    runs.redo()
    runs.undo(rename=True)
    assert tree.read() == {**left, **own, "x (2).cr2": "1", "x (2).cr2.xmp": "2"}


def test_rename_gives_copies_of_a_group_one_number(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a.xmp": "2"})
    runs.organize(action=Action.COPY)
    runs.undo()
    tree.write({"Images/a.xmp": "someone else's"})
    assert problems(runs.redo(rename=True)) == []
    copies = {"Images/a (2).jpg": "1", "Images/a (2).xmp": "2"}
    assert tree.read() == {"a.jpg": "1", "a.xmp": "2", "Images/a.xmp": "someone else's", **copies}


def test_rename_leaves_names_that_others_of_the_group_contain(tree: Tree, runs: Runs) -> None:
    tree.write({"disc.cue": 'FILE "disc.bin" BINARY', "disc.bin": "1"})
    assert runs.organize(by=By.EXTENSION).done == 2
    tree.write({"disc.bin": "someone else's"})
    outcome = runs.undo(rename=True)
    assert outcome.done == 0
    assert [path for path, state, _ in problems(outcome) if state is RecordState.CONFLICT] == [b"bin/disc.bin"]
    tree.path("disc.bin").unlink()
    runs.undo()
    assert tree.read() == {"disc.cue": 'FILE "disc.bin" BINARY', "disc.bin": "1"}


def test_rename_gives_no_number_because_a_file_was_put_back_by_hand(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a.xmp": "2"})
    runs.organize()
    tree.path("Images/a.xmp").rename(tree.path("a.xmp"))
    runs.undo(rename=True)
    assert tree.read() == {"a.jpg": "1", "a.xmp": "2"}


def test_a_folder_in_the_place_of_a_file(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.write({"a.jpg/inside": "2"})
    assert [state for _, state, _ in problems(runs.undo())] == [RecordState.CONFLICT]
    assert tree.read() == {"a.jpg/inside": "2", "Images/a.jpg": "1"}


def test_a_file_in_the_place_of_a_parent(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "b.jpg": "2"})
    runs.organize(recursive=True)
    tree.path("x").rmdir()
    tree.write({"x": "someone else's"})
    outcome = runs.undo()
    assert [path for path, *_ in problems(outcome)] == [b"Images/a.jpg"]
    assert tree.read() == {"x": "someone else's", "Images/a.jpg": "1", "b.jpg": "2"}


# The file changed -----------------------------------------------------------------------------------------------------


def test_an_edited_file_goes_back_with_a_note(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    tree.write({"Images/a.jpg": "edited"})
    assert problems(runs.undo()) == []
    assert tree.read() == {"a.jpg": "edited"}
    assert [sentence(record.reason) for record in runs.records(2, RecordState.DONE)][:1] == [
        "it was edited since; moved with its current content"
    ]


def test_a_file_that_was_replaced_stays(tree: Tree, runs: Runs) -> None:
    """Like an editor that writes a new file and renames it over the old one."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    tree.write({"Images/new": "replaced"})
    tree.path("Images/new").rename(tree.path("Images/a.jpg"))
    outcome = runs.undo()
    assert problems(outcome) == [(b"Images/a.jpg", RecordState.CHANGED, "another file has taken its place")]
    assert tree.read() == {"Images/a.jpg": "replaced", "b.jpg": "2"}
    assert problems(runs.undo(include_changed=True)) == []
    assert tree.read() == {"a.jpg": "replaced", "b.jpg": "2"}


def test_include_changed_takes_no_folder_or_link_for_a_file(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    tree.path("Images/a.jpg").unlink()
    tree.path("Images/b.jpg").unlink()
    tree.write({"Images/a.jpg/inside": "3", "Images/b.jpg": "-> nowhere"})
    outcome = runs.undo(include_changed=True)
    assert {(state, reason) for _, state, reason in problems(outcome)} == {
        (RecordState.CHANGED, "something else has taken its place")
    }
    assert tree.read() == {"Images/a.jpg/inside": "3", "Images/b.jpg": "-> nowhere"}


def test_a_file_that_is_gone_is_reported(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    tree.path("Images/a.jpg").unlink()
    assert problems(runs.undo()) == [(b"Images/a.jpg", RecordState.MISSING, "it no longer exists")]
    assert tree.read() == {"b.jpg": "2"}


def test_a_folder_that_is_a_link_now_is_not_followed(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    outside = tree.root.with_name("outside")
    tree.path("Images").rename(outside)
    tree.write({"Images": f"-> {outside}"})
    assert [state for _, state, _ in problems(runs.undo())] == [RecordState.FAILED]
    assert (outside / "a.jpg").read_text() == "1"
    assert tree.read() == {"Images": f"-> {outside}"}


def test_an_origin_that_is_a_link_now_is_not_followed(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1"})
    runs.organize(recursive=True)
    outside = tree.root.with_name("outside")
    tree.path("x").rename(outside)
    tree.write({"x": f"-> {outside}"})
    assert [state for _, state, _ in problems(runs.undo())] == [RecordState.FAILED]
    assert os.listdir(outside) == []
    assert tree.path("Images/a.jpg").read_text() == "1"


# Folders --------------------------------------------------------------------------------------------------------------


def test_missing_parents_are_made_again_as_they_were(tree: Tree, runs: Runs) -> None:
    tree.write({"x/y/z/a.jpg": "1", "x/b.jpg": "2"})
    for path, mode in (("x/y/z", 0o700), ("x/y", 0o2755), ("x", 0o711)):
        tree.path(path).chmod(mode)
        tree.date(path, "2020-01-02")
    tree.date(".", "2020-01-03")
    before = tree.snapshot()
    runs.organize(recursive=True)
    shutil.rmtree(tree.path("x"))
    assert problems(runs.undo()) == []
    after = tree.snapshot()
    assert {path: node._replace(mtime_ns=0) for path, node in after.items()} == {
        path: node._replace(mtime_ns=0) for path, node in before.items()
    }
    assert {path for path in before if after[path].mtime_ns != before[path].mtime_ns} <= {b""}


def test_only_the_parents_that_files_go_back_to_are_made_again(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "y/a.jpg": "1", "z/b.jpg": "2"})
    runs.organize(recursive=True)
    assert tree.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2", "x/": "", "y/a.jpg": "1", "z/": ""}
    for folder in "xyz":
        shutil.rmtree(tree.path(folder))
    runs.undo()
    assert tree.read() == {"x/a.jpg": "1", "z/b.jpg": "2"}


def test_parents_that_undo_made_are_taken_away_by_redo(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1"})
    runs.organize(recursive=True)
    tree.path("x").rmdir()
    after = tree.snapshot()
    runs.undo()
    assert tree.read() == {"x/a.jpg": "1"}
    runs.redo()
    assert tree.snapshot() == after


def test_a_folder_that_others_have_filled_is_kept(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(by=By.DATE)
    [year] = os.listdir(tree.root)
    tree.write({f"{year}/mine": "2"})
    assert problems(runs.undo()) == []
    assert tree.read() == {"a.jpg": "1", f"{year}/mine": "2"}


def test_a_folder_that_was_there_before_is_kept(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "Images/": ""})
    before = tree.snapshot()
    runs.organize()
    runs.undo()
    assert tree.snapshot() == before


# Times of folders -----------------------------------------------------------------------------------------------------


def times(tree: Tree) -> dict[bytes, int]:
    return {path: node.mtime_ns for path, node in tree.snapshot().items() if node.kind == "folder"}


def test_a_folder_that_an_outsider_changed_keeps_its_time(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "y/b.jpg": "2", "Images/": ""})
    for path in ("x", "y", "Images", "."):
        tree.date(path, "2020-01-02")
    before = times(tree)
    runs.organize(recursive=True)
    tree.write({"y/new": "an outsider's"})
    changed = times(tree)
    runs.undo()
    after = times(tree)
    assert {path for path in before if after[path] == before[path]} == {b"", b"x", b"Images"}
    assert after[b"y"] >= changed[b"y"]


def test_times_come_back_when_a_partial_undo_is_finished(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "x/b.jpg": "2"})
    tree.date("x", "2020-01-02")
    tree.date(".", "2020-01-03")
    before = tree.snapshot()
    runs.organize(recursive=True)
    tree.write({"Images/new": "replaced"})
    os.rename(tree.path("Images/a.jpg"), tree.path("Images/kept"))
    os.rename(tree.path("Images/new"), tree.path("Images/a.jpg"))
    assert len(runs.undo().problems) == 1
    os.rename(tree.path("Images/kept"), tree.path("Images/a.jpg"))
    assert runs.undo().problems == []
    assert {path: node for path, node in tree.snapshot().items() if path != b"Images"} == before


@pytest.mark.parametrize("folder", ["", "x"])
def test_an_access_time_is_no_change(tree: Tree, runs: Runs, folder: str) -> None:
    tree.write({"x/a.jpg": "1"})
    before = tree.snapshot()
    runs.organize(recursive=True)
    seen = os.stat(tree.path(folder))
    os.utime(tree.path(folder), ns=(seen.st_atime_ns + 10**9, seen.st_mtime_ns))
    os.listdir(tree.path(folder))
    runs.undo()
    assert tree.snapshot() == before


# Beside what has its name ---------------------------------------------------------------------------------------------


def test_a_file_set_beside_is_known_by_its_new_name_to_the_operation_before(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    runs.organize(recursive=True, by=By.EXTENSION)
    tree.write({"Images/a.jpg": "someone else's"})
    assert problems(runs.undo(2, rename=True)) == []
    assert tree.read() == {"Images/a.jpg": "someone else's", "Images/a (2).jpg": "1", "Images/b.jpg": "2"}
    assert problems(runs.undo(1)) == []
    assert tree.read() == {"Images/a.jpg": "someone else's", "a.jpg": "1", "b.jpg": "2"}


def test_what_took_its_name_is_not_taken_for_it(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """Not even with `--include-changed`, and not on the way through another disk."""
    tree.write({"a.jpg": "1"})
    runs.organize()
    runs.organize(recursive=True, dest=elsewhere)
    tree.write({"Images/a.jpg": "someone else's"})
    assert problems(runs.undo(2, rename=True)) == []
    assert problems(runs.undo(1, include_changed=True)) == []
    assert tree.read() == {"Images/a.jpg": "someone else's", "a.jpg": "1"}


def test_a_file_set_beside_and_moved_on_again_comes_back(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize()
    runs.organize(recursive=True, by=By.EXTENSION)
    tree.write({"Images/a.jpg": "someone else's"})
    runs.undo(2, rename=True)
    runs.redo(2)
    assert tree.read() == {"Images/a.jpg": "someone else's", "jpg/a.jpg": "1"}
    tree.path("Images/a.jpg").unlink()
    runs.undo(2)
    assert problems(runs.undo(1)) == []
    assert tree.read() == {"a.jpg": "1"}


@pytest.mark.parametrize(("action", "left"), [("quarantine", {"v/": ""}), ("symlink", {"v/b.jpg": "-> ../k/a.jpg"})])
def test_a_keeper_set_beside_is_still_the_keeper(tree: Tree, runs: Runs, action: str, left: dict[str, str]) -> None:
    tree.write({"k/a.jpg": "same", "v/b.jpg": "same"})
    runs.dedupe(action)
    runs.organize(recursive=True, include=["a.jpg"])
    tree.write({"k/a.jpg": "someone else's"})
    assert problems(runs.undo(2, rename=True)) == []
    assert runs.purge(1).outcome.problems == []
    assert tree.read() == {"k/a.jpg": "someone else's", "k/a (2).jpg": "same"} | left


@pytest.mark.parametrize("first", ["dedupe", "organize"])
def test_a_symlink_to_a_file_set_beside_gives_way(tree: Tree, runs: Runs, first: str) -> None:
    """It says the old name, which another file has now."""
    tree.write({"k/a.jpg": "same", "v": "same"} if first == "dedupe" else {"a.jpg": "same", "v": "-> a.jpg"})
    before = tree.read()
    if first == "dedupe":
        runs.dedupe("symlink")
    else:
        runs.organize()
    runs.organize(recursive=True, by=By.EXTENSION, include=["a.jpg"])
    place = "k/a.jpg" if first == "dedupe" else "Images/a.jpg"
    tree.write({place: "someone else's"})
    tree.date(place, "2020-01-01")
    assert problems(runs.undo(2, rename=True)) == []
    assert problems(runs.undo(1, rename=True)) == []
    beside = {"k/a (2).jpg": "same"} if first == "dedupe" else {}
    assert tree.read() == before | beside | {place: "someone else's"}
