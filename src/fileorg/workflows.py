"""The Python API: each command as a function that composes the stages. No screen, no printing, no exit."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.classify import Rules
from fileorg.errors import FileorgError, GuardRefused, Locked, UsageError
from fileorg.events import NullReporter, Reporter
from fileorg.execute import Changed, execute, recover
from fileorg.guards import changeable_folder, existing_folder
from fileorg.hands import hands_for
from fileorg.ignore import Ignore
from fileorg.index import Index
from fileorg.journal import Journal
from fileorg.layout import Template, parse_template
from fileorg.model import Action, Base, By, OnConflict, OperationState
from fileorg.names import display
from fileorg.placing import Layout
from fileorg.plan import OrganizePlan
from fileorg.scan import Reader, Seen, Selection, scan
from fileorg.state import StateDirectory, root_locks, run_lock
from fileorg.storage import LocalStorage
from fileorg.totals import Totals
from fileorg.undo import UndoPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.classify import Evidence
    from fileorg.journal import Operation
    from fileorg.model import Outcome

INDEX_LOCK = b"index.lock"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which files of a tree are looked at: the options that every command shares. Sizes in bytes, times in ns."""

    recursive: bool = True
    max_depth: int | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    one_file_system: bool = False
    min_size: int | None = None
    max_size: int | None = None
    newer_than_ns: int | None = None
    older_than_ns: int | None = None

    def ignore(self) -> Ignore:
        return Ignore(hidden=self.hidden, include=self.include, exclude=self.exclude)

    def selection(self, leave: frozenset[bytes], never: frozenset[tuple[int, int]]) -> Selection:
        return Selection(
            recursive=self.recursive,
            max_depth=self.max_depth,
            one_file_system=self.one_file_system,
            leave=leave,
            never=never,
            min_size=self.min_size,
            max_size=self.max_size,
            newer_than_ns=self.newer_than_ns,
            older_than_ns=self.older_than_ns,
        )


# Scan and categorize ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ScanReport:
    """What `fileorg scan` found. Paths in `totals` are absolute."""

    roots: list[bytes]
    totals: Totals
    seen: Seen
    seconds: float = 0.0


def scan_trees(
    paths: Sequence[bytes], filters: Filters, state: StateDirectory, reporter: Reporter
) -> ScanReport:
    """Bring the index up to date with each tree, and sum up what is there. Raises `UsageError`, `Locked`."""
    started = time.monotonic()
    roots = _distinct_roots(paths)
    totals, seen = Totals(Rules.default()), Seen()
    never = frozenset({_identity(state.path)})
    with (
        run_lock(state, "scanning " + ", ".join(map(display, roots)), name=INDEX_LOCK),
        Index(state.index) as index,
    ):
        for root in roots:
            with contextlib.ExitStack() as stack:
                storage = _open(stack, root, one_file_system=filters.one_file_system)
                reader = Reader(storage, filters.ignore(), filters.selection(frozenset(), never))
                reporter.stage("scan")
                seen.unchanged += index.update(root, totals.counted(scan(reader, seen, reporter), root))
    return ScanReport(roots, totals, seen, time.monotonic() - started)


class Categorized(NamedTuple):
    """A file, what it is, and why that is thought. `path` is absolute, `size` in bytes."""

    path: bytes
    size: int
    evidence: Evidence


def categorize(
    paths: Sequence[bytes], filters: Filters, seen: Seen, reporter: Reporter
) -> Iterator[Categorized]:
    """What each file is, and by which evidence. Reads the tree, writes nothing; streams. Raises `UsageError`."""
    rules = Rules.default()
    for root in _distinct_roots(paths):
        with contextlib.ExitStack() as stack:
            storage = _open(stack, root, one_file_system=filters.one_file_system)
            reader = Reader(storage, filters.ignore(), filters.selection(frozenset(), frozenset()))
            for _, batch in scan(reader, seen, reporter):
                folder = os.path.join(root, batch.folder)
                for name, size, *_ in batch.rows():
                    yield Categorized(os.path.join(folder, name), size, rules.evidence(name))


def _distinct_roots(paths: Sequence[bytes]) -> list[bytes]:
    """The real paths, without those that are within another of them: nothing is counted twice."""
    roots = sorted({existing_folder(path) for path in paths})
    return [
        root
        for root in roots
        if not any(root != other and root.startswith(other.rstrip(b"/") + b"/") for other in roots)
    ]


# Organize -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrganizeOptions:
    """What `fileorg organize` is asked for. Only the top level unless `filters.recursive`."""

    root: bytes
    dest: bytes | None = None
    by: By = By.CATEGORY
    template: str | None = None
    action: Action = Action.MOVE
    on_conflict: OnConflict = OnConflict.RENAME
    filters: Filters = field(default_factory=lambda: Filters(recursive=False))
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


class OrganizeJob:
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
    ) -> None:
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
        source, target = self._storages
        operation = _begin(self._journal, "organize", source, target, self._options.facts(), None)
        self._reporter.stage(str(self._options.action), self.plan.files)
        with contextlib.closing(hands_for(self.plan.files, self._storages, self._locks)) as hands:
            return execute(
                self.plan, self._journal, operation, self._storages, hands, self._reporter, stop=stop
            )

    def check(self) -> None:
        """The guards that need the plan. Raises `GuardRefused`."""
        most = self._options.max_changes
        if most is not None and self.plan.files > most:
            raise GuardRefused(
                f"{self.plan.files:,} files would be moved, more than --max-changes {most:,} allows.",
                hint="look at the plan with --dry-run, then raise the limit",
            )
        if self._options.on_conflict is OnConflict.FAIL:
            self.plan.refuse_conflicts()


@contextlib.contextmanager
def organizing(
    options: OrganizeOptions, state: StateDirectory, reporter: Reporter, *, changes: bool = True
) -> Iterator[OrganizeJob]:
    """Scan and plan; the job holds its locks until the block ends. Without `changes` nothing at all is written.

    Raises `UsageError`, `GuardRefused`, `Locked`, `JournalError`.
    """
    rules = Rules.default()
    template = parse_template(options.template) if options.template else Template.for_by(options.by)
    with contextlib.ExitStack() as stack:
        root = changeable_folder(options.root, state)
        dest = _destination(options.dest, root, state)
        journal, locks = None, list[int]()
        if changes:
            journal, locks = _changing(stack, state, f"organizing {display(root)}", {root, dest}, reporter)
        source = _open(stack, root, one_file_system=options.filters.one_file_system)
        target = source if dest == root else _open(stack, dest)
        if changes:
            stack.enter_context(run_lock(state, f"organizing {display(root)}", name=INDEX_LOCK))
        index = stack.enter_context(Index(state.index if changes else None))
        leave = (
            template.top_folders(rules.categories) or frozenset() if target is source else frozenset[bytes]()
        )
        never = {_identity(storage.root) for storage in ([target] if target is not source else [])}
        filters = _with_age(options)
        selection = filters.selection(leave, frozenset(never | {_identity(state.path)}))
        seen = _scan_into(index, source, filters.ignore(), selection, reporter)
        layout = Layout(
            rules,
            template,
            options.action,
            options.on_conflict,
            Base.ROOT if target is source else Base.DEST,
            target.is_case_insensitive(),
            b".fileorg/trash/%d" % (journal.next_operation() if journal else 0),
        )
        plan = stack.enter_context(contextlib.closing(OrganizePlan(index, layout, source, target)))
        plan.survey(seen.files, reporter)
        yield OrganizeJob(plan, seen, options, (source, target), journal, reporter, locks)


def _destination(dest: bytes | None, root: bytes, state: StateDirectory) -> bytes:
    if dest is None:
        return root
    try:
        os.makedirs(dest, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The destination {display(dest)} cannot be made: {error.strerror}.") from error
    return changeable_folder(dest, state)


def _with_age(options: OrganizeOptions) -> Filters:
    if options.min_age_ns is None:
        return options.filters
    from dataclasses import replace  # noqa: PLC0415

    limit = time.time_ns() - options.min_age_ns
    older = options.filters.older_than_ns
    return replace(options.filters, older_than_ns=limit if older is None else min(older, limit))


# Undo and redo ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """`operation` None is the last one. `include_changed` also takes back files that others have replaced."""

    operation: int | None = None
    redo: bool = False
    include_changed: bool = False
    rename: bool = False


class UndoJob:
    """The inverse of an operation, ready to be shown and to be run once."""

    def __init__(
        self,
        undone: Operation,
        options: UndoOptions,
        storages: Sequence[LocalStorage],
        journal: Journal,
        reporter: Reporter,
        locks: Sequence[int],
    ) -> None:
        self.undone = undone
        self.plan = UndoPlan(journal, undone, storages, rename=options.rename)
        self._options = options
        self._storages = storages
        self._journal = journal
        self._reporter = reporter
        self._locks = locks

    @property
    def kind(self) -> str:
        return "redo" if self.undone.kind == "undo" else "undo"

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Take it back. Raises `JournalError`."""
        source, target = self._storages
        operation = _begin(self._journal, self.kind, source, target, {}, self.undone.id)
        self._reporter.stage(self.kind, self.plan.files)
        changed = Changed.ANY if self._options.include_changed else Changed.EDITED
        with contextlib.closing(hands_for(self.plan.files, self._storages, self._locks)) as hands:
            return execute(
                self.plan,
                self._journal,
                operation,
                self._storages,
                hands,
                self._reporter,
                stop=stop,
                changed=changed,
            )


@contextlib.contextmanager
def undoing(options: UndoOptions, state: StateDirectory, reporter: Reporter) -> Iterator[UndoJob]:
    """Find what is to be taken back; the job holds its locks until the block ends.

    Raises `UsageError` if there is nothing, `Locked`, `JournalError`.
    """
    with contextlib.ExitStack() as stack:
        journal, locks = _changing(stack, state, "redo" if options.redo else "undo", set(), reporter)
        undone = chosen_operation(journal, options)
        roots = {undone.root, undone.dest or undone.root}
        for root in roots:
            _still_there(root, undone)
        locks += stack.enter_context(root_locks(*roots))
        source = _open(stack, undone.root)
        target = _open(stack, undone.dest) if undone.dest else source
        yield UndoJob(undone, options, (source, target), journal, reporter, locks)


def chosen_operation(journal: Journal, options: UndoOptions) -> Operation:
    """The operation to take back. An operation, its undo, the redo of that … are one chain: what counts is its newest
    link that still has something to take back. Raises `UsageError` if there is none.
    """
    word = "redo" if options.redo else "undo"
    operations = journal.operations()
    if options.operation is None:
        kinds = {"undo"} if options.redo else {"organize", "redo"}
        found = (op for op in operations if op.kind in kinds and journal.has_done(op))
        if (chosen := next(found, None)) is None:
            raise UsageError(f"There is nothing to {word}.", hint="fileorg history lists the operations")
        return chosen
    named = journal.operation(options.operation)
    if named is None:
        raise UsageError(
            f"There is no operation {options.operation}.", hint="fileorg history lists the operations"
        )
    chain = {named.id}
    for operation in reversed(operations):  # oldest first: what takes back comes after what it takes back
        if operation.undoes in chain:
            chain.add(operation.id)
    forward = {"undo"} if options.redo or named.kind == "undo" else {"organize", "redo"}
    for operation in operations:
        if operation.id in chain and operation.kind in forward and journal.has_done(operation):
            return operation
    raise UsageError(
        f"Nothing of operation {named.id} is left to {word}.", hint="fileorg history shows what was done"
    )


def _still_there(root: bytes, operation: Operation) -> None:
    try:
        existing_folder(root)
    except UsageError as error:
        raise UsageError(
            f"The folder of operation {operation.id} is not there: {display(root)}.",
            hint="mount its disk, or move the folder back to where it was",
        ) from error


# What the commands share --------------------------------------------------------------------------------------------


def _changing(
    stack: contextlib.ExitStack, state: StateDirectory, what: str, roots: set[bytes], reporter: Reporter
) -> tuple[Journal, list[int]]:
    """The journal and the descriptors of the locks, with whatever a crash left open settled first."""
    locks = [stack.enter_context(run_lock(state, what))]
    journal = stack.enter_context(Journal(state.journal))
    recover_open(journal, reporter)
    return journal, locks + stack.enter_context(root_locks(*roots))


def recover_all(state: StateDirectory, reporter: Reporter) -> list[Operation]:
    """`fileorg recover`: settle what a crash left open. Raises `Locked`, `JournalError`."""
    with run_lock(state, "recover"), Journal(state.journal) as journal:
        return recover_open(journal, reporter)


def recover_open(journal: Journal, reporter: Reporter) -> list[Operation]:
    """Settle what a crash left open, newest first; those whose disk is not there now are left for later."""
    settled = []
    for operation in journal.open_operations():
        try:
            with contextlib.ExitStack() as stack:
                roots = {operation.root, operation.dest or operation.root}
                stack.enter_context(root_locks(*roots))
                source = _open(stack, operation.root)
                target = _open(stack, operation.dest) if operation.dest else source
                recover(journal, operation, (source, target), reporter)
        except (Locked, OSError) as error:
            reporter.note(
                f"Operation {operation.id} was interrupted and cannot be settled now: {error}. Run fileorg recover later."
            )
            continue
        settled.append(journal.operation(operation.id) or operation)
        reporter.note(
            f"Operation {operation.id} had been interrupted; it is settled now. Undo it with: fileorg undo {operation.id}"
        )
    return settled


def _begin(
    journal: Journal,
    kind: str,
    source: LocalStorage,
    target: LocalStorage,
    facts: dict[str, Any],
    undoes: int | None,
) -> Operation:
    number = journal.begin(kind, source.root, None if target is source else target.root, facts, undoes)
    operation = journal.operation(number)
    if operation is None:
        raise AssertionError("it has just been written")
    return operation


def _open(stack: contextlib.ExitStack, root: bytes, *, one_file_system: bool = False) -> LocalStorage:
    return stack.enter_context(contextlib.closing(LocalStorage(root, cross_mounts=not one_file_system)))


def _identity(path: bytes) -> tuple[int, int]:
    seen = os.stat(path)
    return seen.st_dev, seen.st_ino


def _scan_into(
    index: Index, storage: LocalStorage, ignore: Ignore, selection: Selection, reporter: Reporter
) -> Seen:
    reporter.stage("scan")
    seen = Seen()
    seen.unchanged = index.update(storage.root, scan(Reader(storage, ignore, selection), seen, reporter))
    return seen
