"""The log of a job: text or JSON, bounded in size and number, and never a reason for a job to fail."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import jsonschema
import pytest

from fileorg.core.model import Outcome
from fileorg.core.state import StateDirectory, open_state
from fileorg.jobs import log
from fileorg.jobs.log import JobLog, log_lines, remove_old_logs
from fileorg.report.schemas import SCHEMAS

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


def test_a_full_log_is_set_aside_and_read_across(
    fileorg: Fileorg, tree: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_MAX_BYTES", 200)
    written = JobLog(state, 1)
    for number in range(30):
        written.note(f"line {number}")
    names = sorted(name for name in os.listdir(state.path) if name.startswith(b"job-"))
    assert names == [b"job-1.log", b"job-1.log.1", b"job-1.log.2", b"job-1.log.3"]
    assert all(os.path.getsize(os.path.join(state.path, name)) <= 200 for name in names)
    left = [int(line.rpartition(" ")[2]) for line in log_lines(state, 1)]
    assert left == list(range(left[0], 30))
    assert len(left) > 15
    # Another process sets the log aside, as after a resume: neither writes into an older file.
    other = JobLog(state, 1)
    for number in range(30, 36):
        other.note(f"line {number}")
    written.note("line 36")
    assert [int(line.rpartition(" ")[2]) for line in log_lines(state, 1)][-7:] == list(range(30, 37))
    written.close()
    other.close()


def test_json_goes_on_as_json(fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({"a \udcff.jpg": "one"})
    assert fileorg("organize", "tree", "--hold", "--log-format", "json").code == 3
    assert fileorg.inside("jobs", "approve", "1").code == 0
    assert fileorg.inside("jobs", "attach", "1").code == 0
    path = fileorg.home / "job-1.log"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        jsonschema.validate(line, SCHEMAS["log line"][1])
    assert [line["event"] for line in lines[:2]] == ["note", "stage"]
    assert lines[-1]["files"] == 1
    assert [json.loads(line) for line in fileorg.inside("jobs", "log", "1").out.splitlines()] == lines
    whole = fileorg.inside("jobs", "log", "1", "-f", "json").json
    jsonschema.validate(whole, SCHEMAS["job log"][1])
    assert (whole["job"], [json.loads(line) for line in whole["lines"]]) == (1, lines)
    monkeypatch.setattr(log, "_MAX_BYTES", 100)
    more = JobLog(open_state(os.fsencode(fileorg.home)), 1)
    more.outcome(Outcome(operation=1))
    more.close()
    assert json.loads(path.read_text())["event"] == "outcome"


def test_files_that_failed_are_counted(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one", "b.jpg": "two"})
    assert fileorg.inside("organize", "tree", "--hold").code == 3
    os.unlink(tree.path("a.jpg"))
    fileorg.inside("jobs", "approve", "1")
    assert fileorg.inside("jobs", "attach", "1").code == 1
    assert "ended: 1 file, 3 B, 1 failed" in fileorg.inside("jobs", "log", "1").out
    assert fileorg.inside("undo", "1").code == 0
    assert fileorg.inside("jobs", "log", "2", "-f", "json").json == {"job": 2, "lines": []}


def test_only_the_newest_logs_are_kept(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_KEPT_LOGS", 2)
    for number in (1, 2, 3, 10):
        JobLog(state, number).close()
    os.rename(state.of_job(2, b"log"), state.of_job(2, b"log.1"))
    alive = state.alive(1)
    assert alive is not None
    remove_old_logs(state)
    os.close(alive)
    found = sorted(name for name in os.listdir(state.path) if b".log" in name)
    assert found == [b"job-1.log", b"job-10.log", b"job-3.log"]


def test_a_log_that_cannot_be_written_ends_no_job(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    assert fileorg.inside("organize", "tree", "--hold").code == 3
    os.unlink(fileorg.home / "job-1.log")
    (fileorg.home / "job-1.log").mkdir()
    assert fileorg.inside("jobs", "approve", "1").code == 0
    assert fileorg.inside("jobs", "attach", "1").code == 0
    assert set(tree.read()) == {"Images/a.jpg"}
    ran = fileorg.inside("jobs", "log", "1")
    assert (ran.code, "job-1.log" in ran.err) == (2, True), ran.err


BAD = {
    "organize tree --log-format json": "--log-format requires --background or --hold.",
    "clean tree --log-format xml --hold": "xml",
}


@pytest.mark.parametrize("words", BAD)
def test_requests_that_make_no_sense(fileorg: Fileorg, tree: Tree, words: str) -> None:
    ran = fileorg.inside(*words.split())
    assert (ran.code, BAD[words] in ran.err) == (2, True), ran.err
