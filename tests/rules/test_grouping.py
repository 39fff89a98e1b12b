"""Which files of a folder belong together, by names alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.core.model import Entry
from fileorg.rules.families import FAMILIES, MARKS, SETS
from fileorg.rules.grouping import Grouping, Look, grouping
from fileorg.rules.ignore import Reason

NOW = 1_700_000_000 * 10**9
DAY = 86_400 * 10**9
PIECES = ("a", "A", "b", ".", "~$", ".~lock.", "#", "-", "_files", "(1)", "jpg", "xmp", "part1", "rar", "r00", "001")
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(lambda parts: "".join(parts).encode())


def found(
    *names: str,
    folders: tuple[str, ...] = (),
    contents: dict[str, str] | None = None,
    old: dict[str, int] | None = None,
) -> Grouping:
    """What is known of a folder that holds these; `old` has the age in days of those that are not of today."""
    given = [name.encode() for name in names]

    def entry(name: bytes) -> Entry | None:
        age = (old or {}).get(name.decode(), 0)
        size = len((contents or {}).get(name.decode(), "x"))
        return Entry(name, size, NOW - age * DAY, 0, 1, 0o100644, 1, 1) if name in given else None

    def head(name: bytes, most: int) -> bytes:
        return (contents or {}).get(name.decode(), "x").encode()[:most]

    look = Look(entry, head, NOW, NOW - 10 * DAY)
    return grouping(lambda: given, lambda: [folder.encode() for folder in folders], look) or Grouping({}, {}, {})


@pytest.mark.parametrize(("follower", "leader"), [pair for family in FAMILIES for pair in family.examples])
def test_each_example_of_a_family(follower: str, leader: str) -> None:
    assert found("other.txt", follower, leader).leaders == {follower.encode(): leader.encode()}
    assert found("other.txt", follower).leaders == {}


@pytest.mark.parametrize("names", [names for each in SETS if not each.reason for names in each.examples])
def test_each_example_of_a_set(names: tuple[str, ...]) -> None:
    leader, *parts = names
    assert found(*reversed(names)).leaders == {part.encode(): leader.encode() for part in parts}
    assert found(leader).leaders == {}


@pytest.mark.parametrize(("mark", "file"), [pair for mark in MARKS for pair in mark.examples])
def test_each_example_of_a_mark(mark: str, file: str) -> None:
    marked = found("other.txt", mark, file).marked
    assert marked.keys() == {file.encode(), mark.encode()}
    assert marked[file.encode()][1] == mark.encode()
    assert file.encode() not in found("other.txt", mark).marked or file == mark


@pytest.mark.parametrize("ending", ["_files", "-Dateien", "_fichiers", "_archivos", "_файлы", "_文件"])
def test_a_saved_page_and_its_folder(ending: str) -> None:
    page = f"How to bake{ending}"
    seen = found("How to bake.html", "plain.html", folders=(page, f"Rezept{ending}", "holiday_2019"))
    assert seen.folders == {page.encode(): b"How to bake.html"}
    assert seen.marked == {b"How to bake.html": (Reason.TOGETHER, page.encode())}


def test_a_folder_that_its_page_names() -> None:
    contents = {"a.htm": '<img src="a_ham%C3%A9/1.png">', "b.htm": "<img src='b_x/1.png'>", "c.htm": "nothing"}
    seen = found(*contents, contents=contents, folders=("a_hamé", "b_x", "c_x"))
    assert seen.folders == {"a_hamé".encode(): b"a.htm", b"b_x": b"b.htm"}


def test_the_end_of_a_chain_leads() -> None:
    seen = found("i.AAE", "i.MOV", "i.HEIC", "i.HEIC.xmp")
    assert seen.leaders == dict.fromkeys([b"i.AAE", b"i.MOV", b"i.HEIC.xmp"], b"i.HEIC")


def test_of_several_the_one_of_the_same_case_and_of_the_camera_leads() -> None:
    assert found("a.xmp", "a.png", "a.CR2", "A.CR2").leaders == {b"a.xmp": b"a.CR2"}
    assert found("A.xmp", "a.CR2", "A.png").leaders == {b"A.xmp": b"A.png"}
    assert found("a.XMP", "A.cr2").leaders == {b"a.XMP": b"A.cr2"}


def test_parts_without_the_first_stay_together() -> None:
    assert found("x.part3.rar", "x.part10.rar", "x.part2.rar").leaders == {
        b"x.part3.rar": b"x.part2.rar",
        b"x.part10.rar": b"x.part2.rar",
    }


def test_archives_of_one_name_are_no_parts() -> None:
    assert found("x.rar", "x.zip", "x.exe", "x.7z").leaders == {}


def test_a_sheet_leads_to_the_files_that_it_names() -> None:
    contents = {
        "Game.cue": 'FILE "Game (Track 1).bin" BINARY\r\n TRACK 01 MODE2/2352\r\nFILE "Game (Track 2).bin" BINARY\r\n',
        "Game (Track 1).bin": "",
        "Game (Track 2).bin": "",
        "Game (Track 3).bin": "",
        "d.gdi": '2\n1 0 4 2352 track01.bin 0\n2 600 0 2352 "track02.raw" 0\n',
        "track01.bin": "",
        "track02.raw": "",
    }
    assert found(*contents, contents=contents).leaders == {
        b"Game.cue": b"Game (Track 1).bin",
        b"Game (Track 2).bin": b"Game (Track 1).bin",
        b"d.gdi": b"track01.bin",
        b"track02.raw": b"track01.bin",
    }


def test_sheets_that_name_each_other_end() -> None:
    contents = {"a.cue": 'FILE "b.cue" BINARY', "b.cue": 'FILE "a.cue" BINARY'}
    assert found(*contents, contents=contents).leaders == {b"b.cue": b"a.cue"}


def test_what_an_old_mark_says() -> None:
    """A lock of before the start of the system is nobody's; a download of long ago keeps only its place."""
    assert found("a.odt", ".~lock.a.odt#", old={".~lock.a.odt#": 11}).marked == {}
    assert found("a.odt", ".~lock.a.odt#", old={".~lock.a.odt#": 9}).marked.keys() == {b"a.odt", b".~lock.a.odt#"}
    assert found("a.pdf", "a.pdf.part", old={"a.pdf.part": 400}).marked == {}
    assert found("a.pdf", "a.pdf.part", old={"a.pdf.part": 400}, contents={"a.pdf": ""}).marked.keys() == {
        b"a.pdf",
        b"a.pdf.part",
    }


def test_streams_that_are_not_put_together_yet() -> None:
    assert found("a.f137.mp4", "a.f140.m4a", "b.f137.mp4").marked == {
        b"a.f137.mp4": (Reason.UNFINISHED, b"a.f140.m4a"),
        b"a.f140.m4a": (Reason.UNFINISHED, b"a.f137.mp4"),
    }


def test_a_thousand_for_one() -> None:
    names = [f"a.{chr(97 + number // 26 % 26)}{chr(97 + number % 26)}.srt" for number in range(676)]
    assert found("a.mkv", *names).leaders == {name.encode(): b"a.mkv" for name in names}


@given(st.lists(NAMES, unique=True, max_size=8))
def test_any_names_are_understood(names: list[bytes]) -> None:
    look = Look(lambda _: None, lambda *_: b"", NOW, NOW)
    seen = grouping(lambda: names, lambda: names, look)
    if seen is not None:
        assert seen.leaders.keys() | set(seen.leaders.values()) <= set(names)
        assert not seen.leaders.keys() & set(seen.leaders.values())
