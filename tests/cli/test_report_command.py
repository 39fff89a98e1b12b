"""`fileorg report` for programs: JSON that matches its schema, CSV that round-trips safely; and output targets."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from tests.cli.test_shown_names import HOSTILE

from fileorg.core.formats import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1", '=HYPERLINK("http://x","y")', "a,=1")  # noqa: RUF001


def report(fileorg: Fileorg, *words: str) -> Any:
    """Return a report as JSON, after validation by the schema."""
    ran = fileorg("report", *words, "-f", "json", "-o", "-")
    assert (ran.code, ran.err) == (0, "")
    schema = json.loads(fileorg.inside("report", "--schema").out)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(ran.json)
    return ran.json


def test_nothing_done_is_no_error(fileorg: Fileorg) -> None:
    ran = fileorg("report")
    assert (ran.code, ran.out, ran.err) == (0, "No operations yet.\n", "")
    assert fileorg("report", "-q").out == ""
    assert list(fileorg.folder.glob("fileorg-*")) == []
    assert (report(fileorg)["operation"], report(fileorg)["records"]) == (None, [])
    assert fileorg("report", "-f", "csv", "-o", "-").out.count("\n") == 1
    assert fileorg("report", "7").code == 2


# Content --------------------------------------------------------------------------------------------------------------


def test_an_operation_and_its_undo(fileorg: Fileorg, mess: Tree) -> None:
    mess.write({"Images/photo.jpg": "jpg"})
    fileorg("organize", "tree")
    reported = report(fileorg)
    assert (reported["operation"], reported["kind"], reported["status"]) == (1, "organize", "active")
    assert (reported["files"], reported["size_bytes"], reported["way_back"]) == (3, 8, "fileorg undo 1")
    assert reported["categories"] == [
        {"category": "Documents", "files": 2, "size_bytes": 6},
        {"category": "Archives", "files": 1, "size_bytes": 2},
    ]
    assert reported["statuses"] == [
        {"status": "skipped", "records": 1, "size_bytes": 3},
        {"status": "done", "records": 3, "size_bytes": 8},
    ]
    [reason] = reported["reasons"]
    assert (reason["status"], reason["reason"]) == ("skipped", "identical to a file that is already there")
    assert reason["examples"] == [{"path": str(mess.root / "photo.jpg")}]
    assert [(os.path.basename(place["path"]), place["files"]) for place in reported["places"]] == [
        ("Archives", 1),
        ("Documents", 2),
    ]
    assert [record["status"] for record in reported["records"]].count("done") == 5  # two of them created folders

    fileorg("undo")
    undone = report(fileorg, "1")
    assert (undone["status"], undone["undone_by"]) == ("undone", [2])
    assert report(fileorg, "1")["way_back"] is None
    back = report(fileorg)
    assert (back["kind"], back["undoes"], back["files"], back["way_back"]) == ("undo", 1, 3, "fileorg redo 2")
    assert {record["action"] for record in back["records"]} == {"move", "remove-folder"}


def test_duplicates_and_what_is_left_when_they_are_purged(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "same" * 9, "sub/b.jpg": "same" * 9, "c": "x", "d": "x", "e": "x"})
    fileorg("dedupe", "tree", "--keep", "first", "--action", "quarantine")
    reported = report(fileorg)
    assert reported["duplicates"] == {"groups": 2, "files": 3, "reclaimable_bytes": 38}
    first, second = reported["duplicate_groups"]
    assert (first["reclaimable_bytes"], second["reclaimable_bytes"]) == (36, 2)
    assert first["files"] == [
        {"path": str(tree.root / "a.jpg"), "status": "keeper"},
        {"path": str(tree.root / "sub/b.jpg"), "status": "quarantine, done"},
    ]
    assert [share["category"] for share in reported["categories"]] == ["Images", "Other"]
    assert {record.get("kept_path") for record in reported["records"]} == {
        None, str(tree.root / "a.jpg"), str(tree.root / "c"),
    }  # fmt: skip
    fileorg("purge", "-y")
    assert report(fileorg, "1")["status"] == "purged"
    purge = report(fileorg)
    assert (purge["kind"], purge["files"], purge["size_bytes"], purge["records"]) == ("purge", 3, 38, [])
    assert purge["way_back"] is None


def test_leftovers(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"empty.txt": "", "nothing/here/": "", "gone": "-> nowhere"})
    fileorg("clean", "tree")
    reported = report(fileorg)
    assert (reported["kind"], reported["files"]) == ("clean", 4)
    assert sorted(record["action"] for record in reported["records"] if record["category"]) == [
        "move", "move", "remove-folder", "remove-folder",
    ]  # fmt: skip


def test_a_folder_as_it_was_scanned(fileorg: Fileorg, mess: Tree) -> None:
    ran = fileorg("report", "tree")
    assert ran.code == 2
    assert ran.err.startswith("fileorg: tree is neither an operation number nor a scanned folder.\nHint: fileorg scan")
    fileorg("scan", "tree")
    reported = report(fileorg, "tree")
    assert (reported["operation"], reported["kind"], reported["files"], reported["duplicates"]) == (
        None,
        "scan",
        6,
        None,
    )
    assert {record["status"] for record in reported["records"]} == {"seen"}
    mess.write({"another.jpg": "jpg"})
    fileorg("dedupe", "tree")
    reported = report(fileorg, "tree")
    assert reported["duplicates"] == {"groups": 1, "files": 1, "reclaimable_bytes": 3}
    assert [os.path.basename(file["path"]) for file in reported["duplicate_groups"][0]["files"]] == [
        "photo.jpg",
        "another.jpg",
    ]


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hostile(tree: Tree) -> list[bytes]:
    """Names that a terminal, a spreadsheet or a browser would interpret."""
    names = [*HOSTILE, *(f"{formula}.jpg".encode() for formula in FORMULAS if "/" not in formula)]
    names += [b"<script>alert(1)<.jpg", b'"><img onerror=alert(1) src=x>.jpg', b"'; DROP TABLE records; --.jpg"]
    for name in names:
        with open(os.path.join(os.fsencode(tree.root), name), "wb") as file:
            file.write(name)
    return names


def test_json_gives_back_any_name(fileorg: Fileorg, tree: Tree, hostile: list[bytes]) -> None:
    fileorg("organize", "tree")
    found = set()
    for record in report(fileorg)["records"]:
        if record["action"] == "move":
            exact = record.get("path_b64")
            path = base64.b64decode(exact) if exact else record["path"].encode()
            found.add(os.path.relpath(path, os.fsencode(tree.root)))
    assert found == set(hostile)


def test_csv_comes_back_and_holds_no_formula(fileorg: Fileorg, tree: Tree, hostile: list[bytes]) -> None:
    fileorg("organize", "tree")
    shown = list(csv.reader(io.StringIO(fileorg("report", "-f", "csv", "-o", "-").out, newline="")))
    assert len(shown) == len(hostile) + 2
    assert {len(row) for row in shown} == {10}
    assert not any(cell.lstrip()[:1] in set("=+-@＝") for row in shown for cell in row if cell)  # noqa: RUF001

    assert fileorg("report", "-f", "csv", "--csv-raw", "-o", "raw.csv").code == 0
    with (fileorg.folder / "raw.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        raw = list(csv.DictReader(file))
    moved = {os.fsencode(row["path"]) for row in raw if row["action"] == "move"}
    assert moved == {os.path.join(os.fsencode(tree.root), name) for name in hostile}


def test_libreoffice_runs_nothing_of_it(tmp_path: Path) -> None:
    if shutil.which("soffice") is None:
        pytest.skip("LibreOffice is not installed (apt install libreoffice-calc-nogui)")
    names = [name.encode() for name in FORMULAS]
    found = {}
    for kind in ("safe", "raw"):
        with (tmp_path / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
            write_csv(file, ("name", "reason"), [(name, name.decode()) for name in names], raw=kind == "raw")
        subprocess.run(
            ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to", "xlsx",
             "--outdir", tmp_path, tmp_path / f"{kind}.csv"],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        with zipfile.ZipFile(tmp_path / f"{kind}.xlsx") as book:
            found[kind] = len(re.findall(rb"<f[ >]", book.read("xl/worksheets/sheet1.xml")))
    assert found["raw"] > 0  # unescaped text does run there
    assert found["safe"] == 0


# Output targets -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mess")
def test_a_new_file_each_time_named_after_the_operation(fileorg: Fileorg) -> None:
    fileorg("organize", "tree")
    assert fileorg("report").out.startswith("Wrote the report of operation 1 to fileorg-organize-1.html (")
    before = (fileorg.folder / "fileorg-organize-1.html").read_bytes()
    assert fileorg("report", "1", "-q").out == ""
    assert (fileorg.folder / "fileorg-organize-1.html").read_bytes() == before
    assert (fileorg.folder / "fileorg-organize-1 (2).html").exists()
    fileorg("scan", "tree")
    fileorg("report", "tree", "-f", "csv")
    assert (fileorg.folder / "fileorg-scan-tree.csv").read_text().startswith("record,status,")


@pytest.mark.usefixtures("mess")
def test_it_is_shown_in_the_browser(fileorg: Fileorg, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/shown\n')
    browser.chmod(0o755)
    fileorg("organize", "tree")
    assert fileorg("report", "-o", "it is here.html", "--open", BROWSER=str(browser)).code == 0
    assert (tmp_path / "shown").read_text() == f"file://{tmp_path}/it%20is%20here.html\n"
    ran = fileorg("report", "--open", BROWSER="/nowhere/browser", PATH="", DISPLAY="")
    assert (ran.code, ran.err) == (0, "fileorg: could not start a browser; open the report yourself.\n")


@pytest.mark.usefixtures("mess")
def test_its_progress(fileorg: Fileorg) -> None:
    fileorg("organize", "tree")
    ran = fileorg("report", "-o", "page.html", "--progress", "json")
    events = [json.loads(line) for line in ran.err.splitlines()]
    assert [event["event"] for event in events] == ["stage", "stage", "advance", "done"]
    assert (events[1]["stage"], events[1]["files"], events[2]["files"]) == ("report", 7, 7)


@pytest.mark.usefixtures("mess")
def test_what_makes_no_sense_is_refused(fileorg: Fileorg) -> None:
    fileorg("organize", "tree")
    for words, sentence in (
        (("--csv-raw",), "--csv-raw requires --format csv."),
        (("--open", "-o", "-"), "--open requires --format html and a file."),
        (("--open", "-f", "csv"), "--open requires --format html and a file."),
        (("7",), "There is no operation 7."),
        (("-o", "no/such/folder.html"), "Could not write the output no/such/folder.html: No such file or directory."),
    ):
        ran = fileorg("report", *words)
        assert (ran.code, ran.err.splitlines()[0]) == (2, f"fileorg: {sentence}")
    assert not list(fileorg.folder.glob("fileorg-*"))
