"""A bucket in memory, with the semantics of S3: `memory://NAME`. It lives as long as the process."""

from __future__ import annotations

import bisect
import hashlib
import threading
import time
from typing import TYPE_CHECKING, BinaryIO
from zlib import crc32

from fileorg.core.tuples import NamedTuple
from fileorg.storage.object.client import (
    ALL_PRECONDITIONS,
    COPY_LIMIT_BYTES,
    DELETED_KEYS,
    PAGE_KEYS,
    ObjectOutcome,
    Precondition,
    Result,
    RowsAtOnce,
    StoredObject,
    Upload,
    crc32_text,
    key_error,
    no_parts,
)
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from fileorg.storage.object.client import DeleteMarker, ObjectCopy, ObjectDeletion

_NS = 1_000_000_000


class _Version(NamedTuple):
    stored: StoredObject
    content: bytes
    tags: Mapping[str, str]
    is_marker: bool = False


class MemoryBucket:
    """The objects of a bucket. Several clients, in several threads, may use one.

    `honoured` are the preconditions that the bucket heeds; it ignores the others silently, as real services do.
    """

    def __init__(
        self,
        *,
        versions: bool = False,
        honoured: frozenset[Precondition] = ALL_PRECONDITIONS,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.versions = versions
        self.honoured = honoured
        self.locked: set[bytes] = set()
        """The keys whose objects are under a legal hold."""
        self.now_ns = now_ns
        self.lock = threading.RLock()
        self.uploads: dict[str, Upload] = {}
        self._kept: dict[bytes, list[_Version]] = {}
        """By key, the newest version last."""
        self._keys: list[bytes] = []
        """All keys of `_kept` in order."""
        self._numbers = 0

    def next_id(self) -> str:
        self._numbers += 1
        return f"{self._numbers:08x}"

    def newest(self, key: bytes) -> _Version | None:
        """Return the newest version of a key, None if there is none or it is a marker."""
        kept = self._kept.get(key)
        return None if not kept or kept[-1].is_marker else kept[-1]

    def last(self, key: bytes) -> _Version | None:
        """Return the newest version, also if it is a marker."""
        kept = self._kept.get(key)
        return kept[-1] if kept else None

    def add(self, key: bytes, version: _Version) -> None:
        if key not in self._kept:
            bisect.insort(self._keys, key)
        if self.versions:
            self._kept.setdefault(key, []).append(version)
        else:
            self._kept[key] = [version]

    def drop_newest(self, key: bytes) -> None:
        """Remove the newest version for good."""
        self._kept[key].pop()
        if not self._kept[key]:
            del self._kept[key]
            del self._keys[bisect.bisect_left(self._keys, key)]

    def page(self, prefix: bytes, after: bytes) -> tuple[list[StoredObject], bytes | None]:
        """Return a page of objects behind `after`, and the key that the next one begins behind: None for no next."""
        found: list[StoredObject] = []
        at = bisect.bisect_right(self._keys, after) if after >= prefix else bisect.bisect_left(self._keys, prefix)
        while at < len(self._keys) and self._keys[at].startswith(prefix):
            newest = self.newest(self._keys[at])
            if newest is not None:
                listed = newest.stored
                found.append(StoredObject(listed.key, listed.size, listed.mtime_ns, listed.etag, listed.storage_class))
            if len(found) == PAGE_KEYS:
                return found, self._keys[at]
            at += 1
        return found, None


_buckets: dict[str, MemoryBucket] = {}


def memory_bucket(name: str) -> MemoryBucket:
    """Return the bucket of `memory://NAME`, always the same one in a process."""
    return _buckets.setdefault(name, MemoryBucket())


class MemoryClient(RowsAtOnce):
    """A client of a bucket in memory: see `client.ObjectClient`."""

    service = "memory"
    endpoint = ""
    deletes_many = True

    def __init__(
        self,
        bucket: str,
        within: MemoryBucket | None = None,
        *,
        part_limit_bytes: int = COPY_LIMIT_BYTES,
    ) -> None:
        """Larger objects are uploaded and copied in parts: `begun` is called, and the ETag is no MD5."""
        self.bucket = bucket
        self.url = f"memory://{bucket}"
        self._within = memory_bucket(bucket) if within is None else within
        self._part_limit_bytes = part_limit_bytes
        self._is_over: Callable[[], bool] = lambda: False
        self._refuses_parts = False

    def pages(self, prefix: bytes = b"", *, after: bytes = b"") -> Iterator[list[StoredObject]]:
        at: bytes | None = after
        while at is not None:
            with self._within.lock:
                found, at = self._within.page(prefix, at)
            if found:
                yield found

    def head(self, keys: Sequence[bytes]) -> list[StoredObject | StoreError | None]:
        return [self._head(key) for key in keys]

    def _head(self, key: bytes) -> StoredObject | StoreError | None:
        if (error := key_error(key)) is not None:
            return error
        found = self._within.newest(key)
        return None if found is None else found.stored._replace(is_locked=key in self._within.locked)

    def tags(self, key: bytes) -> Mapping[str, str]:
        return self._existing(key).tags

    def _existing(self, key: bytes) -> _Version:
        if (error := key_error(key)) is not None:
            raise error
        found = self._within.newest(key)
        if found is None:
            raise StoreError(StoreCode.GONE)
        return found

    def read(self, key: bytes, start: int, stop: int, *, etag: str) -> bytes:
        found = self._existing(key)
        if found.stored.etag != etag:
            raise StoreError(StoreCode.CHANGED)
        return found.content[start:stop]

    def put(
        self,
        key: bytes,
        source: bytes | BinaryIO,
        *,
        if_absent: bool = True,
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        storage_class: str = "STANDARD",
        begun: Callable[[str], None] | None = None,
        in_parts: bool = False,
    ) -> ObjectOutcome:
        if (error := key_error(key)) is not None:
            return ObjectOutcome(Result.FAILED, error=error)
        content = source if isinstance(source, bytes) else source.read()
        in_parts = in_parts or len(content) > self._part_limit_bytes
        if in_parts and if_absent and self._refuses_parts:
            return no_parts()
        upload_id = self._begin(key) if in_parts else ""
        if in_parts and begun is not None:
            begun(upload_id)
        with self._within.lock:
            self._within.uploads.pop(upload_id, None)
            needed = Precondition.COMPLETE_IF_ABSENT if in_parts else Precondition.PUT_IF_ABSENT
            if if_absent and needed in self._within.honoured and self._within.newest(key) is not None:
                return ObjectOutcome(Result.TARGET_EXISTS)
            return self._write(key, content, in_parts, metadata or {}, headers or {}, tags or {}, storage_class)

    def _begin(self, key: bytes) -> str:
        with self._within.lock:
            upload_id = self._within.next_id()
            self._within.uploads[upload_id] = Upload(key, upload_id, self._now_ns())
            return upload_id

    def _now_ns(self) -> int:
        return self._within.now_ns() // _NS * _NS

    def _write(
        self,
        key: bytes,
        content: bytes,
        in_parts: bool,
        metadata: Mapping[str, str],
        headers: Mapping[str, str],
        tags: Mapping[str, str],
        storage_class: str = "STANDARD",
    ) -> ObjectOutcome:
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest() + ("-2" if in_parts else "")
        version = self._within.next_id() if self._within.versions else None
        stored = StoredObject(
            key,
            len(content),
            self._now_ns(),
            etag,
            storage_class,
            version,
            {"CRC32": crc32_text(crc32(content))},
            dict(metadata),
            {name.lower(): value for name, value in headers.items()},
            2 if in_parts else 0,
        )
        self._within.add(key, _Version(stored, content, dict(tags)))
        return ObjectOutcome(Result.DONE, etag, version, stored.mtime_ns)

    def copying(
        self, rows: Sequence[ObjectCopy], *, begun: Callable[[int, str], None] | None = None
    ) -> Generator[list[tuple[int, ObjectOutcome]]]:
        for start in range(0, len(rows), DELETED_KEYS):
            numbers = range(start, min(len(rows), start + DELETED_KEYS))
            yield [(number, self._copy(number, rows[number], begun)) for number in numbers]

    def _copy(self, number: int, row: ObjectCopy, begun: Callable[[int, str], None] | None) -> ObjectOutcome:
        if self._is_over():
            return ObjectOutcome(Result.NOT_BEGUN)
        error = key_error(row.source_key) or key_error(row.target_key)
        if error is not None:
            return ObjectOutcome(Result.FAILED, error=error)
        in_parts = row.size > self._part_limit_bytes
        if in_parts and self._refuses_parts:
            return no_parts()
        upload_id = self._begin(row.target_key) if in_parts else ""
        if in_parts and begun is not None:
            begun(number, upload_id)
        other = row.source_bucket is not None and row.source_bucket != self.bucket
        origin = memory_bucket(row.source_bucket or "") if other else self._within
        with origin.lock, self._within.lock:
            self._within.uploads.pop(upload_id, None)
            source = origin.newest(row.source_key)
            honoured = self._within.honoured
            if source is None:
                return ObjectOutcome(Result.GONE)
            if source.stored.is_archived:
                return ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.ARCHIVED))
            if Precondition.COPY_IF_MATCH in honoured and source.stored.etag != row.source_etag:
                return ObjectOutcome(Result.CHANGED)
            needed = Precondition.COMPLETE_IF_ABSENT if in_parts else Precondition.COPY_IF_ABSENT
            if needed in honoured and self._within.newest(row.target_key) is not None:
                return ObjectOutcome(Result.TARGET_EXISTS)
            stored = source.stored
            return self._write(
                row.target_key, source.content, in_parts, stored.metadata, stored.headers, source.tags,
                stored.storage_class,
            )  # fmt: skip

    def deleting(self, rows: Sequence[ObjectDeletion]) -> Callable[[], list[ObjectOutcome]]:
        needed = Precondition.DELETE_IF_MATCH if len(rows) == 1 else Precondition.BATCH_DELETE_IF_MATCH
        outcomes = [self._delete(row, needed) for row in rows]
        return lambda: outcomes

    def _delete(self, row: ObjectDeletion, needed: Precondition) -> ObjectOutcome:
        if (error := key_error(row.key)) is not None:
            return ObjectOutcome(Result.FAILED, error=error)
        with self._within.lock:
            found = self._within.newest(row.key)
            if found is None:
                return ObjectOutcome(Result.GONE)
            if needed in self._within.honoured and found.stored.etag != row.etag:
                return ObjectOutcome(Result.CHANGED)
            if not self._within.versions:
                self._within.drop_newest(row.key)
                return ObjectOutcome(Result.DONE)
            marker = self._within.next_id()
            stored = StoredObject(row.key, 0, self._now_ns(), "", version=marker)
            self._within.add(row.key, _Version(stored, b"", {}, is_marker=True))
            return ObjectOutcome(Result.DONE, version=marker)

    def remove_markers(self, markers: Sequence[DeleteMarker]) -> list[ObjectOutcome]:
        return [self._remove_marker(each) for each in markers]

    def _remove_marker(self, marker: DeleteMarker) -> ObjectOutcome:
        with self._within.lock:
            last = self._within.last(marker.key)
            if last is not None and last.is_marker and last.stored.version == marker.version:
                self._within.drop_newest(marker.key)
                return ObjectOutcome(Result.DONE)
            return ObjectOutcome(Result.GONE if last is None else Result.CHANGED)

    def refuse_parts(self) -> None:
        self._refuses_parts = True

    def uploads(self, prefix: bytes = b"") -> list[Upload]:
        with self._within.lock:
            return [each for each in self._within.uploads.values() if each.key.startswith(prefix)]

    def abort(self, uploads: Sequence[Upload]) -> list[ObjectOutcome]:
        with self._within.lock:
            return [
                ObjectOutcome(Result.DONE if self._within.uploads.pop(each.upload_id, None) else Result.GONE)
                for each in uploads
            ]

    def has_versions(self) -> bool:
        return self._within.versions

    def has_locks(self) -> bool:
        return bool(self._within.locked)

    def cancel_by(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over

    def close(self) -> None: ...
