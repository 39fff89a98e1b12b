"""On overlayfs, renaming a file of the lower layer changes its inode number, but not that of its hard links."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.faults.process import Driver, Request
from tests.support.crash import open_again, recovered
from tests.support.disks import NotTested, overlay
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.events import NullReporter
from fileorg.core.model import Action, OnConflict, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.journal.journal import Journal
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.disks import Overlay

    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root

_FIRST = {
    "a.jpg": "plain", "b.mp3": "two names", "x/c.pdf": "two names", "x/d.txt": "plain, below", "x/empty.txt": "",
    "x/same.txt": "twins", "z.txt": "twins",
}  # fmt: skip


def fill(lower: Path) -> None:
    """Create plain files, a hard link, an empty file, and duplicates, all old, so that a copy has another time."""
    tree = Tree(lower)
    tree.write({path: content for path, content in _FIRST.items() if path != "x/c.pdf"})
    os.link(tree.path("b.mp3"), tree.path("x/c.pdf"))
    for number, path in enumerate(_FIRST):
        tree.set_time(path, 10**18 + number * 10**9 + 123_456_789)


@pytest.fixture(params=["one file system", "two file systems"])
def mounted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Overlay]:
    other = request.param == "two file systems"
    lower = (request.getfixturevalue("elsewhere") if other else tmp_path) / "lower"
    fill(lower)
    try:
        with overlay(lower, tmp_path / "layers") as made:
            yield made
    except NotTested as why:
        pytest.skip(str(why))


@pytest.fixture
def there(mounted: Overlay, state: StateDirectory) -> Runs:
    """Runs with the merged tree."""
    tree = Tree.__new__(Tree)
    tree.root = mounted.place
    return Runs(tree, state)


def times(tree: Tree) -> dict[str, int]:
    """Return the times of files and folders, except those that come from a layer."""
    return {path: tree.path(path).lstat().st_mtime_ns for path in [*tree.read(), "x"]}


def both(runs: Runs) -> tuple[dict[str, str], dict[str, int]]:
    return runs.tree.read(), times(runs.tree)


def organize(runs: Runs, dest: Path) -> None:
    assert runs.organize(recursive=True).problems == []


def organize_elsewhere(runs: Runs, dest: Path) -> None:
    skipped = runs.organize(recursive=True, dest=dest).problems
    assert {problem.reason and problem.reason.code for problem in skipped} <= {ReasonCode.HARD_LINKS_TORN}


def copy(runs: Runs, dest: Path) -> None:
    assert runs.organize(recursive=True, action=Action.COPY).problems == []


def hardlink(runs: Runs, dest: Path) -> None:
    assert runs.organize(recursive=True, action=Action.HARDLINK).problems == []


def quarantine(runs: Runs, dest: Path) -> None:
    outcome = runs.dedupe("quarantine")
    assert (outcome.done, outcome.problems) == (1, [])


def clean(runs: Runs, dest: Path) -> None:
    """Run clean. Files in a layer on another file system are skipped, with a wrong reason."""
    assert [problem.path for problem in runs.clean().problems] in ([], [b"x/empty.txt"])


DEEDS = [organize, organize_elsewhere, copy, hardlink, quarantine, clean]


@pytest.mark.parametrize("again", [False, True], ids=["as mounted", "mounted again"])
@pytest.mark.parametrize("deed", DEEDS)
def test_undo_and_redo(
    there: Runs, mounted: Overlay, deed: Callable[[Runs, Path], None], again: bool, elsewhere: Path
) -> None:
    before = both(there)
    assert before[0] == _FIRST
    deed(there, elsewhere / "dest" if deed is organize_elsewhere else elsewhere)
    done = both(there)
    if done == before:
        assert deed is clean
        return
    for _ in range(2):
        if again:
            mounted.mount_again()
        assert there.undo().problems == [] or deed is organize_elsewhere
        assert both(there) == before
        if again:
            mounted.mount_again()
        there.redo()
        assert both(there) == done


def test_files_of_the_upper_layer_are_like_any(there: Runs) -> None:
    there.tree.write({"new.jpg": "upper", "b.mp3": "written over"})
    before = both(there)
    organize(there, there.tree.root)
    assert there.undo().problems == []
    assert both(there) == before


def test_an_edited_file_goes_back(there: Runs) -> None:
    organize(there, there.tree.root)
    there.tree.write({"Images/a.jpg": "edited"})
    assert there.undo().problems == []
    assert there.tree.read() == _FIRST | {"a.jpg": "edited"}


def test_another_file_with_its_size_and_another_time_stays(there: Runs) -> None:
    organize(there, there.tree.root)
    there.tree.path("Images/a.jpg").unlink()
    there.tree.write({"Images/a.jpg": "other"})
    assert [problem.state for problem in there.undo().problems] == [RecordState.CHANGED]
    assert there.tree.read()["Images/a.jpg"] == "other"


@pytest.mark.parametrize("action", ["hardlink", "symlink"])
def test_a_link_in_the_place_of_a_duplicate_is_refused(there: Runs, action: str) -> None:
    outcome = there.dedupe(action)
    assert {problem.reason and problem.reason.code for problem in outcome.problems} == {ReasonCode.NO_LASTING_INODES}
    assert there.tree.read() == _FIRST | {".fileorg/trash/1/": ""}


def test_purge(there: Runs, mounted: Overlay) -> None:
    quarantine(there, there.tree.root)
    mounted.mount_again()
    assert there.purge(1).outcome.done == 1
    assert sorted([*there.tree.read().values(), "twins"]) == sorted(_FIRST.values())


# Kills ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    made = Driver(tmp_path_factory.mktemp("driver"))
    yield made
    made.close()


_COMMANDS = {
    "organize": ["organize", "-r", "-y"],
    "copy": ["organize", "-r", "-y", "--action", "copy"],
    "elsewhere": ["organize", "-r", "-y", "--dest"],
    "quarantine": ["dedupe", "-y", "--action", "quarantine"],
    "clean": ["clean", "-y"],
}


@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize("layers", ["one file system", "two file systems"])
@pytest.mark.parametrize("first", [0, pytest.param(19, marks=pytest.mark.slow)], ids=["", "the steps between"])
def test_kills(tmp_path: Path, elsewhere: Path, driver: Driver, command: str, layers: str, first: int) -> None:
    """Kills at every few steps of a command, then of its undo: recovery and undo lead back to the first files.

    In each run, every second of these steps is tried with layers on one file system, and the others on two.
    """
    first = first if layers == "one file system" else 19 - first
    for die_at in range(3 + first, 400, 38):
        folder = tmp_path / str(die_at)
        folder.mkdir()
        lower = (folder if layers == "one file system" else elsewhere) / f"lower-{die_at}"
        dest = elsewhere / f"dest-{die_at}"
        dest.mkdir()
        fill(lower)
        try:
            with overlay(lower, folder / "layers") as made:
                env = {"FILEORG_HOME": str(folder / "state")}
                words = [*_COMMANDS[command], *([str(dest)] if command == "elsewhere" else []), str(made.place)]
                ended = driver.run(Request(words, env, die_at=die_at))
                made.mount_again()
                killed_again = driver.run(Request(["undo", "-y"], env, die_at=die_at))
                assert driver.run(Request(["recover"], env)).code == 0
                for _ in range(3):
                    undone = driver.run(Request(["undo", "-y"], env))
                    if undone.code == 2:
                        break
                    assert undone.code == 0, undone.output
                tree = Tree.__new__(Tree)
                tree.root = made.place
                assert tree.read() == _FIRST, (die_at, ended.output, killed_again.output)
                assert not list(dest.iterdir())
        except NotTested as why:
            pytest.skip(str(why))
        if ended.code != -9 and killed_again.code != -9:
            break


@pytest.mark.parametrize("again", [False, True], ids=["as mounted", "mounted again"])
def test_an_undo_that_was_killed_once_it_had_removed_all_symlinks_is_recovered(
    there: Runs, mounted: Overlay, again: bool
) -> None:
    """Nothing is left of its own files; those to which the symlinks led show that it is the right disk."""
    before = both(there)
    assert there.organize(recursive=True, action=Action.SYMLINK).problems == []
    assert there.undo().problems == []
    open_again(there, 2)
    if again:
        mounted.mount_again()
    assert {state for state, _ in recovered(there, 2)} == {RecordState.DONE}
    assert both(there) == before
    assert there.redo().problems == []
    assert there.undo().problems == []
    assert both(there) == before


def test_another_tree_at_that_place_is_not_taken_for_it(there: Runs) -> None:
    there.organize(recursive=True, action=Action.SYMLINK)
    there.undo()
    open_again(there, 2)
    for path in _FIRST:
        there.tree.path(path).unlink()
    with Journal(there.state.journal) as journal:
        recover_all(there.state, NullReporter())
        assert [operation.id for operation in journal.open_operations()] == [2]


def test_a_purge_keeps_what_was_edited_in_the_trash_with_its_time_put_back(there: Runs) -> None:
    tree = there.tree
    tree.write({"Images/a.jpg": "older"})
    tree.set_time("Images/a.jpg", 10**18)
    there.organize(on_conflict=OnConflict.KEEP_NEWER)
    trashed = tree.path(".fileorg/trash/1/Images/a.jpg")
    seen = trashed.stat()
    trashed.write_text("OLDER")
    os.utime(trashed, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    problems = there.purge().outcome.problems
    assert [problem.reason and problem.reason.code for problem in problems] == [ReasonCode.EDITED_IN_TRASH]
    assert trashed.read_text() == "OLDER"
