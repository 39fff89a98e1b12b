"""The bucket in memory, with and without versions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.storage.object.contract import ObjectContract, Store, VersionsContract, assert_failed

from fileorg.storage.object.client import ObjectCopy, Precondition, Result
from fileorg.storage.object.memory import MemoryBucket, MemoryClient, memory_bucket
from fileorg.storage.object.object_storage import ObjectReader
from fileorg.storage.object.store_error import StoreCode, StoreError

PART_BYTES = 1024


def memory_store(*, versions: bool) -> Store:
    client = MemoryClient("test", MemoryBucket(versions=versions), part_limit_bytes=PART_BYTES)
    return Store(client, b"below/", PART_BYTES)


class TestMemoryClient(ObjectContract):
    @pytest.fixture
    def store(self) -> Store:
        return memory_store(versions=False)


class TestMemoryVersions(ObjectContract, VersionsContract):
    @pytest.fixture
    def store(self) -> Store:
        return memory_store(versions=True)


def test_a_listing_is_paged() -> None:
    client = MemoryClient("test", MemoryBucket())
    for number in range(2001):
        client.put(b"%04d" % number, b"")
    assert [len(page) for page in client.pages()] == [1000, 1000, 1]


def test_keys_come_in_the_order_of_their_bytes() -> None:
    client = MemoryClient("test", MemoryBucket())
    names = [b"b", b"a/z", b"a", b"a.x", b"a-x", b"Z", "é".encode()]
    for name in names:
        client.put(name, b"")
    assert [each.key for page in client.pages() for each in page] == sorted(names)


def test_a_name_stands_for_one_bucket() -> None:
    MemoryClient("one-name").put(b"a", b"1")
    assert [each.key for page in MemoryClient("one-name").pages() for each in page] == [b"a"]
    source = MemoryClient("one-name").head([b"a"])[0]
    assert source is not None
    row = ObjectCopy(b"a", getattr(source, "etag", ""), b"b", 1, "one-name")
    assert MemoryClient("another-name").copy([row])[0].result is Result.DONE
    assert memory_bucket("another-name").newest(b"b") is not None


def test_an_archived_object_is_not_copied() -> None:
    client = MemoryClient("test", MemoryBucket())
    etag = client.put(b"a", b"cold", storage_class="DEEP_ARCHIVE").etag
    assert_failed(client.copy([ObjectCopy(b"a", etag, b"b", 4)])[0], StoreCode.ARCHIVED)


class _Short(MemoryClient):
    """Sends less than it was asked for, and says nothing."""

    def read(self, *what: Any, **more: Any) -> bytes:
        return super().read(*what, **more)[:-1]


def test_a_store_that_sends_too_little_is_noticed() -> None:
    client = _Short("test", MemoryBucket())
    etag = client.put(b"a", b"content").etag
    with pytest.raises(StoreError) as raised:
        ObjectReader(client, b"a", 7, etag).read(7)
    assert raised.value.code is StoreCode.INCOMPLETE


def test_a_bucket_can_ignore_conditions_as_real_ones_do() -> None:
    client = MemoryClient("test", MemoryBucket(honoured=frozenset({Precondition.COPY_IF_MATCH})))
    etag = client.put(b"a", b"one").etag
    client.put(b"b", b"two")
    assert client.copy([ObjectCopy(b"a", etag, b"b", 3)])[0].result is Result.DONE
    assert client.copy([ObjectCopy(b"a", "wrong", b"b", 3)])[0].result is Result.CHANGED
