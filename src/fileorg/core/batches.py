"""What comes one by one, some at a time, as rows: nothing grows with the number of files."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.core.model import PlanRow

_Item = TypeVar("_Item")
_Row = TypeVar("_Row", bound=tuple[Any, ...])


def in_batches(items: Iterable[_Item], most: int) -> Iterator[list[_Item]]:
    """All items in their order, at most `most` at a time; none that is empty."""
    every = iter(items)
    while batch := list(islice(every, most)):
        yield batch


def unsplit(batches: Iterable[list[PlanRow]]) -> Iterator[list[PlanRow]]:
    """The same rows, so that those of one group, by their number `together`, are in one batch; 0 stands for none."""
    held: list[PlanRow] = []
    for batch in batches:
        rows = [*held, *batch] if held else batch
        last = rows[-1].together if rows else 0
        start = len(rows)
        while last and start and rows[start - 1].together == last:
            start -= 1
        held = rows[start:]
        if start:
            yield rows[:start] if held else rows
    if held:
        yield held


def row_maker(kind: type[_Row]) -> Callable[[Iterable[Any]], _Row]:
    """Make rows of a named tuple, each from all its values in order.

    For where there is one a file: a named tuple's own `__new__` is written in Python, and takes twice as long.
    """
    return partial(tuple.__new__, kind)
