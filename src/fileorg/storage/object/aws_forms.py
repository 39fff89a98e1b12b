"""Copies and deletions that skip most layers of botocore: of two that differ in their keys alone, the second is made
from the first.

Each is a small request of which a run sends thousands, and costs botocore more time than the store: it looks up the
address, checks and writes the parameters, and asks some twenty handlers. Signing, sending and reading the answer stay
those of the library.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

_METHODS = {"CopyObject": "PUT", "DeleteObject": "DELETE"}
_PER_REQUEST = ("amz-sdk-invocation-id", "amz-sdk-request")
"""Headers that must not be sent again. They are optional."""
_VARYING = frozenset({"Key", "CopySource", "CopySourceIfMatch", "IfMatch"})
_seen: ContextVar[list[Any] | None] = ContextVar("seen", default=None)
"""Where a task wants to have the request that botocore signs for it."""


def has_form(operation: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether a request may be sent by `RequestForms`: a copy, or a deletion of the object with an ETag."""
    return operation == "CopyObject" or (
        operation == "DeleteObject" and "IfMatch" in parameters and "VersionId" not in parameters
    )


class RequestForms:
    """What was learned of the copies and deletions of one client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._models = {each: client.meta.service_model.operation_model(each) for each in _METHODS}
        self._forms: dict[Hashable, _Form | None] = {}
        for each in _METHODS:
            client.meta.events.register(f"before-sign.s3.{each}", _see)

    async def send(self, operation: str, parameters: dict[str, Any]) -> Mapping[str, Any] | None:
        """Return the answer to a request, which may be an error. None if botocore has sent no such request before, or
        it cannot be made from one: see `learn`.
        """
        form = self._forms.get(_form_of(operation, parameters))
        if form is None:
            return None
        request = form.request(parameters)
        client, model = self._client, self._models[operation]
        await client._request_signer.sign(operation, request)  # noqa: SLF001 - as its methods do
        answer, error = await client._endpoint._do_get_response(request.prepare(), model, request.context)  # noqa: SLF001
        if error is not None:
            raise error
        parsed: Mapping[str, Any] = answer[1]
        return parsed

    async def learn(self, operation: str, parameters: dict[str, Any]) -> Any:
        """Send a request by botocore, and keep its form once it has succeeded."""
        form = _form_of(operation, parameters)
        seen: list[Any] = []
        _seen.set(seen)
        try:
            answer = await self._client._make_api_call(operation, dict(parameters))  # noqa: SLF001 - its methods are made of this
        finally:
            _seen.set(None)
        if form not in self._forms and len(seen) == 1:  # not if it was sent again to another region
            self._forms[form] = _Form.of(_METHODS[operation], seen[0], parameters)
        return answer

    def forget(self) -> None:
        """Forget all: the bucket has another address."""
        self._forms.clear()


def is_error(parsed: Mapping[str, Any]) -> bool:
    """Return whether an answer is an error, also one that began as a success."""
    return int(parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 300


class _Form:
    """A request, without what differs from object to object."""

    def __init__(self, method: str, address: str, headers: list[tuple[str, str]], context: dict[str, Any]) -> None:
        self._method, self._address, self._headers, self._context = method, address, headers, context

    @classmethod
    def of(
        cls, method: str, sent: tuple[str, list[tuple[str, str]], dict[str, Any]], parameters: Mapping[str, Any]
    ) -> _Form | None:
        """Return the form of a request, None if its parts are not where they are expected."""
        address, headers, context = sent
        key = _quoted(parameters["Key"])
        own = _own_headers(parameters)
        found = {name.lower(): value for name, value in headers}
        if not address.endswith("/" + key) or any(found.get(name) != value for name, value in own.items()):
            return None
        kept = [(name, value) for name, value in headers if name.lower() not in {*own, *_PER_REQUEST}]
        return cls(method, address.removesuffix(key), kept, context)

    def request(self, parameters: Mapping[str, Any]) -> Any:
        """Return a request that is to be signed."""
        from botocore.awsrequest import AWSRequest

        headers = dict(self._headers) | _own_headers(parameters)
        request = AWSRequest(self._method, self._address + _quoted(parameters["Key"]), headers)
        request.context = dict(self._context)  # signing writes into it
        return request


def _own_headers(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the conditions of a request, and the source of a copy."""
    if "CopySource" not in parameters:
        return {"if-match": parameters["IfMatch"]}
    source = parameters["CopySource"]
    return {
        "x-amz-copy-source": _quoted(f"{source['Bucket']}/{source['Key']}"),
        "x-amz-copy-source-if-match": parameters["CopySourceIfMatch"],
    }


def _quoted(text: str) -> str:
    from botocore.utils import percent_encode

    return str(percent_encode(text, safe="/~"))


def _form_of(operation: str, parameters: Mapping[str, Any]) -> Hashable:
    """Return what requests have in common that can be made from each other."""
    fixed = {name: value for name, value in parameters.items() if name not in _VARYING}
    return operation, parameters.get("CopySource", {}).get("Bucket"), tuple(sorted(fixed.items()))


def _see(request: Any, **_: Any) -> None:
    if (wanted := _seen.get()) is not None:
        wanted.append((request.url, list(request.headers.items()), dict(request.context)))
