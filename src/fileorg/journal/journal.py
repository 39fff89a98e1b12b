"""Write the journal: each intent is committed before its change, results after it.

Several processes may have it open for writing, each for operations of its own. They commit one after the other, under
the lock of the journal, and the records of an operation keep to a range of ids.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.model import PROBLEM_STATES, Action, Base, Entry, OperationState, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.journal.connection import broken, log_replaced
from fileorg.journal.reader import JournalReader
from fileorg.journal.reservations import Reservations
from fileorg.journal.rows import IS_LEFT, IS_UNSETTLED, LEFT_AGAIN, NO_REASON, exact_time, foreign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.locks import JournalLock
    from fileorg.core.model import JobState
    from fileorg.core.reasons import Reason
    from fileorg.journal.carried import Remade
    from fileorg.journal.configuration_changes import ConfigurationChanges
    from fileorg.journal.object_facts import ObjectFacts
    from fileorg.journal.rows import Operation, Record, RecordId

_COLUMNS = (
    "action, source_folder, source_name, target_folder, target_name, dev, inode, size, mtime_ns, mode, nlink, category,"
    " reverts"
)
_ROWS_A_STATEMENT = 64
"""Rows per INSERT: a statement for each row takes 25 % longer."""
_RANGE = 1 << 32
"""Ids that are kept for the records of an operation which runs, if another one begins meanwhile."""
_MOST_ROWS = 1 << 20
"""A batch has fewer rows."""
_MAX_ID = (1 << 63) - 1  # of SQLite
_UPDATE = "UPDATE records SET state = ?, reason = ?, about = ?, number = ?, lost = ? WHERE id = ?"


class Intent(NamedTuple):
    """One record to insert, in the order of `_COLUMNS`. Operation, state and reason come from the batch."""

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
    reverts: int | None  # for undo and redo: the record that this one undoes


_SOURCE_NAME = Intent._fields.index("source_name")
_OFTEN_ALIKE = [Intent._fields.index(name) for name in ("reverts", "target_name", "action")]  # the last one first


class JobStart(NamedTuple):
    """A job that begins its first operation, or the next one. `options` is JSON; `before_ns` the time before its scan.

    `number` 0 stands for a job without a row yet.
    """

    kind: str
    options: str
    before_ns: int
    number: int = 0
    files: int = 0
    limits: str = "{}"


class Batch(NamedTuple):
    """Records to insert together. `exceptions`: by position, a state other than intent, or a reason to note.

    `values` holds the intents as one flat list: half the time of a tuple for each.
    """

    values: list[Any]
    exceptions: dict[int, tuple[RecordState, Reason | None]]
    keepers: dict[int, tuple[int, bytes, int, int]] = {}  # noqa: RUF012  by position: folder, name, inode, mtime_ns
    companions: dict[int, int] = {}  # noqa: RUF012  by position of a record in a group: the position of its first
    brought: dict[int, int] = {}  # noqa: RUF012  by position of a move: that of the next one of its file

    def intent(self, position: int) -> Intent:
        """Return the intent at a position."""
        width = len(Intent._fields)
        return Intent(*self.values[position * width : (position + 1) * width])

    def identify(self, position: int, inode: int, mtime_ns: int) -> None:
        """Complete the intent for a file that an earlier one has brought as a copy: see `brought`."""
        start = position * len(Intent._fields)
        self.values[start + Intent._fields.index("inode")] = inode
        self.values[start + Intent._fields.index("mtime_ns")] = mtime_ns


class Settled(NamedTuple):
    """The results of a batch: records from `first` to `last` are done, but for the exceptions."""

    first: RecordId
    last: RecordId
    exceptions: Sequence[tuple[RecordState, Reason | None, RecordId]]
    reverted: Sequence[tuple[RecordId, RecordId]]  # ranges of records that the batch undoes, of any operation
    unreverted: Sequence[tuple[RecordId]]
    read_back: Sequence[tuple[int, RecordId]] = ()  # ctime_ns


class Journal(JournalReader):
    """An open journal and the methods that write to it, which raise `JournalError` unless the write succeeded."""

    def __init__(self, path: bytes, *, read_only: bool = False, lock: JournalLock | None = None) -> None:
        """`lock` is closed with the journal. Without one, this process is the only one that writes."""
        self._lock = lock
        try:
            with self._locked():
                super().__init__(path, read_only=read_only)
        except BaseException:
            if lock is not None:
                lock.close()
            raise
        self._log: tuple[int, int] | None = None
        """The device and inode numbers of the write-ahead log, once there is a commit in it."""
        self._db = self._queries.db
        self.reservations = Reservations(self._queries, self.transaction)
        self._folders: Memo[tuple[int, Base, bytes], int] = Memo(MANY_FOLDERS)
        self.commits = 0
        """The number of commits so far."""

    def close(self) -> None:
        with self._locked():
            super().close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which no other process writes to the journal, nor opens it to write."""
        return self._locked()

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._lock is None else self._lock

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One commit with synchronous=FULL: after it ends without an error, all of it survives a power cut.

        Other processes do not write to the journal meanwhile.
        """
        with self._locked():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
                self.commits += 1
                self._check_log()
            except sqlite3.Error as error:
                raise broken(self.path, error) from error
            finally:
                if self._db.in_transaction:
                    self._folders.clear()  # ids that were never committed
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")

    def _check_log(self) -> None:
        """Check that the commit went into the log which other processes read. Raises `JournalError`.

        POSIX drops the locks of SQLite if this process closes any other descriptor of the journal. Another process
        would then remove the log when it closes the journal, because it looks like the last one.
        """
        try:
            seen = os.stat(self.path + b"-wal")
        except FileNotFoundError:  # a file system without shared memory has no log
            found = None
        else:
            found = seen.st_dev, seen.st_ino
        if self._log is None:
            self._log = found
        elif found != self._log:
            raise log_replaced(self.path)

    def configuration_changes(self) -> ConfigurationChanges:
        """Return the changes of the configuration by commands."""
        from fileorg.journal.configuration_changes import ConfigurationChanges

        return ConfigurationChanges(self._queries, self.transaction)

    def objects(self) -> ObjectFacts:
        """Return what is kept of moves in stores."""
        from fileorg.journal.object_facts import ObjectFacts

        return ObjectFacts(self._queries, self.transaction)

    def begin(
        self,
        kind: str,
        root: bytes,
        dest: bytes | None,
        *,
        root_inode: int,
        options: dict[str, Any],
        undoes: int | None = None,
        more_roots: Sequence[tuple[Base, bytes, int]] = (),
        job: JobStart | None = None,
    ) -> int:
        """Add a running operation and return its number. `more_roots`: base, path and inode of roots beside `root`.

        `job` is the job that it belongs to; the first operation of a job without a row adds the row, too.
        """
        import json

        with self.transaction():
            self.moved_roots.write()
            first = self._first_of_new()
            row = self._db.execute(
                "INSERT INTO operations (kind, root, dest, root_inode, options, undoes, state, first_record, pid, host,"
                " started_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    kind, root, dest, root_inode, json.dumps(options), undoes, OperationState.RUNNING, first,
                    os.getpid(), os.uname().nodename, time.time_ns(),
                ),
            )  # fmt: skip
            number = int(row.lastrowid or 0)
            self._db.executemany(
                "INSERT INTO roots (operation, base, path, inode) VALUES (?, ?, ?, ?)",
                [(number, *more) for more in more_roots],
            )
            if job is not None:
                if not self.has_job(job.number):
                    self.add_job(job, root, attempts=1)
                self._db.execute("INSERT INTO job_operations (operation, job) VALUES (?, ?)", (number, job.number))
            return number

    def _first_of_new(self) -> RecordId:
        """Return the first id for the records of a new operation: ranges of ids are in the order of the operations.

        Raises `JournalError` if no range is left.
        """
        query = (
            "SELECT coalesce((SELECT max(id) FROM records), 0) + 1, coalesce(max(first_record), 0),"
            " coalesce(max(CASE WHEN state = 'running' THEN first_record END), ?1) + ?2 FROM operations"
        )
        first = max(self._db.execute(query, (-_RANGE, _RANGE)).fetchone())
        if first > _MAX_ID - _RANGE:
            raise foreign("Record", first - 1)
        return int(first)

    def next_job(self) -> int:
        """Return the number of the next new job; another process may take it first."""
        return int(self._queries.value("SELECT coalesce(max(id), 0) + 1 FROM jobs"))

    def has_job(self, number: int) -> bool:
        """Return whether a job has a row."""
        return self._queries.value("SELECT 1 FROM jobs WHERE id = ?", (number,)) is not None

    def is_unended(self, number: int) -> bool:
        """Return whether a job is queued or running, by its row."""
        query = "SELECT 1 FROM jobs WHERE id = ? AND state IN ('queued', 'running')"
        return self._queries.value(query, (number,)) is not None

    def add_job(
        self, job: JobStart, root: bytes, *, state: str = "running", attempts: int = 0, background: bool = False
    ) -> None:
        """Add the row of a job. Inside a transaction."""
        self._db.execute(
            "INSERT INTO jobs (id, kind, root, options, limits, state, attempts, background, files, pid, host,"
            " before_ns, started_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.number, job.kind, root, job.options, job.limits, state, attempts, background, job.files,
                os.getpid(), os.uname().nodename, job.before_ns, time.time_ns() if attempts else None,
            ),
        )  # fmt: skip

    def claim_job(self, number: int) -> None:
        """Record that this process carries out the job: its attempts are counted now, not at their end."""
        with self.transaction():
            self._db.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, pid = ?, host = ?, started_ns = ?,"
                " ended_ns = NULL, reason = NULL WHERE id = ?",
                (os.getpid(), os.uname().nodename, time.time_ns(), number),
            )

    def limit_job(self, number: int, limits: str) -> None:
        """Give a job other limits, as JSON."""
        with self.transaction():
            self._db.execute("UPDATE jobs SET limits = ? WHERE id = ?", (limits, number))

    def count_job(self, number: int, files: int) -> None:
        """Give a job that waits another number of files: its plan was edited."""
        with self.transaction():
            self._db.execute("UPDATE jobs SET files = ? WHERE id = ?", (files, number))

    def end_job(self, number: int, state: JobState, reason: str | None = None) -> None:
        """Record the end of a job, or that it waits."""
        with self.transaction():
            self._db.execute(
                "UPDATE jobs SET state = ?, ended_ns = ?, reason = ? WHERE id = ?",
                (state, time.time_ns(), reason, number),
            )

    def unended_jobs(self) -> list[int]:
        """Return the jobs that are queued or running, by their rows; the process of each may have ended."""
        rows = self._queries.select("SELECT id FROM jobs WHERE state IN ('queued', 'running')")
        return [number for (number,) in rows if isinstance(number, int)]

    def job_of(self, operation: int) -> int | None:
        """Return the job of an operation; None for one of an older fileorg, or of a repair."""
        found = self._queries.value("SELECT job FROM job_operations WHERE operation = ?", (operation,))
        return found if isinstance(found, int) else None

    def write_moved_roots(self) -> None:
        """Write the new places of roots without beginning an operation."""
        with self.transaction():
            self.moved_roots.write()

    # Inside a transaction -------------------------------------------------------------------------------------

    def known_folder(self, operation: int, base: Base, path: bytes) -> int | None:
        """Return the id of a folder that the operation has touched before, else None."""
        key = (operation, base, path)
        found = self._folders.get(key)
        if found is None:
            row = self._db.execute(
                "SELECT id FROM folders WHERE operation = ? AND base = ? AND path = ?", key
            ).fetchone()
            if row is None:
                return None
            found = self._folders[key] = int(row[0])
        return found

    def add_folder(self, operation: int, base: Base, path: bytes, seen: Entry | None) -> int:
        """Add a folder as seen before the operation touches it, None if it does not exist yet. Return its id."""
        row = self._db.execute(
            "INSERT INTO folders (operation, base, path, mode, mtime_ns) VALUES (?, ?, ?, ?, ?)",
            (operation, base, path, seen and seen.mode, exact_time(seen and seen.mtime_ns)),
        )
        folder = self._folders[operation, base, path] = int(row.lastrowid or 0)
        return folder

    def insert(self, operation: int, batch: Batch) -> RecordId:
        """Insert a batch. Return the id of its first record; the ids are contiguous."""
        first, is_last = self._next_record(operation)
        (self._append if is_last else self._insert_from)(operation, batch.values, first)
        self._db.executemany(
            _UPDATE,
            [(state, *(reason or NO_REASON), first + at) for at, (state, reason) in batch.exceptions.items()],
        )
        self._db.executemany(
            "INSERT INTO keepers (record, folder, name, inode, mtime_ns) VALUES (?, ?, ?, ?, ?)",
            [(first + position, *keeper) for position, keeper in batch.keepers.items()],
        )
        self._db.executemany(
            "INSERT INTO companions (record, leader) VALUES (?, ?)",
            [(first + position, first + leader) for position, leader in batch.companions.items()],
        )
        return first

    def _next_record(self, operation: int) -> tuple[RecordId, bool]:
        """Return the next id in the range of a running operation, and whether SQLite gives it to the next row by
        itself. Raises `JournalError` if the range is used up.
        """
        query = (
            "SELECT first_record, (SELECT max(id) FROM records WHERE id BETWEEN first_record AND first_record + ?),"
            " (SELECT coalesce(max(id), 0) FROM records) FROM operations WHERE operations.id = ?"
        )
        first, last, highest = self._db.execute(query, (_RANGE - 1, operation)).fetchone()
        following = first if last is None else last + 1
        if following - first > _RANGE - _MOST_ROWS:
            raise foreign("Record", last)
        return int(following), highest == following - 1

    def _append(self, operation: int, values: Sequence[Any], _: RecordId) -> None:
        """Insert the rows of a batch after all records."""
        width = len(Intent._fields)
        several = width * _ROWS_A_STATEMENT
        whole = len(values) - len(values) % several
        insert = f"INSERT INTO records (operation, state, {_COLUMNS}) VALUES "
        several_rows: dict[str, str] = {}
        for start in range(0, whole, several):
            rows = list(values[start : start + several])
            row = f"({operation:d}, 'intent', {', '.join(_without_alike(rows, width))})"
            if row not in several_rows:
                several_rows[row] = insert + ", ".join([row] * _ROWS_A_STATEMENT)
            self._db.execute(several_rows[row], rows)
        row = f"({operation:d}, 'intent', {', '.join('?' * width)})"
        self._db.executemany(
            insert + row, (values[start : start + width] for start in range(whole, len(values), width))
        )

    def _insert_from(self, operation: int, values: Sequence[Any], first: RecordId) -> None:
        """Insert the rows of a batch with ids from `first` on, beside those of an operation that runs, too."""
        width = len(Intent._fields)
        insert = (
            f"INSERT INTO records (id, operation, state, {_COLUMNS})"
            f" VALUES (?, {operation:d}, 'intent', {', '.join('?' * width)})"
        )
        starts = enumerate(range(0, len(values), width), first)
        self._db.executemany(insert, ((number, *values[start : start + width]) for number, start in starts))

    def settle(self, settled: Settled) -> None:
        """Write the results of a batch: an update for each range, and one for each exception."""
        self._db.executemany(
            _UPDATE, [(state, *(reason or NO_REASON), record) for state, reason, record in settled.exceptions]
        )
        self._db.execute(
            "UPDATE records SET state = 'done' WHERE id BETWEEN ? AND ? AND state IN ('intent', 'copied')",
            (settled.first, settled.last),
        )
        self._db.executemany("UPDATE records SET target_ctime_ns = ? WHERE id = ?", settled.read_back)
        if settled.reverted:
            self._db.executemany(
                f"UPDATE records SET state = 'undone' WHERE id BETWEEN ? AND ? AND {IS_LEFT}", settled.reverted
            )
            self._db.executemany(f"UPDATE records SET state = {LEFT_AGAIN} WHERE id = ?", settled.unreverted)

    def was_interrupted(self, operation: int) -> None:
        """Mark the operation as stopped early on request; it is sealed nevertheless."""
        self._db.execute("UPDATE operations SET was_interrupted = 1 WHERE id = ?", (operation,))

    # In separate transactions ---------------------------------------------------------------------------------

    def mark(self, record: RecordId, state: RecordState, **columns: Any) -> None:
        """Update one record durably: the steps of a copy, a placeholder, a verdict of recovery."""
        with self.transaction():
            self.mark_many([(record, state, columns)])

    def mark_many(self, marks: Sequence[tuple[RecordId, RecordState, dict[str, Any]]]) -> None:
        for record, state, columns in marks:
            names = "".join(f", {name} = ?" for name in columns)
            self._db.execute(
                f"UPDATE records SET state = ?{names} WHERE id = ?",
                (state, *columns.values(), record),
            )

    def identify(self, record: RecordId, inode: int, mtime_ns: int) -> None:
        """Record what the file of an intent is, now that an earlier record has made it. Inside a transaction."""
        self._db.execute("UPDATE records SET inode = ?, mtime_ns = ? WHERE id = ?", (inode, mtime_ns, record))

    def is_reverted_later(self, record: Record) -> bool:
        """Return whether a later record has undone what a record was to undo."""
        query = "SELECT 1 FROM records WHERE id > ? AND reverts = ? AND state = 'done'"
        return bool(record.reverts) and self._db.execute(query, (record.id, record.reverts)).fetchone() is not None

    def sync_reverted(self, operation: int) -> None:
        """After recovery, mark a record as undone exactly if the record that reverts it is done."""
        reverts = "SELECT reverts FROM records WHERE operation = ? AND reverts > 0 AND state"
        with self.transaction():
            self._db.execute(
                f"UPDATE records SET state = 'undone' WHERE {IS_LEFT} AND id IN ({reverts} = 'done')",
                (operation,),
            )
            self._db.execute(
                f"UPDATE records SET state = {LEFT_AGAIN} WHERE state = 'undone' AND id IN ({reverts} <> 'done')"
                " AND id NOT IN (SELECT reverts FROM records WHERE reverts > 0 AND state = 'done')",
                (operation,),
            )

    def seal(
        self,
        operation: Operation,
        sealed_folders: Sequence[tuple[int, int]],
        roots: Sequence[tuple[int, bytes, int]] = (),
    ) -> dict[RecordState, tuple[int, int]]:
        """Close the operation after all its changes are on disk. Return its `counts`.

        `sealed_folders`: (mtime_ns now, folder id). `roots`, of any operation: (inode now, path, inode before).
        """
        with self.transaction():
            sealed = ((exact_time(mtime_ns), folder) for mtime_ns, folder in sealed_folders)
            self._db.executemany("UPDATE folders SET sealed_mtime_ns = ? WHERE id = ?", sealed)
            self.reservations.forget_of(operation.id)
            self._db.executemany("UPDATE operations SET root_inode = ? WHERE root = ? AND root_inode = ?", roots)
            self._db.executemany("UPDATE roots SET inode = ? WHERE path = ? AND inode = ?", roots)
            if operation.undoes and self._has_brought_others(operation):
                self._carry_over(operation)
            counts = self.sums.counts(operation.id)
            if operation.undoes and {RecordState.SKIPPED, RecordState.MISSING} & counts.keys():
                self._settle_undone(operation)
            # An operation that split a group stays open until the group is mended: see `close_torn`.
            state = OperationState.INTERRUPTED if self.groups.torn(operation) else OperationState.SEALED
            self._db.execute(
                "UPDATE operations SET state = ?, ended_ns = ? WHERE id = ?", (state, time.time_ns(), operation.id)
            )
            self._record_counts(operation, counts)
        return counts

    def close_torn(self, operation: Operation) -> None:
        """Close an operation that was left open for a split group: nothing more can be done about it."""
        with self.transaction():
            self._db.execute("UPDATE operations SET state = 'sealed' WHERE id = ?", (operation.id,))

    def record_counts(self, operation: Operation) -> None:
        """Update the counts of a sealed operation, after more of its records were settled."""
        with self.transaction():
            self._record_counts(operation, self.sums.counts(operation.id))

    def _record_counts(self, operation: Operation, counts: dict[RecordState, tuple[int, int]]) -> None:
        done, size_bytes = counts.get(RecordState.DONE, (0, 0))
        problems = sum(counts.get(state, (0, 0))[0] for state in PROBLEM_STATES)
        self._db.execute(
            "UPDATE operations SET done = ?, bytes = ?, problems = ? WHERE id = ?",
            (done, size_bytes, problems, operation.id),
        )

    def _settle_undone(self, operation: Operation) -> None:
        """Settle records that recovery could not, but this undo or redo can: their file is back in place, or gone."""
        reverts = "SELECT reverts FROM records WHERE id BETWEEN ? AND ? AND reason"
        back = f"id IN ({reverts} = '{ReasonCode.BACK_ALREADY}')"
        gone = f"id IN ({reverts} = '{ReasonCode.GONE}')"
        own = self.record_range(operation)
        self._db.execute(
            f"UPDATE records SET state = 'skipped', reason = '{ReasonCode.INTERRUPTED}'"
            f" WHERE {IS_UNSETTLED} AND {back}",
            own,
        )
        self._db.execute(
            f"UPDATE records SET state = 'missing', reason = '{ReasonCode.LOST_IN_CRASH}'"
            f" WHERE state = 'changed' AND reason = '{ReasonCode.CHANGED_IN_CRASH}' AND {gone}",
            own,
        )
        taken_back = self._db.execute(f"SELECT id FROM records WHERE state = 'done' AND {back}", own).fetchall()
        if taken_back:  # by an earlier undo that was killed
            self._db.executemany("UPDATE records SET state = 'undone' WHERE id = ?", taken_back)
            self._db.execute(
                f"UPDATE records SET state = 'done' WHERE id > ? AND {IS_UNSETTLED} AND reverts IN"
                " (SELECT id FROM records WHERE id BETWEEN ? AND ? AND state = 'undone')",
                (min(taken_back)[0], min(taken_back)[0], max(taken_back)[0]),
            )

    def _has_brought_others(self, operation: Operation) -> bool:
        """Return whether a file may have another inode number or name now than before the operation that was undone."""
        from fileorg.journal.carried import has_renamed

        query = "SELECT 1 FROM records WHERE id BETWEEN ? AND ? AND target_inode NOT NULL LIMIT 1"
        undone = self.operation(operation.undoes or 0)
        if undone is None:
            return False
        ranges = self.record_range(operation), self.record_range(undone)
        return any(self._queries.value(query, each) for each in ranges) or has_renamed(self._queries, *ranges)

    def remade_roots(self, operation: Operation) -> list[Remade]:
        """Return the folders that an undo or redo recreated and that operations had as a root."""
        from fileorg.journal.carried import remade_roots

        return list(remade_roots(self._queries, operation, [root.path for root in self.roots(operation)]))

    def _carry_over(self, operation: Operation) -> None:
        from fileorg.journal.carried import carry_over

        ranges = {each.id: self.record_range(each) for each in self.operations()}
        carry_over(self._db, operation.id, ranges[operation.id], ranges)

    def record_purged(self, purge: int, size_bytes: int) -> None:
        """Write how many bytes a purge has freed so far. Inside a transaction."""
        self._db.execute("UPDATE operations SET bytes = ? WHERE id = ?", (size_bytes, purge))

    def seal_purge(self, purge: Operation, problems: int) -> int:
        """Close a purge after its removals are on disk. Return the number of files that it removed."""
        with self.transaction():
            files = max(0, self.trash.purged(self.about(purge)) - self.trash.purged_before(purge))
            # These rows hold the folder times to restore after a crash. If they stayed, undo would read them as part
            # of its chain of operations, and could no longer detect folders that other programs changed.
            self._db.execute("DELETE FROM folders WHERE operation = ?", (purge.id,))
            self.reservations.forget_of(self.about(purge).id)
            self._db.execute(
                "UPDATE operations SET state = 'sealed', ended_ns = ?, done = ?, problems = ? WHERE id = ?",
                (time.time_ns(), files, problems, purge.id),
            )
        self._folders.clear()
        return files

    def interrupt(self, operation: int) -> None:
        """Mark an operation that a later start found open."""
        with self.transaction():
            self._db.execute(
                "UPDATE operations SET state = 'interrupted', was_interrupted = 1 WHERE id = ?", (operation,)
            )
            self._db.execute(
                "UPDATE jobs SET state = 'interrupted', ended_ns = coalesce(ended_ns, ?) WHERE id ="
                " (SELECT job FROM job_operations WHERE operation = ?) AND state = 'running'",
                (time.time_ns(), operation),
            )


def _without_alike(rows: list[Any], width: int) -> list[str]:
    """Prepare some rows, flat and `width` values each, to be bound fast. Return the SQL of the values of each.

    sqlite3 looks for an adapter for each value that is no number, no plain string and no bytearray, which takes half
    the time of an insert. So names become bytearrays, and an enum or None that all rows share becomes SQL.
    """
    names, sql = rows[_SOURCE_NAME::width], ["?"] * width
    if None not in names:
        rows[_SOURCE_NAME::width] = map(bytearray, names)
    for column in _OFTEN_ALIKE:
        first = rows[column]
        if (first is None or isinstance(first, Action)) and rows[column::width].count(first) == len(names):
            sql[column] = "NULL" if first is None else f"'{first}'"
            del rows[column::width]  # the columns before it keep their place
            width -= 1
    return sql
