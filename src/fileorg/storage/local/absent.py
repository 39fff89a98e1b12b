"""A missing directory, on an unmounted disk or renamed. It contains nothing."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from fileorg.storage.base import Capabilities
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.paths import failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.model import Entry, Listing


class AbsentStorage(LocalStorage):
    """A stand-in for the missing directory of an operation that has other directories left."""

    def __init__(self, root: bytes, inode: int) -> None:
        """Take the last known `inode` of the directory."""
        self.root, self.cross_mounts = root, True
        self.capabilities = Capabilities(empty_folders=True, stable_inodes=True, renames=True, name_limit=255)
        self._fds = {}
        self._inode = inode

    @property
    def identity(self) -> tuple[int, int]:
        return 0, self._inode

    def fd(self, folder: bytes) -> int:
        raise failed(errno.ENOENT, folder)

    def forget(self, folder: bytes) -> None:
        pass

    def lstat(self, _folder: bytes, _name: bytes) -> Entry | None:
        return None

    def stat_folder(self, _folder: bytes) -> Entry | None:
        return None

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        raise failed(errno.ENOENT, folder)

    def name_parts(self, folder: bytes) -> Iterator[list[bytes]]:
        raise failed(errno.ENOENT, folder)

    def has_stable_inodes(self, _folder: bytes) -> bool:
        return True

    def is_case_insensitive(self) -> bool:
        return False

    def sync(self) -> None:
        pass

    def close(self) -> None:
        pass
