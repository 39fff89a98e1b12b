"""Clean: scan, find empty files, empty folders and broken symlinks, show them, carry out the plan."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from fileorg.core.names import display, scheme_of
from fileorg.core.tuples import NamedTuple
from fileorg.journal.journal import JobStart
from fileorg.plan.clean_plan import CleanPlan, CombinedCleanPlan
from fileorg.rules.filters import Filters
from fileorg.scan.empty_folders import Leftovers
from fileorg.scan.leftovers import Leftover
from fileorg.scan.selection import Selection
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import Allowed, refuse_too_many
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.roots import changeable_root, met_twice, note_nothing, separate_folders
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.moved import Moved
    from fileorg.plan.plan_lines import PlanLines
    from fileorg.workflows.session import Later


class CleanOptions(NamedTuple):
    """The options of `fileorg clean`."""

    root: bytes
    goes: frozenset[Leftover] = frozenset(Leftover)
    filters: Filters = Filters()
    max_changes: int | None = None
    inside_project: bool = False
    more_roots: Sequence[bytes] = ()  # further folders, cleaned by the same operation
    allow_unsafe: bool = False  # also in a store that ignores conditions

    @property
    def roots(self) -> list[bytes]:
        """All folders to clean."""
        return [self.root, *self.more_roots]

    def facts(self) -> dict[str, Any]:
        """Return the options that the journal keeps for display."""
        chosen: dict[str, Any] = {"kinds": [str(kind) for kind in Leftover if kind in self.goes]}
        return chosen | ({"allow_unsafe": True} if self.allow_unsafe else {})


class CleanRun:
    """A plan, ready to be shown and to be run once."""

    def __init__(
        self, plan: CleanPlan | CombinedCleanPlan, seen: Seen, options: CleanOptions, session: Session
    ) -> None:
        self.plan = plan
        self.seen = seen
        self._options = options
        self._session = session

    @property
    def roots(self) -> list[bytes]:
        """The folders that are cleaned."""
        return [storage.root for storage in self._session.storages[1:]]

    @property
    def bases(self) -> dict[int, bytes]:
        """The folders by base if they are several."""
        found = {base: storage.root for base, storage in enumerate(self._session.storages)}
        return found if len(set(found.values())) > 1 else {}

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry out the plan. Raises `JournalError`; `GuardRefused` if it exceeds `--max-changes`."""
        self.check()
        plan = self.plan
        return self._session.run("clean", plan, self._options.facts(), stop, renames=plan.renames)

    def plan_lines(self) -> PlanLines:
        """Return the plan as lines of JSON, for `fileorg apply`."""
        return self._session.plan_lines(self.plan)

    @property
    def all_roots(self) -> list[bytes]:
        """The directories that the plan is about, each once."""
        return self._session.roots

    def save(self, later: Later) -> None:
        """Keep the plan as a job to be carried out later. Raises like `run`, `OSError`."""
        self.check()
        self._session.save("clean", self.plan, self._options.facts(), later, renames=self.plan.renames)

    def check(self) -> None:
        """Raise `GuardRefused` if the plan exceeds `--max-changes`."""
        refuse_too_many(self.plan.files, self._options.max_changes, "item", "removed")


def _in_store(options: CleanOptions) -> CleanOptions:
    """Return the options for a store, which has no links. Raises `UsageError`."""
    from fileorg.workflows.stores import cannot_yet

    url = next(filter(scheme_of, options.roots))
    if options.more_roots:
        raise cannot_yet("clean several folders", url)
    if not (goes := options.goes - {Leftover.BROKEN_SYMLINK}):
        raise cannot_yet("clean broken symlinks", url)
    return options._replace(goes=goes)


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
    roots = [changeable_root(root, state, allowed) for root in options.roots]
    if any(map(scheme_of, roots)):
        options = _in_store(options)
    if options.more_roots:
        roots = separate_folders(roots, reporter)
    what = "cleaning " + ", ".join(map(display, roots))
    absolute = options._replace(root=roots[0], more_roots=roots[1:])
    job = resumes or JobStart("clean", options_as_json(absolute), time.time_ns())
    with (
        Session.opened(state, what, reporter, changes=changes, kind="clean", job=job, fd=fd) as session,
        contextlib.ExitStack() as stack,
    ):
        reporter = session.reporter
        one_file_system = options.filters.one_file_system
        storages = [session.open_changeable(root, allowed, one_file_system=one_file_system) for root in roots]
        note_nothing(storages, reporter)
        session.storages = (storages[0], *storages)
        session.report_unwritable(storages)
        session.lock(session.storages)
        session.refuse_unsafe(allow_unsafe=options.allow_unsafe)
        never, seen, found = state.identities(), Seen(), list[Leftovers]()
        for storage, twice in zip(storages, met_twice(Mounts(), roots), strict=True):
            found.append(stack.enter_context(Leftovers(remember=True)))
            reader = Reader(storage, Selection(options.filters, never, twice, goes=options.goes))
            reporter.stage("scan")
            deque(scan(reader, seen, reporter, found[-1]), maxlen=0)
        with session.journal_if_any() as journal:
            moved = _nothing if journal is None else journal.moved.from_places
            plans = [
                CleanPlan(
                    leftovers,
                    options.goes,
                    storage,
                    session.trash,
                    moved,
                    [each for each in found if each is not leftovers],
                )
                for leftovers, storage in zip(found, storages, strict=True)
            ]
        yield CleanRun(plans[0] if len(plans) == 1 else CombinedCleanPlan(plans), seen, options, session)
