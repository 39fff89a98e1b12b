"""Listings of operations, files, duplicates and jobs, read from the journal: a connection of its own per request.

What is not in the roots of the server is neither listed nor found.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, UnknownOperation
from fileorg.core.model import RecordState, SortBy
from fileorg.core.names import display
from fileorg.jobs.found import UnknownJob, found_job
from fileorg.jobs.job_json import job_as_json
from fileorg.jobs.log import log_lines
from fileorg.journal.job_rows import job_rows, operations_of
from fileorg.journal.record_listing import RecordQuery
from fileorg.journal.status import operation_statuses
from fileorg.report.operation_json import operation_as_json
from fileorg.report.records import fields
from fileorg.serve.problems import HttpProblem
from fileorg.workflows.duplicate_pages import groups_on_page
from fileorg.workflows.open_journal import again, open_journal
from fileorg.workflows.reports import files_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.jobs.found import FoundJob
    from fileorg.journal.job_rows import JobRow
    from fileorg.journal.reader import JournalReader
    from fileorg.journal.rows import Operation
    from fileorg.serve.endpoints import ApiRequest
    from fileorg.serve.served import Served

_AT_ONCE = 200


@again
def operations(asked: ApiRequest) -> dict[str, Any]:
    """Return a page of operations, newest first: those before the number `before`."""
    served, limit = asked.served, asked.query.get("limit", 25)
    found: list[dict[str, Any]] = []
    following: int | None = None
    if served.state.has_journal:
        with open_journal(served.state, read_only=True) as journal:
            high = min(asked.query.get("before", 1 << 62), journal.next_operation()) - 1
            for operation, fields_ in _downwards(journal, high):
                if not _is_served(served, journal, operation):
                    continue
                if len(found) == limit:
                    following = found[-1]["operation"]
                    break
                found.append(fields_)
    return {"operations": found, "next": following}


def _downwards(journal: JournalReader, high: int) -> Iterator[tuple[Operation, dict[str, Any]]]:
    while high > 0:
        low = max(1, high - _AT_ONCE + 1)
        page = journal.operations("id BETWEEN ? AND ?", (low, high))
        later = journal.operations("id > ? AND undoes BETWEEN ? AND ?", (high, low, high))
        for each, status in zip(page, operation_statuses(journal, [*later, *page])[len(later) :], strict=True):
            yield each, operation_as_json(each, status)
        high = low - 1


@again
def operation(asked: ApiRequest) -> dict[str, Any]:
    """Return one operation."""
    if not asked.served.state.has_journal:
        raise UnknownOperation(asked.number)
    with open_journal(asked.served.state, read_only=True) as journal:
        found = served_operation(asked.served, journal, asked.number)
        later = journal.operations("undoes = ?", (found.id,))
        return operation_as_json(found, operation_statuses(journal, [*later, found])[-1])


def served_operation(served: Served, journal: JournalReader, number: int) -> Operation:
    """Return an operation all of whose folders are served. Raises `UnknownOperation`."""
    found = journal.operation(number)
    if found is None or not _is_served(served, journal, found):
        raise UnknownOperation(number)
    return found


def _is_served(served: Served, journal: JournalReader, operation: Operation) -> bool:
    """Return whether all folders of an operation are served."""
    return served.has(operation.root) and served.have(root.path for root in journal.roots(operation))


@again
def check_operation(served: Served, number: int) -> None:
    """Raise `UnknownOperation` unless all folders of an operation are served."""
    if not served.state.has_journal:
        raise UnknownOperation(number)
    with open_journal(served.state, read_only=True) as journal:
        served_operation(served, journal, number)


@again
def files(asked: ApiRequest) -> dict[str, Any]:
    """Return a page of the files of an operation."""
    query = asked.query
    number = query["operation_id"] if "operation_id" in query else _last(asked.served)
    page = query.get("page", 1), query.get("page_size", 25)
    if number is None:
        return {"operation": None, "files": [], "total": 0, "page": page[0], "page_size": page[1]}
    check_operation(asked.served, number)
    status = query.get("status", ())
    states = {RecordState(each) for each in status if each != "stays"}
    categories = query.get("category", ())
    found = files_page(
        number,
        RecordQuery(tuple(sorted(states)), tuple(sorted(set(categories))), SortBy(query.get("sort", "record"))),
        page,
        asked.served.state,
        backwards=query.get("reverse", False),
        records=bool(states) or not status,
        stays="stays" in status if status else False if categories else None,
    )
    return {
        "operation": found.operation,
        "files": [fields(line) for line in found.lines],
        "total": found.total,
        "page": page[0],
        "page_size": page[1],
    }


def _last(served: Served) -> int | None:
    """Return the number of the last operation in the roots."""
    if not served.state.has_journal:
        return None
    with open_journal(served.state, read_only=True) as journal:
        pairs = _downwards(journal, journal.next_operation() - 1)
        return next((each.id for each, _ in pairs if _is_served(served, journal, each)), None)


@again
def duplicates(asked: ApiRequest) -> dict[str, Any]:
    """Return a page of the groups that the last search has found."""
    return _groups(asked, None)


@again
def operation_duplicates(asked: ApiRequest) -> dict[str, Any]:
    """Return a page of the groups that an operation processed."""
    check_operation(asked.served, asked.number)
    return _groups(asked, asked.number)


def _groups(asked: ApiRequest, number: int | None) -> dict[str, Any]:
    page = asked.query.get("page", 1), asked.query.get("page_size", 25)
    with groups_on_page(asked.served.state, number, page) as (total, groups):
        found = []
        for group in groups:
            if not asked.served.have(path for path, _ in group.files):
                raise HttpProblem(  # it names no path: whether one exists elsewhere is not to be learned here
                    HTTPStatus.FORBIDDEN,
                    ErrorCode.OUTSIDE,
                    "The last search looked through other folders than those of this server.",
                    "look for duplicates again",
                )
            found.append(group.as_json())
    return {"duplicates": found, "total": total, "page": page[0], "page_size": page[1]}


@again
def jobs(asked: ApiRequest) -> dict[str, Any]:
    """Return a page of jobs, newest first: those before the number `before`."""
    served, limit = asked.served, asked.query.get("limit", 25)
    before = asked.query.get("before", 1 << 62)
    found: list[dict[str, Any]] = []
    following: int | None = None
    if served.state.has_journal:
        with open_journal(served.state, read_only=True) as journal:
            more = journal.more_roots()
            for row in _jobs_before(journal, before):
                if (parts := _served_parts(served, journal, row)) is None:
                    continue
                if len(found) == limit:
                    following = found[-1]["job"]
                    break
                found.append(job_as_json(found_job(served.state, row, parts, more), served.state))
    return {"jobs": found, "next": following}


def _jobs_before(journal: JournalReader, number: int) -> Iterator[JobRow]:
    while rows := job_rows(journal, "id < ?", (number,), limit=_AT_ONCE):
        yield from rows
        number = rows[-1].id


@again
def served_job(served: Served, number: int) -> FoundJob:
    """Return a job whose folders are all served. Raises `UnknownJob`."""
    if served.state.has_journal:
        with open_journal(served.state, read_only=True) as journal:
            for row in job_rows(journal, "id = ?", (number,)):
                if (parts := _served_parts(served, journal, row)) is not None:
                    return found_job(served.state, row, parts, journal.more_roots())
    raise UnknownJob(number)


def _served_parts(served: Served, journal: JournalReader, row: JobRow) -> list[Operation] | None:
    """Return the operations of a job, None unless its folder and all of theirs are served."""
    if not served.has(row.root):
        return None
    found = operations_of(journal, row.id)
    return found if all(_is_served(served, journal, each) for each in found) else None


def one_job(asked: ApiRequest) -> dict[str, Any]:
    """Return a job."""
    return job_as_json(served_job(asked.served, asked.number), asked.served.state)


def job_log(asked: ApiRequest) -> dict[str, Any]:
    """Return the log of a job."""
    served_job(asked.served, asked.number)
    return {"job": asked.number, "lines": [display(line) for line in log_lines(asked.served.state, asked.number)]}
