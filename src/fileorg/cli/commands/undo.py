"""`fileorg undo`: undo an operation."""

from typing import TYPE_CHECKING

from fileorg.cli import options as shared
from fileorg.cli.options import Format, OutputOptions, ProgressMode
from fileorg.cli.undo_words import (
    Category,
    Files,
    IncludeChanged,
    Last,
    Later,
    NewRoot,
    OfJob,
    OperationNumber,
    Rename,
    Since,
    Within,
    Words,
    undo_options,
)

if TYPE_CHECKING:
    from fileorg.core.errors import Exit
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.undo import UndoOptions

EXAMPLES = """
# Undo the last operation
fileorg undo

# From a script: undo the last operation in this folder
fileorg undo --in ~/Downloads

# See what undoing operation 7 would change
fileorg undo 7 --dry-run

# The folder of operation 7 was renamed
fileorg undo 7 --root ~/Pictures-old

# Undo operation 7 for one folder and for all PDF files only
fileorg undo 7 -- Images/ '*.pdf'

# Undo what the last 3 operations did to pictures
fileorg undo --last 3 --category images

# Undo everything since this morning
fileorg undo --since 8h

# If some old names are taken now, restore those files under numbered names
fileorg undo 7 --rename
"""


def undo(
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
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: shared.NullPairs = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    state_dir: shared.StateDir = None,
) -> int:
    """Undo an operation.

    Every file is moved back to its old folder and name; copies and links are removed; folders that the operation
    created are removed if they are empty. Nothing is overwritten: a file whose old name is taken is skipped and listed.

    An undo is an operation too: fileorg redo reverses it.
    """
    words = Words(operation, files, category, last, since, later, within, job)
    chosen = undo_options(words, root, include_changed=include_changed, rename=rename)
    options = OutputOptions(
        dry_run, yes, format_, output, force, null, quiet, verbose, progress, background, hold, log_format, save_plan
    )
    state = shared.state(state_dir, dry_run=not options.changes)
    return carry_out(words, chosen, options, state)


def carry_out(words: Words, chosen: "UndoOptions", options: OutputOptions, state: "StateDirectory") -> "Exit":
    """Undo or redo what a command line says: an operation, a part, or several."""
    from fileorg.cli.undo_run import run_undo, undo_job

    if words.job is not None:
        return undo_job(words.job, chosen, options, state)
    if chosen.part is not None or words.last is not None or words.since is not None:
        from fileorg.cli.undo_parts import undo_parts

        return undo_parts(chosen, words.last, words.since, options, state)
    return run_undo(chosen, options, state)
