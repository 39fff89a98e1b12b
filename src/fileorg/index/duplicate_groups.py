"""The duplicate groups of the last search, kept for paging, and for reuse if nothing changed.

Up to 100,000 names are grouped in memory, more by SQLite; groups are stored as pages of a thousand, in columns.
"""

from __future__ import annotations

from array import array
from itertools import accumulate, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from fileorg.core.batches import in_batches, row_maker
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

TABLES = ("pages", "finding")
SCHEMA = """
CREATE TABLE pages (
    id INTEGER PRIMARY KEY, digests BLOB NOT NULL, facts BLOB NOT NULL, folders BLOB NOT NULL, names BLOB NOT NULL,
    numbers BLOB NOT NULL);
CREATE TABLE finding (
    stamp BLOB NOT NULL, roots BLOB NOT NULL, groups INTEGER NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL,
    freed INTEGER NOT NULL);
"""
_FOUND = """
CREATE TEMP TABLE found (
    digest BLOB NOT NULL, size INTEGER NOT NULL, is_copy INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    length INTEGER NOT NULL, root INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, dev INTEGER NOT NULL,
    inode INTEGER NOT NULL, mode INTEGER NOT NULL, nlink INTEGER NOT NULL);
CREATE TEMP TABLE several (
    digest BLOB NOT NULL, size INTEGER NOT NULL, files INTEGER NOT NULL, PRIMARY KEY (digest, size)) WITHOUT ROWID;
"""
_INSERT = "INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NAMES_HELD = 100_000
_PAGE = 1024
_ROWS_AT_A_TIME = 4096

MemberRow = tuple[bytes, int, bool, int, int, int, bytes, bytes, int, int, int, int]
"""digest, size, True if the name marks a copy, mtime_ns, length of the path, root, folder, name, dev, inode, mode,
nlink: within a digest and size they sort by `content.keeper.USUAL`.
"""


class Member(NamedTuple):
    """One name of a file in a group. `root` is the position of its tree in the searched trees."""

    root: int
    folder: bytes
    name: bytes
    dev: int
    inode: int
    mtime_ns: int
    mode: int
    nlink: int


class Group(NamedTuple):
    """Names with the same content, the default keeper first. `files` counts files, not their hard links."""

    digest: bytes
    size: int
    files: int
    members: list[Member]


class Sums(NamedTuple):
    """Totals of groups with several files, if the first file of each is kept: groups, the names of the other files, the
    sizes of these names, and the space that is free when all of them are gone.
    """

    groups: int
    files: int
    size_bytes: int
    freed_bytes: int


_new_member = row_maker(Member)
_new_group = row_maker(Group)


class Groups:
    """Reads the stored groups, and replaces them at each search. `Index.guarded` handles the errors of SQLite."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._held: list[MemberRow] = []
        self._is_held = True

    def begin(self) -> None:
        """Delete the groups of the last search."""
        for name in TABLES:
            self._db.execute(f"DELETE FROM {name}")
        for name in ("found", "several"):  # of an interrupted search
            self._db.execute(f"DROP TABLE IF EXISTS temp.{name}")
        self._held, self._is_held = [], True

    def add(self, rows: Iterable[MemberRow]) -> None:
        """Add names of files that may be in a group."""
        remaining = iter(rows)
        if self._is_held:
            self._held += islice(remaining, _NAMES_HELD + 1 - len(self._held))
            if len(self._held) <= _NAMES_HELD:
                return
            for statement in _FOUND.split(";\n")[:-1]:
                self._db.execute(statement)
            self._db.executemany(_INSERT, self._held)
            self._held, self._is_held = [], False
        self._db.executemany(_INSERT, remaining)

    def finish(self, roots: Sequence[bytes], stamp: bytes) -> None:
        """Group the added names, most wasted space first, groups of a single file last.

        `stamp` identifies the state of the trees, for `is_true`; empty for none.
        """
        sums = [0, 0, 0, 0]
        groups = self._held_groups() if self._is_held else self._sorted_groups()
        for number, page in enumerate(in_batches(groups, _PAGE)):
            self._db.execute("INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?)", (number, *_packed(page)))
            for _, size, files, members in page:
                if files > 1:
                    keeper, *names = members
                    if files < len(members):
                        names = [member for member in names if member[3:5] != keeper[3:5]]
                    sums[0] += 1
                    sums[1] += len(names)
                    sums[2] += len(names) * size
                    sums[3] += freed_files(names) * size
        self._db.execute("INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?)", (stamp, b"\0".join(roots), *sums))

    def _held_groups(self) -> Iterator[Group]:
        rows, self._held = self._held, []
        rows.sort()
        groups = [group for group in map(_group_of, groupby(rows, key=itemgetter(0, 1))) if len(group[3]) > 1]
        groups.sort(key=lambda group: ((1 - group[2]) * group[1], group[2] < 2, group[0]))
        return iter(groups)

    def _sorted_groups(self) -> Iterator[Group]:
        self._db.execute(
            "INSERT INTO several SELECT digest, size, count(DISTINCT printf('%d:%d', dev, inode)) FROM found"
            " GROUP BY digest, size HAVING count(*) > 1"
        )
        # CROSS JOIN fixes the order: look up each found row in `several`, not the reverse.
        query = (
            "SELECT found.* FROM found CROSS JOIN several USING (digest, size)"
            " ORDER BY (files - 1) * size DESC, files < 2, digest, size, is_copy, mtime_ns, length, root, folder, name"
        )
        rows = _rows(self._db.execute(query))
        yield from map(_group_of, groupby(rows, key=itemgetter(0, 1)))
        for name in ("found", "several"):
            self._db.execute(f"DROP TABLE temp.{name}")

    def roots(self) -> list[bytes]:
        """Return the searched trees, by `Member.root`; none before the first search."""
        row = self._db.execute("SELECT roots FROM finding").fetchone()
        return row[0].split(b"\0") if row else []

    def is_true(self, stamp: bytes) -> bool:
        """Return whether the groups of the last search are still valid."""
        row = self._db.execute("SELECT stamp FROM finding").fetchone()
        return row is not None and bool(stamp) and row[0] == stamp

    def sums(self) -> Sums:
        row = self._db.execute("SELECT groups, files, bytes, freed FROM finding").fetchone()
        return Sums(*row) if row else Sums(0, 0, 0, 0)

    def all_groups(self, skip: int = 0, limit: int | None = None) -> Iterator[Group]:
        """Return an iterator over at most `limit` groups, most wasted space first; takes the memory of one page."""
        first, offset = divmod(skip, _PAGE)
        pages = self._db.execute(
            "SELECT digests, facts, folders, names, numbers FROM pages WHERE id >= ? ORDER BY id", (first,)
        )
        groups = (group for page in pages for group in _unpacked(*page))
        return islice(groups, offset, None if limit is None else offset + limit)


def freed_files(names: Sequence[Member]) -> int:
    """Return how many files are gone when these names are: a file with another hard link stays."""
    if all(name[7] == 1 for name in names):
        return len(names)
    left: dict[tuple[int, int], int] = {}
    for _, _, _, dev, inode, _, _, nlink in names:
        left[dev, inode] = left.get((dev, inode), nlink) - 1
    return sum(links <= 0 for links in left.values())


def _group_of(sorted_rows: tuple[tuple[bytes, int], Iterator[MemberRow]]) -> Group:
    (digest, size), rows = sorted_rows
    members = [
        _new_member((root, folder, name, dev, inode, mtime_ns, mode, nlink))
        for _, _, _, mtime_ns, _, root, folder, name, dev, inode, mode, nlink in rows
    ]
    return _new_group((digest, size, len({member[3:5] for member in members}), members))


def _packed(groups: Sequence[Group]) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return the columns of a page: digests; sizes, files and name counts of groups; then columns of the members."""
    digests, sizes, files, members = zip(*groups, strict=True)
    facts = array("q", (*sizes, *files, *map(len, members)))
    columns = zip(*(member for names in members for member in names), strict=True)
    roots, folders, names, *numbers = columns
    packed = array("q", [number for column in (roots, *numbers) for number in column])
    return b"".join(digests), facts.tobytes(), b"\0".join(folders), b"\0".join(names), packed.tobytes()


def _unpacked(digests: bytes, facts: bytes, folders: bytes, names: bytes, numbers: bytes) -> Iterator[Group]:
    count = len(digests) // 16
    sizes, files, lengths = (memoryview(facts).cast("q")[at * count : (at + 1) * count] for at in range(3))
    total = sum(lengths)
    packed = memoryview(numbers).cast("q")
    roots, devs, inodes, mtimes, modes, links = (packed[at * total : (at + 1) * total] for at in range(6))
    columns = (roots, folders.split(b"\0"), names.split(b"\0"), devs, inodes, mtimes, modes, links)
    members = list(map(_new_member, zip(*columns, strict=True)))
    for number, (end, length) in enumerate(zip(accumulate(lengths), lengths, strict=True)):
        digest = digests[number * 16 : number * 16 + 16]
        yield _new_group((digest, sizes[number], files[number], members[end - length : end]))


def _rows(cursor: sqlite3.Cursor) -> Iterator[Any]:
    """Yield the rows of a cursor, fetched in batches."""
    while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
        yield from rows
