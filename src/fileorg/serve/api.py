"""The endpoints of `/api/v1`."""

from __future__ import annotations

import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from fileorg import __version__
from fileorg.core.confinement import allowed_folders, is_in_place
from fileorg.core.errors import ErrorCode, FileorgError
from fileorg.core.formats import named
from fileorg.core.model import RecordState, SortBy
from fileorg.core.tuples import NamedTuple
from fileorg.jobs.command import CommandError, run_command
from fileorg.jobs.function_process import call
from fileorg.report.schemas import SCHEMAS
from fileorg.serve import journal_pages, pictures, plans, profiles, report_files
from fileorg.serve.configuration_process import ADD_RULE, SET
from fileorg.serve.endpoints import MOST_ROWS, ApiRequest, Endpoint, QueryParameter
from fileorg.serve.sessions import READS_FOR_ONE_REQUEST
from fileorg.serve.shapes import GivenPath, array_schema, as_plain, null_or, object_schema, schema_of
from fileorg.workflows.add_rule import NewRule
from fileorg.workflows.change_settings import TABLES as SETTING_TABLES
from fileorg.workflows.change_settings import SettingsWanted
from fileorg.workflows.change_settings import settings as read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.report.schemas import Schema
    from fileorg.serve.runs import StartedCommand

V1 = "/api/v1"
_MOST_PREVIEW_SECONDS = 120.0
_NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": 10**15 - 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_NEXT: Schema = {"type": ["integer", "null"], "description": "`before` of the next page; null on the last one"}
_BEFORE = QueryParameter("before", _NUMBER, "Only those with a lower number: `next` of the page before.")
_LIMIT = QueryParameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}, "The most rows of a page.")
_PAGE = QueryParameter("page", {"type": "integer", "minimum": 1, "maximum": 10**9}, "The page, from 1.")
_PAGE_SIZE = QueryParameter("page_size", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}, "The rows of a page.")


def _shape(name: str) -> Schema:
    return SCHEMAS[name][1]


_PLACE = object_schema(path=_TEXT)
_OPERATION: Schema = _shape("history")["properties"]["operations"]["items"]
_JOB = _shape("job")
_PROGRESS = null_or(object_schema(stage=_TEXT, files=_COUNT, total=null_or(_COUNT)))
_RUN = object_schema(
    run=_NUMBER,
    kind=_TEXT,
    status={"enum": ["running", "done", "failed"]},
    progress=_PROGRESS,
    answer=null_or({"type": "object"}),
    problem=null_or({"type": "object"}),
)
_ROW: Schema = {
    **_shape("plan")["properties"]["rows"]["items"],
    "properties": {
        "row": _COUNT,
        **_shape("plan")["properties"]["rows"]["items"]["properties"],
        "together": null_or(_NUMBER),
    },
}
_SETTINGS = object_schema(
    **{name: schema_of(kind) for name, kind in SETTING_TABLES.items()},
    version=_TEXT,
    limits=object_schema(requests_per_minute=_COUNT, operations_per_hour=_COUNT),
    tells=object_schema(notify=_FLAG, webhook=_FLAG),
)
_BACK: Schema = {
    "type": "object",
    "properties": {"job": null_or(_NUMBER), "kind": _TEXT, "status": _TEXT},
    "required": ["job"],
}


# The server itself ----------------------------------------------------------------------------------------------------


def about(asked: ApiRequest) -> dict[str, Any]:
    """Return what this server serves."""
    served = asked.served
    in_place = {folder.path for folder in allowed_folders() or () if is_in_place(folder)}
    return {
        "version": __version__,
        "roots": [{**named("path", root), "is_there": root in in_place} for root in served.roots],
        **named("state_dir", served.state.path),
        **named("configuration", served.configuration),
        "limits": {
            "requests_per_minute": served.requests_per_minute,
            "reads_per_minute": served.requests_per_minute * READS_FOR_ONE_REQUEST,
            "operations_per_hour": served.operations_per_hour,
        },
    }


# Searches -------------------------------------------------------------------------------------------------------------


class SearchWanted(NamedTuple):
    """Folders to look through, with all that is below them: files by category, or groups of duplicates."""

    paths: list[GivenPath]


async def scan(asked: ApiRequest) -> dict[str, Any]:
    """Begin to count the files of folders by category."""
    return await _search(asked, "scan", lambda document: document)


async def find_duplicates(asked: ApiRequest) -> dict[str, Any]:
    """Begin to look for duplicates; `GET /duplicates` lists what was found last."""
    return await _search(asked, "dedupe", lambda document: {"summary": document["summary"]})


async def _search(asked: ApiRequest, kind: str, take: Callable[[Any], Any]) -> dict[str, Any]:
    served = asked.served
    # A folder of a disk that does not answer must not stop the server.
    paths = await run_in_threadpool(lambda: [served.folder(place.raw) for place in asked.body.paths])
    return asked.runs.begin(kind, [kind, *served.configured, "--", *paths], take).as_json()


def run(asked: ApiRequest) -> dict[str, Any]:
    """Return a command that a request has begun."""
    return asked.runs.of(asked.number).as_json()


async def stop_run(asked: ApiRequest) -> dict[str, Any]:
    """Ask a command to end."""
    found = asked.runs.of(asked.number)
    found.stops.set()
    return found.as_json()


# Categories and rules -------------------------------------------------------------------------------------------------


class CategoryWanted(NamedTuple):
    """A category to add. `+` before an extension takes it from another category."""

    name: str
    extensions: list[str]


class CategoryEdited(NamedTuple):
    """Extensions to add to a category, and to remove from it."""

    extensions: list[str] = []  # noqa: RUF012  never changed
    without: list[str] = []  # noqa: RUF012


def categories(asked: ApiRequest) -> Any:
    """Return the categories in effect."""
    return run_command(["categories", *asked.served.configured]).document


def add_category(asked: ApiRequest) -> Any:
    """Add a category."""
    return _changed(asked, "add", asked.body.name, asked.body.extensions)


def edit_category(asked: ApiRequest) -> Any:
    """Add extensions to a category, or remove some."""
    return _changed(asked, "edit", asked.path["name"], asked.body.extensions, asked.body.without)


def remove_category(asked: ApiRequest) -> Any:
    """Remove a category, or its changes."""
    return _changed(asked, "remove", asked.path["name"], [])


def restore_category(asked: ApiRequest) -> Any:
    """Take back the last change of a category."""
    return _changed(asked, "restore", asked.path["name"], [])


def _changed(asked: ApiRequest, what: str, name: str, extensions: list[str], without: list[str] | None = None) -> Any:
    options = [*asked.served.configured, *(f"--without={each}" for each in without or ())]
    return run_command(["categories", *options, "--", what, name, *extensions]).document


def category_changes(asked: ApiRequest) -> Any:
    """Return the changes of categories, newest first."""
    return run_command(["categories", *asked.served.configured, "changes"]).document


def rules(asked: ApiRequest) -> Any:
    """Return the rules in the order in which they decide, and likely mistakes in them."""
    if not os.path.lexists(asked.served.configuration):
        return {"rules": [], "findings": []}
    return run_command(["rules", *asked.served.configuration_option, "check"]).document


def make_rule(asked: ApiRequest) -> dict[str, Any]:
    """Make a rule from one file: for its extension, or for the beginning of its name."""
    return _change(asked, ADD_RULE)


class PreviewWanted(NamedTuple):
    """A folder to try rules on: those of the configuration, or those of `text`, which is a whole `fileorg.toml`. `rule`
    is added to them. `examples` is the number of files that are named for each rule.
    """

    path: GivenPath
    text: str | None = None
    rule: NewRule | None = None
    recursive: bool = False
    examples: int = 5


async def preview_rules(asked: ApiRequest) -> dict[str, Any]:
    """Begin to find out what each rule and category matches."""
    wanted, served = asked.body, asked.served
    root = await run_in_threadpool(served.folder, wanted.path.raw)
    given = {**as_plain(wanted), "root": os.fsdecode(root)}
    words: list[str | bytes] = [served.state.path, served.configuration]

    def work(started: StartedCommand) -> Any:
        until = time.monotonic() + _MOST_PREVIEW_SECONDS
        try:
            return call(
                "fileorg.serve.preview_process",
                words,
                given,
                stop=lambda: started.stops.is_set() or time.monotonic() > until,
            )
        except CommandError as error:
            if error.code is not ErrorCode.INTERRUPTED or started.stops.is_set():
                raise
            raise FileorgError(
                f"The rules could not be tried within {_MOST_PREVIEW_SECONDS:.0f} s.",
                hint="try them on a smaller folder, or without subfolders",
                code=ErrorCode.INTERRUPTED,
            ) from error

    return asked.runs.begin_work("preview", work).as_json()


# Settings -------------------------------------------------------------------------------------------------------------


def settings(asked: ApiRequest) -> dict[str, Any]:
    """Return the settings of the configuration."""
    return read_settings(asked.served.configuration)


def change_settings(asked: ApiRequest) -> dict[str, Any]:
    """Set tables of the configuration, and return all settings."""
    return _change(asked, SET)


def _change(asked: ApiRequest, what: str) -> dict[str, Any]:
    words: list[str | bytes] = [what, asked.served.state.path, asked.served.configuration]
    return call("fileorg.serve.configuration_process", words, as_plain(asked.body))


# The table ------------------------------------------------------------------------------------------------------------

_FILE_QUERY = (
    QueryParameter("operation_id", _NUMBER, "The operation. Default: the last one in the folders of this server."),
    _PAGE,
    _PAGE_SIZE,
    QueryParameter("status", {"enum": [*map(str, RecordState), "stays"]}, "Only files with this status.", several=True),
    QueryParameter("category", _TEXT, "Only files of this category.", several=True),
    QueryParameter("sort", {"enum": [str(each) for each in SortBy]}, "The order."),
    QueryParameter("reverse", _FLAG, "Reverse the order."),
)
_PAGES = (_PAGE, _PAGE_SIZE)
_ACCEPTED, _CREATED = HTTPStatus.ACCEPTED, HTTPStatus.CREATED

ENDPOINTS = (
    Endpoint(
        "GET",
        "",
        about,
        "What this server serves",
        object_schema(
            version=_TEXT,
            roots=array_schema({"type": "object"}),
            state_dir=_TEXT,
            configuration=_TEXT,
            limits={"type": "object"},
        ),
    ),
    Endpoint(
        "GET",
        "/profiles",
        profiles.profiles,
        "The profiles of the configuration",
        object_schema(profiles=array_schema({"type": "object"})),
    ),
    Endpoint(
        "GET",
        "/operations",
        journal_pages.operations,
        "Operations, newest first",
        object_schema(operations=array_schema(_OPERATION), next=_NEXT),
        (_BEFORE, _LIMIT),
    ),
    Endpoint("GET", "/operations/{id:number}", journal_pages.operation, "One operation", _OPERATION),
    Endpoint(
        "GET",
        "/operations/{id:number}/duplicates",
        journal_pages.operation_duplicates,
        "The duplicates that an operation processed",
        _shape("duplicates"),
        _PAGES,
    ),
    Endpoint(
        "GET",
        "/operations/{id:number}/report",
        report_files.report,
        "The report on an operation, as a file",
        {"type": "string", "format": "binary"},
        (QueryParameter("format", {"enum": [*report_files.TYPES]}, "The form. Default: html."),),
        media_type="*/*",
    ),
    Endpoint(
        "POST",
        "/operations/{id:number}/undo",
        plans.undo,
        "Undo an operation, or a part of it",
        _BACK,
        body=plans.UndoWanted,
        status=_ACCEPTED,
        changes=True,
    ),
    Endpoint(
        "POST",
        "/operations/{id:number}/redo",
        plans.redo,
        "Redo what an undo took back",
        _BACK,
        body=plans.UndoWanted,
        status=_ACCEPTED,
        changes=True,
    ),
    Endpoint("GET", "/files", journal_pages.files, "The files of an operation", _shape("files"), _FILE_QUERY),
    Endpoint(
        "GET",
        "/duplicates",
        journal_pages.duplicates,
        "The duplicates that were found last",
        _shape("duplicates"),
        _PAGES,
    ),
    Endpoint("POST", "/plans", plans.make, "Begin to make a plan", _RUN, body=plans.PlanWanted, status=_ACCEPTED),
    Endpoint(
        "GET",
        "/plans/{id:number}",
        plans.head,
        "What the plan of a job is about",
        object_schema(
            job=_NUMBER,
            kind=_TEXT,
            status=_TEXT,
            files=_COUNT,
            roots=array_schema(_PLACE),
            facts={"type": "object"},
            version=_TEXT,
            has_columns=_FLAG,
        ),
    ),
    Endpoint(
        "GET",
        "/plans/{id:number}/rows",
        plans.rows,
        "Rows of a plan",
        object_schema(job=_NUMBER, rows=array_schema(_ROW), next=null_or(_TEXT), version=_TEXT),
        (QueryParameter("after", _TEXT, "`next` of the page before."), _LIMIT),
    ),
    Endpoint(
        "GET",
        "/plans/{id:number}/columns",
        plans.columns,
        "A plan as binary columns",
        {"type": "string", "format": "binary"},
        media_type="application/octet-stream",
    ),
    Endpoint(
        "POST",
        "/plans/{id:number}/edits",
        plans.edit,
        "Leave files out of a plan, or give them another folder",
        object_schema(job=_NUMBER, files=_COUNT, left_out=_COUNT, moved=_COUNT, version=_TEXT),
        body=plans.Edited,
    ),
    Endpoint("POST", "/scans", scan, "Begin to count files by category", _RUN, body=SearchWanted, status=_ACCEPTED),
    Endpoint(
        "POST", "/searches", find_duplicates, "Begin to look for duplicates", _RUN, body=SearchWanted, status=_ACCEPTED
    ),
    Endpoint("GET", "/runs/{id:number}", run, "A command that a request has begun", _RUN),
    Endpoint("DELETE", "/runs/{id:number}", stop_run, "Stop a command", _RUN),
    Endpoint(
        "GET",
        "/jobs",
        journal_pages.jobs,
        "Jobs, newest first",
        object_schema(jobs=array_schema(_JOB), next=_NEXT),
        (_BEFORE, _LIMIT),
    ),
    Endpoint("GET", "/jobs/{id:number}", journal_pages.one_job, "One job", _JOB),
    Endpoint("GET", "/jobs/{id:number}/log", journal_pages.job_log, "The log of a job", _shape("job log")),
    Endpoint(
        "POST",
        "/jobs/{id:number}/approve",
        plans.approve,
        "Carry out a plan that waits",
        _JOB,
        body=plans.Agreed,
        status=_ACCEPTED,
        changes=True,
    ),
    Endpoint("POST", "/jobs/{id:number}/cancel", plans.cancel, "End a job, or drop a plan", _JOB),
    Endpoint("POST", "/jobs/{id:number}/resume", plans.resume, "Continue a job", _JOB, status=_ACCEPTED, changes=True),
    Endpoint(
        "POST",
        "/jobs/{id:number}/retry",
        plans.retry,
        "Try the rest of a failed job again",
        _JOB,
        status=_ACCEPTED,
        changes=True,
    ),
    Endpoint(
        "POST",
        "/rules/preview",
        preview_rules,
        "Begin to find out what rules match",
        _RUN,
        body=PreviewWanted,
        status=_ACCEPTED,
    ),
    Endpoint("GET", "/settings", settings, "The settings of the configuration", _SETTINGS),
    Endpoint("PUT", "/settings", change_settings, "Set tables of the configuration", _SETTINGS, body=SettingsWanted),
    Endpoint("GET", "/categories", categories, "The categories in effect", _shape("categories")),
    Endpoint(
        "POST",
        "/categories",
        add_category,
        "Add a category",
        _shape("categories"),
        body=CategoryWanted,
        status=_CREATED,
    ),
    Endpoint(
        "PUT", "/categories/{name}", edit_category, "Change a category", _shape("categories"), body=CategoryEdited
    ),
    Endpoint("DELETE", "/categories/{name}", remove_category, "Remove a category", _shape("categories")),
    Endpoint(
        "POST",
        "/categories/{name}/restore",
        restore_category,
        "Take back the last change of a category",
        _shape("categories"),
    ),
    Endpoint("GET", "/category-changes", category_changes, "Changes of categories", _shape("category changes")),
    Endpoint("GET", "/rules", rules, "The rules, and likely mistakes in them", _shape("rules")),
    Endpoint("POST", "/rules", make_rule, "Add a rule", object_schema(name=_TEXT), body=NewRule, status=_CREATED),
    Endpoint(
        "GET",
        "/thumbnails",
        pictures.picture,
        "A picture of a file",
        {"type": "string", "format": "binary"},
        (
            QueryParameter("path", _TEXT, "The absolute path."),
            QueryParameter("path_b64", _TEXT, "Its bytes, if they are no UTF-8."),
        ),
        media_type="image/*",
    ),
)
"""All endpoints, in the order of their documents."""
