"""`fileorg scan`: print the contents of folders by category."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.options import FILES, ListFormat, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import UsageError
from fileorg.core.model import LookInto
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.cli.terminal import Out
    from fileorg.scan.totals import ListedFile
    from fileorg.workflows.scan import ScanReport

EXAMPLES = """
# Summarize a folder
fileorg scan ~/Downloads

# Only large and old files
fileorg scan ~ --min-size 100M --older-than 1y

# Files whose extension does not fit their content
fileorg scan ~/Downloads --mismatch

# How the photos would be dated, and the dates that are not believed
fileorg scan ~/Photos --dates

# As JSON
fileorg scan ~/Downloads ~/Desktop --format json
"""

Paths = Annotated[list[str], Argument(metavar="PATH", help="Folders. Files in more than one of them are counted once.")]

MismatchOption = Annotated[
    bool,
    Option(
        "--mismatch",
        help="Read every file, and list those whose extension does not fit their content, with the right one.",
        rich_help_panel=FILES,
    ),
]
DatesOption = Annotated[
    bool,
    Option(
        "--dates",
        help="Show how organize --by date would date the files, and list the dates that are not believed.",
        rich_help_panel=FILES,
    ),
]


def scan(
    paths: Paths,
    max_depth: shared.MaxDepth = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    hidden: shared.Hidden = False,
    by_content: shared.ByContent = False,
    by_name: shared.ByName = False,
    mismatch: MismatchOption = False,
    dates: DatesOption = False,
    timezone: shared.Timezone = None,
    exiftool: shared.Exiftool = False,
    all_files: shared.AllFiles = False,
    one_file_system: shared.OneFileSystem = False,
    min_size: shared.MinSize = None,
    max_size: shared.MaxSize = None,
    newer_than: shared.NewerThan = None,
    older_than: shared.OlderThan = None,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Summarize the contents of folders.

    Shows files and bytes by category, the largest and the oldest files, empty files, empty folders and broken symlinks,
    what was skipped and why, and folders that could not be read. Nothing is changed. fileorg remembers the result, so
    the next scan of an unchanged folder is fast.

    CSV holds only the categories; text and JSON hold everything. With --mismatch or --dates, the output is a list of
    files or of dates instead.
    """
    from fileorg.cli.plan_view import show_unreadable
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output as to_output
    from fileorg.workflows.scan import scan_trees

    chosen = shared.filters(
        max_depth=max_depth,
        include=include,
        exclude=exclude,
        hidden=hidden,
        all_files=all_files,
        one_file_system=one_file_system,
        min_size=min_size,
        max_size=max_size,
        newer_than=newer_than,
        older_than=older_than,
    )
    look_into = shared.look_into(by_content=by_content, by_name=by_name)
    if mismatch and (dates or look_into is not LookInto.UNKNOWN):
        other = "--dates" if dates else "--by-content" if by_content else "--by-name"
        raise UsageError(f"--mismatch and {other} cannot be combined.", hint=f"drop {other}")
    zone = shared.timezone(timezone, is_by_date=dates, option="--dates")
    if exiftool and not dates:
        raise UsageError("--exiftool requires --dates.", hint="add --dates, or drop --exiftool")
    configuration = values.configuration(config)
    with to_output(output, force=force) as out, reporting(progress, quiet=quiet) as screen:
        state, folders = shared.state_for_cache(state_dir), [os.fsencode(path) for path in paths]
        if mismatch or dates:
            from fileorg.cli.scan_contents_view import show_dates, show_mismatches

            show = (
                partial(show_dates, look_into=look_into, timezone=zone, asks_exiftool=exiftool)
                if dates
                else show_mismatches
            )
            seen = show(out, screen, folders, chosen, state, configuration, format_, quiet=quiet)
            out.flush()
            return show_unreadable(screen, seen, verbose=verbose)
        report = scan_trees(folders, chosen, state, screen, configuration, look_into)
        screen.pause()
        if format_ is not ListFormat.TEXT or not quiet:
            _show(out, report, format_, folds=not verbose)
            out.flush()
        return show_unreadable(screen, report.seen, verbose=verbose)


def _show(out: "Out", report: "ScanReport", format_: ListFormat, *, folds: bool) -> None:
    from fileorg.core.formats import write_csv, write_json

    match format_:
        case ListFormat.JSON:
            write_json(out.stream, _as_json(report))
        case ListFormat.CSV:
            write_csv(out.stream, ("category", "files", "size_bytes"), _categories(report))
        case ListFormat.TEXT:
            _show_text(out, report, folds=folds)


def _categories(report: "ScanReport") -> list[tuple[str, int, int]]:
    """Return the categories with files and bytes, most files first."""
    totals = report.totals
    return [
        (category, files, totals.size_bytes[category])
        for category, files in sorted(totals.files.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


class _Room(NamedTuple):
    """How many lines of each part of the summary fit on the screen; None for no limit."""

    categories: int | None = None
    listed: int | None = None
    reasons: int | None = None


_LISTED_AT_LEAST = 3
_OTHER_LINES = 9
"""Lines for titles, the rule, the total, empty lines, the last sentence and the prompt of the shell."""


def _room(height: int, categories: int, listed: int, reasons: int, others: int) -> _Room:
    """Return the room of each part on a screen of `height` lines: the lists give way first, down to nothing."""
    free = height - _OTHER_LINES - others
    for lines in (listed, min(listed, _LISTED_AT_LEAST)):
        if categories + reasons + 2 * (lines + 2) <= free:
            return _Room(None, lines, None)
    if categories + reasons <= free:
        return _Room(None, 0, None)
    free = max(free, 6)
    fewer = max(min(reasons, free // 3), free - categories)
    return _Room(free - fewer, 0, fewer)


def _show_text(out: "Out", report: "ScanReport", *, folds: bool) -> None:
    from fileorg.cli.plan_view import left_alone, leftovers, show_ages
    from fileorg.cli.render import counted
    from fileorg.core.figures import duration, plural

    seen, totals = report.seen, report.totals
    categories = _categories(report)
    room = _Room()
    if folds and out.height is not None:
        skipped = sum(1 for number, _ in left_alone(seen) if number)
        empty = sum(1 for number, _ in leftovers(seen) if number)
        others = (empty + 2 if empty else 0) + sum(1 for _ in seen.filters.ages())
        room = _room(out.height, len(categories), len(totals.largest), skipped, others)
    if categories:
        _show_categories(out, categories, room.categories)
        _list(out, "Largest", report, totals.largest[: room.listed])
        _list(out, "Oldest", report, totals.oldest[: room.listed])
        out.line()
    if counted(out, "Empty or broken (fileorg clean removes these)", leftovers(seen)):
        out.line()
    if counted(out, "Skipped", left_alone(seen), limit=room.reasons):
        out.line()
    rate = f" ({seen.files / report.seconds:,.0f} files/s)" if report.seconds >= 1 else ""
    known = f"; {seen.unchanged:,} unchanged since the last scan" if seen.unchanged else ""
    where = f"{plural(seen.files, 'file')} in {plural(seen.folders, 'folder')}"
    more = "" if room.listed is None or room.listed >= len(totals.largest) else " -v shows more."
    out.prose(f"{where}, {duration(report.seconds)}{rate}{known}.{more}")
    show_ages(out, seen)


def _show_categories(out: "Out", categories: list[tuple[str, int, int]], limit: int | None) -> None:
    """Print files and bytes by category, in at most `limit` lines: the smallest categories share the last one."""
    from fileorg.cli.render import Column, table
    from fileorg.core.figures import size

    rows = [(category, f"{files:,}", size(size_bytes)) for category, files, size_bytes in categories]
    if limit is not None and len(rows) > limit:
        rest = categories[limit - 1 :]
        rows[limit - 1 :] = [(f"{len(rest)} more", f"{sum(each[1] for each in rest):,}", size(sum(e[2] for e in rest)))]
    columns = (Column("Category", shrinks=True), Column("Files", right=True), Column("Size", right=True))
    total = ("Total", f"{sum(each[1] for each in categories):,}", size(sum(each[2] for each in categories)))
    table(out, columns, rows, total=total if len(rows) > 1 else None)


def _list(out: "Out", title: str, report: "ScanReport", files: "Sequence[ListedFile]") -> None:
    from fileorg.cli.render import Column, table
    from fileorg.core.figures import size, when
    from fileorg.core.names import display

    if not files:
        return
    only = report.roots[0].rstrip(b"/") + b"/" if len(report.roots) == 1 else b""
    rows = [(size(file.size), when(file.mtime_ns), display(file.path.removeprefix(only))) for file in files]
    columns = (Column("Size", right=True), Column("Changed", drop_rank=1), Column(title, shrinks=True, keeps_end=True))
    out.line()
    table(out, columns, rows)


def _as_json(report: "ScanReport") -> dict[str, Any]:
    from fileorg.cli.plan_view import left_alone_as_json, leftovers_as_json
    from fileorg.core.formats import iso, named

    seen, totals = report.seen, report.totals

    def listed(files: "Sequence[ListedFile]") -> list[dict[str, Any]]:
        return [{**named("path", file.path), "size_bytes": file.size, "mtime": iso(file.mtime_ns)} for file in files]

    return {
        "roots": [named("path", root) for root in report.roots],
        "files": totals.files.total(),
        "size_bytes": totals.size_bytes.total(),
        "folders": seen.folders,
        "known_from_before": seen.unchanged,
        "categories": [
            {"category": category, "files": files, "size_bytes": size_bytes}
            for category, files, size_bytes in _categories(report)
        ],
        "largest": listed(totals.largest),
        "oldest": listed(totals.oldest),
        **leftovers_as_json(seen),
        **left_alone_as_json(seen),
        "seconds": round(report.seconds, 3),
    }
