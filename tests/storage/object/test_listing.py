"""The requests of a listing: the next page comes while one is used, but only for whoever reads on."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

from fileorg.storage.object.client import PAGE_KEYS
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.sender import StoreAnswer

_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Pages:
    """A bucket of any number of keys, which are made as they are asked for."""

    def __init__(self, pages: int) -> None:
        self.pages, self.asked = pages, 0

    async def close(self) -> None: ...

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        assert operation == "ListObjectsV2"
        self.asked += 1
        page = int(parameters.get("ContinuationToken", 0))
        keys = (f"{page * PAGE_KEYS + number:09d}" for number in range(PAGE_KEYS))
        contents = [{"Key": key, "Size": 1, "LastModified": _TIME, "ETag": '"e"'} for key in keys]
        more = {"IsTruncated": True, "NextContinuationToken": str(page + 1)} if page + 1 < self.pages else {}
        return StoreAnswer({"Contents": contents, **more})


def test_who_needs_a_first_page_only_asks_for_no_other() -> None:
    store = Pages(100)
    with contextlib.closing(S3Client("bucket", sender=store)) as client:
        for _ in range(2):  # what was asked for ahead would come before the second one
            assert next(client.pages())[0].key == b"000000000"
        assert store.asked == 2


def test_each_page_of_a_listing_is_asked_for_once() -> None:
    store = Pages(5)
    with contextlib.closing(S3Client("bucket", sender=store)) as client:
        keys = [each.key for page in client.pages() for each in page]
    assert (store.asked, len(keys), keys) == (5, 5 * PAGE_KEYS, sorted(set(keys)))
