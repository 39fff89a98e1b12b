"""Organize: scan, plan, show, carry out."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.core.model import DEST, ROOT, Action, By, OnConflict
from fileorg.core.names import collision_key, display, join
from fileorg.core.state import run_lock
from fileorg.execute.follow import Follow
from fileorg.execute.run import execute
from fileorg.index.index import Index
from fileorg.plan.organize import OrganizePlan
from fileorg.plan.placing import Layout
from fileorg.rules.classify import Rules
from fileorg.rules.template import Template, parse_template
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.worker import hands_for
from fileorg.workflows.common import (
    INDEX_LOCK,
    Filters,
    begin,
    changing,
    identity_of,
    open_local,
    refuse_too_many,
    rows_at_a_time,
)
from fileorg.workflows.guards import changeable_folder, destination

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.storage.local.storage import LocalStorage


class OrganizeOptions(NamedTuple):
    """What `fileorg organize` is asked for. Only the top level unless `filters.recursive`."""

    root: bytes
    dest: bytes | None = None
    by: By = By.CATEGORY
    template: str | None = None
    action: Action = Action.MOVE
    on_conflict: OnConflict = OnConflict.RENAME
    filters: Filters = Filters(recursive=False)
    max_changes: int | None = None
    min_age_ns: int | None = None

    def facts(self) -> dict[str, Any]:
        """What the journal keeps of it, for people."""
        chosen: dict[str, Any] = {
            "by": str(self.by),
            "action": str(self.action),
            "on_conflict": str(self.on_conflict),
        }
        if self.template:
            chosen["template"] = self.template
        if self.filters.recursive:
            chosen["recursive"] = True
        return chosen


class OrganizeRun:
    """A plan that is ready to be shown, and to be run once."""

    def __init__(
        self,
        plan: OrganizePlan,
        seen: Seen,
        options: OrganizeOptions,
        storages: Sequence[LocalStorage],
        journal: Journal | None,
        reporter: Reporter,
        locks: Sequence[int],
        index: Index,
    ) -> None:
        self._index = index
        self.plan = plan
        self.seen = seen
        self._options = options
        self._storages = storages
        self._journal = journal
        self._reporter = reporter
        self._locks = locks

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry the plan out. Raises `JournalError`; `GuardRefused` if it is more than `--max-changes`."""
        if self._journal is None:
            raise AssertionError("a dry run has no journal")
        self.check()
        follow = Follow(self._index, self._storages)
        operation = begin(self._journal, "organize", self._storages, self._options.facts(), None)
        self._reporter.stage(str(self._options.action), self.plan.files)
        with contextlib.closing(hands_for(self.plan.files, self._storages, self._locks)) as hands:
            return execute(
                self.plan,
                self._journal,
                operation,
                self._storages,
                hands,
                self._reporter,
                stop=stop,
                rows=rows_at_a_time(self._storages, copies=self._options.action is Action.COPY),
                follow=follow,
            )

    def check(self) -> None:
        """The guards that need the plan. Raises `GuardRefused`."""
        refuse_too_many(self.plan.files, self._options.max_changes, "files would be moved")
        if self._options.on_conflict is OnConflict.FAIL:
            self.plan.refuse_conflicts()


@contextlib.contextmanager
def organizing(
    options: OrganizeOptions, state: StateDirectory, reporter: Reporter, *, changes: bool = True
) -> Iterator[OrganizeRun]:
    """Scan and plan; the run holds its locks until the block ends. Without `changes` nothing at all is written.

    Raises `UsageError`, `GuardRefused`, `Locked`, `JournalError`.
    """
    rules = Rules.default()
    template = parse_template(options.template) if options.template else Template.for_by(options.by)
    with contextlib.ExitStack() as stack:
        root = changeable_folder(options.root, state)
        dest, to_be_made = _destination(options, root, state)
        journal, locks = None, list[int]()
        if changes:
            journal, locks = changing(stack, state, f"organizing {display(root)}", {root, dest}, reporter)
        source = open_local(stack, root, one_file_system=options.filters.one_file_system)
        target = source if dest == root else open_local(stack, dest)
        if changes:
            stack.enter_context(run_lock(state, f"organizing {display(root)}", name=INDEX_LOCK))
        index = stack.enter_context(Index(state.index if changes else None))
        template, fold = template.below(to_be_made), target.is_case_insensitive()
        never = {identity_of(state.path)}
        if target is not source and not to_be_made:
            never.add(target.identity)
        selection = _with_age(options).selection(frozenset(never))
        selection = selection._replace(case_insensitive=fold, with_leaders=True, leftovers=False)
        if target is source and not to_be_made:
            folders = template.top_folders(rules.categories) or ()
            leave = frozenset(collision_key(folder, case_insensitive=fold) for folder in folders)
            selection = selection._replace(leave=leave)
        layout = Layout(
            rules,
            template,
            options.action,
            options.on_conflict,
            ROOT if target is source else DEST,
            fold,
            join(to_be_made, b".fileorg/trash/%d" % (journal.next_operation() if journal else 0)),
            partial(target.spelled, known={}),
        )
        plan = stack.enter_context(contextlib.closing(OrganizePlan(index, layout, source, target)))
        reporter.stage("scan")
        seen = Seen()
        reader = Reader(source, options.filters.ignore(), selection)
        seen.unchanged = index.update(source.root, plan.watching(scan(reader, seen, reporter)))
        plan.survey(seen.files, reporter)
        yield OrganizeRun(plan, seen, options, (source, target), journal, reporter, locks, index)


def _destination(options: OrganizeOptions, root: bytes, state: StateDirectory) -> tuple[bytes, bytes]:
    """The folder that files go to, and the path below it that is to be made: below the root, if that is where it is.

    A folder that both of an operation's directories hold would be known by two names, and get its time back twice.
    """
    if options.dest is None:
        return root, b""
    dest, to_be_made = destination(options.dest, state)
    if to_be_made and dest.startswith(root + b"/") and os.stat(dest).st_dev == os.stat(root).st_dev:
        return root, join(dest[len(root) + 1 :], to_be_made)
    return dest, to_be_made


def _with_age(options: OrganizeOptions) -> Filters:
    if options.min_age_ns is None:
        return options.filters
    limit = time.time_ns() - options.min_age_ns
    older = options.filters.older_than_ns
    return options.filters._replace(older_than_ns=limit if older is None else min(older, limit))
