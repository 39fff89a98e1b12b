"""Read databases of the state directory without a write, also where nothing can be written."""

from __future__ import annotations

import contextlib
import os
import sqlite3

_MODE = slice(18, 20)
"""The bytes with the journal mode in the header of a database (sqlite.org/fileformat.html)."""


def open_to_read(path: bytes) -> sqlite3.Connection:
    """Return a connection that reads a database in WAL mode and writes nothing. Raises `sqlite3.Error`.

    A plain read-only connection creates `-wal` and `-shm` beside the database, and writes its marks into `-shm`.
    """
    if not _size(path + b"-wal"):
        return _opened(path, "immutable=1")
    if not _size(path + b"-shm"):  # of a killed run, without the index of its log: SQLite makes one in memory
        return _opened(path, "mode=ro&vfs=unix-none", "PRAGMA locking_mode=EXCLUSIVE")
    try:
        return _opened(path, "mode=ro&readonly_shm=1")
    except sqlite3.OperationalError:  # a run has just begun or ended
        return _opened(path, "mode=ro")


def _opened(path: bytes, how: str, first: str = "") -> sqlite3.Connection:
    # Percent-encode every byte: paths are arbitrary bytes, and urllib takes 3 ms to import.
    db = sqlite3.connect(f"file:%{path.hex('%')}?{how}", uri=True, isolation_level=None, timeout=30)
    try:
        db.execute(first)
        db.execute("SELECT 1 FROM sqlite_schema")
    except BaseException:
        db.close()
        raise
    return db


def content_of(path: bytes, limit: int) -> tuple[bytes, tuple[int, int]] | None:
    """Return the content of a database in WAL mode, and its device and inode numbers; None if it is larger than `limit`
    bytes, has a log, or changes now.

    In the content, the mode is that of a database without a log, which can be opened in memory. Raises `OSError`.
    """
    if _size(path + b"-wal"):  # another thread may have it open: to close it here would end the locks of SQLite
        return None
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(fd, "rb", buffering=0) as file:
        seen = os.fstat(fd)
        before = _facts(seen)
        if seen.st_size > limit or _size(path + b"-wal"):
            return None
        content = bytearray(file.readall())
        if len(content) != seen.st_size or _facts(os.fstat(fd)) != before or _size(path + b"-wal"):
            return None
    content[_MODE] = b"\1\1"[: len(content[_MODE])]
    return bytes(content), (seen.st_dev, seen.st_ino)


class Watch:
    """Tells if a database that is read without locks was changed meanwhile."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        has_locks = _size(path + b"-wal") and _size(path + b"-shm")
        self._was = None if has_locks else _version(path)

    @property
    def is_needed(self) -> bool:
        return self._was is not None

    @property
    def has_changed(self) -> bool:
        return self._was is not None and _version(self._path) != self._was


def _version(path: bytes) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        return _facts(os.stat(path))
    return ()


def _facts(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
