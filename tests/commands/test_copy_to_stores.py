"""Organize with copies into an object store, from a folder and within a store: before, after, and back."""

from __future__ import annotations

import errno
import io
import itertools
import os
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest
from tests.support.buckets import Bucket
from tests.support.faulty_client import KILLS, Fault, Faults, FaultyClient, Killed

from fileorg.core.errors import GuardRefused, StorageFailure
from fileorg.core.events import NullReporter
from fileorg.core.model import Action, By, OperationState, RecordState
from fileorg.execute.actions.carry_object import READ_WHOLE_BYTES
from fileorg.journal.journal import Journal
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.object.client import ObjectDeletion, StoredObject
from fileorg.storage.object.memory import MemoryClient
from fileorg.workflows import stores
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

_numbers = itertools.count()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(MemoryClient(f"copies-{next(_numbers)}"), "archive/")


def test_files_are_copied_into_a_store_with_their_times(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "picture", "b.pdf": "text", "empty.txt": ""})
    tree.set_time("a.jpg", 1_600_000_000_123_456_789)
    before = tree.snapshot()
    outcome = runs.organize(dest=bucket.url, action=Action.COPY)
    assert (outcome.done, outcome.problem_count) == (3, 0)
    assert bucket.read() == {"Images/a.jpg": "picture", "Documents/b.pdf": "text", "Documents/empty.txt": ""}
    assert bucket.snapshot()["Images/a.jpg"].metadata == {"mtime": "1600000000.123456789"}
    assert tree.snapshot() == before
    assert runs.undo().done == 3
    assert (bucket.read(), tree.snapshot()) == ({}, before)
    assert runs.redo().done == 3
    assert bucket.read() == {"Images/a.jpg": "picture", "Documents/b.pdf": "text", "Documents/empty.txt": ""}
    runs.undo()
    assert (bucket.read(), tree.snapshot()) == ({}, before)


@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE])
@pytest.mark.parametrize("size", [1, 2 * READ_WHOLE_BYTES])
def test_a_file_that_cannot_be_read_stays_alone(
    runs: Runs, tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, *, size: int, action: Action
) -> None:
    tree.write({"a.jpg": "1", "broken.jpg": "x" * size, "c.jpg": "3"})
    before, open_read = tree.snapshot(), LocalStorage.open_read

    class Broken(io.FileIO):
        def read(self, _: int | None = -1) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def opened(storage: LocalStorage, folder: bytes, name: bytes) -> BinaryIO:
        file = open_read(storage, folder, name)
        if name != b"broken.jpg":
            return file
        with file:
            return cast("BinaryIO", Broken(os.dup(file.fileno())))

    monkeypatch.setattr(LocalStorage, "open_read", opened)
    outcome = runs.organize(dest=bucket.url, action=action)
    assert outcome.counts == {RecordState.DONE: 2, RecordState.FAILED: 1}
    assert [(each.path, each.reason and each.reason.number) for each in outcome.problems] == [
        (b"broken.jpg", errno.EIO)
    ]
    assert bucket.read() == {"Images/a.jpg": "1", "Images/c.jpg": "3"}
    runs.undo()
    assert (bucket.read(), tree.snapshot()) == ({}, before)


def test_objects_are_copied_within_a_store(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "picture"}, metadata={"of": "a user"})
    before = bucket.snapshot()
    runs.organize(root=bucket.url, action=Action.COPY)
    assert bucket.snapshot() == {"a.jpg": before["a.jpg"], "Images/a.jpg": before["a.jpg"]}
    runs.undo()
    assert bucket.snapshot() == before


def test_names_that_are_taken_or_identical(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    bucket.write({"Images/a.jpg": "other", "Images/b.jpg": "same"})
    tree.write({"a.jpg": "mine", "b.jpg": "same"})
    runs.organize(dest=bucket.url, action=Action.COPY)
    assert bucket.read() == {"Images/a.jpg": "other", "Images/a (2).jpg": "mine", "Images/b.jpg": "same"}


def test_a_name_that_no_key_can_have_is_named(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"caf\udce9.jpg": "1", "b.jpg": "2"})
    outcome = runs.organize(dest=bucket.url, action=Action.COPY)
    assert bucket.read() == {"Images/b.jpg": "2"}
    assert [(problem.path, problem.state) for problem in outcome.problems] == [(b"caf\xe9.jpg", RecordState.FAILED)]


def test_undo_keeps_a_copy_that_is_the_last_one_or_was_replaced(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.jpg": "3", "d.jpg": "4"})
    runs.organize(dest=bucket.url, action=Action.COPY)
    tree.path("a.jpg").unlink()
    tree.write({"b.jpg": "X"})
    bucket.write({"Images/c.jpg": "theirs"})
    outcome = runs.undo()
    assert (outcome.done, outcome.problem_count) == (1, 3)
    assert bucket.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2", "Images/c.jpg": "theirs"}


def test_objects_are_copied_into_a_folder_with_their_times(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "picture"}, metadata={"mtime": "1600000000.123456789"})
    bucket.write({"b.pdf": "text", "deep/empty.txt": ""})
    before = bucket.snapshot()
    outcome = runs.organize(root=bucket.url, dest=tree.root, action=Action.COPY, recursive=True)
    assert (outcome.done, outcome.problem_count) == (3, 0)
    assert tree.read() == {"Images/a.jpg": "picture", "Documents/b.pdf": "text", "Documents/empty.txt": ""}
    assert tree.path("Images/a.jpg").stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert runs.undo().done == 3
    assert (tree.read(), bucket.snapshot()) == ({}, before)
    assert runs.redo().done == 3
    tree.write({"Images/a.jpg": "edited"})
    bucket.write({"b.pdf": "replaced"})
    assert (runs.undo().done, tree.read()) == (1, {"Images/a.jpg": "edited", "Documents/b.pdf": "text"})


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("undoes", [False, True], ids=["copy", "undo"])
def test_a_copy_or_its_undo_ends_at_each_request(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch, fault: Fault, *, undoes: bool
) -> None:
    """After recovery, nothing is open; after an undo, the store is empty, and the folder as it was throughout."""
    faults = Faults()
    monkeypatch.setattr(stores, "_open_client", lambda _url, _scheme, name: FaultyClient(MemoryClient(name), faults))
    tree.write({"a.jpg": "1", "b.pdf": "2"})
    before = tree.snapshot()
    for at in range(100):
        bucket = Bucket(MemoryClient(f"copies-{next(_numbers)}"), "archive/")
        if undoes:
            runs.organize(dest=bucket.url, action=Action.COPY)
        faults.arm(fault, at)
        try:
            runs.undo() if undoes else runs.organize(dest=bucket.url, action=Action.COPY)
        except (Killed, OSError, StorageFailure):
            assert faults.happened
        faults.disarm()
        recover_all(runs.state, NullReporter())
        with Journal(runs.state.journal, read_only=True) as journal:
            assert {each.state for each in journal.operations()} <= {OperationState.SEALED}
        assert set(bucket.read()) <= {"Images/a.jpg", "Documents/b.pdf"}
        if bucket.read():
            runs.undo()
        assert (bucket.read(), tree.snapshot()) == ({}, before)
        if not faults.happened:
            assert at > (3 if fault in KILLS else 1)
            return


@pytest.mark.parametrize("fault", Fault)
def test_a_copy_out_of_a_store_ends_at_each_request(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """After recovery, the folder has whole files only, and after an undo nothing."""
    faults = Faults()
    monkeypatch.setattr(stores, "_open_client", lambda _url, _scheme, name: FaultyClient(MemoryClient(name), faults))
    contents = {"a.jpg": "1" * 1000, "b.pdf": "2" * 1000}
    bucket = Bucket(MemoryClient(f"copies-{next(_numbers)}"), "archive/")
    bucket.write(contents)
    for at in range(100):
        faults.arm(fault, at)
        try:
            runs.organize(root=bucket.url, dest=tree.root, action=Action.COPY)
        except (Killed, OSError, StorageFailure):
            assert faults.happened
        faults.disarm()
        recover_all(runs.state, NullReporter())
        whole = {"Images/a.jpg": contents["a.jpg"], "Documents/b.pdf": contents["b.pdf"]}
        assert all(path.endswith("/") or whole.get(path) == content for path, content in tree.read().items())
        if tree.read():
            runs.undo()
        assert (tree.read(), bucket.read()) == ({}, contents)
        if not faults.happened:
            assert at > 3
            return


def test_undo_waits_for_a_later_operation_in_the_store(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "picture", "b.pdf": "text"})
    runs.organize(dest=bucket.url, action=Action.COPY)
    copies = Bucket(bucket.client, bucket.prefix + "Images/")
    runs.organize(root=copies.url, by=By.EXTENSION)
    assert bucket.read() == {"Images/jpg/a.jpg": "picture", "Documents/b.pdf": "text"}
    with pytest.raises(GuardRefused, match=r"^Operation 1 cannot be undone yet: operation 2 has moved or used one of"):
        runs.undo(1)
    assert bucket.read() == {"Images/jpg/a.jpg": "picture", "Documents/b.pdf": "text"}
    runs.undo(2)
    runs.undo(1)
    assert bucket.read() == {}


def test_undo_does_not_wait_for_what_another_program_removed_from_the_store(
    runs: Runs, tree: Tree, bucket: Bucket
) -> None:
    tree.write({"a.jpg": "picture", "b.pdf": "text"})
    runs.organize(dest=bucket.url, action=Action.COPY)
    runs.organize(root=Bucket(bucket.client, bucket.prefix + "Images/").url, by=By.EXTENSION)
    (there,) = bucket.client.head([bucket.key("Images/jpg/a.jpg")])
    assert isinstance(there, StoredObject)
    bucket.client.delete([ObjectDeletion(there.key, there.etag)])
    assert runs.undo(1).done == 1
    assert bucket.read() == {}
