"""A file that another program has open for writing is counted and listed, and is no failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.writing import holding

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


def test_it_is_counted_and_named_and_no_failure(fileorg: Fileorg, tree: Tree, elsewhere: Path) -> None:
    tree.write({"talk.mkv": "begun", "plain.jpg": "1", "more.jpg": "2"})
    with holding(tree.path("talk.mkv"), "appends") as pid:
        said = fileorg("organize", "-y", "--dest", elsewhere, "--exclude", "more.jpg", tree.root)
        reported = fileorg("organize", "-y", "--format", "json", "--dest", elsewhere, tree.root)
    sentence = f"another program (process {pid}) has it open for writing, so it was skipped"
    assert f"Skipped 1 file:\n  talk.mkv: {sentence}\n" in said.out
    assert (said.code, said.err, reported.code) == (0, "", 0)
    [problem] = reported.json["problems"]
    assert reported.json["counts"] == {"done": 1, "skipped": 1}
    assert (problem["status"], problem["reason_code"], problem["reason"]) == ("skipped", "being-written", sentence)


def test_an_undo_that_leaves_it_has_failed(fileorg: Fileorg, tree: Tree, elsewhere: Path) -> None:
    tree.write({"talk.mkv": "begun"})
    fileorg("organize", "-y", "--dest", elsewhere, tree.root)
    with holding(elsewhere / "Video/talk.mkv", "appends"):
        left = fileorg("undo", "-y")
    assert (left.code, "1 file could not be processed:" in left.err) == (1, True)
    assert fileorg("undo", "-y").code == 0
    assert tree.read() == {"talk.mkv": "begun"}
