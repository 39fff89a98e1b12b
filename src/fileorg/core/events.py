"""What the core tells of its progress, to whatever screen, log or nothing listens."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives progress. Called a few times a second at most by design: once a folder or a batch, never once a file."""

    def stage(self, name: str, files: int | None = None) -> None:
        """A new stage begins (`scan`, `plan`, `organize`, …), of so many files if that is known."""

    def advance(self, files: int, bytes_: int = 0, folder: bytes = b"") -> None:
        """So many more files and bytes are through; `folder` is where the work is now."""

    def note(self, message: str) -> None:
        """Something a person should know, while the run goes on. Names in it are already displayable."""


class NullReporter:
    """Listens to nothing."""

    def stage(self, name: str, files: int | None = None) -> None: ...

    def advance(self, files: int, bytes_: int = 0, folder: bytes = b"") -> None: ...

    def note(self, message: str) -> None: ...
