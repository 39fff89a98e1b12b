"""The answers of S3 as objects and outcomes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fileorg.storage.object.client import ObjectOutcome, Result, StoredObject
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NS = 1_000_000_000
_CHECKSUMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "XXHASH128")
_HEADERS = {
    "ContentType": "content-type",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentDisposition": "content-disposition",
    "CacheControl": "cache-control",
    "ExpiresString": "expires",
    "WebsiteRedirectLocation": "x-amz-website-redirect-location",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


def listed_object(fields: Mapping[str, Any]) -> StoredObject:
    """Return an object of a listing."""
    return StoredObject(
        fields["Key"].encode(),
        int(fields.get("Size", 0)),
        mtime_ns(fields.get("LastModified")),
        plain_etag(fields),
        fields.get("StorageClass") or "STANDARD",
    )


def head_object(key: bytes, fields: Mapping[str, Any]) -> StoredObject:
    """Return the object that HEAD describes. Raises `StoreError` if the answer is not one of a store."""
    etag = plain_etag(fields)
    if not etag:
        raise StoreError(StoreCode.NOT_A_STORE)
    whole = fields.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    checksums = {name: fields[f"Checksum{name}"] for name in _CHECKSUMS if whole and fields.get(f"Checksum{name}")}
    until: datetime | None = fields.get("ObjectLockRetainUntilDate")
    _, dash, parts = etag.rpartition("-")
    return StoredObject(
        key,
        int(fields.get("ContentLength", 0)),
        mtime_ns(fields.get("LastModified")),
        etag,
        fields.get("StorageClass") or "STANDARD",
        version_of(fields),
        {name: value for name, value in checksums.items() if "-" not in value},
        dict(fields.get("Metadata", {})),
        {name: str(fields[field]) for field, name in _HEADERS.items() if fields.get(field)},
        int(parts) if dash and parts.isdigit() else 0,
        fields.get("ObjectLockLegalHoldStatus") == "ON" or (until is not None and until > datetime.now(UTC)),
    )


def mtime_ns(time: datetime | None) -> int:
    """Return a time of an answer as whole seconds in nanoseconds, 0 for none."""
    return 0 if time is None else int(time.timestamp()) * _NS


def version_of(fields: Mapping[str, Any]) -> str | None:
    """Return the version that an answer names, None in a bucket without versions."""
    version = fields.get("VersionId")
    return None if version in {None, "", "null"} else str(version)


def plain_etag(fields: Mapping[str, Any]) -> str:
    """Return the ETag without its quotes."""
    return str(fields.get("ETag") or "").removeprefix("W/").strip('"')


def outcome_of(error: StoreError, unmet: Result) -> ObjectOutcome:
    """Return the outcome of a failed request; `unmet` is what its condition stands for."""
    if error.may_be_done:
        return ObjectOutcome(Result.AMBIGUOUS, error=error)
    match error.code:
        case StoreCode.CHANGED:
            return ObjectOutcome(unmet)
        case StoreCode.GONE if unmet is not Result.TARGET_EXISTS:
            return ObjectOutcome(Result.GONE)
        case _:
            return ObjectOutcome(Result.FAILED, error=error)
