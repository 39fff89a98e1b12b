"""The boxes of ISO media (mp4, mov, heic, avif, CR3): what they say about date, camera, size and duration.

Boxes are followed by their headers alone: at most 2,000 of them, and 64 KiB of any one are read.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.content.head import Content

_BOXES = 2_000
_PAYLOAD_BYTES = 64 << 10
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_KEYS = {
    b"com.apple.quicktime.creationdate": "created", b"com.apple.quicktime.make": "make",
    b"com.apple.quicktime.model": "model", b"com.android.manufacturer": "make", b"com.android.model": "model",
}  # fmt: skip
_SONY = {
    "created": re.compile(rb'<CreationDate\s+value="([^"<>]{1,64})"'),
    "make": re.compile(rb'<Device\s[^<>]{0,99}?\bmanufacturer="([^"<>]{1,64})"'),
    "model": re.compile(rb'<Device\s[^<>]{0,99}?\bmodelName="([^"<>]{1,64})"'),
}
_TO_1970 = 2_082_844_800
"""The seconds from 1904, the zero of these files, to 1970."""
_FIRST_FILM = 883_612_800
"""1998, when the first films of this form were made, in seconds since 1970."""
_UNKNOWN_LENGTHS = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
_TIFFS = 8


class Box(NamedTuple):
    """A box: its kind, and where its content begins and ends."""

    kind: bytes
    start: int
    end: int


class IsoFacts:
    """What the boxes of a file say. `tiffs` are (start, end) of the EXIF in it."""

    def __init__(self) -> None:
        self.header_seconds: int | None = None  # since 1970, in UTC; of the header of the film
        self.texts: dict[str, str] = {}
        self.tiffs: list[tuple[int, int]] = []
        self.width = self.height = 0
        self.duration_ms = 0


def read_boxes(content: Content) -> IsoFacts:
    """Return what the boxes of a file say."""
    facts = IsoFacts()
    walker = _Walker(content)
    for box in walker.boxes(0, content.size):
        if box.kind == b"moov":
            _read_film(walker, box, facts)
        elif box.kind == b"meta":
            _read_items(walker, box, facts)
    return facts


class _Walker:
    def __init__(self, content: Content) -> None:
        self._content = content
        self._left = _BOXES

    def boxes(self, at: int, end: int) -> Iterator[Box]:
        """Yield the boxes between two places."""
        while at + 8 <= end and self._left:
            self._left -= 1
            header = self._content.read_at(at, 16)
            if len(header) < 8:
                return
            size, kind = struct.unpack_from(">L4s", header)
            start = at + 8
            if size == 1 and len(header) == 16:
                size, start = struct.unpack_from(">Q", header, 8)[0], at + 16
            elif size == 0:
                size = end - at
            if size < start - at:
                return
            yield Box(kind, start, min(at + size, end))
            at += size

    def payload(self, box: Box, limit: int = _PAYLOAD_BYTES) -> bytes:
        return self._content.read_at(box.start, min(box.end - box.start, limit))


def _read_film(walker: _Walker, moov: Box, facts: IsoFacts) -> None:
    for box in walker.boxes(moov.start, moov.end):
        if box.kind == b"mvhd":
            _read_header(walker.payload(box, 32), facts)
        elif box.kind == b"meta":
            _read_keys(walker, box, facts)
        elif box.kind == b"trak":
            _read_track(walker, box, facts)
        elif box.kind == b"uuid" and walker.payload(box, 16) == _CANON:
            tiffs = walker.boxes(box.start + 16, box.end)
            found = [(each.start, each.end) for each in tiffs if each.kind in {b"CMT1", b"CMT2", b"CMT4"}]
            facts.tiffs += found[: _TIFFS - len(facts.tiffs)]
        elif box.kind == b"udta":
            for inner in walker.boxes(box.start, box.end):
                if inner.kind == b"meta":
                    _read_keys(walker, inner, facts)
                elif inner.kind in {b"\xa9mak", b"\xa9mod"}:
                    text = walker.payload(inner, 260)[4:].split(b"\0")[0].decode("utf-8", "replace")
                    facts.texts.setdefault("make" if inner.kind.endswith(b"mak") else "model", text)


def _read_header(data: bytes, facts: IsoFacts) -> None:
    form = ">4x2Q L Q" if data[:1] == b"\1" else ">4x2L L L"
    if len(data) >= struct.calcsize(form):
        created, _, scale, length = struct.unpack_from(form, data)
        # Some cameras count from 1970: no film of this form is of the years from 1932 to 1969 that this would be.
        facts.header_seconds = created if _FIRST_FILM <= created < _TO_1970 else created - _TO_1970
        is_known = scale and length < 1 << 48 and length not in _UNKNOWN_LENGTHS
        facts.duration_ms = length * 1000 // scale if is_known else 0


def _read_track(walker: _Walker, trak: Box, facts: IsoFacts) -> None:
    for box in walker.boxes(trak.start, trak.end):
        if box.kind == b"tkhd":
            data = walker.payload(box, 104)
            if len(data) >= 84:
                width, height = struct.unpack_from(">2L", data, len(data) // 4 * 4 - 8)
                if (width >> 16) * (height >> 16) > facts.width * facts.height:
                    facts.width, facts.height = width >> 16, height >> 16


def _read_keys(walker: _Walker, meta: Box, facts: IsoFacts) -> None:
    names: list[bytes] = []
    for box in walker.boxes(_inside_meta(walker, meta), meta.end):
        if box.kind == b"keys":
            data, at = walker.payload(box), 8
            while at + 8 <= len(data) and len(names) < 200:
                size = struct.unpack_from(">L", data, at)[0]
                if size < 8:
                    break
                names.append(data[at + 8 : at + size])
                at += size
        elif box.kind == b"ilst":
            for item in walker.boxes(box.start, box.end):
                number = int.from_bytes(item.kind) - 1
                key = _KEYS.get(names[number]) if 0 <= number < len(names) else None
                value = walker.payload(item, 1024)[16:] if key else b""
                if key and value:
                    facts.texts.setdefault(key, value.decode("utf-8", "replace"))


def _inside_meta(walker: _Walker, meta: Box) -> int:
    """Return where the boxes in a `meta` begin: QuickTime has no version before them."""
    return meta.start if walker.payload(meta, 8)[4:8] == b"hdlr" else meta.start + 4


def _read_items(walker: _Walker, meta: Box, facts: IsoFacts) -> None:
    exif_items: set[int] = set()
    places = b""
    for box in walker.boxes(meta.start + 4, meta.end):
        if box.kind == b"iinf":
            exif_items = _exif_items(walker, box)
        elif box.kind == b"iloc":
            places = walker.payload(box)
        elif box.kind == b"xml ":
            _read_sony(walker.payload(box), facts)
        elif box.kind == b"iprp":
            for group in walker.boxes(box.start, box.end):
                for each in walker.boxes(group.start, group.end) if group.kind == b"ipco" else ():
                    data = walker.payload(each, 12) if each.kind == b"ispe" else b""
                    if len(data) == 12:
                        width, height = struct.unpack_from(">2L", data, 4)
                        if width * height > facts.width * facts.height:
                            facts.width, facts.height = width, height
    for start, length in _places(places, exif_items):
        if len(facts.tiffs) >= _TIFFS:
            break
        header = walker.payload(Box(b"", start, start + 4))
        if len(header) == 4:
            facts.tiffs.append((start + 4 + int.from_bytes(header), start + length))


def _read_sony(xml: bytes, facts: IsoFacts) -> None:
    """Add what cameras of Sony write into an XML: the date has its offset, that of the header has none."""
    if b"nonRealTimeMeta" not in xml:
        return
    for key, pattern in _SONY.items():
        if match := pattern.search(xml):
            facts.texts.setdefault(key, match[1].decode("utf-8", "replace"))


def _exif_items(walker: _Walker, iinf: Box) -> set[int]:
    version = walker.payload(iinf, 1)
    found = set()
    for box in walker.boxes(iinf.start + (6 if version == b"\0" else 8), iinf.end):
        data = walker.payload(box, 16)
        if len(data) >= 12 and box.kind == b"infe" and data[0] in {2, 3}:
            wide = data[0] == 3
            if data[10 if wide else 8 :][:4] == b"Exif":
                found.add(struct.unpack_from(">L" if wide else ">H", data, 4)[0])
    return found


def _places(data: bytes, wanted: set[int]) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of the first extent of the wanted items, by the box `iloc`."""
    if len(data) < 8 or not wanted:
        return
    version, sizes = data[0], int.from_bytes(data[4:6])
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    number_size = 4 if version == 2 else 2
    count, at = int.from_bytes(data[6 : 6 + number_size]), 6 + number_size

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at])

    for _ in range(min(count, 4096)):
        item = number(number_size)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        extents, begun = number(2), at
        number(index_size)
        start, length = base + number(offset_size), number(length_size)
        if extents and item in wanted and method == 0:
            yield start, length
        at = begun + extents * (index_size + offset_size + length_size)
        if at >= len(data):
            return
