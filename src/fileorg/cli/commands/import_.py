"""`fileorg import`: copy what a card has and a folder has not, and certify what is there afterwards."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Self

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.commands.organize import LAYOUT, ByOption, refuse_layout
from fileorg.cli.options import Format, OutputOptions, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError
from fileorg.core.model import By

if TYPE_CHECKING:
    from fileorg.cli.change import Change
    from fileorg.cli.terminal import Out
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.report.certificate import Certificate
    from fileorg.workflows.import_files import ImportOptions, ImportRun

EXAMPLES = """
# Copy the new photos of a card into one folder per month
fileorg import /media/card --dest ~/Photos --by date

# May the card be formatted? Exit code 0 only if all its content is in ~/Photos
fileorg import /media/card --dest ~/Photos --yes --quiet

# Copy a card into an object store
fileorg import /media/card --dest s3://bucket/photos --by date

# Keep the certificate: where each file of an old disk is now
fileorg import /media/old --dest ~/Archive --certificate old.json

# The same as one page for the browser
fileorg import /media/old --dest ~/Archive --certificate old.html
"""

CERTIFICATE = "Certificate"

Card = Annotated[str, Argument(metavar="CARD", help="A card, a phone or an old disk: a folder that is only read.")]
Dest = Annotated[
    str,
    Option(
        "--dest",
        metavar="DIR",
        help="Copy to DIR, or to the URL of a store, which is searched for the content first.",
        rich_help_panel=LAYOUT,
    ),
]
TemplateOption = Annotated[
    str | None,
    Option(
        "--template",
        metavar="TEXT",
        help="Folder layout, built from fields such as {category} {year} {ext} {dir} {name}: see docs/rules.md.",
        rich_help_panel=LAYOUT,
    ),
]
CertificateFile = Annotated[
    str | None,
    Option(
        "--certificate",
        metavar="FILE",
        help="Write the certificate to a new FILE, with a line for each file of CARD: an HTML page if its name ends in"
        " .html, JSON if it ends in .json.",
        rich_help_panel=CERTIFICATE,
    ),
]
Paranoid = Annotated[
    bool,
    Option(
        "--paranoid",
        help="Compare each file byte by byte for the certificate, not by digest.",
        rich_help_panel=CERTIFICATE,
    ),
]


def import_(
    card: Card,
    dest: Dest,
    by: ByOption = None,
    template: TemplateOption = None,
    certificate: CertificateFile = None,
    paranoid: Paranoid = False,
    max_depth: shared.MaxDepth = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    by_content: shared.ByContent = False,
    by_name: shared.ByName = False,
    timezone: shared.Timezone = None,
    exiftool: shared.Exiftool = False,
    one_file_system: shared.OneFileSystem = False,
    min_size: shared.MinSize = None,
    max_size: shared.MaxSize = None,
    newer_than: shared.NewerThan = None,
    older_than: shared.OlderThan = None,
    dry_run: shared.DryRun = False,
    yes: shared.Yes = False,
    background: shared.Background = False,
    hold: shared.Hold = False,
    wait: shared.Wait = None,  # noqa: ARG001  handled before: see `app`
    max_changes: shared.MaxChanges = None,
    inside_project: shared.InsideProject = False,
    allow_unsafe: shared.AllowUnsafe = False,
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: shared.NullPairs = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
    profile: shared.ProfileOption = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Copy what CARD has and DIR has not, and certify that everything is there.

    Content counts, not names: what DIR has under any name is not copied again, and each content is copied once. The
    copies are sorted as by fileorg organize. Nothing is overwritten, and CARD is only read. If the card was pulled, run
    the same command again: it goes on.

    At the end, fileorg reads both sides again, the copies from the disk, and says what of CARD is in DIR. Exit code: 0
    only if everything is, 3 if not, 1 if files could not be copied. fileorg undo removes the copies.
    """
    from fileorg.workflows.import_files import ImportOptions

    refuse_layout(by, template, "{year}/{month}/{name}")
    if certificate is not None and dry_run:
        raise UsageError("--certificate and --dry-run cannot be combined.", hint="drop one of them")
    configured = values.configuration(config, profile)
    chosen = ImportOptions(
        card=os.fsencode(card),
        dest=os.fsencode(dest),
        by=by or By.CATEGORY,
        template=template,
        filters=shared.filters(
            max_depth=max_depth,
            include=include,
            exclude=exclude,
            hidden=True,
            all_files=True,
            one_file_system=one_file_system,
            min_size=min_size,
            max_size=max_size,
            newer_than=newer_than,
            older_than=older_than,
        ),
        paranoid=paranoid,
        max_changes=max_changes,
        inside_project=inside_project,
        allow_unsafe=allow_unsafe,
        configuration=configured,
        look_into=shared.look_into(by_content=by_content, by_name=by_name),
        timezone=shared.timezone_of_run(timezone, by, template, configured),
        exiftool=shared.exiftool_of_run(by, template, configured, is_given=exiftool),
        certificate=None if certificate is None else os.path.abspath(os.fsencode(certificate)),
        replaces_certificate=force,
    )
    options = OutputOptions(dry_run, yes, format_, output, force, null, quiet, verbose, progress, background, hold)
    shared.need_dry_run(options)
    state = shared.state_for_cache(state_dir) if dry_run else shared.state(state_dir)
    return _import(chosen, options, state)


def _import(chosen: "ImportOptions", options: OutputOptions, state: "StateDirectory") -> Exit:
    """Plan, ask, copy and certify."""
    from fileorg.cli import plan_view
    from fileorg.cli.change import Change
    from fileorg.cli.plan_rows import PlanRows
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output
    from fileorg.cli.words import VERBS
    from fileorg.core.model import Action
    from fileorg.workflows.import_files import importing, refuse_writing_to_card

    for path in (chosen.certificate, None if options.output is None else os.fsencode(options.output)):
        if path is not None:
            refuse_writing_to_card(chosen.card, path)
    with (
        output(options.output, force=options.force) as out,
        _CertificateFile(chosen.certificate, force=options.force) as file,  # also of a job: it must know now
        reporting(options.progress, quiet=options.quiet) as screen,
        importing(chosen, state, screen, changes=not options.dry_run) as run,
    ):
        screen.pause()
        rows = PlanRows(run.plan, run.bases, root=run.card)
        change = Change(options, VERBS[Action.COPY], "import", out, screen, rows)
        code = _preview(change, run) if options.dry_run else _run(change, run, state, file)
        out.flush()
        shared.say_if_edited(chosen.configuration, screen)
        for seen in run.seen:
            plan_view.show_unreadable(screen, seen, verbose=options.verbose)
        plan_view.show_unread_files(screen, run.reads, verbose=options.verbose)
        return code


class _CertificateFile:
    """The file of `--certificate`, which is only there once a certificate is placed. Raises like `written`."""

    def __init__(self, path: bytes | None, *, force: bool) -> None:
        from fileorg.workflows.output_target import written

        self._file = None if path is None else written(os.fsdecode(path), force=force)
        self._is_placed = False

    def __enter__(self) -> Self:
        self._stream = None if self._file is None else self._file.__enter__()
        return self

    def write(self, certificate: "Certificate", run: "ImportRun") -> None:
        """Write and place the certificate, if there is a file for it."""
        from fileorg.report.certificate import write_certificate

        if self._file is not None and self._stream is not None:
            write_certificate(self._stream, certificate, run.certificate_file)
            self._stream.flush()
            run.note_certificate(self._stream.fileno())
            self._is_placed = True
            self._file.__exit__(None, None, None)

    def __exit__(self, *_: object) -> None:
        if self._file is not None and not self._is_placed:
            nothing = _NothingWrittenError()
            self._file.__exit__(type(nothing), nothing, None)


class _NothingWrittenError(Exception):
    """Makes `written` discard its file."""


def _show(talk: "Out", run: "ImportRun") -> None:
    """Print what is to be copied, by category, and what is there already."""
    from fileorg.cli.plan_view import show_ages, show_plan
    from fileorg.cli.render import short
    from fileorg.core.figures import plural

    if run.plan.files:
        show_plan(talk, run.plan, run.dest)
        talk.line()
    sums = run.found.sums
    there = sums.files - sums.missing
    if there:
        verb = "is" if there == 1 else "are"
        talk.prose(f"{there:,} of {plural(sums.files, 'file')} {verb} in {short(run.copies)} already.")
    show_ages(talk, run.seen[0])


def _preview(change: "Change", run: "ImportRun") -> Exit:
    from fileorg.core.figures import plural, size
    from fileorg.core.formats import named

    plan = run.plan
    head: dict[str, Any] = {"dry_run": True, "kind": "import", **named("root", run.card), **named("dest", run.copies)}
    change.preview(head, {"files": plan.files, "size_bytes": plan.size_bytes, "renamed": plan.renamed})
    if change.is_text and not change.options.quiet:
        change.out.line()
        _show(change.out, run)
    change.say_dry_run(f"{plural(plan.files, 'file')} ({size(plan.size_bytes)})", skipped=plan.skipped)
    run.check()
    return Exit.DONE


def _run(change: "Change", run: "ImportRun", state: "StateDirectory", file: _CertificateFile) -> Exit:
    from fileorg.cli.change import declined
    from fileorg.core.figures import plural, size
    from fileorg.core.model import Outcome

    run.check()
    outcome: Outcome | None = None
    if run.plan.files:
        change.show(partial(_show, run=run))
        what = f"{plural(run.plan.files, 'file')} ({size(run.plan.size_bytes)})"
        if not change.agreed(f"Copy {what}? fileorg undo reverses it."):
            return declined()
        if change.is_later:
            return change.hand_over(run, state)
        outcome = change.carry_out(run)
        way_back = f"fileorg undo {outcome.operation}"
        if change.is_text or outcome.interrupted:
            code = change.report(outcome, run.plan.files, way_back)
            if outcome.interrupted:
                return code
    elif change.is_later:
        raise UsageError("There is nothing to copy.", hint="drop --background or --hold: the certificate is made now")
    return _certify(change, run, outcome, file)


def _certify(change: "Change", run: "ImportRun", outcome: "Outcome | None", file: _CertificateFile) -> Exit:
    """Read both sides again and write the certificate."""
    from fileorg.cli.certificate_view import show
    from fileorg.cli.summary import exit_code, outcome_as_json
    from fileorg.report.certificate import certificate_as_json

    with run.certificate() as certificate:
        change.screen.pause()
        file.write(certificate, run)
        run.end(outcome, is_complete=certificate.is_complete)
        if not change.is_text:
            head: dict[str, Any] = {"operation": None, "kind": "import", "files": 0}
            if outcome is not None:
                head = outcome_as_json(outcome, "import") | {"way_back": f"fileorg undo {outcome.operation}"}
            certificate_as_json(change.out.stream, certificate, head)
        elif not change.options.quiet:
            show(change.out, certificate, verbose=change.options.verbose)
        if certificate.is_complete:
            return Exit.DONE
        return Exit.NO if outcome is None else exit_code(outcome) or Exit.NO
