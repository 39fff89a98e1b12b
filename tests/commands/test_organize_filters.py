"""The files that organize takes, and those that it never touches."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.tree import DAY_NS, SECOND_NS

from fileorg.core.model import By
from fileorg.rules.ignore import IgnoreReason

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

DAY = SECOND_NS * 86_400


def moved(tree: Tree, runs: Runs, **options: object) -> set[str]:
    """Return the names (without folders) of the files that a run by extension moved."""
    before = set(tree.read())
    runs.organize(by=By.EXTENSION, **options)
    return {os.path.basename(path) for path in set(tree.read()) - before if not path.endswith("/")}


# Depth ---------------------------------------------------------------------------------------------------------------


def test_only_the_top_level_unless_asked(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/b.jpg": "2", "x/y/c.jpg": "3"})
    with runs.organizing() as run:
        assert run.seen.not_entered == 1
        run.run()
    assert tree.read() == {"Images/a.jpg": "1", "x/b.jpg": "2", "x/y/c.jpg": "3"}


def test_recursive(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/b.jpg": "2", "x/y/c.jpg": "3"})
    assert moved(tree, runs, recursive=True) == {"a.jpg", "b.jpg", "c.jpg"}


@pytest.mark.parametrize(
    ("depth", "names"), [(0, {"0.jpg"}), (1, {"0.jpg", "1.jpg"}), (2, {"0.jpg", "1.jpg", "2.jpg"})]
)
def test_max_depth(tree: Tree, runs: Runs, depth: int, names: set[str]) -> None:
    tree.write({"0.jpg": "", "x/1.jpg": "1", "x/y/2.jpg": "2", "x/y/z/3.jpg": "3"})
    assert moved(tree, runs, recursive=True, max_depth=depth) == names


# Size and time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "names"),
    [
        ({"min_size": 2}, {"2.a", "3.a"}),
        ({"max_size": 2}, {"1.a", "2.a"}),
        ({"min_size": 2, "max_size": 2}, {"2.a"}),
        ({"min_size": 4}, set()),
    ],
)
def test_size(tree: Tree, runs: Runs, bounds: dict[str, int], names: set[str]) -> None:
    tree.write({"1.a": "x", "2.a": "xx", "3.a": "xxx"})
    assert moved(tree, runs, **bounds) == names


@pytest.mark.parametrize(
    ("bounds", "names"),
    [
        ({"newer_than_ns": 2 * DAY}, {"2.a", "3.a"}),
        ({"newer_than_ns": 2 * DAY + 1}, {"3.a"}),
        ({"older_than_ns": 2 * DAY}, {"1.a", "2.a"}),
        ({"older_than_ns": 2 * DAY - 1}, {"1.a"}),
        ({"newer_than_ns": 2 * DAY, "older_than_ns": 2 * DAY}, {"2.a"}),
    ],
)
def test_time(tree: Tree, runs: Runs, bounds: dict[str, int], names: set[str]) -> None:
    for day in (1, 2, 3):
        tree.write({f"{day}.a": str(day)})
        tree.set_time(f"{day}.a", day * DAY_NS)
    assert moved(tree, runs, **bounds) == names


def test_min_age_leaves_what_may_still_be_written(tree: Tree, runs: Runs) -> None:
    tree.write({"old.a": "1", "young.a": "2", "future.a": "3"})
    tree.set_time("old.a", time.time_ns() - 3600 * SECOND_NS)
    tree.set_time("future.a", time.time_ns() + 3600 * SECOND_NS)
    assert moved(tree, runs, min_age_ns=60 * SECOND_NS) == {"old.a"}


def test_a_group_is_as_new_as_its_newest_file(tree: Tree, runs: Runs) -> None:
    """A program that has a database open writes to its log; the database keeps its time until it is closed."""
    tree.write({"n.db": "1", "n.db-wal": "being written", "old.db": "2", "old.db-wal": "3"})
    for name in ("n.db", "old.db", "old.db-wal"):
        os.utime(tree.path(name), ns=(0, 0))
    assert moved(tree, runs, min_age_ns=3600 * SECOND_NS) == {"old.db", "old.db-wal"}


def test_min_age_and_older_than_both_hold(tree: Tree, runs: Runs) -> None:
    now = time.time_ns()
    for name, age in (("week.a", 7), ("day.a", 1), ("now.a", 0)):
        tree.write({name: name})
        tree.set_time(name, now - age * DAY_NS)
    assert moved(tree, runs, min_age_ns=3600 * SECOND_NS, older_than_ns=now - 2 * DAY_NS) == {"week.a"}
    assert moved(tree, runs, min_age_ns=3600 * SECOND_NS, older_than_ns=now) == {"day.a"}


@pytest.mark.parametrize("year", [1901, 1969, 2105, 2300, 2400])
def test_times_that_are_hardly_possible(tree: Tree, runs: Runs, year: int) -> None:
    """Times after 2262 do not fit 64 bits of nanoseconds: such a file is handled like any other."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    tree.set_time("a.jpg", (year - 1970) * 365 * DAY_NS)
    before = tree.snapshot()
    assert runs.organize().problems == []
    assert tree.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2"}
    runs.undo()
    assert tree.snapshot() == before


# Patterns ------------------------------------------------------------------------------------------------------------


def test_include(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.png": "2", "x/c.jpg": "3", "y/d.jpg": "4"})
    assert moved(tree, runs, recursive=True, include=["/*.jpg", "x/"]) == {"a.jpg", "c.jpg"}


def test_exclude(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.png": "2", "x/c.jpg": "3", "y/d.jpg": "4"})
    assert moved(tree, runs, recursive=True, exclude=["*.png", "/x"]) == {"a.jpg", "d.jpg"}


def test_an_ignore_file(tree: Tree, runs: Runs) -> None:
    tree.write({".fileorgignore": "# mine\n*.png\n!keep.png\n/x/\n", "a.jpg": "1", "b.png": "2", "keep.png": "3"})
    tree.write({"x/c.jpg": "4", "y/.fileorgignore": "d.*\n", "y/d.jpg": "5", "y/e.jpg": "6"})
    assert moved(tree, runs, recursive=True) == {"a.jpg", "keep.png", "e.jpg"}
    assert tree.path(".fileorgignore").exists()


def test_an_ignore_file_that_makes_no_sense_is_told_and_the_rest_is_done(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/.fileorgignore": "ok\n\n[z-a]\nc.*", "x/b.jpg": "2", "x/c.jpg": "3"})
    with runs.organizing(recursive=True) as run:
        run.run()
        assert [note.partition(":")[0] for note in run.seen.notes] == ["x/.fileorgignore, line 3"]
    assert {"Images/a.jpg", "Images/b.jpg", "x/c.jpg"} <= tree.read().keys()


# Left alone ----------------------------------------------------------------------------------------------------------


def test_a_hidden_name_without_more_has_no_extension(tree: Tree, runs: Runs) -> None:
    tree.write({f"{number}.pdf": str(number) for number in range(9)} | {".pdf": "hidden"})
    runs.organize(hidden=True)
    assert tree.read() == {f"Documents/{number}.pdf": str(number) for number in range(9)} | {".pdf": "hidden"}


def test_hidden_files_only_when_asked(tree: Tree, runs: Runs) -> None:
    tree.write({".a.jpg": "1", ".x/b.jpg": "2", "c.jpg": "3"})
    assert moved(tree, runs, recursive=True) == {"c.jpg"}
    assert moved(tree, runs, recursive=True, hidden=True) == {".a.jpg", "b.jpg"}


UNTOUCHED = {
    "project": {"p/package.json": "{}", "p/a.jpg": "1", "p/src/b.jpg": "2"},
    "git checkout": {"g/.git/config": "", "g/a.jpg": "1", "g/sub/b.jpg": "2"},
    "git worktree": {"w/.git": "gitdir: ../g/.git/worktrees/w", "w/a.jpg": "1"},
    "xcode": {"q/Thing.xcodeproj/project.pbxproj": "", "q/a.jpg": "1"},
    "bundle": {"Thing.app/Contents/a.jpg": "1", "Photos.photoslibrary/b.jpg": "2", "Song.logicx/c.jpg": "3"},
    "tooling": {"node_modules/m/a.jpg": "1", ".venv/b.jpg": "2", "__pycache__/c.jpg": "3"},
    "unfinished": {
        "a.jpg.part": "",
        "b.crdownload": "",
        "c.aria2": "",
        "d.!qB": "",
        "~$e.docx": "",
        ".~lock.f.odt#": "",
    },
    "unfinished folder": {"Thing.download/a.jpg": "1"},
    "system": {".DS_Store": "", "Thumbs.db": "", "desktop.ini": "", "._a.jpg": ""},
    "nas": {
        "@eaDir/a.jpg": "",
        "#recycle/b.jpg": "",
        ".snapshot/c.jpg": "",
        "lost+found/d.jpg": "",
        ".Trash-0/e.jpg": "",
    },
    "ours": {".fileorg/trash/1/a.jpg": "1", ".fileorg-1-2.part": "", ".fileorgignore": ""},
}


@pytest.mark.parametrize("kind", UNTOUCHED)
def test_never_touched(tree: Tree, runs: Runs, kind: str) -> None:
    tree.write(UNTOUCHED[kind])
    before = tree.snapshot()
    assert runs.organize(recursive=True, hidden=True).done == 0
    assert tree.snapshot() == before


def test_what_is_left_alone_is_counted(tree: Tree, runs: Runs) -> None:
    tree.write(UNTOUCHED["project"] | UNTOUCHED["bundle"] | UNTOUCHED["unfinished"] | {".hidden": "", "l": "-> p"})
    with runs.organizing(recursive=True) as run:
        seen = run.seen
    assert seen.ignored == {
        IgnoreReason.PROJECT: 1,
        IgnoreReason.BUNDLE: 3,
        IgnoreReason.UNFINISHED: 4,
        IgnoreReason.LOCK_FILE: 2,
        IgnoreReason.HIDDEN: 1,
    }
    assert seen.links == 1


def test_links_and_special_files_stay(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "link.jpg": "-> a.jpg", "broken.jpg": "-> nowhere", "folder.jpg": "-> ."})
    os.mkfifo(tree.path("pipe.jpg"))
    assert moved(tree, runs, recursive=True) == {"a.jpg", "link.jpg"}  # the link leads to the new path of a.jpg
    assert os.readlink(tree.path("link.jpg")) == "jpg/a.jpg"
    assert tree.path("pipe.jpg").is_fifo()
