"""Holes and shared blocks of open files."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from fileorg.storage.local import posix
from fileorg.storage.paths import failed

_RANGE_BYTES = 16 << 20
"""btrfs refuses more at once, and longer requests would lock both files for long."""

_FIDEDUPERANGE = 0xC0189436
_REQUEST = struct.Struct("=QQHHI")  # source offset and length, number of targets, reserved
_TARGET = struct.Struct("=qQQiI")  # descriptor, offset, bytes shared, status, reserved
_DIFFERS = 1

# ext4, XFS, btrfs, tmpfs: the holes that they report read as zeros, even just after a write.
_REPORTS_HOLES = frozenset({0xEF53, 0x58465342, 0x9123683E, 0x01021994})


def has_holes(fd: int, size: int) -> bool:
    """Return whether an open file of `size` bytes has holes, on a file system that reports them correctly."""
    return os.fstat(fd).st_blocks * 512 < size and posix.file_system_type(fd) in _REPORTS_HOLES


def next_data(fd: int, position: int, size: int) -> int:
    """Return the end of the hole at a position, the position itself if there is none. Moves the file offset."""
    try:
        return os.lseek(fd, position, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == errno.ENXIO else position


def next_hole(fd: int, position: int, size: int) -> int:
    """Return the end of the data at a position; the end of the file counts as a hole. Moves the file offset."""
    try:
        return min(os.lseek(fd, position, os.SEEK_HOLE), size)
    except OSError:
        return size


def share_blocks(source: int, target: int, size: int) -> bool:
    """Share the first `size` bytes of an open file with another one: FIDEDUPERANGE.

    The kernel locks and compares both files, and shares equal blocks only: the contents cannot change. Returns False if
    they differ. Raises `OSError`, such as ENOTSUP, EINVAL, EXDEV or ENOTTY where blocks cannot be shared, and EPERM for
    a target without write permission.
    """
    position, step = 0, os.fstat(source).st_blksize
    sparse = has_holes(source, size) and has_holes(target, size)
    while position < size:
        length = min(_RANGE_BYTES, size - position)
        if sparse:  # common holes have no blocks to share
            start = min(next_data(source, position, size), next_data(target, position, size))
            if start >= size:
                break
            position = max(position, start - start % step)
            end = max(next_hole(source, start, size), next_hole(target, start, size))
            length = min(_RANGE_BYTES, size - position, -(-(end - position) // step) * step)
        request = bytearray(_REQUEST.size + _TARGET.size)
        _REQUEST.pack_into(request, 0, position, length, 1, 0, 0)
        _TARGET.pack_into(request, _REQUEST.size, target, position, 0, 0, 0)
        fcntl.ioctl(source, _FIDEDUPERANGE, request)
        _, _, shared, status, _ = _TARGET.unpack_from(request, _REQUEST.size)
        if status == _DIFFERS:
            return False
        if status < 0 or shared == 0:
            raise failed(-status or errno.ENOTSUP)
        position += shared
    return True
