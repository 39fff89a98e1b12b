"""Title and number of pages of PDFs and office files, as far as bounded reads tell.

Of a zip, one or two small parts are unpacked, to at most 64 KiB; of their XML, only single elements are looked for, so
that no entity is ever expanded. Of a PDF, nothing is unpacked: objects are found by the table of their offsets, and
where a PDF has none (1.5 and later may pack it), the note of a linearized file and its XMP packet count.
"""

from __future__ import annotations

import html
import re
import zlib
from typing import TYPE_CHECKING

from fileorg.content.media import printable
from fileorg.content.zip_directory import read_entries

if TYPE_CHECKING:
    from fileorg.content.head import Content
    from fileorg.content.media import MediaFacts

_PART_BYTES = 64 << 10
_TAIL_BYTES = 2 << 10
_OBJECT_BYTES = 4 << 10
_TABLES = 8
_SECTIONS = 64
_HEADER_BYTES = 64
_PAGES = 10_000_000

_TITLE = re.compile(rb"<dc:title(?:\s[^<>]{0,200})?>([^<]{1,400})</dc:title>")
_XMP_TITLE = re.compile(rb"<dc:title>\s*<rdf:Alt>\s*<rdf:li(?:\s[^<>]{0,200})?>([^<]{1,400})</rdf:li>")
_PAGES_OF_OFFICE = re.compile(rb"<(?:Pages|Slides)>(\d{1,8})</|\bmeta:page-count=[\"'](\d{1,8})[\"']")
_PARTS = ("docProps/core.xml", "docProps/app.xml", "meta.xml")


def is_document(head: bytes) -> bool:
    """Return whether a file may be a PDF or an office file."""
    return head.startswith((b"%PDF-", b"PK\3\4"))


def read_document(content: Content, facts: MediaFacts) -> None:
    """Add title and pages. A damaged document says less."""
    if content.head.startswith(b"%PDF-"):
        title, pages = _read_pdf(content)
    else:
        title, pages = _read_office(content)
    if text := printable(" ".join(title.split())):
        facts.texts["title"] = text
    if 0 < pages < _PAGES:
        facts.texts["pages"] = str(pages)


def _read_office(content: Content) -> tuple[str, int]:
    title, pages = "", 0
    for packed, is_deflated in read_entries(content, _PARTS, _PART_BYTES):
        try:
            part = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _PART_BYTES) if is_deflated else packed
        except zlib.error:
            continue
        if match := _TITLE.search(part):
            title = title or html.unescape(match[1].decode("utf-8", "replace"))
        if match := _PAGES_OF_OFFICE.search(part):
            pages = pages or int(match[1] or match[2])
    return title, pages


# PDF -----------------------------------------------------------------------------------------------------------------

_START = re.compile(rb"startxref\s{1,4}(\d{1,12})")
_TABLE = re.compile(rb"\s{0,4}xref")
_SECTION = re.compile(rb"\s*(\d{1,8})[ ](\d{1,6})\s{1,4}")
_ENTRY_BYTES = 20
_REFERENCE = rb"\s{0,4}(\d{1,8})\s{1,4}\d{1,5}\s{1,4}R"
_ROOT, _INFO, _TREE = (re.compile(rb"/" + name + _REFERENCE) for name in (b"Root", b"Info", b"Pages"))
_PREVIOUS = re.compile(rb"/Prev\s{1,4}(\d{1,12})")
_COUNT = re.compile(rb"/Count\s{1,4}(\d{1,8})\b")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,200}?/N\s{1,4}(\d{1,8})\b")
_TITLE_KEY = re.compile(rb"/Title\s{0,4}(?:(?=[(<])|(\d{1,8})\s{1,4}\d{1,5}\s{1,4}R)")
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_SIGNS = {
    0x80 + at: sign
    for at, sign in enumerate(
        "\u2022\u2020\u2021\u2026\u2014\u2013\u0192\u2044\u2039\u203a\u2212\u2030\u201e\u201c\u201d\u2018\u2019\u201a\u2122\ufb01"
        "\ufb02\u0141\u0152\u0160\u0178\u017d\u0131\u0142\u0153\u0161\u017e"
    )
} | {0xA0: "\u20ac"}
"""The signs that a string of a PDF has where Latin-1 has controls: quotes, dashes, ligatures."""
_PARENTHESES = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n|.))", re.DOTALL)


def _read_pdf(content: Content) -> tuple[str, int]:
    objects, title, pages = _Objects(content), "", 0
    if b"/Encrypt" not in objects.trailer:
        if match := _TITLE_KEY.search(info := objects.referred(_INFO.search(objects.trailer))):
            title = _text_of(objects.referred(match).strip() if match[1] else info[match.end() :])
        elif not info and (said := _XMP_TITLE.search(content.head)):
            title = html.unescape(said[1].decode("utf-8", "replace"))
    tree = objects.referred(_TREE.search(objects.referred(_ROOT.search(objects.trailer))))
    if (match := _COUNT.search(tree)) or (match := _LINEARIZED.search(content.head[:1024])):
        pages = int(match[1])
    return title, pages


class _Objects:
    """The objects of a PDF, by the tables of their offsets, of which only single entries are read."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._sections: list[tuple[int, int, int]] = []  # first number, count, and place of the entries
        self.trailer = b""
        """The trailers, the newest first."""
        tail = content.read_at(max(0, content.size - _TAIL_BYTES), _TAIL_BYTES)
        starts = _START.findall(tail)
        at = int(starts[-1]) if starts else -1
        for _ in range(_TABLES):
            if not (begun := _TABLE.match(content.read_at(at, _HEADER_BYTES))):
                break
            trailer = self._read_table(at + begun.end())
            self.trailer += trailer
            if not (match := _PREVIOUS.search(trailer)):
                break
            at = int(match[1])

    def _read_table(self, at: int) -> bytes:
        """Note the sections of a table; return the trailer behind them."""
        for _ in range(_SECTIONS):
            if not (match := _SECTION.match(self._content.read_at(at, _HEADER_BYTES))):
                break
            first, count = int(match[1]), int(match[2])
            self._sections.append((first, count, at + match.end()))
            at += match.end() + count * _ENTRY_BYTES
        return self._content.read_at(at, _OBJECT_BYTES).partition(b"startxref")[0]

    def referred(self, reference: re.Match[bytes] | None) -> bytes:
        """Return the object that is referred to, without its stream; empty if it is not where it should be."""
        if reference is None:
            return b""
        number = int(reference[1])
        inside = (each for each in self._sections if each[0] <= number < each[0] + each[1])
        first, _, at = next(inside, (number, 0, -_ENTRY_BYTES))
        entry = self._content.read_at(at + (number - first) * _ENTRY_BYTES, _ENTRY_BYTES)
        if entry[17:18] != b"n" or not entry[:10].isdigit():
            return b""
        found = self._content.read_at(int(entry[:10]), _OBJECT_BYTES)
        begun = re.match(rb"\s{0,4}%s\s{1,4}\d{1,5}\s{1,4}obj\b" % reference[1], found)
        return found[begun.end() :].partition(b"endobj")[0].partition(b"stream")[0] if begun else b""


def _text_of(text: bytes) -> str:
    """Return the string at the beginning of a text."""
    if text.startswith(b"<"):
        digits = re.sub(rb"\s", b"", text[1:].partition(b">")[0])
        if re.fullmatch(rb"(?:[0-9A-Fa-f]{2})*", digits):
            return _decoded(bytes.fromhex(digits.decode()))
        return ""
    depth = 0
    for match in _PARENTHESES.finditer(text):
        depth += {b"(": 1, b")": -1}.get(match[0], 0)
        if depth == 0:
            return _decoded(_ESCAPED.sub(_unescaped, text[1 : match.start()]))
    return ""


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 8) & 0xFF])
    return b"" if match[2] in {b"\n", b"\r", b"\r\n"} else _ESCAPES.get(match[2], match[2])


def _decoded(text: bytes) -> str:
    if text.startswith(b"\xfe\xff"):
        return text[2:].decode("utf-16-be", "replace")
    if text.startswith(b"\xef\xbb\xbf"):
        return text[3:].decode("utf-8", "replace")
    return text.decode("latin-1").translate(_SIGNS)
