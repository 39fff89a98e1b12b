"""The bytes of a file that decide what it is: its head, and bounded reads further on."""

from __future__ import annotations

import os
from typing import Protocol

HEAD_BYTES = 64 << 10
_FURTHER_BYTES = 256 << 10


class Content(Protocol):
    """A file that is looked into."""

    @property
    def head(self) -> bytes: ...

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes; fewer at the end of the file, and none beyond the limit of bytes read."""


class OpenContent:
    """The content of an open file. Raises `OSError` if its head cannot be read."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size
        self.head = _read(fd, 0, min(size, HEAD_BYTES))
        self._left = _FURTHER_BYTES

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes; none if the file cannot be read there."""
        if offset < 0 or length <= 0:
            return b""
        if offset + length <= len(self.head) or len(self.head) >= self.size:
            return self.head[offset : offset + length]
        length = min(length, self._left)
        try:
            found = _read(self._fd, offset, length)
        except (OSError, OverflowError):
            return b""
        self._left -= len(found)
        return found


class BytesContent:
    """Content that is in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)
        self.head = content[:HEAD_BYTES]

    def read_at(self, offset: int, length: int) -> bytes:
        return b"" if offset < 0 or length <= 0 else self._content[offset : offset + length]


def _read(fd: int, offset: int, length: int) -> bytes:
    found = b""
    while len(found) < length and (more := os.pread(fd, length - len(found), offset + len(found))):
        found += more
    return found
