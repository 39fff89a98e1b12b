"""`fileorg report`: a report on an operation or a scan, as a page for people or as data for programs."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import complete, values
from fileorg.cli import options as shared
from fileorg.cli.options import OUTPUT, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.batches import in_batches
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.core.state import StateDirectory
    from fileorg.report.content import Line, Report, Summary
    from fileorg.workflows.reports import NothingDone

_LISTED_AT_ONCE = 4096

EXAMPLES = """
# Show the last operation in the browser
fileorg report --open

# Operation 7 as JSON and CSV
fileorg report 7 --format json -o -
fileorg report 7 --format csv -o moved.csv

# All operations of job 3, which was interrupted and resumed
fileorg report --job 3

# A folder, as of its last scan
fileorg scan ~/Downloads
fileorg report ~/Downloads

# Everything that organize would leave in place, and why
fileorg report ~/Downloads --stays
"""


class ReportFormat(StrEnum):
    HTML = "html"
    JSON = "json"
    CSV = "csv"


About = Annotated[
    str | None,
    Argument(
        metavar="OP|FOLDER",
        help="An operation number, or a folder that was scanned. Default: the last operation.",
        show_default=False,
        complete=complete.all_operations,
    ),
]
OfJob = Annotated[
    int | None,
    Option(
        "--job",
        min=1,
        metavar="JOB",
        help="All operations of a job: a job that was interrupted and resumed has several.",
        complete=complete.jobs,
        rich_help_panel=OUTPUT,
    ),
]
FormatOption = Annotated[
    ReportFormat,
    Option(
        "-f", "--format", help="Output format: an HTML page, everything as JSON, or the records as CSV.",
        rich_help_panel=OUTPUT,
    ),
]  # fmt: skip
OutputOption = Annotated[
    str | None,
    Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write to a new FILE; - means standard output. Default: a new file here, named after the operation.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
Open = Annotated[bool, Option("--open", help="Open the page in the browser.", rich_help_panel=OUTPUT)]
CsvRaw = Annotated[
    bool,
    Option(
        "--csv-raw",
        help="Write names unchanged, byte by byte. Careful: a spreadsheet may run a name that looks like a formula.",
        rich_help_panel=OUTPUT,
    ),
]
Stays = Annotated[
    bool,
    Option(
        "--stays",
        help="Of a folder: scan it now, and list each file and folder that organize -r would leave in place, and why."
        " Of an operation: needs one that ran with --stays.",
        rich_help_panel=OUTPUT,
    ),
]
Schema = Annotated[bool, Option("--schema", help="Print the JSON Schema of --format json.", rich_help_panel=OUTPUT)]


def report(
    about: About = None,
    job: OfJob = None,
    format_: FormatOption = ReportFormat.HTML,
    output: OutputOption = None,
    force: shared.Force = False,
    open_: Open = False,
    csv_raw: CsvRaw = False,
    stays: Stays = False,
    schema: Schema = False,
    quiet: shared.Quiet = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Write a report of an operation: every file, its status and the reason.

    The page is one file that needs no network: totals by category, where files were moved, duplicate groups, problems
    and their reasons, and every record, to sort and filter. Works for organize, dedupe, clean, undo and redo, and for a
    folder as of its last fileorg scan. What organize --stays left in place is listed too.
    """
    from fileorg.workflows.reports import NothingDone

    if schema:
        from fileorg.report.records import json_schema

        sys.stdout.write(json_schema())
        return Exit.DONE
    _refuse_nonsense(format_, output, open_=open_, csv_raw=csv_raw)
    if job is not None and about is not None:
        raise UsageError("--job and OP or FOLDER cannot be combined.", hint="drop one of them")
    what = int(about) if about is not None and about.isdecimal() else about and os.fsencode(about)
    state = shared.state_to_read(state_dir)
    configuration = values.configuration(config) if isinstance(what, bytes) else None
    if job is None:
        from fileorg.workflows.reports import reported

        found: contextlib.AbstractContextManager[Report] = reported(what or None, state, configuration, stays=stays)
    else:
        found = _of_job(job, state, stays=stays)
    try:
        path, summary = _report(found, output, format_, progress, quiet=quiet, force=force, raw=csv_raw)
    except NothingDone as nothing:
        return _say_nothing(nothing, output, format_, quiet=quiet, force=force)
    if path is None:
        return Exit.DONE
    if not quiet:
        _say(path, summary)
    if open_:
        _open(path)
    return Exit.DONE


def _of_job(number: int, state: "StateDirectory", *, stays: bool) -> "contextlib.AbstractContextManager[Report]":
    """Return the report on all operations of a job. Raises `UsageError` for an unknown job, or one without any."""
    from fileorg.jobs.found import job
    from fileorg.workflows.reports import job_reported

    operations = [operation.id for operation in reversed(job(state, number).operations)]
    if not operations:
        raise UsageError(f"Job {number} has no operation yet.", hint=f"fileorg jobs show {number}")
    return job_reported(number, operations, state, stays=stays)


def _report(
    reported: "contextlib.AbstractContextManager[Report]",
    output: str | None,
    format_: ReportFormat,
    progress: ProgressMode,
    *,
    quiet: bool,
    force: bool,
    raw: bool,
) -> "tuple[str | None, Summary]":
    """Write the report. Return its path, None for standard output, and its summary."""
    from fileorg.cli.progress import reporting

    with reporting(progress, quiet=quiet or output == "-") as screen:
        screen.stage("report")
        with (
            reported as found,
            _target(output, found.summary, format_) as path,
        ):
            screen.stage("report", found.summary.records)
            shown = found._replace(lines=partial(_with_progress, found.lines, screen))
            _write(path, format_, shown, force=force or output is None, csv_raw=raw)
    return path, found.summary


def _say_nothing(
    nothing: "NothingDone", output: str | None, format_: ReportFormat, *, quiet: bool, force: bool
) -> Exit:
    """Say that there is no operation to report on. Programs get an empty report, if they said where it goes."""
    from fileorg.cli.terminal import standard_output
    from fileorg.report.content import EMPTY

    if output is not None and format_ is not ReportFormat.HTML:
        _write(None if output == "-" else output, format_, EMPTY, force=force, csv_raw=False)
    if not quiet and output != "-":
        standard_output().prose(str(nothing))
    return Exit.DONE


def _with_progress(lines: "Callable[[], Iterator[Line]]", screen: "Screen") -> "Iterator[Line]":
    """Yield the lines and report progress."""
    for batch in in_batches(lines(), _LISTED_AT_ONCE):
        yield from batch
        screen.advance(len(batch))


def _refuse_nonsense(format_: ReportFormat, output: str | None, *, open_: bool, csv_raw: bool) -> None:
    if csv_raw and format_ is not ReportFormat.CSV:
        raise UsageError("--csv-raw requires --format csv.", hint="add --format csv, or drop --csv-raw")
    if open_ and (format_ is not ReportFormat.HTML or output == "-"):
        raise UsageError("--open requires --format html and a file.", hint="drop --open")


@contextlib.contextmanager
def _target(output: str | None, summary: "Summary", format_: ReportFormat) -> Iterator[str | None]:
    """Yield the path to write to: the given one, None for standard output, or a new file in the current folder."""
    if output is not None:
        yield None if output == "-" else output
        return
    path = _new_file(_usual_name(summary), format_)
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _usual_name(summary: "Summary") -> str:
    if summary.job is not None:
        return f"fileorg-{summary.kind}-job-{summary.job}"
    if summary.operation is not None:
        return f"fileorg-{summary.kind}-{summary.operation}"
    folder = os.path.basename(summary.roots[0]).decode(errors="replace")
    return "-".join(["fileorg", summary.kind, *re.findall(r"[\w.]+", folder)[:3]])


def _new_file(stem: str, format_: ReportFormat) -> str:
    """Create an empty file with a free name, so that nothing is overwritten. Raises `UsageError`."""
    from fileorg.rules.template import numbered

    name = f"{stem}.{format_}"
    for number in range(1, 10_000):
        path = name if number == 1 else os.fsdecode(numbered(os.fsencode(name), number))
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"Could not write {path} here: {error.strerror}.", hint="give a file with -o") from error
        return path
    raise UsageError(f"Too many reports named {stem} here.", hint="give a file with -o")


def _write(path: str | None, format_: ReportFormat, report: "Report", *, force: bool, csv_raw: bool) -> None:
    from fileorg.cli.terminal import output

    with output(path, force=force) as out:
        match format_:
            case ReportFormat.HTML:
                from fileorg.report.html import write_html

                write_html(out.stream, report)
            case ReportFormat.JSON:
                from fileorg.report.records import write_json_report

                write_json_report(out.stream, report)
            case ReportFormat.CSV:
                from fileorg.report.records import write_csv_report

                write_csv_report(out.stream, report, raw=csv_raw)
        out.flush()


def _say(path: str, summary: "Summary") -> None:
    from fileorg.cli.terminal import standard_output
    from fileorg.core.figures import size
    from fileorg.core.names import display

    out: Out = standard_output()
    about = f"operation {summary.operation}" if summary.operation is not None else display(summary.roots[0])
    if summary.job is not None:
        about = f"job {summary.job}"
    large = f" ({size(os.path.getsize(path))})" if os.path.isfile(path) else ""
    out.line(f"Wrote the report of {about} to {display(path)}{large}.")


def _open(path: str) -> None:
    import webbrowser
    from pathlib import Path

    from fileorg.cli.terminal import standard_error

    if not webbrowser.open(Path(path).resolve().as_uri()):
        standard_error().prose("could not start a browser; open the report yourself.", "fileorg: ")
