"""The current paths of files that fileorg moved away, looked up for many absolute paths at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import FROM_A_LINK, ON_SYMLINKS, RELOCATIONS
from fileorg.core.names import below, join
from fileorg.core.tuples import NamedTuple
from fileorg.journal.absolute import ABSOLUTE, BASES, FOLDERS
from fileorg.journal.rows import foreign, is_inside, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import RecordId
    from fileorg.journal.trash_records import TrashRecords

_TAKEN = quoted(RELOCATIONS - FROM_A_LINK - ON_SYMLINKS)


class Moved(NamedTuple):
    """The operation that moved a file away, and the file's absolute path now, which may be in the trash."""

    operation: int
    path: bytes


class MovedFiles:
    """Queries about files that were moved. Raises `JournalError`."""

    def __init__(self, queries: Queries, trash: TrashRecords) -> None:
        self._queries = queries
        self._trash = trash

    def from_places(self, places: Collection[bytes]) -> dict[bytes, Moved]:
        """Return place → last move, for the places from which a file was moved without being moved back.

        Reads the records of each operation that touched these folders once.
        """
        found: dict[RecordId, tuple[bytes, int]] = {}
        to: dict[RecordId, bytes] = {}
        for record, operation, place, path in self._taken([(*place.rpartition(b"/")[::2],) for place in places]):
            found[record] = place, operation
            to[record] = path
        now = self._trash.moved_on(to) if to else {}
        return {place: Moved(operation, now[record]) for record, (place, operation) in sorted(found.items())}

    def _taken(self, sought: list[tuple[bytes, bytes]]) -> Iterator[tuple[RecordId, int, bytes, bytes]]:
        db = self._queries
        db.select("CREATE TEMP TABLE asked (folder BLOB, name BLOB)")
        try:
            db.db.executemany("INSERT INTO asked VALUES (?, ?)", [(folder or b"/", name) for folder, name in sought])
            db.select("CREATE INDEX temp.asked_place ON asked (folder, name)")
            of_them = f"{ABSOLUTE} IN (SELECT folder FROM asked)"
            known = db.select(f"WITH {BASES} SELECT DISTINCT f.operation FROM {FOLDERS} WHERE {of_them}")
            for (operation,) in known:
                yield from self._taken_by(operation)
        finally:
            db.select("DROP TABLE temp.asked")

    def _taken_by(self, operation: int) -> Iterator[tuple[RecordId, int, bytes, bytes]]:
        query = (
            f"WITH {BASES}, theirs(id, folder) AS MATERIALIZED (SELECT f.id, {ABSOLUTE} FROM {FOLDERS}"
            f" WHERE f.operation = ?1 AND {ABSOLUTE} IN (SELECT folder FROM asked))"
            f" SELECT r.id, t.folder, r.source_name, {ABSOLUTE}, coalesce(r.target_name, r.source_name)"
            f" FROM records r CROSS JOIN theirs t ON t.id = r.source_folder"
            f" CROSS JOIN asked k ON k.folder = t.folder AND k.name = r.source_name CROSS JOIN {FOLDERS}"
            f" WHERE r.id >= (SELECT first_record FROM operations WHERE id = ?1) AND r.operation = ?1"
            f" AND r.state = 'done' AND r.action IN ({_TAKEN}) AND f.id = r.target_folder"
        )
        for record, folder, name, to_folder, to_name in self._queries.select(query, (operation,)):
            if not is_inside(b"", name) or not is_inside(b"", to_name):
                raise foreign("Record", record)
            yield record, operation, below(folder, name), join(to_folder.rstrip(b"/"), to_name)
