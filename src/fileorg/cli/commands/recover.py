"""`fileorg recover`: finish or roll back interrupted operations."""

from typing import TYPE_CHECKING

from fileorg.cli import options as shared
from fileorg.cli.options import Format, ProgressMode
from fileorg.core.errors import Exit, StorageFailure

if TYPE_CHECKING:
    from fileorg.workflows.recover import Unsure

EXAMPLES = """
# After a crash or a power cut, to see that all is well
fileorg recover
"""


def recover(
    format_: shared.TextOrJson = Format.TEXT,
    quiet: shared.Quiet = False,
    progress: shared.Progress = ProgressMode.AUTO,
    state_dir: shared.StateDir = None,
) -> int:
    """Settle what a crash left open.

    Every command that changes something does this first, so it is seldom needed. Each file of an interrupted operation
    is looked at, and what really became of it is written down; then the operation can be undone like any other.

    Where a disk does not let it finish, or is not there, the operation stays open; the exit code is 1 then.

    It is also 1 as long as there are files that someone changed after a crash, before they were settled: these are
    named, and stay as they are. fileorg undo tries them again.
    """
    from fileorg.cli.progress import reporting
    from fileorg.cli.stop import Stopped
    from fileorg.cli.terminal import standard_output
    from fileorg.core.formats import write_json
    from fileorg.workflows.recover import recover_all

    try:
        with reporting(progress, quiet=quiet) as screen:
            settled, left, unsure = recover_all(shared.state(state_dir), screen)
    except KeyboardInterrupt:
        raise Stopped("Stopped before all was settled.", hint="run fileorg recover again") from None
    out = standard_output()
    if format_ is Format.JSON:
        facts = {
            "settled": [{"operation": op.id, "kind": op.kind, "files": op.done} for op in settled],
            "open": [{"operation": op.id, "kind": op.kind} for op in left],
            "changed": [{"operation": each.operation.id, "files": each.files} for each in unsure],
        }
        write_json(out.stream, facts)
    elif not settled and not left and not unsure and not quiet:
        out.line("There was nothing to settle.")
    for each in unsure:
        _name(each)
    if left:
        raise StorageFailure(
            f"Not everything could be settled: operation {', '.join(str(op.id) for op in left)}.",
            hint="put right what is named above, then run fileorg recover again",
        )
    return Exit.SOME_FAILED if unsure else Exit.DONE


def _name(unsure: "Unsure") -> None:
    """Print the files that only a person can judge, and the command that helps."""
    from fileorg.cli.terminal import standard_error
    from fileorg.core.figures import plural
    from fileorg.core.names import display
    from fileorg.report.sentences import sentence

    err, number = standard_error(), unsure.operation.id
    err.line(f"Of operation {number}, {plural(unsure.files, 'file')} changed after the crash:")
    for path, reason in unsure.first:
        err.line(f"  {display(path)}: {sentence(reason)}")
    if unsure.files > len(unsure.first):
        err.line(f"  … and {unsure.files - len(unsure.first):,} more: fileorg history --problems {number}")
    err.line(f"Take back what is there with: fileorg undo {number} --include-changed")
