"""Dedupe treats a file and its sidecars as one: identical bytes alone do not make a sidecar a duplicate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fileorg.content.keeper import Keep

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

ACTIONS = ["quarantine", "hardlink", "symlink"]
PAIR = {"c1.dat": "a plain pair", "c2.dat": "a plain pair"}


def left(tree: Tree) -> dict[str, str]:
    """Return the files outside the trash, without links."""
    return {path: text for path, text in tree.read().items() if ".fileorg" not in path and " -> " not in text}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "files",
    [
        {
            f"IMG_{number}.{kind}": f"picture {number}" if kind == "HEIC" else "one filter"
            for number in range(3)
            for kind in ("HEIC", "AAE")
        },
        {
            f"{number}.{kind}": f"film {number}" if kind == "mkv" else "words"
            for number in range(3)
            for kind in ("mkv", "en.srt")
        },
        {
            f"{number}.{kind}": f"picture {number}" if kind == "cr2" else "edit"
            for number in range(2)
            for kind in ("cr2", "cr2.xmp", "cr2.pp3")
        },
        {
            f"x{number}.{part}": f"part {part[-1]}" if part != "001" else f"first {number}"
            for number in range(2)
            for part in ("001", "002", "003")
        },
        {"a.iso": "1", "b.iso": "2", "a.iso.sha256": "sum", "b.iso.sha256": "sum"},
        {"a/data.shp": "1", "a/data.prj": "same", "b/data.shp": "2", "b/data.prj": "same"},
    ],
)
def test_files_of_different_groups_stay(tree: Tree, runs: Runs, action: str, files: dict[str, str]) -> None:
    tree.write(files | PAIR)
    before = tree.snapshot()
    assert runs.dedupe(action).done == 1
    after = tree.read()
    assert {path: after.get(path) for path in files} == files
    assert all(not tree.path(path).is_symlink() and tree.path(path).stat().st_nlink == 1 for path in files)
    runs.undo()
    assert tree.snapshot() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_group_that_is_there_twice_goes_as_a_whole(tree: Tree, runs: Runs, action: str) -> None:
    group = {"i.HEIC": "picture", "i.MOV": "film", "i.AAE": "edit", "i.HEIC.xmp": ""}
    tree.write({f"{folder}/{name}": text for folder in "ab" for name, text in group.items()} | {"c/i.HEIC": "other"})
    before = tree.snapshot()
    outcome = runs.dedupe(action)
    assert outcome.problems == []
    if action == "quarantine":
        assert left(tree) == {f"a/{name}": text for name, text in group.items()} | {"b/": "", "c/i.HEIC": "other"}
    else:
        assert outcome.done == 4
    runs.undo()
    assert tree.snapshot() == before
    runs.redo()
    runs.undo()
    assert tree.snapshot() == before


@pytest.mark.parametrize("differs", ["another edit", None])
def test_a_group_whose_twin_is_not_whole_stays(tree: Tree, runs: Runs, differs: str | None) -> None:
    tree.write({"a/i.jpg": "picture", "a/i.xmp": "edit", "b/i.jpg": "picture"})
    if differs is None:
        tree.write({"b/i.aae": "edit"})
    else:
        tree.write({"b/i.xmp": differs})
    before = tree.read()
    assert runs.dedupe("quarantine").done == 0
    assert tree.read() == before


def test_of_a_group_and_a_loose_copy_the_group_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "picture", "b/a.jpg": "picture", "b/a.xmp": "edit"})
    runs.dedupe("quarantine", keep=[Keep.FIRST])
    assert left(tree) == {"b/a.jpg": "picture", "b/a.xmp": "edit"}


def test_of_a_loose_copy_all_names_go(tree: Tree, runs: Runs) -> None:
    tree.write({"a": "picture", "c/a.jpg": "picture", "c/a.xmp": "edit"})
    tree.path("b").hardlink_to(tree.path("a"))
    before = tree.snapshot()
    runs.dedupe("quarantine")
    assert left(tree) == {"c/a.jpg": "picture", "c/a.xmp": "edit"}
    assert runs.dedupe("quarantine").done == 0
    runs.undo(1)
    assert tree.snapshot() == before


@pytest.mark.parametrize("loose", ["0", "z"])
def test_a_loose_copy_of_two_groups_is_linked_once(tree: Tree, runs: Runs, loose: str) -> None:
    tree.write({loose: "picture", "a.jpg": "picture", "a.xmp": "1", "b.jpg": "picture", "b.xmp": "2"})
    assert runs.dedupe("hardlink").done == 1
    assert tree.path(loose).samefile(tree.path("a.jpg"))
    assert runs.dedupe("hardlink").done == 0


def test_a_loose_copy_of_a_reference_and_a_group(tree: Tree, runs: Runs) -> None:
    """Files in the reference stay, and so does the group, whose edit exists nowhere else."""
    tree.write({"ref/a.jpg": "picture", "in/a.jpg": "picture", "in/a.xmp": "edit", "in/b.jpg": "picture"})
    runs.dedupe("quarantine", references=[tree.path("ref")], roots=[tree.path("in")])
    assert left(tree).keys() == {"ref/a.jpg", "in/a.jpg", "in/a.xmp"}


def test_a_group_of_which_one_file_is_protected_stays(tree: Tree, runs: Runs) -> None:
    tree.write({f"{folder}/{name}": name for folder in "ab" for name in ("i.jpg", "i.xmp")})
    before = tree.read()
    assert runs.dedupe("quarantine", protect=["b/i.xmp"]).done == 0
    assert tree.read() == before


def test_a_side_car_that_changes_meanwhile_keeps_its_file(tree: Tree, runs: Runs) -> None:
    tree.write({f"{folder}/{name}": name for folder in "ab" for name in ("i.jpg", "i.xmp")})
    runs.dedupe("quarantine", between=lambda: tree.write({"b/i.xmp": "edited since"}))
    assert left(tree).keys() == {"a/i.jpg", "a/i.xmp", "b/i.jpg", "b/i.xmp"}


def test_alone_they_are_duplicates(tree: Tree, runs: Runs) -> None:
    tree.write({"1.AAE": "one filter", "2.AAE": "one filter"})
    assert runs.dedupe("quarantine").done == 1


def test_the_report_lists_no_parts_of_groups(tree: Tree, runs: Runs) -> None:
    tree.write({"1.HEIC": "1", "1.AAE": "filter", "2.HEIC": "2", "2.AAE": "filter"} | PAIR)
    assert runs.duplicates() == [["c1.dat", "c2.dat"]]
