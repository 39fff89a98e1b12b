"""The truth: what was meant, committed before it is done, and what came of it. One writer, under the run lock."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import time
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from fileorg.journal.connection import broken, connect
from fileorg.journal.rows import OPERATION_COLUMNS, RECORD_COLUMNS, Operation, Record, RecordId
from fileorg.model import Action, Base, Entry, OperationState, RecordState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COLUMNS = (
    "action, source_folder, source_name, target_folder, target_name, dev, inode, size, mtime_ns, mode, nlink, category"
)
_ROWS_A_STATEMENT = 16
"""Rows of one INSERT: a statement a row takes a quarter longer."""
_FOLDER_CACHE = 20_000


class Intent(NamedTuple):
    """One record as it is inserted: in the order of `_COLUMNS`. Its operation, state and error are the batch's."""

    action: Action
    source_folder: int | None
    source_name: bytes | None
    target_folder: int
    target_name: bytes | None
    dev: int | None
    inode: int | None
    size: int | None
    mtime_ns: int | None
    mode: int | None
    nlink: int | None
    category: str | None


class Batch(NamedTuple):
    """Records to be inserted together. `exceptions`: by position, a state other than intent or something to note;
    `reverts`: for undo and redo, the record that each takes back, 0 for none.
    """

    intents: list[Intent]
    exceptions: dict[int, tuple[RecordState, str | None]]
    reverts: list[int]


class Settled(NamedTuple):
    """What came of a batch: ids from `first` on are done, but for the exceptions."""

    first: RecordId
    last: RecordId
    exceptions: Sequence[tuple[RecordState, str | None, RecordId]]
    reverted: tuple[RecordId, RecordId] | None
    unreverted: Sequence[tuple[RecordId]]


class Journal:
    """Every method that writes raises `JournalError` if it cannot be sure that it is written."""

    def __init__(self, path: bytes, *, read_only: bool = False) -> None:
        self.path = path
        self._db = connect(path, read_only=read_only)
        self._folders: dict[tuple[int, Base, bytes], int] = {}

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One commit at FULL. When it has ended without an error, all of it survives a power cut."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise broken(self.path, error) from error
        finally:
            if self._db.in_transaction:
                self._folders.clear()  # ids that were never committed
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def begin(
        self,
        kind: str,
        root: bytes,
        dest: bytes | None,
        *,
        root_inode: int,
        options: dict[str, Any],
        undoes: int | None = None,
    ) -> int:
        """A new operation, running. Its number."""
        with self.transaction():
            first = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM records").fetchone()[0]
            row = self._db.execute(
                "INSERT INTO operations (kind, root, dest, root_inode, options, undoes, state, first_record, pid, host,"
                " started_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    kind, root, dest, root_inode, json.dumps(options), undoes, OperationState.RUNNING, first,
                    os.getpid(), socket.gethostname(), time.time_ns(),
                ),
            )  # fmt: skip
            return int(row.lastrowid or 0)

    # Inside a transaction -------------------------------------------------------------------------------------

    def known_folder(self, operation: int, base: Base, path: bytes) -> int | None:
        """The id of a folder that the operation has touched before."""
        key = (operation, base, path)
        found = self._folders.get(key)
        if found is None:
            row = self._db.execute(
                "SELECT id FROM folders WHERE operation = ? AND base = ? AND path = ?", key
            ).fetchone()
            if row is None:
                return None
            found = self._remember(key, int(row[0]))
        return found

    def add_folder(self, operation: int, base: Base, path: bytes, seen: Entry | None) -> int:
        """A folder as it is before the operation touches it; None where it does not exist yet."""
        row = self._db.execute(
            "INSERT INTO folders (operation, base, path, mode, mtime_ns) VALUES (?, ?, ?, ?, ?)",
            (operation, base, path, seen and seen.mode, seen and seen.mtime_ns),
        )
        return self._remember((operation, base, path), int(row.lastrowid or 0))

    def _remember(self, key: tuple[int, Base, bytes], folder: int) -> int:
        if len(self._folders) >= _FOLDER_CACHE:
            self._folders.clear()
        self._folders[key] = folder
        return folder

    def insert(self, operation: int, batch: Batch) -> RecordId:
        """Insert a batch; the id of its first record, the others follow."""
        first = int(self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM records").fetchone()[0])
        intents, several = batch.intents, _ROWS_A_STATEMENT
        whole = len(intents) - len(intents) % several
        values = f"({operation:d}, 'intent', {', '.join('?' * len(Intent._fields))})"
        insert = f"INSERT INTO records (operation, state, {_COLUMNS}) VALUES "
        self._db.executemany(
            insert + ", ".join([values] * several),
            (list(chain.from_iterable(intents[start : start + several])) for start in range(0, whole, several)),
        )
        self._db.executemany(insert + values, intents[whole:])
        self._db.executemany(
            "UPDATE records SET reverts = ? WHERE id = ?",
            ((reverts, record) for record, reverts in enumerate(batch.reverts, first) if reverts),
        )
        self._db.executemany(
            "UPDATE records SET state = ?, error = ? WHERE id = ?",
            [(state, reason, first + position) for position, (state, reason) in batch.exceptions.items()],
        )
        return first

    def settle(self, settled: Settled) -> None:
        """Say what came of a batch: two range updates, and one a file only for the exceptions."""
        self._db.executemany("UPDATE records SET state = ?, error = ? WHERE id = ?", settled.exceptions)
        self._db.execute(
            "UPDATE records SET state = 'done' WHERE id BETWEEN ? AND ? AND state IN ('intent', 'copied')",
            (settled.first, settled.last),
        )
        if settled.reverted:
            self._db.execute(
                "UPDATE records SET state = 'undone' WHERE id BETWEEN ? AND ? AND state = 'done'",
                settled.reverted,
            )
            self._db.executemany("UPDATE records SET state = 'done' WHERE id = ?", settled.unreverted)

    def was_interrupted(self, operation: int) -> None:
        """The operation was asked to stop: it is sealed all the same."""
        self._db.execute("UPDATE operations SET was_interrupted = 1 WHERE id = ?", (operation,))

    # Transactions of their own --------------------------------------------------------------------------------

    def mark(self, record: RecordId, state: RecordState, **columns: Any) -> None:
        """One record, durably: the steps of a copy, a placeholder, a verdict of recovery."""
        with self.transaction():
            self.mark_many([(record, state, columns)])

    def mark_many(self, marks: Sequence[tuple[RecordId, RecordState, dict[str, Any]]]) -> None:
        for record, state, columns in marks:
            names = "".join(f", {name} = ?" for name in columns)
            self._db.execute(
                f"UPDATE records SET state = ?{names} WHERE id = ?",
                (state, *columns.values(), record),
            )

    def sync_reverted(self, operation: int) -> None:
        """After recovery: a record is undone exactly if the one that reverts it is done."""
        reverts = "SELECT reverts FROM records WHERE operation = ? AND reverts > 0 AND state"
        with self.transaction():
            self._db.execute(
                f"UPDATE records SET state = 'undone' WHERE state = 'done' AND id IN ({reverts} = 'done')",
                (operation,),
            )
            self._db.execute(
                f"UPDATE records SET state = 'done' WHERE state = 'undone' AND id IN ({reverts} <> 'done')"
                " AND id NOT IN (SELECT reverts FROM records WHERE reverts > 0 AND state = 'done')",
                (operation,),
            )

    def seal(self, operation: int, sealed_folders: Sequence[tuple[int, int]]) -> None:
        """Close the operation; everything it did is on disk. `sealed_folders`: (mtime_ns now, folder id)."""
        with self.transaction():
            self._db.executemany("UPDATE folders SET sealed_mtime_ns = ? WHERE id = ?", sealed_folders)
            counts = self.counts(operation)
            done, bytes_ = counts.get(RecordState.DONE, (0, 0))
            problems = sum(counts.get(state, (0, 0))[0] for state in PROBLEM_STATES)
            self._db.execute(
                "UPDATE operations SET state = 'sealed', ended_ns = ?, done = ?, bytes = ?, problems = ? WHERE id = ?",
                (time.time_ns(), done, bytes_, problems, operation),
            )

    def interrupt(self, operation: int) -> None:
        """An operation that a later start found open."""
        with self.transaction():
            self._db.execute(
                "UPDATE operations SET state = 'interrupted', was_interrupted = 1 WHERE id = ?", (operation,)
            )

    # Reading --------------------------------------------------------------------------------------------------

    def operations(self, where: str = "1", values: Sequence[Any] = ()) -> list[Operation]:
        """The operations, newest first. `where` is SQL of ours, never of a user."""
        query = f"SELECT {OPERATION_COLUMNS} FROM operations WHERE {where} ORDER BY id DESC"
        return [Operation(*row) for row in self._select(query, values)]

    def next_operation(self) -> int:
        """The number that `begin` will give, while the run lock is held."""
        return int(next(self._select("SELECT coalesce(max(id), 0) + 1 FROM operations", ()))[0])

    def has_done(self, operation: Operation) -> bool:
        """Whether something of it is in effect, and could be taken back."""
        low, high = self.record_range(operation)
        query = "SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND state = 'done' LIMIT 1"
        return next(self._select(query, (low, high)), None) is not None

    def operation(self, number: int) -> Operation | None:
        found = self.operations("id = ?", (number,))
        return found[0] if found else None

    def open_operations(self) -> list[Operation]:
        """Those that ended without being sealed, newest first."""
        return self.operations("state <> 'sealed'")

    def counts(self, operation: int) -> dict[RecordState, tuple[int, int]]:
        """How many files, and how many bytes, are in each state. Folders are not counted as files."""
        return {
            RecordState(state): (int(count), int(size or 0))
            for state, count, size in self._select(
                "SELECT state, count(*), sum(size) FROM records WHERE id >= (SELECT first_record FROM operations"
                " WHERE id = ?1) AND operation = ?1 AND action NOT IN ('make-folder', 'remove-folder') GROUP BY state",
                (operation,),
            )
        }

    def records(
        self,
        operation: Operation,
        *,
        newest_first: bool = False,
        states: Sequence[RecordState] = (),
        rows: int = 4096,
    ) -> Iterator[list[Record]]:
        """The records in batches of ids: a cursor that other writes of the same connection cannot upset."""
        order = "DESC" if newest_first else "ASC"
        chosen = ", ".join(f"'{state}'" for state in states or RecordState)
        low, high = self.record_range(operation)
        while low <= high:
            batch = [
                Record(*row)
                for row in self._select(
                    f"SELECT {RECORD_COLUMNS} FROM records r LEFT JOIN folders s ON s.id = r.source_folder"
                    " JOIN folders t ON t.id = r.target_folder WHERE r.id BETWEEN ? AND ? AND r.operation = ?"
                    f" AND r.state IN ({chosen}) ORDER BY r.id {order} LIMIT ?",
                    (low, high, operation.id, rows),
                )
            ]
            if not batch:
                return
            yield batch
            if newest_first:
                high = batch[-1].id - 1
            else:
                low = batch[-1].id + 1

    def record_range(self, operation: Operation) -> tuple[RecordId, RecordId]:
        """The first and last id of an operation; the last is below the first where there are none."""
        following = next(
            self._select("SELECT min(first_record) FROM operations WHERE id > ?", (operation.id,)), (None,)
        )[0]
        highest = next(self._select("SELECT coalesce(max(id), 0) FROM records", ()))[0]
        return operation.first_record, min(highest, following - 1) if following else highest

    def folders(self, operation: int) -> Iterator[tuple[int, Base, bytes, int | None, int | None, int | None]]:
        """(id, base, path, mode, mtime_ns, sealed_mtime_ns) of each folder the operation touched, parents first."""
        yield from self._select(
            "SELECT id, base, path, mode, mtime_ns, sealed_mtime_ns FROM folders WHERE operation = ? ORDER BY path",
            (operation,),
        )

    def trail(self, path: bytes) -> list[tuple[Operation, Record]]:
        """Where a file went: the done records of any operation that has `path` (absolute) at either end, oldest first.

        Reads the folders of all operations, and the records of those that know the path's folder.
        """
        folder, _, name = path.rpartition(b"/")
        found: list[tuple[Operation, Record]] = []
        for operation in reversed(self.operations()):
            for base, root in ((0, operation.root), (1, operation.dest)):
                if root is None or not (folder == root or folder.startswith(root.rstrip(b"/") + b"/")):
                    continue
                inside = folder[len(root) :].lstrip(b"/")
                low, high = self.record_range(operation)
                rows = self._select(
                    f"SELECT {RECORD_COLUMNS} FROM records r LEFT JOIN folders s ON s.id = r.source_folder"
                    " JOIN folders t ON t.id = r.target_folder WHERE r.id BETWEEN ?1 AND ?2"
                    " AND r.state IN ('done', 'undone')"
                    " AND ((s.base = ?3 AND s.path = ?4 AND r.source_name = ?5)"
                    " OR (t.base = ?3 AND t.path = ?4 AND coalesce(r.target_name, r.source_name) = ?5)) ORDER BY r.id",
                    (low, high, base, inside, name),
                )
                found += [(operation, Record(*row)) for row in rows]
        return found

    def restorable_folders(self, operation: Operation) -> dict[int, int]:
        """For an undo or redo: folder id → the mtime_ns it had before what is undone.

        Left out are folders that an outsider changed since: their time, when this operation came to them, was not
        the one that the last operation of the same chain left them with.
        """
        chain = "SELECT id FROM operations WHERE id = :undone OR (undoes = :undone AND id < :this)"
        query = (
            "SELECT f.id, before.mtime_ns FROM folders f JOIN folders before ON before.operation = :undone"
            " AND before.base = f.base AND before.path = f.path WHERE f.operation = :this AND before.mtime_ns NOT NULL"
            " AND (f.mtime_ns IS NULL OR f.mtime_ns = (SELECT last.sealed_mtime_ns FROM folders last"
            f" WHERE last.operation IN ({chain}) AND last.base = f.base AND last.path = f.path"
            " ORDER BY last.operation DESC LIMIT 1))"
        )
        return dict(self._select(query, {"undone": operation.undoes, "this": operation.id}))

    def _select(self, query: str, values: Sequence[Any] | dict[str, Any]) -> Iterator[Any]:
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise broken(self.path, error) from error


PROBLEM_STATES = (RecordState.CONFLICT, RecordState.FAILED, RecordState.MISSING, RecordState.CHANGED)
