"""Walk a tree: turn folders into batches of files; report entries left alone, with reasons, and unreadable folders.

Worker processes read a large tree, several folders at a time; this process reads a small one, where workers cost more.
"""

from __future__ import annotations

import contextlib
import time
from _thread import get_ident
from collections import Counter, deque
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, cast

from fileorg.core.names import display, join, split
from fileorg.core.pool import Processes, TaskKind, cut
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.state import HEAD_BYTES, JOURNAL, is_journal, may_be_state
from fileorg.core.tuples import NamedTuple
from fileorg.index.columns import FileBatch
from fileorg.rules.filters import Filters
from fileorg.rules.ignore import IGNORE_FILE, IgnoreReason, Scope
from fileorg.rules.joined_names import JoinedNames
from fileorg.rules.whole_folders import Whole, is_bundle
from fileorg.scan.empty_folders import FolderPart, Leftovers
from fileorg.scan.leftovers import FoundLeftovers, Leftover, Links, found_in, is_intentional, links_in
from fileorg.scan.stays import NO_SIZE, NotTaken, Stays
from fileorg.scan.symlinks import Leading, leading
from fileorg.scan.together import NOTHING, Judge, Together, is_stale, together
from fileorg.scan.whole import whole
from fileorg.storage.base import BATCH_ENTRIES, Kind
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Entry, Listing
    from fileorg.core.pool import Pool
    from fileorg.scan.selection import Selection
    from fileorg.storage.object.object_storage import ObjectStorage

_IGNORE_FILE_BYTES = 1 << 20

# Up to these numbers one process is as fast as several that must be started first, and takes less processor time.
_FEW_FILES = 60_000
_FEW_FOLDERS = 8
_SOME_FILES, _LONG_S = 20_000, 1.0
"""From this number on, they are started if the scan takes that long: a slow disk, for which they wait together."""

# The size of a task: large enough to outweigh the transfer to a worker, small enough for the results to fit in memory.
_FILES_A_TASK = 8192
_FOLDERS_A_TASK = 512
_PARTS_A_FOLDER = 16
_REMEMBERED = 1000
"""The number of unreadable folders that are named; the rest are counted."""


_NOT_ENTERED = ReasonCode.SYMLINK_NOT_ENTERED
_NAMES_NOT_ENTERED = 20_000
"""The number of names read, for symlinks, in folders that are not entered: 10 ms."""


class Task(NamedTuple):
    """A folder still to be read."""

    folder: bytes
    depth: int
    scope: Scope | None
    is_taken: bool = True  # if empty, it is a leftover
    held: IgnoreReason | None = None  # if empty, the limit of time that keeps it


class ScanPart(NamedTuple):
    """The result of reading a part of one folder."""

    batch: FileBatch
    sequence: int
    tasks: list[Task]
    ignored: dict[IgnoreReason, int]
    links: int
    not_entered: int
    error: Reason | None
    found: FoundLeftovers = FoundLeftovers()
    notes: tuple[str, ...] = ()  # on unusable parts of an ignore file
    leading: Sequence[Leading] = ()
    stays: Sequence[Stays] = ()


class Seen:
    """The findings of a scan, beside the files themselves."""

    def __init__(self) -> None:
        self.files = 0
        self.unchanged = 0  # of the files, those that the index has already
        self.folders = 0
        self.links = 0
        self.empty_files = 0
        self.empty_folders = 0  # including folders that hold only empty folders
        self.broken_symlinks = 0  # of the links
        self.not_entered = 0
        self.ignored: Counter[IgnoreReason] = Counter()
        self.filters = Filters()
        self.unreadable: list[tuple[bytes, Reason]] = []
        self.unreadable_roots: list[bytes] = []
        """The roots to which these folders are relative."""
        self.root = b""
        self.unreadable_count = 0
        self.notes: list[str] = []
        """Notes on unusable ignore files, or unusable lines in them, and on keys that no path can name."""
        self.notes_count = 0
        self.odd_keys = 0
        """The keys of stores that no path can name."""
        self.odd_notes = 0
        """The notes on them: one a store."""
        self.partial: Callable[[bytes], None] = lambda _: None
        """Callback for each folder that is empty or contains entries that the scan skipped: no duplicate folder."""
        self.leading: Callable[[Sequence[Leading]], None] = lambda _: None
        """Callback for the symlinks that lead to files of the tree."""
        self.stays: Callable[[Sequence[Stays]], None] = lambda _: None
        """Callback for the entries that stay, if the selection asks for them."""

    def note(self, notes: Sequence[str]) -> None:
        self.notes_count += len(notes)
        self.notes += notes[: _REMEMBERED - len(self.notes)]

    def add(self, part: ScanPart) -> None:
        self.files += part.batch.files
        self.folders += part.sequence == 0
        self.links += part.links
        self.empty_files += part.found.empty_files
        self.broken_symlinks += part.found.broken_symlinks
        self.not_entered += part.not_entered
        self.ignored.update(part.ignored)
        is_empty = not (part.batch.files or part.tasks or part.sequence)
        others = part.links or part.not_entered or part.error or part.ignored.keys() - {IgnoreReason.SYSTEM}
        if is_empty or others:
            self.partial(part.batch.folder)
        if part.leading:
            self.leading(part.leading)
        if part.stays:
            self.stays(part.stays)
        self.note(part.notes)
        if part.error is not None:
            self.unreadable_count += 1
            if len(self.unreadable) < _REMEMBERED:
                self.unreadable.append((part.batch.folder, part.error))
                self.unreadable_roots.append(self.root)


class Reader:
    """Reads one folder at a time, in bounded memory."""

    def __init__(self, storage: LocalStorage, selection: Selection) -> None:
        """Raises `UsageError` for a pattern that can match nothing."""
        self._storage = storage
        self.arguments = (storage.root, storage.cross_mounts, selection)
        self.may_share = storage.kind is Kind.LOCAL
        """True if helpers can read the tree, too: one listing of a store goes through all folders."""
        self._selection = selection
        self._filters = selection.filters
        self._has_bounds = self._filters.has_bounds
        self._ignore = self._filters.ignore()
        if not self.may_share:
            cast("ObjectStorage", storage).lists_all = self._filters.recursive and self._filters.max_depth is None
        root = storage.stat_folder(b"")
        self._dev = root.dev if root else 0
        self._names_left = _NAMES_NOT_ENTERED

    @property
    def filters(self) -> Filters:
        return self._filters

    def note_odd_keys(self, seen: Seen) -> None:
        """Add the keys of a store that no path can name, if there are any: they are left alone."""
        if self.may_share or not (count := cast("ObjectStorage", self._storage).odd_count):
            return
        from fileorg.core.figures import plural

        some = ", ".join(map(display, cast("ObjectStorage", self._storage).odd))
        seen.odd_keys += count
        seen.odd_notes += 1
        seen.note(
            [f"{plural(count, 'key')} left alone, because no path can name {'it' if count == 1 else 'them'}: {some}"]
        )

    def root(self) -> Task:
        return Task(b"", 0, None)

    def parts(self, task: Task) -> Iterator[ScanPart]:
        """Yield the folder in parts of bounded size. An unreadable folder is a part with an error, not an exception."""
        known = NOTHING
        try:
            for sequence, listing in enumerate(self._storage.list_folder(task.folder)):
                notes = list[str]()
                names = JoinedNames([entry[0] for entry in listing.files])
                if sequence == 0:
                    task, found, known = self._enter(task, listing, names, notes.append)
                    if found is not None:
                        part = ScanPart(FileBatch.pack(task.folder, ()), 0, [], {found.reason: 1}, 0, 0, None)
                        stays = [Stays(task.folder, found.reason)] if self._selection.names_stays else []
                        yield part._replace(leading=self._leading(task, listing, is_entered=False), stays=stays)
                        return
                part = self._part(task, sequence, listing, names, known)
                yield part._replace(notes=tuple(notes)) if notes else part
        except OSError as error:
            yield self.unreadable(task, Reason.of_error(error))

    def unreadable(self, task: Task, reason: Reason) -> ScanPart:
        """Return the part for a folder that cannot be read."""
        stays = [Stays(task.folder, NotTaken.UNREADABLE)] if self._selection.names_stays else []
        return ScanPart(FileBatch.pack(task.folder, ()), 0, [], {}, 0, 0, reason, stays=stays)

    def _enter(
        self, task: Task, listing: Listing, names: JoinedNames, note: Callable[[str], None]
    ) -> tuple[Task, Whole | None, Together]:
        """Judge a folder by its first listing: its patterns, why it is kept whole, its groups. Raises `OSError`."""
        if task.depth and (found := self._whole(listing, names)):
            return task, found, NOTHING
        task = task._replace(scope=self._scope(task, listing, names, note))
        held_back = None if self._selection.gate is None else partial(self._held_back, task.folder)
        judge = Judge(self._ignore, self._filters, task.scope, self._selection.with_leaders, held_back)
        return task, None, together(self._storage, listing, names, judge)

    def entered(self, task: Task) -> tuple[Task, Whole | None, Together]:
        """Return a folder as the scan judges it on entry. Raises `OSError`."""
        return self.judged(task, next(self._storage.list_folder(task.folder)))  # an empty folder is one empty listing

    def judged(self, task: Task, listing: Listing) -> tuple[Task, Whole | None, Together]:
        """Return the same, given the first listing of the folder. Raises `OSError`."""
        return self._enter(task, listing, JoinedNames([entry[0] for entry in listing.files]), lambda _: None)

    def why_not(self, task: Task, entry: Entry) -> IgnoreReason | None:
        """Return why an entry of a folder that was entered is left alone, None if it is taken."""
        if entry.is_folder:
            return self._reason(task, entry)
        if reason := self._ignore.file(entry.name):
            return self._unless_abandoned(entry, reason)
        is_excluded = task.scope is not None and task.scope.excludes(entry.name, is_folder=False)
        if is_excluded:
            return IgnoreReason.EXCLUDED
        return self._held_back(task.folder, entry) if self._filters.takes(entry) else self._filters.reason(entry)

    def _held_back(self, folder: bytes, entry: Entry) -> IgnoreReason | None:
        """Return why the gate does not let a file pass, None if it does or there is no gate."""
        gate = self._selection.gate
        return None if gate is None else gate.reason(self._storage, folder, entry)

    def _part(self, task: Task, sequence: int, listing: Listing, names: JoinedNames, known: Together) -> ScanPart:
        ignored: Counter[IgnoreReason] = Counter()
        reason_of = self._ignore.file
        files = listing.files
        members: list[Entry] = []
        if known is not NOTHING:
            members = [entry for entry in files if entry.name in known.taken]
            left = [known.left[entry.name] for entry in files if entry.name in known.left]
            ignored.update(left)
            ignored.update(known.outside[entry.name] for entry in files if entry.name in known.outside)
            apart = known.taken | known.left.keys() | known.outside.keys()
            files = [entry for entry in files if entry.name not in apart]
        odd = []
        if self._ignore.may_leave(names):
            odd = [(entry, reason) for entry in files if (reason := reason_of(entry[0])) is not None]
        if odd:
            ignored.update(self._unless_abandoned(entry, reason) for entry, reason in odd)
            left_alone = {entry.name for entry, _ in odd}
            files = [entry for entry in files if entry.name not in left_alone]
        if self._has_bounds:
            files = self._within_limits(files, ignored)
            if not self._selection.with_leaders:
                members = self._within_limits(members, ignored)
        if task.scope is not None:
            excludes = task.scope.excludes
            taken = [entry for entry in files if not excludes(entry.name, is_folder=False)]
            ignored[IgnoreReason.EXCLUDED] += len(files) - len(taken)
            files = taken
        if self._selection.gate is not None:
            waits = {entry: reason for entry in files if (reason := self._held_back(task.folder, entry)) is not None}
            ignored.update(waits.values())
            files = [entry for entry in files if entry not in waits]
        tasks, not_entered = self._subfolders(task, listing.folders, known, ignored)
        found = (
            self._leftovers(task, listing, files, len(tasks), ignored)
            if self._selection.leftovers
            else FoundLeftovers()
        )
        ignored[IgnoreReason.INTENTIONAL] += found.intentional
        batch = FileBatch.pack(task.folder, [*files, *members], known.leaders, known.raws)
        links = self._leading(task, listing) if self._selection.leading else ()
        part = ScanPart(
            batch, sequence, tasks, dict(+ignored), len(listing.others), not_entered, None, found, leading=links
        )
        if not self._selection.names_stays:
            return part
        goes = {entry.name for entry in (*files, *members)}.union(split(each.folder)[1] for each in tasks)
        return part._replace(stays=list(self._stays_in(task, listing, known, goes)))

    def _stays_in(self, task: Task, listing: Listing, known: Together, taken: set[bytes]) -> Iterator[Stays]:
        """Yield the entries of a part of a folder that the scan does not take, with the reasons that it counts."""
        for entry in listing.files:
            if entry.name not in taken:
                reason = known.left.get(entry.name) or self.why_not(task, entry) or IgnoreReason.EXCLUDED
                yield Stays(join(task.folder, entry.name), reason, entry.size, entry.mtime_ns)
        for entry in listing.folders:
            if entry.name in taken:
                continue
            folder_reason = known.left.get(entry.name) or self._reason(task, entry)
            if folder_reason or task.depth or not self._selection.leaves(entry.name):
                reason_or_depth = folder_reason or NotTaken.NOT_ENTERED
                yield Stays(join(task.folder, entry.name), reason_or_depth, NO_SIZE, entry.mtime_ns)
        for entry in listing.others:
            yield Stays(join(task.folder, entry.name), NotTaken.NOT_A_FILE, entry.size, entry.mtime_ns)

    def _within_limits(self, files: list[Entry], ignored: Counter[IgnoreReason]) -> list[Entry]:
        """Return the files that the limits of size and time take; count the others that the run would else take."""
        takes, goes = self._filters.takes, self._selection.goes
        taken = list(filter(takes, files))
        if len(taken) < len(files):
            held = (entry for entry in files if not takes(entry))
            ignored.update(
                self._filters.reason(entry)
                for entry in held
                if not goes or (Leftover.EMPTY_FILE in goes and not entry.size and not is_intentional(entry.name))
            )
        return taken

    def _leading(self, task: Task, listing: Listing, *, is_entered: bool = True) -> list[Leading]:
        """Return the symlinks of a part of a folder, and of folders in it that are not entered."""
        if not self._selection.leading:
            return []
        found: list[Leading] = []
        if others := listing.others:
            stays = [self._stays(task, entry.name) if is_entered else _NOT_ENTERED for entry in others]
            found += leading(self._storage, task.folder, others, stays)
        if is_entered and listing.folders:
            found += self._leading_further(task, listing.folders)
        return found

    def _leading_further(self, task: Task, folders: Sequence[Entry]) -> Iterator[Leading]:
        """Yield the symlinks in folders that are not entered, at any depth, up to a limit of names read."""
        deeper, leaves = self._goes_deeper(task), self._selection.leaves
        if deeper and task.depth and task.scope is None:  # all folders are entered, except the destination
            folders = [entry for entry in folders if (entry.dev, entry.inode) in self._selection.never]
        pending = deque[bytes]()
        for entry in folders:
            reason, name = self._reason(task, entry), entry.name
            is_destination = reason is IgnoreReason.OURS and not self._ignore.folder(name)
            is_left = reason is None and (not deeper or (task.depth == 0 and leaves(name)))
            if is_destination or is_left or reason is IgnoreReason.EXCLUDED:
                pending.append(join(task.folder, name))
        while pending and self._names_left > 0:
            folder = pending.popleft()
            with contextlib.suppress(OSError):  # the user did not ask for these folders
                links, inside, names = self._storage.symlinks(folder, self._names_left)
                self._names_left -= names
                pending.extend(join(folder, name) for name in inside if not self._ignore.folder(name))
                yield from leading(self._storage, folder, links, [_NOT_ENTERED] * len(links))

    def _stays(self, task: Task, name: bytes) -> ReasonCode | None:
        """Return why a symlink is left alone, like a file of its name. --include does not apply to symlinks."""
        excluded = task.scope is not None and task.scope.forbids(name)
        return ReasonCode.SYMLINK_LEFT_ALONE if excluded or self._ignore.file(name) else None

    def _goes_deeper(self, task: Task) -> bool:
        filters = self._filters
        return filters.recursive and (filters.max_depth is None or task.depth < filters.max_depth)

    def _leftovers(
        self, task: Task, listing: Listing, files: list[Entry], subfolders: int, ignored: Counter[IgnoreReason]
    ) -> FoundLeftovers:
        """Return the leftovers in a part of a folder; count those that the limits of time keep. A symlink is left alone
        like a file of its name.
        """

        def is_wanted(link: Entry) -> bool:
            return self._ignore.file(link.name) is None and (
                task.scope is None or not task.scope.excludes(link.name, is_folder=False)
            )

        def is_taken(link: Entry) -> bool:
            return self._filters.takes_time(link) and is_wanted(link)

        goes = self._selection.goes
        links = Links([], [])
        if listing.others:
            links = links_in(self._storage, task.folder, listing.others, is_taken, all_of_them=bool(goes))
        if Leftover.BROKEN_SYMLINK in goes:
            ignored.update(
                self._filters.reason(link)
                for link in links.held
                if not self._filters.takes_time(link) and is_wanted(link) and not is_intentional(link.name)
            )
        if task.held and Leftover.EMPTY_FOLDER in goes and not any(listing[1:]):
            ignored[task.held] += 1
        empty = [entry for entry in files if not entry[1]]
        entries = sum(map(len, listing[1:])) - subfolders
        return found_in(empty, links, entries, goes, keeps=not task.is_taken)

    def _unless_abandoned(self, entry: Entry, reason: IgnoreReason) -> IgnoreReason:
        """Return the reason, or ABANDONED for an unfinished download that was not written to for a month."""
        return IgnoreReason.ABANDONED if reason is IgnoreReason.UNFINISHED and is_stale(entry.mtime_ns) else reason

    def _subfolders(
        self, task: Task, folders: list[Entry], known: Together, ignored: Counter[IgnoreReason]
    ) -> tuple[list[Task], int]:
        """Return the folders to read next, and the number of folders below the requested depth."""
        leaves, leaves_deeper = self._selection.leaves, self._selection.leaves_deeper
        deeper = self._goes_deeper(task)
        tasks, not_entered = [], 0
        for entry in folders:
            if reason := known.left.get(entry.name) or self._reason(task, entry):
                ignored[reason] += 1
            elif leaves(entry.name) if task.depth == 0 else leaves_deeper(join(task.folder, entry.name)):
                continue
            elif deeper:
                taken = self._is_taken(task, entry)
                held = None if not taken or self._filters.takes_time(entry) else self._filters.reason(entry)
                tasks.append(
                    Task(join(task.folder, entry.name), task.depth + 1, task.scope, taken and held is None, held)
                )
            else:
                not_entered += 1
        return tasks, not_entered

    def _is_taken(self, task: Task, folder: Entry) -> bool:
        """Return whether a folder, if empty, is a leftover, but for its time: not one that is empty on purpose."""
        return (task.scope is None or task.scope.includes(folder.name)) and not is_intentional(folder.name)

    def _reason(self, task: Task, entry: Entry) -> IgnoreReason | None:
        if reason := self._ignore.folder(entry.name):
            return reason
        if not self._ignore.all_files and is_bundle(entry.name):
            return IgnoreReason.BUNDLE
        if (entry.dev, entry.inode) in self._selection.never:
            return IgnoreReason.OURS
        if self._selection.twice and join(task.folder, entry.name) in self._selection.twice:
            return IgnoreReason.TWICE
        if self._filters.one_file_system and entry.dev != self._dev:
            return IgnoreReason.EXCLUDED
        if task.scope is not None and task.scope.excludes(entry.name, is_folder=True):
            return IgnoreReason.EXCLUDED
        return None

    def _whole(self, listing: Listing, files: JoinedNames) -> Whole | None:
        """Return why a folder is kept whole, judged by its entries, None if it is not."""
        others = [entry.name for kind in listing[2:] for entry in kind]
        if may_be_state(files) and self._is_state(listing):
            return Whole(IgnoreReason.OURS, JOURNAL)
        if self._ignore.all_files:
            return None
        # A folder with this many names comes in several parts: a marker may be in any of them.
        parts = (files, others) if len(files) + len(others) < BATCH_ENTRIES else ()
        return whole(self._storage, listing.folder, parts)

    def _is_state(self, listing: Listing) -> bool:
        """Return whether the folder is another state directory of fileorg: of another run or another user."""
        try:
            with self._storage.open_read(listing.folder, JOURNAL) as file:
                return is_journal(file.read(HEAD_BYTES))
        except OSError:
            return True  # it has the names of a state directory, and is not readable, like one

    def _scope(self, task: Task, listing: Listing, files: JoinedNames, note: Callable[[str], None]) -> Scope | None:
        listed = sum(map(len, listing[1:]))
        content = None
        if self._selection.ignore_files and (
            listed == BATCH_ENTRIES
            or IGNORE_FILE in files
            or any(entry.name == IGNORE_FILE for kind in listing[2:] for entry in kind)
        ):
            content = self._read_ignore_file(task.folder, note)
        return self._ignore.scope(task.folder, content, task.scope, note)

    def _read_ignore_file(self, folder: bytes, note: Callable[[str], None]) -> bytes | None:
        """Return the content of the ignore file, None if it is absent or unusable: it must never end the run."""
        path = display(join(folder, IGNORE_FILE))
        try:
            entry = self._storage.lstat(folder, IGNORE_FILE)
            if entry is None:
                return None
            if not entry.is_file:
                note(f"{path} is ignored: it is not a regular file, and fileorg does not follow symlinks")
            elif entry.size > _IGNORE_FILE_BYTES:
                note(f"{path} is ignored: it is too large for a list of patterns")
            else:
                with self._storage.open_read(folder, IGNORE_FILE) as file:
                    return file.read(_IGNORE_FILE_BYTES)
        except OSError as error:
            note(f"{path} is ignored: it could not be read: {error.strerror}")
        return None


def scan(
    reader: Reader,
    seen: Seen,
    reporter: Reporter,
    leftovers: Leftovers | None = None,
    pool: Pool | None = None,
) -> Iterator[tuple[int, FileBatch]]:
    """Yield the files of a tree as (sequence in the folder, batch). Adds other findings to `seen`, and the leftovers to
    `leftovers`. `pool` has helpers that the caller uses afterwards.
    """
    seen.filters = reader.filters
    seen.root = reader.arguments[0]
    with contextlib.ExitStack() as stack:
        known = leftovers or stack.enter_context(Leftovers())
        for part in _parts(reader, seen, pool):
            seen.add(part)
            found = part.found
            known.add(FolderPart(part.batch.folder, len(part.tasks), found.stays), found.goes, found.led_to)
            reporter.advance(part.batch.files, 0, part.batch.folder)
            if part.batch.files:
                yield part.sequence, part.batch
        seen.empty_folders += known.end()
        reader.note_odd_keys(seen)


def _parts(reader: Reader, seen: Seen, pool: Pool | None) -> Iterator[ScanPart]:
    """Yield all parts of the tree: the parts of a folder together, and before the folders in it."""
    pending, late = deque([reader.root()]), time.monotonic() + _LONG_S
    while pending:
        is_large = seen.files > _FEW_FILES or (seen.files > _SOME_FILES and time.monotonic() >= late)
        if pool is not None and is_large:
            pool.warm()
        if reader.may_share and is_large and len(pending) > _FEW_FOLDERS:
            parts = _parts_by_pool(reader, pending, seen, pool)
        else:
            parts = reader.parts(pending.popleft())
        for part in parts:
            pending.extend(part.tasks)
            yield part


def _parts_by_pool(reader: Reader, pending: deque[Task], seen: Seen, pool: Pool | None) -> Iterator[ScanPart]:
    """Yield the parts of all pending folders and of the folders found in them, read by several helpers."""
    import pickle

    arguments = pickle.dumps(reader.arguments)

    def next_tasks() -> tuple[bytes, list[Task]] | None:
        folders = max(1, min(_FOLDERS_A_TASK, _FILES_A_TASK * seen.folders // (seen.files + 1)))
        tasks = [pending.popleft() for _ in range(min(folders, len(pending)))]
        return (arguments, tasks) if tasks else None

    with contextlib.ExitStack() as stack:
        for parts, too_large in (pool or stack.enter_context(Processes())).work(READ_FOLDERS, next_tasks):
            yield from parts
            for task in too_large:
                yield from reader.parts(task)


@lru_cache(maxsize=8)
def _reader(arguments: bytes, _thread: int) -> Reader:
    """Return a helper's reader for the current tree, made once; a helper may be one of several threads."""
    import pickle

    root, cross_mounts, selection = pickle.loads(arguments)  # noqa: S301  from our own parent
    return Reader(LocalStorage(root, cross_mounts=cross_mounts), selection)


def _read(asked: tuple[bytes, list[Task]]) -> tuple[list[ScanPart], list[Task]]:
    """Return the parts of several folders, and the tasks of folders so large that the parent must stream them."""
    arguments, tasks = asked
    reader = _reader(arguments, get_ident())
    parts: list[ScanPart] = []
    too_large: list[Task] = []
    for task in tasks:
        of_folder = list(islice(reader.parts(task), _PARTS_A_FOLDER))
        if len(of_folder) == _PARTS_A_FOLDER:
            too_large.append(task)
        else:
            parts += of_folder
    return parts, too_large


def _split(asked: tuple[bytes, list[Task]], parts: int) -> list[tuple[bytes, list[Task]]]:
    arguments, tasks = asked
    return [(arguments, some) for some in cut(tasks, parts)]


def _set_aside(asked: tuple[bytes, list[Task]]) -> tuple[list[ScanPart], list[Task]]:
    arguments, tasks = asked
    reader = _reader(arguments, get_ident())
    return [reader.unreadable(task, Reason(ReasonCode.ENDED_HELPERS)) for task in tasks], []


READ_FOLDERS: TaskKind[tuple[bytes, list[Task]], tuple[list[ScanPart], list[Task]]] = TaskKind(
    _read, _split, _set_aside
)
