"""A folder of real files of many kinds is organized, and undo restores it exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support import snapshot
from tests.support.messy_folder import make_messy_folder

if TYPE_CHECKING:
    from tests.support.runs import Runs


@pytest.mark.parametrize("options", [{}, {"recursive": True, "hidden": True, "remove_empty": True}])
def test_a_folder_of_sixty_kinds_is_organized_and_restored(options: dict[str, bool], runs: Runs) -> None:
    made = make_messy_folder(runs.tree.root)
    assert len(made.kinds) >= 60
    before = runs.tree.snapshot()

    assert runs.organize(**options).done > 100
    assert runs.tree.snapshot() != before

    runs.undo()
    assert snapshot.differences(before, runs.tree.snapshot()) == []
