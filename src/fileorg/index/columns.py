"""A batch of one folder's files as columns: what a scan hands to the index, and the index to the plan.

Names are joined by NUL, the one byte no name holds; numbers are 64-bit arrays. About 48 bytes a file and the name.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import xxhash

from fileorg.model import Entry

_NUMBERS = 6  # size, mtime_ns, ctime_ns, inode, mode, nlink


class FileBatch(NamedTuple):
    """Up to a few thousand files of one folder. `numbers` holds the columns one after the other."""

    folder: bytes
    dev: int
    count: int
    names: bytes
    numbers: bytes

    @classmethod
    def pack(cls, folder: bytes, files: Sequence[Entry]) -> Self:
        if not files:
            return cls(folder, 0, 0, b"", b"")
        names, sizes, mtimes, ctimes, inodes, modes, nlinks, _ = zip(*files, strict=True)
        numbers = array("q", sizes + mtimes + ctimes)
        # Inodes are unsigned, and above 2**63 on some network file systems.
        numbers.frombytes(array("Q", inodes + modes + nlinks).tobytes())
        return cls(folder, files[0].dev, len(files), b"\0".join(names), numbers.tobytes())

    def column(self, position: int, kind: str = "q") -> Sequence[int]:
        width = self.count * 8
        return memoryview(self.numbers)[position * width : (position + 1) * width].cast(kind).tolist()

    @property
    def sizes(self) -> Sequence[int]:
        return self.column(0)

    @property
    def mtimes(self) -> Sequence[int]:
        return self.column(1)

    def split_names(self) -> list[bytes]:
        return self.names.split(b"\0") if self.count else []

    def rows(self) -> Iterator[tuple[bytes, int, int, int, int, int, int]]:
        """(name, size, mtime_ns, ctime_ns, inode, mode, nlink) of each file, in the order of the scan."""
        signed = (self.column(position) for position in range(3))
        unsigned = (self.column(position, "Q") for position in range(3, _NUMBERS))
        return zip(self.split_names(), *signed, *unsigned, strict=True)  # type: ignore[return-value]

    @property
    def fingerprint(self) -> bytes:
        """16 bytes that change with any name, size, time or inode in the batch."""
        return xxhash.xxh3_128(self.names + b"\0" + self.numbers).digest()
