"""`fileorg organize`: sort the files of a folder into folders."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.options import FILES, Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError
from fileorg.core.model import Action, By, OnConflict

if TYPE_CHECKING:
    from fileorg.cli.change import Change
    from fileorg.cli.terminal import Out
    from fileorg.core.model import PlanRow
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.organize import OrganizeOptions, OrganizeRun

EXAMPLES = """
# See the plan, run it, undo it
fileorg organize ~/Downloads --dry-run
fileorg organize ~/Downloads
fileorg undo

# Several folders at once, into one place
fileorg organize ~/Desktop ~/Downloads --dest ~/Sorted

# Copy the photos from a card into one folder per month
fileorg organize /media/card -r --dest ~/Photos --by date --action copy

# Your own folder layout
fileorg organize ~/Scans --template "{year}/{category}/{name}"

# Rename files whose extension does not fit their content
fileorg organize ~/Photos -r --fix-extensions

# From cron, with the full path of fileorg: only files unchanged for a day
fileorg organize ~/Downloads --yes --quiet --min-age 1d
"""

LAYOUT = "Where files go"


class FileAction(StrEnum):
    """The actions that a user can choose."""

    MOVE = Action.MOVE
    COPY = Action.COPY
    HARDLINK = Action.HARDLINK
    SYMLINK = Action.SYMLINK


Folders = Annotated[list[str], Argument(metavar="PATH", help="The folders to sort, each into folders of its own.")]
Dest = Annotated[
    str | None,
    Option(
        "--dest",
        metavar="DIR",
        help="Create the folders in DIR instead of PATH.",
        rich_help_panel=LAYOUT,
    ),
]
ByOption = Annotated[
    By | None,
    Option(
        "--by",
        help="Sort by category (Images, Documents, …), by year and month (when it was taken, else the date in the"
        " name, else the modification date), or by extension. Default: category.",
        show_default=False,
        rich_help_panel=LAYOUT,
    ),
]
TemplateOption = Annotated[
    str | None,
    Option(
        "--template",
        metavar="TEXT",
        help="Folder layout, built from fields such as {category} {year} {ext} {dir} {name}: see docs/rules.md.",
        rich_help_panel=LAYOUT,
    ),
]
ActionOption = Annotated[
    FileAction,
    Option("--action", help="What to do with each file. Copies and links leave it in place.", rich_help_panel=LAYOUT),
]
OnConflictOption = Annotated[
    OnConflict,
    Option(
        "--on-conflict",
        help="If a different file already has the name: add a number, skip the file, give the name to the newer file"
        " (the older one is moved to fileorg's trash), or refuse the whole run. If an identical file has the name, the"
        " file is always skipped.",
        rich_help_panel=LAYOUT,
    ),
]
RemoveEmpty = Annotated[
    bool,
    Option(
        "--remove-empty",
        help="With -r: remove the folders that this run leaves empty. fileorg undo restores them.",
        rich_help_panel=LAYOUT,
    ),
]
FixExtensions = Annotated[
    bool,
    Option(
        "--fix-extensions",
        help="Sort nothing: read every file, and rename those whose extension does not fit their content, such as a"
        " JPEG named .heic.",
        rich_help_panel=LAYOUT,
    ),
]
InstallTimer = Annotated[
    str | None,
    Option(
        "--install-timer",
        metavar="[WHEN]",
        help="Have systemd organize PATH hourly, daily, weekly, monthly or at a time such as 03:30, as fileorg watch"
        " --once does. Without WHEN, the schedule of the profile. fileorg watch --uninstall removes it.",
        rich_help_panel=shared.RUN,
    ),
]
MinAge = Annotated[
    str | None,
    Option(
        "--min-age",
        metavar="AGE",
        help="Skip files modified within the last AGE: 30s, 10min, 12h, 1d, 2w, 6mo (months) or 1y. m is minutes.",
        rich_help_panel=FILES,
    ),
]


def organize(
    paths: Folders,
    dest: Dest = None,
    by: ByOption = None,
    template: TemplateOption = None,
    action: ActionOption = FileAction.MOVE,
    on_conflict: OnConflictOption = OnConflict.RENAME,
    recursive: shared.Recursive = False,
    remove_empty: RemoveEmpty = False,
    fix_extensions: FixExtensions = False,
    max_depth: shared.MaxDepth = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    hidden: shared.Hidden = False,
    by_content: shared.ByContent = False,
    by_name: shared.ByName = False,
    timezone: shared.Timezone = None,
    exiftool: shared.Exiftool = False,
    all_files: shared.AllFiles = False,
    one_file_system: shared.OneFileSystem = False,
    min_size: shared.MinSize = None,
    max_size: shared.MaxSize = None,
    newer_than: shared.NewerThan = None,
    older_than: shared.OlderThan = None,
    min_age: MinAge = None,
    dry_run: shared.DryRun = False,
    yes: shared.Yes = False,
    save_plan: shared.SavePlan = None,
    edit: shared.Edit = False,
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
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: shared.NullPairs = False,
    stays: shared.Stays = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    profile: shared.ProfileOption = None,
    install_timer: InstallTimer = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Sort the files of folders into subfolders.

    In a terminal, fileorg shows the plan and asks. Elsewhere it runs at once, because it can be undone. Without -r,
    only files directly in PATH are moved. Nothing is overwritten, and files of unknown type are skipped. Several PATHs
    are one operation, with one undo. With --dest, their files go into the same folders.

    Skipped by default: hidden files, projects and everything under version control, bundles, libraries, virtual
    machines and other folders kept whole, unfinished downloads, and files matching a .fileorgignore (gitignore syntax).
    """
    from fileorg.workflows.organize import OrganizeOptions

    refuse_layout(by, template)
    refuse_removal(action, recursive=recursive, remove_empty=remove_empty)
    if fix_extensions:
        given = {
            "--by": by is not None,
            "--template": template is not None,
            "--dest": dest is not None,
            "--action": action is not FileAction.MOVE,
            "--by-name": by_name,
            "--install-timer": install_timer is not None,
        }
        for option, is_given in given.items():
            if is_given:
                message = f"--fix-extensions and {option} cannot be combined."
                raise UsageError(message, hint="fix the extensions first, and then organize")
    youngest = None if min_age is None else values.age("--min-age", min_age)
    configured = values.configuration(config, profile)
    chosen = OrganizeOptions(
        root=os.fsencode(paths[0]),
        more_roots=[os.fsencode(path) for path in paths[1:]],
        dest=None if dest is None else os.fsencode(dest),
        by=by or By.CATEGORY,
        template=template,
        action=Action(action),
        on_conflict=on_conflict,
        filters=shared.filters(
            recursive=recursive,
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
        max_changes=max_changes,
        inside_project=inside_project,
        allow_unsafe=allow_unsafe,
        min_age_ns=None if youngest is None else time.time_ns() - youngest.ns,
        min_age="" if youngest is None else youngest.age,
        stays=stays,
        configuration=configured,
        remove_empty=remove_empty,
        look_into=shared.look_into(by_content=by_content, by_name=by_name),
        timezone=shared.timezone_of_run(timezone, by, template, configured),
        exiftool=shared.exiftool_of_run(by, template, configured, is_given=exiftool),
        fix_extensions=fix_extensions,
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
    if install_timer is not None:
        from fileorg.cli.service_view import install_timer_for
        from fileorg.workflows.stores import refuse_in_stores

        refuse_in_stores([*chosen.roots, chosen.dest or b""], "install a timer")
        return install_timer_for(chosen, options, install_timer, shared.state(state_dir))
    state = shared.state(state_dir, dry_run=not options.changes)
    if edit:
        return _edit(chosen, options, state)
    return run_organize(chosen, options, state)


def _edit(chosen: "OrganizeOptions", options: OutputOptions, state: "StateDirectory") -> Exit:
    """Plan, and let the user change the plan before it is carried out."""
    from fileorg.cli.commands.apply import edit_and_apply
    from fileorg.cli.progress import reporting
    from fileorg.workflows.apply_plan import ApplyOptions
    from fileorg.workflows.edit_plan import rows_of_lines
    from fileorg.workflows.organize import organizing

    if options.save_plan is not None:
        raise UsageError("--edit and --save-plan cannot be combined.", hint="save the plan, then fileorg apply --edit")
    with (
        reporting(options.progress, quiet=options.quiet) as screen,
        organizing(chosen, state, screen, changes=False) as run,
    ):
        screen.pause()
        applied = ApplyOptions(
            roots=run.all_roots,
            all_files=chosen.filters.all_files,
            max_changes=chosen.max_changes,
            inside_project=chosen.inside_project,
            allow_unsafe=chosen.allow_unsafe,
        )
        rows = rows_of_lines(run.plan_lines())
    return edit_and_apply(rows, applied, options, state)


def refuse_layout(by: By | None, template: str | None, example: str = "{category}/{year}/{name}") -> None:
    """Raise `UsageError` for two layouts, and for an empty one; `example` is shown for that."""
    if by is not None and template is not None:
        raise UsageError("--by and --template cannot be combined.", hint="drop one of them")
    if template == "":
        raise UsageError("--template is empty.", hint=f'for example: --template "{example}"')


def refuse_removal(action: FileAction, *, recursive: bool, remove_empty: bool) -> None:
    """Raise `UsageError` for `--remove-empty` where no folder can become empty."""
    if remove_empty and (not recursive or action is not FileAction.MOVE):
        missing = "--action move" if recursive else "-r"
        raise UsageError(f"--remove-empty requires {missing}.", hint=f"add {missing}, or drop --remove-empty")


def run_organize(
    chosen: "OrganizeOptions",
    options: OutputOptions,
    state: "StateDirectory",
    between: Callable[[], None] | None = None,
) -> Exit:
    """Plan, ask and run. `between` is called after the summary, before the undo command is printed."""
    from fileorg.cli.change import Change
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.plan_view import show_unreadable
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.cli.words import verb_of
    from fileorg.core.names import real_path
    from fileorg.workflows.organize import organizing

    with (
        output(options.output, force=options.force) as out,
        reporting(options.progress, quiet=options.quiet) as screen,
        organizing(chosen, state, screen, changes=options.changes) as run,
    ):
        screen.pause()
        if options.save_plan is not None:
            from fileorg.cli.save_plan import save_plan

            run.check()
            return save_plan(options, run.plan_lines(), run.all_roots, out, screen)
        rows = PlanRows(
            run.plan,
            run.bases,
            partial(_stays, run),
            root=real_path(chosen.root),
        )
        in_several = len(run.roots) > 1
        change = Change(
            options,
            verb_of(run.plan.actions() or {chosen.action}),
            "organize",
            out,
            screen,
            rows,
            in_several=in_several,
        )
        code = _preview(change, run, chosen) if options.dry_run else _run(change, run, state, between)
        out.flush()
        shared.say_if_edited(chosen.configuration, screen)
        unread = show_unreadable(screen, run.seen, verbose=options.verbose)
        return code or unread


def _run(change: "Change", run: "OrganizeRun", state: "StateDirectory", between: Callable[[], None] | None) -> Exit:
    from fileorg.cli.change import declined
    from fileorg.cli.plan_view import show_stays, stays_as_json
    from fileorg.core.figures import plural

    run.check()
    facts = stays_as_json(run.plan, run.seen)
    if not run.plan.files:
        show = partial(show_stays, plan=run.plan, seen=run.seen, listed=True)
        return change.nothing(facts, "Nothing to do.", skipped=run.plan.skipped, show=show)
    change.show(partial(_show, run=run, folds=not change.options.verbose))
    what = plural(run.plan.files, "file")
    if removed := _removed(run):
        what += f" and remove {plural(removed, 'folder')} that this leaves empty"
    if not change.agreed(f"{change.verb.ask} {what}? fileorg undo reverses it."):
        return declined()
    if change.is_later:
        return change.hand_over(run, state)
    outcome = change.carry_out(run)
    facts["removed_folders"] = run.removed()
    facts["emptied_folders"] = emptied = run.emptied()
    way_back = f"fileorg undo {outcome.operation}"
    return change.report(
        outcome, run.plan.files, way_back, facts=facts, between=partial(_show_more, change, run, emptied, between)
    )


def _show_more(change: "Change", run: "OrganizeRun", emptied: int, between: Callable[[], None] | None) -> None:
    """Print the number of folders that the run removed and left empty, and the output of `between`."""
    if (removed := run.removed()) and not change.options.quiet:
        from fileorg.core.figures import plural

        change.out.prose(f"Removed {plural(removed, 'folder')} that the run left empty.")
    if emptied and not change.options.quiet:
        from shlex import quote

        from fileorg.core.figures import plural
        from fileorg.core.names import display

        verb = "is" if emptied == 1 else "are"
        said = f"{plural(emptied, 'folder')} {verb} empty now."
        if run.plan.emptied is None:
            said += (
                f" Remove with: fileorg clean --empty-folders {' '.join(quote(display(root)) for root in run.roots)}"
            )
        change.out.prose(said)
        if run.plan.emptied is not None:
            _show_kept(change.out, run.plan.emptied.kept())
    if between is not None:
        between()


def _show_kept(out: "Out", kept: "Iterable[PlanRow]") -> None:
    """Print the first emptied folders that stay, with the reason."""
    from fileorg.cli.summary import NAMED
    from fileorg.core.names import display, join
    from fileorg.report.sentences import sentence

    for row in islice(kept, NAMED):
        out.line(f"  {display(join(row.target_folder, row.target_name))}: {sentence(row.reason)}")


def _removed(run: "OrganizeRun") -> int:
    """Return the number of folders that the plan removes."""
    return 0 if run.plan.emptied is None else run.plan.emptied.removed


def _stays(run: "OrganizeRun") -> Iterator[tuple[bytes, str, str]]:
    """Yield path, reason and code of each entry to list that stays and has no row."""
    from fileorg.cli.nouns import stay_noun
    from fileorg.core.reasons import reason_code

    for path, reason, *_ in run.stays():
        yield path, stay_noun(reason, run.seen.filters).one, reason_code(reason)


def _show(talk: "Out", run: "OrganizeRun", *, listed: bool = False, folds: bool = False) -> None:
    """Print the plan by category, and the skipped files; `folds` to what fits on the screen."""
    from fileorg.cli.plan_view import rooms, show_ages, show_plan, show_stays

    categories, reasons = rooms(talk) if folds else (None, None)
    if run.plan.files:
        show_plan(talk, run.plan, run.dest, limit=categories)
    if show_ages(talk, run.seen) or run.plan.files:
        talk.line()
    if show_stays(talk, run.plan, run.seen, listed=listed, limit=reasons):
        talk.line()


def _preview(change: "Change", run: "OrganizeRun", chosen: "OrganizeOptions") -> Exit:
    """Print the dry run. Raises `GuardRefused` afterwards if the run would."""
    from fileorg.cli.plan_view import stays_as_json
    from fileorg.core.figures import plural, size
    from fileorg.core.formats import named
    from fileorg.core.names import real_path

    plan = run.plan
    head: dict[str, Any] = {
        "dry_run": True,
        "kind": "organize",
        "action": str(chosen.action),
        **shared.roots_as_json(run.roots),
    }
    if chosen.dest is not None:
        head |= named("dest", real_path(chosen.dest))
    totals = {
        "files": plan.files,
        "size_bytes": plan.size_bytes,
        "renamed": plan.renamed,
        "removed_folders": _removed(run),
        **stays_as_json(plan, run.seen),
    }
    change.preview(head, totals)
    if change.is_text and not change.options.quiet:
        if plan.files or plan.skipped or chosen.stays:  # rows were listed
            change.out.line()
        _show(change.out, run, listed=True)
    also = f", {plural(removed, 'folder')} left empty would be removed" if (removed := _removed(run)) else ""
    change.say_dry_run(f"{plural(plan.files, 'file')} ({size(plan.size_bytes)})", also=also, skipped=plan.skipped)
    run.check()
    return Exit.DONE
