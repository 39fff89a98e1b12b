"""Record ids of listings, in order: computed once, so any page of a million records opens at once.

A cache that may be deleted at any time. A row holds a thousand ids: any page is one or two rows.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from array import array
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CHUNK = 1024
"""Ids in one row."""
MAX_LISTINGS = 8
"""Cached listings; one of a million records takes 8 MB."""

_VERSION = 1
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_CHUNKS_OF = 1 << 32  # the chunk ids of a listing start at its number times this
_SCHEMA = f"""
CREATE TABLE listings (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, total INTEGER NOT NULL);
CREATE TABLE chunks (id INTEGER PRIMARY KEY, ids BLOB NOT NULL);
PRAGMA user_version={_VERSION};
"""
FIND = "SELECT id, total FROM listings WHERE key = ?"
CHUNKS = "SELECT ids FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id"


class Page(NamedTuple):
    """The total number of records, and the ids on one page."""

    total: int
    ids: list[int]


class Listings:
    """A cache that never fails: if the database is unusable, the listing is computed for the requested page alone."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def page(
        self, key: bytes, make: Callable[[], Iterator[Sequence[int]]], skip: int, limit: int, *, backwards: bool = False
    ) -> Page:
        """Return at most `limit` ids of the listing of `key`; `make` yields all its ids in parts.

        An empty key disables caching. Raises what `make` raises.
        """
        if key:
            try:
                with contextlib.closing(_opened(os.fsdecode(self._path))) as db:
                    return _page(db, key, make, skip, limit, backwards=backwards)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGED:
                    # Truncated, not replaced: another process may have it open.
                    with contextlib.suppress(OSError):
                        os.truncate(self._path, 0)
        with contextlib.closing(_opened("")) as private:
            return _page(private, key, make, skip, limit, backwards=backwards)


def _opened(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        db.executescript("PRAGMA trusted_schema=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-4000;")
        if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                for statement in _SCHEMA.split(";\n")[:-1]:
                    db.execute(statement)
            db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _page(
    db: sqlite3.Connection,
    key: bytes,
    make: Callable[[], Iterator[Sequence[int]]],
    skip: int,
    limit: int,
    *,
    backwards: bool,
) -> Page:
    db.execute("BEGIN")  # one snapshot: a listing that is found can be read
    found = db.execute(FIND, (key,)).fetchone()
    if found is None:
        db.execute("COMMIT")
        ids = make()  # errors of the journal pass through
        db.execute("BEGIN IMMEDIATE")
        found = _kept(db, key, ids)
    listing, total = found
    limit = max(0, min(limit, total - skip))
    first = total - skip - limit if backwards else skip
    page = _ids(db, listing, first, limit)
    db.execute("COMMIT")
    return Page(total, page[::-1] if backwards else page)


def _kept(db: sqlite3.Connection, key: bytes, ids: Iterable[Sequence[int]]) -> tuple[int, int]:
    """Store a listing and delete the oldest beyond the limit; return (number, count of ids)."""
    db.execute("DELETE FROM listings WHERE key = ?", (key,))  # stored by another process meanwhile
    listing = int(db.execute("SELECT coalesce(max(id), 0) + 1 FROM listings").fetchone()[0])
    db.execute("DELETE FROM listings WHERE id <= ?", (listing - MAX_LISTINGS,))
    oldest = db.execute("SELECT coalesce(min(id), ?) FROM listings", (listing,)).fetchone()[0]
    db.execute("DELETE FROM chunks WHERE id < ? OR id >= ?", (oldest * _CHUNKS_OF, listing * _CHUNKS_OF))
    number, pending = 0, array("q")
    for some in ids:
        pending.extend(some)
        whole = len(pending) // CHUNK
        db.executemany(
            "INSERT INTO chunks VALUES (?, ?)",
            (
                (listing * _CHUNKS_OF + number + at, pending[at * CHUNK : (at + 1) * CHUNK].tobytes())
                for at in range(whole)
            ),
        )
        number += whole
        del pending[: whole * CHUNK]
    if pending:
        db.execute("INSERT INTO chunks VALUES (?, ?)", (listing * _CHUNKS_OF + number, pending.tobytes()))
    total = number * CHUNK + len(pending)
    db.execute("INSERT INTO listings VALUES (?, ?, ?)", (listing, key, total))
    return listing, total


def _ids(db: sqlite3.Connection, listing: int, first: int, limit: int) -> list[int]:
    if not limit:
        return []
    low, offset = divmod(first, CHUNK)
    start = listing * _CHUNKS_OF + low
    chunks = db.execute(CHUNKS, (start, start + (offset + limit - 1) // CHUNK))
    found = array("q")
    for (ids,) in chunks:
        found.frombytes(ids)
    return found[offset : offset + limit].tolist()
