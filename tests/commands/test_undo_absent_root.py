"""One of several roots is missing: files in the other roots are restored, the rest are named and restored later."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.snapshot import differences

from fileorg.core.errors import UsageError
from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome

all_actions = pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])


def write(tree: Tree) -> list[Path]:
    tree.write({f"{root}/{name}": name for root in "ABC" for name in ("one", "two")})
    tree.write({"B/x/three": "three", "C/three": "three"})
    for number, path in enumerate(sorted(tree.snapshot(), reverse=True)):
        tree.set_time(os.fsdecode(path), (1_500_000_000 + number) * 10**9)
    return [tree.path(root) for root in "ABC"]


def missing(outcome: Outcome) -> list[bytes]:
    assert {(each.state, each.reason and each.reason.code) for each in outcome.problems} <= {
        (RecordState.MISSING, ReasonCode.ROOT_MISSING)
    }
    return sorted(each.path for each in outcome.problems)


@all_actions
@pytest.mark.parametrize("gone", ["B", "C"])
def test_a_root_has_another_name(tree: Tree, runs: Runs, action: str, gone: str) -> None:
    roots = write(tree)
    before = tree.snapshot()
    runs.dedupe(action, *roots[1:], roots=roots)
    tree.path(gone).rename(tree.path("away"))
    outcome = runs.undo()
    assert 0 < len(missing(outcome)) == 5 - outcome.done
    assert tree.read()[f"{'C' if gone == 'B' else 'B'}/one"] == "one"
    again = runs.undo(1)
    assert (again.done, missing(again)) == (0, missing(outcome))
    tree.path("away").rename(tree.path(gone))
    assert runs.undo(1).problems == []
    assert all(line.startswith("(the root)") for line in differences(before, tree.snapshot()))


@all_actions
def test_the_root_of_the_keepers_is_gone(tree: Tree, runs: Runs, action: str) -> None:
    """Restoring a duplicate needs no keeper; removing it again does."""
    roots = write(tree)
    runs.dedupe(action, roots=roots)
    after = tree.read()
    tree.path("A").rename(tree.path("away"))
    assert runs.undo().problems == []
    assert {path: text for path, text in tree.read().items() if path[0] in "BC"} == {
        "B/one": "one", "B/two": "two", "B/x/three": "three", "C/one": "one", "C/two": "two", "C/three": "three"
    }  # fmt: skip
    assert len(missing(runs.redo())) == 4
    tree.path("away").rename(tree.path("A"))
    assert runs.redo(1).problems == []
    assert tree.read() == after


def test_another_folder_is_in_its_place(tree: Tree, runs: Runs) -> None:
    """The disk of the root is not mounted."""
    roots = write(tree)
    before = tree.snapshot()
    runs.dedupe("quarantine", roots=roots)
    tree.path("B").rename(tree.path("away"))
    tree.path("B").mkdir()
    assert len(missing(runs.undo())) == 2
    assert os.listdir(tree.path("B")) == []
    tree.path("B").rmdir()
    tree.path("away").rename(tree.path("B"))
    assert runs.undo(1).problems == []
    assert {path: node for path, node in tree.snapshot().items() if path} == {p: n for p, n in before.items() if p}


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounting needs root")
def test_a_disk_is_not_mounted(tree: Tree, runs: Runs) -> None:
    tree.write({"A/one": "one", "C/": "", "B/one": "one"})
    place = tree.path("C")
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    try:
        (place / "one").write_text("one")
        runs.dedupe("quarantine", roots=[tree.path("A"), tree.path("B"), place])
        hidden = tree.path("hidden")
        hidden.mkdir()
        subprocess.run(["mount", "--move", place, hidden], check=False, capture_output=True)
        moved = not os.path.ismount(place)
        if moved:
            assert len(missing(runs.undo())) == 1
            assert tree.path("B/one").read_text() == "one"
            subprocess.run(["mount", "--move", hidden, place], check=True)
        assert runs.undo(1).problems == []
        assert (place / "one").read_text() == "one"
    finally:
        subprocess.run(["umount", place], check=False)


def test_where_none_is_left_it_is_refused(tree: Tree, runs: Runs) -> None:
    roots = write(tree)
    runs.dedupe("quarantine", roots=roots)
    for root in roots:
        root.rename(root.with_name("away " + root.name))
    with pytest.raises(UsageError, match="does not exist"):
        runs.undo()
