"""A file gets another place: by a rename, or where one rename cannot do it, by another way."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from fileorg.execute.across import Across
from fileorg.execute.actions.handler import Handler, check_source
from fileorg.execute.case import Case
from fileorg.execute.respell import respell
from fileorg.execute.verdict import Refusal
from fileorg.storage.local.worker import Moves, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.work import Work
    from fileorg.journal.journal import Intent


def _pack(rows: Sequence[PlanRow]) -> bytes:
    paths = [part for row in rows for part in (row[2], row[3], row[5], row[6])]
    return pack(Moves(rows[0].source_base, rows[0].target_base, paths))


def _apply(work: Work, series: Series, fail: Fail) -> Callable[[], None]:
    """The hands begin with all of it; those whose rename fails are done when the others are."""
    work.hands.start(series.packed or b"")

    def finish() -> None:
        for index, code in work.hands.finish():
            position = series.positions[index]
            try:
                _otherwise(
                    work,
                    series.batch[position],
                    series.looked.intent(position),
                    series.first + position,
                    OSError(code, os.strerror(code)),
                )
            except (Refusal, OSError) as error:
                fail(position, error)

    return finish


def _otherwise(work: Work, row: PlanRow, intent: Intent, record: int, error: OSError) -> None:
    """A rename that failed with an error that means: by another way. Any other is the file's own."""
    across = Across(work)
    match error.errno:
        case errno.EXDEV:
            across.move(row, intent, record)
        case errno.ENOTSUP:
            try:
                across.by_placeholder(row, record)
            except OSError as other:
                if other.errno != errno.EXDEV:
                    raise
                across.move(row, intent, record)
        case errno.EEXIST:
            _taken(work, row, record, error)
        case _:
            raise error


def _taken(work: Work, row: PlanRow, record: int, error: OSError) -> None:
    """A rename to a name that is taken: by the file itself, in another case; or only in the memory of the kernel.

    Raises `error` if it is another file's.
    """
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    if respell(work.journal, work.operation, row, record, source):
        return
    if not target.is_free_after_all(row.target_folder, row.target_name):
        raise error
    try:
        source.rename_noreplace(row.source_folder, row.source_name, target, row.target_folder, row.target_name)
    except OSError as other:
        if other.errno != errno.ENOTSUP:
            raise
        Across(work).by_placeholder(row, record)


MOVE = Handler(check_source, _apply, Case.move, pack=_pack)
