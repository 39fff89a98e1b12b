"""`fileorg watch`: organize what arrives in a folder."""

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, cast

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.commands.organize import (
    ActionOption,
    ByOption,
    Dest,
    FileAction,
    MinAge,
    OnConflictOption,
    RemoveEmpty,
    TemplateOption,
    refuse_layout,
    refuse_removal,
)
from fileorg.cli.options import Format, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import ErrorCode, Exit, UsageError
from fileorg.core.model import Action, By, OnConflict
from fileorg.core.names import display, scheme_of

if TYPE_CHECKING:
    from types import FunctionType

    from fileorg.core.state import StateDirectory
    from fileorg.jobs.watch_loop import WatchOptions

EXAMPLES = """
# Keep a folder tidy while this terminal is open; Ctrl-C ends it
fileorg watch ~/Downloads

# The same in the background, as a job
fileorg watch ~/Downloads --background
fileorg jobs

# From cron: organize what is settled, and end
fileorg watch ~/Downloads --once --quiet
"""

WHEN, SERVICE = "When", "Service"

Folders = Annotated[list[str] | None, Argument(metavar="PATH", help="The folders to watch.")]
Settle = Annotated[
    str,
    Option(
        "--settle",
        metavar="TIME",
        help="Take a file once it is closed and has not changed for TIME: 2s, 10s, 5min.",
        show_default=True,
        rich_help_panel=WHEN,
    ),
]
Rescan = Annotated[
    str,
    Option(
        "--rescan",
        metavar="TIME",
        help="Look at all folders again every TIME, whatever the system reports: 10min, 1h.",
        show_default=True,
        rich_help_panel=WHEN,
    ),
]
Once = Annotated[
    bool,
    Option("--once", help="Organize what is settled now, and end.", rich_help_panel=WHEN),
]
MaxChanges = Annotated[
    int | None,
    Option(
        "--max-changes",
        min=0,
        metavar="N",
        help="A run that would change more than N files waits for fileorg jobs approve. Default: ten times the largest"
        " of the last 20 runs in the folder, and at least 200.",
        show_default=False,
        rich_help_panel=shared.RUN,
    ),
]
Background = Annotated[
    bool,
    Option("--background", help="Watch in the background, as a job: see fileorg jobs.", rich_help_panel=shared.RUN),
]
Install = Annotated[
    bool,
    Option(
        "--install",
        help="Show, then write and start a unit of systemd that watches from each log-in on; without systemd, print the"
        " lines for launchd and cron.",
        rich_help_panel=SERVICE,
    ),
]
Uninstall = Annotated[
    bool,
    Option(
        "--uninstall",
        help="Stop and remove the units that fileorg has written: for PATH, or all of them.",
        rich_help_panel=SERVICE,
    ),
]
Status = Annotated[
    bool, Option("--status", help="Show what is watched now, and the installed units.", rich_help_panel=SERVICE)
]
Yes = Annotated[bool, Option("-y", "--yes", help="With --install: do not ask.", rich_help_panel=SERVICE)]
Verbose = Annotated[
    bool, Option("-v", "--verbose", help="List every file that moves or is not ready.", rich_help_panel=shared.OUTPUT)
]


def watch(
    paths: Folders = None,
    settle: Settle = "10s",
    rescan: Rescan = "1h",
    once: Once = False,
    dest: Dest = None,
    by: ByOption = None,
    template: TemplateOption = None,
    action: ActionOption = FileAction.MOVE,
    on_conflict: OnConflictOption = OnConflict.RENAME,
    recursive: shared.Recursive = False,
    remove_empty: RemoveEmpty = False,
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
    max_changes: MaxChanges = None,
    background: Background = False,
    install: Install = False,
    uninstall: Uninstall = False,
    status: Status = False,
    yes: Yes = False,
    wait: shared.Wait = None,  # noqa: ARG001  handled before: see `app`
    time_limit: shared.TimeLimit = None,  # noqa: ARG001  these too
    kill_after: shared.KillAfter = None,
    helper_memory: shared.HelperMemory = None,  # noqa: ARG001
    parallel: shared.Parallel = None,  # noqa: ARG001
    inside_project: shared.InsideProject = False,
    format_: shared.TextOrJson = Format.TEXT,
    quiet: shared.Quiet = False,
    verbose: Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    profile: shared.ProfileOption = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Organize files as they arrive in a folder.

    It takes the options and rules of organize. A file is taken once it is closed and has not changed for a while. Each
    burst of files is one operation: fileorg history lists it, and fileorg undo reverses it.

    What you move back is left alone until it changes. A run that wants far more than is usual waits for your approval.
    """
    if status:
        from fileorg.cli.watch_view import show_status

        return show_status(shared.state_to_read(state_dir), is_json=format_ is Format.JSON)
    if uninstall:
        from fileorg.cli.service_view import show_and_uninstall

        return show_and_uninstall([os.path.realpath(os.fsencode(path)) for path in paths or ()], quiet=quiet)
    if not paths:
        raise UsageError(
            "watch requires a folder.", hint="for example: fileorg watch ~/Downloads", code=ErrorCode.MISSING_ARGUMENT
        )
    _refuse_stores([*paths, dest or ""])
    refuse_layout(by, template)
    refuse_removal(action, recursive=recursive, remove_empty=remove_empty)
    ways = {"--once": once, "--background": background, "--install": install}
    if len(chosen := [name for name, is_given in ways.items() if is_given]) > 1:
        raise UsageError(f"{' and '.join(chosen)} cannot be combined.", hint="drop one of them")
    if kill_after is not None and not once:
        raise UsageError(
            "--kill-after requires --once: a watch has no end.", hint="--time-limit ends each run after a time"
        )
    from fileorg.jobs.watch_loop import WatchOptions
    from fileorg.workflows.organize import OrganizeOptions

    youngest = None if min_age is None else values.age("--min-age", min_age)
    filters = shared.filters(
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
    )
    configured = values.configuration(config, profile)
    organize = [
        OrganizeOptions(
            root=os.fsencode(path),
            dest=None if dest is None else os.fsencode(os.path.abspath(dest)),
            by=by or By.CATEGORY,
            template=template,
            action=Action(action),
            on_conflict=on_conflict,
            filters=filters,
            inside_project=inside_project,
            min_age_ns=None if youngest is None else time.time_ns() - youngest.ns,
            min_age="" if youngest is None else youngest.age,
            configuration=configured,
            look_into=shared.look_into(by_content=by_content, by_name=by_name),
            timezone=shared.timezone_of_run(timezone, by, template, configured),
            exiftool=shared.exiftool_of_run(by, template, configured, is_given=exiftool),
            remove_empty=remove_empty,
        )
        for path in paths
    ]
    options = WatchOptions(
        organize,
        values.seconds("--settle", settle, at_least=0.1),
        values.seconds("--rescan", rescan, at_least=1),
        max_changes,
        time.time_ns(),
        verbose,
    )
    if install:
        return _install(options, shared.state(state_dir), yes=yes, quiet=quiet)
    return _watch(options, state_dir, format_, progress, once=once, background=background, quiet=quiet)


def _refuse_stores(places: "list[str]") -> None:
    """Raise `UsageError` if one of the paths is a URL."""
    for place in map(os.fsencode, places):
        if scheme_of(place):
            from fileorg.workflows.stores import parsed

            parsed(place)  # a password in it is not shown
            raise UsageError(
                f"fileorg cannot watch a store: {display(place)}.",
                hint="let a timer run fileorg organize: docs/cron.md has a line for cron",
                code=ErrorCode.PATH_UNUSABLE,
                path=place,
            )


def _install(options: "WatchOptions", state: "StateDirectory", *, yes: bool, quiet: bool) -> int:
    from fileorg.cli.service_view import service_of, show_and_install
    from fileorg.jobs.watch_loop import checked_roots

    checked = checked_roots(options.organize, state)
    service = service_of(cast("FunctionType", watch), sys.argv[2:], checked, state)
    return show_and_install(service, yes=yes, quiet=quiet)


def _watch(
    options: "WatchOptions",
    state_dir: str | None,
    format_: Format,
    progress: ProgressMode,
    *,
    once: bool,
    background: bool,
    quiet: bool,
) -> int:
    from fileorg.cli.stop import woken
    from fileorg.cli.terminal import standard_output
    from fileorg.cli.watch_view import WatchView, say_job
    from fileorg.core.events import NullReporter
    from fileorg.jobs.watch_loop import WatchLoop

    state = shared.state(state_dir)
    out, is_json = standard_output(), format_ is Format.JSON
    if background:
        from fileorg.jobs.watch_start import start_in_background

        number = start_in_background(state, options, values.configuration_of(sys.argv[1:]))
        say_job(out, number, is_json=is_json, quiet=quiet)
        return Exit.DONE
    with woken() as (stop, wake_with):
        view = WatchView(out, is_json=is_json, quiet=quiet, verbose=options.verbose, once=once, progress=progress)
        watching = WatchLoop(options, state, view, view.notes or NullReporter(), stop)
        try:
            wake_with(watching.wake_fd)
            if once:
                return view.end(watching.once(), watching)
            watching.run()
        finally:
            view.pause()
            watching.close()
    return view.stopped(watching)
