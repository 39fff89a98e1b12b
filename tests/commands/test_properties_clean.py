"""The invariants of `tests/faults/laws.py` for clean, over random trees.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given
from tests.commands.test_properties import batches, case_of, litter, same, tried, without_number
from tests.support.random_trees import File, cleans, hollow_out, hollows, trees
from tests.support.snapshot import contents

from fileorg.core.errors import UsageError
from fileorg.core.model import Action, RecordState
from fileorg.report.sentences import sentence
from fileorg.scan.leftovers import Leftover

if TYPE_CHECKING:
    from tests.support.snapshot import Snapshot

Things = list[tuple[str, str, str, int, int]]


@tried
@given(trees, hollows, cleans, batches)
def test_what_is_cleaned_comes_back_and_a_second_run_does_nothing(
    files: list[File], things: Things, chosen: dict[str, Any], rows: int
) -> None:
    """I1, I2, I3, I4, I8."""
    with case_of(files, rows) as case:
        hollow_out(case.runs.tree, things)
        before = case.around.snapshot()
        outcome = case.runs.clean(**chosen)
        assert all(problem.state is RecordState.SKIPPED for problem in outcome.problems)
        after = case.around.snapshot()
        assert contents(before) == contents(after)
        assert litter(after) == litter(before)
        _stays(before, after, chosen["goes"])
        if not {"max_depth", "exclude"} & chosen.keys():  # links in folders that are not entered are unknown
            _lead(before, after)
        again = case.runs.clean(**chosen)
        assert again.done == 0
        same(after, case.around.snapshot())
        with suppress(UsageError):  # there was nothing to do
            assert case.runs.undo().problems == []
        same(before, case.around.snapshot())


def _stays(before: Snapshot, after: Snapshot, goes: frozenset[Leftover]) -> None:
    """Check that all removed entries were leftovers of the requested kinds, and that the rest is unchanged."""
    for path, node in before.items():
        name, now = os.path.basename(path), after.get(path)
        if now is not None:
            assert node.kind == "folder" or now.alone == node.alone
            continue
        assert name not in {b"yarn.lock", b"tree"}
        match node.kind:
            case "file":
                assert not node.content
                assert Leftover.EMPTY_FILE in goes
            case "symlink":
                assert Leftover.BROKEN_SYMLINK in goes
            case _:
                assert Leftover.EMPTY_FOLDER in goes


def _lead(before: Snapshot, after: Snapshot) -> None:
    """Check that symlinks with a target still have it."""
    for path, node in after.items():
        if node.kind == "symlink" and not path.startswith(b"tree/.fileorg/"):
            there = os.path.normpath(os.path.join(os.path.dirname(path), node.content))
            assert there not in before or before[there].kind == "symlink" or there in after


@tried
@given(trees, hollows, cleans, batches)
def test_a_dry_run_changes_nothing_and_says_what_the_run_does(
    files: list[File], things: Things, chosen: dict[str, Any], rows: int
) -> None:
    """I7: a dry run changes nothing."""
    with case_of(files, rows) as case:
        hollow_out(case.runs.tree, things)
        before, state = case.around.snapshot(), os.listdir(case.runs.state.path)
        said = case.runs.clean_dry_run(**chosen)
        same(before, case.around.snapshot())
        assert os.listdir(case.runs.state.path) == state
        outcome = case.runs.clean(**chosen)
        records = case.runs.records(outcome.operation)
        done = [
            (row.action, row.source_folder or b"", row.source_name or b"", *row[6:8], sentence(row.reason))
            for row in records
        ]
        assert [without_number(Action(row[0]), *row[1:]) for row in done] == [
            without_number(row.action, *row[2:4], *row[5:7], sentence(row.reason)) for row in said
        ]


@tried
@given(trees, hollows, cleans, batches)
def test_redo_after_undo_is_the_identity(files: list[File], things: Things, chosen: dict[str, Any], rows: int) -> None:
    """I9: redo after undo restores the tree."""
    with case_of(files, rows) as case, suppress(UsageError):
        hollow_out(case.runs.tree, things)
        before = case.around.snapshot()
        case.runs.clean(**chosen)
        after = case.around.snapshot()
        for _ in range(2):
            assert case.runs.undo().problems == []
            same(before, case.around.snapshot())
            assert case.runs.redo().problems == []
            same(after, case.around.snapshot())
