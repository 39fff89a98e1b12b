"""Where files are. `open_storage` turns a path or a URL into a `Storage`."""

from __future__ import annotations

import os

from fileorg.storage.base import BATCH_ENTRIES, Capabilities, Storage
from fileorg.storage.local.listing import INODE_MASK, entry_of
from fileorg.storage.local.storage import LocalStorage

__all__ = ["BATCH_ENTRIES", "INODE_MASK", "Capabilities", "LocalStorage", "Storage", "entry_of", "open_storage"]


def open_storage(url: str | bytes) -> Storage:
    """A local directory for a path or `file://`, any fsspec file system for another URL.

    Raises `OSError` if it cannot be opened, `UsageError` for a URL scheme that fsspec does not know.
    """
    text = os.fsdecode(url)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return LocalStorage(os.fsencode(url))
    if scheme in {"file", "local"}:
        return LocalStorage(os.fsencode(rest))
    from fileorg.storage.remote.storage import RemoteStorage  # fsspec takes 80 ms

    return RemoteStorage(text)
