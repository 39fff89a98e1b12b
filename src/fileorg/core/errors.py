"""Everything that can stop a run. An error carries its facts, an exit code and the way out; the CLI prints it once."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    LOCKED = 4
    REFUSED = 5
    INTERRUPTED = 130


class FileorgError(Exception):
    """A run that cannot go on: one sentence that names the thing, and a hint that says what to do.

    Names in the sentence are passed through `names.display` by whoever raises it.
    """

    exit_code: Exit = Exit.SOME_FAILED
    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UsageError(FileorgError):
    """A wrong option, path or template: nothing was looked at yet."""

    exit_code = Exit.USAGE


class UnknownOperation(UsageError):
    """A number that no operation has."""

    hint = "fileorg history lists the operations"

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no operation {number}.")


class GuardRefused(FileorgError):
    """The request is understood, and too dangerous to carry out."""

    exit_code = Exit.REFUSED


class Locked(FileorgError):
    """Another run holds the journal or the root."""

    exit_code = Exit.LOCKED
    hint = "wait until it has ended, or stop it with Ctrl-C"


class StateError(FileorgError):
    """The state directory cannot be used as it is."""

    exit_code = Exit.USAGE


class JournalError(FileorgError):
    """The journal cannot be trusted or written: the run stops, and the files stay as they are."""

    exit_code = Exit.SOME_FAILED


class StorageFailure(FileorgError):
    """A storage as a whole does not answer, or cannot do what is asked of it."""
