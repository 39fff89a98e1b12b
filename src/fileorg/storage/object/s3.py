"""A bucket of S3, or of a service that speaks its protocol: see `client.ObjectClient`."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlencode, urlsplit
from zlib import crc32

from fileorg.core.store_settings import StoreSettings
from fileorg.storage.object import aws_errors
from fileorg.storage.object.aws_sender import AwsSender
from fileorg.storage.object.client import (
    COPY_LIMIT_BYTES,
    DELETED_KEYS,
    PAGE_KEYS,
    DeleteMarker,
    ObjectCopy,
    ObjectDeletion,
    ObjectOutcome,
    Result,
    RowsAtOnce,
    StoredObject,
    Upload,
    crc32_text,
    key_error,
    may_be_md5,
    no_parts,
)
from fileorg.storage.object.loop_thread import LoopThread
from fileorg.storage.object.parallel_listing import ParallelListing
from fileorg.storage.object.s3_answers import head_object, listed_object, mtime_ns, outcome_of, plain_etag, version_of
from fileorg.storage.object.s3_parts import PartCopies, PartUploads
from fileorg.storage.object.sender import CONCURRENT, LimitedSender, RetryingSender, Window
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
    from typing import TypeVar

    from fileorg.storage.object.loop_thread import RowsUnderWay
    from fileorg.storage.object.sender import LoopClock, Sender, StoreAnswer

    _T = TypeVar("_T")

PART_BYTES = 16 << 20
"""Files above this size are uploaded in parts of at least this size."""
_NO_XML = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")
"""Keys with these are deleted one by one: a request for many is XML, which cannot contain them or changes them."""
_DELETING = 8
"""The requests for many keys that are under way at once: S3 counts each of their keys."""
_AWS = {".amazonaws.com": "AWS", ".amazonaws.com.cn": "AWS in China"}
_NOT_BEGUN = ObjectOutcome(Result.NOT_BEGUN)
_CUT_OFF = ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.CANCELLED, may_be_done=True))


def aws_of(endpoint: str) -> str:
    """Return which part of AWS has an address, empty for another service. A part has many addresses, and a name of a
    bucket only once.
    """
    host = urlsplit(endpoint).hostname or ""
    return next((name for end, name in _AWS.items() if host.endswith(end)), "")


def is_aws(endpoint: str) -> bool:
    """Return whether an address is one of AWS, whose documentation promises what others do not keep: SeaweedFS compares
    the ETags of `DeleteObjects` before it deletes, and removes what was written in between.
    """
    return bool(aws_of(endpoint))


class S3Client(RowsAtOnce):
    """A client of one bucket. It holds a thread with connections once it was used, until `close`."""

    def __init__(
        self,
        bucket: str,
        settings: StoreSettings | None = None,
        *,
        scheme: str = "s3",
        sender: Sender | None = None,
        clock: LoopClock | None = None,
        concurrent: int = CONCURRENT,
        part_bytes: int = PART_BYTES,
        copy_limit_bytes: int = COPY_LIMIT_BYTES,
        page_keys: int = PAGE_KEYS,
        deletes_many: bool | None = None,
    ) -> None:
        """`sender` replaces the requests to the service, not their repetition and limits; `clock` is for their waits.
        Objects above `copy_limit_bytes` are copied in parts. `page_keys` are the keys of a page of a listing.
        `deletes_many` overrides what is known of the service.

        Raises `StorageFailure` if the driver is not installed.
        """
        settings = settings or StoreSettings()
        self.bucket = bucket
        self.url = f"{scheme}://{bucket}"
        self.service = settings.endpoint.rstrip("/")
        self._concurrent = concurrent
        self._part_bytes, self._copy_limit_bytes, self._page_keys = part_bytes, copy_limit_bytes, page_keys
        transport = AwsSender(settings, concurrent=concurrent) if sender is None else sender
        self._transport = transport
        self._sender = RetryingSender(LimitedSender(transport, Window(concurrent)), clock=clock)
        self._loop = LoopThread()
        self._refuses_parts = False
        self._deletes_many = deletes_many

    @property
    def endpoint(self) -> str:
        return self.service or str(getattr(self._transport, "endpoint", ""))

    @property
    def deletes_many(self) -> bool:
        return is_aws(self.endpoint) if self._deletes_many is None else self._deletes_many

    # Reading

    def pages(self, prefix: bytes = b"", *, after: bytes = b"") -> Iterator[list[StoredObject]]:
        found, token = self._loop.run(self._page(prefix, after=after))
        if found:  # many need no other page, so none is asked for yet
            yield found
        if token is None:
            return
        coming = self._loop.submit(self._page(prefix, token=token, after=after))
        while token is not None:
            found, token = self._loop.result(coming)
            if token is not None:  # the next page is on its way while this one is used
                coming = self._loop.submit(self._page(prefix, token=token, after=after))
            if found:
                yield found

    def pages_in_any_order(self, prefix: bytes = b"") -> Iterator[list[StoredObject]]:
        found, token = self._loop.run(self._page(prefix))
        if found:
            yield found
        if token is None:
            return
        if not found:  # a page may be empty, and nothing tells where to divide the rest
            yield from self.pages(prefix)
            return
        listing = ParallelListing(partial(self._page, prefix), prefix, found)
        running = self._loop.submit(listing.run(token))
        try:
            while (page := self._loop.run(listing.next_page())) is not None:
                yield page
            self._loop.result(running)
        finally:
            running.cancel()

    async def _page(
        self, prefix: bytes, *, token: str | None = None, after: bytes = b""
    ) -> tuple[list[StoredObject], str | None]:
        parameters: dict[str, Any] = {"Prefix": prefix.decode(), "MaxKeys": self._page_keys}
        if after:
            parameters["StartAfter"] = after.decode()
        if token is not None:
            parameters["ContinuationToken"] = token
        answer = (await self._send("ListObjectsV2", **parameters)).fields
        token = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
        return [listed_object(each) for each in answer.get("Contents", ())], token

    def head(self, keys: Sequence[bytes]) -> list[StoredObject | StoreError | None]:
        cancelled: StoredObject | StoreError | None = StoreError(StoreCode.CANCELLED)
        return self._rows(lambda number: self._try_head(keys[number]), len(keys), cancelled, cancelled)

    async def _try_head(self, key: bytes) -> StoredObject | StoreError | None:
        try:
            return await self._head(key)
        except StoreError as error:
            return error

    async def _head(self, key: bytes, **parameters: Any) -> StoredObject | None:
        if (fault := key_error(key)) is not None:
            raise fault
        try:
            answer = await self._send("HeadObject", Key=key.decode(), ChecksumMode="ENABLED", **parameters)
        except StoreError as error:
            if error.code is StoreCode.GONE:
                return None
            raise
        return head_object(key, answer.fields)

    def tags(self, key: bytes) -> Mapping[str, str]:
        return self._loop.run(self._tags(key), to_the_end=True)

    async def _tags(self, key: bytes) -> dict[str, str]:
        if (fault := key_error(key)) is not None:
            raise fault
        answer = await self._send("GetObjectTagging", Key=key.decode())
        return {each["Key"]: each["Value"] for each in answer.fields.get("TagSet", ())}

    def read(self, key: bytes, start: int, stop: int, *, etag: str) -> bytes:
        return self._loop.run(self._read(key, start, stop, etag))

    async def _read(self, key: bytes, start: int, stop: int, etag: str) -> bytes:
        if (fault := key_error(key)) is not None:
            raise fault
        if start >= stop:
            found = await self._head(key, IfMatch=f'"{etag}"')
            if found is None:
                raise StoreError(StoreCode.GONE)
            return b""
        try:
            answer = await self._send(
                "GetObject", Key=key.decode(), IfMatch=f'"{etag}"', Range=f"bytes={start}-{stop - 1}"
            )
        except StoreError as error:
            if error.detail in {"InvalidRange", "416"}:  # the object ends before
                return b""
            raise
        content: bytes = answer.fields["Body"]
        # A server that ignores ranges sends the whole.
        return content if "ContentRange" in answer.fields else content[start:stop]

    def has_versions(self) -> bool:
        try:
            return bool(self._loop.run(self._send("GetBucketVersioning")).fields.get("Status") == "Enabled")
        except StoreError as error:
            if error.code in {StoreCode.DENIED, StoreCode.UNSUPPORTED}:
                return False
            raise

    def has_locks(self) -> bool:
        try:
            found = self._loop.run(self._send("GetObjectLockConfiguration"), to_the_end=True).fields
        except StoreError as error:
            if error.code in {StoreCode.DENIED, StoreCode.UNSUPPORTED, StoreCode.GONE, StoreCode.UNKNOWN}:
                return False
            raise
        return bool(found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")

    def cancel_by(self, is_over: Callable[[], bool]) -> None:
        self._loop.is_over = is_over

    # Writing

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
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        head = file.read(self._part_bytes)
        more = file.read(1) if len(head) == self._part_bytes else b""
        parameters: dict[str, Any] = {"Key": key.decode(), "Metadata": dict(metadata or {})}
        parameters |= {_HEADERS[name.lower()]: value for name, value in (headers or {}).items()}
        if tags:
            parameters["Tagging"] = urlencode(tags)
        if storage_class != "STANDARD":
            parameters["StorageClass"] = storage_class
        if more or in_parts:
            if if_absent and self._refuses_parts:
                return no_parts()
            uploads = PartUploads(self._send, self._loop, parameters, if_absent=if_absent)
            return uploads.put(head, more, file, self._part_bytes, begun)
        return self._one(lambda: self._put(parameters, head, if_absent=if_absent))

    async def _put(self, parameters: dict[str, Any], content: bytes, *, if_absent: bool) -> ObjectOutcome:
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        checksum = crc32_text(crc32(content))
        try:
            answer = await self._send("PutObject", **parameters, Body=content, ChecksumCRC32=checksum, **condition)
        except StoreError as error:
            return outcome_of(error, Result.TARGET_EXISTS)
        etag = plain_etag(answer.fields)
        stored = answer.fields.get("ChecksumCRC32", checksum)
        is_kms = str(answer.fields.get("ServerSideEncryption", "")).startswith("aws:kms")
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if stored != checksum or (may_be_md5(etag) and not is_kms and etag != digest):
            return ObjectOutcome(Result.AMBIGUOUS, etag, error=StoreError(StoreCode.CHECKSUM, may_be_done=True))
        return await self._written(parameters["Key"].encode(), etag, version_of(answer.fields))

    async def _written(self, key: bytes, etag: str, version: str | None) -> ObjectOutcome:
        """Return the result of a request whose answer has no time."""
        found = await self._try_head(key)
        time = found.mtime_ns if isinstance(found, StoredObject) and found.etag == etag else 0
        return ObjectOutcome(Result.DONE, etag, version, time)

    def copying(
        self, rows: Sequence[ObjectCopy], *, begun: Callable[[int, str], None] | None = None
    ) -> Generator[list[tuple[int, ObjectOutcome]]]:
        small = [number for number, row in enumerate(rows) if row.size <= self._copy_limit_bytes]
        if small:
            under_way = self._copies(lambda at: self._copy(rows[small[at]]), len(small), at_least=DELETED_KEYS)
            with contextlib.closing(under_way.groups()) as groups:
                for group in groups:
                    yield [(small[at], outcome) for at, outcome in group]
        parts = PartCopies(self._send, self._loop, self._one, self.bucket, self._copy_limit_bytes)
        for number, row in enumerate(rows):
            if row.size > self._copy_limit_bytes and self._refuses_parts:
                yield [(number, no_parts())]
            elif row.size > self._copy_limit_bytes:
                yield [(number, parts.copy(row, None if begun is None else _of_row(begun, number)))]

    async def _copy(self, row: ObjectCopy) -> ObjectOutcome:
        fault = key_error(row.source_key) or key_error(row.target_key)
        if fault is not None:
            return ObjectOutcome(Result.FAILED, error=fault)
        if self._is_onto_itself(row):
            return ObjectOutcome(Result.TARGET_EXISTS)
        parameters: dict[str, Any] = {
            "Key": row.target_key.decode(),
            "CopySource": {"Bucket": row.source_bucket or self.bucket, "Key": row.source_key.decode()},
            "CopySourceIfMatch": f'"{row.source_etag}"',
            "IfNoneMatch": "*",
            "MetadataDirective": "COPY",
            "TaggingDirective": "COPY",
        }
        if row.storage_class != "STANDARD":
            parameters["StorageClass"] = row.storage_class
        try:
            answer = await self._send("CopyObject", **parameters)
        except StoreError as error:
            return await self._copy_refused(row, error)
        fields = answer.fields.get("CopyObjectResult", {})
        etag = plain_etag(fields)
        if not etag:
            return ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.INCOMPLETE, may_be_done=True))
        return ObjectOutcome(Result.DONE, etag, version_of(answer.fields), mtime_ns(fields.get("LastModified")))

    def _is_onto_itself(self, row: ObjectCopy) -> bool:
        return row.source_key == row.target_key and row.source_bucket in {None, self.bucket}

    async def _copy_refused(self, row: ObjectCopy, error: StoreError) -> ObjectOutcome:
        """Tell the two conditions of a copy apart, which have one answer."""
        if error.code is not StoreCode.CHANGED:
            return outcome_of(error, Result.CHANGED)
        if error.may_be_done:
            return ObjectOutcome(Result.AMBIGUOUS, error=error)
        target = await self._try_head(row.target_key)
        if isinstance(target, StoredObject):
            return ObjectOutcome(Result.TARGET_EXISTS)
        if isinstance(target, StoreError):
            return ObjectOutcome(Result.FAILED, error=target)
        return ObjectOutcome(Result.CHANGED)

    # Deletions

    def deleting(self, rows: Sequence[ObjectDeletion]) -> Callable[[], list[ObjectOutcome]]:
        outcomes = [_NOT_BEGUN] * len(rows)
        batches: list[list[int]] = []
        together: list[int] = []
        is_alone = not self.deletes_many
        for number, row in enumerate(rows):
            if (fault := key_error(row.key)) is not None:
                outcomes[number] = ObjectOutcome(Result.FAILED, error=fault)
            elif is_alone or _NO_XML.search(row.key.decode()):
                batches.append([number])
            else:
                together.append(number)
        batches += [together[start : start + DELETED_KEYS] for start in range(0, len(together), DELETED_KEYS)]
        if not batches:
            return lambda: outcomes

        async def delete(number: int) -> list[ObjectOutcome]:
            chosen = [rows[each] for each in batches[number]]
            if len(chosen) == 1:
                return [await self._delete_one(chosen[0])]
            return await self._delete_many(chosen)

        none: list[ObjectOutcome] = []
        cut_off = [_CUT_OFF] * DELETED_KEYS
        concurrent = self._concurrent if is_alone else min(self._concurrent, _DELETING)
        under_way = self._loop.start_rows(delete, len(batches), concurrent, none, cut_off, to_the_end=True)

        def results() -> list[ObjectOutcome]:
            for batch, done in zip(batches, under_way.results(), strict=True):
                for number, outcome in zip(batch, done, strict=False):
                    outcomes[number] = outcome
            return outcomes

        return results

    async def _delete_one(self, row: ObjectDeletion) -> ObjectOutcome:
        try:
            answer = await self._send("DeleteObject", Key=row.key.decode(), IfMatch=f'"{row.etag}"')
        except StoreError as error:
            if error.code is StoreCode.CHANGED and not error.may_be_done and await self._try_head(row.key) is None:
                return ObjectOutcome(Result.GONE)
            return outcome_of(error, Result.CHANGED)
        return ObjectOutcome(Result.DONE, version=version_of(answer.fields))

    async def _delete_many(self, rows: Sequence[ObjectDeletion]) -> list[ObjectOutcome]:
        objects = [{"Key": row.key.decode(), "ETag": f'"{row.etag}"'} for row in rows]
        try:
            answer = await self._send("DeleteObjects", Delete={"Objects": objects})
        except StoreError as error:
            return [outcome_of(error, Result.CHANGED)] * len(rows)
        done = {
            each.get("Key"): ObjectOutcome(Result.DONE, version=each.get("DeleteMarkerVersionId"))
            for each in answer.fields.get("Deleted", ())
        }
        for each in answer.fields.get("Errors", ()):
            reason = aws_errors.of_row("DeleteObjects", each.get("Code", ""), each.get("Message", ""))
            reason.may_be_done = reason.may_be_done or answer.may_be_repeated
            done[each.get("Key")] = outcome_of(reason, Result.CHANGED)
        missing = ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.INCOMPLETE, may_be_done=True))
        return [done.get(row.key.decode(), missing) for row in rows]

    def remove_markers(self, markers: Sequence[DeleteMarker]) -> list[ObjectOutcome]:
        return self._rows(lambda number: self._remove_marker(markers[number]), len(markers), _NOT_BEGUN, _CUT_OFF)

    async def _remove_marker(self, marker: DeleteMarker) -> ObjectOutcome:
        key = marker.key.decode()
        try:
            answer = (await self._send("ListObjectVersions", Prefix=key, MaxKeys=1)).fields
            found = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())]
            newest = next((each for each in found if each.get("Key") == key and each.get("IsLatest")), None)
            if newest is None:
                return ObjectOutcome(Result.GONE)
            if newest.get("VersionId") != marker.version or newest in answer.get("Versions", ()):
                return ObjectOutcome(Result.CHANGED)
            await self._send("DeleteObject", Key=key, VersionId=marker.version)
        except StoreError as error:
            return outcome_of(error, Result.CHANGED)
        return ObjectOutcome(Result.DONE)

    # Uploads

    def refuse_parts(self) -> None:
        self._refuses_parts = True

    def uploads(self, prefix: bytes = b"") -> list[Upload]:
        return self._loop.run(self._uploads(prefix), to_the_end=True)

    async def _uploads(self, prefix: bytes) -> list[Upload]:
        parameters: dict[str, Any] = {"Prefix": prefix.decode()}
        found: list[Upload] = []
        while True:
            answer = (await self._send("ListMultipartUploads", **parameters)).fields
            found += [
                Upload(each["Key"].encode(), each["UploadId"], mtime_ns(each.get("Initiated")))
                for each in answer.get("Uploads", ())
            ]
            if not answer.get("IsTruncated"):
                return [each for each in found if each.key.startswith(prefix)]
            parameters["KeyMarker"] = answer["NextKeyMarker"]
            parameters["UploadIdMarker"] = answer["NextUploadIdMarker"]

    def abort(self, uploads: Sequence[Upload]) -> list[ObjectOutcome]:
        return self._rows(lambda number: self._abort(uploads[number]), len(uploads), _NOT_BEGUN, _CUT_OFF)

    async def _abort(self, upload: Upload) -> ObjectOutcome:
        try:
            await self._send("AbortMultipartUpload", Key=upload.key.decode(), UploadId=upload.upload_id)
        except StoreError as error:
            return outcome_of(error, Result.CHANGED)
        return ObjectOutcome(Result.DONE)

    def close(self) -> None:
        self._loop.close(self._sender.close)

    async def _send(self, operation: str, **parameters: Any) -> StoreAnswer:
        try:
            answer = await self._sender.send(operation, **{"Bucket": self.bucket, **parameters})
        except StoreError as error:
            if error.is_permanent:
                self._loop.heard()
            raise
        self._loop.heard()
        return answer

    def _rows(self, work: Callable[[int], Awaitable[_T]], count: int, not_begun: _T, cut_off: _T) -> list[_T]:
        """Return the results of rows that are done in any case: looks, which take little time."""
        if not count:
            return []
        return self._loop.start_rows(work, count, self._concurrent, not_begun, cut_off, to_the_end=True).results()

    def _copies(
        self, work: Callable[[int], Awaitable[ObjectOutcome]], count: int, *, at_least: int = 0
    ) -> RowsUnderWay[ObjectOutcome]:
        """Start rows that may be cancelled."""
        return self._loop.start_rows(work, count, self._concurrent, _NOT_BEGUN, _CUT_OFF, at_least=at_least)

    def _one(self, work: Callable[[], Awaitable[ObjectOutcome]]) -> ObjectOutcome:
        return self._copies(lambda _: work(), 1).results()[0]


_HEADERS = {
    "content-type": "ContentType",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-disposition": "ContentDisposition",
    "cache-control": "CacheControl",
    "expires": "Expires",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}


def _of_row(begun: Callable[[int, str], None], number: int) -> Callable[[str], None]:
    return lambda upload_id: begun(number, upload_id)
