"""`fileorg clean`: remove empty files, empty folders and broken symlinks."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli.options import Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit

if TYPE_CHECKING:
    from fileorg.cli.change import Change
    from fileorg.cli.terminal import Out
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.clean import CleanOptions, CleanRun

EXAMPLES = """
# See what would be removed, remove it, undo that
fileorg clean ~/Downloads --dry-run
fileorg clean ~/Downloads
fileorg undo

# Only empty folders
fileorg clean ~/Documents --empty-folders

# From cron, with the full path of fileorg: only files older than a month
fileorg clean ~/Downloads --yes --quiet --older-than 30d
"""

KINDS = "What to remove (default: all three)"

Folders = Annotated[list[str], Argument(metavar="PATH", help="The folders to clean, including their subfolders.")]
EmptyFiles = Annotated[
    bool, Option("--empty-files", help="Files of 0 bytes. They are moved to the trash.", rich_help_panel=KINDS)
]
EmptyFolders = Annotated[
    bool,
    Option(
        "--empty-folders",
        help="Folders that are empty, or that hold only what is removed too.",
        rich_help_panel=KINDS,
    ),
]
BrokenSymlinks = Annotated[
    bool,
    Option(
        "--broken-symlinks",
        help="Symlinks whose target does not exist, also because its file system is not mounted.",
        rich_help_panel=KINDS,
    ),
]
MaxChanges = Annotated[
    int | None,
    Option(
        "--max-changes", min=0, metavar="N", help="Refuse to remove more than N entries.", rich_help_panel=shared.RUN
    ),
]


def clean(
    paths: Folders,
    empty_files: EmptyFiles = False,
    empty_folders: EmptyFolders = False,
    broken_symlinks: BrokenSymlinks = False,
    max_depth: shared.MaxDepth = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    hidden: shared.Hidden = False,
    all_files: shared.AllFiles = False,
    one_file_system: shared.OneFileSystem = False,
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
    max_changes: MaxChanges = None,
    inside_project: shared.InsideProject = False,
    allow_unsafe: shared.AllowUnsafe = False,
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: shared.NullPairs = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,  # noqa: ARG001
    profile: shared.ProfileOption = None,  # noqa: ARG001
    state_dir: shared.StateDir = None,
) -> int:
    """Remove empty files, empty folders and broken symlinks.

    In a terminal, fileorg shows the plan and asks. Elsewhere it runs at once, because it can be undone. Empty files and
    symlinks are moved to PATH/.fileorg/trash, and fileorg undo restores them. A folder is removed if it is empty, or
    if it holds only what the same run removes.

    Skipped are hidden files, projects and bundles, as in every command; files that are empty on purpose, such as
    __init__.py, py.typed, .gitkeep, _SUCCESS and *.lock; folders whose owner or access list could not be restored; and
    PATH itself.
    """
    from fileorg.scan.leftovers import Leftover
    from fileorg.workflows.clean import CleanOptions

    kinds = {
        Leftover.EMPTY_FILE: empty_files,
        Leftover.EMPTY_FOLDER: empty_folders,
        Leftover.BROKEN_SYMLINK: broken_symlinks,
    }
    chosen = CleanOptions(
        root=os.fsencode(paths[0]),
        more_roots=[os.fsencode(path) for path in paths[1:]],
        goes=frozenset(kind for kind, wanted in kinds.items() if wanted or not any(kinds.values())),
        filters=shared.filters(
            max_depth=max_depth,
            include=include,
            exclude=exclude,
            hidden=hidden,
            all_files=all_files,
            one_file_system=one_file_system,
            min_size=None,
            max_size=None,
            newer_than=newer_than,
            older_than=older_than,
        ),
        max_changes=max_changes,
        inside_project=inside_project,
        allow_unsafe=allow_unsafe,
    )
    options = OutputOptions(
        dry_run,
        yes,
        format_,
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
    return run_clean(chosen, options, shared.state(state_dir, dry_run=not options.changes))


def run_clean(chosen: "CleanOptions", options: OutputOptions, state: "StateDirectory") -> Exit:
    """Plan, ask and run."""
    from fileorg.cli.change import Change
    from fileorg.cli.clean_view import CleanRows
    from fileorg.cli.plan_view import show_unreadable
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.cli.words import VERBS
    from fileorg.workflows.clean import cleaning

    with (
        output(options.output, force=options.force) as out,
        reporting(options.progress, quiet=options.quiet) as screen,
        cleaning(chosen, state, screen, changes=options.changes) as run,
    ):
        screen.pause()
        if options.save_plan is not None:
            from fileorg.cli.save_plan import save_plan

            run.check()
            return save_plan(options, run.plan_lines(), run.all_roots, out, screen)
        change = Change(
            options,
            VERBS["clean"],
            "clean",
            out,
            screen,
            CleanRows(run.plan, run.bases, root=run.roots[0]),
            in_several=len(run.roots) > 1,
        )
        code = _preview(change, run) if options.dry_run else _run(change, run, state)
        out.flush()
        unread = show_unreadable(screen, run.seen, verbose=options.verbose)
        return code or unread


def _run(change: "Change", run: "CleanRun", state: "StateDirectory") -> Exit:
    from fileorg.cli.change import declined
    from fileorg.cli.clean_view import counts_as_json, show_left_alone
    from fileorg.cli.summary import amount

    run.check()
    facts = counts_as_json(run.plan, run.seen)
    if not run.plan.files:
        show = partial(show_left_alone, plan=run.plan, seen=run.seen, listed=True)
        return change.nothing(facts, "Nothing to do.", skipped=run.plan.skipped, show=show)
    change.show(partial(_show, run=run, folds=not change.options.verbose))
    question = f"{change.verb.ask} {amount(run.plan.files, 0, change.verb)}? fileorg undo reverses it."
    if not change.agreed(question):
        return declined()
    if change.is_later:
        return change.hand_over(run, state)
    outcome = change.carry_out(run)
    way_back = f"fileorg undo {outcome.operation}"
    return change.report(outcome, run.plan.files, way_back, facts=facts)


def _show(talk: "Out", run: "CleanRun", *, folds: bool) -> None:
    """Print a line for each kind, and the skipped entries; `folds` to what fits on the screen."""
    from fileorg.cli.clean_view import room, show_kinds, show_left_alone
    from fileorg.cli.plan_view import show_ages

    show_kinds(talk, run.plan)
    show_ages(talk, run.seen)
    talk.line()
    if show_left_alone(talk, run.plan, run.seen, limit=room(talk) if folds else None):
        talk.line()


def _preview(change: "Change", run: "CleanRun") -> Exit:
    """Print the dry run. Raises `GuardRefused` afterwards if the run would."""
    from fileorg.cli.clean_view import counts_as_json
    from fileorg.cli.plan_view import show_ages
    from fileorg.cli.summary import amount

    plan = run.plan
    head: dict[str, Any] = {"dry_run": True, "kind": "clean", **shared.roots_as_json(run.roots)}
    change.preview(head, {"files": plan.files, **counts_as_json(plan, run.seen)})
    if change.is_text and not change.options.quiet and (plan.files or plan.skipped):
        change.out.line()
    change.say_dry_run(amount(plan.files, 0, change.verb), skipped=plan.skipped)
    if change.is_text and not change.options.quiet:
        show_ages(change.out, run.seen)
    run.check()
    return Exit.DONE
