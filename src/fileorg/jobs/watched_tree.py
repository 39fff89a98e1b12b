"""One watched folder: the folders of its tree, how each is watched, and when each wants a look.

The kernel reports changes in most folders; those on network mounts and the like are listed regularly. A look lists a
folder, and tells `settling` how its files look now.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from fileorg.core.names import below, display, join, with_parents
from fileorg.jobs.settling import Settling
from fileorg.scan.gate import stamp_of
from fileorg.storage.local.change_marks import InotifyLimit
from fileorg.storage.local.mounts import Mounts
from fileorg.storage.local.readiness import is_polled
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.jobs.put_back import PutBack
    from fileorg.storage.local.change_marks import ChangedFolders, ChangeMarks
    from fileorg.workflows.organize import OrganizeOptions

_SOON_SECONDS, _APART_SECONDS = 0.25, 1.0
"""A marked folder is listed after the first time, and not again before the second."""
_OF_ITS_TIME = 20
"""A large folder is listed at most in so small a part of the time."""
_POLL_SECONDS = 5.0
_AGAIN_SECONDS = 60.0
"""A folder that could not be listed is listed again after this time."""
_COARSE_NS = 20_000_000


class WatchedTree:
    """One watched folder, and all that is known about it. Folders are relative to it."""

    def __init__(
        self,
        options: OrganizeOptions,
        settle_seconds: float,
        alive: Callable[[], None],
        say: Callable[[WatchedTree, str], None],
    ) -> None:
        """`alive` is called while much is listed; `say` is told what keeps folders from being watched."""
        self.root = options.root
        self.options = options
        self._settle_seconds = settle_seconds
        self._alive = alive
        self._say = say
        self.marks: ChangeMarks | None = None
        """Reports changes; None if all folders are listed regularly, or once only."""
        self.settling = Settling(settle_seconds)
        self.folders: set[bytes] = set()
        self.polled: set[bytes] = set()
        self.inner: dict[bytes, set[bytes]] = {}
        """The names of the folders in a polled folder: nothing else tells of a new one."""
        self.put_back: PutBack | None = None
        self.by_name = False
        self.dirty: dict[bytes, float] = {}
        """Folders that want a look, and when they may have it."""
        self.seen_at: dict[bytes, float] = {}
        """When the last look at a folder ended, and with how long a pause after it."""
        self.poll_at = self.rescan_at = self.not_before = 0.0
        self.waiting = 0
        self.own_folders: set[bytes] = set()
        self.identity: tuple[int, int] | None = None
        self.is_mount_point = False
        self.mounts: frozenset[object] = frozenset()
        self.trouble = ""

    def mark(self, folder: bytes, now: float) -> None:
        """Note that a folder wants a look."""
        at = max(now + _SOON_SECONDS, self.seen_at.get(folder, 0.0))
        self.dirty[folder] = min(self.dirty.get(folder, at), at)

    def times(self) -> list[float]:
        """Return the times at which there is something to do."""
        found = [self.rescan_at]
        if self.identity is None:
            return [*found, self.not_before]
        found += self.dirty.values()
        if self.polled:
            found.append(self.poll_at)
        if (due := self.settling.due()) is not None:
            found.append(max(due, self.not_before))
        return found

    def take(self, marked: ChangedFolders, now: float) -> None:
        """Note what has changed in the tree since the last time."""
        inside = self.root + b"/"
        gone = {path for path in marked.gone if path == self.root or path.startswith(inside)}
        if self.root in gone:
            self.lose()
        elif gone:
            for folder in [each for each in self.folders if gone.intersection(with_parents(below(self.root, each)))]:
                self.forget(folder)
        if self.identity is None:
            return
        if marked.is_lost:
            self.rescan_at = now
        for path in marked.folders:
            if path == self.root or path.startswith(inside):
                self.mark(path[len(inside) :], now)
                if self.waiting:
                    self.settling.again(now + self._settle_seconds)
        for path in marked.new | gone:
            if path.startswith(inside) and self.options.filters.recursive:
                self.meet(path[len(inside) :], now)

    def list_due(self, now: float) -> None:
        """List the folders that want a look by now."""
        if self.polled and now >= self.poll_at:
            self.poll_at = now + _POLL_SECONDS
            for folder in self.polled:
                self.dirty.setdefault(folder, now)
            if self.waiting:
                self.settling.again(now + max(self._settle_seconds, 6 * _POLL_SECONDS))
        ready = [folder for folder, at in self.dirty.items() if at <= now]
        if ready:
            self.list_folders(ready)
            if self.polled:
                took = time.monotonic() - now
                self.poll_at = time.monotonic() + max(_POLL_SECONDS, _OF_ITS_TIME * took)

    def meet(self, folder: bytes, now: float) -> None:
        """Look at a new folder, and at those in it, until the next scan tells whether they belong to the tree."""
        top, _, _ = folder.partition(b"/")
        if top in self.own_folders or folder in self.folders:
            return
        pending = [folder]
        with contextlib.suppress(OSError), contextlib.closing(self.storage()) as storage:
            while pending and len(self.folders) < 1_000_000:
                found = pending.pop()
                name = found.rpartition(b"/")[2]
                if name.startswith(b".") and not (self.options.filters.hidden or self.options.filters.all_files):
                    continue
                self.watch_folders([found])  # first: what arrives in it later is reported
                try:
                    self.inner[found] = {inner for inner, kind in storage.names(found) if kind == 1}
                except OSError:  # it is gone, or unreadable
                    self.forget(found)
                    continue
                self.folders.add(found)
                self.mark(found, now)
                pending += [join(found, inner) for inner in self.inner[found]]

    def storage(self) -> LocalStorage:
        return LocalStorage(self.root, cross_mounts=not self.options.filters.one_file_system)

    def list_folders(self, folders: Sequence[bytes]) -> None:
        """List some folders. An open root is held for no longer than that: its disk can be unmounted."""
        new: list[bytes] = []
        try:
            with contextlib.closing(self.storage()) as storage:
                for folder in folders:
                    self.dirty.pop(folder, None)
                    if folder not in self.folders:
                        continue
                    began = time.monotonic()
                    try:
                        listings = list(storage.list_folder(folder))
                    except OSError:
                        if folder:
                            self.forget(folder)
                        else:  # no event will tell that it is well again
                            self.dirty[folder] = time.monotonic() + _AGAIN_SECONDS
                        continue
                    stamps = [stamp_of(folder, entry) for listing in listings for entry in listing.files]
                    self.settling.take(folder, stamps, began)
                    if folder in self.polled and self.options.filters.recursive:
                        names = {entry.name for listing in listings for entry in listing.folders}
                        new += [join(folder, name) for name in names - self.inner.get(folder, names)]
                        self.inner[folder] = names
                    took = time.monotonic() - began
                    self.seen_at[folder] = time.monotonic() + max(_APART_SECONDS, _OF_ITS_TIME * took)
                    self._alive()
        except OSError:
            for folder in folders:
                self.dirty.pop(folder, None)
            self.lose()
            return
        for folder in new:
            self.meet(folder, time.monotonic())

    def forget(self, folder: bytes) -> None:
        self.folders.discard(folder)
        self.polled.discard(folder)
        self.inner.pop(folder, None)
        self.dirty.pop(folder, None)
        self.seen_at.pop(folder, None)
        self.settling.forget(folder)
        if self.marks is not None:
            self.marks.forget([below(self.root, folder)])

    def watch_folders(self, folders: Sequence[bytes]) -> None:
        """Have the kernel report the changes in folders, or list those regularly that it does not.

        Raises `InotifyLimit` at the start of a tree; later, the folders beyond the limit are listed, too.
        """
        reported = []
        kinds: dict[int, bool] = {}
        for folder in folders:
            path = below(self.root, folder)
            try:
                dev = os.lstat(path).st_dev
                if dev not in kinds:
                    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                    try:
                        kinds[dev] = is_polled(fd)
                    finally:
                        os.close(fd)
            except OSError:
                continue
            if kinds[dev] or self.marks is None:
                self.polled.add(folder)
            else:
                reported.append(path)
        if self.marks is None:
            return
        try:
            self.marks.watch(reported)
        except InotifyLimit as limit:
            if self.identity is None:  # at the start: the user can raise the limit
                raise
            self.polled.update(folders)
            self._say(self, f"{limit} Such folders are listed regularly instead.")

    def take_folders(self, entered: set[bytes], began_ns: int) -> None:
        """Watch the folders of a scan, and no others; `began_ns` is when it began."""
        for folder in self.folders - entered:
            self.forget(folder)
        new = sorted(entered - self.folders)
        self.folders |= entered
        self.watch_folders(sorted(entered))
        now = time.monotonic()
        for folder in new:
            self.mark(folder, now)
        if any(_has_changed(below(self.root, folder), began_ns) for folder in new if folder):
            self.rescan_at = now  # it may have a new folder that neither the scan nor an event tells of

    def absent(self) -> str:
        """Return why the folder of a tree is not there, as a sentence; empty if it is."""
        shown = display(self.root)
        if os.path.realpath(self.root) != self.root:
            return f"{shown} is now behind a symlink, so it is not organized any more."
        if not os.path.isdir(self.root):
            return f"There is no folder {shown} now: fileorg waits until it is back."
        if self.is_mount_point and not Mounts().is_point(self.root):
            return f"The disk of {shown} is not mounted: fileorg waits until it is back."
        return ""

    def lose(self) -> None:
        """Stop to work in a tree whose folder is gone."""
        for folder in list(self.folders):
            self.forget(folder)
        self.identity = None
        self.not_before = time.monotonic() + _SOON_SECONDS

    def is_lost(self) -> bool:
        """Return whether the folder of a tree is gone, or another one is at its path; stop to work in it then."""
        is_same = self.by_name or _identity(self.root) == self.identity
        if is_same and not self.absent():
            return False
        self.lose()
        return True


def _identity(path: bytes) -> tuple[int, int] | None:
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _has_changed(path: bytes, since_ns: int) -> bool:
    """Return whether the names in a folder have changed since a time, or nearly: the clock of a disk may be coarse."""
    try:
        return os.lstat(path).st_mtime_ns >= since_ns - _COARSE_NS
    except OSError:
        return False


def mounts_of(root: bytes) -> frozenset[object]:
    """Return the mounts at, above and below a folder."""
    return frozenset(Mounts().around(root))
