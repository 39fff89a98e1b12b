"""How a client of S3 deletes many objects: one by one, several at once, except at AWS."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

import pytest

from fileorg.core.store_settings import StoreSettings
from fileorg.storage.object.client import DELETED_KEYS, ObjectDeletion, Result
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.sender import StoreAnswer

_ETAG = "0123456789abcdef0123456789abcdef"
_COUNT = DELETED_KEYS + 20


class Deleting:
    """Answers every deletion, a moment later, and keeps what was asked."""

    endpoint = ""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.under_way = self.peak = 0

    async def close(self) -> None: ...

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        self.asked.append((operation, parameters))
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        keys = parameters.get("Delete", {}).get("Objects", [])
        return StoreAnswer({"Deleted": [{"Key": each["Key"]} for each in keys]})


def deleted(endpoint: str) -> Deleting:
    sender = Deleting()
    rows = [ObjectDeletion(b"%03d" % number, _ETAG) for number in range(_COUNT)]
    with contextlib.closing(S3Client("bucket", StoreSettings(endpoint=endpoint), sender=sender)) as client:
        assert [each.result for each in client.delete(rows)] == [Result.DONE] * _COUNT
    return sender


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8333", "https://s3.amazonaws.com.example.org", ""])
def test_elsewhere_each_object_has_a_deletion_of_its_own_with_its_etag(endpoint: str) -> None:
    sender = deleted(endpoint)
    assert {operation for operation, _ in sender.asked} == {"DeleteObject"}
    assert sorted(asked["Key"] for _, asked in sender.asked) == [f"{number:03}" for number in range(_COUNT)]
    assert {asked["IfMatch"] for _, asked in sender.asked} == {f'"{_ETAG}"'}
    assert sender.peak > 16, "they must not wait for each other"


def test_aws_gets_the_deletions_of_many_in_one_request() -> None:
    sender = deleted("https://s3.eu-central-1.amazonaws.com")
    assert [operation for operation, _ in sender.asked] == ["DeleteObjects"] * 2
    assert len(re.findall(_ETAG, str(sender.asked))) == _COUNT
