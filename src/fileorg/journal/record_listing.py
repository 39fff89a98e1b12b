"""Listings of an operation's records: their ids in order, and the records of a page."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_digest

from fileorg.core.batches import row_maker
from fileorg.core.model import (
    FOLDER_ACTIONS,
    LISTED_STATES,
    MOVED_ASIDE,
    PROBLEM_STATES,
    Action,
    OperationState,
    RecordState,
    SortBy,
)
from fileorg.core.reasons import Lost, Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import (
    REASON_COLUMNS,
    Operation,
    RecordId,
    checked_names,
    foreign,
    is_number,
    numbers,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.journal.queries import Queries


IS_LISTED = (
    f"(r.category IS NOT '{MOVED_ASIDE}' OR r.state IN ({quoted(PROBLEM_STATES)})) AND"
    f" (r.action NOT IN ({quoted(FOLDER_ACTIONS)}) OR r.category NOT NULL OR r.state IN ('failed', 'changed'))"
)
"""Folders that are the subject of an operation have a category; other folders are listed only if they failed, and so is
the step to a temporary name, at which its file then may be.
"""

_BY_PATH = "{0}.base, {0}.path, {1}"
_TARGET_NAME = "coalesce(r.target_name, r.source_name)"
_STATES = " ".join(f"WHEN '{state}' THEN {rank}" for rank, state in enumerate(LISTED_STATES))
_ORDERS = {
    SortBy.RECORD: "r.id",
    SortBy.PATH: _BY_PATH.format("s", "r.source_name") + ", r.id",
    SortBy.NEW_PATH: _BY_PATH.format("t", _TARGET_NAME) + ", r.id",
    SortBy.SIZE: "coalesce(r.size, 0) DESC, r.id",
    SortBy.STATUS: f"CASE r.state {_STATES} END, r.id",
    SortBy.CATEGORY: "coalesce(r.category, ''), r.id",
}
_ACTIONS, _RECORD_STATES, _CODES = set(Action), set(RecordState), {None, *ReasonCode}
_JOINS = {
    SortBy.PATH: " LEFT JOIN folders s ON s.id = r.source_folder",
    SortBy.NEW_PATH: " JOIN folders t ON t.id = r.target_folder",
}


class RecordQuery(NamedTuple):
    """The filters and the order of a listing. An empty filter matches all records."""

    states: tuple[RecordState, ...] = ()
    categories: tuple[str, ...] = ()
    sort: SortBy = SortBy.RECORD


class ListedRecord(NamedTuple):
    """A record as listed. Folders are given by their ids in the journal; records of folders have no source."""

    id: RecordId
    action: Action
    source_folder: int | None
    source_name: bytes | None
    target_folder: int
    target_name: bytes
    category: str | None
    state: RecordState
    size: int | None
    mtime_ns: int | None
    code: ReasonCode | None
    about: bytes | None
    number: int | None
    lost: int | None

    @property
    def reason(self) -> Reason | None:
        """The reason, built on access: most records have none."""
        if self.code is None:
            return None
        return Reason(ReasonCode(self.code), self.about, self.number, Lost(self.lost or 0))


_COLUMNS = (
    "r.id, r.action, r.source_folder, r.source_name, r.target_folder, coalesce(r.target_name, r.source_name),"
    f" r.category, r.state, r.size, r.mtime_ns, {REASON_COLUMNS}"
)
_new_listed = row_maker(ListedRecord)


class RecordListing:
    """Queries that list records. Raises `JournalError` for rows that fileorg did not write."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def stamp(self, operation: Operation) -> bytes:
        """Return a stamp that changes when a record may have changed; empty while this operation is open, or a later
        one that changes earlier records: an undo, a redo or a purge. Another job that runs changes none of them.
        """
        rows = self._queries.select(
            "SELECT id, state, started_ns, ended_ns, done, bytes, problems FROM operations"
            " WHERE id = ?1 OR (id > ?1 AND undoes IS NOT NULL) ORDER BY id",
            (operation.id,),
        )
        if any(row[1] != OperationState.SEALED for row in rows):
            return b""
        return xxh3_128_digest(repr(rows).encode())

    def listed(self, operation: Operation, wanted: RecordQuery) -> Iterator[list[RecordId]]:
        """Yield the ids of the matching records, in order, in batches."""
        query, values = listing_query(self._queries.record_range(operation), operation.id, wanted)
        for rows in self._queries.stream(query, values):
            yield list(map(itemgetter(0), rows))

    def listed_records(self, operation: Operation, rows: int = 4096) -> Iterator[list[ListedRecord]]:
        """Yield all records, including those of folders, in the order of the run and in batches of ids."""
        query = (
            f"SELECT {_COLUMNS} FROM records r WHERE r.id BETWEEN ?1 AND ?2 AND r.operation = ?3 ORDER BY r.id LIMIT ?4"
        )
        return map(check_listed, self._queries.pages(query, operation, rows))

    def listed_by_id(self, ids: Sequence[RecordId]) -> list[ListedRecord]:
        """Return the records with these ids, in the same order."""
        found = {record.id: record for record in check_listed(self._queries.select(page_query(ids), ()))}
        return [found[record] for record in ids if record in found]


def check_listed(rows: Sequence[tuple[Any, ...]]) -> list[ListedRecord]:
    """Return rows of `_COLUMNS` as records after checking names, numbers and codes. Raises `JournalError`."""
    if not rows:
        return []
    (ids, actions, sources, source_names, _, target_names, categories, states, sizes, times,
     codes, abouts, counts, lost) = zip(*rows, strict=True)  # fmt: skip
    fine = (
        checked_names([name for name in source_names if name is not None], target_names)
        and set(actions) <= _ACTIONS
        and set(states) <= _RECORD_STATES
        and all({int, type(None)} >= set(map(type, column)) for column in (ids, sources, sizes, times, lost))
        and {str, type(None)} >= set(map(type, categories))
        and {bytes, type(None)} >= set(map(type, abouts))
        and set(codes) <= _CODES
        and all(map(is_number, set(counts)))
    )
    if not fine:
        raise foreign("A record between", f"{ids[0]} and {ids[-1]}")
    return list(map(_new_listed, rows))


def listing_query(ids: tuple[RecordId, RecordId], operation: int, wanted: RecordQuery) -> tuple[str, list[Any]]:
    """Return the SQL of a listing and its values. User input is always bound; the order is one of `_ORDERS`."""
    query = f"SELECT r.id FROM records r{_JOINS.get(wanted.sort, '')} WHERE r.id BETWEEN ? AND ? AND r.operation = ?"
    query += f" AND {IS_LISTED}"
    values: list[Any] = [*ids, operation]
    for column, chosen in (("r.state", wanted.states), ("coalesce(r.category, '')", wanted.categories)):
        if chosen:
            query += f" AND {column} IN ({', '.join('?' * len(chosen))})"
            values += chosen
    return f"{query} ORDER BY {_ORDERS[wanted.sort]}", values


def page_query(ids: Sequence[RecordId]) -> str:
    """Return the SQL of the records of a page: each is looked up by its id."""
    return f"SELECT {_COLUMNS} FROM records r WHERE r.id IN ({numbers(ids)})"
