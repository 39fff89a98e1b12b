"""Changes of `fileorg.toml`, most of them of own categories: each recorded in the journal before it is made."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, FileorgError, GuardRefused, UsageError
from fileorg.core.locks import run_lock
from fileorg.core.names import display
from fileorg.core.trusted import open_place, path_of
from fileorg.core.tuples import NamedTuple
from fileorg.rules.config import ConfigError
from fileorg.rules.config_file import MOST_BYTES, parse_configuration, read_content, unreadable
from fileorg.workflows.open_journal import journal_to_write, open_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.core.state import StateDirectory
    from fileorg.journal.configuration_changes import ConfigurationChange, ConfigurationChanges

ADD, EDIT, REMOVE, RESTORE = "add", "edit", "remove", "restore"
ADD_RULE, SET = "add-rule", "set"
_OF_OTHERS = frozenset({ADD_RULE, SET})
"""Kinds of changes that are none of a category: recorded beside them, but neither listed nor restored."""


class ConfigurationFile(NamedTuple):
    """A `fileorg.toml` at one moment. `content` is None if it does not exist."""

    path: bytes
    content: bytes | None
    stamp: tuple[int, ...]

    @property
    def text(self) -> str:
        return (self.content or b"").decode("utf-8-sig")


def change_configuration(
    path: bytes, kind: str, name: str, edit: Callable[[str], str], state: StateDirectory
) -> int | None:
    """Edit the file by `edit`, and return the number of the change; None if it changes nothing.

    Raises `UsageError` if the new content is wrong, `ConfigError` if the file is wrong already, `Locked`,
    `JournalError`, `FileorgError`.
    """
    path = _real(path)
    with _changes(state) as changes:
        file = _read(path)
        try:
            after = edit(file.text).encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{display(error.object[error.start : error.end])} is not UTF-8, as the configuration is.",
                hint="choose another name",
                code=ErrorCode.BAD_VALUE,
            ) from error
        if file.content is not None and after == file.content:
            return None
        _check(path, after)
        return _carry_out(changes, file, kind, name, after)


def restore_category(path: bytes, name: str | None, state: StateDirectory) -> ConfigurationChange | None:
    """Take back the last change of a category, or of any, that was not taken back yet. Return that change,
    None if there is none.

    Raises `GuardRefused` if the category was edited since, and as `change_configuration`.
    """
    path = _real(path)
    with _changes(state) as changes:
        file = _read(path)
        change = _last(changes, file, name)
        if change is None:
            return None
        after = change.before if file.content == change.after else _merged(file, change)
        if after is not None:
            _check(path, after)
        _carry_out(changes, file, RESTORE, change.subject, after, change.id)
        return change


def _real(path: bytes) -> bytes:
    """Return the real path of the file, which no other user may redirect: neither what is read nor what is written.

    Raises `ConfigError`.
    """
    try:
        folder, name = open_place(os.path.abspath(path))
    except FileNotFoundError:  # its folder is made
        return os.path.realpath(path)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return os.path.join(path_of(folder, os.path.realpath(os.path.dirname(path))), name)
    finally:
        os.close(folder)


def changes_of(path: bytes, state: StateDirectory) -> list[ConfigurationChange]:
    """Return the changes of the file by commands, newest first. Raises `JournalError`."""
    if not state.has_journal:
        return []
    with open_journal(state, read_only=True) as journal:
        changes = journal.configuration_changes().newest_first(os.path.realpath(path))
        return [each for each in changes if each.kind not in _OF_OTHERS]


_LOCK = b"categories.lock"


@contextlib.contextmanager
def _changes(state: StateDirectory) -> Iterator[ConfigurationChanges]:
    """Yield the table of changes; only one process changes the file at a time."""
    with run_lock(state, "changing the configuration", name=_LOCK), journal_to_write(state) as journal:
        yield journal.configuration_changes()


def _read(path: bytes) -> ConfigurationFile:
    """Return the file as it is now, checked. Raises `ConfigError`."""
    if not os.path.lexists(path):
        return ConfigurationFile(path, None, ())
    content, stamp = read_content(path)
    parse_configuration(path, content)
    return ConfigurationFile(path, content, stamp)


def _check(path: bytes, content: bytes) -> None:
    """Raise `UsageError` if the new content is wrong, or could not be read again."""
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"The configuration would be larger than {MOST_BYTES >> 20} MiB.",
            hint="shorten the new values, or remove others",
            code=ErrorCode.BAD_VALUE,
        )
    try:
        parse_configuration(path, content)
    except ConfigError as error:  # its line is one of a file that is never written
        sentence = error.message
        if not sentence.partition(" ")[2].startswith("= "):  # it begins with a word, not with a key
            sentence = sentence[:1].upper() + sentence[1:]
        raise UsageError(f"{sentence}.", hint=error.hint, code=ErrorCode.BAD_VALUE) from error


def _last(changes: ConfigurationChanges, file: ConfigurationFile, name: str | None) -> ConfigurationChange | None:
    """Return the newest change that is in effect. A change that was interrupted is one if the file has its content."""
    restored: set[int | None] = set()
    for change in changes.newest_first(file.path, name):
        if change.kind in _OF_OTHERS or (not change.done and file.content != change.after):
            continue
        if change.kind == RESTORE:
            restored.add(change.restores)
        elif change.id not in restored:
            return change
    return None


def _merged(file: ConfigurationFile, change: ConfigurationChange) -> bytes:
    """Return the present content with the category as it was before. Raises `GuardRefused` if it was edited since."""
    from fileorg.rules.config_edit import category_in, with_category_of

    before, after = ((each or b"").decode("utf-8-sig") for each in (change.before, change.after))
    if category_in(file.text, change.subject) != category_in(after, change.subject):
        raise GuardRefused(
            f"The category {display(change.subject)} was edited in {display(file.path)} since that change.",
            hint="edit the file by hand",
            path=file.path,
        )
    return with_category_of(file.text, change.subject, before).encode()


def _carry_out(
    changes: ConfigurationChanges,
    file: ConfigurationFile,
    kind: str,
    name: str,
    after: bytes | None,
    restores: int | None = None,
) -> int:
    """Record the change, replace the file, and note that it is done."""
    number = changes.add(kind, name, file.path, file.content, after, restores)
    try:
        _replace(file, after)
    except OSError as error:
        raise FileorgError(
            f"Could not write {display(file.path)}: {error.strerror}.",
            hint="check who owns the file and its folder",
            path=file.path,
        ) from error
    changes.end(number)
    return number


def _replace(file: ConfigurationFile, after: bytes | None) -> None:
    """Give the file its new content in one step; without content, remove it. Raises `OSError`, `GuardRefused`."""
    folder = os.path.dirname(file.path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    temporary = b"%b.%d.tmp" % (file.path, os.getpid())
    mode = os.stat(file.path).st_mode & 0o7777 if file.content is not None else 0o644
    try:
        if after is not None:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with open(fd, "wb") as new:
                new.write(after)
                new.flush()
                os.fsync(fd)
        if _now(file.path) != (file.content, file.stamp):
            raise GuardRefused(
                f"Another program changed {display(file.path)} at this moment.", hint="run the command again"
            )
        if after is None:
            os.unlink(file.path)
        else:
            os.replace(temporary, file.path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _now(path: bytes) -> tuple[bytes | None, tuple[int, ...]]:
    return read_content(path) if os.path.lexists(path) else (None, ())
