"""A batch of one folder's files as columns: what a scan hands to the index, and the index to the plan.

Names are joined by NUL, the one byte no name holds; numbers are 64-bit arrays. About 48 bytes a file and the name.
"""

from __future__ import annotations

from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Self

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fileorg.core.model import Entry

NO_LEADERS: Mapping[bytes, bytes] = MappingProxyType({})
_NUMBERS = 6
"""size, mtime_ns, ctime_ns, inode, mode, nlink"""


class FileBatch(NamedTuple):
    """Up to a few thousand files of one folder. `numbers` holds the columns one after the other."""

    folder: bytes
    dev: int
    files: int
    names: bytes
    numbers: bytes
    leaders: bytes = b""
    """Of the few files that go with another one of their folder: see `followers`."""

    @classmethod
    def pack(cls, folder: bytes, entries: Sequence[Entry], leaders: Mapping[bytes, bytes] = NO_LEADERS) -> Self:
        """`entries` in columns. Their inodes fit 63 bits and a sign: the storage sees to that.

        `leaders` has the names of files, and those of the files that they go with.
        """
        if not entries:
            return cls(folder, 0, 0, b"", b"")
        names, sizes, mtimes, ctimes, inodes, modes, nlinks, _ = zip(*entries, strict=True)
        numbers = array("q", sizes + mtimes + ctimes + inodes + modes + nlinks)
        packed = b"\0".join(names)
        pairs = list[bytes]()
        if leaders:
            for position, name in enumerate(names):
                if (leader := leaders.get(name)) is not None:
                    pairs += b"%d" % position, leader
        return cls(folder, entries[0].dev, len(entries), packed, numbers.tobytes(), b"\0".join(pairs))

    @property
    def sizes(self) -> list[int]:
        """In bytes. Like the other columns a new list each time."""
        return self._column(0)

    @property
    def mtimes_ns(self) -> list[int]:
        return self._column(1)

    @property
    def ctimes_ns(self) -> list[int]:
        return self._column(2)

    @property
    def inodes(self) -> list[int]:
        return self._column(3)

    @property
    def modes(self) -> list[int]:
        return self._column(4)

    @property
    def nlinks(self) -> list[int]:
        return self._column(5)

    def _column(self, position: int) -> list[int]:
        width = self.files * 8
        return memoryview(self.numbers)[position * width : (position + 1) * width].cast("q").tolist()

    def split_names(self) -> list[bytes]:
        return self.names.split(b"\0") if self.files else []

    def followers(self) -> dict[int, bytes]:
        """By position, the names of the files that others go with: never one that goes with another itself.

        Raises `ValueError` where the index holds something else.
        """
        parts = self.leaders.split(b"\0") if self.leaders else []
        return dict(zip(map(int, parts[::2]), parts[1::2], strict=True))

    def rows(self) -> Iterator[tuple[bytes, int, int, int, int, int, int]]:
        """(name, size, mtime_ns, ctime_ns, inode, mode, nlink) of each file, in the order of the scan."""
        return zip(self.split_names(), *map(self._column, range(_NUMBERS)), strict=True)

    @property
    def is_whole(self) -> bool:
        return len(self.numbers) == self.files * _NUMBERS * 8

    @property
    def fingerprint(self) -> bytes:
        """16 bytes that change with the folder and any name, size, time, inode or leader in the batch."""
        return xxhash.xxh3_128(b"\0".join((self.folder, self.names, self.numbers, self.leaders))).digest()
