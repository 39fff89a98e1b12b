"""The status of each operation, in the words of `fileorg history`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fileorg.core.model import OperationState
from fileorg.journal.trash_records import PURGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.journal.rows import Operation


def operation_statuses(operations: Sequence[Operation]) -> list[str]:
    """Return the status of each operation. Reads no records, so a journal of a million records answers at once."""
    takers: dict[int, list[Operation]] = {}
    purged: dict[int, int] = {}
    for op in reversed(operations):
        if op.undoes is not None and op.done:
            if op.kind == PURGE:
                purged[op.undoes] = purged.get(op.undoes, 0) + op.done
            else:
                takers.setdefault(op.undoes, []).append(op)
    return [_state(op, takers.get(op.id, []), purged.get(op.id, 0)) for op in operations]


def _state(op: Operation, takers: Sequence[Operation], purged: int) -> str:
    """Return the status of an operation; `purged` of its files are gone for good."""
    if OperationState(op.state) is not OperationState.SEALED:
        return "running" if _is_running(op) else "interrupted"
    in_part = ", purged in part" if purged else ""
    if takers:
        by = ", ".join(str(taker.id) for taker in takers)
        whole = sum(taker.done for taker in takers) >= op.done - purged
        return (f"undone by {by}" if whole else f"partly undone by {by}") + in_part
    if not op.done:
        return "nothing done"
    if op.kind == PURGE:
        return "for good"
    if purged >= op.done:
        return "purged"
    return ("in effect, stopped early" if op.was_interrupted else "in effect") + in_part


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
