"""Reads the trees of a comparison into the index, and the contents that may occur twice."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, cast

from fileorg.content.duplicate_finder import Finder
from fileorg.content.hashing import Tree
from fileorg.core.tuples import NamedTuple
from fileorg.rules.filters import Filters
from fileorg.scan.selection import Selection
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.base import Kind
from fileorg.workflows.roots import met_twice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.content.hashing import Reads
    from fileorg.core.bloom import RepeatedValues
    from fileorg.core.events import Reporter
    from fileorg.core.pool import Pool
    from fileorg.core.state import StateDirectory
    from fileorg.index.columns import FileBatch
    from fileorg.index.index import Index
    from fileorg.storage.local.mounts import Mounts
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage

    Batches = Iterator[tuple[int, FileBatch]]

ALL_FILES = Filters(all_files=True)
"""The trees are read as a whole: nothing is skipped but the files of fileorg itself."""


class ComparedTrees(NamedTuple):
    """The trees as the index has them, and what the scan of the first one and of all others has seen. `repeated` are
    the digests that occurred more than once; `reads` has the files that could not be read.
    """

    trees: Sequence[Tree]
    seen: tuple[Seen, Seen]
    repeated: RepeatedValues
    reads: Reads


class ReadOptions(NamedTuple):
    """How trees are read. Only the sizes of `filters` apply, and whether other file systems are entered.

    `fresh` are the positions of trees whose known digests are not used; `from_disk`: what is read comes from the disk,
    where the system allows it. `watch` sees the batches of the first tree as they pass.
    """

    filters: Filters
    fresh: Sequence[int] = ()
    from_disk: bool = False
    watch: Callable[[Batches], Batches] = lambda batches: batches


@contextlib.contextmanager
def compared_trees(
    index: Index,
    storages: Sequence[LocalStorage],
    options: ReadOptions,
    mounts: Mounts,
    state: StateDirectory,
    pool: Pool,
    reporter: Reporter,
) -> Iterator[ComparedTrees]:
    """Scan the trees of `storages`, read what may occur twice in them, and yield the result. The index has the digests
    of racy files only until the block ends.
    """
    seen = Seen(), Seen()
    one_file_system = options.filters.one_file_system
    folders = [storage for storage in storages if storage.kind is Kind.LOCAL]
    stores = [cast("ObjectStorage", storage) for storage in storages if storage.kind is not Kind.LOCAL]
    with index.guarded():
        finder = Finder(index, options.filters, stores=stores, mixed_with=folders if stores else ())
    reporter.stage("scan")
    trees = list[Tree]()
    paths = [storage.root for storage in storages]
    for at, (storage, twice) in enumerate(zip(storages, met_twice(mounts, paths), strict=True)):
        selection = Selection(
            ALL_FILES._replace(one_file_system=one_file_system),
            state.identities(),
            twice,
            ignore_files=False,
        )
        batches = _telling_apart(storage, scan(Reader(storage, selection), seen[at > 0], reporter, pool=pool))
        found = finder.watching(options.watch(batches) if at == 0 else batches)
        seen[at > 0].unchanged += index.update(storage.root, found)
        trees.append(Tree(index.version(storage.root)[0], storage.root, options.from_disk))
    with index.guarded():
        # Beside a store, a file needs a digest of the kind that stores have.
        fresh = {*options.fresh, *(at for at, each in enumerate(storages) if stores and each.kind is Kind.LOCAL)}
        for at in fresh:
            index.digests().forget_tree(trees[at].number)
        with finder.candidates(trees, pool, reporter) as (repeated, reads):
            yield ComparedTrees(trees, seen, repeated, reads)


def _telling_apart(storage: LocalStorage, batches: Batches) -> Batches:
    """Yield the batches; where inode numbers do not last, two files may have the same one, so each is read."""
    for sequence, batch in batches:
        has_links = batch.files > 0 and max(batch.nlinks) > 1
        yield sequence, batch.without_links() if has_links and not storage.has_stable_inodes(batch.folder) else batch


def without_lasting_inodes(storages: Sequence[LocalStorage], mounts: Mounts) -> list[int]:
    """Return the positions of trees of which a part is on a disk where inode numbers do not last.

    Another disk, with files of the same names, sizes and times, may have been in its place when digests were kept.
    """
    return [at for at, storage in enumerate(storages) if not _has_lasting_inodes(storage, mounts)]


def _has_lasting_inodes(storage: LocalStorage, mounts: Mounts) -> bool:
    if storage.kind is not Kind.LOCAL:
        return storage.capabilities.stable_inodes
    within = [os.path.relpath(mount.point, storage.root) for mount in mounts.within(storage.root)]
    return storage.capabilities.stable_inodes and all(map(storage.has_stable_inodes, within))
