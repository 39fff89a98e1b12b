"""What a zip holds, by the names of its directory, of which at most 64 KiB are read. Nothing is unpacked here."""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fileorg.content.head import Content

_END = b"PK\5\6"
_END_RECORD = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64_RECORD = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_COMMENT_BYTES = 65_535
_DIRECTORY_BYTES = 64 << 10
_MIME_BYTES = 100
_NAME_BYTES = 200
_LOCAL_NAMES = 200
_FULL = 0xFFFFFFFF
_SIZE_FOLLOWS = 8


class ZipDirectory(NamedTuple):
    """The first names in the directory of a zip. `mime` is its entry `mimetype`, stored at the beginning."""

    names: tuple[str, ...]
    mime: str


def read_directory(content: Content) -> ZipDirectory:
    """Return the directory of a zip, or without a readable one the names of the entries in its head."""
    start, size = _place(content)
    names = _names(content.read_at(start, min(size, _DIRECTORY_BYTES))) if size else []
    return ZipDirectory(tuple(names or _local_names(content.head)), _mime(content.head))


def _place(content: Content) -> tuple[int, int]:
    """Return the offset and the size of the directory; a size of 0 without one."""
    tail = content.read_at(max(0, content.size - _COMMENT_BYTES - _END_RECORD.size), _COMMENT_BYTES + _END_RECORD.size)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_RECORD.size:
        return 0, 0
    *_, size, start, _ = _END_RECORD.unpack_from(tail, at)
    before_end = content.size - len(tail) + at
    if _FULL in {size, start}:
        locator = content.read_at(before_end - _END64_LOCATOR.size, _END64_LOCATOR.size)
        if len(locator) < _END64_LOCATOR.size or not locator.startswith(b"PK\6\7"):
            return 0, 0
        record = content.read_at(_END64_LOCATOR.unpack(locator)[2], _END64_RECORD.size)
        if len(record) < _END64_RECORD.size or not record.startswith(b"PK\6\6"):
            return 0, 0
        *_, size, start = _END64_RECORD.unpack(record)
        return start, size
    return max(0, before_end - size), size  # the start may be wrong: other bytes may precede the zip


def read_entries(content: Content, names: Collection[str], limit: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the content of the first entry of each of these names, and whether it is deflated; not of those larger than
    `limit`.
    """
    left = set(names)  # a directory may name one entry a thousand times
    start, size = _place(content)
    for entry in _entries(content.read_at(start, min(size, _DIRECTORY_BYTES))):
        if entry.name not in left:
            continue
        left.remove(entry.name)
        if entry.packed > limit or entry.method not in {0, 8} or entry.is_encrypted:
            continue
        header = content.read_at(entry.offset, _LOCAL.size)
        if len(header) == _LOCAL.size and header.startswith(b"PK\3\4"):
            *_, length, extra = _LOCAL.unpack(header)
            yield content.read_at(entry.offset + _LOCAL.size + length + extra, entry.packed), entry.method == 8


class _Entry(NamedTuple):
    """An entry of the directory. `packed` is the size of its content in the zip, `offset` the place of its header."""

    name: str
    packed: int
    offset: int
    method: int
    is_encrypted: bool


def _names(directory: bytes) -> list[str]:
    return [entry.name for entry in _entries(directory)]


def _entries(directory: bytes) -> Iterator[_Entry]:
    at = 0
    while len(directory) >= at + _ENTRY.size:
        fields = _ENTRY.unpack_from(directory, at)
        if fields[0] != b"PK\1\2":
            break
        flags, method, packed, offset = fields[3], fields[4], fields[8], fields[16]
        length, extra, comment = fields[10], fields[11], fields[12]
        name = directory[at + _ENTRY.size : at + _ENTRY.size + length]
        if len(name) < length:
            break
        yield _Entry(name[:_NAME_BYTES].decode("utf-8", "replace"), packed, offset, method, bool(flags & 1))
        at += _ENTRY.size + length + extra + comment


def _local_names(head: bytes) -> list[str]:
    names, at = list[str](), 0
    while len(names) < _LOCAL_NAMES and (at := head.find(b"PK\3\4", at)) >= 0 and len(head) >= at + _LOCAL.size:
        _, _, flags, method, _, _, _, packed, _, length, extra = _LOCAL.unpack_from(head, at)
        name = head[at + _LOCAL.size : at + _LOCAL.size + length]
        if len(name) == length and name:
            names.append(name[:_NAME_BYTES].decode("utf-8", "replace"))
        if flags & _SIZE_FOLLOWS and not method:
            break
        is_known = not flags & _SIZE_FOLLOWS and packed != _FULL
        at += _LOCAL.size + length + extra + packed if is_known else 4  # else the zip in a zip would count, too
    return names


def _mime(head: bytes) -> str:
    if len(head) < _LOCAL.size or not head.startswith(b"PK\3\4"):
        return ""
    _, _, _, method, _, _, _, size, _, length, extra = _LOCAL.unpack_from(head)
    at = _LOCAL.size + length
    if head[_LOCAL.size : at] != b"mimetype" or method:
        return ""
    return head[at + extra : at + extra + min(size, _MIME_BYTES)].decode("latin-1").strip()


_WHICH = (
    # iWork before 2013 and since
    ("key", r"index\.apxl(?:\.gz)?|(?:[^/]+/)?Index/(?:Slide|MasterSlide|TemplateSlide).*"),
    # Office: the folder of the main part
    ("docx", r"word/.*"),
    ("xlsb", r"xl/workbook\.bin"),
    ("xlsx", r"xl/.*"),
    ("pptx", r"ppt/.*"),
    ("vsdx", r"visio/.*"),
    ("thmx", r"theme/theme/.*|theme/presentation\.xml"),
    ("3mf", r"3D/.*\.model"),
    ("xps", r"FixedDocSeq\.fdseq|FixedDocumentSequence\.fdseq|Documents/1/.*"),
    ("vsix", r"extension\.vsixmanifest"),
    ("nupkg", r"[^/]+\.nuspec"),
    ("appx", r"AppxManifest\.xml|AppxMetadata/AppxBundleManifest\.xml"),
    # Programs
    ("ipa", r"Payload/[^/]+\.app/.*"),
    ("aab", r"BundleConfig\.pb|base/manifest/AndroidManifest\.xml"),
    ("apks", r"toc\.pb"),
    ("apk", r"AndroidManifest\.xml|resources\.arsc|META-INF/com/android/.*"),
    ("war", r"WEB-INF/.*"),
    ("whl", r"[^/]+\.dist-info/(?:WHEEL|RECORD|METADATA)"),
    # Documents, drawings, data
    ("eip", r"[^/]+\.IIQ"),
    ("kra", r"maindoc\.xml"),
    ("ora", r"mergedimage\.png"),
    ("idml", r"designmap\.xml"),
    ("fig", r"canvas\.fig"),
    ("sketch", r"pages/.*\.json"),
    ("usdz", r"[^/]+\.usd[ac]?"),
    ("xmind", r"content\.json"),
    ("kmz", r"(?:doc|[^/]+)\.kml"),
    ("wacz", r"datapackage\.json"),
    ("fbz", r"[^/]+\.fb2"),
    ("cbz", r"ComicInfo\.xml"),
    ("npz", r"[^/]+\.npy"),
    ("pt", r"[^/]+/data\.pkl"),
    ("apkg", r"collection\.anki2.*"),
    ("epub", r"OEBPS/.*|META-INF/container\.xml"),
    ("jar", r"META-INF/MANIFEST\.MF|.*\.class"),
    ("xpi", r"install\.rdf|manifest\.json"),
    ("numbers", r"Index/Tables/.*|Index/CalculationEngine.*|buildVersionHistory\.plist"),
)
_CONFIRMED_BY = {
    "docx": "[Content_Types].xml", "xlsx": "[Content_Types].xml", "xlsb": "[Content_Types].xml",
    "pptx": "[Content_Types].xml", "vsdx": "[Content_Types].xml", "thmx": "[Content_Types].xml",
    "3mf": "[Content_Types].xml", "sketch": "document.json", "xmind": "metadata.json",
}  # fmt: skip


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern)) for name, pattern in _WHICH)


def format_of(directory: ZipDirectory) -> bytes:
    """Return the format of a zip as a key of `file_formats.FORMATS`; empty if the zip is no more than that."""
    from fileorg.content.file_formats import FORMATS

    if directory.mime:
        for key, each in FORMATS.items():
            if each.mime == directory.mime:
                return key
    names = frozenset(directory.names)
    for name, pattern in _patterns():
        if (other := _CONFIRMED_BY.get(name)) and other not in names:
            continue
        if any(map(pattern.fullmatch, directory.names)):
            return name.encode()
    return b""
