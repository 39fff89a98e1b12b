"""The target of `-o`: a file, written as a whole or not at all, an inherited descriptor, a pipe or a device."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from typing import TYPE_CHECKING, TextIO

from fileorg.core.errors import ErrorCode, GuardRefused, UsageError
from fileorg.core.model import WITHIN
from fileorg.core.names import display
from fileorg.core.trusted import is_trusted, open_place, process_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
_FORCE = "name another file, or replace this one with --force"
_READER_SECONDS = 2.0
"""The time to wait for a reader of a pipe."""


@contextlib.contextmanager
def written(path: str, *, force: bool = False) -> Iterator[TextIO]:
    """Yield a stream to the target of `-o`. A file that is there is replaced only with `force`, and only by a whole new
    one. Raises `UsageError`, `GuardRefused`.
    """
    with _telling(path):
        folder, name = open_place(os.fsencode(path))
    try:
        if WITHIN in os.environ:
            from fileorg.core.confinement import check_opened_folder  # few processes are confined

            check_opened_folder(folder, os.fsencode(path))
        with _telling(path):
            fd = _open_as_it_is(folder, name)
        if fd is not None:
            with _text(fd) as stream:
                yield stream
            return
        if not force and _is_there(folder, name):
            raise GuardRefused(
                f"The output {display(path)} is there already.",
                hint=_FORCE,
                code=ErrorCode.OUTPUT_EXISTS,
                path=os.fsencode(path),
            )
        _remove_unfinished(folder, name)
        part = name + b".fileorg-%s.part" % os.urandom(4).hex().encode()
        with _telling(path):
            fd = os.open(part, _NEW, 0o666, dir_fd=folder)
            with contextlib.suppress(OSError):  # not every file system has locks
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stream = _text(fd)
        try:
            with stream:
                yield stream
            from fileorg.workflows.output_file import place

            with _telling(path):
                is_placed = place(folder, part, name, force=force)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise
        if not is_placed:  # the output may describe a run that was carried out: it is kept
            part = _as_finished(folder, part)
            raise GuardRefused(
                f"Another program has just made {display(path)}: the output is in {display(part)} beside it.",
                hint="move one of the two files away",
                code=ErrorCode.OUTPUT_EXISTS,
                path=os.fsencode(path),
            )
    finally:
        os.close(folder)


def _remove_unfinished(folder: int, name: bytes) -> None:
    """Remove the parts of this file that killed runs have left: they are ours, and no run has them open."""
    pattern = re.compile(re.escape(name) + rb"\.fileorg-[0-9a-f]{8}\.part")
    with contextlib.suppress(OSError):
        readable = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            parts = [part for part in map(os.fsencode, os.listdir(readable)) if pattern.fullmatch(part)]
        finally:
            os.close(readable)
        for part in parts:
            with contextlib.suppress(OSError):
                fd = os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                try:
                    seen = os.fstat(fd)
                    if stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid():
                        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(part, dir_fd=folder)
                finally:
                    os.close(fd)


def _as_finished(folder: int, part: bytes) -> bytes:
    """Return the name that a complete output gets which is not placed: the next run removes only unfinished ones."""
    with contextlib.suppress(OSError):
        os.rename(part, part.removesuffix(b".part"), src_dir_fd=folder, dst_dir_fd=folder)
        return part.removesuffix(b".part")
    return part


def _is_there(folder: int, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _open_as_it_is(folder: int, name: bytes) -> int | None:
    """Return a descriptor of an inherited stream, a pipe or a device, None for a regular or missing file.

    Raises `OSError`.
    """
    if (process := process_of(folder)) is not None:
        return _handed_over(process, name)
    try:
        seen = os.lstat(name or b".", dir_fd=folder)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(seen.st_mode):
        return None
    if stat.S_ISDIR(seen.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not is_trusted(seen.st_uid):
        raise OSError(errno.EPERM, "it is another user's pipe or device")
    fd = _open_at_once(folder, name, is_pipe=stat.S_ISFIFO(seen.st_mode))
    if not os.path.samestat(seen, os.fstat(fd)):
        os.close(fd)
        raise OSError(errno.EBUSY, "another program has just replaced it")
    os.set_blocking(fd, True)
    return fd


def _open_at_once(folder: int, name: bytes, *, is_pipe: bool) -> int:
    until = time.monotonic() + _READER_SECONDS
    while True:
        try:
            return os.open(name, _AT_ONCE, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ENXIO or not is_pipe:
                raise
            if time.monotonic() > until:
                raise OSError(errno.ENXIO, "no program reads this pipe") from error
        time.sleep(0.02)


def _handed_over(process: bytes, name: bytes) -> int:
    """Return a duplicate of a descriptor that this process inherited, which keeps its offset and append mode.

    Descriptors that the program itself has opened are refused: they are not inheritable.
    """
    if process != os.readlink(b"/proc/self"):
        raise OSError(errno.EPERM, "it belongs to another process")
    if not name.isdigit() or len(name) > 9 or not os.get_inheritable(int(name)):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    if fcntl.fcntl(int(name), fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "it is not open for writing")
    return os.dup(int(name))


def _text(fd: int) -> TextIO:
    return open(fd, "w", encoding="utf-8", errors="backslashreplace", newline="\n")


@contextlib.contextmanager
def _telling(asked: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        shown = display(asked)
        raise UsageError(
            f"Could not write the output {shown}: {error.strerror}.",
            hint="give another file",
            code=ErrorCode.OUTPUT_UNUSABLE,
            path=os.fsencode(asked),
        ) from error
