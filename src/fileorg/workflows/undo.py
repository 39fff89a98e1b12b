"""Undo and redo: the inverse of an operation, as an operation of its own."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.errors import FileorgError, UnknownOperation, UsageError
from fileorg.core.model import DEST, ROOT, Base, OperationState
from fileorg.core.names import display
from fileorg.core.state import root_locks, run_lock
from fileorg.execute.follow import Follow
from fileorg.execute.run import execute
from fileorg.execute.work import Changed
from fileorg.index.index import Index
from fileorg.journal.trash import PURGE
from fileorg.plan.undo import UndoPlan
from fileorg.storage.local.worker import hands_for
from fileorg.workflows.common import INDEX_LOCK, another_root, begin, changing, open_roots, rows_at_a_time
from fileorg.workflows.guards import existing_folder, refuse_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.storage import LocalStorage


_FORWARD = frozenset({"organize", "dedupe", "clean", "redo"})
"""Kinds of operations that an undo takes back."""
_SHOWN = "fileorg history shows what was done"


class UndoOptions(NamedTuple):
    """`operation` None is the last one. `include_changed` also takes back files that others have replaced."""

    operation: int | None = None
    redo: bool = False
    include_changed: bool = False
    rename: bool = False


class UndoRun:
    """The inverse of an operation, ready to be shown and to be run once."""

    def __init__(
        self,
        undone: Operation,
        options: UndoOptions,
        storages: Sequence[LocalStorage],
        journal: Journal,
        reporter: Reporter,
        locks: Sequence[int],
        index: Index | None = None,
    ) -> None:
        """`index` is told of what gets another place."""
        self._index = index
        self.undone = undone
        self.plan = UndoPlan(journal, undone, storages, rename=options.rename)
        self._options = options
        self._storages = storages
        self._journal = journal
        self._reporter = reporter
        self._locks = locks

    @property
    def elsewhere(self) -> dict[Base, bytes]:
        """The directories beside the root, or all where there are several roots, by the base of the rows."""
        paths = {base: storage.root for base, storage in enumerate(self._storages)}
        if len(paths) > DEST + 1:
            return paths
        return {DEST: paths[DEST]} if paths[DEST] != paths[ROOT] else {}

    @property
    def further_roots(self) -> list[bytes]:
        """Where it worked beside its root and destination."""
        return [storage.root for storage in self._storages[DEST + 1 :]]

    @property
    def kind(self) -> str:
        return "redo" if self.undone.kind == "undo" else "undo"

    @property
    def first_kind(self) -> str:
        """The kind of the operation that is taken back, or forth: `organize` also for the redo of its undo."""
        first: Operation | None = self.undone
        while first is not None and first.undoes is not None and first.undoes < first.id:
            first = self._journal.operation(first.undoes)
        return first.kind if first is not None else ""

    def _follow(self) -> Follow | None:
        try:
            return None if self._index is None else Follow(self._index, self._storages)
        except FileorgError:  # it is a cache
            return None

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Take it back. Raises `JournalError`."""
        follow = self._follow()
        operation = begin(self._journal, self.kind, self._storages, {}, self.undone.id)
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
                rows=rows_at_a_time(self._storages),
                follow=follow,
            )


@contextlib.contextmanager
def undoing(options: UndoOptions, state: StateDirectory, reporter: Reporter) -> Iterator[UndoRun]:
    """Find what is to be taken back; the run holds its locks until the block ends.

    Raises `UsageError` if there is nothing, `Locked`, `JournalError`.
    """
    with contextlib.ExitStack() as stack:
        journal, locks = changing(stack, state, "redo" if options.redo else "undo", set(), reporter)
        undone = chosen_operation(journal, options)
        roots = journal.roots(undone)
        for root in roots:
            _still_there(root.path, undone)
            refuse_system(os.path.realpath(root.path), display(root.path), state)
        locks += stack.enter_context(root_locks(*(root.path for root in roots)))
        storages = open_roots(stack, roots)
        if (other := another_root(storages, roots)) is not None and not options.include_changed:
            raise UsageError(
                f"{display(other.path)} is not the folder that it was (is its disk mounted?).",
                hint="mount its disk, or take what is there now with --include-changed",
            )
        if undone.state is not OperationState.SEALED:
            raise UsageError(
                f"Operation {undone.id} was interrupted, and what came of it is not settled yet.",
                hint="put right what is named above, then run fileorg recover",
            )
        yield UndoRun(undone, options, storages, journal, reporter, locks, _index_if_free(stack, state))


def _index_if_free(stack: contextlib.ExitStack, state: StateDirectory) -> Index | None:
    """It is a cache: an undo does not wait for a scan that writes it, and goes on where it cannot be used."""
    try:
        stack.enter_context(run_lock(state, "undo", name=INDEX_LOCK))
        return stack.enter_context(Index(state.index))
    except FileorgError:
        return None


def chosen_operation(journal: Journal, options: UndoOptions) -> Operation:
    """The operation to take back. An operation, its undo, the redo of that … are one chain: what counts is its newest
    link that still has something to take back. Raises `UsageError` if there is none.
    """
    word = "redo" if options.redo else "undo"
    operations = journal.operations()
    if options.operation is None:
        kinds = {"undo"} if options.redo else _FORWARD
        found = (op for op in operations if op.kind in kinds and _is_left(journal, op, operations))
        if (chosen := next(found, None)) is None:
            raise UsageError(f"There is nothing to {word}.", hint="fileorg history lists the operations")
        return chosen
    named = journal.operation(options.operation)
    if named is None:
        raise UnknownOperation(options.operation)
    chain = {named.id}
    for operation in reversed(operations):  # oldest first: what takes back comes after what it takes back
        if operation.undoes in chain:
            chain.add(operation.id)
    forward = {"undo"} if options.redo or named.kind == "undo" else _FORWARD
    for operation in operations:
        if operation.id in chain and operation.kind in forward and _is_left(journal, operation, operations):
            return operation
    if named.kind == PURGE:
        raise UsageError(f"Operation {named.id} emptied the trash: that cannot be undone.", hint=_SHOWN)
    purged = any(operation.kind == PURGE and operation.done for operation in operations if operation.id in chain)
    why = ": what it had put into the trash was purged" if purged else ""
    raise UsageError(f"Nothing of operation {named.id} is left to {word}{why}.", hint=_SHOWN)


def _is_left(journal: Journal, operation: Operation, operations: Sequence[Operation]) -> bool:
    """Whether something of it is to be taken back. Folders alone are tried once: what is left then is not empty."""
    later = {each.kind for each in operations if each.undoes == operation.id}
    if not later - {PURGE}:
        return journal.has_done(operation) and (PURGE not in later or journal.trash.has_done_outside(operation))
    return journal.has_done(operation, folders=False) or journal.has_untried_folder(operation)


def _still_there(root: bytes, operation: Operation) -> None:
    try:
        existing_folder(root)
    except UsageError as error:
        raise UsageError(
            f"The folder of operation {operation.id} is not there: {display(root)}.",
            hint="mount its disk, or move the folder back to where it was",
        ) from error
