"""Read the jobs of a journal: their rows, their operations, and what they have touched."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from fileorg.core.limits import configuration_in, of_json
from fileorg.core.model import JobState
from fileorg.core.names import is_root
from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import client_of, foreign, part_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Limits
    from fileorg.journal.reader import JournalReader
    from fileorg.journal.rows import Operation

_COLUMNS = (
    "id, kind, root, options, limits, state, attempts, background, files, pid, host, before_ns, started_ns, ended_ns,"
    " reason"
)
_KINDS = frozenset({"organize", "dedupe", "clean", "compare", "import", "apply", "undo", "redo", "purge", "watch"})


class JobRow(NamedTuple):
    """A job as the journal has it. Times in nanoseconds since 1970; `options` and `limits` are JSON."""

    id: int
    kind: str
    root: bytes
    options: str
    limits: str
    state: JobState
    attempts: int
    background: int
    files: int
    pid: int
    host: str
    before_ns: int
    started_ns: int | None
    ended_ns: int | None
    reason: str | None

    @property
    def part(self) -> dict[str, list[str]] | None:
        """What says which files an undo or redo is about, None for all."""
        return part_of(self.options)

    @property
    def client(self) -> str:
        """The program that asked for it, as it names itself; empty for a person."""
        return client_of(self.options)


def job_rows(journal: JournalReader, where: str = "1", values: Sequence[Any] = (), *, limit: int = -1) -> list[JobRow]:
    """Return the jobs, newest first; `limit` of them, -1 for all. `where` is trusted SQL.

    Raises `JournalError` for a row that is not of fileorg.
    """
    query = f"SELECT {_COLUMNS} FROM jobs WHERE {where} ORDER BY id DESC LIMIT ?"
    return [_checked(row) for row in journal.select(query, (*values, limit))]


def _checked(row: tuple[Any, ...]) -> JobRow:
    try:
        found = JobRow(*row)._replace(state=JobState(row[5]))
        numbers = (found.id, found.attempts, found.background, found.files, found.pid, found.before_ns)
        fine = all(isinstance(number, int) for number in numbers) and found.id > 0
        fine &= all(isinstance(number, int | None) for number in (found.started_ns, found.ended_ns))
        fine &= all(isinstance(text, str) for text in (found.kind, found.options, found.limits, found.host))
        of_json(found.limits)
        fine &= is_root(found.root)
        fine &= isinstance(found.reason, str | None) and found.kind in _KINDS
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise foreign("Job", row[0])
    return found


def limits_of(job: JobRow) -> Limits:
    """Return the limits of a job."""
    return of_json(job.limits)


def configuration_of(job: JobRow) -> bytes:
    """Return the path of the configuration that a job was begun with, empty if none was named."""
    return configuration_in(job.limits)


def operations_of(journal: JournalReader, job: int) -> list[Operation]:
    """Return the operations of a job, newest first."""
    return journal.operations("id IN (SELECT operation FROM job_operations WHERE job = ?)", (job,))


def operations_by_job(journal: JournalReader) -> dict[int, list[Operation]]:
    """Return the operations of all jobs, newest first, in one pass: a watch makes thousands of jobs in a year."""
    jobs = dict(journal.select("SELECT operation, job FROM job_operations"))
    found: dict[int, list[Operation]] = {}
    for operation in journal.operations():
        if operation.id in jobs:
            found.setdefault(jobs[operation.id], []).append(operation)
    return found


def touched_inodes(journal: JournalReader, job: int) -> array[int]:
    """Return the inode numbers of the files that a job meant to change and did not, and of those that it kept, sorted:
    it may have changed their ctime.
    """
    found: set[int] = set()
    for operation in operations_of(journal, job):
        low, high = journal.record_range(operation)
        for query in (
            "SELECT inode FROM records WHERE id BETWEEN ? AND ? AND inode NOT NULL AND state <> 'done'",
            "SELECT inode FROM keepers WHERE record BETWEEN ? AND ?",
            "SELECT target_inode FROM records WHERE id BETWEEN ? AND ? AND target_inode NOT NULL",
        ):
            found.update(number for (number,) in journal.select(query, (low, high)) if isinstance(number, int))
    return array("Q", sorted(number for number in found if number > 0))


def touched_folders(journal: JournalReader, job: int) -> Iterator[tuple[int, bytes]]:
    """Yield the base and the path of each folder that a job has worked in."""
    for operation in operations_of(journal, job):
        for _, base, path, *_ in journal.folders(operation.id):
            yield base, path
