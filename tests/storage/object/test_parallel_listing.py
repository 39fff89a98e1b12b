"""All keys below a prefix by several requests at once: each key once, whatever the keys and the order of the store."""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_right
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.object import servers

from fileorg.storage.object.client import ObjectCopy, Result
from fileorg.storage.object.parallel_listing import STRETCHES
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.sender import StoreAnswer
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.storage.object.servers import S3Server

_TIME = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = 20


def by_parts(key: str) -> tuple[str, ...]:
    """The order of a store that keeps keys as paths: `a/b` before `a-b`."""
    return tuple(key.split("/"))


class ListedStore:
    """A bucket that lists its keys, in its own order, after a few turns of the loop for each request."""

    def __init__(self, keys: Sequence[str], order: Callable[[str], Any] = str.encode, seed: int = 1) -> None:
        self.order = order
        self.keys = sorted(keys, key=order)
        self.asked = self.under_way = self.peak = 0
        self.random = Random(seed)
        self.ignores_start = False
        self.latency_seconds = 0.0
        self.before_answer: Callable[[int], None] = lambda _: None

    async def close(self) -> None: ...

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        assert operation == "ListObjectsV2"
        self.asked += 1
        number = self.asked
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        for _ in range(self.random.randrange(1, 8)):
            await asyncio.sleep(self.latency_seconds / 4)
        self.under_way -= 1
        self.before_answer(number)
        token = parameters.get("ContinuationToken")
        after = token or ("" if self.ignores_start else parameters.get("StartAfter", ""))
        inside = [key for key in self.keys if key.startswith(parameters["Prefix"])]
        start = bisect_right(inside, self.order(after), key=self.order) if after else 0
        page = inside[start : start + parameters["MaxKeys"]]
        contents = [{"Key": key, "Size": 1, "LastModified": _TIME, "ETag": '"e"'} for key in page]
        is_cut = start + len(page) < len(inside)
        return StoreAnswer(
            {"Contents": contents, **({"IsTruncated": True, "NextContinuationToken": page[-1]} if is_cut else {})}
        )


def listed(store: ListedStore, prefix: bytes = b"in/") -> list[str]:
    with contextlib.closing(S3Client("bucket", sender=store, page_keys=PAGE)) as client:
        return [each.key.decode() for page in client.pages_in_any_order(prefix) for each in page]


def numbered(count: int) -> list[str]:
    return [f"in/picture-{number:05}.jpg" for number in range(count)]


def hashed(count: int) -> list[str]:
    random = Random(7)
    return [f"in/{random.getrandbits(64):016x}" for _ in range(count)]


def in_folders(count: int) -> list[str]:
    random = Random(8)
    folders = ["2024/Ferien am Meer", "2024/Ferien", "2025", "Bücher/日本", "a-b", "a", "a/b", "zz", "Zebra"]
    return [f"in/{random.choice(folders)}/{random.choice(['IMG_', 'x'])}{number}.jpg" for number in range(count)]


@pytest.mark.parametrize(
    "keys", [numbered(3000), hashed(3000), in_folders(3000), [f"in/{'é' * n}" for n in range(300)]]
)
@pytest.mark.parametrize("order", [str.encode, by_parts])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_key_is_listed_once(keys: list[str], order: Callable[[str], Any], seed: int) -> None:
    store = ListedStore([*keys, "im", "io"], order, seed)
    found = listed(store)
    assert sorted(found) == sorted(keys)
    assert store.asked <= (len(keys) // PAGE + 1) * 3 // 2 + 2
    assert store.peak <= STRETCHES


@pytest.mark.parametrize("keys", [numbered(3000), hashed(3000), in_folders(3000)])
def test_several_requests_are_under_way_where_there_are_many_pages(keys: list[str]) -> None:
    store = ListedStore(keys)
    store.latency_seconds = 0.005
    listed(store)
    assert store.peak >= STRETCHES // 2


@pytest.mark.parametrize(("keys", "requests"), [(0, 1), (PAGE, 1), (PAGE + 1, 2), (2 * PAGE, 2)])
def test_few_pages_cost_no_other_request(keys: int, requests: int) -> None:
    store = ListedStore(numbered(keys))
    assert sorted(listed(store)) == numbered(keys)
    assert store.asked == requests


def test_a_store_that_ignores_the_key_to_begin_at_is_listed_in_a_row() -> None:
    store = ListedStore(numbered(1000))
    store.ignores_start = True
    assert sorted(listed(store)) == numbered(1000)
    assert store.asked <= 1000 // PAGE + 2


def test_what_is_deleted_or_written_meanwhile_disturbs_nothing_else() -> None:
    keys, gone = numbered(3000), set(numbered(3000)[700:1900])
    store = ListedStore(keys)

    def change(number: int) -> None:
        if number == 40:
            store.keys = sorted({*store.keys, *(f"{key}.new" for key in keys[::50])} - gone)

    store.before_answer = change
    found = listed(store)
    assert {*keys} - gone <= {*found}
    assert len(found) == len({*found})


@pytest.mark.parametrize("at", [2, 3, 17, 60])
def test_an_error_ends_the_listing(at: int) -> None:
    store = ListedStore(numbered(3000))

    def fail(number: int) -> None:
        if number >= at:
            raise StoreError(StoreCode.DENIED)

    store.before_answer = fail
    with pytest.raises(StoreError) as error:
        listed(store)
    assert error.value.code is StoreCode.DENIED


def test_a_reader_may_stop_anywhere() -> None:
    store = ListedStore(numbered(3000))
    with contextlib.closing(S3Client("bucket", sender=store, page_keys=PAGE)) as client:
        for pages in (1, 2, 9):
            reader = client.pages_in_any_order(b"in/")
            assert sum(len(next(reader)) for _ in range(pages)) == pages * PAGE
            reader.close()  # type: ignore[attr-defined]


def test_a_real_server_lists_each_key_once(seaweedfs: S3Server) -> None:
    bucket = "parallel-listing"
    servers.make_bucket(seaweedfs, bucket)
    names = sorted({key.removeprefix("in/") for key in in_folders(150) + numbered(100)})
    with (
        servers.environment_of(seaweedfs),
        contextlib.closing(S3Client(bucket, seaweedfs.settings, page_keys=5)) as client,
    ):
        seed = client.put(b"seed", b"x")
        rows = [ObjectCopy(b"seed", seed.etag, b"in/" + name.encode(), 1) for name in names]
        assert {each.result for each in client.copy(rows)} == {Result.DONE}
        for _ in range(2):
            found = [each.key.decode() for page in client.pages_in_any_order(b"in/") for each in page]
            assert sorted(found) == sorted("in/" + name for name in names)
