"""Which records a listing holds, in which order: made once, so that any page of a million is there at once.

A cache: it may be deleted at any time. Ids are kept a thousand to a row: a page is a row or two away, wherever it is.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CHUNK = 1024
"""Ids in a row."""
MOST_LISTINGS = 8
"""How many are kept: of a million records, one takes 8 MB."""

_VERSION = 1
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_CHUNKS_OF = 1 << 32  # a listing's chunks have ids of its own: number times this, and up
_SCHEMA = f"""
CREATE TABLE listings (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, total INTEGER NOT NULL);
CREATE TABLE chunks (id INTEGER PRIMARY KEY, ids BLOB NOT NULL);
PRAGMA user_version={_VERSION};
"""
FIND = "SELECT id, total FROM listings WHERE key = ?"
CHUNKS = "SELECT ids FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id"


class Page(NamedTuple):
    """How many there are in all, and the ids of those on the page."""

    total: int
    ids: list[int]


class Listings:
    """Never a reason to fail: where the cache cannot be used, a listing is made for the one page that is asked for."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def page(
        self, key: bytes, make: Callable[[], Iterator[Sequence[int]]], skip: int, most: int, *, backwards: bool = False
    ) -> Page:
        """At most so many of the listing of that key; `make` gives all its ids, some at a time.

        An empty key is one that must not be kept. Raises what `make` raises.
        """
        if key:
            try:
                with contextlib.closing(_opened(os.fsdecode(self._path))) as db:
                    return _page(db, key, make, skip, most, backwards=backwards)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGED:
                    # Emptied, not replaced: another run may have it open.
                    with contextlib.suppress(OSError):
                        os.truncate(self._path, 0)
        with contextlib.closing(_opened("")) as private:
            return _page(private, key, make, skip, most, backwards=backwards)


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
    most: int,
    *,
    backwards: bool,
) -> Page:
    db.execute("BEGIN")  # what is found is still there when it is read
    found = db.execute(FIND, (key,)).fetchone()
    if found is None:
        db.execute("COMMIT")
        ids = make()  # errors of the journal come from here, and are not ours to hide
        db.execute("BEGIN IMMEDIATE")
        found = _kept(db, key, ids)
    listing, total = found
    most = max(0, min(most, total - skip))
    first = total - skip - most if backwards else skip
    page = _ids(db, listing, first, most)
    db.execute("COMMIT")
    return Page(total, page[::-1] if backwards else page)


def _kept(db: sqlite3.Connection, key: bytes, ids: Iterable[Sequence[int]]) -> tuple[int, int]:
    """Keep a listing; its number, and how many ids it has. The oldest one goes where there are too many."""
    db.execute("DELETE FROM listings WHERE key = ?", (key,))  # another run was quicker
    listing = int(db.execute("SELECT coalesce(max(id), 0) + 1 FROM listings").fetchone()[0])
    db.execute("DELETE FROM listings WHERE id <= ?", (listing - MOST_LISTINGS,))
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


def _ids(db: sqlite3.Connection, listing: int, first: int, most: int) -> list[int]:
    if not most:
        return []
    low, offset = divmod(first, CHUNK)
    start = listing * _CHUNKS_OF + low
    chunks = db.execute(CHUNKS, (start, start + (offset + most - 1) // CHUNK))
    found = array("q")
    for (ids,) in chunks:
        found.frombytes(ids)
    return found[offset : offset + most].tolist()
