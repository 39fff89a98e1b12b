"""Purge removes no last copy, and no file that was edited in the trash: it trusts neither sizes nor times."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

import pytest
from tests.support.runs import Runs

from fileorg.core.reasons import ReasonCode
from fileorg.core.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tree import Tree

    from fileorg.workflows.purge import PurgeRun

_SAME = "same content " * 1000
TRASHED = ".fileorg/trash/1/b.txt"
ACTIONS = pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])


def reasons(run: PurgeRun) -> list[ReasonCode | None]:
    return [problem.reason and problem.reason.code for problem in run.outcome.problems]


def edit_keeping_times(file: Path) -> None:
    before = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"NEW WORK")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def edit_by_mapping(file: Path) -> None:
    before = file.stat()
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped:
        mapped[:8] = b"NEW WORK"
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def deduped(tree: Tree, runs: Runs) -> Callable[[str], Runs]:
    """`a.txt` is the keeper, `b.txt` its duplicate."""

    def dedupe(action: str) -> Runs:
        tree.write({"a.txt": _SAME, "b.txt": _SAME})
        assert runs.dedupe(action).done == 1
        return runs

    return dedupe


@ACTIONS
def test_a_duplicate_whose_keeper_is_as_it_was_goes(tree: Tree, deduped: Callable[[str], Runs], action: str) -> None:
    assert reasons(deduped(action).purge()) == []
    assert not tree.path(".fileorg").exists()


@ACTIONS
@pytest.mark.parametrize("edit", [edit_keeping_times, edit_by_mapping])
def test_what_was_edited_in_the_trash_stays(
    tree: Tree, deduped: Callable[[str], Runs], action: str, edit: Callable[[Path], None]
) -> None:
    runs = deduped(action)
    edit(tree.path(TRASHED))
    run = runs.purge()
    assert reasons(run) in ([ReasonCode.EDITED_IN_TRASH], [ReasonCode.LAST_COPY])
    assert (run.files, run.outcome.done) == (0, 0)
    assert tree.path(TRASHED).read_bytes().startswith(b"NEW WORK")


def test_a_file_of_the_trash_that_someone_has_open_for_writing_stays(
    tree: Tree, deduped: Callable[[str], Runs]
) -> None:
    runs = deduped("quarantine")
    with tree.path(TRASHED).open("r+b"):
        assert reasons(runs.purge()) == [ReasonCode.BEING_WRITTEN]
    assert reasons(runs.purge()) == []


@pytest.mark.parametrize("action", ["quarantine", "symlink"])
@pytest.mark.parametrize("change", ["removed", "edited", "edited keeping its times", "replaced"])
def test_the_last_copy_stays_and_undo_brings_it_back(
    tree: Tree, deduped: Callable[[str], Runs], action: str, change: str
) -> None:
    runs, keeper = deduped(action), tree.path("a.txt")
    if change == "edited keeping its times":
        edit_keeping_times(keeper)
    else:
        keeper.unlink()
    if change in {"edited", "replaced"}:
        tree.write({"a.txt": "other" if change == "edited" else _SAME.upper()})
    run = runs.purge()
    assert reasons(run) == [ReasonCode.LAST_COPY]
    assert (run.files, run.outcome.done) == (0, 0)
    runs.undo(1)
    assert tree.read()["b.txt"] == _SAME


def test_a_link_to_the_keeper_holds_what_the_duplicate_does(tree: Tree, deduped: Callable[[str], Runs]) -> None:
    runs = deduped("hardlink")
    tree.path("a.txt").unlink()
    assert reasons(runs.purge()) == []
    assert tree.read() == {"b.txt": _SAME}


def test_a_keeper_that_was_organized_since_is_found(tree: Tree, deduped: Callable[[str], Runs], tmp_path: Path) -> None:
    runs = deduped("quarantine")
    runs.organize()
    runs.organize(recursive=True, by="date")
    runs.organize(recursive=True, dest=tmp_path / "elsewhere")
    assert reasons(runs.purge(1)) == []


def test_a_keeper_that_came_back_is_found(tree: Tree, deduped: Callable[[str], Runs]) -> None:
    runs = deduped("quarantine")
    runs.organize()
    runs.undo()
    assert reasons(runs.purge(1)) == []


def test_a_keeper_that_is_in_the_trash_now_does_not_count(tree: Tree, runs: Runs) -> None:
    tree.write({"a.txt": _SAME, "b.txt": _SAME})
    runs.dedupe("quarantine")
    tree.write({"0.txt": _SAME})
    runs.dedupe("quarantine")
    assert reasons(runs.purge(1)) == [ReasonCode.LAST_COPY]
    tree.path("0.txt").unlink()
    assert reasons(runs.purge()) == [ReasonCode.LAST_COPY] * 2


# Two state directories on one tree ------------------------------------------------------------------------------------


@pytest.fixture
def others(tree: Tree, tmp_path: Path) -> Runs:
    """Runs on the same tree with another journal, whose operations also start at 1."""
    return Runs(tree, open_state(os.fsencode(tmp_path / "other state")))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("way", ["undo", "purge"])
def test_two_journals_have_a_trash_each(tree: Tree, runs: Runs, others: Runs, first: int, way: str) -> None:
    tree.write({"x/a.txt": _SAME, "x/b.txt": _SAME, "x/a.jpg": "1", "x/b.jpg": "1", "x/empty": ""})
    gone = {"x/b.txt", "x/b.jpg"}
    assert runs.dedupe("quarantine", include=["*.txt"]).done == 1
    assert others.dedupe("quarantine", include=["*.jpg"]).done == 1
    assert tree.path(".fileorg/trash/1-2/x/b.jpg").exists()
    both = [runs, others]
    for each in (both[first], both[not first]):
        if way == "purge":
            assert reasons(each.purge()) == []
        else:
            assert each.undo().problems == []
    left = {name for name in tree.read() if not name.startswith(".fileorg/")}
    assert left == ({"x/a.txt", "x/b.txt", "x/a.jpg", "x/b.jpg", "x/empty"} - (gone if way == "purge" else set()))
    assert not [name for name in tree.read() if name.startswith(".fileorg/") and not name.endswith("/")]


def test_what_another_journal_cleaned_stays_where_it_is(tree: Tree, runs: Runs, others: Runs) -> None:
    tree.write({"x/empty.txt": "", "x/a.txt": _SAME})
    before = tree.snapshot()
    assert runs.clean().done == 1
    tree.write({"x/empty.txt": ""})
    assert others.clean().done == 1
    assert others.undo().problems == []
    tree.path("x/empty.txt").unlink()
    assert runs.undo().problems == []
    assert tree.read().keys() == {"x/empty.txt", "x/a.txt"}
    assert before.keys() == tree.snapshot().keys()
