"""A job in the background carries out exactly what was agreed to; the other commands see it and can end it."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.errors import FileorgError
from fileorg.core.events import NullReporter
from fileorg.core.model import JobState
from fileorg.core.state import find_state
from fileorg.jobs.carry_out import carry_out
from fileorg.jobs.found import all_jobs
from fileorg.jobs.found import job as one_job
from fileorg.jobs.turns import end_unclaimed
from fileorg.journal.journal import JobStart
from fileorg.workflows.open_journal import journal_to_write
from fileorg.workflows.places import ProtectedPlace, place_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def job(fileorg: Fileorg, number: int) -> Any:
    return fileorg.inside("jobs", "show", str(number), "-f", "json").json


def test_it_does_what_was_agreed_to_and_no_more(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one", "b.txt": "two", "sub/a.jpg": "three"})
    first = tree.read()
    held = fileorg.inside("organize", "tree", "-r", "--hold", "--yes")
    assert (held.code, "fileorg jobs approve 1" in held.out) == (3, True)
    tree.write({"late.jpg": "late"})
    assert job(fileorg, 1)["status"] == "waiting"
    assert fileorg.inside("jobs", "attach", "1").code == 3
    assert fileorg.inside("jobs", "resume", "1").code == 2
    assert fileorg.inside("jobs", "approve", "1").code == 0
    ended = fileorg.inside("jobs", "attach", "1")
    assert (ended.code, "Job 1 is done: 3 of 3 files." in ended.out) == (0, True), ended.out
    moved = {"Images/a.jpg": "one", "Documents/b.txt": "two", "Images/a (2).jpg": "three", "late.jpg": "late"}
    assert {path: text for path, text in tree.read().items() if text} == moved
    about = job(fileorg, 1)
    assert (about["status"], about["attempts"], about["operations"], about["files_done"]) == ("done", 1, [1], 3)
    assert "stage move" in fileorg.inside("jobs", "log", "1").out
    assert fileorg.inside("jobs", "prune").out == "Removed the logs and plans of 1 job.\n"
    assert fileorg.inside("undo").code == 0
    assert tree.read() == first | {"late.jpg": "late"}


def test_the_last_jobs_are_listed_and_older_ones_that_have_not_ended(
    fileorg: Fileorg, tree: Tree, state: StateDirectory
) -> None:
    """As after a year of a watch, which makes a job of each burst."""
    with journal_to_write(state) as journal, journal.transaction():
        for number in range(1, 152):
            start = JobStart("organize", "{}", 1, number)
            how = JobState.WAITING if number == 7 else JobState.DONE
            journal.add_job(start, os.fsencode(tree.root), state=how)
    ran = fileorg("jobs", FILEORG_HOME=os.fsdecode(state.path))
    rows = [line.split() for line in ran.out.splitlines()[1:-1]]
    assert [int(row[0]) for row in rows] == [*range(151, 51, -1), 7]
    assert ran.out.splitlines()[-1] == "50 older jobs ended before. All jobs: fileorg jobs --format json"
    assert len(fileorg("jobs", "-f", "json", FILEORG_HOME=os.fsdecode(state.path)).json["jobs"]) == 151


def test_all_jobs_are_read_with_their_operations_in_one_pass(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        tree.write({name: name})
        runs.organize()
    runs.undo()
    found = all_jobs(state)
    assert [[each.id for each in one.operations] for one in found] == [[4], [3], [2], [1]]
    assert found == [one_job(state, each.row.id) for each in found]


def test_a_destination_to_be_made_in_a_home_and_a_home_to_compare(
    fileorg: Fileorg, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileorg.workflows.guards.place_of", partial(_place_of, os.fsencode(tmp_path)))
    (tmp_path / "new").mkdir()
    tree.write({"a.jpg": "one"})
    made = tmp_path / "made" / "here"
    assert fileorg.inside("organize", "tree", "--dest", str(made), "--hold").code == 3
    state = find_state(os.fsencode(fileorg.home))
    carry_out(state, 1, NullReporter(), lambda: False)
    assert (made / "Images" / "a.jpg").read_text() == "one"
    assert fileorg.inside("undo").code == 0
    monkeypatch.setattr("fileorg.workflows.guards.place_of", partial(_place_of, os.fsencode(tree.root)))
    assert fileorg.inside("compare", "tree", "new", "--action", "copy", "--dest", str(made), "--hold").code == 3
    carry_out(state, 3, NullReporter(), lambda: False)
    assert (made / "a.jpg").read_text() == "one"


def _place_of(home: bytes, path: bytes) -> ProtectedPlace:
    return ProtectedPlace.HOME if path == home else place_of(path)


@pytest.mark.parametrize("kind", ["dedupe", "clean"])
def test_other_plans_in_the_background(fileorg: Fileorg, tree: Tree, kind: str) -> None:
    tree.write({"a.bin": "same", "b.bin": "same", "empty.txt": ""})
    tree.path("hollow").mkdir()
    first = tree.snapshot()
    words = ["dedupe", "tree", "--action", "quarantine"] if kind == "dedupe" else ["clean", "tree"]
    started = fileorg.inside(*words, "--background", "-f", "json")
    assert started.json == {"job": 1, "kind": kind, "status": "queued"}
    assert fileorg.inside("jobs", "attach", "1").code == 0
    left = {"a.bin", "empty.txt"} if kind == "dedupe" else {"a.bin", "b.bin"}
    assert {name for name in os.listdir(tree.root) if name.endswith((".bin", ".txt"))} == left
    assert fileorg.inside("undo", "--background").code == 0
    assert fileorg.inside("jobs", "attach", "2").code == 0
    assert tree.snapshot() == first


def test_a_plan_that_cannot_be_trusted_is_refused(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree", "--hold")
    plan = fileorg.home / "job-1.plan"
    sound = plan.read_text()
    head, rows, end = sound.splitlines()
    other = json.dumps(json.loads(rows.replace('"a.jpg"', '"../a.jpg"')))
    for text, said in (
        ("no plan\n", "is damaged"),
        (sound.replace('"fileorg plan"', '"another"'), "is not a plan of fileorg"),
        (f"{head}\n{rows}\n", "is incomplete"),
        (sound.replace('"version": 2', '"version": 99'), "another version"),
        (f"{head}\n{other}\n{end}\n", "leads out of its folders"),
    ):
        plan.write_text(text)
        fileorg.inside("jobs", "approve", "1")
        ran = fileorg.inside("jobs", "attach", "1")
        assert (ran.code, said in ran.out) == (1, True), ran.out
        assert set(tree.read()) == {"a.jpg"}
        break_job(fileorg)
    plan.write_text(sound)
    assert fileorg.inside("jobs", "approve", "1").code == 0
    assert fileorg.inside("jobs", "attach", "1").code == 0
    assert set(tree.read()) == {"Images/a.jpg"}


def test_a_late_error_does_not_end_a_job_that_waits_again(
    fileorg: Fileorg, tree: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree", "--hold")
    status = tmp_path / "status"
    with status.open("w") as file:
        status.unlink()  # as the run does that claims the job, when it ends
        end_unclaimed(state, 1, file.fileno(), FileorgError("late"))
    assert job(fileorg, 1)["status"] == "waiting"
    with status.open("w") as file:
        end_unclaimed(state, 1, file.fileno(), FileorgError("in time"))
    assert job(fileorg, 1)["status"] == "failed"


def break_job(fileorg: Fileorg) -> None:
    """Let the job wait again."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(fileorg.home / "journal.db")) as db, db:
        db.execute("UPDATE jobs SET state = 'waiting'")


def test_a_folder_that_is_gone_or_another_one(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree", "--hold")
    os.rename(tree.root, tree.root.with_name("away"))
    fileorg.inside("jobs", "approve", "1")
    ran = fileorg.inside("jobs", "attach", "1")
    assert (ran.code, "There is no folder" in ran.out, "fileorg jobs retry 1" in ran.out) == (1, True, True), ran.out
    tree.root.mkdir()
    ran = fileorg.inside("jobs", "retry", "1")
    assert (ran.code, "is not the same folder as before" in ran.err) == (2, True), ran.err
    tree.root.rmdir()
    os.rename(tree.root.with_name("away"), tree.root)
    ran = fileorg.inside("jobs", "retry", "1")
    assert (ran.code, ran.err) == (0, "")
    assert tree.read()["Images/a.jpg"] == "one"


def test_a_job_of_another_machine_or_one_that_was_undone(fileorg: Fileorg, tree: Tree) -> None:
    import sqlite3
    from contextlib import closing

    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree", "--hold")
    with closing(sqlite3.connect(fileorg.home / "journal.db")) as db, db:
        db.execute("UPDATE jobs SET state = 'running', host = 'far-away'")
    for action in ("attach", "cancel"):
        ran = fileorg.inside("jobs", action, "1")
        assert (ran.code, "Job 1 runs on another machine: far-away." in ran.err) == (2, True), ran.err
    # That machine is gone for good.
    assert fileorg.inside("jobs", "resume", "1").code == 0
    assert fileorg.inside("undo", "--job", "1", "--yes").code == 0
    with closing(sqlite3.connect(fileorg.home / "journal.db")) as db, db:
        db.execute("UPDATE jobs SET state = 'interrupted' WHERE id = 1")
    ran = fileorg.inside("jobs", "resume", "1")
    assert (ran.code, "Job 1 was undone by operation 2." in ran.err) == (2, True), ran.err
    assert set(tree.read()) == {"a.jpg"}


BAD = {
    "show 7": (2, "There is no job 7."),
    "attach 7": (2, "There is no job 7."),
    "log 7": (2, "There is no job 7."),
    "cancel": (2, "jobs cancel requires the number of a job."),
    "prune 1": (2, "jobs prune takes no number."),
    "resume 1": (2, "Job 1 is done: there is nothing left to do."),
    "retry 1": (2, "Job 1 is done: there is nothing left to do."),
    "approve 1": (2, "Job 1 does not wait for anybody: it is done."),
    "dance 1": (2, "dance"),
    "show 0": (2, "0"),
}


def test_requests_that_make_no_sense(fileorg: Fileorg, tree: Tree) -> None:
    assert (fileorg.inside("jobs").out, fileorg.inside("jobs", "-f", "json").json) == ("No jobs yet.\n", {"jobs": []})
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree")
    for words, (code, said) in BAD.items():
        ran = fileorg.inside("jobs", *words.split())
        assert (ran.code, said in ran.err, ran.out) == (code, True, ""), (words, ran.err)
    assert fileorg.inside("organize", "tree", "-n", "--background").code == 2
    assert fileorg.inside("dedupe", "tree", "--hold").code == 2
    ran = fileorg.inside("jobs", "cancel", "1")  # there is nothing to do
    assert (ran.code, ran.out, ran.err) == (0, "Job 1 is done: 1 of 1 file.\nUndo with: fileorg undo --job 1\n", "")
    assert fileorg.inside("jobs", "log", "1").out.startswith("Job 1 has no log")
