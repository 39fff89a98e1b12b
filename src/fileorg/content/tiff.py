"""The tags of a TIFF that tell when, where and with what a picture was taken: EXIF is a TIFF, too.

Only the first directory and those of EXIF and GPS are read: at most 200 entries of each, 1 KiB of a text, 256 KiB of a
packet.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fileorg.content.head import Content

WIDTH, HEIGHT, MAKE, MODEL, CHANGED = 0x100, 0x101, 0x10F, 0x110, 0x132
XMP, IPTC, EXIF, GPS, OTHERS = 0x2BC, 0x83BB, 0x8769, 0x8825, 0x14A
ORIGINAL, DIGITIZED, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 0x9003, 0x9004, 0x9011, 0x9012
FRACTION_ORIGINAL, FRACTION_DIGITIZED, PIXELS_WIDE, PIXELS_HIGH = 0x9291, 0x9292, 0xA002, 0xA003
GPS_TIME, GPS_DATE = 0x10007, 0x1001D
"""Tags of the GPS directory have numbers of their own: here from 0x10000 on."""

_GPS_BASE = 0x10000
_WANTED = frozenset((
    WIDTH, HEIGHT, MAKE, MODEL, XMP, IPTC, EXIF, GPS, OTHERS, ORIGINAL, DIGITIZED, OFFSET_ORIGINAL, OFFSET_DIGITIZED,
    FRACTION_ORIGINAL, FRACTION_DIGITIZED, PIXELS_WIDE, PIXELS_HIGH, GPS_TIME, GPS_DATE,
))  # fmt: skip
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 13: 4}
_TEXT, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5
_ENTRIES = 200
_TEXT_BYTES = 1024
_PACKET_BYTES = 128 << 10
_MAGICS = (b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")

Value = bytes | int | tuple[float, ...]


def is_tiff(head: bytes) -> bool:
    return head.startswith(_MAGICS)


def read_tags(content: Content, base: int, end: int | None = None) -> dict[int, Value]:
    """Return the wanted tags of a TIFF that begins at `base`; none that lie beyond `end`."""
    header = content.read_at(base, 8)
    if len(header) < 8 or not is_tiff(header):
        return {}
    reader = _Reader(content, base, "<" if header[:1] == b"I" else ">", end)
    found: dict[int, Value] = {}
    reader.directory(reader.number("L", header[4:8]), 0, found)
    for tag, offset in ((EXIF, 0), (GPS, _GPS_BASE)):
        if isinstance(at := found.get(tag), int):
            reader.directory(at, offset, found)
    return found


class _Reader:
    def __init__(self, content: Content, base: int, order: str, end: int | None) -> None:
        self._content = content
        self._base = base
        self._order = order
        self._end = end

    def number(self, form: str, data: bytes) -> int:
        return int(struct.unpack(self._order + form, data)[0])

    def directory(self, at: int, offset: int, found: dict[int, Value]) -> None:
        count = self._read(at, 2)
        if len(count) < 2:
            return
        entries = self._read(at + 2, 12 * min(self.number("H", count), _ENTRIES))
        for start in range(0, len(entries) - 11, 12):
            entry = entries[start : start + 12]
            tag, kind, number = struct.unpack(self._order + "HHL", entry[:8])
            if tag + offset in _WANTED and tag + offset not in found and (size := _SIZES.get(kind)):
                value = self._value(tag, kind, size * number, entry[8:])
                if value is not None:
                    found[tag + offset] = value

    def _value(self, tag: int, kind: int, size: int, field: bytes) -> Value | None:
        limit = _PACKET_BYTES if tag in {XMP, IPTC} else _TEXT_BYTES
        data = field[:size] if size <= 4 else self._read(self.number("L", field), min(size, limit))
        if len(data) < min(size, limit):
            return None  # cut off
        if kind in {_SHORT, _LONG, 13}:
            form, width = ("H", 2) if kind == _SHORT else ("L", 4)
            if tag == IPTC:
                return data
            return self.number(form, data[:width]) if len(data) >= width else None
        if kind == _RATIONAL:
            numbers = struct.unpack(f"{self._order}{len(data) // 4}L", data[: len(data) // 4 * 4])
            return tuple(up / down if down else 0.0 for up, down in zip(numbers[::2], numbers[1::2], strict=False))
        return data

    def _read(self, at: int, length: int) -> bytes:
        if self._end is not None:
            length = min(length, self._end - self._base - at)
        return self._content.read_at(self._base + at, length) if length > 0 else b""
