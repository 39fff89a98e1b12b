"""Pictures and films with dates of all sources, made here."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Value: TypeAlias = str | int | bytes | list[tuple[int, int]]
Tags: TypeAlias = "Mapping[int, Value]"

ORIGINAL, DIGITIZED, CHANGED = 0x9003, 0x9004, 0x132
OFFSET, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
FRACTION = 0x9291
MAKE, MODEL = 0x10F, 0x110
GPS_TIME, GPS_DATE = 0x7, 0x1D


def tiff(main: Tags | None = None, exif: Tags | None = None, gps: Tags | None = None, *, order: str = "<") -> bytes:
    """Return a TIFF with the tags of its three directories."""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    return header + _directories(dict(main or {}), exif, gps, order)


def _directories(main: dict[int, Value], exif: Tags | None, gps: Tags | None, order: str) -> bytes:
    if exif is not None:
        main[0x8769] = 0
    if gps is not None:
        main[0x8825] = 0
    first = _directory(main, 8, order)
    at = 8 + len(first)
    rest = b""
    if exif is not None:
        main[0x8769] = at
        rest += _directory(exif, at, order)
    if gps is not None:
        main[0x8825] = at + len(rest)
        rest += _directory(gps, at + len(rest), order)
    return _directory(main, 8, order) + rest


def _directory(tags: Tags, at: int, order: str) -> bytes:
    behind = at + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, value in sorted(tags.items()):
        if isinstance(value, int):
            kind, count, data = 4, 1, struct.pack(order + "L", value)
        elif isinstance(value, list):
            kind, count = 5, len(value)
            data = b"".join(struct.pack(order + "2L", *pair) for pair in value)
        elif isinstance(value, bytes):
            kind, count, data = 7, len(value), value
        else:
            data = value.encode() + b"\0"
            kind, count = 2, len(data)
        field = data.ljust(4, b"\0")
        if len(data) > 4:
            field = struct.pack(order + "L", behind + len(values))
            values += data + b"\0" * (len(data) % 2)
        entries += struct.pack(order + "2HL", tag, kind, count) + field
    return struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def gps_tags(date: str, hours: int, minutes: int, seconds: int) -> Tags:
    return {GPS_DATE: date, GPS_TIME: [(hours, 1), (minutes, 1), (seconds, 1)]}


def jpeg(exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b"", size: tuple[int, int] = (4000, 3000)) -> bytes:
    """Return a JPEG with EXIF (a TIFF), XMP and IPTC."""
    content = b"\xff\xd8"
    if exif:
        content += _segment(0xE1, b"Exif\0\0" + exif)
    if xmp:
        content += _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    if iptc:
        resource = b"8BIM\4\4\0\0" + struct.pack(">L", len(iptc)) + iptc
        content += _segment(0xED, b"Photoshop 3.0\0" + resource)
    content += _segment(0xC0, b"\x08" + struct.pack(">2H", size[1], size[0]) + b"\3" + bytes(9))
    return content + _segment(0xDA, bytes(10)) + bytes(200) + b"\xff\xd9"


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def iptc(date: str, time: str = "") -> bytes:
    """Return IPTC with the date of creation."""
    fields = b"\x1c\2\x37" + struct.pack(">H", len(date)) + date.encode()
    return fields + (b"\x1c\2\x3c" + struct.pack(">H", len(time)) + time.encode() if time else b"")


def xmp(**dates: str) -> bytes:
    """Return an XMP packet: `photoshop_DateCreated="2012-05-03T10:11:12"`."""
    attributes = " ".join(f'{name.replace("_", ":")}="{date}"' for name, date in dates.items())
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {attributes}/></x:xmpmeta>'.encode()


def xmp_elements(**dates: str) -> bytes:
    """Return an XMP packet with elements instead of attributes."""
    elements = "".join(f"<{name.replace('_', ':')}>{date}</{name.replace('_', ':')}>" for name, date in dates.items())
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description>{elements}</rdf:Description></x:xmpmeta>'.encode()


def takeout(seconds: int) -> bytes:
    return (
        '{"title": "IMG_1.jpg", "creationTime": {"timestamp": "1700000000", "formatted": "x"},\n'
        f' "photoTakenTime": {{"timestamp": "{seconds}", "formatted": "x"}}}}'
    ).encode()


def png(exif: bytes = b"", created: str = "", xmp: bytes = b"", *, late: bool = False) -> bytes:
    """Return a PNG; `late`: what it says stands behind the pixels."""
    said = b""
    if exif:
        said += _chunk(b"eXIf", exif)
    if created:
        said += _chunk(b"tEXt", b"Creation Time\0" + created.encode())
    if xmp:
        said += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    pixels = _chunk(b"IDAT", bytes(300))
    header = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">2L5B", 640, 480, 8, 2, 0, 0, 0))
    return header + (pixels + said if late else said + pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def webp(exif: bytes = b"", xmp: bytes = b"") -> bytes:
    chunks = b"VP8X" + struct.pack("<L", 10) + bytes(4) + (1919).to_bytes(3, "little") + (1079).to_bytes(3, "little")
    for kind, data in ((b"EXIF", exif), (b"XMP ", xmp)):
        if data:
            chunks += kind + struct.pack("<L", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<L", len(chunks) + 4) + b"WEBP" + chunks


def plain_webp(kind: bytes, width: int, height: int) -> bytes:
    """Return a WebP with one picture and no header for several: `VP8 ` loses detail, `VP8L` loses none."""
    if kind == b"VP8 ":
        frame = b"\x10\0\0\x9d\1\x2a" + struct.pack("<2H", width, height)
    else:
        frame = b"\x2f" + (width - 1 | height - 1 << 14).to_bytes(4, "little")
    chunk = kind + struct.pack("<L", 20) + frame.ljust(20, b"\0")
    return b"RIFF" + struct.pack("<L", len(chunk) + 4) + b"WEBP" + chunk


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">L", len(content) + 8) + kind + content


def large_box(kind: bytes, *contents: bytes) -> bytes:
    """Return a box with a size of 64 bits."""
    content = b"".join(contents)
    return struct.pack(">L", 1) + kind + struct.pack(">Q", len(content) + 16) + content


def seconds_1904(seconds: int) -> int:
    return seconds + 2_082_844_800


def film_header(seconds: int, milliseconds: int = 0, *, version: int = 0) -> bytes:
    """Return the box `mvhd`. `seconds` is the time since 1904."""
    form = ">B3x2QLQ" if version else ">B3x2LLL"
    return box(b"mvhd", struct.pack(form, version, seconds, seconds, 1000, milliseconds), bytes(80))


def track(width: int, height: int) -> bytes:
    return box(b"trak", box(b"tkhd", bytes(76), struct.pack(">2L", width << 16, height << 16)))


def keys(**texts: str) -> bytes:
    """Return the box `meta` with keys of QuickTime: `creationdate="…"`."""
    names = [b"com.apple.quicktime." + name.encode() for name in texts]
    entries = b"".join(struct.pack(">L", len(name) + 8) + b"mdta" + name for name in names)
    items = b"".join(
        box(struct.pack(">L", number), box(b"data", struct.pack(">2L", 1, 0), text.encode()))
        for number, text in enumerate(texts.values(), 1)
    )
    return box(
        b"meta", box(b"hdlr", bytes(25)), box(b"keys", bytes(4), struct.pack(">L", len(names)), entries),
        box(b"ilst", items),
    )  # fmt: skip


def film(*inside: bytes, brand: bytes = b"isom", late: bool = False) -> bytes:
    """Return a film with these boxes in `moov`; `late`: behind the pictures."""
    moov, pictures = box(b"moov", *inside), box(b"mdat", bytes(100_000))
    start = box(b"ftyp", brand, bytes(4), brand)
    return start + (pictures + moov if late else moov + pictures)


def heic(exif: bytes, *, brand: bytes = b"heic", method: int = 0) -> bytes:
    """Return a picture in boxes, whose EXIF is an item."""
    start = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    item = struct.pack(">L", 0) + exif
    info = box(
        b"iinf", bytes(4), struct.pack(">H", 1), box(b"infe", b"\2\0\0\0", struct.pack(">2H4s", 7, 0, b"Exif"), b"\0")
    )
    size = box(b"iprp", box(b"ipco", box(b"ispe", bytes(4), struct.pack(">2L", 4032, 3024))))

    def meta(at: int) -> bytes:
        place = struct.pack(">2H", 0x4400, 1) + struct.pack(">3H", 7, method, 0) + struct.pack(">H2L", 1, at, len(item))
        return box(b"meta", bytes(4), box(b"hdlr", bytes(25)), info, box(b"iloc", b"\1\0\0\0", place), size)

    at = len(start) + len(meta(0)) + 8
    return start + meta(at) + box(b"mdat", item)


def cr3(main: bytes, exif: bytes, gps: bytes = b"") -> bytes:
    """Return a CR3: three TIFFs in boxes of Canon."""
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    inside = box(b"CMT1", main) + box(b"CMT2", exif) + (box(b"CMT4", gps) if gps else b"")
    return film(box(b"uuid", canon, inside), film_header(0), brand=b"crx ")


def matroska(
    nanoseconds_2001: int,
    seconds: float = 0.0,
    *,
    scale: bytes = (1_000_000).to_bytes(3),
    size: tuple[int, int] = (0, 0),
) -> bytes:
    """Return the beginning of a Matroska film, whose second track has pictures of that size."""
    info = b"\x2a\xd7\xb1" + (0x4000 | len(scale)).to_bytes(2) + scale
    info += b"\x44\x61\x88" + nanoseconds_2001.to_bytes(8, signed=True)
    info += b"\x44\x89\x88" + struct.pack(">d", seconds * 1000)
    inner = b"\x15\x49\xa9\x66" + (0x4000 | len(info)).to_bytes(2) + info
    pictures = b"\xb0\x82" + size[0].to_bytes(2) + b"\xba\x82" + size[1].to_bytes(2)
    sound, film = b"\xae\x83\xd7\x81\1", b"\xae" + bytes([0x82 + len(pictures)]) + b"\xe0\x88" + pictures
    inner += b"\x16\x54\xae\x6b" + bytes([0x80 | len(sound + film)]) + sound + film
    header = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska"
    return header + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + inner


def raf(photo: bytes) -> bytes:
    """Return a RAF: a JPEG behind a header."""
    header = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + struct.pack(">2L", 160, len(photo))
    return header.ljust(160, b"\0") + photo


def avi(date: str) -> bytes:
    """Return a film whose date only exiftool reads: `THU MAY 03 10:11:12 2012`."""
    said = b"IDIT" + struct.pack("<L", len(date) + 2) + date.encode() + b"\n\0"
    header = struct.pack("<10L16x", 40_000, 0, 0, 0, 75, 0, 1, 0, 320, 240)
    lists = b"hdrl" + b"avih" + struct.pack("<L", len(header)) + header + said
    inside = b"AVI LIST" + struct.pack("<L", len(lists)) + lists + b"LIST" + struct.pack("<L", 4) + b"movi"
    return b"RIFF" + struct.pack("<L", len(inside)) + inside


def mp3(seconds: float = 3, /, **tags: str) -> bytes:
    """Return an MP3 with ID3 tags by their names (`TPE1="artist"`), at 128 kbit/s."""
    frame = b"\xff\xfb\x90\x00" + bytes(413)
    return (id3_frames(3, tags.items()) if tags else b"") + frame * round(seconds * 44_100 / 1152)


def id3_frames(version: int, frames: Iterable[tuple[str, str]], encoding: int = 3) -> bytes:
    """Return ID3 of version 3 or 4."""
    coded = ("latin-1", "utf-16", "utf-16-be", "utf-8")[encoding]
    inside = b""
    for name, text in frames:
        data = bytes([encoding]) + text.encode(coded)
        size = bytes(len(data) >> shift & 127 for shift in (21, 14, 7, 0)) if version == 4 else len(data).to_bytes(4)
        inside += name.encode() + size + bytes(2) + data
    length = bytes(len(inside) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, 0]) + length + inside


def wav(seconds: int) -> bytes:
    data = bytes(8000 * seconds)
    form = b"fmt " + struct.pack("<LHHLLHH", 16, 1, 1, 8000, 8000, 1, 8)
    return b"RIFF" + struct.pack("<L", len(data) + 36) + b"WAVE" + form + b"data" + struct.pack("<L", len(data)) + data


def zipped(*names: str) -> bytes:
    """Return a zip with empty files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return made.getvalue()
