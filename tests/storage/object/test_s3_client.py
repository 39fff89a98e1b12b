"""The client of S3 against real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers
from tests.storage.object.contract import CONTROL_KEYS, ODD_KEYS, ObjectContract, Store, VersionsContract

from fileorg.storage.object.s3 import S3Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.object.servers import S3Server

PART_BYTES = 5 << 20
"""The smallest part that S3 takes."""
SEAWEEDFS_KEYS = [
    key for key in (*ODD_KEYS, *CONTROL_KEYS) if b"\\" not in key and not {b"", b".", b".."} & set(key.split(b"/"))
]
"""SeaweedFS keeps keys as paths of a file system, and takes a backslash for a slash."""


def client_of(server: S3Server, bucket: str) -> S3Client:
    return S3Client(bucket, server.settings, part_bytes=PART_BYTES, copy_limit_bytes=PART_BYTES)


@pytest.fixture(scope="module")
def plain(seaweedfs: S3Server) -> Iterator[S3Client]:
    servers.make_bucket(seaweedfs, "plain")
    with servers.environment_of(seaweedfs):
        client = client_of(seaweedfs, "plain")
        yield client
        client.close()


@pytest.fixture(scope="module")
def versioned(seaweedfs: S3Server) -> Iterator[S3Client]:
    servers.make_bucket(seaweedfs, "versioned", versions=True)
    with servers.environment_of(seaweedfs):
        client = client_of(seaweedfs, "versioned")
        yield client
        client.close()


class TestSeaweedfs(ObjectContract):
    @pytest.fixture
    def store(self, plain: S3Client, prefix: bytes) -> Store:
        return Store(plain, prefix, PART_BYTES, SEAWEEDFS_KEYS, is_flat=False)


class TestSeaweedfsVersions(ObjectContract, VersionsContract):
    @pytest.fixture
    def store(self, versioned: S3Client, prefix: bytes) -> Store:
        return Store(versioned, prefix, PART_BYTES, SEAWEEDFS_KEYS, is_flat=False)
