"""The duplicate groups of an operation: the records of its duplicates, by the keeper of each group."""

from __future__ import annotations

from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from fileorg.core.model import ON_SYMLINKS, WAS_DONE
from fileorg.core.names import is_step_name
from fileorg.core.reasons import ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import (
    RECORD_COLUMNS,
    Operation,
    Record,
    RecordId,
    checked,
    checked_keeper,
    foreign,
    numbers,
    quoted,
    record_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.core.model import Keeper
    from fileorg.journal.queries import Queries


# The records of a group are contiguous: a plan and its undo proceed group by group.
_KEEPER_COLUMNS = 4
_OF_GROUPS = f"r.action NOT IN ({quoted(ON_SYMLINKS)})"
"""Excludes rewritten symlinks, whose keeper is their target. An operation has duplicates or symlinks, never both."""
_ROWS = (
    f"SELECT k.folder, k.name, k.inode, k.mtime_ns, {RECORD_COLUMNS} FROM keepers k JOIN records r ON r.id = k.record"
    " LEFT JOIN folders s ON s.id = r.source_folder JOIN folders t ON t.id = r.target_folder"
)


MAX_LISTED = 1000


class KeptGroup(NamedTuple):
    """A keeper, the first `MAX_LISTED` records of its duplicates, and the number of all their records."""

    keeper: Keeper
    records: list[Record]
    number: int
    freed: int
    """The number of files of which all names were processed, so that their space is free when these are gone."""


class KeptGroups:
    """Queries about groups. Raises `JournalError` for rows that fileorg did not write."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def keepers(self, low: RecordId, high: RecordId) -> dict[RecordId, Keeper]:
        """Return record → keeper of its duplicate, for the records of this range."""
        return self._keepers("BETWEEN ? AND ?", (low, high))

    def keepers_of(self, ids: Sequence[RecordId]) -> dict[RecordId, Keeper]:
        """Return record → keeper of its duplicate, for these records."""
        return self._keepers(f"IN ({numbers(ids)})", ())

    def _keepers(self, where: str, values: Sequence[Any]) -> dict[RecordId, Keeper]:
        rows = self._queries.select(
            f"SELECT folder, record, name, inode, mtime_ns FROM keepers WHERE record {where}", values
        )
        return {row[0]: checked_keeper(row, self._queries.place(folder)) for folder, *row in rows}

    def leaders(self, low: RecordId, high: RecordId) -> dict[RecordId, RecordId]:
        """Return record → first record of its group, for records of this range whose files are kept together.

        Raises `JournalError`.
        """
        query = "SELECT record, leader FROM companions WHERE record BETWEEN ? AND ?"
        rows = self._queries.select(query, (low, high))
        for record, leader in rows:
            if not isinstance(leader, int) or leader <= 0:
                raise foreign("Record", record)
        return dict(rows)

    def torn(self, operation: Operation) -> list[tuple[RecordId, RecordId]]:
        """Return the first and last record of each group of files that was split: only some of its records are done.
        The range includes the records of symlinks to these files.

        A missing file, or one identical to the file at its target, does not split a group. Nor does a file that an
        undo finds changed: the file that replaced it is not part of the group.
        """
        cut_short = quoted({ReasonCode.INTERRUPTED, ReasonCode.CUT_SHORT})
        undoing = f"r.state = 'skipped' AND r.reason IN ({cut_short})"
        doing = f"r.state IN ('skipped', 'changed') AND r.reason IS NOT '{ReasonCode.IDENTICAL}'"
        tears = f"r.state IN ('conflict', 'failed') OR {undoing if operation.undoes else doing}"
        query = (
            "SELECT min(record), max(record) FROM companions c JOIN records r ON r.id = c.record"
            " WHERE c.record BETWEEN ? AND ? GROUP BY leader"
            f" HAVING sum(r.state = 'done') AND sum({tears}) ORDER BY 1 DESC"
        )
        own = self._queries.record_range(operation)
        behind = f"SELECT min(id) - 1 FROM records WHERE id > ? AND action NOT IN ({quoted(ON_SYMLINKS)})"
        torn = self._queries.select(query, own)
        return [(low, min(own[1], self._queries.value(behind, (high,)) or own[1])) for low, high in torn]

    def that_stayed(self, low: RecordId, high: RecordId) -> Record | None:
        """Return the record of the first file that was not moved, of a split group with the records `low` to `high`;
        None if the run was only cut short. The file of a cycle has its own name, not the temporary one.
        """
        query = (
            f"SELECT {RECORD_COLUMNS} FROM records r JOIN folders s ON s.id = r.source_folder"
            " JOIN folders t ON t.id = r.target_folder WHERE r.id BETWEEN ? AND ? AND {0} ORDER BY r.id LIMIT 1"
        )
        why = quoted({ReasonCode.INTERRUPTED, ReasonCode.CUT_SHORT, ReasonCode.IDENTICAL})
        failed = f"r.state IN ('skipped', 'changed', 'conflict', 'failed') AND coalesce(r.reason, '') NOT IN ({why})"
        for row in self._queries.select(query.format(failed), (low, high)):
            record = record_of(row)
            named = self._queries.select(query.format("r.target_name = ?"), (low, high, record.source_name))
            return record_of(named[0]) if named and is_step_name(record.source_name) else record
        return None

    def has_groups(self, operation: Operation) -> bool:
        """Return whether the operation is about duplicates."""
        query = (
            "SELECT 1 FROM keepers k JOIN records r ON r.id = k.record WHERE k.record BETWEEN ? AND ?"
            f" AND {_OF_GROUPS} LIMIT 1"
        )
        return self._queries.value(query, self._queries.record_range(operation)) is not None

    def reverted(self, ranges: Sequence[tuple[RecordId, RecordId]]) -> list[tuple[RecordId, RecordId]]:
        """Return the first and last of the records that each range undoes."""
        query = "SELECT min(reverts), max(reverts) FROM records WHERE id BETWEEN ? AND ? AND reverts > 0"
        return [(low, high) for each in ranges for low, high in self._queries.select(query, each) if low]

    def has_keepers(self, operation: Operation) -> bool:
        """Return whether the operation has keepers: of duplicates, or the targets of symlinks."""
        query = "SELECT 1 FROM keepers WHERE record BETWEEN ? AND ? LIMIT 1"
        return self._queries.value(query, self._queries.record_range(operation)) is not None

    def sums(self, operation: Operation) -> tuple[int, int, int]:
        """Return the numbers of groups and duplicates that were processed, and the bytes that are free when these
        duplicates are gone: a file with another hard link frees none.
        """
        query = (
            "SELECT count(DISTINCT folder || x'00' || name), coalesce(sum(names), 0),"
            " coalesce(sum(iif(names >= links, size, 0)), 0) FROM (SELECT k.folder, k.name, min(r.size) AS size,"
            " count(*) AS names, max(r.nlink) AS links FROM keepers k JOIN records r ON r.id = k.record"
            f" WHERE k.record BETWEEN ? AND ? AND {_OF_GROUPS} AND r.state IN ({quoted(WAS_DONE)})"
            " GROUP BY k.folder, k.name, r.dev, r.inode)"
        )
        [(groups, files, size_bytes)] = self._queries.select(query, self._queries.record_range(operation))
        return groups, files, size_bytes

    def first_records(self, operation: Operation) -> Iterator[list[RecordId]]:
        """Yield the first record of each duplicate group, in the order of the run."""
        query = (
            "SELECT min(k.record) FROM keepers k JOIN records r ON r.id = k.record WHERE k.record BETWEEN ? AND ?"
            f" AND {_OF_GROUPS} GROUP BY k.folder, k.name ORDER BY 1"
        )
        for rows in self._queries.stream(query, self._queries.record_range(operation)):
            yield [record for (record,) in rows]

    def beginning_with(self, operation: Operation, first: Sequence[RecordId]) -> Iterator[KeptGroup]:
        """Yield the groups that begin with these records, which are from `first_records`."""
        here = "(SELECT folder, name FROM keepers WHERE record = ?1)"
        following = f"SELECT record FROM keepers WHERE record > ?1 AND (folder, name) <> {here} ORDER BY record LIMIT 1"
        query = f"{_ROWS} WHERE k.record BETWEEN ?1 AND min(?2, coalesce(({following}) - 1, ?2)) ORDER BY k.record"
        _, last = self._queries.record_range(operation)
        for record in first:
            group = self._group(row for rows in self._queries.stream(query, (record, last)) for row in rows)
            if group is None:  # its target folder is not in the journal
                raise foreign("Record", record)
            yield group

    def all_groups(self, operation: Operation, rows: int = 4096) -> Iterator[KeptGroup]:
        """Yield all groups, in the order of the run; read in batches of ids."""
        for _, group in groupby(self._rows_of_groups(operation, rows), key=itemgetter(0, 1)):
            if (found := self._group(group)) is not None:
                yield found

    def _rows_of_groups(self, operation: Operation, limit: int) -> Iterator[tuple[Any, ...]]:
        query = f"{_ROWS} WHERE k.record BETWEEN ?1 AND ?2 AND {_OF_GROUPS} ORDER BY k.record LIMIT ?4"
        return chain.from_iterable(self._queries.pages(query, operation, limit, of_id=_KEEPER_COLUMNS))

    def _group(self, rows: Iterable[tuple[Any, ...]]) -> KeptGroup | None:
        """Return the group of these rows, None without rows. Keeps a million duplicates of one file out of memory."""
        records: list[Record] = []
        left: dict[tuple[int, int], int] = {}
        keeper, count = None, 0
        for row in rows:
            record = checked(record_of(row[_KEEPER_COLUMNS:]))
            if keeper is None:
                folder, *facts = row[:_KEEPER_COLUMNS]
                keeper = checked_keeper((record.id, *facts), self._queries.place(folder))
            if count < MAX_LISTED:
                records.append(record)
            if record.state in WAS_DONE:
                file = record.dev, record.inode
                left[file] = left.get(file, record.nlink) - 1
            count += 1
        return None if keeper is None else KeptGroup(keeper, records, count, sum(links <= 0 for links in left.values()))
