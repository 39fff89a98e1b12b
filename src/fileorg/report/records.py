"""Reports for programs: JSON with a schema, and CSV. Both stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from fileorg.core.formats import JsonDocument, iso, named, write_csv
from fileorg.core.model import FOLDER_ACTIONS, REMOVALS, Action
from fileorg.core.names import below, join
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.core.model import Base, PlanRow
    from fileorg.report.content import DuplicateGroup, FolderShare, Line, ReasonShare, Report, Share, Summary

VERSION = 3
"""The version of the JSON; it is raised for changes that can break readers of the old form."""

NO_STATUS = dict.fromkeys(("status", "undone_by", "stopped_early", "partly_purged"))

COLUMNS = (
    "record", "status", "action", "category", "size_bytes", "path", "new_path", "reason", "kept_path",
    "mtime",
)  # fmt: skip


def json_schema() -> str:
    """Return the JSON Schema (2020-12) of `write_json_report`."""
    from importlib.resources import files

    return files("fileorg.report").joinpath("report.schema.json").read_text(encoding="utf-8")


def write_json_report(stream: TextIO, report: Report) -> None:
    """Write the report as one JSON document, as `report.schema.json` describes it, one record per line."""
    document = JsonDocument(stream)
    document.field("format", "fileorg-report")
    document.field("version", VERSION)
    for key, value in _summary(report.summary).items():
        document.field(key, value)
    document.rows("categories", _shares(("category", "files", "size_bytes"), report.categories))
    document.rows("statuses", _shares(("status", "records", "size_bytes"), report.statuses))
    document.rows("reasons", map(_reason, report.reasons))
    document.rows("places", map(_place, report.places))
    sums = report.duplicates
    document.field("duplicates", sums and {"groups": sums[0], "files": sums[1], "reclaimable_bytes": sums[2]})
    document.rows("duplicate_groups", map(group_fields, report.groups()) if sums else ())
    document.rows("records", map(fields, report.lines()))
    document.end()


def _summary(summary: Summary) -> dict[str, Any]:
    seconds = None
    if summary.started_ns is not None and summary.ended_ns is not None:
        seconds = round((summary.ended_ns - summary.started_ns) / 1e9, 3)
    return {
        "operation": summary.operation,
        "job": summary.job,
        "operations": list(summary.operations),
        "kind": summary.kind or None,
        **(NO_STATUS if summary.status is None else summary.status.as_json()),
        "undoes": summary.undoes,
        "way_back": summary.way_back,
        "roots": [named("path", root) for root in summary.roots],
        "dest": None if summary.dest is None else named("path", summary.dest),
        "options": summary.options,
        "started": iso(summary.started_ns),
        "ended": iso(summary.ended_ns),
        "seconds": seconds,
        "files": summary.files,
        "size_bytes": summary.size_bytes,
    }


def _shares(titles: tuple[str, str, str], shares: list[Share]) -> list[dict[str, Any]]:
    return [dict(zip(titles, share, strict=True)) for share in shares]


def _reason(each: ReasonShare) -> dict[str, Any]:
    examples = [named("path", path) for path in each.examples]
    return {
        "status": each.status,
        "reason": each.reason,
        "reason_code": each.code,
        "records": each.records,
        "examples": examples,
    }


def _place(place: FolderShare) -> dict[str, Any]:
    return named("path", place.path) | {"depth": place.depth, "files": place.files, "size_bytes": place.size_bytes}


def fields(line: Line) -> dict[str, Any]:
    """Return the JSON fields of a record. `new_path` is the actual or the planned path: see `status`."""
    found: dict[str, Any] = {"record": line.id or None, "action": line.action}
    path, new_path = _ends(line)
    found |= named_or_null("path", path) | named_or_null("new_path", new_path)
    found |= {
        "category": line.category,
        "status": line.status,
        "size_bytes": size_of(line),
        "mtime": iso(line.mtime_ns),
        "reason": line.reason or None,
        "reason_code": line.reason_code,
    }
    if line.keeper is not None:
        found |= named("kept_path", line.keeper)
    return found


def size_of(line: Line) -> int | None:
    """Return the size of the file of a line; None for a folder, which has none."""
    return None if line.size < 0 or line.action in FOLDER_ACTIONS else line.size


def group_fields(group: DuplicateGroup) -> dict[str, Any]:
    """Return the JSON fields of a duplicate group: the keeper first, then the first duplicates; `count` has all."""
    return {
        "size_bytes": group.size,
        "reclaimable_bytes": group.reclaimable,
        "count": group.number + 1,
        "files": [
            named("path", group.keeper) | {"status": "keeper"},
            *(named("path", path) | {"status": what} for path, what in group.copies),
        ],
    }


def write_csv_report(stream: TextIO, report: Report, *, raw: bool = False) -> None:
    """Write the records as CSV. `raw`: names as their bytes, without protection against spreadsheet formulas."""
    write_csv(stream, COLUMNS, rows(report.lines()), raw=raw)


def rows(lines: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield records in the order of `COLUMNS`."""
    for line in lines:
        yield (
            line.id or None,
            line.status,
            line.action,
            line.category,
            size_of(line),
            *_ends(line),
            line.reason,
            line.keeper,
            iso(line.mtime_ns),
        )


def _ends(line: Line) -> tuple[bytes | None, bytes | None]:
    """Return the path before and the path after a record."""
    source = path_of(line.source_folder, line.source_name)
    target = path_of(line.target_folder, line.target_name)
    return before_and_after(line.action, source, target)


def before_and_after(action: str, source: bytes | None, target: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Return the path before an action and the path after it, from its source and target: a removed copy, link or
    folder has none after it, a folder that is made has none before it.
    """
    if action == Action.MAKE_FOLDER:
        return None, target
    if action == Action.REMOVE_FOLDER or action in REMOVALS:
        return target, None
    return source, target


def plan_row_fields(row: PlanRow, absolute: Callable[[Base, bytes], bytes]) -> dict[str, Any]:
    """Return a row of a plan for programs. `absolute` returns the path of what is below a folder of the plan."""
    is_folder = row.action in FOLDER_ACTIONS
    source = None if is_folder else absolute(row.source_base, join(row.source_folder, row.source_name))
    target = absolute(row.target_base, join(row.target_folder, row.target_name))
    path, new_path = before_and_after(row.action, source, target)
    fields: dict[str, Any] = {
        "action": str(row.action),
        **named_or_null("path", path),
        **named_or_null("new_path", new_path),
        "category": row.category or None,
        "status": "skipped" if row.reason else "planned",
        "size_bytes": None if is_folder else row.size,
        "mtime": None if is_folder else iso(row.mtime_ns),
        "reason": sentence(row.reason) or None,
        "reason_code": row.reason.code if row.reason else None,
    }
    if row.keeper is not None:
        fields |= named("kept_path", absolute(row.keeper.base, join(row.keeper.folder, row.keeper.name)))
    return fields


def named_or_null(key: str, path: bytes | None) -> dict[str, str | None]:
    """Return the path as JSON fields; null if there is none."""
    return {key: None} if path is None else dict(named(key, path))


def path_of(folder: bytes | None, name: bytes | None) -> bytes | None:
    """Return the path of a source or a target, or None if the record has none."""
    return None if folder is None or name is None else below(folder, name)
