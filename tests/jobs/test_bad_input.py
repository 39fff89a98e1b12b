"""What people get wrong about jobs: one sentence, the right exit code, and nothing lost or changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


class Bad(NamedTuple):
    """A command line, its exit code, and what is printed."""

    words: str
    code: int
    says: str


DONE, UNDONE, CANCELLED, WAITING, ELSEWHERE, ROOT_GONE = 1, 2, 4, 5, 6, 7
"""The jobs of the fixture. 3 is the undo of 2."""

UNKNOWN = "There is no job 99"
CASES = {
    **{f"{action} of an unknown job": Bad(f"jobs {action} 99", 2, UNKNOWN)
       for action in ("show", "attach", "cancel", "resume", "retry", "approve", "log")},
    "undo of an unknown job": Bad("undo --job 99", 2, UNKNOWN),
    "report of an unknown job": Bad("report --job 99", 2, UNKNOWN),
    "resume of one that is done": Bad(f"jobs resume {DONE}", 2, f"Job {DONE} is done: there is nothing left to do."),
    "retry of one that is done": Bad(f"jobs retry {DONE} --background", 2, f"Job {DONE} is done"),
    "resume of one that was undone": Bad(f"jobs resume {UNDONE}", 2, f"Job {UNDONE} was undone by operation 3."),
    "cancel of one that is done": Bad(f"jobs cancel {DONE}", 0, f"Job {DONE} is done"),
    "cancel of one that is cancelled": Bad(f"jobs cancel {CANCELLED}", 0, f"Job {CANCELLED} is cancelled"),
    "attach to one that is done": Bad(f"jobs attach {DONE}", 0, f"Job {DONE} is done"),
    "approval of one that does not wait": Bad(f"jobs approve {DONE}", 2, f"Job {DONE} does not wait"),
    "resume of one that waits": Bad(f"jobs resume {WAITING}", 2, f"Job {WAITING} waits for your approval."),
    "attach to another machine": Bad(f"jobs attach {ELSEWHERE}", 2, "another machine"),
    "cancel on another machine": Bad(f"jobs cancel {ELSEWHERE}", 2, "another machine"),
    "no number": Bad("jobs resume", 2, "jobs resume requires the number of a job."),
    "number 0": Bad("jobs show 0", 2, "0"),
    "no number at all": Bad("jobs show x", 2, "x"),
    "a time limit of 0": Bad("organize tree --yes --time-limit 0s", 2, "--time-limit 0s leaves no time."),
    "a hard limit of 0": Bad("organize tree --yes --kill-after 0", 2, "--kill-after 0"),
    "no attempts": Bad("organize tree --yes --background --attempts 0", 2, "--attempts 0 is not a number from 1"),
    "no place": Bad("organize tree --yes --parallel 0", 2, "--parallel 0 is not a number from 1"),
    "no memory": Bad("organize tree --yes --helper-memory 0", 2, "--helper-memory 0"),
    "a limit of 0 for one that goes on": Bad(f"jobs resume {CANCELLED} --time-limit 0s", 2, "leaves no time."),
}  # fmt: skip


def change(fileorg: Fileorg, statement: str) -> None:
    with closing(sqlite3.connect(fileorg.home / "journal.db")) as db, db:
        db.execute(statement)


def rows(fileorg: Fileorg) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(fileorg.home / "journal.db")) as db:
        return db.execute("SELECT id, state, attempts, limits FROM jobs").fetchall()


@pytest.fixture
def jobs(fileorg: Fileorg, tree: Tree) -> Fileorg:
    """The program with a job of each kind."""
    tree.write({"a.jpg": "one", "b.txt": "two"})
    for number, words in enumerate(
        (
            ("organize", "tree"),
            ("organize", "tree", "-r", "--by", "extension"),
            ("undo", str(UNDONE)),
            ("organize", "tree", "-r", "--by", "date", "--hold"),
            ("organize", "tree", "-r", "--by", "date", "--hold"),
            ("organize", "tree", "-r", "--by", "date", "--hold"),
            ("organize", "gone", "--hold"),
        ),
        start=1,
    ):
        if words[1] == "gone":
            (fileorg.folder / "gone").mkdir()
            (fileorg.folder / "gone/c.jpg").write_text("three")
        ran = fileorg.inside(*words)
        assert ran.code == (3 if "--hold" in words else 0), (number, ran.err)
    for number in (CANCELLED, ROOT_GONE):
        assert fileorg.inside("jobs", "cancel", str(number)).code == 0
    (fileorg.folder / "gone").rename(fileorg.folder / "away")
    change(fileorg, f"UPDATE jobs SET host = 'another', state = 'running' WHERE id = {ELSEWHERE}")
    change(fileorg, f"UPDATE jobs SET state = 'interrupted' WHERE id = {UNDONE}")
    return fileorg


def test_each_is_one_sentence_and_changes_nothing(jobs: Fileorg, tree: Tree) -> None:
    """One test for all: the jobs take longer than the commands."""
    files, known = tree.snapshot(), rows(jobs)
    wrong = list[tuple[object, ...]]()
    for case, bad in CASES.items():
        ran = jobs.inside(*bad.words.split())
        printed = " ".join((ran.err if bad.code else ran.out).split())
        sentences = sum(line.startswith("fileorg: ") for line in ran.err.splitlines())
        is_right = ran.code == bad.code and bad.says in printed and sentences == bool(bad.code)
        if not is_right or "Traceback" in ran.err or (bad.code and ran.out):
            wrong.append((case, ran.code, ran.out, ran.err))
        assert (case, tree.snapshot()) == (case, files)
        assert (case, sorted(set(rows(jobs)) ^ set(known))) == (case, [])
    assert wrong == []


def test_a_job_whose_root_is_gone_fails_and_goes_on_when_it_is_back(jobs: Fileorg) -> None:
    ran = jobs.inside("jobs", "resume", str(ROOT_GONE))
    assert (ran.code, ran.err.count("fileorg: "), "There is no folder" in ran.err) == (2, 1, True), (ran.code, ran.err)
    shown = jobs.inside("jobs", "show", str(ROOT_GONE), "-f", "json").json
    assert (shown["status"], "There is no folder" in shown["reason"]) == ("failed", True)
    (jobs.folder / "away").rename(jobs.folder / "gone")
    assert jobs.inside("jobs", "retry", str(ROOT_GONE)).code == 0
    assert (jobs.folder / "gone/Images/c.jpg").read_text() == "three"
