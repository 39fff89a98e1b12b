"""Command lines that Typer refuses, in our words: its own speak of int ranges, parameters and arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fileorg.cli.commands import COMMANDS
from fileorg.core.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPERATION = "OP"
_CLOSE = 0.6


def refusal(error: Any, words: Sequence[str]) -> UsageError:
    """Return the error for an exception of Typer. What is not known here keeps the words of Typer."""
    command = next((word for word in words if word in COMMANDS), "")
    sentence, hint = error.format_message(), " ".join(["fileorg", *filter(None, [command]), "--help"])
    code = ErrorCode.USAGE if command else ErrorCode.UNKNOWN_COMMAND
    command = command or "fileorg"
    parameter = getattr(error, "param", None)
    match type(error).__name__:
        case "MissingParameter" if parameter is not None:
            sentence, code = f"{command} needs a {parameter.metavar}.", ErrorCode.MISSING_ARGUMENT
        case "NoSuchOption" if command in words and _is_before(error.option_name, command, words):
            sentence, code = f"The option {error.option_name} comes before the command.", ErrorCode.UNKNOWN_OPTION
            hint = f"write it after the command: fileorg {command} … {error.option_name}"
        case "NoSuchOption":
            sentence, code = f"{command} has no option {error.option_name}.", ErrorCode.UNKNOWN_OPTION
            if error.possibilities:
                sentence += f" Did you mean {' or '.join(sorted(error.possibilities))}?"
        case "BadOptionUsage" if "not take" in sentence:
            sentence, code = f"{error.option_name} takes no value.", ErrorCode.BAD_VALUE
        case "BadOptionUsage":
            sentence, code = f"{error.option_name} needs a value.", ErrorCode.MISSING_VALUE
        case "BadParameter" if parameter is not None:
            sentence, hint = _bad_value(parameter, sentence, hint)
            code = ErrorCode.BAD_VALUE
        case "UsageError" if found := re.fullmatch(r"No such command '(.*)'\.", sentence, re.DOTALL):
            from difflib import get_close_matches

            close = get_close_matches(found[1], [*COMMANDS, "help"], 1, _CLOSE)
            sentence = f"{sentence} Did you mean '{close[0]}'?" if close else sentence
        case "UsageError" if found := re.search(r"unexpected extra argument.*? \((.*)\)", sentence):
            arguments = [each for each in error.ctx.command.params if each.param_type_name == "argument"]
            takes = f"one {arguments[0].metavar}" if arguments else "no argument"
            sentence, code = f"{command} takes {takes}: unexpected {found[1]}.", ErrorCode.UNEXPECTED_ARGUMENT
            if takes == "one PATH":
                hint = f"quote names with spaces; {hint}"
    return UsageError(sentence, hint=hint, code=code)


def _is_before(option: str, command: str, words: Sequence[str]) -> bool:
    """Return whether an option, which may have its value in the same word, precedes the command."""
    return any(word.startswith(option) for word in words[: words.index(command)])


def _bad_value(parameter: Any, sentence: str, hint: str) -> tuple[str, str]:
    """The same for a value that is not a choice, or not a number of a range."""
    found = re.search(r": '?(.*?)'? is not (?:one of|a valid|in the range)", sentence)
    value = found[1] if found else ""
    if parameter.metavar == _OPERATION:
        return f"{value} is not an operation number.", "fileorg history lists the operations"
    name = max(parameter.opts, key=len)
    kind = parameter.type
    if choices := getattr(kind, "choices", None):
        if name == "action" and value.isdecimal():
            hint = f"fileorg jobs show {value}"
        *others, last = [str(getattr(choice, "value", choice)) for choice in choices]
        chosen = f"{', '.join(others)} or {last}" if others else last
        return f"{name} {value} is not valid: choose {chosen}.", hint
    if hasattr(kind, "min"):
        bounds = f"of at least {kind.min}" if kind.max is None else f"from {kind.min} to {kind.max}"
        return f"{name} {value} is not valid: give a whole number {bounds}.", hint
    return sentence, hint
