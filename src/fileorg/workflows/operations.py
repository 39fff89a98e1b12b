"""Begins operations, and repairs groups of files that an operation has split."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fileorg.core.formats import named
from fileorg.execute.run import BATCH_ROWS, COPIED_ROWS, execute
from fileorg.execute.work import Changed
from fileorg.journal.rows import destination_of
from fileorg.storage.local.worker import renamer_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.storage import LocalStorage


def begin(
    journal: Journal, kind: str, storages: Sequence[LocalStorage], facts: dict[str, Any], undoes: int | None
) -> Operation:
    """Record and return a new operation in the directories of `storages`, by `Base`."""
    if undoes is not None and (undone := journal.operation(undoes)) is not None:
        made = destination_of(undone.options)
        facts = facts | ({} if made is None else named("dest", made))
    source, target = storages[:2]
    dest = None if target is source else target.root
    more = [
        (base, storage.root, storage.identity[1])
        for base, storage in enumerate(storages)
        if base and storage is not source
    ]
    number = journal.begin(
        kind, source.root, dest, root_inode=source.identity[1], options=facts, undoes=undoes, more_roots=more
    )
    operation = journal.operation(number)
    if operation is None:
        raise AssertionError("it has just been written")
    return operation


def mend_torn(
    journal: Journal, operation: Operation, storages: Sequence[LocalStorage], reporter: Reporter
) -> Outcome | None:
    """Undo the moves of groups that were moved only in part, as a separate operation. Return None if there are none.

    After an undo, the rest of the group is undone instead. The caller holds the run lock and the locks of the roots.
    Raises `JournalError`.
    """
    torn, mended = journal.groups.torn(operation), operation
    if not torn:
        return None
    from fileorg.plan.undo_plan import UndoPlan

    if operation.kind == "undo" and (undone := journal.operation(operation.undoes or 0)) is not None:
        torn = journal.groups.reverted(torn)
        operation = undone
    plan = UndoPlan(journal, operation, storages, only=torn)
    back = begin(journal, "undo", storages, {}, operation.id)
    with contextlib.closing(renamer_for(0, storages, [])) as renamer:
        rows = rows_at_a_time(storages, copies=True)
        outcome = execute(plan, journal, back, storages, renamer, reporter, changed=Changed.EDITED, rows=rows)
    for each in (back, mended):
        journal.close_torn(each)
    return outcome


def rows_at_a_time(storages: Sequence[LocalStorage], *, copies: bool = False) -> int:
    """Return the number of files between two checks of the stop flag: few if contents are copied, which takes long."""
    devices = {storage.identity[0] for storage in storages}
    return COPIED_ROWS if copies or len(devices) > 1 else BATCH_ROWS
