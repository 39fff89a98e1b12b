"""Sort more items than fit in memory, by a path; and more numbers than should be objects."""

from __future__ import annotations

import contextlib
from array import array
from heapq import merge
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from fileorg.core.names import tree_key
from fileorg.core.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

_IN_MEMORY = 50_000
_NUMBERS_AT_ONCE = 1 << 16


def in_path_order(items: Iterable[tuple[bytes, T]]) -> Iterator[T]:
    """Yield the items in the order of their paths, a folder before its entries; items of one path in the given order.

    From 50,000 items on, a private database sorts them. Items must be picklable.
    """
    items = iter(items)
    first = list(islice(items, _IN_MEMORY))
    if len(first) < _IN_MEMORY:
        yield from (item for _, item in sorted(first, key=lambda pair: tree_key(pair[0])))
        return
    import pickle

    with contextlib.closing(scratch("CREATE TABLE items (key BLOB NOT NULL, item BLOB NOT NULL);")) as db:
        rows = ((tree_key(path), pickle.dumps(item)) for path, item in chain(first, items))
        db.executemany("INSERT INTO items VALUES (?, ?)", rows)
        del first
        for (item,) in db.execute("SELECT item FROM items ORDER BY key, rowid"):
            yield pickle.loads(item)  # noqa: S301  written above


def packed_numbers(numbers: Iterable[int], known: bytes = b"") -> bytes:
    """Return numbers of 64 bits without a sign in order, with those that are packed already. Few are objects at a time:
    there may be millions.
    """
    left = iter(numbers)
    parts: list[array[int]] = []
    while part := sorted(islice(left, _NUMBERS_AT_ONCE)):
        parts.append(array("Q", part))
    return array("Q", merge(memoryview(known).cast("Q"), *parts)).tobytes() if parts else known
