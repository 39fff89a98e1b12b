"""The live display: stage, progress, speed, time left and current folder."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fileorg.cli.render import crop
from fileorg.cli.words import STOPPING
from fileorg.core.figures import size
from fileorg.core.names import display

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from fileorg.cli.terminal import Out
    from fileorg.core.model import Outcome

_PATIENCE_SECONDS = 0.25
"""Shorter runs get no display, which saves the import of Rich."""

_FRAME_SECONDS = 0.1
_LABEL = 10
_BAR = 24

_LABELS = {
    "scan": "Scanning",
    "compare": "Comparing",
    "plan": "Planning",
    "read": "Reading",
    "move": "Moving",
    "copy": "Copying",
    "hardlink": "Linking",
    "symlink": "Linking",
    "undo": "Undoing",
    "redo": "Redoing",
    "dedupe": "Deduping",
    "clean": "Removing",
    "apply": "Moving",
    "look": "Checking",
    "purge": "Removing",
    "recover": "Recovering",
    "report": "Writing",
    "queued": "Waiting",
}


@dataclass(slots=True)
class _Stage:
    """The progress of a stage. Written by the working thread, read by the drawing thread."""

    label: str
    total: int | None
    started: float
    files: int = 0
    volume: int = 0
    folder: bytes = b""


class Live:
    """Draws in a separate thread, ten times a second: the working thread pays only two additions per batch."""

    def __init__(self, err: Out) -> None:
        self._err = err
        self._stage = _Stage("", None, time.monotonic())
        self._notes: list[str] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def stage(self, name: str, files: int | None = None) -> None:
        self._stage = _Stage(_LABELS.get(name, name), files, time.monotonic())
        if self._thread is None:
            self._ended = threading.Event()
            self._thread = threading.Thread(target=self._draw, args=(self._ended,), daemon=True)
            self._thread.start()

    def began(self, seconds: float) -> None:
        """Say that the stage began that long ago: the progress of a job that was under way already."""
        self._stage.started = time.monotonic() - seconds

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None:
        stage = self._stage
        stage.files += files
        stage.volume += size_bytes
        stage.folder = folder

    def note(self, message: str) -> None:
        self._notes.append(display(message))
        if self._thread is None:
            self._write_notes()

    def pause(self) -> None:
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None
        self._write_notes()

    def stopping(self) -> None:
        self._stopping = True

    def outcome(self, outcome: Outcome) -> None: ...

    def _write_notes(self) -> None:
        while self._notes:
            self._err.prose(self._notes.pop(0), "fileorg: ")
        self._err.flush()

    def _draw(self, ended: threading.Event) -> None:
        if ended.wait(_PATIENCE_SECONDS):
            return
        from rich.console import Console
        from rich.live import Live as Display
        from rich.text import Text

        console = Console(
            file=self._err.stream,
            force_terminal=True,
            color_system="auto" if self._err.colours else None,  # without one, no style is written, not even bold
            no_color=False,
            highlight=False,
            markup=False,
        )
        display_ = Display(
            console=console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        with contextlib.suppress(OSError), display_:  # a terminal that has been closed
            while True:
                while self._notes:
                    console.print(Text(f"fileorg: {self._notes.pop(0)}"))
                display_.update(self._picture(console), refresh=True)
                if ended.wait(_FRAME_SECONDS):
                    return

    def _picture(self, console: Console) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        stage, width = self._stage, console.width
        bar = stage.total is not None and width >= 60
        room = width - 2 - _LABEL - 1 - (_BAR + 2 if bar else 0)
        line = Table.grid(padding=(0, 2, 0, 0))
        cells: list[RenderableType] = [Text(f"  {stage.label:{_LABEL - 1}}", style="bold")]
        if bar:
            cells.append(
                ProgressBar(
                    total=max(stage.total or 0, 1),
                    completed=stage.files,
                    width=_BAR,
                    complete_style="cyan",
                    finished_style="cyan",
                )
            )
        cells.append(Text(_figures(stage, room, time.monotonic()), no_wrap=True, overflow="crop"))
        line.add_row(*cells)
        below = STOPPING if self._stopping else display(stage.folder)
        # The terminal writes `^C` at the cursor. If the line wrapped, Rich would redraw the display at the wrong place.
        shown = crop(below, width - 3 - len("^C^C"), keep_end=not self._stopping)
        return Group(line, Text(f"  {shown}", style="yellow" if self._stopping else "dim", no_wrap=True))


def _figures(stage: _Stage, room: int, now: float) -> str:
    """Return the figures that fit into `room`: chosen by importance, shown in reading order."""
    seconds = max(now - stage.started, 0.001)
    rate = stage.files / seconds
    figures: list[tuple[int, str]] = []
    if stage.total is not None:
        share = min(1.0, stage.files / max(stage.total, 1))
        figures += [(0, f"{share:4.0%}"), (3, f"{min(stage.files, stage.total):,} of {stage.total:,}")]
    else:
        figures.append((0, f"{stage.files:,} files"))
    figures.append((2, f"{rate:,.0f}/s"))
    if stage.volume:
        figures.append((4, size(stage.volume)))
    if stage.total is not None and stage.files and (left := stage.total - stage.files) > 0:
        figures.append((1, f"{_clock(left / rate)} left"))
    kept: set[int] = set()
    for rank, figure in sorted(figures):
        if len("  ".join(text for known, text in figures if known in kept | {rank})) <= room:
            kept.add(rank)
        elif not kept:
            return figure[:room]
    return "  ".join(text for rank, text in figures if rank in kept)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
