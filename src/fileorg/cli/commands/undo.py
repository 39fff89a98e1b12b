"""`fileorg undo`: undo an operation."""

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.options import RUN, Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.cli.change import Change
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.cli.words import Verb
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.session import Later
    from fileorg.workflows.undo import NothingToUndo, UndoOptions, UndoRun

EXAMPLES = """
# Undo the last operation
fileorg undo

# From a script: undo the last operation in this folder
fileorg undo --in ~/Downloads

# See what undoing operation 7 would change
fileorg undo 7 --dry-run

# The folder of operation 7 was renamed
fileorg undo 7 --root ~/Pictures-old

# If some old names are taken now, restore those files under numbered names
fileorg undo 7 --rename
"""

OperationNumber = Annotated[
    int | None,
    Argument(
        metavar="OP",
        min=1,
        help="The operation number, as listed by fileorg history. Default: the last operation that is active.",
        show_default=False,
        complete=complete.undoable,
    ),
]
Within = Annotated[
    str | None,
    Option(
        "--in",
        metavar="PATH",
        help="Only an operation in, above or below PATH. Default without a terminal, or with --yes: the current"
        " directory.",
        rich_help_panel=RUN,
    ),
]
OfJob = Annotated[
    int | None,
    Option(
        "--job",
        min=1,
        metavar="JOB",
        help="All operations of a job: a job that was interrupted and resumed has several.",
        complete=complete.jobs,
        rich_help_panel=RUN,
    ),
]
IncludeChanged = Annotated[
    bool,
    Option(
        "--include-changed",
        help="Also undo files that were replaced by a different file since. Edited files are always undone.",
        rich_help_panel=RUN,
    ),
]
Rename = Annotated[
    bool,
    Option("--rename", help="If the old name is taken, restore under a numbered name.", rich_help_panel=RUN),
]
NewRoot = Annotated[
    list[str] | None,
    Option(
        "--root",
        metavar="NEW",
        help="Where the folder of the operation is now, if it was renamed, mounted elsewhere or moved to another disk."
        " fileorg remembers the new place. May be repeated for an operation in several folders.",
        rich_help_panel=RUN,
    ),
]


def undo(
    operation: OperationNumber = None,
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
    chosen = undo_options(operation, within, root, include_changed=include_changed, rename=rename)
    options = OutputOptions(
        dry_run, yes, format_, output, force, null, quiet, verbose, progress, background, hold, log_format
    )
    state = shared.state(state_dir, dry_run=dry_run)
    return run_undo(chosen, options, state) if job is None else undo_job(job, chosen, options, state)


def undo_options(
    operation: int | None,
    within: str | None,
    roots: "Sequence[str] | None",
    *,
    include_changed: bool,
    rename: bool,
    redo: bool = False,
) -> "UndoOptions":
    """Return the options of undo or redo. Raises `UsageError` if both an operation and `--in` are given."""
    from fileorg.core.names import real_path
    from fileorg.workflows.undo import UndoOptions

    if operation is not None and within is not None:
        raise UsageError("OP and --in cannot be combined.", hint="drop one of them")
    return UndoOptions(
        operation,
        redo,
        include_changed,
        rename,
        roots=[os.fsencode(path) for path in roots or ()],
        within=None if within is None else real_path(os.fsencode(within)),
    )


def run_undo(
    chosen: "UndoOptions",
    options: OutputOptions,
    state: "StateDirectory",
    *,
    into: "Out | None" = None,
    kept: "list[Later] | None" = None,
) -> Exit:
    """Find, ask and run: for undo and for redo. `into` is written to instead of the output of `options`; see
    `Change.kept`.
    """
    from fileorg.cli.change import asks
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.workflows.undo import NothingToUndo

    shared.need_dry_run(options)
    with (
        output(options.output, force=options.force) if into is None else contextlib.nullcontext(into) as out,
        reporting(options.progress, quiet=options.quiet) as screen,
        _data_too(out, options),
    ):
        if chosen.operation is None and not asks(options, out):
            # Nobody sees which operation it is: only one of this folder, and only the last run there.
            chosen = chosen._replace(within=chosen.within or _here(), further=False)
        try:
            return _undo(chosen, options, state, out, screen, kept)
        except NothingToUndo as nothing:
            screen.pause()
            return _say_nothing(out, options, nothing, "redo" if chosen.redo else "undo")


def undo_job(number: int, chosen: "UndoOptions", options: OutputOptions, state: "StateDirectory") -> Exit:
    """Find all operations of a job, ask once, and undo them, the newest first; or redo them, the oldest first.

    Raises `UsageError` if an operation or a folder was given, too, and for an unknown job.
    """
    from fileorg.jobs.found import job

    if chosen.operation is not None or chosen.within is not None:
        raise UsageError("--job and OP or --in cannot be combined.", hint="drop one of them")
    numbers = [operation.id for operation in job(state, number).operations]
    if chosen.redo:
        numbers.reverse()
    if len(numbers) == 1:
        return run_undo(chosen._replace(operation=numbers[0]), options, state)
    return _undo_all(number, numbers, chosen, options, state)


def _undo_all(
    job: int, numbers: "Sequence[int]", chosen: "UndoOptions", options: OutputOptions, state: "StateDirectory"
) -> Exit:
    from fileorg.cli.change import asks, declined, stream_for_people
    from fileorg.cli.question import ask
    from fileorg.cli.terminal import output

    shared.need_dry_run(options)
    is_json = options.format is Format.JSON and not options.null
    kept: list[Later] = []
    with output(options.output, force=options.force) as out:
        if not numbers and options.is_text and not options.quiet:
            out.line(f"Job {job} has no operation yet.")
        if numbers and not options.dry_run and asks(options, out):
            talk = stream_for_people(options, out)
            word = "Redo" if chosen.redo else "Undo"
            if not ask(talk, f"{word} the {len(numbers)} operations of job {job}?", lambda: None):
                talk.line("Nothing was changed.")
                if is_json:
                    out.stream.write(f'{{"job": {job}, "operations": []}}\n')
                return declined()
        codes = list[Exit]()
        try:
            if is_json:
                out.stream.write(f'{{"job": {job}, "operations": [')
            for position, each in enumerate(numbers):
                with _document(out, position) if is_json else contextlib.nullcontext(out) as into:
                    one = chosen._replace(operation=each), options._replace(yes=True), state
                    codes.append(run_undo(*one, into=into, kept=kept))
        finally:
            if is_json:
                out.stream.write("]}\n")
            _start(kept, state)
        out.flush()
    return max(codes, default=Exit.DONE)


@contextlib.contextmanager
def _document(out: "Out", position: int) -> "Iterator[Out]":
    """Yield a file for a JSON document, which is then written as an element of a list."""
    import shutil
    import tempfile

    from fileorg.cli.terminal import Out

    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        try:
            yield Out(file, is_terminal=False)
        finally:
            if file.tell():
                file.seek(0)
                out.stream.write(",\n" if position else "\n")
                shutil.copyfileobj(file, out.stream)


def _start(kept: "Sequence[Later]", state: "StateDirectory") -> None:
    """Start jobs in the background, unless they wait for a person: only now, as each would lock out the next plan."""
    import sys

    for later in kept:
        from fileorg.cli.values import configuration_of
        from fileorg.jobs.detached import start

        try:
            if not later.holds:
                start(state, later.number, later.fd, configuration_of(sys.argv[1:]))
        finally:
            os.close(later.fd)


def _here() -> bytes:
    try:
        return os.path.realpath(os.getcwdb())
    except OSError as error:
        raise UsageError("The current directory is gone.", hint="name an operation, or a folder with --in") from error


def _say_nothing(out: "Out", options: OutputOptions, nothing: "NothingToUndo", kind: str) -> Exit:
    from fileorg.core.formats import write_json

    if options.format is Format.JSON:
        write_json(out.stream, {"operation": None, "kind": kind, "files": 0})
    elif not options.quiet and not options.null:
        out.prose(str(nothing))
        out.prose(nothing.hint, "Hint: ")
    return Exit.DONE


def _undo(
    chosen: "UndoOptions",
    options: OutputOptions,
    state: "StateDirectory",
    out: "Out",
    screen: "Screen",
    kept: "list[Later] | None",
) -> Exit:
    from fileorg.cli.change import Change, declined
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.words import VERBS
    from fileorg.workflows.undo import undoing

    with undoing(chosen, state, screen, changes=not options.dry_run) as run:
        screen.pause()
        command = "redo" if chosen.redo else "undo"
        again = f"fileorg {command} {run.undone.id}"
        rows = PlanRows(run.plan, run.elsewhere, root=run.undone.root)
        verb = VERBS[run.kind]
        if run.first_kind in VERBS:  # for clean: count leftovers, not files
            verb = verb._replace(noun=VERBS[run.first_kind].noun)
        in_several = bool(run.further_roots)
        change = Change(options, verb, run.kind, out, screen, rows, again, kept, in_several=in_several)
        if options.dry_run:
            return _preview(change, run)
        change.show(partial(_show, run=run, verb=verb, state=state))
        question = f"Redo what operation {run.undone.id} undid?" if chosen.redo else f"Undo operation {run.undone.id}?"
        if not change.agreed(question):
            return declined()
        if change.is_later:
            return change.hand_over(run, state)
        outcome = change.carry_out(run)
        back = "undo" if run.kind == "redo" else "redo"
        code = change.report(outcome, run.plan.files, f"fileorg {back} {outcome.operation}")
        if code is Exit.SOME_FAILED and change.is_text:
            _say_again(change, outcome, again)
        return code


@contextlib.contextmanager
def _data_too(out: "Out", options: OutputOptions) -> "Iterator[None]":
    """With --format json, write the operations that must be undone first as data."""
    from fileorg.core.formats import write_json
    from fileorg.workflows.order import OthersFirst

    try:
        yield
    except OthersFirst as refused:
        if options.format is Format.JSON:
            first = [{"operation": number, "command": command} for number, command in refused.first]
            write_json(out.stream, {"operation": None, "files": 0, "undone": refused.operation.id, "first": first})
        raise


def _preview(change: "Change", run: "UndoRun") -> Exit:
    from fileorg.cli.summary import amount
    from fileorg.core.formats import named

    moves = run.moved.moves if run.moved else ()
    head = {
        "dry_run": True,
        "kind": run.kind,
        "operation": run.undone.id,
        **named("root", run.undone.root),
        "moved": [{**named("path", move.old), **named("new_path", move.new)} for move in moves],
    }
    change.preview(head, {"files": run.plan.files, "size_bytes": run.plan.size_bytes})
    if change.is_text and not change.options.quiet:
        change.out.line()
    change.say_dry_run(amount(run.plan.files, run.plan.size_bytes, change.verb))
    return Exit.DONE


def _show(talk: "Out", run: "UndoRun", verb: "Verb", state: "StateDirectory") -> None:
    """Print the operation that is about to be undone."""
    from fileorg.cli.render import short
    from fileorg.cli.summary import amount
    from fileorg.core.figures import plural, when

    undone = run.undone
    facts = [
        (f"Operation {undone.id}", f"{undone.kind}, {when(undone.started_ns)}"),
        ("In", short(undone.root)),
        *([("Into", short(undone.destination))] if undone.destination else []),
        *(("Moved", f"{short(move.old)} -> {short(move.new)}") for move in (run.moved.moves if run.moved else ())),
        *(("And in", short(root)) for root in run.further_roots),
        *([("Since then", f"{run.idle.kind}, {when(run.idle.ended_ns)}: changed nothing")] if run.idle else []),
        (f"To {run.kind}", amount(run.plan.files, run.plan.size_bytes, verb)),
        *([("Purged", f"{plural(run.plan.purged, 'file')}, which cannot be restored")] if run.plan.purged else []),
        *([] if state.is_default else [("Journal", short(state.path))]),
    ]
    width = max(len(name) for name, _ in facts)
    for name, fact in facts:
        talk.line(f"  {talk.styled(f'{name:{width}}', 'bold')}  {fact}")
    talk.line()


def _say_again(change: "Change", outcome: "Outcome", again: str) -> None:
    """Print the command that retries the rest of a partial undo, and options that help."""
    from fileorg.core.model import RecordState

    err = change.err
    change.out.flush()
    err.line(f"Try the other files again with: {err.styled(again, 'cyan')}")
    if outcome.counts.get(RecordState.CONFLICT):
        err.line("  --rename restores a file whose old name is taken under a numbered name.")
    if outcome.counts.get(RecordState.CHANGED):
        err.line("  --include-changed also undoes files that were replaced by different files.")
