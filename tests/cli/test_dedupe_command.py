"""`fileorg dedupe` and `duplicates` on the command line, and their undo."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

_DAY = "2024-01-0"


@pytest.fixture
def duplicates(tree: Tree) -> Tree:
    """Duplicates: `a.jpg` and `sub/b.jpg` are larger; among those of content `1`, the middle one is the oldest."""
    tree.write({"a.jpg": "same" * 9, "sub/b.jpg": "same" * 9, "sub/1": "x", "2": "x", "3 (1)": "x", "alone": "alone"})
    for day, name in enumerate(("2", "sub/1", "a.jpg", "sub/b.jpg", "3 (1)"), 1):
        tree.date(name, f"{_DAY}{day}")
    tree.write({"empty": "", "nothing/": "", "gone": "-> nowhere"})
    return tree


def test_a_report_shows_the_waste_and_changes_nothing(fileorg: Fileorg, duplicates: Tree) -> None:
    before = duplicates.snapshot()
    lines = fileorg("dedupe", "tree").out.splitlines()
    assert lines[0].split() == ["Wasted", "Size", "Files", "Kept", "file,", "then", "its", "duplicates"]
    assert lines[1].split()[:4] == ["36", "B", "36", "B"]
    assert lines[1].endswith("tree/a.jpg")
    assert lines[2].strip().endswith("tree/sub/b.jpg")
    assert lines[3].split()[:5] == ["2", "B", "1", "B", "3"]
    assert lines[-3].startswith("3 duplicates in 2 groups, 38 B wasted: 7 files in 3 folders, ")
    assert lines[-2] == "Also found: 1 empty file, 1 empty folder, 1 broken symlink; see fileorg clean."
    assert lines[-1] == "Nothing was changed. To move the duplicates to the trash, add --action quarantine."
    assert duplicates.snapshot() == before
    assert fileorg("history").out.startswith("No operations yet (journal: ")


def test_nothing_is_there_twice(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a": "1", "b": "2"})
    ran = fileorg("dedupe", "tree")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("No duplicates found: 2 files in 1 folder, ")
    assert "No duplicates to process." in fileorg("dedupe", "tree", "--action", "quarantine").out


def test_in_a_terminal_the_plan_is_shown_and_asked_about(fileorg: Fileorg, duplicates: Tree) -> None:
    before = duplicates.snapshot()
    terminal = fileorg.terminal("dedupe", "tree", "--action", "quarantine")
    terminal.wait_for("Quarantine 3 duplicates (38 B)? [y/N/l]")
    assert "3 duplicates in 2 groups, 38 B wasted" in terminal.screen
    terminal.send("l\n")
    terminal.wait_for("sub/b.jpg -> .fileorg/trash/1/sub/b.jpg (same as a.jpg)")
    terminal.send("n\n")
    assert terminal.end() == 3
    assert duplicates.snapshot() == before
    terminal = fileorg.terminal("dedupe", "tree", "--action", "quarantine")
    terminal.wait_for("[y/N/l]")
    terminal.send("y\n")
    assert terminal.end() == 0
    assert "Quarantined 3 files (38 B) in " in terminal.screen
    assert "To free the space permanently, run: fileorg purge" in terminal.screen
    assert "Undo with: fileorg undo 1" in terminal.screen
    assert not duplicates.path("sub/b.jpg").exists()
    assert fileorg("undo").code == 0
    assert duplicates.snapshot() == before


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
def test_there_and_back_and_there_again(fileorg: Fileorg, duplicates: Tree, action: str) -> None:
    before = duplicates.snapshot()
    assert fileorg("dedupe", "tree", "--action", action).code == 0
    after = duplicates.snapshot()
    assert "active" in fileorg("history").out
    assert fileorg("dedupe", "tree").out.startswith("No duplicates found: ")
    assert fileorg("undo").code == 0
    assert duplicates.snapshot() == before
    assert fileorg("redo").code == 0
    kinds = [{path: node.kind for path, node in snapshot.items()} for snapshot in (duplicates.snapshot(), after)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
def test_a_purge_frees_the_space_and_ends_the_way_back(fileorg: Fileorg, duplicates: Tree, action: str) -> None:
    fileorg("dedupe", "tree", "--action", action)
    after = {path: content for path, content in duplicates.read().items() if not path.startswith(".fileorg")}
    assert "\nFreed 38 B: 3 files in " in fileorg("purge", "-y").out
    assert duplicates.read() == after
    assert not duplicates.path(".fileorg").exists()
    undone = fileorg("undo", "1")
    assert (undone.code, undone.out) == (2, "")
    assert "can no longer be undone" in undone.err or "purged" in undone.err
    assert fileorg("dedupe", "tree").out.startswith("No duplicates found: ")


def test_several_roots_are_told(fileorg: Fileorg, duplicates: Tree) -> None:
    assert fileorg("dedupe", "tree/sub", "tree", "--action", "quarantine").code == 0
    duplicates.path("apart").mkdir()
    duplicates.write({"apart/again": "same" * 9})
    fileorg("undo")
    assert fileorg("dedupe", "tree/sub", "tree/apart", "--action", "quarantine").code == 0
    assert "tree/sub and 1 more" in fileorg("history").out
    assert "And in" in fileorg("undo").out


def test_a_dry_run_shows_the_rows_of_the_run(fileorg: Fileorg, duplicates: Tree) -> None:
    before = duplicates.snapshot()
    planned = fileorg("dedupe", "tree", "--action", "quarantine", "-n", "-f", "json").json
    assert duplicates.snapshot() == before
    assert (planned["dry_run"], planned["files"], planned["size_bytes"]) == (True, 3, 38)
    rows = [(row["path"], row["kept_path"]) for row in planned["rows"] if row["action"] == "quarantine"]
    names = [("3 (1)", "2"), ("sub/1", "2"), ("sub/b.jpg", "a.jpg")]
    assert sorted(rows) == [tuple(str(duplicates.path(name)) for name in pair) for pair in names]
    assert "Dry run:" in fileorg("dedupe", "tree", "--action", "hardlink", "-n").out
    fileorg("dedupe", "tree", "--action", "quarantine", "-y")
    done = fileorg("duplicates", "1", "-f", "json").json
    assert (done["total"], done["page"], done["page_size"]) == (2, 1, 25)
    states = {
        os.path.relpath(file["path"], duplicates.root): file["status"]
        for group in done["duplicates"]
        for file in group["files"]
    }
    gone = dict.fromkeys(("sub/b.jpg", "3 (1)", "sub/1"), "quarantine, done")
    assert states == {"a.jpg": "keeper", "2": "keeper"} | gone


# For programs ---------------------------------------------------------------------------------------------------------


def test_json(fileorg: Fileorg, duplicates: Tree) -> None:
    duplicates.write({"caf\udce9": "odd", "cafe": "odd"})
    found = fileorg("dedupe", "tree", "-f", "json").json
    large, *_ = found["duplicates"]
    assert (large["count"], large["total_size_bytes"]) == (2, 72)
    assert [(os.path.relpath(file["path"], duplicates.root), file["size_bytes"]) for file in large["files"]] == [
        ("a.jpg", 36), ("sub/b.jpg", 36),
    ]  # fmt: skip
    odd = {file.get("path_b64") for group in found["duplicates"] for file in group["files"]} - {None}
    assert [base64.b64decode(name) for name in odd] == [os.fsencode(duplicates.path("caf\udce9"))]
    summary = found["summary"]
    assert (summary["groups"], summary["duplicate_files"], summary["reclaimable_bytes"]) == (3, 4, 41)
    assert (summary["empty_files"], summary["empty_folders"], summary["broken_symlinks"]) == (1, 1, 1)


def test_other_forms(fileorg: Fileorg, duplicates: Tree) -> None:
    a, b = (str(duplicates.path(name)) for name in ("a.jpg", "sub/b.jpg"))
    assert fileorg("dedupe", "tree", "-f", "fdupes", "--min-size", "2").out == f"{a}\n{b}\n\n"
    assert fileorg("dedupe", "tree", "-0", "--min-size", "2").out == f"{a}\0{b}\0\0"
    rows = fileorg("dedupe", "tree", "-f", "csv", "--min-size", "2").out.splitlines()
    assert rows[0] == "group,hash,size_bytes,status,path"
    assert [row.split(",")[2:] for row in rows[1:]] == [["36", "keeper", a], ["36", "duplicate", b]]
    assert fileorg("dedupe", "tree", "-q").out == ""


def test_pages_of_what_was_found_last(fileorg: Fileorg, duplicates: Tree) -> None:
    assert fileorg("duplicates").out == "No duplicate groups.\n"
    fileorg("dedupe", "tree", "-q")
    first = fileorg("duplicates", "--page-size", "1").out
    assert first.startswith("1. 2 files of 36 B\n")
    assert first.endswith("Page 1 of 2, 2 groups. Next: --page 2\n")
    second = fileorg("duplicates", "--page-size", "1", "--page", "2", "-f", "json").json
    assert [group["count"] for group in second["duplicates"]] == [3]
    assert fileorg("duplicates", "--page", "9").out == "There is only 1 page.\n"
    assert fileorg("duplicates", "-f", "csv").out.count("\n") == 6
    assert fileorg("duplicates", "3").code == 2


# Keepers --------------------------------------------------------------------------------------------------------------


def _stays(fileorg: Fileorg, duplicates: Tree, *words: str) -> list[str]:
    found = fileorg("dedupe", "tree", "-f", "json", *words).json
    return sorted(os.path.relpath(group["files"][0]["path"], duplicates.root) for group in found["duplicates"])


def test_who_stays(fileorg: Fileorg, duplicates: Tree) -> None:
    assert _stays(fileorg, duplicates) == ["2", "a.jpg"]
    assert _stays(fileorg, duplicates, "--keep", "newest") == ["3 (1)", "sub/b.jpg"]
    assert _stays(fileorg, duplicates, "--keep", "longest-path") == ["sub/1", "sub/b.jpg"]
    assert _stays(fileorg, duplicates, "--prefer", "sub/") == ["sub/1", "sub/b.jpg"]
    assert _stays(fileorg, duplicates, "--reference", "tree/sub") == ["sub/1", "sub/b.jpg"]
    assert _stays(fileorg, duplicates, "--protect", "*", "--keep", "oldest") == []


def test_a_reference_is_never_touched(fileorg: Fileorg, duplicates: Tree) -> None:
    sub = {path: node for path, node in duplicates.snapshot().items() if path.startswith(b"sub/")}
    assert fileorg("dedupe", "tree", "--reference", "tree/sub", "--action", "quarantine").code == 0
    now = duplicates.snapshot()
    assert {path: now[path] for path in sub} == sub
    assert not any(duplicates.path(name).exists() for name in ("a.jpg", "2", "3 (1)"))


# Errors ---------------------------------------------------------------------------------------------------------------


def test_overlapping_roots_are_told_and_searched_once(fileorg: Fileorg, duplicates: Tree) -> None:
    ran = fileorg("dedupe", "tree", "tree/sub", "tree", "-f", "json")
    assert ran.code == 0
    assert "was given twice; it is searched once." in ran.err
    assert f"{duplicates.path('sub')} is inside {duplicates.root}; it is searched once." in ran.err
    assert ran.json["summary"]["duplicate_files"] == 3


def test_a_root_in_a_reference_is_told_and_left_alone(fileorg: Fileorg, duplicates: Tree) -> None:
    before = duplicates.snapshot()
    ran = fileorg("dedupe", "tree/sub", "--reference", "tree", "--action", "quarantine")
    assert (ran.code, ran.out) == (2, "")
    assert "is inside the reference folder" in ran.err
    assert "All folders are inside a reference folder, which fileorg never touches." in ran.err
    assert duplicates.snapshot() == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-n"], "--dry-run requires --action"),
        (["--max-changes", "1"], "--max-changes requires --action"),
        (["--action", "quarantine", "-f", "csv"], "--format csv and --action cannot be combined"),
        (["--action", "quarantine", "-0"], "-0 requires --dry-run"),
        (["--prefer", "["], "the pattern of --prefer"),
        (["--reference", "nowhere"], "There is no folder nowhere"),
        (["--keep", "best"], "best"),
    ],
)
def test_what_makes_no_sense_is_refused(fileorg: Fileorg, duplicates: Tree, words: list[str], sentence: str) -> None:
    ran = fileorg("dedupe", "tree", *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err


def test_too_many_changes_are_refused(fileorg: Fileorg, duplicates: Tree) -> None:
    before = duplicates.snapshot()
    ran = fileorg("dedupe", "tree", "--action", "quarantine", "--max-changes", "2")
    assert ran.code == 5
    assert "3 duplicates would be changed, more than --max-changes 2 allows." in ran.err
    assert duplicates.snapshot() == before


def test_a_file_system_without_reflinks(fileorg: Fileorg, duplicates: Tree) -> None:
    before = duplicates.snapshot()
    ran = fileorg("dedupe", "tree", "--action", "reflink")
    if ran.code == 0:
        pytest.skip("the file system here shares blocks")
    assert ran.code == 1
    assert ran.err.count("the file system cannot share blocks between files") == 3
    assert duplicates.snapshot() == before
