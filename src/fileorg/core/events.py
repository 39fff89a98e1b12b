"""The interface through which the core reports progress, independent of any screen or log; the progress of a job."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Lock

_INTERVAL_SECONDS = 0.4
"""A job writes its progress this often at most. It is no truth, and is not flushed: the journal is."""
STATUS_BYTES = 2048
"""The length of a status in its file: one write, and one read."""
guard: Lock | None = None
"""Held while a status file is written, if another thread may write the last word."""
_PATIENCE_SECONDS = 1.0

ended_jobs: list[tuple[bytes, int]] = []
"""State directory and number of the jobs whose end, or whose waiting for a person, this process has recorded. Who runs
the command takes them once it holds no lock: see `jobs.notify`.
"""


class Reporter(Protocol):
    """A receiver of progress, called a few times per second at most: per folder or batch, never per file."""

    def stage(self, name: str, files: int | None = None) -> None:
        """Begin a stage (`scan`, `plan`, `organize`, …); `files` is its number of files if known."""

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None:
        """Add processed files and bytes; `folder` is the current folder."""

    def note(self, message: str) -> None:
        """Show a note to the user during the run. Names in it are already displayable."""


class NullReporter:
    """A reporter that ignores everything."""

    def stage(self, name: str, files: int | None = None) -> None: ...

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None: ...

    def note(self, message: str) -> None: ...


class JobProgress:
    """A reporter that also writes the progress of a job into its status file, for `fileorg jobs attach`."""

    def __init__(self, reporter: Reporter, fd: int, check: Callable[[], None] = lambda: None) -> None:
        """`check` is called with each report; it may end a stage that changes nothing by raising an error."""
        self._reporter = reporter
        self._fd = fd
        self._check = check
        self._stage = ""
        self._total: int | None = None
        self._files = self._bytes = 0
        self._folder = b""
        self._since = self._began = self._written = 0.0

    def stage(self, name: str, files: int | None = None) -> None:
        self._reporter.stage(name, files)
        self._stage, self._total = name, files
        self._files = self._bytes = 0
        self._since, self._began = time.time(), time.monotonic()
        self._write()
        self._check()

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None:
        self._reporter.advance(files, size_bytes, folder)
        self._files += files
        self._bytes += size_bytes
        self._folder = folder
        if time.monotonic() - self._written >= _INTERVAL_SECONDS:
            self._write()
            self._check()

    def note(self, message: str) -> None:
        self._reporter.note(message)

    def _write(self) -> None:
        self._written = time.monotonic()
        write_status(
            self._fd,
            stage=self._stage,
            files=self._files,
            total=self._total,
            bytes=self._bytes,
            folder=os.fsdecode(self._folder[-200:]),
            since=self._since,
            seconds=round(time.monotonic() - self._began, 3),
        )


def write_status(fd: int, **fields: Any) -> None:
    """Write the status file of a job in one call, so that a reader never meets a half of it."""
    with guard or contextlib.nullcontext():
        _write_status(fd, fields)


def write_last_status(fd: int, **fields: Any) -> None:
    """Write the status file for the last time: whoever else writes one in this process waits for its end."""
    if guard is not None:
        guard.acquire(timeout=_PATIENCE_SECONDS)
    _write_status(fd, fields)


def _write_status(fd: int, fields: dict[str, Any]) -> None:
    import json

    said = {"pid": os.getpid(), "at": time.time(), **fields}
    while len(text := json.dumps(said).encode()) > STATUS_BYTES:  # the longest, such as a very long path, is left out
        del said[max(said, key=lambda name: len(json.dumps(said[name])))]
    with contextlib.suppress(OSError):  # a full disk: the progress is for people only
        os.pwrite(fd, text.ljust(STATUS_BYTES), 0)


def read_status(fd: int) -> dict[str, Any]:
    """Return what a job last wrote into its status file; empty if it wrote nothing yet."""
    import json

    try:
        found = json.loads(os.pread(fd, STATUS_BYTES, 0) or b"{}")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
