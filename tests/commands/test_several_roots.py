"""Several folders in one organize or clean run: one plan, one operation, one undo; no name is given twice."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.model import OnConflict
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.rules.config_file import parse_configuration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

FILES = {
    "a/photo.jpg": "a", "b/photo.jpg": "b", "c/photo.jpg": "c", "a/same.txt": "same", "b/same.txt": "same",
    "a/film.mkv": "film", "a/film.srt": "words", "b/film.srt": "other words", "b/unknown": "?",
    "c/sub/deep.pdf": "deep",
}  # fmt: skip


def roots_of(tree: Tree, *names: str) -> dict[str, Any]:
    first, *more = (os.fsencode(tree.path(name)) for name in names)
    return {"root": first, "more_roots": more}


def test_each_folder_is_sorted_in_itself(runs: Runs, tree: Tree) -> None:
    tree.write(FILES)
    before = tree.snapshot()
    chosen = roots_of(tree, "a", "b", "c") | {"recursive": True, "remove_empty": True}
    rows = [(row.source_base, row.target_base) for row in runs.dry_run(**chosen) if row.source_name]
    assert set(rows) == {(0, 0), (2, 2), (3, 3)}
    assert tree.snapshot() == before
    outcome = runs.organize(**chosen)
    assert (outcome.operation, outcome.done, outcome.problems) == (1, 9, [])
    assert tree.read() == {
        "a/Images/photo.jpg": "a", "b/Images/photo.jpg": "b", "c/Images/photo.jpg": "c",
        "a/Documents/same.txt": "same", "b/Documents/same.txt": "same", "c/Documents/deep.pdf": "deep",
        "a/Video/film.mkv": "film", "a/Video/film.srt": "words", "b/Video/film.srt": "other words", "b/unknown": "?",
    }  # fmt: skip
    assert runs.organize(**chosen).done == 0
    runs.undo()
    assert tree.snapshot() == before


def test_files_of_one_name_get_numbers_in_one_destination(runs: Runs, tree: Tree) -> None:
    """Also groups, as a whole; and of identical files, one moves."""
    tree.write(FILES | {"d/Images/photo.jpg": "was there"})
    before = tree.snapshot()
    outcome = runs.organize(**roots_of(tree, "a", "b", "c"), dest=tree.path("d"))
    assert [(problem.root, problem.path) for problem in outcome.problems] == [(bytes(tree.path("b")), b"same.txt")]
    assert tree.read() == {
        "d/Images/photo.jpg": "was there", "d/Images/photo (2).jpg": "a", "d/Images/photo (3).jpg": "b",
        "d/Images/photo (4).jpg": "c", "d/Documents/same.txt": "same", "b/same.txt": "same",
        "d/Video/film.mkv": "film", "d/Video/film.srt": "words", "d/Video/film (2).srt": "other words",
        "b/unknown": "?", "c/sub/deep.pdf": "deep",
    } | dict.fromkeys(["a/"], "")  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before
    runs.redo(2)
    assert tree.read()["d/Images/photo (4).jpg"] == "c"


@pytest.mark.parametrize("into", ["a", "b", "a/new/folder", "new/folder"])
def test_the_destination_may_be_one_of_the_folders_or_new(runs: Runs, tree: Tree, into: str) -> None:
    tree.write(FILES | {"a/Images/x.jpg": "a's x", "b/Images/x.jpg": "b's x"})
    before = tree.snapshot()
    outcome = runs.organize(**roots_of(tree, "a", "b"), dest=tree.path(into), recursive=True, remove_empty=True)
    assert [problem.path for problem in outcome.problems] == [b"same.txt"]
    found = tree.read()
    assert {found[path] for path in found if path.startswith(f"{into}/Images/photo")} == {"a", "b"}
    assert {found[path] for path in found if path.startswith(f"{into}/Images/x")} == {"a's x", "b's x"}
    runs.undo()
    assert tree.snapshot() == before


def test_a_folder_that_others_fill_is_not_removed(runs: Runs, tree: Tree) -> None:
    """`a/2001` loses its file, and gets the film of `b`."""
    tree.write({"a/2001/photo.jpg": "1", "b/film.mkv": "film"})
    tree.date("a/2001/photo.jpg", "2020-03-04")
    tree.date("b/film.mkv", "2001-03-04")
    before = tree.snapshot()
    chosen = {"recursive": True, "remove_empty": True, "template": "{year}/{category}", "dest": tree.path("a")}
    assert runs.organize(**roots_of(tree, "a", "b"), **chosen).problems == []
    assert tree.read() == {"a/2020/Images/photo.jpg": "1", "a/2001/Video/film.mkv": "film", "b/": ""}
    assert runs.undo().problems == []
    assert tree.snapshot() == before


def test_the_newest_of_all_folders_gets_the_name(runs: Runs, tree: Tree) -> None:
    tree.write({"a/x.jpg": "old", "b/x.jpg": "newest", "c/x.jpg": "older", "d/Images/x.jpg": "oldest"})
    for day, name in enumerate(("d/Images/x.jpg", "c/x.jpg", "a/x.jpg", "b/x.jpg"), 1):
        tree.date(name, f"2023-04-0{day}")
    before = tree.snapshot()
    chosen = roots_of(tree, "a", "b", "c") | {"dest": tree.path("d"), "on_conflict": OnConflict.KEEP_NEWER}
    with runs.organizing(**chosen) as run:
        assert (run.plan.files, run.plan.skipped) == (1, 2)
        outcome = run.run()
    assert outcome.done == 2  # with the displaced one
    assert {path: text for path, text in tree.read().items() if ".fileorg" not in path} == {
        "a/x.jpg": "old", "b/": "", "c/x.jpg": "older", "d/Images/x.jpg": "newest",
    }  # fmt: skip
    assert {problem.reason.about for problem in outcome.problems if problem.reason} == {bytes(tree.path("b/x.jpg"))}
    runs.undo()
    assert tree.snapshot() == before


def test_rules_take_files_of_all_folders_to_one_place(runs: Runs, tree: Tree, tmp_path: Path) -> None:
    tree.write({"a/x.pdf": "1", "b/x.pdf": "2", "a/y.jpg": "3", "b/y.jpg": "4"})
    before = tree.snapshot()
    rule = f'[[rule]]\nwhen = {{ ext = "pdf" }}\nto = "{tmp_path}/papers"\n'
    configuration = parse_configuration(b"fileorg.toml", f"version = 1\n{rule}".encode())
    (tmp_path / "papers").mkdir()
    outcome = runs.organize(**roots_of(tree, "a", "b"), configuration=configuration)
    assert (outcome.done, outcome.problems) == (4, [])
    assert {path.name: path.read_text() for path in (tmp_path / "papers").iterdir()} == {"x.pdf": "1", "x (2).pdf": "2"}
    assert tree.read() == {"a/Images/y.jpg": "3", "b/Images/y.jpg": "4"}
    runs.undo()
    assert tree.snapshot() == before


def test_what_cannot_be_one_run(runs: Runs, tree: Tree) -> None:
    tree.write({"a/x.jpg": "1", "a/sub/y.jpg": "2", "b/z.jpg": "3"})
    (tree.root / "link").symlink_to("a")
    before = tree.snapshot()
    for run in (runs.organizing, runs.cleaning):
        with pytest.raises(UsageError) as refused, run(**roots_of(tree, "b", "a/sub", "a")):
            pass
        assert refused.value.code is ErrorCode.OVERLAPPING
        assert "a/sub is inside" in str(refused.value)
    assert tree.snapshot() == before
    with runs.organizing(**roots_of(tree, "a", "link", "a")) as organize:
        assert organize.roots == [bytes(tree.path("a"))]


def test_leftovers_of_several_folders(runs: Runs, tree: Tree) -> None:
    tree.write({"a/empty.txt": "", "a/x/y/": "", "b/empty.txt": "", "b/kept.txt": "1", "c/kept.txt": "2"})
    before = tree.snapshot()
    chosen = roots_of(tree, "a", "b", "c")
    with runs.cleaning(**chosen) as run:
        assert (run.plan.files, run.plan.skipped) == (4, 0)
        outcome = run.run()
    assert (outcome.operation, outcome.done, outcome.problems) == (1, 4, [])
    kept = {path for path in tree.read() if ".fileorg" not in path}
    assert kept == {"b/kept.txt", "c/kept.txt"}
    runs.undo()
    assert tree.snapshot() == before


def test_what_a_symlink_of_another_folder_leads_to_is_no_leftover(runs: Runs, tree: Tree) -> None:
    """Else clean itself would break the symlink, whichever folder is given first."""
    tree.write(
        {"a/first": "", "a/void/": "", "a/l": "-> ../b/second", "a/alone": "", "b/second": "", "b/l": "-> ../a/first"}
    )
    tree.write({"b/to folder": "-> ../a/void"})
    outcome = runs.clean(**roots_of(tree, "a", "b"))
    kept = {problem.root + b"/" + problem.path: problem.reason for problem in outcome.problems}
    led_to = Reason(ReasonCode.SYMLINK_LEADS_TO_IT)
    assert kept == {bytes(tree.path(path)): led_to for path in ("a/first", "a/void", "b/second")}
    assert outcome.done == 1
    assert not tree.path("a/alone").exists()
    assert all(tree.path(path).exists() for path in ("a/l", "b/l", "b/to folder"))


@pytest.mark.parametrize("chosen", [{}, {"dest": "d"}, {"dest": "b"}])
def test_a_symlink_to_a_file_of_another_folder_is_rewritten(runs: Runs, tree: Tree, chosen: dict[str, str]) -> None:
    tree.write({"a/1.pdf": "1", "b/2.pdf": "2", "b/sub/3.jpg": "3", "d/": ""})
    tree.write({"a/to 2": "-> ../b/2.pdf", "b/sub/to 1": "-> ../../a/1.pdf", "a/to 3": "-> ../b/sub/3.jpg"})
    os.symlink(tree.path("a/1.pdf"), tree.path("b/absolute"))
    links = {"a/to 2": "2", "b/sub/to 1": "1", "a/to 3": "3", "b/absolute": "1"}
    before = tree.snapshot()
    into = {name: tree.path(folder) for name, folder in chosen.items()}
    options = roots_of(tree, "a", "b") | {"recursive": True} | into
    outcome = runs.organize(**options)
    assert (outcome.done, outcome.rewritten, outcome.problems) == (3, 4, [])
    assert {path: tree.path(path).read_text() for path in links} == links
    assert not tree.path("a/1.pdf").exists()
    assert not tree.path("b/sub/3.jpg").exists()
    runs.undo()
    assert tree.snapshot() == before
    runs.redo()
    assert {path: tree.path(path).read_text() for path in links} == links


def test_a_symlink_of_another_folder_that_stays_is_listed(runs: Runs, tree: Tree) -> None:
    tree.write({"a/1.pdf": "1", "b/.hidden": "-> ../a/1.pdf", "b/x/l": "-> ../../a/1.pdf"})
    problems = runs.organize(**roots_of(tree, "a", "b")).problems
    to = bytes(tree.path("a/Documents/1.pdf"))
    assert {(each.root, each.path): each.reason for each in problems} == {
        (bytes(tree.path("b")), b".hidden"): Reason(ReasonCode.SYMLINK_LEFT_ALONE, to),
        (bytes(tree.path("b")), b"x/l"): Reason(ReasonCode.SYMLINK_NOT_ENTERED, to),
    }
