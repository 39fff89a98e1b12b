"""The file systems that fsspec keeps in memory, and ways round them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

if TYPE_CHECKING:
    from fileorg.storage.base import Storage


def memory() -> Any:
    return fsspec.filesystem("memory")


def key(storage: Storage, path: bytes) -> str:
    return os.fsdecode(storage.root).partition("://")[2] + "/" + os.fsdecode(path)


class LimitedMemory(MemoryFileSystem):  # type: ignore[misc]
    """The same memory, only read, for someone who may not list folders named `locked`."""

    protocol = "limited"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("limited://")))

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        if path.endswith("/locked"):
            raise PermissionError(path)
        return super().ls(path, detail, **kwargs)


fsspec.register_implementation("limited", LimitedMemory)
