"""The errors of object stores: one code for each way out, whatever the service calls it."""

from __future__ import annotations

import errno
from enum import StrEnum


class StoreCode(StrEnum):
    """Why a store did not do what was requested."""

    NO_BUCKET = "no-bucket"
    NO_CREDENTIALS = "no-credentials"
    BAD_CREDENTIALS = "bad-credentials"
    EXPIRED = "expired"
    NO_PROFILE = "no-profile"
    BAD_SETTINGS = "bad-settings"
    """The driver cannot use what `~/.aws` or the environment says."""
    DENIED = "denied"
    WRONG_REGION = "wrong-region"
    CLOCK_SKEW = "clock-skew"
    NOT_A_STORE = "not-a-store"
    NO_NETWORK = "no-network"
    TIMED_OUT = "timed-out"
    THROTTLED = "throttled"
    SERVER = "server"
    REQUESTER_PAYS = "requester-pays"
    UNSUPPORTED = "unsupported"
    CHECKSUM = "checksum"
    INCOMPLETE = "incomplete"
    """An answer that was cut off."""
    CONFLICT = "conflict"
    """Another request was changing the same key."""
    INVALID_KEY = "invalid-key"
    KEY_TOO_LONG = "key-too-long"
    TOO_LARGE = "too-large"
    ARCHIVED = "archived"
    LOCKED = "locked"
    UNSAFE_PARTS = "unsafe-parts"
    """The store would overwrite at the end of an upload in parts: fileorg sent nothing."""
    GONE = "gone"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Permission(StrEnum):
    """What the credentials do not allow, in the words of IAM."""

    LIST = "s3:ListBucket"
    READ = "s3:GetObject"
    WRITE = "s3:PutObject"
    DELETE = "s3:DeleteObject"
    READ_TAGS = "s3:GetObjectTagging"
    WRITE_TAGS = "s3:PutObjectTagging"
    VERSIONS = "s3:GetBucketVersioning"
    DELETE_VERSION = "s3:DeleteObjectVersion"
    LIST_UPLOADS = "s3:ListBucketMultipartUploads"
    ABORT = "s3:AbortMultipartUpload"


_ERRNO = {
    StoreCode.NO_BUCKET: errno.ENODEV,  # not ENOENT: that an object is gone does not follow
    StoreCode.NO_CREDENTIALS: errno.EACCES,
    StoreCode.BAD_CREDENTIALS: errno.EACCES,
    StoreCode.EXPIRED: errno.EACCES,
    StoreCode.NO_PROFILE: errno.EACCES,
    StoreCode.BAD_SETTINGS: errno.EACCES,
    StoreCode.DENIED: errno.EACCES,
    StoreCode.CLOCK_SKEW: errno.EACCES,
    StoreCode.REQUESTER_PAYS: errno.EACCES,
    StoreCode.NO_NETWORK: errno.ENETUNREACH,
    StoreCode.TIMED_OUT: errno.ETIMEDOUT,
    StoreCode.THROTTLED: errno.EBUSY,
    StoreCode.CONFLICT: errno.EBUSY,
    StoreCode.UNSUPPORTED: errno.ENOTSUP,
    StoreCode.INVALID_KEY: errno.EILSEQ,
    StoreCode.KEY_TOO_LONG: errno.ENAMETOOLONG,
    StoreCode.TOO_LARGE: errno.EFBIG,
    StoreCode.ARCHIVED: errno.ENODATA,
    StoreCode.LOCKED: errno.EPERM,
    StoreCode.UNSAFE_PARTS: errno.ENOTSUP,
    StoreCode.GONE: errno.ENOENT,
    StoreCode.CHANGED: errno.ESTALE,
    StoreCode.CANCELLED: errno.ECANCELED,
}
PASSING = frozenset(
    {
        StoreCode.NO_NETWORK,
        StoreCode.TIMED_OUT,
        StoreCode.THROTTLED,
        StoreCode.SERVER,
        StoreCode.INCOMPLETE,
        StoreCode.CONFLICT,
        StoreCode.CHECKSUM,
        StoreCode.NOT_A_STORE,
    }
)
"""Codes after which the same request may succeed; all others are permanent. A proxy that answers HTML for a moment is
one of them: a gateway does so while its server restarts."""


class StoreError(OSError):
    """An error of a store. `errno` is what the rest of fileorg decides by: EACCES, ENOENT, ETIMEDOUT and so on, EIO
    where no other one fits.

    `detail` is the code of the service (`SlowDown`, `AccessDenied`), never its text, which may quote a signature.
    `after_seconds` is what `Retry-After` said. `may_be_done`: the request, or an earlier try of it, may have been
    carried out.
    """

    def __init__(
        self,
        code: StoreCode,
        detail: str = "",
        *,
        permission: Permission | None = None,
        after_seconds: float | None = None,
        may_be_done: bool = False,
    ) -> None:
        super().__init__(_ERRNO.get(code, errno.EIO), f"{code.value} ({detail})" if detail else code.value)
        self.code = code
        self.detail = detail
        self.permission = permission
        self.after_seconds = after_seconds
        self.may_be_done = may_be_done

    @property
    def refused(self) -> bytes:
        """What a reason keeps of the error: its code, and the missing permission if that is known."""
        return f"{self.code} {self.permission}".encode() if self.permission else self.code.encode()

    @property
    def is_permanent(self) -> bool:
        """Return whether the same request would fail again, however long one waits."""
        return self.code not in PASSING
