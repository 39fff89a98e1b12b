"""The manual: every command and option explained, examples that work, and a start that is not slow."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from fileorg.cli.commands import COMMANDS
from fileorg.cli.manual import example_words
from fileorg.cli.program import program

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

PROGRAM: Any = typer.main.get_command(program())


def parameters() -> list[Any]:
    every = [(name, param) for name, command in PROGRAM.commands.items() for param in command.params]
    return [pytest.param(param, id=f"{name} {param.opts[0]}") for name, param in every]


@pytest.mark.parametrize("param", parameters())
def test_every_parameter_has_help(param: Any) -> None:
    assert param.help
    assert param.help.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_manual(fileorg: Fileorg, name: str) -> None:
    for flag in ("--help", "-h"):
        ran = fileorg.inside(name, flag)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"NAME\n    fileorg {name} - ")
        assert f"USAGE\n    fileorg {name} [OPTIONS]" in ran.out
        assert "EXAMPLES\n" in ran.out
        assert "EXIT STATUS\n" in ran.out
        assert all(len(line) <= 80 for line in ran.out.splitlines())
        assert "\x1b" not in ran.out


def test_the_manual_lists_every_command(fileorg: Fileorg) -> None:
    ran = fileorg("--help")
    for name in COMMANDS:
        assert f"\n    {name} " in ran.out
    assert "\n  Sort\n" in ran.out


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert [name for name in COMMANDS if f"fileorg {name}" not in readme and f"`{name}" not in readme] == []


def test_every_command_module_is_registered() -> None:
    modules = {path.stem for path in Path(import_module("fileorg.cli.commands").__path__[0]).glob("[a-z]*.py")}
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_understood(name: str) -> None:
    for words in example_words(import_module(f"fileorg.cli.commands.{name}").EXAMPLES):
        program, command, *rest = words[: words.index("|")] if "|" in words else words
        assert program == "fileorg"
        PROGRAM.commands[command].make_context(command, rest)


@pytest.mark.parametrize("columns", [30, 40, 80, 120])
def test_the_manual_fits_the_terminal(fileorg: Fileorg, columns: int) -> None:
    terminal = fileorg.terminal("organize", "--help", columns=columns, lines=300)
    assert terminal.end() == 0
    assert "Where files go" in terminal.screen
    if columns >= 80:
        assert "\n    -n, --dry-run               Show each change" in terminal.screen
    assert b"\x1b[1mNAME\x1b[0m" in terminal.raw


def test_the_version_is_told(fileorg: Fileorg) -> None:
    from fileorg import __version__

    assert fileorg("--version").out == f"fileorg {__version__}\n"
    assert fileorg("-V").out == f"fileorg {__version__}\n"


# What is loaded at the start ------------------------------------------------------------------------------------------


def loaded(fileorg: Fileorg, *words: str) -> set[str]:
    """The modules that a run has loaded when it ends."""
    script = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr))\n"
        "runpy.run_module('fileorg', run_name='__main__')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        cwd=fileorg.folder,
        env={name: value for name, value in fileorg.environment().items() if not name.startswith("COVERAGE")},
        check=False,
    )
    return set(ran.stderr.split())


def test_the_version_loads_nothing(fileorg: Fileorg) -> None:
    assert loaded(fileorg, "--version").isdisjoint({"typer", "rich", "sqlite3", "fileorg.cli"})


def test_help_loads_no_core_and_no_rich(fileorg: Fileorg) -> None:
    seen = loaded(fileorg, "--help")
    assert "typer" in seen
    assert seen.isdisjoint({"rich", "rich.console", "sqlite3", "fileorg.workflows", "fileorg.storage"})


def test_a_short_run_loads_only_what_it_needs(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("recover")  # makes the journal, once: its migrations load sqlite-utils
    seen = loaded(fileorg, "organize", "tree")
    assert "fileorg.workflows" in seen
    assert seen.isdisjoint({"rich", "rich.console", "fsspec", "s3fs", "jinja2", "watchdog", "pydantic", "click"})
    commands = {name.rpartition(".")[2] for name in seen if name.startswith("fileorg.cli.commands.")}
    assert commands == {"organize"}
