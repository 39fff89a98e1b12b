"""Sparse files of a terabyte: found, compared, moved, copied and undone without reading the holes."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support.disks import LINUX_DISKS, NotTested, linux_disk
from tests.support.runs import Runs
from tests.support.tree import SECOND_NS, Tree

from fileorg.core.model import Action

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root

KIB, TIB = 1 << 10, 1 << 40
PARTS = {0: b"head", 5 * KIB + 1: b"odd", TIB // 3: b"x" * 9000, TIB - 1: b"z"}
MUCH_SECONDS = 30
"""Far less than the time for a terabyte of zeros, and far more than is needed."""


class Facts(NamedTuple):
    """The facts about a file that do not need its holes to be read."""

    size: int
    mtime_ns: int
    inode: int
    data: dict[int, bytes]


def facts(path: Path) -> Facts:
    with path.open("rb") as file:
        seen = os.fstat(file.fileno())
        assert seen.st_blocks * 512 < 64 << 20
        data = {offset: os.pread(file.fileno(), len(part), offset) for offset, part in PARTS.items()}
    return Facts(seen.st_size, seen.st_mtime_ns, seen.st_ino, data)


def make(tree: Tree, name: str, parts: dict[int, bytes], size: int = TIB) -> None:
    with tree.path(name).open("wb") as file:
        file.truncate(size)
        for offset, part in parts.items():
            file.seek(offset)
            file.write(part)
    tree.set_time(name, 1_600_000_000 * SECOND_NS)


@pytest.fixture(params=LINUX_DISKS)
def sparse(request: pytest.FixtureRequest, tmp_path: Path, state: StateDirectory) -> Iterator[Runs]:
    """A pair with some data, a pair of which one has written zeros, and two files that are nearly identical."""
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(linux_disk(request.param, tmp_path))
        except NotTested as why:
            pytest.skip(str(why))
        tree = Tree(disk / "tree")
        for name in ("a.img", "b.img"):
            make(tree, name, PARTS)
        for name in ("c.img", "d.img"):
            make(tree, name, {}, TIB + 4096)
        make(tree, "d.img", {TIB // 2: bytes(300 * KIB)}, TIB + 4096)
        make(tree, "e.img", PARTS | {TIB // 2 + 1: b"\1"})
        make(tree, "f.img", {TIB // 2 + 1: b"\1"}, TIB + 4096)
        began = time.monotonic()
        yield Runs(tree, state)
        assert time.monotonic() - began < MUCH_SECONDS


def all_facts(runs: Runs) -> dict[str, Facts]:
    return {path.name: facts(path) for path in runs.tree.root.iterdir() if path.name.endswith(".img")}


def test_those_that_are_the_same_are_found(sparse: Runs) -> None:
    assert sorted(sparse.duplicates()) == [["a.img", "b.img"], ["c.img", "d.img"]]
    assert sorted(sparse.duplicates()) == [["a.img", "b.img"], ["c.img", "d.img"]]


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "reflink"])
def test_dedupe_and_undo(sparse: Runs, action: str, request: pytest.FixtureRequest) -> None:
    before = all_facts(sparse)
    outcome = sparse.dedupe(action)
    if action == "reflink" and request.node.callspec.params["sparse"] in {"tmpfs", "ext4"}:
        assert outcome.done == 0
        return
    assert outcome.done == 2
    sparse.undo()
    assert all_facts(sparse) == before


def test_dedupe_and_purge(sparse: Runs) -> None:
    sparse.dedupe("quarantine")
    assert sparse.purge().outcome.done == 2
    assert sorted(all_facts(sparse)) == ["a.img", "c.img", "e.img", "f.img"]


def test_to_another_disk_and_back(sparse: Runs, tmp_path: Path) -> None:
    before = all_facts(sparse)
    sparse.organize(dest=tmp_path / "dest")
    (folder,) = (tmp_path / "dest").iterdir()
    there = {path.name: facts(path) for path in folder.iterdir()}
    assert {name: fact._replace(inode=0) for name, fact in there.items()} == {
        name: fact._replace(inode=0) for name, fact in before.items()
    }
    sparse.undo()
    found = all_facts(sparse)
    assert {name: fact._replace(inode=0) for name, fact in found.items()} == {
        name: fact._replace(inode=0) for name, fact in before.items()
    }


def test_copies_and_their_undo(sparse: Runs, tmp_path: Path) -> None:
    before = all_facts(sparse)
    sparse.organize(dest=tmp_path / "dest", action=Action.COPY)
    copy = next(path for path in (tmp_path / "dest").rglob("a.img"))
    seen = copy.stat()
    with copy.open("r+b") as file:  # an edit that restores the time
        file.seek(TIB // 4)
        file.write(b"\1")
    os.utime(copy, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    sparse.undo()
    assert all_facts(sparse) == before


def test_ten_thousand_small_parts(runs: Runs) -> None:
    parts = {number * (100 << 20) + number: b"%d" % number for number in range(1, 10_000)}
    began = time.monotonic()
    for name in ("a.img", "b.img"):
        make(runs.tree, name, parts)
    make(runs.tree, "c.img", parts | {7777 * (100 << 20) + 7777: b"x"})
    assert runs.duplicates() == [["a.img", "b.img"]]
    assert runs.dedupe("hardlink").done == 1
    assert time.monotonic() - began < 3 * MUCH_SECONDS
