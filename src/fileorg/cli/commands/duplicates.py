"""`fileorg duplicates`: page through the duplicate groups of the last dedupe, or of an operation."""

from typing import TYPE_CHECKING, Annotated

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.options import ListFormat
from fileorg.cli.parameters import Argument
from fileorg.core.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.cli.terminal import Out
    from fileorg.workflows.duplicate_pages import GroupOnPage

EXAMPLES = """
# The groups that the last fileorg dedupe found, most waste first
fileorg duplicates

# The duplicates of operation 7, and what it did with each: groups 101 to 200
fileorg duplicates 7 --page 2 --page-size 100
"""

Op = Annotated[
    int | None,
    Argument(
        metavar="OP", min=1, help="An operation that processed duplicates.", show_default=False,
        complete=complete.all_operations,
    ),
]  # fmt: skip


def duplicates(
    operation: Op = None,
    page: shared.Page = 1,
    page_size: shared.PageSize = 25,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    state_dir: shared.StateDir = None,
) -> int:
    """List duplicate groups, page by page.

    Without OP: the groups that the last fileorg dedupe found; files may have changed since. With OP: the groups that
    this operation processed, and the result for each duplicate.
    """
    from fileorg.cli.terminal import output as to_output
    from fileorg.workflows.duplicate_pages import groups_on_page

    state = shared.state_to_read(state_dir)
    with (
        to_output(output, force=force) as out,
        groups_on_page(state, operation, (page, page_size)) as (total, groups),
    ):
        _show(out, format_, total, groups, page, page_size)
    return Exit.DONE


def _show(
    out: "Out", format_: ListFormat, total: int, groups: "Iterable[GroupOnPage]", page: int, page_size: int
) -> None:
    from fileorg.core.formats import JsonDocument, write_csv

    match format_:
        case ListFormat.TEXT:
            _show_text(out, total, groups, page, page_size)
        case ListFormat.CSV:
            rows = (
                (number, group.hash, group.size, role, path)
                for number, group in enumerate(groups, (page - 1) * page_size + 1)
                for path, role in group.files
            )
            write_csv(out.stream, ("group", "hash", "size_bytes", "status", "path"), rows)
        case ListFormat.JSON:
            document = JsonDocument(out.stream)
            document.rows("duplicates", (group.as_json() for group in groups))
            for key, value in (("total", total), ("page", page), ("page_size", page_size)):
                document.field(key, value)
            document.end()


def _show_text(out: "Out", total: int, groups: "Iterable[GroupOnPage]", page: int, page_size: int) -> None:
    from fileorg.cli.render import short, show_page
    from fileorg.core.figures import plural, size

    for number, group in enumerate(groups, (page - 1) * page_size + 1):
        out.line(out.styled(f"{number:,}. {plural(group.number, 'file')} of {size(group.size)}", "bold"))
        for path, role in group.files:
            out.line(f"     {short(path)}" + (f"  {out.styled(role, 'dim')}" if role != "duplicate" else ""))
        if group.number > len(group.files):
            out.line(f"     and {group.number - len(group.files):,} more")
    show_page(out, page, page_size, total, "group", none="No duplicate groups.")
