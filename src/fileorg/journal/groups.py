"""The duplicate groups of an operation: what was done to duplicates, by the file that stayed of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.journal.rows import RECORD_COLUMNS, Operation, Record, RecordId, checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.model import Keeper


class KeptGroup(NamedTuple):
    """A keeper, and the records of its duplicates."""

    keeper: Keeper
    records: list[Record]


class GroupReader:
    """What a journal is asked about groups. Raises `JournalError` for rows that fileorg did not write."""

    if TYPE_CHECKING:

        def _select(self, query: str, values: Sequence[Any] | dict[str, Any]) -> list[Any]: ...
        def _value(self, query: str, values: Sequence[Any] = ()) -> Any: ...
        def record_range(self, operation: Operation) -> tuple[RecordId, RecordId]: ...
        def keepers(self, low: RecordId, high: RecordId) -> dict[RecordId, Keeper]: ...

    def has_keepers(self, operation: Operation) -> bool:
        """Whether it is about duplicates."""
        query = "SELECT 1 FROM keepers WHERE record BETWEEN ? AND ? LIMIT 1"
        return self._value(query, self.record_range(operation)) is not None

    def count_groups(self, operation: Operation) -> int:
        """How many groups an operation was about."""
        query = "SELECT count(*) FROM (SELECT 1 FROM keepers WHERE record BETWEEN ? AND ? GROUP BY folder, name)"
        return int(self._value(query, self.record_range(operation)))

    def groups(self, operation: Operation, skip: int, most: int) -> Iterator[KeptGroup]:
        """At most so many groups, in the order in which they were dealt with."""
        # The records of a group follow each other: a plan goes group by group, and so does what takes it back.
        query = (
            "SELECT min(record), max(record), folder, name FROM keepers WHERE record BETWEEN ? AND ?"
            " GROUP BY folder, name ORDER BY 1 LIMIT ? OFFSET ?"
        )
        records = (
            f"SELECT {RECORD_COLUMNS} FROM keepers k JOIN records r ON r.id = k.record"
            " LEFT JOIN folders s ON s.id = r.source_folder JOIN folders t ON t.id = r.target_folder"
            " WHERE k.record BETWEEN ? AND ? AND k.folder = ? AND k.name = ? ORDER BY k.record"
        )
        low, high = self.record_range(operation)
        for first, *group in self._select(query, (low, high, most, skip)):
            keeper = self.keepers(first, first)[first]
            yield KeptGroup(keeper, [checked(Record(*row)) for row in self._select(records, (first, *group))])
