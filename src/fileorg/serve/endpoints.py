"""The form of an endpoint: one table of them is the routes, and the OpenAPI document."""

from __future__ import annotations

import inspect
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from fileorg.core.errors import FileorgError
from fileorg.core.tuples import NamedTuple
from fileorg.serve.problems import HttpProblem, answer, bad_request, problem_of
from fileorg.serve.shapes import check_text, read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from fileorg.serve.runs import Runs
    from fileorg.serve.served import Served

MOST_ROWS = 1000


class QueryParameter(NamedTuple):
    """A parameter of a query. `schema` is that of one value; `several` if it may be repeated."""

    name: str
    schema: dict[str, Any]
    description: str
    several: bool = False


class ApiRequest:
    """What a handler gets: the server, the checked numbers of the path, the query, and the body."""

    def __init__(self, served: Served, runs: Runs, endpoint: Endpoint, request: Request, body: bytes) -> None:
        self.served, self.runs = served, runs
        self.request = request
        self.path: dict[str, Any] = request.path_params
        for name, value in self.path.items():
            check_text(name, str(value))
        self.query = _query(endpoint, request)
        self.body: Any = None if endpoint.body is None else read_body(endpoint.body, body)

    @property
    def number(self) -> int:
        """The number in the path."""
        return int(self.path["id"])


class Endpoint(NamedTuple):
    """One method of one path. `handler` runs in a thread, or in the loop if it is a coroutine; what it returns becomes
    JSON, or is a `Response`. `answer` is a schema. `changes`: it counts as an organizing operation.
    """

    method: str
    path: str
    handler: Callable[[ApiRequest], Any]
    summary: str
    answer: dict[str, Any]
    query: tuple[QueryParameter, ...] = ()
    body: Any = None
    status: HTTPStatus = HTTPStatus.OK
    changes: bool = False
    media_type: str = "application/json"


def _query(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """Return the values of a query. Raises `HttpProblem` for one that is unknown, repeated, or not of its schema."""
    known = {each.name: each for each in endpoint.query}
    found: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name not in known:
            hint = f"known are {', '.join(known)}" if known else "this path takes none"
            raise bad_request(f"The parameter {name!r} is not known.", hint)
        parameter = known[name]
        value = _value(parameter, text)
        if parameter.several:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise bad_request(f"The parameter {name} is given twice.")
        else:
            found[name] = value
    return found


def _value(parameter: QueryParameter, text: str) -> Any:
    schema = parameter.schema
    if "enum" in schema:
        if text not in schema["enum"]:
            raise bad_request(f"{parameter.name} is not one of {', '.join(schema['enum'])}.")
        return text
    if schema["type"] == "integer":
        low, high = schema["minimum"], schema["maximum"]
        if not (text.isascii() and text.isdigit() and len(text) < 16 and low <= int(text) <= high):
            raise bad_request(f"{parameter.name} is not a number from {low} to {high}.")
        return int(text)
    if schema["type"] == "boolean":
        if text not in {"true", "false"}:
            raise bad_request(f"{parameter.name} is not true or false.")
        return text == "true"
    check_text(parameter.name, text)
    return text


async def respond(served: Served, runs: Runs, endpoint: Endpoint, request: Request) -> Response:
    """Return the response of an endpoint."""
    from fileorg.serve.guard import too_many

    try:
        asked = ApiRequest(served, runs, endpoint, request, await request.body())
        if endpoint.changes and (seconds := request.scope["session"].operations.wait()):
            raise too_many(seconds, "operations")
        if inspect.iscoroutinefunction(endpoint.handler):
            found = await endpoint.handler(asked)
        else:
            found = await run_in_threadpool(endpoint.handler, asked)
    except (HttpProblem, FileorgError, OSError) as error:
        return answer(problem_of(error))
    return found if isinstance(found, Response) else JSONResponse(found, endpoint.status)
