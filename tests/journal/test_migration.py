"""An older journal is backed up and migrated, even after a kill at any moment; without the run lock it is read
unchanged.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import JournalError
from fileorg.core.events import NullReporter
from fileorg.core.model import RecordState
from fileorg.core.reasons import Lost, Reason, ReasonCode
from fileorg.journal import backup, schema
from fileorg.journal.journal import Journal
from fileorg.journal.reader import JournalReader
from fileorg.journal.sentences_v2 import reason_of
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def test_every_sentence_of_before_is_a_reason() -> None:
    known = {
        "identical to Images/a, which stays": Reason(ReasonCode.IDENTICAL, b"Images/a, which stays"),
        "the name is taken": Reason(ReasonCode.NAME_TAKEN),
        "the name is taken: a\\nb": Reason(ReasonCode.NAME_TAKEN, b"a\\nb"),
        "it goes with a, which stays, which stays": Reason(ReasonCode.LEADER_STAYS, b"a, which stays"),
        "a: b, its keeper, changed since it was scanned": Reason(ReasonCode.KEEPER_CHANGED, b"a: b"),
        "it has 3 names (hard links), torn apart by another disk; --action copy copies it": (
            Reason(ReasonCode.HARD_LINKS_TORN, None, 3)
        ),
        "Permission denied": Reason(ReasonCode.SYSTEM_ERROR, None, errno.EACCES),
        "Images is in the way: it is no folder": Reason(ReasonCode.FOLDER_IN_THE_WAY, b"Images"),
        "a: b cannot be used: Permission denied": Reason(ReasonCode.FOLDER_UNUSABLE, b"a: b", errno.EACCES),
        "a cannot be used: for a reason": Reason(ReasonCode.OTHER, b"a cannot be used: for a reason"),
        "the run was interrupted before it was done": Reason(ReasonCode.INTERRUPTED),
        "for a reason": Reason(ReasonCode.OTHER, b"for a reason"),
        "": Reason(ReasonCode.OTHER, b""),
        " could not be kept": Reason(ReasonCode.OTHER, b" could not be kept"),
        "mode could not be kept": Reason(ReasonCode.NOT_KEPT, None, None, Lost.MODE),
        "owner, attributes, mode, times could not be kept": (
            Reason(ReasonCode.NOT_KEPT, None, None, Lost.OWNER | Lost.ATTRIBUTES | Lost.MODE | Lost.TIMES)
        ),
        "owner, attribute user.a, attribute user.b, mode could not be kept": (
            Reason(ReasonCode.NOT_KEPT, b"user.a\0user.b", None, Lost.OWNER | Lost.ATTRIBUTE | Lost.MODE)
        ),
        "attribute user.a, owner, times could not be kept": (
            Reason(ReasonCode.NOT_KEPT, b"user.a, owner", None, Lost.ATTRIBUTE | Lost.TIMES)
        ),
    }
    assert {sentence: reason_of(sentence) for sentence in known} == known


# A journal written by an older version --------------------------------------------------------------------------------

_WRITTEN = Path(__file__).parent
_TREES = json.loads((_WRITTEN / "version_2" / "trees.json").read_text())


def listed(root: Path) -> list[list[object]]:
    """Return path, kind, mode, mtime_ns and content of all entries, in the format of `trees.json`."""
    found: list[list[object]] = []
    for folder, _, names in os.walk(root):
        facts = os.lstat(folder)
        found.append([os.path.relpath(folder, root), "d", facts.st_mode & 0o7777, facts.st_mtime_ns, None])
        for name in names:
            path = Path(folder, name)
            facts = path.lstat()
            content = path.read_text()
            found.append([os.path.relpath(path, root), "f", facts.st_mode & 0o7777, facts.st_mtime_ns, content])
    return sorted(found, key=lambda each: str(each[0]))


@pytest.fixture(params=[2, 3])
def was(request: pytest.FixtureRequest) -> int:
    """The version that wrote the journal. The journal of version 3 was migrated from version 2."""
    return int(request.param)


@pytest.fixture
def old(tree: Tree, state: StateDirectory, tmp_path: Path, was: int) -> Tree:
    """A tree and its journal: two organizes, an undo, a dedupe, and an organize that was killed. Files are identified
    by their times, so that the journal can be given their current inode numbers.
    """
    (tmp_path / "dest").mkdir()
    for path, kind, mode, _, content in _TREES["after"]:
        place = tree.path(path)
        place.mkdir(exist_ok=True) if kind == "d" else place.write_text(content)
        place.chmod(mode)
    for path, _, _, mtime_ns, _ in reversed(_TREES["after"]):
        os.utime(tree.path(path), ns=(mtime_ns, mtime_ns))
    written = (_WRITTEN / f"version_{was}" / "journal.sql").read_text()
    for there, here in ((b"/T/root", tree.root), (b"/T/dest", tmp_path / "dest")):
        written = written.replace(there.hex().upper(), os.fsencode(here).hex())
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db, db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(written)
        for place in [tree.root, *tree.root.rglob("*"), tmp_path / "dest"]:
            facts = place.lstat()
            values = {"inode": facts.st_ino, "path": os.fsencode(place), "mtime_ns": facts.st_mtime_ns}
            for update in (
                "UPDATE operations SET root_inode = :inode WHERE root = :path",
                "UPDATE roots SET inode = :inode WHERE path = :path",
                "UPDATE records SET inode = :inode WHERE mtime_ns = :mtime_ns",
                "UPDATE keepers SET inode = :inode WHERE mtime_ns = :mtime_ns",
            ):
                db.execute(update, values)
    return tree


def said(journal: JournalReader) -> dict[int, Reason]:
    """Return the reasons of all records, by id."""
    records = (record for one in journal.operations() for batch in journal.records(one) for record in batch)
    return {record.id: record.reason for record in records if record.reason is not None}


_SAID = {
    5: Reason(ReasonCode.FOLDER_IN_THE_WAY, b"Documents"),
    7: Reason(ReasonCode.LEADER_STAYS, b"sub/b.jpg"),
    8: Reason(ReasonCode.NAME_TAKEN, b"b.jpg"),
    9: Reason(ReasonCode.IDENTICAL, b"a.jpg"),
    # An attribute "user.a, mode", or "user.a" and the mode? The sentence is ambiguous: it is read as before.
    13: Reason(ReasonCode.NOT_KEPT, b"user.a", None, Lost.ATTRIBUTE | Lost.MODE),
    26: Reason(ReasonCode.FOLDER_IN_THE_WAY, b"Documents"),
}


def version(path: bytes) -> int:
    with closing(sqlite3.connect(os.fsdecode(path))) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_it_is_copied_aside_and_brought_up_to_date(old: Tree, state: StateDirectory, was: int) -> None:
    for _ in range(2):
        with Journal(state.journal) as journal:
            assert said(journal) == _SAID
    aside = f"{os.fsdecode(state.journal)}.v{was}"
    assert (version(state.journal), version(os.fsencode(aside))) == (schema.VERSION, was)
    assert stat.S_IMODE(os.stat(aside).st_mode) == 0o600
    assert [name for name in os.listdir(state.path) if b".v" in name or b".part" in name] == [b"journal.db.v%d" % was]
    with closing(sqlite3.connect(aside)) as db:
        query = f"SELECT {'error' if was == 2 else 'reason'} FROM records WHERE id = 9"
        assert db.execute(query).fetchone() == ("identical to a.jpg" if was == 2 else "identical",)


def test_what_was_not_read_back_then_is_not_known(old: Tree, state: StateDirectory) -> None:
    query = "SELECT count(*), count(target_ctime_ns) FROM records"
    for opened in (JournalReader(state.journal), Journal(state.journal), JournalReader(state.journal)):
        with opened:
            assert opened._queries.select(query) == [(27, 0)]


def test_a_copy_that_is_there_is_never_replaced(old: Tree, state: StateDirectory, was: int) -> None:
    Path(f"{os.fsdecode(state.journal)}.v{was}").write_text("someone's")
    Journal(state.journal).close()
    assert Path(f"{os.fsdecode(state.journal)}.v{was}").read_text() == "someone's"
    assert version(state.journal + b".v%d-2" % was) == was


def test_it_is_read_as_it_is_where_it_may_only_be_read(old: Tree, state: StateDirectory) -> None:
    with JournalReader(state.journal) as reader:
        assert said(reader) == _SAID
        first = reader.operation(1)
        assert first is not None
        sums = [(each.state, each.reason and each.reason.code, each.records) for each in reader.sums.reasons(first)]
        assert sums == [("skipped", _SAID[number].code, 1) for number in (5, 7, 8, 9)]
        Journal(state.journal).close()  # migrated meanwhile
        assert said(reader) == _SAID
    with JournalReader(state.journal) as reader:
        assert said(reader) == _SAID


def test_its_keepers_and_roots_are_read_too(old: Tree, state: StateDirectory) -> None:
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db, db:
        number = db.execute("SELECT operation FROM records WHERE id = 21").fetchone()[0]
        root = db.execute("SELECT root FROM operations WHERE id = ?", (number,)).fetchone()[0]
        db.execute("INSERT INTO roots VALUES (?, 2, ?, 7)", (number, root + b"/another"))
    with JournalReader(state.journal) as reader:
        operation = reader.operation(number)
        assert operation is not None
        assert [list(records) for records in reader.groups.first_records(operation)] == [[21]]
        assert [each.path for each in reader.roots(operation)][2:] == [root + b"/another"]


def test_it_is_recovered_and_undone_exactly(old: Tree, runs: Runs, tmp_path: Path) -> None:
    recover_all(runs.state, NullReporter())
    assert {record.state for record in runs.records(5) if record.source_name} == {
        RecordState.DONE, RecordState.SKIPPED,
    }  # fmt: skip
    assert sorted(record.source_name for record in runs.records(5, RecordState.DONE)) == [b"more0.ogg", b"more1.ogg"]
    assert runs.undo(5).problems == []
    assert listed(old.root) == _TREES["before_interrupted"]
    assert (runs.undo(4).problems, runs.undo(1).problems) == ([], [])
    now = {str(path): facts for path, *facts in listed(old.root)}
    for path, kind, *facts in _TREES["first"]:
        if kind == "f":  # other programs have put files into the folders since
            assert now[path] == [kind, *facts]
    assert os.listdir(tmp_path / "dest") == []


def test_whoever_is_killed_the_next_start_has_it_up_to_date(
    old: Tree, state: StateDirectory, tmp_path: Path, was: int
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(os.fsdecode(state.path), kept)
    for step in range(1, 40):
        shutil.rmtree(state.path)
        shutil.copytree(kept, os.fsdecode(state.path))
        script = (
            "import sys; from tests.faults import dying; from fileorg.journal.journal import Journal;"
            f"import sqlite_utils; dying.arm({step}); Journal(sys.argv[1].encode()).close()"
        )
        ended = subprocess.run([sys.executable, "-c", script, os.fsdecode(state.journal)], check=False).returncode
        with Journal(state.journal) as journal:
            assert said(journal) == _SAID
        copies = [os.path.join(state.path, name) for name in os.listdir(state.path) if name.startswith(b"journal.db.v")]
        assert {version(copy) for copy in copies} == {was}
        if ended == 0:
            assert step > 5
            return
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("was", [2])
def test_a_journal_of_version_1_is_brought_up_to_date(old: Tree, state: StateDirectory) -> None:
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db, db:
        db.executescript(
            "DROP TABLE roots; DROP TABLE keepers; PRAGMA user_version=1;"
            "DELETE FROM _sqlite_migrations WHERE name LIKE '0002%'"
        )
    with JournalReader(state.journal) as reader:
        assert said(reader) == _SAID
    with Journal(state.journal) as journal:
        assert said(journal) == _SAID
    assert version(state.journal + b".v1") == 1


def test_no_room_for_the_copy_changes_nothing(
    old: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch, was: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(backup, "_sync", full)
    with pytest.raises(JournalError, match="Could not back up the journal"):
        Journal(state.journal)
    assert version(state.journal) == was


def test_a_copy_is_kept_where_there_are_no_hard_links(
    old: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch, was: int
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", none)
    Path(f"{os.fsdecode(state.journal)}.v{was}").write_text("someone's")
    with Journal(state.journal) as journal:
        assert said(journal) == _SAID
    assert Path(f"{os.fsdecode(state.journal)}.v{was}").read_text() == "someone's"
    assert version(state.journal + b".v%d-2" % was) == was
    assert not Path(os.fsdecode(state.journal) + ".part").exists()


def test_a_trigger_is_refused_before_anything_of_it_is_run(old: Tree, state: StateDirectory, was: int) -> None:
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db, db:
        db.execute("CREATE TRIGGER t AFTER UPDATE ON records BEGIN DELETE FROM folders; END")
    with pytest.raises(JournalError, match="trigger"):
        Journal(state.journal)
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db:
        assert db.execute("SELECT count(*) > 0 FROM folders").fetchone() == (1,)
    assert version(state.journal) == was
    assert not Path(f"{os.fsdecode(state.journal)}.v{was}").exists()


def test_a_new_journal_is_one_that_made_all_migrations(tmp_path: Path) -> None:
    found = []
    for make in (schema.create, schema.migrate):
        with closing(sqlite3.connect(tmp_path / make.__name__, isolation_level=None)) as db:
            make(db)
            rows = db.execute("SELECT id, migration_set, name FROM _sqlite_migrations").fetchall()
            tables = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid").fetchall()
            numbers = [db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")]
            schema.migrate(db)  # there is nothing left to do
            assert db.execute("SELECT count(*) FROM _sqlite_migrations").fetchone() == (len(rows),)
            found.append((rows, tables, numbers))
    assert found[0] == found[1]


def test_whoever_is_killed_while_the_journal_is_made_leaves_an_empty_one(tmp_path: Path) -> None:
    for step in range(1, 60):
        journal = tmp_path / f"{step}.db"
        journal.touch(0o600)
        script = (
            "import sys; from tests.faults import dying; from fileorg.journal.journal import Journal;"
            f"import sqlite3; dying.arm({step}); Journal(sys.argv[1].encode()).close()"
        )
        ended = subprocess.run([sys.executable, "-c", script, str(journal)], check=False).returncode
        with Journal(os.fsencode(journal)) as made:
            assert made.operations() == []
        if ended == 0:
            return
    raise AssertionError("it never came to its end")
