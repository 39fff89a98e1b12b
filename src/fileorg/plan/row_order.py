"""The rows of a given plan in an order of single steps: a name is free before a file gets it."""

from __future__ import annotations

from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches, row_maker, unsplit
from fileorg.core.model import EMPTIED_FOLDER, MOVED_ASIDE, MOVED_FOLDER, Action, Keeper, PlanRow
from fileorg.core.names import join, split, step_name, tree_key
from fileorg.plan.given_database import COLUMNS, StoredRow
from fileorg.plan.given_rows import GivenAction
from fileorg.plan.missing_folders import PRIVATE_MODE, MissingFolders, is_missing
from fileorg.scan.leftovers import Leftover

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from fileorg.core.model import Base
    from fileorg.plan.given_plan import GivenPlan

_ACTIONS = {
    GivenAction.MOVE: Action.MOVE,
    GivenAction.COPY: Action.COPY,
    GivenAction.HARDLINK: Action.HARDLINK,
    GivenAction.SYMLINK: Action.SYMLINK,
    GivenAction.TRASH: Action.MOVE,
}
_FREE = (
    "SELECT action, base, folder, name, to_base, to_folder, to_name, inode, size, mtime_ns, mode,"
    " '', 0, NULL, NULL, together, id, keeper FROM rows WHERE NOT occupied AND NOT faulty"
)
"""The columns of a `PlanRow`, then the number of the row, and its keeper."""
_new_row = row_maker(PlanRow)


class GivenRows:
    """The rows without a problem, as a plan. Made after `check_together`."""

    def __init__(self, given: GivenPlan, operation: int) -> None:
        """`operation` is the number that the temporary names have."""
        self._given, self._operation = given, operation
        self.files, self.size_bytes = given.files, given.size_bytes
        self.renames = self.files

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the rows, the same each time; the files of a group or a cycle are never split."""
        return unsplit(in_batches(self._rows(), rows))

    def _rows(self) -> Iterator[PlanRow]:
        given = self._given
        stores = given.places.stores  # there, a folder comes with its first object
        missing = {
            base: MissingFolders(base, (lambda _: False) if base in stores else partial(is_missing, tree.storage))
            for base, tree in given.trees.items()
        }
        made = given.db.execute("SELECT base, path, mode FROM made").fetchall()
        for base, path, mode in sorted(made, key=lambda row: (row[0], tree_key(row[1]))):
            yield from missing[base].rows(split(path)[0])
            yield from missing[base].rows(path, mode)
        db, actions = given.db, _ACTIONS
        known = {base: each.known for base, each in missing.items()}
        if not given.has_table:
            for columns in given.packed():
                _, texts, bases, folders, _, to_bases, to_folders, *_ = columns
                for action, base, folder, to_base, to_folder in dict.fromkeys(
                    zip(texts, bases, folders, to_bases, to_folders, strict=True)
                ):
                    if to_base in stores:
                        yield from self._for_original(action, base, folder, missing, stores)
                    elif to_folder not in known[to_base]:
                        yield from missing[to_base].rows(to_folder, PRIVATE_MODE if action == "trash" else 0o777)
                rest = (repeat(each) for each in ("", 0, None, None, 0))
                yield from map(_new_row, zip([actions[text] for text in texts], *columns[2:12], *rest))  # noqa: B905
            return
        alone = f"{_FREE} AND id NOT IN (SELECT row FROM steps WHERE row NOT NULL)"
        free = db.execute(f"{alone} AND NOT together ORDER BY id")
        together = db.execute(f"{alone} AND together ORDER BY together, id")
        for rows in (free, together):
            for row in rows:
                action, base, folder, to_base, to_folder = row[0], row[1], row[2], row[4], row[5]
                if to_base in stores:
                    yield from self._for_original(action, base, folder, missing, stores)
                elif to_folder not in known[to_base]:
                    yield from missing[to_base].rows(to_folder, PRIVATE_MODE if action == "trash" else 0o777)
                if row[17] is not None:
                    [stored] = given.stored("id = ?", (row[16],))
                    yield self._duplicate(stored)
                    continue
                yield _new_row((actions[action], *row[1:16]))
        yield from self._ordered(missing, stores)
        yield from self._exchanged(missing)
        emptied = db.execute(
            "SELECT emptied.base, emptied.path, is_subject, action FROM emptied LEFT JOIN folders USING (line)"
        ).fetchall()
        for base, path, is_subject, action in sorted(emptied, key=lambda row: (row[0], tree_key(row[1])), reverse=True):
            yield _removal(base, path, action, is_subject=is_subject)

    def _for_original(
        self, action: str, base: Base, folder: bytes, missing: Mapping[Base, MissingFolders], stores: Collection[Base]
    ) -> list[PlanRow]:
        """Return the rows that make the place in the trash of a file that moves into a store."""
        if action != GivenAction.MOVE or base in stores:
            return []
        trash = self._given.trash
        return missing[base].rows(join(trash, folder) if folder else trash, PRIVATE_MODE)

    def _ordered(self, missing: Mapping[Base, MissingFolders], stores: Collection[Base]) -> Iterator[PlanRow]:
        """Yield the rows whose target is free only after another row."""
        columns = ", ".join(f"rows.{column.strip()}" for column in COLUMNS.split(","))
        query = (
            f"SELECT ordered.together, ordered.step, {columns} FROM ordered CROSS JOIN rows ON rows.id = ordered.row"
            " WHERE NOT rows.faulty ORDER BY ordered.id"
        )
        last = 0
        for together, step, *columns_of_row in self._given.db.execute(query):
            row = StoredRow._make(columns_of_row)
            if together and together != last:
                yield self._aside(together)
                last = together
            if row.to_base in stores:
                yield from self._for_original(row.action, row.base, row.folder, missing, stores)
            found = self._row(row)._replace(together=together)
            yield found._replace(source_name=self._step_name(together)) if step else found

    def _exchanged(self, missing: Mapping[Base, MissingFolders]) -> Iterator[PlanRow]:
        """Yield the steps of rows that want names of folders: see `exchanges`."""
        db = self._given.db
        for base, path in db.execute("SELECT base, path FROM steps WHERE mode NOT NULL ORDER BY id").fetchall():
            missing[base].known.add(path)
        columns = ", ".join(f"rows.{column.strip()}" for column in COLUMNS.split(","))
        needed = (
            "SELECT DISTINCT to_base, to_folder, action FROM rows JOIN steps ON steps.row = rows.id"
            " WHERE steps.together = ?1 UNION SELECT base, path, NULL FROM steps WHERE mode NOT NULL AND together = ?1"
        )
        query = (
            "SELECT steps.together, aside_base, aside, steps.base, steps.path, steps.mode, is_subject, folders.action,"
            f" {columns} FROM steps LEFT JOIN rows ON rows.id = steps.row"
            " LEFT JOIN folders ON folders.line = steps.line ORDER BY steps.id"
        )
        last = 0
        for together, aside_base, aside, base, path, mode, is_subject, action, *row in db.execute(query):
            if together != last:
                last = together
                for to_base, folder, given_action in db.execute(needed, (together,)).fetchall():
                    above = folder if given_action else split(folder)[0]
                    yield from missing[to_base].rows(above, PRIVATE_MODE if given_action == "trash" else 0o777)
            if path is not None:
                made = mode is not None
                found = (
                    PlanRow.make_folder(base, path, mode)
                    if made
                    else _removal(base, path, action, is_subject=is_subject)
                )
                yield found._replace(together=together)
                continue
            stored = StoredRow._make(row)
            found = self._row(stored) if stored.keeper is None else self._duplicate(stored)
            found, name = found._replace(together=together), self._step_name(stored.id)
            if aside_base is not None:
                yield found._replace(
                    target_base=aside_base, target_folder=aside, target_name=name, category=MOVED_ASIDE
                )
            elif aside is not None:
                yield found._replace(source_folder=aside, source_name=name)
            else:
                yield found

    def _aside(self, together: int) -> PlanRow:
        """Return the row that gives the first file of a cycle its temporary name."""
        [row] = self._given.stored("id = ?", (together,))
        return self._row(row)._replace(
            target_base=row.base,
            target_folder=row.folder,
            target_name=self._step_name(together),
            category=MOVED_ASIDE,
            together=together,
        )

    def _step_name(self, number: int) -> bytes:
        return step_name(self._operation, number)

    @staticmethod
    def _row(row: StoredRow) -> PlanRow:
        return PlanRow(
            _ACTIONS[GivenAction(row.action)], *row[3:9], row.inode, row.size, row.mtime_ns, row.mode, "",
            together=row.together,
        )  # fmt: skip

    def _duplicate(self, row: StoredRow) -> PlanRow:
        """Return the row that moves a duplicate into the trash, once its keeper is found to have the same content."""
        base, folder, name = self._given.keeper_of(row)
        kept = self._given.trees[base].storage.lstat(folder, name)
        inode, mtime_ns = (0, 0) if kept is None else (kept.inode, kept.mtime_ns)
        keeper = Keeper(base, folder, name, inode, mtime_ns)
        return self._row(row)._replace(action=Action.QUARANTINE, keeper=keeper)


def _removal(base: Base, path: bytes, action: str | None, *, is_subject: bool) -> PlanRow:
    """Return the row that removes a folder that a row with `action` has emptied."""
    category = MOVED_FOLDER if action == "move" else Leftover.EMPTY_FOLDER
    return PlanRow.remove_folder(base, path, category if is_subject else EMPTIED_FOLDER)
