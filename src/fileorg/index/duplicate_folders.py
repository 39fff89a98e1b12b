"""Duplicate folders: candidates, groups, and partial folders, which have entries that the scan skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

TABLES = ("partial", "twins", "twin_groups")
INDEXES = ("twins_by_above", "twins_by_digest")
SCHEMA = """
CREATE TABLE partial (root BLOB NOT NULL, folder BLOB NOT NULL, PRIMARY KEY (root, folder)) WITHOUT ROWID;
CREATE TABLE twins (
    root INTEGER NOT NULL, folder BLOB NOT NULL, depth INTEGER NOT NULL, above BLOB NOT NULL, digest BLOB NOT NULL,
    files INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (root, folder)) WITHOUT ROWID;
CREATE INDEX twins_by_above ON twins (root, above, depth);
CREATE INDEX twins_by_digest ON twins (digest);
CREATE TABLE twin_groups (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL, folders INTEGER NOT NULL, files INTEGER NOT NULL,
    bytes INTEGER NOT NULL);
"""


class DuplicateFolder(NamedTuple):
    """A folder and the digest of its whole tree. `root` is the position of its tree in the searched trees."""

    root: int
    folder: bytes
    digest: bytes
    files: int
    size_bytes: int


class DuplicateFolderGroup(NamedTuple):
    """Folders with the same names and contents. Files and bytes are those of one folder."""

    id: int
    digest: bytes
    files: int
    size_bytes: int
    members: list[tuple[int, bytes]]


class DuplicateFolders:
    """Replaced at each search, except for the partial folders, which are stored by tree."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # During a scan ----------------------------------------------------------------------------------------------------

    def forget_partial(self, root: bytes) -> None:
        self._db.execute("DELETE FROM partial WHERE root = ?", (root,))

    def add_partial(self, root: bytes, folder: bytes) -> None:
        """Record that a folder has entries beside its indexed files."""
        self._db.execute("INSERT OR IGNORE INTO partial VALUES (?, ?)", (root, folder))

    # After the scan ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Delete the results of the last search."""
        self._db.execute("DELETE FROM twins")
        self._db.execute("DELETE FROM twin_groups")

    def put(self, duplicate: DuplicateFolder) -> None:
        """Add or replace a folder."""
        above = duplicate.folder.rpartition(b"/")[0]
        self._db.execute(
            "INSERT OR REPLACE INTO twins VALUES (?, ?, ?, ?, ?, ?, ?)",
            (duplicate.root, duplicate.folder, depth_of(duplicate.folder), above, *duplicate[2:]),
        )

    def drop(self, root: int, folder: bytes) -> None:
        self._db.execute("DELETE FROM twins WHERE root = ? AND folder = ?", (root, folder))

    def deepest(self) -> int:
        """Return the greatest depth of any folder, -1 if there is none."""
        return int(self._db.execute("SELECT coalesce(max(depth), -1) FROM twins").fetchone()[0])

    def to_judge(self, depth: int) -> list[tuple[int, bytes]]:
        """Return (root, folder) of the folders at a depth that are known themselves or have a known subfolder."""
        query = (
            "SELECT root, folder FROM twins WHERE depth = ?1"
            " UNION SELECT root, above FROM twins WHERE depth = ?1 + 1 AND folder <> x''"
        )
        return self._db.execute(query, (depth,)).fetchall()

    def get(self, root: int, folder: bytes) -> DuplicateFolder | None:
        query = "SELECT root, folder, digest, files, bytes FROM twins WHERE root = ? AND folder = ?"
        row = self._db.execute(query, (root, folder)).fetchone()
        return DuplicateFolder(*row) if row else None

    def inside(self, root: int, folder: bytes) -> list[DuplicateFolder]:
        """Return the known direct subfolders of a folder, by name."""
        query = (
            "SELECT root, folder, digest, files, bytes FROM twins WHERE root = ? AND above = ? AND depth = ?"
            " ORDER BY folder"
        )
        return [DuplicateFolder(*row) for row in self._db.execute(query, (root, folder, depth_of(folder) + 1))]

    def files_below(self, tree: int, path: bytes, folder: bytes) -> int:
        """Return the number of indexed files in a folder and below; -1 if any of the folders is partial."""
        within, bounds = "", list[bytes]()  # the whole tree: no name sorts after all others
        if folder:
            within = "AND (folder = ? OR (folder > ? AND folder < ?))"
            bounds = [folder, folder + b"/", folder + b"0"]
        query = f"SELECT 1 FROM partial WHERE root = ? {within} LIMIT 1"
        if self._db.execute(query, (path, *bounds)).fetchone() is not None:
            return -1
        query = f"SELECT sum(files) FROM batches JOIN columns ON batch = id WHERE root = ? {within}"
        return int(self._db.execute(query, (tree, *bounds)).fetchone()[0] or 0)

    def finish(self) -> None:
        """Group equal folders, largest first, without those that are only parts of larger groups."""
        several = "SELECT digest FROM twins GROUP BY digest HAVING count(*) > 1"
        part = (
            "SELECT 1 FROM twins larger WHERE larger.root = twins.root AND larger.folder = twins.above"
            f" AND twins.folder <> x'' AND larger.digest IN ({several})"
        )
        self._db.execute(
            "INSERT INTO twin_groups (digest, folders, files, bytes) SELECT digest, count(*), max(files), max(bytes)"
            f" FROM twins GROUP BY digest HAVING count(*) > 1 AND sum(NOT EXISTS ({part})) > 0"
            " ORDER BY (count(*) - 1) * max(bytes) DESC, digest"
        )

    def groups(self) -> Iterator[DuplicateFolderGroup]:
        """Yield the groups, most wasted space first."""
        for number, digest, files, size_bytes in self._db.execute(
            "SELECT id, digest, files, bytes FROM twin_groups ORDER BY id"
        ).fetchall():
            members = "SELECT root, folder FROM twins WHERE digest = ? ORDER BY root, folder"
            yield DuplicateFolderGroup(
                number, digest, files, size_bytes, self._db.execute(members, (digest,)).fetchall()
            )

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM twin_groups").fetchone()[0])

    def group_of(self, root: int, folder: bytes) -> int | None:
        """Return the number of a folder's group."""
        query = "SELECT id FROM twins JOIN twin_groups USING (digest) WHERE root = ? AND folder = ?"
        row = self._db.execute(query, (root, folder)).fetchone()
        return row[0] if row else None


def depth_of(folder: bytes) -> int:
    return folder.count(b"/") + 1 if folder else 0
