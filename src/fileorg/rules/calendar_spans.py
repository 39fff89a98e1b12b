"""Spans of days such as `2023-10..2024-03`, in local time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_SECOND_NS = 1_000_000_000
_DATE = re.compile(r"(?a)(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def span(text: str) -> tuple[int | None, int | None]:
    """Return the first and the last nanosecond of a year, a month, a day, or of what lies between two; None for no
    limit.

    Raises `ValueError` with the reason.
    """
    first, dots, last = text.strip().partition("..")
    if dots and not (first.strip() or last.strip()):
        raise ValueError("it has no limit")
    low = _ends(first)[0] if first.strip() else None
    high = _ends(last if dots else first)[1] if (last if dots else first).strip() else None
    if low is not None and high is not None and low > high:
        raise ValueError("it ends before it begins")
    return low, high


def _ends(text: str) -> tuple[int, int]:
    """Return the first and the last nanosecond of a year, a month or a day."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("this is no date")
    year, month, day = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    try:
        begin = datetime(year, month or 1, day or 1)  # noqa: DTZ001  local time is meant
        if day:
            end = begin + timedelta(days=1)
        elif month:
            end = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001
        else:
            end = datetime(year + 1, 1, 1)  # noqa: DTZ001
        return int(begin.timestamp()) * _SECOND_NS, int(end.timestamp()) * _SECOND_NS - 1
    except (ValueError, OverflowError, OSError):
        raise ValueError("there is no such day") from None
