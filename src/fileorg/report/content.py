"""The content of every report, independent of subject and format: a short summary, and records that stream.

Times are in nanoseconds since 1970, sizes in bytes; paths are absolute, as from `os.fsencode`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.journal.status import OperationStatus


SCAN = "scan"
"""The kind of a report on a scan."""
SEEN = "seen"
"""The status of a scanned file."""
STAYS = "stays"
"""The status of an entry that an operation, or organize, leaves in place."""


class Line(NamedTuple):
    """One record of the journal, one scanned file, or one entry that stayed. A record of a folder has no source, a
    scanned file and what stays have no target; what stayed in an operation has no record: `id` is 0.
    """

    id: int
    action: str
    source_folder: bytes | None
    source_name: bytes | None
    target_folder: bytes | None
    target_name: bytes | None
    category: str
    status: str
    size: int
    """In bytes; negative for a folder that stayed."""
    mtime_ns: int | None
    reason: str
    keeper: bytes | None
    """The kept file, if the record is a duplicate."""
    reason_code: str | None = None


class Share(NamedTuple):
    """The number of records and bytes of a category or a status."""

    name: str
    records: int
    size_bytes: int


class ReasonShare(NamedTuple):
    """Records that were not done for the same kind of reason. `examples` are the first of their paths."""

    status: str
    reason: str
    records: int
    examples: list[bytes]
    code: str | None = None


class FolderShare(NamedTuple):
    """A folder that received files, with totals that include its subfolders."""

    path: bytes
    depth: int
    files: int
    size_bytes: int


class Copy(NamedTuple):
    """A duplicate of a group, and its result."""

    path: bytes
    what: str


class DuplicateGroup(NamedTuple):
    """The kept file and the first `copies` of `number`; removing all of them frees `reclaimable` bytes."""

    keeper: bytes
    size: int
    reclaimable: int
    number: int
    copies: list[Copy]


class DuplicateSums(NamedTuple):
    """Totals of all groups."""

    groups: int
    files: int
    reclaimable: int


class Summary(NamedTuple):
    """The result of an operation or a scan. `files` and `size_bytes` count those that were done, or scanned."""

    kind: str
    """organize, dedupe, clean, undo, redo, purge; or scan."""
    status: OperationStatus | None
    """The status as `fileorg history` shows it; None if there is no operation yet."""
    roots: list[bytes]
    dest: bytes | None
    records: int
    files: int
    size_bytes: int
    options: dict[str, Any]
    operation: int | None = None
    undoes: int | None = None
    started_ns: int | None = None
    ended_ns: int | None = None
    way_back: str | None = None
    """The command that undoes the operation; None if nothing is left to undo."""
    job: int | None = None
    """The job, in the report of a job: `operation` is None if it has several."""
    operations: Sequence[int] = ()


class Report(NamedTuple):
    """A whole report. Lists are short; the two callables stream, and may be called once each."""

    summary: Summary
    categories: list[Share]
    """Shares of the files that were done, or scanned; most bytes first."""
    statuses: list[Share]
    """Shares of all records; problems first."""
    reasons: list[ReasonShare]
    """Reasons why records were not done: problems first, then most records first."""
    places: list[FolderShare]
    """Folders that received files, in tree order; at most a few hundred."""
    duplicates: DuplicateSums | None
    lines: Callable[[], Iterator[Line]]
    groups: Callable[[], Iterator[DuplicateGroup]]


EMPTY = Report(Summary("", None, [], None, 0, 0, 0, {}), [], [], [], [], None, lambda: iter(()), lambda: iter(()))
"""The report if there is no operation yet."""
