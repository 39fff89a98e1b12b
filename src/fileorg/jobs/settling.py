"""What the files of one watched tree looked like, and since when. Pure: it is given the time and the stamps.

A file is settled if two looks, at least the settle time apart, were the same. Settled files take eight bytes each.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from fileorg.scan.gate import packed

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 4
"""While files arrive all the time, the settled ones wait for a quiet moment up to so many times the settle time."""


class Settling:
    """The stamps of the files of a tree (`gate.stamp_of`). Times are seconds of a monotonic clock."""

    def __init__(self, settle_seconds: float) -> None:
        self.settle_seconds = settle_seconds
        self._judged: dict[bytes, array[int]] = {}
        """By folder: stamps that a run has seen settled. What it left alone, it would leave alone again."""
        self._fresh: dict[bytes, dict[int, float]] = {}
        """By folder: stamps that no run has seen settled, and when each was first seen."""
        self._again_at: float | None = None

    @property
    def unsettled(self) -> int:
        """The number of files that no run has seen settled."""
        return sum(map(len, self._fresh.values()))

    def take(self, folder: bytes, stamps: Iterable[int], now: float) -> None:
        """Take the stamps of all files of a folder, as it was just listed."""
        judged, fresh = self._judged.get(folder), self._fresh.pop(folder, {})
        seen = set(stamps)
        kept: Iterable[int] = ()
        if judged:
            kept = seen.intersection(judged)
            if len(kept) != len(judged):
                self._judged[folder] = array("Q", sorted(kept))
        new = {each: fresh.get(each, now) for each in seen.difference(kept)}
        if new:
            self._fresh[folder] = new

    def forget(self, folder: bytes) -> None:
        """Drop a folder that is not looked at any more."""
        self._judged.pop(folder, None)
        self._fresh.pop(folder, None)

    def folders(self) -> set[bytes]:
        """Return the folders that have files."""
        return self._judged.keys() | self._fresh.keys()

    def again(self, at: float) -> None:
        """Ask for a run at a time even if no file is new: a file that waited may be ready by then."""
        self._again_at = at if self._again_at is None else min(self._again_at, at)

    def due(self) -> float | None:
        """Return the time of the next run, None if nothing waits for one.

        A burst is one run: it waits until all new files are settled, but not for ever.
        """
        found = self._again_at
        if self._fresh:
            first = min(min(each.values()) for each in self._fresh.values())
            last = max(max(each.values()) for each in self._fresh.values())
            at = min(last + self.settle_seconds, first + _LONGEST * self.settle_seconds)
            found = at if found is None else min(found, at)
        return found

    def settled(self, now: float) -> bytes:
        """Return all stamps that are settled, packed for a gate."""
        latest = now - self.settle_seconds
        settled = [stamp for each in self._fresh.values() for stamp, first in each.items() if first <= latest]
        return packed([*settled, *(stamp for each in self._judged.values() for stamp in each)])

    def judge(self, now: float) -> None:
        """Note that a run has seen all that was settled at a time, and took what it wanted."""
        latest = now - self.settle_seconds
        if self._again_at is not None and self._again_at <= now:
            self._again_at = None
        for folder in list(self._fresh):
            fresh = self._fresh[folder]
            settled = [stamp for stamp, first in fresh.items() if first <= latest]
            if not settled:
                continue
            self._judged[folder] = array("Q", sorted([*settled, *self._judged.get(folder, ())]))
            for stamp in settled:
                del fresh[stamp]
            if not fresh:
                del self._fresh[folder]
