"""Reporters of progress: a live display, JSON lines, or only notes. Chosen by --progress and the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

from fileorg.cli.options import ProgressMode
from fileorg.cli.terminal import standard_error
from fileorg.cli.words import STOPPING
from fileorg.core.events import Reporter
from fileorg.core.formats import named
from fileorg.core.names import display, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.cli.terminal import Out
    from fileorg.core.errors import FileorgError
    from fileorg.core.model import Outcome

_INTERVAL_SECONDS = 0.1


class Screen(Reporter, Protocol):
    """A reporter that shares the terminal with other text."""

    def pause(self) -> None:
        """Remove the display until the next stage, because other text is about to be written."""

    def stopping(self) -> None:
        """Note that the user asked to stop. Called from a signal handler, maybe during a write to a stream."""

    def outcome(self, outcome: Outcome) -> None:
        """Report the end of an operation."""


@contextlib.contextmanager
def reporting(mode: ProgressMode, *, quiet: bool = False) -> Iterator[Screen]:
    """Yield the reporter of the chosen mode, and remove its display at the end."""
    screen = _chosen(mode, standard_error(), quiet=quiet)
    try:
        yield screen
    finally:
        screen.pause()


def _chosen(mode: ProgressMode, err: Out, *, quiet: bool) -> Screen:
    match mode:
        case ProgressMode.JSON:
            return JsonLines(err)
        case ProgressMode.NEVER:
            return Notes(err)
        case ProgressMode.AUTO if quiet or not err.moves:
            return Notes(err)
        case ProgressMode.AUTO | ProgressMode.ALWAYS:
            from fileorg.cli.live import Live

            return Live(err)


class Notes:
    """Prints notes, one per line, and no progress."""

    def __init__(self, err: Out) -> None:
        self._err = err

    def stage(self, name: str, files: int | None = None) -> None: ...

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None: ...

    def note(self, message: str) -> None:
        self._err.prose(display(message), "fileorg: ")

    def pause(self) -> None:
        self._err.flush()

    def stopping(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that has been closed
            os.write(self._err.stream.fileno(), f"fileorg: {STOPPING}\n".encode())

    def outcome(self, outcome: Outcome) -> None: ...


class JsonLines:
    """Writes one JSON event per line. Counts are totals of the stage; the last count of a stage is always written."""

    def __init__(self, err: Out) -> None:
        self._err = err
        self._reported_at = 0.0
        self._untold = False
        self._files = self._bytes = 0
        self._folder = b""
        self._stopping = False

    def stage(self, name: str, files: int | None = None) -> None:
        self.pause()
        self._files = self._bytes = 0
        self._folder = b""
        self._write(event="stage", stage=name, files=files)

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None:
        self._files += files
        self._bytes += size_bytes
        self._folder = folder
        self._untold = True
        now = time.monotonic()
        self._write_stopping()
        if now - self._reported_at >= _INTERVAL_SECONDS:
            self._reported_at = now
            self._write_advance()

    def note(self, message: str) -> None:
        self._write(event="note", message=message)

    def pause(self) -> None:
        self._write_stopping()
        if self._untold:
            self._write_advance()

    def stopping(self) -> None:
        self._stopping = True

    def outcome(self, outcome: Outcome) -> None:
        self._write(
            event="outcome",
            operation=outcome.operation,
            files=outcome.done,
            size_bytes=outcome.size_bytes,
            interrupted=outcome.interrupted,
            counts={str(state): number for state, number in sorted(outcome.counts.items())},
        )

    def _write_stopping(self) -> None:
        if self._stopping:
            self._stopping = False
            self._write(event="stopping")

    def _write_advance(self) -> None:
        self._untold = False
        self._write(event="advance", files=self._files, size_bytes=self._bytes, folder=display(self._folder))

    def _write(self, **event: Any) -> None:
        write_event(self._err, **event)


def write_event(err: Out, **event: Any) -> None:
    """Write one line of `--progress json`."""
    err.stream.write(json.dumps(event) + "\n")
    err.flush()


def write_error(err: Out, error: FileorgError, sentence: str, *, as_event: bool = False) -> None:
    """Write an error as one line of JSON, for `--format json`; `as_event` for `--progress json`."""
    path = error.path and (error.path if scheme_of(error.path) else os.path.abspath(error.path))
    fields = {
        "code": str(error.code),
        "message": sentence,
        "hint": error.hint or None,
        **(named("path", path) if path else {"path": None}),
        "exit": int(error.exit_code),
    }
    err.stream.write(json.dumps(({"event": "error"} if as_event else {}) | {"error": fields}) + "\n")
    err.flush()
