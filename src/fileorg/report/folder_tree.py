"""The folders that received files, as a tree that fits on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.names import is_within
from fileorg.report.content import FolderShare

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEEPEST = 3
MAX_FOLDERS = 300


def tree_of(folders: Iterable[tuple[bytes, int, int]], roots: Sequence[bytes]) -> list[FolderShare]:
    """Return the (path, files, bytes) of folders summed up along the tree: at most `MAX_FOLDERS` places, in tree order.

    Depth 0 holds the roots if there are several, or the folders of a single root. The deepest levels are left out
    until the rest fits.
    """
    sums: dict[tuple[bytes, tuple[bytes, ...]], list[int]] = {}
    for path, files, size_bytes in folders:
        root = next((root for root in roots if is_within(path, root)), b"")
        inside = path[len(root) :].strip(b"/")
        parts = tuple(inside.split(b"/")[:DEEPEST]) if inside else ()
        for depth in range(len(parts) + 1):
            total = sums.setdefault((root, parts[:depth]), [0, 0])
            total[0] += files
            total[1] += size_bytes
    deepest = DEEPEST
    while deepest > 1 and sum(len(parts) <= deepest for _, parts in sums) > MAX_FOLDERS:
        deepest -= 1
    shown = [(key, total) for key, total in sums.items() if len(key[1]) <= deepest]
    if len(shown) > MAX_FOLDERS:
        shown = sorted(shown, key=lambda each: (len(each[0][1]) > 0, -each[1][0]))[:MAX_FOLDERS]
    several = len({root for root, _ in sums}) > 1
    return [
        FolderShare(b"/".join((root.rstrip(b"/"), *parts)), len(parts) if several else max(0, len(parts) - 1), *total)
        for (root, parts), total in sorted(shown)
        if several or parts or total[0] > _below(sums, root)
    ]


def _below(sums: dict[tuple[bytes, tuple[bytes, ...]], list[int]], root: bytes) -> int:
    """Return the number of files in the folders of a root, without those directly in the root."""
    return sum(total[0] for (other, parts), total in sums.items() if other == root and len(parts) == 1)
