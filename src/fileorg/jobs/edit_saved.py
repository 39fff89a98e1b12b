"""Edits the saved plan of a job that waits: rows are left out, and files go to another folder.

The job keeps its number. Each row that stays is checked again when it is carried out, as ever. The edit runs in a
process of its own, because a plan may have a million rows.
"""

from __future__ import annotations

import base64
import contextlib
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, GuardRefused, UsageError
from fileorg.core.model import (
    EMPTIED_FOLDER,
    FOLDER_ACTIONS,
    ON_SYMLINKS,
    REMOVALS,
    RENAMES,
    Action,
    PlanRow,
)
from fileorg.core.names import below, display, is_within, join, with_parents
from fileorg.core.scratch import scratch
from fileorg.core.state import open_state
from fileorg.core.tuples import NamedTuple
from fileorg.jobs.control import claimable
from fileorg.jobs.function_process import answer_call, call
from fileorg.plan.missing_folders import MissingFolders
from fileorg.plan.saved_plan import SavedPlan, write_plan
from fileorg.report.plan_columns import columns_file
from fileorg.workflows.guards import destination
from fileorg.workflows.open_journal import journal_to_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fileorg.core.model import Base, Keeper
    from fileorg.core.state import StateDirectory
    from fileorg.plan.saved_plan import PlanHead

KINDS = frozenset({"organize", "dedupe", "clean"})
"""Plans that can be edited: their rows do not wait for each other."""
_MOVABLE = frozenset({Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK})
_Place = tuple["Base", bytes]
_Name = tuple["Base", bytes, bytes]


class Edit(NamedTuple):
    """What an edit came to."""

    files: int
    left_out: int
    moved: int
    version: str


class LeftOut:
    """Rows to leave out: their numbers, and beside them one bit for each row, the lowest of the first byte for row 0.
    As bits, half a million rows fit into a request.
    """

    def __init__(self, numbers: Iterable[int], bits: bytes = b"") -> None:
        self.numbers, self._bits = frozenset(numbers), bits.rstrip(b"\0")

    def __contains__(self, row: int) -> bool:
        at = row >> 3
        return row in self.numbers or (at < len(self._bits) and bool(self._bits[at] >> (row & 7) & 1))

    @property
    def last(self) -> int:
        """The highest row of the bits, -1 if there is none."""
        return len(self._bits) * 8 - 9 + self._bits[-1].bit_length() if self._bits else -1


class _Edits:
    """The changes of one plan: what becomes of each row."""

    def __init__(self, head: PlanHead, leave_out: LeftOut, moves: Mapping[int, bytes], state: StateDirectory) -> None:
        self._head, self._leave_out, self._moves = head, leave_out, moves
        for folder in set(moves.values()):
            destination(folder, state)  # raises
        self._renamed: dict[_Name, _Name] = {}
        # The targets of rows that are left out, on disk if they are many: links to them stay as they are.
        self._gone = scratch("CREATE TABLE gone (base INTEGER, path BLOB, PRIMARY KEY (base, path)) WITHOUT ROWID;")
        self._going: list[_Place] = []
        self.left_out = self.moved = self.renames = self.count = 0
        self.kept: set[_Place] = set()
        """Folders that are not emptied any more."""
        self.used: set[_Place] = set()
        """Folders that a row goes to, and those above them."""
        self.new: set[_Name] = set()

    def rows(self, plan: SavedPlan) -> Iterator[list[PlanRow]]:
        """Yield the batches with what is left of them. Raises `UsageError` for a row that cannot go elsewhere."""
        self._renamed.clear()
        self._gone.execute("DELETE FROM gone")
        self.left_out = self.moved = self.renames = first = 0
        for batch in plan.batches(0):
            found: list[PlanRow] = []
            start = 0
            while start < len(batch):
                end = start + 1
                while batch[start].together and end < len(batch) and batch[end].together == batch[start].together:
                    end += 1
                found += self._group(batch[start:end], range(first + start, first + end))
                start = end
            first += len(batch)
            self._store_gone()
            yield found
        self.count = first

    def close(self) -> None:
        self._gone.close()

    def refuse_unknown(self) -> None:
        """Raise `UsageError` if the plan, once it was read, does not have a row of the edit."""
        named = sorted(row for row in self._leave_out.numbers | self._moves.keys() if not 0 <= row < self.count)
        if named or self._leave_out.last >= self.count:
            row = named[0] if named else self._leave_out.last
            raise UsageError(f"The plan has no row {row}.", hint="look at it again", code=ErrorCode.BAD_VALUE)

    def _group(self, rows: list[PlanRow], numbers: range) -> list[PlanRow]:
        """Return what is left of rows that go together: one that is left out takes the others with it."""
        if any(number in self._leave_out for number in numbers):
            for row in rows:
                self._leave(row)
            return []
        folder = next((self._moves[number] for number in numbers if number in self._moves), None)
        return [changed for row in rows if (changed := self._changed(row, folder)) is not None]

    def _leave(self, row: PlanRow) -> None:
        self.left_out += is_counted(row)
        self.renames += row.action in RENAMES and row.reason is None
        if row.action in FOLDER_ACTIONS:
            self._keep(row.target_base, row.target_folder)
        else:
            self._going.append(_target(row))
            self._keep(row.source_base, row.source_folder)

    def _store_gone(self) -> None:
        self._gone.executemany("INSERT OR IGNORE INTO gone VALUES (?, ?)", self._going)
        self._going.clear()

    def _is_gone(self, keeper: Keeper) -> bool:
        self._store_gone()
        place = keeper.base, join(keeper.folder, keeper.name)
        return self._gone.execute("SELECT 1 FROM gone WHERE base = ? AND path = ?", place).fetchone() is not None

    def _keep(self, base: Base, folder: bytes) -> None:
        self.kept.add((base, b""))
        self.kept.update((base, above) for above in with_parents(folder))

    def _changed(self, row: PlanRow, folder: bytes | None) -> PlanRow | None:
        if row.action in ON_SYMLINKS and row.keeper is not None:
            if self._is_gone(row.keeper):
                return None  # its file stays
            old = row.keeper.base, row.keeper.folder, row.keeper.name
            new = self._renamed.get(old, old)
            row = row._replace(keeper=row.keeper._replace(base=new[0], folder=new[1], name=new[2]))
        elif folder is not None:
            row = self._moved(row, folder)
        elif row.action is Action.REMOVE_FOLDER and _target(row) in self.kept:
            self.left_out += is_counted(row)
            return None  # something in it stays, whose row comes before
        if row.action not in FOLDER_ACTIONS and row.reason is None:
            self.used.add((row.target_base, b""))
            self.used.update((row.target_base, above) for above in with_parents(row.target_folder))
        return row

    def _moved(self, row: PlanRow, folder: bytes) -> PlanRow:
        is_folder = row.action in FOLDER_ACTIONS
        path = join(row.target_folder, row.target_name) if is_folder else join(row.source_folder, row.source_name)
        source = below(self._head.roots[row.source_base].path, path)
        if row.action not in _MOVABLE or row.reason is not None:
            raise UsageError(
                f"{display(source)} cannot go to another folder: the plan does not move or copy it.",
                hint="leave it out of the plan",
            )
        base, path = self._base_of(row, folder)
        if row.action is Action.MOVE and (base, path) == (row.source_base, row.source_folder):
            raise UsageError(f"{display(source)} is in that folder already.", hint="leave it out of the plan")
        new = base, path, row.source_name
        self.new.add(new)
        self._renamed[row.target_base, row.target_folder, row.target_name] = new
        self._keep(base, path)
        self.moved += 1
        return row._replace(target_base=base, target_folder=path, target_name=row.source_name)

    def _base_of(self, row: PlanRow, folder: bytes) -> _Place:
        """Return the root of the plan that a folder is in, and its path there."""
        roots = self._head.roots
        disk = roots[row.target_base].dev
        for base in (row.target_base, *range(len(roots))):
            root = roots[base]
            if (root.changes or base == row.target_base) and root.dev == disk and is_within(folder, root.path):
                return base, folder[len(root.path) :].strip(b"/")
        raise UsageError(
            f"{display(folder)} is not in a folder of this plan.",
            hint="make the plan with --dest, or move the file afterwards",
            path=folder,
        )


def _target(row: PlanRow) -> _Place:
    return row.target_base, join(row.target_folder, row.target_name)


def is_counted(row: PlanRow) -> bool:
    """Return whether a row counts as a file of its plan."""
    if row.reason is not None or row.action in ON_SYMLINKS:
        return False
    return row.action not in FOLDER_ACTIONS or (bool(row.category) and row.category != EMPTIED_FOLDER)


class _EditedPlan:
    """A saved plan with its edits, as a plan that can be saved."""

    def __init__(self, path: bytes, edits: _Edits, head: PlanHead) -> None:
        self._path, self._edits, self._head = path, edits, head
        self._made: set[_Place] = set()
        self._claimed = Counter[_Name]()
        """How many rows go to each new name of a file."""
        self._missing = {
            base: MissingFolders(base, lambda folder, at=root.path: not os.path.lexists(below(at, folder)))  # type: ignore[misc]
            for base, root in enumerate(head.roots)
        }

    @property
    def files(self) -> int:
        return self._head.files

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:  # noqa: ARG002  they were cut when they were written
        edits = self._edits
        with contextlib.closing(SavedPlan(self._path)) as plan:
            for batch in edits.rows(plan):
                found: list[PlanRow] = []
                for row in batch:
                    place, name = _target(row), (row.target_base, row.target_folder, row.target_name)
                    if row.action is Action.MAKE_FOLDER and not row.category:
                        if place not in edits.used or place in self._made:
                            continue
                        self._made.add(place)
                        self._missing[row.target_base].known.add(place[1])
                    elif name in edits.new:
                        made = self._missing[row.target_base].rows(row.target_folder)
                        self._made.update(map(_target, made))
                        found += made
                        if row.action not in FOLDER_ACTIONS and row.action not in REMOVALS and row.reason is None:
                            self._claimed[name] += 1
                    found.append(row)
                if found:
                    yield found

    def refuse_doubles(self) -> None:
        """Raise `GuardRefused` if several rows go to a new name: once all batches were written."""
        for name, rows in sorted(self._claimed.items()):
            if rows > 1:
                raise _taken(self._head, name)


def edit(state: StateDirectory, number: int, version: str, leave_out: LeftOut, moves: Mapping[int, bytes]) -> Edit:
    """Edit the plan of a job that waits, if it has this version. Nothing is changed if anything is wrong.

    Raises `FileorgError`, `OSError`.
    """
    fd = claimable(state, number, approves=True, version=version)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, fd)
        path = state.of_job(number, b"plan")
        with contextlib.closing(SavedPlan(path)) as plan:
            head = plan.head
            if head.kind not in KINDS:
                raise UsageError(f"A plan of {head.kind} cannot be edited.", hint="make another plan")
            edits = stack.enter_context(contextlib.closing(_Edits(head, leave_out, moves, state)))
            for _ in edits.rows(plan):  # what stays, and what is wrong, is known before anything is written
                pass
        edits.refuse_unknown()
        _refuse_existing(head, edits.new)
        files = head.files - edits.left_out
        head = head._replace(files=files, renames=max(0, head.renames - edits.renames))
        with state.opened() as at, contextlib.ExitStack() as columns:
            seen = None
            name = os.path.basename(path)
            if os.path.lexists(path + b".columns"):
                roots = [root.path for root in head.roots]
                seen = columns.enter_context(columns_file(name + b".columns", at, roots))
            edited = _EditedPlan(path, edits, head)

            def ready() -> None:
                edited.refuse_doubles()
                if seen is not None:  # there are no columns rather than those of another plan
                    os.unlink(name + b".columns", dir_fd=at)

            version = write_plan(name, at, head, edited, 0, seen, ready)
        with journal_to_write(state) as journal:
            journal.count_job(number, files)
        return Edit(files, edits.left_out, edits.moved, version)


def _refuse_existing(head: PlanHead, new: set[_Name]) -> None:
    """Raise `GuardRefused` if a file would go to a name that is taken."""
    for name in sorted(new):
        base, folder, last = name
        if os.path.lexists(below(head.roots[base].path, join(folder, last))):
            raise _taken(head, name)


def _taken(head: PlanHead, name: _Name) -> GuardRefused:
    base, folder, last = name
    path = below(head.roots[base].path, join(folder, last))
    return GuardRefused(
        f"The name {display(path)} is taken.",
        hint="choose another folder, or leave the file out",
        code=ErrorCode.NAMES_TAKEN,
        path=path,
    )


def edit_in_process(state: StateDirectory, number: int, version: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Edit a plan in a process of its own; return the fields of `Edit`. `given`: the rows `leave_out`, the same as bits
    in base 64, `leave_out_bits`, and the folders of `moves` by row, as text. Raises `CommandError`, `OSError`.
    """
    return call("fileorg.jobs.edit_saved", [state.path, str(number)], {"version": version, **given})


def _edited(given: dict[str, Any]) -> dict[str, Any]:
    try:
        bits = base64.b64decode(given["leave_out_bits"], validate=True)
    except ValueError:
        raise UsageError(
            "leave_out_bits is not base 64.", hint="one bit for each row", code=ErrorCode.BAD_VALUE
        ) from None
    moves = {int(row): os.fsencode(folder) for row, folder in given["moves"].items()}
    state = open_state(os.fsencode(sys.argv[1]))
    return edit(state, int(sys.argv[2]), given["version"], LeftOut(given["leave_out"], bits), moves)._asdict()


if __name__ == "__main__":
    sys.exit(answer_call(_edited))
