"""--help: every command and option is explained, examples work, and the start is not slow."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from fileorg.cli.commands import COMMANDS, module_of
from fileorg.cli.manual import example_words
from fileorg.cli.program import program

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg

PROGRAM: Any = typer.main.get_command(program())


def parameters() -> list[Any]:
    all_params = [(name, param) for name, command in PROGRAM.commands.items() for param in command.params]
    return [pytest.param(param, id=f"{name} {param.opts[0]}") for name, param in all_params]


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
    assert "\n  Change files\n" in ran.out


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert [name for name in COMMANDS if f"fileorg {name}" not in readme and f"`{name}" not in readme] == []


def test_every_command_module_is_registered() -> None:
    modules = {
        path.stem.rstrip("_") for path in Path(import_module("fileorg.cli.commands").__path__[0]).glob("[a-z]*.py")
    }
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_understood(name: str) -> None:
    for words in example_words(module_of(name).EXAMPLES):
        program, command, *rest = words[: words.index("|")] if "|" in words else words
        assert program == "fileorg"
        PROGRAM.commands[command].make_context(command, rest)


@pytest.mark.parametrize("columns", [30, 40, 80, 120])
def test_the_manual_fits_the_terminal(fileorg: Fileorg, columns: int) -> None:
    terminal = fileorg.terminal("organize", "--help", columns=columns, lines=400)
    assert terminal.end() == 0
    assert "Where files go" in terminal.screen
    if columns >= 80:
        assert "\n    -n, --dry-run               Show what would" in terminal.screen
    assert b"\x1b[1mNAME\x1b[0m" in terminal.raw


def test_the_version_is_told(fileorg: Fileorg) -> None:
    from fileorg import __version__

    assert fileorg("--version").out == f"fileorg {__version__}\n"
    assert fileorg("-V").out == f"fileorg {__version__}\n"
