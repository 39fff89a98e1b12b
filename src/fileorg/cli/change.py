"""The steps of every command that changes files: show the plan, ask, carry it out, print the result."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, Protocol

from fileorg.cli.options import Format, ProgressMode
from fileorg.cli.question import ask
from fileorg.cli.stop import Stopped, stoppable
from fileorg.cli.summary import NAMED, exit_code, outcome_as_json, show_outcome, show_problems, show_symlinks
from fileorg.cli.terminal import can_ask, standard_error
from fileorg.core.errors import Exit
from fileorg.core.figures import plural
from fileorg.core.formats import JsonDocument, write_json
from fileorg.core.model import GIVEN
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.cli.options import OutputOptions
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.cli.words import Verb
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.session import Later


class Run(Protocol):
    """A plan that can be run once: `OrganizeRun`, `DedupeRun`, `CleanRun`, `UndoRun`, `PurgeRun`."""

    def run(self, stop: Callable[[], bool] = ...) -> Outcome: ...
    def save(self, later: Later) -> None: ...


class Rows(Protocol):
    """The planned changes, file by file: `PlanRows`, `PurgeRows`."""

    def list(self, out: Out) -> None: ...
    def as_json(self, document: JsonDocument) -> None: ...
    def as_null(self, out: Out) -> None: ...


def command_line() -> str:
    """Return the running command as a shell command line."""
    import shlex

    return shlex.join(["fileorg", *sys.argv[1:]])


def stream_for_people(options: OutputOptions, out: Out) -> Out:
    """Return standard output, or standard error if `out` carries data or is redirected."""
    return out if options.is_text and out.is_terminal else standard_error()


def asks(options: OutputOptions, out: Out) -> bool:
    """Return whether a question is asked: without `--yes`, and if somebody can answer."""
    return not options.yes and can_ask(stream_for_people(options, out))


class Change(NamedTuple):
    """One change, and the streams for its output."""

    options: OutputOptions
    verb: Verb
    kind: str
    out: Out
    screen: Screen
    rows: Rows
    again: str = ""
    kept: list[Later] | None = None
    """If it is a list, a job in the background is added to it, and whoever made the list starts it."""
    in_several: bool = False
    """The change is in several folders, so that paths are absolute."""

    @property
    def way_on(self) -> str:
        """The command that continues a stopped run: `again`, or the running one."""
        return self.again or command_line()

    @property
    def is_text(self) -> bool:
        return self.options.is_text

    @property
    def talk(self) -> Out:
        return stream_for_people(self.options, self.out)

    @property
    def err(self) -> Out:
        """The stream for problems: standard error, unless it carries JSON events."""
        return self.out if self.options.progress is ProgressMode.JSON else standard_error()

    @property
    def asks(self) -> bool:
        return asks(self.options, self.out)

    def preview(self, head: dict[str, Any], totals: dict[str, Any]) -> None:
        """Print the rows; in JSON, with `head` before and `totals` after them."""
        if self.options.null:
            self.rows.as_null(self.out)
        elif self.is_text:
            self._list(self.out)
        else:
            document = JsonDocument(self.out.stream)
            for key, value in head.items():
                document.field(key, value)
            self.rows.as_json(document)
            for key, value in totals.items():
                document.field(key, value)
            document.end()

    def say_dry_run(self, what: str, *, also: str = "", skipped: int = 0) -> None:
        """Print the last line of a preview; `also` follows what would be done."""
        if self.is_text and not self.options.quiet:
            more = f", {skipped:,} skipped" if skipped else ""
            self.out.prose(f"{what} would be {self.verb.participle}{also}{more}. Dry run: nothing was changed.")
        self.out.flush()

    def show(self, show: Callable[[Out], None], *, lists_rows: bool = True) -> None:
        """Print the plan before it is run, for the question or for a log; with -v and `lists_rows`, also each row."""
        if not self.asks and (self.options.quiet or not self.is_text):
            return
        talk = self.talk if self.asks else self.out
        if lists_rows and self.options.verbose:
            if self.asks:
                self._list(talk)
            else:
                self.rows.list(talk)  # a pager would stop the run
            talk.line()
        show(talk)
        talk.flush()

    def _list(self, out: Out) -> None:
        """Print the rows; a long list goes through the pager."""
        from fileorg.cli.pager import paged

        with paged(out) as page:
            self.rows.list(page)

    def nothing(
        self, facts: dict[str, Any], said: str, *, skipped: int = 0, show: Callable[[Out], object] | None = None
    ) -> Exit:
        """Print that there is nothing to do, the skipped rows if any, and the output of `show`."""
        if not self.is_text:
            write_json(self.out.stream, {"operation": None, "kind": self.kind, "files": 0} | facts)
        elif not self.options.quiet:
            if skipped:
                self._list(self.out)
            self.out.line(said)
            if show is not None:
                show(self.out)
        return Exit.DONE

    def agreed(self, question: str) -> bool:
        """Return the answer to the question, or True if no question is asked."""
        if not self.asks:
            return True
        talk = self.talk
        with _time_stands_still():
            is_agreed = ask(talk, question, lambda: self._list(talk))
        if is_agreed:
            talk.line()
            return True
        talk.line("Nothing was changed.")
        if not self.is_text and not self.options.null:
            write_json(self.out.stream, {"operation": None, "kind": self.kind, "files": 0})
        return False

    def carry_out(self, run: Run) -> Outcome:
        """Run the change. The first Ctrl-C lets the current batch finish; at the second, raises `Stopped`."""
        try:
            with stoppable(self.screen) as stop:
                outcome = run.run(stop)
        except KeyboardInterrupt:
            raise Stopped(
                "Interrupted. The next command recovers the files in progress.",
                hint="recover them now with: fileorg recover",
            ) from None
        finally:
            self.screen.pause()
        self.screen.outcome(outcome)
        return outcome

    @property
    def is_later(self) -> bool:
        """True if the change is to be carried out in the background."""
        return self.options.background or self.options.hold

    def hand_over(self, run: Run, state: StateDirectory, facts: dict[str, Any] | None = None) -> Exit:
        """Keep the plan as a job, start it unless it waits for a person, and print its number; in JSON with `facts`."""
        import os

        from fileorg.cli.values import configuration_of
        from fileorg.jobs.detached import start
        from fileorg.jobs.log import JobLog
        from fileorg.workflows.session import PLAN_COLUMNS, Later

        columns = bool(os.environ.get(PLAN_COLUMNS))
        later, out = Later(holds=self.options.hold, columns=columns), self.out
        run.save(later)
        number = later.number
        log = JobLog(state, number, is_json=self.options.log_format is Format.JSON)
        log.note(f"planned: {self.kind}")
        log.close()
        if self.kept is not None:
            self.kept.append(later)
        else:
            try:
                if not later.holds:
                    start(state, later.number, later.fd, configuration_of(sys.argv[1:]))
            finally:
                os.close(later.fd)
        if not self.is_text:
            status = "waiting" if later.holds else "queued"
            write_json(out.stream, {"job": number, "kind": self.kind, "status": status, **(facts or {})})
        elif later.holds:
            out.line(f"Job {number} waits for your approval. Let it go on with: fileorg jobs approve {number}")
        elif not self.options.quiet:
            command = out.styled(f"fileorg jobs attach {number}", "cyan")
            out.line(f"{out.styled(f'Job {number}', 'bold')} runs in the background. Watch it with: {command}")
        return Exit.NO if later.holds else Exit.DONE

    def report(
        self,
        outcome: Outcome,
        files: int,
        way_back: str,
        *,
        facts: dict[str, Any] | None = None,
        between: Callable[[], None] | None = None,
    ) -> Exit:
        """Print the result. `files` is the planned number, `way_back` the command that undoes the change, `facts` more
        JSON fields; `between` is called before the way back is printed as text.
        """
        try:
            if not self.is_text:
                write_json(
                    self.out.stream, outcome_as_json(outcome, self.kind) | {"way_back": way_back} | (facts or {})
                )
            else:
                self._show_outcome(outcome, files, way_back, between)
        except KeyboardInterrupt:
            raise Stopped(
                f"Stopped after operation {outcome.operation} was complete.", hint=f"reverse it with: {way_back}"
            ) from None
        return exit_code(outcome)

    def _show_outcome(self, outcome: Outcome, files: int, way_back: str, between: Callable[[], None] | None) -> None:
        quiet = self.options.quiet
        limit = None if self.options.verbose else NAMED
        show_outcome(self.out, outcome, self.verb, quiet=quiet)
        show_symlinks(self.out, outcome, quiet=quiet, limit=limit, in_several=self.in_several)
        show_problems(
            self.out, self.err, outcome, quiet=quiet, limit=limit, noun=self.verb.noun, in_several=self.in_several
        )
        if between is not None:
            between()
        if outcome.interrupted:
            self._say_stopped(outcome, files, way_back)
        elif outcome.done and not quiet:
            word = way_back.split()[1].capitalize()
            self.out.line(f"{word} with: {self.out.styled(way_back, 'cyan')}")

    def _say_stopped(self, outcome: Outcome, files: int, way_back: str) -> None:
        err = self.err
        self.out.flush()
        why = ": the time limit was over" if outcome.parked else ""
        err.prose(f"Stopped after {outcome.done:,} of {plural(files, self.verb.noun)}{why}.", "fileorg: ")
        if outcome.done:
            err.line(f"  Reverse with:  {err.styled(way_back, 'cyan')}")
        way_on = f"fileorg jobs resume {outcome.job}" if outcome.parked else self.way_on
        err.line(f"  Continue with: {err.styled(way_on, 'cyan')}")


@contextlib.contextmanager
def _time_stands_still() -> Iterator[None]:
    """Count the time of `--kill-after` anew after the block: a question may wait for long."""
    if GIVEN.limits.kill_after is None:
        yield
        return
    from fileorg.cli.limit_options import say_end
    from fileorg.core.limits import end_in_time, stop_counting

    stop_counting()
    yield
    end_in_time(say_end)


def declined() -> Exit:
    """Return the exit code for the answer no: nothing was done, so the shell's `&&` must not continue."""
    return Exit.NO
