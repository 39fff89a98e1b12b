"""`fileorg rename`: change the names in folders in an editor."""

import os
from typing import Annotated

from fileorg.cli import options as shared
from fileorg.cli.commands.apply import AllFiles, edit_and_apply
from fileorg.cli.options import Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option

EXAMPLES = """
# Edit the names in a folder
fileorg rename ~/Pictures/2024

# Edit some names, with another editor than $EDITOR
fileorg rename ~/Music/track1.mp3 ~/Music/track2.mp3

# Edit the names of objects below a prefix
fileorg rename s3://bucket/photos

# Edit the paths of all files below a folder; see what would change
fileorg rename ~/Documents -r --dry-run
"""

Paths = Annotated[
    list[str],
    Argument(metavar="PATH", help="The files to rename, and folders whose entries are renamed; also URLs of stores."),
]
Recursive = Annotated[
    bool,
    Option(
        "-r",
        "--recursive",
        help="The paths of all files below the folders, not the names of their entries.",
        rich_help_panel=shared.FILES,
    ),
]


def rename(
    paths: Paths,
    recursive: Recursive = False,
    hidden: shared.Hidden = False,
    all_files: AllFiles = False,
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
    allow_unsafe: shared.AllowUnsafe = False,
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    state_dir: shared.StateDir = None,
) -> int:
    """Rename files in your editor.

    The names open in $VISUAL or $EDITOR, a line a file. Changed names are taken, also into other folders; a line that
    is removed changes nothing. Names may be exchanged. A mistake opens the editor again at its line, with the reason.

    Then fileorg shows the plan and asks. Nothing is overwritten, and fileorg undo takes it back.
    """
    from fileorg.workflows.apply_plan import ApplyOptions
    from fileorg.workflows.edit_plan import NamesToEdit

    options = OutputOptions(
        dry_run, yes, format_, output, force, False, quiet, verbose, progress, background, hold, log_format
    )
    shared.need_dry_run(options)
    names = NamesToEdit([os.fsencode(path) for path in paths], recursive=recursive, hidden=hidden)
    chosen = ApplyOptions(
        roots=names.roots,
        all_files=all_files,
        max_changes=max_changes,
        inside_project=inside_project,
        allow_unsafe=allow_unsafe,
    )
    return edit_and_apply(names.rows(), chosen, options, shared.state(state_dir, dry_run=dry_run))
