"""`fileorg compare`: which files of a folder have their content nowhere in others."""

import os
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli.options import OUTPUT, ListFormat, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.content.comparison import ComparedFile, MissingFolder
    from fileorg.workflows.compare import Compared, Side

EXAMPLES = """
# May this disk be wiped? Exit code 0 if all its content is in one of the other two folders, 3 if not
fileorg compare /media/old-disk ~/Pictures ~/Archive

# List each missing file
fileorg compare /media/card ~/Pictures -v

# What either folder has and the other has not
fileorg compare ~/Pictures /media/backup --both

# Trust no digest: compare each file byte by byte
fileorg compare /media/card ~/Pictures --paranoid
"""

COMPARISON = "Comparison"
_FOLDERS = 20
"""The number of folders that are shown without -v."""

Old = Annotated[str, Argument(metavar="OLD", help="The folder whose files are looked for.")]
New = Annotated[list[str], Argument(metavar="NEW", help="Folders to find their content in, under any name.")]
Reverse = Annotated[
    bool,
    Option("--reverse", help="Look for the files of NEW in OLD instead.", rich_help_panel=COMPARISON),
]
Both = Annotated[bool, Option("--both", help="Look in both directions.", rich_help_panel=COMPARISON)]
Paranoid = Annotated[
    bool,
    Option(
        "--paranoid",
        help="Compare each file byte by byte with one that has the same digest. Reads all content on both sides.",
        rich_help_panel=COMPARISON,
    ),
]
Null = Annotated[
    bool,
    Option(
        "-0", "--null", help="Print the paths of the missing files, each terminated by NUL.", rich_help_panel=OUTPUT
    ),
]


def compare(
    old: Old,
    new: New,
    reverse: Reverse = False,
    both: Both = False,
    paranoid: Paranoid = False,
    max_depth: shared.MaxDepth = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    one_file_system: shared.OneFileSystem = False,
    min_size: shared.MinSize = None,
    max_size: shared.MaxSize = None,
    newer_than: shared.NewerThan = None,
    older_than: shared.OlderThan = None,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: Null = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    state_dir: shared.StateDir = None,
) -> int:
    """Find the files of OLD whose content is nowhere in NEW, whatever their names there.

    Everything counts, also hidden files, projects and system files; `.fileorgignore` does not apply. Empty files,
    folders and symlinks have no content: they are only counted. A file or folder that cannot be read counts as missing.
    Contents are compared by a digest of 128 bits, or byte by byte with --paranoid.

    The options under "Which files" choose files of OLD. Nothing is changed. fileorg remembers digests: the next run
    reads only files that have changed. Exit code: 0 if nothing is missing, 3 if something is.
    """
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output as to_output
    from fileorg.workflows.compare import CompareOptions, comparing

    if reverse and both:
        raise UsageError("--reverse and --both cannot be combined.", hint="--both shows both directions")
    chosen = CompareOptions(
        old=os.fsencode(old),
        new=[os.fsencode(path) for path in new],
        filters=shared.filters(
            max_depth=max_depth,
            include=include,
            exclude=exclude,
            hidden=True,
            all_files=True,
            one_file_system=one_file_system,
            min_size=min_size,
            max_size=max_size,
            newer_than=newer_than,
            older_than=older_than,
        ),
        reverse=reverse,
        both=both,
        paranoid=paranoid,
    )
    with (
        to_output(output, force=force) as out,
        reporting(progress, quiet=quiet) as screen,
        comparing(chosen, shared.state_for_cache(state_dir), screen) as compared,
    ):
        screen.pause()
        if null:
            from fileorg.core.formats import write_null

            write_null(out.stream, (path for path, _ in _missing(compared)))
        elif format_ is not ListFormat.TEXT or not quiet:
            _show(out, compared, format_, verbose=verbose, paranoid=paranoid)
        out.flush()
        _show_unread(screen, compared, verbose=verbose)
        return Exit.DONE if all(side.is_complete for side in compared.sides) else Exit.NO


def _missing(compared: "Compared") -> "Iterator[tuple[bytes, ComparedFile]]":
    """Yield absolute path and facts of each missing file, in path order."""
    from fileorg.core.sorting import in_path_order

    return in_path_order(
        (path, (path, file))
        for side in compared.sides
        for file in side.found.files()
        for path in [side.path(file.tree, file.folder, file.name)]
    )


def _show(out: "Out", compared: "Compared", format_: ListFormat, *, verbose: bool, paranoid: bool) -> None:
    from fileorg.core.formats import iso, write_csv

    match format_:
        case ListFormat.JSON:
            _as_json(out, compared, paranoid=paranoid)
        case ListFormat.CSV:
            rows = ((path, file.size, iso(file.mtime_ns)) for path, file in _missing(compared))
            write_csv(out.stream, ("path", "size_bytes", "mtime"), rows)
        case ListFormat.TEXT:
            _show_text(out, compared, verbose=verbose, paranoid=paranoid)


def _as_json(out: "Out", compared: "Compared", *, paranoid: bool) -> None:
    from fileorg.core.formats import JsonDocument, iso, named

    document = JsonDocument(out.stream)
    document.field("sides", [_summary(side) for side in compared.sides])
    document.field("byte_by_byte", paranoid)
    document.rows(
        "missing",
        (
            {**named("path", path), "size_bytes": file.size, "mtime": iso(file.mtime_ns)}
            for path, file in _missing(compared)
        ),
    )
    document.rows(
        "folders",
        (
            {
                **named("path", side.path(each.tree, each.folder)),
                "is_whole": each.is_whole,
                "files": each.files,
                "missing_files": each.missing,
                "missing_bytes": each.missing_bytes,
            }
            for side in compared.sides
            for each in side.found.folders()
        ),
    )
    document.field(
        "files_left_out", [{**named("path", path), "reason": reason} for path, reason in compared.reads.named]
    )
    document.field("seconds", round(compared.seconds, 3))
    document.end()


def _summary(side: "Side") -> "dict[str, Any]":
    from fileorg.cli.plan_view import unreadable_as_json
    from fileorg.core.formats import named

    sums, seen = side.found.sums, side.seen
    return {
        "roots": [named("path", path) for path in side.roots],
        "compared_with": [named("path", path) for path in side.others],
        "files": sums.files,
        "bytes": sums.size_bytes,
        "missing_files": sums.missing,
        "missing_bytes": sums.missing_bytes,
        "missing_sidecars": sums.followers,
        "excluded_files": sums.excluded,
        "empty_files": sums.empty,
        "empty_folders": seen.empty_folders,
        "links": seen.links,
        "unreadable": unreadable_as_json(seen),
    }


def _show_text(out: "Out", compared: "Compared", *, verbose: bool, paranoid: bool) -> None:
    from fileorg.cli.pager import paged
    from fileorg.core.figures import duration, size
    from fileorg.core.names import display

    if verbose and not all(side.is_complete for side in compared.sides):
        with paged(out) as page:
            page.many(f"{size(file.size):>9}  {display(path)}" for path, file in _missing(compared))
        out.line()
    for side in compared.sides:
        if side.found.sums.missing and not verbose:
            _show_folders(out, side)
            out.line()
        _show_sums(out, side)
    how = "byte by byte" if paranoid else "by digest; --paranoid compares byte by byte"
    out.prose(f"Compared {how}, {duration(compared.seconds)}. Nothing was changed.")


def _show_folders(out: "Out", side: "Side") -> None:
    from itertools import islice

    from fileorg.cli.render import Column, table

    found = list(islice(side.found.folders(), _FOLDERS + 1))
    columns = (
        Column("Missing", right=True),
        Column("Files", right=True, drop_rank=1),
        Column("Folder", shrinks=True, keeps_end=True),
    )
    table(out, columns, [_folder_row(side, folder) for folder in found[:_FOLDERS]])
    if len(found) > _FOLDERS:
        out.line("  … -v lists every file")


def _folder_row(side: "Side", folder: "MissingFolder") -> tuple[str, str, str]:
    from fileorg.cli.render import short
    from fileorg.core.figures import size

    files = f"all {folder.files:,}" if folder.is_whole else f"{folder.missing:,} of {folder.files:,}"
    return size(folder.missing_bytes), files, f"{short(side.path(folder.tree, folder.folder)).rstrip('/')}/"


def _show_sums(out: "Out", side: "Side") -> None:
    from fileorg.cli import nouns
    from fileorg.cli.plan_view import show_ages
    from fileorg.cli.render import short
    from fileorg.core.figures import plural, size
    from fileorg.rules.ignore import IgnoreReason

    sums, seen = side.found.sums, side.seen
    ours, others = (" and ".join(short(path) for path in paths) for paths in (side.roots, side.others))
    if sums.missing:
        verb = "is" if sums.missing == 1 else "are"
        of_them = (
            f"{sums.missing:,} of {plural(sums.files, 'file')} ({size(sums.missing_bytes)} of {size(sums.size_bytes)})"
        )
        out.prose(out.styled(f"{of_them} in {ours} {verb} missing in {others}.", "bold"))
    else:
        content = f"the content of {plural(sums.files, 'file')} ({size(sums.size_bytes)}) in {ours}"
        style = "green" if side.is_complete else "yellow"
        out.prose(out.styled(f"Nothing is missing: {content} is also in {others}.", style))
    if sums.followers:
        out.prose(f"{sums.followers:,} of them {'belongs' if sums.followers == 1 else 'belong'} to another file.")
    counts = (
        (sums.empty, nouns.EMPTY_FILE),
        (seen.empty_folders, nouns.EMPTY_FOLDER),
        (seen.links, nouns.SPECIAL),
        (sums.excluded, nouns.EXCLUDED_FILE),
        (seen.ignored[IgnoreReason.OURS], nouns.LEFT_ALONE[IgnoreReason.OURS]),
        (seen.unreadable_count, nouns.UNREADABLE),
    )
    not_compared = [f"{number:,} {noun.of(number)}" for number, noun in counts if number]
    if not_compared:
        out.prose(f"Not compared: {', '.join(not_compared)}.")
    show_ages(out, seen)


def _show_unread(screen: "Screen", compared: "Compared", *, verbose: bool) -> None:
    """Print folders and files that could not be read on standard error."""
    from fileorg.cli.plan_view import show_unread_files, show_unreadable

    for seen in (*(side.seen for side in compared.sides), *compared.seen_elsewhere):
        show_unreadable(screen, seen, verbose=verbose)
    show_unread_files(screen, compared.reads, verbose=verbose)
