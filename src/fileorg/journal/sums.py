"""Sums over the records of an operation: by category, by state, by reason, by the folder that files went to."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.model import WAS_DONE, RecordState
from fileorg.journal.listing import IS_LISTED
from fileorg.journal.rows import checked_place, foreign, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation, Place, RecordId

_OPERATION = f"FROM records r WHERE r.id BETWEEN ? AND ? AND r.operation = ? AND {IS_LISTED}"
_STATES = quoted(WAS_DONE)
_WAS_DONE = f"{_OPERATION} AND r.state IN ({_STATES})"
_BYTES = "sum(CASE WHEN r.source_name IS NULL THEN 0 ELSE coalesce(r.size, 0) END)"

# What a reason says of a name, so that those of one kind can be counted together.
_IDENTICAL = "identical to "
_KINDS = (
    (re.compile(r"\A(the one there is newer|the name is taken): .*", re.DOTALL), r"\1"),
    (re.compile(r"\Ait goes with .*, which stays\Z", re.DOTALL), "it goes with a file that stays"),
    (re.compile(r"\A.*(?=, its keeper, )", re.DOTALL), "the file that stays"),
    (re.compile(r"(?<=no longer that of ).*\Z", re.DOTALL), "the file that stays"),
    (re.compile(r"(?<=\Athe folder ).*(?= is not there\Z)", re.DOTALL), "it goes to"),
    (re.compile(r"(?<=on another disk than ).*(?=, where )", re.DOTALL), "the file that stays"),
    (re.compile(r"(?<=the same file as ).*(?=, by another name\Z)", re.DOTALL), "the one that stays"),
)
_OTHER = "for other reasons"
_MOST_KINDS = 500
_EXAMPLES = 5


def kind_of_reason(reason: str | None) -> str:
    """A reason without the names in it."""
    kind = reason or ""
    if kind.startswith(_IDENTICAL):
        return _IDENTICAL + "a file that is there already"
    for pattern, words in _KINDS:
        kind = pattern.sub(words, kind)
    return kind


class ReasonSum(NamedTuple):
    """How many records have a state for reasons of a kind, and the first of them."""

    state: RecordState
    kind: str
    records: int
    first: list[RecordId]


class RecordSums:
    """What a journal is asked by a report. Raises `JournalError`."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def counts(self, operation: int) -> dict[RecordState, tuple[int, int]]:
        """How many files, and how many bytes, are in each state. Folders are counted that failed, and those that
        the operation is about, which have a category.
        """
        rows = self._queries.select(
            f"SELECT state, count(*), {_BYTES} FROM records r"
            " WHERE id >= (SELECT first_record FROM operations WHERE id = ?1) AND operation = ?1"
            f" AND {IS_LISTED} GROUP BY state",
            (operation,),
        )
        try:
            return {RecordState(state): (int(count), int(size or 0)) for state, count, size in rows}
        except (ValueError, TypeError):
            raise foreign("A record of operation", operation) from None

    def categories(self, operation: Operation) -> list[tuple[str, int, int]]:
        """(category, files, bytes) of what was done, most bytes first."""
        query = f"SELECT coalesce(r.category, ''), count(*), {_BYTES} {_WAS_DONE} GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1"
        return [(str(name), *sums) for name, *sums in self._queries.select(query, self._of(operation))]

    def reasons(self, operation: Operation) -> list[ReasonSum]:
        """Why records are not done, or what is to be known of those that are; most records first."""
        query = (
            f"SELECT r.id, r.state, r.error {_OPERATION} AND (r.error NOT NULL OR r.state"
            f" NOT IN ({_STATES})) ORDER BY r.id"
        )
        counts: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], list[RecordId]] = {}
        for rows in self._queries.stream(query, self._of(operation)):
            for record, state, error in rows:
                if not isinstance(error, str | None):
                    raise foreign("Record", record)
                key = (state, kind_of_reason(error))
                if key not in counts and len(counts) >= _MOST_KINDS:
                    key = (state, _OTHER)
                counts[key] += 1
                if counts[key] <= _EXAMPLES:
                    first.setdefault(key, []).append(record)
        return [ReasonSum(RecordState(key[0]), key[1], records, first[key]) for key, records in counts.most_common()]

    def places(self, operation: Operation) -> Iterator[tuple[Place, int, int]]:
        """(folder, files, bytes) of what went into each folder."""
        query = (
            f"SELECT t.base, t.path, t.id, went.* FROM (SELECT r.target_folder AS folder, count(*), {_BYTES}"
            f" {_WAS_DONE} GROUP BY r.target_folder) went JOIN folders t ON t.id = went.folder ORDER BY t.base, t.path"
        )
        for rows in self._queries.stream(query, self._of(operation)):
            for base, path, folder, _, files, bytes_ in rows:
                yield checked_place((base, path), folder), files, bytes_

    def _of(self, operation: Operation) -> tuple[int, int, int]:
        return *self._queries.record_range(operation), operation.id
