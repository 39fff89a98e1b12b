"""Many roots and few descriptors: the roots share the limit of open files, and too low a limit is an error."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

_FILEORG = (sys.executable, "-m", "fileorg")
_KILLED_HALFWAY = """
import os, signal, sys
from fileorg.cli.app import run
from fileorg.storage.local import posix
rename, left = posix.rename_noreplace, [int(sys.argv.pop(1))]
def dying(*arguments):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*arguments)
posix.rename_noreplace = dying
sys.exit(run())
"""
_DEDUPE = ("dedupe", "--action", "quarantine", "-y", "-q", "--keep", "first")


def _run(descriptors: int, *command: str, limit: str = "-n") -> subprocess.CompletedProcess[str]:
    """Run the command with a low soft and hard limit, or with `-Sn` only a low soft limit."""
    words = ["bash", "-c", f'ulimit {limit} {descriptors}; exec "$@"', "bash", *command]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")


def _must(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 0, ran.stderr
    assert "Too many open files" not in ran.stderr


def _write_roots(tree: Tree, roots: int, folders: int) -> list[str]:
    """Write roots with the same files, one per folder; those of the first root are the keepers."""
    tree.write({
        f"root {root:03}/folder {folder:03}/file": f"content {folder}"
        for root in range(roots)
        for folder in range(folders)
    })  # fmt: skip
    return [str(tree.path(f"root {root:03}")) for root in range(roots)]


def _files_in_trash(tree: Tree) -> int:
    return sum("/.fileorg/trash/" in path for path in tree.read() if not path.endswith("/"))


@pytest.mark.parametrize(
    ("descriptors", "folders"), [pytest.param(1024, 300, marks=pytest.mark.slow), (256, 80), (64, 40)]
)
def test_folders_are_more_than_descriptors(runs: Runs, tree: Tree, descriptors: int, folders: int) -> None:
    """A killed run is recovered and undone; a run that is not killed completes and is undone."""
    roots = _write_roots(tree, 6, folders)
    before = tree.snapshot()
    killed = _run(descriptors, sys.executable, "-c", _KILLED_HALFWAY, str(5 * folders // 2), *_DEDUPE, *roots)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < _files_in_trash(tree) < 5 * folders
    _must(_run(descriptors, *_FILEORG, "undo", "-y"))
    assert tree.snapshot() == before
    _must(_run(descriptors, *_FILEORG, *_DEDUPE, *roots))
    assert _files_in_trash(tree) == 5 * folders
    _must(_run(descriptors, *_FILEORG, "undo", "-y"))
    assert tree.snapshot() == before


def test_roots_are_more_than_the_soft_limit(runs: Runs, tree: Tree) -> None:
    roots = _write_roots(tree, 300, 2)
    before = tree.snapshot()
    _must(_run(256, *_FILEORG, *_DEDUPE, *roots, limit="-Sn"))
    after = tree.snapshot()
    assert _files_in_trash(tree) == 598
    _must(_run(256, *_FILEORG, "undo", "-y", limit="-Sn"))
    assert tree.snapshot() == before
    _must(_run(256, *_FILEORG, "redo", "-y", limit="-Sn"))
    assert tree.snapshot() == after


def test_a_limit_that_is_too_low_is_named(runs: Runs, tree: Tree) -> None:
    roots = _write_roots(tree, 300, 1)
    before = tree.snapshot()
    for command in ((*_DEDUPE, *roots), ("dedupe", *roots)):
        refused = _run(256, *_FILEORG, *command)
        assert refused.returncode == 1
        assert "the limit is 256 (ulimit -n)." in refused.stderr
        assert tree.snapshot() == before


def test_what_cannot_be_settled_for_the_limit_waits_for_a_higher_one(runs: Runs, tree: Tree) -> None:
    roots = _write_roots(tree, 300, 1)
    before = tree.snapshot()
    killed = _run(4096, sys.executable, "-c", _KILLED_HALFWAY, "150", *_DEDUPE, *roots)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    waits = _run(256, *_FILEORG, "recover")
    assert waits.returncode == 1
    assert "the limit is 256 (ulimit -n)" in waits.stderr
    _must(_run(4096, *_FILEORG, "recover"))
    _must(_run(4096, *_FILEORG, "undo", "-y"))
    assert tree.snapshot() == before


@pytest.mark.parametrize("action", ["copy", "move"])
def test_copies_that_become_durable_together_leave_descriptors(
    runs: Runs, tree: Tree, elsewhere: Path, action: str
) -> None:
    tree.write({f"folder {folder}/{name}.txt": str(name) for folder in range(30) for name in range(folder, 150, 30)})
    before = tree.snapshot()
    organize = ("organize", str(tree.root), "-r", "--dest", str(elsewhere), "--action", action, "-y")
    _must(_run(64, *_FILEORG, *organize))
    assert sum(path.is_file() for path in elsewhere.rglob("*")) == 150
    _must(_run(64, *_FILEORG, "undo", "1", "-y"))
    assert tree.snapshot() == before


@pytest.mark.parametrize("descriptors", [9, 10, 11, 12])
def test_far_too_few_descriptors_are_not_blamed_on_another_program(runs: Runs, tree: Tree, descriptors: int) -> None:
    tree.write({"a.jpg": "1"})
    ran = _run(descriptors, *_FILEORG, "organize", "-y", str(tree.root))
    assert ran.returncode == 1
    assert "Another program" not in ran.stderr
    assert "ulimit -n" in ran.stderr
    assert tree.read() == {"a.jpg": "1"}
