"""A job for programs: the form of `fileorg jobs --format json`, which a program also gets when a job ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.formats import iso, named
from fileorg.core.names import display
from fileorg.jobs.log import has_log
from fileorg.journal.job_rows import limits_of

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.found import FoundJob, Progress


def job_as_json(found: FoundJob, state: StateDirectory) -> dict[str, Any]:
    """Return a job for programs."""
    row, progress = found.row, found.progress
    return {
        "job": row.id,
        "kind": row.kind,
        "status": str(found.state),
        **named("root", row.root),
        "part": row.part,
        "client": row.client or None,
        "files": row.files,
        "files_done": found.files,
        "attempts": row.attempts,
        "background": bool(row.background),
        "limits": limits_of(row)._asdict(),
        "operations": [operation.id for operation in reversed(found.operations)],
        "created": iso(row.before_ns),
        "started": iso(row.started_ns),
        "ended": None if found.is_alive else iso(row.ended_ns),
        "reason": row.reason,
        "pid": row.pid if found.is_alive else None,
        "host": row.host,
        "log": display(state.of_job(row.id, b"log")) if has_log(state, row.id) else None,
        "progress": None if progress is None else progress_as_json(progress),
    }


def progress_as_json(progress: Progress) -> dict[str, Any]:
    """Return the progress of a job for programs."""
    left = progress.left_seconds
    return {
        "stage": progress.stage,
        "files": progress.files,
        "total": progress.total,
        "size_bytes": progress.size_bytes,
        "files_per_second": round(progress.rate, 1),
        "seconds_left": None if left is None else round(left, 1),
        "folder": display(progress.folder),
    }
