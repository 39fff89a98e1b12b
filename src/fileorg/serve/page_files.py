"""The files of the page, from the package. Only names that are there at the start are served."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response

from fileorg.serve.problems import HttpCode, HttpProblem, answer

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from starlette.requests import Request

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
SHARED = "/report/"
_SHARED_TYPES = frozenset({"js", "css"})


class PageFiles:
    """The files by their path in a URL."""

    def __init__(self) -> None:
        self._files: dict[str, Traversable] = {}
        self._add("/", files("fileorg.serve").joinpath("page"), frozenset(_TYPES))
        # Modules that the report and the page share.
        self._add(SHARED, files("fileorg.report").joinpath("templates"), _SHARED_TYPES)

    def _add(self, path: str, folder: Traversable, types: frozenset[str]) -> None:
        for each in folder.iterdir():
            if each.is_dir():
                self._add(f"{path}{each.name}/", each, types)
            elif each.name.rpartition(".")[2] in types:
                self._files[path + each.name] = each

    def respond(self, request: Request) -> Response:
        """Return a file of the page."""
        path = request.url.path
        found = self._files.get("/index.html" if path == "/" else path)
        if found is None:
            return answer(HttpProblem(HTTPStatus.NOT_FOUND, HttpCode.NOT_FOUND, "There is no such page.", "begin at /"))
        content = found.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=_TYPES[found.name.rpartition(".")[2]], headers=headers)
