"""`fileorg duplicates`: page through the duplicate groups of the last dedupe, or of an operation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.options import ListFormat
from fileorg.cli.parameters import Argument
from fileorg.core.errors import Exit
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out
    from fileorg.core.state import StateDirectory

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


class GroupOnPage(NamedTuple):
    """A group on a page: the first file is the keeper. Size in bytes."""

    hash: str | None
    size: int
    number: int
    files: list[tuple[bytes, str]]
    """Absolute paths, with the role or the result of each file."""


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

    state = shared.state_to_read(state_dir)
    with to_output(output, force=force) as out:
        source = _found(state, page, page_size) if operation is None else _done(state, operation, page, page_size)
        total = next(source)
        _show(out, format_, total, source, page, page_size)
    return Exit.DONE


def _found(state: "StateDirectory", page: int, page_size: int) -> Iterator[Any]:
    """Yield the number of groups, then the groups of the page, from the index."""
    from fileorg.workflows.dedupe import last_found

    with last_found(state) as found:
        yield found.total
        for group in found.page((page - 1) * page_size, page_size):
            paths = [found.trees.path(member) for member in group.listed]
            roles = ["keeper", *["duplicate"] * (len(paths) - 1)]
            yield GroupOnPage(
                group.group.digest.hex(), group.group.size, len(paths), list(zip(paths, roles, strict=True))
            )


def _done(state: "StateDirectory", number: int, page: int, page_size: int) -> Iterator[Any]:
    """Yield the number of groups, then the groups of the page, from the journal."""
    from fileorg.workflows.reports import groups_page

    total, groups = groups_page(number, (page, page_size), state)
    yield total
    for keeper, size, _, count, copies in groups:
        yield GroupOnPage(None, size, count + 1, [(keeper, "keeper"), *copies])


def _show(
    out: "Out", format_: ListFormat, total: int, groups: Iterator[GroupOnPage], page: int, page_size: int
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
            document.rows("duplicates", map(_fields, groups))
            for key, value in (("total", total), ("page", page), ("page_size", page_size)):
                document.field(key, value)
            document.end()


def _fields(group: GroupOnPage) -> dict[str, Any]:
    from fileorg.core.formats import named

    return {
        "hash": group.hash,
        "count": group.number,
        "total_size_bytes": group.size * group.number,
        "files": [{**named("path", path), "size_bytes": group.size, "status": role} for path, role in group.files],
    }


def _show_text(out: "Out", total: int, groups: Iterator[GroupOnPage], page: int, page_size: int) -> None:
    from fileorg.cli.render import short, show_page
    from fileorg.core.figures import plural, size

    for number, group in enumerate(groups, (page - 1) * page_size + 1):
        out.line(out.styled(f"{number:,}. {plural(group.number, 'file')} of {size(group.size)}", "bold"))
        for path, role in group.files:
            out.line(f"     {short(path)}" + (f"  {out.styled(role, 'dim')}" if role != "duplicate" else ""))
        if group.number > len(group.files):
            out.line(f"     and {group.number - len(group.files):,} more")
    show_page(out, page, page_size, total, "group", none="No duplicate groups.")
