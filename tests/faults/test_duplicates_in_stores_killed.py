"""Dedupe, clean and purge in a store are killed at each request, and so is each recovery; or a request gets lost.

After each step, every content is in the bucket. After recovery, nothing is open, and an undo brings back the first
bucket exactly, but for what was purged: that has another object with its content.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import TYPE_CHECKING

import pytest
from tests.faults.faulty_stores import Rights, faults_of_all_stores, make_probed_bucket
from tests.support.buckets import Bucket
from tests.support.faulty_client import KILLS, Fault, Faults, Killed

from fileorg.core.errors import StorageFailure
from fileorg.core.events import NullReporter
from fileorg.core.model import OperationState, RecordState
from fileorg.core.names import join
from fileorg.journal.journal import Journal
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.storage.object.client import ObjectOutcome, Result
from fileorg.storage.object.memory import MemoryClient, memory_bucket
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.store_error import StoreCode, StoreError
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.storage.object.servers import S3Server
    from tests.support.runs import Runs

    from fileorg.storage.object.client import ObjectCopy

_numbers = itertools.count()
_MAX_REQUESTS = 200
_LOST = [each for each in Fault if each not in {*KILLS, Fault.LOSE_THE_ANSWER}]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return faults_of_all_stores(monkeypatch)


class Step:
    """A bucket with duplicates and an empty object, what commands do there, and what must hold of it."""

    def __init__(self, runs: Runs, faults: Faults, bucket: Bucket) -> None:
        self.bucket, self.runs, self._faults = bucket, runs, faults
        contents = {"a": "one", "deep/a": "one", "b": "two", "c": "three", "deep/c": "three", "d": "", "e": "alone"}
        bucket.write(contents, metadata={"of": "a user"})
        self.first = bucket.snapshot()

    def dedupe(self) -> None:
        self.runs.dedupe_of(roots=[self.bucket.url], action=DedupeAction.QUARANTINE)

    def clean(self) -> None:
        self.runs.clean(root=self.bucket.url)

    def undo(self) -> None:
        self.runs.undo()

    def redo(self) -> None:
        self.runs.redo()

    def purge(self) -> None:
        self.runs.purge(self._operation)

    @property
    def _operation(self) -> int:
        """The number of the last operation that filled the trash."""
        with Journal(self.runs.state.journal, read_only=True) as journal:
            return max(each.id for each in journal.operations() if each.kind in {"dedupe", "clean"})

    def recover(self) -> None:
        recover_all(self.runs.state, NullReporter())

    def is_ended_by(self, fault: Fault, at: int, do: Callable[[Step], None]) -> bool:
        """Do something with a fault; return whether it happened."""
        self._faults.arm(fault, at)
        try:
            do(self)
        except (Killed, OSError, StorageFailure):
            assert self._faults.happened
        self._faults.disarm()
        self._check_contents()
        return self._faults.happened

    def check_recovered(self) -> None:
        """Recover, and assert that nothing is open and that nothing is left of copies."""
        self.recover()
        self._check_contents()
        with Journal(self.runs.state.journal, read_only=True) as journal:
            assert {each.state for each in journal.operations()} <= {OperationState.SEALED}
        assert not self.bucket.client.uploads()
        assert len(self.bucket.read()) <= len(self.first)

    def check_undone(self) -> None:
        """Undo what is left, and assert that the bucket is as it was first."""
        if self.bucket.snapshot() != self.first:
            self.undo()
        assert self.bucket.snapshot() == self.first

    def check_purged(self) -> None:
        """Assert that each record that is done has its object, and that undo restores what was not purged."""
        number = self._operation
        in_trash = {key for key in self.bucket.read() if key.startswith(".fileorg/")}
        done = self.runs.records(number, RecordState.DONE)
        paths = (os.fsdecode(join(each.source_folder, each.source_name)) for each in done)
        assert {f".fileorg/trash/{number}/{path}" for path in paths} == in_trash
        if done:
            self.runs.undo(number)
        held = self.bucket.snapshot()
        assert held.items() <= self.first.items()
        assert len(held) == len(self.first) - len(self.runs.records(number, RecordState.PURGED))

    def _check_contents(self) -> None:
        before, now = ({each.content for each in held.values()} for held in (self.first, self.bucket.snapshot()))
        assert before - now <= {b""}  # what is empty may be purged


def _points(fault: Fault, made: Callable[[], Step], do: Callable[[Step], None]) -> Iterator[Step]:
    """Yield a step after a fault at each request of a command."""
    for at in range(_MAX_REQUESTS):
        step = made()
        if not step.is_ended_by(fault, at, do):
            assert at > 3
            return
        yield step
    raise AssertionError("the command does not end")


def _after(made: Callable[[], Step], *did: Callable[[Step], None]) -> Callable[[], Step]:
    """Return a maker of steps after which some commands have run."""

    def done() -> Step:
        step = made()
        for do in did:
            do(step)
        return step

    return done


@pytest.fixture(params=[False, True], ids=["plain", "versions"])
def made(request: pytest.FixtureRequest, runs: Runs, faults: Faults) -> Callable[[], Step]:
    def in_memory() -> Step:
        client = MemoryClient(f"killed-duplicates-{next(_numbers)}", part_limit_bytes=4)
        memory_bucket(client.bucket).versions = request.param
        return Step(runs, faults, Bucket(client, "inbox/"))

    return in_memory


@pytest.fixture(params=[False, True], ids=["plain", "versions"])
def on_server(
    request: pytest.FixtureRequest, runs: Runs, faults: Faults, seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Step]]:
    """The same on a real server, below a new prefix each time."""
    name = f"killed-duplicates-{next(_numbers)}"
    make_probed_bucket(seaweedfs, name, runs.state, monkeypatch, versions=request.param)
    with contextlib.closing(S3Client(name, seaweedfs.settings)) as client:
        yield lambda: Step(runs, faults, Bucket(client, f"inbox-{next(_numbers)}/"))


_CHANGES = {
    "dedupe": ((), Step.dedupe),
    "undo-dedupe": ((Step.dedupe,), Step.undo),
    "redo-dedupe": ((Step.dedupe, Step.undo), Step.redo),
    "clean": ((), Step.clean),
    "undo-clean": ((Step.clean,), Step.undo),
}
_RARER = [each for each in _CHANGES if each != "dedupe"]


@pytest.mark.parametrize("fault", [Fault.KILL_AFTER, pytest.param(Fault.KILL_BEFORE, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", ["dedupe", *(pytest.param(each, marks=pytest.mark.slow) for each in _RARER)])
def test_a_change_is_killed_at_each_request(made: Callable[[], Step], change: str, fault: Fault) -> None:
    before, do = _CHANGES[change]
    for step in _points(fault, _after(made, *before), do):
        step.check_recovered()
        step.check_undone()


@pytest.mark.parametrize("fault", [Fault.KILL_AFTER, pytest.param(Fault.KILL_BEFORE, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", [Step.dedupe, pytest.param(Step.clean, marks=pytest.mark.slow)])
def test_a_purge_is_killed_at_each_request(
    made: Callable[[], Step], change: Callable[[Step], None], fault: Fault
) -> None:
    for step in _points(fault, _after(made, change), Step.purge):
        step.check_recovered()
        step.check_purged()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [each for each in Fault if each not in KILLS])
@pytest.mark.parametrize("change", ["dedupe", "undo-dedupe"])
def test_a_request_or_its_answer_gets_lost(made: Callable[[], Step], change: str, fault: Fault) -> None:
    before, do = _CHANGES[change]
    for step in _points(fault, _after(made, *before), do):
        step.check_recovered()
        step.check_undone()


@pytest.mark.parametrize(
    "fault", [Fault.LOSE_THE_ANSWER, *(pytest.param(each, marks=pytest.mark.slow) for each in _LOST)]
)
def test_a_request_of_a_purge_or_its_answer_gets_lost(made: Callable[[], Step], fault: Fault) -> None:
    for step in _points(fault, _after(made, Step.dedupe), Step.purge):
        step.check_recovered()
        step.check_purged()


@pytest.mark.slow
@pytest.mark.parametrize("change", [Step.dedupe, Step.purge])
def test_each_recovery_is_killed_at_each_request(made: Callable[[], Step], change: Callable[[Step], None]) -> None:
    is_purge = change is Step.purge
    start = _after(made, Step.dedupe) if is_purge else made
    for first in range(_MAX_REQUESTS):
        for second in range(_MAX_REQUESTS):
            step = start()
            if not step.is_ended_by(Fault.KILL_AFTER, first, change):
                assert first > 3
                return
            if not step.is_ended_by(Fault.KILL_AFTER, second, Step.recover):
                break
            step.check_recovered()
            step.check_purged() if is_purge else step.check_undone()


@pytest.mark.parametrize("recoveries", [1, 2])
def test_a_duplicate_may_be_deleted_late_while_its_other_object_is_edited(
    made: Callable[[], Step], monkeypatch: pytest.MonkeyPatch, recoveries: int
) -> None:
    """Its deletion had no answer, in the run or in the first recovery."""
    step, rights = made(), Rights(monkeypatch)
    rights.unanswered = {b"inbox/deep/a", b"inbox/a"}
    with contextlib.suppress(StorageFailure):
        step.dedupe()
    if recoveries == 2:
        step.recover()
    rights.unanswered = set()
    kept = "a" if ".fileorg/trash/1/deep/a" in step.bucket.read() else "deep/a"
    step.bucket.write({kept: "edited"})
    step.recover()
    rights.come()
    assert "one" in step.bucket.read().values()
    with Journal(step.runs.state.journal, read_only=True) as journal:
        assert {each.state for each in journal.operations()} == {OperationState.SEALED}


def test_a_copy_comes_after_a_recovery_did_not_find_it(
    made: Callable[[], Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next recovery deletes the duplicate, without an answer, and then the object that stays is edited."""
    step, rights = made(), Rights(monkeypatch)
    late: list[Callable[[], object]] = []
    copy = MemoryClient._copy

    def copied(client: MemoryClient, number: int, row: ObjectCopy, begun: Callable[[int, str], None]) -> ObjectOutcome:
        if row.target_key.rpartition(b"/")[2] != b"a":
            return copy(client, number, row, begun)
        late.append(lambda: copy(client, number, row, begun))
        return ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.TIMED_OUT, may_be_done=True))

    rights.unanswered = {b"inbox/deep/a", b"inbox/a", b"inbox/deep/c", b"inbox/c"}
    with monkeypatch.context() as patch:
        patch.setattr(MemoryClient, "_copy", copied)
        with contextlib.suppress(StorageFailure):
            step.dedupe()
    step.recover()
    [come] = late
    come()
    step.recover()
    kept = "a" if ".fileorg/trash/1/deep/a" in step.bucket.read() else "deep/a"
    step.bucket.write({kept: "edited"})
    rights.unanswered = set()
    step.recover()
    rights.come()
    assert "one" in step.bucket.read().values()
    with Journal(step.runs.state.journal, read_only=True) as journal:
        assert {each.state for each in journal.operations()} == {OperationState.SEALED}


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
def test_dedupe_undo_and_purge_on_a_real_server(on_server: Callable[[], Step], fault: Fault) -> None:
    for step in _points(fault, on_server, Step.dedupe):
        step.check_recovered()
        step.check_undone()
    for step in _points(fault, _after(on_server, Step.dedupe), Step.undo):
        step.check_recovered()
        step.check_undone()
    for step in _points(fault, _after(on_server, Step.dedupe), Step.purge):
        step.check_recovered()
        step.check_purged()
