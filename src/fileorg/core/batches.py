"""What comes one by one, some at a time: nothing grows with the number of files."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Item = TypeVar("_Item")


def in_batches(items: Iterable[_Item], most: int) -> Iterator[list[_Item]]:
    """All items in their order, at most `most` at a time; none that is empty."""
    every = iter(items)
    while batch := list(islice(every, most)):
        yield batch
