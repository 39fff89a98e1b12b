"""Names that contain terminal escapes, line breaks or invalid UTF-8."""

from __future__ import annotations

import base64
import csv
import io
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

HOSTILE = {
    b"new\nline.jpg": "new\\nline.jpg",
    b"\x1b[2Jclear.jpg": "\\x1b[2Jclear.jpg",
    b"[red]markup.jpg": "[red]markup.jpg",
    b"[link=x]a[blink].jpg": "[link=x]a[blink].jpg",
    b"not utf \xff\xfe.jpg": "not utf \\xff\\xfe.jpg",
    "\u202egpj.exe\u202c.jpg".encode(): "\\u202egpj.exe\\u202c.jpg",
    b"-rf.jpg": "-rf.jpg",
    b"=cmd().jpg": "=cmd().jpg",
    b"tab\there.jpg": "tab\\there.jpg",
    b"  spaces  .jpg": "  spaces  .jpg",
    b"x" * 251 + b".jpg": "x" * 251 + ".jpg",
    b"\x9b31mc1.jpg": "\\x9b31mc1.jpg",
}
_CONTROLS = [bytes([code]) for code in range(32) if code != 10] + [b"\x7f"]


@pytest.fixture
def hostile(tree: Tree) -> Tree:
    for name in HOSTILE:
        with open(os.path.join(os.fsencode(tree.root), name), "wb") as file:
            file.write(name)
    return tree


def test_text_shows_them_on_one_harmless_line(fileorg: Fileorg, hostile: Tree) -> None:
    for words in (("organize", "tree", "-n"), ("categorize", "tree"), ("scan", "tree"), ("organize", "tree", "-v")):
        ran = fileorg(*words)
        assert ran.code == 0
        assert not any(control in ran.out_bytes for control in _CONTROLS), words
        assert "\u202e" not in ran.out
    reported = fileorg("undo", "-n").out
    for shown in HOSTILE.values():
        assert f"Images/{shown} -> {shown}\n" in reported


def test_a_terminal_shows_them_as_they_are_written(fileorg: Fileorg, hostile: Tree) -> None:
    terminal = fileorg.terminal("organize", "tree", "-v", "--yes", columns=200, lines=60)
    assert terminal.end() == 0
    for shown in HOSTILE.values():
        if len(shown) < 100:
            assert f"{shown} -> Images/{shown}" in terminal.screen
    assert "Moved 12 files" in terminal.screen


def test_json_is_exact(fileorg: Fileorg, hostile: Tree) -> None:
    for words in (("categorize", "tree"), ("scan", "tree")):
        reported = fileorg(*words, "-f", "json").json
        files = reported.get("files") if words[0] == "categorize" else reported["largest"] + reported["oldest"]
        paths = {base64.b64decode(file["path_b64"]) if "path_b64" in file else file["path"].encode() for file in files}
        names = {os.path.basename(path) for path in paths}
        assert names <= HOSTILE.keys()
        assert b"not utf \xff\xfe.jpg" in names
    rows = fileorg("organize", "tree", "-n", "-f", "json").json["rows"]
    [odd] = [row for row in rows if "path_b64" in row and b"not utf" in base64.b64decode(row["path_b64"])]
    assert base64.b64decode(odd["new_path_b64"]).endswith(b"/Images/not utf \xff\xfe.jpg")
    assert odd["path"].endswith("/tree/not utf \ufffd\ufffd.jpg")


def test_null_is_exact(fileorg: Fileorg, hostile: Tree) -> None:
    names = fileorg("organize", "tree", "-n", "-0").out_bytes.split(b"\0")[:-1]
    assert {*names[::2]} == HOSTILE.keys()
    paths = fileorg("categorize", "tree", "-0").out_bytes.split(b"\0")[:-1]
    assert {os.path.basename(path) for path in paths} == HOSTILE.keys()


def test_csv_runs_nothing_in_a_spreadsheet(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "x"})
    fileorg("organize", "tree")
    os.rename(tree.root, fileorg.folder / "=1+1")
    assert fileorg("undo").code == 2
    ran = fileorg("organize", "=1+1", "--by", "extension", "-r")
    assert ran.code == 0
    rows = csv.reader(io.StringIO(fileorg("history", "-f", "csv").out))
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "  =1", "\uff1d1", "\u00a0=1"])
def test_csv_cells_that_look_like_formulas_are_quoted(text: str) -> None:
    from fileorg.core.formats import write_csv

    stream = io.StringIO()
    write_csv(stream, ("name", "number"), [(text.encode(), -1), (text, 2)])
    assert stream.getvalue().splitlines() == ["name,number", f"'{text},-1", f"'{text},2"]


def test_errors_show_them_too(fileorg: Fileorg) -> None:
    ran = fileorg("scan", b"no\nsuch \x1b[31m \xff")
    assert ran.err == "fileorg: There is no folder no\\nsuch \\x1b[31m \\xff.\nHint: check the spelling\n"
    for words in (["--\x1b[2J"], ["organize", "x", "--by", "\x1b[2J"], ["\x1b[2J"]):
        ran = fileorg(*words)
        assert ran.code == 2
        assert "\x1b" not in ran.err


def test_history_finds_them(fileorg: Fileorg, hostile: Tree) -> None:
    fileorg("organize", "tree")
    for name, shown in list(HOSTILE.items())[:5]:
        ran = fileorg("history", os.path.join(b"tree", name))
        assert ran.out.endswith(f"/tree/Images/{shown}\n")
    steps = fileorg("history", b"tree/not utf \xff\xfe.jpg", "-f", "json").json["steps"]
    assert base64.b64decode(steps[0]["path_b64"]).endswith(b"/not utf \xff\xfe.jpg")


def test_the_tree_comes_back(fileorg: Fileorg, hostile: Tree) -> None:
    before = hostile.snapshot()
    assert fileorg("organize", "tree").code == 0
    assert fileorg("undo").code == 0
    assert hostile.snapshot() == before
