"""Runs a command of fileorg in a process of its own, for faces that are not a terminal.

The process plans, so a server holds no plan in memory; and what a command answers, refuses and advises is said once, by
the command: `docs/json.md`.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, Exit, FileorgError, UsageError
from fileorg.core.formats import exact
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LONGEST_ANSWER = 64 << 20
_LONGEST_EVENT = 1 << 20
_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 10.0
NOT_BEGUN: dict[str, Any] = {
    "code": ErrorCode.INTERRUPTED, "message": "Stopped. Nothing was changed.", "exit": Exit.INTERRUPTED,
}  # fmt: skip
"""The error of a command that was stopped before it changed anything."""


class RowWindow(NamedTuple):
    """Which rows of each list are wanted: `size` of them from `first` on, counted from 0."""

    first: int
    size: int


class CommandAnswer(NamedTuple):
    """What a command answered: its exit code, its document, None if it wrote none, and how many rows each of its lists
    had before the window.
    """

    exit: int
    document: Any
    rows: dict[str, int]


class CommandError(FileorgError):
    """The error of a command that ran in another process, with its code, sentence, hint, path and exit code, and the
    document that it wrote all the same.
    """

    def __init__(self, found: dict[str, Any], exit_code: int, document: Any = None) -> None:
        self.document = document
        path = None
        with contextlib.suppress(ValueError):
            path = exact("path", found) or None
        super().__init__(
            str(found.get("message") or f"fileorg ended with exit code {exit_code} and said nothing."),
            hint=str(found.get("hint") or ""),
            code=_code(found.get("code")),
            path=path,
        )
        with contextlib.suppress(ValueError):
            self.exit_code = Exit(int(found.get("exit", exit_code)))


def _code(value: object) -> ErrorCode:
    try:
        return ErrorCode(str(value))
    except ValueError:
        return ErrorCode.INTERNAL


def _checked(word: str | bytes) -> bytes:
    """Return a word as the system passes it on. Raises `UsageError`."""
    with contextlib.suppress(UnicodeEncodeError):
        encoded = os.fsencode(word)
        if b"\0" not in encoded:
            return encoded
    raise UsageError(
        f"{display(word)} cannot be used: it contains NUL, or half a character.",
        hint="write it without",
        code=ErrorCode.BAD_VALUE,
    )


def run_command(
    words: Sequence[str | bytes],
    *,
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    longest: int = _LONGEST_ANSWER,
    window: RowWindow | None = None,
) -> CommandAnswer:
    """Run a command of fileorg with `--format json`, and return its answer.

    Options are inserted after the first word, so that `--` may follow. `given` is standard input; `environment` is
    added to that of this process. `on_event` gets each event of `--progress json`, which not all commands have. If
    `stop` returns true, the command is asked to end, as by Ctrl-C, and killed if it does not within seconds; what it
    had begun is recovered as ever. A `window` keeps rows of lists that are written as a stream, and forgets the others
    as they come.

    Raises `CommandError` for an error of the command, `UsageError` for a word that no command can be given,
    `FileorgError` for an answer of more than `longest` bytes or for a command that was stopped, `OSError`.
    """
    name, *rest = map(_checked, words)
    options = ["--format", "json"] if on_event is None else ["--format", "json", "--progress", "json"]
    line: list[str | bytes] = [sys.executable, "-P", "-m", "fileorg", name, *options, *rest]
    error: dict[str, Any] = {}

    def hear(text: bytes) -> None:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):  # a note for people
            return
        if isinstance(event, dict) and isinstance(event.get("error"), dict):
            error.update(event["error"])
        elif isinstance(event, dict) and on_event is not None:
            on_event(event)

    with contextlib.ExitStack() as stack:
        source: IO[bytes] | int = subprocess.DEVNULL
        if given:
            source = stack.enter_context(as_input(given))
        process = stack.enter_context(
            subprocess.Popen(
                line,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C in a terminal ends the server, which asks its commands to end
            )
        )
        try:
            kept = _Document(longest, window)
            was_stopped = _read(process, hear, stop, kept)
        except BaseException:
            process.kill()
            raise
    if kept.is_too_long:
        raise FileorgError(
            f"The answer is longer than {longest >> 20} MB.", hint="ask for less", code=ErrorCode.OUTPUT_FAILED
        )
    code = process.returncode
    document = kept.parsed()
    if not error and was_stopped and document is None:
        error = NOT_BEGUN
    if error or code < 0:
        raise CommandError(error, code, document)
    return CommandAnswer(code, document, kept.rows)


def as_input(given: bytes) -> IO[bytes]:
    """Return a file with the standard input of a process. A pipe takes 64 KB, and who writes the rest has to wait."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    file.write(given)
    file.seek(0)
    return file


class _Document:
    """The document of a command, as it comes. A list that is written as a stream has one row in each line."""

    def __init__(self, longest: int, window: RowWindow | None) -> None:
        self.rows: dict[str, int] = {}
        self._left, self._window = longest, window
        self._kept: list[bytes] = []
        self._line, self._list = b"", ""
        self._has_kept = False

    @property
    def is_too_long(self) -> bool:
        return self._left < 0

    def add(self, data: bytes) -> None:
        """Take the next part of standard output."""
        if self._window is None:
            self._keep(data)
            return
        *lines, self._line = (self._line + data).split(b"\n")
        if len(self._line) > self._left:
            self._left = -1
        for line in lines:
            self._take(line, self._window)

    def parsed(self) -> Any:
        """Return the document, None if there is none or an error has cut it off."""
        text = b"".join((*self._kept, self._line))
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None

    def _take(self, line: bytes, window: RowWindow) -> None:
        if line.startswith(b'  "') and line.endswith(b": ["):
            self._list, self._has_kept = json.loads(line[2:-3]), False
        elif self._list and line.startswith(b"    {") and line.endswith((b"}", b"},")):
            row = self.rows[self._list] = self.rows.get(self._list, 0) + 1
            if not window.first < row <= window.first + window.size:
                return
            line = line.removesuffix(b",")
            if self._has_kept:
                line = b"," + line
            self._has_kept = True
        elif line.startswith(b"  ]"):
            self._list = ""
        self._keep(line + b"\n")

    def _keep(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            self._kept.append(data)


def _read(
    process: subprocess.Popen[bytes], hear: Callable[[bytes], None], stop: Callable[[], bool], kept: _Document
) -> bool:
    """Read both streams to their ends, and return whether the command was asked to stop."""
    out, events = process.stdout, process.stderr
    if out is None or events is None:
        raise AssertionError("both streams are pipes")
    line = b""
    stopped_at: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        selector.register(events, selectors.EVENT_READ)
        while selector.get_map():
            if stopped_at is None and stop():
                stopped_at = time.monotonic()
                process.send_signal(signal.SIGINT)
            elif stopped_at is not None and time.monotonic() - stopped_at > _PATIENCE_SECONDS:
                process.kill()
            for key, _ in selector.select(_PAUSE_SECONDS):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is out:
                    kept.add(data)
                    if kept.is_too_long:
                        process.kill()
                        return False
                else:
                    *lines, line = (line + data).split(b"\n")
                    line = line[-_LONGEST_EVENT:]
                    for each in lines:
                        hear(each)
    process.wait()
    hear(line)
    return stopped_at is not None
