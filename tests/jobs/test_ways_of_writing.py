"""No program's file is moved before it is complete, and each one after: the ways of writing, imitated call by call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.jobs.watching import Watching
from tests.watch.storm import Storm, run
from tests.watch.ways_of_writing import CONTENT, WAYS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


def test_files_are_moved_when_they_are_complete_and_not_before(runs: Runs, tree: Tree) -> None:
    """After each step, another file arrives: once it is moved, all that had been settled before would have been."""
    with Watching(runs.state, tree.root) as watching:
        writing = {name: way(tree.root, name) for name, way in WAYS.items()}
        complete: set[str] = set()
        moved = rounds = 0
        while writing or moved < len(complete) + rounds:
            for name, steps in list(writing.items()):
                if next(steps, name) is not None:
                    del writing[name]
                    complete.add(name)
            rounds += 1
            (tree.root.parent / "ready").write_text("x")
            os.rename(tree.root.parent / "ready", tree.path(f"round-{rounds}.png"))
            moved = len(complete) + rounds
            watching.wait_until_moved(moved)
            found = tree.read()
            sorted_ = {path.rpartition("/")[2] for path in found if "/" in path and not path.startswith("Images/round")}
            assert sorted_ == complete
    contents = {path.rpartition("/")[2]: text for path, text in tree.read().items() if "round" not in path}
    assert contents == dict.fromkeys(WAYS, CONTENT)


def test_a_small_storm(tmp_path: Path) -> None:
    """The large ones: `python -m tests.watch.storm`."""
    storm = Storm(files=200, seconds=3.0, writers=2, settle=0.5)
    figures = run(storm, tmp_path)
    assert figures["operations"] > 0
