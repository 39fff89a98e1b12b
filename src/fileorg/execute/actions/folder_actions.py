"""Creates folders and removes empty ones."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from fileorg.core.model import RecordState
from fileorg.core.names import join
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.handler import Handler, one_by_one
from fileorg.execute.verdict import DONE, NOT_DONE, Refusal, Verdict

if TYPE_CHECKING:
    from fileorg.core.model import Base, Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work

# Create ---------------------------------------------------------------------------------------------------------------


def _check_made(work: Work, row: PlanRow, _: Entry | None) -> tuple[None, None]:
    if work.free is not None and row.together and work.free.has(row.target_base, row.target_folder, row.target_name):
        work.new_folder(row.target_base, join(row.target_folder, row.target_name))
        return None, None
    seen = work.storages[row.target_base].lstat_listed(row.target_folder, row.target_name)
    if seen is not None and row.category and not seen.is_folder:  # for intermediate folders, the files will fail
        raise Refusal(RecordState.CONFLICT, ReasonCode.NAME_TAKEN)
    if seen is not None:
        raise Refusal(RecordState.SKIPPED, ReasonCode.ALREADY_THERE)
    # Recorded as missing: a later batch finds the folder and must not treat it as older than the operation.
    work.folder_id(row.target_base, join(row.target_folder, row.target_name))
    return None, None


def _make_all(work: Work, series: Series, fail: Fail) -> None:
    """Make the folders. Those in a folder that may be made a little later fail like it, so that all are tried again."""
    waiting: dict[tuple[Base, bytes], OSError] = {}

    def make(work: Work, row: PlanRow, _: int) -> None:
        try:
            if above := waiting.get((row.target_base, row.target_folder)):
                raise above
            _make(work, row)
        except OSError as error:
            if work.is_transient(row, error):
                waiting[row.target_base, join(row.target_folder, row.target_name)] = error
            raise

    one_by_one(make)(work, series, fail)


def _make(work: Work, row: PlanRow) -> None:
    try:
        work.storages[row.target_base].make_folder(row.target_folder, row.target_name, row.mode)
    except OSError as error:
        work.touched_folders.add((row.target_base, row.target_folder))
        if error.errno == errno.EEXIST:
            raise Refusal(RecordState.SKIPPED, ReasonCode.ALREADY_THERE) from error
        raise


def _settle_made(case: Case) -> Verdict:
    verdict, record = case.made(lambda there: there.is_folder), case.record
    if verdict is DONE and case.at_target() is not None:
        case.target.complete_folder(record.target_folder, record.target_name, record.mode or 0)
    return verdict


MAKE_FOLDER = Handler(_check_made, _make_all, _settle_made, checks_source=False, is_repeatable=True)

# Remove ---------------------------------------------------------------------------------------------------------------


def _check_removed(work: Work, row: PlanRow, _: Entry | None) -> tuple[Entry, None]:
    seen = work.storages[row.target_base].lstat(row.target_folder, row.target_name)
    if seen is None or not seen.is_folder:
        raise Refusal(RecordState.SKIPPED, ReasonCode.GONE)
    # Recorded with its time even if no file leaves the folder: redo restores the time.
    work.folder_id(row.target_base, join(row.target_folder, row.target_name))
    return seen, None


def _remove(work: Work, row: PlanRow, _: int) -> None:
    try:
        work.storages[row.target_base].remove_folder(row.target_folder, row.target_name)
    except OSError as error:
        match error.errno:
            case errno.ENOTEMPTY | errno.EEXIST:
                raise Refusal(RecordState.SKIPPED, ReasonCode.NOT_EMPTY) from error
            case errno.EBUSY:
                raise Refusal(RecordState.FAILED, ReasonCode.IN_USE) from error
        raise


def _settle_removed(case: Case) -> Verdict:
    there = case.at_target()
    return NOT_DONE if there is not None and there.is_folder else DONE  # a file may have its name by now


REMOVE_FOLDER = Handler(_check_removed, one_by_one(_remove), _settle_removed, checks_source=False)
