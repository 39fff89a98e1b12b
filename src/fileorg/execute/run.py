"""Carry out a plan: journaled before it acts, never overwriting, one commit a batch.

While the hands act on one batch, the next one is looked at and committed: the journal costs no time of its own. At no
moment is anything done that is not committed, and at most two batches are not settled.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fileorg.core.model import ON_SYMLINKS, Outcome, RecordState
from fileorg.execute.act import Actor
from fileorg.execute.look import Lookout
from fileorg.execute.seal import seal
from fileorg.execute.work import Changed, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Plan
    from fileorg.execute.act import Done
    from fileorg.execute.follow import Follow, Followed
    from fileorg.journal.journal import Journal, Settled
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.local.worker import Hands

BATCH_ROWS = 4096
"""Rows a commit: a commit costs one flush of the disk, and Ctrl-C waits for the batch to end."""

COPIED_ROWS = 64
"""Where contents are copied, each file is flushed by itself anyway, and takes as long as it is large."""


def execute(
    plan: Plan,
    journal: Journal,
    operation: Operation,
    storages: Sequence[LocalStorage],
    hands: Hands,
    reporter: Reporter,
    *,
    stop: Callable[[], bool] = lambda: False,
    changed: Changed = Changed.LEAVE,
    rows: int = BATCH_ROWS,
    follow: Follow | None = None,
) -> Outcome:
    """All of the plan, or as much as there is time for: `stop` is asked before each batch. `storages` by `Base`.

    `follow` is told of files that get another place.

    Raises `JournalError` if the journal cannot be written: the batch it was for is not touched then.
    """
    started = time.monotonic()
    work = Work(journal, operation, storages, hands, changed)
    lookout, actor = Lookout(work), Actor(work)
    settled: Settled | None = None
    interrupted = False
    followed: list[Followed] = []
    for batch in plan.batches(rows):
        if stop():
            interrupted = True
            break
        with journal.transaction():
            if settled is not None:
                journal.settle(settled, operation.undoes)
            looked = lookout.look(batch)
            first = journal.insert(operation.id, looked)
        prepared = actor.prepare(batch, looked, first)
        before = actor.finish()
        if follow is not None:
            follow.after(followed)
            followed = follow.before(batch, lookout.seen)
        actor.start(prepared)  # at once: what came of the batch before can be told meanwhile
        settled = _told(before, reporter)
    with journal.transaction():
        if settled is not None:
            journal.settle(settled, operation.undoes)
    settled = _told(actor.finish(), reporter)
    if follow is not None:
        follow.after(followed)
    with journal.transaction():
        if settled is not None:
            journal.settle(settled, operation.undoes)
        if interrupted:
            journal.was_interrupted(operation.id)
    counts, notes = seal(journal, operation, storages, work.disturbed)
    outcome = Outcome(operation.id)
    outcome.done, outcome.bytes = counts.get(RecordState.DONE, (0, 0))
    outcome.counts = {state: files for state, (files, _) in counts.items()}
    outcome.problems = actor.problems
    outcome.rewritten, outcome.symlinks = work.rewritten, work.symlinks
    outcome.notes = notes + list(work.notes) + work.losses()
    outcome.interrupted = interrupted
    outcome.seconds = time.monotonic() - started
    return outcome


def _told(done: Done, reporter: Reporter) -> Settled | None:
    batch = done.prepared.batch
    if not batch:
        return None
    # Not the folders that are made and removed on the way; those that it is about have a category, and no size.
    rows = [row for row in batch if row[0] not in ON_SYMLINKS] if batch[-1][0] in ON_SYMLINKS else batch
    files = [row[8] if row[3] else 0 for row in rows if row[3] or row[11]]
    reporter.advance(len(files), sum(files), batch[-1].source_folder)
    return done.settled()
