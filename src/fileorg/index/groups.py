"""Duplicate groups, as they were found last: kept to be paged through, and told again if nothing changed."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

TABLES = ("members", "groups", "finding")
SCHEMA = """
CREATE TABLE members (
    digest BLOB NOT NULL, size INTEGER NOT NULL, root INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL,
    dev INTEGER NOT NULL, inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL,
    nlink INTEGER NOT NULL);
CREATE TABLE groups (id INTEGER PRIMARY KEY, digest BLOB NOT NULL, size INTEGER NOT NULL, files INTEGER NOT NULL);
CREATE TABLE finding (stamp BLOB NOT NULL, roots BLOB NOT NULL);
"""
_GROUPS_AT_A_TIME = 1024
BY_DIGEST = "members_by_digest"

MemberRow = tuple[bytes, int, int, bytes, bytes, int, int, int, int, int]
"""Digest and size, and the fields of `Member`."""


class Member(NamedTuple):
    """One name of a file in a group. `root` is the position of its tree among those that were asked for."""

    root: int
    folder: bytes
    name: bytes
    dev: int
    inode: int
    mtime_ns: int
    mode: int
    nlink: int


class Group(NamedTuple):
    """Names with the same content. `files` counts files, however many names they have: one that is all, comes last."""

    id: int
    digest: bytes
    size: int
    files: int
    members: list[Member]


class Groups:
    """Written anew by each finding. Errors of SQLite are for `Index.guarded`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def begin(self) -> None:
        """Forget the last finding."""
        self._db.execute(f"DROP INDEX IF EXISTS {BY_DIGEST}")
        for name in TABLES:
            self._db.execute(f"DELETE FROM {name}")

    def add(self, rows: Iterable[MemberRow]) -> None:
        """Names of files that may be in a group."""
        self._db.executemany("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def finish(self, roots: Sequence[bytes], stamp: bytes) -> None:
        """Make groups of what was added, most waste first. `stamp` tells when they are still true; empty for never."""
        self._db.execute(f"CREATE INDEX {BY_DIGEST} ON members (digest, size)")
        devices = self._db.execute("SELECT count(DISTINCT dev) FROM members").fetchone()[0]
        which = "inode" if devices <= 1 else "printf('%d:%d', dev, inode)"
        self._db.execute(
            f"INSERT INTO groups (digest, size, files) SELECT digest, size, count(DISTINCT {which}) AS files"
            " FROM members GROUP BY digest, size HAVING count(*) > 1"
            " ORDER BY (files - 1) * size DESC, files < 2, digest"
        )
        self._db.execute("INSERT INTO finding VALUES (?, ?)", (stamp, b"\0".join(roots)))

    def roots(self) -> list[bytes]:
        """The trees that were searched, by `Member.root`; none if nothing was."""
        row = self._db.execute("SELECT roots FROM finding").fetchone()
        return row[0].split(b"\0") if row else []

    def is_true(self, stamp: bytes) -> bool:
        """Whether the last finding is still what would be found."""
        row = self._db.execute("SELECT stamp FROM finding").fetchone()
        return row is not None and bool(stamp) and row[0] == stamp

    def sums(self) -> tuple[int, int, int]:
        """Of groups of several files: how many groups, files beyond the first of each, and bytes that these take."""
        query = "SELECT count(*), sum(files - 1), sum((files - 1) * size) FROM groups WHERE files > 1"
        groups, files, bytes_ = self._db.execute(query).fetchone()
        return groups, files or 0, bytes_ or 0

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM groups").fetchone()[0])

    def every(self, first: int = 1, last: int | None = None) -> Iterator[Group]:
        """The groups by their ids, most waste first; names in no order. The memory of a thousand groups."""
        highest = self._db.execute("SELECT coalesce(max(id), 0) FROM groups").fetchone()[0]
        highest = highest if last is None else min(last, highest)
        for low in range(first, highest + 1, _GROUPS_AT_A_TIME):
            rows = self._db.execute(
                "SELECT g.id, g.digest, g.size, g.files, root, folder, name, dev, inode, mtime_ns, mode, nlink"
                " FROM groups g JOIN members m ON m.digest = g.digest AND m.size = g.size"
                " WHERE g.id BETWEEN ? AND ? ORDER BY g.id",
                (low, min(low + _GROUPS_AT_A_TIME - 1, highest)),
            ).fetchall()
            for (number, digest, size, files), members in groupby(rows, key=itemgetter(0, 1, 2, 3)):
                yield Group(number, digest, size, files, [Member(*row[4:]) for row in members])
