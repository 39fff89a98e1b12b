"""The interface of all object stores: a bucket of keys, and requests that state what they expect to find.

Clients are `memory.MemoryClient` and `s3.S3Client`; `tests/storage/object/contract.py` is the suite that each one runs.
Nothing here knows a folder, a root or the journal.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, Protocol

from fileorg.core.tuples import NamedTuple
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

PAGE_KEYS = 1000
"""The keys of a page of a listing: the limit of S3."""
DELETED_KEYS = 100
"""The keys of one request that deletes. S3 takes 1,000, but stores delete them one after another."""
KEY_BYTES = 1024
"""The longest key of S3, in UTF-8."""
COPY_LIMIT_BYTES = 5 << 30
"""The largest object that one CopyObject or PutObject takes; larger ones go in parts."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_MD5 = re.compile(r"[0-9a-f]{32}")
_MD5_OF_PARTS = re.compile(r"[0-9a-f]{32}-[0-9]+")
_TOKEN_BITS = 63


class StoredObject(NamedTuple):
    """An object as LIST or HEAD describes it.

    `etag` is without its quotes. `mtime_ns` is a whole second, also where a listing knows more: HEAD knows no more, and
    the two have to agree. LIST leaves `version`, `checksums`, `metadata`, `headers` and `is_locked` at their defaults.
    """

    key: bytes
    size: int
    mtime_ns: int
    etag: str
    storage_class: str = "STANDARD"
    version: str | None = None
    """None if the bucket has no versions."""
    checksums: Mapping[str, str] = _NOTHING
    """Of the whole object, in base64, by algorithm: `CRC32`, `CRC32C`, `CRC64NVME`, `SHA1`, `SHA256`, `XXHASH128`."""
    metadata: Mapping[str, str] = _NOTHING
    headers: Mapping[str, str] = _NOTHING
    """Content-Type, Content-Encoding, Cache-Control and the like, by their lower-case name."""
    parts: int = 0
    """The number of parts of a multipart upload, 0 for an object that was written at once or if it is not known."""
    is_locked: bool = False
    """Under a legal hold, or a retention that has not ended."""

    @property
    def token(self) -> int:
        """What stands in the inode column: see `etag_token`."""
        return etag_token(self.etag)

    @property
    def is_archived(self) -> bool:
        """Return whether the content must be restored before it can be read or copied."""
        return self.storage_class in ARCHIVES


_PLAIN_HEADERS = frozenset(
    {
        "content-type", "content-encoding", "content-language", "content-disposition", "cache-control", "expires",
        "x-amz-website-redirect-location",
    }
)  # fmt: skip
"""The headers that an object can be written with again; the others are of the bucket."""
STRONG_CHECKSUMS = ("SHA256", "XXHASH128", "SHA1")
"""Checksums of whole objects that decide whether two are equal. A CRC is too short for that."""
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects cannot be read. GLACIER_IR can."""


def etag_token(etag: str) -> int:
    """Return a number of 63 bits, never 0, that stands for an ETag where a file has its inode number."""
    digest = hashlib.blake2b(etag.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) & ((1 << _TOKEN_BITS) - 1)) or 1


def plain_headers(there: StoredObject) -> dict[str, str]:
    """Return the headers that an object can be written with again."""
    return {name: value for name, value in there.headers.items() if name in _PLAIN_HEADERS}


def crc32_text(checksum: int) -> str:
    """Return a CRC32 as stores write it."""
    return b64encode(checksum.to_bytes(4)).decode()


def may_be_md5(etag: str) -> bool:
    """Return whether the ETag has the form of a digest of the content. That of a multipart upload has not; that of an
    object under a KMS key has, and is none: an equality then says that two objects are one upload, never that they are
    not equal.
    """
    return _MD5.fullmatch(etag) is not None


def tells_equal(etag: str) -> bool:
    """Return whether objects of one size with this ETag have the same content: it is a digest, or one of digests of
    parts, or stands for one upload. Other forms may be made of a size and a time.
    """
    return may_be_md5(etag) or _MD5_OF_PARTS.fullmatch(etag) is not None


def key_error(key: bytes) -> StoreError | None:
    """Return why no store can have this key, None if it can."""
    if not key:
        return StoreError(StoreCode.INVALID_KEY)
    if len(key) > KEY_BYTES:
        return StoreError(StoreCode.KEY_TOO_LONG)
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return StoreError(StoreCode.INVALID_KEY)
    return StoreError(StoreCode.INVALID_KEY) if "\0" in text else None


class Result(StrEnum):
    """What came of one request that changes something."""

    DONE = "done"
    TARGET_EXISTS = "target-exists"
    """Nothing was written: an object has the key of the target."""
    CHANGED = "changed"
    """Nothing was done: the object does not have the expected ETag, or another version is the newest."""
    GONE = "gone"
    """Nothing was done: there is no such object."""
    AMBIGUOUS = "ambiguous"
    """The request may have been carried out: no answer came, or a repetition found its target taken. Only a look at
    both keys tells."""
    FAILED = "failed"
    """Nothing was done, for the reason in `error`."""
    NOT_BEGUN = "not-begun"
    """Nothing was done: the run was cancelled before."""


class ObjectOutcome(NamedTuple):
    """The result of one row.

    `etag`, `mtime_ns` and `version` describe the object that was written, as `StoredObject` does; `mtime_ns` is 0 if
    the answer did not say. `version` of a deletion in a bucket with versions is the delete marker. `error` is there for
    FAILED, and for AMBIGUOUS if there is more to say.
    """

    result: Result
    etag: str = ""
    version: str | None = None
    mtime_ns: int = 0
    error: StoreError | None = None


class ObjectCopy(NamedTuple):
    """A copy within the bucket, or from another bucket of the same service."""

    source_key: bytes
    source_etag: str
    target_key: bytes
    size: int
    """Decides whether the copy goes in parts."""
    source_bucket: str | None = None
    """None: the bucket of the client."""
    storage_class: str = "STANDARD"
    """That of the source, as listed: S3 would write a copy to STANDARD."""


class ObjectDeletion(NamedTuple):
    """A deletion of the object that has this ETag, in a bucket with versions by a marker."""

    key: bytes
    etag: str


class DeleteMarker(NamedTuple):
    """A delete marker of ours, by its version."""

    key: bytes
    version: str


class Upload(NamedTuple):
    """An upload in parts that was not completed: its parts are stored, paid, and seen by no listing."""

    key: bytes
    upload_id: str
    begun_ns: int


class Precondition(StrEnum):
    """What a store may honour or silently ignore."""

    PUT_IF_ABSENT = "put-if-absent"
    COPY_IF_ABSENT = "copy-if-absent"
    COPY_IF_MATCH = "copy-if-match"
    DELETE_IF_MATCH = "delete-if-match"
    BATCH_DELETE_IF_MATCH = "batch-delete-if-match"
    COMPLETE_IF_ABSENT = "complete-if-absent"


ALL_PRECONDITIONS = frozenset(Precondition)


class ObjectClient(Protocol):
    """A bucket. All methods are synchronous, may be called by several threads, and handle waits, repetitions and
    concurrency themselves.

    Keys are UTF-8; one that is not, or is longer than `KEY_BYTES`, fails with `StoreCode.INVALID_KEY` or `KEY_TOO_LONG`
    before anything is sent. Results are in the order of the rows, one for each. Methods without rows raise
    `StoreError`; those with rows put it into their results.
    """

    @property
    def url(self) -> str:
        """`s3://bucket`, without credentials."""
        ...

    @property
    def bucket(self) -> str: ...

    @property
    def service(self) -> str:
        """The endpoint, empty for AWS: keys of buckets of one service can be copied without a download."""
        ...

    @property
    def endpoint(self) -> str:
        """The address of the service, once a request was answered: also if the environment or a profile gives it.
        Empty if there is no network in between.
        """
        ...

    @property
    def deletes_many(self) -> bool:
        """Whether one request deletes several objects, each only if it has its ETag: not where the service may compare
        it before the deletion instead of with it.
        """
        ...

    def pages(self, prefix: bytes = b"", *, after: bytes = b"") -> Iterator[list[StoredObject]]:
        """Yield the objects whose keys begin with `prefix` and come after `after`, each once, at most `PAGE_KEYS` at a
        time. The order is that of the store: that of their bytes on S3, but SeaweedFS has `a/b` before `a-b`. A page
        that was cut off is requested again, never taken for the last.
        """
        ...

    def pages_in_any_order(self, prefix: bytes = b"") -> Iterator[list[StoredObject]]:
        """Yield the same objects, where many pages are to be read to their end: by several requests at once."""
        ...

    def head(self, keys: Sequence[bytes]) -> list[StoredObject | StoreError | None]:
        """Return what HEAD tells of each key; None if there is no such object."""
        ...

    def tags(self, key: bytes) -> Mapping[str, str]:
        """Return the tags of an object."""
        ...

    def read(self, key: bytes, start: int, stop: int, *, etag: str) -> bytes:
        """Return the bytes from `start` up to `stop`, fewer only at the end of the object.

        Raises `StoreError`: CHANGED if the object has another ETag, GONE, ARCHIVED and others.
        """
        ...

    def put(
        self,
        key: bytes,
        source: bytes | BinaryIO,
        *,
        if_absent: bool = True,
        metadata: Mapping[str, str] = _NOTHING,
        headers: Mapping[str, str] = _NOTHING,
        tags: Mapping[str, str] = _NOTHING,
        storage_class: str = "STANDARD",
        begun: Callable[[str], None] | None = None,
        in_parts: bool = False,
    ) -> ObjectOutcome:
        """Write an object, with a checksum that the store compares. A file is read from where it stands to its end,
        and above the size of a part, or if `in_parts`, uploaded in parts: `begun` then gets the id of the upload
        before the first part.
        `headers` are as in `plain_headers`.
        """
        ...

    def copying(
        self, rows: Sequence[ObjectCopy], *, begun: Callable[[int, str], None] | None = None
    ) -> Generator[list[tuple[int, ObjectOutcome]]]:
        """Copy, and yield the numbers and results of rows as they come, several at once, while others go on. Close the
        iterator: that ends the rest.
        """
        ...

    def copy(
        self, rows: Sequence[ObjectCopy], *, begun: Callable[[int, str], None] | None = None
    ) -> list[ObjectOutcome]:
        """Copy objects with headers, metadata and tags, each only if its source still has the ETag and its target does
        not exist. For a copy in parts, `begun` gets the number of the row and the id of the upload, in the thread of
        the caller, before the first part.

        CHANGED and GONE are about the source.
        """
        ...

    def deleting(self, rows: Sequence[ObjectDeletion]) -> Callable[[], list[ObjectOutcome]]:
        """Begin to delete, and return what waits for the results."""
        ...

    def delete(self, rows: Sequence[ObjectDeletion]) -> list[ObjectOutcome]:
        """Delete objects, each only if it has its ETag."""
        ...

    def remove_markers(self, markers: Sequence[DeleteMarker]) -> list[ObjectOutcome]:
        """Bring back what `delete` hid: remove each marker if it is still the newest version of its key.

        CHANGED: another version is the newest. GONE: the key has no version at all.
        """
        ...

    def refuse_parts(self) -> None:
        """From now on, fail what would go in parts and must not overwrite: the store ignores that condition."""
        ...

    def uploads(self, prefix: bytes = b"") -> list[Upload]:
        """Return the unfinished uploads whose keys begin with `prefix`."""
        ...

    def abort(self, uploads: Sequence[Upload]) -> list[ObjectOutcome]:
        """Abort unfinished uploads; one that is not there is GONE."""
        ...

    def has_versions(self) -> bool:
        """Return whether the bucket keeps versions. False if that may not be asked."""
        ...

    def has_locks(self) -> bool:
        """Return whether objects may be locked here. False if that may not be asked."""
        ...

    def cancel_by(self, is_over: Callable[[], bool]) -> None:
        """Let `is_over` end copies and uploads within a second: those that did not begin are NOT_BEGUN. The rest ends,
        too, once the store is silent for a second. It is asked ten times a second, in the thread of the caller.
        """
        ...

    def close(self) -> None: ...


class RowsAtOnce:
    """The requests of an `ObjectClient` that wait for all of their rows."""

    def pages_in_any_order(self: ObjectClient, prefix: bytes = b"") -> Iterator[list[StoredObject]]:
        return self.pages(prefix)

    def copy(
        self: ObjectClient, rows: Sequence[ObjectCopy], *, begun: Callable[[int, str], None] | None = None
    ) -> list[ObjectOutcome]:
        found = dict(each for group in self.copying(rows, begun=begun) for each in group)
        return [found[number] for number in range(len(rows))]

    def delete(self: ObjectClient, rows: Sequence[ObjectDeletion]) -> list[ObjectOutcome]:
        return self.deleting(rows)()


def no_parts() -> ObjectOutcome:
    """Return the outcome of what would go in parts, of a client that refuses them."""
    return ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.UNSAFE_PARTS))


def heads(client: ObjectClient, keys: Sequence[bytes]) -> Sequence[StoredObject | StoreError | None]:
    """Return what HEAD tells of each key; if the store cannot be asked, its error for each."""
    try:
        return client.head(keys)
    except StoreError as error:
        return [error] * len(keys)


def head_one(client: ObjectClient, key: bytes) -> StoredObject | None:
    """Return what HEAD tells of one key; None if there is no such object. Raises `StoreError`."""
    [found] = client.head([key])
    if isinstance(found, StoreError):
        raise found
    return found
