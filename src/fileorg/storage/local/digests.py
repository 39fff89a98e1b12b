"""Digests of contents, the same however a file is stored, and which parts of an open file hold data.

There are two: the plain one is xxh3_128 of the content. The other one counts what is zero for 64 KiB from a multiple of
64 KiB on, so that a hole of a terabyte costs nothing; it is the plain one where there are no such zeros. Duplicates are
found by it, and a copy with much in holes is known again by it: then it is kept with a mark before it.
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
_RUN = struct.Struct("=QQ")  # the first block and how many
_COUNTED = b"\1"
_MUCH_BYTES = 1 << 30
"""In holes: hashing them takes a tenth of a second."""
# Not possible on this file system, as opposed to failed.
NOT_POSSIBLE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOTTY, errno.EPERM, errno.EBADF, errno.ETXTBSY}


class Digest(Protocol):
    """Takes a content from its start to its end."""

    def feed(self, data: memoryview) -> None: ...

    def skip(self, size: int) -> None:
        """So many zeros."""
        ...

    def value(self) -> bytes:
        """At the end."""
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
    """The digest that counts zeros: 16 bytes."""

    def __init__(self) -> None:
        self._hash, self._runs = xxhash.xxh3_128(), xxhash.xxh3_128()
        self._begun = bytearray()  # a block that is not whole yet
        self._blocks = self._zeros = 0  # so far, and of them those just before
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
    """The digest of an open file of `size` bytes, read through one buffer; of a sparse one, only what holds data.

    `also` is given each part that was read, and where it begins. Raises `OSError`; ESTALE if it holds less than `size`
    bytes.
    """
    position = 0
    for start, end in data_ranges(fd, size):
        digest.skip(start - position)
        position = start
        while position < end:
            count = os.preadv(fd, [view[: end - position]], position)
            if count == 0:
                raise OSError(errno.ESTALE, "it became shorter while it was read")
            digest.feed(view[:count])
            also(view[:count], position)
            position += count
    digest.skip(size - position)
    return digest.value()


def digest_of_copy(seen: os.stat_result) -> Digest:
    """By which a copy of a file is to be known again."""
    return Marked() if seen.st_size - seen.st_blocks * 512 > _MUCH_BYTES else Plain()


class Marked(Counted):
    """The digest that counts zeros, told from a plain one: 17 bytes."""

    def value(self) -> bytes:
        return _COUNTED + super().value()


def has_digest(fd: int, digest: bytes) -> bool:
    """Whether the content of an open file is the one that a copy had. Raises `OSError`."""
    made = Marked() if len(digest) == 1 + xxhash.xxh3_128().digest_size else Plain()
    return digest_of(fd, os.fstat(fd).st_size, memoryview(bytearray(_CHUNK_BYTES)), made) == digest


def data_ranges(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a sparse file that hold data; the whole of it where holes are not told."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            if error.errno not in NOT_POSSIBLE:
                raise
            start, end = position, size
        yield start, min(end, size)
        position = end
