"""A URL that leads to another service than before, such as a copy of the bucket: nothing there is taken for what an
operation worked with, and it can be recovered and undone once the URL leads to the first one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.faulty_stores import faults_of_all_stores
from tests.support.buckets import Bucket, bucket_of
from tests.support.faulty_client import Fault, FaultyClient, Killed
from tests.support.remembered import Remembered

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.storage.object.memory import MemoryBucket, MemoryClient
from fileorg.workflows import stores
from fileorg.workflows.recover import recover_all
from fileorg.workflows.store_probing import check_store

if TYPE_CHECKING:
    from tests.support.runs import Runs

    from fileorg.core.state import StateDirectory

FIRST, OTHER = "https://one.example.org", "https://two.example.org"
CONTENTS = {f"{number}.jpg": str(number) for number in range(6)}


@pytest.fixture
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    found = bucket_of(request, "inbox/")
    found.write(CONTENTS)
    monkeypatch.setattr(MemoryClient, "endpoint", FIRST)
    monkeypatch.setattr(FaultyClient, "endpoint", FIRST, raising=False)
    monkeypatch.setattr("fileorg.workflows.safe_stores._is_known", lambda _: True)
    return found


def lead_to_a_copy(patch: pytest.MonkeyPatch, name: str) -> Bucket:
    """Have URLs lead to another service with a bucket of the same name and the same objects."""
    copy = MemoryBucket(now_ns=lambda: 10**18)
    patch.setattr(MemoryClient, "endpoint", OTHER)
    patch.setattr(stores, "_open_client", lambda _url, _scheme, bucket: MemoryClient(bucket, copy))
    there = Bucket(MemoryClient(name, copy), "inbox/")
    there.write(CONTENTS)
    return there


def kill(runs: Runs, bucket: Bucket, patch: pytest.MonkeyPatch) -> None:
    """Run operation 1, which ends in the middle."""
    faults = faults_of_all_stores(patch)
    faults.arm(Fault.KILL_AFTER, 12)
    with pytest.raises(Killed):
        runs.organize(root=bucket.url)
    faults.disarm()


def test_recovery_waits_for_the_service(
    runs: Runs, state: StateDirectory, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill(runs, bucket, patch)
    with monkeypatch.context() as patch:
        copy = lead_to_a_copy(patch, bucket.client.bucket)
        reporter = Remembered()
        assert [each.id for each in recover_all(state, reporter).left] == [1]
        assert f"was at {FIRST} during operation 1, and leads to {OTHER} now" in reporter.notes[0]
        assert copy.read() == CONTENTS
    assert [each.id for each in recover_all(state, Remembered()).settled] == [1]
    runs.undo(1)
    assert bucket.read() == CONTENTS


def test_undo_refuses_another_service(runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.organize(root=bucket.url)
    with monkeypatch.context() as patch:
        copy = lead_to_a_copy(patch, bucket.client.bucket)
        with pytest.raises(UsageError, match="leads to https://two") as error:
            runs.undo(1)
        assert error.value.code is ErrorCode.ANOTHER_FOLDER
        assert copy.read() == CONTENTS
    runs.undo(1)
    assert bucket.read() == CONTENTS


@pytest.mark.parametrize("killed", [False, True])
def test_a_service_with_a_new_address_has_the_objects(
    runs: Runs, state: StateDirectory, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    with monkeypatch.context() as patch:
        if killed:
            kill(runs, bucket, patch)
        else:
            runs.organize(root=bucket.url)
    monkeypatch.setattr(MemoryClient, "endpoint", OTHER)
    assert [each.id for each in recover_all(state, Remembered()).settled] == ([1] if killed else [])
    runs.undo(1)
    assert bucket.read() == CONTENTS


def test_all_addresses_of_aws_are_one_service(runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryClient, "endpoint", "https://s3.eu-west-1.amazonaws.com")
    runs.organize(root=bucket.url)
    monkeypatch.setattr(MemoryClient, "endpoint", "https://s3.us-east-1.amazonaws.com")
    runs.undo(1)
    assert bucket.read() == CONTENTS


def test_the_check_knows_an_endpoint_of_the_environment(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for endpoint, is_r2 in [("https://a.r2.cloudflarestorage.com", True), (FIRST, False)]:
        monkeypatch.setattr(MemoryClient, "endpoint", endpoint)
        checked = check_store(bucket.url)
        assert (checked.service, checked.is_r2) == (endpoint, is_r2)
