"""Errors as answers: RFC 9457 problems, with the code, the sentence and the hint that the commands have."""

from __future__ import annotations

import errno
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from fileorg.core.errors import ErrorCode, Exit, FileorgError
from fileorg.core.formats import named

if TYPE_CHECKING:
    from collections.abc import Mapping


class HttpCode(StrEnum):
    """The kinds of errors that only a server has; the others are `ErrorCode`."""

    NO_SESSION = "no-session"
    WRONG_HOST = "wrong-host"
    CROSS_SITE = "cross-site"
    NOT_FOUND = "not-found"
    WRONG_METHOD = "wrong-method"
    BAD_REQUEST = "bad-request"
    TOO_LARGE = "too-large"
    TOO_SLOW = "too-slow"
    TOO_MANY = "too-many-requests"


class HttpProblem(Exception):
    """An error that ends a request."""

    def __init__(
        self,
        status: HTTPStatus,
        code: HttpCode | ErrorCode,
        sentence: str,
        hint: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence, self.hint = status, code, sentence, hint
        self.headers, self.more = headers, more or {}


_STATUS = {
    ErrorCode.UNKNOWN_OPERATION: HTTPStatus.NOT_FOUND,
    ErrorCode.UNKNOWN_JOB: HTTPStatus.NOT_FOUND,
    ErrorCode.NO_SUCH_PATH: HTTPStatus.NOT_FOUND,
    ErrorCode.NOT_RECORDED: HTTPStatus.NOT_FOUND,
    ErrorCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    ErrorCode.OUTSIDE: HTTPStatus.FORBIDDEN,
    ErrorCode.REFUSED_PLACE: HTTPStatus.FORBIDDEN,
    ErrorCode.JOB_ENDED: HTTPStatus.CONFLICT,
    ErrorCode.PLAN_CHANGED: HTTPStatus.CONFLICT,
    ErrorCode.NOT_RECOVERED: HTTPStatus.CONFLICT,
    ErrorCode.OTHERS_FIRST: HTTPStatus.CONFLICT,
    ErrorCode.BAD_CONFIGURATION: HTTPStatus.CONFLICT,
    ErrorCode.ANOTHER_FOLDER: HTTPStatus.CONFLICT,
    ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_BY_EXIT = {Exit.USAGE: HTTPStatus.BAD_REQUEST, Exit.LOCKED: HTTPStatus.CONFLICT, Exit.REFUSED: HTTPStatus.CONFLICT}


def bad_request(sentence: str, hint: str = "") -> HttpProblem:
    """Return the problem of a request that does not have the form of the document."""
    return HttpProblem(HTTPStatus.BAD_REQUEST, HttpCode.BAD_REQUEST, sentence, hint or "see /api/v1/openapi.json")


def problem_of(error: Exception) -> HttpProblem:
    """Return an error as a problem: one of the server, of fileorg, of the system, or in fileorg itself."""
    match error:
        case HttpProblem():
            return error
        case FileorgError():
            return _of_fileorg(error)
        case OSError() if error.errno == errno.E2BIG:
            return HttpProblem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HttpCode.TOO_LARGE,
                "The request holds more than a command can be given.",
                "send less at once",
            )
        case OSError():
            code, sentence, hint = ErrorCode.SYSTEM_ERROR, f"{error.strerror or error}.", ""
        case _:
            code, sentence = ErrorCode.INTERNAL, f"An error in fileorg itself: {type(error).__name__}."
            hint = "the terminal where fileorg serve runs shows more"
    return HttpProblem(HTTPStatus.INTERNAL_SERVER_ERROR, code, sentence, hint)


def _of_fileorg(error: FileorgError) -> HttpProblem:
    status = _STATUS.get(error.code) or _BY_EXIT.get(error.exit_code, HTTPStatus.INTERNAL_SERVER_ERROR)
    path = {} if error.path is None else named("path", error.path)
    return HttpProblem(status, error.code, str(error), error.hint, more=path)


def as_json(problem: HttpProblem) -> dict[str, Any]:
    """Return the document of a problem."""
    return {
        "type": f"urn:fileorg:problem:{problem.code}",
        "title": str(problem.code).replace("-", " ").capitalize(),
        "status": int(problem.status),
        "detail": problem.sentence,
        "code": str(problem.code),
        "hint": problem.hint or None,
        **problem.more,
    }


def answer(problem: HttpProblem) -> JSONResponse:
    """Return the response of a problem."""
    return JSONResponse(
        as_json(problem), problem.status, headers=problem.headers, media_type="application/problem+json"
    )
