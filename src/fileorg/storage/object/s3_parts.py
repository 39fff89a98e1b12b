"""Uploads and copies in parts: many requests that become visible with the last one, which has the condition."""

from __future__ import annotations

import asyncio
from itertools import accumulate
from typing import TYPE_CHECKING, Any, BinaryIO
from zlib import crc32

from fileorg.core.tuples import NamedTuple
from fileorg.storage.object.client import ObjectOutcome, Result, StoredObject, crc32_text, key_error
from fileorg.storage.object.s3_answers import head_object, outcome_of, plain_etag, version_of
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from fileorg.storage.object.client import ObjectCopy
    from fileorg.storage.object.loop_thread import LoopThread

    Send = Callable[..., Coroutine[Any, Any, Any]]
    One = Callable[[Callable[[], Awaitable[ObjectOutcome]]], ObjectOutcome]

_PARTS = 10_000
"""The most parts of an upload."""
_COPIED_PART_BYTES = 512 << 20
"""For an object that was not uploaded in parts itself."""
_UPLOADING = 4
"""The parts of one file that are in memory at once."""
_COPYING = 16


class ObjectPart(NamedTuple):
    """A part of an object: its number from 1, and the bytes from `start` up to `stop`."""

    number: int
    start: int
    stop: int


class PartUploads:
    """Uploads one file in parts, reading it in the thread of the caller."""

    def __init__(self, send: Send, loop: LoopThread, parameters: dict[str, Any], *, if_absent: bool) -> None:
        self._loop = loop
        self._parameters = parameters
        self._upload = _Upload(send, parameters["Key"], if_absent=if_absent)

    def put(
        self,
        head: bytes,
        more: bytes,
        file: BinaryIO,
        part_bytes: int,
        begun: Callable[[str], None] | None,
    ) -> ObjectOutcome:
        """Upload `head`, `more` and the rest of the file."""
        try:
            self._loop.run(
                self._upload.begin({**self._parameters, "ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"})
            )
        except StoreError as error:
            return ObjectOutcome(Result.FAILED, error=error)
        if begun is not None:
            begun(self._upload.upload_id)
        try:
            return self._put_parts(head, more, file, part_bytes)
        except StoreError as error:
            self._loop.run(self._upload.abort(), to_the_end=True)
            return ObjectOutcome(Result.FAILED, error=error)
        except OSError:  # of the file
            self._loop.run(self._upload.abort(), to_the_end=True)
            raise
        except BaseException:
            _ = self._loop.submit(self._upload.abort())
            raise

    def _put_parts(self, head: bytes, more: bytes, file: BinaryIO, part_bytes: int) -> ObjectOutcome:
        content, checksum, number, size = head, 0, 0, 0
        under_way: list[Any] = []
        while content:
            number += 1
            if number > _PARTS:
                raise StoreError(StoreCode.TOO_LARGE)
            checksum = crc32(content, checksum)
            size += len(content)
            under_way.append(self._loop.submit(self._upload.add(number, content)))
            if len(under_way) == _UPLOADING:
                self._loop.result(under_way.pop(0))
            # Ever larger parts: 10,000 of them are 5 TB, and the first ones are small.
            part_bytes = max(part_bytes, size // 2000)
            content = more + file.read(part_bytes - len(more))
            more = b""
        for each in under_way:
            self._loop.result(each)
        whole = crc32_text(checksum)
        done = self._upload.complete({"ChecksumCRC32": whole, "ChecksumType": "FULL_OBJECT"})
        return self._loop.run(done, to_the_end=True)


class PartCopies:
    """Copies one object at a time in parts, on the server."""

    def __init__(self, send: Send, loop: LoopThread, one: One, bucket: str, limit_bytes: int) -> None:
        self._send, self._loop, self._one, self._bucket = send, loop, one, bucket
        self._limit_bytes = limit_bytes

    def copy(self, row: ObjectCopy, begun: Callable[[str], None] | None) -> ObjectOutcome:
        """Copy an object with the sizes of its parts, so that its ETag stays, and with headers, metadata and tags."""
        fault = key_error(row.source_key) or key_error(row.target_key)
        if fault is not None:
            return ObjectOutcome(Result.FAILED, error=fault)
        upload = _Upload(self._send, row.target_key.decode(), if_absent=True)
        try:
            prepared = self._loop.run(self._prepare(row))
            if isinstance(prepared, ObjectOutcome):
                return prepared
            parameters, parts = prepared
            self._loop.run(upload.begin(parameters))
        except StoreError as error:
            return ObjectOutcome(Result.NOT_BEGUN if error.code is StoreCode.CANCELLED else Result.FAILED, error=error)
        if begun is not None:
            begun(upload.upload_id)
        outcome = self._one(lambda: self._copy_parts(row, upload, parts))
        if outcome.error is not None and outcome.error.code is StoreCode.CANCELLED:
            self._loop.run(upload.abort(), to_the_end=True)
        return outcome

    async def _prepare(self, row: ObjectCopy) -> tuple[dict[str, Any], list[ObjectPart]] | ObjectOutcome:
        """Return the parameters and the parts of an upload, or the outcome if a condition is not met already."""
        source = {"Bucket": row.source_bucket or self._bucket, "Key": row.source_key.decode()}
        try:
            await self._send("HeadObject", Key=row.target_key.decode())
        except StoreError as error:
            if error.code is not StoreCode.GONE:
                return outcome_of(error, Result.FAILED)
        else:
            return ObjectOutcome(Result.TARGET_EXISTS)
        try:
            fields = (await self._send("HeadObject", **source, IfMatch=f'"{row.source_etag}"')).fields
            parts = await self._parts(source, head_object(row.source_key, fields))
            tags = (await self._send("GetObjectTagging", **source)).fields.get("TagSet", ())
        except StoreError as error:
            return outcome_of(error, Result.CHANGED)
        parameters = {name: fields[name] for name in _CARRIED if fields.get(name)}
        if "ExpiresString" in fields:
            parameters["Expires"] = fields["ExpiresString"]
        if tags:
            from urllib.parse import urlencode

            parameters["Tagging"] = urlencode([(each["Key"], each["Value"]) for each in tags])
        return parameters, parts

    async def _parts(self, place: dict[str, str], source: StoredObject) -> list[ObjectPart]:
        if not source.parts:
            return parts_of(source.size, max(min(_COPIED_PART_BYTES, self._limit_bytes), -(-source.size // _PARTS)))
        first = await self._part_bytes(place, 1)
        if first and -(-source.size // first) == source.parts:
            return parts_of(source.size, first)
        sizes = [first, *[await self._part_bytes(place, number) for number in range(2, source.parts + 1)]]
        if sum(sizes) != source.size:  # the service does not tell: the ETag will be another one
            return parts_of(source.size, max(_COPIED_PART_BYTES, -(-source.size // _PARTS)))
        ends = enumerate(accumulate(sizes))
        return [ObjectPart(number + 1, stop - sizes[number], stop) for number, stop in ends]

    async def _part_bytes(self, place: dict[str, str], number: int) -> int:
        """Return the size of a part. There is no condition: each copy of a part has one."""
        return int((await self._send("HeadObject", **place, PartNumber=number)).fields.get("ContentLength", 0))

    async def _copy_parts(self, row: ObjectCopy, upload: _Upload, parts: list[ObjectPart]) -> ObjectOutcome:
        places = asyncio.Semaphore(_COPYING)

        async def copy(part: ObjectPart) -> None:
            async with places:
                await upload.add_copied(part, row, self._bucket)

        tasks = [asyncio.ensure_future(copy(part)) for part in parts]
        try:
            await asyncio.gather(*tasks)
        except StoreError as error:
            error.may_be_done = False  # a part that was copied is no object
            await upload.abort()
            return outcome_of(error, Result.CHANGED)
        finally:
            for task in tasks:
                task.cancel()
        return await upload.complete({})


class _Upload:
    """An upload that is under way."""

    def __init__(self, send: Send, key: str, *, if_absent: bool) -> None:
        self._send, self._key = send, key
        self._condition = {"IfNoneMatch": "*"} if if_absent else {}
        self._parts: dict[int, dict[str, Any]] = {}
        self.upload_id = ""

    async def begin(self, parameters: dict[str, Any]) -> None:
        self.upload_id = (await self._send("CreateMultipartUpload", **{**parameters, "Key": self._key})).fields[
            "UploadId"
        ]

    async def add(self, number: int, content: bytes) -> None:
        checksum = crc32_text(crc32(content))
        answer = await self._send("UploadPart", **self._ids(), PartNumber=number, Body=content, ChecksumCRC32=checksum)
        self._parts[number] = {"ETag": answer.fields["ETag"], "ChecksumCRC32": checksum}

    async def add_copied(self, part: ObjectPart, row: ObjectCopy, bucket: str) -> None:
        answer = await self._send(
            "UploadPartCopy",
            **self._ids(),
            PartNumber=part.number,
            CopySource={"Bucket": row.source_bucket or bucket, "Key": row.source_key.decode()},
            CopySourceIfMatch=f'"{row.source_etag}"',
            CopySourceRange=f"bytes={part.start}-{part.stop - 1}",
        )
        found = answer.fields.get("CopyPartResult", {})
        if not found.get("ETag"):
            raise StoreError(StoreCode.INCOMPLETE)
        self._parts[part.number] = {"ETag": found["ETag"]} | {
            name: value for name, value in found.items() if name.startswith("Checksum")
        }

    async def complete(self, checksums: dict[str, str]) -> ObjectOutcome:
        """Make the object visible, unless its key is taken."""
        parts = [{"PartNumber": number, **self._parts[number]} for number in sorted(self._parts)]
        try:
            answer = await self._send(
                "CompleteMultipartUpload",
                **self._ids(),
                MultipartUpload={"Parts": parts},
                **checksums,
                **self._condition,
            )
        except StoreError as error:
            await self.abort()
            return outcome_of(error, Result.TARGET_EXISTS)
        etag = plain_etag(answer.fields)
        try:
            written = head_object(self._key.encode(), (await self._send("HeadObject", Key=self._key)).fields)
        except StoreError:
            return ObjectOutcome(Result.DONE, etag, version_of(answer.fields))
        is_it = written.etag == etag
        return ObjectOutcome(Result.DONE, etag, version_of(answer.fields), written.mtime_ns if is_it else 0)

    async def abort(self) -> None:
        """Abort the upload as far as possible: recovery finds what is left."""
        try:
            await self._send("AbortMultipartUpload", **self._ids())
        except StoreError:
            return

    def _ids(self) -> dict[str, str]:
        return {"Key": self._key, "UploadId": self.upload_id}


_CARRIED = (
    "ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl", "Metadata",
    "StorageClass", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "WebsiteRedirectLocation",
)  # fmt: skip


def parts_of(size: int, part_bytes: int) -> list[ObjectPart]:
    """Return the parts of an object if all but the last have this size."""
    return [
        ObjectPart(number + 1, start, min(size, start + part_bytes))
        for number, start in enumerate(range(0, size, part_bytes))
    ]
