"""A tree, its journal, attacks on that journal, and the checks after an attack."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tests.support import snapshot
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.errors import FileorgError
from fileorg.core.events import NullReporter
from fileorg.core.model import OnConflict
from fileorg.core.state import open_state
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fileorg.core.model import Outcome

FILES = {
    "a.jpg": "1", "x/a.jpg": "2", "x/y/b.mp3": "3", "x/y/c.txt": "4", "z/d.pdf": "5", "z/e.zip": "6", "f.txt": "newer",
    "Documents/f.txt": "older",
}  # fmt: skip


class Victim:
    """An organized tree, which is reset after each attack: files by their inode numbers, the state from a copy."""

    def __init__(self, place: Path, *, is_open: bool, organizes: bool = True, keeps_log: bool = False) -> None:
        """`is_open`: as after a kill. `keeps_log`: the state at a moment when the journal was in use."""
        self.place = place
        self.outside = Tree(place / "outside")
        self.outside.write({"a.jpg": "not yours", "deep/b.jpg": "nor this"})
        self.outside_before = self.outside.snapshot()
        self.runs = Runs(Tree(place / "tree"), open_state(os.fsencode(place / "state")))
        self.tree = self.runs.tree
        self.tree.write(FILES)
        self.tree.date("Documents/f.txt", "2020-01-01")
        self.first = self.tree.read()
        self._attempt = self._recover if is_open else self._undo
        self._kept = place / "kept"
        self.log = b""
        if keeps_log:
            with self.runs.organizing(recursive=True) as run:
                run.run()
                self.log = (place / "state/journal.db-wal").read_bytes()
                self.keep()
            (self._kept / "journal.db-wal").unlink()
        elif organizes:
            self.organize()
        if is_open:
            self.sql("UPDATE operations SET state = 'running'")
            self.sql("UPDATE records SET state = 'intent'")
        if not keeps_log:
            self.keep()
        self._organized = {os.stat(path).st_ino: path for path in self._files()}
        self._folders = [folder for folder, _, _ in os.walk(self.tree.root)]

    def organize(self) -> Outcome:
        return self.runs.organize(recursive=True, on_conflict=OnConflict.KEEP_NEWER)

    @property
    def journal(self) -> Path:
        return self.place / "state/journal.db"

    def keep(self) -> None:
        """Store the current state for later resets."""
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.place / "state", self._kept)

    def _files(self) -> list[str]:
        return [os.path.join(folder, name) for folder, _, names in os.walk(self.tree.root) for name in names]

    def restore(self) -> None:
        shutil.rmtree(self.place / "state")
        shutil.copytree(self._kept, self.place / "state")
        for folder in self._folders:
            os.makedirs(folder, exist_ok=True)
        for path in self._files():  # in two steps: the path of one file may be occupied by another
            os.rename(path, self.place / "kept" / f"{os.stat(path).st_ino}.file")
        for inode, path in self._organized.items():
            os.rename(self.place / "kept" / f"{inode}.file", path)

    def contents(self) -> list[str]:
        """Return the contents of all files."""
        return [content for path, content in self.tree.read().items() if not path.endswith("/") and "->" not in content]

    def attacked(self, attack: Callable[[], object], *, may_be_refused: bool = False) -> tuple[str, list[str]]:
        """Return the message about the journal after an attack, `""` for none, and the violations.

        `may_be_refused`: the constraints of the table may refuse the attack itself.
        """
        self.restore()
        try:
            attack()
        except sqlite3.Error:
            if not may_be_refused:
                raise
        said = ""
        try:
            self._attempt()
        except FileorgError as error:
            said = f"{error.exit_code}: {error}"
        except Exception as error:
            return "", [f"not a sentence for people: {type(error).__name__}: {error}"]
        found = []
        if sorted(self.contents()) != sorted(self.first.values()):
            found.append(f"I1 lost or doubled: {self.tree.read()}")
        after = self.outside.snapshot()
        found += [f"I5 outside: {line}" for line in snapshot.differences(self.outside_before, after)]
        beside = {"outside", "tree", "state", "kept"}
        found += [f"I5 beside the tree: {name}" for name in os.listdir(self.place) if name not in beside]
        return said, found

    def _undo(self) -> object:
        return self.runs.undo()

    def _recover(self) -> object:
        return recover_all(self.runs.state, NullReporter())

    def flip(self, offset: int, mask: int) -> None:
        with self.journal.open("r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ mask]))

    def sql(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.journal)) as db, db:
            db.execute(statement, values)
