"""The remote storage keeps the contract, on the file system that fsspec keeps in memory."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from tests.storage.contract import StorageContract
from tests.storage.memory import key, memory

from fileorg.storage.remote.storage import RemoteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fileorg.storage.base import Storage


class TestMemory(StorageContract):
    @pytest.fixture
    def storage(self, remote: RemoteStorage) -> RemoteStorage:
        return remote

    def plant(self, storage: Storage, files: Mapping[bytes, bytes]) -> None:
        for path, content in files.items():
            memory().pipe_file(key(storage, path), content)

    def tree(self, storage: Storage) -> dict[bytes, bytes]:
        top = "/" + key(storage, b"")
        return {
            os.fsencode(path.removeprefix(top) + "/" * (info["type"] == "directory")): (
                b"" if info["type"] == "directory" else memory().cat_file(path)
            )
            for path, info in memory().find(top, withdirs=True, detail=True).items()
            if path != top.rstrip("/")
        }

    @contextlib.contextmanager
    def unreadable(self, storage: Storage, folder: bytes) -> Iterator[Storage]:
        assert folder.endswith(b"/locked")
        yield RemoteStorage(os.fsdecode(storage.root).replace("memory://", "limited://"))
