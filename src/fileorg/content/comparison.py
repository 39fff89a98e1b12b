"""The files of some trees whose content is nowhere in other trees, from the digests that the index has of both.

Nothing here grows with the number of files: what was found is in a private database, files by batch and position.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from fileorg.core.names import from_tree_key, tree_key
from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple
from fileorg.index.digest_columns import FULL_WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.content.hashing import Tree
    from fileorg.core.bloom import RepeatedValues
    from fileorg.core.scratch import Scratch
    from fileorg.index.columns import FileBatch
    from fileorg.index.digest_columns import Digested, Digests

_SCHEMA = """
CREATE TABLE there (digest BLOB PRIMARY KEY, tree INTEGER NOT NULL, batch INTEGER NOT NULL, position INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE linked (
    inode INTEGER NOT NULL, dev INTEGER NOT NULL, tree INTEGER NOT NULL, batch INTEGER NOT NULL,
    position INTEGER NOT NULL, PRIMARY KEY (inode, dev)) WITHOUT ROWID;
CREATE TABLE missing (batch INTEGER PRIMARY KEY, positions BLOB NOT NULL);
CREATE TABLE own (
    tree INTEGER NOT NULL, key BLOB NOT NULL, files INTEGER NOT NULL, missing INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (tree, key)) WITHOUT ROWID;
CREATE TABLE folders (
    tree INTEGER NOT NULL, key BLOB NOT NULL, above BLOB, whole INTEGER NOT NULL, files INTEGER NOT NULL,
    missing INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (tree, key)) WITHOUT ROWID;
"""


class ComparedFile(NamedTuple):
    """A file of a tree, by the position of the tree among those compared. Size in bytes."""

    tree: int
    folder: bytes
    name: bytes
    size: int
    mtime_ns: int


class Located(NamedTuple):
    """A compared file, the digest of its content, empty if it was not needed, and where the content is: the position of
    another tree, with the folder and the name there; None if it is missing.
    """

    file: ComparedFile
    digest: bytes
    place: tuple[int, bytes, bytes] | None


class MissingFolder(NamedTuple):
    """A folder with missing files. If it `is_whole`, all files in it and below are missing, and the counts are those of
    the whole folder; else `missing` and `missing_bytes` are of the files directly in it.
    """

    tree: int
    folder: bytes
    is_whole: bool
    files: int
    missing: int
    missing_bytes: int


class ComparisonSums:
    """Counts of the compared files. `empty` files have no content, and `excluded` ones the filters do not take: neither
    is compared. `followers` are the missing files that belong to another file, such as sidecars, and `all_followers`
    those that are there, too.
    """

    def __init__(self) -> None:
        self.files = 0
        self.size_bytes = 0
        self.empty = 0
        self.excluded = 0
        self.missing = 0
        self.missing_bytes = 0
        self.followers = self.all_followers = 0


class _Node:
    """A folder while its files and those below are added up."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.files = self.missing = self.size_bytes = 0
        self.own = (0, 0, 0)


class Comparison:
    """The missing files of `trees`. `Index.guarded` handles the errors of SQLite."""

    def __init__(self, digests: Digests, trees: Sequence[Tree], others: Sequence[Tree]) -> None:
        self._digests, self._trees, self._others = digests, trees, others
        self._db: Scratch = scratch(_SCHEMA)
        self._file_at = lru_cache(maxsize=64)(digests.names_of)
        self._has_links = False
        self.sums = ComparisonSums()

    def judge(
        self,
        repeated: RepeatedValues,
        taken: Callable[[FileBatch], Sequence[int]] | None = None,
        confirm: Callable[[ComparedFile, int, bytes, bytes], bool] | None = None,
    ) -> None:
        """Find the missing files, from the digests that occurred more than once.

        `taken` returns the positions of the files to compare, by default all. `confirm` is asked about each file whose
        digest is in another tree: it gets that tree by position, and the folder and name there, and returns whether
        both files are equal.
        """
        for number, tree in enumerate(self._others):
            self._add_there(number, tree, repeated)
        for number, tree in enumerate(self._trees):
            for known in self._digests.walk(tree.number):
                self._judge(number, known, repeated, taken, confirm)
        self._add_up()
        self._db.execute("PRAGMA shrink_memory")  # little is asked from now on, and there may be another direction

    def _add_there(self, number: int, tree: Tree, repeated: RepeatedValues) -> None:
        """Note the digests of a tree that may be those of other files, and its files with several names: one of these
        is the same file under another name, and need not be read.
        """
        for known in self._digests.walk(tree.number):
            if max(known.batch.nlinks) > 1:
                links = enumerate(zip(known.batch.inodes, known.batch.nlinks, strict=True))
                rows = ((inode, known.batch.dev, number, known.id, at) for at, (inode, count) in links if count > 1)
                self._db.executemany("INSERT OR IGNORE INTO linked VALUES (?, ?, ?, ?, ?)", rows)
                self._has_links = True
        for known in self._digests.walk(tree.number, only="length(d.wholes) > 0"):
            keys, digests = known.full_keys(), known.full_digests
            self._db.executemany(
                "INSERT OR IGNORE INTO there VALUES (?, ?, ?, ?)",
                (
                    (digests[position * FULL_WIDTH : (position + 1) * FULL_WIDTH], number, known.id, position)
                    for position in repeated.positions(keys)
                    if keys[position]
                ),
            )

    def _judge(
        self,
        number: int,
        known: Digested,
        repeated: RepeatedValues,
        taken: Callable[[FileBatch], Sequence[int]] | None,
        confirm: Callable[[ComparedFile, int, bytes, bytes], bool] | None,
    ) -> None:
        batch, sums = known.batch, self.sums
        sizes, keys = batch.sizes, known.full_keys()
        positions: Sequence[int] = range(batch.files) if taken is None else taken(batch)
        compared = [position for position in positions if sizes[position]]
        sums.excluded += batch.files - len(positions)
        sums.empty += len(positions) - len(compared)
        in_doubt = {position for position in repeated.positions(keys) if keys[position]}.intersection(compared)
        present = {position for position in in_doubt if self._is_there(number, known, position, confirm)}
        if self._has_links:
            present.update(self._same_files(batch, [position for position in compared if position not in present]))
        missing = [position for position in compared if position not in present]
        missing_bytes = sum(sizes[position] for position in missing)
        sums.files += len(compared)
        sums.size_bytes += sum(sizes[position] for position in compared)
        sums.missing += len(missing)
        sums.missing_bytes += missing_bytes
        if batch.leaders:
            sums.all_followers += len(batch.followers().keys() & set(compared))
        if missing:
            sums.followers += len(batch.followers().keys() & set(missing))
            self._db.execute("INSERT INTO missing VALUES (?, ?)", (known.id, array("H", missing).tobytes()))
        if compared:
            self._db.execute(
                "INSERT INTO own VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (tree, key) DO UPDATE SET"
                " files = files + ?3, missing = missing + ?4, bytes = bytes + ?5",
                (number, tree_key(batch.folder), len(compared), len(missing), missing_bytes),
            )

    def _is_there(
        self,
        number: int,
        known: Digested,
        position: int,
        confirm: Callable[[ComparedFile, int, bytes, bytes], bool] | None,
    ) -> bool:
        digest = known.full_digests[position * FULL_WIDTH : (position + 1) * FULL_WIDTH]
        row = self._db.execute("SELECT tree, batch, position FROM there WHERE digest = ?", (digest,)).fetchone()
        if row is None or confirm is None:
            return row is not None
        tree, batch, at = row
        folder, names = self._file_at(batch)
        return confirm(_file(number, known.batch, position), tree, folder, names[at])

    def _same_files(self, batch: FileBatch, positions: Sequence[int]) -> Iterator[int]:
        """Yield the positions of files that are in another tree by a hard link."""
        inodes, links, query = batch.inodes, batch.nlinks, "SELECT 1 FROM linked WHERE inode = ? AND dev = ?"
        for position in positions:
            if links[position] > 1 and self._db.execute(query, (inodes[position], batch.dev)).fetchone():
                yield position

    # What was found -------------------------------------------------------------------------------------------------

    def files(self) -> Iterator[ComparedFile]:
        """Yield the missing files, by tree and folder."""
        for number, known, missing in self.batches():
            if missing:
                batch = known.batch
                names, sizes, mtimes = batch.split_names(), batch.sizes, batch.mtimes_ns
                for at in missing:
                    yield ComparedFile(number, batch.folder, names[at], sizes[at], mtimes[at])

    def batches(self) -> Iterator[tuple[int, Digested, array[int]]]:
        """Yield the position of each tree with its batches, and the positions of the missing files in them."""
        for number, tree in enumerate(self._trees):
            for known in self._digests.walk(tree.number):
                row = self._db.execute("SELECT positions FROM missing WHERE batch = ?", (known.id,)).fetchone()
                yield number, known, array("H", b"" if row is None else row[0])

    def located(self, taken: Callable[[FileBatch], Sequence[int]] | None = None) -> Iterator[Located]:
        """Yield all compared files, by tree and folder, with the place of their content. `taken` as for `judge`."""
        for number, known, missing in self.batches():
            batch, absent = known.batch, set(missing)
            rows, links = list(batch.rows()), batch.nlinks
            for at in range(batch.files) if taken is None else taken(batch):
                name, size, mtime_ns, _, inode, *_ = rows[at]
                if not size:
                    continue
                digest = known.full_digests[at * FULL_WIDTH : (at + 1) * FULL_WIDTH]
                place = None if at in absent else self._place(digest, inode if links[at] > 1 else 0, batch.dev)
                file = ComparedFile(number, batch.folder, name, size, mtime_ns)
                yield Located(file, digest if any(digest) else b"", place)

    def place_of(self, known: Digested, at: int) -> tuple[int, bytes, bytes] | None:
        """Return where the content of a file is: the position of the tree, the folder and the name."""
        digest = known.full_digests[at * FULL_WIDTH : (at + 1) * FULL_WIDTH]
        batch = known.batch
        return self._place(digest, batch.inodes[at] if batch.nlinks[at] > 1 else 0, batch.dev)

    def _place(self, digest: bytes, inode: int, dev: int) -> tuple[int, bytes, bytes] | None:
        """Return where a content is, or a file with several names."""
        row = self._db.execute("SELECT tree, batch, position FROM there WHERE digest = ?", (digest,)).fetchone()
        if row is None and inode:
            query = "SELECT tree, batch, position FROM linked WHERE inode = ? AND dev = ?"
            row = self._db.execute(query, (inode, dev)).fetchone()
        if row is None:
            return None
        tree, batch, at = row
        folder, names = self._file_at(batch)
        return tree, folder, names[at]

    def folders(self) -> Iterator[MissingFolder]:
        """Yield the folders with missing files, most bytes first; a folder whose files are all missing is one of them,
        and stands for the folders in it.
        """
        query = (
            "SELECT f.tree, f.key, f.whole, f.files, f.missing, f.bytes FROM folders f"
            " LEFT JOIN folders a ON a.tree = f.tree AND a.key = f.above"
            " WHERE f.missing > 0 AND NOT coalesce(a.whole, 0) ORDER BY f.bytes DESC, f.tree, f.key"
        )
        for tree, key, is_whole, *counts in self._db.execute(query):
            yield MissingFolder(tree, from_tree_key(key), bool(is_whole), *counts)

    def _add_up(self) -> None:
        """Add the counts of each folder to those of the folders above it; a folder is read before its contents."""
        rows = self._db.execute("SELECT tree, key, files, missing, bytes FROM own ORDER BY tree, key")
        current, open_nodes = -1, list[_Node]()
        for tree, key, *counts in rows:
            self._close(current, open_nodes, None if tree != current else key)
            current = tree
            parts = key.split(b"\0") if key else []
            for depth in range(len(open_nodes), len(parts) + 1):
                open_nodes.append(_Node(b"\0".join(parts[:depth])))
            open_nodes[-1].own = (counts[0], counts[1], counts[2])
        self._close(current, open_nodes, None)

    def _close(self, tree: int, open_nodes: list[_Node], until: bytes | None) -> None:
        """Store the innermost folders, up to one that holds the folder `until`; all for None."""
        while open_nodes and not (until is not None and _holds(open_nodes[-1].key, until)):
            node = open_nodes.pop()
            files, missing, size_bytes = node.own
            below = node.files + files, node.missing + missing, node.size_bytes + size_bytes
            if open_nodes:
                above = open_nodes[-1]
                above.files, above.missing, above.size_bytes = (
                    above.files + below[0],
                    above.missing + below[1],
                    above.size_bytes + below[2],
                )
            if below[1]:
                is_whole = below[0] == below[1]
                self._db.execute(
                    "INSERT INTO folders VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        tree,
                        node.key,
                        open_nodes[-1].key if open_nodes else None,
                        is_whole,
                        *(below if is_whole else node.own),
                    ),
                )

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _holds(folder: bytes, key: bytes) -> bool:
    return not folder or key == folder or key.startswith(folder + b"\0")


def _file(tree: int, batch: FileBatch, position: int) -> ComparedFile:
    name = batch.split_names()[position]
    return ComparedFile(tree, batch.folder, name, batch.sizes[position], batch.mtimes_ns[position])
