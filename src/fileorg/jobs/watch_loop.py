"""Watches folders: an event only says that a folder wants a look; the ordinary scan and plan decide what is moved.

The loop sleeps until a folder is marked, a time has come, or a mount has changed. A marked folder is listed (a look).
When all new files of a tree are settled, `organizing` runs with a gate that takes only settled files, as an operation
like any other. Looks are also taken at the start, at intervals, after events were lost, and when a folder is back.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from fileorg.core.errors import ErrorCode, FileorgError, Locked, UsageError
from fileorg.core.events import ended_jobs, write_status
from fileorg.core.model import Action
from fileorg.core.names import display, is_within
from fileorg.core.tuples import NamedTuple
from fileorg.jobs.brake import LAST_RUNS, largest_run
from fileorg.jobs.put_back import PutBack
from fileorg.jobs.service_manager import ServiceManager
from fileorg.jobs.watched_tree import WatchedTree, mounts_of
from fileorg.jobs.watchers import claim, refuse_nested, release
from fileorg.rules.ignore import IgnoreReason
from fileorg.scan.gate import WAITING, Gate
from fileorg.storage.local.change_marks import ChangeMarks
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import Allowed, changeable_folder
from fileorg.workflows.organize import organizing
from fileorg.workflows.session import Later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.scan.stays import Stays
    from fileorg.workflows.organize import OrganizeOptions, OrganizeRun

SETTLE_SECONDS = 10.0
RESCAN_SECONDS = 3600.0
_LOCKED_SECONDS, _TROUBLE_SECONDS = 5.0, 60.0


class WatchOptions(NamedTuple):
    """What is watched. `since_ns`: the time that the ages in the options of organize were counted from.

    `max_changes`: a run that would change more files waits for a person. None: the brake decides.
    """

    organize: Sequence[OrganizeOptions]
    settle_seconds: float = SETTLE_SECONDS
    rescan_seconds: float = RESCAN_SECONDS
    max_changes: int | None = None
    since_ns: int = 0
    verbose: bool = False

    @property
    def roots(self) -> list[bytes]:
        return [each.root for each in self.organize]


class Held(NamedTuple):
    """A plan that waits for a person: its job, its number of files, and the largest number that runs by itself."""

    root: bytes
    job: int
    files: int
    limit: int


class Events(Protocol):
    """Receives what a watch does. Roots are real paths."""

    def started(self, roots: Sequence[bytes]) -> None:
        """Say that changes from now on are noticed."""

    def planned(self, run: OrganizeRun) -> None:
        """Take the plan of a run that is about to begin."""

    def moved(self, root: bytes, outcome: Outcome) -> None:
        """Say that a run has ended."""

    def held(self, held: Held) -> None:
        """Say that a plan waits for a person: once for each plan."""

    def waits(self, root: bytes, reasons: Counter[IgnoreReason], stays: Sequence[Stays]) -> None:
        """Say how many files are not ready; `stays` names them if the options are verbose."""

    def trouble(self, root: bytes, sentence: str) -> None:
        """Say what keeps a tree from being organized; empty if nothing does any more."""

    def settles(self, seconds: float) -> None:
        """Say that `once` waits between its two looks."""

    def alive(self) -> None:
        """Take note that the process works: called at least once a minute."""


class NoEvents:
    """Hears nothing of a watch."""

    def started(self, roots: Sequence[bytes]) -> None: ...
    def planned(self, run: OrganizeRun) -> None: ...
    def moved(self, root: bytes, outcome: Outcome) -> None: ...
    def held(self, held: Held) -> None: ...
    def waits(self, root: bytes, reasons: Counter[IgnoreReason], stays: Sequence[Stays]) -> None: ...
    def trouble(self, root: bytes, sentence: str) -> None: ...
    def settles(self, seconds: float) -> None: ...
    def alive(self) -> None: ...


class _ScannedFolders:
    """A reporter that keeps the folders which the scan enters, and passes notes on."""

    def __init__(self, reporter: Reporter, alive: Callable[[], None]) -> None:
        self._reporter = reporter
        self._alive = alive
        self._is_scan = False
        self.folders = {b""}

    def stage(self, name: str, files: int | None = None) -> None:
        self._is_scan = name == "scan"
        self._reporter.stage(name, files)

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None:
        if self._is_scan:
            self.folders.add(folder)
        self._alive()
        self._reporter.advance(files, size_bytes, folder)

    def note(self, message: str) -> None:
        self._reporter.note(message)


class WatchLoop:
    """A watch, ready to run. It claims its folders until it is closed."""

    def __init__(
        self,
        options: WatchOptions,
        state: StateDirectory,
        events: Events,
        reporter: Reporter,
        stop: Callable[[], bool],
    ) -> None:
        """Check the folders. Raises `UsageError`, `GuardRefused`, `Locked`."""
        self._options = options
        self._state = state
        self._events = events
        self._reporter = reporter
        self._stop = stop
        self._began = time.time_ns()
        self._trees = [
            WatchedTree(each, options.settle_seconds, self._alive, self._say)
            for each in checked_roots(options.organize, state)
        ]
        self._fd, self._path = claim(state, [tree.root for tree in self._trees])
        self._marks: ChangeMarks | None = None
        self._mountinfo = -1
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.operations: list[int] = []
        """The last operations."""
        self.failed = 0
        self.last: list[Outcome] = []
        self._manager = ServiceManager()
        self.wakes_for: list[bytes] = []
        """Files that end a pause when they appear, such as a request to cancel."""

    @property
    def wake_fd(self) -> int:
        """A descriptor for `signal.set_wakeup_fd`: a signal ends a pause."""
        return self._wake_write

    def close(self) -> None:
        """Let go of the folders."""
        if self._marks is not None:
            self._marks.close()
            self._marks = None
        for fd in (self._mountinfo, self._wake_read, self._wake_write):
            if fd >= 0:
                os.close(fd)
        self._mountinfo = self._wake_read = self._wake_write = -1
        release(self._fd, self._path)

    # To the end -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Watch until `stop` returns true. Raises `FileorgError` only for what is wrong at the start."""
        with contextlib.suppress(OSError):
            self._mountinfo = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._marks = ChangeMarks(self._wake) if os.path.exists("/proc/sys/fs/inotify") else None
        for tree in self._trees:
            tree.marks = self._marks
            self._begin(tree)
        if self._marks is not None:
            self._marks.watch({os.path.dirname(path) for path in self.wakes_for})
        self._write_status()
        self._events.started([tree.root for tree in self._trees])
        self._manager.say("READY=1\nSTATUS=waiting for files")
        while not self._stop():
            if self._pause():
                self._check_mounts()
            self._take_marks()
            now = time.monotonic()
            for tree in self._trees:
                if not self._stop():
                    self._serve(tree, now)
            self._alive()
        self._manager.say("STOPPING=1")

    def once(self) -> list[Held]:
        """Organize what is settled now: two looks, and one run in each folder. Return the plans that wait.

        Raises `FileorgError`, the first of its kind, once all other folders have had their turn.
        """
        found: list[Held] = []
        errors: list[FileorgError] = []
        looked_at = []
        for tree in self._trees:
            with _noted(errors):
                self._scan_folders(tree)
                tree.list_folders(sorted(tree.folders))
                looked_at.append(tree)
        if looked_at:
            self._events.settles(self._options.settle_seconds)
        until = time.monotonic() + self._options.settle_seconds
        while looked_at and (left := until - time.monotonic()) > 0 and not self._stop():
            select.select([self._wake_read], [], [], left)
            self._drain()
        for tree in looked_at:
            if self._stop():
                break
            with _noted(errors):
                tree.list_folders(sorted(tree.folders))
                waiting = self._organize(tree, time.monotonic())
                if waiting is not None:
                    found.append(waiting)
        if errors:
            raise errors[0]
        return found

    # The loop -------------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"x")

    def _alive(self) -> None:
        self._manager.alive()
        self._events.alive()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass

    def _pause(self) -> bool:
        """Sleep until there is something to do. Return True if the mounts have changed."""
        at = min(min(tree.times()) for tree in self._trees)
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        if self._mountinfo >= 0:
            poller.register(self._mountinfo, select.POLLPRI)
        milliseconds = max(0.0, at - time.monotonic()) * 1000
        found = poller.poll(min(milliseconds + 1, _TROUBLE_SECONDS * 1000))
        self._drain()
        return any(fd == self._mountinfo for fd, _ in found)

    def _take_marks(self) -> None:
        if self._marks is None:
            return
        marked, now = self._marks.take(), time.monotonic()
        for tree in self._trees:
            tree.take(marked, now)

    def _serve(self, tree: WatchedTree, now: float) -> None:
        """Do for a tree what is due."""
        if tree.identity is None and (now >= tree.not_before or now >= tree.rescan_at):
            self._return(tree)
        if tree.identity is None:
            return
        if now >= tree.rescan_at:
            self._rescan(tree)
        tree.list_due(now)
        due = tree.settling.due()
        if due is not None and max(due, tree.not_before) <= time.monotonic():
            self._attempt(tree)

    def _scan_folders(self, tree: WatchedTree) -> None:
        """Find the folders that the scan enters. Raises `FileorgError`."""
        scanned, began_ns = _ScannedFolders(self._reporter, self._alive), time.time_ns()
        gate = Gate(b"")
        with organizing(self._aged(tree.options), self._state, scanned, changes=False, gate=gate) as run:
            self._note_own_folders(tree, run)
            with contextlib.closing(tree.storage()) as storage:
                tree.by_name = not storage.has_stable_inodes(b"")
        tree.take_folders(scanned.folders, began_ns)

    def _note_own_folders(self, tree: WatchedTree, run: OrganizeRun) -> None:
        for tally in run.plan.by_category.values():
            tree.own_folders.update(folder.partition(b"/")[0] for folder in tally.folders)

    # A tree that comes and goes ---------------------------------------------------------------------------------------

    def _begin(self, tree: WatchedTree) -> None:
        """Watch a tree from its start, or anew. Raises `FileorgError`."""
        seen = os.stat(tree.root)
        tree.is_mount_point = Mounts().is_point(tree.root)
        if self._marks is not None:
            tree.watch_folders([b""])  # before the scan: nothing is missed
        tree.rescan_at = time.monotonic() + self._options.rescan_seconds
        self._scan_folders(tree)
        tree.identity = seen.st_dev, seen.st_ino
        tree.mounts = mounts_of(tree.root)
        tree.put_back = PutBack(self._state, tree.root, by_name=tree.by_name)
        tree.list_folders(sorted(tree.folders))

    def _return(self, tree: WatchedTree) -> None:
        """Watch a lost tree again if its folder is back."""
        tree.not_before = time.monotonic() + _TROUBLE_SECONDS
        tree.rescan_at = max(tree.rescan_at, tree.not_before)
        if wrong := tree.absent():
            self._say(tree, wrong)
            return
        try:
            self._begin(tree)
        except (FileorgError, OSError) as error:
            tree.lose()
            tree.not_before = time.monotonic() + _TROUBLE_SECONDS
            self._say(tree, str(error))
            return
        tree.not_before = 0.0
        self._say(tree, "")

    def _check_mounts(self) -> None:
        """Find out which trees a change of the mounts concerns."""
        for tree in self._trees:
            mounts = mounts_of(tree.root)
            if mounts == tree.mounts:
                continue
            tree.mounts = mounts
            if tree.identity is None or tree.is_lost():
                tree.not_before = 0.0
            else:
                tree.rescan_at = 0.001

    def _rescan(self, tree: WatchedTree) -> None:
        tree.rescan_at = time.monotonic() + self._options.rescan_seconds
        if tree.is_lost():
            return
        try:
            self._scan_folders(tree)
        except (FileorgError, OSError) as error:
            self._say(tree, str(error))
            return
        tree.list_folders(sorted(tree.folders))
        tree.settling.again(time.monotonic() + self._options.settle_seconds)

    # Runs -----------------------------------------------------------------------------------------------------------

    def _attempt(self, tree: WatchedTree) -> None:
        """Organize a tree now; on trouble, later."""
        if tree.is_lost():  # no event tells that a folder above it was renamed, or is a symlink now
            return
        now = time.monotonic()
        try:
            held = self._organize(tree, now)
        except Locked as locked:
            tree.not_before = time.monotonic() + _LOCKED_SECONDS
            self._say(tree, str(locked))
            return
        except (FileorgError, OSError) as error:
            tree.not_before = time.monotonic() + _TROUBLE_SECONDS
            self._say(tree, str(error))
            tree.is_lost()
            return
        if held is None:
            self._say(tree, "")
        self._write_status()

    def _organize(self, tree: WatchedTree, now: float) -> Held | None:
        """Run the ordinary scan and plan for what is settled; return the plan if it is to wait. Raises `FileorgError`.

        While a plan of the folder waits for a person, nothing is moved there.
        """
        put_back = tree.put_back = tree.put_back or PutBack(self._state, tree.root, by_name=tree.by_name)
        gate = Gate(tree.settling.settled(now), put_back.read(), tree.by_name)
        if put_back.waits_for is not None:
            tree.not_before = time.monotonic() + _TROUBLE_SECONDS
            job = put_back.waits_for
            self._say(tree, f"Job {job} waits for your approval: fileorg jobs approve {job}, or cancel {job}.")
            return Held(tree.root, job, 0, 0)
        scanned, began_ns = _ScannedFolders(self._reporter, self._alive), time.time_ns()
        held = outcome = None
        with self._manager.busy(), organizing(self._aged(tree.options), self._state, scanned, gate=gate) as run:
            self._note_own_folders(tree, run)
            self._say_waiting(tree, run)
            limit = largest_run(run.sizes_before(LAST_RUNS), self._options.max_changes)
            if limit is not None and run.plan.files > limit:
                held = self._hold(tree, run, limit)
            elif run.plan.files:
                self._events.planned(run)
                outcome = run.run(self._stop)
        tree.settling.judge(now)
        if outcome is not None and outcome.parked:
            tree.settling.again(now + self._options.settle_seconds)
        # Whoever hears of it may act on it: the locks are free by now.
        if held is not None:
            self._events.held(held)
        if outcome is not None:
            self._count(tree, outcome)
        self._notify()
        tree.take_folders(scanned.folders, began_ns)
        if run.seen.ignored[IgnoreReason.UNSETTLED] > tree.settling.unsettled:  # a change that no event has told
            for folder in tree.folders:
                tree.mark(folder, now)
        return held

    def _notify(self) -> None:
        """Start the program of `[jobs] notify` for the jobs that have ended or wait now."""
        numbers = [number for path, number in ended_jobs if path == self._state.path]
        ended_jobs.clear()
        configuration = self._options.organize[0].configuration
        if numbers and configuration is not None and configuration.jobs.tells:
            from fileorg.jobs.notify import start

            with contextlib.suppress(OSError):
                start(self._state.path, numbers, os.path.abspath(configuration.path))

    def _count(self, tree: WatchedTree, outcome: Outcome) -> None:
        if outcome.operation:
            self.operations = [*self.operations, outcome.operation][-10:]
        self.failed += outcome.problem_count
        self.last.append(outcome)
        del self.last[:-10]
        self._events.moved(tree.root, outcome)

    def _hold(self, tree: WatchedTree, run: OrganizeRun, limit: int) -> Held:
        later = Later(holds=True)
        run.save(later)
        os.close(later.fd)
        return Held(tree.root, later.number, run.plan.files, limit)

    def _say_waiting(self, tree: WatchedTree, run: OrganizeRun) -> None:
        reasons = Counter({reason: run.seen.ignored[reason] for reason in WAITING if run.seen.ignored[reason]})
        tree.waiting = sum(reasons.values())
        stays = [each for each in run.stays() if each.reason in WAITING] if self._options.verbose else []
        self._events.waits(tree.root, reasons, stays)

    def _say(self, tree: WatchedTree, sentence: str) -> None:
        if sentence != tree.trouble:
            tree.trouble = sentence
            self._events.trouble(tree.root, sentence)
            self._write_status()

    def _aged(self, options: OrganizeOptions) -> OrganizeOptions:
        """Return options whose ages count from now."""
        passed = time.time_ns() - (self._options.since_ns or self._began)
        filters = options.filters
        if filters.newer_than_ns is not None and filters.newer_than_age:
            filters = filters._replace(newer_than_ns=filters.newer_than_ns + passed)
        if filters.older_than_ns is not None and filters.older_than_age:
            filters = filters._replace(older_than_ns=filters.older_than_ns + passed)
        youngest = None if options.min_age_ns is None else options.min_age_ns + passed
        stays = options.stays or self._options.verbose
        return options._replace(filters=filters, min_age_ns=youngest, stays=stays, max_changes=None)

    def _write_status(self) -> None:
        write_status(
            self._fd,
            since=self._began // 1_000_000_000,
            waiting=sum(tree.waiting for tree in self._trees),
            failed=self.failed,
            operations=self.operations,
            trouble=[tree.trouble for tree in self._trees if tree.trouble][:3],
        )


@contextlib.contextmanager
def _noted(errors: list[FileorgError]) -> Iterator[None]:
    """Keep an error for later: the next folder has its turn."""
    try:
        yield
    except FileorgError as error:
        errors.append(error)


def checked_roots(each: Sequence[OrganizeOptions], state: StateDirectory) -> list[OrganizeOptions]:
    """Return the options with real paths. Raises `UsageError`, `GuardRefused`."""
    found = []
    for options in each:
        is_read = options.dest is not None and options.action is not Action.MOVE
        allowed = Allowed(options.inside_project, read_only=is_read)
        found.append(options._replace(root=changeable_folder(options.root, state, allowed)))
    refuse_nested([options.root for options in found])
    for options in found:
        if options.dest is None:
            continue
        dest = os.path.realpath(options.dest)
        if is_within(dest, options.root) and dest != options.root:
            raise UsageError(
                f"The destination {display(dest)} is inside the watched folder {display(options.root)}.",
                hint="leave out --dest to sort in place, or name a folder outside",
                code=ErrorCode.OVERLAPPING,
                path=dest,
            )
    return found
