"""The log of a job: a line for each stage, note and end. It has a largest size, and so has the number of logs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fileorg.core.figures import plural, size
from fileorg.core.formats import iso
from fileorg.jobs.found import look_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory

_MAX_BYTES = 1 << 20
"""A log that is full becomes the older log 1, and so on; the oldest one is removed."""
_OLDER = 3
_KEPT_LOGS = 100
"""Logs of this many jobs are kept, the newest."""
LOG_FILES = (b"log", *(b"log.%d" % age for age in range(1, _OLDER + 1)))
"""The files of a log, the newest first."""
_LOG_NAME = re.compile(rb"job-(\d{1,18})\.log(?:\.\d)?")
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class JobLog:
    """A reporter that writes into the log of a job. A log that began as JSON goes on as JSON.

    A line that cannot be written, as on a full disk, is lost: the journal is the truth, and the log is for people.
    """

    def __init__(
        self, state: StateDirectory, number: int, *, is_json: bool = False, takes_output: bool = False
    ) -> None:
        """`is_json` is for a log that does not exist yet. With `takes_output`, the standard output and the standard
        error of this process go into the log, too.
        """
        self._state = state
        self._number = number
        self._is_json = is_json
        self._takes_output = takes_output
        self._fd = -1
        with contextlib.suppress(OSError):
            self._open()
            if head := os.pread(self._fd, 1, 0):
                self._is_json = head == b"{"

    def stage(self, name: str, files: int | None = None) -> None:
        text = f"stage {name}" + ("" if files is None else f", {plural(files, 'file')}")
        self._line(text, event="stage", stage=name, files=files)

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None: ...

    def note(self, message: str) -> None:
        self._line(message, event="note", message=message)

    def outcome(self, outcome: Outcome) -> None:
        """Write the end of the job."""
        ended = "stopped" if outcome.interrupted else "ended"
        problems = outcome.problem_count
        failed = f", {problems:,} failed" if problems else ""
        self._line(
            f"{ended}: {plural(outcome.done, 'file')}, {size(outcome.size_bytes)}{failed}",
            event="outcome",
            operation=outcome.operation,
            files=outcome.done,
            size_bytes=outcome.size_bytes,
            interrupted=outcome.interrupted,
            counts={str(state): records for state, records in sorted(outcome.counts.items())},
        )
        for note in outcome.notes:
            self.note(note)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def _line(self, text: str, **fields: Any) -> None:
        now = time.time_ns()
        if self._is_json:
            line = json.dumps({"time": iso(now), **fields})
        else:
            line = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z', time.localtime(now // 10**9))} {text}"
        data = line.replace("\n", " ").encode(errors="surrogateescape") + b"\n"
        with contextlib.suppress(OSError):
            if self._fd < 0 or os.fstat(self._fd).st_size + len(data) > _MAX_BYTES:
                self._begin_another()
            os.write(self._fd, data)

    def _begin_another(self) -> None:
        files = [self._state.of_job(self._number, what) for what in LOG_FILES]
        with contextlib.suppress(FileNotFoundError):
            if self._fd >= 0 and os.path.samestat(os.lstat(files[0]), os.fstat(self._fd)):
                for newer, older in reversed(list(pairwise(files))):
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(newer, older)
        self._open()

    def _open(self) -> None:
        path = self._state.of_job(self._number, b"log")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _FLAGS, 0o600)
        if self._takes_output:
            os.dup2(fd, 1)
            os.dup2(fd, 2)
        self.close()
        self._fd = fd


def has_log(state: StateDirectory, number: int) -> bool:
    """Return whether a job has a log."""
    return any(os.path.lexists(state.of_job(number, what)) for what in LOG_FILES)


def log_lines(state: StateDirectory, number: int) -> Iterator[str]:
    """Yield the lines of the log of a job, across its files. Raises `OSError`."""
    with contextlib.ExitStack() as stack:
        files, seen = [], set()
        for what in LOG_FILES:  # the newest first: a file that is renamed meanwhile is met twice, and never missed
            with contextlib.suppress(FileNotFoundError):
                file = os.fdopen(os.open(state.of_job(number, what), os.O_RDONLY | _FLAGS), "rb")
                stack.enter_context(file)
                identity = os.fstat(file.fileno()).st_ino
                if identity not in seen:
                    seen.add(identity)
                    files.append(file)
        for file in reversed(files):
            for line in file:
                yield line.decode(errors="surrogateescape").rstrip("\n")


def remove_old_logs(state: StateDirectory) -> None:
    """Remove the logs of all but the newest jobs, unless a process works on them. Raises `OSError`."""
    names: dict[int, list[bytes]] = {}
    for name in os.listdir(state.path):
        if match := _LOG_NAME.fullmatch(name):
            names.setdefault(int(match[1]), []).append(name)
    for number in sorted(names)[:-_KEPT_LOGS]:
        if not look_at(state, number)[0]:
            for name in names[number]:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(state.path, name))
