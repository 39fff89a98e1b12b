"""`fileorg files`: page through the records of an operation."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.options import FILES, OUTPUT, ListFormat
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit
from fileorg.core.model import WAS_DONE, Action, RecordState, SortBy

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out
    from fileorg.report.content import Line
    from fileorg.workflows.reports import FilePage

EXAMPLES = """
# The files of the last operation
fileorg files

# The files that operation 7 could not process, and why
fileorg files 7 --status failed --status conflict

# The largest images of operation 7, as JSON
fileorg files 7 --category Images --sort size --page 2 --format json
"""

Op = Annotated[
    int | None,
    Argument(
        metavar="OP", min=1, help="An operation number. Default: the last operation.", show_default=False,
        complete=complete.all_operations,
    ),
]  # fmt: skip
STAYS = "stays"
FileStatus = StrEnum("FileStatus", {state.name: state.value for state in RecordState} | {"STAYS": STAYS})  # type: ignore[misc]
Status = Annotated[
    list[FileStatus] | None,
    Option(
        "--status",
        metavar="STATUS",
        help=f"Only files with this status: {', '.join(RecordState)}; or {STAYS}, what organize --stays left in place."
        " May be repeated.",
        rich_help_panel=FILES,
    ),
]
Sort = Annotated[
    SortBy,
    Option(
        "--sort",
        help="Sort order: record is the order of the run; size puts the largest first, status the problems.",
        rich_help_panel=OUTPUT,
    ),
]
Reverse = Annotated[bool, Option("--reverse", help="Reverse the order.", rich_help_panel=OUTPUT)]


def files(
    operation: Op = None,
    status: Status = None,
    category: shared.Category = None,
    sort: Sort = SortBy.RECORD,
    reverse: Reverse = False,
    page: shared.Page = 1,
    page_size: shared.PageSize = 25,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    state_dir: shared.StateDir = None,
) -> int:
    """List the files of an operation, page by page: source, target and status.

    A file that was not processed shows the reason instead of the target. After a run of organize with --stays, the
    entries that were left in place come last. With very many files, the first page in a new
    order takes a moment; the other pages do not.
    """
    from fileorg.cli.terminal import output as to_output
    from fileorg.journal.record_listing import RecordQuery
    from fileorg.workflows.reports import files_page

    states = {RecordState(each) for each in status or () if each != STAYS}
    wanted = RecordQuery(tuple(sorted(states)), tuple(sorted(set(category or ()))), sort)
    stays = STAYS in status if status else False if category else None
    with to_output(output, force=force) as out:
        found = files_page(
            operation,
            wanted,
            (page, page_size),
            shared.state_to_read(state_dir),
            backwards=reverse,
            records=bool(states) or not status,
            stays=stays,
        )
        _show(out, format_, found, page, page_size)
    return Exit.DONE


def _show(out: "Out", format_: ListFormat, found: "FilePage", page: int, page_size: int) -> None:
    from fileorg.core.formats import JsonDocument, write_csv
    from fileorg.report.records import COLUMNS, fields, rows

    match format_:
        case ListFormat.TEXT:
            _show_text(out, found, page, page_size)
        case ListFormat.CSV:
            write_csv(out.stream, COLUMNS, rows(found.lines))
        case ListFormat.JSON:
            document = JsonDocument(out.stream)
            document.field("operation", found.operation)
            document.rows("files", map(fields, found.lines))
            for key, value in (("total", found.total), ("page", page), ("page_size", page_size)):
                document.field(key, value)
            document.end()


def _show_text(out: "Out", found: "FilePage", page: int, page_size: int) -> None:
    from fileorg.cli.render import Column, show_page, table
    from fileorg.core.figures import size
    from fileorg.report.records import size_of

    if found.lines:
        columns = (
            Column("Status"),
            Column("Category", drop_rank=2),
            Column("Size", right=True, drop_rank=1),
            Column("From", shrinks=True, keeps_end=True),
            Column("To, or reason", shrinks=True, keeps_end=True),
        )
        sizes = [size_of(line) for line in found.lines]
        rows = [
            (line.status, line.category, "" if its is None else size(its), *_source_and_target(line, found.root))
            for line, its in zip(found.lines, sizes, strict=True)
        ]
        table(out, columns, rows)
    none = "No operations yet." if found.operation is None else "No files match."
    show_page(out, page, page_size, found.total, "file", none=none)


def _source_and_target(line: "Line", root: bytes) -> tuple[str, str]:
    """Return the source and the target, relative to the root if there is only one."""
    from fileorg.cli.render import short
    from fileorg.core.names import display
    from fileorg.report.records import path_of

    source = path_of(line.source_folder, line.source_name)
    target = path_of(line.target_folder, line.target_name) or b""
    is_done = line.status in WAS_DONE
    start, end = (
        display(path.removeprefix(root)) if root and path.startswith(root) else short(path)
        for path in (target if source is None else source, target)
    )
    if line.action == Action.REWRITE_SYMLINK and is_done:
        end = f"points to {short(line.keeper or b'')}"
    if not line.reason:
        return start, end
    return start, f"{end} ({display(line.reason)})" if is_done else display(line.reason)
