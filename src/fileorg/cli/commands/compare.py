"""`fileorg compare`: which files of a folder have their content nowhere in others."""

import os
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.options import OUTPUT, Format, ListOrPageFormat, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from fileorg.cli.progress import Screen
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.compare import CompareOptions, CompareRun

EXAMPLES = """
# May this disk be wiped? Exit code 0 if all its content is in one of the other two folders, 3 if not
fileorg compare /media/old-disk ~/Pictures ~/Archive

# List each missing file
fileorg compare /media/card ~/Pictures -v

# What either folder has and the other has not
fileorg compare ~/Pictures /media/backup --both

# Copy what is missing; fileorg undo removes the copies
fileorg compare /media/card ~/Pictures --action copy --dest ~/rescued

# Keep the result: one page for the browser, which needs no network
fileorg compare /media/old-disk ~/Pictures --format html -o page.html

# Trust no digest: compare each file byte by byte
fileorg compare /media/card ~/Pictures --paranoid
"""

COMPARISON = "Comparison"


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
SavePlan = Annotated[
    str | None,
    Option(
        "--save-plan",
        metavar="FILE",
        help="With --dest: write the plan of the copies to a new FILE, as lines of JSON, and copy nothing.",
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
    save_plan: SavePlan = None,
    dry_run: shared.DryRun = False,
    yes: shared.Yes = False,
    background: shared.Background = False,
    hold: shared.Hold = False,
    log_format: shared.LogFormat = None,
    wait: shared.Wait = None,  # noqa: ARG001  handled before: see `app`
    time_limit: shared.TimeLimit = None,  # noqa: ARG001  these too
    kill_after: shared.KillAfter = None,  # noqa: ARG001
    helper_memory: shared.HelperMemory = None,  # noqa: ARG001
    attempts: shared.Attempts = None,  # noqa: ARG001
    parallel: shared.Parallel = None,  # noqa: ARG001
    max_changes: shared.MaxChanges = None,
    inside_project: shared.InsideProject = False,
    format_: shared.TextJsonCsvHtml = ListOrPageFormat.TEXT,
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
            "--save-plan": save_plan is not None,
            "--max-changes": max_changes is not None,
            "--inside-project": inside_project,
            "--background": background,
            "--hold": hold,
            "--log-format": log_format is not None,
        }
        _refuse_without_dest(given)
        if format_ is ListOrPageFormat.HTML and not null:
            _refuse_page_on_terminal(output)
        return _report(chosen, format_, state, progress, output, force=force, null=null, quiet=quiet, verbose=verbose)
    if reverse or both or format_ in (ListOrPageFormat.CSV, ListOrPageFormat.HTML):
        other = "--reverse" if reverse else "--both" if both else f"--format {format_}"
        raise UsageError(f"{other} and --dest cannot be combined.", hint=f"drop {other}, or drop --dest")
    options = OutputOptions(dry_run, yes, Format(format_), output, force, null, quiet, verbose, progress)
    if save_plan is not None:
        refused = {"--dry-run": dry_run, "--background": background, "--hold": hold}
        for name, is_given in refused.items():
            if is_given:
                raise UsageError(f"--save-plan and {name} cannot be combined.", hint="drop one of them")
        return _save_plan(chosen, options, state, save_plan)
    options = options._replace(background=background, hold=hold, log_format=log_format)
    shared.need_dry_run(options)
    return _copy(chosen, options, state)


def _refuse_without_dest(given: "dict[str, bool]") -> None:
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option} requires --dest.", hint=f"add --dest DIR, or drop {option}")


def _refuse_page_on_terminal(output: str | None) -> None:
    from fileorg.cli.terminal import standard_output

    if output is None and standard_output().is_terminal:
        raise UsageError("--format html is no text for a terminal.", hint="add -o FILE.html")


def _report(
    chosen: "CompareOptions",
    format_: ListOrPageFormat,
    state: "StateDirectory",
    progress: ProgressMode,
    path: str | None,
    *,
    force: bool,
    null: bool,
    quiet: bool,
    verbose: bool,
) -> Exit:
    from fileorg.cli import compare_view as view
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

            write_null(out.stream, (path for path, _ in view.missing_files(run)))
        elif format_ is not ListOrPageFormat.TEXT or not quiet:
            view.show(out, run, format_, verbose=verbose, paranoid=chosen.paranoid)
        out.flush()
        _show_unread(screen, run, verbose=verbose)
        return Exit.DONE if all(side.is_complete for side in run.sides) else Exit.NO


def _copy(chosen: "CompareOptions", options: OutputOptions, state: "StateDirectory") -> Exit:
    """Plan, ask and copy the missing files."""
    from fileorg.cli import compare_view as view
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
        show = partial(view.show_text, run=run, verbose=False, paranoid=chosen.paranoid, has_plan=True)
        if options.dry_run:
            head = {"dry_run": True, "kind": "compare", **named("root", side.roots[0]), **named("dest", run.copies)}
            change.preview(head, {"files": run.plan.files, "size_bytes": run.plan.size_bytes})
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
            if not change.agreed(f"Copy {what}? fileorg undo reverses it."):
                return declined()
            if change.is_later:
                return change.hand_over(run, state)
            outcome = change.carry_out(run)
            code = change.report(outcome, run.plan.files, f"fileorg undo {outcome.operation}")
        out.flush()
        _show_unread(screen, run, verbose=options.verbose)
        return code or (Exit.SOME_FAILED if side.seen.unreadable_count else Exit.DONE)


def _save_plan(chosen: "CompareOptions", options: OutputOptions, state: "StateDirectory", path: str) -> Exit:
    """Write the plan of the copies to a file."""
    from fileorg.cli import compare_view as view
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import standard_output
    from fileorg.core.figures import plural
    from fileorg.core.names import display
    from fileorg.workflows.compare import comparing
    from fileorg.workflows.output_target import written

    out = standard_output()
    with (
        written(path, force=options.force) as stream,
        reporting(options.progress, quiet=options.quiet) as screen,
        comparing(chosen, state, screen) as run,
    ):
        run.check()
        stream.writelines(f"{line}\n" for line in run.plan_lines())
        screen.pause()
        if not options.quiet:
            view.show_text(out, run, verbose=False, paranoid=chosen.paranoid, has_plan=True)
            out.prose(f"The plan to copy {plural(run.plan.files, 'file')} is in {display(path)}. Nothing was copied.")
        out.flush()
        _show_unread(screen, run, verbose=options.verbose)
        return Exit.DONE if run.sides[0].is_complete else Exit.NO


def _show_unread(screen: "Screen", run: "CompareRun", *, verbose: bool) -> None:
    """Print folders and files that could not be read on standard error."""
    from fileorg.cli.plan_view import show_unread_files, show_unreadable

    for seen in (*(side.seen for side in run.sides), *run.seen_elsewhere):
        show_unreadable(screen, seen, verbose=verbose)
    show_unread_files(screen, run.reads, verbose=verbose)
