"""The response with the content of a file that is open already: it can be removed or replaced meanwhile."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

_PART_BYTES = 1 << 20
"""Each part takes a turn of a thread and of the loop."""


class OpenedFile(Response):
    """The first `size` bytes of a file, which it closes. They are read in parts: many large files may be asked for."""

    def __init__(self, file: IO[bytes], size: int, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(None, media_type=media_type, headers=headers)
        del self.headers["content-length"]
        self._file, self._left = file, size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        with self._file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while self._left and (part := await run_in_threadpool(self._file.read, min(self._left, _PART_BYTES))):
                self._left -= len(part)
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
