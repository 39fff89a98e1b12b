"""Simulated crashes: a finished operation is reopened, so that the disk can be set back a step."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from fileorg.core.events import NullReporter
from fileorg.core.model import Action, RecordState
from fileorg.journal.journal import Journal
from fileorg.report.sentences import sentence
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from tests.support.runs import Runs

    from fileorg.journal.rows import Record


def open_again(runs: Runs, operation: int = 1, **columns: Any) -> None:
    """Reopen an operation as if the process had died with all records as intents, or in the state of `columns`."""
    columns = {"state": "intent", "reason": None} | columns
    names = ", ".join(f"{name} = ?" for name in columns)
    files = "action NOT IN ('make-folder', 'remove-folder')"
    alter(runs, "UPDATE operations SET state = 'running' WHERE id = ?", operation)
    alter(runs, f"UPDATE records SET {names} WHERE operation = ? AND {files}", *columns.values(), operation)


def reserved(runs: Runs, *, inode: int | None, ctime_ns: int, operation: int = 1) -> None:
    """Record a reservation of each file's name, as if just before the crash; without an inode, its announcement."""
    for record in file_records(runs, operation):
        alter(runs, "INSERT OR REPLACE INTO reservations VALUES (?, ?, ?)", record.id, inode, ctime_ns)


def alter(runs: Runs, statement: str, *values: Any) -> None:
    """Execute a statement on the journal."""
    with closing(sqlite3.connect(os.fsdecode(runs.state.journal))) as db, db:
        db.execute(statement, values)


def recovered(runs: Runs, operation: int = 1) -> list[tuple[RecordState, str | None]]:
    """Recover, and return (state, reason) of the operation's files; check that no operation is left open."""
    recover_all(runs.state, NullReporter())
    with Journal(runs.state.journal) as journal:
        assert journal.open_operations() == []
    return [(record.state, sentence(record.reason) or None) for record in file_records(runs, operation)]


def file_records(runs: Runs, operation: int = 1) -> list[Record]:
    folders = {Action.MAKE_FOLDER, Action.REMOVE_FOLDER}
    return [record for record in runs.records(operation) if record.action not in folders]


DONE = [("done", None)]
NOT_DONE = [("skipped", "the run was interrupted before this file")]
CUT_SHORT = [("skipped", "the run was interrupted during this file")]
