"""The probes find what a store ignores, and leave nothing behind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers

from fileorg.storage.object.client import ALL_PRECONDITIONS, ObjectCopy, ObjectOutcome, Precondition, Result
from fileorg.storage.object.memory import MemoryBucket, MemoryClient
from fileorg.storage.object.probes import LARGE, MOVES, UPLOADS, ProbeResult, ProbeVerdict, StoreProbe, unmet
from fileorg.storage.object.s3 import S3Client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.storage.object.servers import S3Server

    from fileorg.storage.object.client import ObjectClient


def probed(client: ObjectClient) -> list[ProbeResult]:
    found = list(StoreProbe(client, b"scratch/").results())
    assert [each for page in client.pages(b"scratch/") for each in page] == []
    assert client.uploads(b"scratch/") == []
    return found


def with_verdict(results: list[ProbeResult], verdict: ProbeVerdict) -> set[str]:
    return {each.subject for each in results if each.verdict is verdict}


def memory(bucket: MemoryBucket) -> MemoryClient:
    return MemoryClient("test", bucket)


def test_a_store_that_heeds_all_conditions_is_safe() -> None:
    results = probed(memory(MemoryBucket(versions=True)))
    assert with_verdict(results, ProbeVerdict.KEPT) == {each.subject for each in results}
    assert unmet(results, MOVES | UPLOADS | LARGE) == []


@pytest.mark.parametrize("ignored", sorted(Precondition))
def test_a_condition_that_is_ignored_is_found(ignored: Precondition) -> None:
    results = probed(memory(MemoryBucket(honoured=ALL_PRECONDITIONS - {ignored})))
    races = {"race"} if ignored is Precondition.COPY_IF_ABSENT else set()
    assert with_verdict(results, ProbeVerdict.IGNORED) == {ignored.value} | races
    assert unmet(results, ALL_PRECONDITIONS) == [ignored]


def test_a_race_with_two_winners_is_found() -> None:
    # One for each round: all are under way at once, and a writer that came late to one of them would see its target.
    together = {b"scratch/won %d" % number: threading.Barrier(8) for number in range(3)}

    class Racy(MemoryClient):
        """Looks whether there is a target, and writes then."""

        def copy(
            self, rows: Sequence[ObjectCopy], *, begun: Callable[[int, str], None] | None = None
        ) -> list[ObjectOutcome]:
            if self.head([rows[0].target_key])[0] is not None:
                return [ObjectOutcome(Result.TARGET_EXISTS)]
            if (barrier := together.get(rows[0].target_key)) is not None:
                barrier.wait()
            return super().copy(rows, begun=begun)

    bucket = MemoryBucket(honoured=ALL_PRECONDITIONS - {Precondition.COPY_IF_ABSENT})
    results = probed(Racy("test", bucket))
    assert with_verdict(results, ProbeVerdict.IGNORED) == {"race"}
    assert unmet(results, MOVES | UPLOADS) == [Precondition.COPY_IF_ABSENT, Precondition.PUT_IF_ABSENT]


def test_seaweedfs_is_safe(seaweedfs: S3Server) -> None:
    servers.make_bucket(seaweedfs, "probed")
    with servers.environment_of(seaweedfs):
        client = S3Client("probed", seaweedfs.settings)
        results = probed(client)
        client.close()
    assert unmet(results, MOVES | UPLOADS | LARGE) == []
    assert with_verdict(results, ProbeVerdict.MISSING) == {"versions"}
    assert "batch-delete-if-match" not in {each.subject for each in results}, "no such request is sent there"


@pytest.mark.slow
@pytest.mark.parametrize("versions", [False, True])
def test_what_versitygw_ignores_is_found(versitygw: S3Server, *, versions: bool) -> None:
    """As docs/storage.md says: uploads are safe there, moves are not."""
    bucket = f"probed-{versions}".lower()
    servers.make_bucket(versitygw, bucket, versions=versions)
    with servers.environment_of(versitygw):
        client = S3Client(bucket, versitygw.settings, deletes_many=True)
        results = probed(client)
        client.close()
    ignored = {Precondition.COPY_IF_ABSENT, Precondition.BATCH_DELETE_IF_MATCH}
    assert with_verdict(results, ProbeVerdict.IGNORED) == {*ignored, "race"}
    assert with_verdict(results, ProbeVerdict.MISSING) == set() if versions else {"versions"}
    assert with_verdict(results, ProbeVerdict.FAILED) == set()
    assert unmet(results, ALL_PRECONDITIONS) == sorted(ignored)
    assert unmet(results, UPLOADS) == []


def test_what_moto_ignores_is_found(moto: S3Server) -> None:
    servers.make_bucket(moto, "probed")
    with servers.environment_of(moto):
        client = S3Client("probed", moto.settings, deletes_many=True)
        results = probed(client)
        client.close()
    ignored = {Precondition.COPY_IF_ABSENT, Precondition.COPY_IF_MATCH, Precondition.BATCH_DELETE_IF_MATCH}
    assert with_verdict(results, ProbeVerdict.IGNORED) == {*ignored, "race"}
    assert with_verdict(results, ProbeVerdict.FAILED) == set()
    assert unmet(results, ALL_PRECONDITIONS) == sorted(ignored)
    assert unmet(results, UPLOADS) == []


def test_the_wrapper_of_moto_adds_what_it_lacks(wrapped_moto: S3Server) -> None:
    servers.make_bucket(wrapped_moto, "probed")
    with servers.environment_of(wrapped_moto):
        client = S3Client("probed", wrapped_moto.settings, deletes_many=True)
        results = probed(client)
        client.close()
    assert unmet(results, ALL_PRECONDITIONS) == []
