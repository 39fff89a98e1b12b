"""The words of the house as types. Rows between stages are tuples; a class stands where one thing is shown."""

from __future__ import annotations

import stat
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeAlias

from fileorg.core.names import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.core.reasons import Reason


class Action(StrEnum):
    """What a record does. Each has exactly one inverse, so that undo is a plan like any other."""

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


# What is to be known of actions wherever they are met. How one is carried out, `execute/actions` knows.

FOLDER_ACTIONS = frozenset({Action.MAKE_FOLDER, Action.REMOVE_FOLDER})

RENAMES = frozenset({Action.MOVE, Action.RESTORE})
"""What gives a file another place, and asks for nothing beside it."""

REMOVALS = frozenset({Action.REMOVE_COPY, Action.REMOVE_HARDLINK, Action.REMOVE_SYMLINK})
"""What takes a copy or a link away that was made of a file, which is their source."""

OF_DUPLICATES = frozenset({Action.QUARANTINE, Action.REPLACE_BY_HARDLINK, Action.REPLACE_BY_SYMLINK, Action.REFLINK})
"""What is done to a duplicate: only beside a keeper whose content is the same, byte by byte."""

ON_SYMLINKS = frozenset({Action.REWRITE_SYMLINK, Action.RESTORE_SYMLINK})
"""What is done to a symlink because the file that it leads to, its keeper, gets another place, or has it back."""

FROM_A_LINK = frozenset({Action.RESTORE_FROM_HARDLINK, Action.RESTORE_FROM_SYMLINK, Action.RESTORE_SYMLINK})
"""What gives a duplicate or a symlink its place back, which a link of ours has."""

BY_SYMLINK = frozenset({Action.REPLACE_BY_SYMLINK, Action.RESTORE_FROM_SYMLINK}) | ON_SYMLINKS
"""Where the link of ours is a symlink, no hard link."""

INTO_TRASH = frozenset(
    {Action.MOVE, Action.QUARANTINE, Action.REPLACE_BY_HARDLINK, Action.REPLACE_BY_SYMLINK, Action.REWRITE_SYMLINK}
)
"""What may have our trash as its target."""

TO_AND_FRO = RENAMES | FROM_A_LINK | INTO_TRASH
"""What takes a file from its source to its target, so that the inverse swaps the two."""

OF_A_LOST_INODE = frozenset({Action.REMOVE_COPY, Action.REMOVE_SYMLINK})
"""What takes something away that had an inode of its own: made again, it has another one."""

IN_NO_FOLDER = frozenset({Action.REFLINK, Action.REMOVE_REFLINK})
"""What changes no name."""

TOUCHES_SOURCE = frozenset({Action.HARDLINK, Action.REFLINK})
"""What leaves a file where it is, and changes its ctime."""


class RecordState(StrEnum):
    """The life of a FileRecord. A record is sealed when its operation is: one column a run, not one update a file."""

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
    PURGED = "purged"  # done, and what it put into our trash is gone for good: it cannot be taken back


STATES_TOLD = (
    RecordState.FAILED, RecordState.CONFLICT, RecordState.CHANGED, RecordState.MISSING, RecordState.SKIPPED,
    RecordState.INTENT, RecordState.COPIED, RecordState.PLANNED, RecordState.PURGED, RecordState.UNDONE,
    RecordState.DONE,
)  # fmt: skip
"""In the order in which they are told: what went wrong first."""

PROBLEM_STATES = STATES_TOLD[:4]

WAS_DONE = frozenset({RecordState.DONE, RecordState.UNDONE, RecordState.PURGED})
"""States of what was carried out, whatever became of it later."""


class OperationState(StrEnum):
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    SEALED = "sealed"


Base: TypeAlias = int
"""Which of an operation's directories a root-relative path starts from. Those from 2 on are further roots."""

ROOT: Base = 0
DEST: Base = 1


class OnConflict(StrEnum):
    """What happens when the name is taken by other content. Identical content is always skipped."""

    RENAME = "rename"
    SKIP = "skip"
    KEEP_NEWER = "keep-newer"
    FAIL = "fail"


class By(StrEnum):
    CATEGORY = "category"
    DATE = "date"
    EXTENSION = "extension"


class SortBy(StrEnum):
    """The order in which records are listed."""

    RECORD = "record"
    PATH = "path"
    NEW_PATH = "new-path"
    SIZE = "size"
    STATUS = "status"
    CATEGORY = "category"


class Entry(NamedTuple):
    """What one name is, by `lstat`. Size in bytes, times in nanoseconds since 1970 as `core.times` keeps them."""

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
    """A batch of the entries of one folder, in the order the storage gives them."""

    folder: bytes
    files: list[Entry]
    folders: list[Entry]
    others: list[Entry]  # symlinks, FIFOs, sockets, devices: counted, never followed


class Reservation(NamedTuple):
    """An empty file that took a name for another one: by what it is known. Without an inode, its name was only about to
    be taken, at `ctime_ns`.
    """

    inode: int | None
    ctime_ns: int


RESERVED_MTIME_NS = 838_216_418 * 10**9
"""Of such a file, where that can be had: an odd date that nobody else gives. FAT has only even seconds."""

Reserving: TypeAlias = "Callable[[Entry | None], None]"
"""Told before a name is taken by an empty file, and of that file once it is there."""


class Keeper(NamedTuple):
    """The file that stays of a duplicate group: where it is, and by what it is known again."""

    base: Base
    folder: bytes
    name: bytes
    inode: int
    mtime_ns: int


class PlanRow(NamedTuple):
    """One step of a plan: data, shown by a dry run, carried out by `execute`.

    `source_*` is what is acted on and `target_*` what comes of it. Folder rows (`make-folder`, `remove-folder`)
    have only a target. `inode`, `size` and `mtime_ns` are what the file at the source was when it was planned;
    for the `remove-*` actions, what the thing at the target was when we made it. `reverts` is the record that
    this row takes back, 0 outside undo and redo.
    A `reason` says that the row is skipped, and why. Rows with the same number `together`, which follow each other, are
    done as a whole or not at all; 0 is for those that stand alone. `keeper` is there for what is done to duplicates,
    and for what takes that back: their source is the duplicate, their target its place in our trash, or the reverse.
    Likewise for symlinks that are rewritten: their keeper is the file that they are to lead to.
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
        """A folder is made; `path` is root-relative."""
        return cls(Action.MAKE_FOLDER, base, b"", b"", base, *split(path), 0, 0, 0, mode, "")

    @classmethod
    def remove_folder(cls, base: Base, path: bytes, category: str, reason: Reason | None = None) -> Self:
        """An empty folder goes; `path` is root-relative."""
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
        """A file or a symlink goes to another folder below the same base, under its name."""
        return cls(
            Action.MOVE, base, folder, entry.name, base, target_folder, entry.name,
            entry.inode, entry.size, entry.mtime_ns, entry.mode, category, 0, reason,
        )  # fmt: skip


class Plan(Protocol):
    """Rows to carry out, in order. Read once by `execute`, as often as wanted by a dry run."""

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """The steps, at most `rows` at a time."""
        ...

    @property
    def files(self) -> int:
        """How many files are to be done."""
        ...


class Problem(NamedTuple):
    """A file that could not be done, and why: it is named at the end of the run."""

    path: bytes
    state: RecordState
    reason: Reason | None


class Outcome:
    """What an operation came to. `problems` holds the first ones only; all are in the journal."""

    def __init__(self, operation: int = 0) -> None:
        self.operation = operation
        self.done = 0
        self.bytes = 0
        self.rewritten = 0  # symlinks whose files moved: not counted as files
        self.symlinks: list[bytes] = []  # the first of them
        self.counts: dict[RecordState, int] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.interrupted = False
        self.seconds = 0.0
