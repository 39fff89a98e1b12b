"""The time that a folder had before operations that are all undone now, in any order.

As long as each operation found the folder with the time that the previous operation had left, no other program changed
the folder in between. If all operations since some moment are undone, the folder gets the time of that moment.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from fileorg.journal.absolute import ABSOLUTE, BASES, FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation

# An operation did nothing to a folder that was missing both before and after it: its disk may not have been mounted.
_HISTORY = f"""
WITH {BASES}, mine(id, mtime_ns, absolute) AS MATERIALIZED (
    SELECT f.id, f.mtime_ns, {ABSOLUTE} FROM {FOLDERS} WHERE f.operation = ?1)
SELECT mine.id, mine.mtime_ns, f.operation, f.id, f.mtime_ns, f.sealed_mtime_ns
FROM {FOLDERS} CROSS JOIN mine ON mine.absolute = {ABSOLUTE} WHERE f.operation < ?1
    AND coalesce(f.mtime_ns, f.sealed_mtime_ns) NOT NULL ORDER BY mine.id, f.operation DESC
"""


def times_before(queries: Queries, operation: Operation, worked: Callable[[int], set[int]]) -> dict[int, Any]:
    """Return folder id → its time before all that is undone now, as the journal stores it, where known.

    `operation` is an undo or redo about to be sealed; `worked` returns the folders in which an operation is in effect.
    """
    undoes: dict[int, int | None] = dict(queries.select("SELECT id, undoes FROM operations"))
    rows = queries.select(_HISTORY, (operation.id,))
    found = {}
    for folder, history in groupby(rows, key=itemgetter(0)):
        in_effect = [line_of(operation.id, undoes)]
        expected = None
        for number, (_, now, other, known, before, sealed) in enumerate(history):
            if sealed != (expected if number else now):
                break  # another program changed the folder in between
            expected = before
            if known in worked(other):
                in_effect.append(line_of(other, undoes))
            if any(len(line) % 2 and other <= line[-1] for line in in_effect):
                break  # still in effect: earlier times do not apply
            if before is not None and all(sum(each >= other for each in line) % 2 == 0 for line in in_effect):
                found[folder] = before
    return found


def line_of(operation: int, undoes: dict[int, int | None]) -> list[int]:
    """Return the operation, the operation that it undoes, and so on: each one cancels the next in the list."""
    line = [operation]
    while (before := undoes.get(line[-1])) is not None and before < line[-1]:
        line.append(before)
    return line
