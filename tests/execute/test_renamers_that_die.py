"""A worker that dies is replaced, its task is done again, and a file that ends its workers is set aside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import StorageFailure
from fileorg.core.model import RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.storage.local.worker import InlineRenamer, RenamerDied, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.storage.local.storage import LocalStorage


class Dying(InlineRenamer):
    """A renamer that dies before it renames a file whose name begins with `bad`, or between link and unlink of one that
    begins with `half`, once.
    """

    def __init__(self, storages: Sequence[LocalStorage]) -> None:
        super().__init__(storages)
        self.is_dead = False
        self.replaced = 0
        self.asked = list[list[bytes]]()

    def start(self, packed: bytes) -> None:
        moves = unpack(packed)
        names = moves.paths[1::4]
        self.asked.append(names)
        last = next((at for at, name in enumerate(names) if name.startswith((b"bad", b"half"))), None)
        if last is None:
            super().start(packed)
            return
        source, target = self._storages[moves.source_base], self._storages[moves.target_base]
        source.rename_all(target, moves.paths[: 4 * last])
        folder, name, to_folder, to_name = moves.paths[4 * last : 4 * last + 4]
        if name.startswith(b"half"):
            os.link(name, to_name, src_dir_fd=source.fd(folder), dst_dir_fd=target.fd(to_folder))
        self.is_dead = True

    def finish(self) -> list[tuple[int, int]]:
        if self.is_dead:
            raise RenamerDied
        return super().finish()

    def replace(self) -> None:
        self.is_dead = False
        self.replaced += 1


@pytest.fixture
def renamers(monkeypatch: pytest.MonkeyPatch) -> list[Dying]:
    made = list[Dying]()

    def renamer_for(_files: int, storages: Sequence[LocalStorage], _locks: object) -> Dying:
        made.append(Dying(storages))
        return made[-1]

    monkeypatch.setattr("fileorg.workflows.session.renamer_for", renamer_for)
    return made


def test_a_file_that_has_ended_three_of_them_is_set_aside_and_named(
    runs: Runs, tree: Tree, renamers: list[Dying]
) -> None:
    tree.write({"a.jpg": "1", "bad.jpg": "2", "c.jpg": "3", "d.jpg": "4", "Images/c.jpg": "taken since"})
    before = tree.snapshot()
    outcome = runs.organize()
    assert set(tree.read()) == {"Images/a.jpg", "bad.jpg", "Images/c.jpg", "Images/c (2).jpg", "Images/d.jpg"}
    [problem] = outcome.problems
    assert (problem.path, problem.state, problem.reason) == (
        b"bad.jpg", RecordState.FAILED, Reason(ReasonCode.ENDED_HELPERS),
    )  # fmt: skip
    [first] = renamers
    assert first.replaced == 3
    assert [names for names in first.asked if b"bad.jpg" in names][2] == [b"bad.jpg"]
    runs.undo()
    assert tree.snapshot() == before


def test_a_file_with_both_names_loses_the_old_one(runs: Runs, tree: Tree, renamers: list[Dying]) -> None:
    tree.write({"a.jpg": "1", "half.jpg": "2", "z.jpg": "3"})
    before = tree.snapshot()
    assert runs.organize().done == 3
    assert set(tree.read()) == {"Images/a.jpg", "Images/half.jpg", "Images/z.jpg"}
    assert os.stat(tree.path("Images/half.jpg")).st_nlink == 1
    assert renamers[0].replaced == 1
    runs.undo()
    assert tree.snapshot() == before


def test_workers_that_keep_ending_blame_no_file(runs: Runs, tree: Tree, renamers: list[Dying]) -> None:
    tree.write({f"bad{number}.jpg": "1" for number in range(9)})
    before = tree.snapshot()
    with pytest.raises(StorageFailure, match="no file is to blame"):
        runs.organize()
    assert renamers[0].replaced < 8
    runs.undo()
    assert tree.snapshot() == before
