"""Pages of a listing: the cached ids, and journal queries whose cost does not grow with the page number."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.core.errors import StateError
from fileorg.core.model import RecordState, SortBy
from fileorg.index.listings import CHUNK, CHUNKS, FIND, MAX_LISTINGS, Listings
from fileorg.journal.journal import Journal
from fileorg.journal.kept_groups import MAX_LISTED
from fileorg.journal.record_listing import RecordQuery, listing_query, page_query
from fileorg.workflows.reports import CACHED_FROM, files_page, groups_page, reported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory
    from fileorg.report.content import Line

# The cache ------------------------------------------------------------------------------------------------------------


class Made:
    """A listing with a number of ids, which counts how often they are requested."""

    def __init__(self, total: int, at_a_time: int = 700) -> None:
        self.ids = [3 * number for number in range(total)]
        self.times = 0
        self._at_a_time = at_a_time

    def __call__(self) -> Iterator[Sequence[int]]:
        self.times += 1
        for start in range(0, len(self.ids), self._at_a_time):
            yield self.ids[start : start + self._at_a_time]


@given(
    total=st.sampled_from([0, 1, 5, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7]),
    at_a_time=st.sampled_from([1000, 1024, 5000]),
    skip=st.integers(0, 3 * CHUNK + 20),
    limit=st.integers(1, 2 * CHUNK + 9),
    key=st.sampled_from([b"", b"kept"]),
)
def test_a_page_is_a_slice(
    tmp_path_factory: pytest.TempPathFactory, total: int, at_a_time: int, skip: int, limit: int, key: bytes
) -> None:
    listings = Listings(os.fsencode(tmp_path_factory.mktemp("listings") / "listings.db"))
    made = Made(total, at_a_time)
    for times in (1, 2):
        assert listings.page(key, made, skip, limit) == (total, made.ids[skip : skip + limit])
        assert listings.page(key, made, skip, limit, backwards=True) == (total, made.ids[::-1][skip : skip + limit])
        assert made.times == (1 if key else 2 * times)


def test_the_oldest_listing_makes_room(tmp_path: Path) -> None:
    listings = Listings(os.fsencode(tmp_path / "listings.db"))
    made = [Made(CHUNK + number) for number in range(MAX_LISTINGS + 2)]
    for number, each in enumerate(made):
        listings.page(b"%d" % number, each, 0, 1)
    for number in (2, MAX_LISTINGS + 1):
        assert listings.page(b"%d" % number, made[number], CHUNK, 1).total == CHUNK + number
        assert made[number].times == 1
    assert listings.page(b"0", made[0], CHUNK - 1, 1).ids == [3 * (CHUNK - 1)]
    assert made[0].times == 2
    with closing(sqlite3.connect(tmp_path / "listings.db")) as db:
        assert db.execute("SELECT count(*) FROM listings").fetchone() == (MAX_LISTINGS,)
        assert db.execute("SELECT count(*) FROM chunks").fetchone() == (2 * MAX_LISTINGS - 1,)


@pytest.mark.parametrize("damage", ["another file", "a flipped byte", "a directory", "of another version"])
def test_a_listing_that_cannot_be_kept_is_made_for_the_page(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "listings.db"
    listings, made = Listings(os.fsencode(path)), Made(2 * CHUNK)
    listings.page(b"key", made, 0, 1)
    match damage:
        case "another file":
            path.write_bytes(b"something else entirely" * 999)
        case "a flipped byte":
            whole = bytearray(path.read_bytes())
            whole[4096:8192] = bytes(reversed(whole[4096:8192]))
            path.write_bytes(whole)
        case "a directory":
            path.unlink()
            path.mkdir()
        case _:
            with closing(sqlite3.connect(path)) as db:
                db.execute("PRAGMA user_version = 99")
    for _ in range(2):
        assert listings.page(b"key", made, CHUNK, 2) == (2 * CHUNK, made.ids[CHUNK : CHUNK + 2])
    times = made.times
    listings.page(b"key", made, 0, 1)
    assert made.times == times + (damage == "a directory")  # otherwise the ids are cached again


# The queries ----------------------------------------------------------------------------------------------------------


def plan_of(db: sqlite3.Connection, query: str, values: Sequence[Any] = ()) -> list[str]:
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", values)]


@pytest.fixture
def journal(runs: Runs, tree: Tree) -> Iterator[Journal]:
    tree.write({f"{number}.jpg": str(number) for number in range(9)})
    runs.organize()
    with Journal(runs.state.journal, read_only=True) as journal:
        yield journal


def test_a_page_is_looked_up_and_never_searched_for(journal: Journal, state: StateDirectory) -> None:
    assert plan_of(journal._db, page_query([1, 2, 3])) == ["SEARCH r USING INTEGER PRIMARY KEY (rowid=?)"]
    Listings(state.listings()).page(b"key", Made(9), 0, 2)
    with closing(sqlite3.connect(os.fsdecode(state.listings()))) as db:
        assert plan_of(db, FIND, (b"",)) == ["SEARCH listings USING INDEX sqlite_autoindex_listings_1 (key=?)"]
        assert plan_of(db, CHUNKS, (1, 2)) == ["SEARCH chunks USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]


@pytest.mark.parametrize("sort", SortBy)
def test_a_listing_reads_the_records_of_its_operation_once(journal: Journal, sort: SortBy) -> None:
    wanted = RecordQuery((RecordState.DONE,), ("Images",), sort)
    steps = plan_of(journal._db, *listing_query((1, 9), 1, wanted))
    assert steps[0] == "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert not any(step.startswith("SCAN") for step in steps)


# The content of a page ------------------------------------------------------------------------------------------------


def all_lines(state: StateDirectory, wanted: RecordQuery, size: int, *, backwards: bool = False) -> list[Line]:
    """Return a whole listing, page by page."""
    lines: list[Line] = []
    number = 1
    while page := files_page(1, wanted, (number, size), state, backwards=backwards).lines:
        lines += page
        number += 1
    return lines


_KEYS: dict[SortBy, Any] = {
    SortBy.RECORD: lambda line: line.id,
    SortBy.PATH: lambda line: (line.source_folder, line.source_name, line.id),
    SortBy.NEW_PATH: lambda line: (line.target_folder, line.target_name, line.id),
    SortBy.SIZE: lambda line: (-line.size, line.id),
    SortBy.STATUS: lambda line: (["skipped", "undone", "done"].index(line.status), line.id),
    SortBy.CATEGORY: lambda line: (line.category, line.id),
}


@pytest.mark.parametrize("sort", SortBy)
def test_every_order_and_filter(runs: Runs, tree: Tree, sort: SortBy) -> None:
    tree.write({f"{kind}{number}.{kind}": kind * number for kind in ("jpg", "txt", "zip") for number in range(7)})
    tree.write({"sub/jpg3.jpg": "jpg" * 3, "sub/other/a.jpg": "a", "b.jpg": "b"})
    runs.organize(recursive=True)
    tree.write({"b.jpg": "the name is taken"})
    runs.undo()
    lines = all_lines(runs.state, RecordQuery(), 1000)
    assert {line.status for line in lines} == {"skipped", "undone", "done"}
    assert len(lines) == 24
    for states in ((), ("undone",), ("done", "skipped")):
        for categories in ((), ("Images",), ("Archives", "Documents")):
            wanted = RecordQuery(tuple(map(RecordState, states)), categories, sort)
            expected = [
                line
                for line in sorted(lines, key=_KEYS[sort])
                if (not states or line.status in states) and (not categories or line.category in categories)
            ]
            assert all_lines(runs.state, wanted, 5) == expected
            assert all_lines(runs.state, wanted, 4, backwards=True) == expected[::-1]
            assert files_page(1, wanted, (1, 3), runs.state).total == len(expected)


def test_what_is_listed_is_as_it_is_now(runs: Runs, tree: Tree) -> None:
    tree.write({"a.jpg": "a", "b.jpg": "b"})
    runs.organize()
    assert [line.status for line in all_lines(runs.state, RecordQuery(), 1)] == ["done"] * 2
    runs.undo()
    assert [line.status for line in all_lines(runs.state, RecordQuery((RecordState.UNDONE,)), 1)] == ["undone"] * 2
    assert files_page(1, RecordQuery((RecordState.DONE,)), (1, 9), runs.state).total == 0


def test_the_cache_is_ours_alone_and_no_link(runs: Runs, tree: Tree, tmp_path: Path) -> None:
    tree.write({"a.jpg": "a"})
    runs.organize()
    kept = Path(os.fsdecode(runs.state.path), "listings.db")
    files_page(1, RecordQuery(), (1, 9), runs.state)
    assert not kept.exists()  # so few records are not worth a file
    with closing(sqlite3.connect(runs.state.journal)) as db, db:
        db.execute("UPDATE records SET id = id + ? WHERE source_name NOT NULL", (CACHED_FROM,))
    files_page(1, RecordQuery(), (1, 9), runs.state)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.unlink()
    kept.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="is not a regular file"):
        files_page(1, RecordQuery(), (1, 9), runs.state)
    assert not (tmp_path / "elsewhere").exists()


def test_groups_of_an_operation(runs: Runs, tree: Tree) -> None:
    tree.write({f"{number}/{name}": "x" * (9 - number) for number in range(6) for name in ("a", "b", "c")})
    runs.dedupe("quarantine")
    sizes = []
    for number in (1, 2, 3):
        total, groups = groups_page(1, (number, 2), runs.state)
        assert total == 6
        assert all(group.number == len(group.copies) == 2 for group in groups)
        sizes += [(group.size, group.reclaimable) for group in groups]
    assert sizes == [(size, 2 * size) for size in (9, 8, 7, 6, 5, 4)]
    assert groups_page(1, (4, 2), runs.state) == (6, [])


def test_of_very_many_copies_the_first_are_told_and_all_are_counted(runs: Runs, tree: Tree) -> None:
    tree.write({f"{number:04}": "the same" for number in range(MAX_LISTED + 3)})
    runs.dedupe("quarantine")
    total, [group] = groups_page(1, (1, 9), runs.state)
    assert (total, group.number, group.reclaimable) == (1, MAX_LISTED + 2, 8 * (MAX_LISTED + 2))
    assert len(group.copies) == MAX_LISTED
    with reported(1, runs.state) as report:
        assert list(report.groups()) == [group]


def test_a_listing_is_kept_while_another_job_runs(runs: Runs, tree: Tree) -> None:
    """Only an operation that may change earlier records stands in its way."""
    tree.write({"a.jpg": "a"})
    runs.organize()
    with closing(sqlite3.connect(runs.state.journal)) as db, db:
        db.execute("UPDATE records SET id = id + ? WHERE source_name NOT NULL", (CACHED_FROM,))
        db.execute(
            "INSERT INTO operations"
            " (id, kind, root, root_inode, options, undoes, state, first_record, pid, host, started_ns)"
            " SELECT 2, 'organize', root, root_inode, options, NULL, 'running', 900000, 1, host, 1 FROM operations"
        )
    kept = Path(os.fsdecode(runs.state.path), "listings.db")
    assert files_page(1, RecordQuery(), (1, 9), runs.state).total == 1
    assert kept.exists()
    kept.unlink()
    with closing(sqlite3.connect(runs.state.journal)) as db, db:
        db.execute("UPDATE operations SET kind = 'undo', undoes = 1 WHERE id = 2")
    assert files_page(1, RecordQuery(), (1, 9), runs.state).total == 1
    assert not kept.exists()
