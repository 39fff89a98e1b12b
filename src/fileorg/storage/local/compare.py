"""Two open files that are said to be the same: compared byte by byte, or told to share their blocks."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from fileorg.storage.local import posix
from fileorg.storage.paths import failed

_CHUNK_BYTES = 1 << 20
_RANGE_BYTES = 16 << 20
"""More at once is refused by btrfs, and would hold both files for long."""

_FIDEDUPERANGE = 0xC0189436
_REQUEST = struct.Struct("=QQHHI")  # offset and length of the source, how many targets, reserved
_TARGET = struct.Struct("=qQQiI")  # descriptor, offset, bytes that are shared now, status, reserved
_DIFFERS = 1

# ext4, XFS, btrfs, tmpfs: what they call a hole reads as zeros, also just after it was written.
_TELL_HOLES = frozenset({0xEF53, 0x58465342, 0x9123683E, 0x01021994})


def same_bytes(one: int, two: int, size: int) -> bool:
    """Whether two open files both hold `size` bytes, and the same ones. Raises `OSError`.

    Where both have a hole nothing is read; on a file system that might be wrong about holes, all is.
    """
    if any(os.fstat(fd).st_size != size for fd in (one, two)):
        return False
    sparse = all(os.fstat(fd).st_blocks * 512 < size and posix.file_system_type(fd) in _TELL_HOLES for fd in (one, two))
    first, second = (bytearray(min(size, _CHUNK_BYTES)) for _ in range(2))
    position = 0
    while position < size:
        if sparse and (data := min(_next_data(one, position, size), _next_data(two, position, size))) > position:
            position = data
            continue
        count = min(_CHUNK_BYTES, size - position)
        if not (_fill(one, first, count, position) and _fill(two, second, count, position)):
            return False
        # Not as views, which are compared item by item; only the last piece is copied.
        if first[:count] != second[:count] if count < len(first) else first != second:
            return False
        position += count
    return all(os.fstat(fd).st_size == size for fd in (one, two))


def _next_data(fd: int, position: int, size: int) -> int:
    try:
        return os.lseek(fd, position, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == errno.ENXIO else position


def _fill(fd: int, buffer: bytearray, count: int, position: int) -> bool:
    """Read exactly so many bytes; False if there are fewer."""
    with memoryview(buffer) as whole, whole[:count] as view:
        done = 0
        while done < count:
            read = os.preadv(fd, [view[done:]], position + done)
            if read == 0:
                return False
            done += read
    return True


def share_blocks(source: int, target: int, size: int) -> bool:
    """Let the first `size` bytes of an open file be kept in the blocks of another one: FIDEDUPERANGE.

    The kernel compares them, with both files held, and shares only what is the same: nothing that can be seen changes.
    False if they differ. Raises `OSError`, such as ENOTSUP, EINVAL, EXDEV or ENOTTY where no blocks can be shared, and
    EPERM for a target that one may not write to.
    """
    position = 0
    while position < size:
        request = bytearray(_REQUEST.size + _TARGET.size)
        _REQUEST.pack_into(request, 0, position, min(_RANGE_BYTES, size - position), 1, 0, 0)
        _TARGET.pack_into(request, _REQUEST.size, target, position, 0, 0, 0)
        fcntl.ioctl(source, _FIDEDUPERANGE, request)
        _, _, shared, status, _ = _TARGET.unpack_from(request, _REQUEST.size)
        if status == _DIFFERS:
            return False
        if status < 0 or shared == 0:
            raise failed(-status or errno.ENOTSUP)
        position += shared
    return True
