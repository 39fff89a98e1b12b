"""The program as users start it: in a separate process, through pipes or in a real pseudo-terminal."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pexpect
import pyte
import pytest
from tests.support.warm_python import run_fileorg

import fileorg
from fileorg.cli.app import run
from fileorg.core.model import GIVEN

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROGRAM = [sys.executable, "-m", "fileorg"]
_PATIENCE_SECONDS = 60
_QUIET = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "LC_ALL", "LANG")


class Ran(NamedTuple):
    """The result of a run without a terminal."""

    code: int
    out_bytes: bytes
    err_bytes: bytes

    @property
    def out(self) -> str:
        return self.out_bytes.decode()

    @property
    def err(self) -> str:
        return self.err_bytes.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out_bytes)


class Fileorg:
    """Starts the program with a separate state directory."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.prefix: list[str] = []
        """Words before the program's name, such as those that drop root's privileges."""
        self._open: list[Terminal] = []

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _QUIET}
        kept |= {
            "FILEORG_HOME": str(self.home),
            "PYTHONPATH": str(Path(fileorg.__file__).parents[1]),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        return kept | changes

    def __call__(self, *words: str | bytes | Path, given: bytes = b"", **changes: str) -> Ran:
        """Run the program to its end, without a terminal: in a fork if a new Python would run it in the same way."""
        environment = self.environment(**changes)
        if not self.prefix:
            ran = run_fileorg(words, self.folder, environment, self.environment(), given)
        else:
            ran = subprocess.run(
                [*self.prefix, *_PROGRAM, *words],
                input=given, capture_output=True, cwd=self.folder, env=environment, timeout=_PATIENCE_SECONDS,
                check=False,
            )  # fmt: skip
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def inside(self, *words: str, **changes: str) -> Ran:
        """Run the program in this process, ten times as fast: for usage errors and help."""
        streams = {
            name: io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for name in ("stdin", "stdout", "stderr")
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in _QUIET:
                patch.delenv(name, raising=False)
            for name, value in self.environment(**changes).items():
                patch.setenv(name, value)
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            patch.setattr(GIVEN, "configuration", GIVEN.configuration)  # a fact of the process, which goes on
            code = run(words)
        out, err = (stream.detach().getvalue() for stream in (streams["stdout"], streams["stderr"]))
        return Ran(code, out, err)

    def start(self, *words: str | Path, **named: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*_PROGRAM, *words], cwd=self.folder, env=self.environment(), **named)

    def terminal(self, *words: str | Path, columns: int = 80, lines: int = 24, **changes: str) -> Terminal:
        """Start the program in a new pseudo-terminal."""
        child = pexpect.spawn(
            _PROGRAM[0],
            [*_PROGRAM[1:], *map(str, words)],
            cwd=str(self.folder),
            env=self.environment(**changes),
            dimensions=(lines, columns),
            timeout=_PATIENCE_SECONDS,
        )
        terminal = Terminal(child, columns, lines)
        self._open.append(terminal)
        return terminal

    def close(self) -> None:
        for terminal in self._open:
            terminal.close()


class Terminal:
    """A pseudo-terminal and its screen."""

    def __init__(self, child: Any, columns: int, lines: int) -> None:
        self._child = child
        self._pyte = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._pyte)
        self.raw = b""

    @property
    def screen(self) -> str:
        return "\n".join(map(self._line, range(self._pyte.lines))).rstrip()

    @property
    def styled_screen(self) -> str:
        """The screen, with `[bold cyan]` before what is so, and `[/]` behind it."""
        return "\n".join(self._styled(line) for line in range(self._pyte.lines)).rstrip()

    @property
    def cursor_is_shown(self) -> bool:
        return not self._pyte.cursor.hidden

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until `text` is on the screen, or is there `times` times."""
        started = time.monotonic()
        while self.screen.count(text) < times:
            if not self._read():
                raise AssertionError(f"{text!r} never came; the last screen was:\n{self.screen}")
            if time.monotonic() - started > _PATIENCE_SECONDS:
                raise AssertionError(f"{text!r} did not come in time:\n{self.screen}")

    def wait_for_moves(self) -> None:
        """Wait until `--progress json` reports that some files are done."""
        started = time.monotonic()
        while not _MOVES.search(self.raw):
            if not self._read() or time.monotonic() - started > _PATIENCE_SECONDS:
                raise AssertionError(f"no file was moved:\n{self.screen}")

    def send(self, keys: str) -> None:
        self._child.send(keys)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._child.sendintr()

    def end_input(self) -> None:
        """Press Ctrl-D."""
        self._child.sendeof()

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        self._child.wait()
        return int(self._child.exitstatus if self._child.exitstatus is not None else 128 + self._child.signalstatus)

    def close(self) -> None:
        self._child.close(force=True)

    def _line(self, line: int) -> str:
        row = self._pyte.buffer[line]
        return "".join(row[column].data for column in range(_used(row))).rstrip()

    def _styled(self, line: int) -> str:
        text, before = "", ""
        row = self._pyte.buffer[line]
        for column in range(_used(row)):
            cell = row[column]
            style = " ".join(filter(None, ("bold" if cell.bold else "", _COLOURS.get(cell.fg, cell.fg))))
            if style != before:
                text += ("[/]" if before else "") + (f"[{style}]" if style else "")
                before = style
            text += cell.data
        return text + ("[/]" if before else "")

    def _read(self) -> bool:
        try:
            seen = self._child.read_nonblocking(65_536, timeout=_PATIENCE_SECONDS)
        except pexpect.EOF:
            return False
        except pexpect.TIMEOUT:
            raise AssertionError(f"nothing came in time; the last screen was:\n{self.screen}") from None
        self.raw += seen
        self._stream.feed(seen)
        return True


def _used(row: Mapping[int, Any]) -> int:
    """Return the number of columns up to the last character. pyte's own `display` looks at all cells of the screen."""
    return max((column + 1 for column, cell in row.items() if cell.data.strip()), default=0)


_COLOURS = {"default": "", "brown": "yellow"}
"""Names of colours that the screen has otherwise."""
_MOVES = re.compile(rb'"stage": "(?:move|undo)".*"advance"', re.DOTALL)
