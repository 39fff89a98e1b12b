"""`fileorg dedupe`: find duplicates, and on request replace or remove them."""

import os
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.options import FILES, OUTPUT, Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.content.keeper import Keep
from fileorg.core.errors import Exit, UsageError
from fileorg.plan.dedupe_plan import DedupeAction

if TYPE_CHECKING:
    from fileorg.cli.change import Change
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.dedupe import DedupeOptions, DedupeRun

EXAMPLES = """
# List duplicates; change nothing
fileorg dedupe ~/Pictures

# Move duplicates to fileorg's trash; then undo that, or free the space permanently
fileorg dedupe ~/Pictures --action quarantine
fileorg undo
fileorg purge

# Remove the downloads that are already in the archive; never touch the archive
fileorg dedupe ~/Downloads --reference ~/Archive --action quarantine

# Keep every name, store the content once
fileorg dedupe ~/Projects --action hardlink --min-size 1M

# Choose in the terminal which file of each group is kept
fileorg dedupe ~/Pictures -i

# In the output format of fdupes
fileorg dedupe ~/Music --format fdupes
"""

KEEP = "Which file is kept"


class DedupeFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    FDUPES = "fdupes"


Paths = Annotated[list[str], Argument(metavar="PATH", help="Folders to search.")]
KeepOption = Annotated[
    list[Keep] | None,
    Option(
        "--keep",
        metavar="RULE",
        help=f"Which file of a group to keep: {', '.join(Keep)}. May be repeated: the next rule decides a tie."
        " Default: a clean name, then the oldest, then the shortest path.",
        show_default=False,
        rich_help_panel=KEEP,
    ),
]
Reference = Annotated[
    list[str] | None,
    Option(
        "--reference",
        metavar="DIR",
        help="Files in DIR are always kept and never touched. May be repeated.",
        rich_help_panel=KEEP,
    ),
]
Prefer = Annotated[
    list[str] | None,
    Option(
        "--prefer",
        metavar="PATTERN",
        help="Prefer to keep files matching PATTERN (gitignore syntax).",
        rich_help_panel=KEEP,
    ),
]
Protect = Annotated[
    list[str] | None,
    Option(
        "--protect",
        metavar="PATTERN",
        help="Never touch files matching PATTERN (gitignore syntax).",
        rich_help_panel=KEEP,
    ),
]
Isolate = Annotated[
    bool,
    Option(
        "--isolate", help="Only duplicates across different PATHs, not within one.",
        rich_help_panel=KEEP,
    ),
]  # fmt: skip
Interactive = Annotated[
    bool,
    Option(
        "-i",
        "--interactive",
        help="Choose the files to keep, group by group, in the terminal. Without --action, the others are moved to"
        " fileorg's trash.",
        rich_help_panel=KEEP,
    ),
]
ActionOption = Annotated[
    DedupeAction | None,
    Option(
        "--action",
        help="What to do with duplicates: move them to fileorg's trash, replace them by a hard link or a symlink to the"
        " kept file, or share blocks with it (btrfs, xfs). Without it, nothing is changed.",
        show_default=False,
        rich_help_panel=shared.RUN,
    ),
]
HardLinks = Annotated[
    bool,
    Option(
        "--hardlinks",
        help="Also list the other hard links of files that are kept; they take no extra space.",
        rich_help_panel=FILES,
    ),
]
FormatOption = Annotated[
    DedupeFormat,
    Option(
        "-f",
        "--format",
        help="Output format: text for people, JSON, CSV, or the format of fdupes: one path per line, an empty line"
        " after each group.",
        rich_help_panel=OUTPUT,
    ),
]
Null = Annotated[
    bool,
    Option(
        "-0",
        "--null",
        help="Print paths terminated by NUL, with one more NUL after each group. With --action and -n: print source and"
        " target alternately.",
        rich_help_panel=OUTPUT,
    ),
]


def dedupe(
    paths: Paths,
    action: ActionOption = None,
    keep: KeepOption = None,
    reference: Reference = None,
    prefer: Prefer = None,
    protect: Protect = None,
    isolate: Isolate = False,
    interactive: Interactive = False,
    max_depth: shared.MaxDepth = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    hidden: shared.Hidden = False,
    all_files: shared.AllFiles = False,
    hardlinks: HardLinks = False,
    one_file_system: shared.OneFileSystem = False,
    min_size: shared.MinSize = None,
    max_size: shared.MaxSize = None,
    newer_than: shared.NewerThan = None,
    older_than: shared.OlderThan = None,
    dry_run: shared.DryRun = False,
    yes: shared.Yes = False,
    save_plan: shared.SavePlan = None,
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
    allow_unsafe: shared.AllowUnsafe = False,
    format_: FormatOption = DedupeFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: Null = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    profile: shared.ProfileOption = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Find files with the same content, and free the space that duplicates take.

    Without --action, nothing is changed. With --action, fileorg first compares each duplicate byte by byte with the
    file that is kept. fileorg undo restores duplicates from fileorg's trash, until fileorg purge frees their space
    permanently.

    Empty files are not duplicates of each other, unless --min-size is 0. fileorg remembers hashes: the next run reads
    only files that have changed.
    """
    from fileorg.workflows.dedupe import DedupeOptions

    if interactive:
        action = action or DedupeAction.QUARANTINE
    chosen = DedupeOptions(
        roots=[os.fsencode(path) for path in paths],
        references=[os.fsencode(path) for path in reference or ()],
        filters=shared.filters(
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
        ),
        keep=keep or (),
        prefer=prefer or (),
        protect=protect or (),
        isolate=isolate,
        with_links=hardlinks,
        action=action,
        max_changes=max_changes,
        inside_project=inside_project,
        interactive=interactive,
        allow_unsafe=allow_unsafe,
        configuration=None if action is None else values.configuration(config, profile),
    )
    if interactive:
        _refuse_to_choose(format_, yes=yes, null=null)
    state = (
        shared.state_for_cache(state_dir)
        if action is None or dry_run or save_plan is not None
        else shared.state(state_dir)
    )
    if action is None:
        given = {
            "--dry-run": dry_run,
            "--save-plan": save_plan is not None,
            "--max-changes": max_changes is not None,
            "--inside-project": inside_project,
            "--allow-unsafe": allow_unsafe,
            "--background": background,
            "--hold": hold,
            "--log-format": log_format is not None,
        }
        _refuse_for_a_report(given)
        return _report(chosen, format_, state, progress, output, force=force, null=null, quiet=quiet, verbose=verbose)
    if format_ not in {DedupeFormat.TEXT, DedupeFormat.JSON}:
        raise UsageError(f"--format {format_} and --action cannot be combined.", hint="use --format text or json")
    options = OutputOptions(
        dry_run,
        yes,
        Format(format_),
        output,
        force,
        null,
        quiet,
        verbose,
        progress,
        background,
        hold,
        log_format,
        save_plan,
    )
    shared.need_dry_run(options)
    if interactive:
        _refuse_without_terminal(options)
    return _change(chosen, options, state, interactive=interactive)


def _refuse_to_choose(format_: DedupeFormat, *, yes: bool, null: bool) -> None:
    """Raise `UsageError` for options that leave nothing to choose with -i."""
    given = {f"--format {format_}": format_ is not DedupeFormat.TEXT, "--yes": yes, "--null": null}
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"-i and {option} cannot be combined.", hint="drop one of them")


def _refuse_without_terminal(options: OutputOptions) -> None:
    from fileorg.cli.change import stream_for_people
    from fileorg.cli.terminal import can_ask, standard_error, standard_output

    talk = stream_for_people(options, standard_output()) if options.output in {None, "-"} else standard_error()
    if not can_ask(talk):
        raise UsageError("-i needs a terminal.", hint="choose the files to keep with --keep, --prefer and --protect")


def _refuse_for_a_report(given: "dict[str, bool]") -> None:
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option} requires --action.", hint=f"add --action, or drop {option}")


def _report(
    chosen: "DedupeOptions",
    format_: DedupeFormat,
    state: "StateDirectory",
    progress: ProgressMode,
    path: str | None,
    *,
    force: bool,
    null: bool,
    quiet: bool,
    verbose: bool,
) -> Exit:
    from fileorg.cli import duplicates_view as view
    from fileorg.cli.plan_view import show_ages
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.workflows.dedupe import deduping

    with (
        output(path, force=force) as out,
        reporting(progress, quiet=quiet) as screen,
        deduping(chosen, state, screen) as run,
    ):
        screen.pause()
        if null:
            view.as_null(out, run)
        else:
            match format_:
                case DedupeFormat.JSON:
                    view.as_json(out, run)
                case DedupeFormat.CSV:
                    view.as_csv(out, run)
                case DedupeFormat.FDUPES:
                    view.as_fdupes(out, run)
                case DedupeFormat.TEXT if not quiet:
                    view.show(out, run, verbose=verbose)
                    show_ages(out, run.seen)
        out.flush()
        return _show_unread(screen, run, verbose=verbose)


def _change(chosen: "DedupeOptions", options: OutputOptions, state: "StateDirectory", *, interactive: bool) -> Exit:
    import contextlib

    from fileorg.cli.change import Change, declined
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.cli.words import VERBS
    from fileorg.workflows.dedupe import deduping

    with (
        output(options.output, force=options.force) as out,
        reporting(options.progress, quiet=options.quiet) as screen,
        deduping(chosen, state, screen, changes=options.changes) as run,
        contextlib.ExitStack() as choices,
    ):
        screen.pause()
        rows = PlanRows(run.rows, run.elsewhere(), root=run.trees.paths[0])
        change = Change(options, VERBS[f"dedupe-{chosen.action}"], "dedupe", out, screen, rows)
        is_chosen = interactive and run.found.with_victims > 0
        if is_chosen:
            from fileorg.cli.keeper_dialog import choose_keepers

            selection = choices.enter_context(run.choose())
            if not choose_keepers(change.talk, selection, change.verb.participle):
                change.talk.line("Nothing was changed.")
                return declined()
        if options.save_plan is not None:
            from fileorg.cli.save_plan import save_plan

            run.check()
            return save_plan(options, run.plan_lines(), run.all_roots, out, screen)
        code = _preview(change, run) if options.dry_run else _run(change, run, state, is_chosen=is_chosen)
        out.flush()
        unread = _show_unread(screen, run, verbose=options.verbose)
        return code or unread


def _run(change: "Change", run: "DedupeRun", state: "StateDirectory", *, is_chosen: bool) -> Exit:
    from fileorg.cli import duplicates_view as view
    from fileorg.cli.change import declined
    from fileorg.core.figures import plural, size

    run.check()
    if not run.found.victims:
        nothing = "All files stay. Nothing was changed." if is_chosen else "No duplicates to process."
        return change.nothing(view.summary(run), nothing, skipped=run.found.led_to)
    if is_chosen:
        change.show(partial(_show_chosen, run=run))
    else:
        change.show(partial(_show, run=run, verbose=change.options.verbose), lists_rows=False)
    what = f"{plural(run.found.victims, 'duplicate')} ({size(run.found.size_bytes)})"
    if not change.agreed(f"{change.verb.ask} {what}? fileorg undo reverses it."):
        return declined()
    if change.is_later:
        return change.hand_over(run, state)
    outcome = change.carry_out(run)
    way_back = f"fileorg undo {outcome.operation}"
    say_purge = partial(_say_purge, change, run, outcome.done)
    return change.report(outcome, run.found.victims, way_back, facts=view.summary(run), between=say_purge)


def _show_chosen(talk: "Out", run: "DedupeRun") -> None:
    from fileorg.core.figures import plural, size

    found = run.found
    what = f"{plural(found.victims, 'duplicate')} in {plural(found.with_victims, 'group')}, {size(found.freed_bytes)}"
    talk.prose(f"Chosen: {what} wasted.")


def _show(talk: "Out", run: "DedupeRun", *, verbose: bool) -> None:
    from fileorg.cli import duplicates_view as view
    from fileorg.cli.plan_view import show_ages

    view.show(talk, run, verbose=verbose, hint=False)
    show_ages(talk, run.seen)
    talk.line()


def _say_purge(change: "Change", run: "DedupeRun", done: int) -> None:
    if done and run.fills_trash and not change.options.quiet:
        command = change.out.styled("fileorg purge", "cyan")
        change.out.line(f"To free the space permanently, run: {command}")


def _preview(change: "Change", run: "DedupeRun") -> Exit:
    """Print the dry run. Raises `GuardRefused` afterwards if the run would."""
    from fileorg.cli import duplicates_view as view
    from fileorg.cli.plan_view import show_ages
    from fileorg.core.figures import plural, size

    head = {"dry_run": True, "kind": "dedupe", **view.roots(run)}
    change.preview(head, {"files": run.found.victims, "size_bytes": run.found.size_bytes, **view.summary(run)})
    if change.is_text and not change.options.quiet:
        change.out.line()
    change.say_dry_run(f"{plural(run.found.victims, 'duplicate')} ({size(run.found.size_bytes)})")
    if change.is_text and not change.options.quiet:
        show_ages(change.out, run.seen)
    run.check()
    return Exit.DONE


def _show_unread(screen: "Screen", run: "DedupeRun", *, verbose: bool) -> Exit:
    """Print unreadable folders and files on standard error. Return the exit code."""
    from fileorg.cli.plan_view import show_unread_files, show_unreadable

    unread = show_unreadable(screen, run.seen, verbose=verbose)
    return show_unread_files(screen, run.reads, verbose=verbose) or unread
