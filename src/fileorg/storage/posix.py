"""The system calls that Python does not offer, on directory descriptors. Each keeps its promise under races.

Linux: renameat2(2), openat2(2), syncfs(2). macOS: renameatx_np(2), written after its manual page and untested.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)

_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4  # the same promise on macOS
_SYS_OPENAT2 = 437  # one number on every Linux architecture
_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _find(*names: str) -> Any:
    for name in names:
        if hasattr(_libc, name):
            return getattr(_libc, name)
    return None


_rename_excl = _find("renameat2", "renameatx_np")
if _rename_excl is not None:
    _rename_excl.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_rename_flag = _RENAME_EXCL if sys.platform == "darwin" else _RENAME_NOREPLACE
_syncfs = _find("syncfs")


def failed(code: int, *names: bytes) -> OSError:
    """The exception class that fits `errno`, with the names it is about."""
    return OSError(code, os.strerror(code), *(os.fsdecode(name) for name in names[:1]))


def rename_noreplace(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
    """Rename, or raise `FileExistsError` if `target` exists: one system call, so no one can come in between.

    Raises `OSError` with EINVAL or ENOSYS where the file system or kernel has no such call.
    """
    if _rename_excl is None:
        raise failed(errno.ENOSYS, source)
    if _rename_excl(source_fd, source, target_fd, target, _rename_flag) != 0:
        raise failed(ctypes.get_errno(), source)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(root_fd: int, folder: bytes, *, cross_mounts: bool = True) -> int:
    """A descriptor of the folder, which is beneath `root_fd` with no symlink on the way.

    One openat2(2) where there is one, else component by component.
    Raises `OSError`: ELOOP or ENOTDIR for a symlink, EXDEV for a way out.
    """
    if not folder:
        return os.open(b".", FOLDER_FLAGS, dir_fd=root_fd)
    if sys.platform == "linux":
        resolve = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
        how = _OpenHow(FOLDER_FLAGS, 0, resolve | (0 if cross_mounts else _RESOLVE_NO_XDEV))
        fd = int(_libc.syscall(_SYS_OPENAT2, root_fd, folder, ctypes.byref(how), ctypes.sizeof(how)))
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        # EPERM and EINVAL come from sandboxes that do not know the call.
        if code not in {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG}:
            raise failed(code, folder)
    return _open_by_component(root_fd, folder)


def _open_by_component(root_fd: int, folder: bytes) -> int:
    fd = os.open(b".", FOLDER_FLAGS, dir_fd=root_fd)
    try:
        for component in folder.split(b"/"):
            if component in {b"", b".", b".."}:
                raise failed(errno.EXDEV, folder)
            deeper = os.open(component, FOLDER_FLAGS, dir_fd=fd)
            os.close(fd)
            fd = deeper
    except OSError:
        os.close(fd)
        raise
    return fd


def sync_file_system(fd: int) -> None:
    """Write out the whole file system that `fd` is on. Raises `OSError` if a write failed."""
    if _syncfs is None:
        os.sync()
    elif _syncfs(fd) != 0:
        raise failed(ctypes.get_errno())
