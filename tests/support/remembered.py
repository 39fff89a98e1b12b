"""A reporter that keeps all notes."""

from __future__ import annotations

from fileorg.core.events import NullReporter


class Remembered(NullReporter):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
