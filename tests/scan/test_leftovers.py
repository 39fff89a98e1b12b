"""Leftovers of a tree: a scan counts the same, whatever the order and the number of processes that read the folders."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from fileorg.core.events import NullReporter
from fileorg.rules.filters import Filters
from fileorg.scan import walk as scan_module
from fileorg.scan.empty_folders import FolderPart, Leftovers
from fileorg.scan.leftovers import is_intentional
from fileorg.workflows.scan import scan_trees

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory
    from fileorg.scan.walk import Seen


def seen(tree: Tree, state: StateDirectory, **filters: object) -> Seen:
    chosen = Filters(**filters)  # type: ignore[arg-type]
    return scan_trees([os.fsencode(tree.root)], chosen, state, NullReporter()).seen


def counts(found: Seen) -> tuple[int, int, int]:
    return found.empty_files, found.empty_folders, found.broken_symlinks


def test_each_kind_is_counted(tree: Tree, state: StateDirectory) -> None:
    tree.write({"a": "", "b/c": "", "b/full": "x", "d/": "", "e/": "", "l": "-> nowhere", "b/good": "-> full"})
    assert counts(seen(tree, state)) == (2, 2, 1)


def test_a_folder_of_empty_folders_is_empty_and_the_root_never_is(tree: Tree, state: StateDirectory) -> None:
    assert counts(seen(tree, state)) == (0, 0, 0)
    tree.write({"a/b/c/": "", "a/b/d/": "", "a/e/": ""})
    assert counts(seen(tree, state)) == (0, 5, 0)
    tree.write({"a/b/d/file": "x"})
    assert counts(seen(tree, state)) == (0, 2, 0)  # a/b/c and a/e


@pytest.mark.parametrize(
    "path", ["a/.hidden", "a/half.part", "a/node_modules/", "a/p/.git/", "a/Thumbs.db", "a/link", "a/empty.txt"]
)
def test_a_folder_with_anything_in_it_is_not_empty(tree: Tree, state: StateDirectory, path: str) -> None:
    tree.write({path: "-> ." if path.endswith("link") else ""})
    assert seen(tree, state).empty_folders == 0


def test_a_folder_that_is_not_entered_or_cannot_be_read_is_not_empty(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"a/b/": "", "closed/": "", "above/closed/": ""})
    assert seen(tree, of_nobody.state, max_depth=1).empty_folders == 1  # not entered
    closed = [tree.path(path) for path in ("closed", "above/closed")]
    for path in closed:
        path.chmod(0)
    found = seen(tree, of_nobody.state)
    for path in closed:
        path.chmod(0o700)
    assert (found.empty_folders, found.unreadable_count) == (2, 2)  # a and a/b


def test_what_holds_an_entry_that_cannot_be_looked_at_is_not_empty(of_nobody: Runs) -> None:
    of_nobody.tree.write({"a/b/": "", "a/c/": ""})
    of_nobody.tree.path("a").chmod(0o400)  # its names are readable, but not their types
    found = seen(of_nobody.tree, of_nobody.state)
    of_nobody.tree.path("a").chmod(0o700)
    assert (found.empty_folders, found.unreadable_count) == (0, 1)


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("nowhere", True), ("file/below", True), ("link", True), ("../tree/link", True), ("file", False), (".", False),
        ("/", False), ("x" * 300, False),
    ],
)  # fmt: skip
def test_a_symlink_is_broken_where_there_is_nothing(
    tree: Tree, state: StateDirectory, link: str, is_broken: bool
) -> None:
    tree.write({"file": "x", "link": f"-> {link}"})
    assert seen(tree, state).broken_symlinks == is_broken


def test_a_symlink_behind_a_closed_folder_is_not_known_to_be_broken(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"closed/": "", "link": "-> closed/nothing"})
    tree.path("closed").chmod(0)
    found = seen(tree, of_nobody.state)
    tree.path("closed").chmod(0o700)
    assert (found.links, found.broken_symlinks) == (1, 0)


def test_what_is_left_alone_or_filtered_is_not_counted(tree: Tree, state: StateDirectory) -> None:
    tree.write({".hidden": "", ".link": "-> x", "b.part": "", "no.log": "", "no": "-> x", "yes": "", "sub/": ""})
    assert counts(seen(tree, state, exclude=["no*"])) == (1, 1, 0)
    assert counts(seen(tree, state, include=["yes"])) == (1, 0, 0)
    assert counts(seen(tree, state, older_than_ns=10**18)) == (0, 0, 0)
    tree.set_time("sub", 10**17)
    tree.set_time("no", 10**17)
    assert counts(seen(tree, state, older_than_ns=10**18)) == (0, 1, 1)


def test_names_that_mean_something() -> None:
    for name in (
        b"__init__.py",
        b"py.typed",
        b".gitkeep",
        b".nojekyll",
        b"_SUCCESS",
        b"yarn.lock",
        b"lock",
        b".#a.txt",
    ):
        assert is_intentional(name)
    for name in (b"a.txt", b"init.py", b"locksmith", b"a.locked", b"keepsake", b"\xff"):
        assert not is_intentional(name)


def test_several_processes_count_what_one_counts(
    tree: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        tree.write({f"{number}/a/b/c/": "", f"{number}/a/d/": "", f"{number}/e/": "", f"{number}/l": "-> x"})
        if number % 3:
            tree.write({f"{number}/a/d/f": "" if number % 2 else "x"})
        else:
            tree.path(f"{number}/l").unlink()
    alone = counts(seen(tree, state))
    monkeypatch.setattr(scan_module, "_FEW_FILES", -1)
    monkeypatch.setattr(scan_module, "_FEW_FOLDERS", 0)
    assert counts(seen(tree, state)) == alone == (10, 30 * 3 + 10 * 3, 20)


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_folders_come_does_not_matter(seed: int) -> None:
    """The only rule: a folder comes before its subfolders, with all its parts together."""
    chance = random.Random(seed)
    folders = [b""]
    for number in range(60):
        folders.append(os.path.join(chance.choice(folders), b"%d" % number))
    full = {folder for folder in folders if chance.random() < 0.2}
    inside = {folder: [one for one in folders if one and os.path.dirname(one) == folder] for folder in folders}
    expected = {one for one in folders[1:] if not any(f == one or f.startswith(one + b"/") for f in full)}
    ready = [b""]
    with Leftovers(remember=True) as leftovers:
        while ready:
            folder = ready.pop(chance.randrange(len(ready)))
            below, parts = inside[folder], chance.randrange(1, 4)
            for part in range(parts):
                stays = folder in full and part == seed % parts
                leftovers.add(FolderPart(folder, len(below[part::parts]), stays))
            ready += below
        assert leftovers.end() == len(expected)
        assert {folder for folder, _ in leftovers.folders()} == expected
        assert leftovers.judge_folders(lambda _: None) == len(expected)
        reported = [folder for folder, _ in leftovers.folders()]
        assert all(not later.startswith(one + b"/") for at, one in enumerate(reported) for later in reported[at:])
