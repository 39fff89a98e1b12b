"""A store that cannot be used any more after a crash: other commands work, and the user can give its operation up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.faulty_stores import faults_of_all_stores
from tests.support.buckets import Bucket, bucket_of
from tests.support.faulty_client import Fault, Killed
from tests.support.remembered import Remembered

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.storage.object.object_storage import ObjectStorage
from fileorg.storage.object.store_error import StoreCode, StoreError
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return bucket_of(request, "inbox/")


@pytest.fixture
def interrupted(runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What was in the bucket before operation 1, which was killed in the middle."""
    bucket.write({f"{number}.jpg": str(number) for number in range(6)})
    before = bucket.snapshot()
    faults = faults_of_all_stores(monkeypatch)
    faults.arm(Fault.KILL_AFTER, 12)
    with pytest.raises(Killed):
        runs.organize(root=bucket.url)
    faults.disarm()
    return dict(before)


def all_fail(patch: pytest.MonkeyPatch, code: StoreCode) -> None:
    """Have no store be opened from now on."""

    def fail(_: ObjectStorage) -> None:
        raise StoreError(code)

    patch.setattr(ObjectStorage, "ask_first", fail)


@pytest.mark.parametrize("code", [StoreCode.NO_BUCKET, StoreCode.EXPIRED, StoreCode.NO_NETWORK])
def test_what_needs_no_store_works_meanwhile(
    runs: Runs, tree: Tree, state: StateDirectory, interrupted: object, code: StoreCode
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        all_fail(patch, code)
        tree.write({"a.pdf": "text"})
        assert runs.organize(root=tree.root).done == 1
        assert tree.read() == {"Documents/a.pdf": "text"}
        reporter = Remembered()
        assert [each.id for each in recover_all(state, reporter).left] == [1]
        [note] = reporter.notes
        assert note.startswith("Operation 1 was interrupted and cannot be recovered now: ")
        assert note.endswith("Run fileorg recover later, or give it up: fileorg recover --give-up 1")
    found = recover_all(state, Remembered())
    assert ([each.id for each in found.settled], found.left) == ([1], [])


@pytest.mark.parametrize("number", [None, 1])
def test_undo_does_not_say_that_nothing_is_left_before_recovery(
    runs: Runs, interrupted: dict[str, object], bucket: Bucket, number: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        all_fail(patch, StoreCode.NO_BUCKET)
        with pytest.raises(UsageError, match="Operation 1 was interrupted and is not recovered yet") as error:
            runs.undo(number)
        assert error.value.code is ErrorCode.NOT_RECOVERED
    runs.undo(number)
    assert bucket.snapshot() == interrupted


def test_an_operation_is_given_up_and_checked_once_its_store_is_back(
    runs: Runs, state: StateDirectory, interrupted: dict[str, object], bucket: Bucket
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        all_fail(patch, StoreCode.NO_BUCKET)
        reporter = Remembered()
        found = recover_all(state, reporter, given_up=1)
        assert (found.settled, found.left) == ([], [])
        [about] = found.unsure
        assert about.files > 0
        assert {reason.code for _, reason in about.first if reason} == {ReasonCode.GIVEN_UP}
        assert reporter.notes[-1].startswith(f"Gave up operation 1: {about.files} files of it may be at the old place")
        with pytest.raises(UsageError, match="Operation 1 is not interrupted"):
            recover_all(state, Remembered(), given_up=1)
    assert {held.content for held in bucket.snapshot().values()} == {b"%d" % number for number in range(6)}
    reporter = Remembered()
    assert recover_all(state, reporter).unsure == []
    assert reporter.notes == [f"Recovered {about.files} files of operation 1 that had been left."]
    runs.undo(1)
    assert bucket.snapshot() == interrupted


def test_an_operation_that_can_be_recovered_is_not_given_up(
    runs: Runs, state: StateDirectory, interrupted: dict[str, object], bucket: Bucket
) -> None:
    found = recover_all(state, Remembered(), given_up=1)
    assert ([each.id for each in found.settled], found.unsure) == ([1], [])
    runs.undo(1)
    assert bucket.snapshot() == interrupted


@pytest.mark.parametrize("at", range(5, 9))
def test_a_purge_is_given_up(
    runs: Runs, state: StateDirectory, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Killed at its requests: no content is lost, and what a record still promises can be undone."""
    bucket.write({"a.jpg": "one", "b.jpg": "one", "c.jpg": "two", "d.jpg": "two", "e.txt": "alone"})
    before = bucket.snapshot()
    faults = faults_of_all_stores(monkeypatch)
    runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE)
    faults.arm(Fault.KILL_BEFORE, at)
    with pytest.raises(Killed):
        runs.purge(1)
    faults.disarm()
    with pytest.MonkeyPatch.context() as patch:
        all_fail(patch, StoreCode.NO_BUCKET)
        reporter = Remembered()
        found = recover_all(state, reporter, given_up=2)
        assert (found.settled, found.left) == ([], [])
        assert reporter.notes[-1] == "Gave up operation 2. What it had not removed yet stays in the trash."
    found = recover_all(state, Remembered())
    assert (found.settled, found.left, found.unsure) == ([], [], [])
    there = bucket.snapshot()
    assert {held.content for held in there.values()} == {held.content for held in before.values()}
    is_left = {record.state for record in runs.records(1)} == {RecordState.DONE}
    assert is_left == (at < 6)
    if is_left:
        runs.undo(1)
        assert bucket.snapshot() == before
    else:
        with pytest.raises(UsageError, match="nothing left to undo"):
            runs.undo(1)
        assert bucket.snapshot() == there
