"""The decision table, row by row: which evidence gives the category of a file."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.content.samples import BINARY, ELF, GUESSED, GZIP, HTML, JPEG, PDF, PNG, PROSE, SQLITE, TEXTS

from fileorg.content.decision import TABLE, Found, Promise, TypeVerdict, decide
from fileorg.content.evidence import DirectEvidence
from fileorg.content.head import BytesContent
from fileorg.content.types import kind_of
from fileorg.core.model import LookInto
from fileorg.rules.classify import Rules
from fileorg.scan.classifier import Classifier
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

RULES = Rules.default()
NOISE = bytes(range(255, 0, -1)) * 20
OGG_VIDEO = b"OggS\0\2" + bytes(20) + b"\1\x1e\x80theora\3\2\1" + bytes(40)


def verdict(name: str, content: bytes) -> TypeVerdict:
    extension = RULES.extension_of(name.encode())
    return decide(extension, RULES.by_extension(extension), kind_of(BytesContent(content)), RULES)


CASES = [
    (2, "photo", JPEG, "Images", b""),
    (2, "paper.xyz", PDF, "Documents", b""),
    (2, "program.unknown", ELF, "Other", b""),
    (2, "backup", BINARY["zip"], "Archives", b""),
    (3, "invitation", TEXTS["ics"], "Data", b""),
    (3, "script", TEXTS["sh"], "Code", b""),
    (3, "id_ed25519", TEXTS["pem"], "Other", b""),
    (3, "answer", TEXTS["json"], "Data", b""),
    (4, "letter", PROSE, "Other", b""),
    (5, "random", NOISE, "Other", b""),
    (8, "photo.jpg", JPEG, "Images", b""),
    (8, "photo.jpg", NOISE, "Images", b""),
    (8, "report.docx", BINARY["docx"], "Documents", b""),
    (8, "template.dotx", BINARY["docx"], "Documents", b""),
    (8, "picture.nef", BINARY["tif"], "Images", b""),
    (9, "book.epub", BINARY["zip"], "Ebooks", b""),
    (9, "library.jar", BINARY["zip"], "Installers", b""),
    (10, "report.zip", BINARY["docx"], "Documents", b"docx"),
    (10, "app.zip", BINARY["apk"], "Installers", b"apk"),
    (11, "photo.jpg", BINARY["zip"], "Archives", b"zip"),
    (11, "film.pdf", BINARY["docx"], "Documents", b"docx"),
    (12, "serde.crate", GZIP, "Installers", b""),
    (12, "data.json.gz", BINARY["7z"], "Data", b""),
    (13, "song.m4a", OGG_VIDEO, "Audio", b""),
    (13, "talk.ogg", BINARY["mp4"], "Audio", b""),
    (14, "notes.txt", TEXTS["json"], "Documents", b""),
    (14, "lines.csv", PROSE, "Spreadsheets", b""),
    (14, "module.py", GUESSED["go"], "Code", b""),
    (15, "notes.txt", PNG, "Images", b"png"),
    (15, "data.json", SQLITE, "Data", b"db"),
    (15, "script.py", ELF, "Other", b"elf"),
    (16, "photo.png", HTML, "Documents", b"html"),
    (16, "paper.pdf", TEXTS["json"], "Data", b"json"),
    (16, "song.mp3", PROSE, "Documents", b"txt"),
    (16, "setup.exe", PROSE, "Documents", b"txt"),
    (17, "photo.jpg", PDF, "Documents", b"pdf"),
    (17, "photo.png", JPEG, "Images", b"jpg"),
    (17, "photo.heic", JPEG, "Images", b"jpg"),
    (17, "film.mp4", PNG, "Images", b"png"),
    (18, "photo.png", b"\0\0\2\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x18\x20" + b"\x10\x20\x30" * 256, "Images", b""),
]


@pytest.mark.parametrize(("row", "name", "content", "category", "right"), CASES, ids=lambda case: str(case)[:24])
def test_the_row_decides(row: int, name: str, content: bytes, category: str, right: bytes) -> None:
    found = verdict(name, content)
    assert (found.row, found.category, found.right_extension) == (row, category, right)
    assert found.is_mismatch == bool(right)


def test_each_pair_of_claim_and_content_has_a_row() -> None:
    for claim in Promise:
        for found in Found:
            assert any(claim in row.claims and found in row.finds for row in TABLE), (claim, found)


def test_each_row_of_the_table_has_a_case() -> None:
    assert {row.number for row in TABLE} == {row for row, *_ in CASES}


@pytest.mark.parametrize("look_into", LookInto)
@pytest.mark.parametrize(
    ("row", "name", "content", "category"),
    [
        (6, "app.ts", b"export const x: number = 1;\n", "Code"),
        (6, "recording.ts", (b"G" + bytes(187)) * 20, "Video"),
        (7, "id_ed25519.key", TEXTS["pem"], "Other"),
        (7, "talk.key", BINARY["zip"], "Presentations"),
    ],
)
def test_an_ambiguous_extension_goes_by_its_content(
    tmp_path: Path, row: int, name: str, content: bytes, category: str, look_into: LookInto
) -> None:
    """Rows 6 and 7, which need no table: `rules.heads` decides on them, whatever a run looks into."""
    assert row not in {each.number for each in TABLE}
    (tmp_path / name).write_bytes(content)
    rules = RULES.asking(look_into)
    with closing(LocalStorage(os.fsencode(tmp_path))) as storage:
        found = Classifier(rules, storage, DirectEvidence(rules, storage)).evidence(b"", name.encode())
    assert found.category == category


def test_the_categories_are_those_of_the_user() -> None:
    rules = Rules({"Photos": [b"jpg"], "Papers": [b"pdf"]})
    kind = kind_of(BytesContent(PDF))
    assert decide(b"jpg", "Photos", kind, rules)[:2] == ("Papers", 17)
    assert decide(b"jpg", "Photos", kind_of(BytesContent(PROSE)), rules)[:2] == ("Other", 16)
