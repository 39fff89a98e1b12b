"""What watch and timers leave alone, by the journal: files that fileorg has moved before and that are back.

A person who moves a file out of its new place, or undoes a run, does not want it to be sorted again. The same holds for
the files of a plan that waited for a person, and was cancelled. A file counts as another one as soon as it changes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.errors import FileorgError, JournalError
from fileorg.core.model import FOLDER_ACTIONS, JobState
from fileorg.core.sorting import packed_numbers
from fileorg.journal.job_rows import job_rows
from fileorg.journal.moved_before import last_operation, moved_before
from fileorg.plan.saved_plan import SavedPlan
from fileorg.scan.gate import content_by_inode, content_by_name
from fileorg.workflows.open_journal import journal_to_write, open_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.state import StateDirectory
    from fileorg.journal.reader import JournalReader


class PutBack:
    """The contents that one folder's runs leave alone, read from the journal as it grows."""

    def __init__(self, state: StateDirectory, root: bytes, *, by_name: bool) -> None:
        """`by_name`: the inode numbers of the disk do not last."""
        self._state = state
        self._root = root
        self._by_name = by_name
        self._seen = 0
        self._plans: set[int] = set()
        self._packed = b""
        self.waits_for: int | None = None
        """The job with a plan of this folder that waits for a person, if there is one."""

    def read(self) -> bytes:
        """Return the contents, packed for a gate. Raises `JournalError`, `Locked`."""
        if not self._state.has_journal:
            return b""
        try:
            return self._read()
        except JournalError:  # its creation was cut short, or a run ended meanwhile: only a writer can tell
            with journal_to_write(self._state):
                pass
            return self._read()

    def _read(self) -> bytes:
        with open_journal(self._state, read_only=True) as journal:
            last = last_operation(journal)
            if last > self._seen:
                self._packed = packed_numbers(self._moved(journal), self._packed)
            jobs = job_rows(
                journal, "kind = 'organize' AND root = ? AND state IN ('waiting', 'cancelled')", (self._root,)
            )
        self._seen = last
        self.waits_for = next((job.id for job in jobs if job.state is JobState.WAITING), None)
        for job in jobs:
            if job.state is JobState.CANCELLED and not job.attempts and job.id not in self._plans:
                self._plans.add(job.id)
                self._packed = packed_numbers(self._of_plan(job.id), self._packed)
        return self._packed

    def _moved(self, journal: JournalReader) -> Iterator[int]:
        for file in moved_before(journal, self._root, self._seen):
            if self._by_name:
                for name in {file.source_name, file.target_name}:
                    yield content_by_name(name, file.size, file.mtime_ns)
            else:
                for inode in file.inodes:
                    yield content_by_inode(inode, file.size, file.mtime_ns)

    def _of_plan(self, number: int) -> Iterator[int]:
        path = self._state.of_job(number, b"plan")
        with contextlib.suppress(FileorgError, OSError), contextlib.closing(SavedPlan(path)) as plan:
            for batch in plan.batches(0):
                for row in batch:
                    if row.action in FOLDER_ACTIONS:
                        continue
                    if self._by_name:
                        yield content_by_name(row.source_name, row.size, row.mtime_ns)
                    else:
                        yield content_by_inode(row.inode, row.size, row.mtime_ns)
