"""The journal's tables and how they came to be: one migration a version, numbered by `user_version`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    import sqlite_utils

APPLICATION_ID = 0x464F5247  # "FORG"
VERSION = 2
TABLES = frozenset({"operations", "folders", "records", "_sqlite_migrations"})
LATER_TABLES = frozenset({"roots", "keepers"})

_FIRST = """
CREATE TABLE operations (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,              -- organize, undo, redo
    root BLOB NOT NULL,              -- absolute path; base 0 of folders
    dest BLOB,                       -- absolute path; base 1, where it is another directory
    root_inode INTEGER NOT NULL,     -- by which an unmounted disk is noticed
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
    base INTEGER NOT NULL,           -- 0 root, 1 dest
    path BLOB NOT NULL,              -- relative to the base, empty for the base itself
    mode INTEGER,                    -- before the operation touched it; NULL where it was missing
    mtime_ns INTEGER,
    sealed_mtime_ns INTEGER,         -- after the operation
    UNIQUE (operation, base, path)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY,          -- also the sequence
    operation INTEGER NOT NULL,
    action TEXT NOT NULL,
    source_folder INTEGER, source_name BLOB,   -- NULL for folder actions
    target_folder INTEGER NOT NULL,
    target_name BLOB,                -- NULL: the same as source_name
    dev INTEGER, inode INTEGER, size INTEGER, mtime_ns INTEGER, mode INTEGER, nlink INTEGER,
    category TEXT,
    state TEXT NOT NULL,
    reverts INTEGER,                 -- the record that this one takes back
    target_inode INTEGER,            -- where it differs from inode: copies, placeholders
    target_mtime_ns INTEGER,         -- read back after a copy: file systems round it
    digest BLOB,
    error TEXT                       -- why it is not done, or what is to be known of it
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
    record INTEGER PRIMARY KEY,      -- what is done to a duplicate, or takes that back
    folder INTEGER NOT NULL, name BLOB NOT NULL,
    inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
);
"""


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to `VERSION`. sqlite_utils (75 ms) is imported only when there is something to do."""
    import sqlite_utils
    from sqlite_utils.migrations import Migrations

    migrations = Migrations("journal")

    @migrations(name="0001_operations_folders_records")
    def _first(target: sqlite_utils.Database) -> None:
        _run(target, _FIRST)

    @migrations(name="0002_roots_keepers")
    def _second(target: sqlite_utils.Database) -> None:
        _run(target, _SECOND)

    migrations.apply(sqlite_utils.Database(db, execute_plugins=False))
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={VERSION}")


def read_as_of_now(db: sqlite3.Connection) -> None:
    """Let an older journal that may only be read answer as one of today: with the later tables, empty."""
    db.executescript(_SECOND.replace("CREATE TABLE", "CREATE TEMP TABLE"))


def _run(target: sqlite_utils.Database, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            target.execute(statement)
