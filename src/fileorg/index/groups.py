"""Duplicate groups, as they were found last: kept to be paged through, and told again if nothing changed."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

TABLES = ("members", "groups", "finding")
SCHEMA = """
CREATE TABLE groups (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL, size INTEGER NOT NULL, files INTEGER NOT NULL,
    names INTEGER NOT NULL, first INTEGER NOT NULL);
CREATE TABLE members (
    id INTEGER PRIMARY KEY, root INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, dev INTEGER NOT NULL,
    inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL, nlink INTEGER NOT NULL);
CREATE TABLE finding (stamp BLOB NOT NULL, roots BLOB NOT NULL);
"""
_FOUND = """
CREATE TEMP TABLE found (
    digest BLOB NOT NULL, size INTEGER NOT NULL, is_copy INTEGER NOT NULL, root INTEGER NOT NULL, folder BLOB NOT NULL,
    name BLOB NOT NULL, dev INTEGER NOT NULL, inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL,
    nlink INTEGER NOT NULL)
"""
_ROWS_AT_A_TIME = 4096

MemberRow = tuple[bytes, int, bool, int, bytes, bytes, int, int, int, int, int]
"""Digest, size, whether its name says that it is a copy, and the fields of `Member`."""


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
    """Names with the same content, the usual keeper first. `files` counts files, however many names they have: those
    of a single one come last.
    """

    id: int
    digest: bytes
    size: int
    files: int
    members: list[Member]


_new_member = partial(tuple.__new__, Member)


class Groups:
    """Written anew by each finding. Errors of SQLite are for `Index.guarded`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def begin(self) -> None:
        """Forget the last finding."""
        for name in TABLES:
            self._db.execute(f"DELETE FROM {name}")
        self._db.execute("DROP TABLE IF EXISTS temp.found")
        self._db.execute(_FOUND)

    def add(self, rows: Iterable[MemberRow]) -> None:
        """Names of files that may be in a group."""
        self._db.executemany("INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def finish(self, roots: Sequence[bytes], stamp: bytes) -> None:
        """Make groups of what was added, most waste first. `stamp` tells when they are still true; empty for never."""
        devices = self._db.execute("SELECT count(DISTINCT dev) FROM found").fetchone()[0]
        which = "inode" if devices <= 1 else "printf('%d:%d', dev, inode)"
        self._db.execute(
            "INSERT INTO groups (digest, size, files, names, first)"
            f" SELECT digest, size, count(DISTINCT {which}) AS files, count(*) AS names, 0"
            " FROM found GROUP BY digest, size HAVING names > 1"
            " ORDER BY (files - 1) * size DESC, files < 2, digest"
        )
        # In the order in which they are read later; of a group in the order of `keeping.USUAL`.
        self._db.execute(
            "INSERT INTO members (root, folder, name, dev, inode, mtime_ns, mode, nlink)"
            " SELECT root, folder, name, dev, inode, mtime_ns, mode, nlink"
            " FROM found f JOIN groups g ON g.digest = f.digest AND g.size = f.size"
            " ORDER BY g.id, is_copy, mtime_ns, length(folder) + length(name), root, folder, name"
        )
        self._db.execute("DROP TABLE found")
        self._db.execute(
            "UPDATE groups SET first = later.first FROM (SELECT id, 1 + sum(names) OVER (ORDER BY id) - names AS first"
            " FROM groups) AS later WHERE later.id = groups.id"
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

    def every(self, skip: int = 0, most: int = -1) -> Iterator[Group]:
        """The groups, most waste first; at most so many, all for -1. The memory of a few thousand rows."""
        groups = self._db.execute(
            "SELECT id, digest, size, files, names, first FROM groups ORDER BY id LIMIT ? OFFSET ?", (most, skip)
        )
        members: Iterator[Any] | None = None
        for number, digest, size, files, names, first in _rows(groups):
            if members is None:
                columns = "root, folder, name, dev, inode, mtime_ns, mode, nlink"
                query = f"SELECT {columns} FROM members WHERE id >= ? ORDER BY id"
                members = _rows(self._db.execute(query, (first,)))
            yield Group(number, digest, size, files, list(map(_new_member, islice(members, names))))


def _rows(cursor: sqlite3.Cursor) -> Iterator[Any]:
    """The rows of a cursor, fetched many at a time."""
    while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
        yield from rows
