"""Find duplicates by size, then by both ends, then by whole content; each stage reads only the remaining candidates.

Each stage walks the batches of the index once, with their known digests. Files that have not changed since they were
read are not read again. Hard links are one file, which is read by one of its names.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.content.digest import SMALL_BYTES
from fileorg.content.duplicate_folder_finder import DuplicateFolderFinder
from fileorg.content.hashing import HashBatch, Reads, Tree, hash_files
from fileorg.content.keeper import looks_like_a_copy
from fileorg.core.bloom import RepeatedValues
from fileorg.index.digest_columns import Columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.pool import Pool
    from fileorg.index.columns import FileBatch
    from fileorg.index.digest_columns import Digested
    from fileorg.index.duplicate_groups import MemberRow
    from fileorg.index.index import Index
    from fileorg.rules.filters import Filters
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage


class Finder:
    """Finds duplicates: pass the batches through `watching` as they are scanned, then call `find`."""

    def __init__(
        self,
        index: Index,
        filters: Filters,
        *,
        with_links: bool = False,
        stores: Sequence[ObjectStorage] = (),
        mixed_with: Sequence[LocalStorage] = (),
    ) -> None:
        """Only the sizes of the filters apply. Empty files are not duplicates, unless `min_size` includes them.

        `with_links`: the hard links of a file are a group, too. `stores` are those of the trees if they are in stores;
        folders that are `mixed_with` them are read for digests that a store has.
        """
        self._stores = {store.root: store for store in stores}
        self._folders = {folder.root: folder for folder in mixed_with}
        self._with_links = with_links
        self._min_size, self._max_size = 1 if filters.min_size is None else filters.min_size, filters.max_size
        self._digests, self._groups, self._duplicate_folders = (
            index.digests(),
            index.groups(),
            index.duplicate_folders(),
        )
        self._sizes, self._edge_digests, self._full_digests = RepeatedValues(), RepeatedValues(), RepeatedValues()
        self._has_links = self._has_large = False
        self._racy: dict[int, list[int]] = {}
        self._digests.forget_links()

    def watching(self, batches: Iterable[tuple[int, FileBatch]]) -> Iterator[tuple[int, FileBatch]]:
        """Yield the same batches, and count their sizes as they pass."""
        for sequence, batch in batches:
            sizes, links = batch.sizes, batch.nlinks
            if max(links) > 1:
                self._has_links = True
                inodes, dev = batch.inodes, batch.dev
                linked = [position for position, count in enumerate(links) if count > 1]
                self._digests.add_links((inodes[position], dev, sizes[position]) for position in linked)
                if not self._with_links:
                    sizes = [size for size, count in zip(sizes, links, strict=True) if count <= 1]
            self._sizes.add_all(self._compared(sizes))
            yield sequence, batch

    def _compared(self, sizes: Iterable[int]) -> list[int]:
        """Return the sizes of files that are compared."""
        min_size, max_size = self._min_size, self._max_size
        if max_size is None:
            return [size for size in sizes if size >= min_size]
        return [size for size in sizes if min_size <= size <= max_size]

    def find(self, trees: Sequence[Tree], pool: Pool, reporter: Reporter, stamp: bytes) -> Reads:
        """Read the candidates and store the groups in the index, valid for the state of the trees with this `stamp`.

        Returns the counts of the reads, with the files that could not be read.
        """
        self._groups.begin()
        with self.candidates(trees, pool, reporter) as (_, reads):
            folders = DuplicateFolderFinder(self._duplicate_folders, trees)
            for root, tree in enumerate(trees):
                self._groups.add(self._members(root, tree, folders))
            folders.finish()
        self._groups.finish([tree.path for tree in trees], b"" if self._racy or reads.failed else stamp)
        return reads

    @contextlib.contextmanager
    def candidates(
        self, trees: Sequence[Tree], pool: Pool, reporter: Reporter
    ) -> Iterator[tuple[RepeatedValues, Reads]]:
        """Read the files that may have a duplicate; yield the digests that occurred more than once, and the counts.

        The index keeps the digests of racy files, which may have changed unnoticed, only until the block ends.
        """
        reads = Reads()
        try:
            if self._has_links:
                self._sizes.add_all(self._compared(self._digests.linked_sizes()))
            self._sizes.end()
            reporter.stage("compare")
            if self._stores:
                self._digest_objects(trees, reporter, reads)
            else:
                hash_files(self._in_doubt_by_size(trees), self, pool, reporter, self._racy, reads)
            if self._has_large:
                hash_files(self._in_doubt_by_edges(trees), self, pool, reporter, self._racy, reads)
            if self._has_links:
                self._spread_links(trees)
            self._edge_digests.end()
            self._full_digests.end()
            yield self._full_digests, reads
        finally:
            for batch, positions in self._racy.items():
                self._digests.forget(batch, positions)

    def _digest_objects(self, trees: Sequence[Tree], reporter: Reporter, reads: Reads) -> None:
        from fileorg.content.object_digests import ObjectDigests

        places = self._stores, self._folders
        with contextlib.closing(ObjectDigests(*places, self._digests, self, reporter, self._racy, reads)) as found:
            found.add(self._in_doubt_by_size(trees))
            found.finish(trees)

    def count(self, full_digests: Iterable[int], edge_digests: Iterable[int]) -> None:
        """Count digests, in the form of `Digested.full_keys` and `edge_keys`."""
        self._full_digests.add_all(list(filter(None, full_digests)))
        if large := list(filter(None, edge_digests)):
            self._has_large = True
            self._edge_digests.add_all(large)

    def put(self, known: Iterable[Digested]) -> None:
        """Store the new digests of batches."""
        self._digests.put(known)

    # What to read -----------------------------------------------------------------------------------------------------

    def _in_doubt_by_size(self, trees: Sequence[Tree]) -> Iterator[HashBatch]:
        """Yield files that share their size with others: small ones to read whole, larger ones at both ends."""
        has_relocated = self._digests.has_relocated()
        for tree in trees:
            for known in self._digests.walk(tree.number):
                positions = self._sizes.positions(known.batch.sizes)
                if positions and self._has_links:
                    positions = self._first_links(known, positions)
                if positions and has_relocated:
                    known = self._with_relocated(known, positions)  # noqa: PLW2901
                if positions and known.full_digests + known.edge_digests:
                    positions = self._unknown(known, positions)
                if positions:
                    yield HashBatch(known, positions, tree, wholly=False)

    def _first_links(self, known: Digested, positions: list[int]) -> list[int]:
        batch, is_first = known.batch, self._digests.is_first_link
        inodes, links = batch.inodes, batch.nlinks
        return [
            position
            for position in positions
            if links[position] <= 1 or is_first(inodes[position], batch.dev, known.id, position)
        ]

    def _with_relocated(self, known: Digested, positions: Sequence[int]) -> Digested:
        """Add the digests of files that were moved here, if the files have not changed since."""
        batch, keys = known.batch, known.full_keys()
        sizes, mtimes, ctimes, inodes = batch.sizes, batch.mtimes_ns, batch.ctimes_ns, batch.inodes
        columns, has_changed = Columns(known.full_digests, known.edge_digests, batch.files), False
        for position in positions:
            if keys[position]:
                continue
            facts = sizes[position], mtimes[position], ctimes[position]
            found = self._digests.relocated(inodes[position], batch.dev, facts)
            if found is not None:
                columns.set(position, *found)
                has_changed = True
        if not has_changed:
            return known
        full_digests, edge_digests = columns.packed()
        known = known._replace(full_digests=full_digests, edge_digests=edge_digests)
        self._digests.put([known])
        return known

    def _unknown(self, known: Digested, positions: Sequence[int]) -> list[int]:
        """Return the positions without the digests that are needed; count the digests of the others."""
        sizes, full_digests, edge_digests = known.batch.sizes, known.full_keys(), known.edge_keys()
        self.count(
            [full_digests[position] for position in positions], [edge_digests[position] for position in positions]
        )
        return [
            position
            for position in positions
            if not (full_digests[position] if sizes[position] <= SMALL_BYTES else edge_digests[position])
        ]

    def _in_doubt_by_edges(self, trees: Sequence[Tree]) -> Iterator[HashBatch]:
        """Yield large files that share size and ends with others, and have no digest of their whole content."""
        for tree in trees:
            for known in self._digests.walk(tree.number, only="length(d.ends) > 0"):
                full_digests, edge_digests = known.full_keys(), known.edge_keys()
                positions = [
                    position
                    for position in self._edge_digests.positions(edge_digests)
                    if edge_digests[position] and not full_digests[position]
                ]
                if positions:
                    yield HashBatch(known, positions, tree, wholly=True)

    # What was found ---------------------------------------------------------------------------------------------------

    def _spread_links(self, trees: Sequence[Tree]) -> None:
        """Give the other names of a file the digests of the name by which it was read."""
        for tree in trees:
            for known in self._digests.walk(tree.number):
                links = known.batch.nlinks
                if max(links) <= 1:
                    continue
                inodes, full_digests, dev = known.batch.inodes, known.full_keys(), known.batch.dev
                columns = Columns(known.full_digests, known.edge_digests, known.batch.files)
                linked = [p for p in self._sizes.positions(known.batch.sizes) if links[p] > 1]
                for position in linked:
                    if not full_digests[position]:
                        columns.set(position, *self._digests.of_first_link(inodes[position], dev))
                of_links, edge_digests = columns.packed()
                if (of_links, edge_digests) != (known.full_digests, known.edge_digests):
                    known = known._replace(full_digests=of_links, edge_digests=edge_digests)  # noqa: PLW2901
                    self._digests.put([known])
                if self._with_links:
                    keys = known.full_keys()
                    self.count([keys[position] for position in linked], ())

    def _members(self, root: int, tree: Tree, folders: DuplicateFolderFinder) -> Iterator[MemberRow]:
        """Yield a row for each name of a file that may have a duplicate. Pass each batch on to `folders`, with whether
        all its files may have one.
        """
        for known in self._digests.walk(tree.number, only="length(d.wholes) > 0"):
            keys, batch = known.full_keys(), known.batch
            positions = [position for position in self._full_digests.positions(keys) if keys[position]]
            sizes = batch.sizes
            folders.add(root, known, is_whole=len(positions) + sizes.count(0) >= batch.files)
            if not positions:
                continue
            names, full_digests, folder, dev = batch.split_names(), known.full_digests, batch.folder, batch.dev
            mtimes, inodes, modes, links = batch.mtimes_ns, batch.inodes, batch.modes, batch.nlinks
            store = self._stores.get(tree.path)
            length = len(tree.path) + 1 + len(folder) + bool(folder)
            for position in positions:
                name = names[position]
                yield (
                    full_digests[position * 16 : position * 16 + 16], sizes[position], looks_like_a_copy(name),
                    mtimes[position], length + len(name), root, folder, name,
                    dev if store is None else store.number_of(folder, name), inodes[position], modes[position],
                    links[position],
                )  # fmt: skip
