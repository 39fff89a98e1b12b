"""The application: the guard, the login, the endpoints, the WebSockets and the files of the page."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from fileorg.core.errors import FileorgError
from fileorg.serve.api import ENDPOINTS, V1
from fileorg.serve.endpoints import respond
from fileorg.serve.feeds import MOST_CONNECTIONS, JobFeeds, follow
from fileorg.serve.guard import LOGIN, Guard
from fileorg.serve.journal_pages import served_job
from fileorg.serve.openapi import document
from fileorg.serve.page_files import PageFiles
from fileorg.serve.problems import HttpCode, HttpProblem, answer, problem_of
from fileorg.serve.runs import Runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp
    from starlette.websockets import WebSocket

    from fileorg.serve.endpoints import Endpoint
    from fileorg.serve.feeds import Feed
    from fileorg.serve.served import Served
    from fileorg.serve.sessions import Sessions

# A page that loads the next one: the cookie is sent with that, because its own page asks for it. With a redirect, a
# browser that followed a link of another site would not send it.
_LOGGED_IN = '<!doctype html><meta charset="utf-8"><title>fileorg</title><meta http-equiv="refresh" content="0;url=/">'
_OLD_LINK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>fileorg</title>
<h1>fileorg</h1><p>This link was used already, or is older than 60 seconds.</p>
<p>For another one, press Enter in the terminal where fileorg serve runs.</p></html>"""


_LOOKS_AT_ONCE = 4


class _Number(Convertor[int]):
    """The number of a job, an operation or a run, in a path: one that a database can hold."""

    regex = "[1-9][0-9]{0,14}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", _Number())


def application(served: Served, sessions: Sessions, hosts: frozenset[str], cookie: str, body_seconds: float) -> ASGIApp:
    """Return the application of a server whose names are `hosts`; its cookie has a name of its own."""
    runs, feeds, page = Runs(), JobFeeds(served.state), PageFiles()
    open_sockets = 0

    async def login(request: Request) -> Response:
        secret = sessions.exchange(request.query_params.get("code", "")) if request.method == "GET" else None
        if secret is None:
            return HTMLResponse(_OLD_LINK, HTTPStatus.UNAUTHORIZED, {"cache-control": "no-store"})
        response = HTMLResponse(_LOGGED_IN, headers={"cache-control": "no-store"})
        response.set_cookie(cookie, secret, httponly=True, samesite="strict", path="/")
        return response

    async def logout(request: Request) -> Response:
        secret = guard.secret(request.headers)
        if secret is not None:
            sessions.end(secret)
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        response.delete_cookie(cookie, path="/", httponly=True, samesite="strict")
        return response

    async def described(_: Request) -> Response:
        return JSONResponse(document())

    async def stream(socket: WebSocket, feed: Feed) -> None:
        nonlocal open_sockets
        after = socket.query_params.get("after", "0")
        seen = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else 0
        if open_sockets >= MOST_CONNECTIONS:
            raise HttpProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                HttpCode.TOO_MANY,
                f"{MOST_CONNECTIONS} WebSockets are open already.",
                "close some",
            )
        open_sockets += 1
        try:
            await follow(socket, feed, seen)
        finally:
            open_sockets -= 1

    # A thousand pages that come back together look one after the other: each look opens the journal, with its memory.
    looks = asyncio.Semaphore(_LOOKS_AT_ONCE)

    async def job_events(socket: WebSocket) -> None:
        number = socket.path_params["id"]
        try:
            async with looks:
                await run_in_threadpool(served_job, served, number)
            await stream(socket, feeds.of(number))
        except (HttpProblem, FileorgError) as error:
            await socket.send_denial_response(answer(problem_of(error)))

    async def run_events(socket: WebSocket) -> None:
        try:
            await stream(socket, runs.of(socket.path_params["id"]).feed)
        except HttpProblem as problem:
            await socket.send_denial_response(answer(problem))

    async def page_file(request: Request) -> Response:
        return page.respond(request)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await runs.end()

    async def handle(endpoint: Endpoint, request: Request) -> Response:
        return await respond(served, runs, endpoint, request)

    routes = [
        Route(LOGIN, login, methods=["GET"]),
        Route(f"{V1}/logout", logout, methods=["POST"]),
        Route(f"{V1}/openapi.json", described, methods=["GET"]),
        *(Route(V1 + each.path, partial(handle, each), methods=[each.method]) for each in ENDPOINTS),
        WebSocketRoute(f"{V1}/jobs/{{id:number}}/events", job_events),
        WebSocketRoute(f"{V1}/runs/{{id:number}}/events", run_events),
        Route("/{path:path}", page_file, methods=["GET"]),
    ]
    handlers: dict[Any, Any] = {HTTPException: _http_problem, Exception: _internal}
    inner = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    guard = Guard(inner, sessions, hosts, cookie, body_seconds)
    return guard


async def _http_problem(_: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        problem = HttpProblem(
            HTTPStatus.METHOD_NOT_ALLOWED,
            HttpCode.WRONG_METHOD,
            "This path does not take that method.",
            headers=error.headers,
        )
    else:
        problem = HttpProblem(
            HTTPStatus(error.status_code), HttpCode.NOT_FOUND, "There is no such path.", "see /api/v1/openapi.json"
        )
    return answer(problem)


async def _internal(_: Request, error: Exception) -> Response:
    return answer(problem_of(error))
