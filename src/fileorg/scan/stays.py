"""The entries of a tree that stay where they are, each with the reason, for a command that lists them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple
from fileorg.rules.ignore import IgnoreReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class NotTaken(StrEnum):
    """Why an entry stays that no rule leaves alone, in words. The code for programs is the name: never renamed."""

    UNKNOWN_KIND = "unknown file type"
    IN_PLACE = "already in place"
    KEPT = "kept by a rule"
    NOT_ENTERED = "folder not entered"
    NOT_A_FILE = "not a regular file"
    UNREADABLE = "folder cannot be read"
    ROOT_REFUSED = "folder refused"  # all of it stays: see `workflows.guards`


StayReason: TypeAlias = IgnoreReason | NotTaken


NO_SIZE = -1
"""The size of a folder."""


class Stays(NamedTuple):
    """An entry that stays. `path` is relative to the root, `b""` for the root itself. Size in bytes."""

    path: bytes
    reason: StayReason
    size: int = NO_SIZE
    mtime_ns: int = 0


_SCHEMA = "CREATE TABLE stays (path BLOB NOT NULL, reason TEXT NOT NULL, size INTEGER, mtime_ns INTEGER);"


class StaysStore:
    """Keeps the entries that a scan left alone, on disk if they are many."""

    def __init__(self) -> None:
        self._db = scratch(_SCHEMA)

    def add(self, found: Iterable[Stays]) -> None:
        rows = ((path, str(reason), size, mtime_ns) for path, reason, size, mtime_ns in found)
        self._db.executemany("INSERT INTO stays VALUES (?, ?, ?, ?)", rows)

    def __iter__(self) -> Iterator[Stays]:
        for path, reason, *facts in self._db.execute("SELECT * FROM stays ORDER BY rowid"):
            yield Stays(path, _reason(reason), *facts)

    def close(self) -> None:
        self._db.close()


def _reason(value: str) -> StayReason:
    return NotTaken(value) if value in _NOT_TAKEN else IgnoreReason(value)


_NOT_TAKEN = frozenset(map(str, NotTaken))
