"""CopyObject without the layers of botocore, which take longer than a copy within a store: it is nearly all that a move
sends. botocore sends the first copy into a bucket; what it has found out holds for the others.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from fileorg.core.tuples import NamedTuple
from fileorg.storage.object import aws_errors
from fileorg.storage.object.s3_answers import parsed_time

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADERS = {
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
    "IfNoneMatch": "if-none-match",
    "MetadataDirective": "x-amz-metadata-directive",
    "TaggingDirective": "x-amz-tagging-directive",
    "StorageClass": "x-amz-storage-class",
    "RequestPayer": "x-amz-request-payer",
}
_NO_HEADERS = frozenset({"Bucket", "Key", "CopySource"})
_PLAIN = re.compile(r"[!-~]+")
"""Values that no signature writes in another way."""
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]+/[0-9]{8}/([^/,]+)/s3/aws4_request,")
_SESSION_TOKEN = "x-amz-s3session-token"  # noqa: S105 - the name of a header, of S3 Express
_NO_BODY = hashlib.sha256().hexdigest()
_SENT: ContextVar[Any] = ContextVar("_SENT", default=None)
"""The request that botocore has made of the parameters of this task."""


class CopyTarget(NamedTuple):
    """Where the copies into a bucket are sent."""

    url: str
    """Without the key."""
    host: str
    path: str
    region: str
    """That of the signature."""
    agent: str

    @classmethod
    def of_request(cls, request: Any, key: str) -> CopyTarget | None:
        """Return the target of a request that botocore has sent; None if it is signed or addressed in a special way."""
        authorization, agent = (request.headers.get(name, "") for name in ("Authorization", "User-Agent"))
        signed = _SIGNED.match(_text(authorization))
        if signed is None or _SESSION_TOKEN in request.headers or not request.url.endswith("/" + _quoted(key)):
            return None
        url = request.url.removesuffix(_quoted(key))
        parts = urlsplit(url)
        return cls(url, parts.netloc, parts.path, signed.group(1), _text(agent))


class DirectCopies:
    """Sends copies through the connections of a client of aiobotocore."""

    def __init__(self, client: Any, credentials: Any) -> None:
        from botocore.parsers import create_parser

        self._client, self._credentials = client, credentials
        self._parser = create_parser("rest-xml")
        self._targets: dict[str, CopyTarget] = {}
        client.meta.events.register("before-send.s3.CopyObject", _note)

    async def send(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of the answer. Raises `StoreError`, and what botocore raises."""
        bucket, key = parameters["Bucket"], parameters["Key"]
        target, headers = self._targets.get(bucket), copy_headers(parameters)
        if target is None or headers is None or self._credentials is None:
            answer: dict[str, Any] = await self._client._make_api_call("CopyObject", parameters)  # noqa: SLF001 - see `AwsSender`
            sent = _SENT.get()
            if headers is not None and sent is not None and (target := CopyTarget.of_request(sent, key)) is not None:
                self._targets[bucket] = target
            return answer
        from botocore.awsrequest import AWSPreparedRequest

        # These are renewed in time, and each request is signed anew.
        credentials = await self._credentials.get_frozen_credentials()
        when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = signed_headers(target, key, headers, credentials, when)
        request = AWSPreparedRequest("PUT", target.url + _quoted(key), signed, None, stream_output=False)
        response = await self._client._endpoint.http_session.send(request)  # noqa: SLF001 - the open connections
        return self._fields(response.status_code, response.headers, await response.content)

    def _fields(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        kind, fields = _parsed(body)
        if status == 200 and kind == "CopyObjectResult":
            if "LastModified" in fields:
                fields["LastModified"] = parsed_time(fields["LastModified"])
            return {"CopyObjectResult": fields, "VersionId": headers.get("x-amz-version-id")}
        if status < 300 and kind not in {"Error", None}:
            return {"CopyObjectResult": {}}
        # A copy that fails after a while is an error in an answer that began as a success.
        failed = {"status_code": status if status >= 300 else 500, "headers": headers, "body": body}
        raise aws_errors.of_answer("CopyObject", self._parser.parse(failed, None))


def copy_headers(parameters: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the headers that state a copy; None if it is left to botocore."""
    source = parameters["CopySource"]
    found = {"x-amz-copy-source": _quoted(f"{source['Bucket']}/{source['Key']}")}
    for name, value in parameters.items():
        if name in _NO_HEADERS:
            continue
        if name not in _HEADERS or _PLAIN.fullmatch(value) is None:
            return None
        found[_HEADERS[name]] = value
    # The ARN of an access point stands for a bucket in a way of its own.
    has_arn = ":" in parameters["Bucket"] or ":" in source["Bucket"]
    return None if has_arn or not parameters["Key"] else found


def signed_headers(
    target: CopyTarget, key: str, headers: Mapping[str, str], credentials: Any, when: str
) -> dict[str, str]:
    """Return all headers of a copy, with a signature of version 4. `when` is as in `x-amz-date`."""
    found = {**headers, "host": target.host, "x-amz-content-sha256": _NO_BODY, "x-amz-date": when}
    if credentials.token:
        found["x-amz-security-token"] = credentials.token
    names = sorted(found)
    listed = ";".join(names)
    lines = ["PUT", target.path + _quoted(key), "", *(f"{name}:{found[name]}" for name in names), "", listed, _NO_BODY]
    scope = f"{when[:8]}/{target.region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    secret = f"AWS4{credentials.secret_key}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{digest}"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    about = f"Credential={credentials.access_key}/{scope}, SignedHeaders={listed}, Signature={secret.hex()}"
    found["authorization"] = f"AWS4-HMAC-SHA256 {about}"
    return {**found, "user-agent": target.agent, "content-length": "0"}


def _note(request: Any, **_: Any) -> None:
    """Keep a request that botocore is about to send."""
    _SENT.set(request)


def _parsed(body: bytes) -> tuple[str | None, dict[str, Any]]:
    """Return the kind of an answer and its fields: "" for an empty answer, None for one that is no XML."""
    if not body:
        return "", {}
    try:
        root = ET.fromstring(body)  # noqa: S314 - as botocore does; it loads nothing from elsewhere
    except ET.ParseError:
        return None, {}
    return _local(root.tag), {_local(each.tag): each.text or "" for each in root}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _quoted(text: str) -> str:
    return quote(text, safe="/~")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
