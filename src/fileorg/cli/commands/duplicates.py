"""`fileorg duplicates`: page through duplicate groups that were found, or that an operation dealt with."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.options import OUTPUT, ListFormat
from fileorg.errors import Exit, UsageError
from fileorg.model import OF_DUPLICATES

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out
    from fileorg.state import StateDirectory

EXAMPLES = """
# What the last fileorg dedupe found, most waste first
fileorg duplicates

# What operation 7 did with which duplicates, the second hundred of groups
fileorg duplicates 7 --page 2 --page-size 100
"""

Op = Annotated[
    int | None,
    typer.Argument(
        metavar="OP", min=1, help="An operation that dealt with duplicates.", show_default=False,
        autocompletion=complete.every_operation,
    ),
]  # fmt: skip
Page = Annotated[int, typer.Option("--page", min=1, metavar="N", help="Which page.", rich_help_panel=OUTPUT)]
PageSize = Annotated[
    int,
    typer.Option("--page-size", min=1, max=10_000, metavar="N", help="Groups on a page.", rich_help_panel=OUTPUT),
]


class Listed(NamedTuple):
    """A group on a page: the first of the files is the one that stays, or stayed. Size in bytes."""

    hash: str | None
    size: int
    files: list[tuple[bytes, str]]
    """Absolute path, and what became of it."""


def duplicates(
    operation: Op = None,
    page: Page = 1,
    page_size: PageSize = 25,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Page through duplicate groups.

    Without OP: those that the last fileorg dedupe found, as they were then; files may have changed since. With OP:
    those that an operation dealt with, and what became of each duplicate.
    """
    from fileorg.cli.terminal import output as to_output

    state = shared.state(state_dir)
    with to_output(output) as out:
        source = _found(state, page, page_size) if operation is None else _done(state, operation, page, page_size)
        total = next(source)
        _show(out, format_, total, source, page, page_size)
    return Exit.DONE


def _found(state: "StateDirectory", page: int, page_size: int) -> Iterator[Any]:
    """The number of groups, then those of the page, from the index."""
    from fileorg.workflows import last_found

    with last_found(state) as found:
        yield found.total
        for group in found.page((page - 1) * page_size, page_size):
            paths = [found.trees.path(member) for member in group.listed]
            roles = ["keeper", *["duplicate"] * (len(paths) - 1)]
            yield Listed(group.group.digest.hex(), group.group.size, list(zip(paths, roles, strict=True)))


def _done(state: "StateDirectory", number: int, page: int, page_size: int) -> Iterator[Any]:
    """The number of groups, then those of the page, from the journal."""
    from fileorg.journal import Journal

    missing = UsageError(f"There is no operation {number}.", hint="fileorg history lists the operations")
    if not os.path.getsize(state.journal):
        raise missing
    with Journal(state.journal, read_only=True) as journal:
        operation = journal.operation(number)
        if operation is None:
            raise missing
        roots = [root.path for root in journal.roots(operation)]
        yield journal.count_groups(operation)
        for keeper, records in journal.groups(operation, (page - 1) * page_size, page_size):
            kept = os.path.join(roots[keeper.base], keeper.folder, keeper.name)
            files = [(kept, "keeper")]
            for record in records:
                # Where the duplicate was before it went, or is again.
                place = record[2:5] if record.action in OF_DUPLICATES else record[5:8]
                base, folder, name = place
                files.append((os.path.join(roots[base], folder, name), f"{record.action}, {record.state}"))
            yield Listed(None, records[0].size, files)


def _show(out: "Out", format_: ListFormat, total: int, groups: Iterator[Listed], page: int, page_size: int) -> None:
    from fileorg.cli.formats import JsonDocument, write_csv

    match format_:
        case ListFormat.TEXT:
            _show_text(out, total, groups, page, page_size)
        case ListFormat.CSV:
            rows = (
                (number, group.hash, group.size, role, path)
                for number, group in enumerate(groups, (page - 1) * page_size + 1)
                for path, role in group.files
            )
            write_csv(out, ("group", "hash", "size", "state", "path"), rows)
        case ListFormat.JSON:
            document = JsonDocument(out)
            document.rows("duplicates", map(_fields, groups))
            for key, value in (("total", total), ("page", page), ("page_size", page_size)):
                document.field(key, value)
            document.end()


def _fields(group: Listed) -> dict[str, Any]:
    from fileorg.cli.formats import named

    return {
        "hash": group.hash,
        "count": len(group.files),
        "total_size_bytes": group.size * len(group.files),
        "files": [{**named("path", path), "size": group.size, "state": role} for path, role in group.files],
    }


def _show_text(out: "Out", total: int, groups: Iterator[Listed], page: int, page_size: int) -> None:
    from fileorg.cli.render import plural, short, size

    if not total:
        out.line("There are no duplicate groups.")
        return
    for number, group in enumerate(groups, (page - 1) * page_size + 1):
        out.line(out.styled(f"{number:,}. {plural(len(group.files), 'file')} of {size(group.size)}", "bold"))
        for path, role in group.files:
            out.line(f"     {short(path)}" + (f"  {out.styled(role, 'dim')}" if role != "duplicate" else ""))
    pages = -(-total // page_size)
    if page > pages:
        out.line(f"There {'is' if pages == 1 else 'are'} only {plural(pages, 'page')}.")
    elif pages > 1:
        following = f" Next: --page {page + 1}" if page < pages else ""
        out.line(f"Page {page:,} of {pages:,}, {plural(total, 'group')}.{following}")
