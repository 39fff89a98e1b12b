"""The server of moto with the conditions that it lacks: `python -m tests.storage.object.moto_conditions PORT`.

moto ignores the conditions of CopyObject, UploadPartCopy and DeleteObjects, and accepts content with a wrong checksum.
The wrapper looks at the objects first, one request at a time, so that the look and the change are one step. With
`plain` as a second word, it only numbers the answers, as every real service does.
"""

from __future__ import annotations

import io
import sys
import threading
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape
from zlib import crc32

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>refused</Message></Error>'
_STATUS = {
    "PreconditionFailed": "412 Precondition Failed",
    "NoSuchKey": "404 Not Found",
    "BadDigest": "400 Bad Request",
}
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
ET.register_namespace("", _NAMESPACE[1:-1])  # moto reads names without a prefix only


class Conditions:
    """The application of moto behind its conditions."""

    def __init__(self, application: Any, *, is_plain: bool) -> None:
        self._application = application
        self._is_plain = is_plain
        self._client = Client(application)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        def numbered(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start(status, [*headers, ("x-amz-request-id", "moto")], *more)

        return self._application(environ, numbered) if self._is_plain else self._answer(environ, numbered)

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
            if environ["REQUEST_METHOD"] == "POST" and "delete" in query:
                return self._delete(environ, start)
            code = self._refusal(environ) if environ["REQUEST_METHOD"] == "PUT" else None
            if code is not None:
                start(_STATUS[code], [("Content-Type", "application/xml")])
                return [_ERROR.format(code).encode()]
            return list(self._application(environ, start))

    def _refusal(self, environ: dict[str, Any]) -> str | None:
        """Return the code of an unmet condition of a PUT."""
        source = environ.get("HTTP_X_AMZ_COPY_SOURCE")
        if source is None:
            return _checksum_fault(environ)
        etag = self._etag("/" + unquote(source).lstrip("/"), environ)
        if etag is None:
            return "NoSuchKey"
        if environ.get("HTTP_X_AMZ_COPY_SOURCE_IF_MATCH", etag).strip('"') != etag:
            return "PreconditionFailed"
        if environ.get("HTTP_IF_NONE_MATCH") == "*" and self._etag(
            environ["PATH_INFO"].encode("latin-1").decode(), environ
        ):
            return "PreconditionFailed"
        return None

    def _etag(self, path: str, environ: dict[str, Any]) -> str | None:
        headers = {"Host": environ["HTTP_HOST"], "Authorization": environ.get("HTTP_AUTHORIZATION", "")}
        found = self._client.head(quote(path), headers=headers)
        return found.headers.get("ETag", "").strip('"') if found.status_code == 200 else None

    def _delete(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        tree = ET.fromstring(_body(environ))
        refused = {}
        for each in tree.findall(f"{_NAMESPACE}Object"):
            key, expected = each.findtext(f"{_NAMESPACE}Key") or "", each.findtext(f"{_NAMESPACE}ETag")
            etag = self._etag(f"{environ['PATH_INFO'].rstrip('/')}/{key}", environ)
            if expected is not None and (etag is None or etag != expected.strip('"')):
                refused[key] = "NoSuchKey" if etag is None else "PreconditionFailed"
                tree.remove(each)
        errors = "".join(
            f"<Error><Key>{escape(key)}</Key><Code>{code}</Code><Message>refused</Message></Error>"
            for key, code in refused.items()
        ).encode()
        if tree.find(f"{_NAMESPACE}Object") is None:
            start("200 OK", [("Content-Type", "application/xml")])
            return [b'<?xml version="1.0"?><DeleteResult>' + errors + b"</DeleteResult>"]
        body = ET.tostring(tree)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer = b"".join(self._application(environ, lambda *_: None)).replace(
            b"</DeleteResult>", errors + b"</DeleteResult>"
        )
        start("200 OK", [("Content-Type", "application/xml")])
        return [answer]


def _body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _checksum_fault(environ: dict[str, Any]) -> str | None:
    claimed = environ.get("HTTP_X_AMZ_CHECKSUM_CRC32")
    if claimed is None or "aws-chunked" in environ.get("HTTP_CONTENT_ENCODING", ""):
        return None
    return None if b64encode(crc32(_body(environ)).to_bytes(4)).decode() == claimed else "BadDigest"


if __name__ == "__main__":
    wrapped = Conditions(DomainDispatcherApplication(create_backend_app), is_plain=sys.argv[2:] == ["plain"])
    run_simple("127.0.0.1", int(sys.argv[1]), wrapped, threaded=True)
