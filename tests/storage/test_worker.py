"""Renames by this process or by a worker: the same promises, and no process is left behind."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import ROOT
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.local.worker import (
    InlineRenamer,
    LateRenamer,
    Moves,
    RenameProcess,
    Renamer,
    RenamerDied,
    pack,
    renamer_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.tree import Tree

ROOT_TO_ROOT = (ROOT, ROOT)


@pytest.fixture(params=[InlineRenamer, RenameProcess])
def renamer(request: pytest.FixtureRequest, tree: Tree) -> Iterator[Renamer]:
    tree.write({"a.jpg": "one", "b.jpg": "two", "Images/b.jpg": "taken"})
    storage = LocalStorage(os.fsencode(tree.root))
    made: Renamer = request.param((storage, storage))
    if isinstance(made, RenameProcess):
        assert made.is_ready()
    yield made
    made.close()
    storage.close()


def test_moves_are_made_and_a_taken_name_is_told(renamer: Renamer, tree: Tree) -> None:
    paths = [b"", b"a.jpg", b"Images", b"a.jpg", b"", b"b.jpg", b"Images", b"b.jpg", b"", b"gone", b"Images", b"gone"]
    renamer.start(pack(Moves(*ROOT_TO_ROOT, paths)))
    assert renamer.finish() == [(1, errno.EEXIST), (2, errno.ENOENT)]
    assert tree.read() == {"Images/a.jpg": "one", "b.jpg": "two", "Images/b.jpg": "taken"}


def test_one_batch_follows_the_other(renamer: Renamer, tree: Tree) -> None:
    renamer.start(pack(Moves(*ROOT_TO_ROOT, [b"", b"a.jpg", b"Images", b"a.jpg"])))
    assert renamer.finish() == []
    renamer.start(pack(Moves(*ROOT_TO_ROOT, [b"Images", b"a.jpg", b"", b"c.jpg"])))
    assert renamer.finish() == []
    assert tree.read()["c.jpg"] == "one"


def test_there_may_be_hundreds_of_roots(tree: Tree) -> None:
    tree.write({f"{root}/": "" for root in range(300)} | {"299/file": "one"})
    storages = [LocalStorage(os.fsencode(tree.path(str(root)))) for root in range(300)]
    with contextlib.ExitStack() as stack:
        for storage in storages:
            stack.callback(storage.close)
        other = stack.enter_context(contextlib.closing(RenameProcess(storages)))
        assert other.is_ready()
        other.start(pack(Moves(299, 298, [b"", b"file", b"", b"moved"])))
        assert other.finish() == []
    assert tree.read()["298/moved"] == "one"


def test_names_of_any_bytes_arrive_as_they_are(renamer: Renamer, tree: Tree) -> None:
    name = b"new\nline \xff\x1b" + "Füße".encode()
    os.rename(os.fsencode(tree.root) + b"/a.jpg", os.fsencode(tree.root) + b"/" + name)
    renamer.start(pack(Moves(*ROOT_TO_ROOT, [b"", name, b"Images", name])))
    assert renamer.finish() == []
    assert name in os.listdir(os.fsencode(tree.root) + b"/Images")


def test_few_files_are_moved_by_this_process(tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    storage = LocalStorage(os.fsencode(tree.root))
    assert isinstance(renamer_for(10, (storage, storage), ()), InlineRenamer)
    other = renamer_for(1_000_000, (storage, storage), ())
    assert isinstance(other, LateRenamer)
    assert isinstance(other.chosen, RenameProcess)
    other.close()
    renamer_for(1_000_000, (storage, storage), ()).close()  # nothing had to be moved
    storage.close()


def test_a_renamer_that_dies_is_reported_and_replaced(tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    storage = LocalStorage(os.fsencode(tree.root))
    renamer = RenameProcess((storage, storage))
    assert renamer.is_ready()
    os.kill(renamer.pid, signal.SIGKILL)

    def move() -> None:
        renamer.start(pack(Moves(*ROOT_TO_ROOT, [b"", b"a.jpg", b"", b"b.jpg"])))
        renamer.finish()

    dead = renamer.pid
    with pytest.raises(RenamerDied):
        move()
    renamer.replace()
    assert renamer.pid != dead
    move()
    assert set(tree.read()) == {"b.jpg"}
    renamer.close()
    storage.close()


def test_a_renamer_refuses_to_work_in_another_directory_of_that_name(tree: Tree) -> None:
    """The folder is swapped between the parent's check and the start of the worker."""
    tree.write({"a.jpg": "one"})
    storage = LocalStorage(os.fsencode(tree.root))
    os.rename(tree.root, f"{tree.root} moved")
    os.mkdir(tree.root)
    renamer = RenameProcess((storage, storage))
    assert not renamer.is_ready()
    renamer.close()
    other = renamer_for(1_000_000, (storage, storage), ())
    assert isinstance(other, LateRenamer)
    assert isinstance(other.chosen, InlineRenamer)
    other.close()
    storage.close()


def test_a_renamer_ends_with_its_parent(tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        storage = LocalStorage(os.fsencode(tree.root))
        renamer = RenameProcess((storage, storage))
        renamer.is_ready()
        os.write(write, b"%d" % renamer.pid)
        os.kill(os.getpid(), signal.SIGKILL)
    pid = int(os.read(read, 20))
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{pid}/exe")
    os.close(read)
    os.close(write)
