"""`fileorg apply`: carry out a plan that someone else wrote."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli.options import Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from fileorg.cli.change import Change
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.terminal import Out
    from fileorg.core.row_problems import RowProblem
    from fileorg.core.state import StateDirectory
    from fileorg.plan.given_rows import GivenRow
    from fileorg.workflows.apply_plan import ApplyOptions, ApplyRun, RowsRefused

EXAMPLES = """
# Check a plan and show it, carry it out, take it back
fileorg apply plan.csv --dry-run
fileorg apply plan.csv
fileorg undo

# A plan whose paths start from another folder
fileorg apply plan.jsonl --root ~/Downloads

# Let fileorg plan, review the plan, carry it out later
fileorg organize ~/Downloads --save-plan plan.jsonl
fileorg apply plan.jsonl --root ~/Downloads

# Change the new paths in an editor first
fileorg apply plan.csv --edit

# Do the rows that can be done, and list the others
fileorg apply plan.csv --partial

# From a script: no question, and a result in JSON
fileorg apply plan.jsonl --yes --format json
"""

PlanFile = Annotated[
    str,
    Argument(
        metavar="FILE",
        help="The plan: JSON lines, JSON or CSV with path and new_path (or from and to); - for standard input.",
    ),
]
Root = Annotated[
    list[str] | None,
    Option(
        "--root",
        metavar="PATH",
        help="The folder, or URL of a store, that the paths of the plan start from, and that all of them must be in."
        " Default: the current directory. May be repeated: absolute paths may be in any of them.",
        rich_help_panel=shared.FILES,
    ),
]
AllFiles = Annotated[
    bool,
    Option(
        "--everything",
        help="Also files of projects and other folders kept whole, and files that are unfinished or open in a program.",
        rich_help_panel=shared.FILES,
    ),
]
Partial = Annotated[
    bool,
    Option(
        "--partial",
        help="If some rows cannot be carried out, list them and do the others. Default: do nothing.",
        rich_help_panel=shared.RUN,
    ),
]
Null = Annotated[
    bool,
    Option(
        "-0",
        "--null",
        help="The plan is pairs of path and new path, each terminated by NUL.",
        rich_help_panel=shared.FILES,
    ),
]


def apply(
    plan: PlanFile,
    root: Root = None,
    null: Null = False,
    all_files: AllFiles = False,
    partial: Partial = False,
    edit: shared.Edit = False,
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
    """Carry out a plan that a script, a spreadsheet, an assistant or a colleague wrote.

    Each row moves path to new_path, or does the action that it names: move, copy, hardlink, symlink or trash. All rows
    happen at once: names may be exchanged, and chains may be in any order. A row may say what must still hold:
    size_bytes, mtime, sha256, xxh3_128, or the etag of an object.

    Everything is checked before anything is changed, and each problem is listed with its line. Nothing is overwritten,
    and fileorg undo takes it back. A row of a folder, or of a prefix in a store, moves all that is in it.
    """
    from fileorg.workflows.apply_plan import ApplyOptions, readable_rows, rows_of

    chosen = ApplyOptions(
        roots=[os.fsencode(path) for path in root or ["."]],
        plan=b"" if plan == "-" else os.fsencode(plan),
        null=null,
        partial=partial,
        all_files=all_files,
        max_changes=max_changes,
        inside_project=inside_project,
        allow_unsafe=allow_unsafe,
    )
    if not plan:
        raise UsageError("FILE is empty: no plan was given.", hint="name the file of the plan, or - for standard input")
    options = OutputOptions(
        dry_run, yes, format_, output, force, False, quiet, verbose, progress, background, hold, log_format
    )
    shared.need_dry_run(options)
    state = shared.state(state_dir, dry_run=dry_run)
    if edit:
        return edit_and_apply(readable_rows(chosen), chosen._replace(plan=b""), options, state)
    return run_apply(chosen, rows_of(chosen), options, state)


def run_apply(
    chosen: "ApplyOptions",
    rows: Callable[[Callable[["RowProblem"], None]], Iterable["GivenRow"]],
    options: OutputOptions,
    state: "StateDirectory",
) -> Exit:
    """Check, ask and run."""
    from fileorg.cli.change import Change
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.cli.words import VERBS
    from fileorg.workflows.apply_plan import RowsRefused, applying

    with (
        output(options.output, force=options.force) as out,
        reporting(options.progress, quiet=options.quiet) as screen,
        applying(chosen, rows, state, screen, changes=not options.dry_run) as run,
    ):
        screen.pause()
        listed = PlanRows(run.plan, run.bases, root=run.roots[0])
        change = Change(options, VERBS["apply"], "apply", out, screen, listed, in_several=len(run.roots) > 1)
        try:
            code = _preview(change, run) if options.dry_run else _run(change, run, listed, state)
        except RowsRefused as refused:
            _show_refused(change, refused)
            raise
        out.flush()
        return code


def edit_and_apply(
    rows: "Iterable[GivenRow]", chosen: "ApplyOptions", options: OutputOptions, state: "StateDirectory"
) -> Exit:
    """Let the user edit the rows of a plan, then apply it like any other. Raises `NotEdited`, `UsageError`."""
    from fileorg.cli.editor import edit
    from fileorg.cli.terminal import standard_output
    from fileorg.core.formats import write_json
    from fileorg.core.names import real_path
    from fileorg.workflows.edit_plan import plan_text

    with plan_text(rows, real_path(chosen.roots[0])) as text:
        if not text.files:
            if not options.is_text:
                write_json(standard_output().stream, {"operation": None, "kind": "apply", "files": 0})
            elif not options.quiet:
                standard_output().line("Nothing to edit.")
            return Exit.DONE
        edit(text, chosen, state)
        return run_apply(chosen, text.rows, options, state)


def _run(change: "Change", run: "ApplyRun", rows: "PlanRows", state: "StateDirectory") -> Exit:
    from fileorg.cli.change import declined
    from fileorg.core.figures import plural

    run.check()
    facts = _facts(run)
    if not run.plan.files:
        code = change.nothing(facts, "Nothing to do.", show=partial(_show_problems, change, run))
        return code or _of_problems(run)
    change.show(partial(_show, change, run, rows))
    if not change.agreed(f"{change.verb.ask} {plural(run.plan.files, 'file')}? fileorg undo reverses it."):
        return declined()
    if change.is_later:
        return change.hand_over(run, state, facts if run.given.problems else None)
    outcome = change.carry_out(run)
    code = change.report(outcome, run.plan.files, f"fileorg undo {outcome.operation}", facts=facts)
    return code or _of_problems(run)


def _of_problems(run: "ApplyRun") -> Exit:
    return Exit.SOME_FAILED if run.given.problems else Exit.DONE


def _facts(run: "ApplyRun") -> dict[str, Any]:
    return {"refused": run.given.problems, "refused_rows": [as_json(each) for each in run.problems(1000)]}


def _preview(change: "Change", run: "ApplyRun") -> Exit:
    """Print the dry run. Raises `RowsRefused` or `GuardRefused` afterwards if the run would."""
    from fileorg.core.figures import plural, size

    plan = run.plan
    head: dict[str, Any] = {"dry_run": True, "kind": "apply", **shared.roots_as_json(run.roots)}
    change.preview(head, {"files": plan.files, "size_bytes": plan.size_bytes, **_facts(run)})
    if change.is_text and not change.options.quiet and plan.files:
        change.out.line()
    change.say_dry_run(f"{plural(plan.files, 'file')} ({size(plan.size_bytes)})")
    run.check()
    _show_problems(change, run, change.out)
    return _of_problems(run)


def _show(change: "Change", run: "ApplyRun", rows: "PlanRows", talk: "Out") -> None:
    """Print the first rows, and what is wrong with others."""
    from itertools import islice

    from fileorg.cli.summary import NAMED

    if not change.options.verbose:
        lines = rows.lines(talk)
        for line in islice(lines, NAMED):
            talk.line(line)
        if more := sum(1 for _ in lines):
            talk.line(f"  … and {more:,} more: see --dry-run")
        talk.line()
    _show_problems(change, run, talk)


def _show_problems(change: "Change", run: "ApplyRun", out: "Out") -> None:
    """Print the rows that are left out."""
    from fileorg.core.figures import plural

    if run.given.problems:
        what = f"{plural(run.given.problems, 'problem')}: their rows are left out."
        out.line(out.styled(what, "yellow"))
        _list(change, list(run.problems(1000)), run.given.problems, out)


def _show_refused(change: "Change", refused: "RowsRefused") -> None:
    """Print the problems on standard error, or as data. The error itself follows."""
    from fileorg.core.formats import write_json

    if not change.is_text and not change.options.dry_run:
        rows = [as_json(each) for each in refused.problems]
        facts = {"refused": refused.count, "refused_rows": rows}
        write_json(change.out.stream, {"operation": None, "kind": "apply", "files": 0, **facts})
    change.out.flush()
    if change.is_text or change.err is not change.out:
        _list(change, refused.problems, refused.count, change.err)


def _list(change: "Change", problems: "Sequence[RowProblem]", count: int, out: "Out") -> None:
    from fileorg.cli.summary import NAMED
    from fileorg.report.row_sentences import line_of_row

    shown = problems if change.options.verbose else problems[:NAMED]
    for problem in shown:
        out.line(f"  {line_of_row(problem)}")
    if count > len(shown):
        out.line(f"  … and {count - len(shown):,} more: see -v")
    out.flush()


def as_json(problem: "RowProblem") -> dict[str, Any]:
    """Return a problem of a row for JSON."""
    from fileorg.core.formats import named
    from fileorg.report.row_sentences import sentence_of_row

    path = named("path", problem.path) if problem.path else {"path": None}
    return {"line": problem.line, **path, "problem": str(problem.fault), "reason": sentence_of_row(problem)}
