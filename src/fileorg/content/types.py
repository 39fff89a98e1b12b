"""What a file is by its content: its signature, what a container holds, or the first lines of a text."""

from __future__ import annotations

import re
import struct
from enum import IntEnum
from typing import TYPE_CHECKING

from fileorg.content import ole_directory, zip_directory
from fileorg.content.file_formats import CATEGORIES, FORMATS
from fileorg.content.first_lines import certain_format, guessed_format, text_of
from fileorg.content.signatures import signature_of
from fileorg.core.tuples import NamedTuple
from fileorg.rules.extensions import OTHER

if TYPE_CHECKING:
    from fileorg.content.head import Content
    from fileorg.rules.classify import Rules


class Certainty(IntEnum):
    """How much the content says."""

    NOTHING = 0
    TEXT = 1  # of no known kind
    GUESSED_TEXT = 2  # it looks like code or settings
    CERTAIN_TEXT = 3  # its first lines say what it is
    WEAK = 4  # a signature of few bytes, which other files may have, too
    CONTAINER = 5  # a signature that many formats share, and no more is known
    STRONG = 6  # a signature of one format, or a container whose directory tells

    @property
    def is_text(self) -> bool:
        return Certainty.TEXT <= self <= Certainty.CERTAIN_TEXT


class FileKind(NamedTuple):
    """What the content says. `format` is a key of `file_formats.FORMATS`, or empty; `family` then may be a category."""

    certainty: Certainty
    format: bytes = b""
    mime: str = ""
    family: str = ""
    inner: bytes = b""
    """The extension of a packed file by the name that it had, such as `sql.gz`."""

    @property
    def extension(self) -> bytes:
        """The usual extension of the format; empty if it is unknown."""
        return FORMATS[self.format].name if self.format else b""

    def category(self, rules: Rules) -> str:
        """Return the category of the content: that of its usual extension."""
        if self.inner and (category := rules.by_extension(self.inner)) != OTHER:
            return category
        wanted = CATEGORIES.get(self.format) or (rules.by_extension(self.extension) if self.format else self.family)
        return wanted if wanted in rules.categories else OTHER


NOTHING = FileKind(Certainty.NOTHING)
_LEAST_BYTES = 8
_ASF, _ASF_VIDEO = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_STL, _STL_FACET = struct.Struct("<80xL"), 50
_DER = re.compile(rb"0[\x80-\x84].{0,4}(?:0[\x80-\x84]|\x06\x09\x2a\x86\x48|\x02\x01\x03\x30)", re.DOTALL)
_GZIP_NAMED, _GZIP_EXTRA = 8, 4
_GZIP_EXTENSION = re.compile(rb"[^\0]{1,255}\.([!-~]{1,32})\0")
"""Only what an extension may be: the index keeps it, between separators."""
_ZIP = (b"PK\3\4", b"PK\5\6", b"PK\7\10", b"PK00PK")
_CONTAINERS = frozenset(b"gz bz2 xz zst lz4 lz lzma z 7z tar rar cpio ogg mkv mp4 xml json db zip".split())
_OWN_SIGNATURES = (
    # What pure-magic does not know: the format, the offset, the bytes.
    ("cpio", 0, b"\xc7\x71"), ("aa", 4, b"\x57\x90\x75\x36"), ("dss", 1, b"dss"), ("dss", 1, b"ds2"),
    ("blp", 0, b"BLP1"), ("blp", 0, b"BLP2"), ("rw2", 0, b"IIU\0"), ("r3d", 4, b"RED1"), ("r3d", 4, b"RED2"),
    ("xpt", 0, b"HEADER RECORD*******L"), ("qoi", 0, b"qoif"), ("dff", 0, b"FRM8"), ("dsf", 0, b"DSD "),
    ("crx", 0, b"Cr24"), ("appimage", 8, b"AI\1"), ("appimage", 8, b"AI\2"), ("frm", 0, b"\xfe\1\x09"),
    ("frm", 0, b"\xfe\1\x0a"), ("mdf", 0, b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"),
    ("mp3", 0, b"ID3\2"), ("mp3", 0, b"ID3\3"), ("mp3", 0, b"ID3\4"),
    ("wim", 0, b"MSWIM\0"), ("qcp", 8, b"QLCM"), ("lzh", 2, b"-lh"), ("img", 510, b"\x55\xaaEFI PART"),
)  # fmt: skip
_BRANDS = {
    b"heic": "heic", b"heix": "heic", b"heim": "heic", b"heis": "heic", b"hevc": "heic", b"hevx": "heic",
    b"mif1": "heic", b"msf1": "heic", b"avif": "avif", b"avis": "avif", b"crx ": "cr3", b"qt  ": "mov",
    b"M4A ": "m4a", b"M4B ": "m4a", b"M4P ": "m4a", b"F4A ": "m4a", b"F4B ": "m4a", b"aax ": "m4a", b"M4V ": "m4v",
    b"M4VH": "m4v", b"M4VP": "m4v", b"jp2 ": "jp2", b"jpx ": "jp2", b"jpm ": "jp2", b"mjp2": "mj2", b"jxl ": "jxl",
}  # fmt: skip


def kind_of(content: Content) -> FileKind:
    """Return what a file is by its content. Reads its head, and within limits the directory of a container."""
    head = content.head
    if len(head) < _LEAST_BYTES:
        return NOTHING
    if head.startswith(_ZIP):
        found = zip_directory.format_of(zip_directory.read_directory(content))
        return _of(found, Certainty.STRONG) if found else _of(b"zip", Certainty.CONTAINER)
    if head.startswith(ole_directory.MAGIC):
        found = ole_directory.format_of(ole_directory.entry_names(content))
        if found:
            return _of(found, Certainty.STRONG)
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    for name, offset, magic in _OWN_SIGNATURES:
        if head.startswith(magic, offset):
            return _of(name.encode(), Certainty.STRONG)
    if _DER.match(head):
        return _of(b"der", Certainty.STRONG)
    if head.startswith(_ASF):
        return _of(b"asf" if _ASF_VIDEO in head else b"wma", Certainty.CONTAINER)
    if content.size > _STL.size and _STL.size + _STL_FACET * _STL.unpack_from(head.ljust(_STL.size))[0] == content.size:
        return _of(b"stl", Certainty.STRONG)
    text = text_of(head)
    return _text(text, head) if text is not None else _binary(head)


def _gzip_name(head: bytes) -> bytes:
    """Return the last extension of the name that the header of a gzip keeps, with `.gz`; empty if it keeps none."""
    flags = head[3]
    if not flags & _GZIP_NAMED or flags & _GZIP_EXTRA:
        return b""
    named = _GZIP_EXTENSION.match(head, 10)
    return named[1].lower() + b".gz" if named else b""


def _of(name: bytes, certainty: Certainty) -> FileKind:
    return FileKind(certainty, name, FORMATS[name].mime)


def _iso_media(head: bytes) -> FileKind:
    """Return the kind of ISO media by its brand: the first that tells, the major one before the compatible ones."""
    length = min(int.from_bytes(head[:4]), 256)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))]
    if brands[0].startswith(b"3g2"):
        return _of(b"3g2", Certainty.STRONG)
    if brands[0].startswith((b"3gp", b"3ge", b"3gg")):
        return _of(b"3gp", Certainty.STRONG)
    known = next((found for brand in brands if (found := _BRANDS.get(brand))), None)
    if known == "heic" and b"avif" in brands:
        known = "avif"
    if known in {"mov", "m4a", "m4v"} and brands[0] not in _BRANDS:
        known = "mp4"
    return _of((known or "mp4").encode(), Certainty.STRONG)


def _text(text: str, head: bytes) -> FileKind:
    if text_format := certain_format(text):
        return _of(text_format, Certainty.CERTAIN_TEXT)
    if guess := guessed_format(text):
        return _of(guess, Certainty.GUESSED_TEXT)
    signature = signature_of(head)
    if signature.format and not signature.is_text:
        certainty = Certainty.WEAK if signature.is_weak else Certainty.STRONG
        return FileKind(certainty, signature.format, signature.mime)
    if signature.format:
        return _of(signature.format, Certainty.GUESSED_TEXT)
    return FileKind(Certainty.TEXT, mime="text/plain")


def _binary(head: bytes) -> FileKind:
    signature = signature_of(head)
    if not signature.format:
        if not signature.category:
            return NOTHING
        return FileKind(
            Certainty.WEAK if signature.is_weak else Certainty.STRONG, mime=signature.mime, family=signature.category
        )
    if signature.is_text:  # a text with a few control characters
        return _of(signature.format, Certainty.GUESSED_TEXT)
    if signature.format == b"mkv" and b"V_" not in head and b"A_" in head:
        return _of(b"mka", Certainty.CONTAINER)
    if signature.format == b"gz":
        return _of(b"gz", Certainty.CONTAINER)._replace(inner=_gzip_name(head))
    if signature.is_weak:
        return _of(signature.format, Certainty.WEAK)
    return _of(signature.format, Certainty.CONTAINER if signature.format in _CONTAINERS else Certainty.STRONG)
