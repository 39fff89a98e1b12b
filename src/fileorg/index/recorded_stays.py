"""The entries that stayed in runs that were asked to list them, beside the journal: for reports, needed by no undo.

A run without `--stays` writes nothing here. The lists of the last runs are kept, each in path order.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fileorg.core.errors import StateError
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KEPT_LISTS = 20
"""A list of a million entries takes 100 MB."""

_VERSION = 1
_EXAMPLES = 5
_SCHEMA = f"""
CREATE TABLE lists (operation INTEGER PRIMARY KEY, started_ns INTEGER NOT NULL, total INTEGER NOT NULL);
CREATE TABLE stays (
    operation INTEGER NOT NULL, number INTEGER NOT NULL, path BLOB NOT NULL, code TEXT NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, PRIMARY KEY (operation, number)) WITHOUT ROWID;
PRAGMA user_version={_VERSION};
"""


class RecordedStay(NamedTuple):
    """An entry that stayed: its path relative to the root, the code of the reason, size in bytes (-1 for a folder), and
    time in ns.
    """

    path: bytes
    code: str
    size: int
    mtime_ns: int


class StayShare(NamedTuple):
    """The entries that stayed for one reason. `examples` are the first of their paths."""

    code: str
    entries: int
    size_bytes: int
    examples: list[bytes]


def record_stays(path: bytes, operation: int, started_ns: int, stays: Iterable[RecordedStay]) -> None:
    """Store the list of an operation, and drop the oldest lists. Raises `StateError`."""
    try:
        _record(path, operation, started_ns, stays)
    except sqlite3.Error as error:
        raise StateError(f"{display(path)} could not be written: {error}.", path=path) from error


def _record(path: bytes, operation: int, started_ns: int, stays: Iterable[RecordedStay]) -> None:
    with contextlib.closing(sqlite3.connect(os.fsdecode(path), isolation_level=None, timeout=30)) as db:
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            for statement in _SCHEMA.split(";\n")[:-1]:
                db.execute(statement)
        for table in ("stays", "lists"):  # a journal that was deleted had other operations with these numbers
            db.execute(f"DELETE FROM {table} WHERE operation >= ? OR operation <= ?", (operation, _oldest(db)))
        rows = ((operation, number, *stay) for number, stay in enumerate(stays))
        total = db.executemany("INSERT INTO stays VALUES (?, ?, ?, ?, ?, ?)", rows).rowcount
        db.execute("INSERT INTO lists VALUES (?, ?, ?)", (operation, started_ns, max(0, total)))
        db.execute("COMMIT")


def _oldest(db: sqlite3.Connection) -> int:
    """Return the last operation whose list gives way to the next one."""
    query = "SELECT operation FROM lists ORDER BY operation DESC LIMIT 1 OFFSET ?"
    row = db.execute(query, (KEPT_LISTS - 1,)).fetchone()
    return row[0] if row else 0


class RecordedStays:
    """The list of one operation, opened for reading. Raises `StateError` for a damaged one."""

    def __init__(self, path: bytes, db: sqlite3.Connection, operation: int, total: int) -> None:
        self._path, self._db, self._operation = path, db, operation
        self.total = total

    def shares(self) -> list[StayShare]:
        """Return the entries by reason, most first."""
        query = (
            "SELECT code, count(*), sum(max(size, 0)), min(number) FROM stays WHERE operation = ? GROUP BY code"
            " ORDER BY 2 DESC, 4"
        )
        examples = "SELECT path FROM stays WHERE operation = ? AND code = ? ORDER BY number LIMIT ?"
        shares = []
        for code, count, size, _ in self._rows(query, (self._operation,)):
            self._check((code, size), (str, int))
            paths = [path for (path,) in self._rows(examples, (self._operation, code, _EXAMPLES))]
            self._check(paths, (bytes,) * len(paths))
            shares.append(StayShare(code, count, size, paths))
        return shares

    def rows(self, skip: int = 0, limit: int = -1, *, backwards: bool = False) -> Iterator[RecordedStay]:
        """Yield at most `limit` entries after the first `skip`, in path order."""
        order = "DESC" if backwards else "ASC"
        query = (
            f"SELECT path, code, size, mtime_ns FROM stays WHERE operation = ? ORDER BY number {order} LIMIT ? OFFSET ?"
        )
        for row in self._rows(query, (self._operation, limit, skip)):
            self._check(row, (bytes, str, int, int))
            yield RecordedStay._make(row)

    def _check(self, row: Sequence[Any], types: tuple[type, ...]) -> None:
        if tuple(map(type, row)) != types:
            raise self._damaged("a row is not one that fileorg wrote")

    def _rows(self, query: str, values: tuple[Any, ...]) -> Iterator[Any]:
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> StateError:
        message = f"{display(self._path)} cannot be read: {why}."
        return StateError(message, hint="delete it: only reports of what stays need it", path=self._path)


@contextlib.contextmanager
def recorded_stays(path: bytes | None, operation: int, started_ns: int) -> Iterator[RecordedStays | None]:
    """Yield the list of an operation, None if there is none that can be read. Writes nothing."""
    with contextlib.ExitStack() as stack:
        found = None
        if path is not None:
            with contextlib.suppress(sqlite3.Error):
                address = f"file:{quote(path)}?mode=ro"
                db = stack.enter_context(
                    contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=30))
                )
                db.execute("PRAGMA trusted_schema=OFF")
                query = "SELECT total FROM lists WHERE operation = ? AND started_ns = ?"
                row = db.execute(query, (operation, started_ns)).fetchone()
                found = RecordedStays(path, db, operation, int(row[0])) if row else None
        yield found
