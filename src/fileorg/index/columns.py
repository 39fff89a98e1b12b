"""Batches of one folder's files as columns, passed from the scan to the index and from the index to the plan.

Names are joined by NUL, the one byte that no name holds; numbers are 64-bit arrays. 48 bytes per file plus its name.
"""

from __future__ import annotations

from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, TypeAlias

import xxhash

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fileorg.core.model import Entry

FileRow: TypeAlias = tuple[bytes, int, int, int, int, int, int]
"""name, size, mtime_ns, ctime_ns, inode, mode, nlink"""

NO_LEADERS: Mapping[bytes, bytes] = MappingProxyType({})
_NUMBERS = 6
"""size, mtime_ns, ctime_ns, inode, mode, nlink"""


_NUMBER_BYTES = 8
_RAW_MARK = b"/"
"""Precedes the name of a raw file among the leaders: no name holds it."""


class FileBatch(NamedTuple):
    """Up to a few thousand files of one folder. `numbers` holds the columns one after another."""

    folder: bytes
    dev: int
    files: int
    names: bytes
    numbers: bytes
    leaders: bytes = b""
    """The group leaders of the few files that belong to another file, and raw files: see `followers` and `raws`."""

    @classmethod
    def pack(
        cls,
        folder: bytes,
        entries: Sequence[Entry],
        leaders: Mapping[bytes, bytes] = NO_LEADERS,
        raws: Mapping[bytes, bytes] = NO_LEADERS,
    ) -> Self:
        """Pack `entries` into columns. The storage ensures that inodes fit into signed 64 bits.

        `leaders` maps the names of files to the names of their group leaders, `raws` to those of their raw files.
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
        if raws:
            for position, name in enumerate(names):
                if (raw := raws.get(name)) is not None:
                    pairs += b"%d" % position, _RAW_MARK + raw
        return cls(folder, entries[0].dev, len(entries), packed, numbers.tobytes(), b"\0".join(pairs))

    def without_links(self) -> Self:
        """Return the batch with each file as one of a single name: where inode numbers do not tell files apart."""
        return self._replace(
            numbers=self.numbers[: -self.files * _NUMBER_BYTES] + array("q", [1] * self.files).tobytes()
        )

    @property
    def sizes(self) -> list[int]:
        """Sizes in bytes. Each column is built anew at each access."""
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
        """Return the group leader's name by position of each follower. A leader never follows another file.

        Raises `ValueError` for invalid data in the index.
        """
        return {position: name for position, name in self._pairs() if name[:1] != _RAW_MARK}

    def raws(self) -> dict[int, bytes]:
        """Return the name of the raw file by position of each picture taken with one, and of that picture's followers.

        Raises `ValueError` for invalid data in the index.
        """
        return {position: name[1:] for position, name in self._pairs() if name[:1] == _RAW_MARK}

    def _pairs(self) -> Iterator[tuple[int, bytes]]:
        parts = self.leaders.split(b"\0") if self.leaders else []
        return zip(map(int, parts[::2]), parts[1::2], strict=True)

    def rows(self) -> Iterator[FileRow]:
        """Return an iterator of (name, size, mtime_ns, ctime_ns, inode, mode, nlink), in the order of the scan."""
        return zip(self.split_names(), *map(self._column, range(_NUMBERS)), strict=True)

    @property
    def is_whole(self) -> bool:
        return len(self.numbers) == self.files * _NUMBERS * 8

    @property
    def fingerprint(self) -> bytes:
        """A hash (16 bytes) of the folder and all names, sizes, times, inodes and leaders of the batch."""
        return xxhash.xxh3_128(b"\0".join((self.folder, self.names, self.numbers, self.leaders))).digest()
