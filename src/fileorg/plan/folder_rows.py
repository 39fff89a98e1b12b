"""Rows of whole folders, as rows of the files in them: so each file has its record, and undo and the relations between
operations know it. The folders are made before their files arrive, and removed once they are empty; in a store, they
are there as long as an object is in them.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches
from fileorg.core.names import is_within, join, split, with_parents
from fileorg.core.row_problems import RowFault, RowProblem
from fileorg.plan.given_rows import GivenAction
from fileorg.storage.local.recreate import RecreationCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.model import Base, Entry
    from fileorg.plan.given_plan import GivenPlan

_ROWS = 4096


class FolderRows:
    """The rows of folders of a plan."""

    def __init__(self, given: GivenPlan, trash: bytes) -> None:
        self._given, self._db, self._trash = given, given.db, trash
        self._recreation = {base: RecreationCheck(tree.storage) for base, tree in given.trees.items()}

    def expand(self) -> None:
        """Add the files in the folders to the plan: those that have a row of their own, or are in a folder with one, go
        where that one says. Raises `OSError`.
        """
        query = "SELECT line, action, base, path, to_base, to_path FROM folders ORDER BY line"
        for line, action, base, path, _, to_path in self._db.execute(query).fetchall():
            if self._is_free(line, base, path, to_path):
                if base in self._given.places.stores:
                    files = self._objects(line, base, path, to_path)
                else:
                    files = self._inside(line, action, base, path, to_path)
                for some in in_batches(files, _ROWS):
                    self._given.add_inside(line, GivenAction(action), some, base)
        self._check_modes()

    def _is_free(self, line: int, base: Base, path: bytes, to_path: bytes) -> bool:
        """Return whether the new path of a folder is free, or will be: it is that of a folder that moves away. Add a
        problem if not.
        """
        if is_within(to_path, self._trash):
            return True
        folds = self._given.places.is_same(base, path, base, to_path)  # a new case of its name
        there = self._given.trees[base].storage.lstat_listed(*split(to_path))
        moves = self._given.has_folder(base, to_path)
        in_the_way = there is not None and not moves and not self._given.has_made(base, to_path)
        if in_the_way and not folds and self._given.leaves(base, to_path):
            self._given.exchanges.add(line)
        elif folds or in_the_way:
            self._given.fail(RowProblem(line, RowFault.FOLDER_CASE if folds else RowFault.TAKEN, path, to_path))
            return False
        same_target = (
            "SELECT line FROM folders WHERE to_base = ? AND to_folded = ? AND path <> ? AND action = 'move'"
            " ORDER BY path LIMIT 1"
        )
        other = self._db.execute(same_target, (*self._given.places.key(base, to_path), path)).fetchone()
        if other is not None:
            self._given.fail(RowProblem(line, RowFault.TWICE, path, to_path, other[0]))
            return False
        if (row := self._given.row_to(base, to_path, self._given.places.digest(base, to_path))) is not None:
            self._given.fail(RowProblem(line, RowFault.TWICE, path, to_path, row.line))
            self._given.fail_row(row, RowFault.TWICE, to_path, line)
            return False
        return True

    def _inside(
        self, line: int, action: str, base: Base, path: bytes, to_path: bytes
    ) -> Iterator[tuple[bytes, Entry, bytes]]:
        storage, is_trash = self._given.trees[base].storage, action == GivenAction.TRASH
        pending = [(path, to_path)]
        while pending:
            folder, new = pending.pop()
            entry = storage.stat_folder(folder)
            if entry is None:
                continue
            subject = is_trash and folder == path
            self._db.execute("INSERT OR REPLACE INTO emptied VALUES (?, ?, ?, ?)", (base, folder, line, subject))
            if not is_trash:
                facts = base, new, stat.S_IMODE(entry.mode), line
                self._db.execute("INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?)", facts)
            obstacle = self._recreation[base].obstacle(folder) or (
                None if is_trash else self._recreation[base].obstacle(folder, self._existing(base, new))
            )
            if obstacle is not None:
                self._given.fail(
                    RowProblem(line, RowFault.FOLDER_NOT_REMOVABLE, folder, obstacle.code.encode(), obstacle.number)
                )
                return
            is_empty = True
            try:
                for listing in storage.list_folder(folder):
                    is_empty = is_empty and not (listing.files or listing.others or listing.folders)
                    for each in (*listing.files, *listing.others):
                        own = join(folder, each.name)
                        if self._given.row_from(base, own, self._given.places.digest(base, own)) is None:
                            yield own, each, join(new, each.name)
                    for each in listing.folders:
                        own = join(folder, each.name)
                        if not self._given.has_folder(base, own):
                            pending.append((own, join(new, each.name)))
                if is_empty:  # no file of it is in the plan, so it counts itself
                    query = "UPDATE emptied SET is_subject = 1 WHERE base = ? AND path = ?"
                    self._db.execute(query, (base, folder))
            except OSError as error:
                self._given.fail(RowProblem(line, RowFault.UNREADABLE, folder, folder, error.errno))
                return

    def _objects(self, line: int, base: Base, path: bytes, to_path: bytes) -> Iterator[tuple[bytes, Entry, bytes]]:
        """Yield the objects below a path that have no row of their own."""
        storage, pending = self._given.trees[base].storage, [(path, to_path)]
        try:
            while pending:
                folder, new = pending.pop()
                for listing in storage.list_folder(folder):
                    for each in listing.files:
                        own = join(folder, each.name)
                        if self._given.row_from(base, own, self._given.places.digest(base, own)) is None:
                            yield own, each, join(new, each.name)
                    inside = ((join(folder, each.name), join(new, each.name)) for each in listing.folders)
                    pending += [(own, to) for own, to in inside if not self._given.has_folder(base, own)]
        except OSError as error:
            self._given.fail(RowProblem(line, RowFault.UNREADABLE, path, path, error.errno))

    def _existing(self, base: Base, path: bytes) -> bytes:
        """Return the deepest folder above a path that exists."""
        storage, found = self._given.trees[base].storage, b""
        for above in with_parents(split(path)[0]):
            entry = storage.lstat(*split(above))
            if entry is None or not entry.is_folder:
                break
            found = above
        return found

    def _check_modes(self) -> None:
        """Add a problem for each folder that stays and would hold the files of another one with other permissions."""
        for base, path, mode, line in self._db.execute("SELECT base, path, mode, line FROM made").fetchall():
            there = self._given.trees[base].storage.lstat(*split(path))
            if there is None or (there.is_folder and self._given.has_made(base, path)):
                continue
            if not there.is_folder:
                if self._given.leaves(base, path):
                    self._given.exchanges.add(line)
                else:
                    self._given.fail(RowProblem(line, RowFault.TAKEN, path, path))
            elif stat.S_IMODE(there.mode) != mode:
                self._given.fail(RowProblem(line, RowFault.OTHER_MODE, path))
