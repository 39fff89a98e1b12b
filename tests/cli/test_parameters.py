"""Plain command lines are parsed without Typer, with the same result as Typer's."""

from __future__ import annotations

import functools
from typing import Any

import hypothesis.strategies as st
import pytest
import typer
from hypothesis import given

from fileorg.cli.commands import COMMANDS, function_of, module_of
from fileorg.cli.manual import ManualCommand, example_words
from fileorg.cli.parameters import for_typer, plain_values

FUNCTIONS: dict[str, Any] = {name: function_of(name) for name in COMMANDS}
HANDED: dict[str, Any] = {}


def recording() -> Any:
    """The program, with commands that only record the values from Typer."""
    app = typer.Typer()
    for name, function in FUNCTIONS.items():

        @functools.wraps(for_typer(function))
        def record(**values: Any) -> None:
            HANDED.update(values)

        app.command(name, cls=ManualCommand)(record)
    return typer.main.get_command(app)


PROGRAM = recording()


def by_typer(name: str, words: list[str]) -> dict[str, Any]:
    """Return the values that Typer passes to a command. Raises the usage errors of Typer."""
    HANDED.clear()
    PROGRAM([name, *words], prog_name="fileorg", standalone_mode=False)
    return dict(HANDED)


def complete(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Add the defaults of the command."""
    code, defaults = FUNCTIONS[name].__code__, FUNCTIONS[name].__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    return dict(zip(names[len(names) - len(defaults) :], defaults, strict=True)) | values


def words_of(name: str) -> st.SearchStrategy[list[str]]:
    """Draw words: options of the command, valid and invalid values."""
    options = [option for param in PROGRAM.commands[name].params for option in param.opts]
    choices = [value for param in PROGRAM.commands[name].params for value in getattr(param.type, "choices", ())]
    values = [
        "",
        "-",
        "--",
        "0",
        "1",
        "25",
        "007",
        "x",
        "a b",
        "é",
        "\udcff",
        "-5",
        "10K",
        "99999999999999999999",
        "=",
        *choices,
    ]
    word = st.sampled_from(options) | st.sampled_from(
        [*values, "-rn", "-nq", "-ox", "--page=2", "--max-depth=1", "--no"]
    )
    return st.lists(word | st.builds("{}={}".format, st.sampled_from(options), st.sampled_from(values)), max_size=5)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_plain(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILEORG_HOME", raising=False)
    for line in example_words(module_of(name).EXAMPLES):
        _, command, *rest = line[: min(line.index(end) if end in line else len(line) for end in "|>")]
        values = plain_values(FUNCTIONS[command], rest)
        assert values is not None, line
        assert complete(command, values) == by_typer(command, rest)


@given(st.data())
def test_what_is_read_is_what_typer_reads(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(COMMANDS)))
    words = data.draw(words_of(name))
    values = plain_values(FUNCTIONS[name], words)
    if values is not None:
        assert complete(name, values) == by_typer(name, words)


def test_the_state_directory_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEORG_HOME", "/elsewhere")
    assert plain_values(FUNCTIONS["history"], []) == {"state_dir": "/elsewhere"}
    assert plain_values(FUNCTIONS["history"], ["--state-dir", "/here"]) == {"state_dir": "/here"}


@pytest.mark.parametrize(
    "words", [[], ["a", "--max-depth", "b"], ["a", "--nothing"], ["a", "--by", "colour"], ["a", "--help"], ["a", "-o"]]
)
def test_typer_reads_what_is_wrong_or_asks_for_help(words: list[str]) -> None:
    assert plain_values(FUNCTIONS["organize"], words) is None
