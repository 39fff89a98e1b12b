"""`fileorg redo`: redo an undone operation."""

from typing import Annotated

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.commands.undo import carry_out
from fileorg.cli.options import Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument
from fileorg.cli.undo_words import (
    Category,
    Files,
    IncludeChanged,
    Last,
    Later,
    NewRoot,
    OfJob,
    Rename,
    Since,
    Within,
    Words,
    undo_options,
)

EXAMPLES = """
# The last undo was a mistake
fileorg redo

# Redo what undo 8 did to one folder only
fileorg redo 8 -- Images/

# See what a redo would change
fileorg redo --dry-run
"""

OperationNumber = Annotated[
    str | None,
    Argument(
        metavar="OP",
        help="The number of the undo, or of the operation that it undid. Default: the last undo.",
        show_default=False,
        complete=complete.redoable,
    ),
]


def redo(
    operation: OperationNumber = None,
    files: Files = None,
    category: Category = None,
    last: Last = None,
    since: Since = None,
    later: Later = None,
    within: Within = None,
    job: OfJob = None,
    include_changed: IncludeChanged = False,
    rename: Rename = False,
    root: NewRoot = None,
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
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: shared.NullPairs = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    state_dir: shared.StateDir = None,
) -> int:
    """Redo what was undone.

    Moves the files back to where the operation had put them, by the same rules as fileorg undo: nothing is overwritten,
    and files that cannot be moved are listed.
    """
    words = Words(operation, files, category, last, since, later, within, job)
    chosen = undo_options(words, root, include_changed=include_changed, rename=rename, redo=True)
    options = OutputOptions(
        dry_run, yes, format_, output, force, null, quiet, verbose, progress, background, hold, log_format
    )
    state = shared.state(state_dir, dry_run=dry_run)
    return carry_out(words, chosen, options, state)
