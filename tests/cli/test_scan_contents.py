"""`scan --mismatch` lists files whose extension does not fit their content, `scan --dates` how files are dated."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.commands.test_by_date import photo
from tests.content.media_samples import film, film_header, seconds_1904
from tests.content.samples import BINARY, HTML, JPEG, PDF, PNG, PROSE

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

MISNAMED = {
    "photo.png": HTML, "sub/IMG_1.heic": JPEG, "sub/letter.zip": BINARY["docx"], "right.jpg": JPEG, "what": PNG,
    "what.q1": PDF, "notes.txt": PROSE, "tiny.png": b"x", "empty.png": b"",
}  # fmt: skip


def write(tree: Tree, files: dict[str, bytes]) -> None:
    tree.write({name: os.fsdecode(content) for name, content in files.items()})
    for name in files:
        tree.date(name, "2021-03-04")


def test_mismatches(fileorg: Fileorg, tree: Tree) -> None:
    write(tree, MISNAMED)
    ran = fileorg("scan", "tree", "--mismatch")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()[:5]] == [
        ["File", "Should", "be", "Category"], ["photo.png", ".html", "Documents"], ["sub/IMG_1.heic", ".jpg", "Images"],
        ["sub/letter.zip", ".docx", "Documents"], [],
    ]  # fmt: skip
    said = " ".join(ran.out.splitlines()[5:])
    assert said.startswith("3 of 9 files have extensions that do not fit their content. Rename with: fileorg organize")
    found = json.loads(fileorg("scan", "tree", "--mismatch", "--format", "json").out)
    assert [(os.path.basename(each["path"]), each["right_extension"]) for each in found["mismatches"]] == [
        ("photo.png", "html"), ("IMG_1.heic", "jpg"), ("letter.zip", "docx"),
    ]  # fmt: skip
    assert (found["files"], found["unread"]) == (9, 0)
    rows = list(csv.reader(io.StringIO(fileorg("scan", "tree", "--mismatch", "--format", "csv").out)))
    assert rows[0] == ["path", "extension", "right_extension", "category", "size_bytes"]
    assert [row[1:4] for row in rows[1:]] == [
        ["png", "html", "Documents"], ["heic", "jpg", "Images"], ["zip", "docx", "Documents"],
    ]  # fmt: skip


def test_no_mismatch(fileorg: Fileorg, tree: Tree) -> None:
    write(tree, {"right.jpg": JPEG})
    ran = fileorg("scan", "tree", "--mismatch")
    assert ran.out == "1 file: each extension fits its content, as far as the content tells.\n"


def test_dates(fileorg: Fileorg, tree: Tree) -> None:
    write(tree, {
        "a.jpg": photo("2012:05:03 10:11:12"), "b.jpg": photo("2012:05:03 10:11:12"), "c": photo("2012:05:03 10:11:12"),
        "sub/d.mp4": film(film_header(seconds_1904(1_336_000_000))), "IMG-20240115-WA0001.jpg": JPEG, "e.txt": PROSE,
        "sub/f.jpg": photo("2098:01:01 10:11:12"), "g.jpg": photo("0000:00:00 00:00:00"),
    })  # fmt: skip
    ran = fileorg("scan", "tree", "--dates")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert {line.rpartition("  ")[0].strip(): line.split()[-1] for line in lines[1:5]} == {
        "taken (EXIF)": "3", "modified": "3", "taken (header of the film, UTC in local time)": "1", "in the name": "1",
    }  # fmt: skip
    assert lines[-4:] == [
        "", "2 files with dates that are not believed:",
        "  g.jpg: EXIF date 0000:00:00 00:00:00 refused (the clock was not set)",
        "  sub/f.jpg: EXIF date 2098:01:01 10:11:12 refused (in the future)",
    ]  # fmt: skip
    found = json.loads(fileorg("scan", "tree", "--dates", "--format", "json").out)
    assert {(each["how"], each["date_source"]): each["files"] for each in found["dates"]} == {
        ("taken", "exif"): 3, ("taken", "film"): 1, ("named", None): 1, ("modified", None): 3,
    }  # fmt: skip
    assert [(os.path.basename(each["path"]), each["date_source"], each["why"]) for each in found["refused"]] == [
        ("g.jpg", "exif", "unset"), ("f.jpg", "exif", "future"),
    ]  # fmt: skip
    rows = list(csv.reader(io.StringIO(fileorg("scan", "tree", "--dates", "--format", "csv").out)))
    assert rows[0] == ["how", "date_source", "files"]
    assert ["taken", "exif", "3"] in rows


def test_the_day_of_a_film_is_that_of_the_time_zone(fileorg: Fileorg, tree: Tree) -> None:
    write(tree, {"a.mp4": film(film_header(seconds_1904(1_336_000_000)))})
    assert fileorg("scan", "tree", "--dates", "--timezone", "Asia/Tokyo").code == 0
    assert fileorg("scan", "tree", "--timezone", "Asia/Tokyo").err.startswith("fileorg: --timezone requires --dates.\n")


@pytest.mark.parametrize("other", ["--dates", "--by-content", "--by-name"])
def test_options_that_exclude_each_other(fileorg: Fileorg, tree: Tree, other: str) -> None:
    tree.write({"a.jpg": ""})
    ran = fileorg("scan", "tree", "--mismatch", other)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"fileorg: --mismatch and {other} cannot be combined.\n")
