"""Markers of folders are removed and made again, with a fault at each request, and each recovery is killed.

After recovery nothing is open, each object is there once, and an undo brings back the first bucket exactly.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest
from tests.faults.faulty_stores import faults_of_all_stores, make_probed_bucket
from tests.support.buckets import Bucket
from tests.support.faulty_client import KILLS, Fault, Faults, Killed

from fileorg.core.errors import StorageFailure
from fileorg.core.events import NullReporter
from fileorg.core.model import OperationState
from fileorg.journal.journal import Journal
from fileorg.storage.object.client import Result
from fileorg.storage.object.memory import MemoryClient, memory_bucket
from fileorg.storage.object.s3 import S3Client
from fileorg.workflows.recover import recover_all
from fileorg.workflows.undo import NothingToUndo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.storage.object.servers import S3Server
    from tests.support.runs import Runs

_numbers = itertools.count()
_MAX_REQUESTS = 200


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return faults_of_all_stores(monkeypatch)


class Step:
    """A bucket with markers that a command works on, and what must hold of it."""

    def __init__(self, runs: Runs, faults: Faults, bucket: Bucket) -> None:
        self.runs, self.faults, self.bucket = runs, faults, bucket
        for folder in ("a/", "a/b/", "old/"):
            outcome = bucket.client.put(
                bucket.key(folder), b"", metadata={"of": "a user"}, headers={"content-type": "x/y"}, tags={"t": folder}
            )
            assert outcome.result is Result.DONE
        bucket.write({"full/c": "3", "full/": ""})

    def begin(self) -> Step:
        self.first = self.bucket.snapshot()
        return self

    def clean(self) -> None:
        self.runs.clean(root=self.bucket.url)

    def organize(self) -> None:
        self.runs.organize(root=self.bucket.url, recursive=True, remove_empty=True)

    def undo(self) -> None:
        self.runs.undo()

    def redo(self) -> None:
        self.runs.redo()

    def recover(self) -> None:
        recover_all(self.runs.state, NullReporter())

    def ended_by(self, fault: Fault, at: int, do: Callable[[Step], None]) -> bool:
        """Do something with a fault; return whether it happened."""
        self.faults.arm(fault, at)
        try:
            do(self)
        except (Killed, OSError, StorageFailure):
            assert self.faults.happened
        self.faults.disarm()
        return self.faults.happened

    def check(self) -> None:
        """Recover, undo what is left, and assert that the bucket is as it was first."""
        self.recover()
        with Journal(self.runs.state.journal, read_only=True) as journal:
            assert {each.state for each in journal.operations()} <= {OperationState.SEALED}
        if self.bucket.snapshot() != self.first:
            self.undo()
        assert self.bucket.snapshot() == self.first


def _points(
    fault: Fault, made: Callable[[], Step], do: Callable[[Step], None], stride: int = 1
) -> Iterator[tuple[Step, int]]:
    """Yield a step after a fault at each request of a command, or at every second, third …"""
    for at in range(0, _MAX_REQUESTS, stride):
        step = made()
        if not step.ended_by(fault, at, do):
            return
        yield step, at
    raise AssertionError("the command does not end")


def _in_memory(*, versions: bool) -> Bucket:
    client = MemoryClient(f"folder-keys-killed-{next(_numbers)}")
    memory_bucket(client.bucket).versions = versions
    return Bucket(client, "inbox/")


def _with_files(step: Step) -> Step:
    step.bucket.write({"a/b/x.jpg": "1", "old/y.jpg": "2"})
    return step


@pytest.fixture(params=[False, True], ids=["plain", "versions"])
def versions(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def empty(versions: bool, runs: Runs, faults: Faults) -> Callable[[], Step]:
    return lambda: Step(runs, faults, _in_memory(versions=versions)).begin()


@pytest.fixture
def full(versions: bool, runs: Runs, faults: Faults) -> Callable[[], Step]:
    return lambda: _with_files(Step(runs, faults, _in_memory(versions=versions))).begin()


@pytest.mark.parametrize("fault", Fault)
def test_clean_ends_at_each_request(empty: Callable[[], Step], fault: Fault) -> None:
    points = 0
    for step, _ in _points(fault, empty, Step.clean):
        step.check()
        points += 1
    assert points > 6


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_organize_ends_at_a_request(full: Callable[[], Step], fault: Fault, stride: int) -> None:
    points = 0
    for step, _ in _points(fault, full, Step.organize, stride):
        step.check()
        points += 1
    assert points > 10 // stride


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize("do", [Step.clean, Step.organize])
def test_an_undo_ends_at_a_request(
    empty: Callable[[], Step], full: Callable[[], Step], do: Callable[[Step], None], fault: Fault, stride: int
) -> None:
    def done() -> Step:
        step = (empty if do is Step.clean else full)()
        do(step)
        return step

    for step, _ in _points(fault, done, Step.undo, stride):
        step.recover()
        with contextlib.suppress(NothingToUndo):
            if step.bucket.snapshot() != step.first:
                step.undo()
        assert step.bucket.snapshot() == step.first


@pytest.mark.parametrize("fault", KILLS)
@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_a_redo_is_killed_at_a_request(full: Callable[[], Step], fault: Fault, stride: int) -> None:
    def undone() -> Step:
        step = full()
        step.organize()
        step.undo()
        return step

    for step, _ in _points(fault, undone, Step.redo, stride):
        step.check()


@pytest.mark.slow
@pytest.mark.parametrize("do", [Step.clean, Step.organize])
def test_each_recovery_is_killed_at_each_request(
    empty: Callable[[], Step], full: Callable[[], Step], do: Callable[[Step], None]
) -> None:
    made = empty if do is Step.clean else full
    for fault in KILLS:
        for _, at in _points(fault, made, do):
            for again in range(_MAX_REQUESTS):
                step = made()
                step.ended_by(fault, at, do)
                if not step.ended_by(Fault.KILL_AFTER, again, Step.recover):
                    break
                step.check()


@pytest.mark.slow
@pytest.mark.parametrize("fault", KILLS)
def test_clean_and_its_undo_are_killed_on_a_real_server(
    runs: Runs,
    faults: Faults,
    seaweedfs: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    versions: bool,
) -> None:
    name = f"folder-keys-killed-{next(_numbers)}"
    make_probed_bucket(seaweedfs, name, runs.state, monkeypatch, versions=versions)
    with contextlib.closing(S3Client(name, seaweedfs.settings)) as client:

        def made() -> Step:
            return Step(runs, faults, Bucket(client, f"inbox-{next(_numbers)}/")).begin()

        def cleaned() -> Step:
            step = made()
            step.clean()
            return step

        for step, _ in _points(fault, made, Step.clean):
            step.check()
        for step, _ in _points(fault, cleaned, Step.undo):
            step.check()
