"""Changes of the configuration by commands: whole contents of the file, from before and after each change.

They are no operations: no file of a user moves, and undo never meets them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fileorg.journal.queries import Queries

_COLUMNS = "id, at_ns, kind, subject, path, before, after, restores, done"


class ConfigurationChange(NamedTuple):
    """One change. `before` and `after` are contents of the file, None if there was no file; `restores` is the change
    that this one takes back. A change that is not `done` was interrupted: the content of the file decides.
    """

    id: int
    at_ns: int
    kind: str
    subject: str
    path: bytes
    before: bytes | None
    after: bytes | None
    restores: int | None
    done: int


class ConfigurationChanges:
    """The table of changes. Every method raises `JournalError` if it cannot be read or written."""

    def __init__(self, queries: Queries, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._queries = queries
        self._transaction = transaction

    def add(
        self,
        kind: str,
        subject: str,
        path: bytes,
        before: bytes | None,
        after: bytes | None,
        restores: int | None = None,
    ) -> int:
        """Add a change that is about to be made, and return its number."""
        with self._transaction():
            cursor = self._queries.db.execute(
                "INSERT INTO configuration_changes (at_ns, kind, subject, path, before, after, restores, done)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                (time.time_ns(), kind, subject, path, before, after, restores),
            )
        return int(cursor.lastrowid or 0)

    def end(self, number: int) -> None:
        """Note that the file was replaced."""
        with self._transaction():
            self._queries.db.execute("UPDATE configuration_changes SET done = 1 WHERE id = ?", (number,))

    def newest_first(self, path: bytes, subject: str | None = None) -> Iterator[ConfigurationChange]:
        """Yield the changes of a file, those of one category if `subject` is given."""
        query = f"SELECT {_COLUMNS} FROM configuration_changes WHERE path = ? AND (? IS NULL OR subject = ?)"
        for row in self._queries.select(f"{query} ORDER BY id DESC", (path, subject, subject)):
            yield _checked(row)

    def __len__(self) -> int:
        return int(self._queries.value("SELECT count(*) FROM configuration_changes"))


def _checked(row: tuple[object, ...]) -> ConfigurationChange:
    """Return a row of the journal. Raises `JournalError` for one that fileorg did not write."""
    match row:
        case (
            int() as number,
            int() as at_ns,
            str() as kind,
            str() as subject,
            bytes() as path,
            (bytes() | None) as before,
            (bytes() | None) as after,
            (int() | None) as restores,
            (0 | 1) as done,
        ):
            return ConfigurationChange(number, at_ns, kind, subject, path, before, after, restores, done)
    raise foreign("configuration change", row[0])
