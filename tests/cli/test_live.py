"""The figures of the live display, and notes while it is shown."""

from __future__ import annotations

import io
import time

import pytest

from fileorg.cli.live import _PATIENCE_SECONDS, Live, _clock, _figures, _Stage
from fileorg.cli.terminal import Out
from fileorg.cli.words import STOPPING


def stage(total: int | None) -> _Stage:
    return _Stage("Moving", total, 10.0, files=20_000, volume=3 << 30)


@pytest.mark.parametrize(
    ("room", "figures"),
    [
        (80, " 40%  20,000 of 50,000  10,000/s  3.0 GB  0:03 left"),
        (45, " 40%  20,000 of 50,000  10,000/s  0:03 left"),
        (28, " 40%  10,000/s  0:03 left"),
        (18, " 40%  0:03 left"),
        (6, " 40%"),
        (2, " 4"),
    ],
)
def test_the_most_telling_figures_stay_where_there_is_little_room(room: int, figures: str) -> None:
    assert _figures(stage(50_000), room, now=12.0) == figures


def test_without_a_total_there_is_no_share_and_no_end() -> None:
    assert _figures(stage(None), 80, now=12.0) == "20,000 files  10,000/s  3.0 GB"


def test_folders_that_are_counted_too_make_no_more_than_all() -> None:
    assert "  19,000 of 19,000  " in _figures(stage(19_000), 80, now=12.0)
    assert "left" not in _figures(stage(19_000), 80, now=12.0)


def test_times_as_on_a_clock() -> None:
    assert [_clock(seconds) for seconds in (3.9, 75, 3700)] == ["0:03", "1:15", "1:01:40"]


class Seen(io.TextIOWrapper):
    """A stream that looks like a terminal of 80 columns."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def text(self) -> str:
        self.seek(0)
        return self.read()


def drawn(stream: Seen) -> Live:
    live = Live(Out(stream, is_terminal=True))
    live.stage("scan")
    live.advance(3, 0, b"some \x1b folder")
    return live


def test_notes_stand_above_the_display_and_names_are_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Seen()
    live = drawn(stream)
    time.sleep(_PATIENCE_SECONDS + 0.5)
    live.note("look at \x1b[2J this")
    live.stopping()
    time.sleep(0.5)
    live.pause()
    text = stream.text()
    assert "3 files" in text
    assert "some \\x1b folder" in text
    assert "fileorg: look at \\x1b[2J this\n" in text.replace("\r", "")
    assert STOPPING[:60] in text
    assert "\x1b[?25h" in text  # the cursor is visible again


def test_what_is_short_is_never_drawn_but_its_notes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Seen()
    live = drawn(stream)
    live.note("one")
    live.pause()
    live.note("two")
    assert stream.text().splitlines() == ["\x1b[1mfileorg:\x1b[0m one", "\x1b[1mfileorg:\x1b[0m two"]
