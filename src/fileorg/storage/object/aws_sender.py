"""Requests to S3 through aiobotocore, which only this module loads. Credentials come from its standard chain alone:
variables, profiles, SSO, the roles of containers and instances. fileorg never holds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import StorageFailure
from fileorg.storage.object import aws_errors, aws_forms
from fileorg.storage.object.sender import CONCURRENT, StoreAnswer
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from fileorg.core.store_settings import StoreSettings
    from fileorg.storage.object.aws_forms import RequestForms

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0
"""The longest silence of a server. During a long copy, S3 sends spaces."""
INSTALL = "pip install 'fileorg[s3]'"


class AwsSender:
    """Sends requests to one endpoint: see `sender.Sender`. All calls are in one event loop."""

    def __init__(
        self,
        settings: StoreSettings,
        *,
        connect_seconds: float = _CONNECT_SECONDS,
        read_seconds: float = _READ_SECONDS,
        concurrent: int = CONCURRENT,
    ) -> None:
        self._settings = settings
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._concurrent = concurrent
        self._client: Any = None
        self._opened: AbstractAsyncContextManager[Any] | None = None
        self._forms: RequestForms | None = None
        self._lock = asyncio.Lock()
        import_driver()

    @property
    def endpoint(self) -> str:
        """The address that requests go to; empty before the first."""
        return "" if self._client is None else str(self._client.meta.endpoint_url)

    async def send(self, operation: str, **parameters: Any) -> StoreAnswer:
        from botocore.exceptions import ClientError

        if self._settings.requester_pays and operation not in _FREE:
            parameters["RequestPayer"] = "requester"
        try:
            client = self._client or await self._connected_or_refused()
            if self._forms is not None and aws_forms.has_form(operation, parameters):
                answer = await self._send_by_form(self._forms, operation, parameters)
            else:
                answer = await client._make_api_call(operation, parameters)  # noqa: SLF001 - its methods are made of this
            if operation == "GetObject":
                expected, answer["Body"] = answer.get("ContentLength"), await answer["Body"].read()
                if expected is not None and len(answer["Body"]) != expected:
                    raise StoreError(StoreCode.INCOMPLETE)
            if not _is_of_store(operation, answer):
                raise StoreError(StoreCode.NOT_A_STORE, may_be_done=True)
        except ClientError as error:
            raise aws_errors.of_answer(operation, error.response) from None
        except (StoreError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise aws_errors.of_exception(error) from None  # its text may quote a URL that is signed
        return StoreAnswer(answer)

    async def _send_by_form(self, forms: RequestForms, operation: str, parameters: dict[str, Any]) -> Any:
        answer = await forms.send(operation, parameters)
        if answer is None:
            return await forms.learn(operation, parameters)
        if not aws_forms.is_error(answer):
            return answer
        error = aws_errors.of_answer(operation, answer)
        if error.code is not StoreCode.WRONG_REGION:
            raise error
        forms.forget()
        return await forms.learn(operation, parameters)  # botocore follows the bucket to its region

    async def _connected_or_refused(self) -> Any:
        from botocore.exceptions import ClientError

        try:
            return await self._connected()
        except ClientError:  # the answer to a request for credentials
            raise
        except Exception as error:
            raise aws_errors.of_settings(error) from None

    async def _connected(self) -> Any:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import AioSession

        async with self._lock:
            if self._client is None:
                settings = self._settings
                session = AioSession(profile=settings.profile or None)
                session.register_component("response_parser_factory", _parsers())
                session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
                opened = session.create_client(
                    "s3",
                    endpoint_url=settings.endpoint or None,
                    region_name=settings.region or None,
                    config=AioConfig(
                        retries={"total_max_attempts": 1},  # `RetryingSender` knows what is ambiguous then
                        connect_timeout=self._connect_seconds,
                        read_timeout=self._read_seconds,
                        max_pool_connections=self._concurrent,
                        s3={"addressing_style": settings.addressing} if settings.addressing else None,
                        user_agent_extra="fileorg",
                        http_session_cls=_sending_once(),
                    ),
                )
                client = await opened.__aenter__()
                _read_listings_once(client.meta.events)
                self._forms = aws_forms.RequestForms(client)
                self._client, self._opened = client, opened
        return self._client

    async def close(self) -> None:
        opened, self._opened, self._client = self._opened, None, None
        if opened is not None:
            await opened.__aexit__(None, None, None)


_FREE = frozenset({"GetBucketVersioning", "GetObjectLockConfiguration"})
"""Requests that have no parameter for requester pays."""


_FIELDS = {
    "ListObjectsV2": "IsTruncated",
    "HeadObject": "ETag",
    "GetObject": "ETag",
    "PutObject": "ETag",
    "UploadPart": "ETag",
    "CopyObject": "CopyObjectResult",
    "UploadPartCopy": "CopyPartResult",
    "CreateMultipartUpload": "UploadId",
    "CompleteMultipartUpload": "ETag",
}
"""What each answer of a store has, and a page of a proxy has not: botocore reads such a page as an empty answer."""


def _is_of_store(operation: str, answer: Mapping[str, Any]) -> bool:
    if operation == "DeleteObject":  # the answer of a store is empty
        about = answer.get("ResponseMetadata", {})
        return about.get("HTTPStatusCode") == 204 or not aws_errors.is_page(about.get("HTTPHeaders", {}))
    return operation not in _FIELDS or _FIELDS[operation] in answer


def _sending_once() -> type:
    """Return the class of connections that never send a request twice.

    aiohttp repeats a PUT or DELETE by itself if a connection that was kept open breaks. The first may have been carried
    out by then, and the second would be told that its target exists.
    """
    from aiobotocore.httpsession import AIOHTTPSession

    class SendingOnce(AIOHTTPSession):  # type: ignore[misc]
        async def _get_session(self, proxy_url: Any) -> Any:
            session = await super()._get_session(proxy_url)
            session._retry_connection = False  # noqa: SLF001 - there is no public way; test_faults.py shows that it works
            return session

    return SendingOnce


def _parsers() -> Any:
    """Return what makes the parsers of answers. The objects of a listing are read at once: botocore goes through its
    description of each field of each object, which takes three times as long.
    """
    from aiobotocore.parsers import AioResponseParserFactory, AioRestXMLParser

    class Parser(AioRestXMLParser):  # type: ignore[misc]
        def _handle_structure(self, shape: Any, node: Any) -> Any:
            if shape.name != "Object":
                return super()._handle_structure(shape, node)
            found: dict[str, Any] = {each.tag.rpartition("}")[2]: each.text or "" for each in node}
            if "LastModified" in found:
                found["LastModified"] = _time(found["LastModified"])
            return found

    class Factory(AioResponseParserFactory):  # type: ignore[misc]
        def create_parser(self, protocol_name: str) -> Any:
            return Parser(**self._defaults) if protocol_name == "rest-xml" else super().create_parser(protocol_name)

    return Factory()


_LISTING = b"<ListBucketResult", b"</ListBucketResult>"
_HEAD_BYTES = 256
_PARSED = "before-parse.s3.*"


def _read_listings_once(events: Any) -> None:
    """Spare listings the look for an error in a 200, which reads the whole answer once more: a third of the time. The
    first and the last element tell.
    """
    from botocore import handlers

    check = getattr(handlers, "_handle_200_error", None)
    if check is None:
        return

    def check_unless_listing(response_dict: Any, **more: Any) -> None:
        body: Any = (response_dict or {}).get("body")
        is_listing = isinstance(body, bytes) and _LISTING[0] in body[:_HEAD_BYTES]
        if not (is_listing and body[-_HEAD_BYTES:].rstrip().endswith(_LISTING[1])):
            check(response_dict=response_dict, **more)

    with contextlib.suppress(AttributeError, ValueError):  # another botocore: it parses twice
        events.unregister(_PARSED, check)
        events.register_first(_PARSED, check_unless_listing)


def import_driver() -> None:
    """Load aiobotocore. Raises `StorageFailure` with the way to install it."""
    try:
        import aiobotocore.session  # noqa: F401 - to see whether it is there
    except ImportError:
        raise StorageFailure("S3 needs a driver that is not installed.", hint=f"install it with: {INSTALL}") from None
    log = logging.getLogger("aiobotocore")
    if not log.handlers:  # it would print a traceback, for a login by SSO that has expired; botocore has its own
        log.addHandler(logging.NullHandler())


def _time(value: Any) -> datetime:
    """Parse a time of an answer: ISO 8601, as in listings, or a header. dateutil takes ten times as long."""
    text = str(value)
    return datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
