"""What a picture or a film says about itself: dates of several sources, camera, size in pixels, duration.

All reads are bounded in bytes (`head`) and in number, whatever the file says.
"""

from __future__ import annotations

import math
import re
import struct
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from fileorg.content import tiff
from fileorg.content.boxes import read_boxes
from fileorg.core.tuples import NamedTuple
from fileorg.rules.moments import DateFault, MediaMoment, parse_moment, parse_offset, utc_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fileorg.content.head import Content

_SEGMENTS = 200
_CHUNKS = 512
_PACKET_BYTES = 64 << 10
_ELEMENTS = 1_000
_ELEMENT_BYTES = 512
_QUARTER = 15
_MATROSKA_ZERO = 978_307_200  # 2001-01-01

LONGEST_MS = 10**12
"""No film or recording is longer."""


class DateSource(StrEnum):
    """Where a date was found, in the order in which they are believed."""

    EXIF = "exif"
    QUICKTIME = "quicktime"
    SIDECAR = "sidecar"
    XMP = "xmp"
    IPTC = "iptc"
    TAKEOUT = "takeout"
    DIGITIZED = "digitized"
    PNG = "png"
    EXIFTOOL = "exiftool"  # of formats that only exiftool reads
    FILM = "film"
    MATROSKA = "matroska"
    GPS = "gps"


class FoundDate(NamedTuple):
    """A date that a file has. `text` is as it stands there, for one that is refused."""

    source: DateSource
    moment: MediaMoment | DateFault
    text: str


class MediaFacts:
    """What was found in one file."""

    def __init__(self) -> None:
        self.dates: list[FoundDate] = []
        self.camera = ""
        self.width = self.height = 0
        self.duration_ms = 0
        self.offset: int | None = None
        """The offset from UTC in minutes where a still was taken, if the file tells."""
        self.format_year = 0
        self.texts: dict[str, str] = {}
        """Artist, album and the like of a recording: see `rules.facts.META`."""

    def add(self, source: DateSource, moment: MediaMoment | DateFault, text: str) -> None:
        self.dates.append(FoundDate(source, moment, printable(text)))

    def add_text(self, source: DateSource, text: str) -> None:
        self.add(source, parse_moment(text), text)


def read_media(content: Content) -> MediaFacts:
    """Return what a file says; nothing for other files than pictures and films."""
    head, facts = content.head, MediaFacts()
    if head.startswith(b"\xff\xd8"):
        facts.format_year = 1992
        _read_jpeg(content, 0, facts)
    elif tiff.is_tiff(head):
        facts.format_year = 1986
        _read_tiff(content, [(0, None)], facts)
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        facts.format_year = 1996
        _read_png(content, facts)
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        facts.format_year = 2010
        _read_webp(content, facts)
    elif head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        _read_avi(head, facts)
    elif head.startswith(b"FUJIFILM"):
        facts.format_year = 1999
        start = int.from_bytes(head[84:88])
        if start:
            _read_jpeg(content, start, facts)
    elif head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}:
        _read_iso(content, facts)
    elif head.startswith(b"\x1aE\xdf\xa3"):
        facts.format_year = 2002
        _read_matroska(head, facts)
    elif head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        facts.width, facts.height = struct.unpack_from("<2H", head, 6)
    elif head.startswith(b"BM") and len(head) >= 26:
        facts.width, facts.height = struct.unpack_from("<2l", head, 18)
        facts.height = abs(facts.height)
    return facts


# TIFF, and EXIF in other formats -------------------------------------------------------------------------------------


def _read_tiff(content: Content, places: list[tuple[int, int | None]], facts: MediaFacts) -> None:
    tags: dict[int, tiff.Value] = {}
    for start, end in places:
        for tag, value in tiff.read_tags(content, start, end).items():
            tags.setdefault(tag, value)
    _take_tags(tags, facts)


def _take_tags(tags: Mapping[int, tiff.Value], facts: MediaFacts) -> None:
    original = _exif_date(tags, facts, DateSource.EXIF)
    _take_packets(tags, facts)
    _exif_date(tags, facts, DateSource.DIGITIZED)
    gps = _gps_moment(tags)
    if gps is not None:
        facts.add(DateSource.GPS, gps[0], gps[1])
    if original is not None:
        facts.offset = offset_of_place(original, None if gps is None else gps[0])
    facts.camera = facts.camera or camera_name(_text(tags, tiff.MAKE), _text(tags, tiff.MODEL))
    width, height = tags.get(tiff.PIXELS_WIDE), tags.get(tiff.PIXELS_HIGH)
    if not width and tiff.OTHERS not in tags:  # else this is the preview of a raw picture
        width, height = tags.get(tiff.WIDTH), tags.get(tiff.HEIGHT)
    if not facts.width and isinstance(width, int) and isinstance(height, int):
        facts.width, facts.height = width, height


def offset_of_place(original: MediaMoment, gps: MediaMoment | DateFault | None) -> int | None:
    """Return the offset from UTC in minutes where a still was taken: the stated one, else by the time of GPS."""
    if original.offset is not None or not isinstance(gps, MediaMoment):
        return original.offset
    minutes = (original.wall - gps.wall) / timedelta(minutes=1)
    rounded = round(minutes / _QUARTER) * _QUARTER
    return rounded if abs(rounded) <= 14 * 60 and abs(minutes - rounded) <= 5 else None


def _exif_date(tags: Mapping[int, tiff.Value], facts: MediaFacts, source: DateSource) -> MediaMoment | None:
    date, fraction, offset = (
        (tiff.ORIGINAL, tiff.FRACTION_ORIGINAL, tiff.OFFSET_ORIGINAL)
        if source is DateSource.EXIF
        else (tiff.DIGITIZED, tiff.FRACTION_DIGITIZED, tiff.OFFSET_DIGITIZED)
    )
    text = _text(tags, date)
    if date not in tags:
        return None
    moment = parse_moment(text)
    if isinstance(moment, MediaMoment):
        digits = re.match(r"\d{1,6}", _text(tags, fraction), re.ASCII)
        if digits:
            moment = moment._replace(wall=moment.wall.replace(microsecond=int(digits[0].ljust(6, "0"))))
        moment = moment._replace(offset=parse_offset(_text(tags, offset)))
    facts.add(source, moment, text)
    return moment if isinstance(moment, MediaMoment) else None


def _gps_moment(tags: Mapping[int, tiff.Value]) -> tuple[MediaMoment | DateFault, str] | None:
    day, clock = _text(tags, tiff.GPS_DATE), tags.get(tiff.GPS_TIME)
    if not day or not isinstance(clock, tuple) or len(clock) != 3 or not all(map(math.isfinite, clock)):
        return None
    moment = parse_moment(day)
    if isinstance(moment, MediaMoment):
        hours, minutes, seconds = clock
        if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
            return None
        try:
            wall = moment.wall + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        except OverflowError:  # a leap second behind the last day of the calendar
            return DateFault.NO_SUCH_DAY, day
        moment = MediaMoment(wall, is_utc=True)
    return moment, day


def _take_packets(tags: Mapping[int, tiff.Value], facts: MediaFacts) -> None:
    packet, iptc = tags.get(tiff.XMP), tags.get(tiff.IPTC)
    if isinstance(packet, bytes):
        take_xmp(packet, DateSource.XMP, facts)
    if isinstance(iptc, bytes):
        _take_iptc(iptc, facts)


def _text(tags: Mapping[int, tiff.Value], tag: int) -> str:
    value = tags.get(tag)
    return value.split(b"\0")[0].decode("utf-8", "replace").strip() if isinstance(value, bytes) else ""


def camera_name(make: str, model: str) -> str:
    """Return make and model without the make twice: `Canon EOS R6`."""
    make, model = printable(make), printable(model)
    if not model or not make or model.lower().startswith(make.split()[0].lower()):
        return model or make
    return f"{make} {model}"


def printable(text: str) -> str:
    """Return the beginning of a text without controls."""
    return "".join(each for each in text[:100] if each.isprintable()).strip()


# JPEG, PNG, WebP ---------------------------------------------------------------------------------------------------


def _read_jpeg(content: Content, at: int, facts: MediaFacts) -> None:
    at += 2
    exif: dict[int, tiff.Value] = {}
    packets: list[tuple[bytes, bool]] = []
    for _ in range(_SEGMENTS):
        header = content.read_at(at, 4)
        if len(header) < 4 or header[0] != 0xFF:
            break
        marker, length = header[1], int.from_bytes(header[2:])
        if marker == 0xFF:
            at += 1
            continue
        if marker in {0xDA, 0xD9} or length < 2:
            break
        if marker == 0xE1:
            start = content.read_at(at + 4, 29)
            if start.startswith(b"Exif\0") and not exif:
                exif = tiff.read_tags(content, at + 10, at + 2 + length)
            elif start.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
                packets.append((content.read_at(at + 33, length - 31), True))
        elif marker == 0xED:
            packets.append((content.read_at(at + 4, length - 2), False))
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            frame = content.read_at(at + 5, 4)
            if len(frame) == 4:
                facts.height, facts.width = struct.unpack(">2H", frame)
        at += 2 + length
    tags = dict(exif)
    for packet, is_xmp in packets:
        tags.setdefault(tiff.XMP if is_xmp else tiff.IPTC, packet if is_xmp else _iptc_of_photoshop(packet))
    _take_tags(tags, facts)


def _iptc_of_photoshop(data: bytes) -> bytes:
    """Return the IPTC in the resources of Photoshop."""
    at = data.find(b"8BIM\4\4")
    if at < 0:
        return b""
    name = data[at + 6] if len(data) > at + 6 else 0
    start = at + 7 + name + (name + 1) % 2
    length = int.from_bytes(data[start : start + 4])
    return data[start + 4 : start + 4 + length]


def _take_iptc(data: bytes, facts: MediaFacts) -> None:
    found: dict[int, str] = {}
    at = data.find(b"\x1c\2")
    while 0 <= at <= len(data) - 5 and data[at] == 0x1C and len(found) < 200:
        length = int.from_bytes(data[at + 3 : at + 5])
        found.setdefault(data[at + 2], data[at + 5 : at + 5 + min(length, 64)].decode("latin-1"))
        at += 5 + length
    day, clock = found.get(55, ""), found.get(60, "")
    if not day:
        return
    text = f"{day[:4]}-{day[4:6]}-{day[6:8]}" if re.fullmatch(r"(?a)\d{8}", day) else day
    if match := re.fullmatch(r"(?a)(\d\d)(\d\d)(\d\d)([+-]\d{4})?", clock):
        text += f"T{match[1]}:{match[2]}:{match[3]}{match[4] or ''}"
    facts.add_text(DateSource.IPTC, text)


def _read_png(content: Content, facts: MediaFacts) -> None:
    at, tags, created = 8, dict[int, tiff.Value](), ""
    for _ in range(_CHUNKS):
        header = content.read_at(at, 8)
        if len(header) < 8:
            break
        length, kind = struct.unpack(">L4s", header)
        if kind == b"IHDR":
            size = content.read_at(at + 8, 8)
            if len(size) == 8:
                facts.width, facts.height = struct.unpack(">2L", size)
        elif kind == b"eXIf" and not tags:
            tags = tiff.read_tags(content, at + 8, at + 8 + length)
        elif kind in {b"tEXt", b"iTXt"}:
            word, _, rest = content.read_at(at + 8, min(length, _PACKET_BYTES)).partition(b"\0")
            if word == b"Creation Time" and not created:
                created = rest.split(b"\0")[-1].decode("utf-8", "replace")
            elif word == b"XML:com.adobe.xmp" and rest[:1] == b"\0":
                tags.setdefault(tiff.XMP, rest)
        elif kind == b"IEND":
            break
        at += 12 + length
    before = len(facts.dates)
    _take_tags(tags, facts)
    # EXIF in a PNG counts less than that of a camera
    facts.dates[before:] = [
        each._replace(source=DateSource.PNG) if each.source is DateSource.EXIF else each
        for each in facts.dates[before:]
    ]
    if created:
        facts.add(DateSource.PNG, _mail_date(created), created)


def _mail_date(text: str) -> MediaMoment | DateFault:
    """Return a date as in mails, which PNG recommends, or in one of the other forms."""
    moment = parse_moment(text)
    if isinstance(moment, MediaMoment) or moment is DateFault.UNSET:
        return moment
    from email.utils import parsedate_tz

    try:
        parts = parsedate_tz(text[:100])
        if parts is None:
            return moment
        offset = None if parts[9] is None else parts[9] // 60
        return MediaMoment(datetime(*parts[:5], min(parts[5], 59)), offset=offset)
    except (ValueError, TypeError, IndexError, OverflowError):
        return DateFault.NO_SUCH_DAY


def _read_webp(content: Content, facts: MediaFacts) -> None:
    at, tags = 12, dict[int, tiff.Value]()
    for _ in range(_SEGMENTS):
        header = content.read_at(at, 8)
        if len(header) < 8:
            break
        kind, length = struct.unpack("<4sL", header)
        if kind == b"VP8X":
            size = content.read_at(at + 12, 6)
            facts.width, facts.height = int.from_bytes(size[:3], "little") + 1, int.from_bytes(size[3:], "little") + 1
        elif kind in {b"VP8 ", b"VP8L"} and not facts.width:
            facts.width, facts.height = _size_of_frame(content.read_at(at + 8, 10))
        elif kind == b"EXIF":
            start = at + 8 + (6 if content.read_at(at + 8, 6) == b"Exif\0\0" else 0)
            tags.update(tiff.read_tags(content, start, at + 8 + length))
        elif kind == b"XMP ":
            tags.setdefault(tiff.XMP, content.read_at(at + 8, min(length, _PACKET_BYTES)))
        at += 8 + length + length % 2
    _take_tags(tags, facts)


def _size_of_frame(frame: bytes) -> tuple[int, int]:
    """Return width and height of the only picture of a WebP, which has no header for several; zeros for none."""
    if frame[3:6] == b"\x9d\1\x2a" and len(frame) == 10:
        return int.from_bytes(frame[6:8], "little") & 0x3FFF, int.from_bytes(frame[8:], "little") & 0x3FFF
    if frame[:1] == b"\x2f" and len(frame) >= 5:
        bits = int.from_bytes(frame[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0


# Films ---------------------------------------------------------------------------------------------------------------


def _read_iso(content: Content, facts: MediaFacts) -> None:
    found, brand = read_boxes(content), content.head[8:12]
    facts.format_year = 2015 if brand in {b"heic", b"heix", b"mif1", b"avif"} else 1998
    facts.width, facts.height, facts.duration_ms = found.width, found.height, found.duration_ms
    if created := found.texts.get("created"):
        facts.add_text(DateSource.QUICKTIME, created)
    facts.camera = camera_name(found.texts.get("make", ""), found.texts.get("model", ""))
    if found.tiffs:
        _read_tiff(content, list(found.tiffs), facts)
    if found.header_seconds is not None and brand not in {b"heic", b"heix", b"mif1", b"avif", b"crx "}:
        moment = utc_moment(found.header_seconds)
        facts.add(DateSource.FILM, moment, moment.wall.isoformat(" ") if isinstance(moment, MediaMoment) else "")


def _read_avi(head: bytes, facts: MediaFacts) -> None:
    at = head.find(b"avih", 0, 256) + 8
    if at >= 8 and len(head) >= at + 40:
        frame_us, frames = struct.unpack_from("<L12xL", head, at)
        facts.width, facts.height = struct.unpack_from("<2L", head, at + 32)
        facts.duration_ms = min(frame_us * frames // 1000, LONGEST_MS)


def _read_matroska(head: bytes, facts: MediaFacts) -> None:
    scale, duration = 1_000_000, 0.0
    for number, value in _elements(head):
        if number == 0x4461 and len(value) == 8:
            moment = utc_moment(_MATROSKA_ZERO + int.from_bytes(value, signed=True) / 1e9)
            facts.add(
                DateSource.MATROSKA, moment, moment.wall.isoformat(" ") if isinstance(moment, MediaMoment) else ""
            )
        elif number == 0x2AD7B1:
            scale = int.from_bytes(value[:8])
        elif number == 0x4489 and len(value) in {4, 8}:
            duration = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]
        elif number == 0x7BA9 and (title := printable(value.split(b"\0")[0].decode("utf-8", "replace"))):
            facts.texts["title"] = title
        elif number == _PIXELS_WIDE and not facts.width:
            facts.width = int.from_bytes(value[:4])
        elif number == _PIXELS_HIGH and not facts.height:
            facts.height = int.from_bytes(value[:4])
    milliseconds = duration * scale / 1e6
    facts.duration_ms = int(milliseconds) if 0 <= milliseconds < LONGEST_MS else 0


_PIXELS_WIDE, _PIXELS_HIGH = 0xB0, 0xBA
_ENTERED = frozenset({0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0})
"""The segment, its information, its tracks, and in each of these its pictures."""


def _elements(head: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and contents of the short elements that a film and its tracks begin with."""
    at = 0
    for _ in range(_ELEMENTS):
        number, at = _number(head, at, keeps_marker=True)
        size, at = _number(head, at, keeps_marker=False)
        if number <= 0 or (size < 0 and number not in _ENTERED):
            return
        if number in _ENTERED:
            continue
        if size <= _ELEMENT_BYTES:
            yield number, head[at : at + size]
        at += size


def _number(head: bytes, at: int, *, keeps_marker: bool) -> tuple[int, int]:
    """Return a number of EBML and the place behind it: -1 for a size that is not known, -2 if there is none."""
    first = head[at] if at < len(head) else 0
    length = 9 - first.bit_length()
    if not first or at + length > len(head):
        return -2, at
    value = int.from_bytes(head[at : at + length])
    if keeps_marker:
        return value, at + length
    value &= (1 << 7 * length) - 1
    return -1 if value == (1 << 7 * length) - 1 else value, at + length


# Side-cars -----------------------------------------------------------------------------------------------------------

_XMP_DATES = re.compile(
    rb"(exif:DateTimeOriginal|photoshop:DateCreated|xmp:CreateDate)"
    rb"(?:\s*=\s*[\"']([^\"'<>]{1,64})[\"']|\s*>([^<>]{1,200})<)",
)
"""No two parts of it match the same blanks: a packet has them by the thousand, and would take minutes."""
_XMP_ORDER = (b"exif:DateTimeOriginal", b"photoshop:DateCreated", b"xmp:CreateDate")
_TAKEOUT = re.compile(rb'"photoTakenTime"\s*:\s*\{[^{}]{0,200}?"timestamp"\s*:\s*"?(-?\d{1,12})"?', re.DOTALL)


def take_xmp(packet: bytes, source: DateSource, facts: MediaFacts) -> None:
    """Add the date of an XMP packet: of the picture, else of its creation."""
    found: dict[bytes, bytes] = {}
    for match in _XMP_DATES.finditer(packet[:_PACKET_BYTES]):
        found.setdefault(match[1], match[2] or match[3])
    for name in _XMP_ORDER:
        if name in found:
            facts.add_text(source, found[name].decode("utf-8", "replace").strip())
            return


def take_takeout(content: bytes, facts: MediaFacts) -> None:
    """Add the date of a JSON file of Google Takeout."""
    if match := _TAKEOUT.search(content[:_PACKET_BYTES]):
        moment = utc_moment(int(match[1]))
        facts.add(DateSource.TAKEOUT, moment, match[1].decode())
