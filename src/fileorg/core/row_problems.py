"""What is wrong with rows of a plan that fileorg did not make: codes and facts, worded by `report/row_sentences`."""

from __future__ import annotations

from enum import StrEnum

from fileorg.core.tuples import NamedTuple


class RowFault(StrEnum):
    """Why a row cannot be carried out. The codes are part of the JSON output: never renamed."""

    # The file of the plan: nothing of it can be trusted.
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    NOT_CSV = "not-csv"
    NO_COLUMNS = "no-columns"
    NO_PATH = "no-path"
    NO_NEW_PATH = "no-new-path"
    UNKNOWN_ACTION = "unknown-action"
    BAD_VALUE = "bad-value"
    CUT_OFF = "cut-off"
    NO_NUMBER = "no-number"
    # Paths
    BAD_PATH = "bad-path"
    OUTSIDE = "outside-root"
    ONTO_ITSELF = "onto-itself"
    INTO_ITSELF = "into-itself"
    NAME_TOO_LONG = "name-too-long"
    NAME_REFUSED = "name-refused"
    # The source
    MISSING = "missing"
    UNREADABLE = "unreadable"
    TWO_ROWS = "two-rows"
    OTHER_SIZE = "other-size"
    OTHER_TIME = "other-time"
    OTHER_CONTENT = "other-content"
    NOT_A_FILE = "not-a-file"
    # The target
    TAKEN = "target-taken"
    TWICE = "target-twice"
    NOT_VACATED = "target-not-vacated"
    FILE_FOR_FOLDER = "file-for-folder"
    FOLDER_FOR_FILE = "folder-for-file"
    FOLDER_CASE = "folder-case"
    BELOW_A_FILE = "below-a-file"
    BEHIND_SYMLINK = "behind-symlink"
    LOOKS_ALIKE = "looks-alike"
    CYCLE_ON_DISKS = "cycle-on-disks"
    CYCLE_TOO_LONG = "cycle-too-long"
    CYCLE_IN_STORE = "cycle-in-store"
    PART_REFUSED = "part-refused"
    # What is protected
    KEPT_WHOLE = "kept-whole"
    MARKED = "marked"
    TEARS_GROUP = "tears-group"
    OURS = "fileorgs-own"
    # Folders
    FOLDER_NOT_REMOVABLE = "folder-not-removable"
    OTHER_MODE = "other-mode"
    NOT_EMPTY = "not-empty"
    FOLDER_ACTION = "folder-action"
    FOLDER_IN_STORE = "folder-in-store"
    OTHER_DISK = "other-disk"
    HARD_LINKS_TORN = "hard-links-torn"
    LINK_IN_STORE = "link-in-store"
    KEEPER_ELSEWHERE = "keeper-elsewhere"


UNREADABLE_PLAN = frozenset(
    {
        RowFault.NOT_UTF8, RowFault.NOT_JSON, RowFault.NOT_CSV, RowFault.NO_COLUMNS, RowFault.NO_PATH,
        RowFault.NO_NEW_PATH, RowFault.UNKNOWN_ACTION, RowFault.BAD_VALUE, RowFault.CUT_OFF,
        RowFault.NO_NUMBER,
    }
)  # fmt: skip
"""Faults of the file of the plan: it may be cut off or of another kind, so not even the other rows are done."""


class RowProblem(NamedTuple):
    """One problem. `line` counts lines from 1, or rows where a line says nothing; `path` is the one of the row that the
    problem is about, `about` another path or a value, `number` another line, a size or an errno.
    """

    line: int
    fault: RowFault
    path: bytes = b""
    about: bytes = b""
    number: int | None = None
