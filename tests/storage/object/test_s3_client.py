"""The client of S3 against real servers."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from tests.storage.object import servers
from tests.storage.object.contract import CONTROL_KEYS, ODD_KEYS, ObjectContract, Store, VersionsContract

from fileorg.storage.object.aws_sender import AwsSender
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.storage.object.servers import S3Server

PART_BYTES = 5 << 20
"""The smallest part that S3 takes."""
SEAWEEDFS_KEYS = [
    key for key in (*ODD_KEYS, *CONTROL_KEYS) if b"\\" not in key and not {b"", b".", b".."} & set(key.split(b"/"))
]
"""SeaweedFS keeps keys as paths of a file system, and takes a backslash for a slash."""

VERSITYGW_KEYS = [key for key in SEAWEEDFS_KEYS if b"\x1b" not in key]
"""versitygw keeps keys as paths, too, and lists a control character that XML cannot contain as another one."""
_IGNORES_TARGETS = "versitygw ignores that a target of a copy must not exist"
VERSITYGW_DIFFERS = {
    "test_a_copy_does_not_overwrite": _IGNORES_TARGETS,
    "test_many_rows_have_their_results_in_order": _IGNORES_TARGETS,
    "test_copies_of_any_keys_after_a_first_one_keep_everything": _IGNORES_TARGETS,
    "test_one_of_many_writers_wins": _IGNORES_TARGETS,
    "test_a_deletion_of_many_tells_each_result": "versitygw says of an object that is gone that it was deleted",
}
VERSITYGW_DIFFERS_WITH_VERSIONS = VERSITYGW_DIFFERS | {
    "test_a_missing_source_is_gone": "versitygw copies what a delete marker hides",
    "test_a_marker_is_removed_if_it_is_still_the_newest": "versitygw takes a delete marker for an object that exists",
}
"""Tests that fail there, each with its reason: if one passes, docs/storage.md is out of date. fileorg refuses to move
objects in such a store.
"""


def client_of(server: S3Server, bucket: str, *, deletes_many: bool | None = None) -> S3Client:
    return S3Client(
        bucket, server.settings, part_bytes=PART_BYTES, copy_limit_bytes=PART_BYTES, deletes_many=deletes_many
    )


@contextlib.contextmanager
def made(
    server: S3Server, bucket: str, *, versions: bool = False, deletes_many: bool | None = None
) -> Iterator[S3Client]:
    """Yield a client of a new bucket."""
    servers.make_bucket(server, bucket, versions=versions)
    client = client_of(server, bucket, deletes_many=deletes_many)
    with servers.environment_of(server), contextlib.closing(client):
        yield client


@pytest.fixture(scope="module")
def plain(seaweedfs: S3Server) -> Iterator[S3Client]:
    with made(seaweedfs, "plain") as client:
        yield client


@pytest.fixture(scope="module")
def versioned(seaweedfs: S3Server) -> Iterator[S3Client]:
    with made(seaweedfs, "versioned", versions=True) as client:
        yield client


@pytest.fixture(scope="module")
def in_versitygw(versitygw: S3Server) -> Iterator[S3Client]:
    with made(versitygw, "plain") as client:
        yield client


@pytest.fixture(scope="module")
def versioned_in_versitygw(versitygw: S3Server) -> Iterator[S3Client]:
    with made(versitygw, "versioned", versions=True) as client:
        yield client


@pytest.fixture(scope="module")
def in_moto(wrapped_moto: S3Server) -> Iterator[S3Client]:
    with made(wrapped_moto, "plain", deletes_many=True) as client:  # as AWS
        yield client


@pytest.fixture(scope="module")
def versioned_in_moto(wrapped_moto: S3Server) -> Iterator[S3Client]:
    with made(wrapped_moto, "versioned", versions=True, deletes_many=True) as client:
        yield client


def expect_failure(request: pytest.FixtureRequest, known: Mapping[str, str]) -> None:
    """Have the test fail if it must: see `VERSITYGW_DIFFERS`."""
    if (reason := known.get(request.node.originalname)) is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


class TestSeaweedfs(ObjectContract):
    @pytest.fixture
    def store(self, plain: S3Client, prefix: bytes) -> Store:
        return Store(plain, prefix, PART_BYTES, SEAWEEDFS_KEYS, is_flat=False)


class TestSeaweedfsVersions(ObjectContract, VersionsContract):
    @pytest.fixture
    def store(self, versioned: S3Client, prefix: bytes) -> Store:
        return Store(versioned, prefix, PART_BYTES, SEAWEEDFS_KEYS, is_flat=False)


@pytest.mark.slow
class TestVersitygw(ObjectContract):
    @pytest.fixture
    def store(self, in_versitygw: S3Client, prefix: bytes, request: pytest.FixtureRequest) -> Store:
        expect_failure(request, VERSITYGW_DIFFERS)
        return Store(in_versitygw, prefix, PART_BYTES, VERSITYGW_KEYS, is_flat=False)


@pytest.mark.slow
class TestVersitygwVersions(ObjectContract, VersionsContract):
    @pytest.fixture
    def store(self, versioned_in_versitygw: S3Client, prefix: bytes, request: pytest.FixtureRequest) -> Store:
        expect_failure(request, VERSITYGW_DIFFERS_WITH_VERSIONS)
        return Store(versioned_in_versitygw, prefix, PART_BYTES, VERSITYGW_KEYS, is_flat=False)


class TestMoto(ObjectContract):
    @pytest.fixture
    def store(self, in_moto: S3Client, prefix: bytes) -> Store:
        return Store(in_moto, prefix, PART_BYTES, ODD_KEYS)


@pytest.mark.slow
class TestMotoVersions(ObjectContract, VersionsContract):
    @pytest.fixture
    def store(self, versioned_in_moto: S3Client, prefix: bytes) -> Store:
        return Store(versioned_in_moto, prefix, PART_BYTES, ODD_KEYS)


@pytest.mark.parametrize("name", ["seaweedfs", "wrapped_moto"])
def test_content_with_a_wrong_checksum_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    server: S3Server = request.getfixturevalue(name)
    servers.make_bucket(server, "checksums")

    async def put(checksum: str) -> StoreCode | None:
        sender = AwsSender(server.settings)
        try:
            await sender.send("PutObject", Bucket="checksums", Key="a", Body=b"content", ChecksumCRC32=checksum)
        except StoreError as error:
            return error.code
        finally:
            await sender.close()
        return None

    with servers.environment_of(server):
        assert asyncio.run(put("AAAAAA==")) is StoreCode.CHECKSUM
        assert asyncio.run(put(b64encode(crc32(b"content").to_bytes(4)).decode())) is None
