"""`fileorg compare`: which files of a folder have their content nowhere in others."""

import os
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.options import OUTPUT, Format, ListFormat, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.content.comparison import ComparedFile, MissingFolder
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.compare import CompareOptions, CompareRun, Side

EXAMPLES = """
# May this disk be wiped? Exit code 0 if all its content is in one of the other two folders, 3 if not
fileorg compare /media/old-disk ~/Pictures ~/Archive

# List each missing file
fileorg compare /media/card ~/Pictures -v

# What either folder has and the other has not
fileorg compare ~/Pictures /media/backup --both

# Copy what is missing; fileorg undo removes the copies
fileorg compare /media/card ~/Pictures --action copy --dest ~/rescued

# Trust no digest: compare each file byte by byte
fileorg compare /media/card ~/Pictures --paranoid
"""

COMPARISON = "Comparison"
_FOLDERS = 20
"""The number of folders that are shown without -v."""


class CompareAction(StrEnum):
    COPY = "copy"


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
ActionOption = Annotated[
    CompareAction | None,
    Option(
        "--action",
        help="What to do with the missing files: copy them to --dest. Without it, nothing is changed.",
        show_default=False,
        rich_help_panel=shared.RUN,
    ),
]
Dest = Annotated[
    str | None,
    Option(
        "--dest",
        metavar="DIR",
        help="Copy the missing files to DIR, with their folders. DIR is searched for their content, too.",
        rich_help_panel=shared.RUN,
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
    action: ActionOption = None,
    dest: Dest = None,
    dry_run: shared.DryRun = False,
    yes: shared.Yes = False,
    background: shared.Background = False,
    hold: shared.Hold = False,
    wait: shared.Wait = None,  # noqa: ARG001  handled before: see `app`
    max_changes: shared.MaxChanges = None,
    inside_project: shared.InsideProject = False,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: Null = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Find the files of OLD whose content is nowhere in NEW, whatever their names there.

    Everything counts, also hidden files, projects and system files; `.fileorgignore` does not apply. Empty files,
    folders and symlinks have no content: they are only counted. A file or folder that cannot be read counts as missing.
    Contents are compared by a digest of 128 bits, or byte by byte with --paranoid.

    The options under "Which files" choose files of OLD. fileorg remembers digests: the next run reads only files that
    have changed. Exit code: 0 if nothing is missing, 3 if something is.

    Without --dest, nothing is changed. With it, the missing files are copied to DIR, and nothing there is overwritten.
    """
    from fileorg.workflows.compare import CompareOptions

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
        dest=None if dest is None else os.fsencode(dest),
        max_changes=max_changes,
        inside_project=inside_project,
        configuration=None if dest is None else values.configuration(config),
    )
    state = shared.state_for_cache(state_dir) if dest is None or dry_run else shared.state(state_dir)
    if dest is None:
        given = {
            "--action copy": action is not None,
            "--dry-run": dry_run,
            "--max-changes": max_changes is not None,
            "--inside-project": inside_project,
            "--background": background,
            "--hold": hold,
        }
        _refuse_without_dest(given)
        return _report(chosen, format_, state, progress, output, force=force, null=null, quiet=quiet, verbose=verbose)
    if reverse or both or format_ is ListFormat.CSV:
        other = "--reverse" if reverse else "--both" if both else "--format csv"
        raise UsageError(f"{other} and --dest cannot be combined.", hint=f"drop {other}, or drop --dest")
    options = OutputOptions(dry_run, yes, Format(format_), output, force, null, quiet, verbose, progress)
    options = options._replace(background=background, hold=hold)
    shared.need_dry_run(options)
    return _copy(chosen, options, state)


def _refuse_without_dest(given: "dict[str, bool]") -> None:
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option} requires --dest.", hint=f"add --dest DIR, or drop {option}")


def _report(
    chosen: "CompareOptions",
    format_: ListFormat,
    state: "StateDirectory",
    progress: ProgressMode,
    path: str | None,
    *,
    force: bool,
    null: bool,
    quiet: bool,
    verbose: bool,
) -> Exit:
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.workflows.compare import comparing

    with (
        output(path, force=force) as out,
        reporting(progress, quiet=quiet) as screen,
        comparing(chosen, state, screen) as run,
    ):
        screen.pause()
        if null:
            from fileorg.core.formats import write_null

            write_null(out.stream, (path for path, _ in _missing(run)))
        elif format_ is not ListFormat.TEXT or not quiet:
            _show(out, run, format_, verbose=verbose, paranoid=chosen.paranoid)
        out.flush()
        _show_unread(screen, run, verbose=verbose)
        return Exit.DONE if all(side.is_complete for side in run.sides) else Exit.NO


def _copy(chosen: "CompareOptions", options: OutputOptions, state: "StateDirectory") -> Exit:
    """Plan, ask and copy the missing files."""
    from fileorg.cli.change import Change, declined
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.cli.words import VERBS
    from fileorg.core.figures import plural, size
    from fileorg.core.formats import named
    from fileorg.core.model import DEST, Action
    from fileorg.workflows.compare import comparing

    with (
        output(options.output, force=options.force) as out,
        reporting(options.progress, quiet=options.quiet) as screen,
        comparing(chosen, state, screen, changes=not options.dry_run) as run,
    ):
        screen.pause()
        (side,) = run.sides
        rows = PlanRows(run.plan, {DEST: run.dest}, root=side.roots[0])
        change = Change(options, VERBS[Action.COPY], "compare", out, screen, rows)
        what = f"{plural(run.plan.files, 'file')} ({size(run.plan.size_bytes)})"
        show = partial(_show_text, run=run, verbose=False, paranoid=chosen.paranoid, has_plan=True)
        if options.dry_run:
            head = {"dry_run": True, "kind": "compare", **named("root", side.roots[0]), **named("dest", run.copies)}
            change.preview(head, {"files": run.plan.files, "bytes": run.plan.size_bytes})
            if options.is_text and not options.quiet:
                out.line()
                show(out)
            change.say_dry_run(what)
            run.check()
            code = Exit.DONE
        elif not run.plan.files:
            code = change.nothing({}, "There is nothing to copy.", show=show)
        else:
            run.check()
            change.show(show)
            if not change.agreed(f"Copy {what}? fileorg undo removes the copies."):
                return declined()
            if change.is_later:
                return change.hand_over(run, state)
            outcome = change.carry_out(run)
            code = change.report(outcome, run.plan.files, f"fileorg undo {outcome.operation}")
        out.flush()
        _show_unread(screen, run, verbose=options.verbose)
        return code or (Exit.SOME_FAILED if side.seen.unreadable_count else Exit.DONE)


def _missing(run: "CompareRun") -> "Iterator[tuple[bytes, ComparedFile]]":
    """Yield absolute path and facts of each missing file, in path order."""
    from fileorg.core.sorting import in_path_order

    return in_path_order(
        (path, (path, file))
        for side in run.sides
        for file in side.found.files()
        for path in [side.path(file.tree, file.folder, file.name)]
    )


def _show(out: "Out", run: "CompareRun", format_: ListFormat, *, verbose: bool, paranoid: bool) -> None:
    from fileorg.core.formats import iso, write_csv

    match format_:
        case ListFormat.JSON:
            _as_json(out, run, paranoid=paranoid)
        case ListFormat.CSV:
            rows = ((path, file.size, iso(file.mtime_ns)) for path, file in _missing(run))
            write_csv(out.stream, ("path", "size_bytes", "mtime"), rows)
        case ListFormat.TEXT:
            _show_text(out, run, verbose=verbose, paranoid=paranoid)


def _as_json(out: "Out", run: "CompareRun", *, paranoid: bool) -> None:
    from fileorg.cli.plan_view import unread_as_json
    from fileorg.core.formats import JsonDocument, iso, named

    document = JsonDocument(out.stream)
    document.field("sides", [_summary(side) for side in run.sides])
    document.field("byte_by_byte", paranoid)
    document.rows(
        "missing",
        ({**named("path", path), "size_bytes": file.size, "mtime": iso(file.mtime_ns)} for path, file in _missing(run)),
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
            for side in run.sides
            for each in side.found.folders()
        ),
    )
    document.field("files_left_out", unread_as_json(run.reads.named))
    document.field("seconds", round(run.seconds, 3))
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


def _show_text(out: "Out", run: "CompareRun", *, verbose: bool, paranoid: bool, has_plan: bool = False) -> None:
    from fileorg.cli.pager import paged
    from fileorg.core.figures import duration, size
    from fileorg.core.names import display

    if verbose and not all(side.is_complete for side in run.sides):
        with paged(out) as page:
            page.many(f"{size(file.size):>9}  {display(path)}" for path, file in _missing(run))
        out.line()
    for side in run.sides:
        if side.found.sums.missing and not verbose:
            _show_folders(out, side)
            out.line()
        _show_sums(out, side)
    how = "byte by byte" if paranoid else "by digest; --paranoid compares byte by byte"
    out.prose(f"Compared in {duration(run.seconds)} {how}.{'' if has_plan else ' Nothing was changed.'}")


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
        (seen.ignored[IgnoreReason.EXCLUDED], nouns.OTHER_FILE_SYSTEM),  # patterns exclude nothing from the scan
        (seen.ignored[IgnoreReason.OURS], nouns.LEFT_ALONE[IgnoreReason.OURS]),
        (seen.unreadable_count, nouns.UNREADABLE),
    )
    not_compared = [f"{number:,} {noun.of(number)}" for number, noun in counts if number]
    if not_compared:
        out.prose(f"Not compared: {', '.join(not_compared)}.")
    show_ages(out, seen)


def _show_unread(screen: "Screen", run: "CompareRun", *, verbose: bool) -> None:
    """Print folders and files that could not be read on standard error."""
    from fileorg.cli.plan_view import show_unread_files, show_unreadable

    for seen in (*(side.seen for side in run.sides), *run.seen_elsewhere):
        show_unreadable(screen, seen, verbose=verbose)
    show_unread_files(screen, run.reads, verbose=verbose)
