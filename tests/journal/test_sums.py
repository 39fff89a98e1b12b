"""Reasons of one kind are counted together, whatever files they are about."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from fileorg.journal.journal import Journal
from fileorg.journal.queries import Queries
from fileorg.journal.reader import JournalReader
from fileorg.report.sentences import sentence_of_many

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest
    from tests.support.runs import Runs
    from tests.support.tree import Tree


def test_reasons_of_a_kind_are_counted_together_and_very_many_kinds_are_one(runs: Runs, tree: Tree) -> None:
    tree.write({f"{number}.jpg": f"{number}" for number in range(1100)})
    operation = runs.organize().operation
    with closing(sqlite3.connect(runs.state.journal)) as db, db:
        db.execute(
            "UPDATE records SET state = 'failed', reason = 'other', about = CAST('reason ' || id AS BLOB)"
            " WHERE source_name NOT NULL"
        )
        db.execute(
            "UPDATE records SET state = 'skipped', reason = 'identical', about = CAST(id AS BLOB) WHERE id <= 400"
        )
    with Journal(runs.state.journal, read_only=True) as journal:
        found = journal.operation(operation)
        assert found is not None
        reasons = journal.sums.reasons(found)
    assert sum(reason.records for reason in reasons) == 1100
    assert (reasons[0].state, sentence_of_many(reasons[0].reason)) == (
        "skipped",
        "identical to a file that is already there",
    )
    assert (reasons[1].state, sentence_of_many(reasons[1].reason)) == ("failed", "for other reasons")
    assert len(reasons) == 501
    assert len(reasons[0].first) == 5


def test_reasons_are_of_one_moment_while_a_run_is_at_work(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({f"{number}.jpg": f"{number}" for number in range(9)})
    operation = runs.organize().operation
    stream = Queries.stream

    def settled_after(queries: Queries, query: str, values: Sequence[Any]) -> Iterator[list[Any]]:
        yield from stream(queries, query, values)
        with closing(sqlite3.connect(runs.state.journal)) as db, db:
            db.execute("UPDATE records SET state = 'done'")

    with closing(sqlite3.connect(runs.state.journal)) as db, db:
        db.execute("UPDATE records SET state = 'intent' WHERE source_name NOT NULL")
    monkeypatch.setattr(Queries, "stream", settled_after)
    with JournalReader(runs.state.journal) as reader:
        found = reader.operation(operation)
        assert found is not None
        [each] = reader.sums.reasons(found)
    assert (each.state, each.records, len(each.first)) == ("intent", 9, 5)
