"""Text output: to a terminal with a width and colours, or to a pipe or a file. Does not import Rich."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING, TextIO

from fileorg.core.batches import in_batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.core.errors import FileorgError

COLOUR = "--color"
WHEN = ("auto", "always", "never")
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_PLAIN = str.maketrans({"─": "-", "…": "~"})


class Out:
    """A text stream and its capabilities."""

    def __init__(self, stream: TextIO, *, is_terminal: bool | None = None) -> None:
        self.stream = stream
        is_output = stream is not sys.stderr  # what fails on standard error is no reason to end
        self._writing = _NamingTheOutput() if is_output else contextlib.nullcontext()
        self.is_terminal = _is_terminal(stream) if is_terminal is None else is_terminal
        dumb = os.environ.get("TERM") == "dumb"
        self.colours = _wants_colours(is_capable=self.is_terminal and not dumb)
        self.moves = self.is_terminal and not dumb
        """True if the cursor can be moved, as for a live display."""
        self.unicode = (stream.encoding or "").lower().replace("-", "").startswith("utf")

    @property
    def width(self) -> int | None:
        """The columns of the terminal, None for no limit."""
        return _columns(self.stream) if self.is_terminal else None

    @property
    def height(self) -> int | None:
        """The lines of the terminal, None for no limit."""
        return _lines(self.stream) if self.is_terminal else None

    def line(self, text: str = "") -> None:
        with self._writing:
            self.stream.write((text if self.unicode else text.translate(_PLAIN)) + "\n")

    def many(self, texts: Iterable[str]) -> None:
        """Write very many lines, in batches: a write for each would take longer than all else."""
        for batch in in_batches(texts, 256):
            self.line("\n".join(batch))

    def prose(self, text: str, lead: str = "") -> None:
        """Write a sentence after `lead`, wrapped between words in a narrow terminal. Long words are not broken."""
        if self.width is not None and len(lead) + len(text) > self.width:
            text = "\n".join(wrap(lead + text, self.width, break_long_words=False)).removeprefix(lead)
        self.line(self.styled(lead.rstrip(), "bold") + lead[len(lead.rstrip()) :] + text)

    def styled(self, text: str, style: str) -> str:
        """Return `text` in a style such as `bold` or `red`, if the stream has colours."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colours and text else text

    def flush(self) -> None:
        with self._writing:
            self.stream.flush()


class _NamingTheOutput:
    """Raises `FileorgError` where the block cannot write, for example to a full disk."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise output_failed(error) from error


def output_failed(error: OSError) -> FileorgError:
    """Return the error for an output that cannot be written."""
    from fileorg.core.errors import ErrorCode, FileorgError

    hint = "free some space on the disk" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
    return FileorgError(f"Could not write the output: {error.strerror}", hint=hint, code=ErrorCode.OUTPUT_FAILED)


def _columns(stream: TextIO) -> int:
    """Return the columns of the terminal behind `stream`; the variable COLUMNS takes precedence."""
    return _from_environment("COLUMNS") or _size(stream)[0] or 80


def _lines(stream: TextIO) -> int:
    """Return the lines of the terminal behind `stream`; the variable LINES takes precedence."""
    return _from_environment("LINES") or _size(stream)[1] or 24


def _from_environment(variable: str) -> int:
    with contextlib.suppress(ValueError):
        return max(0, int(os.environ.get(variable, "")))
    return 0


def _size(stream: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 0, 0
    return size.columns, size.lines


def wrap(text: str, width: int, *, break_long_words: bool = True) -> list[str]:
    """Return the text in lines of at most `width` columns. A number stays on one line with its unit."""
    import re
    import textwrap

    joined = re.sub(r"(\d) (?=(?:[KMGTPE]?B|s|ms|files?|folders?)\b)", "\\1\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(joined, width, break_long_words=break_long_words, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def choose_colours(when: str) -> None:
    """Apply `--color`: always, never, or auto, which is what the environment says. Also for processes to come."""
    if when != "auto":
        chosen, other = ("FORCE_COLOR", "NO_COLOR") if when == "always" else ("NO_COLOR", "FORCE_COLOR")
        os.environ[chosen] = "1"
        os.environ.pop(other, None)


def _wants_colours(*, is_capable: bool) -> bool:
    """Return whether to use colours: NO_COLOR (no-color.org) comes before FORCE_COLOR (force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return is_capable or os.environ.get("FORCE_COLOR", "0") not in {"", "0"}


def standard_output() -> Out:
    return Out(sys.stdout)


def standard_error() -> Out:
    return Out(sys.stderr)


def can_ask(out: Out) -> bool:
    """Return whether a user can read `out` and answer: both it and standard input are terminals."""
    return out.is_terminal and sys.stdin is not None and _is_terminal(sys.stdin)


def prepare_streams() -> None:
    """Make any text writable, whatever the encoding of the terminal.

    Closed streams discard their output, and a closed input is empty.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Never closed: the stream lives as long as the process.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
        os.set_inheritable(sys.stdin.fileno(), True)  # for the server of `mcp`, which takes the place of this process
    elif hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")


@contextlib.contextmanager
def output(path: str | None, *, force: bool = False) -> Iterator[Out]:
    """Yield standard output, or the target of `-o`; `-` is standard output too. A file that is there is replaced only
    with `force`. Raises `UsageError`, `GuardRefused`.
    """
    if path is None or path == "-":
        yield standard_output()
        return
    from fileorg.workflows.output_target import written

    with written(path, force=force) as stream:
        yield Out(stream, is_terminal=False)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
