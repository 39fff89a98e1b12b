"""What comes from an fsspec file system, in the words of the house: contents, times and errors."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fileorg.storage.paths import failed

if TYPE_CHECKING:
    from collections.abc import Iterator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ERRNO_OF: dict[type[Exception], int] = {
    FileNotFoundError: errno.ENOENT,
    FileExistsError: errno.EEXIST,
    PermissionError: errno.EACCES,
    NotADirectoryError: errno.ENOTDIR,
    IsADirectoryError: errno.EISDIR,
    TimeoutError: errno.ETIMEDOUT,
    NotImplementedError: errno.ENOTSUP,
}


class RangeReader(io.RawIOBase):
    """A remote file of `size` bytes, read range by range: one request a read, and a position of its own.

    memory:// hands every reader the same open file, with one position for all.
    """

    def __init__(self, fs: Any, key: str, size: int) -> None:
        super().__init__()
        self._fs, self._key, self._size, self._position = fs, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise failed(errno.EINVAL, os.fsencode(self._key))
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        content = self._range(min(self._position + len(buffer), self._size))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        return self._range(self._size)  # the inherited one makes a request every 8 KiB

    def _range(self, end: int) -> bytes:
        if self._position >= end:
            return b""
        with os_errors(os.fsencode(self._key)):
            content = bytes(self._fs.cat_file(self._key, start=self._position, end=end))
        self._position += len(content)
        return content


def ns_of(moment: datetime | str | float) -> int:
    """Nanoseconds since 1970 of a time as storages tell it, to the microsecond; 0 if it cannot be read."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return 0
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1) * 1000
    return round(moment * 1e6) * 1000


@contextlib.contextmanager
def os_errors(path: bytes) -> Iterator[None]:
    """Raise what a file system raises as `OSError` with an `errno`.

    fsspec's own errors have none, and those of its clients are of any class.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        code = next((code for kind, code in _ERRNO_OF.items() if isinstance(error, kind)), None)
        if code is not None:
            raise failed(code, path) from error
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", os.fsdecode(path)) from error
