"""Copies that become durable together."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import DEST, ROOT, Action, PlanRow, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.core.retry import FlushError
from fileorg.execute.actions.copy import COPY
from fileorg.execute.actions.handler import Series
from fileorg.execute.precheck import Checker
from fileorg.execute.verdict import Refusal
from fileorg.execute.work import Work
from fileorg.journal.journal import Journal
from fileorg.storage.local import posix
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.local.worker import InlineRenamer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory

MANY = 270
"""More than are copied together."""


class Run:
    """A run that copies many files to another folder; their intents are committed."""

    def __init__(self, tree: Tree, journal: Journal, source: LocalStorage, target: LocalStorage) -> None:
        tree.write({f"{number:03d}": f"content {number}" for number in range(MANY)})
        self.journal, self.failed = journal, dict[int, Refusal | OSError]()
        number = journal.begin(
            "organize", source.root, target.root, root_inode=source.identity[1], options={}, undoes=None
        )
        [operation] = journal.operations()
        self.work = Work(journal, operation, (source, target), InlineRenamer((source, target)))
        rows = []
        for file in range(MANY):
            seen = source.lstat(b"", b"%03d" % file)
            assert seen is not None
            rows.append(PlanRow.move(ROOT, b"", seen, b"")._replace(action=Action.COPY, target_base=DEST))
        with journal.transaction():
            batch = Checker(self.work).check(rows)
            self.first = journal.insert(number, batch)
        self.series = Series(rows, range(MANY), batch, self.first, None)

    def apply(self) -> None:
        assert COPY.apply(self.work, self.series, self.failed.__setitem__) is None

    def states(self) -> list[tuple[RecordState, ReasonCode | None]]:
        [operation] = self.journal.operations()
        records = (record for batch in self.journal.records(operation) for record in batch)
        return [(record.state, record.reason and record.reason.code) for record in records]


@pytest.fixture
def run(tree: Tree, state: StateDirectory, elsewhere: Path) -> Iterator[Run]:
    with (
        closing(LocalStorage(os.fsencode(tree.root))) as source,
        closing(LocalStorage(os.fsencode(elsewhere))) as target,
        Journal(state.journal) as journal,
    ):
        yield Run(tree, journal, source, target)


def test_many_copies_need_a_few_commits(run: Run, elsewhere: Path) -> None:
    before, opened = run.journal.commits, len(os.listdir("/proc/self/fd"))
    run.apply()
    assert run.failed == {}
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {
        f"{number:03d}": f"content {number}" for number in range(MANY)
    }
    assert run.journal.commits - before == 2  # for 256 of them, and for the rest
    assert run.states() == [(RecordState.COPIED, None)] * MANY
    assert len(run.work.read_back) == MANY
    assert len(os.listdir("/proc/self/fd")) <= opened + 2  # the folders


@pytest.mark.parametrize("victim", [0, 7, 255, 256, 269])
def test_a_flush_that_fails_costs_one_file(
    run: Run, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, victim: int
) -> None:
    flush = posix.flush

    def failing(fd: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}").endswith(f"-{run.first + victim}.part"):
            raise FlushError(errno.EIO, os.strerror(errno.EIO))
        flush(fd)

    monkeypatch.setattr(posix, "flush", failing)
    run.apply()
    assert {position: type(error) for position, error in run.failed.items()} == {victim: FlushError}
    assert sorted(os.listdir(elsewhere)) == [f"{number:03d}" for number in range(MANY) if number != victim]
    assert run.states()[victim] == (RecordState.INTENT, ReasonCode.CUT_SHORT)


def test_no_copy_stays_in_a_folder_that_cannot_be_flushed(
    run: Run, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = posix.flush

    def failing(fd: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise FlushError(errno.EIO, os.strerror(errno.EIO))
        flush(fd)

    monkeypatch.setattr(posix, "flush", failing)
    run.apply()
    assert set(run.failed) == set(range(MANY))
    assert os.listdir(elsewhere) == []


def test_a_taken_name_costs_one_file(run: Run, elsewhere: Path) -> None:
    (elsewhere / "005").write_text("theirs")
    run.apply()
    assert {position: type(error) for position, error in run.failed.items()} == {5: FileExistsError}
    assert (elsewhere / "005").read_text() == "theirs"
    assert len(os.listdir(elsewhere)) == MANY
