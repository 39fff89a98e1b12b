"""Undo and redo: the inverse of an operation, as a new operation."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, Exit, GuardRefused, Locked, UnknownOperation, UsageError
from fileorg.core.figures import when
from fileorg.core.model import DEST, ROOT, Base, OperationState
from fileorg.core.names import below, display, is_within, overlap, scheme_of
from fileorg.core.tuples import NamedTuple
from fileorg.execute.work import Changed
from fileorg.journal.journal import JobStart
from fileorg.journal.trash_records import PURGE
from fileorg.plan.undo_plan import UndoPlan
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.history import BACKWARD, FORWARD
from fileorg.workflows.idle_runs import IdleRun, idle_runs
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.order import Order
from fileorg.workflows.roots import AnotherRoot, absent_roots, another_root, check_services, is_there
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.core.errors import FileorgError
    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, Root
    from fileorg.plan.plan_lines import PlanLines
    from fileorg.workflows.moved_trees import MovedTrees
    from fileorg.workflows.session import Later
    from fileorg.workflows.undo_part import UndoPart

_SHOWN = UnknownOperation.hint


class UndoOptions(NamedTuple):
    """The options of undo and redo. `include_changed`: also move back files that replaced the original ones. `roots`:
    paths of directories of the operation that were moved since.

    `operation` None is the last one; then `within` is a real path, and only operations in, above or below it count.
    Without `further`, an operation is not chosen if a run after it changed nothing, or was purged. `part` limits the
    undo to some files; it names its targets: see `undo_steps`. The operations `after` are undone before.
    """

    operation: int | None = None
    redo: bool = False
    include_changed: bool = False
    rename: bool = False
    roots: Sequence[bytes] = ()
    within: bytes | None = None
    further: bool = True
    part: UndoPart | None = None
    after: Sequence[int] = ()


class NothingToUndo(UsageError):
    """There is nothing to undo or redo: the work is done, so the exit code is that of success."""

    exit_code = Exit.DONE


class UndoRun:
    """The inverse of an operation, ready to be shown and to be run once."""

    def __init__(
        self,
        undone: Operation,
        options: UndoOptions,
        session: Session,
        moved: MovedTrees | None,
        idle: IdleRun | None = None,
    ) -> None:
        self.undone = undone
        self.moved = moved
        self.idle = idle
        """The last run, if it came after `undone` and changed nothing."""
        self.is_part = options.part is not None and not session.journal.selection.is_all(undone)
        """True if only some files of the operation are undone."""
        self.left = session.journal.sums.left(undone)[0] if self.is_part else 0
        """How many files of the operation could be undone, if only some are."""
        self.plan = UndoPlan(session.journal, undone, session.storages, rename=options.rename, selected=self.is_part)
        self._options = options
        self._session = session

    @property
    def part(self) -> dict[str, Any] | None:
        """What says which files of the operation are undone, for display; None for all."""
        return self._options.part.facts() if self.is_part and self._options.part is not None else None

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
        facts: dict[str, Any] = {}
        if self.moved is not None:
            self.moved.recognise_files(self._session.journal)
            facts = self.moved.facts()
        if self.part is not None:
            facts |= {"part": self.part}
        outcome = self._session.run(self.kind, self.plan, facts, stop, undoes=self.undone.id, changed=changed)
        outcome.notes += self._empty_roots()
        if self._options.operation is not None and not self._options.redo and not self.is_part:
            outcome.notes += self._rest(self._options.operation)
        return outcome

    def _rest(self, number: int) -> Iterator[str]:
        """Yield a note if more of the named operation is left: parts that were redone are undone one by one."""
        operations, named = self._session.journal.operations(), self._session.journal.operation(number)
        chain = set() if named is None or named.kind not in FORWARD else chain_of(named, operations) - {self.undone.id}
        for each in operations:
            if each.id in chain and each.kind in FORWARD and is_left(self._session.journal, each, operations):
                yield f"More of operation {number} is left. Undo it with: fileorg undo {number}"
                return

    def plan_lines(self) -> PlanLines:
        """Return the plan as lines of JSON, for `fileorg apply`."""
        return self._session.plan_lines(self.plan)

    @property
    def all_roots(self) -> list[bytes]:
        """The directories that the plan is about, each once."""
        return self._session.roots

    def save(self, later: Later) -> None:
        """Keep the undo as a job to be carried out later: the records of the operation are its plan."""
        self._session.keep(self.plan.files, self.undone.root, later)

    def _empty_roots(self) -> Iterator[str]:
        """Yield a note for each root that is empty now and that another operation made, if its undo had to keep it, or
        had removed it before the undo of a later one made it again. This undo cannot remove it, because it does not
        work outside its roots.
        """
        empty = {storage.root for storage in self._session.storages if _is_empty(storage.root)}
        journal = self._session.journal
        operations = journal.operations() if empty and self.kind == "undo" else []
        for other in operations:
            if other.kind in FORWARD and not is_left(journal, other, operations):
                for path in empty.intersection(_folders_of(journal, other)):
                    yield f"{display(path)} is empty now; operation {other.id} created it: fileorg undo {other.id}"


@contextlib.contextmanager
def undoing(
    options: UndoOptions,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = True,
    resumes: JobStart | None = None,
    fd: int | None = None,
) -> Iterator[UndoRun]:
    """Find the operation to undo; the run holds its locks until the block ends. Without `changes` nothing is written.
    `resumes` is a job that is taken up again, `fd` its status file.

    Raises `UsageError` if there is none, `OthersFirst` if later operations must be undone first, `Locked`,
    `JournalError`.
    """
    what = "redo" if options.redo else "undo"
    job = resumes or JobStart(what, options_as_json(options), time.time_ns())
    with Session.opened(state, what, reporter, changes=changes, reads_journal=True, job=job, fd=fd) as session:
        if not session.has_journal:
            raise nothing_to(what, state) if options.operation is None else UnknownOperation(options.operation)
        moved = None
        if options.roots:
            from fileorg.workflows.moved_trees import MovedTrees

            named = session.journal.operation(options.operation or 0)  # an interrupted one has nothing to undo yet
            about = chosen_operation(session.journal, options, state)[0] if named is None else named
            moved = MovedTrees.found(session, about, options.roots, changes=changes)
        undone, idle = chosen_operation(session.journal, options, state)
        if options.part is None:
            with contextlib.closing(order_of(session.journal, options)) as order:
                order.check(undone)
        else:
            _select(session.journal, undone, options.part, options)
        known = session.journal.next_operation()
        roots = [_as_made_again(session.journal, undone, root) for root in session.journal.roots(undone)]
        absent = set() if options.include_changed else absent_roots(roots)
        absent |= _unused_destination(session.journal, undone, roots)
        for root in roots:
            if root.path not in absent:
                _still_there(root.path, undone, options)
        session.reopen(roots, absent)
        undone = _as_now(session.journal, undone, known)
        if (other := another_root(session.storages, roots)) is not None and not options.include_changed:
            raise AnotherRoot(
                other,
                hint=f"mount its disk; if the folder was moved: {_with_root(undone, options)};"
                " or undo the files that are there now with --include-changed",
            )
        if not options.include_changed:
            check_services(session.journal, undone, session.storages)
        if undone.state is not OperationState.SEALED:
            raise _not_recovered(undone)
        session.expect_renames(0 if options.part is not None else undone.done)
        if changes:
            session.open_index_if_free()
        session.name_job(options_as_json(options._replace(operation=undone.id, within=None)))
        yield UndoRun(undone, options, session, moved, idle)


def _as_now(journal: Journal, undone: Operation, known: int) -> Operation:
    """Return the operation as it is now that its directories are locked. `known` is the number of the next operation
    when it was chosen.

    Raises `Locked` if another run has worked in its directories since: another order may hold now.
    """
    roots = [root.path for root in journal.roots(undone)]
    for other in journal.operations("id >= ?", (known,)):
        if any(overlap(each.path, root) for each in journal.roots(other) for root in roots):
            raise Locked("Another fileorg has worked there meanwhile.", hint="run the command again")
    return journal.operation(undone.id) or undone


def _as_made_again(journal: Journal, undone: Operation, root: Root) -> Root:
    """Return a root, without its inode number if later operations have removed the folder and made it again."""
    if root.inode is None or is_there(root) or not journal.relations.is_made_again(undone, root.path):
        return root
    return root._replace(inode=None)


def nothing_to(word: str, state: StateDirectory) -> NothingToUndo:
    return NothingToUndo(f"Nothing to {word} (journal: {display(state.path)}).", hint=_SHOWN)


def order_of(journal: Journal, options: UndoOptions) -> Order:
    """Return the order in which operations can be undone. It is checked before the folders, because a later operation
    may have removed one.
    """
    operations = journal.operations()
    after = frozenset(options.after)
    return Order(
        journal,
        lambda each: each.id not in after and is_left(journal, each, operations),
        rename=options.rename,
        include_changed=options.include_changed,
    )


def _select(journal: Journal, undone: Operation, part: UndoPart, options: UndoOptions) -> None:
    """Select the files of a part. Raises `NothingToUndo` if none of them is of the operation."""
    from fileorg.workflows.undo_part import plan_part

    targets = [operation for number in part.targets if (operation := journal.operation(number)) is not None]
    with contextlib.closing(order_of(journal, options)) as order:
        plan = plan_part(journal, targets, part, order)
    if undone.id not in {step.operation.id for step in plan.steps}:
        word = "redo" if options.redo else "undo"
        raise NothingToUndo(f"Operation {undone.id} has nothing left to {word} there.", hint=_SHOWN)


def chosen_operation(journal: Journal, options: UndoOptions, state: StateDirectory) -> tuple[Operation, IdleRun | None]:
    """Return the operation to undo, and the run after it that changed nothing, if any.

    An operation, its undo, the redo of that … form a chain: the newest link with something left to undo is chosen.
    Raises `UsageError` if there is none, `GuardRefused` if there are only others that were not asked for.
    """
    if options.part is not None and (named := journal.operation(options.operation or 0)) is not None:
        return named, None
    if options.operation is not None:
        return _numbered(journal, options.operation, state, redo=options.redo), None
    kinds = BACKWARD if options.redo else FORWARD
    operations = journal.operations()
    idle = None if options.redo else _idle_run(options.within, state)
    last = None
    for operation in operations:
        if operation.kind not in kinds or not is_in(journal, operation, options.within):
            continue
        _refuse_open(journal, operation, state)
        if is_left(journal, operation, operations):
            last = operation
            break
        later = {each.kind for each in operations if each.undoes == operation.id}
        if later == {PURGE} and not options.further:
            raise GuardRefused(
                f"Operation {operation.id}, the last one there, cannot be undone: purge deleted its files.",
                hint=_SHOWN,
                code=ErrorCode.PURGED,
            )
        if not later and not options.redo and (idle is None or idle.after < operation.id):
            ended = operation.ended_ns or operation.started_ns
            idle = IdleRun(operation.root, operation.kind, ended, operation.id)
    if last is None:
        raise none_there(options, state, (each for each in operations if is_left(journal, each, operations)))
    idle = idle if idle is not None and idle.after >= last.id else None
    if idle is not None and not options.further:
        raise NothingToUndo(
            f"Nothing to undo: the last run in {display(idle.root)} ({idle.kind}, {when(idle.ended_ns)})"
            " changed nothing.",
            hint=f"to undo the operation before it: fileorg undo {last.id}",
        )
    return last, idle


def none_there(options: UndoOptions, state: StateDirectory, left: Iterable[Operation]) -> FileorgError:
    """Return the error for a folder in which nothing can be undone; it names the newest operation of those `left`."""
    word, kinds = ("redo", BACKWARD) if options.redo else ("undo", FORWARD)
    other = next((each for each in left if each.kind in kinds), None)
    if options.within is None or other is None:
        return nothing_to(word, state)
    return GuardRefused(
        f"Nothing in {display(options.within)} can be {'redone' if options.redo else 'undone'}: operation"
        f" {other.id}, the last one, was in {display(other.root)}.",
        hint=f"name the operation: fileorg {word} {other.id}",
        code=ErrorCode.OPERATION_ELSEWHERE,
        path=options.within,
    )


def _idle_run(within: bytes | None, state: StateDirectory) -> IdleRun | None:
    """Return the last run there that changed nothing and is no operation, if any."""
    runs = [run for run in idle_runs(state) if within is None or overlap(run.root, within)]
    return max(runs, key=lambda run: (run.after, run.ended_ns), default=None)


def is_in(journal: Journal, operation: Operation, within: bytes | None) -> bool:
    return within is None or any(overlap(root.path, within) for root in journal.roots(operation))


def _refuse_open(journal: Journal, operation: Operation, state: StateDirectory) -> None:
    """Raise `Locked` for an operation that a process carries out now, `UsageError` for one that was interrupted: until
    it is recovered, nobody knows what it has done.
    """
    if operation.state is not OperationState.SEALED:
        job = journal.job_of(operation.id)
        if job is not None and state.is_alive(job):
            raise Locked(
                f"Another fileorg is running: job {job} carries out operation {operation.id}.",
                hint=f"watch it: fileorg jobs attach {job}; or name the operation to undo: fileorg undo N",
            )
        raise _not_recovered(operation)


def _not_recovered(operation: Operation) -> UsageError:
    return UsageError(
        f"Operation {operation.id} was interrupted and is not recovered yet.",
        hint="run fileorg recover, which says what is in the way",
        code=ErrorCode.NOT_RECOVERED,
    )


def _numbered(journal: Journal, number: int, state: StateDirectory, *, redo: bool) -> Operation:
    """Return the newest link of the chain of an operation with something left to undo; of several, the one that was not
    tried, or not for longest: what an undo had to keep bars none of the others. Raises `UsageError`.
    """
    word = "redo" if redo else "undo"
    operations = journal.operations()
    named = journal.operation(number)
    if named is None:
        raise UnknownOperation(number)
    chain = chain_of(named, operations)
    for operation in operations:
        if operation.id in chain:
            _refuse_open(journal, operation, state)
    forward = BACKWARD if redo or named.kind == "undo" else FORWARD
    links = [each for each in operations if each.id in chain and each.kind in forward]
    if left := [link for link in links if is_left(journal, link, operations)]:
        return min(left, key=lambda link: _last_try(link, operations))
    for link in links if not redo else ():
        if _has_folder_again(journal, link, operations):
            return link
    if named.kind == PURGE:
        raise UsageError(
            f"Operation {named.id} is a purge, which cannot be undone.", hint=_SHOWN, code=ErrorCode.PURGED
        )
    if any(operation.kind == PURGE and operation.done for operation in operations if operation.id in chain):
        raise UsageError(
            f"Operation {named.id} has nothing left to {word}: its files in the trash were purged.",
            hint=_SHOWN,
            code=ErrorCode.PURGED,
        )
    raise NothingToUndo(f"Operation {named.id} has nothing left to {word}.", hint=_SHOWN)


def _last_try(link: Operation, operations: Sequence[Operation]) -> int:
    """Return the number of the last operation that was to undo or redo this one, 0 if there is none."""
    return max((each.id for each in operations if each.undoes == link.id and each.kind != PURGE), default=0)


def chain_of(named: Operation, operations: Sequence[Operation]) -> set[int]:
    """Return an operation with its undos, their redos, and so on; `operations` are the newest first."""
    chain = {named.id}
    for operation in reversed(operations):  # an undo comes after its operation
        if operation.undoes in chain:
            chain.add(operation.id)
    return chain


def is_left(journal: Journal, operation: Operation, operations: Sequence[Operation]) -> bool:
    """Return whether the operation has anything left to undo. Folders alone are tried once: the rest is not empty."""
    later = {each.kind for each in operations if each.undoes == operation.id}
    if not later - {PURGE}:
        return journal.has_done(operation) and (PURGE not in later or journal.trash.has_done_outside(operation))
    return journal.has_done(operation, folders=False) or journal.has_untried_folder(operation)


def _has_folder_again(journal: Journal, operation: Operation, operations: Sequence[Operation]) -> bool:
    """Return whether a folder is empty now that an undo of the operation had to keep, or that the undo of a later one
    made again; or whether one that was there is gone, unless a later operation has removed it, whose undo brings it
    back.
    """
    removed = journal.relations.removed_folders
    if any(_is_empty(path) for path in _folders_of(journal, operation)):
        return True
    gone = {path for path in removed(operation) if not scheme_of(path) and not os.path.lexists(path)}
    later = [each for each in operations if each.id > operation.id] if gone else []
    return bool(gone.difference(*map(removed, later)))


def _folders_of(journal: Journal, operation: Operation) -> Iterator[bytes]:
    """Yield the absolute paths of folders that are to go with an operation, although an undo may have tried."""
    yield from journal.relations.made_folders(operation)
    yield from journal.relations.made_again(operation)


def _is_empty(folder: bytes) -> bool:
    try:
        return not os.listdir(folder)
    except OSError:
        return False


def _with_root(operation: Operation, options: UndoOptions) -> str:
    return f"fileorg {'redo' if options.redo else 'undo'} {operation.id} --root NEW"


def _unused_destination(journal: Journal, operation: Operation, roots: Sequence[Root]) -> set[bytes]:
    """Return the destination if it is missing and the operation did nothing in it, because its rules sent all files
    elsewhere: an earlier operation had made it, and its undo has removed it.
    """
    root, dest = (each.path for each in roots[: DEST + 1])
    if dest == root or scheme_of(dest) or os.path.lexists(dest):
        return set()
    used = (below(roots[base].path, path) for _, base, path, *_ in journal.folders(operation.id))
    return set() if any(is_within(folder, dest) for folder in used) else {dest}


def _still_there(root: bytes, operation: Operation, options: UndoOptions) -> None:
    if scheme_of(root):
        return
    try:
        existing_folder(root)
    except UsageError as error:
        raise UsageError(
            f"The folder of operation {operation.id} does not exist: {display(root)}.",
            hint=f"mount its disk; or if the folder was moved: {_with_root(operation, options)}",
            code=ErrorCode.NO_SUCH_PATH,
            path=root,
        ) from error
