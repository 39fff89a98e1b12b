"""Parsers of sizes, ages and dates. Errors name the option."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import display

_SIZE = r"(?ai)(\d+(?:\.\d+)?)\s*(?:([kmgtp])i?)?b?"
_AGE = r"(?ai)(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+"
_AGE_PART = r"(?a)(\d+(?:\.\d+)?)\s*([a-z]+)"
_DATE = r"(?a)\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"

_UNITS = {
    "second": (("s", "sec", "second", "seconds"), 0, 1),
    "minute": (("min", "minute", "minutes", "m"), 0, 60),
    "hour": (("h", "hour", "hours"), 0, 3600),
    "day": (("d", "day", "days"), 0, 86_400),
    "week": (("w", "week", "weeks"), 0, 7 * 86_400),
    "month": (("mo", "month", "months"), 1, 0),
    "year": (("y", "year", "years"), 12, 0),
}
"""The spellings of each unit, and its length in calendar months and in seconds."""
_UNIT_OF_NAME = {unit_name: unit for unit, (unit_names, _, _) in _UNITS.items() for unit_name in unit_names}
_SECOND_NS = 1_000_000_000
_MAXIMUM = 1 << 62
"""More than any size or time that a file system can store."""

SIZES = "write 512, 10K, 1.5M or 2G (1K is 1024 bytes)"
AGES = "write 30s, 10min, 12h, 7d, 2w, 6mo or 1y; m is minutes, mo is months"
TIMES = f"{AGES}; or a date such as 2024-05-01"


class Moment(NamedTuple):
    """A point in time, in nanoseconds since 1970. If it was given as an age: this age, and the same in words."""

    ns: int
    age: str = ""
    words: str = ""


class _Length(NamedTuple):
    """The length of an age, in calendar months and nanoseconds."""

    months: int
    ns: int


def size(option: str, text: str) -> int:
    """Return a size such as `10M` in bytes. Raises `UsageError`."""
    match = re.fullmatch(_SIZE, text.strip())
    if match is None:
        raise UsageError(f"{option} {display(text)} is not a valid size.", hint=SIZES, code=ErrorCode.BAD_VALUE)
    size_bytes = _whole(match[1], 1024 ** " kmgtp".index((match[2] or " ").lower()))
    if size_bytes > _MAXIMUM:
        raise UsageError(f"{option} {display(text)} is larger than any disk.", hint=SIZES, code=ErrorCode.BAD_VALUE)
    return size_bytes


def age(option: str, text: str) -> Moment:
    """Return the moment an age such as `10min` ago. Raises `UsageError`."""
    parts = _parts(text)
    if parts is None:
        raise UsageError(f"{option} {display(text)} is not a valid age.", hint=AGES, code=ErrorCode.BAD_VALUE)
    return _ago(option, text, parts)


def moment(option: str, text: str, *, for_good: bool = False) -> Moment:
    """Return the moment of `7d` (ago) or `2024-05-01` (the start of that day, local time).

    With `for_good`, for files that are deleted permanently, `m` is refused: other tools read it as months.
    Raises `UsageError`.
    """
    parts = _parts(text)
    if parts is not None:
        if for_good and any(unit_name == "m" for _, unit_name in parts):
            clear = re.sub(r"(?ai)(?<=[\d\s])m(?![a-z])", "{}", text.strip())
            raise UsageError(
                f"{option} {display(text)} is unclear: m can mean minutes or months, and a purge cannot be undone.",
                hint=f"write {clear.format('min')} for minutes, or {clear.format('mo')} for months",
                code=ErrorCode.BAD_VALUE,
            )
        return _ago(option, text, parts)
    from datetime import datetime

    try:
        if re.fullmatch(_DATE, text.strip()) is None:
            raise ValueError
        return Moment(int(datetime.fromisoformat(text.strip()).timestamp()) * _SECOND_NS)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {display(text)} is not an age or a date.", hint=TIMES, code=ErrorCode.BAD_VALUE
        ) from None


def _parts(text: str) -> list[tuple[str, str]] | None:
    """Return the numbers and spelled units of an age such as `1y6mo`, None if it is no age."""
    if re.fullmatch(_AGE, text.strip()) is None:
        return None
    parts = re.findall(_AGE_PART, text.lower())
    return parts if all(unit_name in _UNIT_OF_NAME for _, unit_name in parts) else None


def _ago(option: str, text: str, parts: list[tuple[str, str]]) -> Moment:
    length, words = _Length(0, 0), []
    for number, unit_name in parts:
        unit = _UNIT_OF_NAME[unit_name]
        _, months, seconds = _UNITS[unit]
        if months and _whole(number, months * 100) % 100:
            raise UsageError(
                f"{option} {display(text)} is not a whole number of months.", hint=AGES, code=ErrorCode.BAD_VALUE
            )
        length = _Length(length.months + _whole(number, months), length.ns + _whole(number, seconds * _SECOND_NS))
        words.append(f"{number} {unit}" + ("" if number == "1" else "s"))
    shown = "".join(number + ("min" if unit_name == "m" else unit_name) for number, unit_name in parts)
    try:
        now = time.time_ns()
        ns = months_before(now, length.months) - length.ns
        if now - ns > _MAXIMUM:
            raise OverflowError
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {display(text)} is longer ago than any file can be.", hint=AGES, code=ErrorCode.BAD_VALUE
        ) from None
    return Moment(ns, shown, " ".join(words))


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
