"""Applies a batch after its commit and reports the result. User files are changed here and nowhere else."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import groupby
from typing import TYPE_CHECKING

from fileorg.core.model import EMPTIED_FOLDER, FOLDER_ACTIONS, REMOVALS, Action, Problem, RecordState
from fileorg.core.names import is_step_name, join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.actions.handler import Series, kept
from fileorg.execute.actions.table import handler_of
from fileorg.execute.identity import intended, is_known
from fileorg.execute.verdict import Refusal
from fileorg.journal.journal import Batch, Settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Base, PlanRow
    from fileorg.core.retry import Waits
    from fileorg.execute.actions.handler import Handler
    from fileorg.execute.work import Work

PROBLEMS_KEPT = 1000


class Prepared(NamedTuple):
    """A batch with committed intents, the record id of the first (`first`), and the series that it is applied in.

    Each series comes with its handler, or with None if all of its rows were refused.
    """

    batch: Sequence[PlanRow]
    checked: Batch
    first: int
    series: list[tuple[Handler | None, Series]]


class Applied(NamedTuple):
    """A batch that was applied, and its failures by position."""

    prepared: Prepared
    exceptions: dict[int, tuple[RecordState, Reason]]
    read_back: Sequence[tuple[int, int]] = ()

    def settled(self) -> Settled:
        """Return the results as the journal records them."""
        (batch, checked, first, _), exceptions, read_back = self
        undone = [position for position in {*exceptions, *_refused(checked)} if batch[position].reverts]
        return Settled(
            first,
            first + len(batch) - 1,
            [(state, reason, first + position) for position, (state, reason) in exceptions.items()],
            _ranges(sorted({row[12] for row in batch if row[12]})),
            [(batch[position].reverts,) for position in undone],
            read_back,
        )


class Applier:
    """Applies one batch at a time: `start`, then `finish`. Between the two the worker may still be renaming.

    Files that failed for a reason that may pass are tried again together, at the end of their series.
    """

    def __init__(self, work: Work, stop: Callable[[], bool] = lambda: False) -> None:
        """`stop` ends a wait for another try early."""
        self._work = work
        self._stop = stop
        self._storages = work.storages
        self._prepared = Prepared((), Batch([], {}), 0, [])
        self._under_way: Callable[[], None] | None = None
        self._exceptions: dict[int, tuple[RecordState, Reason]] = {}
        self._handler: Handler | None = None
        self._again: dict[int, OSError] = {}
        """The failed rows of the current series that may succeed a little later, by position."""
        self._waits: Waits | None = None
        self._kept = [0, 0]
        self.problems: list[Problem] = []

    def prepare(self, batch: Sequence[PlanRow], checked: Batch, first: int) -> Prepared:
        """Prepare a batch while the worker still renames the one before, so that the worker never waits."""
        refused = _refused(checked)
        # One lookup for each action between two bases, not one for each row.
        handlers = {key: handler_of(*key, self._storages) for key in {(row[0], row[1], row[4]) for row in batch}}
        done_alike = {(handler, *key[1:]) for key, handler in handlers.items()}
        if len(done_alike) == 1 and not refused:
            # Nearly every batch: only renames between the same two bases.
            [(handler, *_)] = done_alike
            return Prepared(batch, checked, first, [_series(handler, batch, range(len(batch)), checked, first)])

        def how(position: int) -> tuple[Handler, Base, Base] | None:
            row = batch[position]
            return None if position in refused else (handlers[row[0], row[1], row[4]], row[1], row[4])

        # `groupby` keeps the order: a folder is created before its files arrive and removed after they leave.
        alike = ((key and key[0], list(positions)) for key, positions in groupby(range(len(batch)), how))
        series = [_series(handler, batch, positions, checked, first) for handler, positions in alike]
        return Prepared(batch, checked, first, series)

    def start(self, prepared: Prepared) -> None:
        """Start a batch. The batch before must be finished."""
        self._prepared, self._exceptions = prepared, {}
        for handler, series in prepared.series:
            self._wait()
            self._handler = handler
            if handler is not None:
                self._under_way = handler.apply(self._work, series, self._fail)
                continue
            for position in series.positions:
                self._problem(prepared.batch[position], *prepared.checked.exceptions[position])

    def finish(self) -> Applied:
        """Wait until the batch is done and return its results."""
        self._wait()
        read_back, self._work.read_back = self._work.read_back, []
        return Applied(self._prepared, self._exceptions, read_back)

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way()
        if self._again:
            self._try_again()

    def _fail(self, position: int, error: Refusal | OSError) -> None:
        if isinstance(error, Refusal):
            self._refuse(position, error.state, error.reason)
        elif self._may_pass(position, error):
            self._again[position] = error
        else:
            self._refuse(position, *self._verdict(self._prepared.batch[position], error))

    def _may_pass(self, position: int, error: OSError) -> bool:
        """Return whether the row may succeed if it is applied again: it changed nothing, and recorded nothing."""
        if self._handler is None or not self._handler.is_repeatable or self._work.has_recorded:
            return False
        row = self._prepared.batch[position]
        return self._work.is_transient(row, error)

    def _try_again(self) -> None:
        """Apply the failed rows of a series again, all of them after each wait, as long as they may succeed."""
        from fileorg.core import retry

        work, number, handler, failed = self._work, 1, self._handler, len(self._again)
        if self._waits is None:
            over = lambda: work.is_cancelled() or self._stop()  # noqa: E731
            self._waits = retry.Waits(retry.FILES, over, clock=retry.CLOCK, longest=retry.LONGEST_SECONDS)
        while self._again and self._waits.before(number := number + 1):
            for storage in self._storages:
                storage.forget(b"")  # a descriptor may be stale, and a folder may have been moved away
            positions, self._again = sorted(self._again), {}
            if handler is not None and handler.refused is None:
                positions = [position for position in positions if self._is_as_checked(position)]
            if handler is None or not positions:
                break
            prepared = self._prepared
            _, series = _series(handler, prepared.batch, positions, prepared.checked, prepared.first)
            under_way = handler.apply(work, series, self._fail)
            if under_way is not None:
                under_way()
        again, self._again = self._again, {}
        self._waits.ended(in_vain=len(again) == failed)
        for position, error in again.items():
            if work.is_cancelled():
                work.was_cancelled = True
                error = OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))  # noqa: PLW2901
            elif handler is None or handler.refused is None:
                work.transient += 1
            self._refuse(position, *self._verdict(self._prepared.batch[position], error))

    def _is_as_checked(self, position: int) -> bool:
        """Return whether the file of a row is still the one of its intent; otherwise refuse the row."""
        row, intent = self._prepared.batch[position], self._prepared.checked.intent(position)
        if not row.source_name:
            return True
        storage = self._storages[row.source_base]
        try:
            seen = storage.lstat(row.source_folder, row.source_name)
        except OSError as error:
            self._fail(position, error)
            return False
        if seen is None:
            self._refuse(position, RecordState.MISSING, Reason(ReasonCode.GONE))
            return False
        expected = intended(intent)
        if not is_known(storage, row.source_folder, seen, expected):
            self._refuse(position, RecordState.CHANGED, Reason(ReasonCode.CHANGED_SINCE_SCAN))
            return False
        return True

    def _refuse(self, position: int, state: RecordState, reason: Reason) -> None:
        self._exceptions[position] = (state, reason)
        self._problem(self._prepared.batch[position], state, reason)

    def _problem(self, row: PlanRow, state: RecordState, reason: Reason | None) -> None:
        if row.action in FOLDER_ACTIONS and state is RecordState.SKIPPED and row.category in {"", EMPTIED_FOLDER}:
            return  # an intermediate or emptied folder that already exists, or is not empty: no problem
        if reason is not None and reason.code in {ReasonCode.SYMLINK_TARGET_STAYS, ReasonCode.INTERRUPTED}:
            return  # the problem of its file is reported already; what a cancelled job left is not listed
        half = self._other_half(row)
        lies_there = self._lies_at_temporary_name(row, half)
        if half is not None and reason is not None and reason.code is ReasonCode.LEADER_STAYS and not lies_there:
            other = self._why_failed(half)
            if other is not None and (is_step_name(row.source_name) or other.code is not ReasonCode.LEADER_STAYS):
                return  # the file is named once
        kind = state is RecordState.SKIPPED
        self._kept[kind] += 1
        if self._kept[kind] <= PROBLEMS_KEPT:  # counted by kind: a thousand skips do not hide a failure
            known = row  # nobody knows a temporary name
            if half is not None and is_step_name(row.source_name) and not lies_there:
                known = self._prepared.batch[half]
            path, base = join(known.source_folder, known.source_name), known.source_base
            # What stays is the copy or link itself.
            if not path or row.action in REMOVALS or (is_step_name(known.source_name) and not lies_there):
                path, base = join(row.target_folder, row.target_name), row.target_base
            self.problems.append(Problem(path, state, reason, self._storages[base].root))

    def _lies_at_temporary_name(self, row: PlanRow, half: int | None) -> bool:
        """Return whether the file of a row has had its temporary name since an earlier operation, which a crash cut
        short: there it is found.
        """
        if not is_step_name(row.source_name) or (half is not None and self._why_failed(half) is None):
            return False
        with contextlib.suppress(OSError):
            return self._storages[row.source_base].lstat(row.source_folder, row.source_name) is not None
        return False

    def _other_half(self, row: PlanRow) -> int | None:
        """Return the position of the row that gives the file of this row its temporary name, or takes it from there."""
        batch = self._prepared.batch
        if is_step_name(row.source_name):
            return next((at for at, other in enumerate(batch) if other.target_name == row.source_name), None)
        if is_step_name(row.target_name):
            return next((at for at, other in enumerate(batch) if other.source_name == row.target_name), None)
        return None

    def _why_failed(self, position: int) -> Reason | None:
        checked = self._prepared.checked.exceptions.get(position, (RecordState.INTENT, None))
        state, reason = self._exceptions.get(position, checked)
        return None if state is RecordState.INTENT else reason

    def _verdict(self, row: PlanRow, error: OSError) -> tuple[RecordState, Reason]:
        """Return the state and the reason of a final failure."""
        if self._handler is not None and self._handler.refused is not None and error.errno != errno.ECANCELED:
            refusal = self._handler.refused(self._work, row, error)
            return refusal.state, refusal.reason
        match error.errno:
            case errno.EEXIST:
                return RecordState.CONFLICT, Reason(ReasonCode.NAME_TAKEN)
            case errno.ENOENT | errno.EINVAL | errno.EILSEQ:
                return self._nothing_there(row, error)
            case errno.EWOULDBLOCK:  # a file server holds a write lease
                refusal = kept(row, ReasonCode.BEING_WRITTEN)
                return refusal.state, refusal.reason
            case errno.ECANCELED:
                self._work.was_cancelled = True
                return RecordState.SKIPPED, Reason(ReasonCode.INTERRUPTED)
            case errno.ESTALE if error.strerror != os.strerror(errno.ESTALE):  # by fileorg itself
                return RecordState.CHANGED, Reason(ReasonCode.CHANGED_WHILE_COPIED)
            case _:
                return RecordState.FAILED, Reason.of_error(error)

    def _nothing_there(self, row: PlanRow, error: OSError) -> tuple[RecordState, Reason]:
        """Tell a missing file from a name that the file system refuses: exFAT gives the same error for both."""
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        try:
            if row.source_name and source.lstat(row.source_folder, row.source_name) is None:
                return RecordState.MISSING, Reason(ReasonCode.GONE)
            if target.capabilities.empty_folders and target.stat_folder(row.target_folder) is None:
                return RecordState.MISSING, Reason(ReasonCode.FOLDER_MISSING, row.target_folder)
        except OSError as other:
            return RecordState.FAILED, Reason.of_error(other)
        if row.action is Action.REMOVE_FOLDER:
            return RecordState.MISSING, Reason(ReasonCode.GONE)
        why = None if error.errno == errno.ENOENT else error.errno
        return RecordState.FAILED, Reason(ReasonCode.NAME_REFUSED, None, why)


def _ranges(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of consecutive ids; they are sorted."""
    if not ids or ids[-1] - ids[0] == len(ids) - 1:
        return [(ids[0], ids[-1])] if ids else []
    starts = [0, *(at for at in range(1, len(ids)) if ids[at] - ids[at - 1] > 1)]
    return [(ids[start], ids[end - 1]) for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)]


def _refused(checked: Batch) -> set[int]:
    return {position for position, (state, _) in checked.exceptions.items() if state is not RecordState.INTENT}


def _series(
    handler: Handler | None, batch: Sequence[PlanRow], positions: Sequence[int], checked: Batch, first: int
) -> tuple[Handler | None, Series]:
    packed = handler.pack([batch[position] for position in positions]) if handler and handler.pack else None
    return handler, Series(batch, positions, checked, first, packed)
