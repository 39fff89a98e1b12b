"""The journal's tables: one migration per version, numbered by `user_version`."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.state import APPLICATION_ID

if TYPE_CHECKING:
    import sqlite_utils

VERSION = 9
TABLES = frozenset({"operations", "folders", "records", "_sqlite_migrations"})
LATER_TABLES = {
    "roots": 2,
    "keepers": 2,
    "reservations": 4,
    "companions": 4,
    "jobs": 5,
    "job_operations": 5,
    "configuration_changes": 6,
    "objects": 7,
    "kept_attributes": 8,
    "originals": 9,
}
"""Tables of later versions, with the version that added them."""

_FIRST = """
CREATE TABLE operations (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,              -- organize, dedupe, clean, undo, redo, purge
    root BLOB NOT NULL,              -- absolute path; base 0 of folders
    dest BLOB,                       -- absolute path; base 1, where it is another directory
    root_inode INTEGER NOT NULL,     -- detects a disk that is not mounted
    options TEXT NOT NULL,           -- JSON, for people
    undoes INTEGER REFERENCES operations,
    state TEXT NOT NULL,             -- running, interrupted, sealed
    was_interrupted INTEGER NOT NULL DEFAULT 0,
    first_record INTEGER NOT NULL,   -- records of an operation are contiguous
    pid INTEGER NOT NULL, host TEXT NOT NULL,
    started_ns INTEGER NOT NULL, ended_ns INTEGER,
    done INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, problems INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    operation INTEGER NOT NULL REFERENCES operations,
    base INTEGER NOT NULL,           -- 0 root, 1 dest, from 2 on further roots
    path BLOB NOT NULL,              -- relative to the base, empty for the base itself
    mode INTEGER,                    -- before the operation touched it; NULL if it was missing
    mtime_ns INTEGER,                -- exact: a BLOB if it needs more than 64 bits
    sealed_mtime_ns INTEGER,         -- after the operation
    UNIQUE (operation, base, path)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY,          -- ascending in the order of the run
    operation INTEGER NOT NULL,
    action TEXT NOT NULL,
    source_folder INTEGER, source_name BLOB,   -- NULL for folder actions
    target_folder INTEGER NOT NULL,
    target_name BLOB,                -- NULL: the same as source_name
    dev INTEGER, inode INTEGER, size INTEGER, mtime_ns INTEGER, mode INTEGER, nlink INTEGER,
    category TEXT,
    state TEXT NOT NULL,
    reverts INTEGER,                 -- the record that this one undoes
    target_inode INTEGER,            -- if it differs from inode: copies
    target_mtime_ns INTEGER,         -- read back after a copy: file systems round times
    digest BLOB,                     -- of a copy: see storage/local/digests
    error TEXT                       -- why the record is not done, or a remark
);
"""

_SECOND = """
CREATE TABLE IF NOT EXISTS roots (
    operation INTEGER NOT NULL REFERENCES operations,
    base INTEGER NOT NULL,           -- 1 dest, from 2 on further roots; base 0 is the operation's own root
    path BLOB NOT NULL,              -- absolute
    inode INTEGER NOT NULL,
    PRIMARY KEY (operation, base)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keepers (
    record INTEGER PRIMARY KEY,      -- of a duplicate or symlink, or of its undo
    folder INTEGER NOT NULL, name BLOB NOT NULL,
    inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
);
"""

_THIRD = """
ALTER TABLE records RENAME COLUMN error TO reason;
ALTER TABLE records ADD COLUMN about BLOB;
ALTER TABLE records ADD COLUMN number INTEGER;
ALTER TABLE records ADD COLUMN lost INTEGER;
"""

_FOURTH = """
ALTER TABLE records ADD COLUMN target_ctime_ns INTEGER;
ALTER TABLE records ADD COLUMN exact_mtime_ns BLOB;
CREATE TABLE IF NOT EXISTS reservations (
    record INTEGER PRIMARY KEY,      -- whose name a placeholder file may have taken
    inode INTEGER,                   -- of the placeholder; NULL before it is made
    ctime_ns INTEGER NOT NULL        -- of the placeholder, or the time of this row
);
CREATE TABLE IF NOT EXISTS companions (
    record INTEGER PRIMARY KEY,      -- of a file that belongs to a group
    leader INTEGER NOT NULL          -- the first record of the group
);
INSERT INTO reservations SELECT id, NULL, target_mtime_ns FROM records WHERE target_inode = 0 AND inode > 0
    AND target_mtime_ns NOT NULL AND operation IN (SELECT id FROM operations WHERE state <> 'sealed');
UPDATE records SET target_inode = NULL, target_mtime_ns = NULL WHERE id IN (SELECT record FROM reservations);
"""
"""target_ctime_ns: read back after fileorg's last step, of files that it made or moved to the trash. NULL if unknown.
exact_mtime_ns: the time of a file before another file system rounded it, in the format of folders, where mtime_ns
cannot hold it (`core.times`).
"""

_FIFTH = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,              -- of its operations: organize, dedupe, clean, undo, redo, purge
    root BLOB NOT NULL,              -- absolute path, for display
    options TEXT NOT NULL,           -- JSON: what a resumed job plans with
    limits TEXT NOT NULL,            -- JSON: time limits, attempts, memory of helpers
    state TEXT NOT NULL,             -- queued, waiting, running, parked, done, failed, cancelled, interrupted
    attempts INTEGER NOT NULL,       -- counted when a process claims the job
    background INTEGER NOT NULL,
    files INTEGER NOT NULL,          -- of its plan
    pid INTEGER NOT NULL, host TEXT NOT NULL,
    before_ns INTEGER NOT NULL,      -- before its scan: what arrived since is not part of it
    started_ns INTEGER,              -- of the last attempt
    ended_ns INTEGER,
    reason TEXT                      -- why it ended, if not done
);
CREATE TABLE IF NOT EXISTS job_operations (
    operation INTEGER PRIMARY KEY REFERENCES operations,
    job INTEGER NOT NULL REFERENCES jobs
);
"""

_SIXTH = """
CREATE TABLE IF NOT EXISTS configuration_changes (
    id INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,              -- add, edit, remove, restore
    subject TEXT NOT NULL,           -- the name of the category
    path BLOB NOT NULL,              -- absolute, of the file
    before BLOB,                     -- its whole content; NULL if there was no file
    after BLOB,
    restores INTEGER,                -- the change that this one takes back
    done INTEGER NOT NULL            -- 0 until the file was replaced
);
"""
"""Changes of `fileorg.toml` by commands. They are no operations: undo never meets them."""

_SEVENTH = """
CREATE TABLE IF NOT EXISTS objects (
    record INTEGER PRIMARY KEY,      -- of a move or copy into a store or within one
    delete_marker TEXT,              -- the version of the marker that hides its source
    upload_id TEXT                   -- of an upload in parts to its target, completed or not
);
"""
_EIGHTH = """
CREATE TABLE IF NOT EXISTS kept_attributes (
    record INTEGER PRIMARY KEY,      -- of a move between a folder and a store, or between two services
    attributes TEXT NOT NULL         -- JSON: what its source had, and its target cannot keep
);
"""
_NINTH = """
CREATE TABLE IF NOT EXISTS originals (
    record INTEGER PRIMARY KEY,      -- of a move from a folder into a store
    folder INTEGER NOT NULL, name BLOB NOT NULL,  -- of its file in the trash, once its copy is recorded
    inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    purged INTEGER NOT NULL DEFAULT 0
);
"""
_APPLIED = """
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
"""
"""What sqlite_utils keeps of the migrations that it has made."""
_MIGRATIONS = {
    "0001_operations_folders_records": _FIRST,
    "0002_roots_keepers": _SECOND,
    "0003_reasons_as_codes": _THIRD,
    "0004_ctime_read_back": _FOURTH,
    "0005_jobs": _FIFTH,
    "0006_configuration_changes": _SIXTH,
    "0007_objects": _SEVENTH,
    "0008_kept_attributes": _EIGHTH,
    "0009_originals": _NINTH,
}
_SET = "journal"
_SENTENCES = "0003_reasons_as_codes"
"""The migration that also converts the texts of records."""

# The columns before version 3, without the last one, which was renamed.
_OLD_COLUMNS = (
    "id, operation, action, source_folder, source_name, target_folder, target_name, dev, inode, size, mtime_ns, mode,"
    " nlink, category, state, reverts, target_inode, target_mtime_ns, digest"
)
_OF_REASON = ("reason", "about", "number", "lost")
_ROWS_AT_ONCE = 4096


def create(db: sqlite3.Connection) -> None:
    """Make the tables of `VERSION` in an empty journal, in one transaction: all migrations, without sqlite_utils."""
    db.execute("BEGIN IMMEDIATE")
    try:
        _run(db, _APPLIED)
        for name, statements in _MIGRATIONS.items():
            _run(db, statements)
            made = None, _SET, name, str(datetime.now(UTC))
            db.execute("INSERT INTO _sqlite_migrations VALUES (?, ?, ?, ?)", made)
        _mark(db)
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def migrate(db: sqlite3.Connection) -> None:
    """Migrate the tables to `VERSION`. Imports sqlite_utils (75 ms) only here."""
    import sqlite_utils
    from sqlite_utils.migrations import Migrations

    migrations = Migrations(_SET)
    for name, statements in _MIGRATIONS.items():

        def apply(target: sqlite_utils.Database, name: str = name, statements: str = statements) -> None:
            _run(target, statements)
            if name == _SENTENCES:
                _sentences_to_codes(db)

        migrations(name=name)(apply)
    migrations.apply(sqlite_utils.Database(db, execute_plugins=False))
    _mark(db)


def _mark(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={VERSION}")


_BEGUN_WITH = {4: "jobs", 5: "configuration_changes", 6: "objects", 7: "kept_attributes"}
"""The table that a migration from a version adds first."""


def is_begun(db: sqlite3.Connection, version: int) -> bool:
    """Return whether a migration from that version was started before and killed."""
    if version >= 4:
        return _has_table(db, _BEGUN_WITH.get(version, "originals"))
    return ("reason" if version < 3 else "target_ctime_ns") in _columns(db)


def _columns(db: sqlite3.Connection) -> set[str]:
    return {column for _, column, *_ in db.execute("PRAGMA table_info(records)")}


def _sentences_to_codes(db: sqlite3.Connection) -> None:
    """Convert sentences to codes, in batches; rows without a sentence are not touched."""
    query = "SELECT id, reason FROM records WHERE id > ? AND reason NOT NULL ORDER BY id LIMIT ?"
    update = "UPDATE records SET reason = ?, about = ?, number = ?, lost = ? WHERE id = ?"
    from fileorg.journal.sentences_v2 import reason_of

    last = 0
    while rows := db.execute(query, (last, _ROWS_AT_ONCE)).fetchall():
        db.executemany(update, [(*reason_of(str(text)), record) for record, text in rows])
        last = rows[-1][0]


def read_as_of_now(db: sqlite3.Connection) -> None:
    """Give an older journal that is open for reading the current schema: missing tables are empty, sentences are codes,
    and missing columns are NULL.

    The tables and views are private to the connection; nothing is written.
    """
    if not _has_table(db, "keepers"):
        # Only if missing: a temporary table hides a table of the same name.
        _run(db, _SECOND.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    later = {"jobs": _FIFTH, "configuration_changes": _SIXTH, "objects": _SEVENTH, "kept_attributes": _EIGHTH}
    for table, statements in {**later, "originals": _NINTH}.items():
        if not _has_table(db, table):
            _run(db, statements.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    if not _has_table(db, "companions"):
        db.execute("CREATE TEMP TABLE companions (record INTEGER PRIMARY KEY, leader INTEGER NOT NULL)")
    columns = _columns(db)
    if "error" not in columns:
        if "target_ctime_ns" not in columns:
            db.execute("CREATE TEMP VIEW records AS SELECT *, NULL AS target_ctime_ns FROM main.records")
        return
    for position, column in enumerate(_OF_REASON):
        db.create_function(f"{column}_of", 1, partial(_part_of, position), deterministic=True)
    # Most records have no sentence: call no function for them.
    parts = ", ".join(f"CASE WHEN error NOT NULL THEN {column}_of(error) END AS {column}" for column in _OF_REASON)
    db.execute(f"CREATE TEMP VIEW records AS SELECT {_OLD_COLUMNS}, {parts}, NULL AS target_ctime_ns FROM main.records")


def _part_of(position: int, text: object) -> str | bytes | int | None:
    from fileorg.journal.sentences_v2 import reason_of

    return reason_of(str(text))[position]


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    return bool(db.execute("SELECT 1 FROM main.sqlite_schema WHERE name = ?", (name,)).fetchall())


def _run(target: sqlite_utils.Database | sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            target.execute(statement)
