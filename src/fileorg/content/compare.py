"""Whether two files hold the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
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
    """Whether two regular files hold the same bytes, by reading both; False where one of them cannot be read."""
    try:
        one, two = storage.lstat(folder, name), other.lstat(other_folder, other_name)
        if one is None or two is None or not (one.is_file and two.is_file) or one.size != two.size:
            return False
        if (one.dev, one.inode) == (two.dev, two.inode):
            return True
        with storage.open_read(folder, name) as first, other.open_read(other_folder, other_name) as second:
            while chunk := first.read(_CHUNK_BYTES):
                if chunk != _read_exactly(second, len(chunk)):
                    return False
            return not second.read(1)
    except OSError:
        return False


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
