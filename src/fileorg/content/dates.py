"""When a picture or a film was taken: the first date that is believed, in the order of `DateSource`."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import TYPE_CHECKING

from fileorg.content.media import DateSource
from fileorg.core.tuples import NamedTuple
from fileorg.rules.moments import DateFault, MediaMoment, refusal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.content.media import MediaFacts

_NEAR = timedelta(hours=12)
_QUARTER = timedelta(minutes=15)
_LARGEST_OFFSET = timedelta(hours=14)
_ORDER = {source: number for number, source in enumerate(DateSource)}


class ZoneSource(StrEnum):
    """How the wall clock of a time in UTC was found."""

    FILE = "file"  # the file has the offset, or the local time
    NEIGHBOUR = "neighbour"  # a still of the same folder and half day has it
    NAME = "name"  # the name has the local time
    CAMERA = "camera"  # the maker writes local time
    ZONE = "zone"  # the zone of the run


class RefusedDate(NamedTuple):
    """A date that is not believed."""

    source: DateSource
    text: str
    why: DateFault


class TakenDate(NamedTuple):
    """When a file was taken, and how that is known."""

    moment: MediaMoment
    source: DateSource
    zone: ZoneSource = ZoneSource.FILE


class Offset(NamedTuple):
    """The offset from UTC of a still, in minutes, and its wall clock."""

    wall: datetime
    minutes: int

    @property
    def utc(self) -> datetime:
        return self.wall - timedelta(minutes=self.minutes)


class DateChoice(NamedTuple):
    """The settings of a run. `zone` is None for that of the machine."""

    now: datetime  # in UTC
    zone: tzinfo | None = None
    local_video: Sequence[str] = ()  # cameras that write local time into the header of a film


def offset_of(facts: MediaFacts, choice: DateChoice) -> Offset | None:
    """Return the offset that a still tells about its place."""
    if facts.offset is None:
        return None
    for each in facts.dates:
        moment = each.moment
        if (
            each.source in {DateSource.EXIF, DateSource.PNG}
            and isinstance(moment, MediaMoment)
            and not refusal_of(moment, choice.now, facts.format_year)
        ):
            return Offset(moment.wall, facts.offset)
    return None


def taken_date(
    facts: MediaFacts, choice: DateChoice, *, named: MediaMoment | None = None, offsets: Sequence[Offset] = ()
) -> tuple[TakenDate | None, list[RefusedDate]]:
    """Return when a file was taken, and the dates before it that are not believed.

    `named` is the date in the name, `offsets` are those of the stills in the folder, by their time in UTC.
    """
    refused = []
    for source, moment, text in sorted(facts.dates, key=lambda each: _ORDER[each.source]):
        if isinstance(moment, DateFault):
            refused.append(RefusedDate(source, text, moment))
            continue
        if why := refusal_of(moment, choice.now, facts.format_year):
            refused.append(RefusedDate(source, text, why))
            continue
        if not moment.is_utc:
            return TakenDate(moment, source), refused
        return _on_the_wall(moment, source, facts, choice, named, offsets), refused
    return None, refused


def _on_the_wall(
    moment: MediaMoment,
    source: DateSource,
    facts: MediaFacts,
    choice: DateChoice,
    named: MediaMoment | None,
    offsets: Sequence[Offset],
) -> TakenDate:
    """Return a date in UTC as the wall clock of its place."""
    if source is DateSource.FILM:
        camera = facts.camera.lower()
        if camera and any(fnmatchcase(camera, pattern.lower()) for pattern in choice.local_video):
            return TakenDate(moment._replace(is_utc=False), source, ZoneSource.CAMERA)
    by_name = _by_name(moment, named) if source is DateSource.FILM else None
    if by_name is not None and by_name.offset:
        return TakenDate(by_name, source, ZoneSource.NAME)
    at = bisect_left(offsets, moment.wall, key=attrgetter("utc"))
    around = offsets[max(0, at - 1) : at + 1]
    nearest = min(around, key=lambda each: abs(each.utc - moment.wall), default=None)
    if nearest is not None and abs(nearest.utc - moment.wall) <= _NEAR:
        return TakenDate(moment.at_offset(nearest.minutes), source, ZoneSource.NEIGHBOUR)
    if by_name is not None:
        return TakenDate(by_name, source, ZoneSource.NAME)
    return TakenDate(in_zone(moment, choice), source, ZoneSource.ZONE)


def _by_name(moment: MediaMoment, named: MediaMoment | None) -> MediaMoment | None:
    """Return the time in a name if it is whole quarters of an hour from that of the header, so that it is local."""
    if named is None or named.is_day or named.is_utc:
        return None
    apart = named.wall - moment.wall
    rounded = round(apart / _QUARTER) * _QUARTER
    if abs(apart - rounded) > timedelta(seconds=2) or abs(rounded) > _LARGEST_OFFSET:
        return None
    return MediaMoment(named.wall, offset=rounded // timedelta(minutes=1))


def in_zone(moment: MediaMoment, choice: DateChoice) -> MediaMoment:
    """Return a time in UTC by the rules of the run's zone that were valid on that day."""
    if not moment.is_utc:
        return moment
    try:
        local = moment.wall.replace(tzinfo=UTC).astimezone(choice.zone)
    except (OverflowError, ValueError, OSError):
        return moment._replace(is_utc=False, offset=0)
    offset = local.utcoffset() or timedelta(0)
    return MediaMoment(local.replace(tzinfo=None), moment.is_day, round(offset / timedelta(minutes=1)))
