"""Numbers and times in human-readable form."""

from __future__ import annotations

import re
import time

from fileorg.core.times import MAX_KEPT, true_ns

UNITS = {
    "second": (("s", "sec", "second", "seconds"), 0, 1),
    "minute": (("min", "minute", "minutes", "m"), 0, 60),
    "hour": (("h", "hour", "hours"), 0, 3600),
    "day": (("d", "day", "days"), 0, 86_400),
    "week": (("w", "week", "weeks"), 0, 7 * 86_400),
    "month": (("mo", "month", "months"), 1, 0),
    "year": (("y", "year", "years"), 12, 0),
}
"""The spellings of each unit of time, and its length in calendar months and in seconds."""
UNIT_OF_NAME = {unit_name: unit for unit, (unit_names, _, _) in UNITS.items() for unit_name in unit_names}
MAXIMUM = 1 << 62
"""More than any size or time that a file system can store."""
_SECOND_NS = 1_000_000_000
_SIZE = r"(?ai)(\d{1,30}(?:\.\d{1,30})?)\s*(?:([kmgtp])i?)?b?"
_AGE = r"(?ai)(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+"
_AGE_PART = r"(?a)(\d+(?:\.\d+)?)\s*([a-z]+)"


def size(size_bytes: int) -> str:
    """Return `3.1 GB`; 1 KB is 1024 bytes, as in --min-size."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    value, units = float(size_bytes), iter("KMGTPE")
    while value >= 1023.95:
        value /= 1024
        unit = next(units)
    return f"{value:,.1f} {unit}B"


def plural(count: int, word: str) -> str:
    """Return `1 file` or `1,570 files`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def duration(seconds: float) -> str:
    if seconds < 10:
        return f"{max(seconds, 0.01):.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def when(ns: int | None) -> str:
    """Return a local time to the minute; `ns` as stored by `core.times`."""
    if ns is None:
        return ""
    if abs(ns) == MAX_KEPT:
        return "?"
    try:
        local = time.localtime(true_ns(ns) // 1_000_000_000)
    except (OverflowError, ValueError, OSError):
        return "?"
    # strftime gives years before 1000 fewer digits on some systems.
    return f"{local.tm_year:04}-{local.tm_mon:02}-{local.tm_mday:02} {local.tm_hour:02}:{local.tm_min:02}"


def parsed_size(text: str) -> int | None:
    """Return a size such as `10M` in bytes, None if it is none."""
    match = re.fullmatch(_SIZE, text.strip())
    return None if match is None else _whole(match[1], 1024 ** " kmgtp".index((match[2] or " ").lower()))


def age_parts(text: str) -> list[tuple[str, str]] | None:
    """Return the numbers and spelled units of an age such as `1y6mo`, None if it is no age."""
    if re.fullmatch(_AGE, text.strip()) is None:
        return None
    parts = re.findall(_AGE_PART, text.lower())
    return parts if all(unit_name in UNIT_OF_NAME for _, unit_name in parts) else None


def before(now_ns: int, parts: list[tuple[str, str]]) -> int | None:
    """Return the time an age before another, None if a part is no whole number of months.

    Raises `ValueError` or `OverflowError` for an age longer than any file's.
    """
    months = length_ns = 0
    for number, unit_name in parts:
        _, unit_months, seconds = UNITS[UNIT_OF_NAME[unit_name]]
        if unit_months and _whole(number, unit_months * 100) % 100:
            return None
        months += _whole(number, unit_months)
        length_ns += _whole(number, seconds * _SECOND_NS)
    ns = months_before(now_ns, months) - length_ns
    if now_ns - ns > MAXIMUM:
        raise OverflowError
    return ns


def months_before(ns: int, months: int) -> int:
    """Return the time some calendar months before, in local time: a month before 31 March is the end of February.

    Raises `ValueError` or `OverflowError` outside the calendar.
    """
    if not months:
        return ns
    from calendar import monthrange
    from datetime import datetime

    seconds, rest = divmod(ns, _SECOND_NS)
    now = datetime.fromtimestamp(seconds).astimezone()
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    day = min(now.day, monthrange(year, month + 1)[1])
    then = now.replace(tzinfo=None, year=year, month=month + 1, day=day)
    return int(then.timestamp()) * _SECOND_NS + rest


def _whole(number: str, unit: int) -> int:
    """Return `number` times `unit`, exactly: not through a float."""
    whole, _, part = number.partition(".")
    return int(whole) * unit + (int(part) * unit // 10 ** len(part) if part else 0)
