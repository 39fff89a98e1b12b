"""The duplicate groups of an operation: what was done to duplicates, by the file that stayed of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.journal.rows import Record, checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.journal.reader import JournalReader
    from fileorg.journal.rows import Operation
    from fileorg.model import Keeper


class KeptGroup(NamedTuple):
    """A keeper, and the records of its duplicates."""

    keeper: Keeper
    records: list[Record]


def count_groups(journal: JournalReader, operation: Operation) -> int:
    """How many groups an operation was about."""
    low, high = journal.record_range(operation)
    query = "SELECT count(*) FROM (SELECT 1 FROM keepers WHERE record BETWEEN ? AND ? GROUP BY folder, name)"
    return int(journal.select(query, (low, high))[0][0])


def groups_of(journal: JournalReader, operation: Operation, first: int, most: int) -> Iterator[KeptGroup]:
    """At most so many groups in the order in which they were dealt with, from the `first` (0 is the first of all)."""
    low, high = journal.record_range(operation)
    # The records of a group follow each other: a plan goes group by group, and so does what takes it back.
    query = (
        "SELECT min(record), max(record), folder, name FROM keepers WHERE record BETWEEN ? AND ?"
        " GROUP BY folder, name ORDER BY 1 LIMIT ? OFFSET ?"
    )
    for start, end, folder, name in journal.select(query, (low, high, most, first)):
        chosen = "SELECT record FROM keepers WHERE record BETWEEN ? AND ? AND folder = ? AND name = ?"
        numbers = [number for (number,) in journal.select(chosen, (start, end, folder, name))]
        keeper = journal.keepers(start, start)[start]
        yield KeptGroup(keeper, [checked(record) for record in journal.records_by_id(numbers)])
