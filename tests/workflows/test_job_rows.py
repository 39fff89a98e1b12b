"""Each run that changes files is a job: a row beside its operation, which says how it ended."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.errors import StorageFailure
from fileorg.core.events import NullReporter
from fileorg.journal.journal import Journal
from fileorg.journal.reader import JournalReader
from fileorg.journal.schema import VERSION
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def rows(state: StateDirectory) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db:
        return db.execute("SELECT id, kind, state, attempts, files FROM jobs").fetchall()


def operations(state: StateDirectory) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db:
        return db.execute("SELECT job, operation FROM job_operations").fetchall()


def test_every_run_that_changes_files_is_a_job(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "one", "b.jpg": "one", "empty.txt": ""})
    runs.dedupe("quarantine")
    runs.clean()
    runs.organize()
    runs.undo()
    runs.redo()
    runs.purge()
    kinds = ["dedupe", "clean", "organize", "undo", "redo", "purge"]
    assert rows(state) == [(at, kind, "done", 1, 2 if kind == "purge" else 1) for at, kind in enumerate(kinds, 1)]
    assert operations(state) == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (6, 7)]
    assert not [name for name in os.listdir(state.path) if name.startswith(b"job-")]


def test_the_row_says_how_the_job_ended(
    runs: Runs, tree: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.jpg": "one"})
    with runs.organizing() as run:
        run.run(lambda: True)

    def fails(_: LocalStorage) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "sync", fails)
        with pytest.raises(StorageFailure):
            runs.organize()
    assert [row[2] for row in rows(state)] == ["interrupted", "failed"]
    recover_all(state, NullReporter())
    assert [row[2] for row in rows(state)] == ["interrupted", "failed"]


def test_a_job_whose_process_is_gone_is_interrupted(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    with Journal(state.journal) as journal, journal.transaction():
        journal._db.execute("UPDATE jobs SET state = 'running'")
    fd = state.alive(1)
    assert fd is not None
    runs.undo()
    assert rows(state)[0][2] == "running"
    os.close(fd)
    runs.redo()
    assert [row[2] for row in rows(state)] == ["interrupted", "done", "done"]


def test_a_journal_without_jobs_is_read_and_migrated(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db:
        db.executescript(
            "DROP TABLE jobs; DROP TABLE job_operations; PRAGMA user_version=4;"
            "DELETE FROM _sqlite_migrations WHERE name LIKE '0005%'"
        )
    with JournalReader(state.journal) as reader:
        assert reader.next_operation() == 2
    runs.undo()
    assert rows(state) == [(1, "undo", "done", 1, 1)]
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert b"journal.db.v4" in os.listdir(state.path)
