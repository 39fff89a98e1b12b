"""The groups of files in one folder, each taken or left as a whole, as the scan meets them."""

from __future__ import annotations

import time
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.index.columns import NO_LEADERS
from fileorg.rules.grouping import grouping
from fileorg.rules.groups import STALE_NS, FolderAccess, Grouping
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.joined_names import JoinedNames
from fileorg.storage.base import BATCH_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fileorg.core.model import Entry, Listing
    from fileorg.rules.filters import Filters
    from fileorg.rules.ignore import Ignore, Scope
    from fileorg.storage.local.storage import LocalStorage


class Together(NamedTuple):
    """The verdicts on the files of a folder that depend on other files in it.

    `leaders`: the leader of each follower that is taken. `left`: the files and folders left alone, and why.
    `taken`: the files of groups that are taken, to which no other rule applies.
    """

    leaders: Mapping[bytes, bytes] = NO_LEADERS
    left: Mapping[bytes, IgnoreReason] = {}
    taken: frozenset[bytes] = frozenset()
    said_by: Mapping[bytes, bytes] = {}
    """The neighbour that is the reason, for names left alone because of a neighbour."""
    outside: Mapping[bytes, IgnoreReason] = {}
    """The files of groups whose leader the filters do not take, and why."""
    raws: Mapping[bytes, bytes] = NO_LEADERS
    """The raw file of pictures that were taken with one, and of their followers, where that is taken, too."""


NOTHING = Together()


def together(storage: LocalStorage, listing: Listing, files: JoinedNames, judge: Judge) -> Together:
    """Return the verdicts on the groups of a folder, given its first `listing` with these `files`. Raises `OSError`."""
    found, entry = _grouping(storage, listing, files)
    return NOTHING if found is None else judge.judged(found, entry)


def grouping_of(storage: LocalStorage, folder: bytes) -> Grouping | None:
    """Return the groups and marks among all files of a folder, None if there are none. Raises `OSError`."""
    listing = next(storage.list_folder(folder))._replace(folder=folder)  # as this storage calls it
    return _grouping(storage, listing, JoinedNames([entry[0] for entry in listing.files]))[0]


def _grouping(
    storage: LocalStorage, listing: Listing, files: JoinedNames
) -> tuple[Grouping | None, Callable[[bytes], Entry | None]]:
    """Return the groups and marks of a folder, and what finds its entries."""
    folder = listing.folder
    is_alone = sum(map(len, listing[1:])) < BATCH_ENTRIES
    entries: dict[bytes, Entry] = {}

    kinds = (listing.files, listing.folders, listing.others)

    def names(kind: int) -> Iterable[bytes]:
        if is_alone and not kind:
            return files
        if is_alone:
            return (entry[0] for entry in kinds[kind])
        return (name for name, its_kind in storage.names(folder) if its_kind == kind)

    def entry(name: bytes) -> Entry | None:
        if is_alone and not entries:
            entries.update((entry.name, entry) for entry in chain(*kinds))
        return entries[name] if is_alone else storage.lstat(folder, name)

    def head(name: bytes, limit: int) -> bytes:
        with storage.open_read(folder, name) as file:
            return file.read(limit)

    found = grouping(partial(names, 0), partial(names, 1), partial(names, 2), FolderAccess(entry, head, *_clocks()))
    return found, entry


@cache
def _clocks() -> tuple[int, int]:
    """Return the current time and the boot time, in nanoseconds since 1970."""
    now = time.time_ns()
    return now, now - time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def is_stale(mtime_ns: int) -> bool:
    """Return whether an unfinished download that was last written to at that time is abandoned."""
    return mtime_ns < _clocks()[0] - STALE_NS


class Judge(NamedTuple):
    """The rules by which a group is taken or left as a whole."""

    ignore: Ignore
    filters: Filters
    scope: Scope | None
    with_leaders: bool
    """The bounds of the filters apply to the leader only."""
    held_back: Callable[[Entry], IgnoreReason | None] | None = None
    """Returns why a gate does not let a file pass."""

    def judged(self, found: Grouping, entry: Callable[[bytes], Entry | None]) -> Together:
        """Return the verdicts on the groups: if one file of a group is left alone, all are."""
        if self.ignore.all_files:
            found = found._replace(marked={}, folders={})
        left: dict[bytes, IgnoreReason] = {name: reason for name, (reason, _) in found.marked.items()}
        left |= dict.fromkeys(found.folders, IgnoreReason.TOGETHER)
        leaders: dict[bytes, bytes] = {}
        taken: set[bytes] = set()
        outside: dict[bytes, IgnoreReason] = {}
        for leader, members in found.members().items():
            reason = next((left[name] for name in members if name in left), None) or self._reason(leader, members)
            if reason is not None:
                left |= dict.fromkeys(members, reason)
            elif (limit := self._limit(leader, members, entry)) is not None:
                outside |= dict.fromkeys(members, limit)
            elif (held_back := self._held_back(members, entry)) is not None:
                left |= dict.fromkeys(members, held_back)
            else:
                taken.update(members)
                leaders |= dict.fromkeys(members[1:], leader)
        said_by = {name: neighbour for name, (_, neighbour) in found.marked.items()} | found.folders
        for members in found.members().values():
            if (said := next((said_by[name] for name in members if name in said_by), None)) is not None:
                said_by |= {name: said for name in members if name not in said_by}
        apart = left.keys() | outside.keys()
        raws = {
            name: raw
            for name, raw in found.raws.items()
            if name not in apart and raw not in apart and (raw in taken or self._takes(raw, entry))
        }
        return Together(leaders, left, frozenset(taken), said_by, outside, raws)

    def _takes(self, name: bytes, entry: Callable[[bytes], Entry | None]) -> bool:
        """Return whether a file without a group is taken."""
        there = entry(name)
        return (
            there is not None
            and self._reason(name, [name]) is None
            and self.filters.takes(there)
            and (self.held_back is None or self.held_back(there) is None)
        )

    def _reason(self, leader: bytes, members: list[bytes]) -> IgnoreReason | None:
        """Return why a group is left alone. Parts like `._a.jpg`, left alone by themselves, go with their file."""
        for name in members:
            reason = self.ignore.file(name)
            if reason is not None and (name == leader or reason is not IgnoreReason.SYSTEM):
                return reason
        if self.scope is not None and (
            self.scope.excludes(leader, is_folder=False) or any(map(self.scope.forbids, members[1:]))
        ):
            return IgnoreReason.EXCLUDED
        return None

    def _held_back(self, members: Iterable[bytes], entry: Callable[[bytes], Entry | None]) -> IgnoreReason | None:
        """Return why one of the files does not pass the gate, None if all do."""
        if self.held_back is None:
            return None
        for name in members:
            there = entry(name)
            if there is not None and (reason := self.held_back(there)) is not None:
                return reason
        return None

    def _limit(
        self, leader: bytes, members: Iterable[bytes], entry: Callable[[bytes], Entry | None]
    ) -> IgnoreReason | None:
        """Return the limit of the filters that does not take the leader, None if they take it. A group is as new as its
        newest file: a program writes to the log of a database long before it writes to the database.
        """
        if not (self.with_leaders and self.filters.has_bounds):
            return None
        there = entry(leader)
        if there is None:
            return IgnoreReason.EXCLUDED
        if not self.filters.takes(there):
            return self.filters.reason(there)
        if self.filters.older_than_ns is None:
            return None
        return IgnoreReason.TOO_NEW if any(map(self.filters.is_too_new, filter(None, map(entry, members)))) else None
