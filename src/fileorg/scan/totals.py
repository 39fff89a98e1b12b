"""The totals of a tree: files and bytes by category, the largest and the oldest files."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING

from fileorg.core.names import below, join
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.index.columns import FileBatch

MAX_LISTED = 10
"""The number of largest and of oldest files to keep."""


class ListedFile(NamedTuple):
    """One of the largest or oldest files. Size in bytes, time in nanoseconds since 1970."""

    path: bytes
    size: int
    mtime_ns: int


class Totals:
    """Sums over batches. Of single files, only the listed ones are kept."""

    def __init__(self) -> None:
        self._largest: list[tuple[int, bytes, int]] = []
        self._oldest: list[tuple[int, bytes, int]] = []
        self.files: Counter[str] = Counter()
        self.size_bytes: Counter[str] = Counter()

    def add(self, batch: FileBatch, root: bytes, categories: Sequence[str | None]) -> None:
        """Add the files of a batch, with the category of each; those without one are added later or were before."""
        counted = [category for category in categories if category is not None]
        if not counted:
            return
        names, sizes, mtimes = batch.split_names(), batch.sizes, batch.mtimes_ns
        if len(counted) < batch.files:
            chosen = [category is not None for category in categories]
            names = list(compress(names, chosen))
            sizes, mtimes = list(compress(sizes, chosen)), list(compress(mtimes, chosen))
        self.files.update(counted)
        size_bytes = self.size_bytes
        for category, size in zip(counted, sizes, strict=True):
            size_bytes[category] += size
        folder = below(root, batch.folder)
        if len(self._largest) < MAX_LISTED or max(sizes) > self._largest[0][0]:
            rows = ((size, join(folder, name), mtime) for name, size, mtime in zip(names, sizes, mtimes, strict=True))
            self._largest = heapq.nlargest(MAX_LISTED, [*self._largest, *rows])[::-1]
        if len(self._oldest) < MAX_LISTED or min(mtimes) < self._oldest[-1][0]:
            rows = ((mtime, join(folder, name), size) for name, size, mtime in zip(names, sizes, mtimes, strict=True))
            self._oldest = heapq.nsmallest(MAX_LISTED, [*self._oldest, *rows])

    @property
    def largest(self) -> list[ListedFile]:
        return [ListedFile(path, size, mtime_ns) for size, path, mtime_ns in reversed(self._largest)]

    @property
    def oldest(self) -> list[ListedFile]:
        return [ListedFile(path, size, mtime_ns) for mtime_ns, path, size in self._oldest]
