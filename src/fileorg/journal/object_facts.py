"""What the journal keeps of moves in stores beside their records: delete markers, uploads that have begun, and what the
source had and the target cannot keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from fileorg.core.model import Base
    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation, RecordId


class BegunUpload(NamedTuple):
    """An upload in parts that a record began: the base and the path of its target."""

    base: Base
    folder: bytes
    name: bytes
    upload_id: str


class ObjectFacts:
    """The tables `objects` and `kept_attributes`. Raises `JournalError`."""

    def __init__(self, queries: Queries, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._queries = queries
        self._transaction = transaction

    def note_markers(self, markers: Mapping[RecordId, str]) -> None:
        """Record the delete markers that hide the sources of records."""
        with self._transaction():
            self._queries.db.executemany(
                "INSERT INTO objects (record, delete_marker) VALUES (?, ?)"
                " ON CONFLICT (record) DO UPDATE SET delete_marker = excluded.delete_marker",
                markers.items(),
            )

    def note_upload(self, record: RecordId, upload_id: str) -> None:
        """Record durably that an upload to the target of a record begins."""
        with self._transaction():
            self._queries.db.execute(
                "INSERT INTO objects (record, upload_id) VALUES (?, ?)"
                " ON CONFLICT (record) DO UPDATE SET upload_id = excluded.upload_id",
                (record, upload_id),
            )

    def markers(self, records: Iterable[RecordId]) -> dict[RecordId, str]:
        """Return the delete markers of records, as far as there are any."""
        wanted = set(records)
        if not wanted:
            return {}
        query = "SELECT record, delete_marker FROM objects WHERE record BETWEEN ? AND ? AND delete_marker NOT NULL"
        rows = self._queries.select(query, (min(wanted), max(wanted)))
        for record, marker in rows:
            if not isinstance(marker, str):
                raise foreign("The object of record", record)
        return {record: marker for record, marker in rows if record in wanted}

    def uploads(self, operation: Operation) -> Iterator[BegunUpload]:
        """Yield the uploads that an operation began; most of them were completed."""
        query = (
            "SELECT o.record, t.base, t.path, coalesce(r.target_name, r.source_name), o.upload_id FROM objects o"
            " JOIN records r ON r.id = o.record JOIN folders t ON t.id = r.target_folder"
            " WHERE r.operation = ? AND o.upload_id NOT NULL"
        )
        for record, base, *place, upload_id in self._queries.select(query, (operation.id,)):
            if not isinstance(upload_id, str) or not isinstance(base, int):
                raise foreign("The object of record", record)
            yield BegunUpload(base, place[0], place[1], upload_id)

    def keep(self, attributes: Mapping[RecordId, str]) -> None:
        """Record durably what the sources of records have, as JSON."""
        with self._transaction():
            self._queries.db.executemany("INSERT OR REPLACE INTO kept_attributes VALUES (?, ?)", attributes.items())

    def kept(self, record: RecordId | None) -> str | None:
        """Return what the source of a record had, None if nothing was recorded."""
        found = self._queries.value("SELECT attributes FROM kept_attributes WHERE record = ?", (record,))
        return found if isinstance(found, str) else None
