"""What a report says, whatever it is about and however it is written: a short summary, and records that stream.

Times in nanoseconds since 1970, sizes in bytes, paths absolute as `os.fsencode` gives them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SCAN = "scan"
"""The kind of a report that is about no operation."""
SEEN = "seen"
"""The status of a file that a scan saw."""


class Line(NamedTuple):
    """One FileRecord, or one file that a scan saw. A record of a folder has no source; a file seen has no target."""

    id: int
    action: str
    source_folder: bytes | None
    source_name: bytes | None
    target_folder: bytes | None
    target_name: bytes | None
    category: str
    status: str
    size: int
    mtime_ns: int | None
    reason: str
    keeper: bytes | None
    """Of a duplicate: the file that stayed."""
    reason_code: str | None = None


class Share(NamedTuple):
    """How many records, and bytes, a category or a status has."""

    name: str
    records: int
    bytes: int


class ReasonShare(NamedTuple):
    """Why records are not done, those of one kind together. `examples` are the first paths of them."""

    status: str
    reason: str
    records: int
    examples: list[bytes]
    code: str | None = None


class Place(NamedTuple):
    """A folder that files went to, with what went into it and into those below; in the order of a tree."""

    path: bytes
    depth: int
    files: int
    bytes: int


class Copy(NamedTuple):
    """A duplicate of a group, and what became of it."""

    path: bytes
    what: str


class DuplicateGroup(NamedTuple):
    """The file that stays, and the first `copies` of so many; `reclaimable` bytes are free when they are gone."""

    keeper: bytes
    size: int
    reclaimable: int
    number: int
    copies: list[Copy]


class DuplicateSums(NamedTuple):
    """Of all groups."""

    groups: int
    files: int
    reclaimable: int


class Summary(NamedTuple):
    """What an operation, or a scan, came to. `files` and `bytes` are those that were done, or seen."""

    kind: str
    """organize, dedupe, clean, undo, redo, purge; or scan."""
    state: str
    """As `fileorg history` says it: in effect, undone by 8 …"""
    roots: list[bytes]
    dest: bytes | None
    records: int
    files: int
    bytes: int
    options: dict[str, Any]
    operation: int | None = None
    undoes: int | None = None
    started_ns: int | None = None
    ended_ns: int | None = None
    way_back: str | None = None
    """The command that takes it back; None where nothing is left to be taken back."""


class Report(NamedTuple):
    """Everything that is reported. Lists are short; the three callables stream, and may be asked once each."""

    summary: Summary
    categories: list[Share]
    """Of the files that were done, or seen; most bytes first."""
    statuses: list[Share]
    """Of all records; problems first."""
    reasons: list[ReasonShare]
    """Why records are not done: problems first, then most records first."""
    places: list[Place]
    """Where files went; at most a few hundred folders."""
    duplicates: DuplicateSums | None
    lines: Callable[[], Iterator[Line]]
    groups: Callable[[], Iterator[DuplicateGroup]]
