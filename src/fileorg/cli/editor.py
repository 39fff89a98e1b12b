"""Editing of a plan in `$VISUAL` or `$EDITOR`, again and again until it has no mistake."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from typing import IO, TYPE_CHECKING, TextIO

from fileorg.core.errors import ErrorCode, Exit, FileorgError, UsageError
from fileorg.core.figures import plural
from fileorg.core.names import display
from fileorg.report.row_sentences import line_of_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.row_problems import RowProblem
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.apply_plan import ApplyOptions
    from fileorg.workflows.edit_plan import PlanText

_EDITORS = ("editor", "nano", "vi")
_TAKE_A_LINE = frozenset(
    {"vi", "vim", "nvim", "view", "gvim", "nano", "pico", "emacs", "emacsclient", "joe", "jed", "ne"}
)
"""Editors that open a file at a line with `+LINE`."""


class NotEdited(FileorgError):
    """Raised if the user closes the editor without saving, or the editor fails. Nothing was changed."""

    exit_code = Exit.NO
    code = ErrorCode.NOT_CONFIRMED


def edit(text: PlanText, chosen: ApplyOptions, state: StateDirectory) -> None:
    """Open the editor until the text has no mistake. Raises `NotEdited`, `UsageError`."""
    mistakes: list[RowProblem] = []
    command = _command()
    while True:
        before = _facts(text.path)
        _run(command, text.path, text.line)
        if _facts(text.path) == before:
            raise _not_saved(mistakes)
        mistakes = text.has_mistakes(chosen, state)
        if not mistakes:
            return
        if text.is_as_before:  # a script, which would do so for ever
            raise _not_saved(mistakes)


def _not_saved(mistakes: list[RowProblem]) -> NotEdited:
    if not mistakes:
        return NotEdited("Nothing was saved in the editor. Nothing was changed.", hint="save the plan to carry it out")
    return NotEdited(
        f"The plan still has {plural(len(mistakes), 'mistake')}: {line_of_row(mistakes[0])}. Nothing was changed.",
        hint="correct the lines below the remarks, or remove them",
    )


def _command() -> str:
    """Return the command line of the editor. Raises `UsageError` if there is none, or none is named and no terminal."""
    for name in ("VISUAL", "EDITOR"):
        if command := os.environ.get(name, "").strip():
            return command
    if not _has_terminal():  # an editor would wait for ever
        raise UsageError("There is no terminal to open an editor in.", hint="set EDITOR to a program that needs none")
    for name in _EDITORS:
        if shutil.which(name) is not None:
            return name
    raise UsageError("There is no editor to open the plan with.", hint="name one: EDITOR=nano fileorg …")


def _has_terminal() -> bool:
    if sys.stdin is not None and sys.stdin.isatty():
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _run(command: str, path: str, line: int) -> None:
    """Open a file in the editor and wait. Raises `NotEdited` if it fails."""
    name = os.path.basename(command.split(maxsplit=1)[0])
    place = [f"+{line}"] if line > 1 and name in _TAKE_A_LINE else []
    with _terminal(sys.stdin, "rb") as stdin, _terminal(sys.stdout, "wb") as stdout:
        try:
            # A command line of the user, as in git.
            words = ["/bin/sh", "-c", f'{command} "$@"', command, *place, path]
            ended = subprocess.run(words, check=False, stdin=stdin, stdout=stdout)
        except KeyboardInterrupt:
            raise NotEdited("The editor was interrupted. Nothing was changed.") from None
    if ended.returncode:
        raise NotEdited(
            f"The editor {display(command)} ended with code {ended.returncode}. Nothing was changed.",
            hint="choose another one: EDITOR=nano fileorg …",
        )


@contextlib.contextmanager
def _terminal(stream: TextIO | None, mode: str) -> Iterator[IO[bytes] | None]:
    """Yield the terminal if a stream is none, such as a pipe that the plan came through; None for the stream itself."""
    if stream is not None and stream.isatty():
        yield None
        return
    try:
        terminal: IO[bytes] = open("/dev/tty", mode)  # noqa: SIM115  closed below
    except OSError:
        yield None
        return
    with terminal:
        yield terminal


def _facts(path: str) -> tuple[int, int, int, int]:
    """Return what differs once a file was saved, even with the same content."""
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        raise NotEdited("The editor removed the plan. Nothing was changed.") from None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
