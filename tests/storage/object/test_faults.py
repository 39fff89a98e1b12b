"""A client behind a proxy that disturbs: whatever it says of a row is true on the server."""

from __future__ import annotations

import gc
import time
import warnings
from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers
from tests.storage.object.contract import Store
from tests.storage.object.fault_proxy import Fault, FaultPlan, ProxiedRequest, fault_proxy

from fileorg.storage.object.aws_sender import AwsSender
from fileorg.storage.object.client import ObjectCopy, ObjectDeletion, Result, StoredObject
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.sender import LoopClock
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.storage.object.fault_proxy import FaultProxy
    from tests.storage.object.servers import S3Server

PART_BYTES = 5 << 20
ROWS = 24

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
"""aiobotocore drops a connection whose answer cannot be read; it is closed once its memory is freed."""


@pytest.fixture(scope="module", autouse=True)
def _dropped_connections() -> Iterator[None]:
    """Free the memory of dropped connections before another module runs, which would have to answer for them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def direct(seaweedfs: S3Server) -> Iterator[S3Client]:
    """A client without a proxy: it knows how things are."""
    servers.make_bucket(seaweedfs, "faults")
    with servers.environment_of(seaweedfs):
        client = S3Client("faults", seaweedfs.settings)
        yield client
        client.close()


async def no_wait(_seconds: float) -> None:
    """The sleep of a simulated clock."""


def behind(proxy: FaultProxy, server: S3Server, *, read_seconds: float = 60.0, **more: object) -> S3Client:
    settings = server.settings._replace(endpoint=proxy.endpoint)
    sender = AwsSender(settings, read_seconds=read_seconds)
    return S3Client("faults", settings, sender=sender, clock=LoopClock(no_wait), **more)  # type: ignore[arg-type]


def move_under_faults(seed: int, direct: S3Client, server: S3Server) -> dict[str, int]:
    """Copy and delete objects under faults, and compare each outcome with the server. Return the faults."""
    prefix = b"seed-%d/" % seed  # faults depend on the key
    store = Store(direct, prefix, PART_BYTES)
    sources = [store.write(b"from/%02d" % number, b"content %d" % number) for number in range(ROWS)]
    taken = store.write(b"to/03", b"of another")
    sources[5] = sources[5]._replace(etag="0" * 32)
    rows = [
        ObjectCopy(each.key, each.etag, prefix + b"to/%02d" % number, each.size) for number, each in enumerate(sources)
    ]
    with fault_proxy(server.endpoint, FaultPlan(seed, share=0.5)) as proxy:
        # So that most copies are made from a first one.
        client = behind(proxy, server, concurrent=4, deletes_many=bool(seed % 2))
        copied = client.copy(rows)
        there = direct.head([row.target_key for row in rows])
        about: tuple[object, ...]
        for number, (row, outcome, target) in enumerate(zip(rows, copied, there, strict=True)):
            about = (seed, number, outcome)
            match outcome.result:
                case Result.DONE:
                    assert isinstance(target, StoredObject), about
                    assert target.etag == outcome.etag == row.source_etag, about
                case Result.TARGET_EXISTS:
                    assert number == 3, about
                case Result.CHANGED:
                    assert number == 5, about
                case Result.AMBIGUOUS:
                    pass
                case _:
                    assert target is None or number == 3, about
        done = [number for number, outcome in enumerate(copied) if outcome.result is Result.DONE]
        deletions = [ObjectDeletion(rows[number].source_key, rows[number].source_etag) for number in done[1:]]
        if done:
            deletions.append(ObjectDeletion(rows[done[0]].source_key, "0" * 32))
        deleted = client.delete(deletions)
        left = direct.head([each.key for each in deletions])
        for deletion, outcome, source in zip(deletions, deleted, left, strict=True):
            about = (seed, deletion, outcome)
            match outcome.result:
                case Result.DONE:
                    assert source is None, about
                case Result.CHANGED:
                    assert deletion.etag == "0" * 32, about
                case Result.AMBIGUOUS:
                    pass
                case _:
                    assert source is not None, about
        if done:
            assert left[-1] is not None, seed
        client.close()
    assert store.of(b"to/03") == taken
    contents = set(store.read().values())
    assert {b"content %d" % number for number in range(ROWS)} <= contents
    return {fault.value: count for fault, count in proxy.faults.items()}


@pytest.mark.parametrize("seed", range(2))
def test_no_outcome_lies(seed: int, direct: S3Client, seaweedfs: S3Server) -> None:
    assert sum(move_under_faults(seed, direct, seaweedfs).values()) > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 300))
def test_no_outcome_lies_of_many_seeds(seed: int, direct: S3Client, seaweedfs: S3Server) -> None:
    assert sum(move_under_faults(seed, direct, seaweedfs).values()) > 5


def test_a_seed_replays_exactly(direct: S3Client, seaweedfs: S3Server) -> None:
    plan = FaultPlan(7)
    request = ProxiedRequest("PUT", "/faults/a", {"x-amz-copy-source": "faults/b"}, b"")
    others = [request._replace(number=number) for number in range(3)]
    assert [plan(each) for each in others] == [FaultPlan(7)(each) for each in others]
    assert len({tuple(FaultPlan(seed)(each) for each in others) for seed in range(20)}) > 5


def once(fault: Fault, method: str = "PUT") -> Callable[[ProxiedRequest], Fault | None]:
    """Return a plan that disturbs the first request of a method."""
    left = [fault]
    return lambda request: left.pop() if left and request.method == method else None


AFTER = [each for each in Fault if each.name.endswith("_AFTER")]
BEFORE = [
    Fault.SERVER_ERROR,
    Fault.SLOW_DOWN,
    Fault.CONFLICT,
    Fault.ERROR_IN_200,
    Fault.DROPPED,
    Fault.STALLED,
    Fault.PAGE,
]


@pytest.mark.parametrize("fault", [*BEFORE, *AFTER])
def test_a_copy_that_met_a_fault_is_done_or_ambiguous(
    fault: Fault, direct: S3Client, seaweedfs: S3Server, prefix: bytes
) -> None:
    store = Store(direct, prefix, PART_BYTES)
    source = store.write(b"a")
    with fault_proxy(seaweedfs.endpoint, once(fault)) as proxy:
        client = behind(proxy, seaweedfs, read_seconds=0.5)
        outcome = client.copy([ObjectCopy(source.key, source.etag, prefix + b"b", source.size)])[0]
        client.close()
    assert proxy.faults == {fault: 1}
    assert outcome.result is (Result.AMBIGUOUS if fault in AFTER else Result.DONE)
    assert store.read() == {b"a": b"content", b"b": b"content"}


def test_a_connection_that_was_kept_open_and_breaks_is_no_reason_to_send_twice(
    direct: S3Client, seaweedfs: S3Server, prefix: bytes
) -> None:
    store = Store(direct, prefix, PART_BYTES)
    source = store.write(b"a")
    with fault_proxy(seaweedfs.endpoint, once(Fault.DROPPED_AFTER)) as proxy:
        client = behind(proxy, seaweedfs, concurrent=1)
        assert client.head([source.key]) == [source]
        outcome = client.copy([ObjectCopy(source.key, source.etag, prefix + b"b", source.size)])[0]
        client.close()
    assert outcome.result is Result.AMBIGUOUS


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.DROPPED, Fault.DROPPED_AFTER, Fault.PAGE_AFTER])
def test_a_deletion_that_met_a_fault_is_done_or_ambiguous(
    fault: Fault, direct: S3Client, seaweedfs: S3Server, prefix: bytes, *, many: bool
) -> None:
    store = Store(direct, prefix, PART_BYTES)
    rows = [ObjectDeletion(each.key, each.etag) for each in (store.write(b"a"), store.write(b"b"))]
    with fault_proxy(seaweedfs.endpoint, once(fault, "POST" if many else "DELETE")) as proxy:
        client = behind(proxy, seaweedfs, deletes_many=many)
        results = {each.result for each in client.delete(rows)}
        client.close()
    assert proxy.faults == {fault: 1}
    met = Result.AMBIGUOUS if fault in AFTER else Result.DONE
    assert results == ({met} if many else {met, Result.DONE})
    assert store.read() == {}


@pytest.mark.parametrize(
    "fault", [Fault.CUT_OFF, Fault.PAGE, Fault.SERVER_ERROR, Fault.DROPPED_AFTER, Fault.ERROR_IN_200]
)
def test_a_listing_is_whole_or_fails(fault: Fault, direct: S3Client, seaweedfs: S3Server, prefix: bytes) -> None:
    store = Store(direct, prefix, PART_BYTES)
    for number in range(5):
        store.write(b"%d" % number)
    with fault_proxy(seaweedfs.endpoint, once(fault, "GET")) as proxy:
        client = behind(proxy, seaweedfs)
        assert [each.key for page in client.pages(prefix) for each in page] == [prefix + b"%d" % n for n in range(5)]
        proxy.plan = lambda _: fault
        with pytest.raises(StoreError):
            list(client.pages(prefix))
        client.close()


def test_cut_off_content_is_read_again(direct: S3Client, seaweedfs: S3Server, prefix: bytes) -> None:
    each = Store(direct, prefix, PART_BYTES).write(b"a", b"0123456789" * 1000)
    with fault_proxy(seaweedfs.endpoint, once(Fault.CUT_OFF, "GET")) as proxy:
        client = behind(proxy, seaweedfs)
        assert client.read(each.key, 0, 10_000, etag=each.etag) == b"0123456789" * 1000
        client.close()
    assert proxy.faults == {Fault.CUT_OFF: 1}


def test_a_cancelled_run_ends_within_a_second(direct: S3Client, seaweedfs: S3Server, prefix: bytes) -> None:
    store = Store(direct, prefix, PART_BYTES)
    source = store.write(b"a")
    rows = [ObjectCopy(source.key, source.etag, prefix + b"to/%d" % number, source.size) for number in range(20)]
    stalled = 4
    with fault_proxy(seaweedfs.endpoint, lambda _: Fault.STALLED) as proxy:
        client = behind(proxy, seaweedfs, concurrent=4)
        client.cancel_by(lambda: len(proxy.requests) >= stalled)
        begun = time.monotonic()
        results = [each.result for each in client.copy(rows)]
        stalled += 1
        with pytest.raises(StoreError) as cancelled:
            client.read(source.key, 0, 1, etag=source.etag)
        took = time.monotonic() - begun
        client.close()
    assert results == [Result.AMBIGUOUS] * 4 + [Result.NOT_BEGUN] * 16
    assert cancelled.value.code is StoreCode.CANCELLED
    assert took < 30, "a stalled request would take a minute"
