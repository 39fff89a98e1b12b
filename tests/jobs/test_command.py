"""A command in a process of its own: its answer, its error as data, its events, and its end on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.errors import ErrorCode, Exit, FileorgError
from fileorg.jobs.command import CommandError, RowWindow, run_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tree import Tree


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEORG_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_the_answer_is_the_document_of_the_command(tree: Tree, tmp_path: Path) -> None:
    tree.write({"a.jpg": "one", "b.txt": "two"})
    events: list[dict[str, Any]] = []
    held = run_command(["organize", "--hold", "--yes", "--", str(tree.root)], on_event=events.append)
    assert held == (Exit.NO, {"job": 1, "kind": "organize", "status": "waiting"}, {})
    assert [each["stage"] for each in events if each["event"] == "stage"] == ["scan", "plan"]
    elsewhere = run_command(["history"], environment={"FILEORG_HOME": str(tmp_path / "other")})
    assert (elsewhere.exit, elsewhere.document["operations"]) == (0, [])


def test_an_error_is_data(tree: Tree) -> None:
    with pytest.raises(FileorgError) as found:
        run_command(["history", "--page", "0"])
    assert (found.value.code, found.value.exit_code) == (ErrorCode.BAD_VALUE, Exit.USAGE)
    with pytest.raises(FileorgError) as found:
        run_command(["scan", "--", str(tree.root / "nowhere")], on_event=lambda _: None)
    assert (found.value.code, found.value.hint) == (ErrorCode.NO_SUCH_PATH, "check the spelling")
    assert found.value.path == bytes(tree.root / "nowhere")


def test_standard_input_is_what_is_given(tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    rows = b'{"path": "a.jpg", "new_path": "b.jpg"}\n'
    words = ["apply", "--root", str(tree.root), "--yes", "-"]
    assert run_command(words, given=rows, on_event=lambda _: None).document["files"] == 1
    assert set(tree.read()) == {"b.jpg"}


def test_a_window_keeps_some_rows_and_counts_all(tree: Tree) -> None:
    tree.write({f"{number:02}.jpg": "same" for number in range(12)} | {"x.txt": "other", "y.txt": "other"})
    words = ["categorize", "--", str(tree.root)]
    whole = run_command(words)
    names = [each["path"][-6:] for each in whole.document["files"]]
    assert (len(names), whole.rows) == (14, {})
    page = run_command(words, window=RowWindow(10, 3))
    assert ([each["path"][-6:] for each in page.document["files"]], page.rows) == (names[10:13], {"files": 14})
    assert run_command(words, window=RowWindow(20, 3)).document == {"files": []}
    groups = run_command(["dedupe", "--", str(tree.root)], window=RowWindow(1, 1))
    assert (len(groups.document["duplicates"]), groups.rows) == (1, {"duplicates": 2})
    assert groups.document["summary"]["groups"] == 2
    # A document that is not written as a stream is whole.
    assert run_command(["scan", "--", str(tree.root)], window=RowWindow(0, 1)).document["files"] == 14


def test_problems_of_rows_are_data_beside_the_error_and_the_job(tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    lines = b'{"path": "nowhere", "new_path": "x"}\n{"path": "a.jpg", "new_path": "b.jpg"}\n'
    words = ["apply", "--root", str(tree.root), "--hold", "--yes"]
    with pytest.raises(CommandError) as found:
        run_command([*words, "-"], given=lines, on_event=lambda _: None)
    assert [each["problem"] for each in found.value.document["refused_rows"]] == ["missing"]
    held = run_command([*words, "--partial", "-"], given=lines, on_event=lambda _: None).document
    assert (held["job"], held["refused"], [each["line"] for each in held["refused_rows"]]) == (1, 1, [1])


def test_it_ends_on_request_and_has_no_endless_answer(tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    with pytest.raises(FileorgError) as found:
        run_command(["organize", "--yes", "--", str(tree.root)], stop=lambda: True)
    assert found.value.code is ErrorCode.INTERRUPTED
    with pytest.raises(FileorgError, match="longer than"):
        run_command(["categories"], longest=1000)
