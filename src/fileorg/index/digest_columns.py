"""Known digests of contents, as columns beside the batches, valid while the batch is unchanged.

A digest holds for a file of one device, inode, size, mtime and ctime. When a batch changes, its digests are kept by
inode and reused when a file with the same facts appears elsewhere.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.index.columns import FileBatch
from fileorg.index.kept_inodes import kept_inodes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.core.model import Entry

TABLES = ("digests", "spare", "linked")
SCHEMA = """
CREATE TABLE digests (
    batch INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL, wholes BLOB NOT NULL, ends BLOB NOT NULL);
CREATE TABLE spare (
    inode INTEGER NOT NULL, dev INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, whole BLOB NOT NULL, ends BLOB NOT NULL, born INTEGER NOT NULL,
    PRIMARY KEY (inode, dev)) WITHOUT ROWID;
CREATE TABLE linked (
    inode INTEGER NOT NULL, dev INTEGER NOT NULL, size INTEGER NOT NULL, batch INTEGER, position INTEGER,
    PRIMARY KEY (inode, dev)) WITHOUT ROWID;
"""
FULL_WIDTH, EDGE_WIDTH = 16, 8
_BATCHES_AT_A_TIME = 16
"""In flat folders, each has some 350 KB, and those of two reads are held for a moment."""
_SCANS_KEPT = 20
_NO_FULL_DIGEST, _NO_EDGE_DIGEST = bytes(FULL_WIDTH), bytes(EDGE_WIDTH)


class Digested(NamedTuple):
    """A batch of the index with the digests of its files: 16 bytes for the whole content, 8 for both ends, zeros if
    unknown.

    A column without any digest is empty.
    """

    id: int
    batch: FileBatch
    fingerprint: bytes
    full_digests: bytes
    edge_digests: bytes

    def full_keys(self) -> array[int]:
        """Return the first half of each digest of the whole content as a number; 0 if unknown."""
        return array("Q", self.full_digests or bytes(self.batch.files * FULL_WIDTH))[::2]

    def edge_keys(self) -> array[int]:
        """Return each digest of both ends as a number; 0 if unknown."""
        return array("Q", self.edge_digests or bytes(self.batch.files * EDGE_WIDTH))


class Columns:
    """The digests of a batch, writable."""

    def __init__(self, full_digests: bytes, edge_digests: bytes, files: int = 0) -> None:
        """Start from two columns, or from nothing for `files` files."""
        self._full_digests = bytearray(full_digests or files * FULL_WIDTH)
        self._edge_digests = bytearray(edge_digests or len(self._full_digests) // FULL_WIDTH * EDGE_WIDTH)

    def set(self, position: int, whole: bytes | None, edge_digests: bytes | None) -> None:
        """Set the digests of one file; None keeps the current one."""
        if whole is not None:
            self._full_digests[position * FULL_WIDTH : (position + 1) * FULL_WIDTH] = whole
        if edge_digests is not None:
            self._edge_digests[position * EDGE_WIDTH : (position + 1) * EDGE_WIDTH] = edge_digests

    def packed(self) -> tuple[bytes, bytes]:
        """Return (full digests, edge digests); a column without any digest is empty."""
        return bytes(self._full_digests) if any(self._full_digests) else b"", bytes(self._edge_digests) if any(
            self._edge_digests
        ) else b""


class Digests:
    """Reads and writes digests. `Index.guarded` handles the errors of SQLite."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def walk(self, root_id: int, *, only: str = "1") -> Iterator[Digested]:
        """Yield the batches of a tree by folder, with digests; others may write meanwhile. `only` is trusted SQL."""
        folder, sequence = b"", -1
        query = (
            "SELECT b.id, b.sequence, b.fingerprint, d.fingerprint, d.wholes, d.ends,"
            " folder, dev, files, names, numbers, leaders FROM batches b JOIN columns c ON c.batch = b.id"
            " LEFT JOIN digests d ON d.batch = b.id"
            f" WHERE root = ? AND (folder, sequence) > (?, ?) AND {only} ORDER BY folder, sequence LIMIT ?"
        )
        while rows := self._db.execute(query, (root_id, folder, sequence, _BATCHES_AT_A_TIME)).fetchall():
            for number, sequence, fingerprint, valid_for, full_digests, edge_digests, folder, *columns in rows:  # noqa: B007
                if valid_for != fingerprint:
                    full_digests = edge_digests = b""  # noqa: PLW2901
                yield Digested(number, FileBatch(folder, *columns), fingerprint, full_digests, edge_digests)

    def names_of(self, batch: int) -> tuple[bytes, list[bytes]]:
        """Return the folder of a batch and the names in it."""
        folder, names = self._db.execute(
            "SELECT folder, names FROM batches JOIN columns ON batch = id WHERE id = ?", (batch,)
        ).fetchone()
        return folder, names.split(b"\0")

    def put(self, batches: Iterable[Digested]) -> None:
        """Write the digests of batches."""
        self._db.executemany(
            "INSERT OR REPLACE INTO digests (batch, fingerprint, wholes, ends) VALUES (?, ?, ?, ?)",
            ((known.id, known.fingerprint, known.full_digests, known.edge_digests) for known in batches),
        )

    def forget(self, batch: int, positions: Iterable[int]) -> None:
        """Delete the digests of some files of a batch, if it has any."""
        row = self._db.execute("SELECT wholes, ends FROM digests WHERE batch = ?", (batch,)).fetchone()
        if row is None:
            return
        columns = Columns(*row)
        for position in positions:
            columns.set(position, _NO_FULL_DIGEST, _NO_EDGE_DIGEST)
        self._db.execute("UPDATE digests SET wholes = ?, ends = ? WHERE batch = ?", (*columns.packed(), batch))

    def forget_tree(self, root_id: int) -> None:
        """Delete all digests of a tree, also those that are kept by inode for its file systems."""
        self._db.execute("DELETE FROM digests WHERE batch IN (SELECT id FROM batches WHERE root = ?)", (root_id,))
        devices = "SELECT dev FROM batches JOIN columns ON batch = id WHERE root = ?"
        self._db.execute(f"DELETE FROM spare WHERE dev IN ({devices})", (root_id,))

    # Files whose batch changed ----------------------------------------------------------------------------------------

    def set_aside(self, batch: int, born: int) -> None:
        """Keep the digests of a batch by inode before it is rewritten. `born` is the number of the scan."""
        row = self._db.execute(
            "SELECT wholes, ends, folder, dev, files, names, numbers, leaders FROM batches b"
            " JOIN columns c ON c.batch = b.id JOIN digests d ON d.batch = b.id AND d.fingerprint = b.fingerprint"
            " WHERE b.id = ?",
            (batch,),
        ).fetchone()
        if row is None:
            return
        full_digests, edge_digests, *columns = row
        self._db.executemany(
            "INSERT INTO spare (inode, dev, size, mtime_ns, ctime_ns, whole, ends, born)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (inode, dev) DO UPDATE SET size = ?3, mtime_ns = ?4,"
            " ctime_ns = ?5, whole = ?6, ends = ?7, born = ?8 WHERE ctime_ns <= ?5",  # a moved file has a newer ctime
            ((*facts, born) for facts in _known_files(FileBatch(*columns), full_digests, edge_digests)),
        )
        self._db.execute("DELETE FROM digests WHERE batch = ?", (batch,))

    def set_aside_stale(self, root_id: int, seen: int) -> None:
        """Keep the digests of all batches of a tree that a scan did not see again."""
        stale = "SELECT id FROM batches JOIN digests ON batch = id WHERE root = ? AND seen <> ?"
        for (batch,) in self._db.execute(stale, (root_id, seen)).fetchall():
            self.set_aside(batch, seen)
        self._db.execute("DELETE FROM spare WHERE born < ?", (seen - _SCANS_KEPT,))

    def set_aside_tree(self, root_id: int, born: int) -> None:
        """Keep the digests of a whole tree before its files are moved."""
        query = "SELECT id FROM batches JOIN digests ON batch = id WHERE root = ?"
        for (batch,) in self._db.execute(query, (root_id,)).fetchall():
            self.set_aside(batch, born)

    def kept_inodes(self, inodes: Iterable[int]) -> set[int]:
        """Return those of `inodes` for which a digest is kept, of any state of the file."""
        return kept_inodes(self._db, "spare", inodes)

    def is_relocated(self, entry: Entry) -> bool:
        """Return whether a kept digest is valid for the current state of the file."""
        return self.relocated(entry.inode, entry.dev, (entry.size, entry.mtime_ns, entry.ctime_ns)) is not None

    def moved(self, entries: Iterable[Entry]) -> None:
        """Give kept digests the new ctime of files that are otherwise unchanged."""
        self._db.executemany(
            "UPDATE spare SET ctime_ns = ? WHERE inode = ? AND dev = ? AND size = ? AND mtime_ns = ?",
            ((entry.ctime_ns, entry.inode, entry.dev, entry.size, entry.mtime_ns) for entry in entries),
        )

    def has_relocated(self) -> bool:
        return self._db.execute("SELECT 1 FROM spare LIMIT 1").fetchone() is not None

    def relocated(self, inode: int, dev: int, facts: Sequence[int]) -> tuple[bytes, bytes] | None:
        """Return the kept (full digest, edge digest) of a file of another batch. `facts`: size, mtime_ns, ctime_ns."""
        found: tuple[bytes, bytes] | None = self._db.execute(
            "SELECT whole, ends FROM spare WHERE inode = ? AND dev = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?",
            (inode, dev, *facts),
        ).fetchone()
        return found

    # Hard links: a file with several names is read once ---------------------------------------------------------------

    def forget_links(self) -> None:
        self._db.execute("DELETE FROM linked")

    def add_links(self, files: Iterable[tuple[int, int, int]]) -> None:
        """Add (inode, dev, size) of files with several names."""
        self._db.executemany("INSERT OR IGNORE INTO linked (inode, dev, size) VALUES (?, ?, ?)", files)

    def linked_sizes(self) -> Iterator[int]:
        """Yield the sizes of files with several names, each file once."""
        return (size for (size,) in self._db.execute("SELECT size FROM linked"))

    def is_first_link(self, inode: int, dev: int, batch: int, position: int) -> bool:
        """Return whether this is the first name of the file to be asked about: the file is read by this name."""
        query = "UPDATE linked SET batch = ?, position = ? WHERE inode = ? AND dev = ? AND batch IS NULL"
        return self._db.execute(query, (batch, position, inode, dev)).rowcount == 1

    def of_first_link(self, inode: int, dev: int) -> tuple[bytes, bytes]:
        """Return (full digest, edge digest) from the name by which the file was read."""
        row = self._db.execute(
            "SELECT substr(wholes, position * 16 + 1, 16), substr(ends, position * 8 + 1, 8)"
            " FROM linked JOIN digests USING (batch) WHERE inode = ? AND dev = ?",
            (inode, dev),
        ).fetchone()
        whole, edge_digests = row or (b"", b"")
        return whole or _NO_FULL_DIGEST, edge_digests or _NO_EDGE_DIGEST


def _known_files(
    batch: FileBatch, full_digests: bytes, edge_digests: bytes
) -> Iterator[tuple[int, int, int, int, int, bytes, bytes]]:
    """Yield (inode, dev, size, mtime_ns, ctime_ns, full digest, edge digest) of each file with a known digest."""
    for position, (_, size, mtime_ns, ctime_ns, inode, _, _) in enumerate(batch.rows()):
        whole = full_digests[position * FULL_WIDTH : (position + 1) * FULL_WIDTH] or _NO_FULL_DIGEST
        edge = edge_digests[position * EDGE_WIDTH : (position + 1) * EDGE_WIDTH] or _NO_EDGE_DIGEST
        if whole != _NO_FULL_DIGEST or edge != _NO_EDGE_DIGEST:
            yield inode, batch.dev, size, mtime_ns, ctime_ns, whole, edge
