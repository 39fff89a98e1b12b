"""`fileorg recover`: finish or roll back interrupted operations."""

from typing import TYPE_CHECKING, Annotated

from fileorg.cli import options as shared
from fileorg.cli.options import Format, ProgressMode
from fileorg.cli.parameters import Option
from fileorg.core.errors import ErrorCode, Exit, StorageFailure

if TYPE_CHECKING:
    from fileorg.workflows.recover import Unsure

EXAMPLES = """
# After a crash or a power cut
fileorg recover

# The disk or the bucket of operation 7 will never be back
fileorg recover --give-up 7
"""


GiveUp = Annotated[
    int | None,
    Option(
        "--give-up",
        metavar="OP",
        min=1,
        help="Close this operation without a look at its files if it cannot be recovered: its disk or store is gone.",
    ),
]


def recover(
    give_up: GiveUp = None,
    format_: shared.TextOrJson = Format.TEXT,
    quiet: shared.Quiet = False,
    progress: shared.Progress = ProgressMode.AUTO,
    state_dir: shared.StateDir = None,
) -> int:
    """Finish or roll back interrupted operations.

    Every command that changes files does this first, so you seldom need it. fileorg checks each file of an interrupted
    operation and records its actual state. Then you can undo the operation like any other.

    If a disk fails or is not mounted, or a store cannot be used, the operation stays interrupted, and the exit code
    is 1. If it will never be back, close the operation with --give-up: no file is touched.

    The exit code is 3 as long as there are files that someone changed between the crash and the recovery. fileorg
    lists these files and leaves them unchanged; fileorg undo tries them again.
    """
    from fileorg.cli.progress import reporting
    from fileorg.cli.stop import Stopped
    from fileorg.cli.terminal import standard_output
    from fileorg.core.formats import write_json
    from fileorg.workflows.recover import recover_all

    try:
        with reporting(progress, quiet=quiet) as screen:
            settled, left, unsure = recover_all(shared.state(state_dir), screen, given_up=give_up)
    except KeyboardInterrupt:
        raise Stopped("Stopped before the recovery was complete.", hint="run fileorg recover again") from None
    out = standard_output()
    if format_ is Format.JSON:
        facts = {
            "settled": [{"operation": op.id, "kind": op.kind, "files": op.done} for op in settled],
            "open": [{"operation": op.id, "kind": op.kind} for op in left],
            "changed": [
                {"operation": each.operation.id, "kind": each.operation.kind, "files": each.files} for each in unsure
            ],
        }
        write_json(out.stream, facts)
    elif not settled and not left and not unsure and not quiet:
        out.line("No interrupted operations.")
    for each in unsure:
        _name(each)
    if left:
        raise StorageFailure(
            f"Could not recover operation{'s' if len(left) > 1 else ''} {', '.join(str(op.id) for op in left)}.",
            hint="fix the problems listed above, then run fileorg recover again",
            code=ErrorCode.NOT_RECOVERED,
        )
    return Exit.NO if unsure else Exit.DONE


def _name(unsure: "Unsure") -> None:
    """Print the files that only a person can judge, and the command that helps."""
    from fileorg.cli.terminal import standard_error
    from fileorg.core.figures import plural
    from fileorg.core.names import display
    from fileorg.report.sentences import sentence

    err, number = standard_error(), unsure.operation.id
    err.line(f"Operation {number}: {plural(unsure.files, 'file')} changed after the crash:")
    for path, reason in unsure.first:
        err.line(f"  {display(path)}: {sentence(reason)}")
    if unsure.files > len(unsure.first):
        err.line(f"  … and {unsure.files - len(unsure.first):,} more: fileorg history --problems {number}")
    err.line(f"Undo the files as they are now with: fileorg undo {number} --include-changed")
