"""What a recording says about itself: artist, album, title and the like, and its duration, by tinytag.

tinytag reads through `_Bounded`, so that no file makes it read more than any other reader may.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from fileorg.content.media import LONGEST_MS, printable

if TYPE_CHECKING:
    from fileorg.content.head import Content
    from fileorg.content.media import MediaFacts

_READS = 2_000
_READ_BYTES = 64 << 10
_STILL_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 ", b"jpx ", b"jxl "})


def is_sound(head: bytes) -> bool:
    """Return whether a file may be a recording, or a film in the container of one."""
    if head.startswith((b"ID3", b"fLaC", b"OggS", b"\x30\x26\xb2\x75")):
        return True
    if head.startswith((b"RIFF", b"FORM")):
        return head[8:12] in {b"WAVE", b"AIFF", b"AIFC"}
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 in {0x02, 0x04}


def read_sound(content: Content, facts: MediaFacts) -> None:
    """Add what a recording says. A damaged one says less."""
    from tinytag import TinyTag, TinyTagException

    try:
        found = TinyTag.get(file_obj=io.BufferedReader(_Bounded(content), _READ_BYTES), image=False)
    except TinyTagException:
        return
    texts = {
        "artist": found.artist, "album_artist": found.albumartist, "album": found.album, "title": found.title,
        "genre": found.genre, "year": found.year,
    }  # fmt: skip
    facts.texts = {name: said for name, text in texts.items() if text and (said := printable(str(text)))}
    if year := re.search(r"(?a)\d{4}", texts["year"] or ""):
        facts.texts["year"] = year[0]  # it may be a whole day
    if isinstance(found.track, int) and 0 < found.track < 10_000:
        facts.texts["track"] = f"{found.track:02}"
    if not facts.duration_ms and found.duration and 0 < found.duration * 1000 < LONGEST_MS:
        facts.duration_ms = round(found.duration * 1000)


class _Bounded(io.RawIOBase):
    """A file of which only a bounded number of bytes, in a bounded number of reads, is there."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._at = 0
        self._left = _READS

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        if not self._left:
            return 0
        self._left -= 1
        found = self._content.read_at(self._at, min(len(view), self._content.size - self._at))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)
