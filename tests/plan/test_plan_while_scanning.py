"""A plan made while a large tree is still being scanned is the same plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.support.random_trees import File, build, options, trees
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core import bloom as filter_
from fileorg.core.bloom import CandidateSet
from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.state import open_state
from fileorg.plan import organize_plan as plan
from fileorg.scan import walk as scan

if TYPE_CHECKING:
    from fileorg.core.model import PlanRow


def planned(runs: Runs, **options: Any) -> list[PlanRow] | str:
    try:
        return runs.dry_run(**options)
    except (GuardRefused, UsageError) as error:
        return str(error)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees, options)
def test_it_is_the_same_plan(
    tmp_path_factory: pytest.TempPathFactory, files: list[File], options: dict[str, Any]
) -> None:
    place = tmp_path_factory.mktemp("case")
    runs = Runs(Tree(place / "tree"), open_state(bytes(place / "state")))
    build(runs.tree, files)
    if "dest" in options:
        options = options | {"dest": place / options["dest"]} if options["dest"] else options | {"dest": None}
    afterwards = planned(runs, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_MANY_FILES", -1)
        assert planned(runs, **options) == afterwards


def test_it_is_the_same_plan_of_a_tree_that_is_read_by_several(
    tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write(
        {f"{folder}/{number}.{kind}": "" for folder in range(30) for number in range(9) for kind in ("mov", "xmp")}
    )
    tree.write({f"large/{number}.jpg": "" for number in range(5000)})
    tree.write({f"large/{number}.xmp": "" for number in range(100)})
    afterwards = runs.dry_run(recursive=True)
    monkeypatch.setattr(plan, "_MANY_FILES", 100)
    monkeypatch.setattr(scan, "_FEW_FILES", 100)
    assert runs.dry_run(recursive=True) == afterwards
    assert runs.organize(recursive=True).done == len([row for row in afterwards if row.source_name and not row.reason])


def test_suspects_are_found_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_, "_FEW", 10)
    candidates = CandidateSet()
    assert not candidates
    for number in range(0, 40, 2):
        candidates.add_all([number << 32 | number])
    assert candidates
    digests = [number << 32 | number for number in range(40)]
    assert set(candidates.positions(digests)) >= set(range(0, 40, 2))
    assert all(digest in candidates for digest in digests[::2])
    assert len(candidates.positions(digests)) < 40
