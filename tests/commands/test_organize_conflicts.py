"""Two files claim one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import GuardRefused
from fileorg.core.model import Action, By, OnConflict, RecordState
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


def reasons(runs: Runs, operation: int = 1) -> dict[bytes, str | None]:
    """Return source path → why the file was skipped."""
    skipped = runs.records(operation, RecordState.SKIPPED)
    return {record.source_folder + b"/" + record.source_name: sentence(record.reason) for record in skipped}


# Rename --------------------------------------------------------------------------------------------------------------


def test_a_name_clash_gets_a_number(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "one", "Images/a.jpg": "two"})
    runs.organize()
    assert tree.read() == {"Images/a.jpg": "two", "Images/a (2).jpg": "one"}


def test_a_clash_within_the_plan(tree: Tree, runs: Runs) -> None:
    tree.write({"a.tar.gz": "1", "x/a.tar.gz": "2", "y/a.tar.gz": "3"})
    runs.organize(recursive=True)
    assert tree.read() == {
        "Archives/a.tar.gz": "1",
        "Archives/a (2).tar.gz": "2",
        "Archives/a (3).tar.gz": "3",
        "x/": "",
        "y/": "",
    }


def test_numbers_that_are_taken_are_passed_over(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "Images/a.jpg": "1", "Images/a (2).jpg": "2", "Images/a (3).jpg/": ""})
    runs.organize()
    assert tree.read()["Images/a (4).jpg"] == "new"


def test_a_number_is_left_to_the_file_that_has_it_by_nature(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/a.jpg": "2", "x/a (2).jpg": "3", "y/a (2).jpg": "4"})
    runs.organize(recursive=True)
    assert tree.read() == {
        "Images/a.jpg": "1",
        "Images/a (3).jpg": "2",
        "Images/a (2).jpg": "3",
        "Images/a (2) (2).jpg": "4",
        "x/": "",
        "y/": "",
    }


def test_a_folder_of_that_name_is_in_the_way(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "Images/a.jpg/inside": "2"})
    runs.organize()
    assert tree.read() == {"Images/a (2).jpg": "1", "Images/a.jpg/inside": "2"}


def test_files_that_swap_places_do_not_meet(tree: Tree, runs: Runs) -> None:
    tree.write({"2022/01/a": "of 2023", "2023/01/a": "of 2022"})
    tree.date("2022/01/a", "2023-01-01")
    tree.date("2023/01/a", "2022-01-01")
    runs.organize(by=By.DATE, recursive=True)
    assert tree.read() == {"2023/01/a (2)": "of 2023", "2022/01/a (2)": "of 2022"}


def test_a_full_name_is_cut_for_its_number(tree: Tree, runs: Runs) -> None:
    name = "x" * 251 + ".jpg"
    tree.write({name: "1", f"Images/{name}": "2"})
    before = tree.snapshot()
    runs.organize()
    assert tree.read() == {f"Images/{name}": "2", "Images/" + "x" * 247 + " (2).jpg": "1"}
    runs.undo()
    assert tree.snapshot() == before


# Identical content ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_conflict", list(OnConflict))
def test_identical_content_is_never_kept_twice(tree: Tree, runs: Runs, on_conflict: OnConflict) -> None:
    tree.write({"a.jpg": "same", "Images/a.jpg": "same"})
    before = tree.snapshot()
    outcome = runs.organize(on_conflict=on_conflict)
    assert tree.snapshot() == before
    assert outcome.done == 0
    assert reasons(runs) == {b"/a.jpg": "identical to Images/a.jpg"}


def test_identical_to_a_numbered_one(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "same", "Images/a.jpg": "1", "Images/a (2).jpg": "2", "Images/a (3).jpg": "same"})
    before = tree.snapshot()
    runs.organize()
    assert tree.snapshot() == before
    assert reasons(runs) == {b"/a.jpg": "identical to Images/a (3).jpg"}


def test_identical_to_one_of_another_family(tree: Tree, runs: Runs) -> None:
    """`a (2).jpg` may have been met as the second `a.jpg` before its own name is requested."""
    tree.write({"a.jpg": "1", "a (2).jpg": "same", "Images/a.jpg": "3", "Images/a (2).jpg": "same"})
    runs.organize()
    assert tree.read() == {
        "a (2).jpg": "same",
        "Images/a.jpg": "3",
        "Images/a (2).jpg": "same",
        "Images/a (3).jpg": "1",
    }


def test_identical_within_the_plan(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "same", "x/a.jpg": "other", "y/a.jpg": "same"})
    runs.organize(recursive=True)
    assert tree.read() == {"Images/a.jpg": "same", "Images/a (2).jpg": "other", "x/": "", "y/a.jpg": "same"}
    assert reasons(runs) == {b"y/a.jpg": "identical to a.jpg"}


def test_the_same_size_is_not_the_same_content(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "x" * 3_000_000 + "1", "Images/a.jpg": "x" * 3_000_000 + "2"})
    runs.organize()
    assert tree.read().keys() == {"Images/a.jpg", "Images/a (2).jpg"}


def test_two_names_of_one_file_are_identical(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1"})
    tree.path("y").mkdir()
    tree.path("y/a.jpg").hardlink_to(tree.path("x/a.jpg"))
    runs.organize(recursive=True)
    assert tree.read() == {"Images/a.jpg": "1", "x/": "", "y/a.jpg": "1"}


def test_a_symlink_to_the_file_is_no_copy_of_it(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "Images/a.jpg": "-> ../a.jpg"})
    runs.organize()
    assert tree.read() == {"Images/a (2).jpg": "1", "Images/a.jpg": "-> ../a.jpg"}


def test_a_symlink_where_a_folder_or_a_link_to_nowhere_is(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "Images/a.jpg/inside": "3", "Images/b.jpg": "-> /nowhere"})
    runs.organize(action=Action.SYMLINK)
    assert runs.organize(action=Action.SYMLINK).done == 0
    assert tree.read() == {
        "a.jpg": "1",
        "b.jpg": "2",
        "Images/a.jpg/inside": "3",
        "Images/a (2).jpg": "-> ../a.jpg",
        "Images/b.jpg": "-> /nowhere",
        "Images/b (2).jpg": "-> ../b.jpg",
    }


def test_a_symlink_to_another_file_is_another_one(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "Images/a.jpg": "-> ../b.jpg"})
    runs.organize(action=Action.SYMLINK)
    assert tree.read() == {
        "a.jpg": "1",
        "b.jpg": "2",
        "Images/a.jpg": "-> ../b.jpg",
        "Images/a (2).jpg": "-> ../a.jpg",
        "Images/b.jpg": "-> ../b.jpg",
    }


# Skip, fail ----------------------------------------------------------------------------------------------------------


def test_skip(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/b.jpg": "2", "y/b.jpg": "3", "Images/a.jpg": "4"})
    runs.organize(on_conflict=OnConflict.SKIP, recursive=True)
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "4", "Images/b.jpg": "2", "x/": "", "y/b.jpg": "3"}
    assert reasons(runs) == {
        b"/a.jpg": "the name is taken: Images/a.jpg",
        b"y/b.jpg": "the name is taken: x/b.jpg",
    }


def test_fail(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "Images/a.jpg": "3"})
    before = tree.snapshot()
    with pytest.raises(GuardRefused, match=r"1 name already taken by other files: a\.jpg\."):
        runs.organize(on_conflict=OnConflict.FAIL)
    assert tree.snapshot() == before


def test_fail_names_the_first_few(tree: Tree, runs: Runs) -> None:
    tree.write({f"{place}{number}.jpg": place + str(number) for place in ("", "x/") for number in range(4)})
    with pytest.raises(GuardRefused, match=r"4 names already taken by other files: x/0\.jpg, x/1\.jpg, x/2\.jpg, …\."):
        runs.organize(on_conflict=OnConflict.FAIL, recursive=True)


def test_fail_without_a_conflict(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1"})
    assert runs.organize(on_conflict=OnConflict.FAIL).done == 1
