"""A folder that is mounted twice: files of the reference stay, and no file is reached by two paths."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.disks import bound

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.reasons import ReasonCode
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.rules.filters import Filters
from fileorg.scan.leftovers import Leftover
from fileorg.workflows.scan import categorize, scan_trees

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

_FILES = {
    "a/1.txt": "same", "a/sub/2.txt": "same", "a/sub/deep/3.txt": "same", "a/other.txt": "other",
    "b/x/1.txt": "same", "b/4.txt": "same",
}  # fmt: skip


@contextlib.contextmanager
def mounted(tree: Tree, mounts: dict[str, str]) -> Iterator[None]:
    """The files, with some of their folders mounted at other paths."""
    tree.write(_FILES)
    with contextlib.ExitStack() as stack:
        for place, folder in mounts.items():
            stack.enter_context(bound(str(tree.path(folder)), str(tree.path(place))))
        yield


OTHER_DISK_THAN_TRASH = ReasonCode.OTHER_DISK_THAN_TRASH
REFERENCES = {
    "a folder of it": ({"m": "a/sub"}, ["m"], "a"),
    "a folder of it, with a blank in its name": ({"m n\\": "a/sub"}, ["m n\\"], "a"),
    "the whole of it": ({"m": "a"}, ["m"], "a"),
    "what it is in": ({"m": "a"}, ["m/sub"], "a/sub"),
    "what it is in, beside others": ({"m": "a"}, ["b", "m"], "a/sub"),
    "a part of what is mounted in it": ({"a/sub": "b"}, ["b/x"], "a"),
    "what holds a part of what is mounted in it": ({"a/sub": "b/x"}, ["b"], "a"),
    "the first mount of what is mounted twice": ({"m": "b", "a/sub": "m"}, ["m"], "a"),
    "a reference that is mounted in the root": ({"b/x": "a/sub"}, ["b"], "a"),
}


@pytest.mark.root
@pytest.mark.parametrize("name", REFERENCES)
def test_what_is_the_references_stays_whichever_path_leads_to_it(runs: Runs, tree: Tree, name: str) -> None:
    mounts, roots, reference = REFERENCES[name]
    with mounted(tree, mounts):
        before = {place: data for place, data in tree.read().items() if place.startswith(reference + "/")}
        with contextlib.suppress(UsageError):  # all files are in the reference
            places: dict[str, Any] = {
                "roots": [tree.path(root) for root in roots],
                "references": [tree.path(reference)],
            }
            assert runs.dedupe_of(action=DedupeAction.QUARANTINE, **places).problems == []
        after = {place: data for place, data in tree.read().items() if place.startswith(reference + "/")}
        assert after == before


TWICE = {
    "a folder of a root is a root": ({"m": "a/sub"}, ["a", "m"]),
    "and comes first": ({"m": "a/sub"}, ["m", "a"]),
    "a root is another one": ({"m": "a"}, ["a", "m"]),
    "within one root": ({"a/m": "a/sub"}, ["a"]),
    "twice from elsewhere within one root": ({"a/m": "b", "a/n": "b"}, ["a"]),
    "from elsewhere, and a part of it": ({"a/m": "b/x", "a/n": "b"}, ["a"]),
    "another root within a root": ({"a/m": "b"}, ["a", "b"]),
    "a part of another root within a root": ({"a/m": "b/x"}, ["a", "b"]),
    "a mount of a mount": ({"m": "a/sub", "a/n": "m/deep"}, ["a"]),
    "what is above the root within it": ({"a/m": "."}, ["a"]),
}


@pytest.mark.root
@pytest.mark.parametrize("name", TWICE)
def test_no_file_is_met_by_two_paths(runs: Runs, tree: Tree, name: str) -> None:
    mounts, names = TWICE[name]
    with mounted(tree, mounts):
        roots = [tree.path(root) for root in names]
        paths = [os.fsencode(root) for root in roots]
        files = inodes(roots)
        report = scan_trees(paths, Filters(), runs.state, NullReporter())
        assert report.seen.files == len(files)
        assert len(list(categorize(paths, Filters(), report.seen, NullReporter()))) == len(files)
        with runs.deduping(roots=roots) as run:
            for group in run.groups():
                members = [member[3:5] for member in group.group.members]
                assert len(set(members)) == len(members)
        before = tree.read()
        outcome = runs.dedupe_of(action=DedupeAction.QUARANTINE, roots=roots)
        # A file mounted in a root cannot be renamed into the trash of that root.
        assert {problem.reason and problem.reason.code for problem in outcome.problems} <= {OTHER_DISK_THAN_TRASH}
        assert inodes(roots) < files
        runs.undo()
        assert tree.read() == before


@pytest.mark.root
@pytest.mark.parametrize("trees", [["b", "c"], ["c", "b"], ["b"], ["."]])
def test_a_disk_is_met_once_wherever_it_is_mounted(runs: Runs, tree: Tree, elsewhere: Path, trees: list[str]) -> None:
    """The disk is mounted by its root, and by a folder of it."""
    (elsewhere / "sub").mkdir()
    (elsewhere / "sub/1.txt").write_text("one")
    tree.write({"b/0.txt": "zero", "c/": ""})
    with bound(str(elsewhere / "sub"), str(tree.path("b/m"))), bound(str(elsewhere), str(tree.path("c/m"))):
        paths = [os.fsencode(tree.path(name)) for name in trees]
        report = scan_trees(paths, Filters(), runs.state, NullReporter())
        assert report.seen.files == 2


@pytest.mark.root
def test_organize_and_clean_meet_a_folder_once(runs: Runs, tree: Tree) -> None:
    tree.write({"sub/1.txt": "one", "sub/empty.txt": "", "sub/deep/2.txt": "two"})
    with bound(str(tree.path("sub")), str(tree.path("m"))):
        before = tree.read()
        for outcome in (runs.clean(goes=frozenset({Leftover.EMPTY_FILE})), runs.organize(recursive=True)):
            assert (outcome.problems, outcome.done > 0) == ([], True)
        runs.undo()
        runs.undo()
        assert tree.read() == before


def inodes(roots: list[Path]) -> set[int]:
    """Return the inode numbers of the files outside the trash."""
    found = (path for root in roots for path in root.rglob("*.txt") if ".fileorg" not in path.parts)
    return {os.lstat(path).st_ino for path in found}
