"""`--by date` is when a picture was taken, else the date in its name, else its modification time."""

from __future__ import annotations

import os
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
from fileorg.core.model import By

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

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


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


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
