"""The byte-by-byte comparison of two files."""

from __future__ import annotations

from io import FileIO
from typing import TYPE_CHECKING, BinaryIO

from fileorg.storage.local.blocks import has_holes, next_data, next_hole

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.storage.base import Storage

_CHUNK_BYTES = 1 << 20


def same_content(
    storage: Storage,
    folder: bytes,
    name: bytes,
    other: Storage,
    other_folder: bytes,
    other_name: bytes,
) -> bool:
    """Return whether two regular files hold the same bytes, by reading both; False if one cannot be read."""
    try:
        one, two = storage.lstat(folder, name), other.lstat(other_folder, other_name)
        if one is None or two is None or not (one.is_file and two.is_file) or one.size != two.size:
            return False
        if (one.dev, one.inode) == (two.dev, two.inode):
            return True
        with storage.open_read(folder, name) as first, other.open_read(other_folder, other_name) as second:
            return same_bytes(first, second, one.size)
    except OSError:
        return False


def same_bytes(one: BinaryIO, two: BinaryIO, size: int, check: Callable[[], None] = lambda: None) -> bool:
    """Return whether two files just opened both hold exactly `size` bytes, and the same ones. Raises `OSError`.

    Holes that both share are not read, except on file systems that may report holes wrongly. `check` is called for each
    part, and may raise.
    """
    sparse = all(isinstance(file, FileIO) and has_holes(file.fileno(), size) for file in (one, two))
    position, end = 0, size
    while position < size:
        check()
        if sparse:
            position, end = _next_part(one.fileno(), two.fileno(), position, size)
            one.seek(position)
            two.seek(position)
        count = min(_CHUNK_BYTES, end - position)
        first = _read_exactly(one, count)
        if len(first) < count or first != _read_exactly(two, count):
            return False
        position += count
    return not (one.read(1) or two.read(1))


def _next_part(one: int, two: int, position: int, size: int) -> tuple[int, int]:
    """Return the start and the end of the next part with data in one of two open files.

    The last byte is always a part, even in a hole: reading it detects a file that was truncated meanwhile.
    """
    starts = {fd: next_data(fd, position, size) for fd in (one, two)}
    start = min(size - 1, *starts.values())
    holes = [next_hole(fd, start, size) for fd, at in starts.items() if at == start]
    return start, max(start + 1, min(holes, default=size))


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    """Return `size` bytes; fewer only at the end of the file."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
