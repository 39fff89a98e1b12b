"""System calls that Python lacks, on directory descriptors. Each keeps its promise under races.

Linux: renameat2(2), openat2(2), syncfs(2). macOS: renameatx_np(2), written from its manual page and untested.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import stat
import struct
import sys
from typing import TYPE_CHECKING, Any

from fileorg.storage.paths import check_folder, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_libc = ctypes.CDLL(None, use_errno=True)

_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4  # the macOS equivalent
_RENAME_EXCHANGE = 2  # RENAME_SWAP on macOS, same number
_SYS_OPENAT2 = 437  # the same on every Linux architecture
_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_WRITE, _WRITE_AND_WAIT = 2, 7  # of the flags of sync_file_range(2)
_NO_FOLLOW, _BIRTH_TIME = 0x100, 0x800  # AT_SYMLINK_NOFOLLOW and STATX_BTIME of statx(2)
_FROM_DISK, _CHANGE_TIME = 0x2000, 0x80  # AT_STATX_FORCE_SYNC and STATX_CTIME

_LONG = struct.calcsize("l")
_GET_FLAGS = 2 << 30 | _LONG << 16 | 0x6601  # FS_IOC_GETFLAGS; FS_IOC_SETFLAGS differs in two digits
_SET_FLAGS = 1 << 30 | _LONG << 16 | 0x6602

OVERLAY = 0x794C7630
XFS = 0x58465342

# Flags of chattr(1). A file with one of the first two cannot be renamed or removed; nor can the entries of such a
# folder.
IMMUTABLE, APPEND = 0x10, 0x20
NO_COPY_ON_WRITE, COMPRESSED, NOT_COMPRESSED = 0x800000, 0x4, 0x400
WHILE_EMPTY = NO_COPY_ON_WRITE | COMPRESSED | NOT_COMPRESSED
"""Flags for how content is written: some file systems accept them only on empty files."""
KEPT_FLAGS = IMMUTABLE | APPEND | WHILE_EMPTY | 0x200C0CB
"""Flags that users set; the number stands for s, u, S, d, A, j, t, x."""

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
KEEPS_ATIME = getattr(os, "O_NOATIME", 0)
"""Reading leaves the access time: allowed to the owner of a file, and to root."""

# Errors of sandboxes and older kernels without openat2, and of paths that are too long for one call.
_NO_OPENAT2 = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG, errno.ENAMETOOLONG}
_FLUSHES, _FEW_FLUSHES = 32, 9
"""Flushes under way at once, and the number of files from which that is worth its threads."""
_NO_SYNC = {errno.ENOSYS, errno.EINVAL, errno.ESPIPE, errno.EROFS, errno.ENOTSUP}
# A hard link is not possible, as opposed to failed.
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def _find(*names: str) -> Any:
    for name in names:
        if hasattr(_libc, name):
            return getattr(_libc, name)
    return None


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_rename_excl = _find("renameat2", "renameatx_np")
# Without argtypes: the default conversion of int and bytes is right, and saves 0.5 µs per call.
_rename_flag = _RENAME_EXCL if sys.platform == "darwin" else _RENAME_NOREPLACE
_syncfs = _find("syncfs")
_fstatfs = _find("fstatfs")
_statx = _find("statx")
_sync_file_range = _find("sync_file_range")
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_syscall = _find("syscall")
if sys.platform == "linux" and _syscall is not None:
    _syscall.restype = ctypes.c_long
    _syscall.argtypes = (
        ctypes.c_long,
        ctypes.c_long,
        ctypes.c_char_p,
        ctypes.POINTER(_OpenHow),
        ctypes.c_size_t,
    )


def rename_noreplace(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
    """Rename, or raise `FileExistsError` if `target` exists: one system call, so no process can intervene.

    The names must not contain NUL (see `paths.check_name`), where C would end them. Raises `OSError` with EINVAL or
    ENOSYS if the file system or kernel has no such call.
    """
    if _rename_excl is None:
        raise failed(errno.ENOSYS, source)
    if _rename_excl(source_fd, source, target_fd, target, _rename_flag) != 0:
        raise failed(ctypes.get_errno(), source, target)


def exchange(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
    """Exchange two files in one system call: neither name is ever absent.

    Raises `OSError` with EINVAL or ENOSYS if the file system or kernel has no such call.
    """
    if _rename_excl is None:
        raise failed(errno.ENOSYS, source)
    if _rename_excl(source_fd, source, target_fd, target, _RENAME_EXCHANGE) != 0:
        raise failed(ctypes.get_errno(), source, target)


def rename_by_link(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
    """Rename without replacing by link(2) and unlink(2): two names for an instant, never none. If the old name cannot
    be removed, the new one is.

    Raises `OSError` with ENOTSUP without hard links.
    """
    try:
        os.link(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno in NO_LINKS:
            raise failed(errno.ENOTSUP, source, target) from None
        raise
    with contextlib.suppress(FileNotFoundError):
        left = os.lstat(source, dir_fd=source_fd)
        # If another program has replaced the source meanwhile, its file stays: the moved one has its new name.
        if left.st_ino == os.lstat(target, dir_fd=target_fd).st_ino:
            try:
                os.unlink(source, dir_fd=source_fd)
            except FileNotFoundError:
                raise
            except OSError:
                if left.st_ino == os.lstat(target, dir_fd=target_fd).st_ino:
                    os.unlink(target, dir_fd=target_fd)
                raise


def open_beneath(root_fd: int, folder: bytes, *, cross_mounts: bool = True) -> int:
    """Open a folder beneath `root_fd`, with no symlink in its path, and return a descriptor.

    By one openat2(2) if available, else component by component. Raises `OSError`: ELOOP for a symlink, ENOTDIR for a
    file, EINVAL for `..` and the like, and EXDEV for a mount unless `cross_mounts`.
    """
    check_folder(folder)
    if not folder:
        return open_to_read(b".", FOLDER_FLAGS, root_fd)
    if sys.platform == "linux":
        resolve = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
        # Without O_NOFOLLOW, which reports a final symlink as ENOTDIR, as if the folder were missing.
        flags, resolve = FOLDER_FLAGS & ~os.O_NOFOLLOW, resolve | (0 if cross_mounts else _RESOLVE_NO_XDEV)
        for more in (KEEPS_ATIME, 0):
            how = _OpenHow(flags | more, 0, resolve)
            fd = int(_syscall(_SYS_OPENAT2, root_fd, folder, ctypes.byref(how), ctypes.sizeof(how)))
            if fd >= 0:
                return fd
            if (code := ctypes.get_errno()) != errno.EPERM:
                break
        if code not in _NO_OPENAT2:
            raise failed(code, folder)
    return _open_by_component(root_fd, folder, cross_mounts=cross_mounts)


def open_to_read(name: bytes, flags: int, dir_fd: int) -> int:
    """Open a file or folder, without a change of its access time where the system allows that. Raises `OSError`."""
    try:
        return os.open(name, flags | KEEPS_ATIME, dir_fd=dir_fd)
    except PermissionError:  # another owner, or it cannot be read at all
        return os.open(name, flags, dir_fd=dir_fd)


def opener(flags: int, dir_fd: int) -> Callable[[bytes], int]:
    """Return `open_to_read` of a name in this folder, which takes half the time of a call with all arguments."""
    open_, first_flags = os.open, flags | KEEPS_ATIME

    def open_name(name: bytes) -> int:
        try:
            return open_(name, first_flags, dir_fd=dir_fd)
        except PermissionError:
            return open_(name, flags, dir_fd=dir_fd)

    return open_name


def open_root(path: bytes) -> int:
    """Open a directory by its real path, without following any symlink, and return a descriptor.

    Raises `OSError`, ENOTDIR for a symlink that was inserted meanwhile.
    """
    on_the_way = (FOLDER_FLAGS & ~os.O_RDONLY) | getattr(os, "O_PATH", os.O_RDONLY)  # it may lack read permission
    fd = os.open(b"/", on_the_way)
    try:
        for name in filter(None, path.split(b"/")):
            above, fd = fd, os.open(name, on_the_way, dir_fd=fd)
            os.close(above)
        return open_to_read(b".", FOLDER_FLAGS, fd)
    except OSError as error:
        raise failed(error.errno or errno.EIO, path) from error  # report the whole path, not a component
    finally:
        os.close(fd)


def _open_by_component(root_fd: int, folder: bytes, *, cross_mounts: bool = True) -> int:
    """`open_beneath` without openat2. Cannot tell a bind mount on the same device from a folder."""
    check_folder(folder)
    fd = os.open(b".", FOLDER_FLAGS, dir_fd=root_fd)
    try:
        dev = os.fstat(fd).st_dev
        for component in folder.split(b"/") if folder else ():
            deeper = _open_component(fd, component)
            os.close(fd)
            fd = deeper
            if not cross_mounts and os.fstat(fd).st_dev != dev:
                raise failed(errno.EXDEV, folder)
    except OSError as error:
        os.close(fd)
        raise failed(error.errno or errno.EIO, folder) from error  # report the whole path, as for openat2
    return fd


def _open_component(fd: int, name: bytes) -> int:
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=fd)
    except NotADirectoryError:
        # O_DIRECTORY reports a symlink as ENOTDIR; openat2 as ELOOP.
        if stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode):
            raise failed(errno.ELOOP, name) from None
        raise


def sync_file_system(fd: int) -> None:
    """Flush the whole file system of `fd`. Raises `FlushError` if a write failed."""
    if _syncfs is not None:
        if _syncfs(fd) == 0:
            return
        if (code := ctypes.get_errno()) != errno.ENOSYS:
            raise flush_failed(code)
    os.sync()


def flush(fd: int) -> None:
    """Flush an open file or folder. Raises `FlushError`."""
    try:
        os.fsync(fd)
    except OSError as error:
        raise flush_failed(error.errno) from error


def flush_all(fds: Sequence[int]) -> list[OSError | None]:
    """Flush open files and folders, many at once: a file system then writes its log once for many of them.

    Return the error of each, None if it is flushed.
    """
    found: list[OSError | None] = [None] * len(fds)
    tried = bytearray(len(fds))

    def flush_some(first: int, step: int) -> None:
        for place in range(first, len(fds), step):
            try:
                flush(fds[place])
            except OSError as error:
                found[place] = error
            tried[place] = True

    if len(fds) < _FEW_FLUSHES:
        flush_some(0, 1)
        return found
    from threading import Thread  # rarely needed

    count = min(_FLUSHES, len(fds) // 2)
    threads = list[Thread]()
    for first in range(count):
        thread = Thread(target=flush_some, args=(first, count))
        try:
            thread.start()
        except RuntimeError:  # the system permits no more threads
            flush_some(first, count)
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()
    if not all(tried):  # a thread has ended early, such as without memory: what it has not tried is not flushed
        return [error if done else flush_failed(None) for error, done in zip(found, tried, strict=True)]
    return found


def flush_failed(code: int | None) -> OSError:
    """Return the error for a flush that failed."""
    from fileorg.core.retry import FlushError  # rarely needed

    return FlushError(code, os.strerror(code or errno.EIO))


def begin_to_write(fd: int) -> None:
    """Let the kernel begin to write the dirty pages of a file, so that its flush waits less."""
    if _sync_file_range is not None:
        _sync_file_range(fd, 0, 0, _WRITE)


def write_out(fd: int) -> None:
    """Write the dirty pages of an open file, without the guarantee of fsync. Raises `FlushError`."""
    if _sync_file_range is not None and file_system_type(fd) != OVERLAY:  # overlayfs: the pages are another file's
        if _sync_file_range(fd, 0, 0, _WRITE_AND_WAIT) == 0:
            return
        if (code := ctypes.get_errno()) not in _NO_SYNC:
            raise flush_failed(code)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise flush_failed(error.errno) from error


def flags(fd: int) -> int:
    """Return the flags of chattr(1) of an open file or folder, limited to `KEPT_FLAGS`."""
    if sys.platform != "linux":
        return 0
    value = bytearray(_LONG)
    try:
        fcntl.ioctl(fd, _GET_FLAGS, value)
    except OSError:
        return 0
    return int.from_bytes(value[:4], sys.byteorder) & KEPT_FLAGS


def add_flags(fd: int, wanted: int) -> int:
    """Set flags of chattr(1) on an open file; return those that could not be set.

    On btrfs, this sets or removes the attribute `btrfs.compression`.
    """
    value = bytearray(_LONG)
    for flag in (1 << bit for bit in range(32) if wanted >> bit & 1):
        with contextlib.suppress(OSError):  # one by one: an unsupported flag must not block the others
            fcntl.ioctl(fd, _GET_FLAGS, value)
            has = int.from_bytes(value[:4], sys.byteorder)
            if not has & flag:
                value[:4] = (has | flag).to_bytes(4, sys.byteorder)
                fcntl.ioctl(fd, _SET_FLAGS, bytes(value))
    return wanted and wanted & ~flags(fd)


def remove_flags(fd: int, unwanted: int) -> None:
    """Remove flags of chattr(1) that an open file inherited from its folder, as far as possible."""
    if extra := flags(fd) & unwanted:
        value = bytearray(_LONG)
        with contextlib.suppress(OSError):
            fcntl.ioctl(fd, _GET_FLAGS, value)
            has = int.from_bytes(value[:4], sys.byteorder)
            value[:4] = (has & ~extra).to_bytes(4, sys.byteorder)
            fcntl.ioctl(fd, _SET_FLAGS, bytes(value))


def born_ns(fd: int, name: bytes) -> int | None:
    """Return when an entry of an open folder was created, None if that is unknown. Nobody can set this time."""
    return _time_of(fd, name, _NO_FOLLOW, _BIRTH_TIME, 80)


def changed_ns(fd: int, name: bytes) -> int | None:
    """Return the ctime of an entry of an open folder, from its disk and not from a cache; None if that is unknown."""
    return _time_of(fd, name, _NO_FOLLOW | _FROM_DISK, _CHANGE_TIME, 96)


def _time_of(fd: int, name: bytes, flags: int, which: int, offset: int) -> int | None:
    """Return a time of an entry by statx(2), None if it is unknown; `offset` is its place in the struct."""
    facts = ctypes.create_string_buffer(256)  # struct statx: the mask first
    if sys.platform != "linux" or _statx is None or _statx(fd, name, flags, which, facts) != 0:
        return None
    (mask,), (seconds, nanoseconds) = struct.unpack_from("=I", facts), struct.unpack_from("=qI", facts, offset)
    known: int = seconds * 10**9 + nanoseconds
    return known if mask & which else None


def name_limit(fd: int) -> int:
    """Return the maximum length of a name in bytes on the file system of `fd`."""
    try:
        return os.fpathconf(fd, "PC_NAME_MAX")
    except (OSError, ValueError):
        return 255


def file_system_type(fd: int) -> int:
    """Return the file system type of `fd` as listed in statfs(2), 0 if unknown."""
    facts = (ctypes.c_long * 64)()  # larger than any struct statfs; the type is first
    if sys.platform != "linux" or _fstatfs is None or _fstatfs(fd, ctypes.byref(facts)) != 0:
        return 0
    return facts[0] & 0xFFFF_FFFF
