"""What a file is by its content, and that a look is bounded in bytes and time."""

from __future__ import annotations

import os
import random
import struct
import time
from typing import TYPE_CHECKING

import pytest
from tests.content.samples import BINARY, GUESSED, GZIP, JPEG, OOXML, PNG, PROSE, TEXTS, compound, iso_media, zipped

from fileorg.content.evidence_reading import kind_from, kind_text
from fileorg.content.file_formats import FORMATS
from fileorg.content.head import HEAD_BYTES, BytesContent, OpenContent
from fileorg.content.types import NOTHING, Certainty, FileKind, kind_of
from fileorg.content.zip_directory import read_directory
from fileorg.rules.classify import Rules

if TYPE_CHECKING:
    from pathlib import Path

RULES = Rules.default()


def kind(content: bytes) -> FileKind:
    return kind_of(BytesContent(content))


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_file_is_known_by_its_signature(name: str) -> None:
    found = kind(BINARY[name])
    assert found.format == name.encode()
    assert found.certainty >= Certainty.CONTAINER
    assert found.mime == FORMATS[name.encode()].mime


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_known_by_its_first_lines(name: str) -> None:
    found = kind(TEXTS[name])
    assert (found.format, found.certainty) == (name.encode(), Certainty.CERTAIN_TEXT)


@pytest.mark.parametrize("name", GUESSED)
def test_a_text_may_look_like_code_or_settings(name: str) -> None:
    found = kind(GUESSED[name])
    assert (found.format, found.certainty) == (name.encode(), Certainty.GUESSED_TEXT)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_the_encoding_of_a_text_does_not_matter(encoding: str) -> None:
    bom = b"\xfe\xff" if encoding == "utf-16-be" else b""
    text = TEXTS["vcf"].decode().encode(encoding)
    assert kind(bom + text).format == b"vcf"


@pytest.mark.parametrize(
    "content", [PROSE, "これはメモです。明日。\n".encode("shift-jis"), "Straße\n".encode("latin-1") * 3]
)
def test_prose_is_a_text_of_no_known_kind(content: bytes) -> None:
    assert kind(content) == FileKind(Certainty.TEXT, mime="text/plain")


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"1234567", bytes(range(255, 0, -1)) * 20, bytes(5000)])
def test_what_tells_nothing_is_nothing(content: bytes) -> None:
    assert kind(content).format == b""
    assert kind(content).certainty in {Certainty.NOTHING, Certainty.TEXT}
    assert kind(content).category(RULES) == "Other"


def test_all_formats_have_a_category_or_none_on_purpose() -> None:
    without = {
        key for key, each in FORMATS.items() if FileKind(Certainty.STRONG, key, each.mime).category(RULES) == "Other"
    }
    assert without == set(b"torrent elf macho class pyc a lnk url desktop pem pub-key der asc jks".split())


def test_the_category_is_that_of_the_users_rules() -> None:
    rules = Rules({"Pictures of mine": [b"png"], "Images": [b"jpg"]})
    assert kind(PNG).category(rules) == "Pictures of mine"
    assert kind(JPEG).category(rules) == "Images"
    assert kind(BINARY["mp4"]).category(rules) == "Other"


@pytest.mark.parametrize(
    ("name", "category"), [("notes.txt", "Data"), ("dump.sql", "Data"), ("picture.xyz", "Archives"), ("", "Archives")]
)
def test_a_gzip_is_what_its_inner_name_says(name: str, category: str) -> None:
    header = GZIP[:3] + (b"\x08" if name else b"\0") + GZIP[4:10] + (name.encode() + b"\0" if name else b"")
    assert kind(header + GZIP[10:]).category(RULES) == category


@pytest.mark.parametrize("name", [b"a.x\x1fy\0", b"a.sql" + b"z" * 70_000, b"a." + b"s" * 70_000 + b"\0", b".sql\0"])
def test_a_gzip_whose_inner_name_has_no_extension_is_kept_as_it_is(name: bytes) -> None:
    found = kind(GZIP[:3] + b"\x08" + GZIP[4:10] + name + bytes(100))
    assert (found.format, found.inner) == (b"gz", b"")
    assert kind_from(kind_text(found)) == found


# Containers ---------------------------------------------------------------------------------------------------------


def test_a_zip_in_a_zip_does_not_count() -> None:
    inner = zipped("META-INF/MANIFEST.MF", "a/B.class")
    outer = zipped("the.jar")
    stored = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 8, 0, 0, 0, 0, 0, 0, 7, 0) + b"the.jar"
    assert kind(outer).format == b"zip"
    assert kind(stored + inner[:-30]).format == b"zip"  # cut off: both directories are gone


def test_only_the_beginning_of_a_large_directory_is_read(tmp_path: Path) -> None:
    """200,000 names: zipfile takes more than a second."""
    names = [b"word/document.xml", OOXML.encode(), *(b"word/%06d.xml" % number for number in range(200_000))]
    entry = struct.Struct("<4s6H3L5H2L")
    directory = b"".join(
        entry.pack(b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name for name in names
    )
    head = b"PK\3\4" + bytes(26)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), len(head), 0)
    path = tmp_path / "big.zip"
    path.write_bytes(head + directory + end)
    fd = os.open(path, os.O_RDONLY)
    try:
        content = OpenContent(fd, path.stat().st_size)
        started = time.process_time()
        assert kind_of(content).format == b"docx"
        assert time.process_time() - started < 0.1
        assert len(read_directory(content).names) < 2_000
    finally:
        os.close(fd)


def test_a_compound_file_whose_directory_is_a_circle_ends() -> None:
    assert kind(compound("WordDocument", directory_after=1)).format == b"doc"
    assert kind(compound("Unknown", directory_after=1)).format == b""


def test_a_film_is_known_by_a_compatible_brand() -> None:
    assert kind(iso_media(b"hhhh", b"mif1", b"heic")).format == b"heic"
    assert kind(iso_media(b"mif1", b"avif", b"miaf")).format == b"avif"
    assert kind(iso_media(b"XYZ ", b"isom")).format == b"mp4"


# Bounds -------------------------------------------------------------------------------------------------------------


def test_a_large_text_is_read_up_to_its_head(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(PROSE)
    os.truncate(path, 10 << 30)
    fd = os.open(path, os.O_RDONLY)
    try:
        content = OpenContent(fd, 10 << 30)
        assert len(content.head) == HEAD_BYTES
        assert kind_of(content).format == b""
        assert sum(len(content.read_at(number << 20, 1 << 20)) for number in range(1, 100)) <= 256 << 10
        assert content.read_at(1 << 30, 100) == b""
        assert content.read_at(-1, 10) == content.read_at(5, 0) == b""
        assert content.read_at(1 << 80, 10) == b""
    finally:
        os.close(fd)


HOSTILE = [
    b"PK\3\4" * 16_000,
    b"\n" * HEAD_BYTES,
    b" " * HEAD_BYTES,
    b"\t\n" * 30_000,
    b"a" * HEAD_BYTES,
    b"<" * HEAD_BYTES,
    b"<!--" * 10_000,
    b"<!--a-->" * 22 + b"x" * 50,
    b"<!DOCTYPE" + b" " * 8_100 + b"x",
    b"<!DOCTYPE a [" * 600,
    (b"def a(" + b")" * 230 + b"\n") * 40,
    (b"function [" + b"a," * 110 + b"\n") * 40,
    b"<?xml?>" * 9_000,
    b"package a\n" * 6_000,
    b"{" * HEAD_BYTES,
    b'{"a":' * 10_000,
    b"a{\n" * 20_000,
    b"(((" * 20_000,
    b"@a{" * 20_000,
    b"%\n" * 30_000,
    b"a: b\n" * 12_000,
    b"x-a: b\n c\n" * 6_000,
    b"# \n\n" * 15_000,
    b"\0" * HEAD_BYTES,
    b"\xff\xfb" * 30_000,
]


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: repr(content[:8]))
def test_no_content_takes_long(content: bytes) -> None:
    kind(content)  # the first one loads the database of signatures
    started = time.process_time()
    kind(content)
    assert time.process_time() - started < 0.1


def test_damaged_files_are_looked_at_without_an_error() -> None:
    """A small part of what `python -m benchmarks.file_types --fuzz 100000` tries."""
    files = [*BINARY.values(), *TEXTS.values(), *GUESSED.values()]
    chance = random.Random(20)
    for _ in range(600):
        content = bytearray(chance.choice(files))
        for _ in range(chance.randrange(6)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        cut, other = chance.randrange(len(content) + 1), chance.choice(files)
        kind(bytes(content[:cut]))
        kind(bytes(content[:cut]) + other[chance.randrange(len(other)) :])
    assert kind(b"") is NOTHING
