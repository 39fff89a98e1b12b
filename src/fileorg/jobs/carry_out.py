"""Carries out a job in this process: the plan that was agreed to, or, if it had begun, what is left of it."""

from __future__ import annotations

import contextlib
import os
from array import array
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.figures import plural
from fileorg.core.limits import end_in_time, note_status, stop_counting
from fileorg.core.model import DEST, GIVEN, OperationState, Outcome
from fileorg.core.names import display
from fileorg.jobs.found import UnknownJob, saved_plan
from fileorg.jobs.job_options import Options, options_of, watch_options_of
from fileorg.journal.job_rows import (
    configuration_of,
    job_rows,
    limits_of,
    operations_of,
    touched_folders,
    touched_inodes,
)
from fileorg.journal.journal import JobStart
from fileorg.journal.rows import Root
from fileorg.rules.ignore import IgnoreReason
from fileorg.storage.base import Kind
from fileorg.workflows.apply_plan import ApplyOptions, applying, places_of, rows_of
from fileorg.workflows.clean import CleanOptions, cleaning
from fileorg.workflows.compare import CompareOptions, comparing
from fileorg.workflows.dedupe import DedupeOptions, deduping
from fileorg.workflows.guards import Allowed, check_opened
from fileorg.workflows.import_files import ImportOptions, importing
from fileorg.workflows.open_journal import open_journal
from fileorg.workflows.organize import OrganizeOptions, organizing
from fileorg.workflows.output_target import written
from fileorg.workflows.purge import PurgeOptions, purging
from fileorg.workflows.recover import recover_all
from fileorg.workflows.roots import AnotherRoot, is_there, readable_root
from fileorg.workflows.session import Session
from fileorg.workflows.undo import NothingToUndo, UndoOptions, undoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.journal.job_rows import JobRow
    from fileorg.plan.saved_plan import SavedPlan
    from fileorg.scan.walk import Seen
    from fileorg.storage.local.storage import LocalStorage


def carry_out(
    state: StateDirectory,
    number: int,
    reporter: Reporter,
    stop: Callable[[], bool],
    *,
    fd: int | None = None,
    attempts: int = 1,
    say_end: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Carry out a job to its end, or until `stop`; return the outcome of its last operation.

    `fd`: the status file, if this process holds its lock already; the caller closes it. `attempts`: how many are left,
    this one included; if files fail by errors that may pass, and there are more, the job is queued again
    (`Outcome.goes_on`). `say_end` gets the reason if the job takes too long, and this process ends. Raises
    `FileorgError`, `OSError`.
    """
    with open_journal(state, read_only=True) as journal:
        job = next(iter(job_rows(journal, "id = ?", (number,))), None)
        if job is None:
            raise UnknownJob(number)
        has_begun = bool(operations_of(journal, number))
    before, named = GIVEN.limits, GIVEN.configuration
    GIVEN.limits, GIVEN.configuration = limits_of(job)._replace(attempts=attempts), configuration_of(job)
    try:
        if job.kind == "watch":
            from fileorg.jobs.watch_job import watch_as_job

            watch_as_job(state, number, watch_options_of(job), reporter, stop, fd)
            return Outcome()
        end_in_time(say_end)
        note_status(fd)
        return _carry_out(state, job, reporter, stop, fd, has_begun=has_begun)
    finally:
        stop_counting()
        GIVEN.limits, GIVEN.configuration = before, named


def _carry_out(
    state: StateDirectory,
    job: JobRow,
    reporter: Reporter,
    stop: Callable[[], bool],
    fd: int | None,
    *,
    has_begun: bool,
) -> Outcome:
    number = job.id
    start = JobStart(job.kind, job.options, job.before_ns, number, job.files, job.limits)
    if not has_begun and (plan := saved_plan(state, number)) is not None:
        with contextlib.closing(plan):
            return _as_agreed(state, start, plan, reporter, stop, fd)
    options = options_of(job)
    if has_begun:
        recover_all(state, reporter, number)
        options = _rest(state, job, options)
    try:
        return _afresh(state, options, start, reporter, stop, fd)
    except NothingToUndo:  # it was killed just after its last change
        return Outcome()


def _as_agreed(
    state: StateDirectory,
    start: JobStart,
    plan: SavedPlan,
    reporter: Reporter,
    stop: Callable[[], bool],
    fd: int | None,
) -> Outcome:
    head = plan.head
    what = f"{head.kind} {display(head.roots[0].path)}"  # the lock names the job, too
    with Session.opened(state, what, reporter, kind=head.kind, job=start, fd=fd) as session:
        opened: dict[bytes, LocalStorage] = {}
        for root in head.roots:
            if root.path not in opened:
                readable_root(root.path)
                if not is_there(Root(root.path, root.inode)):
                    raise AnotherRoot(Root(root.path, root.inode), hint="mount its disk, then resume the job")
                opened[root.path] = session.open(root.path)
                allowed = Allowed(inside_project=True, read_only=not root.changes)
                for used in root.uses if opened[root.path].kind is Kind.LOCAL else ():
                    check_opened(opened[root.path].fd(b""), root.path, state, allowed, to_be_made=used)
        session.storages = [opened[root.path] for root in head.roots]
        session.lock(opened.values())
        session.open_index_if_free()
        plan.put_trash_into(session.trash)
        facts = head.facts
        return session.run(head.kind, plan, facts, stop, renames=head.renames, stage=head.stage, copies=head.copies)


def _rest(state: StateDirectory, job: JobRow, options: Options) -> Options:
    """Return the options with a filter that takes only what was there before the job began. An import has none: its
    certificate is about all that is there.
    """
    if not isinstance(
        options, OrganizeOptions | DedupeOptions | CleanOptions | CompareOptions | ImportOptions | ApplyOptions
    ):
        return options
    with open_journal(state, read_only=True) as journal:
        for operation in operations_of(journal, job.id):
            if operation.state is not OperationState.SEALED:
                raise UsageError(
                    f"Operation {operation.id} of job {job.id} was interrupted and cannot be recovered now.",
                    hint="fix the problems listed above, then resume the job",
                    code=ErrorCode.NOT_RECOVERED,
                )
            for root in journal.roots(operation):
                # Below a disk that is not mounted now, there is an empty folder: nothing would be left to do in it.
                if not is_there(root):
                    raise AnotherRoot(root, hint="mount its disk, then resume the job")
        if isinstance(options, ImportOptions):
            return options
        if isinstance(options, ApplyOptions):
            # What is done is no problem; and two names that were exchanged must not be exchanged again.
            operations, relations = operations_of(journal, job.id), journal.relations
            made = sorted({path for each in operations for path in relations.made_folders(each)})
            moved = (path for each in operations for path in relations.changed_paths(each))
            touched = places_of(moved, (found for each in operations for found in relations.arrived_paths(each)))
            return options._replace(is_rest=True, touched=touched, made=made)
        inodes = touched_inodes(journal, job.id)
        if isinstance(options, CleanOptions):
            found = set(inodes)
            for base, path in touched_folders(journal, job.id):
                with contextlib.suppress(OSError):
                    place = options.roots[max(0, base - DEST)]
                    found.add(os.lstat(os.path.join(place, path)).st_ino)
            inodes = array("Q", sorted(found))
    filters = options.filters._replace(before_job_ns=job.before_ns, touched=inodes.tobytes())
    return options._replace(filters=filters)


def _afresh(
    state: StateDirectory,
    options: Options,
    start: JobStart,
    reporter: Reporter,
    stop: Callable[[], bool],
    fd: int | None,
) -> Outcome:
    match options:
        case OrganizeOptions():
            with organizing(options, state, reporter, resumes=start, fd=fd) as organize:
                _say_left(reporter, organize.seen)
                return organize.run(stop) if organize.plan.files else Outcome()
        case DedupeOptions():
            with deduping(options, state, reporter, changes=True, resumes=start, fd=fd) as dedupe:
                _say_left(reporter, dedupe.seen)
                return dedupe.run(stop) if dedupe.rows.files else Outcome()
        case CompareOptions():
            with comparing(options, state, reporter, changes=True, resumes=start, fd=fd) as compare:
                _say_left(reporter, *(side.seen for side in compare.sides))
                return compare.run(stop) if compare.plan.files else Outcome()
        case ImportOptions():
            return _import(state, options, start, reporter, stop, fd)
        case CleanOptions():
            with cleaning(options, state, reporter, resumes=start, fd=fd) as clean:
                _say_left(reporter, clean.seen)
                return clean.run(stop) if clean.plan.files else Outcome()
        case ApplyOptions():
            if not options.plan:
                raise UsageError(
                    f"The plan of job {start.number} was not read from a file, so the job cannot be resumed.",
                    hint="run the command again with the rest of the plan",
                    code=ErrorCode.NOT_RECORDED,
                )
            with applying(options, rows_of(options), state, reporter, resumes=start, fd=fd) as apply:
                return apply.run_rest(stop)
        case UndoOptions():
            with undoing(options, state, reporter, resumes=start, fd=fd) as undo:
                return undo.run(stop)
        case PurgeOptions():
            with purging(options, state, reporter, resumes=start, fd=fd) as purge:
                return purge.run(stop) if purge.files else Outcome()


def _say_left(reporter: Reporter, *each: Seen) -> None:
    """Tell how many files stay as they look newer than the job: those that arrived, or all if a clock was slow."""
    if left := sum(seen.ignored[IgnoreReason.SINCE_JOB] for seen in each):
        why = each[0].filters.said(IgnoreReason.SINCE_JOB)
        reporter.note(f"Left alone: {plural(left, 'file')} that {why}. Run the command again for them.")


def _import(
    state: StateDirectory,
    options: ImportOptions,
    start: JobStart,
    reporter: Reporter,
    stop: Callable[[], bool],
    fd: int | None,
) -> Outcome:
    """Import, and report the certificate; write it to its file, if it has one."""
    from fileorg.report.certificate import write_certificate

    with importing(options, state, reporter, resumes=start, fd=fd) as run:
        outcome = run.run(stop) if run.plan.files else Outcome()
        if outcome.interrupted:
            return outcome
        with run.certificate() as certificate:
            for sentence in certificate.sentences():
                reporter.note(sentence)
            if options.certificate is not None:
                with written(os.fsdecode(options.certificate), force=run.may_replace_certificate) as stream:
                    write_certificate(stream, certificate, options.certificate)
                    stream.flush()
                    run.note_certificate(stream.fileno())
            run.end(outcome, is_complete=certificate.is_complete)
        return outcome
