"""Kept rows of many files are found by one query for hundreds of inodes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from fileorg.index.kept_inodes import kept_inodes


@pytest.mark.parametrize("count", [0, 1, 512, 513, 2000])
def test_every_second_inode_is_kept(count: int) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE spare (inode INTEGER, dev INTEGER, PRIMARY KEY (inode, dev)) WITHOUT ROWID")
        db.executemany("INSERT INTO spare VALUES (?, 1)", ((inode,) for inode in range(0, 5000, 2)))
        assert kept_inodes(db, "spare", range(count)) == set(range(0, count, 2))
