"""Folders with the same content are reported as one group."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.runs import Runs

ALBUM = {"1.jpg": "one", "2.jpg": "two", "raw/1.raw": "raw", "raw/deep/er.txt": "deep"}


def album(folder: str, **changed: str) -> dict[str, str]:
    return {f"{folder}/{name}": content for name, content in (ALBUM | changed).items()}


def folders(runs: Runs, **options: Any) -> list[list[str]]:
    """Return the groups of folders, in alphabetical order."""
    top = os.fsencode(runs.tree.root)
    with runs.deduping(**options) as run:
        paths = run.trees.paths
        groups = [[os.path.join(paths[root], folder) for root, folder in group.members] for group in run.folders()]
    return sorted([os.fsdecode(os.path.relpath(path, top)) for path in group] for group in groups)


def left(runs: Runs) -> int:
    """Return the number of groups that are not part of duplicate folders."""
    with runs.deduping() as run:
        return sum(not run.is_of_folders(group) for group in run.groups())


def test_a_copy_of_a_tree_is_one_group_and_its_parts_are_none(runs: Runs) -> None:
    runs.tree.write(album("a") | album("b/copy") | {"c.txt": "else"})
    assert folders(runs) == [["a", "b/copy"]]
    assert left(runs) == 0
    assert folders(runs) == [["a", "b/copy"]]  # again, from the index


def test_a_part_that_is_elsewhere_too_is_a_group(runs: Runs) -> None:
    runs.tree.write(album("a") | album("b") | {"c/1.raw": "raw", "c/deep/er.txt": "deep", "d.txt": "deep"})
    assert folders(runs) == [["a", "b"], ["a/raw", "b/raw", "c"]]
    assert left(runs) == 1  # with d.txt


@pytest.mark.parametrize(
    "changed",
    [
        {"1.jpg": "On1"},
        {"raw/deep/er.txt": "else"},
        {"3.jpg": "one more"},
        {"3.jpg": "one"},
        {"raw/deep/empty.txt": ""},
        {"link": "-> 1.jpg"},
        {"raw/.hidden": "x"},
        {"raw/empty/": ""},
        {"raw/.git/config": "x"},
    ],
)
def test_a_difference_anywhere_makes_it_no_copy(runs: Runs, changed: dict[str, str]) -> None:
    runs.tree.write(album("a") | album("b", **changed))
    assert ["a", "b"] not in folders(runs)


def test_another_name_makes_it_no_copy(runs: Runs) -> None:
    runs.tree.write(album("a") | {name.replace("2.jpg", "3.jpg"): content for name, content in album("b").items()})
    assert folders(runs) == [["a/raw", "b/raw"]]


def test_empty_files_and_litter_of_systems_do_not_matter(runs: Runs) -> None:
    runs.tree.write(album("a", empty="") | album("b", empty="") | {"b/.DS_Store": "x"})
    assert folders(runs) == [["a", "b"]]


def test_whole_trees(runs: Runs) -> None:
    runs.tree.write(album("a") | album("b"))
    roots = [runs.tree.path("a"), runs.tree.path("b")]
    assert folders(runs, roots=roots) == [["a", "b"]]


@pytest.mark.parametrize("other", ["else", ".hidden"])
def test_a_difference_under_a_name_that_sorts_after_all_others(runs: Runs, other: str) -> None:
    last = "\udcff" * 9
    runs.tree.write({"a/1.jpg": "one", f"a/{last}/x": "x", "b/1.jpg": "one", f"b/{last}/{other}": "y"})
    roots = [runs.tree.path("a"), runs.tree.path("b")]
    assert folders(runs, roots=roots) == []


def test_a_folder_in_which_something_was_too_small_to_be_compared_is_none(runs: Runs) -> None:
    runs.tree.write(album("a") | album("b"))
    assert folders(runs, min_size=4) == [["a/raw/deep", "b/raw/deep"]]


def test_a_folder_of_more_files_than_a_batch(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.storage.local.listing.BATCH_ENTRIES", 3)
    for folder in ("a", "b"):
        runs.tree.write({f"{folder}/{number}": f"x{number}" for number in range(10)})
    assert folders(runs) == [["a", "b"]]
    runs.tree.write({"b/9": "x8"})
    assert folders(runs) == []
