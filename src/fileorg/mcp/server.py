"""The server: its tools and resources, and what becomes of errors."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError

from fileorg import __version__
from fileorg.core.errors import ErrorCode, FileorgError, UsageError
from fileorg.core.names import display
from fileorg.jobs.command import CommandError
from fileorg.mcp.answers import NOTE, error_answer
from fileorg.mcp.boundary import Boundary
from fileorg.mcp.tools import Tools
from fileorg.mcp.wire import Incoming, Outgoing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp_types import InputRequiredResult, Tool

    from fileorg.mcp.settings import ServerSettings

_CHANGING = frozenset({"propose_plan", "apply_plan", "undo", "redo", "cancel"})
_MOST_FAULTS = 5
_WAYS_OUT = {
    ErrorCode.PLAN_REFUSED: "correct the rows, or set partial to leave these out",
    ErrorCode.TOO_MANY_CHANGES: "propose smaller plans, or ask the person to raise --max-changes of this server",
    ErrorCode.OTHERS_FIRST: "undo the later operations first, or set later",
    ErrorCode.LOCKED: "another run works there: wait, and call the tool again",
    ErrorCode.PART_OF_A_WHOLE: "choose another folder: its files belong together",
    ErrorCode.UNKNOWN_OPERATION: "history lists the operations in the folders of this server",
}
"""What to do about errors of commands whose hints are for a terminal."""
_SENTENCES = {
    ErrorCode.LOCKED: "Another run of fileorg works in this folder, or above or below it.",
    ErrorCode.PART_OF_A_WHOLE: "The folder belongs to a project, or to another folder that is kept whole.",
}
"""Sentences in place of those that may name folders above."""


class FileorgServer(MCPServer[Any]):
    """The server of one client."""

    def __init__(self, settings: ServerSettings, boundary: Boundary, tools: Tools) -> None:
        super().__init__(
            "fileorg", version=__version__, instructions=_instructions(settings, boundary), log_level="CRITICAL"
        )
        self._settings = settings
        tools.register(self)
        self._add_resources(tools)

    async def list_tools(self) -> list[Tool]:
        """Return the tools, with schemas that say that no other argument is taken."""
        closed = {"additionalProperties": False}
        return [
            tool.model_copy(update={"input_schema": tool.input_schema | closed}) for tool in await super().list_tools()
        ]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Each error is an answer: a code, a sentence, and a way out."""
        for tool in await self.list_tools():
            if tool.name == name and (unknown := arguments.keys() - tool.input_schema["properties"].keys()):
                return _as_result(_unknown_argument(name, min(unknown)))
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            return _as_result(_known(error, name, self._settings))

    def _add_resources(self, tools: Tools) -> None:
        for name, read, what in (
            ("categories", tools.category_list, "The categories and their extensions, as the person has set them."),
            ("rules", tools.rule_list, "The rules that decide where files go, before the categories."),
            ("last-report", tools.last_report, "The report of the last operation in the folders of this server."),
        ):
            uri = f"fileorg://{name}"
            self.resource(uri, name=name, description=what, mime_type="application/json")(_readable(read, uri))


def _readable(read: Callable[[], Awaitable[dict[str, Any]]], uri: str) -> Callable[[], Awaitable[str]]:
    """Return the function of a resource; an error is its content, too."""

    async def resource() -> str:
        try:
            return json.dumps(await read(), indent=2)
        except FileorgError as error:
            raise ResourceError(f"{uri}: {json.dumps(error_answer(error))}") from error

    return resource


def _known(error: ToolError, name: str, settings: ServerSettings) -> FileorgError:
    """Return the error behind what the protocol reports."""
    cause = error.__cause__
    while cause is not None and not isinstance(cause, FileorgError | ValidationError | OSError):
        cause = cause.__cause__
    match cause:
        case FileorgError():
            return cause
        case ValidationError():
            faults = cause.errors(include_url=False, include_input=False, include_context=False)
            shown = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in faults[:_MOST_FAULTS]
            )
            return UsageError(
                f"The arguments of {name} do not fit: {display(shown)}.",
                hint=f"see the schema of {name}",
                code=ErrorCode.BAD_VALUE,
            )
        case OSError():
            return FileorgError(
                f"The operating system refused a request: {cause.strerror or type(cause).__name__}.",
                hint="try again, or ask the person to look",
                code=ErrorCode.SYSTEM_ERROR,
            )
    if error.__cause__ is None:
        if name in _CHANGING and not settings.allow_changes:
            return UsageError(
                f"{name} is not available: this server only reads.",
                hint="the person can start it with --allow-changes",
                code=ErrorCode.UNKNOWN_COMMAND,
            )
        return UsageError(
            f"There is no tool {display(name)[:60]}.", hint="list the tools", code=ErrorCode.UNKNOWN_COMMAND
        )
    return FileorgError(
        f"Unexpected error in {name}: {type(error.__cause__).__name__}.",
        hint="try something else, and report it to the authors of fileorg",
        code=ErrorCode.INTERNAL,
    )


def _unknown_argument(tool: str, name: str) -> UsageError:
    """Return the error for an argument that would do nothing, such as `dry_run`."""
    return UsageError(
        f"{tool} has no argument {display(name)[:60]}.", hint=f"see the schema of {tool}", code=ErrorCode.BAD_VALUE
    )


def _as_result(error: FileorgError) -> CallToolResult:
    more = error.document if isinstance(error, CommandError) and isinstance(error.document, dict) else None
    if isinstance(error, CommandError):
        error.hint = _WAYS_OUT.get(error.code, error.hint)
        error.args = (_SENTENCES.get(error.code, str(error)),)
    return CallToolResult(
        content=[TextContent(type="text", text=json.dumps(error_answer(error, more), indent=2))], is_error=True
    )


def _instructions(settings: ServerSettings, boundary: Boundary) -> str:
    """Return what an assistant has to know from the start."""
    folders = "\n".join(f"- {display(root)}" for root in boundary.roots)
    changes = (
        "To change files: propose_plan, show the person what it would do, then apply_plan. Nothing is overwritten or"
        " deleted for good, and undo takes everything back."
        if settings.allow_changes
        else "This server only reads: it cannot change files."
    )
    return (
        f"fileorg sorts, deduplicates and cleans folders. Only these folders exist here:\n{folders}\n{changes}\n{NOTE}"
    )


def serve(settings: ServerSettings) -> int:
    """Serve the client on standard input and output until it ends. Return the exit code."""
    logging.disable()  # what goes wrong is in the answers
    boundary = Boundary(settings.roots)
    anyio.run(_serve, settings, boundary)
    return 0


async def _serve(settings: ServerSettings, boundary: Boundary) -> None:
    out = Outgoing(sys.stdout.fileno())
    incoming = Incoming(sys.stdin.buffer, out)
    server = FileorgServer(settings, boundary, Tools(settings, boundary, lambda: not incoming.has_ended))
    low = server._lowlevel_server  # noqa: SLF001  the server has no public way to run on other streams
    streams: Any = (incoming, out)  # files, as far as the transport uses them
    async with stdio_server(*streams) as (read, write):
        await low.run(read, write, low.create_initialization_options())
    os._exit(0)  # a thread may still wait for a command that nobody needs
