"""Purge: empty the trash, operation by operation, and report what can no longer be undone."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, FileorgError, Locked, UnknownOperation, UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import Outcome, Problem
from fileorg.core.names import display, join
from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple
from fileorg.execute.last_copies import LastCopies
from fileorg.execute.purging import purge
from fileorg.execute.trash import check_trash
from fileorg.execute.verdict import Refusal
from fileorg.journal.journal import JobStart
from fileorg.journal.trash_records import PURGE
from fileorg.workflows.operations import begin, options_as_json, rows_at_a_time
from fileorg.workflows.roots import AnotherRoot, another_root, check_services, reopened
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Entry
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.journal.trash_records import Trashed
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.workflows.operations import JobRun
    from fileorg.workflows.session import Later

_PROBLEMS_KEPT = 1000


class NotRecovered(UsageError):
    """An operation was interrupted, and its trash cannot be purged before it is recovered."""

    code = ErrorCode.NOT_RECOVERED


class PurgeOptions(NamedTuple):
    """The options of `fileorg purge`. Without `operations`, all that have files in the trash are purged. Only those
    that began before `older_than_ns` count. With `trash_size`, in bytes, the oldest beyond this size count too.
    """

    operations: Sequence[int] = ()
    older_than_ns: int | None = None
    trash_size: int | None = None


class InTrash(NamedTuple):
    """The files of an operation in the trash. `size_bytes` is the least that would be freed: files with other hard
    links do not count, although these may be in the trash too. `kept` files were changed there or are last copies.
    """

    operation: Operation
    files: int
    size_bytes: int
    kept: int


class TrashFile(NamedTuple):
    """One file that would be removed. `path` is absolute, `size_bytes` is the space that it frees."""

    operation: int
    path: bytes
    size: int
    size_bytes: int


class Purged(NamedTuple):
    """An operation whose trash the operation `purge` has emptied; `wholly` if nothing of it can be undone now, and
    `is_whole` if all of it can: its files are in a store.
    """

    operation: int
    purge: int
    files: int
    size_bytes: int
    wholly: bool
    is_whole: bool = False


class PurgeRun:
    """The files to remove, ready to be shown and to be removed once."""

    def __init__(self, found: Sequence[InTrash], session: Session) -> None:
        self.found = found
        self.files = sum(one.files for one in found)
        self.size_bytes = sum(one.size_bytes for one in found)
        self.purged: list[Purged] = []
        """The results by operation; filled by `run`, like `outcome`."""
        self.outcome = Outcome()
        self._session = session

    def rows(self) -> Iterator[TrashFile]:
        """Yield each file that would be removed."""
        with contextlib.closing(_Links()) as links:
            for operation, *_ in self.found:
                with _opened(self._session, operation) as storages:
                    for file, found in _all_files(self._session.journal, operation, storages):
                        if found is not None and not isinstance(found, Exception):
                            path = os.path.join(storages[file.base].root, file.folder, file.name)
                            yield TrashFile(operation.id, path, found.size, links.freed(found))

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Remove the files permanently. Raises `JournalError`, `Locked`; `StorageFailure` if a disk fails."""
        total = self.outcome
        if not self.files:
            for operation, *_ in self.found:
                with _opened(self._session, operation) as storages:
                    _add(total, _kept(self._session.journal, operation, storages))
            return total
        with self._session.working(self.files) as (job, reporter):
            reporter.stage(PURGE, self.files)
            for operation, files, *_ in self.found:
                if job.stopping(stop)():
                    total.interrupted = True
                    break
                try:
                    self._purge(operation, files, job, reporter, stop)
                except (Locked, NotRecovered) as error:  # another run began to work there after the look
                    total.notes.append(_skipped(operation, error))
            job.end_with(total)
        return total

    @property
    def more_roots(self) -> dict[int, int]:
        """The number of folders beside the first, for operations with several."""
        with self._session.journal_if_any() as journal:
            return {} if journal is None else journal.more_roots()

    @property
    def in_several(self) -> bool:
        """Whether the files are in several folders, so that only whole paths tell them apart."""
        operations, more = [one.operation for one in self.found], self.more_roots
        return len({each.root for each in operations}) > 1 or any(each.dest or each.id in more for each in operations)

    def save(self, later: Later) -> None:
        """Keep the purge as a job to be carried out later: the records of its operations are its plan."""
        self._session.keep(self.files, self.found[0].operation.root if self.found else b"/", later)

    def _purge(
        self, operation: Operation, files: int, job: JobRun, reporter: Reporter, stop: Callable[[], bool]
    ) -> None:
        journal = self._session.journal
        with _opened(self._session, operation) as storages:
            if not files:
                _add(self.outcome, _kept(journal, operation, storages))
                return
            began = begin(journal, PURGE, storages, {}, operation.id, job.start)
            rows = rows_at_a_time(storages, files)
            outcome = purge(journal, began, storages, reporter, stop=job.stopping(stop), rows=rows)
        wholly = not journal.trash.has_done_outside(operation)
        self.purged.append(
            Purged(operation.id, began.id, outcome.done, outcome.size_bytes, wholly, not journal.trash.lost(operation))
        )
        _add(self.outcome, outcome)


def _add(total: Outcome, outcome: Outcome) -> None:
    total.operation = outcome.operation or total.operation
    total.done += outcome.done
    total.size_bytes += outcome.size_bytes
    total.seconds += outcome.seconds
    total.interrupted |= outcome.interrupted
    total.notes += outcome.notes
    total.problems += outcome.problems[: _PROBLEMS_KEPT - len(total.problems)]
    for state, files in outcome.counts.items():
        total.counts[state] = total.counts.get(state, 0) + files


@contextlib.contextmanager
def purging(
    options: PurgeOptions,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = True,
    resumes: JobStart | None = None,
    fd: int | None = None,
) -> Iterator[PurgeRun]:
    """Find the files in the trash; the run holds the run lock until the block ends. Without `changes` nothing is
    written. `resumes` is a job that is taken up again, `fd` its status file.

    Operations that cannot be purged now, because their disk is missing or they are not recovered, are left out with a
    note to the reporter. Raises `UsageError` for an operation that does not exist, `Locked`, `JournalError`.
    """
    job = resumes or JobStart(PURGE, options_as_json(options), time.time_ns())
    with Session.opened(state, "purge", reporter, changes=changes, reads_journal=True, job=job, fd=fd) as session:
        session.reporter.stage("look")
        operations = _chosen(session, options)
        found = _counted(session, operations, session.reporter)
        if options.trash_size is not None:
            expired = _expired(found, options.older_than_ns, options.trash_size)
            if len(expired) < len(found):  # count anew: the space that hard links free depends on what is removed
                found = _counted(session, expired, NullReporter())
        chosen = tuple(one.operation.id for one in found)
        session.name_job(options_as_json(options._replace(operations=chosen, older_than_ns=None, trash_size=None)))
        yield PurgeRun(found, session)


def _counted(session: Session, operations: Sequence[Operation], reporter: Reporter) -> list[InTrash]:
    """Return the operations that have files in the trash; those that cannot be purged now are told to the reporter."""
    found = []
    with contextlib.closing(_Links()) as links:
        for operation in operations:
            try:
                one = _count(session, operation, links)
            except (FileorgError, OSError) as error:
                reporter.note(_skipped(operation, error))
                continue
            if one.files or one.kept:
                found.append(one)
    return found


def _skipped(operation: Operation, error: FileorgError | OSError) -> str:
    why = str(error) if isinstance(error, FileorgError) else f"{display(operation.root)}: {error.strerror}"
    return f"Skipped the trash of operation {operation.id}: {why.removesuffix('.')}."


def _expired(found: Sequence[InTrash], older_than_ns: int | None, trash_size: int) -> list[Operation]:
    """Return the operations that are too old, and the oldest beyond the size. `found` is ordered from new to old."""
    expired, size_bytes = [], 0
    for one in found:
        size_bytes += one.size_bytes
        is_old = older_than_ns is not None and one.operation.started_ns < older_than_ns
        if is_old or size_bytes > trash_size:
            expired.append(one.operation)
    return expired


def _chosen(session: Session, options: PurgeOptions) -> list[Operation]:
    """Return the chosen operations, newest first: the oldest made the trash folders, which are removed with it."""
    operations = session.journal.operations() if session.has_journal else []
    numbers = {operation.id for operation in operations}
    for number in options.operations:
        if number not in numbers:
            raise UnknownOperation(number)
    if not operations:
        return []
    wanted = set(options.operations) or numbers
    for operation in reversed(operations):  # a redo may have moved files into the trash again
        if operation.undoes in wanted:
            wanted.add(operation.id)
    wanted &= session.journal.trash.operations()
    before = None if options.trash_size is not None else options.older_than_ns
    return [one for one in operations if one.id in wanted and (before is None or one.started_ns < before)]


def _count(session: Session, operation: Operation, links: _Links) -> InTrash:
    """Count the files of an operation in the trash; `links` are those of the operations before.

    Raises `FileorgError` or `OSError` if it cannot be purged now.
    """
    journal = session.journal
    if next(journal.trash.all_files(operation, 1), None) is None:
        return InTrash(operation, 0, 0, 0)
    files = size_bytes = kept = 0
    with _opened(session, operation) as storages:
        for _, found in _all_files(journal, operation, storages):
            if isinstance(found, Exception):
                kept += 1
            elif found is not None:
                files += 1
                size_bytes += links.freed(found)
    return InTrash(operation, files, size_bytes, kept)


def _all_files(
    journal: Journal, operation: Operation, storages: Sequence[LocalStorage]
) -> Iterator[tuple[Trashed, Entry | Exception | None]]:
    """Yield each file that the operation put into the trash, with its entry, None if missing, or why it is kept."""
    last_copies = LastCopies(journal, operation, storages)
    for batch in journal.trash.all_files(operation):
        yield from zip(batch, last_copies.judge(batch, check_trash(storages, batch)), strict=True)


def _kept(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> Outcome:
    """Return the outcome of a purge that keeps all files of the operation."""
    outcome = Outcome()
    for file, found in _all_files(journal, operation, storages):
        if isinstance(found, Refusal):
            outcome.counts[found.state] = outcome.counts.get(found.state, 0) + 1
            root = storages[file.base].root
            outcome.problems.append(Problem(join(file.folder, file.name), found.state, found.reason, root))
            del outcome.problems[_PROBLEMS_KEPT:]
    return outcome


class _Links:
    """Counts the names of files with several hard links, in the order of their removal."""

    def __init__(self) -> None:
        schema = "CREATE TABLE links (dev, inode, names, PRIMARY KEY (dev, inode)) WITHOUT ROWID;"
        self._db = scratch(schema, cache_kb=2000)

    def freed(self, entry: Entry) -> int:
        """Return the bytes that the removal of one more name frees: the last name of a file frees its size."""
        if entry.nlink <= 1:
            return entry.size
        query = "INSERT INTO links VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET names = names + 1 RETURNING names"
        [(names,)] = self._db.execute(query, (entry.dev, entry.inode)).fetchall()
        return entry.size if names == entry.nlink else 0

    def close(self) -> None:
        self._db.close()


@contextlib.contextmanager
def _opened(session: Session, operation: Operation) -> Iterator[list[LocalStorage]]:
    """Yield the directories of an operation, locked for changes.

    Raises `Locked`, `GuardRefused`, `UsageError`, `OSError`.
    """
    roots = session.journal.roots(operation)
    with reopened(roots, session.state, lock=session.changes) as (storages, _):
        if (other := another_root(storages, roots)) is not None:
            raise AnotherRoot(other)
        check_services(session.journal, operation, storages)
        # With changes, its directories are locked: an operation that is open does not run.
        for one in session.journal.open_operations():
            if operation.id in {one.id, one.undoes}:
                job = None if session.changes else session.journal.job_of(one.id)
                if job is not None and session.state.is_alive(job):
                    raise Locked(f"Job {job} works there.")
                raise NotRecovered(f"Operation {one.id} was interrupted and is not recovered yet.")
        yield storages
