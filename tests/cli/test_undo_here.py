"""A bare undo or redo, where nobody is asked, takes only the last run of the folder that it is called in or for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.cli.screens import Fileorg
from tests.support.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def other(fileorg: Fileorg) -> Tree:
    """An organized folder outside the one that the program is called in."""
    (fileorg.folder / "a").mkdir()
    folder = Tree(fileorg.folder / "a" / "other")
    folder.write({"photo.jpg": "jpg"})
    assert fileorg("organize", folder.root).code == 0
    return folder


def called_in(fileorg: Fileorg, folder: Path) -> Fileorg:
    folder.mkdir(parents=True, exist_ok=True)
    return Fileorg(fileorg.home, folder)


@pytest.mark.parametrize(
    "words", [["undo"], ["undo", "-y"], ["undo", "-n"], ["undo", "-f", "json"], ["undo", "--last", "1"]]
)
def test_an_operation_elsewhere_is_refused(fileorg: Fileorg, other: Tree, words: list[str]) -> None:
    before = other.snapshot()
    ran = called_in(fileorg, fileorg.folder / "b")(*words)
    assert (ran.code, ran.out) == (5, "")
    message = f"Nothing in {fileorg.folder}/b can be undone: operation 1, the last one, was in {other.root}."
    assert message in (json.loads(ran.err)["error"]["message"] if "json" in words else ran.err)
    assert "fileorg undo 1" in ran.err
    assert other.snapshot() == before


@pytest.mark.parametrize("place", ["a", "a/other", "a/other/Images", "."])
def test_in_above_and_below_its_folder_it_is_taken(fileorg: Fileorg, other: Tree, place: str) -> None:
    here = called_in(fileorg, fileorg.folder / place)
    assert here("undo").code == 0
    assert other.read() == {"photo.jpg": "jpg"}
    assert called_in(fileorg, fileorg.folder / "a")("redo").code == 0
    assert other.read() == {"Images/photo.jpg": "jpg"}


def test_a_folder_can_be_named(fileorg: Fileorg, other: Tree) -> None:
    here = called_in(fileorg, fileorg.folder / "b")
    assert here("redo", "--in", "../a").code == 0  # nothing to redo
    assert here("undo", "--in", "../a/other", "-y").code == 0
    assert other.read() == {"photo.jpg": "jpg"}
    ran = here("redo")
    assert (ran.code, ran.out) == (5, "")
    assert "can be redone: operation 2, the last one, was in" in ran.err
    assert here("redo", "--in", other.root).code == 0
    assert other.read() == {"Images/photo.jpg": "jpg"}


def test_the_newest_of_the_folder_is_taken(fileorg: Fileorg, mess: Tree, other: Tree) -> None:
    assert fileorg("organize", "tree").code == 0  # later than the other
    assert called_in(fileorg, fileorg.folder / "a")("undo").code == 0
    assert other.read() == {"photo.jpg": "jpg"}
    assert "Images/photo.jpg" in mess.read()


def test_a_destination_counts_as_its_folder(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    assert fileorg("organize", "tree", "--dest", "sorted").code == 0
    assert called_in(fileorg, fileorg.folder / "sorted")("undo").code == 0
    assert mess.snapshot() == before


def test_a_number_is_enough_anywhere(fileorg: Fileorg, other: Tree) -> None:
    assert called_in(fileorg, fileorg.folder / "b")("undo", "1").code == 0
    assert other.read() == {"photo.jpg": "jpg"}


def test_a_number_and_a_folder_are_refused(fileorg: Fileorg, other: Tree) -> None:
    ran = fileorg("undo", "1", "--in", "a")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "fileorg: OP and --in cannot be combined.")


def test_in_a_terminal_the_question_shows_it(fileorg: Fileorg, other: Tree) -> None:
    terminal = called_in(fileorg, fileorg.folder / "b").terminal("undo", columns=200)
    terminal.wait_for("Undo operation 1?")
    assert "Operation 1  organize, " in terminal.screen
    assert str(other.root) in terminal.screen
    terminal.send("n\n")
    assert terminal.end() == 3


# A run that changed nothing -------------------------------------------------------------------------------------------

IDLE = {
    "organize": ["organize", "tree"],
    "organize in JSON": ["organize", "tree", "-f", "json"],
    "dedupe": ["dedupe", "tree", "--action", "quarantine"],
    "clean": ["clean", "tree"],
}


@pytest.mark.parametrize("words", IDLE.values(), ids=IDLE)
def test_undo_reaches_no_further_back(fileorg: Fileorg, mess: Tree, words: list[str]) -> None:
    assert fileorg("organize", "tree").code == 0
    assert fileorg(*words).code == 0  # nothing to do
    before = mess.snapshot()
    ran = fileorg("undo")
    assert (ran.code, ran.err) == (0, "")
    first, second = ran.out.splitlines()
    assert first.startswith(f"Nothing to undo: the last run in {mess.root} ({words[0]}, ")
    assert first.endswith(" changed nothing.")
    assert second == "Hint: to undo the operation before it: fileorg undo 1"
    assert fileorg("undo", "-f", "json").json == {"operation": None, "kind": "undo", "files": 0}
    assert mess.snapshot() == before
    assert fileorg("undo", "1").code == 0


def test_a_refused_run_changed_nothing_too(fileorg: Fileorg, mess: Tree) -> None:
    assert fileorg("organize", "tree").code == 0
    mess.write({"new.jpg": "new", "newer.jpg": "newer"})
    assert fileorg("organize", "tree", "--max-changes", "1").code == 5
    before = mess.snapshot()
    assert fileorg("undo").code == 0
    assert mess.snapshot() == before


def test_a_run_elsewhere_does_not_matter(fileorg: Fileorg, mess: Tree, other: Tree) -> None:
    assert fileorg("organize", other.root).code == 0  # nothing to do
    assert fileorg("organize", "tree").code == 0
    assert fileorg("organize", other.root).code == 0  # nothing to do
    assert fileorg("undo", "--in", "tree").code == 0
    assert mess.read()["photo.jpg"] == "jpg"


def test_a_later_operation_is_taken(fileorg: Fileorg, mess: Tree) -> None:
    assert fileorg("organize", "tree").code == 0
    assert fileorg("organize", "tree").code == 0  # nothing to do
    mess.write({"new.jpg": "new"})
    assert fileorg("organize", "tree").code == 0
    assert fileorg("undo").code == 0
    assert mess.read()["new.jpg"] == "new"
    assert "Images/photo.jpg" in mess.read()


def test_dry_runs_and_reports_are_no_runs(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    assert fileorg("organize", "tree").code == 0
    for words in (["organize", "tree", "-n"], ["dedupe", "tree"], ["scan", "tree"], ["clean", "tree", "-n"]):
        assert fileorg(*words).code == 0
    assert fileorg("undo").code == 0
    assert mess.snapshot() == before


def test_purged_files_are_not_passed_over(fileorg: Fileorg, mess: Tree) -> None:
    assert fileorg("organize", "tree").code == 0
    mess.write({"one.bin": "the same", "two.bin": "the same"})
    assert fileorg("dedupe", "tree", "--action", "quarantine").code == 0
    assert fileorg("purge", "--yes").code == 0
    before = mess.snapshot()
    ran = fileorg("undo")
    assert (ran.code, ran.out) == (5, "")
    assert "Operation 2, the last one there, cannot be undone: purge deleted its files." in ran.err
    assert mess.snapshot() == before


def test_in_a_terminal_it_is_said_and_asked(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    fileorg("organize", "tree")
    fileorg("organize", "tree")
    terminal = fileorg.terminal("undo")
    terminal.wait_for("Undo operation 1?")
    assert "Since then" in terminal.screen
    assert "changed nothing" in terminal.screen
    terminal.send("y\n")
    assert terminal.end() == 0
    assert mess.snapshot() == before


@pytest.mark.parametrize("content", [b"", b"[", b'[["a", 1]]', b'{"a": 1}', b"[null]", b"\xff"])
def test_a_damaged_note_is_no_note(fileorg: Fileorg, mess: Tree, content: bytes) -> None:
    fileorg("organize", "tree")
    (fileorg.home / "idle-runs.json").write_bytes(content)
    assert fileorg("undo").code == 0
    assert mess.read()["photo.jpg"] == "jpg"


def test_nothing_at_all_is_no_error(fileorg: Fileorg) -> None:
    for word in ("undo", "redo"):
        ran = fileorg.inside(word)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"Nothing to {word} (journal: ")
        assert ran.out.endswith("\nHint: fileorg history lists the operations\n")
        assert fileorg.inside(word, "-q").out == ""
        assert fileorg.inside(word, "-f", "json").json["operation"] is None


def test_an_operation_with_nothing_left_is_no_error(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    before = mess.snapshot()
    ran = fileorg("redo", "1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "Operation 1 has nothing left to redo.\nHint: fileorg history lists the operations\n"
    assert mess.snapshot() == before
    assert fileorg("undo", "1").code == 0
    before = mess.snapshot()
    assert [(ran.code, ran.err) for ran in (fileorg("undo", "1"), fileorg("undo", "1", "-n"))] == [(0, "")] * 2
    assert fileorg("undo", "1", "-q").out == ""
    assert fileorg("undo", "1", "-f", "json").json == {"operation": None, "kind": "undo", "files": 0}
    assert mess.snapshot() == before


def test_what_was_purged_cannot_be_undone(fileorg: Fileorg, mess: Tree) -> None:
    mess.write({"empty.txt": ""})
    fileorg("clean", "tree")
    fileorg("purge", "--yes")
    ran = fileorg("undo", "1")
    assert (ran.code, ran.out) == (2, "")
    assert "nothing left to undo: its files in the trash were purged" in ran.err
