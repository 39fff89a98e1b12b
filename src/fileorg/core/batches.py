"""Batches of rows from a stream: memory does not grow with the number of files."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from fileorg.core.names import is_step_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.core.model import PlanRow

_Item = TypeVar("_Item")
_Row = TypeVar("_Row", bound=tuple[Any, ...])


def in_batches(items: Iterable[_Item], limit: int) -> Iterator[list[_Item]]:
    """Yield all items in their order, at most `limit` at a time; no batch is empty."""
    remaining = iter(items)
    while batch := list(islice(remaining, limit)):
        yield batch


def unsplit(batches: Iterable[list[PlanRow]]) -> Iterator[list[PlanRow]]:
    """Yield the same rows with each group (consecutive rows of one number `together`, 0 for none) in one batch."""
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


def without_steps(rows: Iterable[PlanRow]) -> Iterator[PlanRow]:
    """Yield the rows with each file of a cycle in one row: without its temporary name."""
    held: dict[bytes, PlanRow] = {}
    for row in rows:
        if is_step_name(row.target_name):
            held[row.target_name] = row
        elif is_step_name(row.source_name) and (first := held.pop(row.source_name, None)) is not None:
            yield row._replace(
                source_base=first.source_base, source_folder=first.source_folder, source_name=first.source_name
            )
        else:
            yield row


def row_maker(kind: type[_Row]) -> Callable[[Iterable[Any]], _Row]:
    """Return a function that makes a row of a named tuple from all its values in order.

    For rows that exist once per file: a named tuple's own `__new__` is written in Python and takes twice as long.
    """
    return partial(tuple.__new__, kind)
