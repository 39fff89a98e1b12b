"""`fileorg recover`: settle what a crash left open."""

from fileorg.cli import options as shared
from fileorg.cli.options import Format, ProgressMode
from fileorg.core.errors import Exit, StorageFailure

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
    """
    from fileorg.cli.progress import reporting
    from fileorg.cli.stop import Stopped
    from fileorg.cli.terminal import standard_output
    from fileorg.core.formats import write_json
    from fileorg.workflows.recover import recover_all

    try:
        with reporting(progress, quiet=quiet) as screen:
            settled, left = recover_all(shared.state(state_dir), screen)
    except KeyboardInterrupt:
        raise Stopped("Stopped before all was settled.", hint="run fileorg recover again") from None
    out = standard_output()
    if format_ is Format.JSON:
        facts = {
            "settled": [{"operation": op.id, "kind": op.kind, "files": op.done} for op in settled],
            "open": [{"operation": op.id, "kind": op.kind} for op in left],
        }
        write_json(out.stream, facts)
    elif not settled and not left and not quiet:
        out.line("There was nothing to settle.")
    if left:
        raise StorageFailure(
            f"Not everything could be settled: operation {', '.join(str(op.id) for op in left)}.",
            hint="put right what is named above, then run fileorg recover again",
        )
    return Exit.DONE
