"""What files are and say by their content, stored as columns beside the index's batches, like digests.

A row holds a text for each file of a batch, joined by NUL: empty for a file that was not read. It is valid while the
batch is unchanged, and for one version of the readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.index.columns import FileBatch

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence


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

    def forget_stale(self) -> None:
        """Delete the evidence of batches that are gone."""
        self._db.execute("DELETE FROM evidence WHERE batch NOT IN (SELECT id FROM batches)")


def _texts(column: bytes | None, files: int) -> list[bytes]:
    texts = column.split(b"\0") if column else []
    return texts if len(texts) == files else [b""] * files


def _column(texts: Sequence[bytes]) -> bytes:
    return b"\0".join(texts) if any(texts) else b""
