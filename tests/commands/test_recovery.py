"""After a crash, the disk decides, whatever the journal says: each state that a kill may leave.

The tests in tests/faults show that a kill leaves no other states.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import CUT_SHORT, DONE, NOT_DONE, alter, file_records, open_again, recovered, reserved
from tests.support.remembered import Remembered

from fileorg.core.events import NullReporter
from fileorg.core.model import Action, RecordState
from fileorg.execute.temporaries import aside
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


# A rename -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def moved(tree: Tree, runs: Runs) -> Tree:
    tree.write({"a.jpg": "1"})
    runs.organize()
    return tree


@pytest.mark.parametrize("known", ["intent", "done"])
def test_it_was_moved(moved: Tree, runs: Runs, known: str) -> None:
    open_again(runs, state=known)
    assert recovered(runs) == DONE
    assert moved.read() == {"Images/a.jpg": "1"}
    runs.undo()
    assert moved.read() == {"a.jpg": "1"}


@pytest.mark.parametrize("known", ["intent", "done"])
def test_it_was_not_moved(moved: Tree, runs: Runs, known: str) -> None:
    """This holds even if the journal says that the file was moved: the disk lost the rename."""
    open_again(runs, state=known)
    moved.path("Images/a.jpg").rename(moved.path("a.jpg"))
    assert recovered(runs) == NOT_DONE
    assert moved.read() == {"a.jpg": "1", "Images/": ""}
    runs.undo()
    assert moved.read() == {"a.jpg": "1"}


@pytest.mark.parametrize("is_moved", [True, False])
def test_the_note_says_whether_there_is_anything_to_undo(moved: Tree, runs: Runs, *, is_moved: bool) -> None:
    open_again(runs)
    if not is_moved:
        alter(runs, "UPDATE records SET state = 'intent'")
        moved.path("Images/a.jpg").rename(moved.path("a.jpg"))
        moved.path("Images").rmdir()
    reporter = Remembered()
    recover_all(runs.state, reporter)
    way_on = "Undo it with: fileorg undo 1" if is_moved else "Nothing is left to undo."
    assert reporter.notes == [f"Recovered operation 1, which had been interrupted. {way_on}"]


def test_it_had_both_names(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.path("a.jpg").hardlink_to(moved.path("Images/a.jpg"))
    assert recovered(runs) == DONE
    assert moved.read() == {"Images/a.jpg": "1"}


def test_another_file_has_its_name(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.path("Images/a.jpg").rename(moved.path("a.jpg"))
    moved.write({"Images/a.jpg": "someone else's"})
    assert recovered(runs) == [("conflict", "the name is taken")]
    assert moved.read() == {"a.jpg": "1", "Images/a.jpg": "someone else's"}


def test_a_new_file_is_where_it_was(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.write({"a.jpg": "someone else's"})
    assert recovered(runs) == DONE
    assert moved.read() == {"a.jpg": "someone else's", "Images/a.jpg": "1"}


def test_it_is_under_neither_name(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.path("Images/a.jpg").unlink()
    assert [state for state, _ in recovered(runs)] == [RecordState.MISSING]


def test_it_was_moved_and_then_edited(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.write({"Images/a.jpg": "edited"})
    assert recovered(runs) == [("done", "it was edited since")]
    runs.undo()
    assert moved.read() == {"a.jpg": "edited"}


def test_it_was_edited_and_not_moved(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.path("Images/a.jpg").rename(moved.path("a.jpg"))
    moved.write({"a.jpg": "edited"})
    assert recovered(runs) == NOT_DONE
    assert moved.read() == {"a.jpg": "edited", "Images/": ""}


def test_both_names_are_of_other_files(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.path("Images/a.jpg").unlink()
    moved.write({"a.jpg": "two", "Images/a.jpg": "three"})
    assert [state for state, _ in recovered(runs)] == [RecordState.CHANGED]
    assert moved.read() == {"a.jpg": "two", "Images/a.jpg": "three"}


@pytest.mark.parametrize("known", ["skipped", "conflict", "failed", "missing", "changed"])
def test_what_was_refused_before_stays_so(moved: Tree, runs: Runs, known: str) -> None:
    open_again(runs, state=known, reason="other", about=b"for a reason")
    moved.path("Images/a.jpg").rename(moved.path("a.jpg"))
    assert recovered(runs) == [(known, "for a reason")]


def test_a_place_that_cannot_be_looked_at(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.path("Images").rename(moved.path("elsewhere"))
    moved.path("Images").symlink_to("elsewhere")
    [(state, reason)] = recovered(runs)
    assert (state, (reason or "")[:43]) == ("changed", "after the crash it could not be recovered: ")
    assert moved.read() == {"Images": "-> elsewhere", "elsewhere/a.jpg": "1"}


def test_recovery_may_be_repeated(moved: Tree, runs: Runs) -> None:
    for _ in range(3):
        open_again(runs)
        assert recovered(runs) == DONE
    assert recover_all(runs.state, NullReporter()) == ([], [], [])


# A placeholder --------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken(moved: Tree, runs: Runs) -> Path:
    """The file still has its old name, and a placeholder has the new one."""
    moved.path("Images/a.jpg").rename(moved.path("a.jpg"))
    os.close(os.open(moved.path("Images/a.jpg"), os.O_CREAT | os.O_EXCL, 0o400))
    open_again(runs)
    return moved.path("Images/a.jpg")


def test_a_name_that_was_only_reserved_is_given_free(moved: Tree, runs: Runs, taken: Path) -> None:
    reserved(runs, inode=taken.stat().st_ino, ctime_ns=taken.stat().st_ctime_ns)
    assert recovered(runs) == CUT_SHORT
    assert moved.read() == {"a.jpg": "1", "Images/": ""}


def test_as_well_before_it_is_known_by_which_file(moved: Tree, runs: Runs, taken: Path) -> None:
    reserved(runs, inode=None, ctime_ns=taken.stat().st_ctime_ns - 10**6)
    assert recovered(runs) == CUT_SHORT
    assert moved.read() == {"a.jpg": "1", "Images/": ""}


_FOREIGN: dict[str, Callable[[os.stat_result], tuple[int | None, int]]] = {
    "another number": lambda seen: (seen.st_ino + 1, seen.st_ctime_ns),
    "touched since": lambda seen: (seen.st_ino, seen.st_ctime_ns - 1),
    "from before": lambda seen: (None, seen.st_ctime_ns + 10**10),
    "from later": lambda seen: (None, seen.st_ctime_ns - 10**10),
}


@pytest.mark.parametrize("why", [*_FOREIGN, "nothing was reserved", "another mode", "not empty"])
def test_another_empty_file_is_not_ours(moved: Tree, runs: Runs, taken: Path, why: str) -> None:
    seen = taken.stat()
    if why in _FOREIGN:
        inode, ctime_ns = _FOREIGN[why](seen)
        reserved(runs, inode=inode, ctime_ns=ctime_ns)
    elif why != "nothing was reserved":
        if why == "another mode":
            taken.chmod(0o644)
        else:
            taken.write_text("someone's")
        reserved(runs, inode=None, ctime_ns=taken.stat().st_ctime_ns)
    assert recovered(runs) == [("conflict", "the name is taken")]
    assert moved.read() == {"a.jpg": "1", "Images/a.jpg": "someone's" if why == "not empty" else ""}


def test_it_was_renamed_over_the_placeholder(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    reserved(runs, inode=1, ctime_ns=1)
    assert recovered(runs) == DONE
    runs.undo()
    assert moved.read() == {"a.jpg": "1"}


# Links and folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK])
@pytest.mark.parametrize("there", ["ours", "nothing", "another's"])
def test_a_link_is_there_or_not(tree: Tree, runs: Runs, action: Action, there: str) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=action)
    open_again(runs)
    if there != "ours":
        tree.path("Images/a.jpg").unlink()
    if there == "another's":
        tree.write({"Images/a.jpg": "someone else's"})
    expected = {"ours": DONE, "nothing": NOT_DONE, "another's": [("conflict", "the name is taken")]}
    assert recovered(runs) == expected[there]


@pytest.fixture
def copied(tree: Tree, runs: Runs) -> Tree:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.COPY)
    return tree


@pytest.mark.parametrize("there", ["at its place", "aside", "gone", "another's", "another's aside"])
def test_a_removal_is_finished_or_did_not_happen(copied: Tree, runs: Runs, there: str) -> None:
    runs.undo()
    copied.write({"Images/a.jpg": "1"})
    seen = copied.path("Images/a.jpg").stat()
    identity = {"inode": seen.st_ino, "size": seen.st_size, "mtime_ns": seen.st_mtime_ns}
    open_again(runs, 2, **identity)
    [record] = file_records(runs, 2)
    place, away = copied.path("Images/a.jpg"), copied.path(f"Images/{os.fsdecode(aside(2, record.id))}")
    if "aside" in there:
        place.rename(away)
    if there == "gone":
        place.unlink()
    if there == "another's":
        place.rename(copied.path("kept"))
        copied.write({"Images/a.jpg": "someone else's"})
    if there == "another's aside":
        away.write_text("someone else's")
    [(state, _)] = recovered(runs, 2)
    assert state == {"at its place": "skipped", "aside": "done", "gone": "done"}.get(there, "changed")
    kept = {"at its place": "1", "another's": "someone else's", "another's aside": "someone else's"}
    assert copied.read().get("Images/a.jpg") == kept.get(there)


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK])
@pytest.mark.parametrize("now", ["replaced", "gone", "as it was"])
def test_a_removal_is_not_finished_if_nothing_else_has_the_content_by_now(
    tree: Tree, runs: Runs, action: Action, now: str
) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(action=action)
    place = tree.path("Images/a.jpg")
    seen = place.stat()
    place.rename(tree.path("saved"))
    runs.undo()
    open_again(runs, 2, inode=seen.st_ino, size=seen.st_size, mtime_ns=seen.st_mtime_ns)
    [record] = file_records(runs, 2)
    tree.path("Images").mkdir(exist_ok=True)
    tree.path("saved").rename(place.with_name(os.fsdecode(aside(2, record.id))))
    if now != "as it was":
        tree.path("a.jpg").unlink()
    if now == "replaced":
        tree.write({"a.jpg": "2"})
    [(state, _)] = recovered(runs, 2)
    assert (state, place.exists()) == (("done", False) if now == "as it was" else ("changed", True))


def test_folders_are_there_or_not(moved: Tree, runs: Runs) -> None:
    alter(runs, "UPDATE records SET state = 'intent'")
    open_again(runs)
    moved.path("Images/a.jpg").rename(moved.path("a.jpg"))
    moved.path("Images").rmdir()
    recover_all(runs.state, NullReporter())
    assert {record.state for record in runs.records(1)} == {RecordState.SKIPPED}


@pytest.mark.parametrize("known", ["intent", "done"])
def test_a_folder_that_was_made_again_gets_its_mode(tree: Tree, runs: Runs, known: str) -> None:
    """The folder is made first, then given the mode that undo remembers, which a power cut may have reverted."""
    tree.write({"x/a.jpg": "1"})
    tree.path("x").chmod(0o2750)
    runs.organize(recursive=True)
    tree.path("x").rmdir()
    runs.undo()
    alter(runs, "UPDATE records SET state = ? WHERE operation = 2 AND action = 'make-folder'", known)
    open_again(runs, 2)
    tree.path("x").chmod(0o700)
    assert recovered(runs, 2) == DONE
    assert tree.path("x").stat().st_mode & 0o7777 == 0o2750


def test_a_folder_that_was_given_another_mode_since_keeps_it(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1"})
    tree.path("x").chmod(0o2750)
    runs.organize(recursive=True)
    tree.path("x").rmdir()
    runs.undo()
    open_again(runs, 2)
    tree.path("x").chmod(0o777)
    assert recovered(runs, 2) == DONE
    assert tree.path("x").stat().st_mode & 0o7777 == 0o777


def test_a_removed_folder_that_is_there_after_all(moved: Tree, runs: Runs) -> None:
    runs.undo()
    alter(runs, "UPDATE records SET state = 'intent' WHERE operation = 2")
    open_again(runs, 2)
    moved.write({"Images/": ""})
    assert recovered(runs, 2) == DONE
    assert moved.read() == {"a.jpg": "1", "Images/": ""}
    runs.redo()
    assert moved.read() == {"Images/a.jpg": "1"}


# An undo --------------------------------------------------------------------------------------------------------------


def test_what_an_interrupted_undo_did_not_do_is_still_to_be_undone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize()
    runs.undo()
    open_again(runs, 2)
    tree.path("Images").mkdir()
    tree.path("b.jpg").rename(tree.path("Images/b.jpg"))
    assert sorted(state for state, _ in recovered(runs, 2)) == ["done", "skipped"]
    assert tree.read() == {"a.jpg": "1", "Images/b.jpg": "2"}
    runs.undo()
    assert {path: content for path, content in tree.read().items() if content} == {"a.jpg": "1", "b.jpg": "2"}


# Operations that can be recovered -------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_left_for_later(moved: Tree, runs: Runs) -> None:
    """Its disk may not be mounted: recovering now would report every file as lost."""
    open_again(runs)
    away = moved.root.rename(moved.root.with_name("away"))
    moved.root.mkdir()
    settled, left, _ = recover_all(runs.state, NullReporter())
    assert (settled, [operation.id for operation in left]) == ([], [1])
    moved.root.rmdir()
    away.rename(moved.root)
    assert recovered(runs) == DONE


def test_each_command_that_changes_something_settles_first(moved: Tree, runs: Runs) -> None:
    open_again(runs)
    moved.write({"b.jpg": "2"})
    runs.organize()
    assert [record.state for record in file_records(runs)] == [RecordState.DONE]
    open_again(runs)
    runs.undo()
    assert [record.state for record in file_records(runs)] == [RecordState.DONE]
    assert moved.read() == {"b.jpg": "2", "Images/a.jpg": "1"}
