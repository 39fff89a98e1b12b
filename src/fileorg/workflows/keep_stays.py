"""Store what stayed in a run that was asked to list it, beside its operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.errors import StateError
from fileorg.core.reasons import reason_code
from fileorg.core.sorting import in_path_order
from fileorg.index.recorded_stays import RecordedStay, record_stays

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.scan.stays import Stays
    from fileorg.workflows.session import Session


def keep_stays(session: Session, number: int, stays: Iterable[Stays]) -> None:
    """Store the entries that stayed in an operation, for its reports; note an error: the operation is done."""
    operation = session.journal.operation(number)
    rows = ((each.path, RecordedStay(each.path, reason_code(each.reason), *each[2:])) for each in stays)
    try:
        path = session.state.stays(make=True)
        if path is not None and operation is not None:
            record_stays(path, number, operation.started_ns, in_path_order(rows))
    except (OSError, StateError) as error:
        session.reporter.note(f"The list of what stays was not kept for reports: {error}")
