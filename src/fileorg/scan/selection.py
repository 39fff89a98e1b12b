"""Which files of a tree are looked at, by where they are, their sizes and their times."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.names import collision_key

if TYPE_CHECKING:
    from fileorg.core.model import Entry
    from fileorg.scan.leftovers import Leftover


class Selection(NamedTuple):
    """Which files are looked at. Sizes in bytes, times in nanoseconds since 1970, bounds included."""

    recursive: bool = True
    max_depth: int | None = None
    one_file_system: bool = False
    leave: frozenset[bytes] = frozenset()  # collision keys of folders at the top that are not entered
    case_insensitive: bool = False  # how such a key is made
    never: frozenset[tuple[int, int]] = frozenset()  # (dev, inode) of folders that are ours
    min_size: int | None = None
    max_size: int | None = None
    newer_than_ns: int | None = None
    older_than_ns: int | None = None
    with_leaders: bool = False  # side-cars are judged by the file that they follow
    leftovers: bool = True  # they are looked for: a look at where each symlink leads
    goes: frozenset[Leftover] = frozenset()  # those that are to go: a folder of nothing else is empty

    @property
    def filters(self) -> bool:
        bounds = (self.min_size, self.max_size, self.newer_than_ns, self.older_than_ns)
        return any(bound is not None for bound in bounds)

    def leaves(self, name: bytes) -> bool:
        return collision_key(name, case_insensitive=self.case_insensitive) in self.leave

    def takes(self, entry: Entry) -> bool:
        return (
            (self.min_size is None or entry.size >= self.min_size)
            and (self.max_size is None or entry.size <= self.max_size)
            and self.takes_time(entry)
        )

    def takes_time(self, entry: Entry) -> bool:
        """For what has no size that anyone means: folders and symlinks."""
        return (self.newer_than_ns is None or entry.mtime_ns >= self.newer_than_ns) and (
            self.older_than_ns is None or entry.mtime_ns <= self.older_than_ns
        )
