"""Carries out a plan: journaled before any change, never overwriting, one commit per batch.

While the worker renames one batch, the next one is checked and committed, so the journal costs no extra time. Nothing
is changed before it is committed, and at most two batches are open at any moment.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fileorg.core.model import EMPTIED_FOLDER, MOVED_ASIDE, ON_SYMLINKS, Outcome, RecordState
from fileorg.execute.applier import Applier
from fileorg.execute.precheck import Checker
from fileorg.execute.seal import seal
from fileorg.execute.work import Changed, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Plan
    from fileorg.execute.applier import Applied
    from fileorg.execute.moved_digests import DigestedFile, MovedDigests
    from fileorg.journal.journal import Journal, Settled
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.local.worker import Renamer

BATCH_ROWS = 4096
"""Rows per commit: a commit costs one disk flush, and Ctrl-C waits for the end of the batch."""

_NOT_COUNTED = frozenset({"", EMPTIED_FOLDER})

OBJECT_ROWS = 1000
"""Rows per commit in an object store: as many as one request lists."""

COPIED_ROWS = 64
"""Rows per commit if files are copied: large files take long."""


def execute(
    plan: Plan,
    journal: Journal,
    operation: Operation,
    storages: Sequence[LocalStorage],
    renamer: Renamer,
    reporter: Reporter,
    *,
    stop: Callable[[], bool] = lambda: False,
    changed: Changed = Changed.LEAVE,
    rows: int = BATCH_ROWS,
    digests: MovedDigests | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Apply the plan until its end or until `stop`, called before each batch, returns true. `storages` are by `Base`.

    `digests` gets the files that are moved. `is_cancelled` is asked within a batch, too: the rest of the batch is then
    skipped, and an incomplete copy withdrawn.

    Raises `JournalError` if the journal cannot be written: the batch is not touched then.
    """
    started = time.monotonic()
    work = Work(journal, operation, storages, renamer, changed, is_cancelled)
    checker, applier = Checker(work), Applier(work, stop)
    settled: Settled | None = None
    interrupted = False
    moved: list[DigestedFile] = []
    for batch in plan.batches(rows):
        if stop():
            interrupted = True
            break
        with journal.transaction():
            if settled is not None:
                journal.settle(settled)
            checked = checker.check(batch)
            first = journal.insert(operation.id, checked)
        prepared = applier.prepare(batch, checked, first)
        before = applier.finish()
        if digests is not None:
            digests.after(moved)
            moved = digests.before(batch, checker.seen)
        applier.start(prepared)  # first: the results of the batch before can be reported meanwhile
        settled = _report(before, reporter)
    with journal.transaction():
        if settled is not None:
            journal.settle(settled)
    settled = _report(applier.finish(), reporter)
    if digests is not None:
        digests.after(moved)
    with journal.transaction():
        if settled is not None:
            journal.settle(settled)
        interrupted = interrupted or work.was_cancelled
        if interrupted:
            journal.was_interrupted(operation.id)
    counts, notes = seal(journal, operation, storages, work.touched_folders)
    outcome = Outcome(operation.id)
    outcome.done, outcome.size_bytes = counts.get(RecordState.DONE, (0, 0))
    outcome.counts = {state: files for state, (files, _) in counts.items()}
    outcome.problems, outcome.transient = applier.problems, work.transient
    outcome.rewritten, outcome.symlinks = work.rewritten, work.symlinks
    outcome.symlink_roots = work.symlink_roots
    outcome.notes = notes + list(work.notes) + work.losses.sentences(work.operation)
    outcome.interrupted = interrupted
    outcome.seconds = time.monotonic() - started
    return outcome


def _report(done: Applied, reporter: Reporter) -> Settled | None:
    batch = done.prepared.batch
    if not batch:
        return None
    # Intermediate and emptied folders do not count; those that the operation is about have a category and no size.
    rows = [row for row in batch if row[0] not in ON_SYMLINKS] if batch[-1][0] in ON_SYMLINKS else batch
    files = [
        row[8] if row[3] else 0 for row in rows if (row[11] != MOVED_ASIDE if row[3] else row[11] not in _NOT_COUNTED)
    ]
    reporter.advance(len(files), sum(files), batch[-1].source_folder)
    return done.settled()
