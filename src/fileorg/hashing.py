"""What files hold, as digests. Runs in processes, on many files at a time, and reads only what it is asked for.

A digest is given only if the file was, after it was read, still what the scan saw: inode, size, both times. A change
since then shows in its ctime, which no program can set.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from xxhash import xxh3_64_digest, xxh3_128_digest

from fileorg.storage.listing import INODE_MASK, LATEST_NS
from fileorg.storage.transfer import digest_of_content

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL_BYTES = 16 << 10
"""Up to this size a file is read whole at once: looking at both of its ends takes as long."""
END_BYTES = 4 << 10
WHOLE_WIDTH, ENDS_WIDTH = 16, 8

_BUFFER_BYTES = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_WHOLE, _NO_ENDS = bytes(WHOLE_WIDTH), bytes(ENDS_WIDTH)


class Request(NamedTuple):
    """Files of one folder that are to be read, and what they were when they were scanned."""

    batch: int
    part: int
    folder: bytes
    dev: int
    names: list[bytes]
    sizes: list[int]
    inodes: list[int]
    mtimes_ns: list[int]
    ctimes_ns: list[int]
    wholly: bool


class Answer(NamedTuple):
    """By position of the request: digests of the whole content, or of both ends, one after the other.

    Zeros stand for what was not read: a large file's whole if only its ends were asked for, a small one's ends, and
    both of a file with a problem.
    """

    batch: int
    part: int
    wholes: bytes
    ends: bytes
    problems: list[tuple[int, str]]


CHANGED, VANISHED = "it changed while it was read", "it is no longer there"


def answer_all(requests: Sequence[Request]) -> list[Answer]:
    """Read what is asked for, in the order in which it lies on the disk."""
    view = memoryview(bytearray(_BUFFER_BYTES))
    return [_answer(request, view) for request in requests]


def _answer(request: Request, view: memoryview) -> Answer:
    batch, part, folder, dev, names, sizes, inodes, mtimes, ctimes, wholly = request
    folder += b"/"
    wholes, ends = [_NO_WHOLE] * len(names), [_NO_ENDS] * len(names)
    problems: list[tuple[int, str]] = []
    open_, fstat, close, read = os.open, os.fstat, os.close, os.read
    for position in sorted(range(len(names)), key=inodes.__getitem__):
        size = sizes[position]
        try:
            fd = open_(folder + names[position], _FLAGS)
            try:
                if size <= SMALL_BYTES:
                    content = read(fd, size + 1)
                    if len(content) != size:
                        content = _read_on(fd, content, size)
                    whole, end = xxh3_128_digest(content), _NO_ENDS
                elif wholly:
                    whole, end = _whole(fd, size, view), _NO_ENDS
                else:
                    whole, end = _NO_WHOLE, _ends(fd, size)
                seen = fstat(fd)
            finally:
                close(fd)
        except OSError as error:
            problems.append((position, _reason(error)))
            continue
        if (
            seen.st_ctime_ns != ctimes[position]
            or min(seen.st_mtime_ns, LATEST_NS) != mtimes[position]
            or seen.st_ino & INODE_MASK != inodes[position]
            or seen.st_size != size
            or seen.st_dev != dev
        ):
            problems.append((position, CHANGED))
            continue
        wholes[position], ends[position] = whole, end
    return Answer(batch, part, b"".join(wholes), b"".join(ends), problems)


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return VANISHED
    return CHANGED if error.errno in {errno.ESTALE, errno.ELOOP} else error.strerror or str(error)


def _read_on(fd: int, content: bytes, size: int) -> bytes:
    """The rest of a file of which one read gave less: a network file system may do that. ESTALE if it is shorter."""
    while len(content) < size and (more := os.read(fd, size + 1 - len(content))):
        content += more
    if len(content) != size:
        raise OSError(errno.ESTALE, "its size changed")
    return content


def _ends(fd: int, size: int) -> bytes:
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)  # else each 4 KiB pull 128 KiB of readahead
    head, tail = os.pread(fd, END_BYTES, 0), os.pread(fd, END_BYTES, size - END_BYTES)
    if len(head) != END_BYTES or len(tail) != END_BYTES:
        raise OSError(errno.ESTALE, "its size changed")
    # The size as the seed: files of two sizes are no candidates for each other.
    return xxh3_64_digest(head + tail, seed=size)


def _whole(fd: int, size: int, view: memoryview) -> bytes:
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return digest_of_content(fd, size, view)
