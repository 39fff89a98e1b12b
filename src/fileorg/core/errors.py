"""Errors that stop a run. Each carries its facts, an exit code and a hint; the CLI prints it once."""

from __future__ import annotations

import contextlib
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Exit(IntEnum):
    """Exit codes of the command."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    NO = 3
    """Declined, waiting for a person, or differences found."""
    LOCKED = 4
    REFUSED = 5
    INTERRUPTED = 130


class ErrorCode(StrEnum):
    """The kinds of errors, for programs: never renamed, and never reused with another meaning."""

    # The command line: exit code 2
    USAGE = "usage"
    UNKNOWN_COMMAND = "unknown-command"
    UNKNOWN_OPTION = "unknown-option"
    MISSING_ARGUMENT = "missing-argument"
    UNEXPECTED_ARGUMENT = "unexpected-argument"
    MISSING_VALUE = "missing-value"
    BAD_VALUE = "bad-value"
    BAD_CONFIGURATION = "bad-configuration"
    BLANK_PATH = "blank-path"
    NO_SUCH_PATH = "no-such-path"
    NOT_A_FOLDER = "not-a-folder"
    PERMISSION_DENIED = "permission-denied"
    READ_ONLY = "read-only"
    PATH_UNUSABLE = "path-unusable"
    OUTPUT_UNUSABLE = "output-unusable"
    STATE_UNUSABLE = "state-unusable"
    UNKNOWN_OPERATION = "unknown-operation"
    UNKNOWN_JOB = "unknown-job"
    JOB_ENDED = "job-ended"
    PLAN_CHANGED = "plan-changed"
    NOT_RECOVERED = "not-recovered"
    NOT_RECORDED = "not-recorded"
    ANOTHER_FOLDER = "another-folder"
    OVERLAPPING = "overlapping-folders"
    BAD_PLAN = "bad-plan"
    # Another fileorg: 4
    LOCKED = "locked"
    # Refusals: 5
    REFUSED = "refused"
    REFUSED_PLACE = "refused-place"
    PART_OF_A_WHOLE = "part-of-a-whole"
    TOO_MANY_CHANGES = "too-many-changes"
    NAMES_TAKEN = "names-taken"
    PLAN_REFUSED = "plan-refused"
    OUTPUT_EXISTS = "output-exists"
    OUTSIDE = "outside"
    OTHERS_FIRST = "others-first"
    NOT_CONFIRMED = "not-confirmed"
    OPERATION_ELSEWHERE = "operation-elsewhere"
    PURGED = "purged"
    # Failures: 1
    JOURNAL = "journal"
    STORAGE = "storage"
    TOO_MANY_OPEN = "too-many-open"
    OUTPUT_FAILED = "output-failed"
    SYSTEM_ERROR = "system-error"
    INTERNAL = "internal"
    # Ctrl-C: 130
    INTERRUPTED = "interrupted"


class FileorgError(Exception):
    """An error that ends the run: one sentence that names the cause, and a hint that says what to do.

    The caller passes names in the sentence through `names.display`. `path` is the path that the error is about.
    """

    exit_code: Exit = Exit.SOME_FAILED
    code: ErrorCode = ErrorCode.STORAGE
    hint: str = ""

    def __init__(
        self, message: str, *, hint: str | None = None, code: ErrorCode | None = None, path: bytes | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        if hint is not None:
            self.hint = hint
        if code is not None:
            self.code = code


@contextlib.contextmanager
def about(path: bytes) -> Iterator[None]:
    """Add the path to an error that names none."""
    try:
        yield
    except FileorgError as error:
        error.path = path if error.path is None else error.path
        raise


class UsageError(FileorgError):
    """A wrong option, path or template; no file was read yet."""

    code = ErrorCode.USAGE
    exit_code = Exit.USAGE


def blank_path(name: str) -> UsageError:
    """Return the error for an empty path, or one of spaces only; `name` is the option, argument or variable."""
    return UsageError(
        f"{name} is empty: no path was given.",
        hint="check the variable that it comes from; a dot (.) stands for the current directory",
        code=ErrorCode.BLANK_PATH,
    )


class UnknownOperation(UsageError):
    """The journal has no operation with this number."""

    code = ErrorCode.UNKNOWN_OPERATION
    hint = "fileorg history lists the operations"

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no operation {number}.")


class GuardRefused(FileorgError):
    """A valid request that is too dangerous to carry out."""

    code = ErrorCode.REFUSED
    exit_code = Exit.REFUSED


class Locked(FileorgError):
    """Another fileorg process holds the journal or the root."""

    code = ErrorCode.LOCKED
    exit_code = Exit.LOCKED
    hint = "wait until it has ended, or see fileorg jobs, which lists and cancels what runs in the background"


class StateError(FileorgError):
    """The state directory cannot be used."""

    code = ErrorCode.STATE_UNUSABLE
    exit_code = Exit.USAGE


class JournalError(FileorgError):
    """The journal is invalid or cannot be written: the run stops, and the files are left unchanged."""

    code = ErrorCode.JOURNAL
    exit_code = Exit.SOME_FAILED


class StorageFailure(FileorgError):
    """A whole storage is unavailable, or does not support the request."""


class RunInterrupted(StorageFailure):
    """The run was asked to end while its storage does not answer: the operation stays open for recovery."""

    exit_code = Exit.INTERRUPTED
    code = ErrorCode.INTERRUPTED


def similar_word(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like another one, in any case; empty if none is."""
    from difflib import get_close_matches

    folded = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), list(folded), 1)
    return folded[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word; empty if no known word is like it."""
    similar = similar_word(word, known)
    return f"; did you mean {similar}?" if similar else ""
