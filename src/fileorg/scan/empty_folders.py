"""Find empty folders while folders arrive in any order, and collect the other leftovers of a tree.

The findings are in a private database, not in memory. A folder that holds a file, as nearly all do, is never stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from fileorg.core.model import Entry
from fileorg.core.names import from_tree_key, split, tree_key
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.scratch import Scratch, scratch
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SCHEMA = """
CREATE TABLE waiting (folder BLOB PRIMARY KEY, folders INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE stays (key BLOB PRIMARY KEY, code TEXT, about BLOB, number INTEGER) WITHOUT ROWID;
CREATE TABLE led_to (dev INTEGER NOT NULL, inode INTEGER NOT NULL, PRIMARY KEY (dev, inode)) WITHOUT ROWID;
CREATE TABLE held (
    key BLOB NOT NULL, name BLOB NOT NULL, code TEXT NOT NULL, about BLOB, number INTEGER, PRIMARY KEY (key, name)
    ) WITHOUT ROWID;
CREATE TABLE names (
    key BLOB NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, mode INTEGER NOT NULL, nlink INTEGER NOT NULL, dev INTEGER NOT NULL,
    PRIMARY KEY (key, name)) WITHOUT ROWID;
"""


class FolderPart(NamedTuple):
    """A part of a folder that was read: the number of subfolders that are read too, and whether anything else stays."""

    folder: bytes
    folders: int
    stays: bool


class Leftovers:
    """The leftovers of a tree. Parents arrive before the folders in them, the parts of a folder one after the other.

    SQLite deletes the database when it is closed, however the process ends.
    """

    def __init__(self, *, remember: bool = False) -> None:
        """`remember` stores the names too, not only the number of empty folders."""
        self._db: Scratch | None = None
        self._remember = remember
        self._part = FolderPart(b"", 0, stays=True)
        self._empty = 0
        self._has_led_to = self._has_held = False

    def _open(self) -> Scratch:
        """Return the database, made when it is first needed: most trees never need it."""
        if self._db is None:
            self._db = scratch(_SCHEMA, cache_kb=4000)
        return self._db

    # While a tree is read -----------------------------------------------------------------------------------------

    def add(self, part: FolderPart, goes: Sequence[Entry] = (), led_to: Sequence[tuple[int, int]] = ()) -> None:
        """Add a part of a folder, the files and links in it to remove, and (dev, inode) of other links' targets."""
        known = self._part
        if part.folder == known.folder:
            self._part = FolderPart(part.folder, known.folders + part.folders, known.stays or part.stays)
        else:
            self._settle()
            self._part = part
        if goes and self._remember:
            key = tree_key(part.folder)
            self._open().executemany(
                "INSERT OR REPLACE INTO names (key, name, size, mtime_ns, ctime_ns, inode, mode, nlink, dev)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((key, *entry) for entry in goes),
            )
        if led_to and self._remember:
            self._has_led_to = True
            self._open().executemany("INSERT OR IGNORE INTO led_to VALUES (?, ?)", led_to)

    def _settle(self) -> None:
        """Judge the current folder, now complete: it is empty, or is once its subfolders are, or is not empty."""
        folder, folders, stays = self._part
        self._part = FolderPart(b"", 0, stays=True)
        if stays or not folder:  # the root is never called empty
            return
        if folders:
            self._open().execute("INSERT OR REPLACE INTO waiting VALUES (?, ?)", (folder, folders))
            return
        while self._is_empty(folder):
            folder, _ = split(folder)

    def _is_empty(self, folder: bytes) -> bool:
        """Note an empty folder. Return whether its parent is empty now, too."""
        self._empty += 1
        if self._remember:
            self._open().execute("INSERT OR REPLACE INTO folders VALUES (?)", (tree_key(folder),))
        above, _ = split(folder)
        if self._db is None or not above:
            return False
        self._db.execute("UPDATE waiting SET folders = folders - 1 WHERE folder = ?", (above,))
        row = self._db.execute("SELECT folders FROM waiting WHERE folder = ?", (above,)).fetchone()
        return row is not None and row[0] == 0

    def end(self) -> int:
        """Finish the tree. Return the number of empty folders."""
        self._settle()
        return self._empty

    # Afterwards -----------------------------------------------------------------------------------------------------

    def names(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield (folder, entry) of the files and links to remove, by folder, parents first."""
        if self._db is not None:
            rows = self._db.execute(
                "SELECT key, name, size, mtime_ns, ctime_ns, inode, mode, nlink, dev FROM names ORDER BY key, name"
            )
            for key, *entry in rows:
                yield from_tree_key(key), Entry(*entry)

    def hold(self, folder: bytes, name: bytes, reason: Reason) -> None:
        """Note why a file or a link stays."""
        self._has_held = True
        self._open().execute(
            "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", (tree_key(folder), name, *reason[:3])
        )

    def held(self, folder: bytes, name: bytes) -> Reason | None:
        """Return why a file or a link stays, None if no reason was noted."""
        if self._db is None or not self._has_held:
            return None
        query = "SELECT code, about, number FROM held WHERE key = ? AND name = ?"
        row = self._db.execute(query, (tree_key(folder), name)).fetchone()
        return None if row is None else Reason(ReasonCode(row[0]), *row[1:])

    def is_led_to(self, entry: Entry) -> bool:
        """Return whether a symlink leads to the entry."""
        if self._db is None or not self._has_led_to:
            return False
        query = "SELECT 1 FROM led_to WHERE dev = ? AND inode = ?"
        return self._db.execute(query, (entry.dev, entry.inode)).fetchone() is not None

    def keep(self, folder: bytes) -> None:
        """Note that something in the folder stays: neither the folder nor its parents are empty."""
        self._keep(folder, None)

    def _keep(self, folder: bytes, reason: Reason | None) -> None:
        db = self._open()
        if reason is None and db.execute("SELECT 1 FROM stays WHERE key = ?", (tree_key(folder),)).fetchone():
            return  # its parents are marked already
        facts = (None, None, None) if reason is None else reason[:3]
        db.execute("INSERT OR REPLACE INTO stays VALUES (?, ?, ?, ?)", (tree_key(folder), *facts))
        if folder:
            self._keep(split(folder)[0], None)

    def drop_folders(self, is_there: Callable[[bytes], bool]) -> None:
        """Drop the empty folders of a store that only other ones in them make: they go with these."""
        if self._db is not None:
            self._db.create_function("is_there", 1, lambda key: is_there(from_tree_key(key)))
            self._db.execute("DELETE FROM folders WHERE NOT is_there(key)")

    def judge_folders(self, obstacle: Callable[[bytes], Reason | None]) -> int:
        """Ask `obstacle` why each empty folder, the deepest first, has to stay; None lets it be removed.

        Return the number to remove. The parents of a folder that stays are not empty.
        """
        if self._db is None:
            return 0
        going = 0
        for (key,) in self._db.execute("SELECT key FROM folders ORDER BY key DESC"):
            if self._db.execute("SELECT 1 FROM stays WHERE key = ?", (key,)).fetchone() is not None:
                continue
            if reason := obstacle(from_tree_key(key)):
                self._keep(from_tree_key(key), reason)
            else:
                going += 1
        return going

    def folders(self) -> Iterator[tuple[bytes, Reason | None]]:
        """Yield (folder, why it stays or None) of the empty folders, the deepest first; without the parents of a folder
        that stays.
        """
        if self._db is not None:
            query = (
                "SELECT f.key, code, about, number FROM folders f LEFT JOIN stays s USING (key)"
                " WHERE s.key IS NULL OR code NOT NULL ORDER BY f.key DESC"
            )
            for key, code, about, number in self._db.execute(query):
                yield from_tree_key(key), None if code is None else Reason(ReasonCode(code), about, number)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
