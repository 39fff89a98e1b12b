"""A case-insensitive file system on which renames may replace: an NTFS disk, as on many machines."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.model import Action, By, OnConflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root


@pytest.fixture
def ntfs(tmp_path: Path) -> Iterator[Path]:
    """An empty disk on which `a` and `A` are the same name."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("mkfs.ntfs", "lowntfs-3g"))):
        pytest.skip("mounting an NTFS disk needs root, mkfs.ntfs and lowntfs-3g")
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ntfs", "-F", "-q", image], check=True, capture_output=True)
    mount = ["lowntfs-3g", "-o", "ignore_case", str(image), str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("an NTFS disk cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def there(ntfs: Path, state: StateDirectory) -> Runs:
    """The runs on a tree on that disk."""
    return Runs(Tree(ntfs / "tree"), state)


def read(tree: Tree) -> dict[str, str]:
    """Return the files with names in lower case, as this driver lists them."""
    return {path.lower(): content for path, content in tree.read().items()}


def test_names_that_differ_in_case_only_clash(there: Runs) -> None:
    tree = there.tree
    tree.write({"a.jpg": "1", "x/A.JPG": "2", "x/B.jpg": "3", "Images/b.JPG": "4"})
    before = tree.snapshot()
    assert there.organize(recursive=True).problems == []
    assert read(tree) == {
        "images/a.jpg": "1",
        "images/a (2).jpg": "2",
        "images/b.jpg": "4",
        "images/b (2).jpg": "3",
        "x/": "",
    }
    assert there.organize(recursive=True).done == 0
    assert there.undo().problems == []
    assert tree.snapshot() == before


def test_identical_content_under_a_name_of_another_case(there: Runs) -> None:
    tree = there.tree
    tree.write({"A.jpg": "same", "Images/a.JPG": "same"})
    before = tree.snapshot()
    assert there.organize().done == 0
    assert tree.snapshot() == before


def test_a_category_folder_of_another_case_is_the_same_one(there: Runs) -> None:
    tree = there.tree
    tree.write({"a.jpg": "1", "images/b.jpg": "2", "IMAGES/song.mp3": "3"})
    there.organize(recursive=True)
    assert read(tree) == {"images/a.jpg": "1", "images/b.jpg": "2", "images/song.mp3": "3"}


def test_what_is_in_place_is_so_in_any_case(there: Runs) -> None:
    tree = there.tree
    tree.write({"JPG/b.jpg": "1", "a.jpg": "2"})
    assert there.organize(by=By.EXTENSION, recursive=True).done == 1
    assert read(tree) == {"jpg/a.jpg": "2", "jpg/b.jpg": "1"}


def test_keep_newer_where_case_does_not_matter(there: Runs) -> None:
    tree = there.tree
    tree.write({"A.jpg": "new", "Images/a.JPG": "old"})
    tree.date("Images/a.JPG", "2020-01-01")
    before = tree.snapshot()
    there.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert read(tree) == {"images/a.jpg": "new", ".fileorg/trash/1/images/a.jpg": "old"}
    there.undo()
    assert tree.snapshot() == before


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_to_such_a_disk_and_back(tree: Tree, runs: Runs, ntfs: Path, action: Action) -> None:
    """The disk is not empty: its names show whether it is case-sensitive."""
    (ntfs / "there already").mkdir()
    tree.write({"a.jpg": "1", "x/A.jpg": "2", "x/b.jpg": "3"})
    tree.path("a.jpg").chmod(0o640)
    tree.date("a.jpg", "2020-01-02")
    before = tree.snapshot()
    assert runs.organize(action=action, dest=ntfs, recursive=True).done == 3
    assert sorted(os.listdir(ntfs / "Images")) == ["a (2).jpg", "a.jpg", "b.jpg"]
    assert runs.undo().problems == []
    assert not (ntfs / "Images").exists()
    assert tree.snapshot() == before  # including modes, which the disk does not have, and all digits of the times


def test_an_operation_is_undone_after_the_disk_was_plugged_in_again(there: Runs, ntfs: Path, tmp_path: Path) -> None:
    tree = there.tree
    tree.write({"a.jpg": "1", "x/b.jpg": "2"})
    before = tree.snapshot()
    there.organize(recursive=True)
    subprocess.run(["umount", str(ntfs)], check=True)
    subprocess.run(["lowntfs-3g", "-o", "ignore_case", str(tmp_path / "image"), str(ntfs)], check=True)
    assert there.undo().problems == []
    assert tree.snapshot() == before
