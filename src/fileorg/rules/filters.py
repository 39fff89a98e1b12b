"""Filters: selection of files by location, name, size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.figures import size, when
from fileorg.core.times import kept
from fileorg.core.tuples import NamedTuple
from fileorg.rules.ignore import Ignore, IgnoreReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Entry


class Filters(NamedTuple):
    """Filter options shared by all commands. Sizes in bytes, times in nanoseconds since 1970, bounds inclusive.

    `newer_than_age` and `older_than_age` are the ages that the times were given as, such as `7d`; empty for dates.
    """

    recursive: bool = True
    max_depth: int | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    all_files: bool = False
    one_file_system: bool = False
    min_size: int | None = None
    max_size: int | None = None
    newer_than_ns: int | None = None
    older_than_ns: int | None = None
    newer_than_age: str = ""
    older_than_age: str = ""
    before_job_ns: int | None = None
    """For a job that is taken up again: only what did not change since, by its ctime, or what it has touched itself."""
    touched: bytes = b""
    """The inode numbers of these, sorted, as an array of 64 bits."""
    unready: bool = False  # unfinished downloads, too: for rules that ask for them

    def ignore(self) -> Ignore:
        """Return the `Ignore` of these options. Raises `UsageError` for a pattern that can match nothing."""
        return Ignore(
            hidden=self.hidden,
            all_files=self.all_files,
            include=self.include,
            exclude=self.exclude,
            unready=self.unready,
        )

    @property
    def has_bounds(self) -> bool:
        """True if a size or a time limit is set."""
        bounds = (self.min_size, self.max_size, self.newer_than_ns, self.older_than_ns, self.before_job_ns)
        return any(bound is not None for bound in bounds)

    def ages(self) -> Iterator[str]:
        """Yield a sentence with the date for each limit that was given as an age."""
        if self.newer_than_ns is not None and self.newer_than_age:
            yield f"Only files changed since {when(kept(self.newer_than_ns))} ({self.newer_than_age} ago)."
        if self.older_than_ns is not None and self.older_than_age:
            yield f"Only files last changed before {when(kept(self.older_than_ns))} ({self.older_than_age} ago)."

    def said(self, reason: IgnoreReason) -> str:
        """Return a reason for people, with the limits of these filters."""
        match reason:
            case IgnoreReason.SINCE_JOB if self.before_job_ns is not None:
                return f"arrived or changed since {when(kept(self.before_job_ns))}, when the job began"
            case IgnoreReason.TOO_NEW if self.older_than_ns is not None:
                return f"changed {_since(self.older_than_ns, self.older_than_age)}"
            case IgnoreReason.TOO_OLD if self.newer_than_ns is not None:
                return f"not changed {_since(self.newer_than_ns, self.newer_than_age)}"
            case IgnoreReason.TOO_SMALL if self.min_size is not None:
                return f"smaller than {size(self.min_size)}"
            case IgnoreReason.TOO_LARGE if self.max_size is not None:
                return f"larger than {size(self.max_size)}"
        return str(reason)

    def reason(self, entry: Entry) -> IgnoreReason:
        """Return why the limits do not take an entry."""
        if not self._was_there(entry):
            return IgnoreReason.SINCE_JOB
        if self.newer_than_ns is not None and entry.mtime_ns < kept(self.newer_than_ns):
            return IgnoreReason.TOO_OLD
        if self.is_too_new(entry):
            return IgnoreReason.TOO_NEW
        is_small = self.min_size is not None and entry.size < self.min_size
        return IgnoreReason.TOO_SMALL if is_small else IgnoreReason.TOO_LARGE

    def is_too_new(self, entry: Entry) -> bool:
        return self.older_than_ns is not None and entry.mtime_ns > kept(self.older_than_ns)

    def takes(self, entry: Entry) -> bool:
        return (
            (self.min_size is None or entry.size >= self.min_size)
            and (self.max_size is None or entry.size <= self.max_size)
            and self.takes_time(entry)
        )

    def takes_time(self, entry: Entry) -> bool:
        """Return whether the time limits accept an entry: enough for folders and symlinks, whose size means nothing."""
        return (
            (self.newer_than_ns is None or entry.mtime_ns >= kept(self.newer_than_ns))
            and (self.older_than_ns is None or entry.mtime_ns <= kept(self.older_than_ns))
            and self._was_there(entry)
        )

    def _was_there(self, entry: Entry) -> bool:
        """Return whether an entry was there before the job began, as far as its times can tell."""
        if self.before_job_ns is None or entry.ctime_ns <= kept(self.before_job_ns):
            return True
        from bisect import bisect_left

        touched = memoryview(self.touched).cast(
            "Q"
        )  # a view: a copy for each file would cost the square of their number
        at = bisect_left(touched, entry.inode)
        return at < len(touched) and touched[at] == entry.inode


def _since(ns: int, age: str) -> str:
    date = when(kept(ns))
    return f"within the last {age} (since {date})" if age else f"since {date}"
