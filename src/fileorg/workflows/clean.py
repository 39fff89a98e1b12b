"""Clean: scan, find what is left over, show, carry out."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.core.names import display
from fileorg.execute.run import execute
from fileorg.plan.clean import CleanPlan
from fileorg.scan.empty_folders import Leftovers
from fileorg.scan.leftovers import Leftover
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.worker import hands_for
from fileorg.workflows.common import Filters, begin, changing, identity_of, open_local, refuse_too_many, rows_at_a_time
from fileorg.workflows.guards import changeable_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.storage.local.storage import LocalStorage


class CleanOptions(NamedTuple):
    """What `fileorg clean` is asked for."""

    root: bytes
    goes: frozenset[Leftover] = frozenset(Leftover)
    filters: Filters = Filters()
    max_changes: int | None = None

    def facts(self) -> dict[str, Any]:
        """What the journal keeps of it, for people."""
        return {"kinds": [str(kind) for kind in Leftover if kind in self.goes]}


class CleanRun:
    """A plan that is ready to be shown, and to be run once."""

    def __init__(
        self,
        plan: CleanPlan,
        seen: Seen,
        options: CleanOptions,
        storage: LocalStorage,
        journal: Journal | None,
        reporter: Reporter,
        locks: Sequence[int],
    ) -> None:
        self.plan = plan
        self.seen = seen
        self._options = options
        self._storage = storage
        self._journal = journal
        self._reporter = reporter
        self._locks = locks

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry the plan out. Raises `JournalError`; `GuardRefused` if it is more than `--max-changes`."""
        if self._journal is None:
            raise AssertionError("a dry run has no journal")
        self.check()
        storages = (self._storage, self._storage)
        operation = begin(self._journal, "clean", storages, self._options.facts(), None)
        self._reporter.stage("clean", self.plan.files)
        with contextlib.closing(hands_for(self.plan.renames, storages, self._locks)) as hands:
            return execute(
                self.plan,
                self._journal,
                operation,
                storages,
                hands,
                self._reporter,
                stop=stop,
                rows=rows_at_a_time(storages),
            )

    def check(self) -> None:
        """Raises `GuardRefused` if there is more to do than was allowed."""
        refuse_too_many(self.plan.files, self._options.max_changes, "leftovers would be removed")


@contextlib.contextmanager
def cleaning(
    options: CleanOptions, state: StateDirectory, reporter: Reporter, *, changes: bool = True
) -> Iterator[CleanRun]:
    """Scan and plan; the run holds its locks until the block ends. Without `changes` nothing at all is written.

    Raises `UsageError`, `GuardRefused`, `Locked`, `JournalError`.
    """
    with contextlib.ExitStack() as stack:
        root = changeable_folder(options.root, state)
        journal, locks = None, list[int]()
        if changes:
            journal, locks = changing(stack, state, f"cleaning {display(root)}", {root}, reporter)
        storage = open_local(stack, root, one_file_system=options.filters.one_file_system)
        leftovers = stack.enter_context(Leftovers(remember=True))
        selection = options.filters.selection(frozenset({identity_of(state.path)}))
        reader = Reader(storage, options.filters.ignore(), selection._replace(goes=options.goes))
        reporter.stage("scan")
        seen = Seen()
        deque(scan(reader, seen, reporter, leftovers), maxlen=0)
        trash = b".fileorg/trash/%d" % (journal.next_operation() if journal else 0)
        plan = CleanPlan(leftovers, options.goes, storage, trash)
        yield CleanRun(plan, seen, options, storage, journal, reporter, locks)
