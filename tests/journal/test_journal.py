"""The journal refuses untrusted content: no row that someone else wrote leads out of the root."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import JournalError
from fileorg.core.model import RecordState
from fileorg.core.state import APPLICATION_ID, StateDirectory
from fileorg.journal.journal import Journal
from fileorg.journal.schema import VERSION
from fileorg.workflows.undo import NothingToUndo

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


def change(state: StateDirectory, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Change the journal, like an attacker or an accident."""
    db = sqlite3.connect(os.fsdecode(state.journal))
    for statement in statements:
        db.execute(statement, values)
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def refused(state: StateDirectory) -> str:
    with pytest.raises(JournalError) as caught:
        Journal(state.journal)
    assert caught.value.hint
    return str(caught.value)


def test_a_new_journal_is_marked_as_ours(state: StateDirectory) -> None:
    Journal(state.journal).close()
    db = sqlite3.connect(os.fsdecode(state.journal))
    assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION
    db.close()


def test_every_commit_is_durable(state: StateDirectory) -> None:
    with Journal(state.journal) as journal:
        assert journal._db.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert journal._db.execute("PRAGMA trusted_schema").fetchone()[0] == 0


def test_a_file_that_is_no_database_is_refused(state: StateDirectory) -> None:
    with open(state.journal, "wb") as file:
        file.write(b"These are the notes of someone else, and no database at all. " * 50)
    assert "is damaged" in refused(state)


def test_a_database_of_another_program_is_refused(state: StateDirectory) -> None:
    change(state, "CREATE TABLE bookmarks (url TEXT)")
    assert "of another program" in refused(state)


def test_a_newer_version_is_refused(state: StateDirectory) -> None:
    Journal(state.journal).close()
    change(state, f"PRAGMA user_version={VERSION + 1}")
    assert "written by a newer fileorg" in refused(state)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END",
        "CREATE VIEW v AS SELECT 1",
    ],
)
def test_a_trigger_or_a_view_is_refused(statement: str, state: StateDirectory) -> None:
    Journal(state.journal).close()
    change(state, statement)
    assert "trigger or view" in refused(state)


def test_a_missing_table_is_told(state: StateDirectory) -> None:
    Journal(state.journal).close()
    change(state, "DROP TABLE records")
    assert "tables are missing" in refused(state)


def test_flipped_bytes_are_found_or_do_no_harm(runs: Runs, tree: Tree, state: StateDirectory, tmp_path: Path) -> None:
    tree.write({f"{number}.jpg": str(number) for number in range(200)})
    runs.organize()
    sound, organized = tmp_path / "sound", tree.snapshot()
    shutil.copytree(os.fsdecode(state.path), sound)
    size = os.path.getsize(state.journal)
    reported = 0
    for position in range(100, size, size // 40):
        shutil.rmtree(state.path)
        shutil.copytree(sound, os.fsdecode(state.path))
        with open(state.journal, "r+b") as file:
            file.seek(position)
            file.write(bytes(byte ^ 0xFF for byte in file.read(16) or b"\0"))
        try:
            runs.undo()
            runs.redo()
        except (JournalError, NothingToUndo):  # nothing: if an earlier redo was refused
            reported += 1
        names = {content for content in tree.read().values() if isinstance(content, str)}
        assert names == {str(number) for number in range(200)}
    assert reported > 0
    shutil.rmtree(state.path)
    shutil.copytree(sound, os.fsdecode(state.path))
    assert len(organized) >= 201


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("source_name", b".."),
        ("source_name", b"../outside"),
        ("source_name", b"/etc/fileorg-test"),
        ("source_name", b"a\0b"),
        ("source_name", b""),
        ("source_name", "text"),
        ("target_name", b"../a.jpg"),
        ("inode", "many"),
        ("action", "format-disk"),
    ],
)
def test_a_record_that_leads_elsewhere_is_refused(
    column: str, value: object, runs: Runs, tree: Tree, state: StateDirectory
) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    before = tree.snapshot()
    change(state, f"UPDATE records SET {column} = ? WHERE action = 'move'", values=(value,))
    with pytest.raises(JournalError, match="contains an entry that fileorg did not write"):
        runs.undo()
    assert tree.snapshot() == before
    assert not os.path.lexists(os.path.join(os.path.dirname(tree.root), "outside"))


@pytest.mark.parametrize("path", [b"..", b"../outside", b"/etc", b"a/../..", b"a//b", b"\0", "text"])
def test_a_folder_that_leads_elsewhere_is_refused(path: object, runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    before = tree.snapshot()
    change(state, "UPDATE folders SET path = ? WHERE path = CAST('Images' AS BLOB)", values=(path,))
    with pytest.raises(JournalError):
        runs.undo()
    assert tree.snapshot() == before


def test_history_can_be_read_beside_a_run(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    tree.write({"b.jpg": "two"})
    with runs.organizing() as run:
        with Journal(state.journal, read_only=True) as reader:
            assert [operation.kind for operation in reader.operations()] == ["organize"]
        run.run()
    with Journal(state.journal, read_only=True) as reader:
        assert [operation.id for operation in reader.operations()] == [2, 1]


def test_a_reader_writes_nothing(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    before = content(state)
    with Journal(state.journal, read_only=True) as reader:
        reader._db.execute("DELETE FROM records")  # a small journal is copied into memory
    assert content(state) == before


def test_a_reader_writes_nothing_beside_a_run_or_after_a_kill(
    runs: Runs, tree: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    killed = tmp_path / "killed"
    with Journal(state.journal) as writer:
        with writer.transaction():
            writer._db.execute("UPDATE operations SET pid = 7")
        shutil.copytree(os.fsdecode(state.path), killed)
        assert_only_read(state.path)
    assert_only_read(bytes(killed))
    (killed / "journal.db-shm").unlink()
    assert_only_read(bytes(killed))


def assert_only_read(place: bytes) -> None:
    """Read the journal in another process: within one, SQLite shares what it writes."""
    before = content(StateDirectory(place))
    script = (
        "import sys; from fileorg.journal.journal import Journal; from os import fsencode\n"
        "with Journal(fsencode(sys.argv[1]), read_only=True) as reader:\n"
        "    assert [operation.pid for operation in reader.operations()] == [7]\n"
    )
    subprocess.run([sys.executable, "-c", script, os.path.join(place, b"journal.db")], check=True)
    assert content(StateDirectory(place)) == before


def test_a_large_journal_that_changes_while_it_is_read_is_refused(
    runs: Runs, tree: Tree, state: StateDirectory
) -> None:
    tree.write({"a.jpg": "one"})
    runs.organize()
    with closing(sqlite3.connect(os.fsdecode(state.journal))) as db, db:
        db.execute("UPDATE operations SET host = ?", ("x" * (17 << 20),))
    with pytest.raises(JournalError, match="was changed while it was read"), Journal(state.journal, read_only=True):
        runs.undo()
    with Journal(state.journal, read_only=True) as reader:
        assert [operation.kind for operation in reader.operations()] == ["undo", "organize"]


def content(state: StateDirectory) -> dict[str, tuple[bytes, int]]:
    """Return the content and the time of each file of a state directory, and the time of the directory."""
    place = Path(os.fsdecode(state.path))
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in place.iterdir()} | {
        ".": (b"", place.stat().st_mtime_ns)
    }


def test_where_a_file_went_is_known_across_operations(runs: Runs, tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "one", "b.jpg": "two"})
    runs.organize()
    runs.undo()
    with Journal(state.journal, read_only=True) as reader:
        trail = reader.trail(os.fsencode(tree.root) + b"/Images/a.jpg")
    assert [(operation.kind, record.source_name, record.target_folder) for operation, record in trail] == [
        ("organize", b"a.jpg", b"Images"),
        ("undo", b"a.jpg", b""),
    ]


def test_each_record_says_what_the_file_was(runs: Runs, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    seen = os.stat(os.path.join(tree.root, "a.jpg"))
    runs.organize()
    (record,) = [record for record in runs.records(1) if record.action == "move"]
    assert record.state == RecordState.DONE
    assert (record.inode, record.size, record.mtime_ns, record.mode, record.nlink) == (
        seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_mode, 1,
    )  # fmt: skip
    assert (record.category, record.target_folder) == ("Images", b"Images")


def test_a_full_disk_touches_no_file_that_is_not_journaled(tree: Tree, tmp_path: Path) -> None:
    """The journal's disk has room for its tables, and little more."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", small], check=False).returncode:
        pytest.skip("mounts are not allowed here")
    try:
        tree.write({f"{number:05}.jpg": str(number) for number in range(3000)})
        before = tree.snapshot()
        command = [sys.executable, "-m", "fileorg", "organize", "-y", str(tree.root)]
        environment = {**os.environ, "FILEORG_HOME": str(small / "state")}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode != 0
        assert "full" in run.stderr
        assert "Traceback" not in run.stderr
        assert tree.snapshot() == before
    finally:
        subprocess.run(["umount", small], check=True)
