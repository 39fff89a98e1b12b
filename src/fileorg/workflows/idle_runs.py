"""The last runs that changed nothing, by folder: a bare undo must not reach past them without saying so.

They are no operations, so the journal does not have them. The file is a hint: if it is missing or unreadable, no run is
known.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.core.state import StateDirectory

_NAME = b"idle-runs.json"
_MAX_FOLDERS = 1000
_MAX_BYTES = 8 << 20


class IdleRun(NamedTuple):
    """A run that changed nothing in `root`. `after` is the number of the last operation at that time."""

    root: bytes
    kind: str
    ended_ns: int
    after: int


def idle_runs(state: StateDirectory) -> list[IdleRun]:
    """Return the last run that changed nothing of each folder, the newest last."""
    try:
        with state.opened() as at:
            fd = os.open(_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        with open(fd, "rb") as file:
            rows = json.loads(file.read(_MAX_BYTES))
        return [IdleRun(os.fsencode(root), str(kind), int(ended), int(after)) for root, kind, ended, after in rows]
    except (OSError, ValueError, TypeError, UnicodeError):
        return []


def note_idle_run(state: StateDirectory, roots: Iterable[bytes], kind: str, after: int) -> None:
    """Record a run that changed nothing. The caller keeps other runs from doing so meanwhile."""
    now, places = time.time_ns(), set(roots)
    runs = [run for run in idle_runs(state) if run.root not in places]
    runs += [IdleRun(root, kind, now, after) for root in sorted(places)]
    text = json.dumps([[os.fsdecode(run.root), *run[1:]] for run in runs[-_MAX_FOLDERS:]])
    part = _NAME + b".part"
    with contextlib.suppress(OSError), state.opened() as at:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=at)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
        with open(fd, "wb") as file:
            file.write(text.encode())
        os.replace(part, _NAME, src_dir_fd=at, dst_dir_fd=at)
