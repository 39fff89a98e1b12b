"""A watch in a thread of the test, and what it says. Tests wait for states, never for times."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from fileorg.core.events import NullReporter
from fileorg.jobs.watch_loop import WatchLoop, WatchOptions
from fileorg.rules.filters import Filters
from fileorg.workflows.organize import OrganizeOptions

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.watch_loop import Held
    from fileorg.rules.ignore import IgnoreReason
    from fileorg.scan.stays import Stays
    from fileorg.workflows.organize import OrganizeRun

PATIENCE_SECONDS = 60.0
SETTLE_SECONDS = 0.2


def wait_for(state: Callable[[], Any], what: str = "the state") -> None:
    """Wait until a state is reached."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not state():
        if time.monotonic() > until:
            raise AssertionError(f"{what} was not reached")
        time.sleep(0.02)


class Watching:
    """Watches folders while the block runs, and keeps what the watch says."""

    def __init__(self, state: StateDirectory, *roots: Path, **options: Any) -> None:
        """`options` are those of `WatchOptions`, `OrganizeOptions` and `Filters`."""
        of_filters = {name: options.pop(name) for name in Filters._fields if name in options}
        of_watch = {name: options.pop(name) for name in WatchOptions._fields if name in options}
        filters = Filters(**{"recursive": False} | of_filters)
        organize = [OrganizeOptions(root=os.fsencode(root), filters=filters, **options) for root in roots]
        self.options = WatchOptions(organize, **{"settle_seconds": SETTLE_SECONDS} | of_watch)
        self.is_started = False
        self.outcomes: list[Outcome] = []
        self.plans_held: list[Held] = []
        self.runs: list[Counter[IgnoreReason]] = []
        """What was not ready, for each run that was planned, also for those that moved nothing."""
        self.stays: list[bytes] = []
        self.troubles: list[str] = []
        self.error: BaseException | None = None
        self.ends = False
        self.watch = WatchLoop(self.options, state, self, NullReporter(), lambda: self.ends)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.watch.run()
        except BaseException as error:
            self.error = error
        finally:
            self.watch.close()

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for(lambda: self.is_started or self.error, "the start")
        return self

    def __exit__(self, *_: object) -> None:
        self.ends = True
        if self._thread.is_alive():
            self.watch._wake()
        self._thread.join()
        if self.error is not None:
            raise self.error

    @property
    def files(self) -> int:
        return sum(outcome.done for outcome in self.outcomes)

    def wait_until_moved(self, files: int) -> None:
        """Wait until so many files have been moved in all."""
        wait_for(lambda: self.files >= files or self.error, f"{files} files moved")
        assert self.files == files

    # What the watch says ----

    def started(self, roots: Sequence[bytes]) -> None:  # noqa: ARG002
        self.is_started = True

    def planned(self, run: OrganizeRun) -> None: ...

    def moved(self, root: bytes, outcome: Outcome) -> None:  # noqa: ARG002
        self.outcomes.append(outcome)

    def held(self, held: Held) -> None:
        self.plans_held.append(held)

    def waits(self, root: bytes, reasons: Counter[IgnoreReason], stays: Sequence[Stays]) -> None:  # noqa: ARG002
        self.runs.append(reasons)
        self.stays = [each.path for each in stays]

    def trouble(self, root: bytes, sentence: str) -> None:  # noqa: ARG002
        self.troubles.append(sentence)

    def settles(self, seconds: float) -> None: ...
    def alive(self) -> None: ...
