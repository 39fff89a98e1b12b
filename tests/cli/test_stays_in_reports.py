"""What stays in reports and listings: a status of its own, if the run was asked for it, or a folder is scanned anew."""

from __future__ import annotations

import csv
import io
import os
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.test_json import check
from tests.cli.test_stays import expected, many  # noqa: F401

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

MOVED = {"photo.jpg", "Letter.PDF", "notes.txt", "backup.tar.gz"}


@pytest.fixture
def organized(fileorg: Fileorg, many: Tree) -> Fileorg:  # noqa: F811
    """One operation that ran with --stays."""
    assert fileorg.inside("organize", "tree", "-y", "--stays").code == 0
    return fileorg


def report(fileorg: Fileorg, *words: str) -> Any:
    ran = fileorg.inside("report", *words, "-f", "json", "-o", "-")
    assert ran.err == ""
    check(ran.json, "report")
    return ran.json


def names(rows: Any, tree: Tree, status: str) -> set[str]:
    return {os.path.relpath(row["path"], tree.root) for row in rows if row["path"] and row["status"] == status}


def test_the_report_of_an_operation(organized: Fileorg, many: Tree) -> None:  # noqa: F811
    found = report(organized)
    stay = set(expected(many, "Images", "Documents", "Archives"))
    assert names(found["records"], many, "stays") == stay
    assert names(found["records"], many, "done") == MOVED
    assert {row["record"] for row in found["records"] if row["status"] == "stays"} == {None}
    assert {each["status"]: each["records"] for each in found["statuses"]} == {"done": 4, "stays": len(stay)}
    reasons = {each["reason_code"]: each for each in found["reasons"]}
    assert reasons["unknown-kind"]["reason"] == "unknown file type"
    assert sum(each["records"] for each in found["reasons"]) == len(stay)
    assert report(organized, "1", "--stays") == found


def test_csv_and_page(organized: Fileorg, many: Tree) -> None:  # noqa: F811
    rows = list(csv.DictReader(io.StringIO(organized.inside("report", "-f", "csv", "-o", "-").out)))
    assert {row["reason"] for row in rows if row["path"].endswith("/what")} == {"unknown file type"}
    assert {row["record"] for row in rows if row["status"] == "stays"} == {""}
    page = organized.inside("report", "-o", "-").out
    assert re.search(r'<h2 id="stays-title">Left in place</h2>', page)
    assert '<span class="status is-stays">stays</span>' in page


def test_files_lists_them_last(organized: Fileorg, many: Tree) -> None:  # noqa: F811
    stay = expected(many, "Images", "Documents", "Archives")
    ran = organized.inside("files", "1", "-f", "json")
    check(ran.json, "files")
    rows = ran.json["files"]
    assert [row["status"] for row in rows] == ["done"] * 4 + ["stays"] * len(stay)
    assert names(rows, many, "stays") == set(stay)
    assert ran.json["total"] == len(rows)
    only = organized.inside("files", "1", "--status", "stays", "-f", "json").json
    assert (only["files"], only["total"]) == (rows[4:], len(stay))
    assert organized.inside("files", "1", "--status", "done", "-f", "json").json["total"] == 4
    assert organized.inside("files", "1", "--category", "Images", "-f", "json").json["total"] == 1
    text = organized.inside("files", "1", "--status", "stays").out
    assert re.search(r"^  stays .* what +unknown file type$", text, re.MULTILINE)
    assert re.search(r"^  stays +sub +folder not entered$", text, re.MULTILINE)  # a folder has no size
    assert {row["path"].endswith(("/sub", "/project")) for row in rows if row["size_bytes"] is None} == {True}


@pytest.mark.parametrize("more", [(), ("--reverse",), ("--sort", "path"), ("--status", "stays")])
def test_pages_are_parts_of_one_list(organized: Fileorg, more: tuple[str, ...]) -> None:
    whole = organized.inside("files", "1", "-f", "json", *more).json
    pages = []
    for page in range(1, len(whole["files"]) // 3 + 3):
        part = organized.inside("files", "1", "-f", "json", *more, "--page", f"{page}", "--page-size", "3").json
        assert part["total"] == len(whole["files"])
        pages += part["files"]
    assert pages == whole["files"]
    if more == ("--reverse",):
        assert pages == organized.inside("files", "1", "-f", "json").json["files"][::-1]


def test_a_run_without_the_option_records_nothing(fileorg: Fileorg, many: Tree) -> None:  # noqa: F811
    fileorg.inside("organize", "tree", "-y")
    assert not (fileorg.home / "stays.db").exists()
    assert {each["status"] for each in report(fileorg)["statuses"]} == {"done"}
    for words in (("report", "1", "--stays", "-o", "-"), ("files", "--status", "stays")):
        ran = fileorg.inside(*words)
        assert (ran.code, ran.out) == (2, "")
        assert "What stayed in operation 1 was not recorded: it ran without --stays." in ran.err


def test_a_list_of_another_journal_or_a_damaged_one_is_none(organized: Fileorg) -> None:
    (organized.home / "journal.db").unlink()
    organized.inside("undo")
    path = organized.home / "stays.db"
    with sqlite3.connect(path) as db:
        db.execute("UPDATE lists SET started_ns = 1")
    db.close()
    organized.inside("organize", "tree", "-y", "-r", "--by", "extension")
    assert {each["status"] for each in report(organized)["statuses"]} == {"done"}
    path.write_bytes(b"no database at all" * 100)
    assert {each["status"] for each in report(organized)["statuses"]} == {"done"}
    assert organized.inside("organize", "tree", "-y", "--stays").code == 0


@pytest.mark.parametrize("change", ["path = 'text'", "size = 'much'", "code = x'00'", "mtime_ns = 0.5"])
def test_a_forged_list_is_refused(organized: Fileorg, change: str) -> None:
    with sqlite3.connect(organized.home / "stays.db") as db:
        db.execute(f"UPDATE stays SET {change}")
    db.close()
    ran = organized.inside("files", "--status", "stays")
    assert (ran.code, ran.out) == (2, "")
    assert "stays.db cannot be read: a row is not one that fileorg wrote." in ran.err
    assert organized.inside("report", "-f", "json", "-o", "-").code == 2


def test_a_folder_is_scanned_anew(fileorg: Fileorg, many: Tree) -> None:  # noqa: F811
    many.write({"Images/there.png": "x"})
    before = many.snapshot()
    found = report(fileorg, "tree", "--stays")
    rows = {os.path.relpath(row["path"], many.root): row for row in found["records"]}
    assert len(rows) == len(found["records"])
    assert {name for name, row in rows.items() if row["status"] == "seen"} == MOVED | {"sub/inner.jpg"}
    stays = {row["path"]: row["reason_code"] for row in found["records"] if row["status"] == "stays"}
    listed = fileorg.inside("organize", "tree", "-n", "-r", "--stays", "-f", "json").json["stays"]
    assert stays == {row["path"]: row["reason_code"] for row in listed}
    assert {each["status"]: each["records"] for each in found["statuses"]} == {"seen": 5, "stays": len(stays)}
    assert sum(each["records"] for each in found["reasons"]) == len(stays)
    page = fileorg.inside("report", "tree", "--stays", "-o", "-").out
    assert "Left in place" in page
    assert many.snapshot() == before
    assert not fileorg.home.exists()


def test_the_last_lists_are_kept(organized: Fileorg) -> None:
    from fileorg.index.recorded_stays import KEPT_LISTS, RecordedStay, record_stays, recorded_stays

    path = os.fsencode(organized.home / "stays.db")
    for number in range(2, KEPT_LISTS + 3):
        record_stays(path, number, number, [RecordedStay(b"a", "hidden", 1, 1)])
    with recorded_stays(path, 1, 1) as first, recorded_stays(path, 3, 3) as third:
        assert (first, third and third.total) == (None, 1)
