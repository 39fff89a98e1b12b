"""The invariants of `tests/faults/laws.py` for dedupe, over random trees; above all I10, that each content survives.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from tests.commands.test_properties import Case, batches, case_of, litter, same, tried
from tests.support.random_trees import File, trees
from tests.support.runs import Runs
from tests.support.snapshot import contents

from fileorg.content.keeper import Keep
from fileorg.core.errors import Locked, UsageError
from fileorg.core.model import RecordState
from fileorg.core.state import open_state
from fileorg.plan.dedupe_plan import DedupeAction

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.snapshot import Snapshot

# Roots that are nested, given twice, or apart; `outside` has copies of some files.
_ROOTS = st.sampled_from(
    [["tree"], ["tree", "outside"], ["tree/sub", "tree"], ["outside", "tree", "tree"], ["tree/sub", "outside"]]
)
_REFERENCES = st.sampled_from([[], [], ["outside"], ["tree/sub"], ["tree/other", "outside/Images"], ["tree"]])
keep_options = st.fixed_dictionaries(
    {
        "roots": _ROOTS,
        "references": _REFERENCES,
        "action": st.sampled_from([DedupeAction.QUARANTINE, DedupeAction.HARDLINK, DedupeAction.SYMLINK]),
    },
    optional={
        "keep": st.lists(st.sampled_from(list(Keep)), max_size=2),
        "isolate": st.just(True),
        "prefer": st.just(["sub/"]),
        "protect": st.sampled_from([["*.jpg"], ["sub/deep/"]]),
        "hidden": st.just(True),
        "min_size": st.sampled_from([0, 2]),
        "all_files": st.just(True),
    },
)


def asked(case: Case, chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options, with the folders that exist."""
    places = {name: [case.around.path(path) for path in chosen[name]] for name in ("roots", "references")}
    for path in (path for paths in places.values() for path in paths):
        path.mkdir(parents=True, exist_ok=True)
    return chosen | places


def survivors(around: Path) -> set[bytes]:
    """Return the contents of all regular files outside the trash."""
    found = set()
    for folder, folders, names in os.walk(around):
        folders[:] = [name for name in folders if name != ".fileorg"]
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    found.add(file.read())
    return found


def untouched(before: Snapshot, after: Snapshot, below: list[str]) -> None:
    for path, node in before.items():
        if any(path.startswith(os.fsencode(folder) + b"/") for folder in below) and node.kind != "folder":
            assert after[path].alone == node.alone


@tried
@given(trees, keep_options, batches)
def test_one_of_each_content_survives_and_undo_gives_the_same_tree(
    files: list[File], chosen: dict[str, Any], rows: int
) -> None:
    """I1, I3, I4, I8, I9, I10."""
    with case_of(files, rows) as case:
        options = asked(case, chosen)
        before, there = case.around.snapshot(), survivors(case.around.root)
        try:
            outcome = case.runs.dedupe_of(**options)
        except UsageError:  # all files are in a reference
            same(before, case.around.snapshot())
            return
        after = case.around.snapshot()
        assert all(problem.state is RecordState.SKIPPED for problem in outcome.problems)
        assert survivors(case.around.root) == there  # I10
        assert contents(before).keys() == contents(after).keys()  # I1
        assert litter(after) == litter(before)
        untouched(before, after, chosen["references"])
        assert case.runs.dedupe_of(**options).done == 0  # I8
        with suppress(UsageError):  # there was nothing to do
            assert case.runs.undo(1).problems == []
            same(before, case.around.snapshot())
            assert case.runs.redo().problems == []
            assert survivors(case.around.root) == there
            assert case.runs.undo().problems == []
        same(before, case.around.snapshot())


@tried
@given(trees, keep_options)
def test_a_dry_run_changes_nothing_and_shows_what_the_run_does(files: list[File], chosen: dict[str, Any]) -> None:
    """I7: a dry run changes nothing."""
    with case_of(files, 4096) as case:
        options = asked(case, chosen)
        before = case.around.snapshot()
        try:
            with case.runs.deduping(**options) as run:
                planned = [row[:9] for batch in run.rows.batches(100) for row in batch if row[3] and not row.reason]
        except UsageError:
            return
        same(before, case.around.snapshot())
        with case.runs.deduping(changes=True, **options) as run:
            done = [row[:9] for batch in run.rows.batches(100) for row in batch if row[3] and not row.reason]
        assert [(*row[:5], row[5].replace(b"trash/1", b"trash/0"), *row[6:]) for row in done] == planned


@tried
@given(trees, keep_options, keep_options)
def test_of_two_runs_at_once_something_survives(files: list[File], one: dict[str, Any], other: dict[str, Any]) -> None:
    """The runs have different state directories: only the locks of the roots separate them."""
    with case_of(files, 1) as case:
        second = Runs(case.runs.tree, open_state(case.runs.state.path + b"-2"))
        there = survivors(case.around.root)
        options = [asked(case, chosen) for chosen in (one, other)]

        def run(runs: Runs, chosen: dict[str, Any]) -> None:
            with suppress(UsageError, Locked):
                runs.dedupe_of(**chosen)

        threads = [threading.Thread(target=run, args=pair) for pair in zip((case.runs, second), options, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert survivors(case.around.root) == there
