"""With `--format json`, every error is one JSON object on standard error, with a stable code."""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.cli.app import as_json
from fileorg.core.errors import ErrorCode

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg, Ran
    from tests.support.tree import Tree

KINDS: dict[str, tuple[list[str], int, str, str | None]] = {
    "no command": (["nonsense", "-f", "json"], 2, "unknown-command", None),
    "no option": (["organize", "tree", "--nonsense", "-f", "json"], 2, "unknown-option", None),
    "no argument": (["organize", "-f", "json"], 2, "missing-argument", None),
    "one too many": (["report", "1", "2", "--format", "json"], 2, "unexpected-argument", None),
    "no value": (["organize", "tree", "-f", "json", "--dest"], 2, "missing-value", None),
    "a choice": (["organize", "tree", "--by", "colour", "--format=json"], 2, "bad-value", None),
    "a size": (["organize", "tree", "--min-size", "10X", "-fjson"], 2, "bad-value", None),
    "an age": (["organize", "tree", "--min-age", "soon", "-nfjson"], 2, "bad-value", None),
    "a category": (["categorize", "tree", "--category", "Pictures", "-qf", "json"], 2, "bad-value", None),
    "a combination": (["organize", "tree", "--max-depth", "2", "-f", "json"], 2, "usage", None),
    "a blank path": (["organize", "", "-f", "json"], 2, "blank-path", None),
    "no folder": (["organize", "nowhere", "-f", "json"], 2, "no-such-path", "nowhere"),
    "a file": (["organize", "tree/photo.jpg", "-f", "json"], 2, "not-a-folder", "tree/photo.jpg"),
    "no file": (["explain", "tree/nothing", "-f", "json"], 2, "no-such-path", "tree/nothing"),
    "a destination": (["organize", "tree", "--dest", "tree/photo.jpg", "-f", "json"], 2, "not-a-folder", None),
    "an operation": (["undo", "7", "-f", "json"], 2, "unknown-operation", None),
    "a system folder": (["organize", "/usr", "-f", "json"], 5, "refused-place", "/usr"),
    "too many": (["organize", "tree", "--max-changes", "1", "-f", "json"], 5, "too-many-changes", None),
    "an output": (["scan", "tree", "-o", "kept", "-f", "json"], 5, "output-exists", "kept"),
    "no output": (["scan", "tree", "-o", "nowhere/x", "-f", "json"], 2, "output-unusable", "nowhere/x"),
    "a purge": (["purge", "-f", "json"], 5, "not-confirmed", None),
    "a state": (["history", "--state-dir", "tree", "-f", "json"], 2, "state-unusable", "tree"),
}


def error_of(ran: Ran) -> dict[str, Any]:
    """Return the error on the only line of standard error."""
    [line] = ran.err.splitlines()
    reported = json.loads(line)
    assert list(reported) == ["error"]
    assert [key for key in reported["error"] if key != "path_b64"] == ["code", "message", "hint", "path", "exit"]
    assert reported["error"]["exit"] == ran.code
    assert ErrorCode(reported["error"]["code"])
    assert ran.out == "" or ran.json == {"files": []}
    return dict(reported["error"])


@pytest.mark.parametrize(("words", "code", "word", "path"), KINDS.values(), ids=KINDS)
def test_every_kind(fileorg: Fileorg, mess: Tree, words: list[str], code: int, word: str, path: str | None) -> None:
    (fileorg.folder / "kept").write_text("kept")
    error = error_of(fileorg.inside(*words))
    assert (error["exit"], error["code"]) == (code, word)
    assert error["message"].endswith((".", "?"))
    if path is not None:
        assert error["path"] == str(fileorg.folder / path)


def test_a_locked_folder(fileorg: Fileorg, mess: Tree) -> None:
    fd = os.open(mess.root, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        error = error_of(fileorg("organize", "tree", "-f", "json"))
    finally:
        os.close(fd)
    assert (error["exit"], error["code"], error["path"]) == (4, "locked", str(mess.root))


def test_a_damaged_journal(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    (fileorg.home / "journal.db").write_bytes(b"no database" * 100)
    error = error_of(fileorg("history", "-f", "json"))
    assert (error["exit"], error["code"]) == (1, "journal")


def test_an_output_that_breaks(fileorg: Fileorg, mess: Tree) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        fileorg.start("scan", "tree", "-f", "json", stdout=full, stderr=-1) as run,
    ):
        assert run.stderr is not None
        reported = json.loads(run.stderr.read())
    assert (reported["error"]["code"], reported["error"]["exit"]) == ("output-failed", 1)


def test_a_name_that_is_not_utf8(fileorg: Fileorg) -> None:
    ran = fileorg("organize", b"no\xff", "-f", "json")
    error = error_of(ran)
    assert error["path"] == str(fileorg.folder / "no\ufffd")
    assert error["path_b64"]


def test_several_files_are_a_line_each(fileorg: Fileorg, mess: Tree) -> None:
    ran = fileorg("explain", "tree/one", "tree/photo.jpg", "tree/two", "-f", "json")
    assert [json.loads(line)["error"]["path"] for line in ran.err.splitlines()] == [
        str(mess.path("one")),
        str(mess.path("two")),
    ]
    assert len(ran.json["files"]) == 1


def test_as_an_event_it_is_the_same(fileorg: Fileorg) -> None:
    ran = fileorg.inside("organize", "nowhere", "-f", "json", "--progress", "json")
    reported = json.loads(ran.err.splitlines()[-1])
    assert (reported["event"], reported["error"]["code"]) == ("error", "no-such-path")


@pytest.mark.parametrize(
    ("words", "is_json"),
    [
        ("scan a -f json", True),
        ("scan a --format json", True),
        ("scan a --format=json", True),
        ("scan a -fjson", True),
        ("scan a -qvf json", True),
        ("scan a -f csv", False),
        ("scan a -of json", False),
        ("scan a", False),
        ("scan -- -f json", False),
        ("scan a -o json", False),
    ],
)
def test_the_spellings_of_the_option(words: str, is_json: bool) -> None:
    assert as_json(words.split()) is is_json


def test_the_page_has_every_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    assert set(
        re.findall(r"^\| `([a-z-]+)` \|", page.partition("## Errors")[2].partition("\n## ")[0], re.MULTILINE)
    ) == set(ErrorCode)
