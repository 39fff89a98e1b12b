"""A plan that someone else wrote: all of it is checked, and only then it is rows like those of any other plan.

The rows are in a private database, with 64-bit digests of their paths, so that memory does not grow with their number:
packed by the batch, and each for itself in a table with indexes only if rows have to do with each other.
Paths are those before the plan: all rows happen at once, and `row_order` finds an order of single renames.
"""

from __future__ import annotations

import contextlib
import marshal
import stat
from array import array
from functools import partial
from itertools import islice
from operator import eq
from typing import TYPE_CHECKING, Any, cast

from fileorg.core.batches import row_maker
from fileorg.core.formats import is_at
from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.names import below, is_within, join, split, with_parents
from fileorg.core.row_problems import UNREADABLE_PLAN, RowFault, RowProblem
from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple
from fileorg.plan.given_places import GivenPlaces, as_added, without_case
from fileorg.plan.given_rows import GivenAction
from fileorg.plan.row_checks import Fault, SourceFolders, TargetFolders, digest_fault, is_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from fileorg.core.model import Base, Entry
    from fileorg.core.scratch import Scratch
    from fileorg.plan.given_places import PlanTree
    from fileorg.plan.given_rows import GivenRow
    from fileorg.storage.object.object_storage import ObjectStorage

_SCHEMA = """
CREATE TABLE rows (
    id INTEGER PRIMARY KEY, line INTEGER NOT NULL, action TEXT NOT NULL,
    base INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL,
    to_base INTEGER NOT NULL, to_folder BLOB NOT NULL, to_name BLOB NOT NULL,
    inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL,
    source INTEGER NOT NULL, target INTEGER NOT NULL, occupied INTEGER NOT NULL,
    leader BLOB, together INTEGER NOT NULL DEFAULT 0, keeper BLOB, dev INTEGER NOT NULL,
    faulty INTEGER NOT NULL DEFAULT 0);
CREATE TABLE packed (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);
CREATE TABLE folders (
    line INTEGER NOT NULL, action TEXT NOT NULL, base INTEGER NOT NULL, path BLOB NOT NULL,
    to_base INTEGER NOT NULL, to_path BLOB NOT NULL, folded BLOB NOT NULL, to_folded BLOB NOT NULL,
    PRIMARY KEY (base, folded)) WITHOUT ROWID;
CREATE INDEX folders_by_target ON folders (to_base, to_folded);
CREATE INDEX folders_by_line ON folders (line);
CREATE TABLE made (
    base INTEGER NOT NULL, path BLOB NOT NULL, mode INTEGER NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (base, path)) WITHOUT ROWID;
CREATE INDEX made_by_line ON made (line);
CREATE TABLE emptied (
    base INTEGER NOT NULL, path BLOB NOT NULL, line INTEGER NOT NULL, is_subject INTEGER NOT NULL,
    PRIMARY KEY (base, path)) WITHOUT ROWID;
CREATE INDEX emptied_by_line ON emptied (line);
CREATE TABLE missing (
    base INTEGER NOT NULL, path BLOB NOT NULL, digest INTEGER NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (base, path)) WITHOUT ROWID;
CREATE TABLE problems (
    line INTEGER NOT NULL, fault TEXT NOT NULL, path BLOB NOT NULL, about BLOB NOT NULL, number INTEGER);
CREATE INDEX problems_by_line ON problems (line);
CREATE TABLE ordered (
    id INTEGER PRIMARY KEY, row INTEGER NOT NULL UNIQUE, together INTEGER NOT NULL, step INTEGER NOT NULL);
CREATE TABLE steps (
    id INTEGER PRIMARY KEY, row INTEGER, aside_base INTEGER, aside BLOB, base INTEGER, path BLOB, mode INTEGER,
    is_subject INTEGER NOT NULL, line INTEGER, together INTEGER NOT NULL);
CREATE INDEX steps_by_together ON steps (together);
"""
_INSERT = (
    "INSERT INTO rows (line, action, base, folder, name, to_base, to_folder, to_name, inode, size, mtime_ns, mode,"
    " source, target, occupied, leader, keeper, dev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
COLUMNS = (
    "id, line, action, base, folder, name, to_base, to_folder, to_name, inode, size, mtime_ns, mode, source, target,"
    " occupied, leader, together, keeper, dev"
)
VACATES = f"action IN ('{GivenAction.MOVE}', '{GivenAction.TRASH}')"
"""The rows after which their source is free."""

_COMPARED_IN_MEMORY = 1 << 21
"""The rows whose digests are compared without the database: 16 bytes each, and 40 more while they are sorted."""


class StoredRow(NamedTuple):
    """A row of the database, by `COLUMNS`. `occupied`: something has its target's name now."""

    id: int
    line: int
    action: str
    base: Base
    folder: bytes
    name: bytes
    to_base: Base
    to_folder: bytes
    to_name: bytes
    inode: int
    size: int
    mtime_ns: int
    mode: int
    source: int
    target: int
    occupied: int
    leader: bytes | None
    together: int
    keeper: bytes | None
    dev: int

    @property
    def path(self) -> bytes:
        return join(self.folder, self.name)

    @property
    def vacates(self) -> bool:
        return self.action in {GivenAction.MOVE, GivenAction.TRASH}


class _LocatedRow(NamedTuple):
    """A row with its paths within the trees; `entry` if it is known already, of a file in a folder that moves."""

    row: GivenRow
    base: Base
    folder: bytes
    name: bytes
    to_base: Base
    to_folder: bytes
    to_name: bytes
    entry: Entry | None = None


_new_located = row_maker(_LocatedRow)


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
        has moved the file that an absolute path led to, or has made the copy or link there (see `as_added`): its row is
        left out. `made` are the absolute paths of the folders that the job has made: what is left of folders can go on
        into them.
        """
        self.db: Scratch = scratch(_SCHEMA, cache_kb=16_000)
        self.trees = {tree.base: tree for tree in trees}
        self.places = GivenPlaces(trees)
        self.trash = trash
        self._touched, self._made = touched, made
        self._sources = {tree.base: SourceFolders(tree.storage, all_files=all_files) for tree in trees}
        self._targets = {
            tree.base: TargetFolders(
                tree.storage,
                self._noting_missing(tree.base),
                partial(self.will_be_folder, tree.base),
                all_files=all_files,
            )
            for tree in trees
        }
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
        self._devices: Memo[tuple[Base, bytes], int | None] = Memo(MANY_FOLDERS)
        """The device of a folder, or of the one that it is to be made in."""

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
        placed = []
        for row in rows:
            found = self._placed(row)
            if isinstance(found, Fault):
                self.fail(RowProblem(row.line, found.fault, row.path, found.about, found.number))
            else:
                placed.append(found)
        self._add(self._as_listed(placed) if self.places.folding else placed)

    def _placed(self, row: GivenRow) -> _LocatedRow | Fault:
        source = self.places.place(row.path)
        if isinstance(source, Fault):
            return source
        base, folder, name = source
        if row.action is GivenAction.TRASH:
            if row.duplicate_of and isinstance(keeper := self.places.place(row.duplicate_of), Fault):
                return keeper
            return _LocatedRow(row, base, folder, name, base, join(self.trash, folder) if folder else self.trash, name)
        target = self.places.place(row.new_path)
        if isinstance(target, Fault):
            return target
        to_base, to_folder, to_name = target
        if name == to_name and folder == to_folder and base == to_base:
            return Fault(RowFault.ONTO_ITSELF)
        return _new_located((row, base, folder, name, to_base, to_folder, to_name, None))

    def _as_listed(self, placed: Sequence[_LocatedRow]) -> list[_LocatedRow]:
        """Return the rows with their sources in the case that the disk lists, which undo gives back to them. Without
        those that have their new path already: they are a problem.
        """
        by_folder: dict[tuple[Base, bytes], dict[bytes, None]] = {}
        for each in placed:
            if each.base in self.places.folding:
                by_folder.setdefault((each.base, each.folder), {})[each.name] = None
        listed = {
            (base, folder): (self.places.folding[base].folder(folder), self.places.folding[base].names(folder, names))
            for (base, folder), names in by_folder.items()
        }
        found = []
        for each in placed:
            if each.base in self.places.folding:
                folder, names = listed[each.base, each.folder]
                each = each._replace(folder=folder, name=names.get(each.name, each.name))  # noqa: PLW2901
            if (each.base, each.folder, each.name) == (each.to_base, each.to_folder, each.to_name):
                self.fail(RowProblem(each.row.line, RowFault.ONTO_ITSELF, each.row.path))
            else:
                found.append(each)
        return found

    def _add(self, placed: Sequence[_LocatedRow]) -> None:
        """Check sources and targets folder by folder, and insert the rows."""
        if self._touched is not None:
            placed = [each for each in placed if not self._is_touched(self._touched, each)]
        faults: dict[int, Fault] = {}
        entries: list[Entry | None] = [each.entry for each in placed]
        leaders: dict[int, bytes] = {}
        by_folder: dict[tuple[Base, bytes], list[int]] = {}
        for position, each in enumerate(placed):
            if each.entry is None:
                by_folder.setdefault((each.base, each.folder), []).append(position)
        for (base, folder), positions in by_folder.items():
            self._look_up_sources(base, folder, placed, positions, entries, leaders, faults)
        by_folder.clear()
        for position, each in enumerate(placed):
            if position not in faults:
                by_folder.setdefault((each.to_base, each.to_folder), []).append(position)
        occupied: set[int] = set()
        for (base, folder), positions in by_folder.items():
            self._look_up_targets(base, folder, placed, positions, entries, occupied, faults)
        folding, rows = self.places.folding, list[tuple[Any, ...]]()
        sources, targets = array("q"), array("q")
        for position, each in enumerate(placed):
            row, base, folder, name, to_base, to_folder, to_name, _ = each
            entry = entries[position]
            if position in faults or entry is None:
                fault = faults.get(position, _MISSING)
                self.fail(RowProblem(row.line, fault.fault, row.path, fault.about, fault.number))
                continue
            if stat.S_ISDIR(entry.mode):
                self._add_folder(each)
                continue
            if self.places.stores and (of_store := self._store_fault(each)) is not None:
                self.fail(RowProblem(row.line, of_store.fault, row.path, of_store.about))
                continue
            path = folder + b"/" + name if folder else name
            to_path = to_folder + b"/" + to_name if to_folder else to_name
            if folding:
                source, target = self.places.digest(base, path), self.places.digest(to_base, to_path)
            else:  # as `digest` does, which would cost as much again
                source, target = hash((base, path)), hash((to_base, to_path))
            sources.append(source)
            targets.append(target)
            rows.append(
                (
                    row.line, str(row.action), base, folder, name, to_base, to_folder, to_name, entry.inode, entry.size,
                    entry.mtime_ns, entry.mode, source, target, position in occupied and source != target,
                    leaders.get(position), row.duplicate_of or None, entry.dev,
                )
            )  # fmt: skip
        self.files += len(rows)
        self.size_bytes += sum([row[9] for row in rows])
        if self.has_table:
            self.db.executemany(_INSERT, rows)
            return
        if occupied or leaders or any(each.row.duplicate_of for each in placed):
            self._has_neighbors = True
        self.db.execute("INSERT INTO packed (rows) VALUES (?)", (marshal.dumps(rows),))
        if self._seen is not None:
            self._seen[0].extend(sources)
            self._seen[1].extend(targets)
            if len(self._seen[0]) > _COMPARED_IN_MEMORY:
                self._seen = None

    def _is_touched(self, touched: Callable[[bytes], bool], each: _LocatedRow) -> bool:
        if each.row.action in {GivenAction.MOVE, GivenAction.TRASH}:
            tree = self.trees[each.base]
            path = below(tree.storage.root, join(each.folder, each.name))
        else:  # a file may have several copies and links: each is a row
            tree = self.trees[each.to_base]
            path = as_added(below(tree.storage.root, join(each.to_folder, each.to_name)))
        return touched(without_case(path) if tree.case_insensitive else path)

    def _store_fault(self, placed: _LocatedRow) -> Fault | None:
        """Return why a row cannot be carried out in a store."""
        row, base, to_base = placed.row, placed.base, placed.to_base
        if row.action in {GivenAction.HARDLINK, GivenAction.SYMLINK} and not self.places.stores.isdisjoint(
            {base, to_base}
        ):
            return Fault(RowFault.LINK_IN_STORE)
        if row.duplicate_of and not isinstance(keeper := self.places.place(row.duplicate_of), Fault):
            kept = self.trees[keeper[0]].storage.kind
            return None if kept is self.trees[base].storage.kind else Fault(RowFault.KEEPER_ELSEWHERE, row.duplicate_of)
        return None

    def _look_up_sources(
        self,
        base: Base,
        folder: bytes,
        placed: Sequence[_LocatedRow],
        positions: Sequence[int],
        entries: list[Entry | None],
        leaders: dict[int, bytes],
        faults: dict[int, Fault],
    ) -> None:
        known, listed = self._sources[base].judged(folder)
        if known.fault is not None:
            faults |= dict.fromkeys(positions, known.fault)
            return
        storage = self.trees[base].storage
        for position in positions:
            row, name = placed[position].row, placed[position].name
            entry = None if listed is None or base in self.places.stores else listed.get(name)
            if entry is None:
                try:
                    entry = storage.lstat(folder, name)
                except OSError as error:
                    faults[position] = Fault(RowFault.UNREADABLE, row.path, error.errno)
                    continue
                if base in self.places.stores and row.path.endswith(b"/"):  # an object may have the same name
                    entry = cast("ObjectStorage", storage).folder_entry(folder, name)
            if entry is None:
                faults[position] = _MISSING
                continue
            if not entry.is_folder and self._is_prefix(placed[position]):
                faults[position] = Fault(RowFault.BAD_PATH, row.new_path)
                continue
            entries[position] = entry
            if entry.is_folder:
                if row.size_bytes == 0 and not is_empty(storage, join(folder, name)):
                    faults[position] = Fault(RowFault.NOT_EMPTY)
            elif row.size_bytes is not None and row.size_bytes != entry.size:
                faults[position] = Fault(RowFault.OTHER_SIZE, b"%d" % row.size_bytes, entry.size)
            elif row.mtime is not None and not (is_same := is_at(entry.mtime_ns, row.mtime)):
                code, about = (RowFault.OTHER_TIME, "") if is_same is False else (RowFault.BAD_VALUE, "mtime ")
                faults[position] = Fault(code, f"{about}{row.mtime}".encode(errors="backslashreplace"))
            elif row.digest is not None and (fault := digest_fault(storage, folder, entry, row.digest)) is not None:
                faults[position] = fault
            if name in known.left and position not in faults:
                faults[position] = known.left[name]
            if known.groups and (group := known.groups.get(name)) is not None:
                leaders[position] = group[0]

    def _is_prefix(self, placed: _LocatedRow) -> bool:
        """Return whether the new path of a row is one of a folder in a store: no other key is meant."""
        return placed.to_base in self.places.stores and placed.row.new_path.endswith(b"/")

    def _look_up_targets(
        self,
        base: Base,
        folder: bytes,
        placed: Sequence[_LocatedRow],
        positions: Sequence[int],
        entries: Sequence[Entry | None],
        occupied: set[int],
        faults: dict[int, Fault],
    ) -> None:
        targets, storage = self._targets[base], self.trees[base].storage
        if placed[positions[0]].row.action is GivenAction.TRASH and is_within(folder, self.trash):
            for position in positions:
                each = placed[position]
                entry = entries[position]
                if entry is not None and entry.dev != storage.identity[0]:
                    faults[position] = Fault(RowFault.OTHER_DISK)
                elif is_within(join(each.folder, each.name), b".fileorg"):
                    faults[position] = Fault(RowFault.OURS, each.row.path)
            return
        known = targets.judged(folder, placed[positions[0]].row.line)
        if known.fault is not None:
            faults |= dict.fromkeys(positions, known.fault)
            return
        names = [placed[position].to_name for position in positions]
        there = storage.lstat_all(folder, names) if known.exists else [None] * len(names)
        for position, name, found in zip(positions, names, there, strict=True):
            if (fault := targets.name_fault(name, folder)) is not None:
                faults[position] = fault
            elif isinstance(found, OSError):
                faults[position] = Fault(RowFault.UNREADABLE, join(folder, name), found.errno)
            elif found is not None:
                occupied.add(position)
            entry = entries[position]
            if entry is not None and entry.nlink > 1 and not entry.is_folder and self._leaves_disk(placed[position]):
                faults[position] = Fault(RowFault.HARD_LINKS_TORN, b"", entry.nlink)

    def _leaves_disk(self, placed: _LocatedRow) -> bool:
        """Return whether a row moves a file to another file system or into a store, as far as that is known."""
        if placed.row.action is not GivenAction.MOVE:
            return False
        if placed.to_base in self.places.stores:
            return True
        # Not that of the file: on an overlay, files have devices of their own.
        before, after = self._device(placed.base, placed.folder), self._device(placed.to_base, placed.to_folder)
        return None not in {before, after} and before != after

    def _device(self, base: Base, folder: bytes) -> int | None:
        if (base, folder) not in self._devices:
            found, above = None, folder
            with contextlib.suppress(OSError):
                while (found := self.trees[base].storage.stat_folder(above)) is None and above:
                    above = split(above)[0]
            self._devices[base, folder] = None if found is None else found.dev
        return self._devices[base, folder]

    # Folders ----------------------------------------------------------------------------------------------------------

    def _add_folder(self, placed: _LocatedRow) -> None:
        row, base, folder, name, to_base, to_folder, to_name, _ = placed
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
        moved = [(base, path) for base, path in self.db.execute(query) if base in self.places.stores]
        if not moved:
            return []
        query = "SELECT DISTINCT to_base, to_folder FROM rows WHERE NOT faulty"
        filled = {(base, above) for base, folder in self.db.execute(query) for above in with_parents(folder)}
        left = [below(self.trees[base].storage.root, path) for base, path in moved if (base, path) not in filled]
        return left[:limit]

    def is_emptied(self, base: Base, path: bytes) -> bool:
        """Return whether all files of a folder are in the plan."""
        query = "SELECT 1 FROM emptied WHERE base = ? AND path = ?"
        return self.db.execute(query, (base, path)).fetchone() is not None

    def add_inside(
        self, line: int, action: GivenAction, files: Iterable[tuple[bytes, Entry, bytes]], base: Base
    ) -> None:
        """Add the files of a folder that moves: path, entry and new path of each."""
        from fileorg.plan.given_rows import GivenRow

        self._add(
            [
                _LocatedRow(GivenRow(line, path, new_path, action), base, *split(path), base, *split(new_path), entry)
                for path, entry, new_path in files
            ]
        )

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
        for rows in self.packed():
            self.db.executemany(_INSERT, rows)
        self.db.execute("DELETE FROM packed")

    # Reading ----------------------------------------------------------------------------------------------------------

    def packed(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the packed rows by the batch: the values of `_INSERT`."""
        for (rows,) in self.db.execute("SELECT rows FROM packed ORDER BY id"):
            yield marshal.loads(rows)  # noqa: S302  written by this process, in a database that no other one can open

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
        known, _ = self._sources[base].judged(folder)
        return known.groups.get(leader, (leader,))

    def keeper_of(self, row: StoredRow) -> tuple[Base, bytes, bytes]:
        """Return the place of the file that a duplicate has the content of."""
        found = self.places.place(row.keeper or b"")
        if not isinstance(found, Fault):
            return found
        raise AssertionError("it was checked when the row was added")


_MISSING = Fault(RowFault.MISSING)


def _has_repeated(digests: array[int]) -> bool:
    """Return whether a digest occurs more than once."""
    ordered = sorted(digests)
    return any(map(eq, ordered, islice(ordered, 1, None)))
