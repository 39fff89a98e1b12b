"""The interface of an action: check before the commit, apply after it, settle after a crash."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING, TypeAlias

from fileorg.core.model import FROM_A_LINK, RELOCATIONS, RecordState
from fileorg.core.names import is_step_name
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.identity import Identity, is_known
from fileorg.execute.verdict import Refusal
from fileorg.execute.work import Changed
from fileorg.storage.links import Location, ReplacementLink
from fileorg.storage.local.readiness import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.case import Case
    from fileorg.execute.verdict import Verdict
    from fileorg.execute.work import Work
    from fileorg.journal.journal import Batch
    from fileorg.storage.local.readiness import Readiness
    from fileorg.storage.local.storage import LocalStorage

Check: TypeAlias = "Callable[[Work, PlanRow, Entry | None], tuple[Entry | None, Reason | None]]"
Apply: TypeAlias = "Callable[[Work, Series, Fail], Callable[[], None] | None]"
Settle: TypeAlias = "Callable[[Case], Verdict]"
Fail: TypeAlias = "Callable[[int, Refusal | OSError], None]"
"""Called with the position of a failed row, and the reason."""


class Series(NamedTuple):
    """Consecutive rows of a batch with the same handler and the same two bases. Their intents are committed."""

    batch: Sequence[PlanRow]
    positions: Sequence[int]
    checked: Batch
    first: int  # the record of position 0
    packed: bytes | None  # what `Handler.pack` made of them


class Handler(NamedTuple):
    """An action between two kinds of storage.

    `check` judges a row whose file may have changed since the plan: it returns the current entry and a note, and raises
    `Refusal` or `OSError` if the file must not be touched. `apply` carries out a series and reports each failure; it
    may return a callable that waits for the end of the series. `settle` decides the result after a crash.
    """

    check: Check
    apply: Apply
    settle: Settle
    checks_source: bool = True
    """True if the row has a file at its source, which is read with all others of the batch and passed to `check`."""
    is_repeatable: bool = False
    """True if a row that failed before it wrote anything into the journal can be applied again: nothing was changed."""
    refused: Callable[[Work, PlanRow, OSError], Refusal] | None = None
    """Returns what becomes of a row that failed for good, if it is no failure of a file; its `apply` checks the file
    itself, also at each further try.
    """
    pack: Callable[[Sequence[PlanRow]], bytes] | None = None
    """Packs the rows for the worker while the series before is still under way."""


def one_by_one(do: Callable[[Work, PlanRow, int], None]) -> Apply:
    """Return an `apply` that calls `do` for each row, with its record."""

    def apply(work: Work, series: Series, fail: Fail) -> None:
        for position in series.positions:
            try:
                work.check_cancelled()
                work.begin_row()
                do(work, series.batch[position], series.first + position)
            except (Refusal, OSError) as error:
                fail(position, error)

    return apply


def check_source(work: Work, row: PlanRow, seen: Entry | None) -> tuple[Entry, Reason | None]:
    """Return the entry at the source and a note, if it is unchanged or changed in a way that `work` allows."""
    return _checked(work, row, seen, work.changed)


def check_unchanged(work: Work, row: PlanRow, seen: Entry | None) -> tuple[Entry, None]:
    """Return the entry at the source, which must be unchanged, whatever `work` allows."""
    entry, _ = _checked(work, row, seen, Changed.LEAVE)
    return entry, None


def _checked(work: Work, row: PlanRow, seen: Entry | None, changed: Changed) -> tuple[Entry, Reason | None]:
    if seen is None or row.reverts in work.put_aside:
        raise gone(work, row)
    if (seen.inode, seen.size, seen.mtime_ns) == (row.inode, row.size, row.mtime_ns):
        return seen, None
    if not (seen.is_file or (stat.S_ISLNK(seen.mode) and stat.S_ISLNK(row.mode))):
        raise Refusal(RecordState.CHANGED, ReasonCode.SOMETHING_ELSE_THERE)
    if row.inode == 0:  # unknown in the redo of a copy
        return seen, None
    expected, storage = Identity(row.inode, row.size, row.mtime_ns), work.storages[row.source_base]
    if is_known(storage, row.source_folder, seen, expected):
        return seen, None
    if is_step_name(row.source_name) and (seen.size, seen.mtime_ns) == (row.size, row.mtime_ns):
        return seen, None  # nobody else uses such a name: the file came back to it from another disk
    same = seen.inode == row.inode and not storage.reuses_inodes(row.source_folder) and not _is_new(work, row, seen)
    if not same and row.reverts and work.came_back(row, seen.inode):
        raise gone(work, row)  # the names of two files were exchanged, and the other one has its own again
    if not same and changed is not Changed.ANY:
        raise Refusal(RecordState.CHANGED, ReasonCode.ANOTHER_FILE_THERE)
    if changed is Changed.EDITED and row.reverts in work.unsettled:
        # Recovery left it as changed: even ext4 gives the inode number of a deleted file to the next new one.
        raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_BEFORE_RECOVERY)
    if changed is Changed.LEAVE:
        raise changed_since_scan(storage, row)
    return seen, Reason(ReasonCode.EDITED_AND_MOVED)


def _is_new(work: Work, row: PlanRow, seen: Entry) -> bool:
    """Return whether the file to be undone is a new one: ext4 gives the number of a deleted file to the next one."""
    storage = work.storages[row.source_base]
    if not row.reverts or storage.is_network(row.source_folder):  # a server has a clock of its own
        return False
    born = storage.born_ns(row.source_folder, row.source_name)
    return born is not None and work.is_foreign(seen.inode, born)


def check_ready(row: PlanRow, answer: Readiness, *, if_unknown: bool = True) -> None:
    """Raise `Refusal` if another program writes to the file, or if that is unknown and `if_unknown` is false."""
    if answer.state is State.IN_USE:
        raise kept(row, ReasonCode.BEING_WRITTEN, None, answer.pid)
    if answer.state is State.UNKNOWN and not if_unknown:
        raise kept(row, ReasonCode.WRITERS_UNKNOWN)


def changed_since_scan(storage: LocalStorage, row: PlanRow) -> Refusal:
    """Return the refusal for a file that changed since the scan: another program may still be writing to it."""
    with contextlib.suppress(OSError), storage.held(row.source_folder, row.source_name) as answer:
        if answer.state is State.IN_USE:
            return kept(row, ReasonCode.BEING_WRITTEN, None, answer.pid)
    return Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN)


def kept(row: PlanRow, code: ReasonCode, about: bytes | None = None, number: int | None = None) -> Refusal:
    """Return the refusal for a file that stays, such as one in use: a run has skipped it, but an undo has failed."""
    return Refusal(RecordState.CHANGED if row.reverts else RecordState.SKIPPED, code, about, number)


def gone(work: Work, row: PlanRow) -> Refusal:
    """Return the refusal for a missing file. After a crash, an undo may find that the change was never made, or that
    the file has a temporary name and must be recovered first.
    """
    if row.reverts in work.put_aside:
        return Refusal(RecordState.CHANGED, ReasonCode.NOT_PUT_BACK, work.put_aside[row.reverts])
    if row.reverts in work.unsettled and (row.action not in RELOCATIONS or _is_back(work, row)):
        return Refusal(RecordState.SKIPPED, ReasonCode.BACK_ALREADY)
    return Refusal(RecordState.MISSING, ReasonCode.GONE)


def _is_back(work: Work, row: PlanRow) -> bool:
    """Return whether something has the old name of a missing file, other than a link that fileorg put in its place."""
    place = Location(work.storages[row.target_base], row.target_folder, row.target_name)
    link = ReplacementLink.of(row, work.storages, place) if row.action in FROM_A_LINK else None
    return place.lstat() is not None and not (link is not None and link.is_at(place))
