"""Other programs changed files after a crash: files whose outcome is unknown stay undoable, named and counted."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.crash import alter, file_records, open_again

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import Action, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.temporaries import temporary
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome
    from fileorg.workflows.recover import Recovered


def save(tree: Tree, path: str, content: str = "saved by an editor") -> None:
    """Save like an editor that writes a new file and renames it over the old one."""
    tree.write({path + "~": content})
    tree.path(path + "~").rename(tree.path(path))


def recover(runs: Runs) -> Recovered:
    found = recover_all(runs.state, NullReporter())
    assert found.left == []
    return found


def named(outcome: Outcome) -> list[tuple[bytes, RecordState, ReasonCode | None]]:
    return [(each.path, each.state, each.reason and each.reason.code) for each in outcome.problems]


@pytest.fixture
def killed(tree: Tree, runs: Runs) -> Tree:
    """Three files were moved when the process died; the outcome is unknown."""
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"})
    runs.organize()
    open_again(runs)
    return tree


ANOTHER = (b"Images/b.jpg", RecordState.CHANGED, ReasonCode.ANOTHER_FILE_THERE)
SOMETHING_ELSE = (b"Images/b.jpg", RecordState.CHANGED, ReasonCode.SOMETHING_ELSE_THERE)
GONE = (b"Images/b.jpg", RecordState.MISSING, ReasonCode.GONE)


def test_saved_where_it_was_moved_to(killed: Tree, runs: Runs) -> None:
    save(killed, "Images/b.jpg")
    assert [(unsure.operation.id, unsure.files) for unsure in recover(runs).unsure] == [(1, 1)]
    for _ in range(2):
        assert named(runs.undo(1)) == [ANOTHER]
        assert [unsure.files for unsure in recover(runs).unsure] == [1]
    assert killed.read() == {"a.jpg": "1", "Images/b.jpg": "saved by an editor", "c.jpg": "3"}
    assert named(runs.undo(include_changed=True)) == []
    assert killed.read() == {"a.jpg": "1", "b.jpg": "saved by an editor", "c.jpg": "3"}
    assert recover(runs).unsure == []
    with pytest.raises(UsageError):
        runs.undo(1)


def test_redo_of_what_was_taken_back(killed: Tree, runs: Runs) -> None:
    save(killed, "Images/b.jpg")
    recover(runs)
    after = killed.snapshot()
    runs.undo(include_changed=True)
    assert named(runs.redo()) == []
    assert killed.snapshot().keys() == after.keys()
    assert named(runs.undo()) == []
    assert killed.read() == {"a.jpg": "1", "b.jpg": "saved by an editor", "c.jpg": "3"}


def test_a_folder_or_a_link_is_there(killed: Tree, runs: Runs) -> None:
    killed.path("Images/b.jpg").unlink()
    killed.path("Images/c.jpg").unlink()
    killed.write({"Images/b.jpg/inside": "x", "Images/c.jpg": "-> nowhere"})
    assert [unsure.files for unsure in recover(runs).unsure] == [2]
    for changed in (False, True):
        problems = named(runs.undo(1, include_changed=changed))
        assert sorted(problems) == [SOMETHING_ELSE, (b"Images/c.jpg", *SOMETHING_ELSE[1:])]
    assert killed.read() == {"a.jpg": "1", "Images/b.jpg/inside": "x", "Images/c.jpg": "-> nowhere"}


def test_it_was_deleted(killed: Tree, runs: Runs) -> None:
    killed.path("Images/b.jpg").unlink()
    recover(runs)
    for _ in range(2):
        assert named(runs.undo(1)) == [GONE]
    killed.write({"Images/": ""})
    killed.write({"Images/b.jpg": "from a backup"})
    assert named(runs.undo(1, include_changed=True)) == []
    assert killed.read()["b.jpg"] == "from a backup"


def test_deleted_after_recovery(killed: Tree, runs: Runs) -> None:
    save(killed, "Images/b.jpg")
    recover(runs)
    killed.path("Images/b.jpg").unlink()
    assert named(runs.undo(1)) == [GONE]
    assert recover(runs).unsure == []
    assert sorted(record.state for record in file_records(runs)) == ["missing", "undone", "undone"]


def test_saved_where_it_was_and_not_moved(killed: Tree, runs: Runs) -> None:
    """Nothing to undo."""
    killed.path("Images/b.jpg").unlink()
    save(killed, "b.jpg")
    assert recover(runs).unsure == []
    assert named(runs.undo()) == []
    assert killed.read() == {"a.jpg": "1", "b.jpg": "saved by an editor", "c.jpg": "3"}


def test_others_under_both_names(killed: Tree, runs: Runs) -> None:
    save(killed, "Images/b.jpg", "there")
    killed.write({"b.jpg": "here"})
    assert [unsure.files for unsure in recover(runs).unsure] == [1]
    assert named(runs.undo()) == [ANOTHER]
    assert killed.read() == {"a.jpg": "1", "b.jpg": "here", "Images/b.jpg": "there", "c.jpg": "3"}
    assert named(runs.undo(1, include_changed=True)) == [(b"Images/b.jpg", RecordState.CONFLICT, ReasonCode.NAME_TAKEN)]
    assert named(runs.undo(1, include_changed=True, rename=True)) == []
    assert killed.read() == {"a.jpg": "1", "b.jpg": "here", "b (2).jpg": "there", "c.jpg": "3"}


def test_it_is_put_back_by_hand(killed: Tree, runs: Runs) -> None:
    """Then the file is in its place, and its record is settled."""
    save(killed, "Images/b.jpg")
    recover(runs)
    killed.path("Images/b.jpg").rename(killed.path("b.jpg"))
    assert [problem.state for problem in runs.undo().problems] == [RecordState.SKIPPED]
    assert recover(runs).unsure == []
    assert sorted(record.state for record in file_records(runs)) == ["skipped", "undone", "undone"]
    with pytest.raises(UsageError):
        runs.undo(1)
    assert killed.read() == {"a.jpg": "1", "b.jpg": "saved by an editor", "c.jpg": "3"}


def test_its_folder_could_not_be_looked_at(killed: Tree, runs: Runs) -> None:
    killed.path("Images").rename(killed.path("elsewhere"))
    killed.path("Images").symlink_to("elsewhere")
    assert [unsure.files for unsure in recover(runs).unsure] == [3]
    assert [state for _, state, _ in named(runs.undo())] == [RecordState.FAILED] * 3
    killed.path("Images").unlink()
    killed.path("elsewhere").rename(killed.path("Images"))
    assert named(runs.undo(1)) == []
    killed.path("Images").rmdir()  # nobody could tell which program had made it
    assert killed.read() == {"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"}
    assert recover(runs).unsure == []


def test_a_reserved_name_gives_no_stranger_away(killed: Tree, runs: Runs) -> None:
    """For a reserved name, the inode number of the moved file is unknown: undo must not take any file there."""
    alter(runs, "UPDATE records SET target_inode = 0, target_mtime_ns = 1 WHERE source_name = ?", b"b.jpg")
    save(killed, "Images/b.jpg")
    recover(runs)
    assert named(runs.undo()) == [ANOTHER]
    assert killed.read()["Images/b.jpg"] == "saved by an editor"


# The undo itself was killed -------------------------------------------------------------------------------------------


@pytest.fixture
def undo_killed(tree: Tree, runs: Runs) -> Tree:
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"})
    runs.organize()
    runs.undo()
    open_again(runs, 2)
    return tree


def test_saved_where_the_undo_moved_it_to(undo_killed: Tree, runs: Runs) -> None:
    """The file is in its first place: the next undo finds it there, and everything is undone."""
    save(undo_killed, "b.jpg")
    assert [unsure.operation.id for unsure in recover(runs).unsure] == [2]
    assert [state for _, state, _ in named(runs.undo(1))] == [RecordState.SKIPPED]
    assert recover(runs).unsure == []
    assert [record.state for record in file_records(runs)] == ["undone"] * 3
    assert named(runs.redo(2)) == [(b"b.jpg", RecordState.CHANGED, ReasonCode.ANOTHER_FILE_THERE)]
    assert undo_killed.read()["b.jpg"] == "saved by an editor"


def test_saved_where_the_undo_took_it_from(undo_killed: Tree, runs: Runs) -> None:
    save(undo_killed, "Images/b.jpg")
    undo_killed.path("b.jpg").unlink()
    recover(runs)
    assert named(runs.undo(1)) == [ANOTHER]
    assert named(runs.undo(1, include_changed=True)) == []
    assert undo_killed.read() == {"a.jpg": "1", "b.jpg": "saved by an editor", "c.jpg": "3"}


# Cross-device moves, duplicates, leftovers ----------------------------------------------------------------------------


def test_saved_on_the_other_disk(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(dest=elsewhere)
    open_again(runs, state="copied")
    there = elsewhere / "Images/b.jpg"
    there.with_name("new").write_text("saved by an editor")
    there.with_name("new").rename(there)
    assert [unsure.files for unsure in recover(runs).unsure] == [1]
    assert named(runs.undo()) == [ANOTHER]
    assert named(runs.undo(1, include_changed=True)) == []
    assert tree.read() == {"a.jpg": "1", "b.jpg": "saved by an editor"}
    assert os.listdir(elsewhere) == []


def test_edited_in_place_on_the_other_disk(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """Its inode number proves nothing: a file that replaced it may have the same one. Recovery has named the file."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(dest=elsewhere)
    open_again(runs, state="copied")
    (elsewhere / "Images/b.jpg").write_text("another, maybe")
    assert [unsure.files for unsure in recover(runs).unsure] == [1]
    for _ in range(2):
        assert named(runs.undo(1)) == [(b"Images/b.jpg", RecordState.CHANGED, ReasonCode.CHANGED_BEFORE_RECOVERY)]
        assert [unsure.files for unsure in recover(runs).unsure] == [1]
    assert (elsewhere / "Images/b.jpg").read_text() == "another, maybe"
    assert named(runs.undo(1, include_changed=True)) == []
    assert tree.read() == {"a.jpg": "1", "b.jpg": "another, maybe"}
    assert recover(runs).unsure == []


UNKNOWN: dict[str, Any] = {"digest": None, "target_inode": None, "target_mtime_ns": None}
"""The record of a copy that has its name and is not recorded yet."""


def killed_before_the_original_went(tree: Tree, runs: Runs, copy: Path, known: str) -> None:
    """The copy has its name. It is recorded or not, and may still have its temporary name, too."""
    open_again(runs, state="copied" if known == "recorded" else "intent", **(UNKNOWN if known == "unknown" else {}))
    [record] = file_records(runs)
    if known != "renamed":
        copy.with_name(os.fsdecode(temporary(1, record.id))).hardlink_to(copy)
    if not tree.path("a.jpg").exists():
        tree.write({"a.jpg": "1"})
        seen = tree.path("a.jpg").stat()
        alter(runs, "UPDATE records SET inode = ?, mtime_ns = ? WHERE id = ?", seen.st_ino, seen.st_mtime_ns, record.id)


@pytest.mark.parametrize("known", ["unknown", "recorded", "renamed"])
@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_a_copy_was_edited_and_the_original_is_there(
    tree: Tree, runs: Runs, elsewhere: Path, action: Action, known: str
) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(dest=elsewhere, action=action)
    copy = elsewhere / "Images/a.jpg"
    killed_before_the_original_went(tree, runs, copy, known)
    copy.write_text("edited")
    assert [unsure.files for unsure in recover(runs).unsure] == [1]
    for _ in range(2):
        [(path, _, _)] = named(runs.undo(1))
        assert path in {b"Images/a.jpg", b"a.jpg"}
    assert (tree.read(), os.listdir(copy.parent), copy.read_text()) == ({"a.jpg": "1"}, ["a.jpg"], "edited")
    copy.unlink()
    runs.undo(1)
    assert recover(runs).unsure == []


@pytest.mark.parametrize("known", ["unknown", "recorded", "renamed"])
def test_the_original_was_replaced_and_the_copy_is_whole(tree: Tree, runs: Runs, elsewhere: Path, known: str) -> None:
    """The content exists only in the copy: the file was moved, and its old name is taken."""
    tree.write({"a.jpg": "1"})
    runs.organize(dest=elsewhere)
    killed_before_the_original_went(tree, runs, elsewhere / "Images/a.jpg", known)
    save(tree, "a.jpg")
    assert recover(runs).unsure == []
    assert named(runs.undo()) == [(b"Images/a.jpg", RecordState.CONFLICT, ReasonCode.NAME_TAKEN)]
    tree.path("a.jpg").unlink()
    assert named(runs.undo(1)) == []
    assert (tree.read(), os.listdir(elsewhere)) == ({"a.jpg": "1"}, [])


@pytest.mark.parametrize("known", ["unknown", "recorded", "renamed"])
def test_the_original_is_gone_and_the_copy_is_whole(tree: Tree, runs: Runs, elsewhere: Path, known: str) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(dest=elsewhere)
    killed_before_the_original_went(tree, runs, elsewhere / "Images/a.jpg", known)
    tree.path("a.jpg").unlink()
    assert recover(runs).unsure == []
    assert named(runs.undo()) == []
    assert (tree.read(), os.listdir(elsewhere)) == ({"a.jpg": "1"}, [])


@pytest.mark.parametrize("link", ["stays", "goes"])
@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
def test_a_duplicate_was_saved_in_the_trash(tree: Tree, runs: Runs, action: str, link: str) -> None:
    tree.write({"a": "same", "b": "same"})
    runs.dedupe(action)
    open_again(runs)
    save(tree, ".fileorg/trash/1/b")
    if link == "goes" and action != "quarantine":
        tree.path("b").unlink()
    recover(runs)
    content = {name: text for name, text in tree.read().items() if text}
    assert "saved by an editor" in content.values()
    [problem] = runs.undo().problems
    assert problem.state in {RecordState.CHANGED, RecordState.SKIPPED}
    assert {name: text for name, text in tree.read().items() if text} == content


@pytest.mark.parametrize("action", ["hardlink", "symlink"])
def test_a_duplicate_was_deleted_in_the_trash(tree: Tree, runs: Runs, action: str) -> None:
    tree.write({"a": "same", "b": "same"})
    runs.dedupe(action)
    open_again(runs)
    tree.path(".fileorg/trash/1/b").unlink()
    recover(runs)
    for _ in range(2):  # the link in its place does not count as the file
        assert named(runs.undo(1)) == [(b".fileorg/trash/1/b", RecordState.MISSING, ReasonCode.GONE)]


def test_the_old_form_of_a_symlink_was_deleted_in_the_trash(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "1", "l": "-> a.txt"})
    runs.organize()
    open_again(runs)
    tree.path(".fileorg/trash/1/l").unlink()
    recover(runs)
    assert (b".fileorg/trash/1/l", RecordState.MISSING, ReasonCode.GONE) in named(runs.undo(1))


def test_what_clean_took_was_saved_there(tree: Tree, runs: Runs) -> None:
    tree.write({"a": "", "b": "", "x/": ""})
    runs.clean()
    open_again(runs)
    save(tree, ".fileorg/trash/1/b")
    assert [unsure.files for unsure in recover(runs).unsure] == [1]
    [problem] = runs.undo().problems
    assert problem.reason is not None
    assert problem.reason.code is ReasonCode.ANOTHER_FILE_THERE
    with suppress(UsageError):
        assert named(runs.undo(1, include_changed=True)) == []
    assert tree.read() == {"a": "", "b": "saved by an editor", "x/": ""}
