"""What files are and say by their content, stored as columns beside the index's batches, like digests.

A row holds a text for each file of a batch, joined by NUL: empty for a file that was not read. It is valid while the
batch is unchanged, and for one version of the readers. When a batch changes, its texts are kept by inode and reused
where a file with the same facts appears: a new file makes no other file be read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.index.columns import FileBatch
from fileorg.index.kept_inodes import kept_inodes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.core.model import Entry

UNREAD = b"!"
"""The text of a file that could not be read."""
_SCANS_KEPT = 20


class KnownEvidence(NamedTuple):
    """A batch of the index, with a text for each of its files about its kind, and one about what it says of itself."""

    id: int
    batch: FileBatch
    fingerprint: bytes
    kinds: list[bytes]
    media: list[bytes]


class EvidenceColumns:
    """Reads and writes evidence. `Index.guarded` handles the errors of SQLite."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def folder(self, root_id: int, folder: bytes, reader: int) -> Iterator[KnownEvidence]:
        """Yield the batches of one folder. `reader` is the version of the readers."""
        query = (
            "SELECT b.id, b.fingerprint, e.kinds, e.media, folder, dev, files, names, numbers, leaders"
            " FROM batches b JOIN columns c ON c.batch = b.id LEFT JOIN evidence e ON e.batch = b.id"
            " AND e.fingerprint = b.fingerprint AND e.reader = ? WHERE root = ? AND folder = ? ORDER BY sequence"
        )
        for number, fingerprint, kinds, media, *columns in self._db.execute(
            query, (reader, root_id, folder)
        ).fetchall():
            batch = FileBatch(*columns)
            yield KnownEvidence(number, batch, fingerprint, _texts(kinds, batch.files), _texts(media, batch.files))

    def put(self, known: Iterable[KnownEvidence], reader: int) -> None:
        """Write the evidence of batches."""
        self._db.executemany(
            "INSERT OR REPLACE INTO evidence (batch, fingerprint, reader, kinds, media) VALUES (?, ?, ?, ?, ?)",
            ((each.id, each.fingerprint, reader, _column(each.kinds), _column(each.media)) for each in known),
        )

    # Files whose batch changed ----------------------------------------------------------------------------------------

    def set_aside(self, batch: int, born: int) -> None:
        """Move the evidence of a batch to its inodes before it is rewritten. `born` is the number of the scan."""
        self._copy_aside(batch, born)
        self._db.execute("DELETE FROM evidence WHERE batch = ?", (batch,))

    def _copy_aside(self, batch: int, born: int) -> None:
        row = self._db.execute(
            "SELECT reader, kinds, media, folder, dev, files, names, numbers, leaders FROM batches b"
            " JOIN columns c ON c.batch = b.id JOIN evidence e ON e.batch = b.id AND e.fingerprint = b.fingerprint"
            " WHERE b.id = ?",
            (batch,),
        ).fetchone()
        if row is None:
            return
        reader, kinds, media, *columns = row
        old = FileBatch(*columns)
        texts = zip(old.rows(), _texts(kinds, old.files), _texts(media, old.files), strict=True)
        self._db.executemany(
            "INSERT INTO spare_evidence (inode, dev, size, mtime_ns, ctime_ns, reader, kind, media, born)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (inode, dev) DO UPDATE SET size = ?3,"
            " mtime_ns = ?4, ctime_ns = ?5, reader = ?6, kind = ?7, media = ?8, born = ?9"
            " WHERE ctime_ns <= ?5",  # a moved file has a newer ctime
            (
                (inode, old.dev, size, mtime_ns, ctime_ns, reader, _read(kind), _read(said), born)
                for (_, size, mtime_ns, ctime_ns, inode, _, _), kind, said in texts
                if _read(kind) or _read(said)
            ),
        )

    def set_aside_stale(self, root_id: int, seen: int) -> None:
        """Keep the evidence of all batches of a tree that a scan did not see again."""
        stale = "SELECT id FROM batches JOIN evidence ON batch = id WHERE root = ? AND seen <> ?"
        for (batch,) in self._db.execute(stale, (root_id, seen)).fetchall():
            self.set_aside(batch, seen)
        self._db.execute("DELETE FROM spare_evidence WHERE born < ?", (seen - _SCANS_KEPT,))

    def set_aside_tree(self, root_id: int, born: int) -> None:
        """Keep the evidence of a whole tree by inode, too, before its files are moved: the plan is read meanwhile, and
        asks for that of the batches.
        """
        query = "SELECT id FROM batches JOIN evidence ON batch = id WHERE root = ?"
        for (batch,) in self._db.execute(query, (root_id,)).fetchall():
            self._copy_aside(batch, born)

    def has_relocated(self) -> bool:
        return self._db.execute("SELECT 1 FROM spare_evidence LIMIT 1").fetchone() is not None

    def kept_inodes(self, inodes: Iterable[int]) -> set[int]:
        """Return those of `inodes` for which evidence is kept, of any state of the file."""
        return kept_inodes(self._db, "spare_evidence", inodes)

    def is_relocated(self, entry: Entry) -> bool:
        """Return whether evidence is kept for the current state of the file."""
        query = (
            "SELECT 1 FROM spare_evidence WHERE inode = ? AND dev = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?"
        )
        facts = entry.inode, entry.dev, entry.size, entry.mtime_ns, entry.ctime_ns
        return self._db.execute(query, facts).fetchone() is not None

    def moved(self, entries: Iterable[Entry]) -> None:
        """Give kept evidence the new ctime of files that are otherwise unchanged."""
        self._db.executemany(
            "UPDATE spare_evidence SET ctime_ns = ? WHERE inode = ? AND dev = ? AND size = ? AND mtime_ns = ?",
            ((entry.ctime_ns, entry.inode, entry.dev, entry.size, entry.mtime_ns) for entry in entries),
        )

    def relocated(self, dev: int, facts: Sequence[int], reader: int) -> tuple[bytes, bytes]:
        """Return the kept texts of a file, empty for none. `facts`: inode, size, mtime_ns, ctime_ns."""
        found: tuple[bytes, bytes] | None = self._db.execute(
            "SELECT kind, media FROM spare_evidence"
            " WHERE inode = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND dev = ? AND reader = ?",
            (*facts, dev, reader),
        ).fetchone()
        return found or (b"", b"")


def _read(text: bytes) -> bytes:
    """Return a text, empty for that of a file that could not be read: the next run tries again."""
    return b"" if text == UNREAD else text


def _texts(column: bytes | None, files: int) -> list[bytes]:
    texts = column.split(b"\0") if column else []
    return texts if len(texts) == files else [b""] * files


def _column(texts: Sequence[bytes]) -> bytes:
    return b"\0".join(texts) if any(texts) else b""
