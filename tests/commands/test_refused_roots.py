"""Roots and destinations inside a folder kept whole: no command changes anything there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import GuardRefused
from fileorg.plan.dedupe_plan import DedupeAction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

SURROUNDINGS = {
    "a checkout": "site/.git/HEAD",
    "a work tree": "site/.git",
    "a project": "site/package.json",
    "a git-annex": "site/.git/annex/objects/x",
    "a virtual machine": "site/Win.vmx",
    "a library": "site/metadata.db",
    "a disc": "site/VIDEO_TS/x.ifo",
    "a profile": "site/prefs.js",
    "a marker that leads nowhere": "site/.hg",
}


def commands(runs: Runs, root: Path) -> dict[str, Callable[[], object]]:
    """Run each command that changes something on `root`."""
    return {
        "organize": lambda: runs.organize(root=root),
        "dry run": lambda: runs.dry_run(root=root),
        "dedupe": lambda: runs.dedupe_of(roots=[root], action=DedupeAction.QUARANTINE),
        "clean": lambda: runs.clean(root=root),
    }


@pytest.mark.parametrize("what", SURROUNDINGS)
def test_every_command_refuses_a_part(tree: Tree, runs: Runs, what: str) -> None:
    marker = SURROUNDINGS[what]
    tree.write({"site/docs/guide.md": "1", "site/docs/twin.md": "1", "site/docs/empty.md": "", "site/key4.db": ""})
    tree.write({marker: "-> nowhere" if "nowhere" in what else "gitdir: ../elsewhere"})
    before = tree.snapshot()
    for command in commands(runs, tree.path("site/docs")).values():
        with pytest.raises(GuardRefused, match="its files belong where they are"):
            command()
    assert tree.snapshot() == before


def test_inside_project_is_for_what_is_around_and_not_for_what_is_in_it(tree: Tree, runs: Runs) -> None:
    tree.write({"site/.git/HEAD": "x", "site/docs/guide.md": "1", "site/docs/twin.md": "1", "site/docs/empty.txt": ""})
    tree.write({"site/docs/vm/a.vmx": "x", "site/docs/vm/a.md": "1", "site/docs/vm/b.md": "", "site/docs/x/c.md": "2"})
    before = tree.snapshot()
    root = tree.path("site/docs")
    assert runs.organize(root=root, inside_project=True, recursive=True).done == 4
    runs.undo()
    assert runs.dedupe_of(roots=[root], action=DedupeAction.QUARANTINE, inside_project=True).done == 1
    runs.undo()
    assert runs.clean(root=root, inside_project=True).done == 1
    runs.undo()
    assert tree.snapshot() == before


def test_what_is_undone_may_be_a_part_by_now(tree: Tree, runs: Runs) -> None:
    """Files moved before can be undone, redone, and purged from the trash."""
    tree.write({"in/a.jpg": "1", "in/b.txt": "2", "in/empty": ""})
    runs.organize(root=tree.path("in"))
    runs.clean(root=tree.path("in"))
    after = tree.read()
    tree.write({".git/HEAD": "x", "in/package.json": "x", "in/src/": ""})
    runs.undo()
    runs.undo()
    assert {"in/a.jpg", "in/b.txt", "in/empty"} <= tree.read().keys()
    runs.redo()
    runs.redo()
    assert after.items() <= tree.read().items()
    assert runs.purge().outcome.done == 1


# --dest ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", SURROUNDINGS)
@pytest.mark.parametrize("dest", ["site", "site/docs", "site/new", "site/docs/new/deep"])
def test_nothing_is_sorted_into_a_part(tree: Tree, runs: Runs, what: str, dest: str) -> None:
    if dest == "site" and what in {"a project", "a virtual machine"}:
        pytest.skip("the folder itself: its marker may have strayed there")
    tree.write({"in/a.jpg": "1", "site/docs/guide.md": "1", "site/key4.db": ""})
    tree.write({SURROUNDINGS[what]: "-> nowhere" if "nowhere" in what else "gitdir: ../elsewhere"})
    before = tree.snapshot()
    with pytest.raises(GuardRefused, match="its files belong where they are"):
        runs.organize(root=tree.path("in"), dest=tree.path(dest))
    assert tree.snapshot() == before
    for option in ("inside_project", "all_files"):
        assert runs.organize(root=tree.path("in"), dest=tree.path(dest), **{option: True}).problems == []
        runs.undo()
    assert tree.snapshot() == before


def test_a_destination_in_the_root_is_judged_by_what_is_between(tree: Tree, runs: Runs) -> None:
    """Stray files in the root do not stop sorting inside it."""
    tree.write({"in/a.jpg": "1", "in/package.json": "x", "in/old/": ""})
    before = tree.snapshot()
    for dest in ("in/Sorted", "in/old", "in/old/new"):
        assert runs.organize(root=tree.path("in"), dest=tree.path(dest), include=["*.jpg"]).done == 1
        runs.undo()
    assert tree.snapshot() == before
    tree.write({"in/old/.git/HEAD": "x"})
    for dest in ("in/old", "in/old/new"):
        with pytest.raises(GuardRefused, match="under version control"):
            runs.organize(root=tree.path("in"), dest=tree.path(dest))


def test_a_destination_among_settings(tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree.path("home")))
    tree.write({"home/in/a.jpg": "1", "home/.config/x": "1", "home/.ssh/id": "x"})
    before = tree.snapshot()
    for dest in (".config", ".config/new", ".new/deep", ".ssh", ".ssh/new"):
        with pytest.raises(GuardRefused, match=r"settings|keys"):
            runs.organize(root=tree.path("home/in"), dest=tree.path("home") / dest)
    assert tree.snapshot() == before


def test_the_sentence_names_the_marker(tree: Tree, runs: Runs) -> None:
    tree.write({"site/package.json": "x", "site/docs/a.md": "1"})
    with pytest.raises(GuardRefused) as caught:
        runs.organize(root=tree.path("site/docs"))
    place = os.fspath(tree.path("site/docs"))
    marker = os.fspath(tree.path("site/package.json"))
    assert str(caught.value) == f"{place} is part of a project ({marker}): its files belong where they are."
    assert caught.value.hint == "choose another folder, or allow this one with --inside-project"
