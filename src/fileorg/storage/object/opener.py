"""The client of a bucket, by the scheme of its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.storage.object.memory import MemoryClient

if TYPE_CHECKING:
    from fileorg.core.store_settings import StoreSettings
    from fileorg.storage.object.client import ObjectClient

MEMORY = "memory"
S3 = "s3"
READABLE = frozenset({"gs", "gcs", "az", "abfs", "sftp", "ssh", "ftp", "smb", "webdav", "oss", "hf"})
"""Schemes that fsspec opens, for reading: see `fsspec_client`."""


def open_client(scheme: str, bucket: str, settings: StoreSettings | None = None) -> ObjectClient:
    """Return the client of `SCHEME://BUCKET`, which the caller closes. Nothing is sent yet.

    `scheme` is `memory`, `s3` or the NAME of a table `[storage.NAME]`, whose `settings` these are.

    Raises `StorageFailure` if the driver is not installed.
    """
    if scheme == MEMORY:
        return MemoryClient(bucket)
    from fileorg.storage.object.s3 import S3Client

    return S3Client(bucket, settings, scheme=scheme)
