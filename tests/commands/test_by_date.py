"""`--by date` is when a picture was taken, else the date in its name, else its modification time."""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.content.media_samples import (
    MAKE,
    MODEL,
    OFFSET_ORIGINAL,
    ORIGINAL,
    film,
    film_header,
    heic,
    jpeg,
    keys,
    seconds_1904,
    takeout,
    tiff,
    xmp,
)  # fmt: skip
from tests.content.test_dates import MAY, TRUTHS

from fileorg.content.dating import DatedBy
from fileorg.content.evidence_reading import EvidenceAnswer, EvidenceRequest, read_evidence
from fileorg.content.media import read_media
from fileorg.content.types import kind_of
from fileorg.core.model import By, LookInto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.content.head import OpenContent

pytestmark = pytest.mark.usefixtures("in_utc")

PLAIN = jpeg()


def photo(date: str, **more: str) -> bytes:
    tags = {ORIGINAL: date}
    if offset := more.get("offset"):
        tags[OFFSET_ORIGINAL] = offset
    return jpeg(tiff({MAKE: "A", MODEL: more.get("camera", "B")}, tags))


def write(tree: Tree, files: dict[str, bytes]) -> None:
    """Write files that were copied in March 2021."""
    tree.write({name: os.fsdecode(content) for name, content in files.items()})
    for name in files:
        tree.date(name, "2021-03-04")


def placed(tree: Tree) -> dict[str, str]:
    return {os.path.basename(path): os.path.dirname(path) for path in tree.read() if "/" in path}


def test_taken_named_modified(runs: Runs, tree: Tree) -> None:
    write(tree, {
        "a.jpg": photo("2012:05:03 10:11:12"), "b.heic": heic(tiff(exif={ORIGINAL: "2013:06:03 10:11:12"})),
        "c.mp4": film(film_header(seconds_1904(MAY))), "IMG-20240115-WA0001.jpg": PLAIN, "d.jpg": PLAIN,
        "e.txt": b"text of a letter", "2019-07-08 letter.txt": b"text of a letter",
        "f.jpg": photo("2098:01:01 10:11:12"),
    })  # fmt: skip
    before = tree.snapshot()
    with runs.organizing(by=By.DATE) as run:
        assert run.plan.dated == {
            DatedBy("taken", "exif"): 2, DatedBy("taken", "film", True): 1, DatedBy("named"): 2, DatedBy("modified"): 3,
        }  # fmt: skip
        assert list(run.plan.refused_dates()) == [(b"", b"f.jpg")]
        run.run()
    assert placed(tree) == {
        "a.jpg": "2012/05", "b.heic": "2013/06", "c.mp4": "2012/05", "IMG-20240115-WA0001.jpg": "2024/01",
        "d.jpg": "2021/03", "e.txt": "2021/03", "2019-07-08 letter.txt": "2019/07", "f.jpg": "2021/03",
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before


def test_a_group_has_the_date_of_its_main_file(runs: Runs, tree: Tree) -> None:
    write(tree, {
        "IMG_1.jpg": PLAIN, "IMG_1.jpg.json": takeout(MAY), "IMG_2.jpg": PLAIN,
        "IMG_2.xmp": xmp(exif_DateTimeOriginal="2014-02-03T10:11:12"),
        "IMG_3.HEIC": heic(tiff(exif={ORIGINAL: "2015:01:31 23:59:00"})),
        "IMG_3.MOV": film(keys(creationdate="2015-02-01T00:00:01+0100"), brand=b"qt  "),
    })  # fmt: skip
    before = tree.snapshot()
    runs.organize(by=By.DATE)
    assert placed(tree) == {
        "IMG_1.jpg": "2012/05", "IMG_1.jpg.json": "2012/05", "IMG_2.jpg": "2014/02", "IMG_2.xmp": "2014/02",
        "IMG_3.HEIC": "2015/01", "IMG_3.MOV": "2015/01",
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before


def test_utc_is_shown_in_the_zone_of_the_run_or_of_a_still(runs: Runs, tree: Tree) -> None:
    late = MAY - MAY % 86_400 + 28 * 86_400 + 23 * 3600  # 31 May 2012, 23:00 in UTC
    write(
        tree, {"a/clip.mp4": film(film_header(seconds_1904(late))), "b/clip.mp4": film(film_header(seconds_1904(late)))}
    )
    write(tree, {"b/still.jpg": photo("2012:05:31 20:00:00", offset="-03:00")})
    runs.organize(by=By.DATE, timezone="Asia/Tokyo", recursive=True)
    assert {"2012/06/clip.mp4", "2012/05/clip.mp4", "2012/05/still.jpg"} <= tree.read().keys()


def test_cards_of_two_cameras_whose_numbers_wrap(runs: Runs, tree: Tree) -> None:
    write(tree, {
        "DCIM/100A/DSC_9999.jpg": photo("2012:05:31 10:00:00", camera="A"),
        "DCIM/101A/DSC_0001.jpg": photo("2012:06:01 10:00:00", camera="A"),
        "DCIM/100B/DSC_0001.jpg": photo("2012:06:01 10:00:01", camera="B"),
    })  # fmt: skip
    before = tree.snapshot()
    runs.organize(by=By.DATE, recursive=True)
    assert {"2012/05/DSC_9999.jpg", "2012/06/DSC_0001.jpg", "2012/06/DSC_0001 (2).jpg"} <= tree.read().keys()
    runs.undo()
    assert tree.snapshot() == before


def test_a_template_keeps_the_modification_date(runs: Runs, tree: Tree) -> None:
    write(tree, {"a.jpg": photo("2012:05:03 10:11:12")})
    runs.organize(template="{year}/{month}/{name}")
    assert placed(tree) == {"a.jpg": "2021/03"}


def test_all_truths_go_to_their_month(runs: Runs, tree: Tree) -> None:
    some = {name: truth for name, truth in TRUTHS.items() if not truth.beside}
    write(tree, {f"x{number}.jpg": truth.content for number, truth in enumerate(some.values())})
    runs.organize(by=By.DATE, timezone="Etc/GMT-2")
    assert placed(tree) == {
        f"x{number}.jpg": truth.wall[:7].replace("-", "/") for number, truth in enumerate(some.values())
    }


def test_a_picture_without_an_extension_has_its_date_and_category(runs: Runs, tree: Tree) -> None:
    write(tree, {"IMG_1": photo("2012:05:03 10:11:12"), "IMG_2.q1": photo("2013:06:03 10:11:12"), "note": b"a letter"})
    with runs.organizing(by=By.DATE) as run:
        assert run.plan.dated == {DatedBy("taken", "exif"): 2, DatedBy("modified"): 1}
        assert {category: tally.files for category, tally in run.plan.by_category.items()} == {"Images": 2, "Other": 1}
        run.run()
    assert placed(tree) == {"IMG_1": "2012/05", "IMG_2.q1": "2013/06", "note": "2021/03"}


def test_by_name_a_picture_without_an_extension_is_not_read(runs: Runs, tree: Tree) -> None:
    write(tree, {"IMG_1": photo("2012:05:03 10:11:12"), "a.jpg": photo("2012:05:03 10:11:12")})
    runs.organize(by=By.DATE, look_into=LookInto.NONE)
    assert placed(tree) == {"IMG_1": "2021/03", "a.jpg": "2012/05"}


def read_by(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names that a dry run by date reads."""
    read: list[str] = []

    def watched(requests: Sequence[EvidenceRequest]) -> list[EvidenceAnswer]:
        for each in requests:
            names = each.names.split(b"\0")
            read.extend(os.fsdecode(names[at]) for at in {*array("H", each.kinds), *array("H", each.media)})
        return read_evidence(requests)

    monkeypatch.setattr("fileorg.content.evidence_reading.read_evidence", watched)
    with runs.organizing(by=By.DATE, recursive=True):
        pass
    monkeypatch.undo()
    return sorted(read)


def test_a_new_file_makes_no_other_be_read_again(runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tree, {f"{number}.jpg": photo(f"2012:05:{number:02} 10:00:00") for number in range(1, 5)})
    write(tree, {"5.jpg": PLAIN, "5.jpg.xmp": xmp(exif_DateTimeOriginal="2014-02-03T10:11:12")})
    assert read_by(runs, monkeypatch) == ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"]
    assert read_by(runs, monkeypatch) == []
    write(tree, {"6.jpg": photo("2012:05:06 10:00:00")})
    assert read_by(runs, monkeypatch) == ["6.jpg"]
    write(tree, {"5.jpg.xmp": xmp(exif_DateTimeOriginal="2015-02-03T10:11:12")})
    tree.date("5.jpg.xmp", "2021-03-05")
    assert read_by(runs, monkeypatch) == ["5.jpg"]
    runs.organize(by=By.DATE, recursive=True)
    assert tree.read().keys() == {
        *(f"2012/05/{each}.jpg" for each in (1, 2, 3, 4, 6)),
        "2015/02/5.jpg",
        "2015/02/5.jpg.xmp",
    }
    assert read_by(runs, monkeypatch) == []


@pytest.mark.parametrize(
    "reader", ["fileorg.content.evidence_reading.read_media", "fileorg.content.evidence_reading.kind_of"]
)
def test_a_reader_that_fails_costs_one_file(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    write(tree, {"a.jpg": photo("2012:05:03 10:11:12"), "b": photo("2012:05:03 10:11:12") + b"poison", "c": PLAIN})
    real = {"read_media": read_media, "kind_of": kind_of}[reader.rpartition(".")[2]]

    def failing(content: OpenContent) -> object:
        if b"poison" in content.head:
            raise RecursionError("a file made for this")
        return real(content)

    monkeypatch.setattr(reader, failing)
    runs.organize(by=By.DATE)
    assert placed(tree) == {"a.jpg": "2012/05", "b": "2021/03", "c": "2021/03"}
