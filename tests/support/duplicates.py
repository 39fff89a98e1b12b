"""A duplicate for tests, and interference by other programs at the wrong moment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.report.sentences import sentence
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tree import Tree

    from fileorg.core.model import Outcome, RecordState

all_actions = pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
linking = pytest.mark.parametrize("action", ["hardlink", "symlink"])

IN_TRASH = {"a": "same", "b": "other", ".fileorg/trash/1/x/c": "same"}
AFTER = {
    "quarantine": IN_TRASH | {"x/": ""},
    "hardlink": IN_TRASH | {"x/c": "same"},
    "symlink": IN_TRASH | {"x/c": "-> ../a"},
}


def write_duplicates(tree: Tree) -> Tree:
    """Write `a` and its duplicate `x/c`, with all metadata that a file can have."""
    tree.write({"a": "same", "b": "other", "x/c": "same"})
    tree.path("x/c").chmod(0o640)
    os.setxattr(tree.path("x/c"), "user.origin", b"camera")
    for path, when in (("a", 1), ("x/c", 3), ("x", 5), (".", 7)):
        tree.set_time(path, when * 10**9 + 1)
    return tree


def inode(tree: Tree, path: str) -> int:
    return tree.path(path).lstat().st_ino


def reasons(outcome: Outcome) -> list[tuple[RecordState, str]]:
    return [(problem.state, sentence(problem.reason)) for problem in outcome.problems]


def before_call(monkeypatch: pytest.MonkeyPatch, method: str, interfere: Callable[[], object], number: int = 1) -> None:
    """Call `act` right before call `number` of a method of any storage."""
    original, left = getattr(LocalStorage, method), [number]

    def method_(storage: LocalStorage, *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            interfere()
        return original(storage, *arguments)

    monkeypatch.setattr(LocalStorage, method, method_)


def swap(tree: Tree, path: str, content: str) -> Callable[[], None]:
    """Return a function that replaces the file by another one, as editors do."""

    def interfere() -> None:
        tree.write({"new~": content})
        tree.path("new~").rename(tree.path(path))

    return interfere
