"""Names at a target that others await: a database that came beside the log of another one would be damaged, because its
program applies that log to it; a file that came beside an unfinished download would be replaced by it.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import Action, OnConflict
from fileorg.report.sentences import sentence
from fileorg.rules.config_file import parse_configuration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


def said(runs: Runs, operation: int = 1) -> dict[str, str]:
    """Return the sentences on the records of an operation that stayed."""
    return {record.source_name.decode(): sentence(record.reason) for record in runs.records(operation) if record.reason}


def sentence_about(log: str) -> str:
    return f"a database would be mixed up with the log of another one: {log} is there"


@pytest.mark.parametrize("policy", OnConflict)
@pytest.mark.parametrize("log", ["notes.db-wal", "notes.db-journal", "notes.db-shm", "notes.db.wal"])
def test_a_database_stays_where_a_log_of_its_name_is_at_the_target(
    tree: Tree, runs: Runs, policy: OnConflict, log: str
) -> None:
    tree.write({"notes.db": "mine", "other.db": "1", f"Data/{log}": "of another one"})
    runs.organize(on_conflict=policy)
    assert tree.read() == {"notes.db": "mine", "Data/other.db": "1", f"Data/{log}": "of another one"}
    assert said(runs) == {"notes.db": sentence_about(f"Data/{log}")}
    runs.undo()
    assert tree.read() == {"notes.db": "mine", "other.db": "1", f"Data/{log}": "of another one"}


def test_no_row_of_a_log_gets_into_another_database(tree: Tree, runs: Runs) -> None:
    """What SQLite makes of it, without fileorg's help."""
    tree.write({"Data/": ""})
    for path, value in ((tree.path("notes.sqlite"), "mine"), (tree.path("Data/notes.sqlite"), "theirs")):
        writer = sqlite3.connect(path)
        writer.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE notes (note)")
        writer.execute("INSERT INTO notes VALUES (?)", (value,))
        writer.commit()
        left = path.with_name(f"{path.name}-wal").read_bytes()
        writer.close()
    tree.path("Data/notes.sqlite").unlink()
    tree.path("Data/notes.sqlite-wal").write_bytes(left)
    runs.organize()
    reader = sqlite3.connect(tree.path("notes.sqlite"))
    assert reader.execute("SELECT note FROM notes").fetchall() == [("mine",)]
    reader.close()


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_neither_is_a_copy_or_link_of_it_made_there(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"notes.db": "mine", "Data/notes.db-wal": "of another one"})
    before = tree.snapshot()
    runs.organize(action=action)
    assert tree.snapshot() == before


def test_all_files_of_the_database_stay(tree: Tree, runs: Runs) -> None:
    tree.write({"notes.db": "1", "notes.db-wal": "2", "Data/notes.db-journal": "of another one"})
    before = tree.snapshot()
    runs.organize()
    assert tree.snapshot() == before
    assert said(runs) == {
        "notes.db": sentence_about("Data/notes.db-journal"),
        "notes.db-wal": "kept with notes.db, which is not moved",
    }


def test_no_number_leads_to_a_log_either(tree: Tree, runs: Runs) -> None:
    tree.write({"n.db": "1", "n.db-wal": "2", "Data/n.db": "another", "Data/n (2).db-journal": "of a third"})
    runs.organize()
    assert tree.read()["Data/n (3).db"] == "1"
    assert tree.read()["Data/n (3).db-wal"] == "2"


def test_a_log_alone_does_not_go_beside_another_database(tree: Tree, runs: Runs) -> None:
    tree.write({"notes.sqlite-wal": "left over", "Data/notes.sqlite": "another"})
    before = tree.snapshot()
    runs.organize()
    assert tree.snapshot() == before
    assert said(runs) == {"notes.sqlite-wal": sentence_about("Data/notes.sqlite")}


@pytest.mark.parametrize("first", ["log", "database"])
def test_a_log_and_another_database_of_one_run_do_not_meet(tree: Tree, runs: Runs, first: str) -> None:
    log, database = ("a", "b") if first == "log" else ("b", "a")
    tree.write({f"{log}/n.sqlite-wal": "left over", f"{database}/n.sqlite": "another"})
    runs.organize(recursive=True)
    assert tree.read() == {f"{log}/": "", "Data/n.sqlite-wal": "left over", f"{database}/n.sqlite": "another"}
    assert said(runs) == {"n.sqlite": sentence_about(f"{log}/n.sqlite-wal")}


def test_a_database_with_its_own_log_goes_and_so_does_one_of_that_name_from_elsewhere(tree: Tree, runs: Runs) -> None:
    tree.write({"a/n.db": "1", "b/n.db": "2", "b/n.db-wal": "of 2", "c/m.db": "3", "c/m.db-wal": "of 3"})
    before = tree.snapshot()
    runs.organize(recursive=True)
    after = tree.read()
    assert after["Data/m.db-wal"] == "of 3"
    name = next(path for path, content in after.items() if content == "2")
    assert after[f"{name}-wal"] == "of 2"
    runs.undo()
    assert tree.snapshot() == before


def test_neither_do_those_of_two_folders(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a/n.sqlite": "another", "b/n.sqlite-wal": "left over"})
    runs.organize(root=tree.path("a"), more_roots=[os.fsencode(tree.path("b"))], dest=elsewhere)
    assert tree.read() == {"a/n.sqlite": "another", "b/": ""}
    assert said(runs) == {"n.sqlite": sentence_about(str(tree.path("b/n.sqlite-wal")))}


def test_rules_to_elsewhere_know_the_logs_there(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    (elsewhere / "notes.db-wal").write_text("of another one")
    tree.write({"notes.db": "mine"})
    rule = f'version = 1\n[[rule]]\nwhen = {{ ext = "db" }}\nto = "{elsewhere}"\n'
    runs.organize(configuration=parse_configuration(b"fileorg.toml", rule.encode()))
    assert tree.read() == {"notes.db": "mine"}
    assert sorted(each.name for each in elsewhere.iterdir()) == ["notes.db-wal"]


@pytest.mark.parametrize("download", ["a.pdf.part", "a.pdf.crdownload", "a.pdf.aria2"])
def test_a_file_does_not_get_the_name_that_a_download_will_have(tree: Tree, runs: Runs, download: str) -> None:
    tree.write({"a.pdf": "mine", "b.pdf": "1", f"Documents/{download}": "half"})
    runs.organize()
    assert tree.read() == {"a.pdf": "mine", "Documents/b.pdf": "1", f"Documents/{download}": "half"}
    assert said(runs) == {"a.pdf": f"an unfinished download would take the name from it: Documents/{download}"}


def test_a_download_that_was_given_up_takes_no_name(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "mine", "Documents/a.pdf.part": "half"})
    tree.date("Documents/a.pdf.part", "2020-01-01")
    runs.organize()
    assert tree.read() == {"Documents/a.pdf": "mine", "Documents/a.pdf.part": "half"}
