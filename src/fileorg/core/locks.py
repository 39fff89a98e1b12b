"""The locks of a state directory and of the trees. They say which runs work side by side, and who holds what.

A run holds the run lock shared, a place of its own (`run-1.lock`, …), and the locks of its trees. A process that
cannot lock its trees holds the run lock exclusively, and so does an older fileorg. The journal's lock is held for one
commit at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Any

from fileorg.core.descriptors import telling_the_limit
from fileorg.core.errors import Locked, StateError
from fileorg.core.model import MOST_PARALLEL
from fileorg.core.names import display, overlap
from fileorg.core.state import Flock, flock, is_held, own_file
from fileorg.core.trusted import folders_above, identity
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fileorg.core.state import StateDirectory

_RUN = b"run.lock"
_PLACE = b"run-%d.lock"
_JOURNAL = b"journal.lock"
_RECOVERY = b"recovery.lock"
_TRIES, _PAUSE_SECONDS = 5, 0.01
"""A lock may be taken for a moment, by a process that only looks whether it is free."""


class Place(NamedTuple):
    """A place among the runs of a state directory: descriptors of the run lock, and of the lock of the place."""

    run: int
    own: int

    def describe(self, what: str, job: int = 0, roots: Sequence[bytes] = ()) -> None:
        """Write who holds the place, for people: `what` it does, its job if it has one already, and its trees."""
        _describe(self.own, what, job, roots)

    def hold_alone(self) -> None:
        """Exclude all other runs with this state directory, until this one ends. Raises `Locked` if there are any."""
        if flock(self.run, fcntl.LOCK_EX) is Flock.TAKEN:
            raise Locked(
                "Another fileorg is running, and where this one works there are no locks to keep the two apart.",
                hint="run the command again when the other one has ended: fileorg jobs",
            )


@contextlib.contextmanager
def place_for_run(state: StateDirectory, what: str, parallel: int) -> Iterator[Place]:
    """Take one of `parallel` places for runs; `what` is shown to processes that are locked out.

    Raises `Locked`, naming one that has a place, if all are taken.
    """
    with shared_with_runs(state) as run:
        own = _free_place(state, parallel)
        try:
            place = Place(run, own)
            place.describe(what)
            yield place
        finally:
            os.close(own)


@contextlib.contextmanager
def shared_with_runs(state: StateDirectory) -> Iterator[int]:
    """Hold the run lock shared, as every process does that writes to the journal; yield its descriptor.

    Raises `Locked` if a process works alone.
    """
    fd = _opened(state, _RUN)
    try:
        if _patiently(fd, fcntl.LOCK_SH) is Flock.TAKEN:
            raise Locked(f"Another fileorg is running: {_owner(fd)}.")
        yield fd
    finally:
        os.close(fd)


def _free_place(state: StateDirectory, parallel: int) -> int:
    owner = ""
    for tries in range(_TRIES):
        if tries:
            time.sleep(_PAUSE_SECONDS)
        for number in range(1, parallel + 1):
            fd = _opened(state, _PLACE % number)
            if flock(fd, fcntl.LOCK_EX) is not Flock.TAKEN:
                return fd
            owner = owner or _owner(fd)
            os.close(fd)
    if parallel == 1:
        raise Locked(f"Another fileorg is running: {owner}.")
    raise Locked(
        f"{parallel} runs work side by side already, one of them: {owner}.",
        hint="fileorg jobs lists them; --wait waits for one to end, and --parallel admits more",
    )


def who_works_in(state: StateDirectory, path: bytes) -> str | None:
    """Return who works at, above or below `path` with this state directory, for people; None if nobody does."""
    for number in range(1, MOST_PARALLEL + 1):
        try:
            fd = os.open(os.path.join(state.path, _PLACE % number), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            said = _said(fd)
            roots = [os.fsencode(root) for root in said.get("roots", ())]
            is_there = any(overlap(root, path) for root in roots)
            if is_there and is_held(fd):
                return _owner(fd)
        except (TypeError, ValueError, KeyError):
            continue
        finally:
            os.close(fd)
    return None


@contextlib.contextmanager
def naming_who(state: StateDirectory) -> Iterator[None]:
    """Let a `Locked` about a folder name the run that has it, if it is one with this state directory."""
    try:
        yield
    except Locked as error:
        if error.path is None or (other := who_works_in(state, error.path)) is None:
            raise
        raise Locked(f"Another fileorg is running: {other}.", path=error.path) from error


@contextlib.contextmanager
def run_lock(state: StateDirectory, what: str, *, name: bytes = _RUN) -> Iterator[int]:
    """Hold a lock of the state directory alone; yield its descriptor. `what` is shown to processes that are locked out.

    Raises `Locked`, naming who has it. A raw flock: the kernel releases it with the last descriptor, however the
    process ends.
    """
    fd = _opened(state, name)
    try:
        if flock(fd, fcntl.LOCK_EX) is Flock.TAKEN:
            raise Locked(f"Another fileorg is running: {_owner(fd)}.")
        _describe(fd, what)
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def recovery_lock(state: StateDirectory) -> Iterator[bool]:
    """Hold the lock of recovery: one process at a time recovers operations. Yield False if another one does."""
    fd = _opened(state, _RECOVERY)
    try:
        yield flock(fd, fcntl.LOCK_EX) is not Flock.TAKEN
    finally:
        os.close(fd)


class JournalLock:
    """The lock of the journal. It is held while the journal is opened, for each commit, and while it is closed.

    SQLite before 3.51.3 can damage a database if a checkpoint of one process meets a commit of another one that
    restarts the write-ahead log. A commit may be a checkpoint, and so may be the last close: none of them ever meet.
    """

    def __init__(self, state: StateDirectory) -> None:
        """Raises `StateError`."""
        self._fd = _opened(state, _JOURNAL)

    def __enter__(self) -> None:
        with contextlib.suppress(OSError):  # a file system without flock; SQLite's own locks remain
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._fd)


def _opened(state: StateDirectory, name: bytes) -> int:
    path = os.path.join(state.path, name)
    try:
        with state.opened() as at:
            return own_file(path, at)
    except OSError as error:
        raise StateError(
            f"Could not use the lock {display(path)}: {error.strerror}.",
            hint="check who owns it, or give another state directory with --state-dir",
        ) from error


def _patiently(fd: int, kind: int) -> Flock:
    for _ in range(_TRIES - 1):
        if (found := flock(fd, kind)) is not Flock.TAKEN:
            return found
        time.sleep(_PAUSE_SECONDS)
    return flock(fd, kind)


def _describe(fd: int, what: str, job: int = 0, roots: Sequence[bytes] = ()) -> None:
    import json

    about = {"pid": os.getpid(), "host": os.uname().nodename, "since": int(time.time()), "what": what, "job": job}
    if roots:
        about["roots"] = list(map(os.fsdecode, roots))
    with contextlib.suppress(OSError):  # the flock alone protects; the journal reports a full disk
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(about).encode(), 0)


def _said(fd: int) -> dict[str, Any]:
    """Return what the process that holds a lock wrote into it. Raises `ValueError`."""
    import json

    said = json.loads(os.pread(fd, 1 << 20, 0))
    if not isinstance(said, dict):
        raise ValueError("no description")  # noqa: TRY004  like any other content that fileorg did not write
    return said


def _owner(fd: int) -> str:
    try:
        about = _said(fd)
        since = time.strftime("%H:%M", time.localtime(int(about["since"])))
        job = f"job {int(about['job'])}, " if about.get("job") else ""
        return f"{job}{display(str(about['what']))}, process {int(about['pid'])}, since {since}"
    except (ValueError, KeyError, TypeError, OverflowError):
        return "it has just started"


@contextlib.contextmanager
def root_locks(roots: Mapping[bytes, int], alone: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Lock each root against all other runs; yield the descriptors of the locks. `roots` maps each path to an open
    descriptor. `alone` is called if one of them cannot be locked.

    Other users and other state directories are locked out too: the flock is on the open directory itself, whatever its
    path is now. Ancestors are locked shared, so a run on an ancestor or a descendant conflicts. Raises `Locked`,
    `TooManyOpen`.
    """
    exclusive = {identity(fd): (path, fd) for path, fd in roots.items()}
    held = set(exclusive)
    fds: list[int] = []

    def hold(path: bytes, name: bytes, at: int, kind: int) -> bool:
        """Return False if the folder cannot be locked."""
        try:
            with telling_the_limit():
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
        except PermissionError:  # a folder with search but no read permission: nobody can lock it
            return False
        fds.append(fd)
        if (found := _patiently(fd, kind)) is Flock.TAKEN:
            raise Locked(f"Another fileorg is running in, above or below {display(path)}.", path=path)
        return found is Flock.HELD

    try:
        for path, root_fd in exclusive.values():
            if not hold(path, b".", root_fd, fcntl.LOCK_EX):
                alone()
        for path, root_fd in exclusive.values():
            for seen, above in folders_above(root_fd):
                if seen not in held:
                    held.add(seen)
                    hold(path, b".", above, fcntl.LOCK_SH)
        yield fds
    finally:
        for fd in fds:
            os.close(fd)
