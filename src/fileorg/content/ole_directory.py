"""What a compound file of OLE holds, by the names in its directory: at most 64 sectors are read."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fileorg.content.head import Content

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER_BYTES = 512
_SECTORS_READ = 64
_ENTRY_BYTES = 128
_LAST_SECTOR = 0xFFFFFFFA
_SMALLEST_SHIFT, _LARGEST_SHIFT = 9, 12

_WHICH = (
    ("msi", ("\u4840",)),  # the names of tables are packed in characters from here on
    ("msg", ("__properties_version1.0", "__substg1.0_", "__nameid_version1.0")),
    ("hwp", ("HwpSummaryInformation", "BodyText")),
    ("pub", ("Quill",)),
    ("vsd", ("VisioDocument",)),
    ("ppt", ("PowerPoint Document", "PP40")),
    ("xlr", ("WksSSWorkBook",)),
    ("xls", ("Workbook", "Book")),
    ("doc", ("WordDocument",)),
    ("wps", ("MatOST", "MM", "SPELLING")),
    ("sdw", ("StarWriterDocument",)),
    ("sdc", ("StarCalcDocument",)),
    ("qpw", ("NativeContent_MAIN", "PerfectOffice_OBJECTS")),
    ("wpd", ("PerfectOffice_MAIN",)),
    ("mpp", ("   1", "Props14", "Props12", "Props9")),
    ("dgn", ("Dgn~",)),
    ("max", ("VideoPostQueue",)),
)


def entry_names(content: Content) -> list[str]:
    """Return the first names in the directory; none if it cannot be followed."""
    header = content.head[:_HEADER_BYTES]
    if len(header) < _HEADER_BYTES or not header.startswith(MAGIC):
        return []
    shift = struct.unpack_from("<H", header, 30)[0]
    if not _SMALLEST_SHIFT <= shift <= _LARGEST_SHIFT:
        return []
    tables = struct.unpack_from("<109L", header, 76)
    sector, names, seen = struct.unpack_from("<L", header, 48)[0], list[str](), set[int]()
    while sector < _LAST_SECTOR and sector not in seen and len(seen) < _SECTORS_READ:
        seen.add(sector)
        names += _names(content.read_at((sector + 1) << shift, 1 << shift))
        sector = _next(content, tables, sector, shift)
    return names


def _next(content: Content, tables: tuple[int, ...], sector: int, shift: int) -> int:
    """Return the sector that follows in a chain."""
    table, position = divmod(sector, 1 << (shift - 2))
    if table >= len(tables) or tables[table] >= _LAST_SECTOR:
        return _LAST_SECTOR
    number = content.read_at(((tables[table] + 1) << shift) + 4 * position, 4)
    return struct.unpack("<L", number)[0] if len(number) == 4 else _LAST_SECTOR


def _names(sector: bytes) -> list[str]:
    names = []
    for at in range(0, len(sector) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        length = struct.unpack_from("<H", sector, at + 64)[0]
        if 2 < length <= 64 and sector[at + 66]:
            names.append(sector[at : at + length - 2].decode("utf-16-le", "replace"))
    return names


def format_of(names: list[str]) -> bytes:
    """Return the format of a compound file as a key of `file_formats.FORMATS`; empty if its names tell none."""
    for name, starts in _WHICH:
        if any(each.startswith(starts) for each in names):
            return name.encode()
    return b""
