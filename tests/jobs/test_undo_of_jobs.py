"""`undo --job N` of a job with several operations: as text, as data, into a file, and in the background."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.test_json import check

from fileorg.core.events import NullReporter
from fileorg.core.state import find_state
from fileorg.jobs.carry_out import carry_out

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.fixture
def resumed(fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Carry out a job in two operations; return the tree before it."""
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)
    tree.write({f"sub/{at}.jpg": str(at) for at in range(9)})
    first = tree.read()
    assert fileorg.inside("organize", "tree", "-r", "--hold").code == 3
    state = find_state(os.fsencode(fileorg.home))
    calls = iter(range(2))
    assert carry_out(state, 1, NullReporter(), lambda: next(calls, None) is None).interrupted
    assert not carry_out(state, 1, NullReporter(), lambda: False).interrupted
    return first


def read(text: str) -> Any:
    found = json.loads(text)
    check(found, "operations of a job")
    return found


def test_as_data_and_back(fileorg: Fileorg, tree: Tree, resumed: dict[str, str]) -> None:
    moved = tree.read()
    plan = read(fileorg.inside("undo", "--job", "1", "-n", "-f", "json").out)
    assert [one["operation"] for one in plan["operations"]] == [2, 1]
    assert sum(len(one["rows"]) for one in plan["operations"]) >= 9
    assert tree.read() == moved
    ran = fileorg.inside("undo", "--job", "1", "-y", "-f", "json", "-o", "undone.json")
    assert (ran.code, ran.out) == (0, "")
    undone = read((fileorg.folder / "undone.json").read_text())
    assert (undone["job"], [one["kind"] for one in undone["operations"]]) == (1, ["undo", "undo"])
    for one in undone["operations"]:
        check(one, "result")
    assert tree.read() == resumed
    again = read(fileorg.inside("undo", "--job", "1", "-y", "-f", "json").out)
    assert [one["files"] for one in again["operations"]] == [0, 0]


def test_as_text_into_a_file(fileorg: Fileorg, tree: Tree, resumed: dict[str, str]) -> None:
    assert fileorg.inside("undo", "--job", "1", "-y", "-o", "said.txt").code == 0
    assert (fileorg.folder / "said.txt").read_text().count("Undone: ") == 2
    assert tree.read() == resumed


def test_in_the_background(fileorg: Fileorg, tree: Tree, resumed: dict[str, str]) -> None:
    started = read(fileorg.inside("undo", "--job", "1", "--background", "-f", "json").out)
    assert [(one["job"], one["status"]) for one in started["operations"]] == [(2, "queued"), (3, "queued")]
    for number in ("3", "2"):
        ran = fileorg.inside("jobs", "attach", number)
        assert (ran.code, ran.err) == (0, ""), ran.out
    assert tree.read() == resumed
