"""The question before a change. Only a clear yes changes files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fileorg.cli.terminal import wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.cli.terminal import Out


def ask(talk: Out, question: str, list_all: Callable[[], None]) -> bool:
    """Ask until there is an answer; `l` lists every change first. End of input means no.

    The default is no, so an accidental key press changes nothing.
    """
    width, keys = talk.width or 80, "[y/N, l lists every file]"
    if len(question) + len(keys) + 8 > width:
        asked, _, way_back = question.partition("? fileorg ")
        question, keys = f"{asked}?" if way_back else question, "[y/N/l]"  # a warning is never left out
    space = " " if len(question) + len(keys) + 2 < width else "\n"
    question = "\n".join(wrap(question, width))
    while True:
        talk.stream.write(f"{talk.styled(question, 'bold')}{space}{keys} ")
        talk.flush()
        try:
            answer = sys.stdin.readline()
        except KeyboardInterrupt:
            talk.line()  # the next message starts on a new line
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
                talk.line("Answer y for yes, n for no, or l to list every file.")
