"""Core types shared by all layers. Rows between stages are tuples."""

from __future__ import annotations

import stat
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from fileorg.core.names import split
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.core.reasons import Reason


class Action(StrEnum):
    """The action of a record. Each has exactly one inverse, so undo is a plan like any other."""

    MOVE = "move"
    COPY = "copy"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    MAKE_FOLDER = "make-folder"
    REMOVE_COPY = "remove-copy"
    REMOVE_HARDLINK = "remove-hardlink"
    REMOVE_SYMLINK = "remove-symlink"
    REMOVE_FOLDER = "remove-folder"
    QUARANTINE = "quarantine"
    RESTORE = "restore"
    REPLACE_BY_HARDLINK = "replace-by-hardlink"
    RESTORE_FROM_HARDLINK = "restore-from-hardlink"
    REPLACE_BY_SYMLINK = "replace-by-symlink"
    RESTORE_FROM_SYMLINK = "restore-from-symlink"
    REFLINK = "reflink"
    REMOVE_REFLINK = "remove-reflink"
    REWRITE_SYMLINK = "rewrite-symlink"
    RESTORE_SYMLINK = "restore-symlink"


INVERSE: dict[Action, Action] = {
    Action.MOVE: Action.MOVE,
    Action.COPY: Action.REMOVE_COPY,
    Action.HARDLINK: Action.REMOVE_HARDLINK,
    Action.SYMLINK: Action.REMOVE_SYMLINK,
    Action.MAKE_FOLDER: Action.REMOVE_FOLDER,
    Action.REMOVE_COPY: Action.COPY,
    Action.REMOVE_HARDLINK: Action.HARDLINK,
    Action.REMOVE_SYMLINK: Action.SYMLINK,
    Action.REMOVE_FOLDER: Action.MAKE_FOLDER,
    Action.QUARANTINE: Action.RESTORE,
    Action.RESTORE: Action.QUARANTINE,
    Action.REPLACE_BY_HARDLINK: Action.RESTORE_FROM_HARDLINK,
    Action.RESTORE_FROM_HARDLINK: Action.REPLACE_BY_HARDLINK,
    Action.REPLACE_BY_SYMLINK: Action.RESTORE_FROM_SYMLINK,
    Action.RESTORE_FROM_SYMLINK: Action.REPLACE_BY_SYMLINK,
    Action.REFLINK: Action.REMOVE_REFLINK,
    Action.REMOVE_REFLINK: Action.REFLINK,
    Action.REWRITE_SYMLINK: Action.RESTORE_SYMLINK,
    Action.RESTORE_SYMLINK: Action.REWRITE_SYMLINK,
}


# Facts about actions that all layers need. Their implementations are in `execute/actions`.

FOLDER_ACTIONS = frozenset({Action.MAKE_FOLDER, Action.REMOVE_FOLDER})

EMPTIED_FOLDER = "emptied folder"
"""The category of a folder that is removed because the same run moved everything out of it. It is listed beside the
files, and does not count as one.
"""

MOVED_FOLDER = "moved folder"
"""The category of an empty folder that moves: it is made under its new name, and removed under the old one."""

MOVED_ASIDE = "moved aside"
"""The category of a record that gives a file a temporary name because the files of a cycle want each other's names. The
file counts with the record that gives it its new name.
"""

RENAMES = frozenset({Action.MOVE, Action.RESTORE})
"""Actions that only rename a file."""

REMOVALS = frozenset({Action.REMOVE_COPY, Action.REMOVE_HARDLINK, Action.REMOVE_SYMLINK})
"""Actions that remove a copy or a link; their source is the file that it was made from."""

FREES_TARGET = REMOVALS | {Action.REMOVE_FOLDER}
"""Actions after which their target's name is free."""

ON_DUPLICATES = frozenset({Action.QUARANTINE, Action.REPLACE_BY_HARDLINK, Action.REPLACE_BY_SYMLINK, Action.REFLINK})
"""Actions on a duplicate; each requires a keeper with the same content, byte by byte."""

ON_SYMLINKS = frozenset({Action.REWRITE_SYMLINK, Action.RESTORE_SYMLINK})
"""Actions on a symlink whose target file, its keeper, moves away or back."""

FROM_A_LINK = frozenset({Action.RESTORE_FROM_HARDLINK, Action.RESTORE_FROM_SYMLINK, Action.RESTORE_SYMLINK})
"""Actions that restore a duplicate or a symlink whose name is held by a link that fileorg made."""

BY_SYMLINK = frozenset({Action.REPLACE_BY_SYMLINK, Action.RESTORE_FROM_SYMLINK}) | ON_SYMLINKS
"""Actions whose replacement link is a symlink, not a hard link."""

INTO_TRASH = frozenset(
    {Action.MOVE, Action.QUARANTINE, Action.REPLACE_BY_HARDLINK, Action.REPLACE_BY_SYMLINK, Action.REWRITE_SYMLINK}
)
"""Actions whose target may be in the trash of fileorg."""

RELOCATIONS = RENAMES | FROM_A_LINK | INTO_TRASH
"""Actions that move a file; their inverse swaps source and target."""

OF_A_LOST_INODE = frozenset({Action.REMOVE_COPY, Action.REMOVE_SYMLINK})
"""Actions that remove an inode: their inverse creates a new one."""

IN_NO_FOLDER = frozenset({Action.REFLINK, Action.REMOVE_REFLINK})
"""Actions that change no directory entry."""

TOUCHES_SOURCE = frozenset({Action.HARDLINK, Action.REFLINK})
"""Actions that leave the source in place but change its ctime."""


class RecordState(StrEnum):
    """The life cycle of a file record. A record is sealed with its operation: one update per run, not one per file."""

    PLANNED = "planned"
    INTENT = "intent"
    COPIED = "copied"
    DONE = "done"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    FAILED = "failed"
    MISSING = "missing"
    CHANGED = "changed"
    UNDONE = "undone"
    PURGED = "purged"  # done, and then deleted from the trash: cannot be undone


LISTED_STATES = (
    RecordState.FAILED, RecordState.CONFLICT, RecordState.CHANGED, RecordState.MISSING, RecordState.SKIPPED,
    RecordState.INTENT, RecordState.COPIED, RecordState.PLANNED, RecordState.PURGED, RecordState.UNDONE,
    RecordState.DONE,
)  # fmt: skip
"""All states in display order, problems first."""

PROBLEM_STATES = LISTED_STATES[:4]

WAS_DONE = frozenset({RecordState.DONE, RecordState.UNDONE, RecordState.PURGED})
"""States of records that were carried out, including those undone or purged later."""


class OperationState(StrEnum):
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    SEALED = "sealed"


class StatusCode(StrEnum):
    """What became of an operation, as `fileorg history` shows it; or how a report
    shows a folder: as of its last scan, or as it is now.
    """

    RUNNING = "running"
    INTERRUPTED = "interrupted"  # not recovered yet
    ACTIVE = "active"
    UNDONE = "undone"
    PARTLY_UNDONE = "partly_undone"
    PURGED = "purged"
    PERMANENT = "permanent"  # of a purge
    NO_CHANGES = "no_changes"
    SCANNED = "scanned"
    CURRENT = "current"


class JobState(StrEnum):
    """The life of a job. A job whose process has ended without saying so is interrupted, whatever its row says."""

    QUEUED = "queued"
    WAITING = "waiting"  # for a person: fileorg jobs approve
    RUNNING = "running"
    PARKED = "parked"  # at its time limit
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


Base: TypeAlias = int
"""The number of an operation's directory that a root-relative path starts from. From 2 on: further roots."""

ROOT: Base = 0
DEST: Base = 1


class OnConflict(StrEnum):
    """The policy for a name that is taken by other content. Identical content is always skipped."""

    RENAME = "rename"
    SKIP = "skip"
    KEEP_NEWER = "keep-newer"
    FAIL = "fail"


class LaterFiles(StrEnum):
    """What happens to files chosen for an undo that later operations moved or used."""

    FIRST = "first"  # the later operations are undone for these files first
    LEAVE = "leave"  # these files stay


class By(StrEnum):
    CATEGORY = "category"
    DATE = "date"
    EXTENSION = "extension"


class LookInto(StrEnum):
    """Whose content is asked for its category."""

    NONE = "none"
    UNKNOWN = "unknown"  # files whose name does not decide
    ALL = "all"


class SortBy(StrEnum):
    """The order in which records are listed."""

    RECORD = "record"
    PATH = "path"
    NEW_PATH = "new-path"
    SIZE = "size"
    STATUS = "status"
    CATEGORY = "category"


class Limits(NamedTuple):
    """The limits of a job: `time_limit` and `kill_after` in seconds, `helper_memory` in bytes, how often it is tried,
    and how many jobs may work side by side; None for no limit, and for the usual numbers.
    """

    time_limit: float | None = None
    kill_after: float | None = None
    helper_memory: int | None = None
    attempts: int | None = None
    parallel: int | None = None


PARALLEL = 2
"""How many runs with one state directory work side by side, unless the configuration or an option says otherwise."""
MOST_PARALLEL = 64


WITHIN, CLIENT = "FILEORG_WITHIN", "FILEORG_CLIENT"
"""Variables of the environment of a process that may use only some folders, and that works for a program: see
`core.confinement`, which only such a process loads.
"""


class Given:
    """Facts of the process like its resource limits, so not passed around."""

    limits = Limits()
    configuration = b""
    """The absolute path of `--config` or FILEORG_CONFIG; empty for the default file. A job keeps it."""


GIVEN = Given()


class Entry(NamedTuple):
    """The `lstat` data of one name. Size in bytes, times in nanoseconds since 1970 as stored by `core.times`."""

    name: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    nlink: int
    dev: int

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


class Listing(NamedTuple):
    """A batch of the entries of one folder, in the order of the storage."""

    folder: bytes
    files: list[Entry]
    folders: list[Entry]
    others: list[Entry]  # symlinks, FIFOs, sockets, devices: counted, never followed


class Reservation(NamedTuple):
    """An empty file that reserves a name, identified by inode and ctime. Without an inode, the name was about to be
    reserved at `ctime_ns`.
    """

    inode: int | None
    ctime_ns: int


RESERVED_MTIME_NS = 838_216_418 * 10**9
"""The mtime of a reservation, where it can be set: an unusual date, in even seconds because of FAT."""

Reserving: TypeAlias = "Callable[[Entry | None], None]"
"""Callback: called with None before a name is reserved, then with the entry of the reservation."""


class Keeper(NamedTuple):
    """The kept file of a duplicate group: its path, and the inode and mtime that identify it."""

    base: Base
    folder: bytes
    name: bytes
    inode: int
    mtime_ns: int


class PlanRow(NamedTuple):
    """One step of a plan: shown by a dry run, carried out by `execute`.

    `source_*` is the file to act on and `target_*` the result. Folder rows (`make-folder`, `remove-folder`) have only a
    target. `inode`, `size` and `mtime_ns` describe the source file at planning time; for the `remove-*` actions, the
    target as fileorg made it. `reverts` is the record that this row undoes, 0 outside undo and redo.
    A row with a `reason` is skipped for that reason. Consecutive rows with the same number `together` are done as a
    whole or not at all; 0 stands for no group. `keeper` is set for actions on duplicates and their inverses: the source
    is the duplicate and the target its place in the trash, or the reverse. It is also set for rewritten symlinks: the
    file that they are to point to.
    """

    action: Action
    source_base: Base
    source_folder: bytes
    source_name: bytes
    target_base: Base
    target_folder: bytes
    target_name: bytes
    inode: int
    size: int
    mtime_ns: int
    mode: int
    category: str
    reverts: int = 0
    reason: Reason | None = None
    keeper: Keeper | None = None
    together: int = 0

    @classmethod
    def make_folder(cls, base: Base, path: bytes, mode: int = 0o777) -> Self:
        """Return a row that makes a folder; `path` is root-relative."""
        return cls(Action.MAKE_FOLDER, base, b"", b"", base, *split(path), 0, 0, 0, mode, "")

    @classmethod
    def remove_folder(cls, base: Base, path: bytes, category: str, reason: Reason | None = None) -> Self:
        """Return a row that removes an empty folder; `path` is root-relative."""
        return cls(Action.REMOVE_FOLDER, base, b"", b"", base, *split(path), 0, 0, 0, 0, category, 0, reason)

    @classmethod
    def move(
        cls,
        base: Base,
        folder: bytes,
        entry: Entry,
        target_folder: bytes,
        category: str = "",
        reason: Reason | None = None,
    ) -> Self:
        """Return a row that moves a file or a symlink to another folder of the same base and keeps its name."""
        return cls(
            Action.MOVE, base, folder, entry.name, base, target_folder, entry.name,
            entry.inode, entry.size, entry.mtime_ns, entry.mode, category, 0, reason,
        )  # fmt: skip


class Plan(Protocol):
    """Rows to carry out, in order. `execute` reads them once, a dry run any number of times."""

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the rows, at most `rows` at a time."""
        ...

    @property
    def files(self) -> int:
        """The number of files in the plan."""
        ...


class Problem(NamedTuple):
    """A file that could not be processed, and why; listed at the end of the run. `path` is relative to `root`."""

    path: bytes
    state: RecordState
    reason: Reason | None
    root: bytes = b""


class Outcome:
    """The result of an operation. `problems` holds the first ones only; all of them are in the journal."""

    def __init__(self, operation: int = 0) -> None:
        self.operation = operation
        self.done = 0
        self.size_bytes = 0
        self.rewritten = 0  # symlinks whose target files moved; not counted as files
        self.symlinks: list[bytes] = []  # the first of them
        self.symlink_roots: list[bytes] = []  # to which they are relative
        self.counts: dict[RecordState, int] = {}
        self.problems: list[Problem] = []
        self.moved_back: list[Problem] = []  # the first files that went back because another one of their group stayed
        self.notes: list[str] = []
        self.transient = 0  # files that failed for a reason that may pass
        self.job = 0
        self.parked = False  # the time limit of its job was over
        self.goes_on = False  # its job is tried again soon, because failures may pass
        self.interrupted = False
        self.seconds = 0.0

    @property
    def problem_count(self) -> int:
        """The number of files that could not be processed."""
        return sum(self.counts.get(state, 0) for state in PROBLEM_STATES)
