"""A plan makes each missing folder once, after its parents, and no folder that exists."""

from __future__ import annotations

from fileorg.core.model import ROOT, Action, PlanRow
from fileorg.core.names import join, with_parents
from fileorg.plan.missing_folders import MissingFolders

_THERE = {b"a", b"a/b"}


def _made(rows: list[PlanRow]) -> list[bytes]:
    assert {row.action for row in rows} <= {Action.MAKE_FOLDER}
    return [join(row.target_folder, row.target_name) for row in rows]


def _missing(asked: list[bytes]) -> MissingFolders:
    def is_missing(folder: bytes) -> bool:
        asked.append(folder)
        return folder not in _THERE

    return MissingFolders(ROOT, is_missing)


def test_folders_are_made_once_and_those_above_first() -> None:
    missing = _missing([])
    assert _made(missing.rows(b"a/b/c/d")) == [b"a/b/c", b"a/b/c/d"]
    assert _made(missing.rows(b"a/b/c")) == []
    assert _made(missing.rows(b"a/b/c/e")) == [b"a/b/c/e"]
    assert _made(missing.rows(b"")) == []


def test_what_is_above_a_folder_that_is_there_is_not_looked_at() -> None:
    asked: list[bytes] = []
    missing = _missing(asked)
    assert missing.rows(b"a/b") == missing.rows(b"a/b") == []
    assert asked == [b"a/b"]


def test_what_is_forgotten_lies_beside_the_folder() -> None:
    missing = _missing([])
    missing.rows(b"x/y/z")
    missing.forget_beside(b"x/y")
    assert missing.known == {b"", b"x", b"x/y"}


def test_a_path_of_any_depth() -> None:
    path = b"/".join([b"d"] * 5000)
    assert len(list(with_parents(path))) == len(_missing([]).rows(path)) == 5000
    assert list(with_parents(b"")) == []
