"""Purge trusts no journal: it removes files from the trash only."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.odd.hostile import Victim
from tests.odd.test_hostile_journal import COLUMNS

from fileorg.core.errors import FileorgError
from fileorg.core.events import NullReporter
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

_ROW = "8 hostile journal: forged, for purge"
_TRASHED = ".fileorg/trash/1/Documents/f.txt"
_PATHS: list[object] = [b"x/.fileorg/trash/1", b".fileorg/trash/1/../../../Documents", b".fileorg/trash/1", b".fileorg"]
_MORE: dict[str, list[object]] = {
    "folders.path": _PATHS,
    "records.state": ["purged", "done"],
    "records.target_folder": [1, 2, 3, 4, 5],
    "operations.kind": ["purge"],
    "operations.undoes": [2],
}


class Trash:
    """A victim whose trash is refilled before each attack with the same file, which has a hard link elsewhere."""

    def __init__(self, place: Path) -> None:
        self.victim = Victim(place / "victim", is_open=False)
        self.file = self.victim.tree.path(_TRASHED)
        self._link = place / "link"
        os.link(self.file, self._link)
        self.rest = self._rest()

    def _rest(self) -> dict[str, str]:
        tree = self.victim.tree.read()
        return {path: content for path, content in tree.items() if not path.startswith(".fileorg")}

    def attacked(self, attack: Callable[[], object], *, is_open: bool) -> list[str]:
        """Return changes by purge outside the trash. `is_open`: as after a killed purge."""
        if not self.file.exists():
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._link, self.file)
        self.victim.restore()
        if is_open:
            self.victim.sql(
                "INSERT INTO operations (kind, root, root_inode, options, undoes, state, first_record, pid, host,"
                " started_ns) SELECT 'purge', root, root_inode, '{}', 1, 'running', 1000, 1, '', started_ns"
                " FROM operations"
            )
            self.victim.sql("UPDATE records SET state = 'purged' WHERE target_folder > 2")
        found = []
        try:
            attack()
            recover_all(self.victim.runs.state, NullReporter())
            self.victim.runs.purge()
        except FileorgError:
            pass
        except Exception as error:
            found.append(f"not a sentence for people: {type(error).__name__}: {error}")
        if self._rest() != self.rest:
            found.append(f"not of the trash: {self._rest()}")
        if self.victim.outside.snapshot() != self.victim.outside_before:
            found.append("I5 outside")
        return found


@pytest.fixture(scope="module")
def trash() -> Iterator[Trash]:
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fileorg-hostile-", dir=shared) as place:
        (Path(place) / "victim").mkdir()
        yield Trash(Path(place))


@pytest.mark.parametrize("is_open", [False, True], ids=["purge", "recovery of purge"])
@pytest.mark.parametrize("column", sorted({*COLUMNS, *_MORE}))
def test_a_value_that_fileorg_never_writes(trash: Trash, tally: Counter[str], column: str, is_open: bool) -> None:
    table, _, name = column.partition(".")
    violations = []
    for value in COLUMNS.get(column, []) + _MORE.get(column, []):
        attack = partial(trash.victim.sql, f"UPDATE OR IGNORE {table} SET {name} = ?", value)
        found = trash.attacked(attack, is_open=is_open)
        violations += [f"{column} = {value!r}: {line}" for line in found]
        tally[_ROW] += 1
    assert not violations, "\n".join(violations)


@pytest.mark.parametrize("link", [".fileorg", ".fileorg/trash", ".fileorg/trash/1"])
def test_a_trash_that_leads_outside(tmp_path: Path, tally: Counter[str], link: str) -> None:
    """The link leads to the very file that was put there."""
    (tmp_path / "victim").mkdir()
    trash = Trash(tmp_path)
    place = trash.victim.tree.path(link)
    outside = trash.victim.outside.path("moved")
    place.rename(outside)
    place.symlink_to(outside)
    before = trash.victim.outside.snapshot()
    run = trash.victim.runs.purge()
    assert run.files == 0
    assert trash.victim.outside.snapshot() == before
    tally[_ROW] += 1
