"""Groups of files in a folder, by names alone."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import trigger_table

from fileorg.core.model import Entry
from fileorg.rules import group_finder
from fileorg.rules.families import FAMILIES, FOLDERS, SETS, SHEETS, WITH_RAW, Family, Set, Sheet
from fileorg.rules.grouping import grouping
from fileorg.rules.groups import FolderAccess, Grouping
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.marks import MARKS, Mark

NOW = 1_700_000_000 * 10**9
DAY = 86_400 * 10**9
PIECES = ("a", "A", "b", ".", "~$", ".~lock.", "#", "-", "_files", "(1)", "jpg", "xmp", "part1", "rar", "r00", "001")
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(lambda parts: "".join(parts).encode())


def found(
    *names: str,
    folders: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
    contents: dict[str, str] | None = None,
    old: dict[str, int] | None = None,
) -> Grouping:
    """Return the groups and marks of a folder with these entries; `old` has ages in days of those not from today."""
    given = [name.encode() for name in names]
    apart = [[name.encode() for name in kind] for kind in (folders, others)]

    def entry(name: bytes) -> Entry | None:
        age = (old or {}).get(name.decode(), 0)
        size = len((contents or {}).get(name.decode(), "x"))
        return Entry(name, size, NOW - age * DAY, 0, 1, 0o100644, 1, 1) if name in chain(given, *apart) else None

    def head(name: bytes, limit: int) -> bytes:
        return (contents or {}).get(name.decode(), "x").encode()[:limit]

    access = FolderAccess(entry, head, NOW, NOW - 10 * DAY)
    return grouping(lambda: given, lambda: apart[0], lambda: apart[1], access) or Grouping({}, {}, {})


@pytest.mark.parametrize(("follower", "leader"), [pair for family in FAMILIES for pair in family.examples])
def test_each_example_of_a_family(follower: str, leader: str) -> None:
    assert found("other.txt", follower, leader).leaders == {follower.encode(): leader.encode()}
    assert found("other.txt", follower).leaders == {}


@pytest.mark.parametrize(("picture", "raw"), WITH_RAW.examples)
def test_a_picture_and_its_raw_file_are_two_leaders(picture: str, raw: str) -> None:
    seen = found(picture, raw, f"{picture}.xmp", "other.jpg", "other.xmp")
    assert seen.leaders == {f"{picture}.xmp".encode(): picture.encode(), b"other.xmp": b"other.jpg"}
    assert seen.raws == dict.fromkeys([picture.encode(), f"{picture}.xmp".encode()], raw.encode())
    assert found(picture, "else.jpg").raws == {}


@pytest.mark.parametrize("names", [names for each in SETS if not each.reason for names in each.examples])
def test_each_example_of_a_set(names: tuple[str, ...]) -> None:
    leader, *parts = names
    assert found(*reversed(names)).leaders == {part.encode(): leader.encode() for part in parts}
    assert found(leader).leaders == {}


@pytest.mark.parametrize(
    ("sheet", "content", "named", "leads"), [(*example, each.leads) for each in SHEETS for example in each.examples]
)
def test_each_example_of_a_sheet(sheet: str, content: str, named: tuple[str, ...], *, leads: bool) -> None:
    names = [name.encode() for name in (sheet, *named)]
    leader = names.pop(0 if leads else 1)
    assert found("other.txt", sheet, *named, contents={sheet: content}).leaders == dict.fromkeys(names, leader)
    assert found("other.txt", sheet, contents={sheet: content}).leaders == {}


@pytest.mark.parametrize(("folder", "file"), [pair for each in FOLDERS for pair in each.examples])
def test_each_example_of_a_folder_beside(folder: str, file: str) -> None:
    assert found("other.txt", file, folders=(folder, "other")).folders == {folder.encode(): file.encode()}
    assert found("other.txt", folders=(folder,)).folders == {}


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
    assert seen.marked == {b"How to bake.html": (IgnoreReason.TOGETHER, page.encode())}


def test_a_folder_that_its_page_names() -> None:
    contents = {"a.htm": '<img src="a_ham%C3%A9/1.png">', "b.htm": "<img src='b_x/1.png'>", "c.htm": "nothing"}
    contents |= {"d.html": '<img src="d/1.png">', "e.html": "nothing"}
    seen = found(*contents, contents=contents, folders=("a_hamé", "b_x", "c_x", "d", "e"))
    assert seen.folders == {"a_hamé".encode(): b"a.htm", b"b_x": b"b.htm", b"d": b"d.html"}


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


@pytest.mark.parametrize("suffix", ["md5", "sha256", "sfv"])
def test_a_checksum_goes_with_the_file_that_it_names_rather_than_with_one_of_its_stem(suffix: str) -> None:
    """With the stem alone, images come before videos."""
    content = "film.mkv 0A1B2C3D\n" if suffix == "sfv" else f"{'0a' * 32}  film.mkv\n"
    sheet = f"film.{suffix}"
    assert found("film.jpg", "film.mkv", sheet).leaders == {sheet.encode(): b"film.jpg"}
    assert found("film.jpg", "film.mkv", sheet, contents={sheet: content}).leaders == {sheet.encode(): b"film.mkv"}


def test_sheets_that_name_each_other_end() -> None:
    contents = {"a.cue": 'FILE "b.cue" BINARY', "b.cue": 'FILE "a.cue" BINARY'}
    assert found(*contents, contents=contents).leaders == {b"b.cue": b"a.cue"}


def test_what_an_old_mark_says() -> None:
    """A lock from before the last boot has no owner; an old download only protects its empty placeholder."""
    assert found("a.odt", ".~lock.a.odt#", old={".~lock.a.odt#": 11}).marked == {}
    assert found("a.odt", ".~lock.a.odt#", old={".~lock.a.odt#": 9}).marked.keys() == {b"a.odt", b".~lock.a.odt#"}
    assert found("a.pdf", "a.pdf.part", old={"a.pdf.part": 400}).marked == {}
    assert found("a.pdf", "a.pdf.part", old={"a.pdf.part": 400}, contents={"a.pdf": ""}).marked.keys() == {
        b"a.pdf",
        b"a.pdf.part",
    }


def test_streams_that_are_not_put_together_yet() -> None:
    assert found("a.f137.mp4", "a.f140.m4a", "b.f137.mp4").marked == {
        b"a.f137.mp4": (IgnoreReason.UNFINISHED, b"a.f140.m4a"),
        b"a.f140.m4a": (IgnoreReason.UNFINISHED, b"a.f137.mp4"),
    }


def test_a_thousand_for_one() -> None:
    names = [f"a.{chr(97 + number // 26 % 26)}{chr(97 + number % 26)}.srt" for number in range(676)]
    assert found("a.mkv", *names).leaders == {name.encode(): b"a.mkv" for name in names}


@pytest.mark.parametrize(
    "names",
    [
        *(("photo.jpg", "photo.txt"), ("report.docx", "report.pdf"), ("film.mkv", "film.jpg", "film.txt")),
        *(("a.pdf", "a.epub"), ("song.mp3", "song.mid"), ("a.zip", "a.exe"), ("a.ai", "a.au", "a.as")),
        *(("data.csv", "data.json", "data.xlsx"), ("draft-edited.docx", "draft.jpg"), ("Film.2020.srt", "Film.mkv")),
        *(("Rev 2.doc", "Rev 2.001"), ("a.html", "a.css", "a.js"), ("IMG_1.jpg", "IMG_2.jpg", "IMG_1.mp4")),
        *(("Show.S01E02.srt", "Show.mkv"), ("a.psd", "a.png", "a.tif"), ("package-lock.json", "package.json")),
        *(("a.lrf", "a.epub"), ("a.sub", "a.txt"), ("Cargo.lock", "Cargo.toml"), ("summary.txt", "summary.docx")),
    ],
)
def test_what_only_shares_its_stem_is_no_group(names: tuple[str, ...]) -> None:
    assert found(*names) == Grouping({}, {}, {})


@pytest.mark.parametrize("rule", [*FAMILIES, WITH_RAW, *SETS, *SHEETS, *MARKS], ids=lambda rule: rule.what)
def test_ordinary_suffixes_are_not_asked_about(rule: Family | Set | Sheet | Mark) -> None:
    ordinary = set(b"jpg jpeg png gif heic pdf txt md doc docx xls xlsx csv mp3 mp4 mkv zip gz py js html c h".split())
    assert rule.beside or not rule.suffixes & ordinary


def test_common_suffixes_are_asked_about_only_beside_their_leaders() -> None:
    assert found("a.mp4", "a.jpg", "b.mp4").leaders == {}
    assert found("a.mp4", "a.heic", "b.mp4").leaders == {b"a.mp4": b"a.heic"}


def test_a_name_is_cut_at_characters_and_ends_with_the_number_of_its_file() -> None:
    """The number distinguishes two pictures whose names are truncated alike."""
    stem = "Schöne Ferien an der See mit Übernachtung im Zelt"
    assert len(stem) > 46
    names = [f"{stem}.jpg", f"{stem}(1).jpg", f"{stem[:46]}.json", f"{stem[:46]}(1).json"]
    assert found(*names).leaders == {names[2].encode(): names[0].encode(), names[3].encode(): names[1].encode()}


@pytest.mark.parametrize("cut", range(len("supplemental-metadata") + 1))
def test_takeout_cuts_its_own_word_anywhere(cut: int) -> None:
    json = f"a.jpg.{'supplemental-metadata'[:cut]}.json"
    assert found("a.jpg", json, "a.jpg.suplemental.json").leaders == {json.encode(): b"a.jpg"}


def test_checksums_of_files_of_several_categories_stay_apart() -> None:
    sums = f"{'0a' * 32}  a.iso\n{'0b' * 32}  b.pdf\n{'0c' * 32}  gone.iso\n"
    assert found("SHA256SUMS", "a.iso", "b.pdf", contents={"SHA256SUMS": sums}).leaders == {}
    assert found("SHA256SUMS", "a.iso", "SHA256SUMS.gpg", contents={"SHA256SUMS": sums}).leaders == {
        b"SHA256SUMS": b"a.iso",
        b"SHA256SUMS.gpg": b"a.iso",
    }


def test_a_mark_may_be_a_folder_or_a_link() -> None:
    """VMware's locks are folders, those of Emacs are broken symlinks."""
    seen = found("a.vmdk", "b.txt", "c.pdf", "d.txt", folders=("a.vmdk.lck", "d"), others=(".#b.txt", "c.pdf.part"))
    assert seen.marked == {
        b"a.vmdk": (IgnoreReason.OPEN, b"a.vmdk.lck"),
        b"a.vmdk.lck": (IgnoreReason.OPEN, b"a.vmdk"),
        b"b.txt": (IgnoreReason.OPEN, b".#b.txt"),
        b".#b.txt": (IgnoreReason.OPEN, b"b.txt"),
        b"c.pdf": (IgnoreReason.UNFINISHED, b"c.pdf.part"),
        b"c.pdf.part": (IgnoreReason.UNFINISHED, b"c.pdf"),
    }


def test_no_mark_is_a_number() -> None:
    """So `grouping` need not load the tables for a folder called 001, which looks like a part of an archive."""
    numbers = [form % number for form in (b"%d", b"%02d", b"%03d") for number in range(1200)]
    assert not [number for number in numbers for rule, _ in group_finder._matches(number) if isinstance(rule, Mark)]


def test_streams_beside_the_film_that_they_were_made_into_are_plain() -> None:
    assert found("a.f137.mp4", "a.f140.m4a", "a.mkv").marked == {}


@given(st.lists(NAMES, unique=True, max_size=8))
def test_any_names_are_understood(names: list[bytes]) -> None:
    access = FolderAccess(lambda _: None, lambda *_: b"", NOW, NOW)
    seen = grouping(lambda: names, lambda: names, lambda: names, access)
    if seen is not None:
        assert seen.leaders.keys() | set(seen.leaders.values()) <= set(names)
        assert not seen.leaders.keys() & set(seen.leaders.values())


def test_the_triggers_fit_the_tables() -> None:
    """If this fails, run `python -m tests.support.trigger_table`."""
    assert trigger_table.MODULE.read_text(encoding="utf-8") == trigger_table.module()
