"""What the commands share: which files, which locks, the journal with everything settled, the storages."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.core.descriptors import TooManyOpen, raise_limit
from fileorg.core.errors import GuardRefused, Locked
from fileorg.core.names import display, is_within
from fileorg.core.state import root_locks, run_lock
from fileorg.execute.purge import settle_purge
from fileorg.execute.recover import Unsettled, is_recognised, recover
from fileorg.execute.run import BATCH_ROWS, COPIED_ROWS
from fileorg.journal.journal import Journal
from fileorg.journal.trash import PURGE
from fileorg.rules.ignore import Ignore
from fileorg.scan.selection import Selection
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.guards import refuse_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Operation, Root

INDEX_LOCK = b"index.lock"


class Filters(NamedTuple):
    """Which files of a tree are looked at: the options that every command shares. Sizes in bytes, times in ns."""

    recursive: bool = True
    max_depth: int | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    everything: bool = False
    one_file_system: bool = False
    min_size: int | None = None
    max_size: int | None = None
    newer_than_ns: int | None = None
    older_than_ns: int | None = None

    def ignore(self) -> Ignore:
        return Ignore(hidden=self.hidden, everything=self.everything, include=self.include, exclude=self.exclude)

    def selection(self, never: frozenset[tuple[int, int]]) -> Selection:
        return Selection(
            recursive=self.recursive,
            max_depth=self.max_depth,
            one_file_system=self.one_file_system,
            never=never,
            min_size=self.min_size,
            max_size=self.max_size,
            newer_than_ns=self.newer_than_ns,
            older_than_ns=self.older_than_ns,
        )


def changing(
    stack: contextlib.ExitStack, state: StateDirectory, what: str, roots: set[bytes], reporter: Reporter
) -> tuple[Journal, list[int]]:
    """The journal and the descriptors of the locks, with whatever a crash left open settled first."""
    raise_limit()
    locks = [stack.enter_context(run_lock(state, what))]
    journal = stack.enter_context(Journal(state.journal))
    _recover_open(journal, state, reporter)
    return journal, locks + stack.enter_context(root_locks(*roots))


class Recovered(NamedTuple):
    """The operations that are settled now, and those that cannot be yet: the reporter was told why."""

    settled: list[Operation]
    left: list[Operation]


def recover_all(state: StateDirectory, reporter: Reporter) -> Recovered:
    """`fileorg recover`: settle what a crash left open. Raises `Locked`, `JournalError`."""
    raise_limit()
    with run_lock(state, "recover"), Journal(state.journal) as journal:
        return Recovered(_recover_open(journal, state, reporter), journal.open_operations())


def _recover_open(journal: Journal, state: StateDirectory, reporter: Reporter) -> list[Operation]:
    """Settle what a crash left open, newest first; those whose disk is not there or not well are left for later."""
    settled = []
    for operation in journal.open_operations():
        try:
            with contextlib.ExitStack() as stack:
                roots = journal.roots(operation)
                for root in roots:
                    refuse_system(os.path.realpath(root.path), display(root.path), state)
                stack.enter_context(root_locks(*(root.path for root in roots)))
                storages = open_roots(stack, roots)
                other = another_root(storages, roots)
                if other is None and not all(storage.capabilities.stable_inodes for storage in storages):
                    other = None if is_recognised(journal, operation, storages) else roots[0]
                if other is not None:
                    raise OSError(f"{display(other.path)} is not the folder that it was (is its disk mounted?)")
                (settle_purge if operation.kind == PURGE else recover)(journal, operation, storages, reporter)
        except (Locked, GuardRefused, Unsettled, TooManyOpen, OSError) as error:
            reporter.note(
                f"Operation {operation.id} was interrupted and cannot be settled now: {str(error).removesuffix('.')}."
                " Run fileorg recover later."
            )
            continue
        settled.append(journal.operation(operation.id) or operation)
        undo = f"Undo it with: fileorg undo {operation.id}"
        way_on = f"Go on with: fileorg purge {operation.undoes}" if operation.kind == PURGE else undo
        reporter.note(f"Operation {operation.id} had been interrupted; it is settled now. {way_on}")
    return settled


def begin(
    journal: Journal,
    kind: str,
    storages: Sequence[LocalStorage],
    facts: dict[str, Any],
    undoes: int | None,
) -> Operation:
    """A new operation in the directories of `storages`, by `Base`."""
    source, target = storages[:2]
    dest = None if target is source else target.root
    more = [
        (base, storage.root, storage.identity[1])
        for base, storage in enumerate(storages)
        if base and storage is not source
    ]
    number = journal.begin(
        kind, source.root, dest, root_inode=source.identity[1], options=facts, undoes=undoes, more_roots=more
    )
    operation = journal.operation(number)
    if operation is None:
        raise AssertionError("it has just been written")
    return operation


def open_local(stack: contextlib.ExitStack, root: bytes, *, one_file_system: bool = False) -> LocalStorage:
    return stack.enter_context(contextlib.closing(LocalStorage(root, cross_mounts=not one_file_system)))


def rows_at_a_time(storages: Sequence[LocalStorage], *, copies: bool = False) -> int:
    """How many files are done between two looks at the stop flag: few where contents are copied, which takes long."""
    devices = {storage.identity[0] for storage in storages}
    return COPIED_ROWS if copies or len(devices) > 1 else BATCH_ROWS


def open_roots(stack: contextlib.ExitStack, roots: Sequence[Root]) -> list[LocalStorage]:
    """The directories of an operation by `Base`, one that stands for two bases opened once. Raises `OSError`."""
    opened = {path: open_local(stack, path) for path in dict.fromkeys(root.path for root in roots)}
    return [opened[root.path] for root in roots]


def another_root(storages: Sequence[LocalStorage], roots: Sequence[Root]) -> Root | None:
    """The first that is not the folder that an operation worked in, as far as its inode number can tell: where these
    are given out anew, the files have to.
    """
    for storage, root in zip(storages, roots, strict=True):
        if root.inode is not None and storage.identity[1] != root.inode and storage.capabilities.stable_inodes:
            return root
    return None


def identity_of(path: bytes) -> tuple[int, int]:
    seen = os.stat(path)
    return seen.st_dev, seen.st_ino


def refuse_too_many(files: int, most: int | None, what: str) -> None:
    """The guard of --max-changes; `what` goes on after the number. Raises `GuardRefused`."""
    if most is not None and files > most:
        raise GuardRefused(
            f"{files:,} {what}, more than --max-changes {most:,} allows.",
            hint="look at the plan with --dry-run, then raise the limit",
        )


def distinct_folders(paths: Sequence[bytes]) -> list[bytes]:
    """Real paths in their order, without those that are within another of them: nothing is counted twice."""
    return [
        path for path in dict.fromkeys(paths) if not any(path != other and is_within(path, other) for other in paths)
    ]
