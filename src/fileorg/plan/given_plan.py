"""A plan that someone else wrote: all of it is checked, and only then it is rows like those of any other plan.

The rows are in a private database, with 64-bit digests of their paths, so that memory does not grow with their number:
packed by the batch, and each for itself in a table with indexes only if rows have to do with each other.
Paths are those before the plan: all rows happen at once, and `row_order` finds an order of single renames.
"""

from __future__ import annotations

import marshal
import stat
from array import array
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from fileorg.core.names import below, is_within, join, split, with_parents
from fileorg.core.row_problems import UNREADABLE_PLAN, RowFault, RowProblem
from fileorg.core.scratch import scratch
from fileorg.plan.given_database import COLUMNS, INSERT, SCHEMA, VACATES, StoredRow
from fileorg.plan.given_lookup import LocatedRows, RowLookup
from fileorg.plan.given_places import GivenPlaces
from fileorg.plan.given_rows import GivenAction
from fileorg.plan.row_checks import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from fileorg.core.model import Base, Entry
    from fileorg.core.scratch import Scratch
    from fileorg.plan.given_lookup import LocatedRow
    from fileorg.plan.given_places import PlanTree
    from fileorg.plan.given_rows import GivenRow

_COMPARED_IN_MEMORY = 1 << 21
"""The rows whose digests are compared without the database: 16 bytes each, and 8 more while they are compared."""
_PARTS = 64


class GivenPlan:
    """The rows and what is wrong with them. `check_together` ends the checks; then `GivenRows` can read it."""

    def __init__(
        self,
        trees: Sequence[PlanTree],
        trash: bytes,
        *,
        all_files: bool = False,
        touched: Callable[[bytes], bool] | None = None,
        made: Collection[bytes] = (),
    ) -> None:
        """The first of the `trees` is the one that relative paths start from. `trash` is the folder of the trash below
        each. `all_files`: also what fileorg keeps where it is. `touched` returns whether a job that is taken up again
        has moved the file that an absolute path led to, has made the copy or link there (see `as_added`), or has put a
        file there (see `as_arrived`): its row is left out. `made` are the absolute paths of the folders that the job
        has made: what is left of folders can go on into them.
        """
        self.db: Scratch = scratch(SCHEMA, cache_kb=16_000)
        self.trees = {tree.base: tree for tree in trees}
        self.places = GivenPlaces(trees)
        self.trash = trash
        self._touched, self._made = touched, made
        self._lookup = RowLookup(
            self.trees,
            self.places,
            trash,
            self._noting_missing,
            lambda base: partial(self.will_be_folder, base),
            all_files=all_files,
        )
        self._seen: tuple[array[int], array[int]] | None = array("q"), array("q")
        """The digests of all sources and targets, None once they are too many to be compared in memory."""
        self.problems = 0
        self.is_unreadable = False
        """True if the file of the plan itself is faulty."""
        self.files = self.size_bytes = 0
        self.has_table = False
        """Whether the rows are in the table already, not only packed."""
        self.exchanges: set[int] = set()
        """Lines of files that want the name of a folder which moves, and of folders that want that of a file."""
        self.repeated: set[int] = set()
        """Lines of folders that later lines have rows for, too."""
        self._has_neighbors = False
        """Whether a row has a target whose name something has now, a file that belongs to others, or a keeper."""

    def close(self) -> None:
        self.db.close()

    def _noting_missing(self, base: Base) -> Callable[[bytes, int], object]:
        def note(folder: bytes, line: int) -> None:
            self.db.execute(
                "INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?)",
                (base, folder, self.places.digest(base, folder), line),
            )

        return note

    # Problems ---------------------------------------------------------------------------------------------------------

    def fail(self, problem: RowProblem) -> None:
        """Add a problem."""
        self.problems += 1
        self.is_unreadable = self.is_unreadable or problem.fault in UNREADABLE_PLAN
        self.db.execute("INSERT INTO problems VALUES (?, ?, ?, ?, ?)", problem)

    def fail_row(self, row: StoredRow, fault: RowFault, about: bytes = b"", number: int | None = None) -> None:
        """Add a problem of a stored row, which is then not carried out."""
        self.fail(RowProblem(row.line, fault, row.path, about, number))
        self.db.execute("UPDATE rows SET faulty = 1 WHERE id = ?", (row.id,))

    def fail_with(self, line: int, number: int) -> None:
        """Add a problem of a line without one: it is done only together with another line, which is refused."""
        if self.db.execute("SELECT 1 FROM problems WHERE line = ?", (line,)).fetchone() is None:
            self.fail(RowProblem(line, RowFault.PART_REFUSED, self.path_of(line), b"", number))

    def path_of(self, line: int) -> bytes:
        """Return the path that the row of a line is about."""
        query = "SELECT path FROM folders WHERE line = ?"
        for (path,) in self.db.execute(query, (line,)):
            return bytes(path)
        return next((row.path for row in self.stored("line = ?", (line,))), b"")

    def all_problems(self, limit: int = -1) -> Iterator[RowProblem]:
        """Yield the problems by line."""
        query = "SELECT line, fault, path, about, number FROM problems ORDER BY line, rowid LIMIT ?"
        for line, fault, path, about, number in self.db.execute(query, (limit,)):
            yield RowProblem(line, RowFault(fault), path, about, number)

    # Adding -----------------------------------------------------------------------------------------------------------

    def add(self, rows: Sequence[GivenRow]) -> None:
        """Check some rows by themselves, and keep those without a problem. Raises `OSError`."""
        located, failed = self._lookup.located(rows)
        for row, fault in failed:
            self._fail_given(row, fault)
        self._add(located)

    def _fail_given(self, row: GivenRow, fault: Fault) -> None:
        self.fail(RowProblem(row.line, fault.fault, row.path, fault.about, fault.number))

    def _add(self, located: LocatedRows) -> None:
        """Check sources and targets, and keep the rows of files."""
        if self._touched is not None:
            located = self._lookup.untouched(located, self._touched)
        found = self._lookup.look_up(located)
        kept = self._files_among(located, found.faults)
        if not kept:
            return
        located = located.only(kept)
        lines, _, _, actions, _, _, _, keepers = zip(*located.rows, strict=True)
        _, sizes, mtimes, _, inodes, modes, _, devs = zip(*[entry for entry in located.entries if entry], strict=True)
        bases, folders = zip(*located.folders, strict=True)
        to_bases, to_folders = zip(*located.to_folders, strict=True)
        digests = self.places.digests
        sources, targets = digests(located.folders, located.names), digests(located.to_folders, located.to_names)
        occupied = [0] * len(kept)
        if found.occupied:
            both = zip(kept, sources, targets, strict=True)
            occupied = [int(position in found.occupied and source != target) for position, source, target in both]
        leaders = [found.leaders.get(position) for position in kept] if found.leaders else [None] * len(kept)
        columns: list[Sequence[Any]] = [
            lines, [str(action) for action in actions], bases, folders, located.names, to_bases, to_folders,
            located.to_names, inodes, sizes, mtimes, modes, sources, targets, occupied, leaders,
            [keeper or None for keeper in keepers], devs,
        ]  # fmt: skip
        self.files += len(kept)
        self.size_bytes += sum(sizes)
        if self.has_table:
            self.db.executemany(INSERT, zip(*columns, strict=True))
            return
        if found.occupied or found.leaders or any(keepers):
            self._has_neighbors = True
        self.db.execute("INSERT INTO packed (columns) VALUES (?)", (marshal.dumps(columns),))
        if self._seen is not None:
            self._seen[0].extend(sources)
            self._seen[1].extend(targets)
            if len(self._seen[0]) > _COMPARED_IN_MEMORY:
                self._seen = None

    def _files_among(self, located: LocatedRows, faults: Mapping[int, Fault]) -> Sequence[int]:
        """Return the positions of the files without a fault. Note the folders and what is wrong with the others."""
        kept = []
        for position, entry in enumerate(located.entries):
            fault = faults.get(position) if faults else None
            if fault is None and entry is not None:
                if stat.S_ISDIR(entry[5]):
                    self._add_folder(located.row(position))
                    continue
                if not self.places.stores or (fault := self._lookup.store_fault(located.row(position))) is None:
                    kept.append(position)
                    continue
            self._fail_given(located.rows[position], fault or Fault(RowFault.MISSING))
        return kept

    # Folders ----------------------------------------------------------------------------------------------------------

    def _add_folder(self, located: LocatedRow) -> None:
        row, base, folder, name, to_base, to_folder, to_name = located
        path, to_path = join(folder, name), join(to_folder, to_name)
        if base != to_base and not self.places.stores.isdisjoint({base, to_base}):
            self.fail(RowProblem(row.line, RowFault.FOLDER_IN_STORE, row.path))
        elif row.action not in {GivenAction.MOVE, GivenAction.TRASH}:
            self.fail(RowProblem(row.line, RowFault.FOLDER_ACTION, row.path, row.action.encode()))
        elif base == to_base and to_path != path and is_within(to_path, path):
            self.fail(RowProblem(row.line, RowFault.INTO_ITSELF, row.path, row.new_path))
        elif base != to_base:
            self.fail(RowProblem(row.line, RowFault.OTHER_DISK, row.path))
        else:
            for first in self.lines_of_folder(base, path):
                self.fail(RowProblem(row.line, RowFault.TWO_ROWS, row.path, row.path, first))
                self.repeated.add(first)
                return
            folded = self.places.folded(base, path), self.places.folded(to_base, to_path)
            facts = row.line, row.action, base, path, to_base, to_path, *folded
            self.db.execute("INSERT INTO folders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", facts)

    def has_made(self, base: Base, path: bytes) -> bool:
        """Return whether a job that is taken up again has made this folder. In a store, where none is recorded, it may
        have.
        """
        if base in self.places.stores:
            return self._touched is not None
        return bool(self._made) and below(self.trees[base].storage.root, path) in self._made

    def has_folder(self, base: Base, path: bytes) -> bool:
        """Return whether a row is about this folder."""
        return bool(self.lines_of_folder(base, path))

    def lines_of_folder(self, base: Base, path: bytes) -> list[int]:
        """Return the line of the row that is about this folder, if there is one."""
        query = "SELECT line FROM folders WHERE base = ? AND folded = ?"
        return [line for (line,) in self.db.execute(query, self.places.key(base, path))]

    def left_folders(self, limit: int) -> list[bytes]:
        """Return the URLs of folders of stores that the plan takes everything out of, and puts nothing into."""
        query = "SELECT base, path FROM folders ORDER BY line"
        left = {(base, path): None for base, path in self.db.execute(query) if base in self.places.stores}
        if left:
            query = "SELECT DISTINCT to_base, to_folder FROM rows WHERE NOT faulty"
            for base, folder in self.db.execute(query):
                for above in with_parents(folder):
                    left.pop((base, above), None)
        return [below(self.trees[base].storage.root, path) for base, path in islice(left, limit)]

    def is_emptied(self, base: Base, path: bytes) -> bool:
        """Return whether all files of a folder are in the plan."""
        query = "SELECT 1 FROM emptied WHERE base = ? AND path = ?"
        return self.db.execute(query, (base, path)).fetchone() is not None

    def add_inside(
        self, line: int, action: GivenAction, files: Iterable[tuple[bytes, Entry, bytes]], base: Base
    ) -> None:
        """Add the files of a folder that moves: path, entry and new path of each."""
        from fileorg.plan.given_rows import GivenRow

        rows, places, names, to_places, to_names = [], [], [], [], []
        entries: list[Entry | None] = []
        for path, entry, new_path in files:
            (folder, name), (to_folder, to_name) = split(path), split(new_path)
            rows.append(GivenRow(line, path, new_path, action))
            places.append((base, folder))
            names.append(name)
            to_places.append((base, to_folder))
            to_names.append(to_name)
            entries.append(entry)
        self._add(LocatedRows(rows, places, names, to_places, to_names, entries))

    def are_apart(self) -> bool:
        """Return whether no row has to do with another one or with a file that has no row: then they stay packed. The
        table and its indexes would cost twice as much as all the other checks.
        """
        if self._has_neighbors or self._seen is None:
            return False
        sources, targets = self._seen
        if self.db.execute("SELECT 1 FROM folders").fetchone() is not None:
            return False
        missing = {digest for (digest,) in self.db.execute("SELECT digest FROM missing")}
        return missing.isdisjoint(targets) and not any(map(_has_repeated, (sources, targets)))

    def make_table(self) -> None:
        """Put the packed rows into the table."""
        self.has_table, self._seen = True, None
        for columns in self.packed():
            self.db.executemany(INSERT, zip(*columns, strict=True))
        self.db.execute("DELETE FROM packed")

    # Reading ----------------------------------------------------------------------------------------------------------

    def packed(self) -> Iterator[list[Sequence[Any]]]:
        """Yield the packed rows by the batch, as the columns of `INSERT`."""
        for (columns,) in self.db.execute("SELECT columns FROM packed ORDER BY id"):
            yield marshal.loads(columns)  # noqa: S302  written by this process, in a database that no other one can open

    def stored(self, where: str, values: Sequence[Any] = ()) -> Iterator[StoredRow]:
        """Yield rows of the database."""
        return map(StoredRow._make, self.db.execute(f"SELECT {COLUMNS} FROM rows WHERE {where}", values))

    def row_from(self, base: Base, path: bytes, digest: int) -> StoredRow | None:
        """Return the row without a problem after which a path is free."""
        for row in self.stored(f"source = ? AND {VACATES} AND NOT faulty", (digest,)):
            if self.places.is_same(row.base, row.path, base, path):
                return row
        return None

    def row_to(self, base: Base, path: bytes, digest: int) -> StoredRow | None:
        """Return the row without a problem that puts something at a path."""
        for row in self.stored("target = ? AND NOT faulty", (digest,)):
            if self.places.is_same(row.to_base, join(row.to_folder, row.to_name), base, path):
                return row
        return None

    def row_before(self, row: StoredRow) -> StoredRow | None:
        """Return the row that must be done before, so that the target is free."""
        return self.row_from(row.to_base, join(row.to_folder, row.to_name), row.target)

    def row_after(self, row: StoredRow) -> StoredRow | None:
        """Return the row that waits for this one to leave its name."""
        return self.row_to(row.base, row.path, row.source) if row.vacates else None

    def group_of(self, row: StoredRow) -> Iterator[StoredRow]:
        """Yield the rows of the files that belong together with that of a row, itself included; nothing if none do."""
        where = "leader = ? AND folder = ? AND base = ? AND NOT faulty"
        return self.stored(where, (row.leader, row.folder, row.base)) if row.leader is not None else iter(())

    def forget_folders(self, line: int) -> None:
        """Neither make nor remove folders for a line."""
        self.db.execute("DELETE FROM made WHERE line = ?", (line,))
        self.db.execute("DELETE FROM emptied WHERE line = ?", (line,))

    def leave_out(self, line: int) -> None:
        """Forget the folder of a line that is refused."""
        self.db.execute("DELETE FROM folders WHERE line = ?", (line,))
        self.forget_folders(line)

    def will_be_folder(self, base: Base, path: bytes) -> bool:
        """Return whether a folder takes the name of a file that moves away."""
        query = "SELECT 1 FROM made WHERE base = ? AND path = ?"
        return self.db.execute(query, (base, path)).fetchone() is not None and self.leaves(base, path)

    def leaves(self, base: Base, path: bytes) -> bool:
        """Return whether a row takes away the file that has a name now, itself or with a folder that it is in."""
        if any(self.has_folder(base, above) for above in with_parents(split(path)[0])):
            return True
        return self.row_from(base, path, self.places.digest(base, path)) is not None

    def members_of(self, base: Base, folder: bytes, leader: bytes) -> Sequence[bytes]:
        """Return the names of the files that belong together with a leader, itself included."""
        return self._lookup.members_of(base, folder, leader)

    def keeper_of(self, row: StoredRow) -> tuple[Base, bytes, bytes]:
        """Return the place of the file that a duplicate has the content of, in the case that the disk lists: a driver
        may remember a name in another case for a second after its file has left.
        """
        found = self.places.place(row.keeper or b"")
        if not isinstance(found, Fault):
            base, folder, name = found
            if (listed := self.places.folding.get(base)) is None:
                return found
            folder = listed.folder(folder)
            return base, folder, listed.name(folder, name)
        raise AssertionError("it was checked when the row was added")


def _has_repeated(digests: array[int]) -> bool:
    """Return whether a digest occurs more than once. Sets that fit into the cache of a processor take a fifth of the
    time that it takes to sort a million.
    """
    parts = [array("q") for _ in range(_PARTS)]
    for digest in digests:
        parts[digest % _PARTS].append(digest)
    return any(len(set(part)) < len(part) for part in parts)
