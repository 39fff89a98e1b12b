"""Folders with the same content: whole trees, told as one group instead of thousands of files.

A folder can only have a twin if every file in it has. From the deepest ones up, each is told by the names and contents
in it; one that holds anything else (a link, a hidden file, something that could not be read) is told by nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xxhash import xxh3_128

from fileorg.index.digests import WHOLE_WIDTH
from fileorg.index.same_folders import Twin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.content.reading import Tree
    from fileorg.index.digests import Digested
    from fileorg.index.same_folders import Twins


class FolderTwins:
    """Told of batches folder by folder, and leaves the groups in the index."""

    def __init__(self, twins: Twins, trees: Sequence[Tree]) -> None:
        self._twins, self._trees = twins, trees
        self._place: tuple[int, bytes] | None = None
        self._batches: list[Digested] | None = []
        twins.begin()

    def add(self, root: int, known: Digested, *, is_whole: bool) -> None:
        """A batch; `is_whole` if each of its files that is not empty shares its content with another one."""
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
            self._twins.put(_of_files(*self._place, self._batches))

    def finish(self) -> None:
        """All batches have come."""
        self._settle()
        for depth in range(self._twins.deepest(), -1, -1):
            for root, folder in self._twins.to_judge(depth):
                _judge(self._twins, self._trees[root], root, folder)
        self._twins.finish()


def _of_files(root: int, folder: bytes, batches: Sequence[Digested]) -> Twin:
    """What the files of a folder are together."""
    digest, names, bytes_ = xxh3_128(), list[bytes](), 0
    for known in batches:
        wholes = known.wholes or bytes(known.batch.files * WHOLE_WIDTH)
        parts = (wholes[at : at + WHOLE_WIDTH] for at in range(0, len(wholes), WHOLE_WIDTH))
        names += [b"\0".join(pair) for pair in zip(known.batch.split_names(), parts, strict=True)]
        bytes_ += sum(known.batch.sizes)
    for name in sorted(names):
        digest.update(len(name).to_bytes(8) + name)
    return Twin(root, folder, digest.digest(), len(names), bytes_)


def _judge(twins: Twins, tree: Tree, root: int, folder: bytes) -> None:
    """Put together what is known of a folder and of those in it; nothing, if that is not all that it holds."""
    own, inside = twins.get(root, folder), twins.inside(root, folder)
    files = sum(twin.files for twin in inside) + (own.files if own is not None else 0)
    if twins.files_below(tree.number, tree.path, folder) != files:
        twins.drop(root, folder)
        return
    if not inside:
        return
    digest = xxh3_128(own.digest if own is not None else b"")
    for twin in inside:
        name = twin.folder.rpartition(b"/")[2]
        digest.update(len(name).to_bytes(8) + name + twin.digest)
    bytes_ = sum(twin.bytes_ for twin in inside) + (own.bytes_ if own is not None else 0)
    twins.put(Twin(root, folder, digest.digest(), files, bytes_))
