"""The words of the house as types. Rows between stages are tuples; a class stands where one thing is shown."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


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
}


FOLDER_ACTIONS = frozenset({Action.MAKE_FOLDER, Action.REMOVE_FOLDER})

NOT_KEPT = " could not be kept"
"""How the note of a record ends that lists what a file system did not keep of a file."""


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


INTERRUPTED = "the run was interrupted before it was done"
"""Why a record of a run that was cut short is skipped: it can be tried again."""


class OperationState(StrEnum):
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    SEALED = "sealed"


class Base(IntEnum):
    """Which of an operation's two directories a root-relative path starts from."""

    ROOT = 0
    DEST = 1


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


class Entry(NamedTuple):
    """What one name is, by `lstat`. Times in nanoseconds since 1970, size in bytes."""

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


class PlanRow(NamedTuple):
    """One step of a plan: data, shown by a dry run, carried out by `execute`.

    `source_*` is what is acted on and `target_*` what comes of it. Folder rows (`make-folder`, `remove-folder`)
    have only a target. `inode`, `size` and `mtime_ns` are what the file at the source was when it was planned;
    for the `remove-*` actions, what the thing at the target was when we made it. `reverts` is the record that
    this row takes back, 0 outside undo and redo.
    A `reason` says that the row is skipped, and why.
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
    reason: str = ""


class Plan(Protocol):
    """Rows to carry out, in order. Read once by `execute`, as often as wanted by a dry run."""

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """The steps, at most `rows` at a time."""
        ...

    @property
    def files(self) -> int:
        """How many files are to be done."""
        ...


@dataclass(slots=True)
class Problem:
    """A file that could not be done, and why: it is named at the end of the run."""

    path: bytes
    state: RecordState
    reason: str


@dataclass(slots=True)
class Outcome:
    """What an operation came to. `problems` holds the first ones only; all are in the journal."""

    operation: int = 0
    done: int = 0
    bytes: int = 0
    counts: dict[RecordState, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0
