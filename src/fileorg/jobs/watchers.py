"""The processes that watch folders, as the state directory knows them: who watches what, and what came of it last."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, Locked, UsageError
from fileorg.core.events import STATUS_BYTES, read_status, write_status
from fileorg.core.locks import run_lock
from fileorg.core.names import display, is_within
from fileorg.core.state import is_held
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.state import StateDirectory

_PREFIX, _SUFFIX = b"watch-", b".status"
_MAX_WATCHERS = 1000
_TRIES, _PAUSE_SECONDS = 50, 0.05


class Watcher(NamedTuple):
    """A process that watches. `said` is what it last wrote: see `jobs.watch_loop`."""

    pid: int
    roots: list[bytes]
    said: dict[str, Any]


def watchers(state: StateDirectory) -> Iterator[Watcher]:
    """Yield the processes that watch folders now."""
    try:
        names = sorted(name for name in map(os.fsencode, os.listdir(state.path)) if name.startswith(_PREFIX))
    except OSError:
        return
    for name in names:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            fd = os.open(os.path.join(state.path, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if not is_held(fd):
                    continue
                said = read_status(fd)
                yield Watcher(int(said["pid"]), _read_roots(fd), said)
            finally:
                os.close(fd)


def claim(state: StateDirectory, roots: Sequence[bytes]) -> tuple[int, bytes]:
    """Note that this process watches these folders; return the locked status file and its path.

    Raises `Locked` if another process watches one of them, or a folder above or below it.
    """
    for tries in range(_TRIES):
        try:
            with run_lock(state, "beginning to watch", name=b"watch.lock"):
                _refuse_watched(state, roots)
                for number in range(1, _MAX_WATCHERS):
                    path = os.path.join(state.path, b"%b%d%b" % (_PREFIX, number, _SUFFIX))
                    fd = state.locked(path)
                    if fd is not None:
                        _write_roots(fd, roots)
                        write_status(fd)
                        return fd, path
        except Locked as locked:
            if locked.path is not None or tries == _TRIES - 1:
                raise
            time.sleep(_PAUSE_SECONDS)  # another one begins just now
    raise Locked("Too many processes watch folders with this state directory.")


def _write_roots(fd: int, roots: Sequence[bytes]) -> None:
    """Write the folders behind the status, once: there may be many of them, and they stay."""
    text = json.dumps([os.fsdecode(root) for root in roots]).encode()
    os.ftruncate(fd, 0)  # a process that was killed may have left more
    os.pwrite(fd, text, STATUS_BYTES)


def _read_roots(fd: int) -> list[bytes]:
    """Return the folders of a process that watches. Raises `OSError`, `ValueError`."""
    text = os.pread(fd, os.fstat(fd).st_size, STATUS_BYTES)
    return [os.fsencode(root) for root in json.loads(text)]


def release(fd: int, path: bytes) -> None:
    """Note that this process watches no longer."""
    with contextlib.suppress(OSError):
        os.unlink(path)
    os.close(fd)


def _refuse_watched(state: StateDirectory, roots: Sequence[bytes]) -> None:
    for other in watchers(state):
        for theirs in other.roots:
            for root in roots:
                if is_within(root, theirs) or is_within(theirs, root):
                    raise Locked(
                        f"{display(root)} is watched already: process {other.pid} watches {display(theirs)}.",
                        hint="see fileorg watch --status",
                        path=root,
                    )


def refuse_nested(roots: Sequence[bytes]) -> None:
    """Raise `UsageError` for folders of which one lies inside another."""
    for position, inner in enumerate(roots):
        for other, outer in enumerate(roots):
            if position != other and is_within(inner, outer):
                raise UsageError(
                    f"{display(inner)} is inside {display(outer)}: both would be watched twice."
                    if inner != outer
                    else f"{display(inner)} is given twice.",
                    hint="give only one of them; -r enters the folders below",
                    code=ErrorCode.OVERLAPPING,
                    path=inner,
                )
