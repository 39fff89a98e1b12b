"""Batches of files by folder, in SQLite. An unchanged batch is not rewritten."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Self

from fileorg.core.errors import FileorgError
from fileorg.core.names import display
from fileorg.core.unwritten import Watch, open_to_read
from fileorg.index.columns import FileBatch
from fileorg.index.digest_columns import SCHEMA as DIGESTS_SCHEMA
from fileorg.index.digest_columns import TABLES as DIGESTS_TABLES
from fileorg.index.digest_columns import Digests
from fileorg.index.duplicate_folders import INDEXES as FOLDERS_INDEXES
from fileorg.index.duplicate_folders import SCHEMA as FOLDERS_SCHEMA
from fileorg.index.duplicate_folders import TABLES as FOLDERS_TABLES
from fileorg.index.duplicate_folders import DuplicateFolders
from fileorg.index.duplicate_groups import SCHEMA as GROUPS_SCHEMA
from fileorg.index.duplicate_groups import TABLES as GROUPS_TABLES
from fileorg.index.duplicate_groups import Groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.index.evidence_columns import EvidenceColumns

_VERSION = 8
_SCHEMA = """
CREATE TABLE roots (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, version INTEGER NOT NULL DEFAULT 0,
    scanned_ns INTEGER NOT NULL DEFAULT 0);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY, root INTEGER NOT NULL, folder BLOB NOT NULL, sequence INTEGER NOT NULL,
    fingerprint BLOB NOT NULL, seen INTEGER NOT NULL, UNIQUE (root, folder, sequence));
CREATE TABLE columns (
    batch INTEGER PRIMARY KEY, dev INTEGER NOT NULL, files INTEGER NOT NULL,
    names BLOB NOT NULL, numbers BLOB NOT NULL, leaders BLOB NOT NULL);
CREATE TABLE evidence (
    batch INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL, reader INTEGER NOT NULL, kinds BLOB NOT NULL,
    media BLOB NOT NULL);
CREATE TABLE spare_evidence (
    inode INTEGER NOT NULL, dev INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, reader INTEGER NOT NULL, kind BLOB NOT NULL, media BLOB NOT NULL, born INTEGER NOT NULL,
    PRIMARY KEY (inode, dev)) WITHOUT ROWID;
"""
_ALL_SCHEMAS = _SCHEMA + DIGESTS_SCHEMA + GROUPS_SCHEMA + FOLDERS_SCHEMA
_TABLES = {
    ("table", name)
    for name in (
        *("roots", "batches", "columns", *DIGESTS_TABLES),
        *(*GROUPS_TABLES, *FOLDERS_TABLES, "evidence", "spare_evidence"),
    )
}
_KNOWN = _TABLES | {("index", name) for name in FOLDERS_INDEXES}
_BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)  # SQLite's messages quote damaged data, which need not be text
_AGAIN = "scan the folder again with fileorg scan or fileorg dedupe"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Index:
    """The index of all scanned trees. One writer at a time: hold the index lock of the state directory."""

    def __init__(self, path: bytes | None, *, read_only: bool = False) -> None:
        """Open or create the index; a damaged one or one of another version is replaced, or with `read_only` seems
        empty, and nothing is written.

        Without a path the index is private, and SQLite deletes it when it is closed.
        """
        self._path = path or b""
        self._files: dict[bytes, int] = {}  # number of files in the last scan of a root, if known
        self._watch = Watch(path) if path and read_only else None
        if self._watch is not None:
            self._db = self._open_to_read()
            return
        try:
            self._db = self._open()
        except _BROKEN as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN:
                raise self._failed(error) from error
            try:
                self._discard()
                self._db = self._open()
            except (*_BROKEN, OSError) as error:
                raise self._failed(error) from error

    def _open(self) -> sqlite3.Connection:
        # mode=rw never creates a file: if the checked file is missing, the path has been redirected.
        uri = f"file:%{self._path.hex('%')}?mode=rw" if self._path else ""
        db = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            db.executescript(
                "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL; PRAGMA cache_size=-8000;"
                "PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=4000;"
            )
            if not self._check(db):
                db.executescript(f"BEGIN; {_ALL_SCHEMAS} PRAGMA user_version={_VERSION}; COMMIT;")
        except _BROKEN:
            db.close()
            raise
        return db

    def _open_to_read(self) -> sqlite3.Connection:
        try:
            db = open_to_read(self._path)
        except _BROKEN as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                raise self._failed(error) from error
            return self._open_empty()
        try:
            db.executescript("PRAGMA cache_size=-8000; PRAGMA trusted_schema=OFF;")
            self._check(db)
        except _BROKEN:
            db.close()
            return self._open_empty()
        return db

    def _open_empty(self) -> sqlite3.Connection:
        self._path, self._watch = b"", None
        return self._open()

    def _check(self, db: sqlite3.Connection) -> bool:
        """Return whether the index has tables. Raises `sqlite3.Error` unless they are of this version."""
        version = db.execute("PRAGMA user_version").fetchone()[0]
        found = set(db.execute("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"))
        if version not in {0, _VERSION} or not found <= _KNOWN or (self._watch is not None and not found):
            raise sqlite3.DatabaseError("of another version")
        return bool(found)

    def _discard(self) -> None:
        for suffix in (b"", b"-wal", b"-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path + suffix)
        os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def update(self, root: bytes, batches: Iterator[tuple[int, FileBatch]]) -> int:
        """Write the batches of a scan of `root` as (sequence in the folder, batch), and delete all others of that root.

        Returns the number of files in unchanged batches. One transaction: an interrupted scan changes nothing.
        """
        unchanged = files = 0
        digests = self.digests()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (root,))
            root_id = self._root_id(root)
            evidence = self.kept_evidence()
            seen = self._db.execute("SELECT coalesce(max(seen), 0) + 1 FROM batches").fetchone()[0]
            for sequence, batch in batches:
                unchanged += self._put(root_id, sequence, batch, seen, digests, evidence)
                files += batch.files
            stale = "SELECT id FROM batches WHERE root = ? AND seen <> ?"
            digests.set_aside_stale(root_id, seen)
            if evidence is not None:
                evidence.set_aside_stale(root_id, seen)
            self._db.execute(f"DELETE FROM columns WHERE batch IN ({stale})", (root_id, seen))
            gone = self._db.execute("DELETE FROM batches WHERE root = ? AND seen <> ?", (root_id, seen)).rowcount
            if gone or unchanged != files:
                self._db.execute("UPDATE roots SET version = ? WHERE id = ?", (seen, root_id))
            self._db.execute("UPDATE roots SET scanned_ns = ? WHERE id = ?", (time.time_ns(), root_id))
            self._db.execute("COMMIT")
            self._files[root] = files
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._as_error(error) from error
        finally:
            with contextlib.suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        return unchanged

    def _as_error(self, error: Exception) -> FileorgError:
        """Return the error for the user that fits an error of SQLite."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        return self._damaged(error) if code & 0xFF in _DAMAGED else self._failed(error)

    def _failed(self, error: Exception) -> FileorgError:
        is_full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE
        if self._watch is not None:
            return FileorgError(f"The index {display(self._path)} cannot be read: {error}.", hint=_AGAIN)
        return FileorgError(
            f"The index {display(self._path)} cannot be written: {'the disk is full' if is_full else error}.",
            hint="free some space, or give another state directory with --state-dir",
        )

    def _put(
        self,
        root_id: int,
        sequence: int,
        batch: FileBatch,
        seen: int,
        digests: Digests,
        evidence: EvidenceColumns | None,
    ) -> int:
        fingerprint = batch.fingerprint
        known = self._db.execute(
            "SELECT id, fingerprint, dev FROM batches LEFT JOIN columns ON batch = id"
            " WHERE root = ? AND folder = ? AND sequence = ?",
            (root_id, batch.folder, sequence),
        ).fetchone()
        if known and known[1] == fingerprint:
            if known[2] != batch.dev:  # a disk gets another number when it is plugged in again
                self._db.execute("UPDATE columns SET dev = ? WHERE batch = ?", (batch.dev, known[0]))
            self._db.execute("UPDATE batches SET seen = ? WHERE id = ?", (seen, known[0]))
            return batch.files
        if known:
            digests.set_aside(known[0], seen)
            if evidence is not None:
                evidence.set_aside(known[0], seen)
        row = self._db.execute(
            "INSERT OR REPLACE INTO batches (id, root, folder, sequence, fingerprint, seen) VALUES (?, ?, ?, ?, ?, ?)",
            (known[0] if known else None, root_id, batch.folder, sequence, fingerprint, seen),
        )
        self._db.execute(
            "INSERT OR REPLACE INTO columns (batch, dev, files, names, numbers, leaders) VALUES (?, ?, ?, ?, ?, ?)",
            (row.lastrowid, batch.dev, batch.files, batch.names, batch.numbers, batch.leaders),
        )
        return 0

    def _root_id(self, root: bytes) -> int:
        return self.version(root)[0]

    def batches(self, root: bytes) -> Iterator[tuple[int, FileBatch]]:
        """Yield (sequence in the folder, batch) of the last scan of `root`, by folder, in the memory of one batch."""
        files = 0
        for sequence, batch in self._read("root = ?", self._root_id(root)):
            files += batch.files
            yield sequence, batch
        if files != self._files.get(root, files):
            raise self._damaged(ValueError(f"it holds {files} of {self._files[root]} files"))

    def version(self, root: bytes) -> tuple[int, int]:
        """Return two numbers that change whenever the indexed content of a tree changes."""
        try:
            row = self._db.execute("SELECT id, version FROM roots WHERE path = ?", (root,)).fetchone()
        except _BROKEN as error:
            raise self._as_error(error) from error
        return (row[0], row[1]) if row else (0, 0)

    def scanned_ns(self, root: bytes) -> int | None:
        """Return the time of the last scan of a root in nanoseconds since 1970, None if never scanned."""
        with self.guarded():
            row = self._db.execute("SELECT scanned_ns FROM roots WHERE path = ?", (root,)).fetchone()
        return int(row[0]) if row and row[0] else None

    def files_in(self, root: bytes, folder: bytes) -> int:
        """Return the number of files directly in a folder."""
        query = "SELECT sum(files) FROM batches JOIN columns ON batch = id WHERE root = ? AND folder = ?"
        return int(self._db.execute(query, (self._root_id(root), folder)).fetchone()[0] or 0)

    def digests(self) -> Digests:
        """Return the digests of contents."""
        return Digests(self._db)

    def evidence(self) -> EvidenceColumns:
        """Return what files are and say by their content."""
        from fileorg.index.evidence_columns import EvidenceColumns

        return EvidenceColumns(self._db)

    def kept_evidence(self) -> EvidenceColumns | None:
        """Return the same; None, and nothing is loaded for it, if no file was looked into."""
        query = "SELECT EXISTS (SELECT 1 FROM evidence) OR EXISTS (SELECT 1 FROM spare_evidence)"
        return self.evidence() if self._db.execute(query).fetchone()[0] else None

    def root_id(self, root: bytes) -> int:
        """Return the number of a root in the index, 0 for none."""
        return self._root_id(root)

    def groups(self) -> Groups:
        """Return the duplicate groups of the last search."""
        return Groups(self._db)

    def duplicate_folders(self) -> DuplicateFolders:
        """Return the duplicate folders."""
        return DuplicateFolders(self._db)

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Run work with `digests` and `groups` in one transaction; errors of SQLite become errors for the user.

        Changes made before an error are kept. Raises `FileorgError`.
        """
        try:
            is_within = self._db.in_transaction
            if not is_within:
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:  # digests read by an interrupted run are worth keeping
                with contextlib.suppress(sqlite3.ProgrammingError):  # closed because of damage
                    if not is_within and self._db.in_transaction:
                        self._db.execute("COMMIT")
        except _BROKEN as error:
            raise self._as_error(error) from error

    def folder(self, root: bytes, folder: bytes) -> Iterator[FileBatch]:
        """Return an iterator over the batches of one folder."""
        return (batch for _, batch in self.folder_parts(root, folder))

    def folder_parts(self, root: bytes, folder: bytes) -> Iterator[tuple[int, FileBatch]]:
        """Return an iterator over (sequence, batch) of one folder."""
        return self._read("root = ? AND folder = ?", self._root_id(root), folder)

    def has_followers(self, root: bytes) -> bool:
        """Return whether any file of a root follows another one."""
        query = "SELECT 1 FROM batches JOIN columns ON batch = id WHERE root = ? AND length(leaders) > 0 LIMIT 1"
        return self._db.execute(query, (self._root_id(root),)).fetchone() is not None

    def digested_folder(self, root: bytes, folder: bytes) -> Iterator[tuple[FileBatch, bytes]]:
        """Yield (batch, digests of whole contents as in `Digested`) of one folder."""
        query = (
            "SELECT folder, dev, files, names, numbers, leaders, CASE d.fingerprint WHEN b.fingerprint THEN wholes END"
            " FROM batches b JOIN columns c ON c.batch = b.id LEFT JOIN digests d ON d.batch = b.id"
            " WHERE root = ? AND folder = ? ORDER BY sequence"
        )
        for *columns, full_digests in self._db.execute(query, (self._root_id(root), folder)):
            yield FileBatch(*columns), full_digests or b""

    def _read(self, where: str, *values: int | bytes) -> Iterator[tuple[int, FileBatch]]:
        rows = (
            "SELECT fingerprint, sequence, folder, dev, files, names, numbers, leaders"
            f" FROM batches JOIN columns ON batch = id WHERE {where} ORDER BY folder, sequence"
        )
        try:
            for fingerprint, sequence, *columns in self._db.execute(rows, values):
                batch = FileBatch(*columns)
                if batch.fingerprint != fingerprint or not batch.is_whole:
                    raise sqlite3.DatabaseError("a batch is corrupt")
                yield sequence, batch
        except (*_BROKEN, TypeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> FileorgError:
        """Discard the damaged index, which is only a cache, and return the error."""
        self._db.close()
        if self._watch is not None:
            return FileorgError(f"The index {display(self._path)} is damaged: {error}.", hint=_AGAIN)
        with contextlib.suppress(OSError):
            self._discard()
        return FileorgError(
            f"The index {display(self._path)} is damaged: {error}.",
            hint="run the command again: fileorg rebuilds the index; no file was touched",
        )

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the index. Raises `FileorgError` if a scan ended while it was read without locks."""
        self.close()
        if self._watch is not None and self._watch.has_changed and (kind is None or issubclass(kind, FileorgError)):
            raise FileorgError(
                f"The index {display(self._path)} was changed while it was read.", hint="run the command again"
            )
