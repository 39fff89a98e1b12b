"""Plans: made by a command that keeps them, shown row by row, edited, and carried out by the number of their job."""

from __future__ import annotations

import contextlib
import os
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from starlette.concurrency import run_in_threadpool

from fileorg.core.errors import FileorgError
from fileorg.core.formats import named
from fileorg.core.names import below
from fileorg.core.tuples import NamedTuple
from fileorg.jobs.command import run_command
from fileorg.jobs.control import PLAN_VERSION
from fileorg.jobs.edit_saved import edit_in_process
from fileorg.jobs.found import saved_plan
from fileorg.report.records import plan_row_fields
from fileorg.serve.journal_pages import check_operation, served_job
from fileorg.serve.opened_file import OpenedFile
from fileorg.serve.problems import HttpCode, HttpProblem
from fileorg.serve.profiles import check_profile
from fileorg.serve.served import outside
from fileorg.serve.shapes import GivenPath

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.responses import Response

    from fileorg.plan.saved_plan import SavedPlan
    from fileorg.serve.endpoints import ApiRequest
    from fileorg.serve.served import Served


class PlanWanted(NamedTuple):
    """A plan to make. The fields are options of the command `kind`; those that it does not have are refused."""

    kind: Literal["organize", "dedupe", "clean"]
    paths: list[GivenPath]
    profile: str | None = None
    dest: GivenPath | None = None
    recursive: bool = False
    max_depth: int | None = None
    by: Literal["category", "date", "extension"] | None = None
    template: str | None = None
    action: str | None = None
    on_conflict: Literal["rename", "skip", "keep-newer", "fail"] | None = None
    remove_empty: bool = False
    include: list[str] = []  # noqa: RUF012  never changed
    exclude: list[str] = []  # noqa: RUF012
    hidden: bool = False
    all_files: bool = False
    by_content: bool = False
    by_name: bool = False
    one_file_system: bool = False
    min_size: str | None = None
    max_size: str | None = None
    newer_than: str | None = None
    older_than: str | None = None
    min_age: str | None = None
    inside_project: bool = False
    keep: list[str] = []  # noqa: RUF012
    prefer: list[str] = []  # noqa: RUF012
    protect: list[str] = []  # noqa: RUF012
    reference: list[GivenPath] = []  # noqa: RUF012
    isolate: bool = False
    empty_files: bool = False
    empty_folders: bool = False
    broken_symlinks: bool = False


class UndoWanted(NamedTuple):
    """What to undo or redo of an operation: all of it, or files by patterns or categories. With `hold`, a plan is kept
    for a look before it is carried out.
    """

    patterns: list[str] = []  # noqa: RUF012
    categories: list[str] = []  # noqa: RUF012
    later: Literal["first", "leave"] | None = None
    include_changed: bool = False
    rename: bool = False
    hold: bool = False


class Edited(NamedTuple):
    """Changes of a plan that waits. Rows are those of `rows` and `columns`, from 0. `leave_out_bits` is for very many
    of them: one bit for each row, the lowest of the first byte for row 0, in base 64.
    """

    version: str
    leave_out: list[int] = []  # noqa: RUF012
    leave_out_bits: str = ""
    move: list[MovedRows] = []  # noqa: RUF012


class MovedRows(NamedTuple):
    """Rows that go to another folder, which is in a root of the plan."""

    rows: list[int]
    folder: GivenPath


class Agreed(NamedTuple):
    """What is agreed to: the plan as it was shown."""

    version: str


_OPTIONS = {"all_files": "everything"}
"""Options whose fields have another name."""


async def make(asked: ApiRequest) -> dict[str, Any]:
    """Begin to make a plan; what it becomes is found by its run."""
    wanted: PlanWanted = asked.body
    served = asked.served
    if not wanted.paths and wanted.profile is None:
        raise HttpProblem(
            HTTPStatus.BAD_REQUEST, HttpCode.BAD_REQUEST, "No folder is named.", "give paths, or a profile"
        )
    # A folder of a disk that does not answer must not stop the server.
    words = await run_in_threadpool(_words, served, wanted)
    return asked.runs.begin(wanted.kind, words, lambda document: _made(served, document)).as_json()


def _words(served: Served, wanted: PlanWanted) -> list[str | bytes]:
    if wanted.profile is not None:
        check_profile(served, wanted.profile)
    words: list[str | bytes] = [wanted.kind, "--hold", *served.configured]
    for name, value in wanted._asdict().items():
        if name not in {"kind", "paths"}:
            words += _option(served, "--" + _OPTIONS.get(name, name).replace("_", "-"), value)
    return [*words, "--", *(served.folder(place.raw) for place in wanted.paths)]


def _option(served: Served, option: str, value: Any) -> list[str | bytes]:
    match value:
        case None | False:
            return []
        case True:
            return [option]
        case GivenPath():
            return [option, served.folder(value.raw)]
        case list():
            return list(chain.from_iterable(_option(served, option, each) for each in value))
        case _:
            return [f"{option}={value}"]


def _made(served: Served, document: Any) -> dict[str, Any]:
    """Return what became of a plan. Raises `HttpProblem`, and drops it, if it leads out of the roots: its path was a
    symlink by then, or a rule has a target elsewhere.
    """
    if not isinstance(document, dict) or "job" not in document:
        return {"job": None, **(document or {})}
    number = int(document["job"])
    with _opened(served, number) as plan:
        strange = [root.path for root in plan.head.roots if root.changes and not served.has(root.path)]
    if strange:
        run_command(["jobs", *served.options, "cancel", str(number)])
        raise outside(strange[0])
    return {"job": number, "kind": document["kind"], "status": document["status"]}


@contextlib.contextmanager
def _opened(served: Served, number: int) -> Iterator[SavedPlan]:
    """Open the plan of a job. Raises `HttpProblem` if it has none."""
    if (plan := saved_plan(served.state, number)) is None:
        raise HttpProblem(HTTPStatus.NOT_FOUND, HttpCode.NOT_FOUND, f"Job {number} has no plan.", "make a new plan")
    with contextlib.closing(plan):
        yield plan


def head(asked: ApiRequest) -> dict[str, Any]:
    """Return what the plan of a job is about."""
    served, number = asked.served, asked.number
    found = served_job(served, number)
    with _opened(served, number) as plan:
        head, version = plan.head, plan.version
    roots = dict.fromkeys(root.path for root in head.roots)
    return {
        "job": number,
        "kind": head.kind,
        "status": str(found.state),
        "files": head.files,
        "roots": [named("path", path) for path in roots],
        "facts": head.facts,
        "version": version,
        "has_columns": os.path.lexists(served.state.of_job(number, b"plan.columns")),
    }


def rows(asked: ApiRequest) -> dict[str, Any]:
    """Return rows of a plan, after the place that `next` of the page before names."""
    served, number = asked.served, asked.number
    served_job(served, number)
    limit = asked.query.get("limit", 100)
    with _opened(served, number) as plan:
        roots, version = [root.path for root in plan.head.roots], plan.version
        found: list[dict[str, Any]] = []
        following = None
        for place, row in plan.rows_from(asked.query.get("after", "")):
            if len(found) == limit:
                following = place.text
                break
            fields = plan_row_fields(row, lambda base, path: below(roots[base], path))
            found.append({"row": place.row, **fields, "together": row.together or None})
    return {"job": number, "rows": found, "next": following, "version": version}


def columns(asked: ApiRequest) -> Response:
    """Return a plan as binary columns: `report/plan_columns.py` describes them."""
    served, number = asked.served, asked.number
    served_job(served, number)
    try:
        file = open(served.state.of_job(number, b"plan.columns"), "rb")  # noqa: SIM115  the response closes it
    except FileNotFoundError:
        raise HttpProblem(
            HTTPStatus.NOT_FOUND, HttpCode.NOT_FOUND, f"The plan of job {number} has no columns.", "read its rows"
        ) from None
    return OpenedFile(file, os.fstat(file.fileno()).st_size, "application/octet-stream")


def edit(asked: ApiRequest) -> dict[str, Any]:
    """Leave rows out of a plan that waits, and give others another folder."""
    served, number = asked.served, asked.number
    wanted: Edited = asked.body
    served_job(served, number)
    folders = [(each.rows, os.fsdecode(served.folder(each.folder.raw))) for each in wanted.move]
    moves = {str(row): folder for rows, folder in folders for row in rows}
    given = {"leave_out": wanted.leave_out, "leave_out_bits": wanted.leave_out_bits, "moves": moves}
    return {"job": number, **edit_in_process(served.state, number, wanted.version, given)}


def approve(asked: ApiRequest) -> dict[str, Any]:
    """Carry out a plan that waits, in the background."""
    served, number = asked.served, asked.number
    served_job(served, number)
    return _job_command(asked, "approve", environment={PLAN_VERSION: asked.body.version})


def cancel(asked: ApiRequest) -> dict[str, Any]:
    """End a job between two files, or drop a plan that waits."""
    served_job(asked.served, asked.number)
    return _job_command(asked, "cancel")


def resume(asked: ApiRequest) -> dict[str, Any]:
    """Continue a job that was interrupted, cancelled or parked, in the background."""
    served_job(asked.served, asked.number)
    return _job_command(asked, "resume", "--background")


def retry(asked: ApiRequest) -> dict[str, Any]:
    """Try the rest of a failed job again, in the background."""
    served_job(asked.served, asked.number)
    return _job_command(asked, "retry", "--background")


def _job_command(
    asked: ApiRequest, what: str, *more: str, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    words = ["jobs", *asked.served.options, *more, what, str(asked.number)]
    return _document(run_command(words, environment=environment).document)


def _document(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise FileorgError("The command wrote no answer.")
    return found


def undo(asked: ApiRequest) -> dict[str, Any]:
    """Undo an operation, or a part of it, in the background."""
    return _back(asked, "undo")


def redo(asked: ApiRequest) -> dict[str, Any]:
    """Redo what an undo took back, in the background."""
    return _back(asked, "redo")


def _back(asked: ApiRequest, kind: str) -> dict[str, Any]:
    served, wanted = asked.served, asked.body
    check_operation(served, asked.number)
    words: list[str | bytes] = [kind, *served.options, "--hold" if wanted.hold else "--background"]
    words += _option(served, "--category", wanted.categories)
    words += _option(served, "--later", wanted.later)
    words += _option(served, "--include-changed", wanted.include_changed)
    words += _option(served, "--rename", wanted.rename)
    document = _document(run_command([*words, "--", str(asked.number), *wanted.patterns]).document)
    if "job" not in document or document.get("operation", 0) is None:
        return {"job": None, **document}
    return document
