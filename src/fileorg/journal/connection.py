"""Open the journal; refuse one that cannot be trusted."""

from __future__ import annotations

import os
import sqlite3

from fileorg.core.errors import JournalError
from fileorg.core.names import display
from fileorg.core.state import APPLICATION_ID
from fileorg.core.unwritten import content_of, open_to_read
from fileorg.journal.schema import (
    LATER_TABLES,
    TABLES,
    VERSION,
    create,
    is_begun,
    migrate,
    read_as_of_now,
)

_CHECK_ALWAYS_BYTES = 32 << 20
"""Up to this size the whole file is checked at each start (30 ms), above it only after an unclean shutdown."""

_COPIED_BYTES = 16 << 20
"""Up to this size a reader takes the whole journal into memory."""

_LOGGED_PAGES = 4000
"""A log of 16 MB is written back: a run of 60,000 files does that once, at its end, when each page is complete."""

_HINT = (
    "your files are untouched; restore the journal from a backup, or move it away to start a new one (earlier"
    " operations can then no longer be undone)"
)


_checked_files: list[tuple[int, int]] = []
_checks_once: list[bool] = []


def check_once() -> None:
    """Let this process check the pages of a journal at its first reading only: it serves, and reads at each request."""
    _checks_once.append(True)


def _is_checked(path: bytes) -> bool:
    return bool(_checks_once) and _identity(path) in _checked_files


def _identity(path: bytes) -> tuple[int, int]:
    seen = os.stat(path)
    return seen.st_dev, seen.st_ino


class JournalInMemory(sqlite3.Connection):
    """A journal in memory; `of` holds the device and inode numbers of its file."""

    of: tuple[int, int]


def connect(path: bytes, *, read_only: bool) -> sqlite3.Connection:
    """Return a checked connection; `read_only` is required without the run lock.

    Raises `JournalError` for a journal that is damaged, foreign, of a newer version, or not writable.
    """
    shown = display(path)
    unclean = _size(path + b"-wal") > 0
    try:
        db = _opened(path, read_only=read_only)
        try:
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("PRAGMA cache_size=-8000")
            _check_identity(db, shown)
            if (_size(path) <= _CHECK_ALWAYS_BYTES or unclean) and not (read_only and _is_checked(path)):
                _check_pages(db, shown)
                if _checks_once:
                    _checked_files.append(_identity(path))
            _check_schema(db, shown)
            if not read_only:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")
                db.execute(f"PRAGMA wal_autocheckpoint={_LOGGED_PAGES}")
                _bring_up_to_date(db, path)
            _check_tables(db, shown, empty_ok=read_only)
            if read_only and _pragma(db, "user_version") < VERSION:
                # Hold one snapshot while the journal is open: a writer may migrate it at any moment.
                db.execute("BEGIN")
                if _pragma(db, "user_version") < VERSION:
                    read_as_of_now(db)
                else:
                    db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise broken(path, error) from error
    except UnicodeDecodeError as error:  # SQLite's message quotes bytes of the file
        raise JournalError(f"The journal {shown} is damaged: unreadable text.", hint=_HINT) from error
    return db


def _opened(path: bytes, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection; a `read_only` one writes nothing, not even beside the journal."""
    if read_only and (copied := _in_memory(path)) is not None:
        return copied
    if read_only:
        return open_to_read(path)
    # Percent-encode every byte: paths are arbitrary bytes, and urllib takes 3 ms to import.
    return sqlite3.connect(f"file:%{path.hex('%')}?mode=rw", uri=True, isolation_level=None, timeout=30)


def _in_memory(path: bytes) -> sqlite3.Connection | None:
    """Return a small journal that no run writes as a database in memory: later runs do not disturb its reader."""
    if not hasattr(sqlite3.Connection, "deserialize"):  # optional in SQLite
        return None
    try:
        found = content_of(path, _COPIED_BYTES)
    except OSError:  # SQLite reports it
        return None
    if found is None:
        return None
    db = sqlite3.connect(":memory:", isolation_level=None, factory=JournalInMemory)
    content, db.of = found
    if content:
        db.deserialize(content)
    return db


def changed(path: bytes) -> JournalError:
    """Return the error to report when a run ended while this process read the journal."""
    return JournalError(f"The journal {display(path)} was changed while it was read.", hint="run the command again")


def _bring_up_to_date(db: sqlite3.Connection, path: bytes) -> None:
    """Migrate an older journal, after a backup. The next start completes a migration that was killed."""
    version = _pragma(db, "user_version")
    if version >= VERSION:
        return
    if not version and db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None:
        create(db)
        return
    if version and not is_begun(db, version):
        from fileorg.journal.backup import set_aside  # needed for migrations only

        try:
            set_aside(db, path, version)
        except OSError as error:
            raise JournalError(
                f"Could not back up the journal {display(path)} before its upgrade: {error.strerror}.",
                hint="nothing was changed; free some space beside the journal, then run the command again",
            ) from error
    migrate(db)


def log_replaced(path: bytes) -> JournalError:
    """Return the error to report when the log of the journal is no longer the one that this process writes."""
    if not os.path.lexists(path):
        return JournalError(
            f"Another program removed the journal {display(path)} during the run.",
            hint="no file is lost, but nothing can undo what was done so far, unless you put the journal back",
        )
    return JournalError(
        f"Another program removed the log of the journal {display(path)} during the run.",
        hint="nothing was changed that is not in the journal; run fileorg recover",
    )


def broken(path: bytes, error: sqlite3.Error) -> JournalError:
    """Return the error to report when SQLite fails on the journal."""
    shown = display(path)
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code & 0xFF == sqlite3.SQLITE_IOERR and _has_no_space(path):  # some of its calls fail on a full disk this way
        code = sqlite3.SQLITE_FULL
    match code & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return JournalError(f"The journal {shown} is damaged: {error}.", hint=_HINT)
        case sqlite3.SQLITE_FULL:
            return JournalError(
                f"The disk of the journal {shown} is full, and fileorg moves no file without journaling it.",
                hint="free some space, then run the command again; you can undo the files moved so far",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return JournalError(
                f"The journal {shown} cannot be written: {error}.",
                hint="check who owns the state directory, or give another one with --state-dir",
            )
        case _:
            return JournalError(
                f"The journal {shown} cannot be used: {error}.",
                hint="fileorg moves no file without journaling it; run the command again once the disk is healthy",
            )


def _has_no_space(path: bytes) -> bool:
    """Return whether nothing more can be written on the disk of the journal."""
    try:
        return os.statvfs(os.path.dirname(path)).f_bavail == 0
    except OSError:
        return False


def _check_identity(db: sqlite3.Connection, shown: str) -> None:
    application, version = _pragma(db, "application_id"), _pragma(db, "user_version")
    empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if application != APPLICATION_ID and not empty:
        # A crash in the first migration leaves fileorg's tables without its application id.
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if application or not names <= TABLES | LATER_TABLES.keys():
            raise JournalError(
                f"{shown} is a database of another program.",
                hint="give another state directory with --state-dir or FILEORG_HOME",
            )
    if version > VERSION:
        raise JournalError(
            f"The journal {shown} was written by a newer fileorg (schema {version}; this version supports up to"
            f" {VERSION}).",
            hint="update fileorg: pip install --upgrade fileorg",
        )


def _check_pages(db: sqlite3.Connection, shown: str) -> None:
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise JournalError(f"The journal {shown} is damaged: {display(found)}.", hint=_HINT)


def _check_schema(db: sqlite3.Connection, shown: str) -> None:
    """Refuse triggers and views: they would run foreign SQL, even during a migration."""
    query = "SELECT 1 FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1"
    if db.execute(query).fetchone() is not None:
        raise JournalError(f"The journal {shown} contains a trigger or view that fileorg did not create.", hint=_HINT)


def _check_tables(db: sqlite3.Connection, shown: str, *, empty_ok: bool) -> None:
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    tables = {name for (name,) in db.execute(query)}
    version = _pragma(db, "user_version")
    wanted = TABLES | {name for name, since in LATER_TABLES.items() if version >= since}
    if not tables >= wanted and not (empty_ok and not tables):
        raise JournalError(f"The journal {shown} is damaged: tables are missing.", hint=_HINT)


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
