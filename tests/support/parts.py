"""Undo and redo of a part, as the command line does them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fileorg.core.events import NullReporter
from fileorg.workflows.undo import UndoOptions
from fileorg.workflows.undo_part import UndoPart
from fileorg.workflows.undo_steps import undo_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.runs import Runs

    from fileorg.core.model import LaterFiles, Outcome
    from fileorg.workflows.undo_steps import Several


def undo_part(
    runs: Runs,
    operation: int | None,
    *patterns: str | bytes,
    later: LaterFiles | None = None,
    categories: Sequence[str] = (),
    several: Several | None = None,
    redo: bool = False,
) -> list[Outcome]:
    """Undo the files of an operation that match. Patterns are relative to the tree."""
    part = UndoPart([os.fsencode(each) for each in patterns], os.fsencode(runs.tree.root), categories, later)
    options = UndoOptions(operation, redo, part=part if patterns or categories else None)
    steps, _ = undo_steps(options, several, runs.state, NullReporter(), changes=True, is_asked=False)
    return [runs.undo(**step._asdict()) for step in steps]
