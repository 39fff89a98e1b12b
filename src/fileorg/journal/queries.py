"""The access to a journal that its parts share: one connection, and a cache of folders."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.unwritten import Watch
from fileorg.journal.connection import JournalInMemory, broken, connect
from fileorg.journal.rows import RecordedFolder, checked_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.journal.rows import Operation, RecordId

_STREAMED_ROWS = 4096


class Queries:
    """A connection to a journal. Every method raises `JournalError` if the journal cannot be trusted or read."""

    def __init__(self, path: bytes, *, read_only: bool) -> None:
        self.path = path
        watch = Watch(path) if read_only else None
        self.db = connect(path, read_only=read_only)
        self.copied = self.db.of if isinstance(self.db, JournalInMemory) else None
        """The device and inode numbers of a journal that was copied into memory."""
        self.is_locked = self.copied is None and (watch is None or not watch.is_needed)
        self._watch = watch if self.copied is None else None
        self._places: Memo[int, RecordedFolder] = Memo(MANY_FOLDERS)

    def close(self) -> None:
        self.db.close()

    @property
    def has_changed(self) -> bool:
        """True if a run ended while the journal was read without locks."""
        return self._watch is not None and self._watch.has_changed

    def select(self, query: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        """Return all rows."""
        try:
            return self.db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise broken(self.path, error) from error

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each row."""
        try:
            self.db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise broken(self.path, error) from error

    def value(self, query: str, values: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """Return the first column of the first row, None without rows."""
        try:
            row = self.db.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise broken(self.path, error) from error
        return row[0] if row else None

    def stream(self, query: str, values: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the rows in batches. For readers only: a write on the same connection would disturb the cursor."""
        try:
            cursor = self.db.execute(query, values)
            while rows := cursor.fetchmany(_STREAMED_ROWS):
                yield rows
        except sqlite3.Error as error:
            raise broken(self.path, error) from error

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Give several queries of a reader the same snapshot, even while another process writes."""
        if self.db.in_transaction:
            yield
            return
        self.select("BEGIN")
        try:
            yield
        finally:
            self.select("ROLLBACK")

    def pages(
        self, query: str, operation: Operation, rows: int, *values: Any, newest_first: bool = False, of_id: int = 0
    ) -> Iterator[list[Any]]:
        """Yield rows about the records of an operation, in batches of ids: unlike a cursor, these are safe from writes
        on the same connection.

        The `query` orders by the id, its column `of_id`. Its parameters: the first and the last id as ?1 and ?2, the
        operation as ?3, the limit `rows` as ?4, then the `values`.
        """
        low, high = self.record_range(operation)
        while low <= high and (batch := self.select(query, (low, high, operation.id, rows, *values))):
            yield batch
            if newest_first:
                high = batch[-1][of_id] - 1
            else:
                low = batch[-1][of_id] + 1

    def record_range(self, operation: Operation) -> tuple[RecordId, RecordId]:
        """Return the first and last record id of an operation; without records, the last is below the first."""
        following = self.value("SELECT min(first_record) FROM operations WHERE id > ?", (operation.id,))
        query = "SELECT coalesce(max(id), 0) FROM records"
        if following:  # it may have begun while this one still writes: its ids begin far above
            return operation.first_record, int(self.value(f"{query} WHERE id < ?", (following,)))
        return operation.first_record, int(self.value(query))

    def place(self, folder: int | None) -> RecordedFolder:
        """Return the base and the path of a folder, which are cached."""
        place = self._places.get(folder or 0)
        if place is None:
            row = next(iter(self.select("SELECT base, path FROM folders WHERE id = ?", (folder,))), None)
            place = self._places[folder or 0] = checked_place(row if folder is not None else (0, b""), folder)
        return place
