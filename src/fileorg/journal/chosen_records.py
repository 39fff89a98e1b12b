"""A selection of the records of operations, for an undo of a part. It lies in private tables, so that memory
does not grow with the number of files.

Records that cannot be undone without each other are selected together: see `complete`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import EMPTIED_FOLDER, FOLDER_ACTIONS, ON_SYMLINKS, RELOCATIONS, REMOVALS, Action
from fileorg.core.names import join, with_parents
from fileorg.journal.absolute import ABSOLUTE, BASES, FOLDERS
from fileorg.journal.rows import IS_LEFT, foreign, is_inside, quoted
from fileorg.journal.sums import BYTES, IS_COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation, RecordedFolder, RecordId

_TABLES = """
CREATE TEMP TABLE IF NOT EXISTS chosen (record INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS wider (record INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS needs (
    record INTEGER NOT NULL,         -- 0 for a folder of the operation
    operation INTEGER NOT NULL,      -- of the record
    later INTEGER NOT NULL,          -- a record of a later operation on the same file
    hinders INTEGER NOT NULL,        -- 1 if the later one must be undone first
    PRIMARY KEY (operation, record, later)
) WITHOUT ROWID;
DELETE FROM chosen;
DELETE FROM wider;
DELETE FROM needs
"""

_TARGET_NAME = "coalesce({0}.target_name, {0}.source_name)"
_ONE_PLACE = f"""
CREATE TEMP TABLE spots AS WITH {BASES}
SELECT f.id AS id, min(f.id) OVER (PARTITION BY {ABSOLUTE}) AS spot FROM {FOLDERS} WHERE f.operation = ?1
"""
_LEFT_IN_RANGE = f"id BETWEEN ?1 AND ?2 AND {IS_LEFT}"
_MOVES = f"action IN ({quoted(RELOCATIONS)})"
_ARRIVES = f"source_name NOT NULL AND action NOT IN ({quoted(REMOVALS)})"
_BUSY = f"""
CREATE TEMP TABLE busy AS SELECT id, spot FROM spots WHERE spot IN (
    SELECT spot FROM spots WHERE id IN (SELECT source_folder FROM records WHERE {_LEFT_IN_RANGE} AND {_MOVES})
    INTERSECT
    SELECT spot FROM spots WHERE id IN (SELECT target_folder FROM records WHERE {_LEFT_IN_RANGE} AND {_ARRIVES})
)
"""
"""The folders out of which, and into which, the operation has moved files: only there can two records share a name."""
_ARRIVED = f"""
CREATE TEMP TABLE arrived AS
SELECT busy.spot AS spot, {_TARGET_NAME.format("r")} AS name, r.id AS record
FROM records r CROSS JOIN busy ON busy.id = r.target_folder WHERE r.{_LEFT_IN_RANGE} AND r.{_ARRIVES}
"""
_ONE_AFTER_THE_OTHER = f"""
CREATE TEMP TABLE linked AS SELECT r.id AS one, a.record AS other
FROM records r CROSS JOIN busy ON busy.id = r.source_folder
CROSS JOIN arrived a ON a.spot = busy.spot AND a.name = r.source_name
WHERE r.{_LEFT_IN_RANGE} AND r.{_MOVES} AND a.record <> r.id
"""
"""Two records of one name: a file that took the place of another one, or that was moved twice."""


class ChosenRecords:
    """The selected records. Raises `JournalError`."""

    CHOSEN, WIDER = "temp.chosen", "temp.wider"
    """The tables of the selected records, and of those that may have to be, while it is not known which later records
    hinder.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._linked: int | None = None

    def begin(self) -> None:
        """Begin an empty selection; there is one at a time."""
        for statement in _TABLES.split(";\n"):
            self._queries.select(statement)
        self._forget_linked()

    def add(self, records: Iterable[RecordId], table: str = CHOSEN) -> None:
        self._queries.many(f"INSERT OR IGNORE INTO {table} VALUES (?)", ((record,) for record in records))

    def add_range(self, low: RecordId, high: RecordId) -> None:
        """Add the records between two ids that are in effect."""
        self._queries.select(
            f"INSERT OR IGNORE INTO {self.CHOSEN} SELECT id FROM records WHERE {_LEFT_IN_RANGE}", (low, high)
        )

    def widen(self) -> None:
        """Copy the selection into the wider one."""
        self._queries.select(f"INSERT OR IGNORE INTO {self.WIDER} SELECT record FROM {self.CHOSEN}")

    def has_any(self, operation: Operation, table: str = CHOSEN) -> bool:
        query = f"SELECT 1 FROM {table} WHERE record BETWEEN ? AND ? LIMIT 1"
        return self._queries.value(query, self._queries.record_range(operation)) is not None

    def counts(self, operation: Operation) -> tuple[int, int]:
        """Return the number of selected files of an operation, and their bytes."""
        query = (
            f"SELECT count(*), coalesce({BYTES}, 0) FROM records r WHERE r.id BETWEEN ? AND ? AND {IS_LEFT}"
            f" AND r.id IN (SELECT record FROM {self.CHOSEN}) AND {IS_COUNTED}"
        )
        [(files, size_bytes)] = self._queries.select(query, self._queries.record_range(operation))
        return files, size_bytes

    def is_all(self, operation: Operation) -> bool:
        """Return whether everything that is left of an operation is selected, but for folders on the way."""
        query = (
            f"SELECT 1 FROM records WHERE {_LEFT_IN_RANGE} AND id NOT IN (SELECT record FROM {self.CHOSEN})"
            " AND (source_name NOT NULL OR category NOT NULL) LIMIT 1"
        )
        return self._queries.value(query, self._queries.record_range(operation)) is None

    # What belongs together --------------------------------------------------------------------------------------------

    def complete(self, operation: Operation, table: str = CHOSEN, *, folders: bool = True) -> None:
        """Add the records of an operation that cannot be undone apart from selected ones: the other files of a group,
        files that had the same name one after the other, and symlinks to them. With `folders`, also the folders that
        the operation removed and they return to, and those that it made and they leave.
        """
        own = self._queries.record_range(operation)
        size = -1
        while size != (size := self._size(own, table)):
            self._add_groups(own, table)
            self._add_linked(operation, own, table)
            self._add_symlinks(own, table)
        if folders:
            self._add_folders(own, table)

    def _size(self, own: tuple[int, int], table: str) -> int:
        return int(self._queries.value(f"SELECT count(*) FROM {table} WHERE record BETWEEN ? AND ?", own))

    def _add_groups(self, own: tuple[int, int], table: str) -> None:
        self._queries.select(
            f"INSERT OR IGNORE INTO {table} SELECT c.record FROM companions c JOIN records r ON r.id = c.record"
            f" WHERE c.record BETWEEN ?1 AND ?2 AND {IS_LEFT} AND c.leader IN (SELECT leader FROM companions"
            f" WHERE record BETWEEN ?1 AND ?2 AND record IN (SELECT record FROM {table}))",
            own,
        )

    def _add_linked(self, operation: Operation, own: tuple[int, int], table: str) -> None:
        if self._linked != operation.id:
            self._find_linked(operation, own)
        for one, other in (("one", "other"), ("other", "one")):
            self._queries.select(
                f"INSERT OR IGNORE INTO {table} SELECT {other} FROM temp.linked WHERE {one} IN"
                f" (SELECT record FROM {table} WHERE record BETWEEN ?1 AND ?2)",
                own,
            )

    def _find_linked(self, operation: Operation, own: tuple[int, int]) -> None:
        self._forget_linked()
        self._queries.select(_ONE_PLACE, (operation.id,))
        self._queries.select("CREATE UNIQUE INDEX temp.by_id ON spots (id)")
        self._queries.select(_BUSY, own)
        self._queries.select("CREATE UNIQUE INDEX temp.busy_by_id ON busy (id)")
        self._queries.select(_ARRIVED, own)
        self._queries.select("CREATE INDEX temp.by_name ON arrived (spot, name)")
        self._queries.select(_ONE_AFTER_THE_OTHER, own)
        for table in ("arrived", "busy", "spots"):
            self._queries.select(f"DROP TABLE temp.{table}")
        self._linked = operation.id

    def _forget_linked(self) -> None:
        self._linked = None
        self._queries.select("DROP TABLE IF EXISTS temp.linked")

    def _add_symlinks(self, own: tuple[int, int], table: str) -> None:
        """Add the rewritten symlinks of selected files, and the files of selected ones; their keeper is the file that
        they lead to.
        """
        leading = (
            "SELECT k.folder AS folder, k.name AS name, k.record AS record FROM keepers k JOIN records r ON r.id ="
            f" k.record WHERE k.record BETWEEN ?1 AND ?2 AND r.action IN ({quoted(ON_SYMLINKS)}) AND {IS_LEFT}"
        )
        if self._queries.value(f"{leading} LIMIT 1", own) is None:
            return
        self._queries.select(f"CREATE TEMP TABLE leading AS {leading}", own)
        self._queries.select("CREATE INDEX temp.by_target ON leading (folder, name)")
        for folder, name in (("source_folder", "r.source_name"), ("target_folder", _TARGET_NAME.format("r"))):
            self._queries.select(
                f"INSERT OR IGNORE INTO {table} SELECT l.record FROM records r CROSS JOIN temp.leading l"
                f" ON l.folder = r.{folder} AND l.name = {name} WHERE r.id BETWEEN ?1 AND ?2"
                f" AND r.id IN (SELECT record FROM {table})",
                own,
            )
            self._queries.select(
                f"INSERT OR IGNORE INTO {table} SELECT r.id FROM records r CROSS JOIN temp.leading l"
                f" ON l.folder = r.{folder} AND l.name = {name} WHERE r.id BETWEEN ?1 AND ?2 AND {IS_LEFT}"
                f" AND r.action NOT IN ({quoted(ON_SYMLINKS)}) AND l.record IN (SELECT record FROM {table})",
                own,
            )
        self._queries.select("DROP TABLE temp.leading")

    def _add_folders(self, own: tuple[int, int], table: str) -> None:
        mine = f"FROM records WHERE {_LEFT_IN_RANGE} AND id IN (SELECT record FROM {table})"
        taken = self._above(f"SELECT DISTINCT target_folder {mine} AND action <> '{Action.REMOVE_FOLDER}'", own)
        given = self._above(f"SELECT DISTINCT CASE WHEN {_MOVES} THEN source_folder ELSE target_folder END {mine}", own)
        found = [
            record
            for record, action, path in self._folder_records(own)
            if path in (taken if action == Action.MAKE_FOLDER else given)
        ]
        self.add(found, table)

    def _above(self, query: str, own: tuple[int, int]) -> set[tuple[int, bytes]]:
        """Return the folders of a query, and all above them."""
        places = (self._queries.place(folder) for (folder,) in self._queries.select(query, own))
        return {(base, above) for base, path in places for above in with_parents(path)}

    def _folder_records(self, own: tuple[int, int]) -> Iterator[tuple[RecordId, str, tuple[int, bytes]]]:
        query = (
            f"SELECT id, action, target_folder, target_name FROM records WHERE {_LEFT_IN_RANGE}"
            f" AND action IN ({quoted(FOLDER_ACTIONS)})"
        )
        for rows in self._queries.stream(query, own):
            for record, action, folder, name in rows:
                base, path = self._queries.place(folder)
                if not is_inside(path, name):
                    raise foreign("Record", record)
                yield record, action, (base, join(path, name))

    # Later operations -------------------------------------------------------------------------------------------------

    def note_need(self, record: RecordId, operation: int, later: RecordId, *, hinders: bool) -> None:
        """Note that a later record is about the file of a record, 0 for a folder of the operation."""
        self.add([later], self.WIDER)
        self._queries.select(
            "INSERT INTO needs VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET hinders = max(hinders, excluded.hinders)",
            (record, operation, later, hinders),
        )

    def follow_needs(self, operation: Operation) -> None:
        """Note which records of an operation are hindered by even later ones. From the newest operation on."""
        self._queries.select(
            "UPDATE needs SET hinders = 1 WHERE operation = ?1 AND (later IN (SELECT record FROM needs WHERE hinders))",
            (operation.id,),
        )

    def add_needed(self, operation: Operation) -> None:
        """Select the later records that must be undone before the selected ones of an operation."""
        self._queries.select(
            f"INSERT OR IGNORE INTO {self.CHOSEN} SELECT later FROM needs WHERE operation = ?1 AND hinders AND"
            f" (record = 0 OR record IN (SELECT record FROM {self.CHOSEN}))",
            (operation.id,),
        )

    def hindered(self, operation: Operation) -> int:
        """Return how many selected records of an operation need later ones that are not selected."""
        query = (
            f"SELECT count(DISTINCT record) FROM ({self._hindered}) WHERE record IN (SELECT record FROM {self.CHOSEN})"
        )
        return int(self._queries.value(query, (operation.id,)))

    @property
    def _hindered(self) -> str:
        return (
            "SELECT record FROM needs WHERE operation = ? AND hinders AND record > 0"
            f" AND later NOT IN (SELECT record FROM {self.CHOSEN})"
        )

    def leave_hindered(self, operation: Operation) -> None:
        """Drop the records of an operation that need later ones that are not selected, and what belongs to them."""
        self._queries.select(f"DELETE FROM {self.WIDER}")
        self._queries.select(f"INSERT OR IGNORE INTO {self.WIDER} {self._hindered}", (operation.id,))
        self.complete(operation, self.WIDER, folders=False)
        folders = (
            f"SELECT id FROM records WHERE id BETWEEN ?1 AND ?2 AND action IN ({quoted(FOLDER_ACTIONS)})"
            f" AND coalesce(category, '{EMPTIED_FOLDER}') = '{EMPTIED_FOLDER}'"
        )
        self._queries.select(
            f"DELETE FROM {self.CHOSEN} WHERE record BETWEEN ?1 AND ?2"
            f" AND (record IN (SELECT record FROM {self.WIDER}) OR record IN ({folders}))",
            self._queries.record_range(operation),
        )
        self.complete(operation)

    # Which records ----------------------------------------------------------------------------------------------------

    def choose(
        self, operation: Operation, is_chosen: Callable[[RecordedFolder, bytes, RecordedFolder, bytes, str], bool]
    ) -> None:
        """Select the records of an operation in effect that a function of their source, target and category chooses. It
        is asked about those that are undone, too.
        """
        query = (
            f"SELECT id, source_folder, source_name, target_folder, {_TARGET_NAME.format('records')}, category,"
            f" {IS_LEFT} FROM records WHERE id BETWEEN ?1 AND ?2 AND action NOT IN ({quoted(ON_SYMLINKS)})"
            " AND (source_name NOT NULL OR category NOT NULL) AND state IN ('done', 'changed', 'missing', 'undone')"
        )
        place = self._queries.place
        for rows in self._queries.stream(query, self._queries.record_range(operation)):
            found = []
            for record, source, source_name, target, target_name, category, is_left in rows:
                to = place(target)
                came = to if source is None else place(source)
                names = source_name if source is not None else target_name, target_name
                if not all(isinstance(name, bytes) for name in names):
                    raise foreign("Record", record)
                if is_chosen(came, names[0], to, names[1], category or "") and is_left:
                    found.append(record)
            self.add(found)
