"""Man pages: from the same text as --help, without faults, installed with the package, and opened by `--man`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.man_pages import pages

import fileorg as fileorg_package

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg

PAGES = pages()
INSTALLED = Path(sys.prefix) / "share/man/man1"
WITH_MAN = pytest.mark.skipif(shutil.which("man") is None, reason="there is no man")


def words(text: str) -> list[str]:
    return re.findall(r"[\w-]+", text)


@WITH_MAN
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_man_has_nothing_to_say_against_them(columns: int, tmp_path: Path) -> None:
    for name in ("fileorg", "fileorg-organize", "fileorg-dedupe"):
        (tmp_path / f"{name}.1").write_text(PAGES[name])
        ran = subprocess.run(
            ["man", "--warnings", "-l", tmp_path / f"{name}.1"],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": str(columns)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ran.stderr == ""
        # The title, at both ends of the first line, and examples are not broken.
        assert [line for line in ran.stdout.splitlines()[1:-1] if len(line) > columns and "$ " not in line] == []
        assert "\N{HYPHEN}" not in ran.stdout  # which cannot be pasted into a shell


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="there is no mandoc")
def test_mandoc_has_nothing_to_say_against_them(tmp_path: Path) -> None:
    for name, text in PAGES.items():
        (tmp_path / f"{name}.1").write_text(text)
    ran = subprocess.run(
        ["mandoc", "-Tlint", "-W", "warning", *tmp_path.iterdir()], capture_output=True, text=True, check=False
    )
    # There is no date: the page is made from the text of the version that it names.
    assert [line for line in ran.stdout.splitlines() if "missing date" not in line] == []


@WITH_MAN
@pytest.mark.parametrize("name", ["organize", "undo"])
def test_a_page_says_what_the_help_says(fileorg: Fileorg, name: str) -> None:
    help_ = (
        fileorg.inside(name, "--help")
        .out.replace("USAGE", "SYNOPSIS")
        .replace(f"fileorg {name} -", f"fileorg-{name} -", 1)
    )
    ran = subprocess.run(
        ["man", "-l", "-"], input=PAGES[f"fileorg-{name}"], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    body = ran.stdout.partition("NAME")[2].partition("SEE ALSO")[0]
    assert words(body) == words(help_)[1:]


@pytest.mark.skipif(
    "site-packages" not in fileorg_package.__file__, reason="fileorg is installed as a link to its source"
)
def test_pages_are_installed_with_the_package() -> None:
    assert {path.stem: path.read_text() for path in INSTALLED.glob("fileorg*.1")} == PAGES


def test_in_a_pipe_the_source_is_printed(fileorg: Fileorg) -> None:
    assert fileorg.inside("--man").out == PAGES["fileorg"]
    for line in (("undo", "--man"), ("help", "--man", "undo"), ("help", "undo", "--man")):
        ran = fileorg.inside(*line)
        assert (ran.code, ran.out, ran.err) == (0, PAGES["fileorg-undo"], "")


@WITH_MAN
def test_in_a_terminal_the_page_is_opened(fileorg: Fileorg) -> None:
    terminal = fileorg.terminal("undo", "--man", lines=200, MANPAGER="cat")
    assert terminal.end() == 0
    assert "FILEORG-UNDO(1)" in terminal.screen
    assert "SYNOPSIS\n       fileorg undo [OPTIONS] [OP]" in terminal.screen


def test_without_man_a_terminal_shows_the_help(fileorg: Fileorg, tmp_path: Path) -> None:
    terminal = fileorg.terminal("undo", "--man", lines=200, PATH=str(tmp_path))
    assert terminal.end() == 0
    assert "USAGE\n    fileorg undo [OPTIONS] [OP]" in terminal.screen
