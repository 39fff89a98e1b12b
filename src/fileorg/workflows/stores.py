"""Roots in object stores: their URLs, what commands can do with them, and their storages."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple, cast

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import SCHEMES, display, is_folder, scheme_of

if TYPE_CHECKING:
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.client import ObjectClient


class StoreUrl(NamedTuple):
    """A bucket of a store, and a plain path in it: empty for the whole bucket."""

    scheme: str
    bucket: str
    prefix: bytes

    def __bytes__(self) -> bytes:
        return f"{self.scheme}://{self.bucket}".encode() + (b"/" + self.prefix if self.prefix else b"")


def parsed(url: bytes) -> StoreUrl:
    """Return the parts of a URL. Raises `UsageError`, without what may be a password."""
    scheme = scheme_of(url)
    bucket, _, prefix = url[len(scheme) + 3 :].partition(b"/")
    prefix = prefix.removesuffix(b"/")
    if b"@" in bucket:
        raise UsageError(
            f"A {display(scheme)}:// URL holds no user and no password.",
            hint="give the credentials by the environment, a profile or a role: see docs/storage.md",
            code=ErrorCode.PATH_UNUSABLE,
        )
    if scheme not in SCHEMES:
        raise UsageError(
            f"fileorg cannot open {display(scheme)}:// URLs: {display(url)}.",
            hint=f"it opens {', '.join(sorted(f'{display(known)}://' for known in SCHEMES))} and folders",
            code=ErrorCode.PATH_UNUSABLE,
        )
    if not bucket or not is_folder(prefix):
        why = "it names no bucket" if not bucket else "its path has an empty part, a dot or two dots"
        raise UsageError(
            f"{display(url)} cannot be used: {why}.",
            hint="write it as s3://BUCKET/FOLDER",
            code=ErrorCode.PATH_UNUSABLE,
        )
    return StoreUrl(display(scheme), bucket.decode(errors="surrogateescape"), prefix)


def store_root(url: bytes) -> bytes:
    """Return the URL of a root as it is recorded. Raises `UsageError`."""
    return bytes(parsed(url))


def cannot_yet(what: str, url: bytes) -> UsageError:
    """Return the error for a request that does not work on stores."""
    return UsageError(
        f"fileorg cannot yet {what} on {display(scheme_of(url))}://.",
        hint="docs/storage.md says what works on which store",
        code=ErrorCode.PATH_UNUSABLE,
        path=url,
    )


def open_store(stack: contextlib.ExitStack, url: bytes) -> LocalStorage:
    """Return the storage of a URL; `stack` closes it. Raises `UsageError`, `StoreError`."""
    from fileorg.storage.object.object_storage import ObjectStorage

    scheme, bucket, prefix = parsed(url)
    client = _open_client(url, scheme, bucket)
    # The parts of fileorg that all storages share call nothing that this one does not have; actions know their kind.
    return cast("LocalStorage", stack.enter_context(contextlib.closing(ObjectStorage(client, prefix))))


def _open_client(url: bytes, scheme: str, bucket: str) -> ObjectClient:
    """Return the client of a bucket. Raises `UsageError`."""
    if scheme != "memory":
        raise cannot_yet("work", url)
    from fileorg.storage.object.memory import MemoryClient

    return MemoryClient(bucket)
