"""What the commands share: which files of a tree, and the index for one of them at a time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.state import run_lock
from fileorg.rules.ignore import Ignore
from fileorg.scan.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.state import StateDirectory
    from fileorg.index.index import Index

_INDEX_LOCK = b"index.lock"


class Filters(NamedTuple):
    """Which files of a tree are looked at: the options that every command shares. Sizes in bytes, times in ns."""

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
        return Ignore(hidden=self.hidden, everything=self.everything, include=self.include, exclude=self.exclude)

    def selection(self, never: frozenset[tuple[int, int]]) -> Selection:
        return Selection(
            recursive=self.recursive,
            max_depth=self.max_depth,
            one_file_system=self.one_file_system,
            never=never,
            min_size=self.min_size,
            max_size=self.max_size,
            newer_than_ns=self.newer_than_ns,
            older_than_ns=self.older_than_ns,
        )


@contextlib.contextmanager
def locked_index(state: StateDirectory, what: str) -> Iterator[Index]:
    """The index, for this run alone; `what` is told to another that comes meanwhile. Raises `Locked`, `StateError`."""
    from fileorg.index.index import Index

    with run_lock(state, what, name=_INDEX_LOCK), Index(state.index) as index:
        yield index
