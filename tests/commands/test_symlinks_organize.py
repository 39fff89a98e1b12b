"""A symlink leads to its file wherever organize moves the file, and is the same symlink again after undo."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import Action, By, OnConflict, RecordState
from fileorg.core.reasons import ReasonCode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome

TRASH = ".fileorg/"


def seen(tree: Tree) -> dict[str, str]:
    """Return the tree without the trash."""
    return {path: content for path, content in tree.read().items() if not path.startswith(TRASH)}


def inodes(tree: Tree) -> dict[str, int]:
    return {path: tree.path(path).lstat().st_ino for path in tree.read()}


def codes(outcome: Outcome) -> dict[str, ReasonCode | None]:
    """Return path → why an entry stays."""
    return {os.fsdecode(problem.path): problem.reason and problem.reason.code for problem in outcome.problems}


CASES = {
    "beside it": ({"a.pdf": "1", "l": "-> a.pdf"}, {"Documents/a.pdf": "1", "l": "-> Documents/a.pdf"}),
    "two of them": (
        {"a.pdf": "1", "l": "-> a.pdf", "m": "-> ./a.pdf"},
        {"Documents/a.pdf": "1", "l": "-> Documents/a.pdf", "m": "-> Documents/a.pdf"},
    ),
    "up and down": (
        {"a.pdf": "1", "x/": "", "l": "-> x/../a.pdf"},
        {"Documents/a.pdf": "1", "x/": "", "l": "-> Documents/a.pdf"},
    ),
    "in a folder, to one in another": (
        {"x/y/a.pdf": "1", "z/l": "-> ../x/y/a.pdf", "x/y/stay.zzz": ""},
        {"Documents/a.pdf": "1", "z/l": "-> ../Documents/a.pdf", "x/y/stay.zzz": ""},
    ),
    "by way of a symlink to a folder": (
        {"x/a.pdf": "1", "x/stay.zzz": "", "f": "-> x", "l": "-> f/a.pdf"},
        {"Documents/a.pdf": "1", "x/stay.zzz": "", "f": "-> x", "l": "-> Documents/a.pdf"},
    ),
    "to a symlink, which leads on": (
        {"a.pdf": "1", "l": "-> a.pdf", "m": "-> l", "n": "-> m"},
        {"Documents/a.pdf": "1", "l": "-> Documents/a.pdf", "m": "-> l", "n": "-> m"},
    ),
    "of a side-car": (
        {"a.jpg": "1", "a.xmp": "2", "l": "-> a.xmp"},
        {"Images/a.jpg": "1", "Images/a.xmp": "2", "l": "-> Images/a.xmp"},
    ),
    "with a number": (
        {"x/a.pdf": "1", "x/l": "-> a.pdf", "Documents/a.pdf": "2", "Documents/m": "-> a.pdf"},
        {
            "Documents/a.pdf": "2",
            "Documents/a (2).pdf": "1",
            "x/l": "-> ../Documents/a (2).pdf",
            "Documents/m": "-> a.pdf",
        },
    ),
    "of bytes that are no text": (
        {"caf\udce9 \n.pdf": "1", "\udcff": "-> caf\udce9 \n.pdf"},
        {"Documents/caf\udce9 \n.pdf": "1", "\udcff": "-> Documents/caf\udce9 \n.pdf"},
    ),
    "in a circle, to a folder, to nothing, to what stays, and out of the tree": (
        {
            "a.pdf": "1", "b.zzz": "", "c/": "", "circle": "-> circle", "to": "-> fro", "fro": "-> to",
            "folder": "-> c", "nothing": "-> no.pdf", "stays": "-> b.zzz", "out": "-> ../a.pdf", "dots": "-> ..",
            "slash": "-> a.pdf/",
        },
        {
            "Documents/a.pdf": "1", "b.zzz": "", "c/": "", "circle": "-> circle", "to": "-> fro", "fro": "-> to",
            "folder": "-> c", "nothing": "-> no.pdf", "stays": "-> b.zzz", "out": "-> ../a.pdf", "dots": "-> ..",
            "slash": "-> a.pdf/",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_rewritten_and_comes_back(tree: Tree, runs: Runs, case: str) -> None:
    before, after = CASES[case]
    tree.write(before)
    for number, path in enumerate(tree.read()):
        tree.set_time(path, number * 10**9 + 7)
    tree.set_time(".", 77 * 10**9 + 7)
    first, numbers = tree.snapshot(), inodes(tree)
    outcome = runs.organize(recursive=True)
    files = sum(not content.startswith("-> ") and not path.endswith("/") for path, content in after.items())
    assert outcome.done <= files
    assert seen(tree) == after
    assert not outcome.problems
    organized = tree.snapshot()
    runs.undo()
    assert tree.snapshot() == first
    assert inodes(tree) == numbers
    runs.redo()
    assert {path: node.alone for path, node in tree.snapshot().items() if node.kind != "folder"} == {
        path: node.alone for path, node in organized.items() if node.kind != "folder"
    }
    runs.undo()
    assert tree.snapshot() == first


def test_an_absolute_one_stays_absolute(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1"})
    os.symlink(f"{tree.root}//./a.pdf", tree.path("l"))
    first = tree.snapshot()
    runs.organize()
    assert os.readlink(tree.path("l")) == str(tree.path("Documents/a.pdf"))
    runs.undo()
    assert tree.snapshot() == first


def test_an_absolute_one_by_another_path_to_the_root(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a.pdf": "1"})
    (tmp_path / "other").symlink_to(tree.root)
    os.symlink(tmp_path / "other/a.pdf", tree.path("l"))
    runs.organize()
    assert tree.path("l").read_text() == "1"


def test_to_a_destination_elsewhere(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    os.symlink(tree.path("a.pdf"), tree.path("m"))
    first = tree.snapshot()
    runs.organize(dest=tmp_path / "dest/new")
    assert os.readlink(tree.path("l")) == "../dest/new/Documents/a.pdf"
    assert os.readlink(tree.path("m")) == str(tmp_path / "dest/new/Documents/a.pdf")
    assert tree.path("l").read_text() == tree.path("m").read_text() == "1"
    runs.undo()
    assert tree.snapshot() == first


def test_to_another_disk(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    first = tree.snapshot()
    runs.organize(dest=elsewhere)
    assert tree.path("l").read_text() == "1"
    assert not os.readlink(tree.path("l")).startswith("/")
    runs.undo()
    assert tree.snapshot() == first


def test_to_a_destination_below_the_root_that_is_made(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    first = tree.snapshot()
    runs.organize(dest=tree.path("new"))
    assert os.readlink(tree.path("l")) == "new/Documents/a.pdf"
    runs.undo()
    assert tree.snapshot() == first


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_where_the_file_stays_there_is_nothing_to_do(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    outcome = runs.organize(action=action)
    assert os.readlink(tree.path("l")) == "a.pdf"
    assert (outcome.rewritten, outcome.problems) == (0, [])
    assert not tree.path(".fileorg").exists()


@pytest.mark.parametrize("dest", ["dest", "x/dest"])
def test_in_a_destination_below_the_root(tree: Tree, runs: Runs, dest: str) -> None:
    tree.write({"a.pdf": "1", f"{dest}/l": f"-> {'../' * (dest.count('/') + 1)}a.pdf"})
    outcome = runs.organize(dest=tree.path(dest), recursive=True)
    assert codes(outcome) == {"l": ReasonCode.SYMLINK_NOT_ENTERED}


def test_what_makes_room_for_a_newer_file_takes_no_symlink_along(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.pdf": "new", "Documents/a.pdf": "old", "Documents/l": "-> a.pdf", "x/m": "-> a.pdf"})
    tree.set_time("Documents/a.pdf", 10**9)
    first = tree.snapshot()
    runs.organize(recursive=True, on_conflict=OnConflict.KEEP_NEWER)
    assert seen(tree) == {"Documents/a.pdf": "new", "Documents/l": "-> a.pdf", "x/m": "-> ../Documents/a.pdf"}
    runs.undo()
    assert tree.snapshot() == first
    runs.redo()
    assert seen(tree) == {"Documents/a.pdf": "new", "Documents/l": "-> a.pdf", "x/m": "-> ../Documents/a.pdf"}
    runs.undo()
    assert tree.snapshot() == first


# Symlinks that stay unchanged are reported -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "path", "code"),
    [
        ({"exclude": ["lin*"]}, "link", ReasonCode.SYMLINK_LEFT_ALONE),
        ({}, ".hidden", ReasonCode.SYMLINK_LEFT_ALONE),
        ({}, "l.part", ReasonCode.SYMLINK_LEFT_ALONE),
        ({}, "x/l", ReasonCode.SYMLINK_NOT_ENTERED),
        ({}, "x/y/z/l", ReasonCode.SYMLINK_NOT_ENTERED),
        ({}, "Documents/l", ReasonCode.SYMLINK_NOT_ENTERED),
        ({"recursive": True}, "Documents/x/l", ReasonCode.SYMLINK_NOT_ENTERED),
        ({"recursive": True, "exclude": ["x/"]}, "x/y/l", ReasonCode.SYMLINK_NOT_ENTERED),
        ({"recursive": True, "max_depth": 1}, "x/y/l", ReasonCode.SYMLINK_NOT_ENTERED),
        ({"recursive": True}, "project/l", ReasonCode.SYMLINK_NOT_ENTERED),
    ],
)
def test_one_that_is_left_alone_is_named(
    tree: Tree, runs: Runs, options: dict[str, object], path: str, code: ReasonCode
) -> None:
    up = "../" * path.count("/")
    tree.write({"a.pdf": "1", path: f"-> {up}a.pdf", "project/.git/": "", "x/y/": ""})
    outcome = runs.organize(**options)
    assert os.readlink(tree.path(path)) == f"{up}a.pdf"
    assert codes(outcome) == {path: code}
    assert [problem.state for problem in outcome.problems] == [RecordState.SKIPPED]
    assert not tree.path(".fileorg").exists()


def test_in_large_folders_that_are_not_entered_nothing_is_looked_for(
    tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileorg.scan.walk._NAMES_NOT_ENTERED", 3)
    tree.write({"a.pdf": "1", "x/1": "", "x/2": "", "x/3": "", "x/y/l": "-> ../../a.pdf"})
    assert not runs.organize().problems


def test_one_in_a_fileorgignore_is_named(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf", ".fileorgignore": "l"})
    assert codes(runs.organize()) == {"l": ReasonCode.SYMLINK_LEFT_ALONE}


def test_what_include_names_are_files(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    runs.organize(include=["*.pdf"])
    assert os.readlink(tree.path("l")) == "Documents/a.pdf"


def test_a_symlink_to_what_stays_in_a_folder_that_is_not_entered_is_not_named(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "b.zzz": "", "x/l": "-> ../b.zzz", "x/m": "-> y"})
    assert not runs.organize().problems


def test_where_nobody_may_write_it_is_named(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"a.pdf": "1", "x/l": "-> ../a.pdf"})
    tree.path("x").chmod(0o500)
    outcome = of_nobody.organize(recursive=True)
    assert os.readlink(tree.path("x/l")) == "../a.pdf"
    assert codes(outcome) == {"x/l": ReasonCode.SYMLINK_NOT_REWRITTEN}
    assert [problem.state for problem in outcome.problems] == [RecordState.SKIPPED]


# The file does not move -------------------------------------------------------------------------------------------


def test_a_file_that_is_skipped(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "Documents/a.pdf": "2", "l": "-> a.pdf"})
    outcome = runs.organize(on_conflict=OnConflict.SKIP)
    assert os.readlink(tree.path("l")) == "a.pdf"
    assert codes(outcome) == {"a.pdf": ReasonCode.NAME_TAKEN}


def test_a_file_that_is_identical(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "Documents/a.pdf": "1", "l": "-> a.pdf"})
    runs.organize()
    assert os.readlink(tree.path("l")) == "a.pdf"


@pytest.mark.parametrize("meddle", ["name taken", "edited", "removed", "replaced"])
def test_a_file_whose_move_comes_to_nothing(tree: Tree, runs: Runs, meddle: str) -> None:
    tree.write({"a.pdf": "1", "b.pdf": "2", "l": "-> a.pdf", "m": "-> b.pdf"})
    with runs.organizing() as run:
        match meddle:
            case "name taken":
                tree.write({"Documents/a.pdf": "of others"})
            case "edited":
                tree.path("a.pdf").write_text("longer")
            case "removed":
                tree.path("a.pdf").unlink()
            case "replaced":
                tree.path("a.pdf").rename(tree.path("c"))
                tree.write({"a.pdf": "1"})
        outcome = run.run()
    assert os.readlink(tree.path("l")) == "a.pdf"
    assert os.readlink(tree.path("m")) == "Documents/b.pdf"
    assert outcome.rewritten == 1
    assert "l" not in codes(outcome)  # its file is reported


@pytest.mark.parametrize("meddle", ["to another", "to the same", "removed", "a file"])
def test_a_symlink_that_others_change_is_theirs(tree: Tree, runs: Runs, meddle: str) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    with runs.organizing() as run:
        tree.path("l").unlink()
        if meddle != "removed":
            tree.write({"l": {"to another": "-> b.pdf", "to the same": "-> a.pdf", "a file": "theirs"}[meddle]})
            tree.set_time("l", 10**9)
        before = tree.read().get("l")
        outcome = run.run()
    assert tree.read().get("l") == before
    assert [problem.state for problem in outcome.problems] == [RecordState.SKIPPED]
    assert outcome.done == 1


# Undo restores it with its file -----------------------------------------------------------------------------------


def test_one_whose_file_cannot_come_back_leads_on_to_it(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "b.pdf": "2", "l": "-> a.pdf", "m": "-> b.pdf"})
    runs.organize()
    tree.write({"a.pdf": "of others"})
    outcome = runs.undo()
    assert os.readlink(tree.path("l")) == "Documents/a.pdf"
    assert os.readlink(tree.path("m")) == "b.pdf"
    assert codes(outcome) == {"Documents/a.pdf": ReasonCode.NAME_TAKEN}
    tree.path("a.pdf").unlink()
    runs.undo()
    assert seen(tree) == {"a.pdf": "1", "b.pdf": "2", "l": "-> a.pdf", "m": "-> b.pdf"}
    assert not tree.path(".fileorg").exists()


def test_one_that_was_pointed_elsewhere_since_is_not_touched(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    runs.organize()
    tree.path("l").unlink()
    tree.write({"l": "-> somewhere"})
    outcome = runs.undo()
    assert os.readlink(tree.path("l")) == "somewhere"
    assert tree.path("a.pdf").read_text() == "1"
    assert [problem.state for problem in outcome.problems] == [RecordState.CONFLICT]


def test_one_that_was_removed_since_comes_back(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    first = inodes(tree)
    runs.organize()
    tree.path("l").unlink()
    runs.undo()
    assert inodes(tree) == first


def test_two_runs_are_taken_back_one_after_the_other(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    first = tree.snapshot()
    runs.organize()
    runs.organize(recursive=True, template="new/{category}/{name}")
    assert os.readlink(tree.path("l")) == "new/Documents/a.pdf"
    runs.undo()
    assert os.readlink(tree.path("l")) == "Documents/a.pdf"
    runs.undo()
    assert tree.snapshot() == first


def test_many_batches(tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is stopped between two batches has rewritten the symlinks to the files that it moved."""
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)
    monkeypatch.setattr("fileorg.workflows.operations.COPIED_ROWS", 3)
    names = [f"{number}.pdf" for number in range(10)]
    tree.write({name: name for name in names})
    tree.write({f"{name} {number}": f"-> {name}" for name in names for number in range(4)})
    first = tree.snapshot()
    with runs.organizing() as run:
        stops = iter([False, False, False, True])
        run.run(lambda: next(stops))
    led = [path for path in seen(tree) if tree.path(path).is_symlink() and tree.path(path).exists()]
    assert len(led) == 40
    runs.organize()
    assert {os.readlink(tree.path(path)) for path in led} == {f"Documents/{name}" for name in names}
    runs.undo()
    runs.undo(1)
    assert tree.snapshot() == first


def test_a_dry_run_says_so(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf", "x/m": "-> ../a.pdf"})
    before = tree.snapshot()
    rows = [row for row in runs.dry_run() if row.action is Action.REWRITE_SYMLINK]
    assert [(row.source_folder, row.source_name, row.reason and row.reason.code) for row in rows] == [
        (b"", b"l", None),
        (b"x", b"m", ReasonCode.SYMLINK_NOT_ENTERED),
    ]
    assert tree.snapshot() == before


def test_symlinks_are_no_files_in_the_counts(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf", "m": "-> a.pdf"})
    outcome = runs.organize()
    assert (outcome.done, outcome.rewritten, outcome.symlinks) == (1, 2, [b"l", b"m"])
    undone = runs.undo()
    assert (undone.done, undone.rewritten) == (1, 2)


def test_a_symlink_that_leads_to_another_file_again_is_not_said_to_point_to_its_own(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "l": "-> a.pdf"})
    runs.organize()
    tree.write({"a.pdf": "someone else's"})
    tree.date("a.pdf", "2020-01-01")
    undone = runs.undo(rename=True)
    assert tree.read() == {"a (2).pdf": "1", "a.pdf": "someone else's", "l": "-> a.pdf"}
    assert (undone.done, undone.rewritten, undone.problems) == (1, 0, [])


@pytest.mark.parametrize("first", ["organize", "symlinks", "dedupe"])
def test_redo_rewrites_what_an_earlier_redo_made_again(runs: Runs, elsewhere: Path, first: str) -> None:
    """The rewritten symlink of the first operation is a new one after its redo."""
    runs.tree.write({"a.txt": "1", "b.txt": "1", "l": "-> a.txt"})
    if first == "dedupe":
        runs.dedupe("symlink")
    else:
        runs.organize(action=Action.SYMLINK if first == "symlinks" else Action.MOVE)
    runs.organize(recursive=True, by=By.EXTENSION)
    runs.organize(recursive=True, dest=elsewhere / "dest")
    done = seen(runs.tree)
    for _ in range(2):
        for number in (3, 2, 1):
            assert runs.undo(number).problems == []
        assert runs.tree.read() == {"a.txt": "1", "b.txt": "1", "l": "-> a.txt"}
        for number in (1, 2, 3):
            assert runs.redo(number).problems == []
        assert seen(runs.tree) == done
