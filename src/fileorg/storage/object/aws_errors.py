"""What botocore and services of S3 call their errors, as codes of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fileorg.storage.object.store_error import Permission, StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_SERVICE_CODE = {
    code: ours
    for ours, codes in {
        StoreCode.NO_BUCKET: "NoSuchBucket InvalidBucketName",
        StoreCode.BAD_CREDENTIALS: "InvalidAccessKeyId SignatureDoesNotMatch InvalidToken InvalidSecurity Unauthorized",
        StoreCode.EXPIRED: "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired",
        StoreCode.DENIED: "AccessDenied AccessDeniedException AllAccessDisabled AccountProblem NotSignedUp Forbidden",
        StoreCode.WRONG_REGION: "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException "
        "TemporaryRedirect Redirect InvalidRegion",
        StoreCode.CLOCK_SKEW: "RequestTimeTooSkewed",
        StoreCode.TIMED_OUT: "RequestTimeout",
        StoreCode.THROTTLED: "SlowDown Throttling ThrottlingException TooManyRequests RequestLimitExceeded "
        "BandwidthLimitExceeded SlowDownRead SlowDownWrite",
        StoreCode.SERVER: "InternalError ServiceUnavailable BadGateway GatewayTimeout",
        StoreCode.REQUESTER_PAYS: "UserProjectMissing RequesterPays",
        StoreCode.UNSUPPORTED: "NotImplemented MethodNotAllowed",
        StoreCode.CHECKSUM: "BadDigest InvalidDigest XAmzContentChecksumMismatch XAmzContentSHA256Mismatch "
        "ContentSHA256Mismatch",
        StoreCode.INCOMPLETE: "IncompleteBody",
        StoreCode.CONFLICT: "OperationAborted ConditionalRequestConflict",
        StoreCode.KEY_TOO_LONG: "KeyTooLongError KeyTooLong",
        StoreCode.INVALID_KEY: "InvalidObjectName XMinioInvalidObjectName InvalidURI",
        StoreCode.TOO_LARGE: "EntityTooLarge",
        StoreCode.ARCHIVED: "InvalidObjectState",
        StoreCode.LOCKED: "ObjectLocked InvalidRetentionPeriod",
        StoreCode.GONE: "NoSuchKey NoSuchVersion NoSuchUpload NotFound ObjectLockConfigurationNotFoundError",
        StoreCode.CHANGED: "PreconditionFailed",
    }.items()
    for code in codes.split()
}
_BY_STATUS = {
    301: StoreCode.WRONG_REGION,
    307: StoreCode.WRONG_REGION,
    401: StoreCode.BAD_CREDENTIALS,
    403: StoreCode.DENIED,
    404: StoreCode.GONE,
    405: StoreCode.UNSUPPORTED,
    408: StoreCode.TIMED_OUT,
    409: StoreCode.CONFLICT,
    412: StoreCode.CHANGED,
    413: StoreCode.TOO_LARGE,
    429: StoreCode.THROTTLED,
    501: StoreCode.UNSUPPORTED,
}
_BY_EXCEPTION = {
    "NoCredentialsError": StoreCode.NO_CREDENTIALS,
    "PartialCredentialsError": StoreCode.BAD_CREDENTIALS,
    "CredentialRetrievalError": StoreCode.NO_CREDENTIALS,
    "InvalidConfigError": StoreCode.BAD_CREDENTIALS,
    "ProfileNotFound": StoreCode.NO_PROFILE,
    "ConfigNotFound": StoreCode.NO_PROFILE,
    "ConfigParseError": StoreCode.BAD_SETTINGS,
    "EndpointProviderError": StoreCode.BAD_SETTINGS,
    "SSOTokenLoadError": StoreCode.EXPIRED,
    "UnauthorizedSSOTokenError": StoreCode.EXPIRED,
    "TokenRetrievalError": StoreCode.EXPIRED,
    "NoRegionError": StoreCode.WRONG_REGION,
    "InvalidRegionError": StoreCode.WRONG_REGION,
    "EndpointConnectionError": StoreCode.NO_NETWORK,
    "ProxyConnectionError": StoreCode.NO_NETWORK,
    "SSLError": StoreCode.NOT_A_STORE,
    "ConnectTimeoutError": StoreCode.TIMED_OUT,
    "ReadTimeoutError": StoreCode.TIMED_OUT,
    "ConnectionClosedError": StoreCode.INCOMPLETE,
    "HTTPClientError": StoreCode.INCOMPLETE,
    "ResponseStreamingError": StoreCode.INCOMPLETE,
    "IncompleteReadError": StoreCode.INCOMPLETE,
    "ClientPayloadError": StoreCode.INCOMPLETE,
    "ResponseParserError": StoreCode.NOT_A_STORE,
    "FlexibleChecksumError": StoreCode.CHECKSUM,
    "ParamValidationError": StoreCode.NO_BUCKET,
    "InvalidDNSNameError": StoreCode.NO_BUCKET,
}
_NEVER_SENT = frozenset(
    {
        StoreCode.NO_CREDENTIALS,
        StoreCode.NO_PROFILE,
        StoreCode.NO_NETWORK,
        StoreCode.BAD_CREDENTIALS,
        StoreCode.BAD_SETTINGS,
        StoreCode.WRONG_REGION,
        StoreCode.NO_BUCKET,
    }
)
"""Errors of botocore itself before anything was sent. Where a connection is cut, this cannot be known."""
_MAY_BE_DONE = frozenset(
    {
        StoreCode.CONFLICT,
        StoreCode.INCOMPLETE,
        StoreCode.NOT_A_STORE,
        StoreCode.SERVER,
        StoreCode.THROTTLED,
        StoreCode.TIMED_OUT,
    }
)
"""What stands in front of a server may answer for it, or may have repeated the request itself."""
_PERMISSIONS = {
    "ListObjectsV2": Permission.LIST,
    "HeadObject": Permission.READ,
    "GetObject": Permission.READ,
    "PutObject": Permission.WRITE,
    "CopyObject": Permission.WRITE,
    "CreateMultipartUpload": Permission.WRITE,
    "UploadPart": Permission.WRITE,
    "UploadPartCopy": Permission.WRITE,
    "CompleteMultipartUpload": Permission.WRITE,
    "AbortMultipartUpload": Permission.ABORT,
    "ListMultipartUploads": Permission.LIST_UPLOADS,
    "DeleteObject": Permission.DELETE,
    "DeleteObjects": Permission.DELETE,
    "GetObjectTagging": Permission.READ_TAGS,
    "GetBucketVersioning": Permission.VERSIONS,
    "ListObjectVersions": Permission.LIST,
}
_NAMED = re.compile(r"perform:? (s3:[A-Za-z]+)")
"""How AWS names the missing permission in its message."""


def of_answer(operation: str, response: Mapping[str, Any]) -> StoreError:
    """Return the error of an answer that is one, as botocore has parsed it."""
    fields = response.get("Error", {})
    about = response.get("ResponseMetadata", {})
    headers = about.get("HTTPHeaders", {})
    status = int(about.get("HTTPStatusCode", 0))
    message = str(fields.get("Message", ""))
    detail = str(fields.get("Code", ""))
    code = _BY_SERVICE_CODE.get(detail)
    if code is None and is_page(headers):
        code = StoreCode.NOT_A_STORE
    if code is None:
        code = _BY_STATUS.get(status, StoreCode.SERVER if status >= 500 else StoreCode.UNKNOWN)
    if code is StoreCode.DENIED and "requester pays" in message.lower():
        code = StoreCode.REQUESTER_PAYS
    if code is StoreCode.DENIED and "object lock" in message.lower():
        code = StoreCode.LOCKED
    if status == 503 and code is StoreCode.SERVER:
        code = StoreCode.THROTTLED
    return StoreError(
        code,
        detail if re.fullmatch(r"\w{1,60}", detail) else "",
        permission=_permission(operation, message) if code is StoreCode.DENIED else None,
        after_seconds=_seconds(headers.get("retry-after")),
        may_be_done=code in _MAY_BE_DONE or status >= 500,
    )


def of_row(operation: str, code: str, message: str = "") -> StoreError:
    """Return the error of one key in the answer to a request for many."""
    return of_answer(
        operation, {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    )


def of_exception(error: BaseException) -> StoreError:
    """Return the error of a request that got no answer that botocore could parse."""
    name = type(error).__name__
    # The certificates of AWS_CA_BUNDLE are read at the first request.
    if isinstance(getattr(error, "kwargs", {}).get("error"), FileNotFoundError):
        return StoreError(StoreCode.BAD_SETTINGS, "FileNotFoundError")
    code = next((_BY_EXCEPTION[each.__name__] for each in type(error).__mro__ if each.__name__ in _BY_EXCEPTION), None)
    if code is None:
        code = StoreCode.INCOMPLETE if isinstance(error, (OSError, EOFError)) else StoreCode.UNKNOWN
    return StoreError(code, name, may_be_done=code not in _NEVER_SENT)


def of_settings(error: Exception) -> StoreError:
    """Return the error of a client that could not be made: nothing was sent, and what has no code of its own is about
    the settings.
    """
    found = of_exception(error)
    if found.code in {StoreCode.UNKNOWN, StoreCode.INCOMPLETE}:
        return StoreError(StoreCode.BAD_SETTINGS, found.detail)
    return found


def is_page(headers: Mapping[str, str]) -> bool:
    """Return whether an answer is a page for people, such as a proxy or a hotel's network sends. No service of S3
    sends one without its own number for the request.
    """
    return headers.get("content-type", "").startswith("text/html") and not any(
        name in headers for name in ("x-amz-request-id", "x-amz-id-2")
    )


def _permission(operation: str, message: str) -> Permission | None:
    named = _NAMED.search(message)
    if named and named.group(1) in set(Permission):
        return Permission(named.group(1))
    return _PERMISSIONS.get(operation)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
