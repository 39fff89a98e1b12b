"""A private database that SQLite deletes when it is closed, however the process ends."""

from __future__ import annotations

import sqlite3
from typing import TypeAlias

Scratch: TypeAlias = sqlite3.Connection


def scratch(schema: str, *, cache_kb: int = 8000) -> Scratch:
    """Open a database for the temporary data of a stage; its memory is limited to the cache.

    It is within one transaction, which never ends: SQLite would look through the cache after each statement.
    """
    db = sqlite3.connect("", isolation_level=None)
    db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA cache_size=-{cache_kb}; {schema}; BEGIN")
    return db
