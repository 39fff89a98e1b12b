"""Standard input and output as lines of JSON: bounded, and a line that is no message is answered with an error."""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from mcp_types import INVALID_REQUEST, PARSE_ERROR, jsonrpc_message_adapter

if TYPE_CHECKING:
    from typing import BinaryIO, Self

LONGEST_MESSAGE = 32 << 20
"""Bytes: enough for a plan of 100,000 rows."""
_CHECKED = 1 << 16
"""Longer messages are read once only, by the protocol, unless they may have half a character."""
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class Incoming:
    """The messages of the client. `has_ended` is true once it has closed its end."""

    def __init__(self, stream: BinaryIO, out: Outgoing) -> None:
        self.has_ended = False
        self._stream, self._out = stream, out

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            line = await anyio.to_thread.run_sync(self._next, abandon_on_cancel=True)
            if line is None:
                await self._out.refuse(INVALID_REQUEST, f"The message is longer than {LONGEST_MESSAGE >> 20} MB.")
            elif not line:
                self.has_ended = True
                raise StopAsyncIteration
            elif line.strip() and (why := _fault(line)):
                await self._out.refuse(PARSE_ERROR, why, _request(line))
            elif line.strip():
                return line.decode(errors="replace")

    def _next(self) -> bytes | None:
        """Return the next line, empty at the end, None for one that is too long."""
        line = self._stream.readline(LONGEST_MESSAGE + 1)
        if len(line) <= LONGEST_MESSAGE:
            return line
        while line and not line.endswith(b"\n"):
            line = self._stream.readline(1 << 20)
        return None


def _fault(line: bytes) -> str:
    """Return why a line is no message, empty if it is one."""
    if len(line) > _CHECKED and not _HALF.search(line):
        return "" if line.lstrip().startswith(b"{") else "The message is no JSON object."
    try:
        jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        return "The line is no JSON-RPC message: send one JSON object on each line."
    return ""


def _request(line: bytes) -> str | int | None:
    """Return the id of a request that cannot be read whole, so that its client does not wait for ever.

    JavaScript writes a name that is not UTF-8 with half a character, which is JSON, but no text.
    """
    try:
        found = json.loads(line.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    number = found.get("id") if isinstance(found, dict) and isinstance(found.get("method"), str) else None
    return number if isinstance(number, str | int) and not isinstance(number, bool) else None


class Outgoing:
    """The messages to the client, one at a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = anyio.Lock()

    async def write(self, text: str) -> None:
        """Write whole lines."""
        async with self._lock:
            await anyio.to_thread.run_sync(self._write, text.encode(errors="replace"))

    async def flush(self) -> None:
        """Nothing is kept back."""

    async def refuse(self, code: int, message: str, request: str | int | None = None) -> None:
        """Answer what is no message of the protocol; `request` is its id, if it has one."""
        error: dict[str, Any] = {"jsonrpc": "2.0", "id": request, "error": {"code": code, "message": message}}
        await self.write(json.dumps(error) + "\n")

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the client has gone: its end of the input says so, too
            while data:
                data = data[os.write(self._fd, data) :]
