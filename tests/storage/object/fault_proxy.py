"""A proxy between fileorg and a server of S3, which disturbs requests as networks, gateways and servers do.

What it does to a request depends on a seed, the request itself and how often it came before, never on the order in
which requests arrive: a seed replays exactly, however many are under way at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Fault(StrEnum):
    """What happens to a request. Where a fault comes AFTER, the server has carried out the request by then."""

    SERVER_ERROR = "500"
    SERVER_ERROR_AFTER = "500 after a commit"
    SLOW_DOWN = "503"
    SLOW_DOWN_AFTER = "503 after a commit"
    CONFLICT = "409"
    ERROR_IN_200 = "an error in a 200"
    ERROR_IN_200_AFTER = "an error in a 200 after a commit"
    DROPPED = "dropped"
    DROPPED_AFTER = "dropped after a commit"
    STALLED = "stalled"
    STALLED_AFTER = "stalled after a commit"
    CUT_OFF = "an answer that is cut off"
    PAGE = "a page of HTML"
    PAGE_AFTER = "a page of HTML after a commit"
    STALE_LIST = "a list from before"
    DAMAGED = "content with a wrong byte"


QUICK = tuple(each for each in Fault if each not in {Fault.STALLED, Fault.STALLED_AFTER})
"""Faults that cost no time."""
_AFTER = frozenset(each for each in Fault if each.name.endswith("_AFTER"))
_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>injected</Message></Error>'
_HTML = b"<!doctype html><html><head><title>Sign in</title></head><body><p>Welcome<br>to the network</body></html>"


class ProxiedRequest(NamedTuple):
    """A request as the proxy sees it: `number` counts equal ones from 0."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    number: int = 0

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and "list-type" in parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def identity(self) -> str:
        """What equal requests have in common."""
        source = self.headers.get("x-amz-copy-source", "") + self.headers.get("range", "")
        return f"{self.method} {self.target} {source} {sorted(re.findall(b'<Key>(.*?)</Key>', self.body))}"


@dataclass(frozen=True)
class FaultPlan:
    """Which requests are disturbed, and how: a share of them, at most `repeated` times each."""

    seed: int
    share: float = 0.3
    faults: Sequence[Fault] = QUICK
    repeated: int = 3

    def __call__(self, request: ProxiedRequest) -> Fault | None:
        chance = Random(f"{self.seed}/{request.identity}/{request.number}")
        if request.number >= self.repeated or chance.random() >= self.share:
            return None
        fitting = [each for each in self.faults if _fits(each, request)]
        return chance.choice(fitting) if fitting else None


def _fits(fault: Fault, request: ProxiedRequest) -> bool:
    match fault:
        case Fault.STALE_LIST:
            return request.is_list
        case Fault.DAMAGED:
            return request.method == "GET" and not request.is_list and "range" in request.headers
        case Fault.ERROR_IN_200 | Fault.ERROR_IN_200_AFTER:
            return "x-amz-copy-source" in request.headers or (request.method == "POST" and "uploadId" in request.target)
        case Fault.CONFLICT:
            return request.method in {"PUT", "POST"}
        case Fault.CUT_OFF:
            return request.method == "GET"
        case _:
            return True


class FaultProxy:
    """The proxy. `faults` counts what was done; `plan` may be replaced at any time. It returns a fault, or the answer
    to give instead of the server's, as `error_answer` makes one.
    """

    def __init__(self, endpoint: str, plan: Callable[[ProxiedRequest], Fault | bytes | None]) -> None:
        parts = urlsplit(endpoint)
        self._server = (parts.hostname or "", parts.port or 80)
        self.plan = plan
        self.requests: list[ProxiedRequest] = []
        self.faults = Counter[Fault]()
        self.endpoint = ""
        self._seen = Counter[str]()
        self._lists: dict[str, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection, which stays open as long as all is well."""
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while (request := await _read(reader, writer)) is not None and await self._answer(request, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, request: ProxiedRequest, writer: asyncio.StreamWriter) -> bool:
        """Return whether the connection stays open."""
        request = request._replace(number=self._seen[request.identity])
        self._seen[request.identity] += 1
        self.requests.append(request)
        fault = self.plan(request)
        if isinstance(fault, bytes):
            writer.write(fault[: fault.find(b"\r\n\r\n") + 4] if request.method == "HEAD" else fault)
            return False
        if fault is not None:
            self.faults[fault] += 1
        if fault is Fault.STALE_LIST and request.target in self._lists:
            writer.write(self._lists[request.target])
            return False
        answer = b""
        if fault is None or fault in _AFTER or fault in {Fault.CUT_OFF, Fault.DAMAGED, Fault.STALE_LIST}:
            answer = await self._forward(request)
        if request.is_list and fault is None:
            self._lists.setdefault(request.target, answer)
        match fault:
            case Fault.DROPPED | Fault.DROPPED_AFTER:
                return False
            case Fault.STALLED | Fault.STALLED_AFTER:
                await asyncio.sleep(3600)
            case Fault.CUT_OFF:
                answer = answer[: len(answer) - max(1, _length(answer) // 2)]
            case Fault.DAMAGED if _length(answer):
                answer = answer[:-1] + bytes([answer[-1] ^ 1])
            case Fault.PAGE | Fault.PAGE_AFTER:
                answer = _response("502 Bad Gateway" if request.number % 2 else "200 OK", _HTML, "text/html")
            case _ if fault in _ANSWERS:
                status, code, more = _ANSWERS[fault]
                answer = _response(status, _ERROR.format(code).encode(), "application/xml", more)
        if request.method == "HEAD":
            answer = answer[: answer.find(b"\r\n\r\n") + 4]
        stays_open = fault is None and b"\r\ncontent-length:" in answer[: answer.find(b"\r\n\r\n")].lower()
        if stays_open:
            answer = re.sub(rb"(?i)\r\nconnection: close(?=\r\n)", b"", answer, count=1)
        writer.write(answer)
        await writer.drain()
        return stays_open

    async def _forward(self, request: ProxiedRequest) -> bytes:
        reader, writer = await asyncio.open_connection(*self._server)
        headers = {**request.headers, "connection": "close", "content-length": str(len(request.body))}
        for name in ("expect", "transfer-encoding"):
            headers.pop(name, None)
        head = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + request.body)
        try:
            return await reader.read(-1)
        finally:
            writer.close()


_ANSWERS = {
    Fault.SERVER_ERROR: ("500 Internal Server Error", "InternalError", ""),
    Fault.SERVER_ERROR_AFTER: ("500 Internal Server Error", "InternalError", ""),
    Fault.SLOW_DOWN: ("503 Slow Down", "SlowDown", "Retry-After: 0\r\n"),
    Fault.SLOW_DOWN_AFTER: ("503 Slow Down", "SlowDown", ""),
    Fault.CONFLICT: ("409 Conflict", "ConditionalRequestConflict", ""),
    Fault.ERROR_IN_200: ("200 OK", "InternalError", ""),
    Fault.ERROR_IN_200_AFTER: ("200 OK", "InternalError", ""),
}


def _response(status: str, body: bytes, content_type: str, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def _length(answer: bytes) -> int:
    """Return the length of the body."""
    return len(answer) - answer.find(b"\r\n\r\n") - 4


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> ProxiedRequest | None:
    """Read a request whole; None if the connection was closed before."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return ProxiedRequest(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return ProxiedRequest(method, target, headers, body)


def error_answer(status: int, code: str, message: str = "", more: str = "") -> bytes:
    """Return the answer of a store that refuses; `more` are headers, each with its line end."""
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return _response(f"{status} Refused", body.encode(), "application/xml", more)


@contextlib.contextmanager
def fault_proxy(endpoint: str, plan: Callable[[ProxiedRequest], Fault | bytes | None]) -> Iterator[FaultProxy]:
    """Run a proxy before a server: `endpoint` of the proxy is its own address."""
    proxy = FaultProxy(endpoint, plan)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20))
    proxy.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_end())
        loop.close()


async def _end() -> None:
    """Cancel what is under way, and let its connections close in the next turns of the loop."""
    pending = asyncio.all_tasks() - {asyncio.current_task()}
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    await asyncio.sleep(0.01)
