"""Jobs on the screen: what was started, the list, one job, and its live display in any number of terminals."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fileorg.core.errors import Exit
from fileorg.core.figures import plural, size, when
from fileorg.core.limits import in_words
from fileorg.core.model import JobState
from fileorg.core.names import display
from fileorg.jobs.found import ENDED

if TYPE_CHECKING:
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.core.model import Limits
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.found import FoundJob, Progress

_SOONEST_SECONDS, _LOOK_SECONDS = 0.02, 0.2
"""A terminal looks at the progress this soon, then less and less often: the job writes it about as often."""

EXITS = {
    JobState.DONE: Exit.DONE,
    JobState.FAILED: Exit.SOME_FAILED,
    JobState.PARKED: Exit.NO,
    JobState.WAITING: Exit.NO,
    JobState.QUEUED: Exit.DONE,
    JobState.RUNNING: Exit.DONE,
    JobState.CANCELLED: Exit.INTERRUPTED,
    JobState.INTERRUPTED: Exit.INTERRUPTED,
}
"""The exit code of a command that follows a job to its end, by its state then."""


_LAST = 100
"""The last jobs are listed: a watch makes thousands in a year."""


# One job and all jobs -------------------------------------------------------------------------------------------------


def show_list(out: Out, jobs: list[FoundJob]) -> None:
    """Print a line for each of the last jobs, newest first, and for older ones that have not ended."""
    from fileorg.cli.render import Column, short_of_several, table

    if not jobs:
        out.line("No jobs yet.")
        return
    columns = (
        Column("Job", right=True),
        Column("What", drop_rank=1),
        Column("Status"),
        Column("Files", right=True, drop_rank=2),
        Column("When", drop_rank=3),
        Column("Where", shrinks=True, keeps_end=True),
    )
    shown = [found for at, found in enumerate(jobs) if at < _LAST or found.state not in ENDED]
    table(out, columns, [_line(found, short_of_several(found.row.root, found.more_roots)) for found in shown])
    if older := len(jobs) - len(shown):
        out.line(f"{plural(older, 'older job')} ended before. All jobs: fileorg jobs --format json")


def _line(found: FoundJob, root: str) -> tuple[str, ...]:
    row = found.row
    status = str(found.state)
    files = found.files
    if found.progress is not None and found.state is JobState.RUNNING:
        status = f"{status}: {found.progress.stage}"
        files = found.progress.files
    began = row.started_ns or row.before_ns
    kind = row.kind if row.part is None else f"{row.kind} (part)"
    return str(row.id), kind, status, _of_all(found, files), when(began), root


def _of_all(found: FoundJob, files: int) -> str:
    """Return how many files are done, of how many: nobody knows what a watch has before it."""
    return f"{files:,}" if found.row.kind == "watch" else f"{files:,} of {found.row.files:,}"


def show(out: Out, found: FoundJob, state: StateDirectory) -> None:
    """Print what is known about a job, and the commands that go on."""
    from fileorg.cli.render import short, short_of_several, show_facts

    row, progress, part = found.row, found.progress, found.row.part
    facts = [
        (f"Job {row.id}", f"{row.kind}, {found.state}"),
        ("In", short_of_several(row.root, found.more_roots)),
        *([("Asked by", row.client)] if row.client else []),
        *([("Only", ", ".join(map(display, part["patterns"] + part["categories"])))] if part else []),
        *([("Files", _of_all(found, found.files))] if row.kind != "watch" else []),
        ("Attempts", f"{row.attempts:,}"),
        *([("Limits", limits)] if (limits := _limits(found.limits)) else []),
        *([("Started", when(row.started_ns))] if row.started_ns else []),
        *([("Ended", when(row.ended_ns))] if row.ended_ns and not found.is_alive else []),
        *([("Operations", ", ".join(str(each.id) for each in reversed(found.operations)))] if found.operations else []),
        *([("Process", f"{row.pid} on {display(row.host)}")] if found.is_alive else []),
        *([("Stage", _stage(progress))] if progress is not None else []),
        *([("Reason", display(row.reason))] if row.reason else []),
        *([("Journal", short(state.path))] if not state.is_default else []),
    ]
    show_facts(out, facts)
    for way in ways_on(found):
        out.line(f"  {way}")


def _limits(limits: Limits) -> str:
    """Return the limits of a job as its options: empty for none."""
    words = [
        *([f"--time-limit {in_words(limits.time_limit)}"] if limits.time_limit else []),
        *([f"--kill-after {in_words(limits.kill_after)}"] if limits.kill_after else []),
        *([f"--helper-memory {limits.helper_memory >> 20}M"] if limits.helper_memory else []),
        *([f"--attempts {limits.attempts}"] if limits.attempts else []),
        *([f"--parallel {limits.parallel}"] if limits.parallel else []),
    ]
    return ", ".join(words)


def _stage(progress: Progress) -> str:
    left, total = progress.left_seconds, progress.total
    files = plural(progress.files, "file") if total is None else f"{progress.files:,} of {total:,} files"
    parts = [f"{progress.stage}, {files}", *([f"{progress.rate:,.0f}/s"] if progress.stage != "watch" else [])]
    parts += [size(progress.size_bytes)] if progress.size_bytes else []
    parts += [f"{left:.0f} s left"] if left is not None else []
    return ", ".join(parts) + (f", in {display(progress.folder)}" if progress.folder else "")


def ways_on(found: FoundJob) -> list[str]:
    """Return sentences with the commands that make sense for the state of a job."""
    number = found.row.id
    match found.state:
        case JobState.WAITING:
            return [f"Let it go on with: fileorg jobs approve {number}"]
        case JobState.QUEUED | JobState.RUNNING:
            return [f"Watch it with: fileorg jobs attach {number}"]
        case JobState.FAILED:
            return [f"Try the rest again with: fileorg jobs retry {number}"]
        case JobState.PARKED | JobState.CANCELLED | JobState.INTERRUPTED:
            undo = [f"Undo with: fileorg undo --job {number}"] if found.files else []
            return [f"Continue with: fileorg jobs resume {number}", *undo]
        case JobState.DONE:
            return [f"Undo with: fileorg undo --job {number}"] if found.files and found.row.kind != "purge" else []


def say_end(out: Out, found: FoundJob) -> None:
    """Print how a job ended."""
    row = found.row
    reason = f" ({display(row.reason).removesuffix('.')})" if row.reason else ""
    done = f": {found.files:,} of {plural(row.files, 'file')}" if row.kind != "watch" else ""
    out.prose(f"Job {row.id} is {found.state}{done}{reason}.")
    for way in ways_on(found):
        out.line(way)


# The live display -----------------------------------------------------------------------------------------------------


def follow(state: StateDirectory, number: int, screen: Screen) -> FoundJob:
    """Show the progress of a job until it ends, or waits for a person; return it. Ctrl-C raises `KeyboardInterrupt`."""
    from fileorg.jobs.found import job, look_at, progress_of

    shown: Progress | None = None
    pause = _SOONEST_SECONDS
    while True:
        is_alive, said = look_at(state, number)
        if not is_alive:
            found = job(state, number)
            if not found.is_alive:
                screen.pause()
                return found
        progress = progress_of(said)
        if progress is not None:
            shown = _advance(screen, shown, progress)
        elif said.get("state") == str(JobState.QUEUED) and shown is None:
            screen.stage("queued")
            shown = None
        time.sleep(pause)
        pause = min(2 * pause, _LOOK_SECONDS)


def _advance(screen: Screen, shown: Progress | None, progress: Progress) -> Progress:
    """Bring the display from one progress to the next."""
    if shown is None or (shown.stage, shown.since) != (progress.stage, progress.since):
        screen.stage(progress.stage, progress.total)
        began = getattr(screen, "began", None)
        if began is not None:
            began(max(0.0, time.time() - progress.since))
        shown = progress._replace(files=0, size_bytes=0)
    files, size_bytes = progress.files - shown.files, progress.size_bytes - shown.size_bytes
    if files or size_bytes:
        screen.advance(files, size_bytes, progress.folder)
    return progress
