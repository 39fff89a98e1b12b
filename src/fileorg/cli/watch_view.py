"""A watch on the screen: a line for each run, and in a terminal a status line below."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from fileorg.cli.options import ProgressMode
from fileorg.cli.progress import Notes
from fileorg.cli.summary import NAMED, amount, exit_code, outcome_as_json, show_problems
from fileorg.cli.terminal import standard_error
from fileorg.cli.words import VERBS, verb_of
from fileorg.core.errors import Exit
from fileorg.core.figures import plural
from fileorg.core.formats import iso, named, write_json
from fileorg.core.limits import in_words
from fileorg.core.names import display, join
from fileorg.jobs.watchers import watchers

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from fileorg.cli.terminal import Out
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.watch_loop import Held, WatchLoop
    from fileorg.rules.ignore import IgnoreReason
    from fileorg.scan.stays import Stays
    from fileorg.workflows.organize import OrganizeRun

_LISTED_ROWS = 1000


class WatchView:
    """Shows what a watch does. As JSON: one object a line for each run and each plan that waits."""

    def __init__(
        self, out: Out, *, is_json: bool, quiet: bool, verbose: bool, once: bool, progress: ProgressMode
    ) -> None:
        self._out = out
        self._err = standard_error()
        self.notes = Notes(self._err)
        self._is_json = is_json
        self._quiet = quiet
        self._verbose = verbose
        wanted = progress is ProgressMode.ALWAYS or (progress is ProgressMode.AUTO and not quiet)
        self._has_status = wanted and self._err.moves and not is_json and not once
        self._is_shown = False
        self._roots: Sequence[bytes] = ()
        self._verb = VERBS["move"]
        self._waiting: dict[bytes, int] = {}
        self._troubles: dict[bytes, str] = {}
        self._last = ""
        self._problems = 0

    # What the watch says --------------------------------------------------------------------------------------------

    def started(self, roots: Sequence[bytes]) -> None:
        self._roots = roots
        if not self._is_json and not self._quiet:
            self._line(f"Watching {', '.join(map(display, roots))}. Ctrl-C ends it.")
        self._status()

    def planned(self, run: OrganizeRun) -> None:
        self._verb = verb_of(run.plan.actions())
        if self._verbose and not self._is_json and not self._quiet:
            from fileorg.cli.plan_rows import PlanRows

            self.pause()
            PlanRows(run.plan, run.bases, root=run.root).list(self._out)

    def moved(self, root: bytes, outcome: Outcome) -> None:
        problems = exit_code(outcome) is Exit.SOME_FAILED
        self._problems += problems
        if self._is_json:
            self._json("operation", named("root", root) | outcome_as_json(outcome, "organize"))
            return
        self.pause()
        if not self._quiet and outcome.done:
            what = f"{self._verb.done} {amount(outcome.done, outcome.size_bytes, self._verb)} in {display(root)}."
            way_back = self._out.styled(f"fileorg undo {outcome.operation}", "cyan")
            self._line(f"{what} Undo with: {way_back}")
            self._last = f"last: {plural(outcome.done, 'file')} at {time.strftime('%H:%M')}"
        if problems:
            show_problems(self._out, self._err, outcome, quiet=True, limit=NAMED)
            self._err.flush()
        self._status()

    def held(self, held: Held) -> None:
        if self._is_json:
            self._json("held", held_as_json(held))
            return
        self.pause()
        self._err.prose(held_sentence(held), "fileorg: ")
        self._err.flush()
        self._status()

    def waits(self, root: bytes, reasons: Counter[IgnoreReason], stays: Sequence[Stays]) -> None:
        self._waiting[root] = sum(reasons.values())
        if self._verbose and not self._is_json and not self._quiet:
            self.pause()
            for each in stays:
                self._out.line(f"{display(join(root, each.path))} is not ready: {each.reason}")
            self._out.flush()
        self._status()

    def trouble(self, root: bytes, sentence: str) -> None:
        if sentence and sentence != self._troubles.get(root):
            if self._is_json:
                self._json("trouble", named("root", root) | {"message": sentence})
            else:
                self.pause()
                self._err.prose(sentence, "fileorg: ")
                self._err.flush()
        self._troubles[root] = sentence
        self._status()

    def settles(self, seconds: float) -> None:
        if not self._is_json and not self._quiet:
            self._err.prose(f"Waiting {in_words(seconds)}: only files that do not change meanwhile are organized.")
            self._err.flush()

    def alive(self) -> None: ...

    # The end --------------------------------------------------------------------------------------------------------

    def end(self, held: Sequence[Held], watch: WatchLoop) -> Exit:
        """Print the result of `--once`, and return its exit code."""
        waiting = sum(self._waiting.values())
        if not self._is_json and not self._quiet:
            if not watch.last and not held:
                self._line("Nothing to do.")
            if waiting:
                self._line(f"{plural(waiting, 'file')} not ready: still written, or changed moments ago.")
        for each in held:
            if not each.files and not self._is_json:  # told by an earlier run
                self._err.prose(
                    f"Job {each.job} waits for your approval, so nothing is moved in {display(each.root)}.",
                    "fileorg: ",
                )
                self._err.flush()
        if self._is_json:
            self._json("end", {"not_ready": waiting, "held": [held_as_json(each) for each in held]})
        if any(outcome.interrupted for outcome in watch.last):
            return Exit.INTERRUPTED
        if held:
            return Exit.NO
        return Exit.SOME_FAILED if self._problems else Exit.DONE

    def stopped(self, watch: WatchLoop) -> Exit:
        """Return the exit code of a watch that was asked to end: it succeeded unless a run was cut short."""
        return Exit.INTERRUPTED if watch.last and watch.last[-1].interrupted else Exit.DONE

    def pause(self) -> None:
        """Remove the status line."""
        if self._is_shown:
            self._is_shown = False
            self._err.stream.write("\r\x1b[K")
            self._err.flush()

    def _status(self) -> None:
        if not self._has_status:
            return
        waiting = sum(self._waiting.values())
        troubles = sum(map(bool, self._troubles.values()))
        parts = [
            f"{plural(waiting, 'file')} not ready" if waiting else "waiting for files",
            *([self._last] if self._last else []),
            *([plural(self._problems + troubles, "problem")] if self._problems or troubles else []),
        ]
        text = ", ".join(parts)[: max(10, (self._err.width or 80) - 1)]
        self._is_shown = True
        self._err.stream.write(f"\r\x1b[K{self._err.styled(text, 'dim')}")
        self._err.flush()

    def _line(self, text: str) -> None:
        self.pause()
        self._out.line(text)
        self._out.flush()

    def _json(self, event: str, fields: dict[str, Any]) -> None:
        write_json(self._out.stream, {"event": event} | fields, lines=True)
        self._out.flush()


def held_sentence(held: Held) -> str:
    """Return a sentence about a plan that waits."""
    return (
        f"{plural(held.files, 'file')} would move in {display(held.root)}, more than {held.limit:,} at once. Nothing"
        f" was moved. See fileorg jobs show {held.job}, then fileorg jobs approve {held.job} or cancel {held.job}."
    )


def held_as_json(held: Held) -> dict[str, Any]:
    return named("root", held.root) | {"job": held.job, "files": held.files, "limit": held.limit}


def say_job(out: Out, number: int, *, is_json: bool, quiet: bool) -> None:
    """Print the number of a watch in the background."""
    if is_json:
        write_json(out.stream, {"job": number, "kind": "watch", "status": "queued"})
    elif not quiet:
        command = out.styled(f"fileorg jobs cancel {number}", "cyan")
        out.line(f"{out.styled(f'Job {number}', 'bold')} watches in the background. End it with: {command}")
    out.flush()


def show_status(state: StateDirectory, *, is_json: bool) -> Exit:
    """Print the processes that watch folders now."""
    from fileorg.cli.terminal import standard_output
    from fileorg.jobs.install import installed_units

    out, found, units = standard_output(), list(watchers(state)), installed_units(())
    if is_json:
        watches = [_watcher_as_json(each.pid, each.roots, each.said) for each in found]
        write_json(out.stream, {"watches": watches, "units": [named("path", os.fsencode(unit)) for unit in units]})
    elif not found:
        out.line("Nothing is watched now.")
    for each in found if not is_json else ():
        out.line(f"Process {each.pid} watches {', '.join(map(display, each.roots))}.")
        waiting, failed = int(each.said.get("waiting", 0)), int(each.said.get("failed", 0))
        operations = each.said.get("operations") or []
        facts = [
            *([f"{plural(waiting, 'file')} not ready"] if waiting else []),
            *([f"last operations: {', '.join(map(str, operations))}"] if operations else ["no operations yet"]),
            *([f"{plural(failed, 'file')} could not be processed"] if failed else []),
        ]
        out.line(f"  {'; '.join(facts)}")
        for sentence in each.said.get("trouble") or ():
            out.line(f"  {display(str(sentence))}")
    for unit in units if not is_json else ():
        out.line(f"Installed: {display(unit)}")
    out.flush()
    return Exit.DONE


def _watcher_as_json(pid: int, roots: Sequence[bytes], said: dict[str, Any]) -> dict[str, Any]:
    return {
        "pid": pid,
        "roots": [named("path", root) for root in roots],
        "since": iso(int(said.get("since", 0)) * 1_000_000_000),
        "not_ready": int(said.get("waiting", 0)),
        "failed": int(said.get("failed", 0)),
        "operations": said.get("operations") or [],
        "trouble": [os.fsdecode(os.fsencode(str(each))) for each in said.get("trouble") or ()],
    }
