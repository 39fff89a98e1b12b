"""Find duplicate folders: whole trees with the same content, reported as one group instead of thousands of files.

A folder can only have a duplicate if all its files do. From the deepest folders up, each gets a digest of the names
and contents in it. A folder with anything else in it (a link, a hidden file, an unreadable entry) gets none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xxhash import xxh3_128

from fileorg.index.digest_columns import FULL_WIDTH
from fileorg.index.duplicate_folders import DuplicateFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.content.hashing import Tree
    from fileorg.index.digest_columns import Digested
    from fileorg.index.duplicate_folders import DuplicateFolders


class DuplicateFolderFinder:
    """Finds duplicate folders: takes batches folder by folder, and stores the groups in the index."""

    def __init__(self, duplicate_folders: DuplicateFolders, trees: Sequence[Tree]) -> None:
        self._duplicate_folders, self._trees = duplicate_folders, trees
        self._place: tuple[int, bytes] | None = None
        self._batches: list[Digested] | None = []
        duplicate_folders.begin()

    def add(self, root: int, known: Digested, *, is_whole: bool) -> None:
        """Add a batch; `is_whole` if each of its files that is not empty may have a duplicate."""
        place = root, known.batch.folder
        if place != self._place:
            self._settle()
            self._place, self._batches = place, []
        if not is_whole:
            self._batches = None
        elif self._batches is not None:
            self._batches.append(known)

    def _settle(self) -> None:
        if self._place is not None and self._batches:
            self._duplicate_folders.put(_of_files(*self._place, self._batches))

    def finish(self) -> None:
        """Judge all folders, after the last batch."""
        self._settle()
        for depth in range(self._duplicate_folders.deepest(), -1, -1):
            for root, folder in self._duplicate_folders.to_judge(depth):
                _judge(self._duplicate_folders, self._trees[root], root, folder)
        self._duplicate_folders.finish()


def _of_files(root: int, folder: bytes, batches: Sequence[Digested]) -> DuplicateFolder:
    """Return the digest and the sums of the files directly in a folder."""
    digest, names, size_bytes = xxh3_128(), list[bytes](), 0
    for known in batches:
        full_digests = known.full_digests or bytes(known.batch.files * FULL_WIDTH)
        parts = (full_digests[at : at + FULL_WIDTH] for at in range(0, len(full_digests), FULL_WIDTH))
        names += [b"\0".join(pair) for pair in zip(known.batch.split_names(), parts, strict=True)]
        size_bytes += sum(known.batch.sizes)
    for name in sorted(names):
        digest.update(len(name).to_bytes(8) + name)
    return DuplicateFolder(root, folder, digest.digest(), len(names), size_bytes)


def _judge(duplicate_folders: DuplicateFolders, tree: Tree, root: int, folder: bytes) -> None:
    """Combine the digests of a folder's files and subfolders; drop the folder if it holds anything else."""
    own, inside = duplicate_folders.get(root, folder), duplicate_folders.inside(root, folder)
    files = sum(duplicate.files for duplicate in inside) + (own.files if own is not None else 0)
    if duplicate_folders.files_below(tree.number, tree.path, folder) != files:
        duplicate_folders.drop(root, folder)
        return
    if not inside:
        return
    digest = xxh3_128(own.digest if own is not None else b"")
    for duplicate in inside:
        name = duplicate.folder.rpartition(b"/")[2]
        digest.update(len(name).to_bytes(8) + name + duplicate.digest)
    size_bytes = sum(duplicate.size_bytes for duplicate in inside) + (own.size_bytes if own is not None else 0)
    duplicate_folders.put(DuplicateFolder(root, folder, digest.digest(), files, size_bytes))
