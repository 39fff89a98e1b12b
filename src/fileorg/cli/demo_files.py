"""The files of `fileorg demo`: small, valid, always the same; nearly forty types, as in a Downloads folder."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import struct
import tarfile
import wave
import zipfile
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FIRST = int(datetime(2023, 3, 4, 9, 30, tzinfo=UTC).timestamp())
_STEP_SECONDS = 19 * 86_400 + 7_321
_ZIP_TIME = (2024, 1, 2, 3, 4, 6)


def make_demo(folder: int) -> None:
    """Fill an open directory with files of different times. Replaces and follows nothing. Raises `OSError`."""
    for number, (path, content) in enumerate(_files().items()):
        inside, _, name = path.rpartition("/")
        if inside:
            with contextlib.suppress(FileExistsError):
                os.mkdir(inside, dir_fd=folder)
        place = os.open(inside or ".", _FOLDER, dir_fd=folder)
        try:
            with open(os.open(name, _NEW, 0o666, dir_fd=place), "wb") as file:
                file.write(content)
                file.flush()
                changed = _FIRST + number * _STEP_SECONDS
                os.utime(file.fileno(), (changed, changed))
        finally:
            os.close(place)


def _files() -> dict[str, bytes]:
    sunset = _png(64, 40)
    return {
        "IMG_0412.JPG": _jpeg(),
        "IMG_0413.jpeg": _jpeg(),
        "sunset.png": sunset,
        "Images/sunset.png": sunset,  # identical: the other one is skipped
        "spinner.gif": _gif(),
        "old scan.bmp": _bmp(16, 16),
        "logo.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><circle cx="4" cy="4" r="4"/></svg>\n',
        "sticker.webp": _webp(),
        "Beach 2023.mp4": _box(b"ftyp", b"isom\0\0\2\0isommp41") + _box(b"mdat", bytes(2048)),
        "Beach 2023.srt": b"1\n00:00:00,000 --> 00:00:02,000\nThe sea.\n",
        "voice memo.wav": _wav(),
        "ringtone.mp3": (b"\xff\xfb\x90\x64" + bytes(413)) * 8,
        "tune.mid": b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\x0c\0\x90\x3c\x40\x60\x80\x3c\0\0\xff\x2f\0",
        "invoice.pdf": _pdf("Invoice 2024-117"),
        "Documents/invoice.pdf": _pdf("Invoice 2023-052"),  # same name, different content: the other one gets a number
        "Letter to the landlord.docx": _office("word/document.xml", "wordprocessingml.document"),
        "minutes.odt": _zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>"}),
        "notes.TXT": b"milk\nbread\ncoffee\n",
        "readme.md": b"# Read me\n\nLater.\n",
        "saved page.html": b"<!doctype html><title>Saved</title><p>A page.\n",
        "Re_ your order.eml": b"From: shop@example.com\nTo: me@example.com\nSubject: Your order\n\nOn its way.\n",
        "budget.xlsx": _office("xl/workbook.xml", "spreadsheetml.sheet"),
        "export.csv": b"day,amount\n2024-01-02,12.50\n",
        "Talk.pptx": _office("ppt/presentation.xml", "presentationml.presentation"),
        "novel.epub": _zipped({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"<container/>"}),
        "photos.zip": _zipped({"a.txt": b"a\n", "b.txt": b"b\n"}),
        "backup.tar.gz": _tar_gz({"etc/hosts": b"127.0.0.1 localhost\n"}),
        "tool_1.0_all.deb": _ar({b"debian-binary": b"2.0\n"}),
        "rescue.iso": bytes(0x8000) + b"\1CD001\1".ljust(2048, b"\0") + b"\xffCD001\1".ljust(2048, b"\0"),
        "script.py": b'print("hello")\n',
        "query.sql": b"SELECT count(*) FROM orders;\n",
        "data.json": b'{"answer": 42}\n',
        "contacts.vcf": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nEND:VCARD\r\n",
        "meeting.ics": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
        "orders.sqlite": _sqlite(),
        "Grotesk.afm": b"StartFontMetrics 4.1\nFontName Grotesk\nEndFontMetrics\n",
        "cube.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
        "unknown.qqq": b"no one knows\n",
        "LICENSE copy": b"Do as you like.\n",
        ".hidden-settings": b"keep = here\n",
        "film.mkv.part": bytes(4096),
        "website/package.json": b'{"name": "website"}\n',
        "website/index.html": b"<!doctype html>\n",
        "Letters from home/spring.txt": b"Dear all,\n",
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int) -> bytes:
    """Return a gradient from blue to red."""
    lines = b"".join(b"\0" + bytes((y * 255 // height, 90, 255 - y * 255 // height)) * width for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(lines)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _jpeg() -> bytes:
    """Return one grey block of 8 by 8: each Huffman table has a single code, for "no difference"."""

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    one_code = b"\1" + bytes(15) + b"\0"
    return b"".join((
        b"\xff\xd8",
        segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        segment(0xDB, b"\0" + b"\1" * 64),
        segment(0xC0, b"\x08\0\x08\0\x08\1\1\x11\0"),
        segment(0xC4, b"\0" + one_code),
        segment(0xC4, b"\x10" + one_code),
        segment(0xDA, b"\1\1\0\0\x3f\0"),
        b"\x3f\xff\xd9",
    ))  # fmt: skip


def _gif() -> bytes:
    return b"GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


def _webp() -> bytes:
    return b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"


def _bmp(width: int, height: int) -> bytes:
    pixels = bytes((200, 180, 160)) * width * height
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def _wav() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(128 + (20 if step // 20 % 2 else -20) for step in range(4000)))
    return buffer.getvalue()


def _pdf(text: str) -> bytes:
    drawn = f"BT /F1 18 Tf 40 100 Td ({text}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 150] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >>>>>>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    cross = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    return body + cross + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content)
    return buffer.getvalue()


def _office(part: str, kind: str) -> bytes:
    """Return an empty Microsoft Office document."""
    about = f"application/vnd.openxmlformats-officedocument.{kind}.main+xml"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    kinds = f'<Types xmlns="{types}"><Override PartName="/{part}" ContentType="{about}"/></Types>'
    link = f'<Relationship Id="r1" Type="{office}" Target="{part}"/>'
    links = f'<Relationships xmlns="{relations}">{link}</Relationships>'
    files = {"[Content_Types].xml": kinds.encode(), "_rels/.rels": links.encode(), part: b"<document/>"}
    return _zipped(files)


def _tar_gz(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), _FIRST
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def _ar(files: Mapping[bytes, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, content in files.items():
        parts.append(b"%-16s%-12d%-6d%-6d%-8s%-10d`\n%s" % (name, _FIRST, 0, 0, b"100644", len(content), content))
    return b"".join(parts)


def _sqlite() -> bytes:
    """Return a database of one page, without tables: a header and an empty leaf."""
    versions = struct.pack(">HBBBBBB", 512, 1, 1, 0, 64, 32, 32)
    numbers = struct.pack(">12I", 1, 1, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0)
    header = b"SQLite format 3\0" + versions + numbers + bytes(20) + struct.pack(">II", 1, 3_040_000)
    return (header + struct.pack(">BHHHB", 0x0D, 0, 0, 512, 0)).ljust(512, b"\0")
