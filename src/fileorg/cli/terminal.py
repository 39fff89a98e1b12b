"""Text output: to a terminal with a width and colours, or to a pipe or a file. Does not import Rich."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

from fileorg.core.batches import in_batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_PLAIN = str.maketrans({"─": "-", "…": "~"})


class Out:
    """A text stream and its capabilities."""

    def __init__(self, stream: TextIO, *, is_terminal: bool | None = None) -> None:
        self.stream = stream
        self.is_terminal = _is_terminal(stream) if is_terminal is None else is_terminal
        dumb = os.environ.get("TERM") == "dumb"
        self.colours = self.is_terminal and not dumb and not os.environ.get("NO_COLOR")
        self.moves = self.is_terminal and not dumb
        """True if the cursor can be moved, as for a live display."""
        self.unicode = (stream.encoding or "").lower().replace("-", "").startswith("utf")

    @property
    def width(self) -> int | None:
        """The columns of the terminal, None for no limit."""
        return terminal_width(self.stream) if self.is_terminal else None

    def line(self, text: str = "") -> None:
        self.stream.write((text if self.unicode else text.translate(_PLAIN)) + "\n")

    def many(self, texts: Iterable[str]) -> None:
        """Write very many lines, in batches: a write for each would take longer than all else."""
        for batch in in_batches(texts, 256):
            self.line("\n".join(batch))

    def prose(self, text: str, lead: str = "") -> None:
        """Write a sentence after `lead`, wrapped between words in a narrow terminal. Long words are not broken."""
        if self.width is not None and len(lead) + len(text) > self.width:
            import textwrap

            text = "\n".join(
                textwrap.wrap(
                    lead + text, self.width, drop_whitespace=True, break_long_words=False, break_on_hyphens=False
                )
            ).removeprefix(lead)
        self.line(self.styled(lead.rstrip(), "bold") + lead[len(lead.rstrip()) :] + text)

    def styled(self, text: str, style: str) -> str:
        """Return `text` in a style such as `bold` or `red`, if the stream has colours."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colours and text else text

    def flush(self) -> None:
        self.stream.flush()


def terminal_width(stream: TextIO) -> int:
    """Return the columns of the terminal behind `stream`; the variable COLUMNS takes precedence."""
    with contextlib.suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def standard_output() -> Out:
    return Out(sys.stdout)


def standard_error() -> Out:
    return Out(sys.stderr)


def can_ask(out: Out) -> bool:
    """Return whether a user can read `out` and answer: both it and standard input are terminals."""
    return out.is_terminal and sys.stdin is not None and _is_terminal(sys.stdin)


def prepare_streams() -> None:
    """Make any text writable, whatever the encoding of the terminal; closed streams discard their output."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Never closed: the stream lives as long as the process.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")


@contextlib.contextmanager
def output(path: str | None, *, force: bool = False) -> Iterator[Out]:
    """Yield standard output, or the target of `-o`; `-` is standard output too. A file that is there is replaced only
    with `force`. Raises `UsageError`, `GuardRefused`.
    """
    if path is None or path == "-":
        yield standard_output()
        return
    from fileorg.cli.target import written

    with written(path, force=force) as stream:
        yield Out(stream, is_terminal=False)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
