"""The backup of the journal that is made before a migration."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}


def set_aside(db: sqlite3.Connection, path: bytes, version: int) -> bytes:
    """Copy the journal, including its write-ahead log, to `path.v2` beside it, and return that path.

    Never overwrites a file. The copy is on disk when this returns. Raises `OSError`, `sqlite3.Error`.
    """
    part = path + b".part"
    with contextlib.suppress(FileNotFoundError):
        os.remove(part)  # left by a killed run
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(f"file:{quote(part)}?mode=rw", uri=True, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode=OFF")  # the copy is flushed as a whole, or discarded
        copy.execute("PRAGMA synchronous=OFF")
        db.backup(copy)
    _sync(part)
    kept = next(name for name in _names(path, version) if _is_named(part, name))
    with contextlib.suppress(FileNotFoundError):
        os.remove(part)
    _sync(os.path.dirname(path))
    return kept


def _names(path: bytes, version: int) -> Iterator[bytes]:
    """Yield `journal.db.v2`, `journal.db.v2-2` …"""
    first = b"%s.v%d" % (path, version)
    yield first
    for number in count(2):
        yield b"%s-%d" % (first, number)


def _is_named(part: bytes, name: bytes) -> bool:
    """Give the copy its final name. Return False if the name is taken."""
    try:
        os.link(part, name)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _is_renamed(part, name)
    return True


def _is_renamed(part: bytes, name: bytes) -> bool:
    """Rename the copy if hard links are not supported: an empty file, made with O_EXCL, reserves the name first."""
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    os.rename(part, name)
    return True


def _sync(path: bytes) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
