"""The time that a folder had before operations that are all taken back now, in whatever order that was done.

As long as each operation found a folder with the time that the one before it had left there, nobody else was at work
in it. So far back the history of a folder is ours: where all that was done from a moment on is taken back, it gets the
time of that moment.
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

# Where a folder was there neither before nor after, nothing was done to it: maybe its disk was not mounted.
_HISTORY = f"""
WITH {BASES}, mine(id, mtime_ns, absolute) AS MATERIALIZED (
    SELECT f.id, f.mtime_ns, {ABSOLUTE} FROM {FOLDERS} WHERE f.operation = ?1)
SELECT mine.id, mine.mtime_ns, f.operation, f.id, f.mtime_ns, f.sealed_mtime_ns
FROM {FOLDERS} CROSS JOIN mine ON mine.absolute = {ABSOLUTE} WHERE f.operation < ?1
    AND coalesce(f.mtime_ns, f.sealed_mtime_ns) NOT NULL ORDER BY mine.id, f.operation DESC
"""


def times_before(queries: Queries, operation: Operation, worked: Callable[[int], set[int]]) -> dict[int, Any]:
    """Folder id → its time before what is taken back now, as the journal keeps it, where there is one.

    `operation` is an undo or redo about to be sealed, `worked` tells in which folders an operation is in effect.
    """
    undoes: dict[int, int | None] = dict(queries.select("SELECT id, undoes FROM operations"))
    rows = queries.select(_HISTORY, (operation.id,))
    found = {}
    for folder, history in groupby(rows, key=itemgetter(0)):
        in_effect = [line_of(operation.id, undoes)]
        expected = None
        for number, (_, now, other, known, before, sealed) in enumerate(history):
            if sealed != (expected if number else now):
                break  # somebody else was at work in between
            expected = before
            if known in worked(other):
                in_effect.append(line_of(other, undoes))
            if any(len(line) % 2 and other <= line[-1] for line in in_effect):
                break  # it is not taken back, and what was before that is another matter
            if before is not None and all(sum(each >= other for each in line) % 2 == 0 for line in in_effect):
                found[folder] = before
    return found


def line_of(operation: int, undoes: dict[int, int | None]) -> list[int]:
    """The operation, what it takes back, what that had taken back, and so on: each cancels the one before."""
    line = [operation]
    while (before := undoes.get(line[-1])) is not None and before < line[-1]:
        line.append(before)
    return line
