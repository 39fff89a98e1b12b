"""`organize -r --remove-empty`: the folders that the run emptied go, and undo makes them again exactly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import open_again, recovered

from fileorg.core.model import EMPTIED_FOLDER, Action, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.plan.organize_plan import OrganizePlan

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

OPTIONS = {"recursive": True, "remove_empty": True}


def test_only_what_the_run_emptied_goes_and_comes_back_as_it_was(tree: Tree, runs: Runs) -> None:
    tree.write({
        "a/b/c/x.jpg": "x", "a/d/y.jpg": "y", "e/z.jpg": "z", "e/stays": "?", "empty before/in/": "",
        "f/g.jpg": "g", "f/empty before/": "", "v.jpg": "v",
    })  # fmt: skip
    tree.path("a/b").chmod(0o2750)
    tree.path("a/d").chmod(0o500)
    os.setxattr(tree.path("a/d/y.jpg"), "user.of", b"the file")
    for path in ("a/b/c", "a/b", "a/d", "a", "e", "f"):
        tree.set_time(path, 10**18 + len(path))
    tree.path("a/d").chmod(0o700)
    before = tree.snapshot()
    outcome = runs.organize(**OPTIONS)
    assert (outcome.done, outcome.problems) == (5, [])
    assert tree.read() == {
        "Images/x.jpg": "x", "Images/y.jpg": "y", "Images/z.jpg": "z", "Images/g.jpg": "g", "Images/v.jpg": "v",
        "e/stays": "?", "empty before/in/": "", "f/empty before/": "",
    }  # fmt: skip
    after = tree.snapshot()
    for _ in range(2):
        assert runs.undo().problems == []
        assert tree.snapshot() == before
        assert runs.redo().problems == []
        assert tree.snapshot() == after


def test_the_dry_run_says_what_the_run_does(tree: Tree, runs: Runs) -> None:
    tree.write({"a/b/x.jpg": "x", "c/y.jpg": "y", "c/what": "?"})
    planned = runs.dry_run(**OPTIONS)
    runs.organize(**OPTIONS)
    removed = [row for row in planned if row.action is Action.REMOVE_FOLDER]
    assert [(row.target_folder, row.target_name, row.category) for row in removed] == [
        (b"a", b"b", EMPTIED_FOLDER),
        (b"", b"a", EMPTIED_FOLDER),
    ]
    assert [record.action for record in runs.records(1)] == [row.action for row in planned]


@pytest.mark.parametrize("name", ["keep", ".empty", "x.lock"])
def test_a_folder_with_a_purpose_stays(tree: Tree, runs: Runs, name: str) -> None:
    tree.write({f"a/{name}/x.jpg": "x"})
    runs.organize(**OPTIONS, hidden=True)
    assert tree.read() == {"Images/x.jpg": "x", f"a/{name}/": ""}


@pytest.mark.parametrize("link", ["a/b", "a/b/", "{root}/a/b"])
def test_a_folder_that_a_symlink_leads_to_stays(tree: Tree, runs: Runs, link: str) -> None:
    tree.write({"a/b/x.jpg": "x", "link": f"-> {link.format(root=tree.root)}"})
    [row] = [row for row in runs.dry_run(**OPTIONS) if row.action is Action.REMOVE_FOLDER]
    assert row.reason is not None
    assert row.reason.code is ReasonCode.SYMLINK_LEADS_TO_IT
    runs.organize(**OPTIONS)
    assert tree.path("link").is_dir()
    runs.undo()
    assert tree.read() == {"a/b/x.jpg": "x", "link": f"-> {link.format(root=tree.root)}"}


def test_files_that_move_within_a_folder(tree: Tree, runs: Runs) -> None:
    tree.write({"jpg/x.jpg": "x", "b/in/y.jpg": "y"})
    runs.organize(**OPTIONS, template="{extension}/{category}")
    assert tree.read() == {"jpg/Images/x.jpg": "x", "jpg/Images/y.jpg": "y"}
    runs.undo()
    assert tree.read() == {"jpg/x.jpg": "x", "b/in/y.jpg": "y"}


def test_a_file_that_appears_meanwhile_keeps_its_folder(tree: Tree, runs: Runs) -> None:
    tree.write({"a/b/x.jpg": "x"})
    with runs.organizing(**OPTIONS) as run:
        tree.write({"a/b/new.txt": "new"})
        outcome = run.run()
        assert (outcome.done, outcome.counts, outcome.problems) == (1, {RecordState.DONE: 1}, [])
        assert (run.removed(), run.emptied()) == (0, 0)
    assert tree.read() == {"Images/x.jpg": "x", "a/b/new.txt": "new"}
    runs.undo()
    assert tree.read() == {"a/b/x.jpg": "x", "a/b/new.txt": "new"}


def test_a_folder_that_is_there_again_is_used(tree: Tree, runs: Runs) -> None:
    tree.write({"a/b/x.jpg": "x"})
    runs.organize(**OPTIONS)
    tree.write({"a/other.txt": "o"})
    assert runs.undo().problems == []
    assert tree.read() == {"a/b/x.jpg": "x", "a/other.txt": "o"}


@pytest.mark.parametrize("there", ["all", "the inner one", "none"])
def test_a_crash_between_the_removals(tree: Tree, runs: Runs, there: str) -> None:
    """The journal says that both folders were removed, and one or both are still there."""
    tree.write({"a/b/x.jpg": "x"})
    tree.path("a/b").chmod(0o750)
    before = tree.snapshot()
    runs.organize(**OPTIONS)
    open_again(runs)
    if there != "none":
        tree.path("a").mkdir()
    if there == "all":
        tree.path("a/b").mkdir()
        tree.path("a/b").chmod(0o750)
    recovered(runs)
    removed = {
        (record.target_name, record.state) for record in runs.records(1) if record.action == Action.REMOVE_FOLDER
    }
    assert removed == {
        (b"b", RecordState.SKIPPED if there == "all" else RecordState.DONE),
        (b"a", RecordState.DONE if there == "none" else RecordState.SKIPPED),
    }
    runs.undo()
    assert {path: node.mode for path, node in tree.snapshot().items()} == {
        path: node.mode for path, node in before.items()
    }


def test_it_needs_the_rows_only_if_asked(tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({"a/x.jpg": "x"})

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(OrganizePlan, "plan_removals", never)
    runs.organize(recursive=True)
    assert tree.read() == {"Images/x.jpg": "x", "a/": ""}
