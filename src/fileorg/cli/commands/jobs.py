"""`fileorg jobs`: list, watch, stop and continue jobs."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import complete
from fileorg.cli import options as shared
from fileorg.cli.options import Format, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import ErrorCode, Exit, StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.found import FoundJob

EXAMPLES = """
# Sort a large folder in the background, then watch it
fileorg organize ~/Pictures -r --background
fileorg jobs attach 7

# List all jobs; stop one; let it go on where it stopped
fileorg jobs
fileorg jobs cancel 7
fileorg jobs resume 7
"""


class JobAction(StrEnum):
    LIST = "list"
    SHOW = "show"
    ATTACH = "attach"
    CANCEL = "cancel"
    RESUME = "resume"
    RETRY = "retry"
    APPROVE = "approve"
    LOG = "log"
    PRUNE = "prune"


_WITHOUT_NUMBER = frozenset({JobAction.LIST, JobAction.PRUNE})

Action = Annotated[
    JobAction,
    Argument(
        metavar="ACTION",
        help="list; show, attach to, cancel, resume, retry or approve a job; print its log; prune old files of jobs.",
        show_default=True,
    ),
]
Number = Annotated[
    int | None,
    Argument(
        metavar="JOB",
        min=1,
        help="The job number, as listed by fileorg jobs.",
        show_default=False,
        complete=complete.jobs,
    ),
]
Background = Annotated[
    bool, Option("--background", help="With resume, retry and approve: in the background.", rich_help_panel=shared.RUN)
]

Yes = Annotated[
    bool,
    Option("-y", "--yes", help="Accepted for scripts: jobs asks no question.", rich_help_panel=shared.RUN),
]
_GOING_ON = frozenset({JobAction.RESUME, JobAction.RETRY, JobAction.APPROVE})


def jobs(
    action: Action = JobAction.LIST,
    job: Number = None,
    background: Background = False,
    time_limit: shared.TimeLimit = None,
    kill_after: shared.KillAfter = None,
    yes: Yes = False,  # noqa: ARG001  no action asks
    format_: shared.TextOrJson = Format.TEXT,
    quiet: shared.Quiet = False,
    progress: shared.Progress = ProgressMode.AUTO,
    state_dir: shared.StateDir = None,
) -> int:
    """List, watch, stop and continue jobs.

    Each run that changes files is a job, in the background or not. attach shows its progress, in any number of
    terminals; Ctrl-C leaves the job running. cancel ends it between two files, and withdraws a copy that is not
    complete.

    resume continues a job that was interrupted, cancelled or parked: nothing is done twice, and files that arrived
    since the job began are left alone. retry does the same for a job that failed. approve lets a job go on that waits
    for you. prune removes the logs and plans of jobs that have ended; you can still undo them.
    """
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import standard_output

    if job is None and action not in _WITHOUT_NUMBER:
        raise UsageError(
            f"jobs {action} requires the number of a job.",
            hint="fileorg jobs lists the jobs",
            code=ErrorCode.MISSING_ARGUMENT,
        )
    if job is not None and action in _WITHOUT_NUMBER:
        raise UsageError(f"jobs {action} takes no number.", hint=f"drop {job}, or: fileorg jobs show {job}")
    limits = {"--time-limit": time_limit, "--kill-after": kill_after}
    for option, given in limits.items():
        if given is not None and action not in _GOING_ON:
            raise UsageError(f"{option} is for resume, retry and approve.", hint=f"drop {option}")
    out = standard_output()
    with reporting(progress, quiet=quiet) as screen:
        code = _dispatch(
            action, job or 0, out, screen, state_dir, format_, quiet=quiet, background=background, limits=limits
        )
    out.flush()
    return code


def _dispatch(
    action: JobAction,
    number: int,
    out: "Out",
    screen: "Screen",
    state_dir: str | None,
    format_: Format,
    limits: "Mapping[str, str | None]",
    *,
    quiet: bool,
    background: bool,
) -> int:
    from fileorg.cli import jobs_view as view
    from fileorg.core.formats import write_json
    from fileorg.jobs import control, found
    from fileorg.jobs.job_json import job_as_json

    is_json = format_ is Format.JSON
    match action:
        case JobAction.LIST:
            state = shared.state_to_read(state_dir)
            listed = found.all_jobs(state)
            if is_json:
                write_json(out.stream, {"jobs": [job_as_json(each, state) for each in listed]})
            else:
                view.show_list(out, listed)
            return Exit.DONE
        case JobAction.SHOW:
            state = shared.state_to_read(state_dir)
            return _show(out, found.job(state, number), state, is_json=is_json)
        case JobAction.ATTACH:
            return _attach(out, screen, shared.state_to_read(state_dir), number, is_json=is_json, quiet=quiet)
        case JobAction.CANCEL:
            state = shared.state(state_dir)
            ended = control.cancel(state, number)
            if is_json:
                write_json(out.stream, job_as_json(ended, state))
            elif not quiet:
                view.say_end(out, ended)
            return Exit.DONE
        case JobAction.LOG:
            return _log(out, shared.state_to_read(state_dir), number, is_json=is_json)
        case JobAction.PRUNE:
            pruned = control.prune(shared.state(state_dir))
            if is_json:
                write_json(out.stream, {"pruned": pruned})
            elif not quiet:
                from fileorg.core.figures import plural

                out.line(f"Removed the logs and plans of {plural(len(pruned), 'job')}.")
            return Exit.DONE
        case JobAction.RESUME | JobAction.RETRY | JobAction.APPROVE:
            state = shared.state(state_dir)
            is_later = background or action is JobAction.APPROVE
            return _go_on(out, screen, state, number, action, limits, is_json=is_json, quiet=quiet, is_later=is_later)


def _show(out: "Out", one: "FoundJob", state: "StateDirectory", *, is_json: bool) -> int:
    from fileorg.cli import jobs_view as view
    from fileorg.core.formats import write_json
    from fileorg.jobs.job_json import job_as_json

    if is_json:
        write_json(out.stream, job_as_json(one, state))
    else:
        view.show(out, one, state)
    return Exit.DONE


def _attach(out: "Out", screen: "Screen", state: "StateDirectory", number: int, *, is_json: bool, quiet: bool) -> int:
    from fileorg.cli import jobs_view as view
    from fileorg.core.formats import write_json
    from fileorg.jobs import found
    from fileorg.jobs.job_json import job_as_json

    found.refuse_other_machine(found.job(state, number))
    try:
        ended = view.follow(state, number, screen)
    except KeyboardInterrupt:
        screen.pause()
        if not is_json and not quiet:
            out.line(f"Detached: job {number} goes on. Watch it again with: fileorg jobs attach {number}")
        return Exit.DONE
    if is_json:
        write_json(out.stream, job_as_json(ended, state))
    elif not quiet:
        view.say_end(out, ended)
    return view.EXITS[ended.state]


def _log(out: "Out", state: "StateDirectory", number: int, *, is_json: bool) -> int:
    from fileorg.core.formats import JsonDocument
    from fileorg.core.names import display
    from fileorg.jobs import found
    from fileorg.jobs.log import has_log, log_lines

    found.job(state, number)
    try:
        if is_json:
            document = JsonDocument(out.stream)
            document.field("job", number)
            document.rows("lines", map(display, log_lines(state, number)))
            document.end()
            return Exit.DONE
        if not has_log(state, number):
            out.line(f"Job {number} has no log: it ran in the foreground, or its log was pruned.")
        for line in log_lines(state, number):
            out.line(display(line))
    except OSError as error:
        path = state.of_job(number, b"log")
        raise StateError(f"Could not read {display(path)}: {error.strerror}.", hint="move it away") from error
    return Exit.DONE


def _go_on(
    out: "Out",
    screen: "Screen",
    state: "StateDirectory",
    number: int,
    action: JobAction,
    limits: "Mapping[str, str | None]",
    *,
    is_json: bool,
    quiet: bool,
    is_later: bool,
) -> int:
    import os

    from fileorg.cli import jobs_view as view
    from fileorg.cli.limit_options import say_end, seconds
    from fileorg.cli.stop import stoppable
    from fileorg.cli.values import configuration_of
    from fileorg.core.formats import write_json
    from fileorg.jobs import control, found
    from fileorg.jobs.carry_out import carry_out
    from fileorg.jobs.detached import start
    from fileorg.jobs.job_json import job_as_json

    given = [None if text is None else seconds(option, text) for option, text in limits.items()]
    approves = action is JobAction.APPROVE
    version = os.environ.get(control.PLAN_VERSION) if approves else None
    fd = control.claimable(state, number, approves=approves, version=version)
    try:
        if any(given):
            control.limit(state, number, *given)
        if is_later:
            control.queue(state, number)
            start(state, number, fd, configuration_of(()))
            if is_json:
                write_json(out.stream, job_as_json(found.job(state, number), state))
            elif not quiet:
                out.line(f"Job {number} runs in the background. Watch it with: fileorg jobs attach {number}")
            return Exit.DONE
        with stoppable(screen) as stop:
            outcome = carry_out(state, number, screen, stop, fd=fd, say_end=say_end)
        screen.pause()
        screen.outcome(outcome)
    finally:
        os.close(fd)
    ended = found.job(state, number)
    if is_json:
        write_json(out.stream, job_as_json(ended, state))
    elif not quiet:
        view.say_end(out, ended)
    return view.EXITS[ended.state]
