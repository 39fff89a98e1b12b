"""Files made to mislead or to cost time: each has a stated outcome in docs/evidence.md, and none stops a run."""

from __future__ import annotations

import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.commands.test_by_date import photo, write
from tests.commands.test_content_rules import configured
from tests.content.media_samples import film, film_header, seconds_1904
from tests.content.samples import HTML, JPEG

from fileorg.core.model import By

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

pytestmark = pytest.mark.usefixtures("in_utc")

OLE_LOOP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 80
RULES = """
[[rule]]
when = { mismatch = true }
to = "Wrong/{type}"
[[rule]]
when = { text = "needle" }
to = "Text"
[[rule]]
when = { contains = "wanted.txt" }
to = "Zip"
[[rule]]
when = { has = ["taken", "camera", "duration", "artist"] }
to = "Media"
"""


def many_names(names: int, last: str) -> bytes:
    """Return a zip with a directory of many names, and `last` behind them."""
    entry = zipfile.ZipInfo("x")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(names):
            entry = zipfile.ZipInfo(f"{number:07}.dat")
            archive.writestr(entry, b"")
        archive.writestr(last, b"")
    return made.getvalue()


def nested() -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("wanted.txt", b"")
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    return outer.getvalue()


def test_rules_over_files_that_mislead(runs: Runs, tree: Tree) -> None:
    write(tree, {
        "heic that is a jpeg.heic": JPEG, "jpeg in the clothes of a png.png": photo("2012:05:03 10:11:12"),
        "page.jpg": HTML, "loop.doc": OLE_LOOP,
        "cut.mp4": film(film_header(seconds_1904(1_336_039_872)))[:40], "nested.zip": nested(),
        "many.zip": many_names(20_000, "wanted.txt"), "short.mp3": b"ID3\3\0\0\x7f\x7f\x7f\x7fTPE1",
    })  # fmt: skip
    with (tree.root / "late.txt").open("wb") as file:
        file.write(b"some text\n" * 7000 + b"needle")
    os.mkfifo(tree.root / "pipe.jpg")
    before = tree.snapshot()
    runs.organize(configuration=configured(RULES))
    assert {path for path in tree.read() if not path.endswith("/")} == {
        "Wrong/jpg/heic that is a jpeg.heic", "Wrong/jpg/jpeg in the clothes of a png.png", "Wrong/html/page.jpg",
        "Documents/loop.doc", "Video/cut.mp4", "Archives/nested.zip", "Archives/many.zip", "Audio/short.mp3",
        "Documents/late.txt", "pipe.jpg",
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before


def test_a_text_of_ten_gigabytes_is_read_up_to_its_head(runs: Runs, tree: Tree) -> None:
    tree.write({"small.txt": "some text with a needle"})
    with (tree.root / "huge.txt").open("wb") as file:
        file.write(b"some text\n" * 10_000)
        file.truncate(10 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"needle")
    runs.organize(configuration=configured(RULES))
    assert os.listdir(tree.root / "Text") == ["small.txt"]
    assert os.listdir(tree.root / "Documents") == ["huge.txt"]


def test_by_date_over_clocks_that_were_never_set(runs: Runs, tree: Tree) -> None:
    dates = {
        "zero.jpg": "0000:00:00 00:00:00", "february.jpg": "2012:02:30 10:00:00", "1970.jpg": "1970:01:01 00:00:00",
        "1980.jpg": "1980:01:01 00:00:00", "future.jpg": "2098:01:01 10:00:00",
    }  # fmt: skip
    write(tree, {name: photo(date) for name, date in dates.items()})
    write(tree, {"1904.mp4": film(film_header(0)), "offset.jpg": photo("2012:05:03 10:11:12", offset="+99:00")})
    with runs.organizing(by=By.DATE) as run:
        assert {os.fsdecode(name) for _, name in run.plan.refused_dates()} == {*dates, "1904.mp4"}
        run.run()
    assert tree.read().keys() == {*(f"2021/03/{name}" for name in dates), "2021/03/1904.mp4", "2012/05/offset.jpg"}
