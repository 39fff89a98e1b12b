"""The question before a change. Enter, and whatever is not a clear yes, changes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.cli.terminal import Out


def ask(talk: Out, question: str, list_all: Callable[[], None]) -> bool:
    """Ask until there is an answer; `l` lists every change first. The end of the input is a no.

    No is the default: a key that was pressed too early, or by a cat, moves no files.
    """
    keys = "[y/N, l lists every file]"
    if len(question) + len(keys) + 8 > (talk.width or 80):
        question, keys = question.partition("?")[0] + "?", "[y/N/l]"
    while True:
        talk.stream.write(f"{talk.styled(question, 'bold')} {keys} ")
        talk.flush()
        try:
            answer = sys.stdin.readline()
        except KeyboardInterrupt:
            talk.line()  # what is said next does not belong on the line of the question
            raise
        match answer.strip().lower():
            case "y" | "yes":
                return True
            case "n" | "no" | "":
                if not answer:
                    talk.line()
                return False
            case "l" | "list":
                list_all()
                talk.line()
            case _:
                talk.line("Answer y for yes or n for no.")
