"""Filters: selection of files by location, name, size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.times import kept
from fileorg.rules.ignore import Ignore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Entry


class Filters(NamedTuple):
    """Filter options shared by all commands. Sizes in bytes, times in nanoseconds since 1970, bounds inclusive."""

    recursive: bool = True
    max_depth: int | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    everything: bool = False
    one_file_system: bool = False
    min_size: int | None = None
    max_size: int | None = None
    newer_than_ns: int | None = None
    older_than_ns: int | None = None

    def ignore(self) -> Ignore:
        """Return the `Ignore` of these options. Raises `UsageError` for a pattern that can match nothing."""
        return Ignore(hidden=self.hidden, everything=self.everything, include=self.include, exclude=self.exclude)

    @property
    def has_bounds(self) -> bool:
        """True if a size or a time limit is set."""
        bounds = (self.min_size, self.max_size, self.newer_than_ns, self.older_than_ns)
        return any(bound is not None for bound in bounds)

    def takes(self, entry: Entry) -> bool:
        return (
            (self.min_size is None or entry.size >= self.min_size)
            and (self.max_size is None or entry.size <= self.max_size)
            and self.takes_time(entry)
        )

    def takes_time(self, entry: Entry) -> bool:
        """Return whether the time limits accept an entry: enough for folders and symlinks, whose size means nothing."""
        return (self.newer_than_ns is None or entry.mtime_ns >= kept(self.newer_than_ns)) and (
            self.older_than_ns is None or entry.mtime_ns <= kept(self.older_than_ns)
        )
