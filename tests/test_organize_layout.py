"""Where files go, and which stay: a tree before, a command, the tree after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.model import By

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


def test_by_category(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.PDF": "2", "c.tar.gz": "3", "d.mp3": "4", "README": "5"})
    outcome = runs.organize()
    assert tree.read() == {
        "Images/a.jpg": "1",
        "Documents/b.PDF": "2",
        "Archives/c.tar.gz": "3",
        "Audio/d.mp3": "4",
        "README": "5",
    }
    assert (outcome.done, outcome.problems) == (4, [])


def test_by_date(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "README": "2"})
    tree.date("a.jpg", "2023-04-05")
    tree.date("README", "2021-12-31T23:59:59")
    runs.organize(by=By.DATE)
    assert tree.read() == {"2023/04/a.jpg": "1", "2021/12/README": "2"}
