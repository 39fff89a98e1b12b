"""Sizes, ages and dates in options, and numbers in output."""

from __future__ import annotations

import io
import time
from datetime import datetime

import pytest

from fileorg.cli import values
from fileorg.cli.render import Column, cells, crop, short, table
from fileorg.cli.terminal import Out
from fileorg.core.errors import UsageError
from fileorg.core.figures import duration, months_before, plural, size, when

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("512", 512),
        ("512b", 512),
        ("10K", 10 << 10),
        ("10 kB", 10 << 10),
        ("1.5M", 3 << 19),
        ("2MiB", 2 << 20),
        ("1.5g", 3 << 29),
        ("3T", 3 << 40),
        (" 1P ", 1 << 50),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert values.size("--min-size", text) == size_bytes


@pytest.mark.parametrize("text", ["", "M", "10X", "-1", "1,5M", "1e3", "ten", "1.M", "5000P", "\u0661", "9" * 5000])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--min-size "):
        values.size("--min-size", text)


DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds", "words"),
    [
        ("30s", 30, "30 seconds"),
        ("10m", 600, "10 minutes"),
        ("10min", 600, "10 minutes"),
        ("1 minute", 60, "1 minute"),
        ("1.5h", 5400, "1.5 hours"),
        ("7d", 7 * DAY, "7 days"),
        ("30 days", 30 * DAY, "30 days"),
        ("2W", 14 * DAY, "2 weeks"),
        ("1d12h", 1.5 * DAY, "1 day 12 hours"),
    ],
)
def test_ages(text: str, seconds: int, words: str) -> None:
    for found in (values.age("--min-age", text), values.moment("--newer-than", text)):
        ago = time.time_ns() - found.ns
        assert 0 <= ago - seconds * SECOND < 5 * SECOND
        assert found.words == words
    assert values.age("--min-age", "10m").age == "10min"


@pytest.mark.parametrize(
    ("text", "months"), [("1mo", 1), ("6mo", 6), ("2 months", 2), ("1y", 12), ("1.5y", 18), ("1y6mo", 18)]
)
def test_months_and_years_are_those_of_the_calendar(text: str, months: int) -> None:
    now = time.time_ns()
    found = values.moment("--older-than", text)
    assert 0 <= found.ns - months_before(now, months) < 5 * SECOND
    assert 28 * months * DAY <= (now - found.ns) // SECOND <= 31 * months * DAY


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [
        ("2024-03-31 09:15", 1, "2024-02-29 09:15"),
        ("2023-03-31 09:15", 1, "2023-02-28 09:15"),
        ("2024-02-29 23:59", 12, "2023-02-28 23:59"),
        ("2024-05-15 00:00", 5, "2023-12-15 00:00"),
        ("2024-10-30 12:00", 1, "2024-09-30 12:00"),
        ("2024-01-31 12:00", 6, "2023-07-31 12:00"),
    ],
)
def test_a_month_before_is_the_same_time_of_a_day_that_exists(
    monkeypatch: pytest.MonkeyPatch, now: str, months: int, then: str
) -> None:
    for zone in ("UTC", "Europe/Berlin", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        before = months_before(int(datetime.fromisoformat(now).timestamp()) * SECOND + 5, months)
        assert before == int(datetime.fromisoformat(then).timestamp()) * SECOND + 5
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text", ["", "10", "d", "-1d", "soon", "1.5mo", "0.3y", "1q", "9999999y", "3000y", "99999999mo"]
)
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--min-age "):
        values.age("--min-age", text)


@pytest.mark.parametrize(
    ("text", "minutes", "months"), [("6m", "6min", "6mo"), ("6M", "6min", "6mo"), ("1d6 m", "1d6 min", "1d6 mo")]
)
def test_m_is_refused_where_files_are_deleted_for_good(text: str, minutes: str, months: str) -> None:
    with pytest.raises(UsageError, match="m can mean minutes or months") as refused:
        values.moment("--older-than", text, for_good=True)
    assert refused.value.hint == f"write {minutes} for minutes, or {months} for months"
    for clear in (minutes, months, "6d", "2024-05-01"):
        values.moment("--older-than", clear, for_good=True)


@pytest.mark.parametrize("text", ["2024-05-01", "2024-05-01 12:30", "2024-05-01T12:30:59"])
def test_dates_are_local(text: str) -> None:
    assert values.moment("--newer-than", text).ns == int(datetime.fromisoformat(text).timestamp()) * SECOND


@pytest.mark.parametrize("text", ["2024-13-01", "2024-5-1", "20240501", "2024", "9999999y", "01.05.2024", "0000-01-01"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--newer-than "):
        values.moment("--newer-than", text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (1536, "1.5 KB"),
        (1024 * 1024 - 1, "1.0 MB"),
        (5 << 30, "5.0 GB"),
        (1 << 60, "1.0 EB"),
    ],
)
def test_sizes_as_shown(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text


def test_counts_and_durations_as_shown() -> None:
    assert [plural(number, "file") for number in (0, 1, 1570)] == ["0 files", "1 file", "1,570 files"]
    assert [duration(seconds) for seconds in (0, 0.314, 12.34, 125, 4350)] == [
        "0.01 s",
        "0.31 s",
        "12.3 s",
        "2 min 5 s",
        "1 h 12 min",
    ]
    assert when(None) == ""
    assert when(1 << 62) != "?"
    assert when(1 << 90) == "?"


def test_the_home_directory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert [short(path) for path in (b"/home/me", b"/home/me/x", b"/home/men", b"/\x1b")] == [
        "~",
        "~/x",
        "/home/men",
        "/\\x1b",
    ]


def test_names_are_cut_by_the_room_they_take() -> None:
    assert crop("abcdef", 6) == "abcdef"
    assert crop("abcdef", 4) == "abc…"
    assert crop("abcdef", 4, keep_end=True) == "…def"
    assert cells("\u65e5\u672c") == 4
    assert crop("\u65e5\u672c\u65e5\u672c", 5) == "\u65e5\u672c…"
    assert cells(crop("\u65e5\u672c\u65e5\u672c", 4)) <= 4


def drawn(width: int | None, columns: list[Column], rows: list[list[str]]) -> list[str]:
    class Narrow(Out):
        @property
        def width(self) -> int | None:
            return width

    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    table(Narrow(stream), columns, rows)
    stream.seek(0)
    return stream.read().splitlines()


COLUMNS = [Column("Name", shrinks=True), Column("Size", right=True), Column("When", drop_rank=1)]
ROWS = [["a long name of a file", "10 B", "2024"], ["\u65e5\u672c", "1.5 KB", "2023"]]


def test_a_table_is_aligned() -> None:
    assert drawn(None, COLUMNS, ROWS) == [
        "  Name                     Size  When",
        "  a long name of a file    10 B  2024",
        "  \u65e5\u672c                   1.5 KB  2023",
    ]


def test_a_table_shrinks_and_then_leaves_out() -> None:
    assert drawn(34, COLUMNS, ROWS)[1] == "  a long name of a …    10 B  2024"
    assert drawn(28, COLUMNS, ROWS)[1] == "  a long name of a …    10 B"
    assert drawn(10, COLUMNS, ROWS)[1] == "  a long …    10 B"
