"""Another disk is at the place of the destination when an interrupted operation is recovered."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import open_again, recovered

from fileorg.core.events import NullReporter
from fileorg.core.model import Action
from fileorg.journal.journal import Journal
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.disks import Disk
    from tests.support.runs import Runs
    from tests.support.tree import Tree

pytestmark = pytest.mark.root


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    yield place
    while os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


def _mount_new(place: Path) -> Path:
    """Mount a new disk at `place`, above the one that is there, and return a folder on it. It has the same number on
    each of these disks.
    """
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)
    folder = place / "Photos"
    folder.mkdir()
    return folder


def _is_left_open(runs: Runs) -> bool:
    recover_all(runs.state, NullReporter())
    with Journal(runs.state.journal, read_only=True) as journal:
        return [operation.id for operation in journal.open_operations()] == [1]


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_a_disk_whose_folder_has_the_same_number(tree: Tree, runs: Runs, place: Path, action: Action) -> None:
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    before = tree.snapshot()
    folder = _mount_new(place)
    inode = folder.stat().st_ino
    assert runs.organize(dest=folder, action=action).problems == []
    open_again(runs)
    _mount_new(place)
    assert folder.stat().st_ino == inode
    assert _is_left_open(runs)
    subprocess.run(["umount", str(place)], check=True)
    assert recovered(runs) == [("done", None)] * 2
    assert runs.undo().problems == []
    assert tree.snapshot() == before
    assert os.listdir(folder) == []


def test_a_card_beside_the_originals(tree: Tree, runs: Runs, exfat: Runs, exfat_disk: Disk) -> None:
    """The originals, which have not moved, do not show that the card is the right one."""
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    before = tree.snapshot()
    card = exfat_disk.place / "tree"
    assert runs.organize(dest=card, action=Action.COPY).problems == []
    open_again(runs, state="done")
    card.rename(exfat_disk.place / "the right one")
    card.mkdir()
    exfat_disk.plug_in_again()
    assert _is_left_open(runs)
    card.rmdir()
    (exfat_disk.place / "the right one").rename(card)
    assert recovered(runs) == [("done", None)] * 2
    assert runs.undo().problems == []
    assert tree.snapshot() == before
    assert exfat.tree.read() == {}


@pytest.mark.parametrize("one_is_deleted", [False, True])
def test_a_card_that_nothing_has_reached_yet(tree: Tree, runs: Runs, exfat: Runs, *, one_is_deleted: bool) -> None:
    """Nothing on it can show which card it is, and nothing on it can be wrong. If an original is gone since, someone
    has deleted it.
    """
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    assert runs.organize(dest=exfat.tree.root, action=Action.COPY).problems == []
    open_again(runs)
    for folder in exfat.tree.root.iterdir():
        for file in folder.iterdir():
            file.unlink()
    if one_is_deleted:
        tree.path("a.jpg").unlink()
    before = tree.snapshot()
    assert not _is_left_open(runs)
    assert tree.snapshot() == before


def test_a_card_on_which_others_have_removed_all_copies(tree: Tree, runs: Runs, exfat: Runs) -> None:
    """The folders, which the operation has changed, show that the card is the right one."""
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    before = tree.snapshot()
    assert runs.organize(dest=exfat.tree.root, action=Action.COPY).problems == []
    open_again(runs, state="done")
    for folder in exfat.tree.root.iterdir():
        for file in folder.iterdir():
            file.unlink()
    assert not _is_left_open(runs)
    assert tree.snapshot() == before
