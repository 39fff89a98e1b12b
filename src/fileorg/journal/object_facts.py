"""What the journal keeps of moves in stores beside their records: delete markers, uploads that have begun, what the
source had and the target cannot keep, and the places of originals in the trash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.names import join
from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import foreign, is_inside
from fileorg.journal.trash_records import TRASH, is_trash

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


class KeptOriginal(NamedTuple):
    """The file of a move into a store: its place in the trash of its own root, and its identity."""

    base: Base
    folder: bytes
    name: bytes
    inode: int
    mtime_ns: int


class ObjectFacts:
    """The tables `objects`, `kept_attributes` and `originals`. Raises `JournalError`."""

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

    def keep(
        self,
        attributes: Mapping[RecordId, str],
        originals: Mapping[RecordId, KeptOriginal] = {},
        folder_id: Callable[[Base, bytes], int] = lambda *_: 0,
    ) -> None:
        """Record durably what the sources of records have, as JSON, and where in the trash their files go.

        `folder_id` records a folder.
        """
        with self._transaction():
            self._queries.db.executemany("INSERT OR REPLACE INTO kept_attributes VALUES (?, ?)", attributes.items())
            self._queries.db.executemany(
                "INSERT OR REPLACE INTO originals (record, folder, name, inode, mtime_ns) VALUES (?, ?, ?, ?, ?)",
                [(record, folder_id(base, folder), *more) for record, (base, folder, *more) in originals.items()],
            )

    def kept(self, record: RecordId | None) -> str | None:
        """Return what the source of a record had, None if nothing was recorded."""
        found = self._queries.value("SELECT attributes FROM kept_attributes WHERE record = ?", (record,))
        return found if isinstance(found, str) else None

    # Originals in the trash -------------------------------------------------------------------------------------------

    def original(self, record: RecordId | None) -> KeptOriginal | None:
        """Return where in the trash the file of a record is, or was before an undo; None if it has no such place any
        more, or never had.
        """
        return self._original("?", record)

    def original_before(self, record: RecordId) -> KeptOriginal | None:
        """Return the same of the move that an undo, the record, has taken back: a redo puts the file there again."""
        return self._original("(SELECT reverts FROM records WHERE id = ?)", record)

    def _original(self, which: str, record: RecordId | None) -> KeptOriginal | None:
        query = f"SELECT folder, name, inode, mtime_ns FROM originals WHERE record = {which} AND NOT purged"
        rows = self._queries.select(query, (record,))
        if not rows:
            return None
        folder, name, *numbers = rows[0]
        place = self._queries.place(folder)
        if not is_inside(place.folder, name) or not all(isinstance(number, int) for number in numbers):
            raise foreign("The original of record", record)
        return KeptOriginal(*place, name, *numbers)

    def trash_of(self, operation: int, base: Base) -> bytes | None:
        """Return the trash folder that an operation has made below a base."""
        name = self._queries.value(
            "SELECT r.target_name FROM records r JOIN folders f ON f.id = r.target_folder WHERE r.operation = ?1"
            " AND r.id >= (SELECT first_record FROM operations WHERE id = ?1) AND r.action = 'make-folder'"
            " AND f.base = ?2 AND f.path = ?3 ORDER BY r.id LIMIT 1",
            (operation, base, TRASH),
        )
        if name is None:
            return None
        if not isinstance(name, bytes) or not is_trash(join(TRASH, name)):
            return None
        return join(TRASH, name)

    def note_purged(self, records: Iterable[RecordId]) -> None:
        """Record that the originals of records are gone. Inside a transaction."""
        self._queries.many("UPDATE originals SET purged = 1 WHERE record = ?", [(record,) for record in records])
