"""The keys of a store that a command has listed, by path: on disk, so that any number fits into the memory of a page.

A store knows keys, not folders. One listing in the order of the keys passes through all folders at once; the folders
are told apart here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.names import NO_NAMES, with_parents
from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SCHEMA = (
    "CREATE TABLE keys (path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, etag TEXT NOT NULL,"
    " storage_class TEXT NOT NULL)"
    " WITHOUT ROWID; CREATE TABLE held (folder BLOB PRIMARY KEY) WITHOUT ROWID;"
)
_ROWS_READ = 1000
_ONLY_A_FOLDER = -1
"""The size that stands for a folder of which nothing else is known."""
_AFTER_SLASH = b"0"
"""The byte after the slash: a path of a folder with it sorts just behind all paths in that folder."""


class KnownKey(NamedTuple):
    """What a listing says of a key. `path` is relative to the root; times as in `core.model.Entry`."""

    path: bytes
    size: int
    mtime_ns: int
    etag: str
    storage_class: str = "STANDARD"


class KnownKeys:
    """The listed keys of one root, and the folders that are listed completely."""

    def __init__(self) -> None:
        self._db = scratch(_SCHEMA)
        self._folders: set[bytes] = set()
        self._trees: set[bytes] = set()

    def close(self) -> None:
        self._db.close()

    def add(self, keys: Iterable[KnownKey]) -> None:
        """Add listed keys, or replace what was known of them."""
        self._db.executemany("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)", keys)

    def add_folders(self, paths: Iterable[bytes]) -> None:
        """Add folders whose keys were not listed."""
        self._db.executemany(
            "INSERT OR IGNORE INTO keys VALUES (?, ?, 0, '', '')", [(path + b"/", _ONLY_A_FOLDER) for path in paths]
        )

    def drop(self, paths: Iterable[bytes]) -> None:
        """Forget keys that are gone."""
        self._db.executemany("DELETE FROM keys WHERE path = ?", [(path,) for path in paths])

    def hold(self, folders: Iterable[bytes]) -> None:
        """Add folders in which there is something that no listing of them shows, and that stays."""
        self._db.executemany("INSERT OR IGNORE INTO held VALUES (?)", [(folder,) for folder in folders])

    def held(self) -> Iterator[bytes]:
        """Yield these folders."""
        last = b""
        while rows := self._db.execute(
            f"SELECT folder FROM held WHERE folder > ? ORDER BY folder LIMIT {_ROWS_READ}", (last,)
        ).fetchall():
            yield from (folder for (folder,) in rows)
            last = rows[-1][0]

    def is_held(self, folder: bytes) -> bool:
        """Return whether there is such a key in the folder, at any depth."""
        query = "SELECT 1 FROM held WHERE folder = ? OR (folder > ? AND folder < ?) LIMIT 1"
        return self._db.execute(query, (folder, folder + b"/", folder + _AFTER_SLASH)).fetchone() is not None

    def is_listed(self, folder: bytes) -> bool:
        """Return whether all names directly in the folder are known."""
        if folder in self._folders or b"" in self._trees or folder in self._trees:
            return True
        return bool(self._trees) and any(above in self._trees for above in with_parents(folder))

    def has_listed(self, folder: bytes, *, whole_tree: bool = False) -> None:
        """Note that a folder was listed completely, or all that is below it."""
        (self._trees if whole_tree else self._folders).add(folder)

    def key(self, path: bytes) -> KnownKey | None:
        """Return what is known of a key."""
        row = self._db.execute("SELECT * FROM keys WHERE path = ? AND size >= 0", (path,)).fetchone()
        return None if row is None else KnownKey(*row)

    def has_folder(self, path: bytes) -> bool:
        """Return whether a known key begins with the path and a slash."""
        query = "SELECT 1 FROM keys WHERE path >= ? AND path < ? LIMIT 1"
        return self._db.execute(query, (path + b"/", path + _AFTER_SLASH)).fetchone() is not None

    def in_folder(self, folder: bytes) -> Iterator[KnownKey | bytes]:
        """Yield the keys directly in a folder and the names of its subfolders, in order; the marker of a subfolder in
        place of its name, if it has one.
        """
        above = folder + b"/" if folder else b""
        position, end = above, folder + _AFTER_SLASH if folder else None
        while True:
            rows = self._from(position, end)
            for row in rows:
                inside = row[0][len(above) :]
                name, slash, _ = inside.partition(b"/")
                if not slash:
                    if name:  # otherwise the marker of the folder itself
                        yield KnownKey(*row)
                    continue
                is_marker = len(inside) == len(name) + 1 and row[1] != _ONLY_A_FOLDER
                yield KnownKey(*row) if is_marker else name
                position = above + name + _AFTER_SLASH
                break  # everything in that subfolder is passed over
            else:
                if len(rows) < _ROWS_READ:
                    return
                position = rows[-1][0] + b"\0"

    def _from(self, position: bytes, end: bytes | None) -> list[tuple[bytes, int, int, str, str]]:
        if end is None:
            query = f"SELECT * FROM keys WHERE path >= ? ORDER BY path LIMIT {_ROWS_READ}"
            return self._db.execute(query, (position,)).fetchall()
        query = f"SELECT * FROM keys WHERE path >= ? AND path < ? ORDER BY path LIMIT {_ROWS_READ}"
        return self._db.execute(query, (position, end)).fetchall()


def plain_above(path: bytes) -> bytes:
    """Return the deepest folder on the way to an odd key that is a plain path."""
    parts = path.split(b"/")[:-1]
    odd = next((at for at, part in enumerate(parts) if part in NO_NAMES or 0 in part), len(parts))
    return b"/".join(parts[:odd])


def is_odd(path: bytes) -> bool:
    """Return whether a key is no plain path: it has an empty part, `.` or `..`, or NUL. One slash at the end makes it
    the marker of a folder.
    """
    return 0 in path or not NO_NAMES.isdisjoint(path.removesuffix(b"/").split(b"/"))
