"""The log of a job: a line for each stage, note and end, on standard output."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from fileorg.core.figures import plural, size

if TYPE_CHECKING:
    from fileorg.core.model import Outcome


class JobLog:
    """A reporter that writes lines with the time."""

    def stage(self, name: str, files: int | None = None) -> None:
        self._line(f"stage {name}" + ("" if files is None else f", {plural(files, 'file')}"))

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None: ...

    def note(self, message: str) -> None:
        self._line(message)

    def outcome(self, outcome: Outcome) -> None:
        """Write the end of the job."""
        ended = "stopped" if outcome.interrupted else "ended"
        self._line(f"{ended}: {plural(outcome.done, 'file')}, {size(outcome.size_bytes)}")
        for note in outcome.notes:
            self._line(note)

    def _line(self, text: str) -> None:
        sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}\n")
        sys.stdout.flush()
