"""The system calls that Python does not offer, on directory descriptors. Each keeps its promise under races.

Linux: renameat2(2), openat2(2), syncfs(2). macOS: renameatx_np(2), after its manual page and untested.
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
from typing import Any

from fileorg.storage.paths import check_folder, failed

_libc = ctypes.CDLL(None, use_errno=True)

_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4  # the same promise on macOS
_RENAME_EXCHANGE = 2  # RENAME_SWAP on macOS, by the same number
_SYS_OPENAT2 = 437  # one number on every Linux architecture
_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_WRITE_AND_WAIT = 7  # all three flags of sync_file_range(2)

_LONG = struct.calcsize("l")
_GET_FLAGS = 2 << 30 | _LONG << 16 | 0x6601  # FS_IOC_GETFLAGS, and with a 1 and a 2 in its place, FS_IOC_SETFLAGS
_SET_FLAGS = 1 << 30 | _LONG << 16 | 0x6602

OVERLAY = 0x794C7630
XFS = 0x58465342

# Of chattr(1). What is in the first two can be neither renamed nor removed, nor, for a folder, what is in it.
IMMUTABLE, APPEND = 0x10, 0x20
NO_COPY_ON_WRITE, COMPRESSED, NOT_COMPRESSED = 0x800000, 0x4, 0x400
WHILE_EMPTY = NO_COPY_ON_WRITE | COMPRESSED | NOT_COMPRESSED
"""Flags that say how content is written: some file systems take them only while there is none."""
KEPT_FLAGS = IMMUTABLE | APPEND | WHILE_EMPTY | 0x200C0CB
"""What people give to a file: s, u, S, d, A, j, t, x, too."""

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# What sandboxes and older kernels answer that do not know openat2; and a path that is too long for one call.
_NO_OPENAT2 = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG, errno.ENAMETOOLONG}
_NO_SYNC = {errno.ENOSYS, errno.EINVAL, errno.ESPIPE, errno.EROFS, errno.ENOTSUP}
# There is no second name for this file, as opposed to: it failed.
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def _find(*names: str) -> Any:
    for name in names:
        if hasattr(_libc, name):
            return getattr(_libc, name)
    return None


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_rename_excl = _find("renameat2", "renameatx_np")
# It has no argtypes: what ctypes makes of an int and of bytes by itself is right, and takes 0.5 µs less a call.
_rename_flag = _RENAME_EXCL if sys.platform == "darwin" else _RENAME_NOREPLACE
_syncfs = _find("syncfs")
_fstatfs = _find("fstatfs")
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
    """Rename, or raise `FileExistsError` if `target` exists: one system call, so no one can come in between.

    The names hold no NUL, see `paths.check_name`: C would stop reading there.
    Raises `OSError` with EINVAL or ENOSYS where the file system or kernel has no such call.
    """
    if _rename_excl is None:
        raise failed(errno.ENOSYS, source)
    if _rename_excl(source_fd, source, target_fd, target, _rename_flag) != 0:
        raise failed(ctypes.get_errno(), source, target)


def exchange(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
    """Give each of two names what the other one has, in one system call: neither of them is ever absent.

    Raises `OSError` with EINVAL or ENOSYS where the file system or kernel has no such call.
    """
    if _rename_excl is None:
        raise failed(errno.ENOSYS, source)
    if _rename_excl(source_fd, source, target_fd, target, _RENAME_EXCHANGE) != 0:
        raise failed(ctypes.get_errno(), source, target)


def rename_by_link(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
    """The same promise by link(2) and unlink(2): two names for an instant, never none.

    Raises `OSError` with ENOTSUP where there are no hard links either.
    """
    try:
        os.link(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno in NO_LINKS:
            raise failed(errno.ENOTSUP, source, target) from None
        raise
    with contextlib.suppress(FileNotFoundError):
        left = os.lstat(source, dir_fd=source_fd)
        # Whoever put another file there in between keeps it: ours has its new name already.
        if left.st_ino == os.lstat(target, dir_fd=target_fd).st_ino:
            os.unlink(source, dir_fd=source_fd)


def open_beneath(root_fd: int, folder: bytes, *, cross_mounts: bool = True) -> int:
    """A descriptor of the folder, which is beneath `root_fd` with no symlink on the way.

    One openat2(2) where there is one, else component by component.
    Raises `OSError`: ELOOP for a symlink, ENOTDIR for a file, EINVAL for `..` and the like, and EXDEV for a
    mount unless `cross_mounts`.
    """
    check_folder(folder)
    if not folder:
        return os.open(b".", FOLDER_FLAGS, dir_fd=root_fd)
    if sys.platform == "linux":
        resolve = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
        # Not O_NOFOLLOW: with it, a symlink at the end is called ENOTDIR, as if the folder were missing.
        how = _OpenHow(FOLDER_FLAGS & ~os.O_NOFOLLOW, 0, resolve | (0 if cross_mounts else _RESOLVE_NO_XDEV))
        fd = int(_syscall(_SYS_OPENAT2, root_fd, folder, ctypes.byref(how), ctypes.sizeof(how)))
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code not in _NO_OPENAT2:
            raise failed(code, folder)
    return _open_by_component(root_fd, folder, cross_mounts=cross_mounts)


def open_root(path: bytes) -> int:
    """A descriptor of a directory by its real path: where a symlink came in on the way since, it is another one.

    Raises `OSError`, ENOTDIR for such a symlink.
    """
    on_the_way = (FOLDER_FLAGS & ~os.O_RDONLY) | getattr(os, "O_PATH", os.O_RDONLY)  # it may be closed to be read
    fd = os.open(b"/", on_the_way)
    try:
        for name in filter(None, path.split(b"/")):
            above, fd = fd, os.open(name, on_the_way, dir_fd=fd)
            os.close(above)
        return os.open(b".", FOLDER_FLAGS, dir_fd=fd)
    except OSError as error:
        raise failed(error.errno or errno.EIO, path) from error  # of the whole path, not of a name in it
    finally:
        os.close(fd)


def _open_by_component(root_fd: int, folder: bytes, *, cross_mounts: bool = True) -> int:
    """`open_beneath` without openat2. It does not tell a bind mount of the same device from a folder."""
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
        raise failed(error.errno or errno.EIO, folder) from error  # of the whole path, as openat2 is told of
    return fd


def _open_component(fd: int, name: bytes) -> int:
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=fd)
    except NotADirectoryError:
        # O_DIRECTORY answers ENOTDIR for a symlink too; openat2 says ELOOP.
        if stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode):
            raise failed(errno.ELOOP, name) from None
        raise


def sync_file_system(fd: int) -> None:
    """Write out the whole file system that `fd` is on. Raises `OSError` if a write failed."""
    if _syncfs is not None:
        if _syncfs(fd) == 0:
            return
        if (code := ctypes.get_errno()) != errno.ENOSYS:
            raise failed(code)
    os.sync()


def write_out(fd: int) -> None:
    """Write out what is dirty of an open file, without waiting until it survives a power cut. Raises `OSError`."""
    if _sync_file_range is not None and file_system_type(fd) != OVERLAY:  # there, the pages are of another file
        if _sync_file_range(fd, 0, 0, _WRITE_AND_WAIT) == 0:
            return
        if (code := ctypes.get_errno()) not in _NO_SYNC:
            raise failed(code)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def flags(fd: int) -> int:
    """The flags of chattr(1) that an open file or folder has, as many of `KEPT_FLAGS` as the file system knows."""
    if sys.platform != "linux":
        return 0
    value = bytearray(_LONG)
    try:
        fcntl.ioctl(fd, _GET_FLAGS, value)
    except OSError:
        return 0
    return int.from_bytes(value[:4], sys.byteorder) & KEPT_FLAGS


def add_flags(fd: int, wanted: int) -> int:
    """Give an open file flags of chattr(1); those of them that it then lacks.

    On btrfs, that sets or removes the attribute `btrfs.compression`.
    """
    value = bytearray(_LONG)
    for flag in (1 << bit for bit in range(32) if wanted >> bit & 1):
        with contextlib.suppress(OSError):  # one that a file system does not know is no reason against the others
            fcntl.ioctl(fd, _GET_FLAGS, value)
            has = int.from_bytes(value[:4], sys.byteorder)
            if not has & flag:
                value[:4] = (has | flag).to_bytes(4, sys.byteorder)
                fcntl.ioctl(fd, _SET_FLAGS, bytes(value))
    return wanted and wanted & ~flags(fd)


def remove_flags(fd: int, unwanted: int) -> None:
    """Take flags of chattr(1) away that an open file has from its folder, as far as that can be."""
    if extra := flags(fd) & unwanted:
        value = bytearray(_LONG)
        with contextlib.suppress(OSError):
            fcntl.ioctl(fd, _GET_FLAGS, value)
            has = int.from_bytes(value[:4], sys.byteorder)
            value[:4] = (has & ~extra).to_bytes(4, sys.byteorder)
            fcntl.ioctl(fd, _SET_FLAGS, bytes(value))


def name_limit(fd: int) -> int:
    """How many bytes a name may have where `fd` is."""
    try:
        return os.fpathconf(fd, "PC_NAME_MAX")
    except (OSError, ValueError):
        return 255


def file_system_type(fd: int) -> int:
    """The number by which Linux knows the kind of file system that `fd` is on, as statfs(2) lists them; else 0."""
    facts = (ctypes.c_long * 64)()  # more than any struct statfs; the type comes first
    if sys.platform != "linux" or _fstatfs is None or _fstatfs(fd, ctypes.byref(facts)) != 0:
        return 0
    return facts[0] & 0xFFFF_FFFF
