"""Unreadable and unwritable entries are named while the rest is done; and entries on other disks."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.runs import Runs

from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.state import open_state
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tree import Tree


# Unreadable and unwritable entries -----------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_read_is_reported(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"a.jpg": "1", "x/b.jpg": "2", "x/closed/c.jpg": "3"})
    tree.path("x/closed").chmod(0)
    with of_nobody.organizing(recursive=True) as run:
        assert run.seen.unreadable == [(b"x/closed", Reason(ReasonCode.SYSTEM_ERROR, None, errno.EACCES))]
        assert run.run().done == 2
    tree.path("x/closed").chmod(0o755)
    assert tree.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2", "x/closed/c.jpg": "3"}


def test_a_target_folder_that_cannot_be_entered(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"a.jpg": "1", "b.mp3": "2", "Images/": ""})
    tree.path("Images").chmod(0)
    with of_nobody.organizing() as run:
        assert (run.plan.files, run.plan.skipped) == (1, 1)
        assert run.run().done == 1
    tree.path("Images").chmod(0o755)
    assert tree.read() == {"a.jpg": "1", "Audio/b.mp3": "2", "Images/": ""}


def test_a_folder_that_cannot_be_written(of_nobody: Runs) -> None:
    """Files that cannot be moved are named; the rest are moved."""
    tree = of_nobody.tree
    tree.write({"a.jpg": "1", "x/b.jpg": "2"})
    tree.path("x").chmod(0o555)
    outcome = of_nobody.organize(recursive=True)
    assert tree.read() == {"Images/a.jpg": "1", "x/b.jpg": "2"}
    assert [(problem.path, sentence(problem.reason)) for problem in outcome.problems] == [
        (b"x/b.jpg", "Permission denied")
    ]


def test_a_file_that_cannot_be_read_is_moved_but_not_compared(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"a.jpg": "same", "Images/a.jpg": "same"})
    tree.path("a.jpg").chmod(0)
    of_nobody.organize()
    tree.path("Images/a (2).jpg").chmod(0o644)
    assert tree.read() == {"Images/a.jpg": "same", "Images/a (2).jpg": "same"}


# Other disks ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tree: Tree) -> Iterator[Path]:
    """Another file system below the root."""
    place = tree.path("disk")
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "fileorg-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs needs root, with the right to mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.root
def test_another_disk_below_the_root(tree: Tree, runs: Runs, disk: Path) -> None:
    tree.write({"a.jpg": "1", "disk/b.jpg": "2", "disk/x/c.jpg": "3"})
    before = tree.snapshot()
    assert runs.organize(recursive=True, one_file_system=True).done == 1
    assert tree.read() == {"Images/a.jpg": "1", "disk/b.jpg": "2", "disk/x/c.jpg": "3"}
    assert runs.organize(recursive=True).done == 2
    assert tree.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2", "Images/c.jpg": "3", "disk/x/": ""}
    runs.undo()
    runs.undo()
    assert tree.snapshot() == before


@pytest.mark.root
def test_a_category_folder_on_another_disk(tree: Tree, runs: Runs, disk: Path) -> None:
    """`Images` may be on a disk with more space."""
    tree.write({"a.jpg": "1", "x.jpg": "2"})
    tree.path("x.jpg").unlink()
    before = tree.snapshot()
    runs.organize(template="disk/{category}/{name}")
    assert tree.read() == {"disk/Images/a.jpg": "1"}
    runs.undo()
    assert tree.snapshot() == before


@pytest.mark.parametrize("where", ["state", ".state", "a/b/state"])
@pytest.mark.parametrize("all_files", [False, True])
def test_a_state_directory_inside_is_left_alone_by_every_command(
    tree: Tree, runs: Runs, where: str, *, all_files: bool
) -> None:
    """This includes the state directory of another run, and one that a crash left with all data in its log."""
    tree.write({"a.txt": "1", "empty.txt": ""})
    there = tree.path(where)
    state = open_state(os.fsencode(there))
    Runs(tree, state).organize()
    Runs(tree, state).undo()
    before = {name.name: name.read_bytes() for name in there.iterdir()}
    runs.organize(recursive=True, all_files=all_files)
    runs.clean()
    runs.dedupe("quarantine", all_files=all_files)
    assert {name.name: name.read_bytes() for name in there.iterdir()} == before
    for _ in range(2):
        runs.undo()
    assert {name.name: name.read_bytes() for name in there.iterdir()} == before


@pytest.mark.parametrize(
    ("names", "stays"),
    [
        ({"journal.db": "SQLite format 3\0 of others", "index.db": ""}, False),
        ({"journal.db": "", "notes.txt": ""}, False),
        ({"journal.db": "", "run.lock": ""}, True),
    ],
)
def test_what_only_looks_like_a_state_directory_is_sorted(
    tree: Tree, runs: Runs, names: dict[str, str], *, stays: bool
) -> None:
    tree.write({f"x/{name}": content for name, content in names.items()})
    runs.organize(recursive=True, all_files=True)
    assert tree.path("x/journal.db").exists() == stays


@pytest.mark.parametrize("statement", ["", "PRAGMA application_id=1179603527"])
def test_a_state_directory_that_a_kill_left_at_its_creation_is_left_alone(
    tree: Tree, runs: Runs, tmp_path: Path, statement: str
) -> None:
    """What identifies the journal is still in its log."""
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(statement)
        tree.write({"state/run.lock": ""})
        for file in tmp_path.glob("journal.db*"):
            shutil.copy(file, tree.path("state"))
    before = tree.snapshot()
    assert tree.path("state/journal.db").stat().st_size
    runs.organize(recursive=True, all_files=True)
    assert tree.snapshot() == before
