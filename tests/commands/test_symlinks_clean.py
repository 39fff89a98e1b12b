"""A symlink that is broken because fileorg moved its target is no leftover: clean keeps it and says why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.scan.leftovers import Leftover

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome


def held(outcome: Outcome) -> dict[bytes, Reason | None]:
    """Return path → why the entry is kept."""
    assert all(problem.state is RecordState.SKIPPED for problem in outcome.problems)
    return {problem.path: problem.reason for problem in outcome.problems}


def moved(operation: int, path: bytes) -> Reason:
    return Reason(ReasonCode.SYMLINK_LED_TO_MOVED, path, operation)


LINKS = {
    "from a folder that was not entered": {"x/l": "-> ../a.pdf"},
    "deep": {"x/y/l": "-> ../../a.pdf"},
    "by another symlink": {"x/l": "-> m", "x/m": "-> ../a.pdf"},
    "by a symlink to a folder": {"x/f": "-> ..", "x/l": "-> f/a.pdf"},
    "of bytes that are no text": {"x/\udcff\n": "-> ../a.pdf"},
}


@pytest.mark.parametrize("case", LINKS)
def test_it_stays_and_is_told(tree: Tree, runs: Runs, case: str) -> None:
    tree.write({"a.pdf": "1", "x/broken": "-> nowhere"} | LINKS[case])
    runs.organize()
    outcome = runs.clean(goes=frozenset({Leftover.BROKEN_SYMLINK}))
    links = {os.fsencode(path) for path, text in LINKS[case].items() if text != "-> .."}
    assert held(outcome) == dict.fromkeys(links, moved(1, b"Documents/a.pdf"))
    assert outcome.done == 1
    assert all(os.path.lexists(os.fsencode(tree.root) + b"/" + path) for path in links)
    runs.undo()
    runs.undo(1)
    assert all(tree.path(path).exists() for path in LINKS[case])


def test_an_absolute_one(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "x/": ""})
    os.symlink(tree.path("a.pdf"), tree.path("x/l"))
    runs.organize()
    assert held(runs.clean()) == {b"x/l": moved(1, b"Documents/a.pdf")}


def test_its_folder_is_not_empty(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "x/y/l": "-> ../../a.pdf"})
    runs.organize()
    runs.clean()
    assert tree.path("x/y/l").is_symlink()


def test_a_dry_run_says_so(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "x/l": "-> ../a.pdf"})
    runs.organize()
    before = tree.snapshot()
    [row] = [row for row in runs.clean_dry_run() if row.source_name == b"l"]
    assert row.reason == moved(1, b"Documents/a.pdf")
    assert tree.snapshot() == before


def test_a_root_below(tree: Tree, runs: Runs) -> None:
    """The file is outside the root now, so its absolute path is named."""
    tree.write({"a.pdf": "1", "x/l": "-> ../a.pdf"})
    runs.organize()
    whole = tree.root
    tree.root = tree.path("x")
    outcome = runs.clean()
    tree.root = whole
    assert held(outcome) == {b"l": moved(1, os.fsencode(tree.path("Documents/a.pdf")))}


def _twice(tree: Tree, runs: Runs) -> tuple[int, str]:
    runs.organize()
    tree.path("x/m").unlink()
    runs.organize(recursive=True, template="new/{name}")
    return 1, "new/a.pdf"


def _to_trash_by_dedupe(tree: Tree, runs: Runs) -> tuple[int, str]:
    tree.path("x/l").unlink()
    tree.write({"A.pdf": "1"})
    runs.dedupe("quarantine")
    os.symlink("../a.pdf", tree.path("x/l"))
    return 1, ".fileorg/trash/1/a.pdf"


def _to_trash_by_clean(tree: Tree, runs: Runs) -> tuple[int, str]:
    tree.path("x/l").unlink()
    tree.path("a.pdf").write_bytes(b"")
    runs.clean(goes=frozenset({Leftover.EMPTY_FILE}))
    os.symlink("../a.pdf", tree.path("x/l"))
    return 1, ".fileorg/trash/1/a.pdf"


def _there_and_back_and_there(tree: Tree, runs: Runs) -> tuple[int, str]:
    runs.organize()
    runs.undo()
    runs.redo()
    return 3, "Documents/a.pdf"


def _by_undo(tree: Tree, runs: Runs) -> tuple[int, str]:
    runs.organize()
    tree.path("x/l").unlink()
    os.symlink("../Documents/a.pdf", tree.path("x/l"))
    runs.undo()
    return 2, "a.pdf"


@pytest.mark.parametrize(
    "interfere", [_twice, _to_trash_by_dedupe, _to_trash_by_clean, _there_and_back_and_there, _by_undo]
)
def test_whatever_moved_it(tree: Tree, runs: Runs, interfere: Callable[[Tree, Runs], tuple[int, str]]) -> None:
    tree.write({"a.pdf": "1", "x/l": "-> ../a.pdf", "x/m": "-> nowhere"})
    operation, path = interfere(tree, runs)
    assert held(runs.clean())[b"x/l"] == moved(operation, os.fsencode(path))
    assert tree.path("x/l").is_symlink()


def test_what_was_taken_back_and_removed_then_by_others_is_a_leftover(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "x/l": "-> ../a.pdf"})
    runs.organize()
    runs.undo()
    tree.path("a.pdf").unlink()
    outcome = runs.clean()
    assert (held(outcome), outcome.done) == ({}, 2)


def test_what_was_purged_is_gone(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "b.pdf": "1"})
    runs.dedupe("quarantine")
    tree.write({"x/l": "-> ../b.pdf"})
    runs.purge(1)
    outcome = runs.clean(goes=frozenset({Leftover.BROKEN_SYMLINK}))
    assert (held(outcome), outcome.done) == ({}, 1)


def test_a_symlink_that_never_led_to_it_goes(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a.pdf": "1", "x/l": "-> a.pdf", "x/m": "-> ../A.pdf", "x/circle": "-> circle"})
    os.symlink(tmp_path / "a.pdf", tree.path("x/n"))
    runs.organize()
    outcome = runs.clean(goes=frozenset({Leftover.BROKEN_SYMLINK}))
    assert (held(outcome), outcome.done) == ({}, 4)


def test_without_a_journal_all_go(tree: Tree, runs: Runs) -> None:
    tree.write({"l": "-> nowhere"})
    assert [row.reason for row in runs.clean_dry_run() if row.source_name == b"l"] == [None]
