"""Clean: scan, find empty files, empty folders and broken symlinks, show them, carry out the plan."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.core.names import display
from fileorg.journal.journal import JobStart
from fileorg.plan.clean_plan import CleanPlan
from fileorg.rules.filters import Filters
from fileorg.scan.empty_folders import Leftovers
from fileorg.scan.leftovers import Leftover
from fileorg.scan.selection import Selection
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import Allowed, changeable_folder, refuse_too_many
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.roots import met_twice
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.moved import Moved
    from fileorg.workflows.session import Later


class CleanOptions(NamedTuple):
    """The options of `fileorg clean`."""

    root: bytes
    goes: frozenset[Leftover] = frozenset(Leftover)
    filters: Filters = Filters()
    max_changes: int | None = None
    inside_project: bool = False

    def facts(self) -> dict[str, Any]:
        """Return the options that the journal keeps for display."""
        return {"kinds": [str(kind) for kind in Leftover if kind in self.goes]}


class CleanRun:
    """A plan, ready to be shown and to be run once."""

    def __init__(self, plan: CleanPlan, seen: Seen, options: CleanOptions, session: Session) -> None:
        self.plan = plan
        self.seen = seen
        self._options = options
        self._session = session

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry out the plan. Raises `JournalError`; `GuardRefused` if it exceeds `--max-changes`."""
        self.check()
        plan = self.plan
        return self._session.run("clean", plan, self._options.facts(), stop, renames=plan.renames)

    def save(self, later: Later) -> None:
        """Keep the plan as a job to be carried out later. Raises like `run`, `OSError`."""
        self.check()
        self._session.save("clean", self.plan, self._options.facts(), later, renames=self.plan.renames)

    def check(self) -> None:
        """Raise `GuardRefused` if the plan exceeds `--max-changes`."""
        refuse_too_many(self.plan.files, self._options.max_changes, "item", "removed")


def _nothing(_: Collection[bytes]) -> Mapping[bytes, Moved]:
    """Return no moves, for a state directory without a journal."""
    return {}


@contextlib.contextmanager
def cleaning(
    options: CleanOptions,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = True,
    resumes: JobStart | None = None,
    fd: int | None = None,
) -> Iterator[CleanRun]:
    """Scan and plan; the run holds its locks until the block ends. Without `changes` nothing is written. `resumes` is a
    job that is taken up again, `fd` its status file.

    Raises `UsageError`, `GuardRefused`, `Locked`, `JournalError`.
    """
    allowed = Allowed(options.inside_project, read_only=not changes)
    root = changeable_folder(options.root, state, allowed)
    what = f"cleaning {display(root)}"
    job = resumes or JobStart("clean", options_as_json(options._replace(root=root)), time.time_ns())
    with (
        Session.opened(state, what, reporter, changes=changes, kind="clean", job=job, fd=fd) as session,
        Leftovers(remember=True) as leftovers,
    ):
        reporter = session.reporter
        storage = session.open_changeable(root, allowed, one_file_system=options.filters.one_file_system)
        session.storages = (storage, storage)
        session.report_unwritable([storage])
        session.lock(session.storages)
        never = state.identities()
        twice = next(met_twice(Mounts(), [storage.root]))
        reader = Reader(storage, Selection(options.filters, never, twice, goes=options.goes))
        reporter.stage("scan")
        seen = Seen()
        deque(scan(reader, seen, reporter, leftovers), maxlen=0)
        with session.journal_if_any() as journal:
            moved = _nothing if journal is None else journal.moved.from_places
            plan = CleanPlan(leftovers, options.goes, storage, session.trash, moved)
        yield CleanRun(plan, seen, options, session)
