"""Output during a run: a live display in a terminal, JSON lines for programs, nothing in a log."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.figures import size

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

MANY = 1500
"""The number of copies, each of which is flushed: enough for the live display to appear."""


@pytest.fixture
def many(tree: Tree) -> Tree:
    for number in range(MANY):
        tree.path(f"{number}.jpg").write_bytes(os.urandom(100))
    return tree


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_display_is_live_and_goes_away(fileorg: Fileorg, many: Tree, columns: int) -> None:
    terminal = fileorg.terminal("organize", "tree", "--yes", "--action", "copy", columns=columns)
    terminal.wait_for("Copying")
    line = next(line for line in terminal.screen.splitlines() if "Copying" in line)
    assert re.search(r"\d+%", line)
    assert len(line) <= columns
    assert ("━" in line) == (columns >= 60)
    assert terminal.end() == 0
    assert "Copying" not in terminal.screen
    assert terminal.cursor_is_shown
    assert f"Copied {MANY:,} files ({size(MANY * 100)}) in " in terminal.screen


def test_a_short_run_shows_no_display(fileorg: Fileorg, mess: Tree) -> None:
    """On a machine that is busy, the first try may be a long run."""

    def hides_the_cursor() -> bool:
        terminal = fileorg.terminal("organize", "tree", "--yes")
        assert terminal.end() == 0
        fileorg("undo")
        return b"\x1b[?25l" in terminal.raw

    assert not all(hides_the_cursor() for _ in range(5))


@pytest.mark.parametrize("choice", [["--progress", "never"], ["--quiet"]])
def test_the_display_can_be_refused(fileorg: Fileorg, many: Tree, choice: list[str]) -> None:
    terminal = fileorg.terminal("organize", "tree", "--yes", "--action", "copy", *choice)
    assert terminal.end() == 0
    assert b"Copying" not in terminal.raw


def test_a_dumb_terminal_gets_plain_text(fileorg: Fileorg, many: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", "--yes", "--action", "copy", TERM="dumb")
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.raw


def test_the_display_has_no_style_without_colours(fileorg: Fileorg, many: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", "--yes", "--action", "copy", "--color", "never")
    assert terminal.end() == 0
    assert "━" in terminal.raw.decode()
    assert not re.search(rb"\x1b\[[\d;]*m", terminal.raw)


def test_it_can_be_asked_for_where_there_is_no_terminal(fileorg: Fileorg, many: Tree) -> None:
    ran = fileorg("organize", "tree", "--progress", "always", "--action", "copy")
    assert "Copying" in ran.err
    assert "Copying" not in ran.out


def test_a_log_holds_no_progress(fileorg: Fileorg, mess: Tree) -> None:
    ran = fileorg("organize", "tree")
    assert ran.err == ""
    assert ran.out.splitlines()[-1] == "Undo with: fileorg undo 1"


def events(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines()]


def test_json_events_tell_stages_and_sums(fileorg: Fileorg, many: Tree) -> None:
    ran = fileorg("organize", "tree", "--progress", "json")
    reported = events(ran.err)
    stages = [event["stage"] for event in reported if event["event"] == "stage"]
    assert stages[:3] == ["scan", "plan", "move"]
    start = next(number for number, event in enumerate(reported) if event.get("stage") == "move")
    assert reported[start] == {"event": "stage", "stage": "move", "files": MANY}
    last = [event for event in reported[start:] if event["event"] == "advance"][-1]
    assert last["files"] >= MANY
    assert last["size_bytes"] == MANY * 100
    assert reported[-2] == {
        "event": "outcome", "operation": 1, "files": MANY, "size_bytes": MANY * 100, "interrupted": False,
        "counts": {"done": MANY},
    }  # fmt: skip
    assert reported[-1] == {"event": "done", "exit": 0}


def test_json_events_are_ten_a_second_at_most(fileorg: Fileorg, tree: Tree) -> None:
    for number in range(300):
        tree.write({f"folder {number}/a.jpg": ""})
    reported = events(fileorg("scan", "tree", "--progress", "json").err)
    advances = [event for event in reported if event["event"] == "advance"]
    assert len(advances) < 30
    assert advances[-1]["files"] == 300


def test_an_error_is_a_json_event_too(fileorg: Fileorg) -> None:
    ran = fileorg("scan", "nowhere", "--progress=json")
    assert ran.code == 2
    assert events(ran.err) == [
        {
            "event": "error",
            "error": {
                "code": "no-such-path",
                "message": "There is no folder nowhere.",
                "hint": "check the spelling",
                "path": str(fileorg.folder / "nowhere"),
                "exit": 2,
            },
        }
    ]
