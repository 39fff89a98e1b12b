"""Sums over the records of an operation: by category, by state, by reason, by target folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.model import (
    EMPTIED_FOLDER,
    FOLDER_ACTIONS,
    MOVED_ASIDE,
    ON_SYMLINKS,
    PROBLEM_STATES,
    WAS_DONE,
    RecordState,
)
from fileorg.core.reasons import ABOUT_A_PROCESS, ABOUT_ANOTHER_FILE, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import IS_LEFT, checked_place, checked_reason, foreign, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.reasons import Reason
    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation, RecordedFolder, RecordId

IS_COUNTED = (
    f"(r.category IS NOT '{MOVED_ASIDE}' OR r.state IN ({quoted(PROBLEM_STATES)}))"
    f" AND (r.action NOT IN ({quoted(FOLDER_ACTIONS | ON_SYMLINKS)}) OR r.category <> '{EMPTIED_FOLDER}'"
    f" OR (r.category = '{EMPTIED_FOLDER}' AND r.state IN ({quoted(PROBLEM_STATES)}))"
    f" OR r.state IN ('failed', 'changed') OR (r.action IN ({quoted(ON_SYMLINKS)})"
    f" AND r.state NOT IN ('done', 'undone') AND r.reason IS NOT '{ReasonCode.SYMLINK_TARGET_STAYS}'))"
)
"""Folders count where they are listed, except emptied ones, which count only as a problem. Rewritten symlinks are
reported beside the moved files and do not count; nor do symlinks that stay because their file does. A file that got a
temporary name first counts with the record of its new name.
"""
_OPERATION = f"FROM records r WHERE r.id BETWEEN ? AND ? AND r.operation = ? AND {IS_COUNTED}"
_STATES = quoted(WAS_DONE)
_WAS_DONE = f"{_OPERATION} AND r.state IN ({_STATES})"
BYTES = "sum(CASE WHEN r.source_name IS NULL THEN 0 ELSE coalesce(r.size, 0) END)"

_KIND = (
    f"r.state, r.reason, CASE WHEN r.reason IN ({quoted(ABOUT_ANOTHER_FILE)}) THEN NULL ELSE r.about END,"
    f" CASE WHEN r.reason IN ({quoted(ABOUT_A_PROCESS)}) THEN NULL ELSE r.number END, r.lost"
)
"""The columns that tell kinds of reasons apart."""
_OTHER = (ReasonCode.OTHER, None, None, None)
_MAX_KINDS = 500
_EXAMPLES = 5


class ReasonSum(NamedTuple):
    """The number of records with a state and a kind of reason, and the first of them. Other files and processes, which
    differ by record, are left out of the reason. Kinds beyond the most frequent have code `OTHER` and no details.
    """

    state: RecordState
    reason: Reason | None
    records: int
    first: list[RecordId]


class RecordSums:
    """Queries for a report. Raises `JournalError`."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def counts(self, operation: int) -> dict[RecordState, tuple[int, int]]:
        """Return state → (files, bytes). Folders count if they failed, or if they have a category, because they are the
        subject of the operation.
        """
        rows = self._queries.select(
            f"SELECT state, count(*), {BYTES} FROM records r"
            " WHERE id >= (SELECT first_record FROM operations WHERE id = ?1) AND operation = ?1"
            f" AND {IS_COUNTED} GROUP BY state",
            (operation,),
        )
        try:
            return {RecordState(state): (int(count), int(size or 0)) for state, count, size in rows}
        except (ValueError, TypeError):
            raise foreign("A record of operation", operation) from None

    def left(self, operation: Operation) -> tuple[int, int]:
        """Return how many files, and how many bytes, an undo would try."""
        query = f"SELECT count(*), coalesce({BYTES}, 0) {_OPERATION} AND {IS_LEFT}"
        [(files, size_bytes)] = self._queries.select(query, self._of(operation))
        return files, size_bytes

    def categories(self, operation: Operation) -> list[tuple[str, int, int]]:
        """Return (category, files, bytes) of done records, most bytes first."""
        query = f"SELECT coalesce(r.category, ''), count(*), {BYTES} {_WAS_DONE} GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1"
        return [(str(name), *sums) for name, *sums in self._queries.select(query, self._of(operation))]

    def reasons(self, operation: Operation) -> list[ReasonSum]:
        """Return the reasons why records are not done, and the remarks on done ones; most records first."""
        with self._queries.snapshot():  # two queries, and another process may be writing
            return self._reasons(operation)

    def _reasons(self, operation: Operation) -> list[ReasonSum]:
        where = f"{_OPERATION} AND (r.reason NOT NULL OR r.state NOT IN ({_STATES}))"
        counts: dict[tuple[Any, ...], int] = {}
        kinds = f"SELECT {_KIND}, count(*) {where} GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, min(r.id)"
        for rows in self._queries.stream(kinds, self._of(operation)):
            for *kind, records in rows:
                key = tuple(kind) if len(counts) < _MAX_KINDS else (kind[0], *_OTHER)
                counts[key] = counts.get(key, 0) + records
        first: dict[tuple[Any, ...], list[RecordId]] = {key: [] for key in counts}
        wanted = sum(min(records, _EXAMPLES) for records in counts.values())
        for rows in self._queries.stream(f"SELECT {_KIND}, r.id {where} ORDER BY r.id", self._of(operation)):
            for *kind, record in rows:
                key = tuple(kind)
                found = first[key if key in first else (kind[0], *_OTHER)]
                if len(found) < _EXAMPLES:
                    found.append(record)
                    wanted -= 1
            if not wanted:
                break
        sums = [_checked(key, records, first[key]) for key, records in counts.items()]
        return sorted(sums, key=lambda each: -each.records)

    def places(self, operation: Operation) -> Iterator[tuple[RecordedFolder, int, int]]:
        """Yield (folder, files, bytes) of the files moved into each folder."""
        query = (
            f"SELECT t.base, t.path, t.id, went.* FROM (SELECT r.target_folder AS folder, count(*), {BYTES}"
            f" {_WAS_DONE} GROUP BY r.target_folder) went JOIN folders t ON t.id = went.folder ORDER BY t.base, t.path"
        )
        for rows in self._queries.stream(query, self._of(operation)):
            for base, path, folder, _, files, size_bytes in rows:
                yield checked_place((base, path), folder), files, size_bytes

    def _of(self, operation: Operation) -> tuple[int, int, int]:
        return *self._queries.record_range(operation), operation.id


def _checked(kind: tuple[Any, ...], records: int, first: list[RecordId]) -> ReasonSum:
    """Return the sum of a kind. Raises `JournalError` if the row is invalid."""
    state, *reason = kind
    return ReasonSum(RecordState(state), checked_reason(first[0], *reason), records, first)
