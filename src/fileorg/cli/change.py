"""What every command that changes files does: show the plan, ask, carry it out, say what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fileorg.cli.options import Format, ProgressMode
from fileorg.cli.question import ask
from fileorg.cli.stop import Stopped, stoppable
from fileorg.cli.summary import NAMED, exit_code, outcome_as_json, show_outcome, show_problems, show_symlinks
from fileorg.cli.terminal import can_ask, standard_error
from fileorg.core.errors import Exit
from fileorg.core.figures import plural
from fileorg.core.formats import JsonDocument, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.cli.options import Manner
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.cli.words import Verb
    from fileorg.core.model import Outcome


class Run(Protocol):
    """A plan that can be run once: `OrganizeRun`, `DedupeRun`, `CleanRun`, `UndoRun`, `PurgeRun`."""

    def run(self, stop: Callable[[], bool] = ...) -> Outcome: ...


class Rows(Protocol):
    """What is to be done, file by file: `PlanRows`, `PurgeRows`."""

    def list(self, out: Out) -> None: ...
    def as_json(self, document: JsonDocument) -> None: ...
    def as_null(self, out: Out) -> None: ...


def command_line() -> str:
    """The command that is running, as it would be typed again."""
    import shlex

    return shlex.join(["fileorg", *sys.argv[1:]])


class Change(NamedTuple):
    """One change, and where its texts go."""

    manner: Manner
    verb: Verb
    kind: str
    out: Out
    screen: Screen
    rows: Rows
    again: str = ""

    @property
    def way_on(self) -> str:
        """The command that goes on where a run was stopped: `again`, or the one that is running."""
        return self.again or command_line()

    @property
    def is_text(self) -> bool:
        return self.manner.format is Format.TEXT and not self.manner.null

    @property
    def talk(self) -> Out:
        """Where a person reads: standard output, unless that is for programs or goes to a file."""
        return self.out if self.is_text and self.out.is_terminal else standard_error()

    @property
    def err(self) -> Out:
        """Where problems are named: standard error, unless each line of that is an event for a program."""
        return self.out if self.manner.progress is ProgressMode.JSON else standard_error()

    @property
    def asks(self) -> bool:
        return not self.manner.yes and can_ask(self.talk)

    def preview(self, head: dict[str, Any], totals: dict[str, Any]) -> None:
        """The rows, and in JSON what stands before and after them."""
        if self.manner.null:
            self.rows.as_null(self.out)
        elif self.is_text:
            self.rows.list(self.out)
        else:
            document = JsonDocument(self.out.stream)
            for key, value in head.items():
                document.field(key, value)
            self.rows.as_json(document)
            for key, value in totals.items():
                document.field(key, value)
            document.end()

    def say_dry_run(self, what: str, *, skipped: int = 0) -> None:
        """The last line of a preview: what would be done."""
        if self.is_text and not self.manner.quiet:
            more = f", {skipped:,} skipped" if skipped else ""
            self.out.line(f"{what} would be {self.verb.participle}{more}. This was a dry run: nothing was changed.")
        self.out.flush()

    def show(self, show: Callable[[Out], None], *, lists_rows: bool = True) -> None:
        """The plan before it is run, for the person who is asked, or for a log; `lists_rows` if each row was wanted."""
        if not self.asks and (self.manner.quiet or not self.is_text):
            return
        talk = self.talk if self.asks else self.out
        if lists_rows and self.manner.verbose:
            self.rows.list(talk)
            talk.line()
        show(talk)
        talk.flush()

    def nothing(
        self, facts: dict[str, Any], said: str, *, skipped: int = 0, show: Callable[[Out], object] | None = None
    ) -> Exit:
        """There is nothing to do; with the rows that are skipped, if any, and what there is to `show`."""
        if not self.is_text:
            write_json(self.out.stream, {"operation": None, "files": 0} | facts)
        elif not self.manner.quiet:
            if skipped:
                self.rows.list(self.out)
            self.out.line(said)
            if show is not None:
                show(self.out)
        return Exit.DONE

    def agreed(self, question: str) -> bool:
        """Whether to go on: the answer, or yes where no one is asked."""
        if not self.asks:
            return True
        talk = self.talk
        if ask(talk, question, lambda: self.rows.list(talk)):
            talk.line()
            return True
        talk.line("Nothing was changed.")
        return False

    def carry_out(self, run: Run) -> Outcome:
        """Run it; the first Ctrl-C lets the batch end. Raises `Stopped` at the second."""
        try:
            with stoppable(self.screen) as stop:
                outcome = run.run(stop)
        except KeyboardInterrupt:
            raise Stopped(
                "Stopped at once, with files under way. The next run settles them.",
                hint="settle them now with: fileorg recover",
            ) from None
        finally:
            self.screen.pause()
        self.screen.outcome(outcome)
        return outcome

    def report(
        self,
        outcome: Outcome,
        files: int,
        way_back: str,
        *,
        facts: dict[str, Any] | None = None,
        between: Callable[[], None] | None = None,
    ) -> Exit:
        """What came of it. `files` is how many were planned, `way_back` the command that undoes it, `facts` more to
        tell to programs; `between` is called before the way back is told to people.
        """
        try:
            if not self.is_text:
                write_json(self.out.stream, outcome_as_json(outcome, self.kind) | {"undo": way_back} | (facts or {}))
            else:
                self._tell(outcome, files, way_back, between)
        except KeyboardInterrupt:
            raise Stopped(f"Operation {outcome.operation} was done already.", hint=way_back) from None
        return exit_code(outcome)

    def _tell(self, outcome: Outcome, files: int, way_back: str, between: Callable[[], None] | None) -> None:
        quiet = self.manner.quiet
        most = None if self.manner.verbose else NAMED
        show_outcome(self.out, outcome, self.verb, quiet=quiet)
        show_symlinks(self.out, outcome, quiet=quiet, most=most)
        show_problems(self.out, self.err, outcome, quiet=quiet, most=most, noun=self.verb.noun)
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
        err.prose(f"Stopped after {outcome.done:,} of {plural(files, self.verb.noun)}.", "fileorg: ")
        if outcome.done:
            err.line(f"  Take them back with: {err.styled(way_back, 'cyan')}")
        err.line(f"  Or go on with:       {err.styled(self.way_on, 'cyan')}")


def declined() -> Exit:
    """The answer was no: what was asked for has not happened, and `&&` must not go on."""
    return Exit.SOME_FAILED
