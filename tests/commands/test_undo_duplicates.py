"""Undo of replaced duplicates after, or during, changes by other programs."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.crash import open_again, recovered
from tests.support.duplicates import IN_TRASH, all_actions, before_call, linking, reasons, swap, write_duplicates

from fileorg.core.model import RecordState
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


@pytest.fixture
def duplicates(tree: Tree) -> Tree:
    return write_duplicates(tree)


@linking
def test_a_link_that_others_removed_is_not_missed(duplicates: Tree, runs: Runs, action: str) -> None:
    before = duplicates.snapshot()
    runs.dedupe(action)
    duplicates.path("x/c").unlink()
    assert runs.undo().problems == []
    del before[b"x"], before[b""]
    now = duplicates.snapshot()
    assert {path: now[path] for path in before} == before


@all_actions
@pytest.mark.parametrize("rename", [False, True])
def test_a_place_that_others_took(duplicates: Tree, runs: Runs, action: str, rename: bool) -> None:
    runs.dedupe(action)
    duplicates.path("x/c").unlink(missing_ok=True)
    duplicates.write({"x/c": "foreign"})
    outcome = runs.undo(rename=rename)
    if rename:
        assert outcome.problems == []
        assert duplicates.read() == {"a": "same", "b": "other", "x/c": "foreign", "x/c (2)": "same"}
        return
    assert reasons(outcome) == [(RecordState.CONFLICT, "the name is taken")]
    assert duplicates.read() == IN_TRASH | {"x/c": "foreign"}


@linking
def test_with_rename_our_link_gives_way_all_the_same(duplicates: Tree, runs: Runs, action: str) -> None:
    before = duplicates.snapshot()
    runs.dedupe(action)
    assert runs.undo(rename=True).problems == []
    assert duplicates.snapshot() == before


def test_a_hard_link_that_was_edited_leaves_the_edit_to_its_other_name(duplicates: Tree, runs: Runs) -> None:
    runs.dedupe("hardlink")
    duplicates.path("x/c").write_text("edited")
    assert runs.undo().problems == []
    assert duplicates.read() == {"a": "edited", "b": "other", "x/c": "same"}


def test_a_hard_link_that_is_the_only_name_left_of_an_edit_is_kept(duplicates: Tree, runs: Runs) -> None:
    runs.dedupe("hardlink")
    duplicates.path("x/c").write_text("edited")
    duplicates.path("a").unlink()
    [(state, reason)] = reasons(runs.undo())
    assert state is RecordState.CHANGED
    assert reason == "kept: the link was edited and is now the only name of that content"
    assert duplicates.read() == {"b": "other", "x/c": "edited", ".fileorg/trash/1/x/c": "same"}


def test_a_hard_link_that_is_the_only_name_left_gives_way_to_the_same_content(duplicates: Tree, runs: Runs) -> None:
    runs.dedupe("hardlink")
    duplicates.path("a").unlink()
    assert runs.undo().problems == []
    assert duplicates.read() == {"b": "other", "x/c": "same"}


@linking
def test_a_file_that_takes_the_name_of_the_link_before_the_exchange_stays(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    runs.dedupe(action)
    before_call(monkeypatch, "exchange", swap(duplicates, "x/c", "foreign"))
    assert reasons(runs.undo()) == [(RecordState.CONFLICT, "the name is taken")]
    assert duplicates.read() == IN_TRASH | {"x/c": "foreign"}


@linking
def test_a_link_that_cannot_be_removed_keeps_its_place(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    runs.dedupe(action)
    after = duplicates.snapshot()

    def remove(*_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "remove", remove)
        assert reasons(runs.undo()) == [(RecordState.FAILED, "Read-only file system")]
    assert duplicates.snapshot() == after
    assert runs.undo().problems == []


@all_actions
def test_a_redo_compares_again(duplicates: Tree, runs: Runs, action: str) -> None:
    runs.dedupe(action)
    runs.undo()
    duplicates.path("a").write_text("edit")
    assert reasons(runs.redo()) == [(RecordState.CHANGED, "its keeper a changed after the scan")]
    assert {path: it for path, it in duplicates.read().items() if ".fileorg" not in path} == {
        "a": "edit", "b": "other", "x/c": "same",
    }  # fmt: skip


def test_a_quarantined_file_that_was_edited_comes_back_as_it_is(duplicates: Tree, runs: Runs) -> None:
    runs.dedupe("quarantine")
    duplicates.path(".fileorg/trash/1/x/c").write_text("edited")
    assert runs.undo().problems == []
    assert duplicates.read() == {"a": "same", "b": "other", "x/c": "edited"}


@linking
def test_a_link_that_goes_right_before_the_exchange(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    runs.dedupe(action)
    before_call(monkeypatch, "exchange", lambda: duplicates.path("x/c").unlink())
    assert reasons(runs.undo()) == [(RecordState.CHANGED, "the link in its place has just been removed")]
    assert duplicates.read() == IN_TRASH | {"x/": ""}
    assert runs.undo().problems == []
    assert duplicates.read() == {"a": "same", "b": "other", "x/c": "same"}


@linking
def test_a_link_that_others_remove_between(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    runs.dedupe(action)

    def remove_it() -> None:
        [name] = [name for name in os.listdir(duplicates.path("x")) if name.startswith(".fileorg")]
        duplicates.path(f"x/{name}").unlink()

    before_call(monkeypatch, "discard", remove_it)
    assert runs.undo().problems == []
    assert duplicates.read() == {"a": "same", "b": "other", "x/c": "same"}


def test_a_folder_that_only_holds_a_keeper_gets_no_time(tree: Tree, runs: Runs) -> None:
    """The redo died before it reached the other files in that folder."""
    tree.write({"b/1": "larger", "z": "larger", "a": "x", "b/2": "x"})
    before = tree.snapshot()
    runs.dedupe("hardlink")
    runs.undo()
    asked = iter([False, True])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fileorg.workflows.session.rows_at_a_time", lambda *_, **__: 4)
        assert runs.undo(redo=True, stop=lambda: next(asked, True)).done == 1
    open_again(runs, 3, state="done")
    recovered(runs, 3)
    assert tree.snapshot()[b"b"].mtime_ns == before[b"b"].mtime_ns
    runs.undo()
    assert tree.snapshot() == before
