"""`fileorg history`: list operations and their state, the moves of a file, or the problems of an operation."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.options import ListFormat
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out
    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Operation
    from fileorg.journal.status import OperationStatus

EXAMPLES = """
# All operations, newest first
fileorg history

# Where a file was moved, and where it came from
fileorg history ~/Downloads/invoice.pdf

# What was done in a folder
fileorg history ~/Downloads

# Every file that operation 7 could not process, and why
fileorg history --problems 7
"""

File = Annotated[
    str | None,
    Argument(
        metavar="PATH",
        help="A file: list its moves, by its path now or an earlier one. A folder: list the operations in it.",
        show_default=False,
        complete=complete.A_FILE,
    ),
]
Problems = Annotated[
    int | None,
    Option(
        "--problems",
        metavar="OP",
        min=1,
        help="List the files that operation OP did not process, with the reasons.",
        complete=complete.all_operations,
    ),
]


def history(
    path: File = None,
    problems: Problems = None,
    page: shared.Page = 1,
    page_size: shared.PageSize = 25,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    state_dir: shared.StateDir = None,
) -> int:
    """List operations, or trace a file.

    Without PATH: the operations, newest first, and the state of each: active, undone, purged or interrupted. With a
    folder: the operations that worked in it. With a file: every step that moved it, across all operations.
    """
    from fileorg.cli.terminal import output as to_output
    from fileorg.workflows.history import is_empty

    if path is not None and problems is not None:
        raise UsageError("PATH and --problems cannot be combined.", hint="drop one of them")
    state = shared.state_to_read(state_dir)
    with to_output(output, force=force) as out:
        if is_empty(state):
            _write_operations(out, format_, [], (0, page, page_size), state)
        elif problems is not None:
            _show_problems(out, format_, problems, state)
        elif path is None or os.path.isdir(path) or not _show_trail(out, format_, path, state):
            _show_operations(out, format_, (page, page_size), state, path)
    return Exit.DONE


# Operations -----------------------------------------------------------------------------------------------------------


def _show_operations(
    out: "Out", format_: ListFormat, page: tuple[int, int], state: "StateDirectory", folder: str | None
) -> None:
    """Write the operations, or those that worked in a folder."""
    from fileorg.report.operation_json import operation_fields
    from fileorg.workflows.history import operations_in, operations_page

    found = operations_page(page, state) if folder is None else operations_in(os.fsencode(folder), page, state)
    total, operations, statuses, more_roots = found
    if format_ is ListFormat.TEXT and operations:
        _operation_table(out, operations, statuses, more_roots)
    rows = [
        [_in(format_, value) for value in operation_fields(op, status).values()]
        for op, status in zip(operations, statuses, strict=True)
    ]
    _write_operations(out, format_, rows, (total, *page), state, folder)


def _in(format_: ListFormat, value: Any) -> Any:
    """Return a field of an operation; in CSV, flags and lists as text."""
    if format_ is not ListFormat.CSV or not isinstance(value, bool | list):
        return value
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).lower()


def _write_operations(
    out: "Out",
    format_: ListFormat,
    rows: Sequence[Any],
    place: tuple[int, int, int],
    state: "StateDirectory",
    folder: str | None = None,
) -> None:
    """Write a page of operations. `place`: the total number, the page, and the page size."""
    from fileorg.cli.render import short, show_page
    from fileorg.core.names import display

    total, page, page_size = place
    if format_ is ListFormat.TEXT:
        where = "" if folder is None else f" in {display(folder)}"
        none = f"No operations{where} yet (journal: {short(state.path)})."
        show_page(out, page, page_size, total, "operation", none=none)
        if total and not state.is_default:
            out.line(f"Journal: {short(state.path)}")
    else:
        from fileorg.core.formats import named
        from fileorg.report.operation_json import COLUMNS

        more = {"total": total, "page": page, "page_size": page_size, **named("state_dir", state.path)}
        _write(out, format_, "operations", COLUMNS, rows, "", more)


def _operation_table(
    out: "Out", operations: "Sequence[Operation]", statuses: "Sequence[OperationStatus]", more_roots: dict[int, int]
) -> None:
    from fileorg.cli.render import Column, short_of_several, table
    from fileorg.core.figures import size, when
    from fileorg.report.sentences import status_in_words

    columns = (
        Column("Op", right=True),
        Column("When", drop_rank=2),
        Column("What"),
        Column("Where", shrinks=True, keeps_end=True, drop_rank=1),
        Column("Files", right=True),
        Column("Size", right=True, drop_rank=3),
        Column("State", shrinks=True, wraps=True),
    )
    rows = []
    for op, status in zip(operations, statuses, strict=True):
        what = op.kind if op.undoes is None else f"{op.kind} {op.undoes}"
        what += " (part)" if op.part is not None else ""
        what += f" by {op.client}" if op.client else ""
        counts = (f"{op.done or 0:,}", size(op.size_bytes or 0))
        where = short_of_several(op.root, more_roots.get(op.id, 0))
        rows.append((str(op.id), when(op.started_ns), what, where, *counts, status_in_words(status)))
    table(out, columns, rows)


# The moves of a file --------------------------------------------------------------------------------------------------

_STEP_TITLES = ("operation", "kind", "started", "action", "path", "new_path", "status", "reason", "reason_code")


def _show_trail(out: "Out", format_: ListFormat, path: str, state: "StateDirectory") -> bool:
    """Write the steps of a file. Return False, and write nothing, if there are none but operations below the path."""
    from fileorg.core.figures import when
    from fileorg.core.formats import iso
    from fileorg.core.names import display
    from fileorg.report.sentences import sentence
    from fileorg.workflows.history import operations_in, trail

    asked, steps = trail(os.fsencode(path), state)
    if not steps and operations_in(asked, (1, 1), state).total:
        return False
    if format_ is ListFormat.TEXT and steps:
        for op, record, source, target in steps:
            undone = f" ({record.state})" if record.state in {"undone", "purged"} else ""
            what = f"{op.kind} {op.id}" if record.action == "move" else f"{op.kind} {op.id}, {record.action}"
            out.line(out.styled(f"{when(op.started_ns)}  {what}{undone}", "bold"))
            out.line(f"     {display(source)}")
            out.line(f"  -> {display(target)}")
            if record.reason is not None:
                out.line(f"     {sentence(record.reason)}")
        return True
    from fileorg.report.records import before_and_after

    rows = [
        (
            op.id,
            op.kind,
            iso(op.started_ns),
            record.action,
            *before_and_after(record.action, source, target),
            record.state,
            sentence(record.reason) or None,
            record.reason.code if record.reason else None,
        )
        for op, record, source, target in steps
    ]
    _write(out, format_, "steps", _STEP_TITLES, rows, f"No recorded operation touched {display(asked)}.")
    return True


# Files that were not done ---------------------------------------------------------------------------------------------

_PROBLEM_TITLES = ("path", "status", "reason", "reason_code")


def _show_problems(out: "Out", format_: ListFormat, number: int, state: "StateDirectory") -> None:
    from fileorg.core.names import below, display
    from fileorg.report.sentences import sentence
    from fileorg.workflows.history import not_done

    with not_done(number, state) as records:
        if format_ is not ListFormat.TEXT:
            rows = (
                (
                    below(root, path),
                    record.state,
                    sentence(record.reason),
                    record.reason and record.reason.code,
                )
                for root, path, record in records
            )
            _write(out, format_, "problems", _PROBLEM_TITLES, rows, "")
            return
        whole = True
        for _, path, record in records:
            out.line(f"{display(path)}: {record.state}, {sentence(record.reason)}")
            whole = False
        if whole:
            out.line(f"Operation {number} has no problems.")


def _write(
    out: "Out",
    format_: ListFormat,
    key: str,
    titles: Sequence[str],
    rows: Any,
    empty: str,
    more: dict[str, Any] | None = None,
) -> None:
    """Write rows for a program, or the sentence for an empty list as text."""
    from fileorg.core.formats import JsonDocument, named, write_csv

    match format_:
        case ListFormat.TEXT:
            out.line(empty)
        case ListFormat.CSV:
            write_csv(out.stream, titles, rows)
        case ListFormat.JSON:
            document = JsonDocument(out.stream)
            document.rows(key, (_fields(titles, row, named) for row in rows))
            for name, value in (more or {}).items():
                document.field(name, value)
            document.end()


def _fields(titles: Sequence[str], row: Sequence[Any], named: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for title, value in zip(titles, row, strict=True):
        fields |= named(title, value) if isinstance(value, bytes) else {title: value}
    return fields
