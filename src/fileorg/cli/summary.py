"""The result of an operation: totals and problems, for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.errors import Exit
from fileorg.core.figures import duration, plural, size
from fileorg.core.formats import named
from fileorg.core.model import PROBLEM_STATES, RecordState
from fileorg.core.names import below, display

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.cli.terminal import Out
    from fileorg.cli.words import Verb
    from fileorg.core.model import Outcome, Problem

NAMED = 20
"""The number of problems that are listed without -v."""


def exit_code(outcome: Outcome) -> Exit:
    if outcome.parked:
        return Exit.NO
    if outcome.interrupted:
        return Exit.INTERRUPTED
    return Exit.SOME_FAILED if outcome.problem_count else Exit.DONE


def show_outcome(out: Out, outcome: Outcome, verb: Verb, *, quiet: bool) -> None:
    """Print the number of files and the time, and notes below."""
    if not quiet:
        what = amount(outcome.done, outcome.size_bytes, verb)
        out.line(f"{out.styled(verb.done, 'bold')} {what} in {duration(outcome.seconds)}.")
        for note in outcome.notes:
            out.line(f"  {display(note)}")


def amount(count: int, size_bytes: int, verb: Verb) -> str:
    """Return `34 files (51.3 KB)`; the size of leftovers is of no interest."""
    what = plural(count, verb.noun)
    return f"{what} ({size(size_bytes)})" if verb.noun == "file" else what


def show_symlinks(out: Out, outcome: Outcome, *, quiet: bool, limit: int | None, in_several: bool = False) -> None:
    """Print the symlinks that were rewritten or restored: users may not expect such changes."""
    if not outcome.rewritten or quiet:
        return
    their = "its file" if outcome.rewritten == 1 else "their files"
    out.line(f"Updated {plural(outcome.rewritten, 'symlink')} to point to {their}:")
    shown = list(zip(outcome.symlink_roots, outcome.symlinks, strict=True))[:limit]
    for root, path in shown:
        out.line(f"  {display(below(root, path) if in_several else path)}")
    if outcome.rewritten > len(shown):
        out.line(f"  … and {outcome.rewritten - len(shown):,} more: fileorg files {outcome.operation}")


def show_problems(
    out: Out,
    err: Out,
    outcome: Outcome,
    *,
    quiet: bool,
    limit: int | None,
    noun: str = "file",
    in_several: bool = False,
) -> None:
    """Print skipped files to `out`, and failures to `err`, also if quiet. `limit` None lists all that are known;
    `in_several`: by their absolute paths.
    """
    skipped = outcome.counts.get(RecordState.SKIPPED, 0)
    if skipped and not quiet:
        chosen = [problem for problem in outcome.problems if problem.state is RecordState.SKIPPED]
        _name(
            out, outcome, f"Skipped {plural(skipped, noun)}:", "yellow", chosen, skipped, limit, in_several=in_several
        )
    if failed := outcome.problem_count:
        chosen = [problem for problem in outcome.problems if problem.state in PROBLEM_STATES]
        out.flush()
        _name(
            err,
            outcome,
            f"{plural(failed, noun)} could not be processed:",
            "red",
            chosen,
            failed,
            limit,
            in_several=in_several,
        )


def _name(
    out: Out,
    outcome: Outcome,
    title: str,
    colour: str,
    problems: Sequence[Problem],
    count: int,
    limit: int | None,
    *,
    in_several: bool,
) -> None:
    from fileorg.report.sentences import sentence

    out.line(out.styled(title, colour))
    shown = problems[:limit]
    for problem in shown:
        path = below(problem.root, problem.path) if in_several else problem.path
        out.line(f"  {display(path)}: {sentence(problem.reason)}")
    if count > len(shown):
        out.line(f"  … and {count - len(shown):,} more: fileorg history --problems {outcome.operation}")


def outcome_as_json(outcome: Outcome, kind: str) -> dict[str, Any]:
    first = [named("path", below(*each)) for each in zip(outcome.symlink_roots, outcome.symlinks, strict=True)]
    return {
        "operation": outcome.operation,
        "kind": kind,
        "files": outcome.done,
        "size_bytes": outcome.size_bytes,
        "symlinks": {"rewritten": outcome.rewritten, "first": first},
        "seconds": round(outcome.seconds, 3),
        "interrupted": outcome.interrupted,
        "parked": outcome.parked,
        "job": outcome.job or None,
        "counts": {str(state): number for state, number in sorted(outcome.counts.items())},
        "problems": [
            {**named("path", below(problem.root, problem.path)), "status": str(problem.state), **_reason(problem)}
            for problem in outcome.problems
        ],
    }


def _reason(problem: Problem) -> dict[str, str | None]:
    from fileorg.report.sentences import sentence

    code = None if problem.reason is None else problem.reason.code
    return {"reason": sentence(problem.reason), "reason_code": code}
