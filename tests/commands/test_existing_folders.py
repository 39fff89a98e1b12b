"""A folder that is there in another case is used: nobody wants `images` and `Images`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import By
from fileorg.core.reasons import ReasonCode

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


@pytest.mark.parametrize("folder", ["images", "IMAGES", "Images"])
def test_a_category_folder_in_another_case(tree: Tree, runs: Runs, folder: str) -> None:
    tree.write({"a.jpg": "a", f"{folder}/old.jpg": "old", "b.txt": "b"})
    before = tree.snapshot()
    runs.organize()
    assert tree.read() == {f"{folder}/a.jpg": "a", f"{folder}/old.jpg": "old", "Documents/b.txt": "b"}
    runs.undo()
    assert tree.snapshot() == before


def test_two_words(tree: Tree, runs: Runs) -> None:
    tree.write({"a.iso": "a", "Disk Images/old.iso": "old"})
    runs.organize()
    assert tree.read() == {"Disk Images/a.iso": "a", "Disk Images/old.iso": "old"}


def test_the_exact_name_comes_first(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "a", "images/old.jpg": "old", "Images/new.jpg": "new"})
    runs.organize()
    assert tree.read() == {"Images/a.jpg": "a", "images/old.jpg": "old", "Images/new.jpg": "new"}


def test_of_several_none_is_chosen(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "a", "images/old.jpg": "old", "IMAGES/new.jpg": "new"})
    runs.organize()
    assert tree.read() == {"Images/a.jpg": "a", "images/old.jpg": "old", "IMAGES/new.jpg": "new"}


def test_a_file_in_another_case_is_no_folder(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "a", "images": "no folder"})
    runs.organize()
    assert tree.read() == {"Images/a.jpg": "a", "images": "no folder"}


def test_files_in_it_stay_with_r(tree: Tree, runs: Runs) -> None:
    tree.write({"sub/a.jpg": "a", "images/deep/old.jpg": "old", "images/x.txt": "x"})
    runs.organize(recursive=True)
    assert tree.read() == {"images/a.jpg": "a", "images/deep/old.jpg": "old", "images/x.txt": "x", "sub/": ""}
    assert runs.dry_run(recursive=True) == []


def test_a_conflict_in_it(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "images/a.jpg": "old"})
    runs.organize()
    assert tree.read() == {"images/a (2).jpg": "new", "images/a.jpg": "old"}


def test_folders_of_a_template(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "a", "photos/JPG/old.jpg": "old"})
    runs.organize(template="Photos/{extension}")
    assert tree.read() == {"photos/JPG/a.jpg": "a", "photos/JPG/old.jpg": "old"}


def test_in_a_destination(tree: Tree, runs: Runs) -> None:
    tree.write({"in/a.jpg": "a", "out/images/old.jpg": "old"})
    runs.organize(root=tree.path("in"), dest=tree.path("out"))
    assert tree.read() == {"in/": "", "out/images/a.jpg": "a", "out/images/old.jpg": "old"}


def test_by_extension(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "a", "JPG/old.jpg": "old"})
    runs.organize(by=By.EXTENSION)
    assert tree.read() == {"JPG/a.jpg": "a", "JPG/old.jpg": "old"}


def test_a_symlink_to_a_folder_of_the_tree_is_planned_by_that_folder(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "b.jpg": "b", "my/photos/a.jpg": "old", "Images": "-> my/photos", "c.txt": "c"})
    before = tree.snapshot()
    runs.organize()
    assert tree.read() == {
        "my/photos/a (2).jpg": "new", "my/photos/a.jpg": "old", "my/photos/b.jpg": "b", "Images": "-> my/photos",
        "Documents/c.txt": "c",
    }  # fmt: skip
    assert runs.dry_run(recursive=True) == []
    runs.undo()
    assert tree.snapshot() == before


def test_two_names_of_one_folder_share_its_names(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "jpg", "sub/a.jpg": "jpg of sub", "2020/x": "", "jpg": "-> 2020", "to/y": ""})
    tree.write({"2021": "-> 2020"})
    tree.date("a.jpg", "2020-05-01")
    tree.date("sub/a.jpg", "2021-05-01")
    runs.organize(template="{year}/{name}", recursive=True)
    assert {path: tree.read()[path] for path in tree.read() if path.startswith("2020/a")} == {
        "2020/a.jpg": "jpg", "2020/a (2).jpg": "jpg of sub",
    }  # fmt: skip


@pytest.mark.parametrize("leads_to", ["../outside", "nowhere", "a.jpg", ".", "Images"])
def test_a_symlink_that_leads_elsewhere_stays_and_so_do_its_files(tree: Tree, runs: Runs, leads_to: str) -> None:
    (tree.root.parent / "outside").mkdir()
    tree.write({"a.jpg": "a", "b.txt": "b", "Images": f"-> {leads_to}"})
    (row,) = [row for row in runs.dry_run() if row.source_name == b"a.jpg"]
    assert row.reason is not None
    assert row.reason.code is ReasonCode.SYMLINK_IN_THE_WAY
    runs.organize()
    assert tree.read() == {"a.jpg": "a", "Documents/b.txt": "b", "Images": f"-> {leads_to}"}
    assert list((tree.root.parent / "outside").iterdir()) == []
