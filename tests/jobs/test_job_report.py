"""`report --job N`: the operations of a job that was interrupted and resumed are one report."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import jsonschema
import pytest

from fileorg.core.events import NullReporter
from fileorg.core.state import find_state
from fileorg.jobs.carry_out import carry_out
from fileorg.report.records import json_schema

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.fixture
def resumed(fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Fileorg:
    """The program with a job of two operations: six of nine files, and the rest."""
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)
    tree.write({f"sub/{at}.jpg": str(at) for at in range(9)} | {"sub/a.txt": "text"})
    assert fileorg.inside("organize", "tree", "-r", "--hold").code == 3
    state = find_state(os.fsencode(fileorg.home))
    calls = iter(range(2))
    assert carry_out(state, 1, NullReporter(), lambda: next(calls, None) is None).interrupted
    assert not carry_out(state, 1, NullReporter(), lambda: False).interrupted
    return fileorg


def test_json_and_csv_have_the_records_of_all_operations(resumed: Fileorg, tree: Tree) -> None:
    one, two = (resumed.inside("report", number, "-f", "json", "-o", "-").json for number in ("1", "2"))
    whole = resumed.inside("report", "--job", "1", "-f", "json", "-o", "-").json
    jsonschema.validate(whole, json.loads(json_schema()))
    assert (whole["job"], whole["operation"], whole["operations"]) == (1, None, [1, 2])
    assert (one["job"], one["operation"], one["operations"]) == (None, 1, [1])
    assert whole["records"] == one["records"] + two["records"]
    assert (whole["files"], whole["size_bytes"]) == (10, one["size_bytes"] + two["size_bytes"])
    assert (whole["started"], whole["ended"]) == (one["started"], two["ended"])
    assert {each["category"]: each["files"] for each in whole["categories"]} == {"Images": 9, "Documents": 1}
    (done,) = whole["statuses"]
    assert done["records"] == sum(each["records"] for report in (one, two) for each in report["statuses"])
    assert sorted((place["path"][-9:], place["files"]) for place in whole["places"]) == [
        ("Documents", 1), ("ee/Images", 9),
    ]  # fmt: skip
    assert whole["way_back"] == "fileorg undo --job 1"
    csv = resumed.inside("report", "--job", "1", "-f", "csv", "-o", "-").out.splitlines()
    assert len(csv) == 1 + len(whole["records"])
    assert resumed.inside("undo", "--job", "1", "--yes").code == 0
    whole = resumed.inside("report", "--job", "1", "-f", "json", "-o", "-").json
    assert whole["way_back"] is None
    assert whole["status"].startswith("undone")


def test_the_page_names_the_job(resumed: Fileorg) -> None:
    ran = resumed.inside("report", "--job", "1")
    assert (ran.code, "Wrote the report of job 1 to fileorg-organize-job-1.html" in ran.out) == (0, True), ran.err
    page = (resumed.folder / "fileorg-organize-job-1.html").read_text()
    assert "<h1>organize, job 1</h1>" in page
    assert "<span>operations 1, 2</span>" in page
    assert "fileorg undo --job 1" in page


def test_requests_that_make_no_sense(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree", "--hold")
    for words, said in {
        "--job 7": "There is no job 7.",
        "--job 1": "Job 1 has no operation yet.",
        "1 --job 1": "--job and OP or FOLDER cannot be combined.",
        "--job x": "x",
    }.items():
        ran = fileorg.inside("report", *words.split())
        assert (ran.code, said in ran.err, ran.out) == (2, True, ""), ran.err
