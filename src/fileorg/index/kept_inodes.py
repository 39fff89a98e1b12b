"""Which of many files a table of kept rows may know, by inode: one query for hundreds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_INODES_A_QUERY = 512
_FEW_ROWS = 500
"""Up to this number, all rows are read sooner than a few thousand inodes are looked up."""


def kept_inodes(db: sqlite3.Connection, table: str, inodes: Iterable[int]) -> set[int]:
    """Return those of `inodes` that are in a table."""
    few = db.execute(f"SELECT inode FROM {table} LIMIT {_FEW_ROWS + 1}").fetchall()
    if len(few) <= _FEW_ROWS:
        return {inode for (inode,) in few}.intersection(inodes)
    found = set[int]()
    for some in in_batches(iter(inodes), _INODES_A_QUERY):
        query = f"SELECT inode FROM {table} WHERE inode IN ({', '.join('?' * len(some))})"
        found.update(inode for (inode,) in db.execute(query, some))
    return found
