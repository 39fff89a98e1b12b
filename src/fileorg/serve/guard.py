"""What every request passes before anything else: the host, the site that it comes from, the session, and limits.

The answer to a request that is refused here says nothing about files.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse

from fileorg.core.tuples import NamedTuple
from fileorg.serve.problems import HttpCode, HttpProblem, answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fileorg.serve.sessions import Asking, Sessions

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
LOGIN = "/login"
API = "/api/"
MOST_BODY_BYTES = 4 << 20
BODY_SECONDS = 10.0
_READS = frozenset({"GET", "HEAD"})
_NO_SESSION = """<!doctype html><html lang="en"><meta charset="utf-8"><title>fileorg</title>
<h1>fileorg</h1><p>This page needs the link that fileorg serve prints. A link works once, and for 60 seconds.</p>
<p>For another one, press Enter in the terminal where fileorg serve runs.</p></html>"""


class Guard:
    """The outermost application. `hosts`: the exact values of `Host`, in lower case."""

    def __init__(
        self, app: ASGIApp, sessions: Sessions, hosts: frozenset[str], cookie: str, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._app, self._sessions, self._hosts, self._cookie = app, sessions, hosts, cookie
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        send = _with_headers(send, is_api=scope["path"].startswith(API))
        try:
            asked = _Head(scope["type"] == "websocket", scope.get("method", "GET"), scope["path"], Headers(scope=scope))
            self._check_host(asked)
            self._check_site(asked)
            if asked.path != LOGIN:
                session, by_token = self._session(asked)
                if not by_token:
                    _check_origin(asked)
                _count(asked, session, by_token=by_token)
                scope["session"] = session
            if scope["type"] == "http":
                receive = await _whole_body(asked, receive, self._body_seconds)
        except HttpProblem as problem:
            if scope["type"] == "http" and problem.code is HttpCode.NO_SESSION and _is_navigation(asked):
                await HTMLResponse(_NO_SESSION, problem.status)(scope, receive, send)
            else:
                await answer(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, asked: _Head) -> None:
        """Raise `HttpProblem` unless the request names this server: a foreign name that leads here is DNS rebinding."""
        given = asked.headers.getlist("host")
        if len(given) != 1 or given[0].lower() not in self._hosts:
            raise HttpProblem(
                HTTPStatus.MISDIRECTED_REQUEST,
                HttpCode.WRONG_HOST,
                "This server does not have that name.",
                "open the link that fileorg serve prints",
            )

    def _check_site(self, asked: _Head) -> None:
        """Raise `HttpProblem` for a request from another site, or from another port of this machine."""
        origin, site = asked.headers.get("origin"), asked.headers.get("sec-fetch-site")
        own = {f"http://{host}" for host in self._hosts}
        is_fine = origin is None or (origin.lower() == f"http://{asked.headers['host'].lower()}" and origin in own)
        if asked.path == LOGIN and asked.headers.get("sec-fetch-mode") == "navigate":
            # The code is the secret: the link may stand in a terminal that is a page of another site.
            is_fine &= asked.method in _READS
        else:
            is_fine &= site in {None, "same-origin"} or (site == "none" and asked.method in _READS)
        if not is_fine or "prefetch" in asked.headers.get("sec-purpose", ""):
            raise _cross_site()

    def _session(self, asked: _Head) -> tuple[Asking, bool]:
        """Return the session, and whether it is that of scripts. Raises `HttpProblem` without one."""
        found: Asking | None = None
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        by_token = kind.lower() == "bearer"
        if by_token:
            found = self._sessions.of_token(token.strip())
        elif (secret := self.secret(asked.headers)) is not None:
            found = self._sessions.of_cookie(secret)
        if found is None:
            raise HttpProblem(
                HTTPStatus.UNAUTHORIZED,
                HttpCode.NO_SESSION,
                "There is no session.",
                "open the link that fileorg serve prints; scripts send its token",
                headers={"www-authenticate": "Bearer"},
            )
        return found, by_token

    def secret(self, headers: Headers) -> str | None:
        """Return the secret in the cookie, if there is one."""
        # Other servers on this machine set cookies for all ports, in any form: none may hide this one.
        return cookie_parser(headers.get("cookie", "")).get(self._cookie)


class _Head(NamedTuple):
    is_socket: bool
    method: str
    path: str
    headers: Headers


def _is_navigation(asked: _Head) -> bool:
    return asked.path == "/" and asked.method in _READS


def _cross_site() -> HttpProblem:
    return HttpProblem(
        HTTPStatus.FORBIDDEN,
        HttpCode.CROSS_SITE,
        "The request comes from another site.",
        "open the page of fileorg itself",
    )


def _check_origin(asked: _Head) -> None:
    """Raise `HttpProblem` if a browser does not say from where it changes something, or opens a WebSocket."""
    if (asked.is_socket or asked.method not in _READS) and "origin" not in asked.headers:
        raise _cross_site()


def _count(asked: _Head, session: Asking, *, by_token: bool) -> None:
    """Count a request of the API. Files of the page are not counted, nor are WebSockets, whose number is limited."""
    if not asked.path.startswith(API) or asked.is_socket:
        return
    bucket = session.reads if asked.method in _READS and not by_token else session.requests
    if seconds := bucket.wait():
        raise too_many(seconds, "requests")


def too_many(seconds: float, what: str) -> HttpProblem:
    """Return the problem of a session that has asked too often."""
    whole = int(seconds) + 1
    return HttpProblem(
        HTTPStatus.TOO_MANY_REQUESTS,
        HttpCode.TOO_MANY,
        f"Too many {what}: the next one may come in {whole} s.",
        "the limits stand in [serve] of fileorg.toml",
        headers={"retry-after": str(whole)},
    )


async def _whole_body(asked: _Head, receive: Receive, seconds: float) -> Receive:
    """Read the body, and return a function that gives it. Raises `HttpProblem` for one too large or too slow."""
    length = asked.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    break
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MOST_BODY_BYTES:
                    raise _too_large()
                more = message.get("more_body", False)
    except TimeoutError:
        raise HttpProblem(
            HTTPStatus.REQUEST_TIMEOUT,
            HttpCode.TOO_SLOW,
            f"The body of the request did not arrive within {seconds:g} s.",
            headers={"connection": "close"},
        ) from None
    waiting: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _too_large() -> HttpProblem:
    return HttpProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HttpCode.TOO_LARGE,
        f"The body of a request has at most {MOST_BODY_BYTES >> 20} MB.",
        "send less at once",
        headers={"connection": "close"},
    )


def _with_headers(send: Send, *, is_api: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if is_api:
                headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending
