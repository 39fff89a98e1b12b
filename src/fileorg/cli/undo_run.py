"""Finds, asks and runs: an undo or redo of one operation, or of several after one question."""

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

from fileorg.cli import options as shared
from fileorg.cli.options import Format, OutputOptions
from fileorg.cli.undo_words import here
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.cli.change import Change
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.cli.words import Verb
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.session import Later as LaterJob
    from fileorg.workflows.undo import NothingToUndo, UndoOptions, UndoRun


def run_undo(
    chosen: "UndoOptions",
    options: OutputOptions,
    state: "StateDirectory",
    *,
    into: "Out | None" = None,
    kept: "list[LaterJob] | None" = None,
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
            chosen = chosen._replace(within=chosen.within or here(), further=False)
        try:
            return _undo(chosen, options, state, out, screen, kept)
        except NothingToUndo as nothing:
            screen.pause()
            return say_nothing(out, options, nothing, "redo" if chosen.redo else "undo")


def undo_job(number: int, chosen: "UndoOptions", options: OutputOptions, state: "StateDirectory") -> Exit:
    """Find all operations of a job, ask once, and undo them, the newest first; or redo them, the oldest first.

    Raises `UsageError` for an unknown job.
    """
    from fileorg.jobs.found import job

    numbers = [operation.id for operation in job(state, number).operations]
    if chosen.redo:
        numbers.reverse()
    if options.save_plan is not None and len(numbers) > 1:
        raise UsageError(f"Job {number} has {len(numbers)} operations.", hint="save the plan of each: name its OP")
    if len(numbers) == 1:
        return run_undo(chosen._replace(operation=numbers[0]), options, state)
    if not numbers and options.is_text and not options.quiet:
        from fileorg.cli.terminal import output

        with output(options.output, force=options.force) as out:
            out.line(f"Job {number} has no operation yet.")
        return Exit.DONE
    word = "Redo" if chosen.redo else "Undo"
    steps = [chosen._replace(operation=each) for each in numbers]
    return undo_all(steps, {"job": number}, f"{word} the {len(steps)} operations of job {number}?", options, state)


def undo_all(
    steps: "Sequence[UndoOptions]",
    head: "dict[str, int]",
    question: str,
    options: OutputOptions,
    state: "StateDirectory",
    show: "Callable[[Out], None]" = lambda _: None,
) -> Exit:
    """Ask once, after `show`, and undo or redo several operations. The JSON is a list of theirs after the `head`."""
    from fileorg.cli.change import asks, declined, stream_for_people
    from fileorg.cli.question import ask
    from fileorg.cli.terminal import output

    shared.need_dry_run(options)
    is_json = options.format is Format.JSON and not options.null
    kept: list[LaterJob] = []
    with output(options.output, force=options.force) as out:
        begin = "{" + "".join(f'"{key}": {value}, ' for key, value in head.items()) + '"operations": ['
        if steps and not options.dry_run and asks(options, out):
            talk = stream_for_people(options, out)
            show(talk)
            if not ask(talk, question, lambda: _list(steps, talk, state)):
                talk.line("Nothing was changed.")
                if is_json:
                    out.stream.write(f"{begin}]}}\n")
                return declined()
        codes = list[Exit]()
        try:
            if is_json:
                out.stream.write(begin)
            for position, each in enumerate(steps):
                with _document(out, position) if is_json else contextlib.nullcontext(out) as into:
                    codes.append(run_undo(each, options._replace(yes=True), state, into=into, kept=kept))
        finally:
            if is_json:
                out.stream.write("]}\n")
            _start(kept, state)
        out.flush()
    return max(codes, default=Exit.DONE)


def _list(steps: "Sequence[UndoOptions]", talk: "Out", state: "StateDirectory") -> None:
    """List the files of all steps, as a dry run does."""
    for each in steps:
        run_undo(each, OutputOptions(dry_run=True, quiet=True), state, into=talk)


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


def _start(kept: "Sequence[LaterJob]", state: "StateDirectory") -> None:
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


def say_nothing(out: "Out", options: OutputOptions, nothing: "NothingToUndo", kind: str) -> Exit:
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
    kept: "list[LaterJob] | None",
) -> Exit:
    from fileorg.cli.change import Change, command_line, declined
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.words import VERBS
    from fileorg.core.figures import plural
    from fileorg.workflows.undo import undoing

    with undoing(chosen, state, screen, changes=options.changes) as run:
        screen.pause()
        if options.save_plan is not None:
            from fileorg.cli.save_plan import refuse_both, save_plan

            refuse_both(run.all_roots)
            return save_plan(options, run.plan_lines(), run.all_roots, out, screen)
        command = "redo" if chosen.redo else "undo"
        again = f"fileorg {command} {run.undone.id}"
        if run.part is not None:
            again = command_line()
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
        if run.part is not None:
            word = "Redo" if chosen.redo else "Undo"
            question = f"{word} {plural(run.plan.files, verb.noun)} of operation {run.undone.id}?"
        if not change.agreed(question):
            return declined()
        if change.is_later:
            return change.hand_over(run, state)
        outcome = change.carry_out(run)
        back = "undo" if run.kind == "redo" else "redo"
        facts = None if run.part is None else {"part": run.part}
        code = change.report(outcome, run.plan.files, f"fileorg {back} {outcome.operation}", facts=facts)
        if code is Exit.SOME_FAILED and change.is_text:
            _say_again(change, outcome, again, chosen, run)
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
        **({} if run.part is None else {"part": run.part}),
    }
    change.preview(head, {"files": run.plan.files, "size_bytes": run.plan.size_bytes})
    if change.is_text and not change.options.quiet:
        change.out.line()
    change.say_dry_run(amount(run.plan.files, run.plan.size_bytes, change.verb))
    return Exit.DONE


def _show(talk: "Out", run: "UndoRun", verb: "Verb", state: "StateDirectory") -> None:
    """Print the operation that is about to be undone."""
    from fileorg.cli.render import short, show_facts
    from fileorg.cli.summary import amount
    from fileorg.core.figures import plural, when

    undone = run.undone
    to_undo = amount(run.plan.files, run.plan.size_bytes, verb)
    if run.part is not None:
        to_undo += f", of {plural(run.left, verb.noun)}"
    facts = [
        (f"Operation {undone.id}", f"{undone.kind}, {when(undone.started_ns)}"),
        ("In", short(undone.root)),
        *(("And in", short(root)) for root in run.further_roots),
        *([("Into", short(undone.destination))] if undone.destination else []),
        *(("Moved", f"{short(move.old)} -> {short(move.new)}") for move in (run.moved.moves if run.moved else ())),
        *([("Since then", f"{run.idle.kind}, {when(run.idle.ended_ns)}: changed nothing")] if run.idle else []),
        *([("Only", ", ".join(run.part["patterns"] + run.part["categories"]))] if run.part else []),
        (f"To {run.kind}", to_undo),
        *([("Purged", f"{plural(run.plan.purged, 'file')}, which cannot be restored")] if run.plan.purged else []),
        *([] if state.is_default else [("Journal", short(state.path))]),
    ]
    show_facts(talk, facts)
    talk.line()


def _say_again(change: "Change", outcome: "Outcome", again: str, chosen: "UndoOptions", run: "UndoRun") -> None:
    """Print the command that retries the rest of a partial undo, and options that help and were not given."""
    from fileorg.core.model import RecordState

    err = change.err
    change.out.flush()
    err.line(f"Try the other files again with: {err.styled(again, 'cyan')}")
    if outcome.counts.get(RecordState.CONFLICT) and not chosen.rename:
        err.line("  --rename restores a file whose old name is taken under a numbered name.")
    if _would_take_changed(outcome, chosen, run):
        err.line(f"  --include-changed also {run.kind}es files that were replaced by different files.")


def _would_take_changed(outcome: "Outcome", chosen: "UndoOptions", run: "UndoRun") -> bool:
    """Return whether `--include-changed` helps: copies and links that have changed are always kept, and a duplicate is
    never one unseen.
    """
    from fileorg.core.model import RecordState
    from fileorg.core.reasons import ALWAYS_KEPT

    if chosen.include_changed or (chosen.redo and run.first_kind == "dedupe"):
        return False
    return any(
        problem.state is RecordState.CHANGED and (problem.reason is None or problem.reason.code not in ALWAYS_KEPT)
        for problem in outcome.problems
    )
