"""Open directories along paths that no other user can redirect."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from fileorg.core.descriptors import telling_the_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

_ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LINKS = 40  # the limit of the kernel


def open_directory(path: bytes, *, make: bool = False) -> int:
    """Return a descriptor of a directory, for use as `dir_fd`. One walk checks and opens each component.

    Symlinks of this user and of root are followed, those of other users are not. With `make`, missing directories are
    created. Raises `OSError`: EPERM for the symlink of another user.
    """
    links, todo = 0, path.split(b"/")[::-1]
    fd = os.open(b"/" if path.startswith(b"/") else b".", _ON_THE_WAY | os.O_DIRECTORY)
    try:
        while todo:
            if (name := todo.pop()) in {b"", b"."}:
                continue
            found = _entry(fd, name, make=make)
            if isinstance(found, int):
                above, fd = fd, found  # before it is closed: Ctrl-C in between must not close it twice
                os.close(above)
                continue
            if (links := links + 1) > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(path))
            todo += found.split(b"/")[::-1]
            if found.startswith(b"/"):
                above, fd = fd, os.open(b"/", _ON_THE_WAY | os.O_DIRECTORY)
                os.close(above)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_place(path: bytes) -> tuple[int, bytes]:
    """Return (descriptor of the folder, name) for a file path, with symlinks of this user and of root resolved. For a
    link in /proc/PID/fd, the folder is that directory. Raises `OSError` as `open_directory` does.
    """
    for _ in range(_MAX_LINKS):
        above, name = os.path.split(path)
        folder = open_directory(above)
        if process_of(folder) is not None:
            return folder, name  # the target of such a link need not be a path
        try:
            if (says := link_target(name, folder)) is None:
                return folder, name
            path = os.path.join(above, says)
        except BaseException:
            os.close(folder)
            raise
        os.close(folder)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def path_of(fd: int, path: bytes) -> bytes:
    """Return the current path of an open directory, as the kernel reports it; `path` if it reports none."""
    try:
        now = os.readlink(b"/proc/self/fd/%d" % fd)
    except OSError:
        return path
    return now if now.startswith(b"/") else path


def process_of(folder: int) -> bytes | None:
    """Return the id of the process whose descriptors a directory lists (/proc/PID/fd), None for any other."""
    match path_of(folder, b"").split(b"/"):
        case [b"", b"proc", process, b"fd"] | [b"", b"proc", process, b"task", _, b"fd"]:
            return process
    return None


def link_target(name: bytes, dir_fd: int) -> bytes | None:
    """Return the target of a symlink of this user or of root, None if `name` is missing or not a symlink.

    Raises `OSError`, EPERM for a symlink of another user.
    """
    try:
        link = os.open(name, _ON_THE_WAY, dir_fd=dir_fd) if hasattr(os, "O_PATH") else -1
    except FileNotFoundError:
        return None
    try:
        seen = os.fstat(link) if link >= 0 else os.lstat(name, dir_fd=dir_fd)
        if not stat.S_ISLNK(seen.st_mode):
            return None
        if not is_trusted(seen.st_uid):
            raise OSError(errno.EPERM, "a symlink of another user leads elsewhere", os.fsdecode(name))
        return os.readlink(b"", dir_fd=link) if link >= 0 else os.readlink(name, dir_fd=dir_fd)
    finally:
        if link >= 0:
            os.close(link)


def is_trusted(uid: int) -> bool:
    """Return whether `uid` is this user or root, as far as it can be known in a container."""
    return uid in {0, os.geteuid()} or _is_unknown(uid)


def _is_unknown(uid: int) -> bool:
    """Return whether `uid` stands for all users that a container does not map, root outside among them."""
    try:
        with open("/proc/self/uid_map", "rb") as known, open("/proc/sys/kernel/overflowuid", "rb") as overflow:
            return known.read().split() != [b"0", b"0", b"4294967295"] and int(overflow.read()) == uid
    except OSError:
        return False


def _entry(fd: int, name: bytes, *, make: bool) -> int | bytes:
    """Return a descriptor of a directory, or the target of a symlink."""
    for _ in range(_MAX_LINKS):
        try:
            return os.open(name, _ON_THE_WAY | os.O_DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            if not make:
                raise
            try:
                os.mkdir(name, dir_fd=fd)
            except FileExistsError:
                continue
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                raise
            if (says := link_target(name, fd)) is not None:
                return says
            if stat.S_ISDIR(os.lstat(name, dir_fd=fd).st_mode):
                continue  # replaced between the two calls
            raise
    raise OSError(errno.EBUSY, "other programs keep replacing it", os.fsdecode(name))


def identity(fd: int) -> tuple[int, int]:
    """Return the device and inode numbers of an open file."""
    seen = os.fstat(fd)
    return seen.st_dev, seen.st_ino


def folders_above(fd: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield (identity, descriptor) of the directories above an open one, as far as permissions allow. A descriptor is
    valid until the next is asked for.
    """
    flags = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    here, opened = identity(fd), -1
    try:
        while True:
            try:
                with telling_the_limit():
                    above = os.open(b"..", flags, dir_fd=fd if opened < 0 else opened)
            except PermissionError:
                return
            last, opened = opened, above  # before it is closed: Ctrl-C in between must not close it twice
            if last >= 0:
                os.close(last)
            below, here = here, identity(opened)
            if here == below:  # the root of the file system
                return
            yield here, opened
    finally:
        if opened >= 0:
            os.close(opened)
