"""Recordings and films with tags of all kinds, made here, and what is true of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from tests.content.media_samples import (
    avi,
    box,
    film,
    film_header,
    id3_frames,
    keys,
    matroska,
    mp3,
    seconds_1904,
    track,
    wav,
)

Comments: TypeAlias = Sequence[tuple[str, str]]


class Recording(NamedTuple):
    """A file, what it says, and how long it is."""

    content: bytes
    texts: dict[str, str]
    seconds: float = 0


def id3v1(title: str, artist: str, album: str, year: str, *, track: int = 0, genre: int = 255) -> bytes:
    fields = b"".join(text.encode("latin-1").ljust(30, b"\0") for text in (title, artist, album))
    return b"TAG" + fields + year.encode().ljust(4, b"\0") + bytes(28) + bytes([0, track, genre])


def vorbis_comments(said: Comments) -> bytes:
    texts = [f"{name}={text}".encode() for name, text in said]
    listed = b"".join(struct.pack("<L", len(text)) + text for text in texts)
    return struct.pack("<L", 4) + b"test" + struct.pack("<L", len(texts)) + listed


def flac(said: Comments | None, seconds: int = 5) -> bytes:
    last = b"" if said is None else b"\x84" + len(vorbis_comments(said)).to_bytes(3) + vorbis_comments(said)
    info = bytes(10) + (44_100 << 44 | 1 << 41 | 15 << 36 | 44_100 * seconds).to_bytes(8) + bytes(16)
    return b"fLaC" + (b"\0" if last else b"\x80") + b"\0\0\x22" + info + last + bytes(100)


def ogg(*packets: bytes, position: int) -> bytes:
    """Return one page for each packet; the last has the number of samples."""
    pages = b""
    for number, data in enumerate(packets):
        sizes = bytes([255] * (len(data) // 255) + [len(data) % 255])
        is_last = number == len(packets) - 1
        kind = 2 if number == 0 else 4 if is_last else 0
        header = struct.pack("<4sBBQLLLB", b"OggS", 0, kind, position if is_last else 0, 1, number, 0, len(sizes))
        pages += header + sizes + data
    return pages


def opus(said: Comments, seconds: int = 5) -> bytes:
    head = b"OpusHead" + struct.pack("<BBHLHB", 1, 2, 0, 48_000, 0, 0)
    return ogg(head, b"OpusTags" + vorbis_comments(said), bytes(50), position=48_000 * seconds)


def vorbis(said: Comments, seconds: int = 5) -> bytes:
    head = b"\1vorbis" + struct.pack("<LBLLLLBB", 0, 2, 44_100, 0, 128_000, 0, 0xB8, 1)
    return ogg(head, b"\3vorbis" + vorbis_comments(said) + b"\1", bytes(50), position=44_100 * seconds)


def chunk(name: bytes, data: bytes, order: str = "<") -> bytes:
    return name + struct.pack(order + "L", len(data)) + data + b"\0" * (len(data) % 2)


def wav_with(*chunks: bytes) -> bytes:
    inside = wav(2)[12:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<L", len(inside) + 4) + b"WAVE" + inside


def wav_info(**said: str) -> bytes:
    return chunk(
        b"LIST", b"INFO" + b"".join(chunk(name.encode(), text.encode() + b"\0") for name, text in said.items())
    )


def aiff(*chunks: bytes, seconds: int = 2) -> bytes:
    rate = struct.pack(">H", 0x400E) + (44_100 << 48).to_bytes(8)  # 44,100 in 80 bits
    common = chunk(b"COMM", struct.pack(">HLH", 1, 44_100 * seconds, 8) + rate, ">")
    inside = common + b"".join(chunks) + chunk(b"SSND", bytes(108), ">")
    return b"FORM" + struct.pack(">L", len(inside) + 4) + b"AIFF" + inside


_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_CONTENT = bytes.fromhex("3326b2758e66cf11a6d900aa0062ce6c")
_ASF_MORE = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")


def wma(title: str = "", artist: str = "", seconds: int = 5, **more: str) -> bytes:
    """Return the header of a WMA."""

    def thing(guid: bytes, data: bytes) -> bytes:
        return guid + struct.pack("<Q", len(data) + 24) + data

    def coded(text: str) -> bytes:
        return text.encode("utf-16-le") + b"\0\0"

    properties = bytes(40) + struct.pack("<3Q", seconds * 10**7, 0, 0) + bytes(16)
    things = [thing(_ASF_FILE, properties)]
    if title or artist:
        texts = [coded(title), coded(artist), b"", b"", b""]
        things.append(thing(_ASF_CONTENT, struct.pack("<5H", *map(len, texts)) + b"".join(texts)))
    if more:
        said = b""
        for name, text in more.items():
            word, value = coded(f"WM/{name}"), coded(text)
            said += struct.pack("<H", len(word)) + word + struct.pack("<2H", 0, len(value)) + value
        things.append(thing(_ASF_MORE, struct.pack("<H", len(more)) + said))
    inside = b"".join(things)
    return _ASF + struct.pack("<QLBB", len(inside) + 30, len(things), 1, 2) + inside


def item(kind: bytes, text: str) -> bytes:
    return box(kind, box(b"data", struct.pack(">2L", 1, 0), text.encode()))


def tags_of_mp4(*items: bytes) -> bytes:
    return box(b"udta", box(b"meta", bytes(4), box(b"hdlr", bytes(25)), box(b"ilst", *items)))


def mp4(*items: bytes, brand: bytes = b"M4A ", seconds: int = 5) -> bytes:
    tags = [tags_of_mp4(*items)] if items else []
    return box(b"ftyp", brand, bytes(4), brand) + box(b"moov", film_header(0, seconds * 1000), *tags)


def titled_matroska(title: str, kind: bytes = b"matroska") -> bytes:
    info = b"\x2a\xd7\xb1\x83" + (1_000_000).to_bytes(3) + b"\x44\x89\x88" + struct.pack(">d", 3000)
    said = title.encode()
    info += b"\x7b\xa9" + bytes([0x80 | len(said)]) + said
    header = b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(kind) + 3]) + b"\x42\x82" + bytes([0x80 | len(kind)]) + kind
    inner = b"\x15\x49\xa9\x66\x40" + bytes([len(info)]) + info
    return header + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + inner


ALL = [
    ("TIT2", "Feeling Good"), ("TPE1", "Nina Simone"), ("TALB", "I Put a Spell"), ("TPE2", "Various"), ("TCON", "(17)"),
    ("TRCK", "7/12"), ("TDRC", "1965"),
]  # fmt: skip
SAID = {
    "title": "Feeling Good", "artist": "Nina Simone", "album": "I Put a Spell", "album_artist": "Various",
    "genre": "Rock", "track": "07", "year": "1965",
}  # fmt: skip
VORBIS = [
    ("TITLE", "Feeling Good"), ("artist", "Nina Simone"), ("Album", "I Put a Spell"), ("ALBUMARTIST", "Various"),
    ("GENRE", "Rock"), ("TRACKNUMBER", "7"), ("DATE", "1965"),
]  # fmt: skip
UNICODE = {"title": "戦場のメリークリスマス", "artist": "坂本龍一", "album": "Début Ω"}
UNICODE_ID3 = [("TIT2", UNICODE["title"]), ("TPE1", UNICODE["artist"]), ("TALB", UNICODE["album"])]
SHORT = {"title": "Human", "artist": "Björk", "album": "Debut"}

RECORDINGS: dict[str, Recording] = {
    "mp3, id3v1": Recording(mp3(3) + id3v1("Human", "Björk", "Debut", "1993", track=4, genre=17), {
        **SHORT, "year": "1993", "track": "04", "genre": "Rock",
    }, 3),
    "mp3, id3v1 without a track": Recording(mp3(3) + id3v1("", "Nina", "", ""), {"artist": "Nina"}, 3),
    "mp3, id3v2.3 and another v1": Recording(
        id3_frames(3, UNICODE_ID3, 1) + mp3(3) + id3v1("Wrong", "Wrong", "Wrong", ""), UNICODE, 3
    ),
    "mp3, id3v2.3": Recording(id3_frames(3, [*ALL[:6], ("TYER", "1965")], 0) + mp3(3), SAID, 3),
    "mp3, id3v2.3 in utf-16": Recording(id3_frames(3, UNICODE_ID3, 1) + mp3(3), UNICODE, 3),
    "mp3, id3v2.4": Recording(id3_frames(4, ALL) + mp3(3), SAID, 3),
    "mp3, id3v2.4 in utf-8": Recording(id3_frames(4, UNICODE_ID3) + mp3(3), UNICODE, 3),
    "mp3, a genre in words": Recording(id3_frames(4, [("TCON", "Trip-Hop")]) + mp3(3), {"genre": "Trip-Hop"}, 3),
    "mp3, a track that is none": Recording(id3_frames(4, [("TRCK", "A1"), ("TPE1", "x")]) + mp3(3), {"artist": "x"}, 3),
    "mp3, utf-8 called latin-1": Recording(
        b"ID3\3\0\0\0\0\0\x11TPE1\0\0\0\7\0\0\0Bj\xc3\xb6rk" + mp3(3), {"artist": "Bj\xc3\xb6rk"}, 3
    ),
    "mp3, blank tags": Recording(id3_frames(4, [("TPE1", ""), ("TALB", "  ")]) + mp3(3), {}, 3),
    "mp3, no tags": Recording(mp3(3), {}, 3),
    "m4a": Recording(
        mp4(
            item(b"\xa9nam", SAID["title"]), item(b"\xa9ART", SAID["artist"]), item(b"\xa9alb", SAID["album"]),
            item(b"aART", "Various"), item(b"\xa9gen", "Rock"), item(b"\xa9day", "1965"),
            box(b"trkn", box(b"data", struct.pack(">2L4H", 0, 0, 0, 7, 12, 0))),
        ), SAID, 5,
    ),
    "m4a in other letters": Recording(
        mp4(*map(item, (b"\xa9nam", b"\xa9ART", b"\xa9alb"), UNICODE.values())), UNICODE, 5
    ),
    "m4a, no tags": Recording(mp4(), {}, 5),
    "flac": Recording(flac(VORBIS), SAID, 5),
    "flac of two artists": Recording(flac([("ARTIST", "Nina"), ("ARTIST", "Hal")]), {"artist": "Nina"}, 5),
    "flac, no comments": Recording(flac(None), {}, 5),
    "ogg": Recording(vorbis(VORBIS), SAID, 5),
    "ogg in other letters": Recording(vorbis([(n.upper(), t) for n, t in UNICODE.items()]), UNICODE, 5),
    "ogg, no comments": Recording(vorbis([]), {}, 5),
    "opus": Recording(opus(VORBIS), SAID, 5),
    "opus, no comments": Recording(opus([]), {}, 5),
    "wav": Recording(
        wav_with(wav_info(INAM="Human", IART="Bjork", IPRD="Debut", IGNR="Pop", ICRD="1993")),
        {"title": "Human", "artist": "Bjork", "album": "Debut", "genre": "Pop", "year": "1993"}, 2,
    ),
    "wav with id3": Recording(wav_with(chunk(b"id3 ", id3_frames(3, UNICODE_ID3, 1))), UNICODE, 2),
    "wav, no tags": Recording(wav(2), {}, 2),
    "aiff": Recording(
        aiff(chunk(b"NAME", b"Human", ">"), chunk(b"AUTH", b"Bjork", ">")), {"title": "Human", "artist": "Bjork"}, 2
    ),
    "aiff with id3": Recording(aiff(chunk(b"ID3 ", id3_frames(3, UNICODE_ID3, 1), ">")), UNICODE, 2),
    "aiff, no tags": Recording(aiff(), {}, 2),
    "wma": Recording(
        wma("Feeling Good", "Nina Simone", AlbumTitle="I Put a Spell", AlbumArtist="Various", Genre="Rock",
            TrackNumber="7", Year="1965"), SAID, 5,
    ),
    "wma in other letters": Recording(
        wma(UNICODE["title"], UNICODE["artist"], AlbumTitle=UNICODE["album"]), UNICODE, 5
    ),
    "wma, no tags": Recording(wma(), {}, 5),
    "mp4 with a title": Recording(mp4(item(b"\xa9nam", "Rome"), brand=b"isom"), {"title": "Rome"}, 5),
    "mp4, no tags": Recording(film(film_header(0, 7000), track(320, 240)), {}, 7),
    "mov with a title": Recording(mp4(item(b"\xa9nam", "Rome"), brand=b"qt  "), {"title": "Rome"}, 5),
    "mov of a phone": Recording(
        film(film_header(seconds_1904(10**9), 4000), keys(make="Apple", model="iPhone"), brand=b"qt  "), {}, 4
    ),
    "3gp": Recording(film(film_header(0, 4000), brand=b"3gp5"), {}, 4),
    "mkv with a title": Recording(titled_matroska(UNICODE["title"]), {"title": UNICODE["title"]}, 3),
    "mkv, no title": Recording(matroska(0, 3), {}, 3),
    "webm with a title": Recording(titled_matroska("Rome", b"webm"), {"title": "Rome"}, 3),
    "avi": Recording(avi("THU MAY 03 10:11:12 2012"), {}, 3),
}  # fmt: skip
"""No reader has artists of AVI, MKV and 3GP: these are rightly empty."""
