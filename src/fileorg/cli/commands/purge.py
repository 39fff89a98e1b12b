"""`fileorg purge`: empty the trash permanently."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import complete, values
from fileorg.cli import options as shared
from fileorg.cli.options import Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import ErrorCode, Exit, GuardRefused, UsageError
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.cli.change import Change
    from fileorg.cli.terminal import Out
    from fileorg.cli.values import Moment
    from fileorg.core.formats import JsonDocument
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.purge import InTrash, PurgeRun, TrashFile

EXAMPLES = """
# List the files in the trash, and the space that they take
fileorg purge --dry-run

# Only operations from more than a month ago
fileorg purge --older-than 30d

# What keep_days and trash_size in fileorg.toml no longer keep
fileorg purge --expired

# Only operations 7 and 9; from a script
fileorg purge 7 9 --yes
"""

_NAMED = 20

Operations = Annotated[
    list[int] | None,
    Argument(
        metavar="OP",
        min=1,
        help="Operation numbers, as listed by fileorg history. Default: all operations with files in the trash.",
        show_default=False,
        complete=complete.undoable,
    ),
]
OlderThan = Annotated[
    str | None,
    Option(
        "--older-than",
        metavar="TIME",
        help="Only operations from before TIME: 30s, 10min, 12h, 30d, 2w, 6mo (months) or 1y ago, or a date such as"
        " 2024-05-01. A bare m is refused, because it may mean minutes or months.",
    ),
]
Expired = Annotated[
    bool,
    Option(
        "--expired",
        help="Only what the settings keep_days and trash_size of fileorg.toml no longer keep: operations from more than"
        " keep_days ago, and the oldest ones while the trash is larger than trash_size.",
    ),
]
Yes = Annotated[
    bool,
    Option("-y", "--yes", help="Do not ask. Required without a terminal.", rich_help_panel=shared.RUN),
]
DryRun = Annotated[
    bool,
    Option("-n", "--dry-run", help="List each file that would be removed. Remove nothing.", rich_help_panel=shared.RUN),
]


def purge(
    operations: Operations = None,
    older_than: OlderThan = None,
    expired: Expired = False,
    dry_run: DryRun = False,
    yes: Yes = False,
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
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Empty fileorg's trash permanently.

    Operations move replaced and removed files to .fileorg/trash in their folder, so that fileorg undo can restore them.
    fileorg purge deletes these files, frees the space, and reports which operations can no longer be undone, or only
    in part.

    A purge cannot be undone: it always asks, and without a terminal it requires --yes. Files in the trash that were
    modified, or that fileorg did not put there, are kept and listed.
    """
    from fileorg.cli.change import Change, asks
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output as to_output
    from fileorg.cli.words import VERBS
    from fileorg.workflows.purge import PurgeOptions, purging

    limit = Limit(None if older_than is None else values.moment("--older-than", older_than, for_good=True))
    if expired:
        if operations or older_than is not None:
            raise UsageError(
                "--expired and OP or --older-than cannot be combined.",
                hint="drop one of them: --expired goes by the settings",
            )
        limit = _settings(config)
    options = OutputOptions(dry_run, yes, format_, output, force, quiet=quiet, verbose=verbose, progress=progress)
    options = options._replace(background=background, hold=hold, log_format=log_format)
    shared.need_dry_run(options)
    with to_output(output, force=force) as out, reporting(progress, quiet=quiet) as screen:
        if not (dry_run or yes or asks(options, out)):
            raise GuardRefused(
                "A purge cannot be undone, and there is no terminal to ask in.",
                hint="check with --dry-run what would be removed, then add --yes",
                code=ErrorCode.NOT_CONFIRMED,
            )
        state = shared.state(state_dir, dry_run=dry_run)
        chosen = PurgeOptions(operations or (), limit.before and limit.before.ns, limit.size_bytes)
        with purging(chosen, state, screen, changes=not dry_run) as run:
            screen.pause()
            change = Change(options, VERBS["purge"], "purge", out, screen, PurgeRows(run), _again(operations))
            empty = _empty(operations, limit)
            return _preview(change, run, limit, empty) if dry_run else _run(change, run, state, limit, empty)


class Limit(NamedTuple):
    """What is purged: operations from before a moment, and the oldest beyond a size. `settings` are those of
    --expired, for people.
    """

    before: "Moment | None" = None
    size_bytes: int | None = None
    settings: str = ""

    def as_json(self) -> dict[str, str | int | None]:
        from fileorg.core.formats import iso
        from fileorg.core.times import kept

        older_than = None if self.before is None else iso(kept(self.before.ns))
        return {"older_than": older_than, "trash_size_bytes": self.size_bytes}


def _settings(config: str | None) -> Limit:
    """Return the limits in `[settings]`. Raises `UsageError` if there are none, `ConfigError`."""
    from fileorg.core.figures import size

    configuration = values.configuration(config)
    settings = None if configuration is None else configuration.settings
    if settings is None or (settings.keep_days is None and settings.trash_size is None):
        raise UsageError(
            "--expired needs keep_days or trash_size in [settings] of fileorg.toml, and neither is there.",
            hint="add keep_days = 30 below [settings], or use --older-than 30d",
        )
    before, said = None, []
    if settings.keep_days is not None:
        before = values.moment("keep_days", f"{settings.keep_days}d")
        said.append(f"keep_days = {settings.keep_days}")
    if settings.trash_size is not None:
        said.append(f"trash_size = {size(settings.trash_size)}")
    return Limit(before, settings.trash_size, " and ".join(said))


def _again(operations: "Sequence[int] | None") -> str:
    return " ".join(["fileorg purge", *map(str, operations or ())])


class PurgeRows:
    """Output of the files that would be removed, for people and programs."""

    def __init__(self, run: "PurgeRun") -> None:
        self._run = run

    def list(self, out: "Out") -> None:
        from fileorg.cli.render import short
        from fileorg.core.figures import size

        out.many(f"{short(row.path)} {out.styled(f'({size(row.size)})', 'dim')}" for row in self._run.rows())

    def as_json(self, document: "JsonDocument") -> None:
        document.rows("rows", map(self._fields, self._run.rows()))

    def _fields(self, row: "TrashFile") -> dict[str, Any]:
        from fileorg.core.formats import named

        return {
            "operation": row.operation,
            **named("path", row.path),
            "size_bytes": row.size,
            "freed_bytes": row.size_bytes,
        }

    def as_null(self, out: "Out") -> None:
        from fileorg.core.formats import write_null

        write_null(out.stream, (row.path for row in self._run.rows()))


# Before the purge -----------------------------------------------------------------------------------------------------


def _preview(change: "Change", run: "PurgeRun", limit: "Limit", empty: str) -> Exit:
    head = {"dry_run": True, "kind": "purge", **limit.as_json(), "operations": [_as_json(one) for one in run.found]}
    if change.is_text and not run.found:
        return _nothing(change, empty)
    change.preview(head, {"files": run.files, "size_bytes": run.size_bytes})
    if change.is_text and not change.options.quiet:
        change.out.line()
        _table(change.out, run, limit)
        change.out.line("\nDry run: nothing was removed.")
    return Exit.DONE


def _as_json(one: "InTrash") -> dict[str, Any]:
    from fileorg.core.formats import iso, named

    op = one.operation
    about = {"operation": op.id, "kind": op.kind, "started": iso(op.started_ns), **named("root", op.root)}
    return about | {"files": one.files, "size_bytes": one.size_bytes, "kept": one.kept}


def _table(out: "Out", run: "PurgeRun", limit: "Limit") -> None:
    """Print the files of each operation in the trash, in numbers."""
    from fileorg.cli.render import Column, short_of_several, table
    from fileorg.core.figures import size, when

    columns = (
        Column("Op", right=True),
        Column("What", drop_rank=1),
        Column("When", drop_rank=2),
        Column("Where", shrinks=True, keeps_end=True),
        Column("Files", right=True),
        Column("Frees", right=True),
    )
    more = run.more_roots
    rows = [
        (
            str(op.id),
            op.kind,
            when(op.started_ns),
            short_of_several(op.root, more.get(op.id, 0)),
            f"{files:,}",
            size(size_bytes),
        )
        for op, files, size_bytes, _ in run.found
    ]
    total = ("", "", "", "Total", f"{run.files:,}", size(run.size_bytes)) if len(rows) > 1 else None
    table(out, columns, rows, total=total)
    if limit.settings:
        out.line(f"  Only what has expired by {limit.settings}.")
    elif (before := limit.before) is not None:
        age = f" ({before.words} ago)" if before.age else ""
        out.line(f"  Only operations from before {when(before.ns)}{age}.")


def _show(talk: "Out", run: "PurgeRun", limit: "Limit") -> None:
    _table(talk, run, limit)
    talk.line()


def _empty(operations: "Sequence[int] | None", limit: "Limit") -> str:
    """Return the sentence for a purge that finds no file."""
    from fileorg.core.figures import when

    if limit.settings:
        return f"Nothing in the trash has expired by {limit.settings}."
    before = limit.before
    if before is not None and before.age:
        return f"Nothing in the trash is older than {before.words} (since {when(before.ns)})."
    if before is not None:
        return f"The trash holds nothing from before {when(before.ns)}."
    return "The trash holds nothing of these operations." if operations else "The trash is empty."


def _nothing(change: "Change", empty: str) -> Exit:
    if not change.options.quiet:
        change.out.prose(empty)
    return Exit.DONE


def _run(change: "Change", run: "PurgeRun", state: "StateDirectory", limit: "Limit", empty: str) -> Exit:
    from fileorg.cli.change import declined
    from fileorg.core.figures import plural, size

    if not run.found and change.is_text:
        return _nothing(change, empty)
    if run.files:
        change.show(partial(_show, run=run, limit=limit))
    question = f"Remove {plural(run.files, 'file')} ({size(run.size_bytes)}) permanently? This cannot be undone."
    if run.files and not change.agreed(question):
        return declined()
    if change.is_later and run.files:
        return change.hand_over(run, state)
    return _report(change, run, change.carry_out(run), limit)


# After the purge ------------------------------------------------------------------------------------------------------


def _report(change: "Change", run: "PurgeRun", outcome: "Outcome", limit: "Limit") -> Exit:
    from fileorg.cli.stop import Stopped
    from fileorg.cli.summary import exit_code, outcome_as_json
    from fileorg.core.formats import write_json

    try:
        if change.is_text:
            _show_outcome(change, run, outcome)
        else:
            facts = outcome_as_json(outcome, "purge")
            del facts["operation"]  # each purged operation has its own number
            done = [
                {"operation": one.operation, "purge": one.purge, "files": one.files, "size_bytes": one.size_bytes}
                | {"undoable": "no" if one.wholly else "yes" if one.is_whole else "partly"}
                for one in run.purged
            ]
            write_json(change.out.stream, facts | limit.as_json() | {"operations": done})
    except KeyboardInterrupt:
        raise Stopped("Stopped after the trash was emptied.") from None
    return exit_code(outcome)


def _show_outcome(change: "Change", run: "PurgeRun", outcome: "Outcome") -> None:
    from fileorg.core.figures import duration, plural, size
    from fileorg.core.names import below, display
    from fileorg.report.sentences import sentence

    out, err, quiet = change.out, change.err, change.options.quiet
    if not quiet:
        what = f"{out.styled(f'Freed {size(outcome.size_bytes)}', 'bold')}: {plural(outcome.done, 'file')}"
        out.line(f"{what} in {duration(outcome.seconds)}.")
        for note in outcome.notes:
            out.line(f"  {display(note)}")
        if said := _no_longer_undone(run):
            out.prose(said)
    if outcome.problems:
        out.flush()
        kept = sum(files for state, files in outcome.counts.items() if state != "purged")
        err.line(err.styled(f"{plural(kept, 'file')} left in the trash:", "red"))
        shown, in_several = outcome.problems[: None if change.options.verbose else _NAMED], run.in_several
        for problem in shown:
            path = below(problem.root, problem.path) if in_several else problem.path
            err.line(f"  {display(path)}: {sentence(problem.reason)}")
        if kept > len(shown):
            err.line(f"  … and {kept - len(shown):,} more")
    if outcome.interrupted:
        out.flush()
        err.prose(f"Stopped after {outcome.done:,} of {plural(run.files, 'file')}.", "fileorg: ")
        err.line(f"  Continue with: {err.styled(change.way_on, 'cyan')}")


def _no_longer_undone(run: "PurgeRun") -> str:
    """Return `Operations 7 and 9 can no longer be undone. Operation 11 can only be undone in part now.`"""
    wholly = sorted(one.operation for one in run.purged if one.wholly and one.files)
    partly = sorted(one.operation for one in run.purged if not (one.wholly or one.is_whole) and one.files)
    said = [f"{_listed(wholly)} can no longer be undone."] if wholly else []
    said += [f"{_listed(partly)} can only be undone in part now."] if partly else []
    return " ".join(said)


def _listed(numbers: "Sequence[int]") -> str:
    if len(numbers) == 1:
        return f"Operation {numbers[0]}"
    return f"Operations {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
