"""`--edit` and `fileorg rename`: a plan in an editor, a real one in a real terminal, and editors that go wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.fixture
def editor(fileorg: Fileorg, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that is the editor: tests write its commands for sed, one line for each time that it is opened."""
    script, commands = fileorg.folder / "ed.sh", fileorg.folder / "commands"
    script.write_text(
        f"#!/bin/sh\nset -e\n[ -s {commands} ] || exit 4\ncommand=$(head -n 1 {commands})\nsed -i 1d {commands}\n"
        f'cp "$1" {fileorg.folder}/shown\n[ "$command" = fail ] && exit 3\n'
        '[ "$command" = nothing ] && exit 0\nsed -i "$command" "$1"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    return commands


def test_names_are_exchanged_in_an_editor(fileorg: Fileorg, mess: Tree, editor: Path) -> None:
    mess.write({"names/a": "one", "names/b": "two", "names/c": "three"})
    editor.write_text("s/\\ta$/\\tx/;s/\\tb$/\\ta/;s/\\tx$/\\tb/;/\\tc$/d\n")
    ran = fileorg("rename", "tree/names", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert mess.path("names/a").read_text() == "two"
    assert mess.path("names/b").read_text() == "one"
    assert mess.path("names/c").read_text() == "three"
    assert fileorg("undo", "--yes").code == 0
    assert mess.path("names/a").read_text() == "one"


def test_a_mistake_opens_the_editor_again_at_its_line(fileorg: Fileorg, mess: Tree, editor: Path) -> None:
    mess.write({"names/a": "one", "names/b": "two"})
    editor.write_text("s/\\ta$/\\tb/\ns/^1\\tb$/1\\tnew/\n")
    ran = fileorg("rename", "tree/names", "--yes")
    assert (ran.code, ran.err) == (0, "")
    shown = (fileorg.folder / "shown").read_text().splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("#! "))
    assert shown[at : at + 2] == ["#! the name is taken: b", "1\tb"]


def test_a_mistake_that_stays_changes_nothing(fileorg: Fileorg, mess: Tree, editor: Path) -> None:
    mess.write({"names/a": "one", "names/b": "two"})
    editor.write_text("s/\\ta$/\\tb/\nnothing\n")
    ran = fileorg("rename", "tree/names", "--yes")
    assert ran.code == 3
    assert "still has 1 mistake" in ran.err
    assert mess.path("names/a").read_text() == "one"


def test_a_script_that_makes_the_same_mistake_again_is_not_asked_for_ever(
    fileorg: Fileorg, mess: Tree, editor: Path
) -> None:
    mess.write({"names/a": "one", "names/b": "two"})
    editor.write_text("s/^1\\t.*/1\\tb/\n" * 9)
    ran = fileorg("rename", "tree/names", "--yes")
    assert ran.code == 3
    assert "still has 1 mistake" in ran.err
    assert len(editor.read_text().splitlines()) == 7


@pytest.mark.parametrize(("command", "said"), [("fail", "ended with code 3"), ("nothing", "Nothing was saved")])
def test_an_editor_that_fails_or_saves_nothing(
    fileorg: Fileorg, mess: Tree, editor: Path, command: str, said: str
) -> None:
    mess.write({"names/a": "one"})
    editor.write_text(f"{command}\n")
    ran = fileorg("rename", "tree/names", "--yes")
    assert ran.code == 3
    assert said in ran.err
    assert mess.path("names/a").read_text() == "one"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("s/^1\\t/9\\t/", "it does not begin with the number"),
        ("s/^1\\t/one /", "it does not begin with the number"),
        ("s/^2\\t/1\\t/", "has the same path"),
        ("s/\\ta$/\\t/", "it has no new_path"),
        ("s/\\ta$/\\t\\\\q/", "it cannot be used"),
        ("s/\\ta$/\\t..\\/a/", "is not in the folder of the plan"),
    ],
)
def test_mistakes_of_editing(fileorg: Fileorg, mess: Tree, editor: Path, edit: str, said: str) -> None:
    mess.write({"names/a": "one", "names/b": "two"})
    editor.write_text(f"{edit}\nnothing\n")
    ran = fileorg("rename", "tree/names", "--yes")
    assert ran.code == 3
    assert said in " ".join(ran.err.split())
    assert (mess.path("names/a").read_text(), mess.path("names/b").read_text()) == ("one", "two")


def test_names_of_any_bytes_are_edited(fileorg: Fileorg, mess: Tree, editor: Path) -> None:
    mess.write({"names/caf\udce9\n\\": "one"})
    editor.write_text("s/\\\\xe9/\\\\xc3\\\\xa9/\n")
    assert fileorg("rename", "tree/names", "--yes").code == 0
    assert "caf\\xe9\\x0a\\\\" in (fileorg.folder / "shown").read_text()
    assert mess.path("names/caf\u00e9\n\\").read_text() == "one"


def test_the_plan_of_organize_is_edited(fileorg: Fileorg, mess: Tree, editor: Path) -> None:
    mess.write({"d/a.jpg": "one", "d/b.pdf": "two"})
    editor.write_text("s/\\tImages\\/a.jpg\\t.*/\\tPictures\\/first.jpg/;/b.pdf/d\n")
    ran = fileorg("organize", "tree/d", "--edit", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert mess.path("d/Pictures/first.jpg").read_text() == "one"
    assert mess.path("d/b.pdf").read_text() == "two"


def test_a_plan_of_a_file_is_edited(fileorg: Fileorg, mess: Tree, editor: Path) -> None:
    mess.write({"d/a": "one", "d/b": "two"})
    (fileorg.folder / "plan.csv").write_text("path,new_path,action\na,x,\nb,,trash\n")
    editor.write_text("s/\\tx\\t/\\ty\\t/;s/^2\\t\\t/2\\tkept\\t/\n")
    ran = fileorg("apply", "plan.csv", "--root", "tree/d", "--edit", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert (mess.path("d/y").read_text(), mess.path("d/kept").read_text()) == ("one", "two")


@pytest.mark.parametrize("words", [("rename", "tree/d"), ("organize", "tree/d", "--edit")])
def test_without_a_terminal_only_an_editor_that_is_named_is_opened(
    fileorg: Fileorg, mess: Tree, editor: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    mess.write({"d/a.jpg": "one"})
    editor.write_text("/^[1-9]/s/a.jpg.*/b.jpg/\n")
    script = os.environ["VISUAL"]
    monkeypatch.delenv("VISUAL")
    monkeypatch.delenv("EDITOR", raising=False)
    without = {"start_new_session": True, "stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    refused = fileorg.start(*words, "--yes", **without)
    assert b"There is no terminal to open an editor in." in refused.communicate()[1]
    assert refused.returncode == 2
    monkeypatch.setenv("EDITOR", script)
    edited = fileorg.start(*words, "--yes", **without)
    assert (edited.communicate()[1], edited.returncode) == (b"", 0)
    assert [each.name for each in mess.path("d").rglob("*.jpg")] == ["b.jpg"]


@pytest.mark.parametrize("program", ["vim", "ed"])
def test_a_real_editor_in_a_terminal(
    fileorg: Fileorg, mess: Tree, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"NOT TESTED: {program} is not installed")
    mess.write({"names/a": "one", "names/b": "two", "names/c": "three"})
    monkeypatch.setenv("VISUAL", "vim -u NONE -n -T vt100" if program == "vim" else program)
    terminal = fileorg.terminal("rename", "tree/names")
    if program == "vim":
        terminal.wait_for("Change the new paths")
        # A name that is taken first: the editor opens again at that line.
        terminal.send(":%s/\\ta$/\\tc/\r:wq\r")
        terminal.wait_for("the name is taken: c")
        terminal.send(":%s/\\tc$/\\ttmp/\r:$s/tmp/a/\r:%s/\\ttmp$/\\tc/\r:wq\r")
    else:
        terminal.send(",s/\ta$/\tc/\n$s/c$/a/\nw\nq\n")
    terminal.wait_for("[y/N")
    terminal.send("y\n")
    assert terminal.end() == 0
    assert (mess.path("names/a").read_text(), mess.path("names/c").read_text()) == ("three", "one")
    assert fileorg("undo", "--yes").code == 0
    assert (mess.path("names/a").read_text(), mess.path("names/c").read_text()) == ("one", "three")
