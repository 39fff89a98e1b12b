"""Copy the content and the metadata of one open file: reflink, else by hand, holes kept.

Each byte is read for the digest anyway: copy_file_range(2) would make that two passes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import sys

from fileorg.core.reasons import NOTHING_LOST, Lost
from fileorg.storage.local import posix
from fileorg.storage.local.digests import data_ranges, digest_of_copy

_FICLONE = 0x40049409
_CHUNK_BYTES = 1 << 20
# Not possible on this pair of file systems, as opposed to failed.
_UNSUPPORTED = {
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.ENOTTY,
    errno.EPERM,
    errno.EBADF,
    errno.ETXTBSY,
}
_ROUNDED_NS = 2 * 10**9  # FAT has every other second
_ACL = "system.posix_acl_access"
# The kernel sets these by itself, or the target has its own.
_NOT_OURS = ("system.nfs4", "security.selinux")


def copy_content(source_fd: int, target_fd: int, size: int) -> bytes:
    """Copy `size` bytes from the start of one file into an empty one.

    Returns the digest by which the copy is known again: see `digests`.
    Raises `OSError`; ESTALE if the source turned out to be shorter or longer.
    """
    digest = digest_of_copy(os.fstat(source_fd))
    cloned = _clone(source_fd, target_fd)
    view = memoryview(bytearray(_CHUNK_BYTES))
    position = 0
    for start, end in data_ranges(source_fd, size):
        digest.skip(start - position)
        position = start
        while position < end:
            count = os.preadv(source_fd, [view[: min(_CHUNK_BYTES, end - position)]], position)
            if count == 0:
                raise OSError(errno.ESTALE, "it became shorter while it was copied")
            digest.feed(view[:count])
            if not cloned:
                _write_all(target_fd, view[:count], position)
            position += count
    digest.skip(size - position)
    if os.fstat(source_fd).st_size != size:
        raise OSError(errno.ESTALE, "its size changed while it was copied")
    if not cloned:
        os.ftruncate(target_fd, size)  # a hole at the end
    return digest.value()


def _clone(source_fd: int, target_fd: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        raise
    return True


def _write_all(fd: int, data: memoryview, position: int) -> None:
    while data:
        count = os.pwrite(fd, data, position)
        data = data[count:]
        position += count


def copy_metadata(
    source_fd: int,
    target_fd: int,
    seen: os.stat_result,
    *,
    flags: int = 0,
    mode: int | None = None,
    mtime_ns: int | None = None,
) -> tuple[Lost, list[bytes], int]:
    """Owner, mode, extended attributes (ACLs are among them), times, and the `flags` of chattr(1); what could not be
    kept, and the names of the attributes and the flags among that.

    `seen` is the source as it was before it was read, which may change its access time. `mode` and `mtime_ns` are
    given where the source is on a file system that did not keep them.
    """
    wanted = stat.S_IMODE(seen.st_mode if mode is None else mode)
    lost = NOTHING_LOST
    with contextlib.suppress(OSError):
        os.fchown(target_fd, seen.st_uid, seen.st_gid)
    # What was set is read back: some file systems say yes and keep nothing.
    kept, mode = os.fstat(target_fd), wanted
    if (kept.st_uid, kept.st_gid) != (seen.st_uid, seen.st_gid):
        lost |= Lost.OWNER
        mode &= ~(stat.S_ISUID | stat.S_ISGID)  # it would run as whoever copies
    lost_here, names = _copy_xattrs(source_fd, target_fd)
    lost |= lost_here
    with contextlib.suppress(OSError):
        os.fchmod(target_fd, mode)
    if stat.S_IMODE(os.fstat(target_fd).st_mode) != wanted:
        lost |= Lost.MODE
    mtime_ns = seen.st_mtime_ns if mtime_ns is None else mtime_ns
    # With one of these two, it could not be given its name, nor be taken away again.
    forbidding = flags & (posix.IMMUTABLE | posix.APPEND)
    lost_flags = posix.add_flags(target_fd, flags & ~forbidding) | forbidding
    try:
        os.utime(target_fd, ns=(seen.st_atime_ns, mtime_ns))
    except OSError:
        lost |= Lost.TIMES
    # Beyond its range, a file system takes the nearest time that it has.
    if abs(os.fstat(target_fd).st_mtime_ns - mtime_ns) > _ROUNDED_NS:
        lost |= Lost.TIMES
    return (lost | Lost.FLAGS if lost_flags else lost), names, lost_flags


def _copy_xattrs(source_fd: int, target_fd: int) -> tuple[Lost, list[bytes]]:
    if not hasattr(os, "listxattr"):
        return NOTHING_LOST, []
    lost, names = NOTHING_LOST, list[str]()
    try:
        names = os.listxattr(source_fd)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            lost = Lost.ATTRIBUTES
    if _ACL not in names:
        # The target's folder may have given it one, which would let others read it.
        with contextlib.suppress(OSError):
            os.removexattr(target_fd, _ACL)
    gone = [
        os.fsencode(name)
        for name in names
        if not _copy_xattr(source_fd, target_fd, name) and not name.startswith(_NOT_OURS)
    ]
    return (lost | Lost.ATTRIBUTE, gone) if gone else (lost, gone)


def _copy_xattr(source_fd: int, target_fd: int, name: str) -> bool:
    try:
        value = os.getxattr(source_fd, name)
        os.setxattr(target_fd, name, value)
        return os.getxattr(target_fd, name) == value
    except OSError:
        return False
