"""Reasons without the names in them, so that those of one kind are counted together."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fileorg.journal.journal import Journal
from fileorg.journal.sums import kind_of_reason

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

NAME = "Images/a, which stays\n is not there: b.jpg"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (f"identical to {NAME}", "identical to a file that is there already"),
        (f"the one there is newer: {NAME}", "the one there is newer"),
        (f"the name is taken: {NAME}", "the name is taken"),
        ("the name is taken", "the name is taken"),
        (f"it goes with {NAME}, which stays", "it goes with a file that stays"),
        (f"{NAME}, its keeper, is no longer there", "the file that stays, its keeper, is no longer there"),
        (f"its content is no longer that of {NAME}", "its content is no longer that of the file that stays"),
        (f"the folder {NAME} is not there", "the folder it goes to is not there"),
        ("Permission denied", "Permission denied"),
        (None, ""),
    ],
)
def test_names_are_left_out(reason: str | None, kind: str) -> None:
    assert kind_of_reason(reason) == kind


def test_reasons_of_a_kind_are_counted_together_and_very_many_kinds_are_one(runs: Runs, tree: Tree) -> None:
    tree.write({f"{number}.jpg": f"{number}" for number in range(1100)})
    operation = runs.organize().operation
    with closing(sqlite3.connect(runs.state.journal)) as db, db:
        db.execute("UPDATE records SET state = 'failed', error = 'reason ' || id WHERE source_name NOT NULL")
        db.execute("UPDATE records SET state = 'skipped', error = 'identical to ' || id WHERE id <= 400")
    with Journal(runs.state.journal, read_only=True) as journal:
        found = journal.operation(operation)
        assert found is not None
        reasons = journal.sums.reasons(found)
    assert sum(reason.records for reason in reasons) == 1100
    assert (reasons[0].state, reasons[0].kind) == ("skipped", "identical to a file that is there already")
    assert (reasons[1].state, reasons[1].kind) == ("failed", "for other reasons")
    assert len(reasons) == 501
    assert len(reasons[0].first) == 5
