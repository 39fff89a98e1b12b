"""The model of `apply`, `import` and `compare`: it finds what they did not do, or said wrongly."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.chains import promises
from tests.chains import view as views
from tests.chains.plans import SHAPES, Row, drawn_rows, write_plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chains.view import View

_SWAP = [Row(b"root/a", b"root/b"), Row(b"root/b", b"root/a")]


def view_of(place: Path, files: dict[str, str]) -> View:
    """Return the view of a new tree."""
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(content)
    bases = {name: os.fsencode(place / os.fsdecode(name)) for name in (b"root", b"dest")}
    return views.take(bases, frozenset())


def test_a_plan_of_which_a_row_was_not_carried_out(tmp_path: Path) -> None:
    before = view_of(tmp_path / "before", {"root/a": "one", "root/b": "two"})
    after = view_of(tmp_path / "after", {"root/a": "two", "root/b": "one"})
    assert promises.of_apply(_SWAP, 0, before, after) == []
    assert promises.of_apply(_SWAP, 0, before, before) == [
        "apply: root/b is another than root/a", "apply: root/a is another than root/b"
    ]  # fmt: skip
    assert promises.of_apply([Row(b"root/a", b"root/c")], 0, before, after) == ["apply: root/c is not there"]
    assert promises.of_apply([Row(b"root/a", b"", "trash")], 0, before, after) == ["apply: root/a is still there"]


def test_a_folder_of_which_a_file_was_not_moved(tmp_path: Path) -> None:
    before = view_of(tmp_path / "before", {"root/a/x": "x", "root/a/y": "y", "root/ab": "z"})
    after = view_of(tmp_path / "after", {"root/c/x": "x", "root/d": "y", "root/ab": "z"})
    rows = [Row(b"root/a", b"root/c"), Row(b"root/a/y", b"root/d")]
    assert promises.of_apply(rows, 0, before, after) == []
    assert promises.of_apply(rows[:1], 0, before, after) == ["apply: root/c/y is not there"]


def test_a_refused_plan_that_was_carried_out_in_part(tmp_path: Path) -> None:
    before = view_of(tmp_path / "before", {"root/a": "one"})
    after = view_of(tmp_path / "after", {"root/b": "one"})
    assert promises.of_apply(_SWAP, 5, before, before) == []
    assert promises.of_apply(_SWAP, 5, before, after) == ["a plan that was refused has changed something"]


def test_a_wrong_answer_whether_all_content_is_there(tmp_path: Path) -> None:
    files = {"root/a": "one", "root/empty": "", "root/.fileorgignore": "*.mp3", "dest/b": "one", "dest/c": "two"}
    view = view_of(tmp_path, files)
    assert promises.of_copies("compare", 0, b"root", [b"dest"], view) == []
    assert promises.of_copies("compare", 3, b"root", [b"dest"], view) != []
    assert promises.of_copies("compare", 0, b"dest", [b"root"], view) != []
    assert promises.of_copies("compare", 3, b"dest", [b"root"], view) == []


def test_a_certificate_that_names_another_file(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"root/a": "one", "dest/b": "one", "dest/c": "two"})
    for place, is_wrong in (("/disk/dest/b", False), ("/disk/dest/c", True), ("/disk/dest/gone", True)):
        lines = [{"path": "/disk/root/a", "new_path": place}]
        (tmp_path / "made").write_text(json.dumps({"certificate": {"is_complete": True}, "contents": lines}))
        found = promises.of_certificate(str(tmp_path / "made"), lambda path: path.removeprefix(b"/disk/"), view)
        assert bool(found) is is_wrong
    assert promises.of_certificate(str(tmp_path / "missing"), lambda path: path, view) != []


@pytest.mark.parametrize("shape", sorted(set(SHAPES)))
def test_each_shape_of_plans_has_rows_of_files_that_exist(tmp_path: Path, shape: str) -> None:
    files = {f"root/{name}": "same" if name < "c" else name for name in ("a", "b", "c", "d/e", "f/g", "h")}
    view = view_of(tmp_path, files)
    for which in range(0, 120, 7):
        rows = drawn_rows({"shape": shape, "which": which, "count": 2, "in_both": True}, view)
        assert rows
        assert {row.path for row in rows} <= view.nodes.keys()
        write_plan(tmp_path / "plan", rows, lambda path: os.fsencode(tmp_path) + b"/" + path, has_sizes=True)
        assert len((tmp_path / "plan").read_text().splitlines()) == len(rows)
