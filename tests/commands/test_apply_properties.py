"""Any permutation of names: the tree is exactly the one that the plan says, or nothing was changed; undo gives back the
first one. `HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.runs import Runs
from tests.support.snapshot import differences, take
from tests.support.tree import Tree

from fileorg.core.row_problems import RowFault
from fileorg.core.state import open_state
from fileorg.workflows import session
from fileorg.workflows.apply_plan import RowsRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

tried = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=3000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 60,
)
_anything = st.binary(min_size=1, max_size=12).filter(
    lambda name: not {0x2F, 0} & {*name} and name not in {b".", b"..", b".git", b".hg", b".svn", b".fileorg"}
)
names = st.one_of(
    st.sampled_from([b"a", b"b", b"A", b"-rf", b"new\nline", b"caf\xe9", b"[red]", b"a (2)", b"x" * 250]), _anything
)
folders = st.sampled_from([b"", b"", b"d/", b"d/e/", b"f/"])
paths = st.builds(bytes.__add__, folders, names)
batches = st.sampled_from([1, 3, 4096])


_FOLDERS = {b"d", b"d/e", b"f"}
_TELL_LINES = {RowFault.TWO_ROWS, RowFault.TWICE, RowFault.NOT_VACATED, RowFault.PART_REFUSED}
"""The problems whose number is the line of another row, which is not done either."""


def _free_of_clashes(found: list[bytes]) -> list[bytes]:
    """Return the paths without those that are a folder of another one."""
    return [
        path for path in found if not any(other.startswith(path + b"/") for other in found) and path not in _FOLDERS
    ]


trees = st.lists(paths, unique=True, min_size=1, max_size=12).map(_free_of_clashes).filter(bool)


@contextmanager
def _runs(files: list[bytes], rows: int) -> Iterator[Runs]:
    place = tempfile.mkdtemp(prefix="fileorg-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        tree = Tree(Path(place, "tree"))
        for number, path in enumerate(files):
            tree.write({os.fsdecode(path): f"content {number}"})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "rows_at_a_time", lambda *_, **__: rows)
            yield Runs(tree, open_state(os.fsencode(place) + b"/state"))
    finally:
        shutil.rmtree(place)


def _row(path: bytes, new_path: bytes) -> dict[str, Any]:
    return {
        "path": path.decode(errors="replace"),
        "path_b64": base64.b64encode(path).decode(),
        "new_path_b64": base64.b64encode(new_path).decode(),
    }


def _contents(runs: Runs) -> dict[bytes, bytes]:
    found = take(os.fsencode(runs.tree.root))
    return {path: node.content for path, node in found.items() if node.kind == "file"}


@tried
@given(trees, st.data(), batches)
def test_any_permutation_of_files_is_carried_out_and_taken_back(files: list[bytes], data: Any, rows: int) -> None:
    wanted = dict(zip(files, data.draw(st.permutations(files)), strict=True))
    plan = data.draw(st.permutations([pair for pair in wanted.items() if pair[0] != pair[1]]))
    with _runs(files, rows) as runs:
        root = os.fsencode(runs.tree.root)
        before, first = take(root), _contents(runs)
        if not plan:
            return
        outcome = runs.apply([_row(*pair) for pair in plan], all_files=True, inside_project=True)
        assert (outcome.done, outcome.problem_count) == (len(plan), 0)
        assert _contents(runs) == {wanted[path]: content for path, content in first.items()}
        assert runs.undo().problem_count == 0
        assert differences(before, take(root)) == []
        assert runs.redo().problem_count == 0
        assert _contents(runs) == {wanted[path]: content for path, content in first.items()}
        assert runs.undo().problem_count == 0
        assert differences(before, take(root)) == []


@settings(tried, max_examples=tried.max_examples // 6)
@given(trees, trees, st.data(), batches)
def test_any_permutation_on_two_disks_is_carried_out_and_taken_back(
    here: list[bytes], there: list[bytes], data: Any, rows: int
) -> None:
    with _runs(here, rows) as runs, tempfile.TemporaryDirectory() as folder:
        places = [os.fsencode(runs.tree.root), os.fsencode(folder) + b"/tree"]
        if os.stat(places[0]).st_dev == os.stat(folder).st_dev:
            pytest.skip("there is no second file system to write to")
        Tree(Path(folder, "tree")).write({os.fsdecode(path): f"far {number}" for number, path in enumerate(there)})
        paths = [os.path.join(place, path) for place, some in zip(places, (here, there), strict=True) for path in some]
        wanted = dict(zip(paths, data.draw(st.permutations(paths)), strict=True))
        befores, first = (
            [take(place) for place in places],
            {path: Path(os.fsdecode(path)).read_bytes() for path in paths},
        )
        plan = [_row(*pair) for pair in wanted.items() if pair[0] != pair[1]]
        if not plan:
            return
        assert runs.apply(plan, all_files=True, inside_project=True, roots=places).problem_count == 0
        for again in range(2):
            assert all(Path(os.fsdecode(wanted[path])).read_bytes() == content for path, content in first.items())
            assert runs.undo().problem_count == 0
            for before, place in zip(befores, places, strict=True):
                assert differences(before, take(place)) == []
            assert again or runs.redo().problem_count == 0


def _model(first: dict[bytes, bytes], plan: dict[bytes, bytes]) -> dict[bytes, bytes] | None:
    """Return the tree that a plan of files and folders says, None if two files would have one name."""
    after: dict[bytes, bytes] = {}
    for path, content in first.items():
        parts = path.split(b"/")
        above = [b"/".join(parts[:end]) for end in range(len(parts), 0, -1)]
        moved = next((each for each in above if each in plan), None)
        new = path if moved is None else plan[moved] + path[len(moved) :]
        if new in after:
            return None
        after[new] = content
    return None if any(one.startswith(other + b"/") for one in after for other in after) else after


def _within(path: bytes, folders: list[bytes]) -> bool:
    return any(path == folder or path.startswith(folder + b"/") for folder in folders)


@settings(tried, max_examples=tried.max_examples // 2)
@given(trees, st.data(), batches)
def test_any_permutation_of_files_and_folders_is_carried_out(files: list[bytes], data: Any, rows: int) -> None:
    """Also if a file takes the name of a folder, and the folder that of the file."""
    there = [folder for folder in sorted(_FOLDERS) if any(path.startswith(folder + b"/") for path in files)]
    drawn = data.draw(st.lists(st.sampled_from(there), unique=True)) if there else []
    moved = [folder for folder in drawn if not _within(folder, [other for other in drawn if other != folder])]
    units = [*moved, *(path for path in files if not _within(path, moved))]
    wanted = dict(zip(units, data.draw(st.permutations(units)), strict=True))
    plan = [pair for pair in wanted.items() if pair[0] != pair[1]]
    with _runs(files, rows) as runs:
        root = os.fsencode(runs.tree.root)
        before, first = take(root), _contents(runs)
        said = _model(first, wanted)
        if not plan:
            return
        assert runs.apply([_row(*pair) for pair in plan], all_files=True, inside_project=True).problem_count == 0
        for again in range(2):
            assert _contents(runs) == said
            assert runs.undo().problem_count == 0
            assert differences(before, take(root)) == []
            if not again:
                assert runs.redo().problem_count == 0


@tried
@given(trees, st.data(), batches)
def test_any_plan_of_files_and_folders_is_exact_or_refused(files: list[bytes], data: Any, rows: int) -> None:
    known = sorted({*files, *(folder for folder in _FOLDERS if any(path.startswith(folder + b"/") for path in files))})
    sources = data.draw(st.lists(st.sampled_from(known), unique=True, min_size=1, max_size=6))
    fresh = st.sampled_from([b"new", b"d/new", b"new/deep/er", b"f/new"])
    targets = [data.draw(st.one_of(st.sampled_from(known), fresh)) for _ in sources]
    plan = dict(zip(sources, targets, strict=True))
    with _runs(files, rows) as runs:
        root = os.fsencode(runs.tree.root)
        before, first = take(root), _contents(runs)
        said = _model(first, plan)
        try:
            outcome = runs.apply([_row(*pair) for pair in plan.items()], all_files=True, inside_project=True)
        except RowsRefused:
            assert take(root) == before
            return
        assert outcome.problem_count == 0
        assert _contents(runs) == said
        assert runs.undo().problem_count == 0
        assert differences(before, take(root)) == []


@settings(tried, max_examples=tried.max_examples // 2)
@given(trees, st.data(), batches)
def test_any_plan_with_partial_does_the_rows_that_no_problem_is_about(files: list[bytes], data: Any, rows: int) -> None:
    known = sorted({*files, *(folder for folder in _FOLDERS if any(path.startswith(folder + b"/") for path in files))})
    pairs = st.tuples(st.sampled_from(known), st.one_of(st.sampled_from(known), st.sampled_from([b"new", b"d/new"])))
    plan = data.draw(st.lists(pairs, min_size=1, max_size=6))
    with _runs(files, rows) as runs:
        root = os.fsencode(runs.tree.root)
        before, first = take(root), _contents(runs)
        given_rows = [_row(*pair) for pair in plan]
        with runs.applying(given_rows, all_files=True, inside_project=True, partial=True) as run:
            problems = list(run.problems())
            left_out = {
                line for each in problems for line in (each.line, each.number if each.fault in _TELL_LINES else 0)
            }
            assert not run.plan.files or run.run().problem_count == 0
        done = dict(pair for line, pair in enumerate(plan, 1) if line not in left_out)
        assert _contents(runs) == _model(first, done)
        assert not done or runs.undo().problem_count == 0
        assert differences(before, take(root)) == []
