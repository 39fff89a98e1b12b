"""The journal has the rows that it was given, however many of them are alike."""

from __future__ import annotations

from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.model import ROOT, Action
from fileorg.journal.journal import Batch, Intent, Journal

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory

ROWS = 150
COLUMNS = ", ".join(Intent._fields)


def row(number: int, **other: Any) -> Intent:
    name = b"%d \xff'.jpg" % number
    return Intent(Action.MOVE, 1, name, 1, None, 2049, 2**62, number, -number, 0o100644, 1, "Images", None)._replace(
        **other
    )


@pytest.mark.parametrize(
    "others",
    [
        {},
        {70: {"action": Action.MAKE_FOLDER, "source_folder": None, "source_name": None, "target_name": b"Images"}},
        {number: {"target_name": b"%d.jpg" % number} for number in range(0, ROWS, 40)},
        {number: {"reverts": number + 1, "action": Action.RESTORE} for number in range(ROWS)},
        {0: {"reverts": 7}, 63: {"category": None}, 64: {"action": Action.COPY}},
    ],
)
def test_rows_are_read_as_they_were_inserted(state: StateDirectory, others: dict[int, dict[str, Any]]) -> None:
    rows = [row(number, **others.get(number, {})) for number in range(ROWS)]
    with closing(Journal(state.journal)) as journal:
        operation = journal.begin("organize", b"/tree", None, root_inode=1, options={})
        with journal.transaction():
            assert journal.add_folder(operation, ROOT, b"folder", None) == 1
            first = journal.insert(operation, Batch(list(chain.from_iterable(rows)), {}))
        found = journal._db.execute(f"SELECT id, operation, state, {COLUMNS} FROM records ORDER BY id").fetchall()
    assert found == [(first + number, operation, "intent", *each) for number, each in enumerate(rows)]
    assert [type(each[5]) for each in found] == [type(each.source_name) for each in rows]
