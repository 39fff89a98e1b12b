"""The duplicate groups of an operation: what was done to duplicates, by the file that stayed of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.journal.rows import RECORD_COLUMNS, Operation, Record, RecordId, checked, checked_keeper, foreign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.journal.rows import Place
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
        def place(self, folder: int | None) -> Place: ...

    def keepers(self, low: RecordId, high: RecordId) -> dict[RecordId, Keeper]:
        """The keepers of the duplicates that records of this range are about."""
        rows = self._select(
            "SELECT folder, record, name, inode, mtime_ns FROM keepers WHERE record BETWEEN ? AND ?", (low, high)
        )
        return {row[0]: checked_keeper(row, self.place(folder)) for folder, *row in rows}

    def has_keepers(self, operation: Operation) -> bool:
        """Whether it is about duplicates."""
        query = "SELECT 1 FROM keepers WHERE record BETWEEN ? AND ? LIMIT 1"
        return self._value(query, self.record_range(operation)) is not None

    def sums_of_groups(self, operation: Operation) -> tuple[int, int, int]:
        """How many groups an operation was about, how many of their duplicates it dealt with, and how many bytes these
        have; what has several names counts once.
        """
        query = (
            "SELECT count(DISTINCT folder || x'00' || name), count(*), coalesce(sum(size), 0) FROM (SELECT k.folder,"
            " k.name, min(r.size) AS size FROM keepers k JOIN records r ON r.id = k.record WHERE k.record BETWEEN"
            " ? AND ?"
            " AND r.state IN ('done', 'undone', 'purged') GROUP BY k.folder, k.name, r.dev, r.inode)"
        )
        [(groups, files, bytes_)] = self._select(query, self.record_range(operation))
        return groups, files, bytes_

    def groups(self, operation: Operation, first: Sequence[RecordId]) -> Iterator[KeptGroup]:
        """The groups that begin with these records, as `first_of_groups` gives them."""
        # The records of a group follow each other: a plan goes group by group, and so does what takes it back.
        here = "(SELECT folder, name FROM keepers WHERE record = ?1)"
        following = f"SELECT record FROM keepers WHERE record > ?1 AND (folder, name) <> {here} ORDER BY record LIMIT 1"
        query = (
            f"SELECT {RECORD_COLUMNS} FROM keepers k JOIN records r ON r.id = k.record"
            " LEFT JOIN folders s ON s.id = r.source_folder JOIN folders t ON t.id = r.target_folder"
            f" WHERE k.record BETWEEN ?1 AND min(?2, coalesce(({following}) - 1, ?2)) ORDER BY k.record"
        )
        _, last = self.record_range(operation)
        for record in first:
            records = [checked(Record(*row)) for row in self._select(query, (record, last))]
            if not records:  # its folder is none
                raise foreign("Record", record)
            yield KeptGroup(self.keepers(record, record)[record], records)
