"""The choice of the files to keep, group by group: before and after, whatever the choice."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.content.keeper import Precedence
from fileorg.core.errors import GuardRefused
from fileorg.core.model import Outcome, RecordState
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.plan.keeper_choices import KeeperChoices

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.workflows.keeper_selection import KeeperSelection, OpenGroup

GROUPS = {"big 1": "x" * 90, "big 2": "x" * 90, "big 3": "x" * 90, "a/mid": "y" * 50, "mid": "y" * 50, "one": "z"}


@pytest.fixture
def groups(tree: Tree) -> Tree:
    tree.write(GROUPS | {"small 1": "w", "small 2": "w"})
    for day, name in enumerate(("big 1", "big 2", "big 3", "a/mid", "mid", "small 1", "small 2"), 1):
        tree.date(name, f"2024-01-0{day}")
    return tree


def run(
    runs: Runs,
    choose: Callable[[KeeperSelection], None],
    action: str = "quarantine",
    between: Callable[[], object] = lambda: None,
    **options: Any,
) -> Outcome:
    """Dedupe after `choose` has chosen."""
    with (
        runs.deduping(changes=True, action=DedupeAction(action), **options) as ready,
        ready.choose() as selection,
    ):
        choose(selection)
        selection.finish()
        between()
        return ready.run()


def keep(*names: str) -> Callable[[KeeperSelection], None]:
    """Return a choice: in the first group these names, in the others nothing is chosen."""

    def choose(selection: KeeperSelection) -> None:
        group = selection.first_from()
        assert group is not None
        selection.keep(group, [position(group, name) for name in names])

    return choose


def position(group: OpenGroup, name: str) -> int:
    return [os.path.basename(file.path) for file in group.files].index(os.fsencode(name))


def left(tree: Tree) -> set[str]:
    return {path for path in tree.read() if not path.startswith(".fileorg/") and not path.endswith("/")}


def test_one_is_kept_and_other_groups_stay(groups: Tree, runs: Runs) -> None:
    before = groups.snapshot()
    assert run(runs, keep("big 3")).problems == []
    assert ({*GROUPS} | {"small 1", "small 2"}) - left(groups) == {"big 1", "big 2"}
    runs.undo()
    assert groups.snapshot() == before


@pytest.mark.parametrize("action", list(DedupeAction)[:3])
def test_several_are_kept(groups: Tree, runs: Runs, action: str) -> None:
    before = groups.snapshot()
    assert run(runs, keep("big 2", "big 3"), action).done == 1
    kept = {name: groups.path(name).lstat().st_ino for name in ("big 2", "big 3")}
    assert len(set(kept.values())) == 2
    if action == "hardlink":
        assert groups.path("big 1").stat().st_ino == kept["big 2"]
    runs.undo()
    assert groups.snapshot() == before


def test_the_rest_takes_the_suggestions(groups: Tree, runs: Runs) -> None:
    def choose(selection: KeeperSelection) -> None:
        keep("big 2")(selection)
        selection.take_rest()

    run(runs, choose)
    assert left(groups) == {"big 2", "a/mid", "one", "small 1"}


def test_skipped_and_all_kept_groups_stay(groups: Tree, runs: Runs) -> None:
    def choose(selection: KeeperSelection) -> None:
        group = selection.first_from()
        while group is not None:
            assert selection.keep(group, [] if group.number == 1 else range(len(group.files))) == 0
            group = selection.after(group)
        assert selection.first_from(99) is None

    assert run(runs, choose).done == 0
    assert left(groups) == {*GROUPS, "small 1", "small 2"}


def test_back_shows_the_choice_and_another_replaces_it(groups: Tree, runs: Runs) -> None:
    def choose(selection: KeeperSelection) -> None:
        first = selection.first_from()
        assert first is not None
        assert (first.number, selection.total, first.chosen, selection.before(first)) == (1, 3, None, None)
        selection.keep(first, [1])
        second = selection.after(first)
        assert second is not None
        assert second.number == 2
        again = selection.before(second)
        assert again is not None
        assert (again.position, again.chosen, again.files) == (first.position, [1], first.files)
        selection.keep(again, [2, 0])

    run(runs, choose)
    assert {"big 1", "big 3"} < left(groups)
    assert "big 2" not in left(groups)


def test_what_the_options_keep_stays_whatever_is_chosen(groups: Tree, runs: Runs) -> None:
    groups.write({"link": "-> mid", "safe": "x" * 90})

    def choose(selection: KeeperSelection) -> None:
        group = selection.first_from()
        assert group is not None
        notes = {os.path.basename(file.path): file.always_kept for file in group.files}
        assert notes == {b"big 1": None, b"big 2": None, b"big 3": None, b"safe": Precedence.PROTECTED}
        assert selection.keep(group, [position(group, "big 2")]) == 2
        group = selection.after(group)
        assert group is not None
        assert {os.path.basename(file.path) for file in group.files if file.always_kept is Precedence.LED_TO} == {
            b"mid"
        }
        selection.take_rest()

    run(runs, choose, protect=["safe"])
    assert left(groups) == {"safe", "big 2", "mid", "one", "small 1", "link"}


def test_the_names_of_a_file_stay_or_go_together(groups: Tree, runs: Runs) -> None:
    groups.path("big again").hardlink_to(groups.path("big 1"))
    before = groups.snapshot()

    def choose(selection: KeeperSelection) -> None:
        group = selection.first_from()
        assert group is not None
        assert sum(file.is_link for file in group.files) == 1
        assert selection.keep(group, [position(group, "big again")]) == 2
        assert selection.keep(group, [position(group, "big 2")]) == 3

    run(runs, choose)
    assert left(groups) & {"big 1", "big again", "big 2", "big 3"} == {"big 2"}
    runs.undo()
    assert groups.snapshot() == before


def test_companions_go_with_their_file_or_keep_it(tree: Tree, runs: Runs) -> None:
    tree.write({"a/1.jpg": "photo", "a/1.xmp": "edit", "b/1.jpg": "photo", "b/1.xmp": "edit", "c/1.jpg": "photo"})

    def choose(selection: KeeperSelection) -> None:
        group = selection.first_from()
        while group is not None and b".jpg" not in group.files[0].path:
            group = selection.after(group)
        assert group is not None
        at = [file.path.split(b"/")[-2] for file in group.files].index
        assert selection.keep(group, [at(b"c")]) == 0  # each of the others has an edit that c lacks
        assert selection.keep(group, [at(b"b")]) == 2

    run(runs, choose)
    assert left(tree) == {"b/1.jpg", "b/1.xmp"}


def test_without_its_choices_a_run_of_choices_does_nothing(groups: Tree, runs: Runs) -> None:
    """As when a job that was killed is taken up again: the suggestions are not what the user chose."""
    before = groups.snapshot()
    with (
        pytest.raises(GuardRefused, match="The choices of this run were not kept"),
        runs.deduping(changes=True, action=DedupeAction.QUARANTINE, interactive=True) as ready,
    ):
        ready.run()
    assert groups.snapshot() == before


def test_a_file_that_changed_after_the_choice_is_treated_as_ever(groups: Tree, runs: Runs) -> None:
    outcome = run(runs, keep("big 2"), between=lambda: groups.path("big 2").write_text("other" * 18))
    assert outcome.done == 0
    assert {problem.state for problem in outcome.problems} == {RecordState.CHANGED}
    assert {"big 1", "big 2", "big 3"} < left(groups)


def test_memory_does_not_grow_with_the_choices() -> None:
    choices = KeeperChoices()
    tracemalloc.start()
    for number in range(20_000):
        choices.set(number, (1, 2))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000
    assert (choices.get(19_999), choices.get(20_000)) == (choices.get(0), None)
    assert (choices.count_before(9000), choices.last_before(9000), choices.last_before(0)) == (9000, 8999, None)
    choices.close()
