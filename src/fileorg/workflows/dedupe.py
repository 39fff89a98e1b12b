"""Dedupe: scan, find duplicates, choose keepers, show them, and on request carry out the plan."""

from __future__ import annotations

import contextlib
import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, cast

from xxhash import xxh3_128_digest

from fileorg.content.companions import Companions
from fileorg.content.duplicate_finder import Finder
from fileorg.content.hashing import Reads, Tree
from fileorg.content.keeper import KeeperPolicy, KeepOptions, Leads, Trees
from fileorg.core.errors import ErrorCode, GuardRefused, UsageError
from fileorg.core.names import display, is_within, scheme_of
from fileorg.core.pool import Processes
from fileorg.core.tuples import NamedTuple
from fileorg.journal.journal import JobStart
from fileorg.plan.dedupe_plan import DedupeAction, DedupePlan, FoundDuplicates, base_of, decisions, found
from fileorg.rules.classify import Rules
from fileorg.rules.filters import Filters
from fileorg.rules.ignore import Patterns
from fileorg.scan.selection import Selection
from fileorg.scan.symlinks import LedTo
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.base import Kind
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import Allowed, refuse_too_many
from fileorg.workflows.locked_index import index_to_read
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.roots import (
    changeable_root,
    distinct_folders,
    identity_of,
    met_twice,
    note_nothing,
    readable_root,
    refuse_second_names,
)
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.content.keeper import Keep, KeeperDecision
    from fileorg.core.events import Reporter
    from fileorg.core.model import Base, Outcome
    from fileorg.core.pool import Pool
    from fileorg.core.state import StateDirectory
    from fileorg.index.duplicate_folders import DuplicateFolderGroup
    from fileorg.index.duplicate_groups import Groups
    from fileorg.index.index import Index
    from fileorg.plan.plan_lines import PlanLines
    from fileorg.rules.config import Configuration
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage
    from fileorg.workflows.keeper_selection import KeeperSelection
    from fileorg.workflows.session import Later


class DedupeOptions(NamedTuple):
    """The options of `fileorg dedupe`. Without an `action` it only reports. Patterns use gitignore syntax."""

    roots: Sequence[bytes]
    references: Sequence[bytes] = ()
    filters: Filters = Filters()
    keep: Sequence[Keep] = ()
    prefer: Sequence[str] = ()
    protect: Sequence[str] = ()
    isolate: bool = False
    with_links: bool = False
    action: DedupeAction | None = None
    max_changes: int | None = None
    inside_project: bool = False
    interactive: bool = False  # a person chooses the files to keep: without the choices, nothing is done
    allow_unsafe: bool = False  # also in a store that ignores conditions
    configuration: Configuration | None = None

    def keep_options(self) -> KeepOptions:
        """Return the keeper options. Raises `UsageError` for a pattern that cannot match anything."""
        prefer = Patterns("--prefer", self.prefer) if self.prefer else None
        protect = Patterns("--protect", self.protect) if self.protect else None
        return KeepOptions(self.keep, prefer, protect, self.isolate, self.with_links)

    def facts(self) -> dict[str, Any]:
        """Return the options that the journal keeps for display."""
        chosen: dict[str, Any] = {"action": str(self.action)}
        if self.keep:
            chosen["keep"] = [str(rule) for rule in self.keep]
        if self.interactive:
            chosen["interactive"] = True
        if self.references:
            chosen["reference"] = [display(reference) for reference in self.references]
        if self.allow_unsafe:
            chosen["allow_unsafe"] = True
        return chosen


class _NotChosen(GuardRefused):
    """The run of a person's choices was taken up again without them."""

    def __init__(self, paths: Sequence[bytes]) -> None:
        super().__init__(
            "The choices of this run were not kept, and without them fileorg removes nothing.",
            hint=f"choose again with: fileorg dedupe {' '.join(map(display, paths))} -i",
        )


class DedupeRun:
    """The duplicates found, and with an action a plan, ready to be shown and to be run once."""

    def __init__(
        self,
        options: DedupeOptions,
        index: Index,
        trees: Trees,
        seen: Seen,
        reads: Reads,
        policy: KeeperPolicy,
        seconds: float,
        session: Session,
    ) -> None:
        self.trees, self.seen, self.reads, self.seconds = trees, seen, reads, seconds
        duplicate_folders = index.duplicate_folders()
        self._has_folders = duplicate_folders.count() > 0
        self._folder_group = lru_cache(maxsize=10_000)(duplicate_folders.group_of)
        self.plan: DedupePlan | None = None
        self._index, groups = index, index.groups()
        if options.action is not None:
            rules = Rules.of(options.configuration)
            self.plan = DedupePlan(groups, policy, options.action, trees, session.storages, session.trash, rules)
        self._found = found(groups, policy) if self.plan is None else None
        self._options, self._groups, self._policy = options, groups, policy
        self._session = session

    @property
    def found(self) -> FoundDuplicates:
        """The sums over the groups, as the user chose where there was a choice."""
        return self._found or self.rows.found

    def choose(self) -> contextlib.AbstractContextManager[KeeperSelection]:
        """Let the user choose the files to keep, group by group; the plan follows the choices until the block ends."""
        from fileorg.workflows.keeper_selection import selecting

        return selecting(self.rows, self._groups, self._policy, self.trees)

    @property
    def rows(self) -> DedupePlan:
        """The plan; only a run with an action has one."""
        if self.plan is None:
            raise AssertionError("without an action there is no plan")
        return self.plan

    @property
    def fills_trash(self) -> bool:
        return self._options.action is not DedupeAction.REFLINK

    def elsewhere(self) -> dict[Base, bytes]:
        """Return the paths of the trees by the base of the rows, or nothing for a single tree."""
        paths = {base_of(root): path for root, path in enumerate(self.trees.paths)}
        return paths if len(paths) > 1 else {}

    def groups(self) -> Iterator[KeeperDecision]:
        """Yield the groups with removable files, most waste first."""
        return decisions(self._groups.all_groups(), self._policy)

    def folders(self) -> Iterator[DuplicateFolderGroup]:
        """Yield groups of duplicate folders, most waste first."""
        return self._index.duplicate_folders().groups()

    def is_of_folders(self, group: KeeperDecision) -> bool:
        """Return whether the group follows from duplicate folders: each file has the same place in one of them."""
        if not self._has_folders:
            return False
        places = (set(self._places(member.root, member.folder, member.name)) for member in group.listed)
        return bool(set.intersection(*places))

    def _places(self, root: int, folder: bytes, name: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the folder groups that a file is in, with its path inside the folder."""
        parts = folder.split(b"/") if folder else []
        for count in range(len(parts) + 1):
            number = self._folder_group(root, b"/".join(parts[:count]))
            if number is not None:
                yield number, b"/".join([*parts[count:], name])

    def check(self) -> None:
        """Check the guards that need the plan. Raises `GuardRefused`."""
        if self.plan is not None:
            if self._options.interactive and self.plan.files and not self.plan.is_chosen:
                raise _NotChosen(self.trees.paths)
            refuse_too_many(self.plan.files, self._options.max_changes, "duplicate", "changed")

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry out the plan. Raises `JournalError`; `GuardRefused` as `check` does."""
        self.check()
        facts = self._options.facts()
        # Each file is read before its rename, so a worker process would save nothing.
        return self._session.run("dedupe", self.rows, facts, stop, renames=0, copies=True)

    def plan_lines(self) -> PlanLines:
        """Return the plan as lines of JSON, for `fileorg apply`."""
        return self._session.plan_lines(self.rows)

    @property
    def all_roots(self) -> list[bytes]:
        """The directories that the plan is about, each once."""
        return self._session.roots

    def save(self, later: Later) -> None:
        """Keep the plan as a job to be carried out later. Raises like `run`, `OSError`."""
        self.check()
        reads = self.trees.references
        self._session.save("dedupe", self.rows, self._options.facts(), later, renames=0, copies=True, reads=reads)


@contextlib.contextmanager
def deduping(
    options: DedupeOptions,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = False,
    resumes: JobStart | None = None,
    fd: int | None = None,
    pool: Pool | None = None,
) -> Iterator[DedupeRun]:
    """Scan and find duplicates; the run holds its locks until the block ends. Without `changes`, no file is touched.
    `resumes` is a job that is taken up again, `fd` its status file. `pool` reads a large tree; by default, processes of
    this run do.

    Raises `UsageError`, `GuardRefused`, `Locked`, `JournalError`.
    """
    started = time.monotonic()
    keep_options = options.keep_options()
    mounts = Mounts()
    roots, references = _folders(options, mounts, state, reporter, changes=changes)
    paths = distinct_folders([*roots, *references])
    what = "deduping " + ", ".join(map(display, roots))
    job = resumes or JobStart(
        "dedupe", options_as_json(options._replace(roots=roots, references=references)), time.time_ns()
    )
    with (
        contextlib.closing(LedTo()) as led_to,
        Session.opened(state, what, reporter, changes=changes, kind="dedupe", job=job, fd=fd) as session,
    ):
        reporter, opened = session.reporter, []
        for path in paths:
            one_file_system = options.filters.one_file_system
            if changes and path not in references:
                allowed = Allowed(options.inside_project)
                opened.append(session.open_changeable(path, allowed, one_file_system=one_file_system))
            else:
                opened.append(session.open(path, one_file_system=one_file_system))
        note_nothing(opened, reporter)
        refuse_second_names(opened)
        session.storages = [opened[0], opened[0], *opened[1:]]
        if options.action is not None:
            session.report_unwritable(storage for storage in opened if storage.root not in references)
        session.lock(opened)
        changed = [storage for storage in opened if storage.root not in references]
        session.refuse_unsafe(changed, allow_unsafe=options.allow_unsafe)
        index = session.open_index()
        seen = Seen()
        seen.leading = led_to.add
        reads = _find(options, index, mounts, opened, seen, state, reporter, pool)
        aliases = (path for reference in references for path in mounts.aliases(reference))
        trees = Trees(paths, [*references, *aliases])
        # A symlink to a duplicate breaks only if the duplicate is removed, not if a link replaces it.
        leads = (
            Leads(led_to.is_led_to, keep=options.action in {None, DedupeAction.QUARANTINE}) if led_to.is_any else None
        )
        files_in = lambda root, folder: index.files_in(paths[root], folder)  # noqa: E731
        policy = KeeperPolicy(trees, keep_options, files_in, leads, Companions(index, opened))
        with index.guarded():
            yield DedupeRun(options, index, trees, seen, reads, policy, time.monotonic() - started, session)


def _find(
    options: DedupeOptions,
    index: Index,
    mounts: Mounts,
    storages: Sequence[LocalStorage],
    seen: Seen,
    state: StateDirectory,
    reporter: Reporter,
    pool: Pool | None,
) -> Reads:
    """Update the index of the trees and its duplicate groups. Return the files that could not be read."""
    filters, sizes = options.filters, (options.filters.min_size, options.filters.max_size)
    # Size limits apply to the finder, not to the scan: otherwise the index would drop files outside them.
    never = state.identities()
    selection = Selection(filters._replace(min_size=None, max_size=None), never, leading=True)
    twice = met_twice(mounts, [storage.root for storage in storages])
    groups = index.groups()
    with index.guarded():
        stores = [cast("ObjectStorage", storage) for storage in storages if storage.kind is not Kind.LOCAL]
        finder = Finder(index, filters, with_links=options.with_links, stores=stores)
        for storage in storages:
            index.duplicate_folders().forget_partial(storage.root)
    with contextlib.ExitStack() as stack:
        pool = pool or stack.enter_context(Processes())
        reporter.stage("scan")
        for storage, folders in zip(storages, twice, strict=True):
            seen.partial = partial(index.duplicate_folders().add_partial, storage.root)
            batches = scan(Reader(storage, selection._replace(twice=folders)), seen, reporter, pool=pool)
            seen.unchanged += index.update(storage.root, finder.watching(batches))
        versions = [(storage.root, *index.version(storage.root)) for storage in storages]
        stamp = xxh3_128_digest(repr((versions, sizes, options.with_links)).encode())
        with index.guarded():
            if groups.is_true(stamp):
                return Reads()
            trees = [Tree(number, path) for path, number, _ in versions]
            return finder.find(trees, pool, reporter, stamp)


def _folders(
    options: DedupeOptions, mounts: Mounts, state: StateDirectory, reporter: Reporter, *, changes: bool
) -> tuple[list[bytes], list[bytes]]:
    """Return the folders to search and the references, as real paths; overlaps are reported.

    Raises `UsageError`, `GuardRefused`.
    """
    _refuse_in_store(options)
    references = list(dict.fromkeys(readable_root(path) for path in options.references))
    places = [(path, reference) for reference in references for path in (reference, *mounts.aliases(reference))]
    roots: list[bytes] = []
    for path in options.roots:
        allowed = Allowed(options.inside_project)
        root = changeable_root(path, state, allowed) if changes else readable_root(path)
        # Compared by identity too: a folder that is mounted twice has two paths.
        identity = identity_of(root)
        same = [reference for reference in references if identity_of(reference) == identity]
        holders = [reference for path, reference in places if is_within(root, path) or path in same]
        if holders:
            reporter.note(
                f"{display(path)} is inside the reference folder {display(holders[0])}: fileorg does not touch it."
            )
        elif identity in map(identity_of, roots):
            reporter.note(f"{display(path)} was given twice; it is searched once.")
        else:
            roots.append(root)
    for root in roots:
        outer = next((other for other in roots if other != root and is_within(root, other)), None)
        if outer is not None:
            reporter.note(f"{display(root)} is inside {display(outer)}; it is searched once.")
    if not roots:
        raise UsageError(
            "All folders are inside a reference folder, which fileorg never touches.",
            hint="give a folder outside --reference",
        )
    return roots, references


def _refuse_in_store(options: DedupeOptions) -> None:
    """Raise `UsageError` for what a store cannot do."""
    places = [*options.roots, *options.references]
    url = next(filter(scheme_of, places), None)
    if url is None:
        return
    if not all(map(scheme_of, places)):
        raise UsageError(
            "fileorg cannot search folders and stores for duplicates of each other.",
            hint="give folders only, or stores only",
            code=ErrorCode.PATH_UNUSABLE,
            path=url,
        )
    if options.action not in {None, DedupeAction.QUARANTINE}:
        raise UsageError(
            f"A store has no links: {display(url)}.",
            hint="--action quarantine moves duplicates to the trash there",
            code=ErrorCode.PATH_UNUSABLE,
            path=url,
        )


class LastFound(NamedTuple):
    """The groups of the last dedupe, as they were then."""

    trees: Trees
    total: int
    groups: Groups
    policy: KeeperPolicy

    def page(self, skip: int, limit: int) -> Iterator[KeeperDecision]:
        """Yield at most `limit` groups after the first `skip`, most waste first."""
        return map(self.policy.decide, self.groups.all_groups(skip, limit))


@contextlib.contextmanager
def last_found(state: StateDirectory) -> Iterator[LastFound]:
    """Yield the groups of the last dedupe, with keepers chosen by default rules. Raises `FileorgError`."""
    with index_to_read(state) as index, index.guarded():
        groups = index.groups()
        trees = Trees(groups.roots())
        total = groups.sums()[0]
        yield LastFound(trees, total, groups, KeeperPolicy(trees, KeepOptions(), lambda *_: 1))
