"""Steps for rows that want names of folders: a file takes the name of a folder, or a folder that of a file.

Such rows, and those that share a name or a folder with them, are done as a whole. Each step waits for the steps that
free its name, make its folder, or empty it; where all of them wait, a file makes room with a temporary name in a folder
that stays.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, TypeAlias

from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.names import join, split, with_parents
from fileorg.core.row_problems import RowFault, RowProblem
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from fileorg.core.model import Base
    from fileorg.plan.given_database import StoredRow
    from fileorg.plan.given_plan import GivenPlan

MAX_CYCLE = 65_536
"""The rows that are done together are in one batch, so their number is limited."""

_Key: TypeAlias = "tuple[Base, bytes]"
"""A place: equal for paths that are one name."""


class _FolderChange(NamedTuple):
    """A folder to be made, with its mode, or to be removed, with whether it counts itself."""

    base: Base
    path: bytes
    line: int
    number: int


class _StoredStep(NamedTuple):
    """A line of the table of steps: a file that moves (`row`), to its temporary name in the folder `aside` of
    `aside_base`, or from there if only `aside` is given; or a folder that is made with a `mode`, or removed.
    """

    row: int | None = None
    aside_base: Base | None = None
    aside: bytes | None = None
    base: Base | None = None
    path: bytes | None = None
    mode: int | None = None
    is_subject: int = 0
    line: int | None = None


class _Step:
    """A step, and the number of those that it waits for."""

    __slots__ = ("after", "folder", "freed", "is_made", "row", "waits_for")

    def __init__(self, row: StoredRow | None, folder: _FolderChange | None = None, *, is_made: bool = False) -> None:
        self.row, self.folder, self.is_made = row, folder, is_made
        self.waits_for = 0
        self.after: list[_Step] = []
        """The steps that wait for the end of this one."""
        self.freed: list[_Step] | None = []
        """The steps that wait until the file has left its name; None once it has."""


class FolderExchanges:
    """The rows of a plan that want names of folders, found by the checks before."""

    def __init__(self, given: GivenPlan, filled: Container[tuple[Base, bytes]]) -> None:
        """`filled` are the keys of folders that others enter, so that they stay."""
        self._given, self._db, self._key = given, given.db, given.places.key
        made, emptied = self._folders("made", "mode"), self._folders("emptied", "is_subject")
        self._removed = {key: each for key, each in emptied.items() if key not in filled}
        self._made = made.copy()
        for base, path, line in self._db.execute("SELECT base, path, line FROM missing"):
            if any(self._key(base, above) in made for above in with_parents(path)):
                self._made.setdefault(self._key(base, path), _FolderChange(base, path, line, 0o777))
        self._made_by, self._removed_by = _by_line(self._made.values()), _by_line(self._removed.values())
        self._lines_at: defaultdict[_Key, set[int]] = defaultdict(set)
        self._keys_of: defaultdict[int, set[_Key]] = defaultdict(set)
        self._devs: Memo[tuple[Base, bytes], int] = Memo(MANY_FOLDERS)

    def order(self) -> None:
        """Store the steps of all such rows, and refuse those that cannot be done."""
        self._relate()
        [number] = self._db.execute("SELECT coalesce(max(id), 0) FROM rows").fetchone()
        settled = set[int]()
        for line in sorted(self._given.exchanges):
            if line in settled:
                continue
            lines, rows = self._related(line)
            settled |= lines
            number += 1
            if rows is None:
                self._refuse(
                    lines, RowProblem(line, RowFault.CYCLE_TOO_LONG, self._given.path_of(line), b"", MAX_CYCLE)
                )
            elif (problem := self._problem(lines, rows)) is not None:
                self._refuse(lines, problem)
            else:
                self._store(lines, rows, number)

    def _folders(self, table: str, column: str) -> dict[_Key, _FolderChange]:
        found = self._db.execute(f"SELECT base, path, line, {column} FROM {table}")
        return {self._key(folder.base, folder.path): folder for folder in map(_FolderChange._make, found)}

    def _relate(self) -> None:
        """Note which lines have to do with the folders that are made and removed."""
        for folders in (self._made, self._removed):
            for key, folder in folders.items():
                self._note(folder.line, key)
        of_rows = (
            "SELECT line, base, folder FROM rows WHERE NOT faulty"
            " UNION SELECT line, to_base, to_folder FROM rows WHERE NOT faulty"
        )
        of_folders = "SELECT line, base, path FROM folders UNION SELECT line, to_base, to_path FROM folders"
        for query in (of_rows, of_folders):
            for line, base, path in self._db.execute(query):
                for above in with_parents(path):
                    self._note(line, self._key(base, above))
        query = "SELECT line, to_base, to_folder, to_name FROM rows WHERE occupied AND NOT faulty"
        for line, base, folder, name in self._db.execute(query):
            self._note(line, self._key(base, join(folder, name)))

    def _note(self, line: int, key: _Key) -> None:
        if key in self._made or key in self._removed:
            self._lines_at[key].add(line)
            self._keys_of[line].add(key)

    def _related(self, first: int) -> tuple[set[int], list[StoredRow] | None]:
        """Return the lines that a line has to do with, itself included, and their rows; None if these are too many."""
        rows: list[StoredRow]
        given, lines, waiting, rows = self._given, {first}, [first], []
        while waiting:
            line = waiting.pop()
            others = {other for key in self._keys_of[line] for other in self._lines_at[key]}
            for row in given.stored("line = ? AND NOT faulty", (line,)):
                rows.append(row)
                if len(rows) > MAX_CYCLE:
                    return lines, None
                others |= {other.line for other in (given.row_before(row), given.row_after(row)) if other is not None}
                others |= {other.line for other in given.group_of(row)}
            for folder in self._made_by[line]:
                file = given.row_from(folder.base, folder.path, given.places.digest(folder.base, folder.path))
                others |= {file.line} if file is not None else set()
            waiting += others - lines
            lines |= others
        return lines, rows

    def _problem(self, lines: set[int], rows: Sequence[StoredRow]) -> RowProblem | None:
        """Return why the rows cannot be done: a name does not become free, or a folder not empty."""
        given = self._given
        leaving = {self._key(row.base, row.path) for row in rows if row.vacates}
        for row in rows:
            target = join(row.to_folder, row.to_name)
            key = self._key(row.to_base, target)
            if not given.places.stores.isdisjoint({row.base, row.to_base}):
                return RowProblem(row.line, RowFault.CYCLE_IN_STORE, row.path)
            if row.occupied and key not in leaving and key not in self._removed:
                return RowProblem(row.line, RowFault.FILE_FOR_FOLDER, row.path, target)
            if row.vacates and self._crosses(row) and not self._can_leave(row):
                return RowProblem(row.line, RowFault.CYCLE_ON_DISKS, row.path)
        for folder in (each for line in lines for each in self._made_by[line]):
            there = given.trees[folder.base].storage.lstat(*split(folder.path))
            key = self._key(folder.base, folder.path)
            if there is not None and not there.is_folder and key not in leaving:
                return RowProblem(folder.line, RowFault.FOLDER_FOR_FILE, self._given.path_of(folder.line), folder.path)
        return None

    def _crosses(self, row: StoredRow) -> bool:
        return self._dev_of(row.base, row.folder) != self._dev_of(row.to_base, row.to_folder)

    def _dev_of(self, base: Base, folder: bytes) -> int:
        """Return the device of a folder, or that of the deepest one above it, if it is still to be made."""
        storage, key = self._given.trees[base].storage, (base, folder)
        known = self._devs.get(key)
        if known is None:
            known = storage.identity[0]
            while folder:
                above, name = split(folder)
                if (there := storage.lstat(above, name)) is not None and there.is_folder:
                    known = there.dev
                    break
                folder = above
            self._devs[key] = known
        return known

    def _can_leave(self, row: StoredRow) -> bool:
        """Return whether a file can be moved to another file system."""
        there = self._given.trees[row.base].storage.lstat(row.folder, row.name)
        return there is not None and there.is_file and there.nlink == 1

    def _refuse(self, lines: set[int], problem: RowProblem) -> None:
        self._given.fail(problem)
        for line in sorted(lines):
            self._given.fail_with(line, problem.line)
            self._db.execute("UPDATE rows SET faulty = 1 WHERE line = ?", (line,))
            self._given.forget_folders(line)

    def _store(self, lines: set[int], rows: Sequence[StoredRow], together: int) -> None:
        """Store the steps in their order, so that the other queries for rows and folders pass them by."""
        stored = [(*step, together) for step in self._steps(lines, rows)]
        self._db.executemany(
            "INSERT INTO steps (row, aside_base, aside, base, path, mode, is_subject, line, together)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            stored,
        )
        self._db.executemany("UPDATE rows SET together = ? WHERE id = ?", [(together, row.id) for row in rows])
        for line in lines:
            self._given.forget_folders(line)

    def _steps(self, lines: set[int], rows: Sequence[StoredRow]) -> Iterator[_StoredStep]:
        """Yield the steps in their order."""
        removed = {
            self._key(each.base, each.path): _Step(None, each) for line in lines for each in self._removed_by[line]
        }
        made = {
            self._key(each.base, each.path): _Step(None, each, is_made=True)
            for line in lines
            for each in self._made_by[line]
            if not self._is_folder(each)
        }
        files = {row.id: _Step(row) for row in rows}
        leaving = {
            self._key(step.row.base, step.row.path): step for step in files.values() if step.row and step.row.vacates
        }
        steps = [*made.values(), *files.values(), *removed.values()]
        for step in steps:
            self._connect(step, made, removed, leaving)
        ready, left = deque(step for step in steps if not step.waits_for), len(steps)
        # Files in the way first: they let the others go where they belong in one step.
        wanted = {self._target(step) for step in (*files.values(), *made.values())}
        may_wait = sorted(leaving, key=lambda key: key not in wanted or self._target(leaving[key]) == key)
        in_the_way = iter(may_wait)
        aside = dict[int, bytes]()
        while left:
            if not ready:
                step = leaving[next(in_the_way)]
                if step.row is None or step.freed is None:
                    continue
                folder = step.row.folder
                while self._key(step.row.base, folder) in removed:
                    folder, _ = split(folder)
                aside[step.row.id] = folder
                yield _StoredStep(step.row.id, step.row.base, folder, line=step.row.line)
                ready += _released(step.freed)
                step.freed = None
                continue
            step = ready.popleft()
            left -= 1
            if step.row is not None:
                yield _StoredStep(step.row.id, aside=aside.get(step.row.id), line=step.row.line)
            elif step.folder is not None:
                base, path, line, number = step.folder
                found = _StoredStep(base=base, path=path, line=line)
                yield found._replace(mode=number) if step.is_made else found._replace(is_subject=number)
            ready += _released([*(step.freed or ()), *step.after])
            step.freed, step.after = None, []

    def _target(self, step: _Step) -> _Key:
        """Return the place that something gets by a step."""
        if step.row is not None:
            return self._key(step.row.to_base, join(step.row.to_folder, step.row.to_name))
        return self._key(step.folder.base, step.folder.path) if step.folder is not None else (0, b"")

    def _connect(
        self, step: _Step, made: dict[_Key, _Step], removed: dict[_Key, _Step], leaving: dict[_Key, _Step]
    ) -> None:
        """Let a step wait for those before it, and those after it wait for it."""
        if step.row is not None or step.is_made:
            base, path = (step.row.to_base, step.row.to_folder) if step.row is not None else step.folder[:2]  # type: ignore[index]
            folder = path if step.row is not None else split(path)[0]
            target = self._target(step)
            before = [made.get(self._key(base, folder)), removed.get(target)]
            if (file := leaving.get(target)) is not None and file is not step and file.freed is not None:
                file.freed.append(step)
                step.waits_for += 1
            for other in before:
                if other is not None:
                    other.after.append(step)
                    step.waits_for += 1
        source = (step.row.base, step.row.folder) if step.row is not None and step.row.vacates else None
        if source is None and step.folder is not None and not step.is_made:
            source = step.folder.base, split(step.folder.path)[0]
        if source is not None and (emptied := removed.get(self._key(*source))) is not None:
            emptied.waits_for += 1
            (step.after if step.freed is None or step.row is None else step.freed).append(emptied)

    def _is_folder(self, folder: _FolderChange) -> bool:
        there = self._given.trees[folder.base].storage.lstat(*split(folder.path))
        return there is not None and there.is_folder


def _by_line(folders: Iterable[_FolderChange]) -> defaultdict[int, list[_FolderChange]]:
    found: defaultdict[int, list[_FolderChange]] = defaultdict(list)
    for folder in folders:
        found[folder.line].append(folder)
    return found


def _released(steps: Sequence[_Step]) -> list[_Step]:
    """Return the steps that wait for nothing any more, now that one of those that they wait for is done."""
    free = []
    for step in steps:
        step.waits_for -= 1
        if not step.waits_for:
            free.append(step)
    return free
