"""The date by which a file is sorted: when it was taken, else the date in its name, else its modification time."""

from __future__ import annotations

import os
import time
from operator import attrgetter
from typing import TYPE_CHECKING

from fileorg.content.dates import RefusedDate, TakenDate, ZoneSource, in_zone, offset_of, taken_date
from fileorg.core.tuples import NamedTuple
from fileorg.rules.name_dates import date_in_name

if TYPE_CHECKING:
    from datetime import datetime

    from fileorg.content.dates import DateChoice, Offset
    from fileorg.content.evidence import IndexedEvidence
    from fileorg.rules.moments import MediaMoment

_NOON = (12, 0, 0, 0, 0, -1)
_REFUSED_KEPT = 1000
_SECOND_NS = 1_000_000_000


class DatedBy(NamedTuple):
    """How the date of a file was found: `taken` and its source, `named` or `modified`."""

    how: str
    source: str = ""
    is_in_zone: bool = False
    """True if a time in UTC was read as the wall clock of the run's zone."""


def taken_by(taken: TakenDate) -> DatedBy:
    """Return how a date was found."""
    return DatedBy("taken", taken.source.value, taken.zone is ZoneSource.ZONE)


class FileDates(NamedTuple):
    """What a file says of its date, as wall clocks: when it was taken, and the date in its name. `refused` are dates
    that are not believed.
    """

    taken: TakenDate | None
    named: MediaMoment | None
    refused: list[RefusedDate]


MODIFIED, NAMED = DatedBy("modified"), DatedBy("named")


class Dating:
    """Finds dates by the index; what is missing there is read by `IndexedEvidence.gather`."""

    def __init__(self, evidence: IndexedEvidence, choice: DateChoice) -> None:
        self._evidence = evidence
        self._choice = choice
        self._offsets: tuple[bytes, list[Offset]] | None = None
        self.refused: dict[tuple[bytes, bytes], list[RefusedDate]] = {}
        """The dates that are not believed, by folder and name of the file."""

    def date_of(self, folder: bytes, name: bytes, mtime_ns: int) -> tuple[int, DatedBy]:
        """Return the date of a file as a local time of its day, in nanoseconds since 1970, and how it was found."""
        taken, named, refused = self.dates_of(folder, name)
        self._note(folder, name, refused)
        if taken is not None:
            return noon_ns(taken.moment.wall), taken_by(taken)
        return (mtime_ns, MODIFIED) if named is None else (noon_ns(named.wall), NAMED)

    def taken(self, folder: bytes, name: bytes) -> MediaMoment | None:
        """Return when a file was taken, as a wall clock."""
        taken, _, refused = self.dates_of(folder, name)
        self._note(folder, name, refused)
        return None if taken is None else taken.moment

    def _note(self, folder: bytes, name: bytes, refused: list[RefusedDate]) -> None:
        if refused and len(self.refused) < _REFUSED_KEPT:
            self.refused[folder, name] = refused

    def dates_of(self, folder: bytes, name: bytes) -> FileDates:
        """Return the dates that a file says of itself, as far as it is read already; for a picture that was taken with
        a raw file, those of that.
        """
        name = self._evidence.raw_of(folder, name) or name
        named, taken, refused = date_in_name(os.fsdecode(name), self._choice.now), None, list[RefusedDate]()
        if (facts := self._evidence.media_of(folder, name)) is not None:
            offsets = self._offsets_in(folder) if any(_is_utc(each.moment) for each in facts.dates) else []
            taken, refused = taken_date(facts, self._choice, named=named, offsets=offsets)
        return FileDates(taken, None if named is None else in_zone(named, self._choice), refused)

    def named(self, name: bytes) -> MediaMoment | None:
        """Return the date in a name, as a wall clock."""
        return named_date(name, self._choice)

    def _offsets_in(self, folder: bytes) -> list[Offset]:
        if self._evidence.is_missing:
            return []  # asked again when all is known
        if self._offsets is None or self._offsets[0] != folder:
            found = (offset_of(facts, self._choice) for facts in self._evidence.media_in(folder))
            self._offsets = folder, sorted((each for each in found if each is not None), key=attrgetter("utc"))
        return self._offsets[1]


def named_date(name: bytes, choice: DateChoice) -> MediaMoment | None:
    """Return the date in a name, as a wall clock."""
    moment = date_in_name(os.fsdecode(name), choice.now)
    return None if moment is None else in_zone(moment, choice)


def _is_utc(moment: object) -> bool:
    return bool(getattr(moment, "is_utc", False))


def noon_ns(wall: datetime) -> int:
    """Return the local noon of a day: no clock is put back or forward at noon."""
    return int(time.mktime((wall.year, wall.month, wall.day, *_NOON))) * _SECOND_NS
