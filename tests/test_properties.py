"""The invariants of the reliability page, over trees and options that no one thought of.

`HYPOTHESIS_PROFILE=thorough` tries fifty times as many.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.runs import Runs
from tests.support.snapshot import Snapshot, contents, differences
from tests.support.tree import Tree

from fileorg.errors import FileorgError
from fileorg.model import Action, By, OnConflict, RecordState
from fileorg.state import open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("quick", max_examples=40)
settings.register_profile("thorough", max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
tried = settings(deadline=None, suppress_health_check=list(HealthCheck))

FEW_TIMES_NS = [10**18, 17 * 10**17 + 123_456_789, 1_600_000_000 * 10**9, -(10**15)]

# Few stems, extensions and contents, so that they clash; now and then any bytes at all.
stems = st.sampled_from(["a", "b", "A", "Images", "a (2)", "IMG_1", ".x", "caf\udce9", "new\nline", "-rf", "x" * 240])
extensions = st.sampled_from(["", ".jpg", ".JPG", ".pdf", ".tar.gz", ".xmp", ".mov", ".heic", ".qqq", ".part"])
anything = st.binary(min_size=1, max_size=40).map(os.fsdecode).filter(lambda name: name not in {".", "..", ".git", ".hg", ".svn"})
names = st.one_of(
    st.builds(str.__add__, stems, extensions), st.builds(str.__add__, stems, extensions), anything
).filter(lambda name: "/" not in name and "\0" not in name and len(os.fsencode(name)) <= 255)
folders = st.sampled_from(["", "", "", "sub/", "sub/deep/", "other/", "Images/", "2020/09/", "jpg/"])
files = st.lists(
    st.tuples(folders, names, st.sampled_from(["", "one", "two", "six"]), st.sampled_from(FEW_TIMES_NS), st.booleans()),
    max_size=12,
)
options = st.fixed_dictionaries({
    "by": st.sampled_from(list(By)),
    "action": st.sampled_from([Action.MOVE, Action.MOVE, *Action][:6]).filter(
        lambda action: action in {Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK}
    ),
    "on_conflict": st.sampled_from([conflict for conflict in OnConflict if conflict is not OnConflict.FAIL]),
    "recursive": st.booleans(),
    "hidden": st.booleans(),
})  # fmt: skip


def build(tree: Tree, entries: list[tuple[str, str, str, int, bool]]) -> None:
    """Files, some with a second name, an empty folder and a symlink; what cannot be (a folder of that name) is left out."""
    for folder, name, content, mtime_ns, second in entries:
        place = os.path.join(tree.root, folder, name)
        if os.path.lexists(place):
            continue
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            Path(place).write_text(content)
        except OSError:
            continue
        if second and not os.path.lexists(os.path.join(tree.root, f"second {len(name)}.jpg")):
            os.link(place, os.path.join(tree.root, f"second {len(name)}.jpg"))
        os.utime(place, ns=(mtime_ns, mtime_ns))
    os.makedirs(os.path.join(tree.root, "empty", "emptier"), exist_ok=True)
    if not os.path.lexists(os.path.join(tree.root, "link.jpg")):
        os.symlink("nowhere", os.path.join(tree.root, "link.jpg"))


@contextmanager
def runs_on(entries: list[tuple[str, str, str, int, bool]]) -> Iterator[Runs]:
    place = tempfile.mkdtemp(prefix="fileorg-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        tree = Tree(Path(place, "tree"))
        build(tree, entries)
        yield Runs(tree, open_state(os.fsencode(place) + b"/state"))
    finally:
        shutil.rmtree(place)


def same(before: Snapshot, after: Snapshot) -> None:
    assert not (found := differences(before, after)), "\n".join(found)


@tried
@given(files, options)
def test_organize_keeps_every_content_and_undo_gives_the_same_tree(
    entries: list[tuple[str, str, str, int, bool]], chosen: dict[str, Any]
) -> None:
    with runs_on(entries) as runs:
        before = runs.tree.snapshot()
        outcome = runs.organize(**chosen)
        after = runs.tree.snapshot()
        assert contents(before).keys() <= contents(after).keys()  # I1
        _nothing_replaced(before, after, runs, outcome.operation)  # I2
        assert not any(os.path.basename(path).endswith(b".part") for path in after.keys() - before.keys())  # I3
        if runs.records(outcome.operation, RecordState.DONE):
            assert not runs.undo().problems
        same(before, runs.tree.snapshot())  # I4


def _nothing_replaced(before: Snapshot, after: Snapshot, runs: Runs, operation: int) -> None:
    """A file that no record moved is where it was, as it was."""
    moved = {
        os.path.join(record.source_folder or b"", record.source_name)
        for record in runs.records(operation, RecordState.DONE)
        if record.action is Action.MOVE or record.action == Action.MOVE
    }
    for path, node in before.items():
        if node.kind != "folder" and path not in moved:
            assert path in after
            assert (after[path].content, after[path].mode) == (node.content, node.mode)


@tried
@given(files, options)
def test_a_dry_run_changes_nothing_and_says_what_the_run_does(
    entries: list[tuple[str, str, str, int, bool]], chosen: dict[str, Any]
) -> None:
    with runs_on(entries) as runs:
        before = runs.tree.snapshot()
        shown = runs.dry_run(**chosen)
        same(before, runs.tree.snapshot())
        outcome = runs.organize(**chosen)
        done = [
            (record.action, record.source_folder or b"", record.source_name or b"", record.target_folder, record.target_name)
            for record in runs.records(outcome.operation)
        ]
        said = [(row.action, row.source_folder, row.source_name, row.target_folder, row.target_name) for row in shown]
        # The number of the operation is not known before there is one.
        assert [_without_trash(row) for row in done] == [_without_trash(row) for row in said]


def _without_trash(row: tuple[Any, ...]) -> tuple[Any, ...]:
    action, *paths = row
    trash = b".fileorg/trash"
    return action, *(trash if isinstance(path, bytes) and path.startswith(trash) else path for path in paths[:-1]), (
        b"" if paths[-2].startswith(trash) else paths[-1]
    )


@tried
@given(files, options)
def test_the_same_run_again_does_nothing(
    entries: list[tuple[str, str, str, int, bool]], chosen: dict[str, Any]
) -> None:
    with runs_on(entries) as runs:
        first = runs.organize(**chosen)
        if first.problems or RecordState.SKIPPED in first.counts:
            # Files whose way was barred may find it free now: a run that skipped something says so itself.
            runs.organize(**chosen)
        after = runs.tree.snapshot()
        again = runs.organize(**chosen)
        assert again.done == 0
        same(after, runs.tree.snapshot())


@tried
@given(files, options)
def test_redo_after_undo_is_the_identity(
    entries: list[tuple[str, str, str, int, bool]], chosen: dict[str, Any]
) -> None:
    with runs_on(entries) as runs:
        before = runs.tree.snapshot()
        runs.organize(**chosen)
        organized = runs.tree.snapshot()
        try:
            runs.undo()
        except FileorgError:  # there was nothing to do
            return
        runs.redo()
        redone = runs.tree.snapshot()
        if chosen["action"] is Action.MOVE:
            same(organized, redone)
        else:  # copies and links are made anew: the folders they are in have new times
            assert {path: node.alone.content for path, node in organized.items()} == {
                path: node.alone.content for path, node in redone.items()
            }
        runs.undo()
        same(before, runs.tree.snapshot())
