"""The log of writes to disks in their order, and the writes that survive a power loss at some moment."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from random import Random

BLOCK_BYTES = 4096
"""The atomic unit of a disk write. File systems of these sizes rely on no more than that."""

_HEADER = struct.Struct("<?BQI")  # is write, disk, offset, length


class Entry(NamedTuple):
    """A write, or a flush without data."""

    disk: int
    offset: int
    data: bytes
    is_flush: bool


def write_entry(disk: int, offset: int, data: bytes) -> bytes:
    return _HEADER.pack(True, disk, offset, len(data)) + data


def flush_entry(disk: int) -> bytes:
    return _HEADER.pack(False, disk, 0, 0)


def read_log(path: Path) -> list[Entry]:
    """Read the whole log. During logging, call it only between two requests to the disks."""
    raw, position, found = path.read_bytes(), 0, []
    while position < len(raw):
        is_write, disk, offset, length = _HEADER.unpack_from(raw, position)
        position += _HEADER.size
        found.append(Entry(disk, offset, raw[position : position + length], not is_write))
        position += length
    return found


@dataclass(frozen=True)
class Moment:
    """The moment of a power loss: before the log entry at `position`. `seed` decides which writes are lost."""

    position: int
    seed: str
    is_after: bool
    """True if the command had ended by then and reported success."""

    def __str__(self) -> str:
        return f"{self.position}{', after the end,' if self.is_after else ''} with seed {self.seed!r}"


def survivors(log: Sequence[Entry], position: int, chance: Random) -> Iterator[Entry]:
    """Yield the writes before `position` that reach the disk: all until the last flush, and a random half after it.

    Some states keep half of the requests, others half of all blocks, which tears requests. Each disk has separate
    flushes.
    """
    flushed = {entry.disk: number for number, entry in enumerate(log[:position]) if entry.is_flush}
    tears = chance.random() < 0.5
    for number, entry in enumerate(log[:position]):
        if entry.is_flush:
            continue
        if number < flushed.get(entry.disk, -1):
            yield entry
        elif tears:
            yield from (block for block in _blocks(entry) if chance.random() < 0.5)
        elif chance.random() < 0.5:
            yield entry


def _blocks(entry: Entry) -> Iterator[Entry]:
    """Split a write at the block boundaries of the disk."""
    start = 0
    while start < len(entry.data):
        offset = entry.offset + start
        end = start + BLOCK_BYTES - offset % BLOCK_BYTES
        yield entry._replace(offset=offset, data=entry.data[start:end])
        start = end


def write_to(images: Sequence[Path], entries: Iterator[Entry] | Sequence[Entry]) -> None:
    disks = [os.open(image, os.O_WRONLY | os.O_CLOEXEC) for image in images]
    try:
        for entry in entries:
            os.pwrite(disks[entry.disk], entry.data, entry.offset)
    finally:
        for disk in disks:
            os.close(disk)
