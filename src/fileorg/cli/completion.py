"""Shell completion: the words that may follow a command line, as the scripts of `shells` read them.

The scripts start fileorg at each Tab. Typer's own completion offers no folders, and its import takes half of the time.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from enum import Enum
from typing import TYPE_CHECKING

from fileorg.cli.commands import COMMANDS, function_of
from fileorg.cli.parameters import EVERYWHERE, PATHS, Declared, declared
from fileorg.cli.shells import BASH, FISH, PROGRAM_OPTIONS, SHELLS
from fileorg.cli.terminal import COLOUR, WHEN
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HELP = "help"
_HELP_OPTION = ("--help", "Show this message and exit.")
_VERSION_OPTION = ("--version", "Print the version.")


class Candidates(NamedTuple):
    """The words that a shell may offer, each with a description, and the kind of path that it may offer too."""

    rows: list[tuple[str, str]]
    paths: str = ""


# Other words would have to be quoted, in another way for each shell.
_WORD = re.compile(r"[\w,.:/~+=-]+")
_NONE = Candidates([])


def answer(shell: str, words: Sequence[str]) -> int:
    """Print the candidates for a script: the kind of path, then a word and its description per line. Never fails.

    The words are those of the line up to the cursor; bash gives the line itself, and what it takes for the last word.
    """
    if shell not in SHELLS:
        return 1
    with contextlib.suppress(Exception):
        line, word = _words_of(*words) if shell == BASH else (list(words[:-1]), words[-1])
        option, equals, value = word.partition("=")
        lead = option + equals if equals and word.startswith("--") else ""
        found = candidates([*line, option], value) if lead else candidates(line, word)
        # zsh and bash complete what is after the equals sign, but a bash may be set to complete the whole word.
        if shell == FISH or (shell == BASH and words[1].startswith("--")):
            found = found._replace(rows=[(lead + each, about) for each, about in found.rows])
        rows = (f"{each}\t{display(about)}\n" for each, about in found.rows if _WORD.fullmatch(each))
        sys.stdout.write("".join([found.paths or "words", "\n", *rows]))
    return 0


def _words_of(line: str, _: str) -> tuple[list[str], str]:
    """Return the words of a line after the name of the program, and the last, which may be unfinished."""
    for closing in ("", "'", '"'):
        with contextlib.suppress(ValueError):
            words = shlex.split(line + closing)[1:]
            break
    else:
        words = line.split()[1:]
    is_begun = bool(words) and (closing != "" or not line[-1:].isspace())
    return (words[:-1], words[-1]) if is_begun else (words, "")


def candidates(line: Sequence[str], word: str) -> Candidates:
    """Return the candidates for `word`, the beginning of a word after the words of `line`."""
    if line[-1:] == [COLOUR]:
        return Candidates([(each, "") for each in WHEN if each.startswith(word)])
    named = iter(each for each in line if not each.startswith("-") and each not in WHEN)
    command = next(named, None)
    if command == HELP:
        return _NONE if any(named) else Candidates(list(_commands(word)))
    if command in COMMANDS:
        return _of_command(command, line[line.index(command) + 1 :], word)
    if command is not None:
        return _NONE
    if word.startswith("-"):
        options = (*PROGRAM_OPTIONS, *EVERYWHERE)
        rows = [(name, each.details["help"]) for each in options for name in each.names]
        rows += [_VERSION_OPTION, _HELP_OPTION]
        return Candidates([(name, _short(text)) for name, text in rows if name.startswith(word)])
    if line[-1:] and line[-1].endswith("-completion"):
        return Candidates([(each, "") for each in SHELLS if each.startswith(word)])
    return Candidates([*_commands(word), *([(HELP, "Show the help of a command.")] if HELP.startswith(word) else [])])


def _commands(word: str) -> Iterator[tuple[str, str]]:
    for name in COMMANDS:
        if name.startswith(word):
            yield name, _short(function_of(name).__doc__)


def _of_command(name: str, line: Sequence[str], word: str) -> Candidates:
    options, arguments = declared(function_of(name))
    given = {
        each.name: value
        for each in options.values()
        if (value := os.environ.get(each.parameter.details.get("envvar", "")))
    }
    named: set[str] = set()
    before, only_arguments = 0, False
    words = iter(line)
    for each in words:
        option, equals, value = each.partition("=")
        taken = options.get(option)
        if only_arguments or not each.startswith("-") or each == "-":
            before += 1
        elif each == "--":
            only_arguments = True
        elif taken is not None:
            if taken.kind is not bool and not equals:
                following = next(words, None)
                if following is None:
                    return _values(taken, word, given)
                value = following
            given[taken.name] = value
            named.add(taken.name)
        elif each == COLOUR:
            next(words, None)
    if word.startswith("-") and not only_arguments:
        rows = [
            (option, taken.parameter.details.get("help", ""))
            for option, taken in options.items()
            if taken.many or taken.name not in named
        ]
        rows += [(option, each.details["help"]) for each in EVERYWHERE for option in each.names]
        rows.append(_HELP_OPTION)
        return Candidates([(option, _short(text)) for option, text in rows if option.startswith(word)])
    if before < len(arguments):
        return _values(arguments[before], word, given)
    return _values(arguments[-1], word, given) if arguments and arguments[-1].many else _NONE


def _values(taken: Declared, word: str, given: dict[str, str]) -> Candidates:
    """Return the candidates for the value of an option or argument."""
    complete = taken.parameter.complete
    if isinstance(taken.kind, type) and issubclass(taken.kind, Enum):
        return Candidates([(str(each.value), "") for each in taken.kind if str(each.value).startswith(word)])
    paths = PATHS.get(taken.parameter.details.get("metavar", ""), "")
    if isinstance(complete, str):
        return Candidates([], complete or paths)
    return Candidates(complete(word, given), paths)


def _short(text: str | None) -> str:
    """Return the first sentence of a help text, without its full stop."""
    return " ".join((text or "").partition("\n\n")[0].partition(". ")[0].split()).rstrip(".")
