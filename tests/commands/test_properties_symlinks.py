"""A symlink to a file leads to a file after organize, or is named; and is the same symlink after undo.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from tests.commands.test_properties import batches, case_of, same, tried
from tests.support.random_trees import File, options, trees

from fileorg.core.errors import GuardRefused, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tree import Tree

Link = tuple[str, int, bool]
links = st.lists(
    st.tuples(
        st.sampled_from(["l", "l.jpg", ".l", "sub/l", "sub/deep/l", "other/m.pdf", "Images/l", "caf\udce9 l"]),
        st.integers(0, 30),  # the file
        st.booleans(),  # an absolute target
    ),
    max_size=6,
    unique_by=lambda link: link[0],
)


def _link(tree: Tree, wanted: list[Link]) -> list[Path]:
    """Make symlinks to existing entries, including symlinks; return those that lead to a file."""
    for name, number, absolute in wanted:
        there = sorted(path for path in tree.read() if not path.endswith("/"))
        if not there:
            return []
        place, target = tree.path(name), tree.path(there[number % len(there)])
        with suppress(FileExistsError, NotADirectoryError):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target if absolute else os.path.relpath(target, place.parent))
    places = (tree.path(name) for name, *_ in wanted)
    return [place for place in places if place.is_symlink() and place.is_file()]


@tried
@given(trees, links, options, batches)
def test_a_symlink_leads_on_or_is_named(
    files: list[File], wanted: list[Link], chosen: dict[str, Any], rows: int
) -> None:
    with case_of(files, rows) as case:
        tree = case.runs.tree
        leading = _link(tree, wanted)
        before = case.around.snapshot()
        inodes = {place: place.lstat().st_ino for place in leading}
        try:
            outcome = case.organize(chosen)
        except GuardRefused:
            return
        roots = {os.fsencode(tree.root), os.fsencode(case.around.path(chosen.get("dest", "tree")))}
        named = {os.path.join(root, problem.path) for problem in outcome.problems for root in roots}
        for place in leading:
            assert place.is_symlink()
            leads_on = (place.parent / place.readlink()).is_symlink()  # a symlink itself
            assert place.is_file() or os.fsencode(place) in named or leads_on
        after = case.around.snapshot()
        again = case.organize(chosen)
        assert again.rewritten == 0 or again.done
        if not again.done:
            same(after, case.around.snapshot())
        for _ in range(2):
            with suppress(UsageError):  # there was nothing to do
                case.runs.undo()
        same(before, case.around.snapshot())
        assert {place: place.lstat().st_ino for place in leading} == inodes
