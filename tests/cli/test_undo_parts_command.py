"""`fileorg undo OP -- FILES`, `--last`, `--since` and `--later` as they are typed: questions, data and jobs."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.cli.test_json import check

from fileorg.core.events import NullReporter
from fileorg.core.state import find_state
from fileorg.jobs.carry_out import carry_out

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

FILES = {"a.jpg": "1", "b.jpg": "2", "c.pdf": "3"}


@pytest.fixture
def moved_twice(fileorg: Fileorg, tree: Tree) -> Tree:
    tree.write(FILES)
    assert fileorg.inside("organize", "tree").code == 0
    assert fileorg.inside("organize", "tree/Images", "--include", "a.*", "--template", "best/{name}").code == 0
    return tree


def test_a_part_as_data(fileorg: Fileorg, tree: Tree) -> None:
    tree.write(FILES)
    fileorg.inside("organize", "tree")
    plan = json.loads(fileorg.inside("undo", "1", "-n", "-f", "json", "--", "tree/Images", "*.nothing").out or "null")
    assert plan is None  # a pattern without a file
    plan = json.loads(fileorg.inside("undo", "1", "-n", "-f", "json", "--", "tree/Images").out)
    check(plan, "plan")
    assert (plan["files"], plan["part"]) == (2, {"patterns": ["tree/Images"], "categories": []})
    done = json.loads(fileorg.inside("undo", "1", "-f", "json", "--", "Images").out)
    check(done, "result")
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2", "Documents/c.pdf": "3"}
    history = json.loads(fileorg.inside("history", "-f", "json").out)
    check(history, "history")
    assert [(each["undoes"], each["in_part"], each["status"]) for each in history["operations"]] == [
        (1, True, "active"),
        (None, False, "partly_undone"),
    ]
    report = json.loads(fileorg.inside("report", "2", "-f", "json", "-o", "-").out)
    assert "part" in report["options"]


def test_later_operations_as_data(fileorg: Fileorg, moved_twice: Tree) -> None:
    after = moved_twice.snapshot()
    ran = fileorg.inside("undo", "1", "-f", "json", "--", "*.jpg")
    assert ran.code == 5
    found = json.loads(ran.out)
    check(found, "blocked")
    assert (found["undone"], found["hindered"], [each["operation"] for each in found["first"]]) == (1, 1, [2])
    assert moved_twice.snapshot() == after
    done = json.loads(fileorg.inside("undo", "1", "-f", "json", "--later", "first", "--", "*.jpg").out)
    check(done, "operations of a job")
    assert [each["files"] for each in done["operations"]] == [1, 2]
    assert moved_twice.read() == {"a.jpg": "1", "b.jpg": "2", "Documents/c.pdf": "3"}


def test_in_a_terminal_later_operations_are_shown_and_asked_about(fileorg: Fileorg, moved_twice: Tree) -> None:
    terminal = fileorg.terminal("undo", "1", "--", "*.jpg")
    terminal.wait_for("Undo these files of 2 operations")
    assert "1 file cannot be undone without the later operations" in " ".join(terminal.screen.split())
    terminal.send("y\n")
    assert terminal.end() == 0
    assert moved_twice.read() == {"a.jpg": "1", "b.jpg": "2", "Documents/c.pdf": "3"}


def test_no_leaves_everything(fileorg: Fileorg, moved_twice: Tree) -> None:
    after = moved_twice.snapshot()
    terminal = fileorg.terminal("undo", "1", "--", "c.pdf")
    terminal.wait_for("Undo 1 file of operation 1?")
    terminal.send("n\n")
    assert terminal.end() == 3
    assert moved_twice.snapshot() == after


def test_a_part_as_a_job(fileorg: Fileorg, tree: Tree) -> None:
    tree.write(FILES)
    fileorg.inside("organize", "tree")
    assert fileorg.inside("undo", "1", "--hold", "--", "*.jpg").code == 3
    assert "Images/a.jpg" in tree.read()
    assert ["Only", "*.jpg"] in [line.split() for line in fileorg.inside("jobs", "show", "2").out.splitlines()]
    state = find_state(os.fsencode(fileorg.home))
    assert carry_out(state, 2, NullReporter(), lambda: False).done == 2
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2", "Documents/c.pdf": "3"}


def test_the_last_and_those_since(fileorg: Fileorg, moved_twice: Tree) -> None:
    assert fileorg.inside("undo", "--since", "1h", "-n").code == 0
    assert fileorg.inside("undo", "--last", "2").code == 0
    assert moved_twice.read() == FILES


@pytest.mark.parametrize(
    "words",
    [("1", "--last", "2"), ("1", "--since", "1h"), ("--job", "1", "--", "1"), ("1", "--later", "first"), ("a.jpg",)],
)
def test_words_that_cannot_be_combined(fileorg: Fileorg, moved_twice: Tree, words: tuple[str, ...]) -> None:
    after = moved_twice.snapshot()
    ran = fileorg.inside("undo", *words)
    assert (ran.code, ran.out) == (2, ""), ran
    assert moved_twice.snapshot() == after


def test_two_files_that_were_exchanged_go_back_together(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a": "A", "b": "B", "c": "C", "x/y/e": "E"})
    before = tree.snapshot()
    pairs = (("a", "b"), ("b", "a"), ("c", "d"), ("x", "z"))
    plan = "".join(json.dumps({"path": old, "new_path": new}) + "\n" for old, new in pairs)
    (fileorg.folder / "plan.jsonl").write_text(plan)
    assert fileorg.inside("apply", "plan.jsonl", "--root", "tree", "-y").code == 0
    assert fileorg.inside("undo", "1", "--", "tree/a").code == 0
    assert tree.read() == {"a": "A", "b": "B", "d": "C", "z/y/e": "E"}
    assert fileorg.inside("undo", "1", "--", "tree/z").code == 0
    assert tree.read() == {"a": "A", "b": "B", "d": "C", "x/y/e": "E"}
    assert fileorg.inside("undo", "1").code == 0
    assert tree.snapshot() == before
