"""Declarations of options and arguments, and a parser for plain command lines that does not need Typer.

The import of Typer takes 60 ms, half the time of a short command. Typer is used for help, completion, and all command
lines that are wrong or unusual: it parses these again and reports their errors.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Any

from fileorg.cli.complete import A_FILE, A_FOLDER
from fileorg.cli.terminal import COLOUR, WHEN
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FunctionType

    from fileorg.cli.complete import Completer

_DIGITS = 19
_DEBUG = "--debug"
"""An option of every command, which the error handler searches in the raw words."""
LIMITS = ("--time-limit", "--kill-after", "--helper-memory", "--attempts", "--parallel")
"""Options that are read before the command: see `limit_options`."""
PATHS = {
    "PATH": A_FOLDER,
    "DIR": A_FOLDER,
    "OLD": A_FOLDER,
    "NEW": A_FOLDER,
    "CARD": A_FOLDER,
    "OP|FOLDER": A_FOLDER,
    "FILE": A_FILE,
}
"""The metavars of options and arguments that take a path, and what shells offer for them."""


class Parameter:
    """The arguments for `typer.Option` or `typer.Argument`, which are made only if Typer is used."""

    def __init__(self, *names: str, complete: Completer | str = "", **details: Any) -> None:
        self.names = names
        self.complete = complete
        """What shells offer: words of a function, or `A_FILE` or `A_FOLDER` instead of what `PATHS` says."""
        self.details = details


class Option(Parameter):
    """An option in an `Annotated`, like `typer.Option`."""


class Argument(Parameter):
    """An argument in an `Annotated`, like `typer.Argument`."""


MAN = "--man"
EVERYWHERE = (
    Option(MAN, help="Open the man page; in a pipe, print its source."),
    Option(_DEBUG, help="Show a traceback on errors."),
    Option(
        COLOUR,
        metavar=f"<{'|'.join(WHEN)}>",
        help="Use colours in a terminal, always, or never; NO_COLOR and FORCE_COLOR are respected.",
    ),
)
"""Options of every command, which are found in the raw words. They are declared for the help and for completion."""


def for_typer(command: FunctionType) -> FunctionType:
    """Return a copy of the command with Typer's own options and arguments in its annotations."""
    from types import FunctionType
    from typing import Annotated

    import typer

    makers: dict[type[Parameter], Any] = {Option: typer.Option, Argument: typer.Argument}
    copy = FunctionType(command.__code__, command.__globals__, command.__name__, command.__defaults__)
    copy.__doc__ = command.__doc__
    copy.__annotations__ = dict(command.__annotations__)
    for name, kind, parameter in declarations(command):
        copy.__annotations__[name] = Annotated[kind, makers[type(parameter)](*parameter.names, **parameter.details)]
    return copy


def refuse_blank_paths(command: FunctionType, values: dict[str, Any]) -> None:
    """Raise `UsageError` for a path that is empty or only spaces: nearly always an unset variable of a script.

    `plain_values` leaves such words to Typer, so only the values of Typer need this check.
    """
    from fileorg.core.errors import blank_path

    for name, _, parameter in declarations(command):
        if parameter.details.get("metavar") in PATHS and (value := values.get(name)) is not None:
            given = value if isinstance(value, list) else [value]
            if any(not str(each).strip() for each in given):
                raise blank_path(max(parameter.names, key=len, default=parameter.details["metavar"]))


class Declared(NamedTuple):
    """A parameter of the command: its name, and the type of its values."""

    name: str
    kind: Any
    many: bool
    parameter: Parameter


class _UnclearError(Exception):
    """Raised for words that Typer must parse."""


def plain_values(command: FunctionType, words: Sequence[str]) -> dict[str, Any] | None:
    """Parse the words after a command's name. Return values by parameter name, the same as Typer's, or None if Typer
    must parse the words.
    """
    options, arguments = declared(command)
    values: dict[str, Any] = {}
    try:
        given = list(_read(options, iter(words), values))
        for taken in arguments:
            if taken.many and given:
                values[taken.name] = [_value(taken, word) for word in given]
                given = []
            elif given:
                values[taken.name] = _value(taken, given.pop(0))
        if given:
            return None
        for taken in options.values():
            if taken.name not in values and (word := os.environ.get(taken.parameter.details.get("envvar", ""))):
                values[taken.name] = _value(taken, word)
    except _UnclearError:
        return None
    names = command.__code__.co_varnames[: command.__code__.co_argcount]
    needed = names[: len(names) - len(command.__defaults__ or ())]
    return values if values.keys() >= set(needed) else None


def option_names(command: FunctionType) -> dict[str, str]:
    """Return the parameters of the options by their long names: `on_conflict` of `--on-conflict`."""
    return {
        max(parameter.names, key=len).lstrip("-").replace("-", "_"): name
        for name, _, parameter in declarations(command)
        if isinstance(parameter, Option)
    }


def given_words(command: FunctionType, words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the options among the words after a command's name, by their long names with the last value of each, and
    the arguments. Unclear words are left to the parser.
    """
    options, _ = declared(command)
    long_names = {parameter: name for name, parameter in option_names(command).items()}
    given: dict[str, str] = {}
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--":
            arguments += rest
        elif not word.startswith("-") or word == "-":
            arguments.append(word)
        elif word.startswith("--") or len(word) == 2:
            taken = options.get(name)
            if taken is None:
                continue
            given[long_names[taken.name]] = value if equals or taken.kind is bool else next(rest, "")
        else:
            for position, letter in enumerate(word[1:], 2):
                taken = options.get(f"-{letter}")
                if taken is None:
                    break
                if taken.kind is not bool:  # `-oFILE`
                    given[long_names[taken.name]] = word[position:] or next(rest, "")
                    break
                given[long_names[taken.name]] = ""
    return given, arguments


def declarations(command: FunctionType) -> Iterator[tuple[str, Any, Parameter]]:
    """Yield the name, type and declaration of each parameter."""
    for name, annotation in command.__annotations__.items():
        for parameter in getattr(annotation, "__metadata__", ()):
            yield name, annotation.__origin__, parameter


def declared(command: FunctionType) -> tuple[dict[str, Declared], list[Declared]]:
    """Return the options of a command by name, and its arguments."""
    options: dict[str, Declared] = {}
    arguments: list[Declared] = []
    for name, annotated, parameter in declarations(command):
        kind = next((each for each in getattr(annotated, "__args__", ()) if each is not type(None)), annotated)
        if getattr(annotated, "__origin__", None) is list:
            kind = annotated
        many = getattr(kind, "__origin__", None) is list
        taken = Declared(name, kind.__args__[0] if many else kind, many, parameter)
        if isinstance(parameter, Argument):
            arguments.append(taken)
        else:
            options |= dict.fromkeys(parameter.names, taken)
    return options, arguments


def _read(options: dict[str, Declared], words: Iterator[str], values: dict[str, Any]) -> Iterator[str]:
    """Fill in the values of options, and yield the other words. Raises `_UnclearError`."""
    for word in words:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            yield word
        elif word == "--":
            yield from words
        elif word == _DEBUG:
            continue
        elif not word.startswith("--") and len(word) > 2:  # several flags: `-rn`
            for letter in word[1:]:
                _take(options.get(f"-{letter}"), None, None, values)
        else:
            _take(options.get(name), value if equals else None, words, values)


def _take(taken: Declared | None, value: str | None, words: Iterator[str] | None, values: dict[str, Any]) -> None:
    """Store the value of an option: the text after `=` (`value`), or the next of `words`."""
    if taken is None:
        raise _UnclearError
    if taken.kind is bool:
        if value is not None:
            raise _UnclearError
        values[taken.name] = True
        return
    if value is None:
        value = next(words, "") if words is not None else ""
        if value.startswith("-") and value != "-":
            raise _UnclearError
    read = _value(taken, value)
    if taken.many:
        values.setdefault(taken.name, []).append(read)
    else:
        values[taken.name] = read


def _value(taken: Declared, word: str) -> Any:
    """Return a word as the type of a parameter. Raises `_UnclearError`."""
    if taken.kind is str and word.strip():
        return word
    if taken.kind is int and word.isascii() and word.isdigit() and len(word) < _DIGITS:
        number = int(word)
        if taken.parameter.details.get("min", number) <= number <= taken.parameter.details.get("max", number):
            return number
    elif (
        isinstance(taken.kind, type)
        and issubclass(taken.kind, Enum)
        and word in {str(each.value) for each in taken.kind}
    ):
        return taken.kind(word)
    raise _UnclearError
