"""Undo or redo of a part of operations, or of several: what is shown before, and what later operations need."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fileorg.cli.change import asks
from fileorg.cli.options import Format, need_dry_run
from fileorg.cli.progress import reporting
from fileorg.cli.terminal import output
from fileorg.cli.undo_run import run_undo, say_nothing, undo_all
from fileorg.cli.undo_words import here
from fileorg.core.errors import UsageError
from fileorg.core.figures import plural, when
from fileorg.core.formats import write_json
from fileorg.core.model import LaterFiles
from fileorg.workflows.undo import NothingToUndo
from fileorg.workflows.undo_steps import LaterFirst, Several, undo_steps

if TYPE_CHECKING:
    from fileorg.cli.options import OutputOptions
    from fileorg.cli.terminal import Out
    from fileorg.core.errors import Exit
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.undo import UndoOptions
    from fileorg.workflows.undo_part import PartPlan


def undo_parts(
    chosen: UndoOptions, last: int | None, since: str | None, options: OutputOptions, state: StateDirectory
) -> Exit:
    """Find the operations and their files, ask once, and undo or redo them."""
    several = None
    if last is not None or since is not None:
        from fileorg.cli.values import moment

        several = Several(last, None if since is None else moment("--since", since).ns)
    need_dry_run(options)
    found = _found(chosen, several, options, state)
    if not isinstance(found, tuple):
        return found
    steps, plan = found
    if len(steps) == 1:
        return run_undo(steps[0], options, state)
    if options.save_plan is not None:
        raise UsageError(f"These files are of {len(steps)} operations.", hint="save the plan of each: name its OP")
    word = "Redo" if chosen.redo else "Undo"
    which = "these files of " if chosen.part is not None else ""
    question = f"{word} {which}{len(steps)} operations, the newest first?"
    show = partial(_show, plan=plan, word=word)
    return undo_all(steps, {}, question, options, state, show)


def _found(
    chosen: UndoOptions, several: Several | None, options: OutputOptions, state: StateDirectory
) -> tuple[list[UndoOptions], PartPlan] | Exit:
    """Return the steps, or an exit code if there is nothing to do."""
    with output(None) as standard, reporting(options.progress, quiet=options.quiet) as screen:
        # A file for the output is opened once, by what is written into it.
        asked = options if options.output is None else options._replace(format=Format.JSON)
        is_asked = asks(asked, standard)
        if chosen.operation is None and not is_asked:
            # Nobody sees which operations these are: only those of this folder.
            chosen = chosen._replace(within=chosen.within or here(), further=several is not None)
        is_asked = is_asked and not options.dry_run
        try:
            return undo_steps(chosen, several, state, screen, changes=options.changes, is_asked=is_asked)
        except NothingToUndo as nothing:
            screen.pause()
            with output(options.output, force=options.force) as out:
                return say_nothing(out, options, nothing, "redo" if chosen.redo else "undo")
        except LaterFirst as refused:
            if options.format is Format.JSON:
                with output(options.output, force=options.force) as out:
                    write_json(out.stream, {"operation": None, "files": 0} | refused.as_json())
            raise


def _show(talk: Out, *, plan: PartPlan, word: str) -> None:
    """Print the operations of all steps, and what can be undone without later ones."""
    rows = [(f"Operation {step.operation.id}", step) for step in plan.steps]
    width = max(len(name) for name, _ in rows)
    for name, step in rows:
        why = ", which moved or used some of them since" if step.is_later else ""
        what = f"{step.operation.kind}, {when(step.operation.started_ns)}: {plural(step.files, 'file')}{why}"
        talk.line(f"  {talk.styled(f'{name:{width}}', 'bold')}  {what}")
    if plan.hindered:
        talk.line()
        talk.prose(
            f"{plural(plan.hindered, 'file')} cannot be {word.lower()}ne without the later operations. To"
            f" {word.lower()} only the others: --later {LaterFiles.LEAVE}"
        )
    talk.line()
