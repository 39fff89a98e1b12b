"""Helpers of the suites, and ways to inspect a storage from outside."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from fileorg.core.model import Entry
    from fileorg.storage.base import Storage
    from fileorg.storage.local.copying import StagedCopy
    from fileorg.storage.local.storage import LocalStorage

_NUMBERS = itertools.count()


def names_of(storage: Storage, folder: bytes = b"") -> set[bytes]:
    return {
        entry.name
        for listing in storage.list_folder(folder)
        for entry in (*listing.files, *listing.folders, *listing.others)
    }


def content_of(storage: Storage, folder: bytes, name: bytes) -> bytes:
    with storage.open_read(folder, name) as file:
        return file.read()


def seen(storage: Storage, folder: bytes, name: bytes) -> Entry:
    entry = storage.lstat(folder, name)
    assert entry is not None
    return entry


def staged_copy(source: LocalStorage, folder: bytes, name: bytes, *place: Any) -> StagedCopy:
    """Call `stage_copy` and close the copy."""
    staged = source.stage_copy(folder, name, *place)
    os.close(staged.fd)
    return staged


def copy_noreplace(
    source: LocalStorage, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
) -> Entry:
    """Copy a file by the primitives of a storage: stage, publish, discard the temporary."""
    temporary = b".fileorg-%d.part" % next(_NUMBERS)
    staged_copy(source, folder, name, target, target_folder, temporary)
    try:
        target.publish(target_folder, temporary, target_name)
    finally:
        target.discard(target_folder, temporary)
    return seen(target, target_folder, target_name)


def rename_noreplace(
    source: LocalStorage, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
) -> None:
    source.rename_noreplace(folder, name, target, target_folder, target_name)


def path_of(storage: LocalStorage, name: bytes | str) -> Path:
    return Path(os.fsdecode(storage.root)) / os.fsdecode(name)


def write(place: Path, files: Mapping[str, str]) -> None:
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(content)


def read(place: Path) -> dict[str, str]:
    return {
        str(path.relative_to(place)): f"-> {os.readlink(path)}" if path.is_symlink() else path.read_text()
        for path in place.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


class Ways:
    """Access to a tree around its storage, to check the effects independently."""

    def plant(self, storage: Storage, files: Mapping[bytes, bytes]) -> None:
        """Write files by root-relative path, with their folders; a path that ends in `/` is an empty folder."""
        raise NotImplementedError

    def tree(self, storage: Storage) -> dict[bytes, bytes]:
        """Return all files with their contents; the path of a folder ends in a slash."""
        raise NotImplementedError

    def unreadable(self, storage: Storage, folder: bytes) -> AbstractContextManager[Storage]:
        """Open the same tree for a user who may not read `folder`. May run the block in another process."""
        raise NotImplementedError

    def files(self, storage: Storage) -> dict[bytes, bytes]:
        return {path: content for path, content in self.tree(storage).items() if not path.endswith(b"/")}
