"""The status of each operation, for `fileorg history` and reports."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fileorg.core.model import OperationState, StatusCode
from fileorg.core.tuples import NamedTuple
from fileorg.journal.trash_records import PURGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.journal.reader import JournalReader
    from fileorg.journal.rows import Operation


class OperationStatus(NamedTuple):
    """What became of an operation. `undone_by` are the operations that undid it, as a whole or in part."""

    code: StatusCode
    undone_by: tuple[int, ...] = ()
    stopped_early: bool = False
    partly_purged: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the fields of JSON and CSV."""
        return {
            "status": str(self.code),
            "undone_by": [*self.undone_by],
            "stopped_early": self.stopped_early,
            "partly_purged": self.partly_purged,
        }


def operation_statuses(journal: JournalReader, operations: Sequence[Operation]) -> list[OperationStatus]:
    """Return the status of each operation. Reads no records but of operations without files, so a journal of a million
    records answers at once.
    """
    folders = {op.id for op in operations if journal.changed_folders_alone(op)}
    takers: dict[int, list[Operation]] = {}
    purged: dict[int, int] = {}
    for op in reversed(operations):
        if op.undoes is not None and (op.done or op.id in folders):
            if op.kind == PURGE:
                purged[op.undoes] = purged.get(op.undoes, 0) + op.done
            else:
                takers.setdefault(op.undoes, []).append(op)
    found = []
    for op in operations:
        has_folders = op.id in folders
        taken = [taker for taker in takers.get(op.id, []) if taker.done or has_folders]
        found.append(_status(op, taken, purged.get(op.id, 0), has_folders=has_folders))
    return found


def _status(op: Operation, takers: Sequence[Operation], purged: int, *, has_folders: bool) -> OperationStatus:
    """Return the status of an operation; `purged` of its files are deleted permanently. `has_folders`: it changed
    folders alone.
    """
    if OperationState(op.state) is not OperationState.SEALED:
        return OperationStatus(StatusCode.RUNNING if _is_running(op) else StatusCode.INTERRUPTED)
    if takers:
        is_whole = sum(taker.done for taker in takers) >= op.done - purged
        code = StatusCode.UNDONE if is_whole else StatusCode.PARTLY_UNDONE
        return OperationStatus(code, tuple(taker.id for taker in takers), partly_purged=purged > 0)
    if not op.done and not has_folders:
        return OperationStatus(StatusCode.NO_CHANGES)
    if op.kind == PURGE:
        return OperationStatus(StatusCode.PERMANENT)
    if op.done and purged >= op.done:
        return OperationStatus(StatusCode.PURGED)
    return OperationStatus(StatusCode.ACTIVE, stopped_early=bool(op.was_interrupted), partly_purged=purged > 0)


def _is_running(op: Operation) -> bool:
    if op.host != os.uname().nodename:
        return False
    try:
        os.kill(op.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
