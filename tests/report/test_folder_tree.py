"""The folders that received files, as a tree that fits on a page."""

from __future__ import annotations

from fileorg.report.content import FolderShare
from fileorg.report.folder_tree import MAX_FOLDERS, tree_of

ROOT = b"/home/you/Downloads"


def test_folders_are_summed_up_along_the_tree() -> None:
    went = [(ROOT + b"/Images/2023", 2, 20), (ROOT + b"/Images/2024/05/raw/x", 3, 30), (ROOT + b"/Music", 1, 5)]
    assert tree_of(went, [ROOT]) == [
        FolderShare(ROOT + b"/Images", 0, 5, 50),
        FolderShare(ROOT + b"/Images/2023", 1, 2, 20),
        FolderShare(ROOT + b"/Images/2024", 1, 3, 30),
        FolderShare(ROOT + b"/Images/2024/05", 2, 3, 30),
        FolderShare(ROOT + b"/Music", 0, 1, 5),
    ]


def test_the_root_itself_and_several_roots() -> None:
    assert tree_of([(ROOT, 2, 20)], [ROOT]) == [FolderShare(ROOT, 0, 2, 20)]
    assert tree_of([(b"/a/x", 1, 1), (b"/b", 2, 2)], [b"/a", b"/b"]) == [
        FolderShare(b"/a", 0, 1, 1),
        FolderShare(b"/a/x", 1, 1, 1),
        FolderShare(b"/b", 0, 2, 2),
    ]
    assert tree_of([], [ROOT]) == []


def test_levels_are_left_out_until_it_fits_and_small_folders_after_that() -> None:
    deep = [(ROOT + b"/%d/%d" % (top, below), 1, 1) for top in range(20) for below in range(40)]
    assert [place.files for place in tree_of(deep, [ROOT])] == [40] * 20
    wide = [(ROOT + b"/%04d" % number, number, 1) for number in range(1, 2 * MAX_FOLDERS)]
    shown = tree_of(wide, [ROOT])
    assert len(shown) <= MAX_FOLDERS
    assert min(place.files for place in shown) > MAX_FOLDERS - 2


def test_any_bytes() -> None:
    assert tree_of([(b"/r/\xff\n/<b>", 1, 1)], [b"/r"]) == [
        FolderShare(b"/r/\xff\n", 0, 1, 1),
        FolderShare(b"/r/\xff\n/<b>", 1, 1, 1),
    ]
