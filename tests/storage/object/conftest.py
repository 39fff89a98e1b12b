"""Fixtures: servers of S3 that run for the tests of one process, and buckets in them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.object.servers import S3Server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with servers.versitygw(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture(scope="session")
def s3s_fs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with servers.s3s_fs(tmp_path_factory.mktemp("s3s-fs")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with servers.moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def wrapped_moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """moto with the conditions that it lacks."""
    with servers.moto(tmp_path_factory.mktemp("moto"), with_conditions=True) as server:
        yield server


@pytest.fixture
def prefix() -> bytes:
    """A prefix that no other test has."""
    return b"test-%d/" % next(_numbers)
