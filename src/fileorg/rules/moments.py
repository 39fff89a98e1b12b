"""Dates of pictures and films: wall-clock times with their precision, and which of them are believed. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    import time

_FIRST_YEAR = 1839
"""No picture is of this year or an earlier one."""
_AHEAD = timedelta(days=2)
_LARGEST_OFFSET = 14 * 60
_TEXT = re.compile(
    r"\s*(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)"
    r"(?:[T ]\s*(\d\d?):(\d\d?)(?::(\d\d?)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?\s*\0*\s*",
    re.ASCII,
)
_OFFSET = re.compile(r"\s*([+-])(\d\d):?(\d\d)", re.ASCII)
_BLANK = re.compile(r"[\s\0:/.T0-]*")


class DateFault(StrEnum):
    """Why a date is not believed."""

    UNSET = "unset"  # zeros or blanks: the clock was never set
    NO_DATE = "no_date"  # a text that is no date
    NO_SUCH_DAY = "no_such_day"
    TOO_OLD = "too_old"
    FUTURE = "future"
    DEFAULT = "default"  # the zero of a clock
    BEFORE_FORMAT = "before_format"  # a round date before the file's format existed


class MediaMoment(NamedTuple):
    """A wall-clock time where it was taken. `offset` is that from UTC in minutes, if it is known.

    With `is_utc`, the time is in UTC, and where it was taken is not known.
    """

    wall: datetime
    is_day: bool = False
    offset: int | None = None
    is_utc: bool = False

    @property
    def calendar(self) -> time.struct_time:
        """The date as the formats of templates take it."""
        return self.wall.timetuple()

    def at_offset(self, minutes: int) -> MediaMoment:
        """Return a time in UTC as the wall clock of an offset."""
        return MediaMoment(self.wall + timedelta(minutes=minutes), self.is_day, minutes)


def parse_moment(text: str) -> MediaMoment | DateFault:
    """Return the date of a text such as `2012:05:03 10:11:12` or `2012-05-03T10:11:12.5+02:00`."""
    if _BLANK.fullmatch(text):
        return DateFault.UNSET
    match = _TEXT.fullmatch(text)
    if match is None:
        return DateFault.NO_DATE
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    if int(year) == 0:
        return DateFault.UNSET
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    try:
        wall = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59), microsecond
        )
    except ValueError:
        return DateFault.NO_SUCH_DAY
    return MediaMoment(wall, hour is None, parse_offset(zone) if zone else None)


def parse_offset(text: str) -> int | None:
    """Return the minutes of an offset such as `+02:00` or `Z`; None for no offset that a place has."""
    if text.strip() == "Z":
        return 0
    match = _OFFSET.match(text)
    if match is None or int(match[3]) > 59:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    return None if minutes > _LARGEST_OFFSET else -minutes if match[1] == "-" else minutes


def utc_moment(seconds: float) -> MediaMoment | DateFault:
    """Return a time in seconds since 1970."""
    try:
        return MediaMoment(datetime(1970, 1, 1) + timedelta(seconds=seconds), is_utc=True)
    except (OverflowError, ValueError):
        return DateFault.NO_SUCH_DAY


def now_utc() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def refusal_of(moment: MediaMoment, now: datetime, format_year: int = 0) -> DateFault | None:
    """Return why a date is not believed, None if it is. `now` is in UTC, `format_year` when the format began."""
    wall = moment.wall
    if wall.date() == datetime(1904, 1, 1).date() or wall in {datetime(1970, 1, 1), datetime(1980, 1, 1)}:
        return DateFault.DEFAULT
    if wall.year <= _FIRST_YEAR:
        return DateFault.TOO_OLD
    if wall > now + _AHEAD:
        return DateFault.FUTURE
    is_round = (wall.month, wall.day, wall.hour, wall.minute, wall.second) == (1, 1, 0, 0, 0)
    return DateFault.BEFORE_FORMAT if is_round and wall.year < format_year else None
