"""Roots that are refused: the request is understood, and would do harm, or cannot be meant."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.names import below, display, is_within
from fileorg.core.trusted import path_of
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.state import StateDirectory

# Not these and nothing below them.
_SYSTEM = (
    b"/bin", b"/boot", b"/dev", b"/etc", b"/lib", b"/lib32", b"/lib64", b"/proc", b"/sbin", b"/sys", b"/usr",
    b"/System", b"/Library", b"/Applications",
)  # fmt: skip
# Not these themselves; what is in them may be anyone's.
_SHARED = (
    b"/", b"/home", b"/media", b"/mnt", b"/opt", b"/root", b"/run", b"/srv", b"/tmp", b"/var", b"/var/tmp", b"/dev/shm",
    b"/Users", b"/Volumes",
)  # fmt: skip
_VERSION_CONTROL = (b".git", b".hg", b".svn")


def existing_folder(path: bytes) -> bytes:
    """The real path of a folder that can be read. Raises `UsageError`, which says what is there instead."""
    shown = display(path)
    try:
        real = os.path.realpath(path, strict=True)
    except FileNotFoundError:
        raise UsageError(f"There is no folder {shown}.", hint="see how it is spelled") from None
    except OSError as error:
        raise UsageError(f"{shown} cannot be used: {error.strerror}.") from error
    if not os.path.isdir(real):
        raise UsageError(f"{shown} is a file, not a folder.", hint="name the folder that it is in")
    if not os.access(real, os.R_OK | os.X_OK):
        raise UsageError(f"{shown} cannot be read: permission denied.", hint="see who owns it with ls -ld")
    return real


def changeable_folder(path: bytes, state: StateDirectory) -> bytes:
    """The real path of a folder that files may be moved in. Raises `UsageError`, or `GuardRefused` for a place that is
    not a folder of files: the system's, the home directory as a whole, our own state.
    """
    real = existing_folder(path)
    shown = display(path)
    _refuse_protected(real, shown, state)
    with _opened(real, shown) as fd:
        _refuse_checkout(fd, shown)
        _check_writable(fd, shown)
    return real


def check_opened(fd: int, path: bytes, state: StateDirectory, *, to_be_made: bytes = b"") -> None:
    """The guards again, of a directory that was opened by its real path: between them and its opening another one may
    have come to that place. Only what is `to_be_made` below it is used, if given. Raises as `changeable_folder`.
    """
    shown = display(path)
    _refuse_protected(below(path_of(fd, path), to_be_made), shown, state)
    if not to_be_made:
        _refuse_checkout(fd, shown)
    _check_writable(fd, shown)


def destination(path: bytes, state: StateDirectory) -> tuple[bytes, bytes]:
    """Where files may be moved to: the real path of a folder that is there, and the path below it that is to be made.

    Nothing is made here: that is a step of the plan, which is journaled and can be undone. Raises as
    `changeable_folder` does.
    """
    real = os.path.realpath(path)
    base, missing = real, list[bytes]()
    while not os.path.lexists(base):
        base, name = os.path.split(base)
        missing.insert(0, name)
    if not missing:
        return changeable_folder(path, state), b""
    shown = display(path)
    _refuse_protected(real, shown, state)
    if not os.path.isdir(base):
        raise UsageError(f"{shown} cannot be made: {display(base)} is a file, not a folder.")
    if any(len(name) > 255 for name in missing):
        raise UsageError(f"{shown} cannot be made: a name in it is longer than 255 bytes.")
    with _opened(base, shown) as fd:
        _check_writable(fd, shown)
    return base, b"/".join(missing)


def _refuse_protected(real: bytes, shown: str, state: StateDirectory) -> None:
    """Raises `GuardRefused` for a place whose files are not for us to sort."""
    home = os.path.realpath(os.path.expanduser(b"~"))
    if real == home or os.path.dirname(real) in {b"/home", b"/Users"}:
        raise GuardRefused(
            f"{shown} is a home directory: programs keep their settings there.", hint="name a folder in it"
        )
    if real in _SHARED or home.startswith(real + b"/"):
        raise GuardRefused(f"{shown} belongs to the system.", hint="name a folder of yours")
    refuse_system(real, shown, state)


def refuse_system(real: bytes, shown: str, state: StateDirectory) -> None:
    """Raises `GuardRefused` for a place where nothing is moved, not even back: a journal that says so is forged."""
    is_systems = any(is_within(real, system) for system in _SYSTEM)
    if real == b"/" or (is_systems and not real.startswith(b"/dev/shm")):
        raise GuardRefused(f"{shown} belongs to the system.", hint="name a folder of yours")
    if is_within(real, state.path):
        raise GuardRefused(f"{shown} is fileorg's own state directory.", hint="name a folder of yours")


@contextlib.contextmanager
def _opened(real: bytes, shown: str) -> Iterator[int]:
    try:
        fd = posix.open_root(real)
    except OSError as error:
        raise UsageError(f"{shown} cannot be used: {error.strerror}.") from error
    try:
        yield fd
    finally:
        os.close(fd)


def _refuse_checkout(fd: int, shown: str) -> None:
    for marker in _VERSION_CONTROL:
        with contextlib.suppress(FileNotFoundError):
            os.lstat(marker, dir_fd=fd)
            raise GuardRefused(
                f"{shown} is under version control ({display(marker)}): its files belong where they are.",
                hint="name a folder that is not",
            )


def _check_writable(fd: int, shown: str) -> None:
    if not os.access(b".", os.W_OK | os.X_OK, dir_fd=fd):
        raise UsageError(f"{shown} cannot be written: permission denied.", hint="see who owns it with ls -ld")


def refuse_too_many(files: int, most: int | None, what: str) -> None:
    """The guard of --max-changes; `what` goes on after the number. Raises `GuardRefused`."""
    if most is not None and files > most:
        raise GuardRefused(
            f"{files:,} {what}, more than --max-changes {most:,} allows.",
            hint="look at the plan with --dry-run, then raise the limit",
        )
