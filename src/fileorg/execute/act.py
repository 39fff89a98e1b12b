"""After the commit: do what was meant, and tell what came of it. Here user files are changed, and nowhere else."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.model import FOLDER_ACTIONS, Action, Problem, RecordState
from fileorg.core.names import display, join
from fileorg.execute.across import Across
from fileorg.execute.duplicates import Duplicates
from fileorg.execute.identity import identity
from fileorg.execute.look import check_removal
from fileorg.execute.respell import respell
from fileorg.execute.verdict import Refusal
from fileorg.journal.journal import Batch, Settled
from fileorg.storage.links import link_content
from fileorg.storage.local.worker import Moves, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base, PlanRow
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.local.worker import Hands

PROBLEMS_KEPT = 1000
_RENAMES = frozenset({Action.MOVE, Action.RESTORE})


class Prepared(NamedTuple):
    """A batch whose intents are committed, `first` being the id of the first of them, and the runs it is done in.

    A run is positions of renames with what the hands are handed, or one position of anything else, with None.
    """

    batch: Sequence[PlanRow]
    looked: Batch
    first: int
    runs: list[tuple[Sequence[int], bytes | None]]


class Done(NamedTuple):
    """A batch that has been carried out, and by position what was not."""

    prepared: Prepared
    exceptions: dict[int, tuple[RecordState, str]]

    def settled(self) -> Settled:
        """What the journal is told of it."""
        (batch, looked, first, _), exceptions = self.prepared, self.exceptions
        reverted = [row[12] for row in batch if row[12]]
        undone = [position for position in {*exceptions, *_refused(looked)} if batch[position].reverts]
        return Settled(
            first,
            first + len(batch) - 1,
            [(state, reason, first + position) for position, (state, reason) in exceptions.items()],
            (min(reverted), max(reverted)) if reverted else None,
            [(batch[position].reverts,) for position in undone],
        )


class Actor:
    """Does one batch at a time: `start`, then `finish`. Between the two the hands may still be at work."""

    def __init__(self, journal: Journal, operation: Operation, storages: Sequence[LocalStorage], hands: Hands) -> None:
        self._journal = journal
        self._operation = operation.id
        self._across = Across(journal, operation, storages)
        self._duplicates = Duplicates(operation.id, storages, self._across)
        self._storages = storages
        self._hands = hands
        self._prepared = Prepared((), Batch([], {}), 0, [])
        self._under_way: Sequence[int] = ()
        self._exceptions: dict[int, tuple[RecordState, str]] = {}
        self._kept = [0, 0]
        self.problems: list[Problem] = []

    def prepare(self, batch: Sequence[PlanRow], looked: Batch, first: int) -> Prepared:
        """All that can be made ready while the hands are still at work on the batch before: they need not wait then."""
        refused = _refused(looked)
        runs: list[tuple[Sequence[int], bytes | None]] = []
        if not refused and {row[0] for row in batch} <= _RENAMES and len({(row[1], row[4]) for row in batch}) == 1:
            # Nearly every batch: only renames, from one base to one.
            return Prepared(batch, looked, first, [_moves(batch, range(len(batch)))])
        moving: list[int] = []
        for position, row in enumerate(batch):
            is_move = row[0] in _RENAMES and position not in refused
            if moving and not (is_move and (batch[moving[0]][1], batch[moving[0]][4]) == (row[1], row[4])):
                # What comes after a folder is made, or before it is removed, keeps its place in the order.
                runs.append(_moves(batch, moving))
                moving = []
            if is_move:
                moving.append(position)
            else:
                runs.append(((position,), None))
        if moving:
            runs.append(_moves(batch, moving))
        return Prepared(batch, looked, first, runs)

    def start(self, prepared: Prepared) -> None:
        """Begin with a batch, when the one before is finished."""
        self._prepared, self._exceptions = prepared, {}
        refused = _refused(prepared.looked)
        for positions, packed in prepared.runs:
            self._wait()
            if packed is not None:
                self._hands.start(packed)
                self._under_way = positions
                continue
            [position] = positions
            if position in refused:
                self._problem(prepared.batch[position], *prepared.looked.exceptions[position])
            else:
                self._one(position)

    @property
    def disturbed(self) -> set[tuple[Base, bytes]]:
        """Folders in which something was made and taken away again."""
        return self._across.disturbed

    @property
    def notes(self) -> list[str]:
        """What is to be told of the whole of it."""
        return list(self._duplicates.notes)

    def finish(self) -> Done:
        """Wait for the end of the batch."""
        self._wait()
        return Done(self._prepared, self._exceptions)

    def _wait(self) -> None:
        positions, self._under_way = self._under_way, ()
        if not positions:
            return
        for index, code in self._hands.finish():
            self._otherwise(positions[index], OSError(code, os.strerror(code)))

    def _one(self, position: int) -> None:
        row, record = self._prepared.batch[position], self._prepared.first + position
        try:
            self._act_on(row, record)
        except Refusal as refusal:
            self._refuse(position, refusal.state, refusal.reason)
        except OSError as error:
            self._refuse(position, *self._verdict(row, error))

    def _otherwise(self, position: int, error: OSError) -> None:
        """A rename that failed with an error that means: by another way. Any other is the file's own."""
        row, record = self._prepared.batch[position], self._prepared.first + position
        intent = self._prepared.looked.intent(position)
        try:
            match error.errno:
                case errno.EXDEV:
                    self._across.move(row, intent, record)
                case errno.ENOTSUP:
                    try:
                        self._across.by_placeholder(row, record)
                    except OSError as other:
                        if other.errno != errno.EXDEV:
                            raise
                        self._across.move(row, intent, record)
                case errno.EEXIST:
                    self._taken(row, record, error)
                case _:
                    raise error
        except Refusal as refusal:
            self._refuse(position, refusal.state, refusal.reason)
        except OSError as failure:
            self._refuse(position, *self._verdict(row, failure))

    def _taken(self, row: PlanRow, record: int, error: OSError) -> None:
        """A rename to a name that is taken: by the file itself, in another case; or only in the memory of the kernel.

        Raises `error` if it is another file's.
        """
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        if respell(self._journal, self._operation, row, record, source):
            return
        if not target.is_free_after_all(row.target_folder, row.target_name):
            raise error
        try:
            source.rename_noreplace(row.source_folder, row.source_name, target, row.target_folder, row.target_name)
        except OSError as other:
            if other.errno != errno.ENOTSUP:
                raise
            self._across.by_placeholder(row, record)

    def _act_on(self, row: PlanRow, record: int) -> None:
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        place = (row.target_folder, row.target_name)
        match row.action:
            case Action.COPY:
                self._across.copy(row, record)
            case Action.HARDLINK:
                source.hardlink(row.source_folder, row.source_name, target, *place)
            case Action.SYMLINK:
                content = link_content(source, row.source_folder, row.source_name, target, row.target_folder)
                target.symlink(content, *place)
            case Action.MAKE_FOLDER:
                try:
                    target.make_folder(*place, row.mode)
                except OSError:
                    self.disturbed.add((row.target_base, row.target_folder))
                    raise
            case Action.REMOVE_FOLDER:
                target.remove_folder(*place)
            case Action.REMOVE_COPY | Action.REMOVE_HARDLINK | Action.REMOVE_SYMLINK:
                seen = target.lstat(*place)
                if seen is None:
                    raise Refusal(RecordState.MISSING, "it is no longer there")
                check_removal(row, seen, self._storages, self._journal)
                self.disturbed.add((row.target_base, row.target_folder))
                if not self._across.remove(target, *place, record, identity(seen)):
                    raise Refusal(RecordState.CHANGED, "it changed just now, and was kept")
            case _:
                self._duplicates.act_on(row, record)

    def _refuse(self, position: int, state: RecordState, reason: str) -> None:
        self._exceptions[position] = (state, reason)
        self._problem(self._prepared.batch[position], state, reason)

    def _problem(self, row: PlanRow, state: RecordState, reason: str | None) -> None:
        if row.action in FOLDER_ACTIONS and state is RecordState.SKIPPED and not row.category:
            return  # a folder on the way, that is there already, or that others have filled: nothing to worry about
        kind = state is RecordState.SKIPPED
        self._kept[kind] += 1
        if self._kept[kind] <= PROBLEMS_KEPT:  # of each kind: a thousand skips do not hide a failure
            path = join(row.source_folder, row.source_name) or join(row.target_folder, row.target_name)
            self.problems.append(Problem(path, state, reason or ""))

    def _verdict(self, row: PlanRow, error: OSError) -> tuple[RecordState, str]:
        """The state and the reason of a failure that stays one."""
        match (row.action, error.errno):
            case (Action.MAKE_FOLDER, errno.EEXIST):
                return RecordState.SKIPPED, "it is there already"
            case (Action.REMOVE_FOLDER, errno.ENOTEMPTY | errno.EEXIST):
                return RecordState.SKIPPED, "it is not empty, and was kept"
            case (Action.REMOVE_FOLDER, errno.EBUSY):
                return RecordState.FAILED, "something is mounted there, or it is in use"
            case (_, errno.EEXIST):
                return RecordState.CONFLICT, "the name is taken"
            case (Action.HARDLINK | Action.SYMLINK, errno.EPERM | errno.ENOTSUP | errno.ENOSYS):
                kind = "symlinks" if row.action is Action.SYMLINK else "hard links"
                return RecordState.FAILED, f"the file system makes no {kind} here: {error.strerror}"
            case (_, errno.ENOENT | errno.EINVAL | errno.EILSEQ):
                return self._nothing_there(row, error)
            case (_, errno.ESTALE):
                return RecordState.CHANGED, "it changed while it was copied, and stayed"
            case _:
                return RecordState.FAILED, error.strerror or str(error)

    def _nothing_there(self, row: PlanRow, error: OSError) -> tuple[RecordState, str]:
        """The file is gone, or its new name cannot be: exFAT says the same of both, and others say other things."""
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        try:
            if row.source_name and source.lstat(row.source_folder, row.source_name) is None:
                return RecordState.MISSING, "it is no longer there"
            if target.stat_folder(row.target_folder) is None:
                return RecordState.MISSING, f"the folder {display(row.target_folder)} is not there"
        except OSError as other:
            return RecordState.FAILED, other.strerror or str(other)
        if row.action is Action.REMOVE_FOLDER:
            return RecordState.MISSING, "it is no longer there"
        why = "" if error.errno == errno.ENOENT else f": {error.strerror}"
        return RecordState.FAILED, f"the file system at the target does not take its name{why}"


def _refused(looked: Batch) -> set[int]:
    return {position for position, (state, _) in looked.exceptions.items() if state is not RecordState.INTENT}


def _moves(batch: Sequence[PlanRow], positions: Sequence[int]) -> tuple[Sequence[int], bytes]:
    rows = [batch[position] for position in positions]
    paths = [part for row in rows for part in (row[2], row[3], row[5], row[6])]
    return positions, pack(Moves(rows[0].source_base, rows[0].target_base, paths))
