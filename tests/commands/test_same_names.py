"""Many files of one name and one size in one target folder: each is read a few times at most, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fileorg.content.digest import SMALL_BYTES
from fileorg.core.model import Action, OnConflict
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

FILES = 60
READS_A_FILE = 5


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Record the names of the files that are opened for reading."""
    names: list[bytes] = []
    open_read = LocalStorage.open_read

    def counting(self: LocalStorage, folder: bytes, name: bytes) -> Any:
        names.append(name)
        return open_read(self, folder, name)

    monkeypatch.setattr(LocalStorage, "open_read", counting)
    return names


def small(number: int) -> str:
    return f"{number:05}"


def same_edges(number: int) -> str:
    return "x" * SMALL_BYTES + f"{number:05}" + "x" * SMALL_BYTES


def same_start(number: int) -> str:
    return "x" * SMALL_BYTES + f"{number:05}"


def write(tree: Tree, content: Any, first: int = 0, name: str = "a.jpg") -> set[str]:
    made = {f"{number}/{name}": content(number) for number in range(first, first + FILES)}
    tree.write(made)
    return set(made.values())


def in_images(tree: Tree) -> list[str]:
    return [content for path, content in tree.read().items() if path.startswith("Images/")]


@pytest.mark.parametrize("content", [small, same_edges, same_start])
def test_of_other_content_each(tree: Tree, runs: Runs, opened: list[bytes], content: Any) -> None:
    contents = write(tree, content)
    before = tree.snapshot()
    assert len(runs.dry_run(recursive=True)) >= FILES
    assert len(opened) <= READS_A_FILE * FILES
    runs.organize(recursive=True)
    assert sorted(in_images(tree)) == sorted(contents)
    assert tree.path(f"Images/a ({FILES}).jpg").exists()
    runs.undo()
    assert tree.snapshot() == before


@pytest.mark.parametrize("content", [small, same_edges])
def test_into_a_folder_that_has_as_many(tree: Tree, runs: Runs, opened: list[bytes], content: Any) -> None:
    contents = write(tree, content)
    runs.organize(recursive=True)
    contents |= write(tree, content, first=FILES // 2)
    opened.clear()
    runs.organize(recursive=True)
    assert len(opened) <= READS_A_FILE * 2 * FILES
    assert sorted(in_images(tree)) == sorted(contents)
    assert len([path for path in tree.read() if path.endswith("/a.jpg")]) == FILES // 2 + 1


def test_of_the_same_content(tree: Tree, runs: Runs, opened: list[bytes]) -> None:
    write(tree, lambda _: "same")
    runs.organize(recursive=True)
    assert in_images(tree) == ["same"]
    assert len(opened) <= READS_A_FILE * FILES


@pytest.mark.parametrize("on_conflict", [OnConflict.SKIP, OnConflict.KEEP_NEWER])
def test_where_none_gets_a_number(tree: Tree, runs: Runs, opened: list[bytes], on_conflict: OnConflict) -> None:
    write(tree, small)
    runs.organize(recursive=True, on_conflict=on_conflict)
    assert len(in_images(tree)) == 1
    assert len(opened) <= READS_A_FILE * FILES


def test_a_second_run_that_makes_symlinks(tree: Tree, runs: Runs, opened: list[bytes]) -> None:
    write(tree, small)
    runs.organize(recursive=True, action=Action.SYMLINK)
    opened.clear()
    runs.organize(recursive=True, action=Action.SYMLINK)
    assert len(opened) <= READS_A_FILE * FILES
    assert len([path for path in tree.read() if path.startswith("Images/")]) == FILES


def test_the_first_of_the_same_content_is_named(tree: Tree, runs: Runs) -> None:
    tree.write(
        {"Images/a.jpg": "0000", "Images/a (2).jpg": "1111", "Images/a (3).jpg": "2222", "Images/a (4).jpg": "1111"}
    )
    tree.write({"x/a.jpg": "1111", "y/a.jpg": "3333", "z/a.jpg": "3333"})
    runs.organize(recursive=True)
    reported = {record.source_folder: record.reason.about for record in runs.records(1) if record.reason is not None}
    assert reported == {b"x": b"Images/a (2).jpg", b"z": b"y/a.jpg"}
