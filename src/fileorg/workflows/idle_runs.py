"""The last runs that changed nothing, by folder: a bare undo must not reach past them without saying so.

They are no operations, so the journal does not have them. The file is a hint: if it is missing or unreadable, no run is
known.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.workflows.hints import read_hint, write_hint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.core.state import StateDirectory

_NAME = b"idle-runs.json"
_MAX_FOLDERS = 1000


class IdleRun(NamedTuple):
    """A run that changed nothing in `root`. `after` is the number of the last operation at that time."""

    root: bytes
    kind: str
    ended_ns: int
    after: int


def idle_runs(state: StateDirectory) -> list[IdleRun]:
    """Return the last run that changed nothing of each folder, the newest last."""
    try:
        rows = read_hint(state, _NAME)
        return [IdleRun(os.fsencode(root), str(kind), int(ended), int(after)) for root, kind, ended, after in rows]
    except (ValueError, TypeError, UnicodeError):
        return []


def note_idle_run(state: StateDirectory, roots: Iterable[bytes], kind: str, after: int) -> None:
    """Record a run that changed nothing. The caller keeps other runs from doing so meanwhile."""
    now, places = time.time_ns(), set(roots)
    runs = [run for run in idle_runs(state) if run.root not in places]
    runs += [IdleRun(root, kind, now, after) for root in sorted(places)]
    write_hint(state, _NAME, [[os.fsdecode(run.root), *run[1:]] for run in runs[-_MAX_FOLDERS:]])
