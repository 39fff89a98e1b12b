"""Undo and redo: the inverse of an operation, as a new operation."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.errors import ErrorCode, UnknownOperation, UsageError
from fileorg.core.model import DEST, ROOT, Base, OperationState
from fileorg.core.names import display
from fileorg.execute.work import Changed
from fileorg.journal.trash_records import PURGE
from fileorg.plan.undo_plan import UndoPlan
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.history import BACKWARD, FORWARD
from fileorg.workflows.order import Order
from fileorg.workflows.roots import AnotherRoot, absent_roots, another_root
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.workflows.moved_trees import MovedTrees

_SHOWN = "fileorg history lists the operations"


class UndoOptions(NamedTuple):
    """The options of undo and redo. `operation` None is the last one. `include_changed`: also move back files that
    replaced the original ones. `roots`: paths of directories of the operation that were moved since.
    """

    operation: int | None = None
    redo: bool = False
    include_changed: bool = False
    rename: bool = False
    roots: Sequence[bytes] = ()


class UndoRun:
    """The inverse of an operation, ready to be shown and to be run once."""

    def __init__(self, undone: Operation, options: UndoOptions, session: Session, moved: MovedTrees | None) -> None:
        self.undone = undone
        self.moved = moved
        self.plan = UndoPlan(session.journal, undone, session.storages, rename=options.rename)
        self._options = options
        self._session = session

    @property
    def elsewhere(self) -> dict[Base, bytes]:
        """The directories other than the root, or all if there are several roots, by the base of the rows."""
        paths = {base: storage.root for base, storage in enumerate(self._session.storages)}
        if len(paths) > DEST + 1:
            return paths
        return {DEST: paths[DEST]} if paths[DEST] != paths[ROOT] else {}

    @property
    def further_roots(self) -> list[bytes]:
        """The directories of the operation other than its root and destination."""
        return [storage.root for storage in self._session.storages[DEST + 1 :]]

    @property
    def kind(self) -> str:
        return "redo" if self.undone.kind == "undo" else "undo"

    @property
    def first_kind(self) -> str:
        """The kind of the original operation: `organize` also for the redo of its undo."""
        first: Operation | None = self.undone
        while first is not None and first.undoes is not None and first.undoes < first.id:
            first = self._session.journal.operation(first.undoes)
        return first.kind if first is not None else ""

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Undo the operation. Raises `JournalError`."""
        changed = Changed.ANY if self._options.include_changed else Changed.EDITED
        facts = {}
        if self.moved is not None:
            self.moved.recognise_files(self._session.journal)
            facts = self.moved.facts()
        outcome = self._session.run(self.kind, self.plan, facts, stop, undoes=self.undone.id, changed=changed)
        outcome.notes += self._empty_roots()
        return outcome

    def _empty_roots(self) -> Iterator[str]:
        """Yield a note for each root that is empty now and that another operation made, whose undo had to keep it. This
        undo cannot remove it, because it does not work outside its roots.
        """
        empty = {storage.root for storage in self._session.storages if _is_empty(storage.root)}
        journal = self._session.journal
        operations = journal.operations() if empty and self.kind == "undo" else []
        for other in operations:
            if other.kind in FORWARD and not _is_left(journal, other, operations):
                for path in empty.intersection(journal.relations.made_folders(other)):
                    yield f"{display(path)} is empty now; operation {other.id} created it: fileorg undo {other.id}"


@contextlib.contextmanager
def undoing(
    options: UndoOptions, state: StateDirectory, reporter: Reporter, *, changes: bool = True
) -> Iterator[UndoRun]:
    """Find the operation to undo; the run holds its locks until the block ends. Without `changes` nothing is written.

    Raises `UsageError` if there is none, `OthersFirst` if later operations must be undone first, `Locked`,
    `JournalError`.
    """
    what = "redo" if options.redo else "undo"
    with Session.opened(state, what, reporter, changes=changes, reads_journal=True) as session:
        if not session.has_journal:
            raise nothing_to(what, state) if options.operation is None else UnknownOperation(options.operation)
        moved = None
        if options.roots:
            from fileorg.workflows.moved_trees import MovedTrees

            named = session.journal.operation(options.operation or 0)  # an interrupted one has nothing to undo yet
            about = chosen_operation(session.journal, options, state) if named is None else named
            moved = MovedTrees.found(session, about, options.roots, changes=changes)
        undone = chosen_operation(session.journal, options, state)
        _check_order(session.journal, undone, rename=options.rename)
        roots = session.journal.roots(undone)
        absent = set() if options.include_changed else absent_roots(roots)
        for root in roots:
            if root.path not in absent:
                _still_there(root.path, undone, options)
        session.reopen(roots, absent)
        if (other := another_root(session.storages, roots)) is not None and not options.include_changed:
            raise AnotherRoot(
                other,
                hint=f"mount its disk; if the folder was moved: {_with_root(undone, options)};"
                " or undo the files that are there now with --include-changed",
            )
        if undone.state is not OperationState.SEALED:
            raise UsageError(
                f"Operation {undone.id} was interrupted and is not recovered yet.",
                hint="fix the problems listed above, then run fileorg recover",
                code=ErrorCode.NOT_RECOVERED,
            )
        if changes:
            session.open_index_if_free()
        yield UndoRun(undone, options, session, moved)


def nothing_to(word: str, state: StateDirectory) -> UsageError:
    return UsageError(
        f"Nothing to {word} (journal: {display(state.path)}).", hint="fileorg history lists the operations"
    )


def _check_order(journal: Journal, undone: Operation, *, rename: bool) -> None:
    """Raise `OthersFirst`. Checked before the folders, because a later operation may have removed one."""
    operations = journal.operations()
    Order(journal, lambda each: _is_left(journal, each, operations), rename=rename).check(undone)


def chosen_operation(journal: Journal, options: UndoOptions, state: StateDirectory) -> Operation:
    """Return the operation to undo. An operation, its undo, the redo of that … form a chain: the newest link with
    something left to undo is chosen. Raises `UsageError` if there is none.
    """
    word = "redo" if options.redo else "undo"
    operations = journal.operations()
    if options.operation is None:
        kinds = BACKWARD if options.redo else FORWARD
        found = (op for op in operations if op.kind in kinds and _is_left(journal, op, operations))
        if (chosen := next(found, None)) is None:
            raise nothing_to(word, state)
        return chosen
    named = journal.operation(options.operation)
    if named is None:
        raise UnknownOperation(options.operation)
    chain = {named.id}
    for operation in reversed(operations):  # oldest first: an undo comes after its operation
        if operation.undoes in chain:
            chain.add(operation.id)
    forward = BACKWARD if options.redo or named.kind == "undo" else FORWARD
    for operation in operations:
        if operation.id in chain and operation.kind in forward and _is_left(journal, operation, operations):
            return operation
    for operation in operations:
        if (
            not options.redo
            and operation.id in chain
            and operation.kind in forward
            and _is_empty_again(journal, operation)
        ):
            return operation
    if named.kind == PURGE:
        raise UsageError(f"Operation {named.id} is a purge, which cannot be undone.", hint=_SHOWN)
    purged = any(operation.kind == PURGE and operation.done for operation in operations if operation.id in chain)
    why = ": its files in the trash were purged" if purged else ""
    raise UsageError(f"Operation {named.id} has nothing left to {word}{why}.", hint=_SHOWN)


def _is_left(journal: Journal, operation: Operation, operations: Sequence[Operation]) -> bool:
    """Return whether the operation has anything left to undo. Folders alone are tried once: the rest is not empty."""
    later = {each.kind for each in operations if each.undoes == operation.id}
    if not later - {PURGE}:
        return journal.has_done(operation) and (PURGE not in later or journal.trash.has_done_outside(operation))
    return journal.has_done(operation, folders=False) or journal.has_untried_folder(operation)


def _is_empty_again(journal: Journal, operation: Operation) -> bool:
    """Return whether a folder that an undo of the operation had to keep is empty now."""
    return any(_is_empty(path) for path in journal.relations.made_folders(operation))


def _is_empty(folder: bytes) -> bool:
    try:
        return not os.listdir(folder)
    except OSError:
        return False


def _with_root(operation: Operation, options: UndoOptions) -> str:
    return f"fileorg {'redo' if options.redo else 'undo'} {operation.id} --root NEW"


def _still_there(root: bytes, operation: Operation, options: UndoOptions) -> None:
    try:
        existing_folder(root)
    except UsageError as error:
        raise UsageError(
            f"The folder of operation {operation.id} does not exist: {display(root)}.",
            hint=f"mount its disk; or if the folder was moved: {_with_root(operation, options)}",
            code=ErrorCode.NO_SUCH_PATH,
            path=root,
        ) from error
