"""A test bucket: written from a dictionary, read back as one, or compared exactly (`snapshot`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.storage.object.client import ObjectDeletion, Result
from fileorg.storage.object.memory import MemoryClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from fileorg.storage.object.client import ObjectClient


class Held(NamedTuple):
    """All that a user can see of an object, but for the time of its last write, which a store sets itself."""

    content: bytes
    metadata: dict[str, str]
    headers: dict[str, str]
    tags: dict[str, str]


class Bucket:
    """The objects below a prefix of a bucket. Keys are relative to it."""

    def __init__(self, client: ObjectClient, prefix: str = "") -> None:
        self.client = client
        self.prefix = prefix
        self.url = os.fsencode(client.url + ("/" + prefix.rstrip("/") if prefix else ""))

    def write(
        self,
        objects: Mapping[str, str],
        *,
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Write contents by key, over what is there."""
        facts = metadata or {}, headers or {}
        for key, content in objects.items():
            content_bytes = os.fsencode(content)
            outcome = self.client.put(
                self.key(key), content_bytes, if_absent=False, metadata=facts[0], headers=facts[1]
            )
            assert outcome.result is Result.DONE, outcome

    def key(self, key: str) -> bytes:
        return os.fsencode(self.prefix + key)

    def keys(self) -> list[str]:
        """Return all keys, in order."""
        above = len(os.fsencode(self.prefix))
        return [os.fsdecode(each.key[above:]) for page in self.client.pages(self.key("")) for each in page]

    def read(self) -> dict[str, str]:
        """Return the bucket in the form of `write`."""
        return {key: os.fsdecode(held.content) for key, held in self.snapshot().items()}

    def snapshot(self) -> dict[str, Held]:
        """Return all objects with what a user can see of them."""
        keys = self.keys()
        found: dict[str, Held] = {}
        for key, there in zip(keys, self.client.head([self.key(key) for key in keys]), strict=True):
            assert not isinstance(there, OSError | None), (key, there)
            content = self.client.read(there.key, 0, there.size, etag=there.etag) if there.size else b""
            headers = {name: value for name, value in there.headers.items() if name != "content-length"}
            tags = dict(self.client.tags(there.key))
            found[key] = Held(content, dict(there.metadata), headers, tags)
        return found

    def remove(self, key: str) -> None:
        [there] = self.client.head([self.key(key)])
        assert not isinstance(there, OSError | None)
        [outcome] = self.client.delete([ObjectDeletion(there.key, there.etag)])
        assert outcome.result is Result.DONE, outcome


def bucket_of(request: pytest.FixtureRequest, prefix: str) -> Bucket:
    """Return a bucket in memory that no other test has: two files may have tests of one name."""
    file = request.node.path.stem
    return Bucket(MemoryClient(f"{file}-{request.node.name}"), prefix)
