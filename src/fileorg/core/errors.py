"""Errors that stop a run. Each carries its facts, an exit code and a hint; the CLI prints it once."""

from __future__ import annotations

from enum import IntEnum


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


class FileorgError(Exception):
    """An error that ends the run: one sentence that names the cause, and a hint that says what to do.

    The caller passes names in the sentence through `names.display`.
    """

    exit_code: Exit = Exit.SOME_FAILED
    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UsageError(FileorgError):
    """A wrong option, path or template; no file was read yet."""

    exit_code = Exit.USAGE


def blank_path(name: str) -> UsageError:
    """Return the error for an empty path, or one of spaces only; `name` is the option, argument or variable."""
    return UsageError(
        f"{name} is empty: no path was given.",
        hint="check the variable that it comes from; a dot (.) stands for the current directory",
    )


class UnknownOperation(UsageError):
    """The journal has no operation with this number."""

    hint = "fileorg history lists the operations"

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no operation {number}.")


class GuardRefused(FileorgError):
    """A valid request that is too dangerous to carry out."""

    exit_code = Exit.REFUSED


class Locked(FileorgError):
    """Another fileorg process holds the journal or the root."""

    exit_code = Exit.LOCKED
    hint = "wait until it has ended, or stop it with Ctrl-C"


class StateError(FileorgError):
    """The state directory cannot be used."""

    exit_code = Exit.USAGE


class JournalError(FileorgError):
    """The journal is invalid or cannot be written: the run stops, and the files are left unchanged."""

    exit_code = Exit.SOME_FAILED


class StorageFailure(FileorgError):
    """A whole storage is unavailable, or does not support the request."""
