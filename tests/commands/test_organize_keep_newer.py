"""`--on-conflict keep-newer`: the newer file takes the name, the older one is moved to where undo finds it."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import Action, OnConflict
from fileorg.report.sentences import sentence
from fileorg.rules.config_file import parse_configuration
from fileorg.storage.base import BATCH_ENTRIES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


def keep_newer(tree: Tree, runs: Runs, dates: dict[str, str]) -> dict[str, str]:
    """Return the files, whose content is their date, after `--on-conflict keep-newer -r`."""
    tree.write(dates)
    for path, date in dates.items():
        tree.date(path, date)
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, recursive=True)
    return tree.read()


def test_a_newer_one_takes_the_name_and_the_older_one_goes_to_the_trash(tree: Tree, runs: Runs) -> None:
    after = keep_newer(tree, runs, {"a.jpg": "2023-01-01", "Images/a.jpg": "2022-01-01"})
    assert after == {"Images/a.jpg": "2023-01-01", ".fileorg/trash/1/Images/a.jpg": "2022-01-01"}
    assert tree.path(".fileorg").stat().st_mode & 0o777 == 0o700


def test_a_newer_one_may_take_a_name_in_the_root_itself(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "new", "a.jpg": "old"})
    tree.date("a.jpg", "2020-01-01")
    before = tree.snapshot()
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, template="{name}", recursive=True)
    assert tree.read() == {"a.jpg": "new", ".fileorg/trash/1/a.jpg": "old", "x/": ""}
    runs.undo()
    assert tree.snapshot() == before


def test_an_older_one_stays(tree: Tree, runs: Runs) -> None:
    before = {"a.jpg": "2022-01-01", "Images/a.jpg": "2023-01-01"}
    assert keep_newer(tree, runs, before) == before
    assert [sentence(record.reason) for record in runs.records(1)] == ["the existing file is newer: Images/a.jpg"]


def test_one_of_the_same_age_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "Images/a.jpg": "2"})
    tree.date("a.jpg", "2022-01-01")
    tree.date("Images/a.jpg", "2022-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert tree.read() == {"a.jpg": "1", "Images/a.jpg": "2"}


@pytest.mark.parametrize("order", list(itertools.permutations(["2021-01-01", "2022-01-01", "2023-01-01"])))
def test_the_newest_of_the_plan_takes_the_name(tree: Tree, runs: Runs, order: tuple[str, ...]) -> None:
    files = dict(zip(("x/a.jpg", "y/a.jpg", "z/a.jpg"), order, strict=True))
    after = keep_newer(tree, runs, files | {"Images/a.jpg": "2020-01-01"})
    stay = {path: date for path, date in files.items() if date != "2023-01-01"}
    assert {path: after[path] for path in stay} == stay
    assert after["Images/a.jpg"] == "2023-01-01"
    assert after[".fileorg/trash/1/Images/a.jpg"] == "2020-01-01"


def test_a_newer_one_never_displaces_a_folder_or_a_link(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "Images/a.jpg/inside": "3", "Images/b.jpg": "-> nowhere"})
    before = tree.snapshot()
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert tree.snapshot() == before


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_keep_newer_with_other_actions(tree: Tree, runs: Runs, action: Action) -> None:
    tree.write({"a.jpg": "new", "Images/a.jpg": "old"})
    tree.date("Images/a.jpg", "2022-01-01")
    before = tree.snapshot()
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, action=action)
    assert tree.path("Images/a.jpg").read_text() == "new"
    assert tree.path("a.jpg").read_text() == "new"
    assert tree.path(".fileorg/trash/1/Images/a.jpg").read_text() == "old"
    runs.undo()
    assert tree.snapshot() == before


def test_what_was_edited_since_the_plan_is_not_displaced(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "new", "Images/a.jpg": "old"})
    tree.date("Images/a.jpg", "2022-01-01")
    with runs.organizing(on_conflict=OnConflict.KEEP_NEWER) as run:
        tree.write({"Images/a.jpg": "edited"})
        outcome = run.run()
    assert tree.path("Images/a.jpg").read_text() == "edited"
    assert tree.path("a.jpg").read_text() == "new"
    assert outcome.problems != []


def test_keep_newer_at_another_destination(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """The trash is on the file system of the older file: no file is copied."""
    tree.write({"a.jpg": "new"})
    (elsewhere / "Images").mkdir()
    (elsewhere / "Images/a.jpg").write_text("old")
    (elsewhere / "Images/a.jpg").touch()
    tree.date("a.jpg", "2099-01-01")
    runs.organize(on_conflict=OnConflict.KEEP_NEWER, dest=elsewhere)
    assert (elsewhere / "Images/a.jpg").read_text() == "new"
    assert (elsewhere / ".fileorg/trash/1/Images/a.jpg").read_text() == "old"
    runs.undo()
    assert (elsewhere / "Images/a.jpg").read_text() == "old"
    assert tree.read() == {"a.jpg": "new"}


@pytest.mark.parametrize(
    ("newer", "older", "beside"),
    [
        pytest.param("notes.db", "Data/notes.db", "Data/notes.db-wal", id="its last commits"),
        pytest.param("a.jpg", "Images/a.jpg", "Images/a.xmp", id="its sidecar"),
        pytest.param("r.odt", "Documents/r.odt", "Documents/.~lock.r.odt#", id="open in a program"),
        pytest.param("r.pdf", "Documents/r.pdf", "Documents/r.pdf.part", id="the place of a download"),
        pytest.param("p.html", "Documents/p.html", "Documents/p_files/", id="its folder"),
    ],
)
def test_a_file_that_another_one_needs_is_not_displaced(
    tree: Tree, runs: Runs, newer: str, older: str, beside: str
) -> None:
    """A newer database beside the log of another one would be damaged, and a download would replace the newer file."""
    tree.write({newer: "new", older: "old", beside: ""} | ({f"{beside}x.png": "x"} if beside.endswith("/") else {}))
    tree.date(older, "2020-01-01")
    before = tree.snapshot()
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert tree.snapshot() == before
    assert [sentence(record.reason) for record in runs.records(1)] == [
        f"the existing file stays because of {beside.removesuffix('/')} beside it"
    ]


def test_a_sidecar_that_another_one_needs_keeps_its_name_and_the_group_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"b.jpg": "new", "b.aae": "1", "Images/b.aae": "2", "Images/b.heic": "another picture"})
    tree.date("Images/b.aae", "2020-01-01")
    before = tree.snapshot()
    runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert tree.snapshot() == before


@pytest.mark.parametrize("others", [0, BATCH_ENTRIES])
def test_a_rule_displaces_no_file_that_another_one_needs(tree: Tree, runs: Runs, elsewhere: Path, others: int) -> None:
    """Also in a folder that is listed in several parts."""
    (elsewhere / "notes.db").write_text("old")
    (elsewhere / "notes.db-wal").write_text("commits")
    for number in range(others):
        (elsewhere / f"{number}.md").touch()
    os.utime(elsewhere / "notes.db", ns=(0, 0))
    tree.write({"notes.db": "new"})
    rule = f'version = 1\n[[rule]]\nwhen = {{ ext = "db" }}\nto = "{elsewhere}"\non_conflict = "keep-newer"\n'
    runs.organize(configuration=parse_configuration(b"fileorg.toml", rule.encode()))
    assert (elsewhere / "notes.db").read_text() == "old"
    assert tree.read() == {"notes.db": "new"}
