"""Undo through another disk: a restored file has another inode number, but older operations recognise it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import alter, open_again
from tests.support.disks import NotTested, bound, plugged_in
from tests.support.snapshot import differences

from fileorg.core.events import NullReporter
from fileorg.core.model import Action, By, RecordState
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


@pytest.fixture(params=["tmpfs", "exfat", "ntfs"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on another disk."""
    if request.param == "tmpfs":
        yield request.getfixturevalue("elsewhere")
        return
    try:
        with plugged_in(request.param, tmp_path / "plugged in") as disk:
            place = disk.place / "files"
            place.mkdir()
            yield place
    except NotTested as why:
        pytest.skip(str(why))


def write(tree: Tree) -> None:
    tree.write({f"f{number}.txt": f"text {number}" for number in range(3)})
    tree.write({"p.jpg": "picture", "x/y.jpg": "another", "x/z.mp3": "sound"})
    for number, path in enumerate(["f0.txt", "f1.txt", "f2.txt", "p.jpg", "x/y.jpg", "x/z.mp3", "x", "."]):
        tree.date(path, f"2019-03-{number + 1:02}")


def goes_back(tree: Tree, runs: Runs, steps: Sequence[Callable[[], object]]) -> None:
    """Undo each step exactly, newest first; then redo all, and undo all once more."""
    states = [tree.snapshot()]
    for step in steps:
        step()
        states.append(tree.snapshot())
    for _ in range(2):
        for before in reversed(states[:-1]):
            assert runs.undo().problems == []
            assert differences(before, tree.snapshot()) == []
        for _ in steps:
            assert runs.redo().problems == []
    for before in reversed(states[:-1]):
        assert runs.undo().problems == []
        assert differences(before, tree.snapshot()) == []


def test_organize_then_to_another_disk(tree: Tree, runs: Runs, other: Path) -> None:
    write(tree)
    goes_back(tree, runs, [runs.organize, lambda: runs.organize(recursive=True, dest=other)])
    assert not [path for path in other.rglob("*") if path.is_file()]


def test_twice_in_the_tree_then_to_another_disk(tree: Tree, runs: Runs, other: Path) -> None:
    write(tree)
    steps = [
        runs.organize,
        lambda: runs.organize(recursive=True, by=By.DATE),
        lambda: runs.organize(recursive=True, dest=other),
    ]
    goes_back(tree, runs, steps)


def test_to_another_disk_and_on_there(tree: Tree, runs: Runs, other: Path) -> None:
    """Later operations on the other disk know the copies there."""
    write(tree)
    steps = [
        lambda: runs.organize(recursive=True, dest=other),
        lambda: runs.organize(root=other, recursive=True, by=By.DATE),
        lambda: runs.organize(root=other, recursive=True, by=By.EXTENSION),
    ]
    goes_back(tree, runs, steps)


def test_to_another_disk_and_home_again(tree: Tree, runs: Runs, other: Path) -> None:
    write(tree)
    steps = [
        runs.organize,
        lambda: runs.organize(recursive=True, dest=other),
        lambda: runs.organize(root=other, recursive=True, by=By.DATE, dest=tree.root),
        lambda: runs.organize(recursive=True, by=By.EXTENSION),
    ]
    goes_back(tree, runs, steps)


def test_in_part(tree: Tree, runs: Runs, other: Path) -> None:
    """Roots and destinations differ between operations; the paths are the same."""
    write(tree)
    steps = [
        runs.organize,
        lambda: runs.organize(root=tree.path("Documents"), by=By.EXTENSION),
        lambda: runs.organize(root=tree.path("Documents"), recursive=True, dest=other),
        lambda: runs.organize(root=tree.path("x"), dest=other),
    ]
    goes_back(tree, runs, steps)


def test_copies_that_went_to_another_disk(tree: Tree, runs: Runs, other: Path) -> None:
    """A copy is removed only if it is the one that was made."""
    tree.write({"in/a.txt": "1", "in/b.jpg": "2", "copies/": ""})
    steps = [
        lambda: runs.organize(root=tree.path("in"), dest=tree.path("copies"), action=Action.COPY),
        lambda: runs.organize(root=tree.path("copies"), recursive=True, by=By.EXTENSION),
        lambda: runs.organize(root=tree.path("copies"), recursive=True, dest=other),
    ]
    goes_back(tree, runs, steps)


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
def test_duplicates_whose_keeper_went_to_another_disk(tree: Tree, runs: Runs, elsewhere: Path, action: str) -> None:
    """Redo recognises the keeper."""
    tree.write({"a/one.txt": "same", "b/two.txt": "same", "b/three.txt": "same"})
    before = tree.snapshot()
    runs.dedupe(action)
    after = tree.snapshot()
    runs.undo()
    runs.organize(root=tree.path("a"), dest=elsewhere)
    assert runs.undo().problems == []
    assert tree.snapshot() == before
    assert runs.redo(1).problems == []
    assert {path: node.alone for path, node in tree.snapshot().items()} == {p: n.alone for p, n in after.items()}
    assert runs.undo().problems == []
    assert tree.snapshot() == before


def test_duplicates_that_went_to_another_disk(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a/one.txt": "same", "b/two.txt": "same"})
    before = tree.snapshot()
    runs.dedupe("quarantine")
    runs.undo()
    runs.organize(root=tree.path("b"), dest=elsewhere)
    assert runs.undo().problems == []
    assert runs.redo(1).problems == []
    assert tree.read() == {"a/one.txt": "same", "b/": "", ".fileorg/trash/1/b/two.txt": "same"}
    assert runs.undo().problems == []
    assert tree.snapshot() == before


def test_what_was_edited_on_the_other_disk_comes_all_the_way(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.txt": "1"})
    runs.organize()
    runs.organize(recursive=True, dest=elsewhere)
    (elsewhere / "Documents/a.txt").write_text("edited in place")
    assert runs.undo().problems == []
    assert runs.undo().problems == []
    assert tree.read() == {"a.txt": "edited in place"}


def test_what_took_its_place_on_the_other_disk_is_another_file(
    tree: Tree, runs: Runs, elsewhere: Path, request: pytest.FixtureRequest
) -> None:
    """Only `--include-changed` moves the other file, in each undo."""
    tree.write({"a.txt": "1"})
    runs.organize()
    request.addfinalizer(partial(os.close, os.open(tree.path("Documents/a.txt"), os.O_PATH)))  # keeps its inode
    runs.organize(recursive=True, dest=elsewhere)
    (elsewhere / "new").write_text("replaced")
    (elsewhere / "new").rename(elsewhere / "Documents/a.txt")
    assert runs.undo(include_changed=True).problems == []
    assert len(runs.undo(1).problems) == 1
    assert tree.read() == {"Documents/a.txt": "replaced"}
    assert runs.undo(1, include_changed=True).problems == []
    assert tree.read() == {"a.txt": "replaced"}


def test_a_stranger_with_the_old_number_is_not_taken_for_it(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """The restored files are in their places; a file elsewhere with a freed inode number is none of them."""
    write(tree)
    runs.organize()
    runs.organize(recursive=True, dest=elsewhere)
    tree.write({f"Music/{number}": "a stranger" for number in range(30)})
    runs.undo()
    shutil.rmtree(tree.path("Music"))
    assert runs.undo().problems == []
    assert tree.path("f0.txt").read_text() == "text 0"


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_a_crash_in_the_undo(tree: Tree, runs: Runs, elsewhere: Path, rounds: int) -> None:
    """The undo was killed just before it was sealed: recovery updates the older records, too."""
    write(tree)
    before = tree.snapshot()
    runs.organize()
    runs.organize(recursive=True, dest=elsewhere)
    for _ in range(rounds):
        runs.undo()
        runs.redo()
    known = [(record.target_inode, record.id) for record in runs.records(1)]
    last = runs.undo().operation
    open_again(runs, last, state="copied")
    for inode, record in known:
        alter(runs, "UPDATE records SET target_inode = ? WHERE id = ?", inode, record)
    recover_all(runs.state, NullReporter())
    assert runs.undo(1).problems == []
    assert {p: n for p, n in tree.snapshot().items() if p} == {p: n for p, n in before.items() if p}
    assert os.listdir(elsewhere) == []


# What does not come back is a failure ---------------------------------------------------------------------------------


def test_a_file_that_got_another_name_there_does_not_come_back(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """A move would tear its names apart. The undo has failed for it, until the other name is gone."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(dest=elsewhere)
    os.link(elsewhere / "Images/a.jpg", elsewhere / "second name")
    assert [(problem.path, problem.state) for problem in runs.undo().problems] == [
        (b"Images/a.jpg", RecordState.CHANGED)
    ]
    assert (elsewhere / "second name").stat().st_nlink == 2
    (elsewhere / "second name").unlink()
    assert runs.undo().problems == []
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}


def test_a_file_that_got_another_name_at_home_is_not_moved_away_again(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(dest=elsewhere)
    runs.undo()
    os.link(tree.path("a.jpg"), tree.path("second name"))
    assert [problem.state for problem in runs.redo().problems] == [RecordState.CHANGED]
    tree.path("second name").unlink()
    assert runs.redo().problems == []


def test_a_symlink_that_has_taken_its_place_stays(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(dest=elsewhere)
    (elsewhere / "Images/a.jpg").unlink()
    (elsewhere / "Images/a.jpg").symlink_to("anywhere")
    states = [problem.state for problem in runs.undo(include_changed=True).problems]
    assert states == [RecordState.CHANGED]


@pytest.mark.root
def test_a_disk_that_is_read_only_now_is_named_as_such(tree: Tree, runs: Runs, elsewhere: Path, tmp_path: Path) -> None:
    write(tree)
    before = tree.snapshot()
    with bound(str(elsewhere), str(tmp_path / "disk")):
        runs.organize(recursive=True, dest=tmp_path / "disk/dest")
        subprocess.run(["mount", "-o", "remount,bind,ro", str(tmp_path / "disk")], check=True)
        problems = runs.undo().problems
        assert {problem.reason and problem.reason.number for problem in problems} == {errno.EROFS}
        subprocess.run(["mount", "-o", "remount,bind,rw", str(tmp_path / "disk")], check=True)
        assert runs.undo(1).problems == []
    assert differences(before, tree.snapshot()) == []
