"""Rules that look into files: what they ask, what is read for them, and where the files are afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.commands.test_by_date import photo, write
from tests.content.media_samples import (
    FRACTION,
    MAKE,
    MODEL,
    ORIGINAL,
    film,
    film_header,
    jpeg,
    mp3,
    png,
    seconds_1904,
    takeout,
    tiff,
    wav,
    zipped,
)  # fmt: skip
from tests.content.samples import BINARY, HTML, JPEG, PDF, PNG

from fileorg.content.evidence import IndexedEvidence
from fileorg.content.rule_facts import RuleFacts
from fileorg.rules.config_file import parse_configuration
from fileorg.workflows.explain import explain
from fileorg.workflows.organize import OrganizeOptions

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.content.media import MediaFacts
    from fileorg.rules.config import Configuration

pytestmark = pytest.mark.usefixtures("in_utc")


def configured(rules: str) -> Configuration:
    return parse_configuration(b"fileorg.toml", b"version = 1\n" + rules.encode())


def taken(date: str, camera: str = "Nikon Z6", fraction: str = "", size: tuple[int, int] = (4000, 3000)) -> bytes:
    make, _, model = camera.partition(" ")
    tags: dict[int, str] = {ORIGINAL: date}
    if fraction:
        tags[FRACTION] = fraction
    return jpeg(tiff({MAKE: make, MODEL: model} if camera else {}, tags), size=size)


MAY = "2012:05:03 10:11:12"
SONG = {"TPE1": "Nina Simone", "TALB": "Little Girl Blue", "TIT2": "Mood Indigo", "TRCK": "1/11"}


class Need(NamedTuple):
    """Rules in TOML, the files by their paths, and where they are afterwards."""

    rules: str
    files: dict[str, bytes]
    moved: dict[str, str]


NEEDS = {
    "5 photos by the day they were taken": Need(
        '[[rule]]\nwhen = { category = "Images" }\nto = "Photos/{taken.year}/{taken.month}"',
        {"a.jpg": taken(MAY), "b.png": PNG},
        {"a.jpg": "Photos/2012/05/a.jpg", "b.png": "Images/b.png"},
    ),
    "6 a fallback, or Undated": Need(
        '[[rule]]\nwhen = { category = "Images" }\nnot = { has = ["taken", "named"] }\nto = "Undated"\n'
        '[[rule]]\nto = "{taken|named|modified:%Y-%m}"',
        {"a.jpg": taken(MAY), "IMG-20240115-WA0001.jpg": JPEG, "c.jpg": JPEG, "d.txt": b"some text"},
        {
            "a.jpg": "2012-05/a.jpg", "IMG-20240115-WA0001.jpg": "2024-01/IMG-20240115-WA0001.jpg",
            "c.jpg": "Undated/c.jpg", "d.txt": "2021-03/d.txt",
        },
    ),
    "10 a text inside a plain text": Need(
        "[[rule]]\nwhen = { text = '(?i)invoice no' }\nto = \"Invoices\"",
        {"a.txt": b"Dear Sir\nInvoice No 17", "b.txt": b"Dear Sir", "c.pdf": PDF + b"Invoice No"},
        {"a.txt": "Invoices/a.txt", "b.txt": "Documents/b.txt", "c.pdf": "Documents/c.pdf"},
    ),
    "15 small pictures": Need(
        '[[rule]]\nwhen = { pixels = "<640x480" }\nto = "Small"',
        {"a.jpg": taken(MAY, size=(320, 200)), "b.png": png(), "c.txt": b"some text"},
        {"a.jpg": "Small/a.jpg", "b.png": "Images/b.png", "c.txt": "Documents/c.txt"},
    ),
    "17 by camera, or without one": Need(
        '[[rule]]\nwhen = { meta.camera = "nikon*" }\nto = "Photos/{meta.camera}"\n'
        '[[rule]]\nwhen = { category = "Images" }\nnot = { has = "camera" }\nto = "Memes"',
        {"a.jpg": taken(MAY), "b.jpg": taken(MAY, "Canon R6"), "c.jpg": taken(MAY, "")},
        {"a.jpg": "Photos/Nikon Z6/a.jpg", "b.jpg": "Images/b.jpg", "c.jpg": "Memes/c.jpg"},
    ),
    "18 music by artist and album": Need(
        '[[rule]]\nto = "Music/{meta.artist}/{meta.album}/{meta.track} {meta.title}.{ext}"',
        {
            "x1.mp3": mp3(3, **SONG), "x2.mp3": mp3(3, **SONG | {"TPE1": "AC/DC", "TALB": "../.."}), "x3.mp3": mp3(),
            "x4.txt": b"some text",
        },
        {
            "x1.mp3": "Music/Nina Simone/Little Girl Blue/01 Mood Indigo.mp3",
            "x2.mp3": "Music/AC_DC/_../01 Mood Indigo.mp3",
            "x3.mp3": "Audio/x3.mp3", "x4.txt": "Documents/x4.txt",
        },
    ),
    "32 told from inside": Need(
        '[[rule]]\nwhen = { contains = "*.app/**" }\nto = "Apps"\n'
        '[[rule]]\nwhen = { contains = "index.html" }\nto = "Sites"',
        {
            "a.zip": zipped("Tool.app/Contents/Info.plist"), "b.zip": zipped("site/index.html", "site/x.css"),
            "c.zip": zipped("photo.jpg"), "d.txt": b"Tool.app/Contents",
        },
        {"a.zip": "Apps/a.zip", "b.zip": "Sites/b.zip", "c.zip": "Archives/c.zip", "d.txt": "Documents/d.txt"},
    ),
    "33 wrong or missing extension": Need(
        '[[rule]]\nwhen = { mismatch = true }\nto = "Wrong/{stem}.{type}"\n'
        '[[rule]]\nwhen = { type = ["image/*", "pdf"] }\nnot = { name = "*.*" }\nto = "Found/{stem}.{type}"\n'
        '[[rule]]\nwhen = { type = "image/*" }\nto = "Pictures"',
        {"a.heic": JPEG, "b": PNG, "c": PDF, "d.jpg": JPEG, "e.png": HTML, "f": b"a letter of no kind"},
        {
            "a.heic": "Wrong/a.jpg", "b": "Found/b.png", "c": "Found/c.pdf", "d.jpg": "Pictures/d.jpg",
            "e.png": "Wrong/e.html", "f": "f",
        },
    ),
    "a type by another word": Need(
        '[[rule]]\nwhen = { type = ["JPEG", ".htm"] }\nto = "A"\n[[rule]]\nwhen = { type = "txt" }\nto = "B"',
        {"a": JPEG, "b.png": HTML, "c": b"a letter of no kind", "d.csv": b"a;b\n1;2\n3;4\n", "e.png": PNG},
        {"a": "A/a", "b.png": "A/b.png", "c": "B/c", "d.csv": "Spreadsheets/d.csv", "e.png": "Images/e.png"},
    ),
    "39 videos by length, ringtones apart": Need(
        '[[rule]]\nwhen = { category = "Audio", duration = "<10s" }\nto = "Ringtones"\n'
        '[[rule]]\nwhen = { category = "Video", duration = ">=1min" }\nto = "Films"\n'
        '[[rule]]\nwhen = { category = "Video", has = "duration" }\nto = "Clips"',
        {
            "a.mp3": mp3(3), "b.wav": wav(20), "c.mp4": film(film_header(seconds_1904(0), 90_000)),
            "d.mp4": film(film_header(seconds_1904(0), 20_000)), "e.mp4": b"\0" * 50,
        },
        {
            "a.mp3": "Ringtones/a.mp3", "b.wav": "Audio/b.wav", "c.mp4": "Films/c.mp4", "d.mp4": "Clips/d.mp4",
            "e.mp4": "Video/e.mp4",
        },
    ),
    "the day in a name": Need(
        '[[rule]]\nwhen = { named = "2019..2020" }\nto = "Old/{named:%Y}"',
        {"2019-07-08 letter.txt": b"some text", "2021-07-08 letter.txt": b"some text", "letter.txt": b"some text"},
        {"2019-07-08 letter.txt": "Old/2019/2019-07-08 letter.txt", "letter.txt": "Documents/letter.txt"},
    ),
    "a span of days when it was taken": Need(
        '[[rule]]\nwhen = { taken = "2012-05" }\nto = "May"',
        {"a.jpg": taken(MAY), "b.jpg": taken("2012:06:01 00:00:00"), "c.jpg": JPEG},
        {"a.jpg": "May/a.jpg", "b.jpg": "Images/b.jpg", "c.jpg": "Images/c.jpg"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS)
def test_a_need(runs: Runs, tree: Tree, need: Need) -> None:
    write(tree, need.files)
    before = tree.snapshot()
    runs.organize(configuration=configured(need.rules), recursive=True)
    there = tree.read()
    assert {name: new for name, new in need.moved.items() if new not in there} == {}
    runs.undo()
    assert tree.snapshot() == before


def test_a_second_run_changes_and_reads_nothing(runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = configured(NEEDS["18 music by artist and album"].rules)
    write(tree, NEEDS["18 music by artist and album"].files)
    runs.organize(configuration=rules, recursive=True)
    before = tree.snapshot()
    monkeypatch.setattr("fileorg.content.evidence_reading.read_evidence", lambda _: pytest.fail("read again"))
    assert runs.organize(configuration=rules, recursive=True).done == 0
    assert tree.snapshot() == before


# What is read --------------------------------------------------------------------------------------------------------


class Watched:
    """The files that rules ask about, by what they ask."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: set[tuple[str, str]] = set()
        kind, media, text = IndexedEvidence.kind, IndexedEvidence.media, RuleFacts.head_text

        def watched_kind(evidence: IndexedEvidence, folder: bytes, name: bytes) -> object:
            self.asked.add(("kind", os.fsdecode(name)))
            return kind(evidence, folder, name)

        def watched_media(evidence: IndexedEvidence, folder: bytes, name: bytes) -> MediaFacts | None:
            self.asked.add(("media", os.fsdecode(name)))
            return media(evidence, folder, name)

        def watched_text(facts: RuleFacts, folder: bytes, name: bytes) -> str:
            self.asked.add(("text", os.fsdecode(name)))
            return text(facts, folder, name)

        monkeypatch.setattr(IndexedEvidence, "kind", watched_kind)
        monkeypatch.setattr(IndexedEvidence, "media", watched_media)
        monkeypatch.setattr(RuleFacts, "head_text", watched_text)


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        ('when = { name = "b*", type = "image/*" }', {("kind", "b.jpg")}),
        ('when = { ext = "jpg" }\nnot = { has = "camera", size = ">4KB" }', {("media", "a.jpg")}),
        ('when = { name = "a*", taken = "2012" }', {("media", "a.jpg")}),
        ('when = { has = "taken" }', {("media", "a.jpg"), ("media", "b.jpg")}),
        ("when = { size = '>4KB', text = 'x' }", {("text", "b.jpg")}),
        ('when = { named = "2012" }', set()),
    ],
)
def test_nothing_is_read_that_no_rule_needs(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch, rules: str, asked: set[tuple[str, str]]
) -> None:
    write(tree, {"a.jpg": taken(MAY), "b.jpg": taken(MAY) + bytes(5000), "c.txt": b"some text", "d.pdf": PDF})
    watched = Watched(monkeypatch)
    with runs.organizing(configuration=configured(f'[[rule]]\n{rules}\nto = "X"')):
        assert watched.asked == asked


# Groups and bursts ---------------------------------------------------------------------------------------------------


def test_a_burst_keeps_its_order_under_new_names(runs: Runs, tree: Tree) -> None:
    write(tree, {
        "c.jpg": taken(MAY, fraction="10"), "b.jpg": taken(MAY, fraction="20"), "a.jpg": taken(MAY, fraction="30"),
        "IMG_10.jpg": taken("2013:01:01 10:00:00", "A 1"), "IMG_9.jpg": taken("2013:01:01 10:00:00", "B 1"),
        "IMG_11.jpg": taken("2013:01:01 10:00:00", "C 1"),
    })  # fmt: skip
    content = {name: os.fsdecode((tree.root / name).read_bytes()) for name in os.listdir(tree.root)}
    before = tree.snapshot()
    runs.organize(configuration=configured('[[rule]]\nto = "P/{taken:%Y%m%d_%H%M%S}.{ext}"'))
    assert tree.read() == {
        "P/20120503_101112.jpg": content["c.jpg"], "P/20120503_101112 (2).jpg": content["b.jpg"],
        "P/20120503_101112 (3).jpg": content["a.jpg"], "P/20130101_100000.jpg": content["IMG_9.jpg"],
        "P/20130101_100000 (2).jpg": content["IMG_10.jpg"], "P/20130101_100000 (3).jpg": content["IMG_11.jpg"],
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before


def test_a_group_is_renamed_by_the_date_of_its_main_file(runs: Runs, tree: Tree) -> None:
    write(tree, {
        "IMG_1.HEIC": taken(MAY), "IMG_1.MOV": film(film_header(seconds_1904(0)), brand=b"qt  "), "IMG_2.jpg": JPEG,
        "IMG_2.jpg.json": takeout(1_336_039_872),
    })  # fmt: skip
    before = tree.snapshot()
    runs.organize(configuration=configured('[[rule]]\nto = "{taken:%Y}/{taken:%m%d}_{stem}.{ext}"'))
    assert tree.read().keys() == {
        "2012/0503_IMG_1.HEIC", "2012/0503_IMG_1.MOV", "2012/0503_IMG_2.jpg", "2012/0503_IMG_2.jpg.json",
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before


# Wrong extensions ----------------------------------------------------------------------------------------------------


def test_extensions_are_fixed_in_place(runs: Runs, tree: Tree) -> None:
    write(tree, {
        "photo.png": HTML, "Images/IMG_1.heic": JPEG, "Images/IMG_1.mov": film(film_header(0), brand=b"qt  "),
        "Images/IMG_2.HEIC": JPEG, "Images/IMG_2.HEIC.xmp": b"<x/>", "letter.zip": BINARY["docx"], "right.jpg": JPEG,
        "what": PNG, "notes.txt": b"some text", "taken.png": JPEG, "taken.jpg": PDF, "a.jpg": PNG, "a.png": PNG + b"2",
    })  # fmt: skip
    before = tree.snapshot()
    runs.organize(fix_extensions=True, recursive=True)
    assert tree.read().keys() == {
        "photo.html", "Images/IMG_1.jpg", "Images/IMG_1.mov", "Images/IMG_2.jpg", "Images/IMG_2.jpg.xmp", "letter.docx",
        "right.jpg", "what", "notes.txt", "taken (2).jpg", "taken.pdf", "a (2).png", "a.png",
    }  # fmt: skip
    assert runs.organize(fix_extensions=True, recursive=True).done == 0
    runs.undo()
    assert tree.snapshot() == before


def test_a_rule_that_keeps_files_keeps_their_extensions(runs: Runs, tree: Tree) -> None:
    write(tree, {"work/a.png": HTML, "b.png": HTML})
    keep = configured('[[rule]]\nwhen = { path = "work/**" }\nkeep = true\n[[rule]]\nto = "Elsewhere"')
    runs.organize(fix_extensions=True, recursive=True, configuration=keep)
    assert tree.read().keys() == {"work/a.png", "b.html"}


def test_a_plan_by_rules_names_dates_that_are_not_believed(runs: Runs, tree: Tree) -> None:
    write(tree, {"a.jpg": taken(MAY), "b.jpg": taken("2098:01:01 10:00:00")})
    with runs.organizing(configuration=configured('[[rule]]\nto = "{taken:%Y}"')) as run:
        assert [name for _, name in run.plan.refused_dates()] == [b"b.jpg"]


# Explain -------------------------------------------------------------------------------------------------------------


def test_explain_shows_what_is_in_the_file(runs: Runs, tree: Tree) -> None:
    write(tree, {"a.jpg": taken(MAY), "b.jpg": photo("2098:01:01 10:00:00")})
    rules = configured(
        '[[rule]]\nname = "films"\nwhen = { duration = ">1min" }\nto = "F"\n'
        '[[rule]]\nname = "photos"\nwhen = { meta.camera = "Nikon*", taken = "2012" }\nto = "P"'
    )
    found = explain(os.fsencode(tree.root / "a.jpg"), None, OrganizeOptions(b"", configuration=rules), runs.state)
    assert found.rule is not None
    assert found.rule.name == "photos"
    assert [each.failed for each in found.rules_before] == ['when: duration = ">1min"']
    assert found.dated_by is not None
    assert (found.dated_by.how, found.dated_by.source) == ("taken", "exif")
    other = explain(os.fsencode(tree.root / "b.jpg"), None, OrganizeOptions(b"", configuration=rules), runs.state)
    assert [each.failed for each in other.rules_before] == ['when: duration = ">1min"', 'when: meta.camera = "Nikon*"']
