"""The files that records moved to the trash. They are found by record, never by the name of a folder: a redo puts files
back into the trash of the original operation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fileorg.core.model import INTO_TRASH, RELOCATIONS, WAS_DONE, Base, RecordState
from fileorg.core.names import join
from fileorg.core.tuples import NamedTuple
from fileorg.journal.absolute import ABSOLUTE, BASES, FOLDERS
from fileorg.journal.rows import (
    Operation,
    RecordedFolder,
    RecordId,
    checked_exact_time,
    exact_time,
    foreign,
    is_inside,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.journal.queries import Queries

PURGE = "purge"
"""The kind of an operation that empties the trash of another operation, named in its `undoes`."""

TRASH_ROWS = 4096

_INTO_TRASH = quoted(INTO_TRASH)
_OURS = b".fileorg"
TRASH = _OURS + b"/trash"
"""The trash folder, below the directories of an operation."""
_NAME = rb"\d+(?:-\d+)?(?:/|\Z)"
_IN_TRASH = rb"(?:\A|/)" + re.escape(TRASH) + b"/" + _NAME
_OF_TRASH = rb"(?:\A|/)\.fileorg(?:\Z|/trash(?:\Z|/" + _NAME + rb"))"


def is_trash(folder: bytes) -> bool:
    """Return whether a folder is in the trash of an operation."""
    return TRASH in folder and re.search(_IN_TRASH, folder) is not None


class Trashed(NamedTuple):
    """A file that a record moved to the trash, and its attributes there. Size in bytes."""

    id: RecordId
    base: Base
    folder: bytes
    name: bytes
    inode: int
    size: int
    mtime_ns: int
    digest: bytes | None
    ctime_ns: int | None  # as fileorg left it, None if unknown
    was: tuple[Base, bytes, bytes]
    """Its original place: base, folder, name."""
    uploaded: tuple[Base, bytes, bytes, int] | None = None
    """The object that was made of it, for a move into a store: base, folder, name, and its token. The record itself
    can be undone without the file.
    """


class TrashFolder(NamedTuple):
    """A folder of the trash, or one of the two above it, that a record made."""

    id: RecordId
    base: Base
    path: bytes


class TrashRecords:
    """Queries about the trash. Raises `JournalError` for rows that fileorg did not write."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def operations(self) -> set[int]:
        """Return the numbers of the operations that ever touched the trash."""
        rows = self._queries.select("SELECT DISTINCT operation FROM folders WHERE instr(path, ?)", (TRASH,))
        return {number for (number,) in rows}

    def files(self, operation: Operation, state: RecordState, rows: int = TRASH_ROWS) -> Iterator[list[Trashed]]:
        """Yield the files that the operation moved to the trash, of records in that state, in batches of ids."""
        query = (
            "SELECT id, target_folder, coalesce(target_name, source_name), coalesce(target_inode, inode), size,"
            " coalesce(target_mtime_ns, mtime_ns), digest, target_ctime_ns, source_folder, source_name"
            " FROM records WHERE id BETWEEN ?1 AND ?2"
            f" AND operation = ?3 AND state = ?5 AND action IN ({_INTO_TRASH}) AND target_folder IN"
            " (SELECT id FROM folders WHERE operation = ?3 AND instr(path, ?6)) ORDER BY id LIMIT ?4"
        )
        for batch in self._queries.pages(query, operation, rows, state, TRASH):
            files = (self._trashed(row) for row in batch)
            yield [file for file in files if re.search(_IN_TRASH, file.folder)]

    def originals(self, operation: Operation, rows: int = TRASH_ROWS) -> Iterator[list[Trashed]]:
        """Yield the files that the operation moved into a store and then to the trash, as `files` does."""
        query = (
            "SELECT r.id, o.folder, o.name, o.inode, r.size, o.mtime_ns, r.digest, r.target_ctime_ns, r.source_folder,"
            " r.source_name, r.target_folder, coalesce(r.target_name, r.source_name), r.target_inode"
            " FROM originals o JOIN records r ON r.id = o.record WHERE o.record BETWEEN ?1 AND ?2 AND r.operation = ?3"
            " AND r.state = 'done' AND NOT o.purged ORDER BY o.record LIMIT ?4"
        )
        for batch in self._queries.pages(query, operation, rows):
            found = list[Trashed]()
            for *row, folder, name, token in batch:
                place = self._queries.place(folder)
                if not is_inside(place.folder, name) or not isinstance(token, int):
                    raise foreign("Record", row[0])
                found.append(self._trashed(tuple(row))._replace(uploaded=(*place, name, token)))
            yield [file for file in found if re.search(_IN_TRASH, file.folder)]

    def all_files(self, operation: Operation, rows: int = TRASH_ROWS) -> Iterator[list[Trashed]]:
        """Yield the files of the operation that are in the trash."""
        yield from self.files(operation, RecordState.DONE, rows)
        yield from self.originals(operation, rows)

    def _trashed(self, row: tuple[Any, ...]) -> Trashed:
        record, folder, name, inode, size, mtime_ns, digest, ctime_ns, old_folder, old_name = row
        place, old = self._queries.place(folder), self._queries.place(old_folder)
        numbers = all(isinstance(number, int) for number in (inode, size, mtime_ns))
        names = is_inside(place.folder, name) and is_inside(old.folder, old_name)
        if not (numbers and names and isinstance(digest, bytes | None) and isinstance(ctime_ns, int | None)):
            raise foreign("Record", record)
        return Trashed(record, *place, name, inode, size, mtime_ns, digest, ctime_ns, (*old, old_name))

    def folders(self, operation: Operation, rows: int = TRASH_ROWS) -> Iterator[list[TrashFolder]]:
        """Yield the trash folders that the operation made and that were not removed since, the deepest first."""
        query = (
            "SELECT id, target_folder, target_name FROM records WHERE id BETWEEN ?1 AND ?2 AND operation = ?3"
            " AND state = 'done' AND action = 'make-folder' AND (target_name = ?5 OR target_folder IN"
            " (SELECT id FROM folders WHERE operation = ?3 AND instr(path, ?5))) ORDER BY id DESC LIMIT ?4"
        )
        for batch in self._queries.pages(query, operation, rows, _OURS, newest_first=True):
            folders = (self._trash_folder(*row) for row in batch)
            yield [folder for folder in folders if re.search(_OF_TRASH, folder.path)]

    def _trash_folder(self, record: RecordId, folder: int, name: object) -> TrashFolder:
        place = self._queries.place(folder)
        if not is_inside(place.folder, name) or not isinstance(name, bytes):
            raise foreign("Record", record)
        return TrashFolder(record, place.base, join(place.folder, name))

    def holders(self, operation: Operation) -> set[RecordedFolder]:
        """Return the folders that contain a `.fileorg` of the operation: at most one for each of its directories."""
        rows = self._queries.select(
            "SELECT id FROM folders WHERE operation = ? AND instr(path, ?)", (operation.id, TRASH)
        )
        places = (self._queries.place(folder) for (folder,) in rows)
        return {
            RecordedFolder(base, path.removesuffix(TRASH).removesuffix(b"/"))
            for base, path in places
            if path == TRASH or path.endswith(b"/" + TRASH)
        }

    def time_before(self, operation: Operation, base: Base, path: bytes, mtime_ns: int) -> int | None:
        """Return the time that a folder had before the operation, if it made its trash there and did nothing else, and
        the folder still has the time that it left; else None. Times as stored by `core.times`.
        """
        low, high = self._queries.record_range(operation)
        query = (
            "SELECT f.mtime_ns FROM folders f WHERE f.operation = ?1 AND f.base = ?2 AND f.path = ?3"
            " AND f.sealed_mtime_ns = ?4 AND NOT EXISTS (SELECT 1 FROM records r WHERE r.id BETWEEN ?5 AND ?6"
            " AND r.operation = ?1 AND f.id IN (r.source_folder, r.target_folder)"
            f" AND r.state IN ({quoted(WAS_DONE)}) AND NOT (r.action = 'make-folder' AND r.target_name = ?7))"
        )
        values = (operation.id, base, path, exact_time(mtime_ns), low, high, _OURS)
        for (before,) in self._queries.select(query, values):
            return checked_exact_time(before, "Folder", "of the trash")
        return None

    def moved_on(self, sought: dict[RecordId, bytes]) -> dict[RecordId, bytes]:
        """Return the current paths of files that later records moved on. `sought` and the result are absolute paths.

        Reads each record of a later operation once for each such move.
        """
        found, after = dict(sought), {record: record for record in sought}
        pending = set(sought)
        while pending:
            steps = self._next_steps([(record, after[record], *found[record].rsplit(b"/", 1)) for record in pending])
            pending = set()
            for record, step, path in steps:
                if record not in pending:  # the earliest move
                    found[record], after[record] = path, step
                    pending.add(record)
        return found

    def _next_steps(self, rows: list[Any]) -> list[tuple[RecordId, RecordId, bytes]]:
        """Return (record, later record that moved its file, target path), ordered by the later record."""
        db = self._queries
        db.select("CREATE TEMP TABLE sought (record INTEGER, after INTEGER, folder BLOB, name BLOB)")
        try:
            db.db.executemany("INSERT INTO sought VALUES (?, ?, ?, ?)", rows)
            db.select("CREATE INDEX temp.sought_place ON sought (folder, name)")
            return db.select(
                f"WITH {BASES}, theirs AS MATERIALIZED (SELECT f.id AS id, {ABSOLUTE} AS folder FROM {FOLDERS}"
                f" WHERE {ABSOLUTE} IN (SELECT folder FROM sought)),"
                f" places AS MATERIALIZED (SELECT f.id AS id, {ABSOLUTE} AS folder FROM {FOLDERS})"
                " SELECT k.record, r.id, CAST(p.folder || x'2f' || coalesce(r.target_name, r.source_name) AS BLOB)"
                " FROM records r JOIN theirs t ON t.id = r.source_folder"
                " JOIN sought k ON k.folder = t.folder AND k.name = r.source_name"
                " JOIN places p ON p.id = r.target_folder"
                " WHERE r.id > (SELECT min(after) FROM sought) AND r.id > k.after"
                f" AND r.state IN ({quoted(WAS_DONE)}) AND r.action IN ({quoted(RELOCATIONS)}) ORDER BY r.id"
            )
        finally:
            db.select("DROP TABLE temp.sought")

    def has_done_outside(self, operation: Operation) -> bool:
        """Return whether anything but trash folders is in effect."""
        low, high = self._queries.record_range(operation)
        folders = sum(len(batch) for batch in self.folders(operation))
        query = "SELECT count(*) FROM (SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND state = 'done' LIMIT ?)"
        return int(self._queries.value(query, (low, high, folders + 1))) > folders

    def purged_before(self, purge: Operation) -> int:
        """Return how many files earlier purges of the same operation have removed."""
        query = "SELECT coalesce(sum(done), 0) FROM operations WHERE undoes = ? AND kind = ? AND id < ?"
        return int(self._queries.value(query, (purge.undoes, PURGE, purge.id)))

    def purged(self, operation: Operation) -> int:
        """Return how many files of the operation are gone from the trash for good."""
        low, high = self._queries.record_range(operation)
        query = "SELECT count(*) FROM originals WHERE record BETWEEN ? AND ? AND purged"
        return self.lost(operation) + int(self._queries.value(query, (low, high)))

    def lost(self, operation: Operation) -> int:
        """Return how many files of the operation a purge has put beyond undo."""
        low, high = self._queries.record_range(operation)
        query = (
            "SELECT count(*) FROM records WHERE id BETWEEN ? AND ? AND operation = ? AND state = ?"
            " AND action <> 'make-folder'"
        )
        return int(self._queries.value(query, (low, high, operation.id, RecordState.PURGED)))
