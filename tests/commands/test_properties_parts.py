"""Property tests of the undo of parts: any files, in any order, then the rest, give the first tree.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from tests.commands.test_properties import Case, batches, case_of, litter, same, tried
from tests.support.parts import undo_part
from tests.support.random_trees import File, options, trees

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.model import LaterFiles, RecordState
from fileorg.journal.journal import Journal
from fileorg.workflows.history import FORWARD

if TYPE_CHECKING:
    from fileorg.journal.rows import Operation

others = st.sampled_from(["quarantine", "hardlink", "symlink", "again", "again"])
commands = st.lists(st.one_of(options, others), min_size=1, max_size=3)
parts = st.lists(
    st.tuples(st.booleans(), st.integers(0, 9), st.lists(st.integers(0, 30), min_size=1, max_size=3), st.booleans()),
    min_size=1,
    max_size=5,
)
"""Whether it is a redo, the operation, its records, and whether files that later operations moved are left."""


def operations(case: Case) -> list[Operation]:
    if not os.path.exists(case.runs.state.journal):
        return []
    with Journal(case.runs.state.journal) as journal:
        return journal.operations()


def paths(case: Case, operation: Operation) -> list[bytes]:
    """Return the paths of the files that an operation has moved, before or after it by turns."""
    with Journal(case.runs.state.journal) as journal:
        roots = [root.path for root in journal.roots(operation)]
    found = []
    for record in case.runs.records(operation.id, RecordState.DONE):
        if record.source_name and record.id % 2:
            found.append(os.path.join(roots[record.source_base], record.source_folder, record.source_name))
        elif record.source_name:
            found.append(os.path.join(roots[record.target_base], record.target_folder, record.target_name))
    return found


def take_part(case: Case, *, redo: bool, which: int, records: list[int], leaves: bool) -> None:
    known = [each for each in operations(case) if each.kind == "undo" if redo] or [
        each for each in operations(case) if each.kind in FORWARD
    ]
    if not known:
        return
    operation = known[which % len(known)]
    redo = operation.kind == "undo"
    if found := paths(case, operation):
        chosen = {found[record % len(found)] for record in records}
        later = LaterFiles.LEAVE if leaves else LaterFiles.FIRST
        with suppress(UsageError):  # nothing is left of them, or of all later ones
            for outcome in undo_part(case.runs, operation.id, *chosen, later=later, redo=redo):
                assert outcome.problems == [] or redo


def take_rest(case: Case) -> None:
    for _ in range(40):
        left = [each for each in operations(case) if each.kind in FORWARD]
        done = 0
        for operation in left:
            with suppress(UsageError, GuardRefused):
                outcome = case.runs.undo(operation.id)
                assert outcome.problems == []
                done += 1
        if not done:
            return
    raise AssertionError("there is no end of undo")


def run_command(case: Case, command: dict[str, Any] | str) -> None:
    match command:
        case dict():
            case.organize(command)
        case "again":  # the same files move once more
            case.runs.organize(recursive=True, template=f"{len(operations(case))}/{{name}}")
        case _:
            case.runs.dedupe(command)


@tried
@given(trees, commands, batches, parts)
def test_any_parts_in_any_order_then_the_rest_give_the_first_tree(
    files: list[File], done: list[Any], rows: int, taken: list[tuple[bool, int, list[int], bool]]
) -> None:
    with case_of(files, rows) as case:
        before = case.around.snapshot()
        for each in done:
            with suppress(GuardRefused):
                run_command(case, each)
        for redo, which, records, leaves in taken:
            take_part(case, redo=redo, which=which, records=records, leaves=leaves)
        take_rest(case)
        after = case.around.snapshot()
        assert litter(after) == litter(before)
        same(before, after)
