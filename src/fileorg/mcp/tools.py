"""The tools: what an assistant can ask fileorg for. Each returns an answer, or raises an error with a way out."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
import anyio.from_thread
import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from fileorg.core.confinement import client_name
from fileorg.core.errors import ErrorCode, FileorgError, GuardRefused
from fileorg.core.figures import plural
from fileorg.jobs.command import RowWindow, run_command
from fileorg.jobs.found import ENDED, look_at, progress_of
from fileorg.mcp.answers import answer
from fileorg.mcp.proposals import Pattern, Place, Proposal, command_of
from fileorg.mcp.proposed_plans import Plans, job_facts
from fileorg.workflows.undo_part import pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp.server.mcpserver import MCPServer

    from fileorg.jobs.command import CommandAnswer
    from fileorg.jobs.found import FoundJob
    from fileorg.mcp.boundary import Boundary
    from fileorg.mcp.settings import ServerSettings

    Ask = Context[Any, Any]

_PAUSE_SECONDS = 0.1
_MOST_NOTES = 20
_PREVIEW_ROWS = 20

Number = Annotated[int, Field(ge=1, le=2**53)]
First = Annotated[int, Field(ge=0, le=2**40, description="How many rows to skip.")]
Rows = Annotated[int, Field(ge=1, le=200, description="How many rows to return.")]
Seconds = Annotated[
    float, Field(ge=0, le=600, description="How long to wait for the end; it goes on in the background after that.")
]

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_PLANS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
_CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


class Tools:
    """The tools of one server. `is_open` says whether the client is still there."""

    def __init__(self, settings: ServerSettings, boundary: Boundary, is_open: Callable[[], bool]) -> None:
        self._settings, self._boundary, self._is_open = settings, boundary, is_open
        self.plans = Plans(boundary)

    def register(self, server: MCPServer[Any]) -> None:
        """Add the tools that the settings allow."""
        reading: tuple[Any, ...] = (
            self.scan, self.list_files, self.explain, self.duplicates, self.history, self.report, self.categories,
            self.show_plan,
        )  # fmt: skip
        for tool in reading:
            server.add_tool(tool, name="list" if tool == self.list_files else None, annotations=_READS)
        if self._settings.allow_changes:
            server.add_tool(self.propose_plan, annotations=_PLANS)
            changing: tuple[Any, ...] = (self.apply_plan, self.undo, self.redo, self.cancel)
            for tool in changing:
                server.add_tool(tool, annotations=_CHANGES)

    # Look ---------------------------------------------------------------------------------------------------------

    async def scan(self, ctx: Context, folder: Place) -> dict[str, Any]:
        """Summarize a folder and all below it: files and bytes by category, the largest and oldest files, empty files
        and folders, broken symlinks, and what fileorg would leave alone. Changes nothing.
        """
        found = await self._run(ctx, "scan", "--", self._boundary.path(folder))
        return answer({}, found.document)

    async def list_files(
        self, ctx: Context, folder: Place, *, recursive: bool = False, first: First = 0, rows: Rows = 50
    ) -> dict[str, Any]:
        """List the files of a folder with their categories and the evidence for them (extension, or content), a page
        at a time, and its subfolders. Changes nothing.
        """
        path = self._boundary.path(folder)
        depth = [] if recursive else ["--max-depth=0"]
        found = await self._run(ctx, "categorize", *depth, "--", path, window=RowWindow(first, rows))
        folders, more = await anyio.to_thread.run_sync(self.plans.subfolders, path, rows)
        total = found.rows.get("files", 0)
        facts = {"total": total, "first": first, "next": _next(first, rows, total), "more_folders": more}
        return answer(facts, {**(found.document or {}), "folders": folders})

    async def explain(
        self, ctx: Context, files: Annotated[list[Place], Field(min_length=1, max_length=50)]
    ) -> dict[str, Any]:
        """Say for each file where organize would move it, or why it stays: its group, the rule or the evidence that
        decides, a program that has it open. Changes nothing.
        """
        found = await self._run(ctx, "explain", "--", *map(self._boundary.path, files), reports=False)
        return answer({}, found.document)

    async def duplicates(
        self,
        ctx: Context,
        folders: Annotated[list[Place], Field(min_length=1, max_length=50)],
        first: First = 0,
        rows: Rows = 20,
    ) -> dict[str, Any]:
        """Find groups of files with the same content, most wasted space first, and duplicate folders. The first file of
        a group is the one that dedupe would keep. Changes nothing.
        """
        paths = map(self._boundary.path, folders)
        found = await self._run(ctx, "dedupe", "--", *paths, window=RowWindow(first, rows))
        total = found.rows.get("duplicates", 0)
        return answer({"total": total, "first": first, "next": _next(first, rows, total)}, found.document)

    async def history(self, first: First = 0, rows: Rows = 25) -> dict[str, Any]:
        """List the operations in the folders of this server, newest first: what each did, whether it is undone, and
        which program asked for it.
        """
        total, found = await anyio.to_thread.run_sync(self.plans.history, first, rows)
        facts = {"total": total, "first": first, "next": _next(first, rows, total)}
        return answer(facts, {"operations": found})

    async def report(self, ctx: Context, operation: Number, first: First = 0, rows: Rows = 50) -> dict[str, Any]:
        """Report one operation: totals by category, where files went, problems and their reasons, and its records, a
        page at a time.
        """
        return await self._reported(ctx, operation, first, rows)

    async def categories(self, ctx: Context) -> dict[str, Any]:
        """List the categories and their extensions, as the person has set them."""
        return await self._document(ctx, "categories")

    async def show_plan(self, plan: Number, first: First = 0, rows: Rows = 50) -> dict[str, Any]:
        """Show a plan that was proposed: what became of it, its totals, and its rows, a page at a time."""
        found = await anyio.to_thread.run_sync(self.plans.job, plan)
        return await self._shown(found, first, rows)

    # Change -------------------------------------------------------------------------------------------------------

    async def propose_plan(self, ctx: Context, call: Proposal) -> dict[str, Any]:
        """Plan changes, and change nothing: organize, dedupe, clean, or rows of your own. Everything is checked. The
        answer has the number of the plan, its totals, problems, and its first rows. Show them to the person, then
        apply_plan with the number.
        """
        name, words, given = command_of(call, self._boundary)
        limit = [f"--max-changes={self._settings.max_changes}"] if self._settings.approve == "never" else []
        return await self._proposed(ctx, name, *limit, *words, given=given)

    async def apply_plan(self, ctx: Context, plan: Number, wait_seconds: Seconds = 45) -> dict[str, Any]:
        """Carry out a plan that was proposed, only if no file of it has changed since. Nothing is overwritten, and undo
        takes it back. A plan that the person has to approve is left to them: the answer says how.
        """
        found = await anyio.to_thread.run_sync(self.plans.waiting, plan)
        return await self._applied(ctx, found, wait_seconds)

    async def undo(
        self,
        ctx: Context,
        operation: Number,
        only: Annotated[
            list[Place], Field(max_length=50, description="Only these files or folders, by their paths now or before.")
        ] = [],  # noqa: B006  it is only read
        category: Annotated[list[Pattern], Field(max_length=20, description="Only files of these categories.")] = [],  # noqa: B006
        later: Annotated[
            Literal["first", "leave"] | None,
            Field(
                description="With only or category, for files that later operations moved: undo those first, or leave"
                " the files."
            ),
        ] = None,
        wait_seconds: Seconds = 45,
    ) -> dict[str, Any]:
        """Take back an operation, or a part of it: each file gets its old name and place again. redo reverses it."""
        await anyio.to_thread.run_sync(self.plans.operation, operation)
        words: list[str | bytes] = [f"--category={each}" for each in category]
        words += [f"--later={later}"] if later is not None else []
        words += ["--", str(operation), *(pattern_of(self._boundary.path(place)) for place in only)]
        return await self._reverted(ctx, "undo", words, wait_seconds)

    async def redo(self, ctx: Context, operation: Number, wait_seconds: Seconds = 45) -> dict[str, Any]:
        """Take back an undo: the operation is done again. The number is that of the undo."""
        await anyio.to_thread.run_sync(self.plans.operation, operation)
        return await self._reverted(ctx, "redo", ["--", str(operation)], wait_seconds)

    async def cancel(self, ctx: Context, plan: Number) -> dict[str, Any]:
        """Cancel a plan: one that waits is never carried out, one that is running ends between two files. What is done
        stays done, and undo takes it back.
        """
        await anyio.to_thread.run_sync(self.plans.job, plan)
        await self._run(ctx, "jobs", "--", "cancel", str(plan), reports=False)
        found = await anyio.to_thread.run_sync(self.plans.job, plan)
        return answer(job_facts(found))

    # Resources ----------------------------------------------------------------------------------------------------

    async def category_list(self) -> dict[str, Any]:
        """Return the categories and their extensions."""
        return await self._document(None, "categories")

    async def rule_list(self) -> dict[str, Any]:
        """Return the rules, and what is wrong with them."""
        return await self._document(None, "rules", "list")

    async def last_report(self) -> dict[str, Any]:
        """Return the report of the last operation in the folders of this server."""
        _, found = await anyio.to_thread.run_sync(self.plans.history, 0, 1)
        return await self._reported(None, found[0]["operation"], 0, 50) if found else answer({"operation": None})

    # How ----------------------------------------------------------------------------------------------------------

    async def _document(self, ctx: Ask | None, *words: str) -> dict[str, Any]:
        found = await self._run(ctx, *words, reports=False)
        return answer({}, found.document)

    async def _reported(self, ctx: Ask | None, operation: int, first: int, rows: int) -> dict[str, Any]:
        await anyio.to_thread.run_sync(self.plans.operation, operation)
        found = await self._run(ctx, "report", "-o", "-", "--", str(operation), window=RowWindow(first, rows))
        total = found.rows.get("records", 0)
        return answer({"total": total, "first": first, "next": _next(first, rows, total)}, found.document)

    async def _proposed(self, ctx: Ask, name: str, *words: str | bytes, given: bytes = b"") -> dict[str, Any]:
        notes: list[str] = []
        found = await self._run(ctx, name, "--hold", "--yes", "--wait=20s", *words, given=given, notes=notes)
        number = (found.document or {}).get("job")
        if number is None:
            facts = {"plan": None, "status": "nothing to do", "say": "Nothing would be changed."}
            return answer(facts, {**(found.document or {}), "notes": notes})
        held = await anyio.to_thread.run_sync(self.plans.job, number)
        problems = found.document.get("refused_rows", [])
        return await self._shown(held, 0, _PREVIEW_ROWS, notes, problems)

    async def _shown(
        self, found: FoundJob, first: int, size: int, notes: Sequence[str] = (), problems: Sequence[Any] = ()
    ) -> dict[str, Any]:
        """Return a plan with a part of its rows."""
        number = found.row.id
        shown = await anyio.to_thread.run_sync(self.plans.preview, number, first, size)
        total = shown.get("totals", {}).get("rows", 0)
        facts = job_facts(found)
        if found.state == "waiting":
            facts["say"] = self._way_on(found)
        more = {"first": first, "next": _next(first, size, total), **shown.pop("totals", {})}
        return answer({**facts, **more}, {**shown, "notes": [*notes], "problems": [*problems]})

    def _way_on(self, found: FoundJob) -> str:
        """Return how a plan that waits goes on."""
        number = found.row.id
        if self._settings.waits(found.row.files):
            return (
                f"Plan {number} changes {plural(found.row.files, 'file')}, so it waits for the person. No tool can"
                f" approve it: they do, in a terminal, with: fileorg jobs approve {number}"
            )
        return f"Nothing is changed yet. Carry it out with apply_plan, plan {number}; or drop it with cancel."

    async def _applied(self, ctx: Ask, found: FoundJob, seconds: float) -> dict[str, Any]:
        """Carry out a plan that waits, unless it is for the person to approve."""
        number, files = found.row.id, found.row.files
        if self._settings.waits(files):
            return answer({**job_facts(found), "say": self._way_on(found)})
        if self._settings.approve == "never" and files > self._settings.max_changes:
            raise GuardRefused(
                f"Plan {number} changes {plural(files, 'file')}, more than the {self._settings.max_changes:,} that this"
                " server allows.",
                hint="propose smaller plans",
                code=ErrorCode.TOO_MANY_CHANGES,
            )
        await anyio.to_thread.run_sync(self.plans.check_unchanged, number)
        with anyio.CancelScope(shield=True):  # begun or not, nothing in between
            await self._run(None, "jobs", "--", "approve", str(number), reports=False, client=_client(ctx))
        try:
            found = await self._ended(ctx, number, seconds)
        except anyio.get_cancelled_exc_class():
            if self._is_open():  # the client asks for the end; one that is gone does not
                with anyio.CancelScope(shield=True), contextlib.suppress(FileorgError):
                    await self._run(None, "jobs", "--", "cancel", str(number), reports=False)
            raise
        return await self._result(ctx, found)

    async def _ended(self, ctx: Ask, number: int, seconds: float) -> FoundJob:
        """Wait for the end of a job, and report its progress; return it as it is when the time is over."""
        until = anyio.current_time() + seconds
        reported = -1
        while True:
            is_alive, said = await anyio.to_thread.run_sync(look_at, self.plans.state, number)
            if not is_alive or anyio.current_time() >= until:  # only then is the journal asked
                found = await anyio.to_thread.run_sync(self.plans.job, number)
                if found.state in ENDED or anyio.current_time() >= until:
                    return found
            progress = progress_of(said)
            if progress is not None and progress.files > reported and progress.stage != "scan":
                reported = progress.files
                await ctx.report_progress(reported, progress.total, progress.stage)
            await anyio.sleep(_PAUSE_SECONDS)

    async def _result(self, ctx: Ask, found: FoundJob) -> dict[str, Any]:
        facts = job_facts(found)
        problems: list[Any] = []
        for operation in found.operations:
            asked = ["--problems", str(operation.id)]
            listed = await self._run(ctx, "history", *asked, reports=False, window=RowWindow(0, _MOST_NOTES))
            problems += listed.document["problems"]
        number = found.row.id
        if found.state not in ENDED:
            facts["say"] = (
                f"It goes on in the background. show_plan, plan {number}, says how far it is; cancel ends it."
            )
        elif found.operations:
            operations = " and ".join(str(each.id) for each in found.operations)
            back = "redo" if found.row.kind == "undo" else "undo"
            facts["say"] = f"{back}, operation {operations}, takes it back."
        return answer(facts, {"problems": problems})

    async def _reverted(self, ctx: Ask, name: str, words: Sequence[str | bytes], seconds: float) -> dict[str, Any]:
        found = await self._run(ctx, name, "--hold", "--yes", "--wait=20s", *words)
        number = (found.document or {}).get("job")
        if number is None:
            return answer({"plan": None, "status": "nothing to do"}, found.document or {})
        held = await anyio.to_thread.run_sync(self.plans.waiting, number)
        try:
            return await self._applied(ctx, held, seconds)
        except GuardRefused:  # nobody will ask for it again
            await self._run(None, "jobs", "--", "cancel", str(number), reports=False)
            raise

    async def _run(
        self,
        ctx: Ask | None,
        *words: str | bytes,
        given: bytes = b"",
        notes: list[str] | None = None,
        window: RowWindow | None = None,
        reports: bool = True,
        client: str = "",
    ) -> CommandAnswer:
        """Run a command in a process of its own, confined to the folders. Its progress is that of the request, and it
        ends with the request. Raises `FileorgError`.
        """
        stopped = threading.Event()
        events = _Events(ctx, notes) if reports and ctx is not None else None
        run = partial(
            run_command,
            words,
            given=given,
            environment=self._boundary.environment(client or _client(ctx)),
            on_event=events,
            stop=stopped.is_set,
            window=window,
        )

        async def stop_with_the_request() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                stopped.set()

        failed: list[FileorgError | OSError] = []
        async with anyio.create_task_group() as group:
            group.start_soon(stop_with_the_request)
            try:
                found = await anyio.to_thread.run_sync(run)
            except (FileorgError, OSError) as error:  # a group would wrap it
                failed.append(error)
            group.cancel_scope.cancel()
        if failed:
            raise failed[0]
        return found._replace(document=self._boundary.cleared(found.document))


class _Events:
    """Passes the progress of a command on to the client, and keeps its notes."""

    def __init__(self, ctx: Ask, notes: list[str] | None) -> None:
        self._ctx, self._notes = ctx, notes
        self._before = self._in_stage = 0
        self._stage = ""

    def __call__(self, event: dict[str, Any]) -> None:
        match event.get("event"):
            case "stage":
                self._before, self._in_stage = self._before + self._in_stage, 0
                self._stage = str(event["stage"])
            case "advance":
                self._in_stage = int(event["files"])
                done = self._before + self._in_stage  # of all stages: the protocol wants numbers that grow
                with contextlib.suppress(Exception, asyncio.CancelledError):  # a client that does not listen any more
                    anyio.from_thread.run(self._ctx.report_progress, done, None, self._stage)
            case "note" if self._notes is not None and len(self._notes) < _MOST_NOTES:
                self._notes.append(str(event["message"]))


def _client(ctx: Ask | None) -> str:
    """Return the name that the client gives itself."""
    params = None if ctx is None else ctx.request_context.session.client_params
    info = None if params is None else params.client_info
    return client_name((info.title or info.name) if info is not None else "") or "an assistant"


def _next(first: int, size: int, total: int) -> int | None:
    """Return where the next page begins, None if there is none."""
    return first + size if first + size < total else None
