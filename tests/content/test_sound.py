"""What recordings say of themselves: files made here with known truths, and files made to do harm."""

from __future__ import annotations

import random
import struct
import time
from typing import TYPE_CHECKING

import pytest
from tests.content.media_samples import box, film_header, jpeg, mp3, wav
from tests.content.recordings import RECORDINGS
from tests.content.samples import BINARY

from fileorg.content.head import BytesContent
from fileorg.content.media import MediaFacts, read_media
from fileorg.content.sound import is_sound, read_sound

if TYPE_CHECKING:
    from collections.abc import Callable

ARTISTS = ("Nina Simone", "Björk", "坂本龍一", "AC/DC")


def id3(version: int, encoding: int, artist: str, album: str) -> bytes:
    """Return an MP3 with ID3 of a version (2, 3 or 4) and an encoding (0 to 3)."""
    coded = ("latin-1", "utf-16", "utf-16-be", "utf-8")[encoding]
    frames = b""
    for name, text in ((b"TP1" if version == 2 else b"TPE1", artist), (b"TAL" if version == 2 else b"TALB", album)):
        data = bytes([encoding]) + text.encode(coded)
        frames += name + (len(data).to_bytes(3) if version == 2 else len(data).to_bytes(4) + bytes(2)) + data
    return b"ID3" + bytes([version, 0, 0, 0, 0, len(frames) >> 7, len(frames) & 127]) + frames + mp3(1)


def comments(artist: str, album: str) -> bytes:
    """Return the comments of Vorbis."""
    texts = [f"ARTIST={artist}".encode(), f"ALBUM={album}".encode()]
    return (
        struct.pack("<L", 4) + b"test" + struct.pack("<L", 2) + b"".join(struct.pack("<L", len(t)) + t for t in texts)
    )


def flac(artist: str, album: str) -> bytes:
    info = bytes(10) + (44_100 << 44 | 1 << 41 | 15 << 36 | 44_100 * 5).to_bytes(8) + bytes(16)
    said = comments(artist, album)
    return b"fLaC" + b"\0\0\0\x22" + info + b"\x84" + len(said).to_bytes(3) + said + bytes(100)


def ogg(artist: str, album: str) -> bytes:
    def page(number: int, position: int, data: bytes) -> bytes:
        sizes = bytes([255] * (len(data) // 255) + [len(data) % 255])
        kind = (2, 0, 4)[number]
        header = struct.pack("<4sBBQLLLB", b"OggS", 0, kind, position, 1, number, 0, len(sizes))
        return header + sizes + data

    first = b"\1vorbis" + struct.pack("<LBLLLLBB", 0, 2, 44_100, 0, 128_000, 0, 0xB8, 1)
    return (
        page(0, 0, first) + page(1, 0, b"\3vorbis" + comments(artist, album) + b"\1") + page(2, 44_100 * 5, bytes(50))
    )


def m4a(artist: str, album: str) -> bytes:
    def item(kind: bytes, text: str) -> bytes:
        return box(kind, box(b"data", struct.pack(">2L", 1, 0), text.encode()))

    tags = box(b"udta", box(b"meta", bytes(4), box(b"ilst", item(b"\xa9ART", artist), item(b"\xa9alb", album))))
    return box(b"ftyp", b"M4A \0\0\0\0M4A mp42") + box(b"moov", film_header(0, 5000), tags)


FORMATS: dict[str, Callable[[str, str], bytes]] = {
    "id3 2.2": lambda *said: id3(2, 1, *said), "id3 2.3": lambda *said: id3(3, 1, *said),
    "id3 2.4 utf-16": lambda *said: id3(4, 2, *said), "id3 2.4 utf-8": lambda *said: id3(4, 3, *said),
    "flac": flac, "ogg": ogg, "m4a": m4a,
}  # fmt: skip
CASES = [(name, artist) for name in FORMATS for artist in ARTISTS]


def said_by(content: bytes) -> MediaFacts:
    facts, found = MediaFacts(), BytesContent(content)
    assert is_sound(found.head)
    read_sound(found, facts)
    return facts


@pytest.mark.parametrize(("name", "artist"), CASES, ids=[f"{name} {artist}" for name, artist in CASES])
def test_artist_and_album(name: str, artist: str) -> None:
    facts = said_by(FORMATS[name](artist, "Blue / 青"))
    assert (facts.texts["artist"], facts.texts["album"]) == (artist, "Blue / 青")


@pytest.mark.parametrize(
    ("content", "seconds"),
    [(mp3(3), 3), (mp3(60, TIT2="x"), 60), (wav(20), 20), (flac("a", "b"), 5), (ogg("a", "b"), 5), (m4a("a", "b"), 5)],
)  # fmt: skip
def test_durations(content: bytes, seconds: int) -> None:
    assert abs(said_by(content).duration_ms - seconds * 1000) < 60


def test_tags_without_controls_and_not_without_end() -> None:
    facts = said_by(mp3(1, TPE1="a\x1b[31mb\n" + "c" * 5000, TALB="\0\0", TRCK="99999999/3"))
    assert facts.texts == {"artist": "a[31mb" + "c" * 92}


@pytest.mark.parametrize("content", [jpeg(), b"", b"ID", b"\xff\xfe\0t\0e"])
def test_what_is_no_recording(content: bytes) -> None:
    assert not is_sound(content[:64])


def test_damage_costs_little() -> None:
    """Flips, truncations and splices of 3,000 files: no exception, and none takes long."""
    rng, slowest = random.Random(7), 0.0
    seeds = [each.content for each in RECORDINGS.values()] + [*BINARY.values()]
    for _ in range(3_000):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((0, 1, 2, 8))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.3:
            content = content[: rng.randrange(len(content))] + rng.choice((b"", rng.choice(seeds)))
        found = BytesContent(bytes(content))
        if is_sound(found.head):
            begun = time.process_time()
            read_sound(found, MediaFacts())
            slowest = max(slowest, time.process_time() - begun)
    assert slowest < 1  # a tenth of it in practice: a loop without end is what this finds


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_a_recording_says(name: str) -> None:
    content, texts, seconds = RECORDINGS[name]
    found = BytesContent(content)
    facts = read_media(found)
    if is_sound(found.head):
        read_sound(found, facts)
    assert facts.texts == texts
    assert abs(facts.duration_ms - seconds * 1000) < 60
