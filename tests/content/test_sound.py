"""What recordings say of themselves: files made here with known truths, and files made to do harm."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest
from tests.content.media_samples import box, film_header, id3_frames, jpeg, mp3, wav
from tests.content.recordings import RECORDINGS, Comments, flac, item, vorbis
from tests.content.samples import BINARY

from fileorg.content.head import BytesContent
from fileorg.content.media import MediaFacts, read_media
from fileorg.content.sound import is_sound, read_sound

if TYPE_CHECKING:
    from collections.abc import Callable

ARTISTS = ("Nina Simone", "Björk", "坂本龍一", "AC/DC")


def id3v2_2(artist: str, album: str) -> bytes:
    """Return an MP3 with ID3 of version 2, whose frames have names of three letters."""
    frames = b""
    for name, text in ((b"TP1", artist), (b"TAL", album)):
        data = b"\1" + text.encode("utf-16")
        frames += name + len(data).to_bytes(3) + data
    return b"ID3" + bytes([2, 0, 0, 0, 0, len(frames) >> 7, len(frames) & 127]) + frames + mp3(1)


def id3(version: int, encoding: int, artist: str, album: str) -> bytes:
    return id3_frames(version, [("TPE1", artist), ("TALB", album)], encoding) + mp3(1)


def m4a(artist: str, album: str) -> bytes:
    """Return an M4A whose tags have no handler."""
    tags = box(b"udta", box(b"meta", bytes(4), box(b"ilst", item(b"\xa9ART", artist), item(b"\xa9alb", album))))
    return box(b"ftyp", b"M4A \0\0\0\0M4A mp42") + box(b"moov", film_header(0, 5000), tags)


def said(artist: str, album: str) -> Comments:
    return [("ARTIST", artist), ("ALBUM", album)]


FORMATS: dict[str, Callable[[str, str], bytes]] = {
    "id3 2.2": id3v2_2, "id3 2.3": lambda *by: id3(3, 1, *by),
    "id3 2.4 utf-16": lambda *by: id3(4, 2, *by), "id3 2.4 utf-8": lambda *by: id3(4, 3, *by),
    "flac": lambda *by: flac(said(*by)), "ogg": lambda *by: vorbis(said(*by)), "m4a": m4a,
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


@pytest.mark.parametrize("date", ["2003", "2003-05-01", "2003-05-01T07:00:00Z"])
def test_the_year_is_no_more_than_a_year(date: str) -> None:
    assert said_by(id3_frames(4, [("TDRC", date)]) + mp3(1)).texts["year"] == "2003"
    assert said_by(flac([("DATE", date)])).texts["year"] == "2003"


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (mp3(3), 3),
        (mp3(60, TIT2="x"), 60),
        (wav(20), 20),
        *((FORMATS[name]("a", "b"), 5) for name in ("flac", "ogg", "m4a")),
    ],
)
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
