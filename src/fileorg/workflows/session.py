"""The session of a command that changes files: its locks, journal, directories and index. Carries out its plan."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, cast

from fileorg.core.descriptors import raise_limit
from fileorg.core.errors import FileorgError, Locked
from fileorg.core.events import ended_jobs
from fileorg.core.locks import naming_who, place_for_run
from fileorg.core.model import GIVEN, PARALLEL, JobState
from fileorg.core.names import display, join, overlap
from fileorg.execute.run import execute
from fileorg.execute.work import Changed
from fileorg.journal.trash_records import TRASH
from fileorg.storage.base import Kind
from fileorg.storage.local.worker import is_process_worth_it, renamer_for
from fileorg.workflows.guards import NOTHING, Allowed, check_opened, unwritable
from fileorg.workflows.locked_index import locked_index
from fileorg.workflows.open_journal import open_journal
from fileorg.workflows.operations import (
    JobRun,
    begin,
    free_job,
    given_limits,
    interrupt_dead_jobs,
    mend_torn,
    notes_on_mended,
    rows_at_a_time,
    take_back,
)
from fileorg.workflows.roots import locked, open_root, reopened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import TypeVar

    from fileorg.core.events import Reporter
    from fileorg.core.locks import Place
    from fileorg.core.model import Outcome, Plan
    from fileorg.core.state import StateDirectory
    from fileorg.execute.moved_digests import MovedDigests
    from fileorg.index.index import Index
    from fileorg.journal.journal import JobStart, Journal
    from fileorg.journal.reader import JournalReader
    from fileorg.journal.rows import Root
    from fileorg.plan.plan_lines import PlanLines
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.local.worker import Renamer
    from fileorg.storage.object.object_storage import ObjectStorage
    from fileorg.workflows.roots import Reopened

    _Held = TypeVar("_Held")


PLAN_COLUMNS = "FILEORG_PLAN_COLUMNS"
"""The variable of the environment by which a page asks a command for the columns of its plan."""
LEFT_FOLDERS = "left_folders"
"""The fact of a run that names the folders of stores which it takes everything out of."""


class Later:
    """How a job is to be carried out later. `holds`: only after `fileorg jobs approve`. `columns`: its plan is also
    written as columns, for a page that shows it.
    """

    def __init__(self, *, holds: bool = False, columns: bool = False) -> None:
        self.holds = holds
        self.columns = columns
        self.number = 0
        """The number of the job, once it is kept."""
        self.fd = -1
        """Its status file, whose lock the process that carries it out inherits."""


class Session:
    """The locks, recovered journal, directories, index and reporter of one command.

    A session without changes, such as a dry run, has no journal or only reads it, and locks no directories.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        state: StateDirectory,
        what: str,
        reporter: Reporter,
        journal: Journal | None,
        *,
        changes: bool,
        start: JobStart | None = None,
    ) -> None:
        self.state = state
        self.reporter = reporter
        self.storages: Sequence[LocalStorage] = ()
        """The directories, by `Base`."""
        self.locks: list[int] = []
        """Descriptors of the locks; the worker process holds them too."""
        self._stack = stack
        self._after_locks = stack
        """Closed when the locks are released: only then a job looks ended to those who wait for it."""
        self._what = what
        self._place: Place | None = None
        self._left: set[int] = set()
        """Interrupted operations that cannot be recovered now."""
        self._journal = journal
        self._changes = changes
        self._has_begun = self._has_roots = False
        self._start = start
        self._job: JobRun | None = None
        self._index: Index | None = None
        self._index_is_optional = False
        self._renamer: Renamer | None = None
        """The process that renames, if it was started before the plan was made."""
        self._uses: dict[bytes, list[bytes]] = {}
        """The checked paths below each directory in which files may be changed, empty for the directory itself."""

    @classmethod
    @contextlib.contextmanager
    def opened(
        cls,
        state: StateDirectory,
        what: str,
        reporter: Reporter,
        *,
        changes: bool = True,
        reads_journal: bool = False,
        kind: str = "",
        job: JobStart | None = None,
        fd: int | None = None,
    ) -> Iterator[Session]:
        """Lock, open the journal and recover interrupted operations; without `changes`, do none of these, but with
        `reads_journal` open the journal for reading if there are operations.

        `what` describes this run to others that find it locked. With a `kind`, such as `organize`, a run that changes
        nothing is noted for undo. `job` describes the job of its operations; one with a number is claimed now, and ends
        with the session. `fd` is its status file, if this process holds its lock already.

        Raises `Locked`, `StateError`, `JournalError`.
        """
        raise_limit()
        with contextlib.ExitStack() as stack:
            if not changes:
                has_journal = reads_journal and state.has_journal
                journal = stack.enter_context(open_journal(state, read_only=True)) if has_journal else None
                yield cls(stack, state, what, reporter, journal, changes=False)
                return
            after_locks = stack.enter_context(contextlib.ExitStack())
            place = stack.enter_context(place_for_run(state, what, GIVEN.limits.parallel or PARALLEL))
            journal = stack.enter_context(open_journal(state))
            session = cls(stack, state, what, reporter, journal, changes=True, start=job)
            session._after_locks = after_locks
            session._place = place
            session.locks += place
            if journal.open_operations():
                session._recover()
            interrupt_dead_jobs(state, journal)
            last = session.next_operation - 1
            try:
                with session._claimed(fd):
                    yield session
            finally:
                if kind and session._has_roots and not session._has_begun:
                    from fileorg.workflows.idle_runs import note_idle_run

                    with journal.alone():
                        note_idle_run(state, (storage.root for storage in session.storages), kind, last)

    @contextlib.contextmanager
    def _claimed(self, fd: int | None) -> Iterator[None]:
        """Carry out a job that has a row; it ends with this block, at the latest."""
        if self._start is None or not self._start.number:
            yield
            return
        with self._as_job(self._start, fd) as job:
            reporter, self.reporter = self.reporter, job.reporter(self.reporter)
            yield
            self.reporter = reporter
            if not job.has_ended:
                job.end(JobState.DONE)

    def name_job(self, options: str) -> None:
        """Set the options of the job, once it is known what they amount to."""
        if self._start is not None and not self._start.number:
            self._start = self._start._replace(options=options)

    @contextlib.contextmanager
    def _as_job(self, start: JobStart, fd: int | None = None) -> Iterator[JobRun]:
        job = self._job = JobRun(self.state, self.journal, start, fd=fd)
        self._after_locks.callback(job.close)
        self.locks.append(job.fd)
        try:
            self._say_job()
            yield job
        except BaseException as error:
            if not job.has_ended:
                job.fail(error)
            raise
        finally:
            self.locks.remove(job.fd)

    def file_of_job(self, what: bytes) -> bytes | None:
        """Return the path of a file of the job that this session was opened for, None without one."""
        return None if self._job is None else self.state.of_job(self._job.start.number, what)

    def end_job(self, state: JobState, reason: str) -> None:
        """Record the end of the job that this session was opened for, if there is one. Raises `JournalError`."""
        if self._job is not None:
            self._job.end(state, reason)

    def end_job_with(self, outcome: Outcome) -> None:
        """Record the end of the job by an outcome, unless it has ended. Raises `JournalError`."""
        if self._job is not None and not self._job.has_ended:
            self._job.end_with(outcome)

    def _say_job(self, roots: Sequence[bytes] = ()) -> None:
        """Write the job and its directories into its place, for a run that finds them taken."""
        if self._place is not None:
            roots = roots or list(dict.fromkeys(storage.root for storage in self.storages))
            self._place.describe(self._what, 0 if self._job is None else self._job.start.number, roots)

    def _recover(self, only: Collection[int] = ()) -> None:
        from fileorg.workflows.recover import recover_open

        own = 0 if self._start is None else self._start.number
        found = recover_open(self.journal, self.state, self.reporter, own, only)
        self._left |= set() if found is None else {operation.id for operation in found.left}

    @contextlib.contextmanager
    def working(self, files: int) -> Iterator[tuple[JobRun, Reporter]]:
        """Yield the job in which files are changed, and the reporter of its progress. `files` is their number.

        The row of a new job is added by its first operation: see `begin`.
        """
        self._has_begun = True
        if self._job is not None:
            self._job.is_changing = True
            yield self._job, self.reporter
        elif self._start is None:
            raise AssertionError("a session that changes files says what its job is")
        else:
            with self._as_job(self._start._replace(files=files)) as job:
                job.is_changing = True
                yield job, job.reporter(self.reporter)

    @property
    def journal(self) -> Journal:
        if self._journal is None:
            raise AssertionError("this session has no journal")
        return self._journal

    @property
    def has_journal(self) -> bool:
        """False if there are no operations, in a session that only reads the journal."""
        return self._journal is not None

    @contextlib.contextmanager
    def journal_if_any(self) -> Iterator[JournalReader | None]:
        """Yield the journal for reading, also in a session without changes; None if there are no operations."""
        if self._journal is not None:
            yield self._journal
        elif not self.state.has_journal:
            yield None
        else:
            with open_journal(self.state, read_only=True) as journal:
                yield journal

    @property
    def changes(self) -> bool:
        """False in a session that changes nothing, such as a dry run."""
        return self._changes

    @property
    def next_operation(self) -> int:
        """The number of the session's operation, 0 in a session without changes."""
        return self.journal.next_operation() if self._changes else 0

    @property
    def trash(self) -> bytes:
        """The trash folder of the session's operation, relative to a root. It is named after the operation and new in
        all directories: an operation of another state directory may have the same number.
        """
        own = name = b"%d" % self.next_operation
        number = 1
        while any(_has_trash(storage, name) for storage in self.storages):
            number += 1
            name = b"%b-%d" % (own, number)
        return join(TRASH, name)

    def open(self, root: bytes, *, one_file_system: bool = False) -> LocalStorage:
        """Return the storage of a directory for reading; the session closes it.

        Raises `GuardRefused` if the directory was replaced since the check, `OSError`.
        """
        return open_root(self._stack, root, one_file_system=one_file_system)

    def open_changeable(
        self, root: bytes, allowed: Allowed = NOTHING, *, one_file_system: bool = False, to_be_made: bytes = b""
    ) -> LocalStorage:
        """Return the storage of a directory in which files are moved. The open directory is checked again by the
        guards: see `check_opened`. Raises like `changeable_folder`, `OSError`.
        """
        storage = self.open(root, one_file_system=one_file_system)
        if storage.kind is Kind.LOCAL:
            check_opened(storage.fd(b""), root, self.state, allowed, to_be_made=to_be_made)
        self._uses.setdefault(root, []).append(to_be_made)
        return storage

    def report_unwritable(self, storages: Iterable[LocalStorage]) -> None:
        """In a session without changes, report the directories that a run could not write."""
        if self._changes:
            return
        for storage in dict.fromkeys(each for each in storages if each.kind is Kind.LOCAL):
            if (error := unwritable(storage.fd(b""), display(storage.root))) is not None:
                self.reporter.note(f"{error} A run would be refused.")

    def lock(self, storages: Iterable[LocalStorage]) -> None:
        """Lock the directories against other runs; called once per session. Raises `Locked`."""
        if self._changes:
            storages = list(storages)
            paths = [storage.root for storage in storages]
            self.locks += self._locked(lambda: locked(storages, self._alone), paths)

    def refuse_unsafe(
        self,
        storages: Sequence[LocalStorage] | None = None,
        *,
        only_uploads: bool = False,
        allow_unsafe: bool = False,
    ) -> None:
        """In a session with changes, refuse stores that ignore conditions: see `safe_stores`. `storages` are by default
        those of the session. Raises `FileorgError`.
        """
        storages = self.storages if storages is None else storages
        if self._changes and any(storage.kind is not Kind.LOCAL for storage in storages):
            from fileorg.workflows.safe_stores import refuse_unsafe

            refuse_unsafe(storages, self.state, only_uploads=only_uploads, allow_unsafe=allow_unsafe)

    def reopen(self, roots: Sequence[Root], absent: Collection[bytes] = ()) -> None:
        """Open the directories of an earlier operation, except the `absent` ones, and lock them for changes.

        Raises `GuardRefused`, `Locked`, `OSError`.
        """

        def opened() -> contextlib.AbstractContextManager[Reopened]:
            return reopened(roots, self.state, absent, lock=self._changes, alone=self._alone)

        if not self._changes:
            self.storages, _ = self._stack.enter_context(opened())
            return
        paths = [root.path for root in roots]
        self.storages, locks = self._locked(opened, paths)
        self.locks += locks

    def _locked(self, lock: Callable[[], contextlib.AbstractContextManager[_Held]], roots: Sequence[bytes]) -> _Held:
        """Enter a context that locks the directories `roots`. Raises `Locked`, naming who holds one of them.

        A run that worked there may have been killed since this session began: its operation is recovered first.
        """
        for is_last in (False, True):
            held = contextlib.ExitStack()
            with naming_who(self.state):
                found = held.enter_context(lock())
            if not (interrupted := self._interrupted_in(roots)):
                self._stack.push(held)
                self._say_job(roots)
                self._has_roots = True
                return found
            held.close()
            if not is_last:
                self._recover(interrupted)
        raise Locked("Another fileorg recovers an interrupted operation there just now.", hint="run the command again")

    def _interrupted_in(self, roots: Sequence[bytes]) -> list[int]:
        """Return the operations in these directories that were interrupted and may be recovered now."""
        return [
            operation.id
            for operation in self.journal.open_operations()
            if operation.id not in self._left
            and any(overlap(each.path, root) for each in self.journal.roots(operation) for root in roots)
        ]

    def _alone(self) -> None:
        if self._place is not None:
            self._place.hold_alone()

    def open_index(self, *, in_memory: bool = False) -> Index:
        """Return the locked index, or an empty temporary one in memory. Raises `Locked`, `StateError`."""
        from fileorg.index.index import Index

        opened: contextlib.AbstractContextManager[Index] = (
            Index(None) if in_memory else locked_index(self.state, self._what, self.reporter)
        )
        try:
            self._index = self._stack.enter_context(opened)
        except Locked:  # another run has it: it is a cache, and this run does without
            if not self._changes:
                raise
            self._index = self._stack.enter_context(Index(None))
        return self._index

    def open_index_if_free(self) -> None:
        """Open the index to keep the digests of moved files, if it can be locked. It is a cache: the session does not
        wait for a scan and continues without it.
        """
        self._index_is_optional = True
        with contextlib.suppress(FileorgError):
            self.open_index()

    def expect_renames(self, files: int) -> None:
        """Start the process that renames, if it is worth it for about so many files: it is ready once the plan is. The
        directories are locked; the process holds these locks, too, but not that of a job which begins later.
        """
        if self._changes and self._renamer is None and is_process_worth_it(files, self.storages):
            self._renamer = self._stack.enter_context(contextlib.closing(renamer_for(files, self.storages, self.locks)))

    def _taken_renamer(self, files: int) -> Renamer:
        renamer, self._renamer = self._renamer, None
        return renamer or renamer_for(files, self.storages, self.locks)

    def run(
        self,
        kind: str,
        plan: Plan,
        facts: dict[str, Any],
        stop: Callable[[], bool],
        *,
        renames: int | None = None,
        stage: str | None = None,
        undoes: int | None = None,
        copies: bool = False,
        size_bytes: int = 0,
        changed: Changed = Changed.LEAVE,
        ends_job: bool = True,
    ) -> Outcome:
        """Carry out a plan as a new operation. `facts` are stored for display; `renames` is the expected number of
        renames, by default one per file; `copies`: file contents are read or written, of `size_bytes` if that is known.
        Without `ends_job`, the job of a run that was not interrupted ends with `end_job_with`. Raises `JournalError`.
        """
        digests = self._moved_digests()
        with self.working(plan.files) as (job, reporter):
            operation = begin(self.journal, kind, self.storages, facts, undoes, job.start)
            reporter.stage(stage or kind, plan.files)
            renames = plan.files if renames is None else renames
            over = job.is_cancelled
            if stores := [each for each in dict.fromkeys(self.storages) if each.kind is not Kind.LOCAL]:
                over = lambda: stop() or job.is_cancelled()  # noqa: E731  a batch of a store may take minutes
                for store in stores:
                    cast("ObjectStorage", store).client.cancel_by(over)
            with contextlib.closing(self._taken_renamer(renames)) as renamer:
                outcome = execute(
                    plan,
                    self.journal,
                    operation,
                    self.storages,
                    renamer,
                    reporter,
                    stop=job.stopping(stop),
                    changed=changed,
                    rows=rows_at_a_time(self.storages, plan.files, copies=copies, size_bytes=size_bytes),
                    digests=digests,
                    is_cancelled=over,
                )
            for store in stores:  # what a stop has torn has to go back all the same
                cast("ObjectStorage", store).client.cancel_by(lambda: False)
            mended = mend_torn(self.journal, operation, self.storages, reporter)
            if ends_job or outcome.interrupted:
                job.end_with(outcome)
            outcome.job = job.start.number
        if left := facts.get(LEFT_FOLDERS):
            from fileorg.workflows.stores import notes_on_left

            outcome.notes += notes_on_left(map(os.fsencode, left), self.storages)
        if mended is not None:
            if kind == "undo":
                outcome.done += mended.done
            else:
                take_back(outcome, mended)
            outcome.notes += notes_on_mended(mended)
        return outcome

    def save(
        self,
        kind: str,
        plan: Plan,
        facts: dict[str, Any],
        later: Later,
        *,
        renames: int | None = None,
        stage: str | None = None,
        copies: bool = False,
        reads: Collection[bytes] = (),
    ) -> None:
        """Keep a plan as a job to be carried out later: the arguments are those of `run`. `reads` are the directories
        in which nothing changes. Raises `OSError`, `JournalError`.
        """
        from fileorg.plan.saved_plan import PlanHead, PlannedRoot, write_plan

        roots = [
            PlannedRoot(each.root, *each.identity, each.root not in reads, self._uses.get(each.root, ()))
            for each in self.storages
        ]
        renames = plan.files if renames is None else renames
        head = PlanHead(kind, facts, stage or kind, plan.files, renames, copies, self.trash, roots)
        rows = rows_at_a_time(self.storages, plan.files, copies=copies)

        def write(number: int) -> None:
            path = os.path.basename(self.state.of_job(number, b"plan"))
            with self.state.opened() as at, contextlib.ExitStack() as stack:
                seen = None
                if later.columns:
                    from fileorg.report.plan_columns import columns_file

                    seen = stack.enter_context(columns_file(path + b".columns", at, [root.path for root in roots]))
                write_plan(path, at, head, plan, rows, seen)

        self.keep(plan.files, self.storages[0].root, later, write)

    def plan_lines(self, plan: Plan) -> PlanLines:
        """Return a plan as lines of JSON, for `fileorg apply`."""
        from fileorg.plan.plan_lines import PlanLines

        roots, etag = {base: storage.root for base, storage in enumerate(self.storages)}, lambda _: ""
        if any(storage.kind is not Kind.LOCAL for storage in self.storages):
            from fileorg.workflows.stores import etags_of

            etag = etags_of(self.storages)
        return PlanLines(plan, roots, etag=etag)

    @property
    def roots(self) -> list[bytes]:
        """The directories, each once."""
        return list(dict.fromkeys(storage.root for storage in self.storages))

    def keep(self, files: int, root: bytes, later: Later, write: Callable[[int], None] = lambda _: None) -> None:
        """Add the row of a job to be carried out later, after `write` has written its plan, if it needs one."""
        if self._start is None:
            raise AssertionError("a session that changes files says what its job is")
        self._has_begun = True
        number, fd = free_job(self.state, self.journal)
        try:
            write(number)
            with self.journal.transaction():
                start = self._start._replace(number=number, files=files, limits=given_limits())
                state = JobState.WAITING if later.holds else JobState.QUEUED
                self.journal.add_job(start, root, state=state, background=True)
        except BaseException:
            for what in (b"status", b"plan", b"plan.part", b"plan.columns"):
                with contextlib.suppress(OSError):
                    os.unlink(self.state.of_job(number, what))
            os.close(fd)
            raise
        later.number, later.fd = number, fd
        if later.holds:
            ended_jobs.append((self.state.path, number))

    def _moved_digests(self) -> MovedDigests | None:
        if self._index is None or any(storage.kind is not Kind.LOCAL for storage in self.storages):
            return None  # the digests of a store do not depend on places
        from fileorg.execute.moved_digests import MovedDigests

        try:
            return MovedDigests(self._index, self.storages)
        except FileorgError:
            if self._index_is_optional:
                return None
            raise


def _has_trash(storage: LocalStorage, name: bytes) -> bool:
    try:
        return storage.lstat(TRASH, name) is not None
    except OSError:  # the plan will report the error
        return False
