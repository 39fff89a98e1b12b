"""Target folders, and files that stay: a tree before, a command, the tree after."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.model import Action, By
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


# Criteria ------------------------------------------------------------------------------------------------------------


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


def test_by_extension(tree: Tree, runs: Runs) -> None:
    tree.write({"a.JPG": "1", "b.tar.gz": "2", "README": "3", "c.unheard": "4"})
    runs.organize(by=By.EXTENSION)
    assert tree.read() == {
        "jpg/a.JPG": "1",
        "tar.gz/b.tar.gz": "2",
        "No extension/README": "3",
        "unheard/c.unheard": "4",
    }


def test_by_a_template(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    tree.date("a.jpg", "2023-04-05")
    tree.date("b.mp3", "2022-01-02")
    runs.organize(template="Sorted/{category}/{year}-{month}/{name}")
    assert tree.read() == {"Sorted/Images/2023-04/a.jpg": "1", "Sorted/Audio/2022-01/b.mp3": "2"}


def test_a_template_may_flatten_a_tree(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "x/y/b": "2", "c": "3"})
    runs.organize(template="{name}", recursive=True)
    assert tree.read() == {"a.jpg": "1", "b": "2", "c": "3", "x/y/": ""}


@pytest.mark.parametrize(
    ("template", "fault"),
    [("{kind}/{name}", "{kind} is not a field"), ("../{name}", "named . or .."), ("/x/{name}", "below the root")],
)
def test_a_template_that_cannot_be_meant(tree: Tree, runs: Runs, template: str, fault: str) -> None:
    tree.write({"a.jpg": "1"})
    with pytest.raises(UsageError, match=fault):
        runs.organize(template=template)
    assert tree.read() == {"a.jpg": "1"}


def test_a_file_of_no_known_category_stays_and_is_counted(tree: Tree, runs: Runs) -> None:
    tree.write({"README": "1", "key.pem": "2", "a.jpg": "3"})
    with runs.organizing() as run:
        assert run.plan.stay.other == 2
        run.run()
    assert tree.read() == {"README": "1", "key.pem": "2", "Images/a.jpg": "3"}


# Destinations --------------------------------------------------------------------------------------------------------


def test_to_another_folder(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a.jpg": "1"})
    (tmp_path / "sorted").mkdir()
    runs.organize(dest=tmp_path / "sorted")
    assert tree.read() == {}
    assert (tmp_path / "sorted/Images/a.jpg").read_text() == "1"


def test_to_another_file_system(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    tree.path("a.jpg").chmod(0o640)
    tree.date("a.jpg", "2020-02-02")
    before = tree.snapshot()
    outcome = runs.organize(dest=elsewhere)
    assert (outcome.done, outcome.problems, tree.read()) == (2, [], {})
    moved = (elsewhere / "Images/a.jpg").stat()
    assert (moved.st_mode & 0o777, moved.st_mtime_ns) == (0o640, before[b"a.jpg"].mtime_ns)
    assert sorted(os.listdir(elsewhere / "Images")) == ["a.jpg"]
    runs.undo()
    assert tree.snapshot() == before
    assert os.listdir(elsewhere) == []


def test_a_file_with_two_names_is_not_torn_apart_across_file_systems(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    tree.path("b.jpg").hardlink_to(tree.path("a.jpg"))
    before = tree.snapshot()
    outcome = runs.organize(dest=elsewhere)
    assert tree.snapshot() == before
    assert outcome.done == 0
    assert ["2 names" in sentence(problem.reason) for problem in outcome.problems] == [True, True]
    assert os.listdir(elsewhere / "Images") == []


def test_to_a_folder_that_is_made(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    """The destination is journaled like any other folder, so undo removes it."""
    tree.write({"a.jpg": "1"})
    before = tree.snapshot()
    runs.organize(dest=tmp_path / "new" / "sorted")
    assert (tmp_path / "new/sorted/Images/a.jpg").read_text() == "1"
    runs.undo()
    assert tree.snapshot() == before
    assert not (tmp_path / "new").exists()


def test_to_a_folder_that_is_made_on_another_file_system(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": "1"})
    before = tree.snapshot()
    runs.organize(dest=elsewhere / "100%s" / "{name}")
    assert (elsewhere / "100%s/{name}/Images/a.jpg").read_text() == "1"
    runs.undo()
    assert tree.snapshot() == before
    assert os.listdir(elsewhere) == []


def test_to_a_folder_that_is_made_inside_a_folder_of_the_root(tree: Tree, runs: Runs) -> None:
    """The folder is source and target: its time is restored nevertheless."""
    tree.write({"x/a.jpg": "1", "b.jpg": "2"})
    tree.date("x", "2020-01-02")
    before = tree.snapshot()
    runs.organize(dest=tree.path("x/new"), recursive=True)
    assert tree.read() == {"x/new/Images/a.jpg": "1", "x/new/Images/b.jpg": "2"}
    runs.undo()
    assert tree.snapshot() == before


def test_to_a_folder_that_is_made_inside_the_root(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "x/b.jpg": "2"})
    before = tree.snapshot()
    runs.organize(dest=tree.path("Sorted"), recursive=True)
    after = tree.snapshot()
    assert tree.read() == {"Sorted/Images/a.jpg": "1", "Sorted/Images/b.jpg": "2", "x/": ""}
    assert runs.organize(dest=tree.path("Sorted"), recursive=True).done == 0
    assert tree.snapshot() == after
    runs.undo(1)
    assert tree.snapshot() == before


def test_a_root_inside_the_destination(tree: Tree, runs: Runs) -> None:
    tree.write({"in/a.jpg": "1", "in/x/b.jpg": "2", "Images/a.jpg": "3"})
    before = tree.snapshot()
    runs.organize(root=tree.path("in"), dest=tree.root, recursive=True)
    assert tree.read() == {"Images/a (2).jpg": "1", "Images/b.jpg": "2", "Images/a.jpg": "3", "in/x/": ""}
    runs.undo()
    assert tree.snapshot() == before


def test_files_that_are_at_the_destination_already(tree: Tree, runs: Runs) -> None:
    tree.write({"Images/a.jpg": "1"})
    before = tree.snapshot()
    assert runs.organize(root=tree.path("Images"), dest=tree.root).done == 0
    assert tree.snapshot() == before


def test_the_destination_may_be_the_root_by_another_name(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a.jpg": "1"})
    (tmp_path / "link").symlink_to(tree.root)
    runs.organize(dest=tmp_path / "link")
    assert tree.read() == {"Images/a.jpg": "1"}


@pytest.mark.parametrize("dest", ["/usr/share/sorted", "/etc", "/proc/sorted"])
def test_a_destination_that_belongs_to_the_system(tree: Tree, runs: Runs, dest: str) -> None:
    tree.write({"a.jpg": "1"})
    with pytest.raises(GuardRefused, match="belongs to the system"):
        runs.organize(dest=dest)
    assert tree.read() == {"a.jpg": "1"}


def test_a_destination_that_cannot_be_made(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "file": "2"})
    with pytest.raises(UsageError, match="file/sorted"):
        runs.organize(dest=tree.path("file/sorted"))
    with pytest.raises(UsageError, match="is a file, not a folder"):
        runs.organize(dest=tree.path("file"))
    assert tree.read() == {"a.jpg": "1", "file": "2"}


# Obstacles -----------------------------------------------------------------------------------------------------------


def test_a_file_in_the_way_of_a_folder(tree: Tree, runs: Runs) -> None:
    tree.write({"Images": "in the way", "a.jpg": "1", "b.mp3": "2"})
    with runs.organizing() as run:
        assert (run.plan.files, run.plan.skipped) == (1, 1)
        outcome = run.run()
    assert tree.read() == {"Images": "in the way", "a.jpg": "1", "Audio/b.mp3": "2"}
    assert outcome.done == 1
    [skipped] = [record for record in runs.records(1) if record.source_name == b"a.jpg"]
    assert (skipped.state, sentence(skipped.reason)) == ("skipped", "Images exists but is not a folder")


def test_two_files_of_one_name_stay_where_a_file_is_in_the_way(tree: Tree, runs: Runs) -> None:
    tree.write({"Images": "in the way", "a.jpg": "1", "x/a.jpg": "2", "b.mp3": "3", "x/b.mp3": "4"})
    runs.organize(recursive=True)
    assert tree.read() == {
        "Images": "in the way",
        "a.jpg": "1",
        "x/a.jpg": "2",
        "Audio/b.mp3": "3",
        "Audio/b (2).mp3": "4",
    }


def test_a_file_in_the_way_of_a_folder_above(tree: Tree, runs: Runs) -> None:
    tree.write({"2023": "in the way", "a.jpg": "1"})
    tree.date("a.jpg", "2023-04-05")
    tree.date("2023", "2023-04-05")
    outcome = runs.organize(by=By.DATE)
    assert tree.read() == {"2023": "in the way", "a.jpg": "1"}
    assert outcome.done == 0


def test_a_symlink_in_the_way_of_a_folder_is_not_followed(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    tree.write({"Images": f"-> {tmp_path / 'outside'}", "a.jpg": "1"})
    before = tree.snapshot()
    assert runs.organize().done == 0
    assert tree.snapshot() == before
    assert os.listdir(tmp_path / "outside") == []


# Already in place ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK])
@pytest.mark.parametrize("by", [By.CATEGORY, By.DATE, By.EXTENSION])
def test_a_second_run_does_nothing(tree: Tree, runs: Runs, by: By, action: Action) -> None:
    tree.write({"a.jpg": "1", "x/a.jpg": "2", "x/b.tar.gz": "3", "c": "4", "x/y/a.jpg": "2"})
    runs.organize(by=by, action=action, recursive=True)
    after = tree.snapshot()
    outcome = runs.organize(by=by, action=action, recursive=True)
    assert tree.snapshot() == after
    assert outcome.done == 0


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_a_second_run_to_another_folder_does_nothing(tree: Tree, runs: Runs, action: Action, tmp_path: Path) -> None:
    """This includes files that were numbered the first time."""
    tree.write({"a.jpg": "1", "x/a.jpg": "2", "x/y/a.jpg": "3"})
    dest = tmp_path / "sorted"
    dest.mkdir()
    assert runs.organize(dest=dest, action=action, recursive=True).done == 3
    names = sorted(os.listdir(dest / "Images"))
    assert names == ["a (2).jpg", "a (3).jpg", "a.jpg"]
    assert runs.organize(dest=dest, action=action, recursive=True).done == 0
    assert sorted(os.listdir(dest / "Images")) == names


def test_recursive_leaves_category_folders_alone(tree: Tree, runs: Runs) -> None:
    before = {"Images/song.mp3": "1", "Audio/sub/pic.jpg": "2", "Other/b.jpg": "3"}
    tree.write(before | {"x/a.jpg": "4"})
    runs.organize(recursive=True)
    assert tree.read() == before | {"Images/a.jpg": "4", "x/": ""}


def test_recursive_by_date_leaves_what_is_in_place(tree: Tree, runs: Runs) -> None:
    tree.write({"2023/04/a.jpg": "1", "2023/05/b.jpg": "2"})
    tree.date("2023/04/a.jpg", "2023-04-05")
    tree.date("2023/05/b.jpg", "2023-04-05")
    with runs.organizing(by=By.DATE, recursive=True) as run:
        assert (run.plan.files, run.plan.stay.in_place) == (1, 1)
        run.run()
    assert tree.read() == {"2023/04/a.jpg": "1", "2023/04/b.jpg": "2", "2023/05/": ""}


def test_nothing_to_do(tree: Tree, runs: Runs) -> None:
    before = tree.snapshot()
    outcome = runs.organize()
    assert (outcome.done, outcome.problems) == (0, [])
    assert tree.snapshot() == before
