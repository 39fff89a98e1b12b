"""Undo of copies: a copy that looks unmodified may have been edited, and an edited copy is never removed."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import Action, OnConflict, RecordState
from fileorg.core.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

_SIZE = 10_000


def _by_name(file: Path) -> Callable[[], None]:
    return lambda: _write(file)


def _write(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"NEW WORK")


def _by_descriptor(file: Path) -> Callable[[], None]:
    """Return an edit through a descriptor: opened now, written and closed later."""
    fd = os.open(file, os.O_RDWR)

    def edit() -> None:
        os.pwrite(fd, b"NEW WORK", 0)
        os.close(fd)

    return edit


def _by_mapping(file: Path) -> Callable[[], None]:
    """Return an edit through a mapping, whose page is dirty already: a store changes no time."""
    with file.open("r+b") as opened:
        mapped = mmap.mmap(opened.fileno(), 0)
    mapped[:1] = mapped[:1]

    def edit() -> None:
        mapped[:8] = b"NEW WORK"
        mapped.close()

    return edit


EDITS = pytest.mark.parametrize("begin", [_by_name, _by_descriptor, _by_mapping])


def _with_times_kept(file: Path, edit: Callable[[], None]) -> None:
    """Edit and restore the times, like VeraCrypt, `exiftool -P`, `rsync --inplace -t` and `touch -r`."""
    before = file.stat()
    edit()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@EDITS
def test_an_edit_that_keeps_size_and_time_is_kept(
    tree: Tree, runs: Runs, begin: Callable[[Path], Callable[[], None]]
) -> None:
    tree.write({"a.jpg": "x" * _SIZE, "b.jpg": "y"})
    runs.organize(action=Action.COPY)
    copy = tree.path("Images/a.jpg")
    _with_times_kept(copy, begin(copy))
    outcome = runs.undo()
    assert [(problem.state, problem.reason and problem.reason.code) for problem in outcome.problems] == [
        (RecordState.CHANGED, ReasonCode.EDITED_AND_KEPT)
    ]
    assert copy.read_bytes() == b"NEW WORK" + b"x" * (_SIZE - 8)
    assert not tree.path("Images/b.jpg").exists()


@EDITS
def test_a_copy_stays_whose_original_was_edited_keeping_size_and_time(
    tree: Tree, runs: Runs, begin: Callable[[Path], Callable[[], None]]
) -> None:
    tree.write({"a.jpg": "x" * _SIZE})
    original = tree.path("a.jpg")
    runs.organize(action=Action.COPY)
    _with_times_kept(original, begin(original))
    outcome = runs.undo()
    assert [problem.reason and problem.reason.code for problem in outcome.problems] == [ReasonCode.ORIGINAL_CHANGED]
    assert tree.path("Images/a.jpg").read_bytes() == b"x" * _SIZE
    assert original.read_bytes() == b"NEW WORK" + b"x" * (_SIZE - 8)


def test_a_copy_that_someone_has_open_for_writing_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(action=Action.COPY)
    with tree.path("Images/a.jpg").open("r+b"):
        outcome = runs.undo()
    assert [problem.reason and problem.reason.code for problem in outcome.problems] == [ReasonCode.BEING_WRITTEN]
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2", "Images/a.jpg": "1"}
    assert runs.undo().problems == []
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}


def test_another_mode_or_name_of_a_copy_is_no_edit(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    before = tree.read()
    runs.organize(action=Action.COPY)
    tree.path("Images/a.jpg").chmod(0o600)
    tree.path("Images/b.jpg").rename(tree.path("b.tmp"))
    tree.path("b.tmp").rename(tree.path("Images/b.jpg"))
    assert runs.undo().problems == []
    assert tree.read() == before


def test_a_copy_that_was_organized_again_goes(tree: Tree, runs: Runs) -> None:
    """fileorg's own renames change the ctime: then the content decides."""
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    before = tree.snapshot()
    runs.organize(action=Action.COPY)
    runs.organize(recursive=True, by="date")
    assert runs.undo().problems == []
    assert runs.undo().problems == []
    assert tree.snapshot() == before


def test_an_edit_after_redo_is_kept(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "x" * _SIZE})
    runs.organize(action=Action.COPY)
    runs.undo()
    runs.redo()
    copy = tree.path("Images/a.jpg")
    _with_times_kept(copy, _by_name(copy))
    assert [problem.reason and problem.reason.code for problem in runs.undo().problems] == [ReasonCode.EDITED_AND_KEPT]
    assert copy.read_bytes().startswith(b"NEW WORK")


def test_a_file_comes_back_beside_a_copy_that_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "Images/a.jpg": "old"})
    tree.set_time("Images/a.jpg", 10**18)
    runs.organize(action=Action.COPY, on_conflict=OnConflict.KEEP_NEWER)
    tree.write({"a.jpg": "edited"})
    assert len(runs.undo(rename=True).problems) == 2
    assert [problem.path for problem in runs.undo(1, rename=True).problems] == [b"Images/a.jpg"]
    assert tree.read() == {"a.jpg": "edited", "Images/a.jpg": "new", "Images/a (2).jpg": "old"}
