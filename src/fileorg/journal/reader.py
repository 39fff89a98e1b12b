"""Read the journal: operations, records in batches, the path of a file over time. Safe beside a writer."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Self

from fileorg.core.errors import FileorgError
from fileorg.core.model import (
    DEST,
    FOLDER_ACTIONS,
    FREES_TARGET,
    ON_SYMLINKS,
    RELOCATIONS,
    WAS_DONE,
    Base,
    OperationState,
    RecordState,
)
from fileorg.core.names import is_within, join
from fileorg.core.reasons import LYING, UNSETTLED, Lost, Reason, ReasonCode
from fileorg.core.times import true_ns
from fileorg.journal.absolute import MADE
from fileorg.journal.connection import changed
from fileorg.journal.folder_times import times_before
from fileorg.journal.queries import Queries
from fileorg.journal.rows import (
    IS_LEFT,
    IS_UNSETTLED,
    OPERATION_COLUMNS,
    REASON_COLUMNS,
    RECORD_COLUMNS,
    Copied,
    DoneRecord,
    LostBefore,
    Operation,
    Record,
    RecordedFolder,
    RecordId,
    Root,
    checked_exact_time,
    checked_operation,
    checked_place,
    checked_reason,
    checked_root,
    checked_rows,
    done,
    foreign,
    is_mode,
    quoted,
    record_of,
)
from fileorg.journal.trash_records import PURGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.journal.chosen_records import ChosenRecords
    from fileorg.journal.kept_groups import KeptGroups
    from fileorg.journal.moved import MovedFiles
    from fileorg.journal.moved_roots import MovedRoots
    from fileorg.journal.record_listing import RecordListing
    from fileorg.journal.relations import Relations
    from fileorg.journal.sums import RecordSums
    from fileorg.journal.trash_records import TrashRecords

_MAX_ID = (1 << 63) - 1  # of SQLite


class JournalReader:
    """An open journal. Every method raises `JournalError` if the journal cannot be trusted or read."""

    def __init__(self, path: bytes, *, read_only: bool = True) -> None:
        self.path = path
        self._queries = Queries(path, read_only=read_only)
        self._brought_back = 0

    @functools.cached_property
    def listing(self) -> RecordListing:
        """Pages of records."""
        from fileorg.journal.record_listing import RecordListing

        return RecordListing(self._queries)

    @functools.cached_property
    def sums(self) -> RecordSums:
        """Sums for reports."""
        from fileorg.journal.sums import RecordSums

        return RecordSums(self._queries)

    @functools.cached_property
    def groups(self) -> KeptGroups:
        """Groups that were moved together."""
        from fileorg.journal.kept_groups import KeptGroups

        return KeptGroups(self._queries)

    @functools.cached_property
    def relations(self) -> Relations:
        """What one operation has to do with another one."""
        from fileorg.journal.relations import Relations

        return Relations(self._queries)

    @functools.cached_property
    def moved(self) -> MovedFiles:
        """Where files went."""
        from fileorg.journal.moved import MovedFiles

        return MovedFiles(self._queries, self.trash)

    @functools.cached_property
    def moved_roots(self) -> MovedRoots:
        """Roots that fileorg itself moved."""
        from fileorg.journal.moved_roots import MovedRoots

        return MovedRoots(self._queries)

    @functools.cached_property
    def trash(self) -> TrashRecords:
        """Files in the trash."""
        from fileorg.journal.trash_records import TrashRecords

        return TrashRecords(self._queries)

    @functools.cached_property
    def selection(self) -> ChosenRecords:
        """The records selected for an undo of a part."""
        from fileorg.journal.chosen_records import ChosenRecords

        return ChosenRecords(self._queries)

    @property
    def in_memory(self) -> tuple[int, int] | None:
        """The device and inode numbers of a small journal, which a reader copies into memory."""
        return self._queries.copied

    @property
    def is_locked(self) -> bool:
        """True if SQLite holds its locks, and reads the log beside the journal."""
        return self._queries.is_locked

    def close(self) -> None:
        self._queries.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the journal. Raises `JournalError` if a run ended meanwhile: what was read may be of both states."""
        self.close()
        if self._queries.has_changed and (kind is None or issubclass(kind, FileorgError)):
            raise changed(self.path)

    def select(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query, for the other modules of the journal."""
        return self._queries.select(query, values)

    def operations(self, where: str = "1", values: Sequence[Any] = ()) -> list[Operation]:
        """Return the operations, newest first. `where` is trusted SQL, never user input."""
        query = f"SELECT {OPERATION_COLUMNS} FROM operations WHERE {where} ORDER BY id DESC"
        return [checked_operation(row) for row in self._queries.select(query, values)]

    def next_operation(self) -> int:
        """Return the number that `begin` will assign, valid while the run lock is held."""
        return int(self._queries.value("SELECT coalesce(max(id), 0) + 1 FROM operations"))

    def has_done(self, operation: Operation, *, folders: bool = True) -> bool:
        """Return whether any record is in effect and can be undone; without `folders`, only files count."""
        query = f"SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND {IS_LEFT}"
        files = "" if folders else f" AND action NOT IN ({quoted(FOLDER_ACTIONS)})"
        return self._queries.value(f"{query}{files} LIMIT 1", self._queries.record_range(operation)) is not None

    def changed_folders_alone(self, operation: Operation) -> bool:
        """Return whether a sealed operation made folders, or removed folders that another one had made, and did nothing
        else: it was killed before the first file, or all files failed.
        """
        if operation.done or operation.state is not OperationState.SEALED or operation.kind == PURGE:
            return False
        made = "SELECT 1 FROM folders WHERE operation IN (?, ?) AND mode IS NULL LIMIT 1"
        if self._queries.value(made, (operation.id, operation.undoes or operation.id)) is None:
            return False
        query = (
            f"SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND action IN ({quoted(FOLDER_ACTIONS)})"
            f" AND state IN ({quoted(WAS_DONE)}) LIMIT 1"
        )
        return self._queries.value(query, self._queries.record_range(operation)) is not None

    def has_symlinks(self, operation: Operation) -> bool:
        """Return whether the operation rewrote symlinks, or restored rewritten ones."""
        query = f"SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND action IN ({quoted(ON_SYMLINKS)}) LIMIT 1"
        return self._queries.value(query, self._queries.record_range(operation)) is not None

    def has_untried_folder(self, operation: Operation) -> bool:
        """Return whether the operation left a folder that no later operation tried to remove and had to keep."""
        low, high = self._queries.record_range(operation)
        tried = (
            "SELECT reverts FROM records WHERE id > ?2 AND reverts BETWEEN ?1 AND ?2"
            f" AND state = 'skipped' AND reason NOT IN ({quoted({ReasonCode.INTERRUPTED, ReasonCode.ROOT_MISSING})})"
        )
        query = f"SELECT 1 FROM records WHERE id BETWEEN ?1 AND ?2 AND state = 'done' AND id NOT IN ({tried}) LIMIT 1"
        return self._queries.value(query, (low, high)) is not None

    def unsettled(self, operation: Operation) -> set[RecordId]:
        """Return the records whose outcome recovery could not determine, or the outcome of their undo. Leaves out those
        that left a temporary file behind.
        """
        is_listed = f"{IS_UNSETTLED} AND reason NOT IN ({quoted(LYING)})"
        query = (
            f"SELECT id FROM records WHERE id BETWEEN ?1 AND ?2 AND {is_listed}"
            f" UNION SELECT reverts FROM records WHERE id > ?2 AND reverts BETWEEN ?1 AND ?2 AND {is_listed}"
        )
        return {record for (record,) in self._queries.select(query, self._queries.record_range(operation))}

    def may_have_made(self, operation: Operation, inode: int, born_ns: int) -> bool:
        """Return whether the operation may have created a file that was born then, or a later one that brought it back
        from another disk.
        """
        if operation.ended_ns is None or born_ns <= operation.ended_ns:
            return True
        _, last = self._queries.record_range(operation)
        query = (
            "SELECT 1 FROM records r JOIN operations o ON o.id = r.operation"
            " WHERE r.id > ? AND r.target_inode = ? AND o.ended_ns >= ? LIMIT 1"
        )
        return self._queries.value(query, (last, inode, born_ns)) is not None

    def has_brought_back(self, operation: Operation, base: Base, folder: bytes, name: bytes, inode: int) -> bool:
        """Return whether an undo of the operation has brought a file back to this place. Reads all records once."""
        if self._brought_back != operation.id:
            self._queries.select("DROP TABLE IF EXISTS temp.brought_back")
            self._queries.select(
                "CREATE TEMP TABLE brought_back AS SELECT source_folder AS folder, source_name AS name, inode"
                f" FROM records WHERE id BETWEEN ? AND ? AND state = 'undone' AND action IN ({quoted(RELOCATIONS)})",
                self._queries.record_range(operation),
            )
            self._queries.select("CREATE INDEX temp.brought_back_to ON brought_back (name, folder)")
            self._brought_back = operation.id
        query = (
            "SELECT 1 FROM temp.brought_back b JOIN folders f ON f.id = b.folder"
            " WHERE b.name = ? AND b.inode = ? AND f.base = ? AND f.path = ? LIMIT 1"
        )
        return self._queries.value(query, (name, inode, base, folder)) is not None

    def put_aside(self, operation: Operation) -> dict[RecordId, bytes]:
        """Return record → temporary name of its file, for files whose own name was taken after the operation, or its
        undo, crashed.
        """
        is_aside = f"state = 'changed' AND reason = '{ReasonCode.NAME_TAKEN_AFTER_CRASH}'"
        query = (
            f"SELECT id, about FROM records WHERE id BETWEEN ?1 AND ?2 AND {is_aside}"
            f" UNION SELECT reverts, about FROM records WHERE id > ?2 AND reverts BETWEEN ?1 AND ?2 AND {is_aside}"
        )
        found = self._queries.select(query, self._queries.record_range(operation))
        return {record: name for record, name in found if isinstance(name, bytes)}

    def changed_in_crash(self, operation: Operation) -> Iterator[Record]:
        """Yield the records of changed files whose outcome recovery could not determine."""
        for batch in self.records(operation, states=(RecordState.CHANGED,)):
            yield from (record for record in batch if record.reason is not None and record.reason.code in UNSETTLED)

    def lost_by(self, record: RecordId) -> LostBefore:
        """Return the attributes that another file system did not keep of a record's file. Raises `JournalError`."""
        query = f"SELECT mode, mtime_ns, target_mtime_ns, exact_mtime_ns, {REASON_COLUMNS} FROM records r WHERE id = ?"
        row = next(iter(self._queries.select(query, (record,))), (None,) * 8)
        mode, mtime_ns, kept_ns, exact, *columns = row
        reason = checked_reason(record, *columns) or Reason(ReasonCode.NOT_KEPT)
        exact_ns = checked_exact_time(exact, "Record", record)
        if exact_ns is None and mtime_ns is not None and mtime_ns != kept_ns:
            exact_ns = true_ns(mtime_ns)
        return LostBefore(
            mode if Lost.MODE in reason.lost else None,
            exact_ns,
            reason.number or 0 if Lost.FLAGS in reason.lost else 0,
            reason.lost & (Lost.OWNER | Lost.ATTRIBUTE | Lost.ATTRIBUTES),
            reason.about.split(b"\0") if reason.about and Lost.ATTRIBUTE in reason.lost else [],
        )

    def copied(self, record: RecordId) -> Copied:
        """Return the facts of a copy that a record made. Raises `JournalError` if it made none."""
        query = (
            "SELECT r.inode, r.mtime_ns, o.started_ns, r.target_ctime_ns, r.digest"
            " FROM records r JOIN operations o ON o.id = r.operation WHERE r.id = ?"
        )
        for row in self._queries.select(query, (record,)):
            copied = Copied(*row)
            known = all(isinstance(number, int) for number in row[:3]) and isinstance(copied.copy_ctime_ns, int | None)
            if known and isinstance(copied.digest, bytes | None):
                return copied
        raise foreign("Record", record)

    def digest_of(self, record: RecordId) -> bytes | None:
        """Return the digest of the file that a record copied, None if unknown."""
        found = self._queries.value("SELECT digest FROM records WHERE id = ?", (record,))
        return found if isinstance(found, bytes) else None

    def is_all_done(self, operation: Operation) -> bool:
        """Return whether all records of the operation are done."""
        query = "SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND state <> 'done' LIMIT 1"
        return self._queries.value(query, self._queries.record_range(operation)) is None

    def folders_with_done(
        self, operation: Operation, *, purged: bool = False, undos: Sequence[Operation] = ()
    ) -> set[int]:
        """Return the ids of the folders that are source or target of a done record, or were made by one; with `purged`,
        also of a record whose file was purged. A removed folder that one of the `undos` found there again, because
        another operation had made it, does not count.
        """
        states = quoted({RecordState.DONE, RecordState.PURGED} if purged else {RecordState.DONE})
        there = ", ".join(map(str, self.relations.there_again(undos))) if undos else ""
        which = f"r.id BETWEEN ?1 AND ?2 AND r.state IN ({states})"
        which += f" AND NOT (r.action = 'remove-folder' AND r.id IN ({there}))" if there else ""
        query = (
            f"SELECT r.source_folder FROM records r WHERE {which} AND r.source_folder NOT NULL"
            f" UNION SELECT r.target_folder FROM records r WHERE {which}"
            " UNION SELECT made.id FROM records r JOIN folders above ON above.id = r.target_folder"
            f" JOIN folders made ON made.operation = above.operation AND made.base = above.base AND made.path = {MADE}"
            f" WHERE {which} AND r.action = 'make-folder'"
        )
        return {folder for (folder,) in self._queries.select(query, self._queries.record_range(operation))}

    def _worked_in(self) -> Callable[[int], set[int]]:
        """Return a cached function that returns the folders in which an operation is in effect. A purge makes its part
        final, until the rest is undone: an undo then restores the folder times as if nothing were missing.
        """
        worked_at_all = "SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND state IN ('done', 'undone') LIMIT 1"

        @functools.cache
        def worked(number: int) -> set[int]:
            operation = self.operation(number)
            if operation is None:
                return set()
            later = self.operations("undoes = ? AND kind <> 'purge'", (number,))
            ranges = map(self._queries.record_range, later)
            is_undone = any(self._queries.value(worked_at_all, each) is not None for each in ranges)
            undos = [each for each in later if each.kind == "undo"]
            return self.folders_with_done(operation, purged=not is_undone, undos=undos)

        return worked

    def needed_places(self, operation: Operation, within: str = "") -> set[RecordedFolder]:
        """Return the folders that an undo of the operation, or of its records in the table `within`, puts something
        back into.
        """
        only = f" AND id IN (SELECT record FROM {within})" if within else ""
        query = (
            f"SELECT DISTINCT CASE WHEN action IN ({quoted(RELOCATIONS)}) THEN source_folder ELSE target_folder END"
            f" FROM records WHERE id BETWEEN ? AND ? AND {IS_LEFT}{only} AND action IN"
            f" ({quoted(FREES_TARGET | RELOCATIONS)})"
        )
        return {
            self._queries.place(folder)
            for (folder,) in self._queries.select(query, self._queries.record_range(operation))
        }

    def removed_places(self, operation: Operation) -> set[RecordedFolder]:
        """Return the folders that the operation removed."""
        query = (
            "SELECT id, target_folder, target_name FROM records WHERE id BETWEEN ? AND ? AND state = 'done'"
            " AND action = 'remove-folder'"
        )
        found = set()
        for record, folder, name in self._queries.select(query, self._queries.record_range(operation)):
            base, path = self._queries.place(folder)
            if not isinstance(name, bytes):
                raise foreign("Record", record)
            found.add(RecordedFolder(base, join(path, name)))
        return found

    def operation(self, number: int) -> Operation | None:
        if number > _MAX_ID:
            return None
        found = self.operations("id = ?", (number,))
        return found[0] if found else None

    def roots(self, operation: Operation) -> list[Root]:
        """Return the directories of an operation, by `Base`. Raises `JournalError` if a record is in none of them."""
        roots = [Root(operation.root, operation.root_inode), Root(operation.dest or operation.root, None)]
        rows = self._queries.select(
            "SELECT base, path, inode FROM roots WHERE operation = ? ORDER BY base", (operation.id,)
        )
        for base, *row in rows:
            root = checked_root((*row,), operation.id)
            if base == DEST and root.path == operation.dest:
                roots[DEST] = root
            elif base == len(roots):
                roots.append(root)
            else:
                raise foreign("A root of operation", operation.id)
        low, high = self._queries.record_range(operation)
        elsewhere = (
            "SELECT 1 FROM folders WHERE base >= ?3 AND (operation = ?4"
            " OR id IN (SELECT source_folder FROM records WHERE id BETWEEN ?1 AND ?2)"
            " OR id IN (SELECT target_folder FROM records WHERE id BETWEEN ?1 AND ?2)"
            " OR id IN (SELECT folder FROM keepers WHERE record BETWEEN ?1 AND ?2)) LIMIT 1"
        )
        if self._queries.value("SELECT 1 FROM folders WHERE base >= ? LIMIT 1", (len(roots),)) is not None and (
            self._queries.value(elsewhere, (low, high, len(roots), operation.id)) is not None
        ):
            raise foreign("A folder of operation", operation.id)
        return roots

    def more_roots(self) -> dict[int, int]:
        """Return operation → number of roots beside its first one, for operations that have any."""
        query = "SELECT operation, count(*) FROM roots WHERE base > ? GROUP BY operation"
        return dict(self._queries.select(query, (DEST,)))

    def operations_page(self, skip: int, limit: int) -> tuple[int, list[Operation], list[Operation]]:
        """Return the number of operations, a page of them (newest first), and the later operations that undid something
        of these, from which their status follows.
        """
        total = self.next_operation() - 1  # numbers are contiguous, and no operation is ever deleted
        high = total - skip
        page = self.operations("id BETWEEN ? AND ?", (high - limit + 1, high))
        later = self.operations("id > ? AND undoes BETWEEN ? AND ?", (high, high - limit + 1, high))
        return total, page, later

    def about(self, purge: Operation) -> Operation:
        """Return the operation whose trash a purge empties; both have the same directories."""
        low, high = self._queries.record_range(purge)
        found = self.operation(purge.undoes or 0)
        if found is None or purge.kind != PURGE or low <= high or len(self.roots(purge)) != len(self.roots(found)):
            raise foreign("Operation", purge.id)
        return found

    def open_operations(self) -> list[Operation]:
        """Return the operations that are not sealed, newest first."""
        return self.operations("state <> 'sealed'")

    def records(
        self,
        operation: Operation,
        *,
        newest_first: bool = False,
        states: Sequence[RecordState] = (),
        rows: int = 4096,
    ) -> Iterator[list[Record]]:
        """Yield the records in batches of ids."""
        query = (
            f"SELECT {RECORD_COLUMNS} FROM records r LEFT JOIN folders s ON s.id = r.source_folder"
            " JOIN folders t ON t.id = r.target_folder WHERE r.id BETWEEN ?1 AND ?2 AND r.operation = ?3"
            f" AND r.state IN ({quoted(states or RecordState)})"
            f" ORDER BY r.id {'DESC' if newest_first else 'ASC'} LIMIT ?4"
        )
        for batch in self._queries.pages(query, operation, rows, newest_first=newest_first):
            yield list(map(record_of, batch))

    def done(self, operation: Operation, rows: int, *, selected: bool = False) -> Iterator[list[DoneRecord]]:
        """Yield the records in effect that can be undone, newest first: the hot path of undo.

        With `selected`, only those of the selection. Raises `JournalError` for a row that fileorg did not write.
        """
        number, table = "id", "records"
        if selected:
            number, table = "record", f"{self.selection.CHOSEN} CROSS JOIN records ON id = record"
        query = (
            "SELECT id, action, source_folder, source_name, target_folder, coalesce(target_name, source_name),"
            " inode, coalesce(nullif(target_inode, 0), inode), size, coalesce(target_mtime_ns, mtime_ns), mode,"
            f" category FROM {table} WHERE {number} BETWEEN ?1 AND ?2 AND {IS_LEFT} AND operation = ?3"
            f" ORDER BY {number} DESC LIMIT ?4"
        )
        for batch in self._queries.pages(query, operation, rows, newest_first=True):
            low, high = batch[-1][0], batch[0][0]
            found, place = checked_rows(batch), self._queries.place
            places = {folder: place(folder) for column in (2, 4) for folder in {row[column] for row in found}}
            yield done(found, places, self.groups.keepers(low, high), self.groups.leaders(low, high))

    def place(self, folder: int | None) -> RecordedFolder:
        """Return the base and the path of a folder, which are cached."""
        return self._queries.place(folder)

    def record_range(self, operation: Operation) -> tuple[RecordId, RecordId]:
        """Return the first and last record id of an operation; without records, the last is below the first."""
        return self._queries.record_range(operation)

    def folders(self, operation: int) -> Iterator[tuple[int, Base, bytes, int | None, int | None, int | None]]:
        """Yield (id, base, path, mode, mtime_ns, sealed_mtime_ns) of each touched folder, parents first."""
        for number, base, path, mode, *times in self._queries.select(
            "SELECT id, base, path, mode, mtime_ns, sealed_mtime_ns FROM folders WHERE operation = ? ORDER BY path",
            (operation,),
        ):
            if not isinstance(mode, int | None) or not is_mode(mode):
                raise foreign("Folder", number)
            mtime_ns, sealed_ns = (checked_exact_time(time, "Folder", number) for time in times)
            yield number, *checked_place((base, path), number), mode, mtime_ns, sealed_ns

    def repaired_folders(self, operation: Operation) -> set[int]:
        """Return the ids of the folders that a repair of the operation has touched: it puts back parts of groups."""
        query = (
            "SELECT f.id FROM operations o JOIN folders after ON after.operation = o.id JOIN folders f"
            " ON f.operation = ?1 AND f.base = after.base AND f.path = after.path"
            " WHERE o.id > ?1 AND o.undoes IN (?1, ?2)"
        )
        return {folder for (folder,) in self._queries.select(query, (operation.id, operation.undoes))}

    def trail(self, path: bytes) -> list[tuple[Operation, Record]]:
        """Return the done records of all operations with `path` (absolute) as source or target, oldest first.

        Reads the records of the operations that touched the path's folder.
        """
        folder, _, name = path.rpartition(b"/")
        found: list[tuple[Operation, Record]] = []
        for operation in reversed(self.operations()):
            for base, (root, _) in enumerate(self.roots(operation)):
                if base == DEST and operation.dest is None:
                    continue
                if not is_within(folder, root):
                    continue
                inside = folder[len(root) :].lstrip(b"/")
                known = self._queries.value(
                    "SELECT id FROM folders WHERE operation = ? AND base = ? AND path = ?", (operation.id, base, inside)
                )
                if known is None:
                    continue
                rows = self._queries.select(
                    f"SELECT {RECORD_COLUMNS} FROM records r LEFT JOIN folders s ON s.id = r.source_folder"
                    " JOIN folders t ON t.id = r.target_folder WHERE r.id BETWEEN ?1 AND ?2"
                    f" AND r.state IN ({quoted(WAS_DONE)}) AND ((r.source_folder = ?3 AND r.source_name = ?4)"
                    " OR (r.target_folder = ?3 AND coalesce(r.target_name, r.source_name) = ?4)) ORDER BY r.id",
                    (*self._queries.record_range(operation), known, name),
                )
                found += [(operation, record_of(row)) for row in rows]
        return found

    def worked_in(self, operation: Operation, folder: bytes) -> bool:
        """Return whether an operation worked in a folder, given by its absolute path: in it or below it, or from above
        with files in it. A purge worked where the operation did whose trash it emptied.
        """
        if operation.kind == PURGE:
            operation = self.about(operation)
        inside = "SELECT 1 FROM folders WHERE operation = ?1 AND base = ?2 AND (path = ?3 OR (path > ?4 AND path < ?5))"
        for base, (root, _) in enumerate(self.roots(operation)):
            if is_within(root, folder):
                return True
            if is_within(folder, root):
                path = folder[len(root) :].lstrip(b"/")
                if self._queries.value(f"{inside} LIMIT 1", (operation.id, base, path, path + b"/", path + b"0")):
                    return True
        return False

    def restorable_folders(self, operation: Operation) -> dict[int, int]:
        """Return, for an undo or redo, folder id → its mtime_ns before the undone operation.

        Leaves out folders that another program changed since: this operation did not find the time that the last
        fileorg operation had left.
        """
        chain = "SELECT id FROM operations WHERE id = :undone OR (undoes = :undone AND id < :this)"
        query = (
            "SELECT f.id, before.mtime_ns FROM folders f JOIN folders before ON before.operation = :undone"
            " AND before.base = f.base AND before.path = f.path WHERE f.operation = :this"
            " AND (f.mtime_ns IS NULL OR f.mtime_ns = (SELECT last.sealed_mtime_ns FROM folders last"
            f" WHERE last.operation IN ({chain}) AND last.base = f.base AND last.path = f.path"
            " AND coalesce(last.mtime_ns, last.sealed_mtime_ns) NOT NULL ORDER BY last.operation DESC LIMIT 1))"
        )
        values = {"undone": operation.undoes, "this": operation.id}
        found = dict(self._queries.select(query, values))
        others = (
            "SELECT 1 FROM operations WHERE id > :undone AND id < :this AND undoes IS NOT :undone AND kind <> 'purge'"
        )
        if self._queries.value(others, values):
            found |= times_before(self._queries, operation, self._worked_in())
        times = ((folder, checked_exact_time(time, "Folder", folder)) for folder, time in found.items())
        return {folder: mtime_ns for folder, mtime_ns in times if mtime_ns is not None}
