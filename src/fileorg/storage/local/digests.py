"""Digests of contents, independent of holes, and the data ranges of open files.

Two digests exist. The plain one is xxh3_128 of the content. The other one counts aligned 64 KiB blocks of zeros instead
of hashing them, so that a hole of a terabyte costs nothing; without such blocks it equals the plain one. Duplicates are
found by it. So are copies with large holes: their digests are stored with a marker byte in front.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING, Protocol

import xxhash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 64 << 10
_ZEROS = memoryview(bytes(_CHUNK_BYTES))
_ZERO_BLOCK = bytes(_BLOCK_BYTES)
_RUN = struct.Struct("=QQ")  # first block, number of blocks
_COUNTED = b"\1"
_MUCH_BYTES = 1 << 30
"""Bytes in holes that take a tenth of a second to hash."""
# Unsupported by this file system, as opposed to failed.
NOT_POSSIBLE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOTTY, errno.EPERM, errno.EBADF, errno.ETXTBSY}


class Digest(Protocol):
    """A digest that is fed a content from start to end."""

    def feed(self, data: memoryview) -> None: ...

    def skip(self, size: int) -> None:
        """Feed `size` zeros."""
        ...

    def value(self) -> bytes:
        """Return the digest of everything fed; call it once."""
        ...


class Plain:
    """xxh3_128 of the content: 16 bytes."""

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_128()

    def feed(self, data: memoryview) -> None:
        self._hash.update(data)

    def skip(self, size: int) -> None:
        while size > 0:
            self._hash.update(_ZEROS[:size])
            size -= _CHUNK_BYTES

    def value(self) -> bytes:
        return self._hash.digest()


class Counted:
    """The digest that counts blocks of zeros: 16 bytes."""

    def __init__(self) -> None:
        self._hash, self._runs = xxhash.xxh3_128(), xxhash.xxh3_128()
        self._begun = bytearray()  # an incomplete block
        self._blocks = self._zeros = 0  # all blocks so far, and the zero blocks at their end
        self._has_runs = False

    def feed(self, data: memoryview) -> None:
        if self._begun:
            room = _BLOCK_BYTES - len(self._begun)
            self._begun += data[:room]
            if len(self._begun) < _BLOCK_BYTES:
                return
            data = data[room:]
            self._feed_blocks(memoryview(bytes(self._begun)))
            self._begun.clear()
        whole = len(data) - len(data) % _BLOCK_BYTES
        self._feed_blocks(data[:whole])
        self._begun += data[whole:]

    def skip(self, size: int) -> None:
        if self._begun:
            filling = min(size, _BLOCK_BYTES - len(self._begun))
            self.feed(_ZEROS[:filling])
            size -= filling
        blocks, rest = divmod(size, _BLOCK_BYTES)
        self._blocks += blocks
        self._zeros += blocks
        self._begun += _ZEROS[:rest]

    def _feed_blocks(self, data: memoryview) -> None:
        start = 0
        for at in range(0, len(data), _BLOCK_BYTES):
            if not data[at] and bytes(data[at : at + _BLOCK_BYTES]) == _ZERO_BLOCK:
                self._hash.update(data[start:at])
                start = at + _BLOCK_BYTES
                self._zeros += 1
            elif self._zeros:
                self._end_run()
            self._blocks += 1
        self._hash.update(data[start:])

    def _end_run(self) -> None:
        self._runs.update(_RUN.pack(self._blocks - self._zeros, self._zeros))
        self._zeros, self._has_runs = 0, True

    def value(self) -> bytes:
        self._hash.update(self._begun)
        if self._zeros:
            self._end_run()
        plain = self._hash.digest()
        return xxhash.xxh3_128_digest(plain + self._runs.digest()) if self._has_runs else plain


def digest_of(
    fd: int,
    size: int,
    view: memoryview,
    digest: Digest,
    also: Callable[[memoryview, int], None] = lambda _data, _position: None,
) -> bytes:
    """Return the digest of an open file of `size` bytes, read through one buffer without its holes.

    `also` is called with each part that was read and its offset. Raises `OSError`; ESTALE if the file is shorter than
    `size`.
    """
    position = 0
    for start, end in data_ranges(fd, size):
        digest.skip(start - position)
        position = start
        while position < end:
            try:
                count = os.preadv(fd, [view[: end - position]], position)
            except OSError as error:
                from fileorg.core.retry import ReadError  # rarely needed

                raise ReadError(error.errno, error.strerror) from error
            if count == 0:
                raise OSError(errno.ESTALE, "it became shorter while it was read")
            digest.feed(view[:count])
            also(view[:count], position)
            position += count
    digest.skip(size - position)
    return digest.value()


def digest_of_copy(seen: os.stat_result) -> Digest:
    """Return a new digest that suits a copy of this file."""
    return Marked() if seen.st_size - seen.st_blocks * 512 > _MUCH_BYTES else Plain()


class Marked(Counted):
    """The digest that counts blocks of zeros, with a marker: 17 bytes."""

    def value(self) -> bytes:
        return _COUNTED + super().value()


def has_digest(fd: int, digest: bytes) -> bool:
    """Return whether the content of an open file has this digest of a copy. Raises `OSError`."""
    made = Marked() if len(digest) == 1 + xxhash.xxh3_128().digest_size else Plain()
    return digest_of(fd, os.fstat(fd).st_size, memoryview(bytearray(_CHUNK_BYTES)), made) == digest


def data_ranges(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the data ranges of a sparse file; the whole file where holes are not reported."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole remains
                return
            if error.errno not in NOT_POSSIBLE:
                raise
            start, end = position, size
        yield start, min(end, size)
        position = end
