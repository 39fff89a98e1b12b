"""Sidecars are moved with their file and get the same number."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.tree import DAY_NS

from fileorg.core.model import Action, By, OnConflict
from fileorg.report.sentences import sentence
from fileorg.storage.base import BATCH_ENTRIES

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


def test_a_sidecar_goes_with_its_file(tree: Tree, runs: Runs) -> None:
    tree.write({"f.mkv": "film", "f.en.srt": "words", "f.jpg": "poster", "t.srt": "alone", "p.heic": "3", "p.MOV": "4"})
    tree.date("f.mkv", "2020-01-01")
    tree.date("p.heic", "2021-01-01")
    runs.organize(template="{category}/{year}/{name}")
    after = set(tree.read())
    assert {"Video/2020/f.mkv", "Video/2020/f.en.srt", "Images/2021/p.heic", "Images/2021/p.MOV"} <= after


def test_by_extension_a_sidecar_goes_with_its_file(tree: Tree, runs: Runs) -> None:
    tree.write({"f.mkv": "film", "f.srt": "words", "t.srt": "alone"})
    runs.organize(by=By.EXTENSION)
    assert tree.read() == {"mkv/f.mkv": "film", "mkv/f.srt": "words", "srt/t.srt": "alone"}
    assert runs.organize(by=By.EXTENSION, recursive=True).done == 0


def test_of_several_files_what_the_camera_wrote_leads(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a.CR2": "2", "a.png": "3", "a.xmp": "4"})
    runs.organize(by=By.EXTENSION)
    assert {"cr2/a.CR2", "cr2/a.xmp", "jpg/a.jpg", "png/a.png"} <= tree.read().keys()


@pytest.mark.parametrize(
    ("sidecar", "numbered"),
    [
        ("a.xmp", "a (2).xmp"),
        ("a.jpg.xmp", "a (2).jpg.xmp"),
    ],
)
def test_a_sidecar_keeps_the_number_of_its_file(tree: Tree, runs: Runs, sidecar: str, numbered: str) -> None:
    tree.write({"a.jpg": "1", sidecar: "2", "Images/a.jpg": "3"})
    runs.organize()
    assert tree.read() == {"Images/a.jpg": "3", "Images/a (2).jpg": "1", f"Images/{numbered}": "2"}


def test_subtitles_keep_their_language_behind_the_number(tree: Tree, runs: Runs) -> None:
    tree.write({"f.mkv": "1", "f.en.srt": "2", "f.pt-BR.forced.srt": "3", "Video/f.mkv": "4"})
    runs.organize()
    assert tree.read() == {
        "Video/f.mkv": "4",
        "Video/f (2).mkv": "1",
        "Video/f (2).en.srt": "2",
        "Video/f (2).pt-BR.forced.srt": "3",
    }


def test_the_parts_of_an_archive_stay_a_set(tree: Tree, runs: Runs) -> None:
    tree.write({"x.part1.rar": "1", "x.part2.rar": "2", "y.7z.001": "3", "y.7z.002": "4"})
    tree.write({"Archives/x.part1.rar": "5", "Archives/y.7z.001": "6"})
    runs.organize()
    assert tree.read() == {
        "Archives/x.part1.rar": "5",
        "Archives/x (2).part1.rar": "1",
        "Archives/x (2).part2.rar": "2",
        "Archives/y.7z.001": "6",
        "Archives/y.7z (2).001": "3",
        "Archives/y.7z (2).002": "4",
    }


def test_a_number_is_free_for_all_of_a_group(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a.xmp": "2", "Images/a.jpg": "3", "Images/a (2).xmp": "4"})
    runs.organize()
    after = tree.read()
    assert (after["Images/a (3).jpg"], after["Images/a (3).xmp"]) == ("1", "2")


def test_a_stray_sidecar_at_the_target_is_not_adopted(tree: Tree, runs: Runs) -> None:
    """The name of the file is free, that of its sidecar is not."""
    tree.write({"a.jpg": "1", "a.xmp": "2", "Images/a.xmp": "of another one"})
    runs.organize()
    assert tree.read() == {
        "Images/a.xmp": "of another one",
        "Images/a (2).jpg": "1",
        "Images/a (2).xmp": "2",
    }


def test_groups_of_one_name_get_a_number_each(tree: Tree, runs: Runs) -> None:
    tree.write({f"{folder}/a.{kind}": folder + kind for folder in "xyz" for kind in ("jpg", "xmp", "aae")})
    runs.organize(recursive=True)
    after = tree.read()
    for number in ("", " (2)", " (3)"):
        folders = {after[f"Images/a{number}.{kind}"][0] for kind in ("jpg", "xmp", "aae")}
        assert len(folders) == 1


def test_a_chain_of_sidecars_stays_together(tree: Tree, runs: Runs) -> None:
    tree.write({"i.HEIC": "1", "i.MOV": "2", "i.AAE": "3", "Images/i.HEIC": "4"})
    runs.organize()
    assert tree.read() == {
        "Images/i.HEIC": "4",
        "Images/i (2).HEIC": "1",
        "Images/i (2).MOV": "2",
        "Images/i (2).AAE": "3",
    }


def test_a_sidecar_stays_with_a_file_that_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "same", "a.xmp": "mine", "Images/a.jpg": "same"})
    tree.write({"b.jpg": "1", "b.xmp": "mine", "Images/b.jpg": "2"})
    before = tree.snapshot()
    outcome = runs.organize(on_conflict=OnConflict.SKIP)
    assert tree.snapshot() == before
    assert outcome.done == 0
    assert sorted(filter(None, (sentence(record.reason) for record in runs.records(1)))) == [
        "identical to Images/a.jpg",
        "kept with a.jpg, which is not moved",
        "kept with b.jpg, which is not moved",
        "the name is taken: Images/b.jpg",
    ]


def test_a_sidecar_that_is_there_already_is_not_kept_twice(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a.xmp": "same", "Images/a.xmp": "same"})
    runs.organize()
    assert tree.read() == {"a.xmp": "same", "Images/a.jpg": "1", "Images/a.xmp": "same"}


def test_copies_of_a_group_are_made_once(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a.xmp": "2", "Images/a.jpg": "3"})
    assert runs.organize(action=Action.COPY).done == 2
    after = tree.read()
    assert runs.organize(action=Action.COPY).done == 0
    assert tree.read() == after


def test_a_newer_file_displaces_the_whole_group(tree: Tree, runs: Runs) -> None:
    """Its sidecar is older than the one at the target, but is moved along."""
    tree.write({"a.jpg": "new", "a.xmp": "mine", "Images/a.jpg": "old", "Images/a.xmp": "its own"})
    tree.date("a.xmp", "2019-01-01")
    tree.date("Images/a.jpg", "2020-01-01")
    before = tree.snapshot()
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert tree.read() == {
        "Images/a.jpg": "new",
        "Images/a.xmp": "mine",
        ".fileorg/trash/1/Images/a.jpg": "old",
        ".fileorg/trash/1/Images/a.xmp": "its own",
    }
    runs.undo()
    assert tree.snapshot() == before


def test_a_newer_file_takes_along_what_is_needed(tree: Tree, runs: Runs) -> None:
    """The group has a sidecar with a free name, and one that exists at the target."""
    tree.write({"a.jpg": "new", "a.xmp": "1", "a.aae": "same"})
    tree.write({"Images/a.jpg": "old", "Images/a.aae": "same"})
    tree.date("Images/a.jpg", "2020-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert tree.read() == {
        "Images/a.jpg": "new",
        "Images/a.xmp": "1",
        "Images/a.aae": "same",
        "a.aae": "same",
        ".fileorg/trash/1/Images/a.jpg": "old",
    }


def test_a_newer_file_of_which_a_sidecar_cannot_go_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "a.xmp": "1", "a.thm": "2", "Images/a.jpg": "old", "Images/a.thm/": ""})
    tree.date("Images/a.jpg", "2020-01-01")
    before = tree.read()
    assert runs.organize(on_conflict=OnConflict.KEEP_NEWER).done == 0
    assert tree.read() == before


def test_without_numbers_a_group_of_which_one_name_is_taken_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "a.xmp": "2", "a.aae": "3", "Images/a.xmp": "of another one"})
    before = tree.read()
    outcome = runs.organize(on_conflict=OnConflict.SKIP)
    assert tree.read() == before
    assert {os.fsdecode(problem.path): sentence(problem.reason) for problem in outcome.problems} == {
        "a.jpg": "kept with a.xmp, which is not moved",
        "a.xmp": "the name is taken: Images/a.xmp",
        "a.aae": "kept with a.xmp, which is not moved",
    }


def test_files_that_name_each_other_get_no_number(tree: Tree, runs: Runs) -> None:
    tree.write({"m.obj": "mtllib m.mtl", "m.mtl": "1", "Design/m.obj": "another", "n.obj": "2"})
    runs.organize()
    assert tree.read() == {"m.obj": "mtllib m.mtl", "m.mtl": "1", "Design/m.obj": "another", "Design/n.obj": "2"}


def test_side_cars_of_a_file_in_the_way_of_a_folder_stay_with_it(tree: Tree, runs: Runs) -> None:
    tree.write({"Images": "in the way", "a.jpg": "1", "a.xmp": "2"})
    before = tree.snapshot()
    runs.organize()
    assert tree.snapshot() == before


def test_a_sidecar_of_a_file_that_is_left_alone_goes_by_itself(tree: Tree, runs: Runs) -> None:
    tree.write({"g.mkv": "1", "g.srt": "2", "Video": "in the way"})
    before = tree.snapshot()
    runs.organize(exclude=["g.mkv"])
    assert tree.snapshot() == before


def test_a_file_that_loses_its_name_in_the_plan_keeps_its_sidecar(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "old", "x/a.xmp": "of the old one", "y/a.jpg": "new"})
    tree.date("x/a.jpg", "2020-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, recursive=True)
    assert tree.read() == {"x/a.jpg": "old", "x/a.xmp": "of the old one", "Images/a.jpg": "new", "y/": ""}


def test_filters_of_size_and_age_judge_the_file_that_is_followed(tree: Tree, runs: Runs) -> None:
    tree.write({"f.mkv": "f" * 100, "f.srt": "words", "g.mkv": "g", "g.srt": "g" * 100})
    tree.set_time("f.srt", 10 * DAY_NS)
    runs.organize(min_size=50, newer_than_ns=20 * DAY_NS)
    assert set(tree.read()) == {"Video/f.mkv", "Video/f.srt", "g.mkv", "g.srt"}


def test_filters_judge_the_file_that_is_followed_in_a_large_folder_too(tree: Tree, runs: Runs) -> None:
    numbers = range(BATCH_ENTRIES)
    tree.write({f"{number}.jpg": "x" * (number % 2) for number in numbers})
    tree.write({f"{number}.xmp": "edit" for number in range(100)})
    runs.organize(min_size=1, max_size=2)
    stayed = {name for name in tree.read() if not name.startswith("Images/")}
    assert stayed == {f"{number}.jpg" for number in numbers if number % 2 == 0} | {
        f"{number}.xmp" for number in range(0, 100, 2)
    }


def test_a_group_of_which_one_file_is_excluded_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"f.mkv": "1", "f.srt": "2", "g.mkv": "3", "g.srt": "4", "h.mkv": "5", "h.srt": "6"})
    runs.organize(exclude=["f.srt", "g.mkv"])
    assert tree.read() == {
        "f.mkv": "1",
        "f.srt": "2",
        "g.mkv": "3",
        "g.srt": "4",
        "Video/h.mkv": "5",
        "Video/h.srt": "6",
    }


def test_what_is_included_takes_its_group_with_it(tree: Tree, runs: Runs) -> None:
    tree.write({"f.mkv": "1", "f.srt": "2", "g.mkv": "3", "g.srt": "4"})
    runs.organize(include=["f.mkv", "g.srt"])
    assert tree.read() == {"Video/f.mkv": "1", "Video/f.srt": "2", "g.mkv": "3", "g.srt": "4"}


def test_the_longest_names_find_their_file(tree: Tree, runs: Runs) -> None:
    """A numbered leader would exceed the longest possible name."""
    stem = "x" * 251
    tree.write({f"{stem}.MOV": "1", f"{stem}.xmp": "2", f"{stem}.jpg": "3", f"Images/{stem}.jpg": "4"})
    runs.organize()
    assert {name.removeprefix("Images/") for name in tree.read()} == {
        f"{stem}.jpg",
        *(f"{stem[:247]} (2).{extension}" for extension in ("jpg", "MOV", "xmp")),
    }


def test_a_group_of_long_names_is_cut_alike(tree: Tree, runs: Runs) -> None:
    stem = "x" * 247
    tree.write({f"{stem}.jpg": "1", f"{stem}.jpg.xmp": "2", f"Images/{stem}.jpg": "3"})
    runs.organize()
    assert {name.removeprefix("Images/") for name in tree.read()} == {
        f"{stem}.jpg",
        f"{stem[:243]} (2).jpg",
        f"{stem[:243]} (2).jpg.xmp",
    }


@pytest.mark.parametrize("sidecars", [1, BATCH_ENTRIES])
def test_a_group_in_several_batches_of_a_large_folder(tree: Tree, runs: Runs, sidecars: int) -> None:
    """The folder is listed in batches, in no particular order."""
    numbers = range(BATCH_ENTRIES)
    tree.write({f"{number}.jpg": f"photo {number}" for number in numbers})
    tree.write({f"{number}.xmp": f"edit {number}" for number in range(sidecars)})
    tree.write({"Images/0.jpg": "taken", "Images/7.jpg": "taken", "Images/8.xmp": "taken", "Images/9.jpg": "photo 9"})
    runs.organize()
    after = tree.read()
    assert (after["Images/0 (2).jpg"], after["Images/0 (2).xmp"]) == ("photo 0", "edit 0")
    if sidecars > 1:
        assert (after["Images/7 (2).jpg"], after["Images/7 (2).xmp"]) == ("photo 7", "edit 7")
        assert (after["Images/8 (2).jpg"], after["Images/8 (2).xmp"]) == ("photo 8", "edit 8")
        assert (after["9.jpg"], after["9.xmp"]) == ("photo 9", "edit 9")
    wrong = {name for name in after if name.endswith(".xmp") and name.replace(".xmp", ".jpg") not in after}
    assert wrong <= {"Images/8.xmp"}  # this one was there alone
