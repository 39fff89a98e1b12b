"""Digests of objects that share their size with others: what the store knows, then both ends, then the whole content.

The digest of an object is the MD5 of its content, which is the ETag of most. For one that was uploaded in parts, or
whose ETag is no digest, the store is asked for checksums, and only what these leave open is read.
"""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

from fileorg.content.digest import END_BYTES, SMALL_BYTES, plain_digest
from fileorg.core.names import below, join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple
from fileorg.index.digest_columns import Columns
from fileorg.storage.object.client import PAGE_KEYS, STRONG_CHECKSUMS, etag_token, heads, may_be_md5, tells_equal
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fileorg.content.hashing import DigestConsumer, HashBatch, Reads, Tree
    from fileorg.core.events import Reporter
    from fileorg.index.digest_columns import Digested, Digests
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage

_SCHEMA = """
CREATE TABLE contents (
    id INTEGER PRIMARY KEY, size INTEGER NOT NULL, identity TEXT NOT NULL, tree BLOB NOT NULL, folder BLOB NOT NULL,
    name BLOB NOT NULL, etag TEXT NOT NULL, checksum TEXT, ends BLOB, digest BLOB, lasts INTEGER NOT NULL DEFAULT 1,
    UNIQUE (size, identity));
CREATE TABLE objects (
    batch INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER NOT NULL, PRIMARY KEY (batch, position))
    WITHOUT ROWID;
"""
_CHUNK_BYTES = 8 << 20
_READERS = 8
_AT_ONCE = 256
_SIZES_KNOWN = 10_000


class _Content(NamedTuple):
    """One of the different contents of a size, as far as that is known, by one of its objects."""

    id: int
    size: int
    tree: bytes
    folder: bytes
    name: bytes
    etag: str


_COLUMNS = ", ".join(_Content._fields)


class ObjectDigests:
    """Finds the digests of objects. Nothing here grows with their number."""

    def __init__(
        self,
        stores: Mapping[bytes, ObjectStorage],
        folders: Mapping[bytes, LocalStorage],
        digests: Digests,
        consumer: DigestConsumer,
        reporter: Reporter,
        racy: dict[int, list[int]],
        reads: Reads,
    ) -> None:
        """`stores` and `folders` by the path of their tree. Digests that hold only in this run go to `racy`: those that
        only tell objects apart, and those of files, which otherwise have no MD5.
        """
        self._stores, self._folders = stores, folders
        self._digests, self._consumer, self._reporter = digests, consumer, reporter
        self._racy, self._reads = racy, reads
        self._db = scratch(_SCHEMA)
        self._db.create_function("own_digest", 2, _own_digest, deterministic=True)
        self._is_in_doubt = lru_cache(maxsize=_SIZES_KNOWN)(self._has_doubt)
        self._is_over = threading.Event()

    def close(self) -> None:
        self._is_over.set()
        self._db.close()

    def add(self, batches: Iterator[HashBatch]) -> None:
        """Take the digests that the listing has told, and note the objects that it told none of."""
        for known, positions, tree, _ in batches:
            if (storage := self._folders.get(tree.path)) is not None:
                self._add_files(known, positions, storage)
                continue
            self._add(known, positions, tree.path)

    def _add_files(self, known: Digested, positions: Sequence[int], storage: LocalStorage) -> None:
        batch = known.batch
        names, columns = batch.split_names(), Columns(known.full_digests, known.edge_digests, batch.files)
        facts = list(zip(batch.sizes, batch.mtimes_ns, batch.inodes, strict=True))
        for position in positions:
            digest = self._file_md5(storage, batch.folder, names[position], facts[position])
            if isinstance(digest, bytes):
                columns.set(position, digest, None)
            else:
                self._fail(storage.root, batch.folder, names[position], digest)
        self._put(known, columns, positions)
        self._racy.setdefault(known.id, []).extend(positions)

    def _file_md5(
        self, storage: LocalStorage, folder: bytes, name: bytes, facts: tuple[int, int, int]
    ) -> bytes | Reason:
        """Return the MD5 of a file that is the one of the scan, or why it has none."""
        try:
            digest = bytes.fromhex(plain_digest("md5", storage, folder, name))
            seen = storage.lstat(folder, name)
        except OSError as error:
            return Reason.of_error(error)
        if seen is None or (seen.size, seen.mtime_ns, seen.inode) != facts:
            return Reason(ReasonCode.CHANGED_WHILE_READ)
        self._reads.files += 1
        self._reads.size_bytes += seen.size
        self._reporter.advance(1, seen.size, folder)
        return digest

    def _add(self, known: Digested, positions: Sequence[int], tree: bytes) -> None:
        batch, store = known.batch, self._stores[tree]
        names, sizes, inodes = batch.split_names(), batch.sizes, batch.inodes
        columns = Columns(known.full_digests, known.edge_digests, batch.files)
        for position in positions:
            name = names[position]
            listed = store.listed(batch.folder, name)
            if listed is None or etag_token(listed.etag) != inodes[position]:
                self._fail(tree, batch.folder, name, Reason(ReasonCode.CHANGED_WHILE_READ))
            elif may_be_md5(listed.etag):
                columns.set(position, bytes.fromhex(listed.etag), None)
            else:
                identity = listed.etag if tells_equal(listed.etag) else f"{known.id}/{position}"
                content = self._content(sizes[position], identity, tree, batch.folder, name, listed.etag)
                self._db.execute("INSERT INTO objects VALUES (?, ?, ?)", (known.id, position, content))
        self._put(known, columns, positions)

    def _content(self, size: int, identity: str, tree: bytes, folder: bytes, name: bytes, etag: str) -> int:
        query = (
            "INSERT INTO contents (size, identity, tree, folder, name, etag) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET size = size RETURNING id"
        )
        [(number,)] = self._db.execute(query, (size, identity, tree, folder, name, etag)).fetchall()
        return int(number)

    def _put(self, known: Digested, columns: Columns, positions: Iterable[int]) -> None:
        full_digests, edge_digests = columns.packed()
        digested = known._replace(full_digests=full_digests, edge_digests=edge_digests)
        self._consumer.put([digested])
        keys = digested.full_keys()
        self._consumer.count([keys[position] for position in positions], ())

    def finish(self, trees: Sequence[Tree]) -> None:
        """Find the digests of the objects that the listing told none of. `trees` have the others of the same size."""
        if self._db.execute("SELECT 1 FROM objects LIMIT 1").fetchone() is None:
            return
        for tree in trees:
            for known in self._digests.walk(tree.number, only="length(d.wholes) > 0"):
                self._add_known(known, tree)
        self._db.execute("CREATE INDEX by_ends ON contents (size, ends)")
        self._ask()
        self._read_ends()
        self._read_contents()
        for tree in trees:
            for known in self._digests.walk(tree.number):
                self._spread(known)

    def _add_known(self, known: Digested, tree: Tree) -> None:
        """Note the contents whose digest is known and whose size is that of an object in doubt."""
        batch, keys, sizes = known.batch, known.full_keys(), known.batch.sizes
        names: list[bytes] = []
        for position, size in enumerate(sizes):
            if not keys[position] or not self._is_in_doubt(size):
                continue
            names = names or batch.split_names()
            digest, name = known.full_digests[position * 16 : position * 16 + 16], names[position]
            store = self._stores.get(tree.path)
            listed = None if store is None else store.listed(batch.folder, name)
            if listed is not None or store is None:
                etag = listed.etag if listed else ""
                content = self._content(size, digest.hex(), tree.path, batch.folder, name, etag)
                self._db.execute("UPDATE contents SET digest = ? WHERE id = ?", (digest, content))

    def _has_doubt(self, size: int) -> bool:
        query = "SELECT 1 FROM contents WHERE size = ? AND digest IS NULL LIMIT 1"
        return self._db.execute(query, (size,)).fetchone() is not None

    # What the store knows ---------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask for checksums. They decide where all contents of a size have one of the same kind."""
        for some in self._open("size IN (SELECT size FROM contents GROUP BY size HAVING count(*) > 1)"):
            by_tree: dict[bytes, list[_Content]] = {}
            for each in some:
                by_tree.setdefault(each.tree, []).append(each)
            for tree, of_tree in by_tree.items():
                store = self._stores[tree]
                keys = [store.key(each.folder, each.name) for each in of_tree]
                for each, there in zip(of_tree, heads(store.client, keys), strict=True):
                    if isinstance(there, StoreError):
                        self._give_up(each, Reason.of_error(there))
                    elif there is None or there.etag != each.etag:
                        self._give_up(each, Reason(ReasonCode.CHANGED_WHILE_READ))
                    else:
                        kinds = (kind for kind in STRONG_CHECKSUMS if kind in there.checksums)
                        if kind := next(kinds, None):
                            self._set(each.id, "checksum", f"{kind} {there.checksums[kind]}")
        of_one_kind = "count(DISTINCT substr(checksum, 1, instr(checksum, ' '))) = 1"
        alike = f"GROUP BY size HAVING count(checksum) = count(*) AND {of_one_kind}"
        self._decide(f"size IN (SELECT size FROM contents {alike})", "checksum")
        self._decide("size IN (SELECT size FROM contents GROUP BY size HAVING count(*) = 1)", "identity")

    def _decide(self, which: str, by: str) -> None:
        """Give each of some contents a digest that holds in this run: it says which are equal, not what they are."""
        self._db.execute(
            f"UPDATE contents SET lasts = 0, digest = own_digest(size, {by}) WHERE digest IS NULL AND {which}"
        )

    # What is read -----------------------------------------------------------------------------------------------------

    def _read_ends(self) -> None:
        """Read both ends of the contents of sizes that are still in doubt; small objects are read whole."""
        in_doubt = "size IN (SELECT size FROM contents WHERE digest IS NULL)"
        for some in self._parts(f"size > {SMALL_BYTES} AND {in_doubt}"):
            for each, ends in self._at_once(some, self._ends):
                if isinstance(ends, bytes):
                    self._set(each.id, "ends", ends)
                    self._note_read(each, min(each.size, 2 * END_BYTES))
                else:
                    self._give_up(each, ends)
        alone = "(SELECT size, ends FROM contents WHERE ends IS NOT NULL GROUP BY size, ends HAVING count(*) = 1)"
        self._decide(f"(size, ends) IN {alone}", "identity")

    def _read_contents(self) -> None:
        for some in self._open("1"):
            for each, digest in self._at_once(some, self._md5):
                if isinstance(digest, bytes):
                    self._set(each.id, "digest", digest)
                    self._note_read(each, each.size)
                else:
                    self._give_up(each, digest)

    def _ends(self, content: _Content) -> bytes:
        first, last = self._read(content, 0, END_BYTES), self._read(content, content.size - END_BYTES, content.size)
        return hashlib.blake2b(first + last, digest_size=16).digest()

    def _md5(self, content: _Content) -> bytes:
        digest = hashlib.md5(usedforsecurity=False)
        for start in range(0, content.size, _CHUNK_BYTES):
            digest.update(self._read(content, start, min(content.size, start + _CHUNK_BYTES)))
        return digest.digest()

    def _read(self, content: _Content, start: int, stop: int) -> bytes:
        if self._is_over.is_set():
            raise StoreError(StoreCode.CANCELLED)
        if (folder := self._folders.get(content.tree)) is not None:
            with folder.open_read(content.folder, content.name) as file:
                file.seek(start)
                found = file.read(stop - start)
        else:
            store = self._stores[content.tree]
            found = store.client.read(store.key(content.folder, content.name), start, stop, etag=content.etag)
        if len(found) != stop - start:
            raise StoreError(StoreCode.CHANGED)
        return found

    def _at_once(
        self, contents: Sequence[_Content], read: Callable[[_Content], bytes]
    ) -> list[tuple[_Content, bytes | Reason]]:
        """Return each content with what was read, or why it could not be."""

        def tried(content: _Content) -> bytes | Reason:
            try:
                return read(content)
            except OSError as error:
                if isinstance(error, StoreError) and error.code in {StoreCode.CHANGED, StoreCode.GONE}:
                    return Reason(ReasonCode.CHANGED_WHILE_READ)
                return Reason.of_error(error)

        with ThreadPoolExecutor(_READERS) as readers:
            try:
                return list(zip(contents, readers.map(tried, contents), strict=True))
            except BaseException:
                self._is_over.set()
                raise

    # The results ------------------------------------------------------------------------------------------------------

    def _spread(self, known: Digested) -> None:
        """Give the objects of a batch the digests of their contents."""
        query = (
            "SELECT position, digest, lasts FROM objects JOIN contents ON contents.id = content"
            " WHERE batch = ? AND digest IS NOT NULL"
        )
        rows = self._db.execute(query, (known.id,)).fetchall()
        if not rows:
            return
        columns = Columns(known.full_digests, known.edge_digests, known.batch.files)
        for position, digest, _ in rows:
            columns.set(position, digest, None)
        self._put(known, columns, [position for position, _, _ in rows])
        if passing := [position for position, _, lasts in rows if not lasts]:
            self._racy.setdefault(known.id, []).extend(passing)

    def _open(self, which: str) -> Iterator[list[_Content]]:
        """Yield contents without a digest, `PAGE_KEYS` at a time; they may get one meanwhile."""
        return self._parts(f"digest IS NULL AND {which}", PAGE_KEYS)

    def _parts(self, which: str, rows: int = _AT_ONCE) -> Iterator[list[_Content]]:
        after = 0
        query = f"SELECT {_COLUMNS} FROM contents WHERE id > ? AND {which} ORDER BY id LIMIT {rows}"
        while some := [_Content(*row) for row in self._db.execute(query, (after,)).fetchall()]:
            yield some
            after = some[-1].id

    def _set(self, content: int, column: str, value: object) -> None:
        self._db.execute(f"UPDATE contents SET {column} = ? WHERE id = ?", (value, content))

    def _give_up(self, content: _Content, reason: Reason) -> None:
        """Name a content that cannot be read: its objects get no digest."""
        self._fail(content.tree, content.folder, content.name, reason)
        self._db.execute("DELETE FROM contents WHERE id = ?", (content.id,))

    def _fail(self, tree: bytes, folder: bytes, name: bytes, reason: Reason) -> None:
        self._reads.fail(below(tree, join(folder, name)), reason)

    def _note_read(self, content: _Content, size_bytes: int) -> None:
        self._reads.files += 1
        self._reads.size_bytes += size_bytes
        self._reporter.advance(1, size_bytes, content.folder)


def _own_digest(size: int, value: str) -> bytes:
    return hashlib.blake2b(f"{size} {value}".encode(), digest_size=16).digest()
