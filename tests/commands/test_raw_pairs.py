"""A raw file and the picture beside it have one date, one place and one number, unless rules or filters part them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.commands.test_by_date import PLAIN, photo, placed, write
from tests.commands.test_content_rules import configured
from tests.commands.test_import import imported
from tests.commands.test_properties import tried
from tests.content.media_samples import ORIGINAL, cr3, film, film_header, heic, seconds_1904, takeout, tiff, xmp
from tests.support.tree import Tree

from fileorg.content.media import MediaFacts, read_media
from fileorg.core.model import By

if TYPE_CHECKING:
    from tests.support.runs import Runs

    from fileorg.content.head import OpenContent
    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.usefixtures("in_utc")

BARE_RAW = cr3(b"", b"")
LATE = 1_338_505_200  # 31 May 2012, 23:00 in UTC


def raw(date: str) -> bytes:
    return cr3(b"", tiff({}, {ORIGINAL: date}))


@pytest.mark.parametrize(
    ("of_raw", "of_picture", "folder"),
    [
        (raw("2012:05:31 23:59:59"), photo("2012:06:01 00:00:00"), "2012/05"),  # the raw file decides
        (BARE_RAW, photo("2012:06:01 00:00:00"), "2012/06"),  # it has no date: the picture decides
        (raw("2012:05:31 23:59:59"), PLAIN, "2012/05"),
        (raw("0000:00:00 00:00:00"), photo("2012:06:01 00:00:00"), "2012/06"),
        (BARE_RAW, PLAIN, "2021/03"),
    ],
)
def test_one_date_for_both(tree: Tree, runs: Runs, of_raw: bytes, of_picture: bytes, folder: str) -> None:
    write(tree, {"IMG_1.CR3": of_raw, "IMG_1.JPG": of_picture, "IMG_1.xmp": b"", "IMG_1.JPG.xmp": b""})
    runs.organize(by=By.DATE)
    assert placed(tree) == dict.fromkeys(["IMG_1.CR3", "IMG_1.JPG", "IMG_1.xmp", "IMG_1.JPG.xmp"], folder)
    runs.undo()
    assert "IMG_1.JPG" in tree.read()


@pytest.mark.parametrize("kind", ["CRW", "MRW", "X3F"])
def test_a_raw_format_without_a_reader_has_the_date_of_its_picture(tree: Tree, runs: Runs, kind: str) -> None:
    write(tree, {f"1.{kind}": b"raw", "1.JPG": photo("2012:06:01 00:00:00"), f"2.{kind}": b"another"})
    write(tree, {"2.xmp": xmp(exif_DateTimeOriginal="2011-02-03T10:00:00")})
    runs.organize(by=By.DATE)
    dates = {f"1.{kind}": "2012/06", "1.JPG": "2012/06", f"2.{kind}": "2011/02", "2.xmp": "2011/02"}
    assert placed(tree) == dates


def test_a_raw_file_that_cannot_be_read_takes_no_date_away(
    tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(content: OpenContent) -> MediaFacts:
        if b"poison" in content.head:
            raise RecursionError("a file made for this")
        return read_media(content)

    monkeypatch.setattr("fileorg.content.evidence_reading.read_media", failing)
    write(tree, {"1.CR3": b"poison" + BARE_RAW, "1.JPG": photo("2012:06:01 00:00:00")})
    runs.organize(by=By.DATE)
    assert placed(tree) == {"1.CR3": "2021/03", "1.JPG": "2012/06"}


def test_a_picture_that_changes_in_another_part_of_a_large_folder(
    tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("scan.together", "storage.base", "storage.local.listing"):
        monkeypatch.setattr(f"fileorg.{module}.BATCH_ENTRIES", 1)
    write(tree, {"1.CR3": BARE_RAW, "1.JPG": photo("2012:06:01 00:00:00")})
    write(tree, {"2.jpg": PLAIN, "2.jpg.json": takeout(LATE)})
    with runs.organizing(by=By.DATE):
        pass
    write(tree, {"1.JPG": photo("2013:06:01 00:00:00"), "2.jpg.json": takeout(LATE + 86_400)})
    for name in ("1.JPG", "2.jpg.json"):
        tree.date(name, "2021-03-05")
    runs.organize(by=By.DATE)
    assert placed(tree) == dict.fromkeys(["1.CR3", "1.JPG"], "2013/06") | dict.fromkeys(
        ["2.jpg", "2.jpg.json"], "2012/06"
    )


def test_without_a_date_of_either_the_raw_file_is_the_one_that_was_modified(tree: Tree, runs: Runs) -> None:
    write(tree, {"IMG_1.CR3": BARE_RAW, "IMG_1.JPG": PLAIN})
    tree.date("IMG_1.CR3", "2021-02-28")
    runs.organize(by=By.DATE)
    assert placed(tree) == dict.fromkeys(["IMG_1.CR3", "IMG_1.JPG"], "2021/02")


def test_one_date_also_where_a_picture_leads_without_one(tree: Tree, runs: Runs) -> None:
    """Of a Live Photo the film tells, of an edited picture the edit; but no poster tells of a film."""
    of_film = film(film_header(seconds_1904(LATE)))
    write(
        tree, {"IMG_1.HEIC": heic(b""), "IMG_1.MOV": of_film, "a.jpg": PLAIN, "a-edited.jpg": photo("2011:02:03 1:2:3")}
    )
    write(tree, {"b.mkv": b"", "b-poster.jpg": photo("2010:01:01 10:00:00")})
    runs.organize(by=By.DATE)
    assert placed(tree) == {
        "IMG_1.HEIC": "2012/05", "IMG_1.MOV": "2012/05", "a.jpg": "2011/02", "a-edited.jpg": "2011/02",
        "b.mkv": "2021/03", "b-poster.jpg": "2021/03",
    }  # fmt: skip


def test_a_sidecar_of_the_picture_dates_both(tree: Tree, runs: Runs) -> None:
    files = {"1.CR3": BARE_RAW, "1.JPG": PLAIN, "1.JPG.json": takeout(LATE), "2.CR3": BARE_RAW, "2.JPG": PLAIN}
    write(tree, files | {"2.xmp": xmp(exif_DateTimeOriginal="2011-02-03T10:00:00")})
    runs.organize(by=By.DATE)
    assert {name: folder for name, folder in placed(tree).items() if name[0] == "1"} == dict.fromkeys(
        ["1.CR3", "1.JPG", "1.JPG.json"], "2012/05"
    )
    assert placed(tree)["2.CR3"] == placed(tree)["2.JPG"] == placed(tree)["2.xmp"]


def test_both_get_one_number(tree: Tree, runs: Runs) -> None:
    tree.write({"IMG_1.CR2": "raw", "IMG_1.JPG": "picture", "IMG_1.JPG.xmp": "edits", "IMG_1.pp3": "settings"})
    tree.write({"Images/IMG_1.JPG": "another"})
    runs.organize()
    assert tree.read() == {
        "Images/IMG_1.JPG": "another", "Images/IMG_1 (2).CR2": "raw", "Images/IMG_1 (2).JPG": "picture",
        "Images/IMG_1 (2).JPG.xmp": "edits", "Images/IMG_1 (2).pp3": "settings",
    }  # fmt: skip
    runs.undo()
    assert tree.read()["IMG_1.JPG.xmp"] == "edits"


def test_what_asks_for_one_of_them_parts_them(tree: Tree, runs: Runs) -> None:
    pair = {"IMG_1.CR2": "raw", "IMG_1.JPG": "picture", "IMG_1.JPG.xmp": "edits"}
    tree.write(pair)
    assert runs.organize(by=By.EXTENSION).done == 3
    assert tree.read() == {"cr2/IMG_1.CR2": "raw", "jpg/IMG_1.JPG": "picture", "jpg/IMG_1.JPG.xmp": "edits"}
    runs.undo()
    runs.organize(include=["*.JPG"])
    assert tree.read() == {"IMG_1.CR2": "raw", "Images/IMG_1.JPG": "picture", "Images/IMG_1.JPG.xmp": "edits"}
    runs.undo()
    rules = configured('[[rule]]\nwhen = { ext = "cr2" }\nto = "Raw"')
    runs.organize(configuration=rules)
    assert tree.read() == {"Raw/IMG_1.CR2": "raw", "Images/IMG_1.JPG": "picture", "Images/IMG_1.JPG.xmp": "edits"}
    runs.undo()
    assert tree.read() == pair


def test_a_rule_that_takes_both_keeps_them_together(tree: Tree, runs: Runs) -> None:
    for folder, second in (("a/", "59"), ("b/", "59"), ("c/", "58")):
        date = f"2012:05:31 23:59:{second}"
        write(tree, {f"{folder}IMG_1.CR3": raw(date) + folder.encode(), f"{folder}IMG_1.JPG": PLAIN + folder.encode()})
    rules = configured('[[rule]]\nwhen = { category = "Images" }\nto = "P/{taken:%Y%m%d-%H%M%S}.{ext}"')
    runs.organize(configuration=rules, recursive=True)
    pairs = {name.split(".")[0] for name in tree.read() if name.startswith("P/")}
    assert len(pairs) == 3
    assert {name for name in tree.read() if name.startswith("P/")} == {
        f"{pair}.{kind}" for pair in pairs for kind in ("CR3", "JPG")
    }
    contents = tree.read()
    by_pair = {pair: contents[f"{pair}.JPG"][-2:] for pair in pairs}
    assert sorted(by_pair.values()) == ["a/", "b/", "c/"]


def test_a_rule_that_renames_both(tree: Tree, runs: Runs) -> None:
    """The picture has the stem of its raw file, the extension that the rule gives it, and the number of both."""
    late = raw("2012:05:31 23:59:59")
    write(tree, {"a/IMG_1.CR3": late, "a/img_1.JPG": PLAIN, "a/img_1.JPG.xmp": b"edits"})
    write(tree, {"b/IMG_1.cr3": late + b"b", "b/IMG_1.JPG": PLAIN + b"b"})
    write(tree, {"P/20120531.jpg": b"another"})
    before = tree.snapshot()
    runs.organize(configuration=configured("""
        [[rule]]
        when = { category = "Images" }
        to = "P/{taken:%Y%m%d}.{ext:lower}"
    """), recursive=True)  # fmt: skip
    assert {name for name in tree.read() if not name.endswith("/")} == {
        "P/20120531.jpg", "P/20120531 (2).cr3", "P/20120531 (2).jpg", "P/20120531 (2).JPG.xmp",
        "P/20120531 (3).cr3", "P/20120531 (3).jpg",
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before
    runs.organize(configuration=configured("""
        [[rule]]
        when = { category = "Images" }
        to = "Q/{stem}.{ext:lower}"
    """), recursive=True)  # fmt: skip
    assert {"Q/IMG_1.cr3", "Q/IMG_1.jpg", "Q/IMG_1 (2).cr3", "Q/IMG_1 (2).jpg"} <= tree.read().keys()


# A card --------------------------------------------------------------------------------------------------------------


def test_two_cameras_whose_numbers_begin_again(tree: Tree, dest: Tree, runs: Runs) -> None:
    for camera in ("100CANON", "101CANON"):
        for number in ("9999", "0001"):
            at = f"DCIM/{camera}/IMG_{number}"
            moment = f"2012:05:31 23:59:{'01' if number == '9999' else '02'}"
            late = photo("2012:06:01 00:00:00") + f"{camera}{number}".encode()
            write(tree, {f"{at}.CR3": raw(moment) + f"{camera}{number}".encode(), f"{at}.JPG": late})
    dest.write({"2012/05/IMG_0001.JPG": "of a third camera"})
    before, there = tree.snapshot(), dest.snapshot()
    found = imported(tree.root, dest.root, runs.state, by=By.DATE)
    assert (found.copied, found.is_complete, found.facts["sidecars"]) == (8, True, 0)
    for path, place in found.places.items():
        if path.endswith(".CR3"):
            assert found.places[path.replace(".CR3", ".JPG")] == str(place).replace(".CR3", ".JPG")
    assert set(found.places.values()) == {
        f"2012/05/IMG_{name}.{kind}" for name in ("9999", "9999 (2)", "0001 (2)", "0001 (3)") for kind in ("CR3", "JPG")
    }
    assert tree.snapshot() == before
    assert imported(tree.root, dest.root, runs.state, by=By.DATE).copied == 0
    runs.undo()
    assert dest.snapshot() == there


def test_a_picture_that_is_there_is_not_copied_again_with_its_raw_file(
    tree: Tree, dest: Tree, state: StateDirectory
) -> None:
    tree.write({"1.CR2": "raw 1", "1.JPG": "picture 1", "2.CR2": "raw 2", "2.JPG": "picture 2", "2.JPG.xmp": "edits"})
    dest.write({"best/one.jpg": "picture 1", "best/two.cr2": "raw 2"})
    found = imported(tree.root, dest.root, state)
    assert (found.copied, found.is_complete) == (3, True)
    assert dest.read().keys() == {
        "best/one.jpg", "best/two.cr2", "Images/1.CR2", "Images/2.JPG", "Images/2.JPG.xmp"
    }  # fmt: skip


@settings(tried, max_examples=settings().max_examples // 5)
@given(
    st.sets(
        st.tuples(
            st.sampled_from(["", "a/", "Images/"]),
            st.sampled_from(
                ["1.CR2", "1.JPG", "1.jpg", "1.xmp", "1.JPG.xmp", "1.MOV", "1.HEIC", "1 (2).CR2", "1 (2).JPG"]
            ),
        ),
        max_size=14,
    )
)
def test_no_file_of_any_pairs_is_lost(tmp_path_factory: pytest.TempPathFactory, files: set[tuple[str, str]]) -> None:
    from tests.support.runs import Runs

    from fileorg.core.state import open_state

    around = tmp_path_factory.mktemp("around")
    tree = Tree(around / "tree")
    tree.write({folder + name: folder + name for folder, name in files} | {"x.txt": "x"})
    runs, before = Runs(tree, open_state(bytes(around / "state"))), tree.snapshot()
    runs.organize(recursive=True)
    after = {path: text for path, text in tree.read().items() if text}  # an emptied folder stays as it is
    assert sorted(after.values()) == sorted([folder + name for folder, name in files] + ["x"])
    assert all(path.startswith(("Images/", "Video/", "Documents/")) for path in after)
    assert runs.organize(recursive=True).done == 0
    runs.undo()
    assert tree.snapshot() == before
