"""An operation for programs: the form of `fileorg history --format json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.formats import iso, named
from fileorg.report.records import named_or_null

if TYPE_CHECKING:
    from fileorg.journal.rows import Operation
    from fileorg.journal.status import OperationStatus

COLUMNS = (
    "operation", "kind", "root", "dest", "started", "ended", "files", "size_bytes", "problems", "status", "undone_by",
    "stopped_early", "partly_purged", "undoes", "in_part", "client",
)  # fmt: skip


def operation_fields(operation: Operation, status: OperationStatus) -> dict[str, Any]:
    """Return the fields of an operation, in the order of `COLUMNS`; paths as bytes."""
    return {
        "operation": operation.id,
        "kind": operation.kind,
        "root": operation.root,
        "dest": operation.destination,
        "started": iso(operation.started_ns),
        "ended": iso(operation.ended_ns),
        "files": operation.done,
        "size_bytes": operation.size_bytes,
        "problems": operation.problems,
        **status.as_json(),
        "undoes": operation.undoes,
        "in_part": operation.part is not None,
        "client": operation.client or None,
    }


def operation_as_json(operation: Operation, status: OperationStatus) -> dict[str, Any]:
    """Return an operation for programs."""
    found = operation_fields(operation, status)
    return {
        **{key: value for key, value in found.items() if key not in {"root", "dest"}},
        **named("root", operation.root),
        **named_or_null("dest", operation.destination),
    }
