"""The interface through which the core reports progress, independent of any screen or log."""

from __future__ import annotations

from typing import Protocol


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
