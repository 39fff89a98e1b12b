"""Names reserved by an empty placeholder file: journaled before it is made, and again with its inode number."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fileorg.core.model import Reservation
from fileorg.journal.rows import foreign

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from fileorg.core.model import Entry, Reserving
    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import RecordId


class Reservations:
    """Reserved names, for file systems that can neither rename without replacing nor link. Raises `JournalError`."""

    def __init__(self, queries: Queries, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._queries = queries
        self._transaction = transaction

    def announcing(self, record: RecordId) -> Reserving:
        """Return a callback that durably notes that a record's new or old name will be reserved, then by which file."""

        def note(reserved: Entry | None) -> None:
            values: tuple[Any, ...] = (record, None, time.time_ns())
            if reserved is not None:
                values = (record, reserved.inode, reserved.ctime_ns)
            with self._transaction():
                self._queries.db.execute(
                    "INSERT OR REPLACE INTO reservations (record, inode, ctime_ns) VALUES (?, ?, ?)", values
                )

        return note

    def of(self, low: RecordId, high: RecordId) -> dict[RecordId, Reservation]:
        """Return the reservations of the records in this range."""
        rows = self._queries.select(
            "SELECT record, inode, ctime_ns FROM reservations WHERE record BETWEEN ? AND ?", (low, high)
        )
        for record, inode, ctime_ns in rows:
            if not isinstance(inode, int | None) or not isinstance(ctime_ns, int):
                raise foreign("The reservation of record", record)
        return {record: Reservation(inode, ctime_ns) for record, inode, ctime_ns in rows}

    def forget(self, record: RecordId) -> None:
        """Delete the reservation of a record whose file now has the name. Inside a transaction."""
        self._queries.db.execute("DELETE FROM reservations WHERE record = ?", (record,))

    def forget_of(self, operation: int) -> None:
        """Delete the reservations of an operation that is settled. Inside a transaction."""
        query = "DELETE FROM reservations WHERE (SELECT operation FROM records WHERE id = record) = ?"
        self._queries.db.execute(query, (operation,))
