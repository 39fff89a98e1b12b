"""The invariants of `tests/faults/laws.py`, over random trees, options and changes by other programs.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.random_trees import File, build, options, trees
from tests.support.runs import Runs
from tests.support.snapshot import contents, differences
from tests.support.tree import Tree

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.model import Action, RecordState
from fileorg.core.state import open_state
from fileorg.report.sentences import sentence
from fileorg.workflows import session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.snapshot import Snapshot

    from fileorg.core.model import Outcome

settings.register_profile("quick", max_examples=50)
settings.register_profile("thorough", max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
tried = settings(deadline=None, suppress_health_check=list(HealthCheck))


batches = st.sampled_from([1, 3, 4096])  # rows per commit


class Case(NamedTuple):
    """A tree with runs on it, and its surroundings: the tree and another folder, nothing else."""

    runs: Runs
    around: Tree

    def organize(self, chosen: dict[str, Any]) -> Outcome:
        """Organize. Raises `GuardRefused` on conflicts with `--on-conflict fail`."""
        return self.runs.organize(**self._chosen(chosen))

    def dry_run(self, chosen: dict[str, Any]) -> list[Any]:
        return self.runs.dry_run(**self._chosen(chosen))

    def _chosen(self, chosen: dict[str, Any]) -> dict[str, Any]:
        return chosen | ({"dest": self.around.path(chosen["dest"])} if "dest" in chosen else {})


@contextmanager
def case_of(files: list[File], rows: int) -> Iterator[Case]:
    place = tempfile.mkdtemp(prefix="fileorg-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        around = Tree(Path(place, "around"))
        tree = Tree(around.path("tree"))
        around.write({"outside/Images/a.jpg": "two", "outside/Images/a (2).jpg": "one"})
        build(tree, files)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "rows_at_a_time", lambda *_, **__: rows)
            yield Case(Runs(tree, open_state(os.fsencode(place) + b"/state")), around)
    finally:
        shutil.rmtree(place)


def same(before: Snapshot, after: Snapshot) -> None:
    assert differences(before, after) == []


def litter(tree: Snapshot) -> set[bytes]:
    """Return the temporary names of fileorg, which must not outlive a run."""
    return {path for path in tree if re.fullmatch(rb"\.fileorg-\d+-.*\.part", os.path.basename(path))}


@tried
@given(trees, options, batches)
def test_nothing_is_lost_or_replaced_and_undo_gives_the_same_tree(
    files: list[File], chosen: dict[str, Any], rows: int
) -> None:
    with case_of(files, rows) as case:
        before = case.around.snapshot()
        try:
            outcome = case.organize(chosen)
        except GuardRefused:
            same(before, case.around.snapshot())
            return
        after = case.around.snapshot()
        assert contents(before).keys() <= contents(after).keys()  # I1
        if chosen["action"] is Action.MOVE:
            assert contents(before) == contents(after)
        moved = {
            os.path.join(record.source_folder, record.source_name): record
            for record in case.runs.records(outcome.operation, RecordState.DONE)
            if record.action == Action.MOVE
        }
        roots = {b"tree/": 0, os.fsencode(chosen.get("dest", "tree")) + b"/": 1}
        for path, node in before.items():  # I2: entries that no record moved are unchanged
            inside = {path.removeprefix(root) for root in roots if path.startswith(root)} | {path}
            if node.kind != "folder" and not inside & moved.keys():
                assert after[path]._replace(links=()) == node._replace(links=()) or node.links
        assert litter(after) == litter(before)  # I3
        with suppress(UsageError):  # there was nothing to do
            assert case.runs.undo().problems == []
        same(before, case.around.snapshot())  # I4


@tried
@given(trees, options, batches)
def test_a_dry_run_changes_nothing_and_says_what_the_run_does(
    files: list[File], chosen: dict[str, Any], rows: int
) -> None:
    """I7: a dry run changes nothing."""
    with case_of(files, rows) as case:
        before, state = case.around.snapshot(), os.listdir(case.runs.state.path)
        said = case.dry_run(chosen)
        same(before, case.around.snapshot())
        assert os.listdir(case.runs.state.path) == state
        try:
            outcome = case.organize(chosen)
        except GuardRefused:
            return
        done = [
            (
                row.action,
                row.source_folder or b"",
                row.source_name or b"",
                row.target_folder,
                row.target_name,
                sentence(row.reason),
            )
            for row in case.runs.records(outcome.operation)
        ]
        assert [without_number(*row) for row in done] == [
            without_number(row.action, *row[2:4], *row[5:7], sentence(row.reason)) for row in said
        ]


def without_number(action: Action, *parts: Any) -> tuple[Any, ...]:
    """Return a row without the operation's number in the path of its trash: a dry run does not know the number."""
    *source, folder, name, reason = parts
    path = os.path.join(folder, name)
    trash, found, below = path.partition(b".fileorg/trash/")
    return action, *source, trash + found + (below.partition(b"/")[2] if found else b""), reason


@tried
@given(trees, options, batches)
def test_the_same_run_again_does_nothing(files: list[File], chosen: dict[str, Any], rows: int) -> None:
    """I8: the same run again does nothing. A blocked file may need one more run, after its obstacle has moved."""
    with case_of(files, rows) as case, suppress(GuardRefused):
        for _ in range(len(files) + 1):
            if RecordState.SKIPPED not in case.organize(chosen).counts:
                break
        after = case.around.snapshot()
        assert case.organize(chosen).done == 0
        same(after, case.around.snapshot())


@tried
@given(trees, options, batches)
def test_redo_after_undo_is_the_identity(files: list[File], chosen: dict[str, Any], rows: int) -> None:
    """I9: redo after undo restores the tree."""
    with case_of(files, rows) as case, suppress(GuardRefused, UsageError):
        before = case.around.snapshot()
        case.organize(chosen)
        after = case.around.snapshot()
        for _ in range(2):
            assert case.runs.undo().problems == []
            same(before, case.around.snapshot())
            assert case.runs.redo().problems == []
            same(_but_times_of_links(after), _but_times_of_links(case.around.snapshot()))


def _but_times_of_links(tree: Snapshot) -> Snapshot:
    """Leave out the times of symlinks: a symlink that is made again is a new one."""
    return {path: node._replace(mtime_ns=0) if node.kind == "symlink" else node for path, node in tree.items()}


# Another program ------------------------------------------------------------------------------------------------------

edits = st.lists(
    st.tuples(st.sampled_from(["remove", "edit", "replace", "empty", "block", "add"]), st.integers(0, 30)), max_size=5
)


def outsider(tree: Tree, chosen: list[tuple[str, int]]) -> Counter[bytes]:
    """Change the tree like another program. Return the contents that it wrote, which must stay."""
    theirs = Counter[bytes]()
    for number, (interfere, position) in enumerate(chosen):
        snapshot = tree.snapshot()
        paths = [path for path, node in snapshot.items() if (node.kind == "folder") == (interfere in {"empty", "add"})]
        paths = [path for path in paths if path and not path.startswith(b".fileorg")]
        if not paths and interfere != "block":
            continue
        content = b"an outsider's %d" % number
        place = os.path.join(os.fsencode(tree.root), paths[position % len(paths)] if paths else b"")
        match interfere:
            case "remove":
                os.unlink(place)
            case "edit" if os.path.isfile(place) and not os.path.islink(place):
                with open(place, "ab") as file:
                    file.write(content)
            case "replace":
                os.unlink(place)
                Path(os.fsdecode(place)).write_bytes(content)
                theirs[content] += 1
            case "empty":
                shutil.rmtree(place)
            case "add":
                Path(os.fsdecode(place), f"added {number}").write_bytes(content)
                theirs[content] += 1
            case _:  # a path that was moved is used again by another file
                with suppress(OSError), tree.path("a.jpg").open("xb") as file:
                    file.write(content)
                    theirs[content] += 1
    return theirs


ways = st.fixed_dictionaries({}, optional={"rename": st.just(True), "include_changed": st.just(True)})


@tried
@given(trees, options, batches, edits, ways)
def test_an_undo_among_others_loses_nothing_and_says_what_it_left(
    files: list[File], chosen: dict[str, Any], rows: int, changes: list[tuple[str, int]], how: dict[str, Any]
) -> None:
    with case_of(files, rows) as case, suppress(GuardRefused, UsageError):
        outcome = case.organize(chosen)
        outsider(case.runs.tree, changes)
        between = case.around.snapshot()
        undone = case.runs.undo(**how)
        after = case.around.snapshot()
        lost = contents(between) - contents(after)
        copies = chosen["action"] is not Action.MOVE  # a copy may be removed if the original still exists
        assert lost.keys() <= (contents(after).keys() if copies else set())
        assert litter(after) == litter(between)
        left = case.runs.records(outcome.operation, RecordState.DONE)
        left = [record for record in left if record.action not in {Action.MAKE_FOLDER, Action.REMOVE_FOLDER}]
        assert len(left) == sum(problem.state is not RecordState.SKIPPED for problem in undone.problems)
        if not left:
            return
        again = case.runs.undo(outcome.operation, **how)
        assert again.done == 0
        same(after, case.around.snapshot())
