"""The date in the name of a file, as messengers, cameras and people write it. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from fileorg.rules.moments import MediaMoment, utc_moment

_FIRST_YEAR = 1990
_MILLISECONDS = 1000
_DATE = r"(?P<year>\d{4})(?P<between>[-_.]?)(?P<month>\d\d)(?P=between)(?P<day>\d\d)"
_ANOTHER_DATE = r"(?!\d{4}[-_.]\d\d|20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d))"
"""Two dates are the first and the last day of something: the second one is no time."""
_TIME = (
    rf"(?:(?:[T_ .-]|, | at | um | à | a\u0300 | a las | alle | kl\. | om | klo )+{_ANOTHER_DATE}(?:"
    r"(?P<hour12>0?[1-9]|1[0-2])[-_.:](?P<minute12>[0-5]\d)(?:[-_.:](?P<second12>[0-5]\d))?[\s\xa0\u202f]?(?P<half>[AaPp])\.?[Mm]\b|"
    r"(?P<hour>[01]\d|2[0-3])(?:[-_.:h]?(?P<minute>[0-5]\d)(?:[-_.:m]?(?P<second>[0-5]\d)"
    r"(?:(?P<fraction>\.?\d{1,6}))?)?)(?![\d])))?"
)
"""A time of 24 hours, or of 12 with AM or PM, which macOS and messengers write in some languages."""
_DATED = re.compile(rf"(?<!\d){_DATE}(?:{_TIME}|(?P<tight>\d{{6}})(?:\d{{3}})?)(?!\d)", re.ASCII)
_WORD = re.compile(
    r"(?:img|vid|pxl|mvimg|pano|dsc|photo|video|wa|screenshot|screen[ _]?shot|screencast|screen[ _]?recording|"
    r"bildschirmfoto|bildschirmaufnahme|capture|burst|signal|whatsapp|telegram|snapchat|inshot|dji|gopr|scan|"
    r"photogrid|collage|received|trim|mvimg|cymera|lv)(?:[ _-]|(?=\d)|$)",
    re.IGNORECASE,
)
_MILLIS = re.compile(r"(?<!\d)(1\d{12})(?!\d)", re.ASCII)
_RECEIVED = re.compile(r"(?:IMG|VID|AUD|PTT|DOC|STK)-(\d{8})-WA\d+", re.IGNORECASE)


def date_in_name(name: str, now: datetime) -> MediaMoment | None:
    """Return the date that a name holds: a day of 1990 or later, and not of the future. `now` is in UTC."""
    for match in _DATED.finditer(name):
        moment = _moment(match, name)
        if moment is None or not _is_credible(moment, now):
            continue
        if not match["between"] and not _counts(match, name):
            continue
        return moment
    if stamp := _MILLIS.search(name):
        stamped = utc_moment(int(stamp[1]) // _MILLISECONDS)
        if isinstance(stamped, MediaMoment) and _is_credible(stamped, now):
            return stamped
    return None


def _is_credible(moment: MediaMoment, now: datetime) -> bool:
    return moment.wall.year >= _FIRST_YEAR and moment.wall <= now + timedelta(days=1)


def _counts(match: re.Match[str], name: str) -> bool:
    """Return whether eight bare digits are a date: beside a word of a camera, or at the start with a time behind."""
    before = name[: match.start()]
    if _WORD.search(before):
        return True
    behind = any(match[part] is not None for part in ("hour", "half", "tight"))
    return (not before and behind) or _WORD.match(name[match.end() :].lstrip("_- ")) is not None


def _moment(match: re.Match[str], name: str) -> MediaMoment | None:
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    has_time = match["hour"] is not None and match["minute"] is not None
    if match["half"]:
        hour, minute, second = (int(match[part] or 0) for part in ("hour12", "minute12", "second12"))
        hour, has_time = hour % 12 + 12 * (match["half"] in "Pp"), True
    if match["tight"]:
        hour, minute, second = (int(match["tight"][at : at + 2]) for at in (0, 2, 4))
        has_time = True
    if _RECEIVED.match(name):
        hour = minute = second = 0
        has_time = False
    fraction = int((match["fraction"] or "").lstrip(".").ljust(6, "0")[:6]) if has_time else 0
    try:
        wall = datetime(int(match["year"]), int(match["month"]), int(match["day"]), hour, minute, second, fraction)
    except ValueError:
        return None
    return MediaMoment(wall, not has_time, is_utc=has_time and name[:4].upper() == "PXL_")
