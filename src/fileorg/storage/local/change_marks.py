"""Marks folders in which something changed. Events are not kept: an event only says that its folder wants a look.

The kernel's queue is read by the thread of watchdog (`InotifyFD`), which passes each event to its callbacks. This
module is such a callback, because the observers of watchdog say nothing of an overflow of that queue, and keep every
event: `on_queue_overflow` and the callbacks are internal, so the dependency is pinned to a minor version.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
from itertools import count
from typing import TYPE_CHECKING

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyFD, Mask

from fileorg.core.errors import ErrorCode, StorageFailure
from fileorg.core.figures import plural
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchdog.observers.inotify_c import InotifyEvent, WatchDescriptor

_C = InotifyConstants
_MASK = Mask(
    _C.IN_CREATE | _C.IN_CLOSE_WRITE | _C.IN_MOVED_TO | _C.IN_MOVED_FROM | _C.IN_DELETE | _C.IN_ATTRIB
    | _C.IN_DELETE_SELF | _C.IN_MOVE_SELF | _C.IN_ONLYDIR | _C.IN_DONT_FOLLOW
)  # fmt: skip
"""Without IN_MODIFY: a download would wake the process for each block, and its end closes the file."""
_UNMOUNTED = 0x2000
_OURS = b".fileorg"
"""Our trash, and the temporaries that are made beside their target, begin with this."""
_MANY_NEW = 10_000
_LIMITS = "/proc/sys/fs/inotify/"


class InotifyLimit(StorageFailure):
    """A limit of the kernel on watched folders, or on programs that watch folders, is reached."""

    code = ErrorCode.TOO_MANY_OPEN


class ChangedFolders(NamedTuple):
    """What happened since the last time. Paths are absolute.

    `folders` want a look; `new` are folders that were created or moved here; `gone` are watched folders that were
    removed, renamed or unmounted: there may be another one by now, or the same one, if it was met before the event of
    its move. With `is_lost`, events were lost: everything wants a look.
    """

    folders: set[bytes]
    new: set[bytes]
    gone: set[bytes]
    is_lost: bool = False


class ChangeMarks:
    """The folders of this process that the kernel reports changes of. Call `close` at the end."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called by another thread when a first mark is made. Raises `InotifyLimit`, `OSError`."""
        logging.getLogger("watchdog").addHandler(logging.NullHandler())  # it would print that the queue overflowed
        self._wake = wake
        self._lock = threading.Lock()
        self._paths: dict[WatchDescriptor, bytes] = {}
        self._known: dict[bytes, tuple[WatchDescriptor, CallbackId]] = {}
        self._ids = count(1)
        self._marked = ChangedFolders(set(), set(), set())
        try:
            self._inotify = InotifyFD()
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise _no_instance() from error
            raise
        self._inotify.start()

    @property
    def folders(self) -> int:
        """The number of folders that are watched."""
        return len(self._known)

    def close(self) -> None:
        """End the thread. No mark is made afterwards."""
        self._inotify.stop()
        self._inotify.join()

    def take(self) -> ChangedFolders:
        """Return the marks, and begin anew."""
        with self._lock:
            taken, self._marked = self._marked, ChangedFolders(set(), set(), set())
            return taken

    def watch(self, folders: Iterable[bytes]) -> None:
        """Watch more folders. One that is gone or unreadable is left out. Raises `InotifyLimit`, which names the number
        that is needed.
        """
        missing = [folder for folder in folders if folder not in self._known]
        for done, folder in enumerate(missing):
            if not os.access(folder, os.R_OK):
                continue
            number = CallbackId(next(self._ids))
            try:
                wd = self._inotify.add_callback(folder, _MASK, self, number)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise _no_watch(len(missing) - done) from error
                continue  # removed just now: the folder above it is marked
            with self._lock:
                before = self._paths.get(wd, folder)
                self._paths[wd] = folder
                self._known[folder] = wd, number
            if before != folder and not _is_same(before, folder):  # moved here, and the event of its old path is late
                self.forget([before])
                self._lost_sight(before)

    def forget(self, folders: Iterable[bytes]) -> None:
        """Stop to watch some folders."""
        with self._lock:
            found = []
            for folder in folders:
                if folder in self._known:
                    found.append(self._known.pop(folder))
                    wd, _ = found[-1]
                    if self._paths.get(wd) == folder:  # else it is known by another path since
                        del self._paths[wd]
        with contextlib.suppress(OSError):
            self._inotify.remove_callbacks(found)

    # Called by the thread of watchdog ----

    def on_event(self, event: InotifyEvent) -> None:
        """Mark the folder of an event."""
        if event.name.startswith(_OURS):
            return
        with self._lock:
            folder = self._paths.get(event.wd)
            if folder is None:
                return
            is_first = not self._is_marked()
            if event.mask & (_C.IN_DELETE_SELF | _C.IN_MOVE_SELF | _UNMOUNTED):
                self._marked.gone.add(folder)
            elif event.mask & _C.IN_ISDIR and event.mask & (_C.IN_CREATE | _C.IN_MOVED_TO):
                self._marked.new.add(os.path.join(folder, event.name))
                if len(self._marked.new) > _MANY_NEW:
                    self._marked = ChangedFolders(self._marked.folders, set(), self._marked.gone, is_lost=True)
            else:
                self._marked.folders.add(folder)
        if is_first:
            self._wake()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Mark a folder that the kernel does not watch any more."""
        with self._lock:
            folder = self._paths.pop(wd, None)
            if folder is None:
                return
            if self._known.get(folder, (None, None))[0] == wd:
                del self._known[folder]
        self._lost_sight(folder)

    def on_queue_overflow(self) -> None:
        """Mark everything: the kernel has dropped events."""
        with self._lock:
            self._marked = self._marked._replace(is_lost=True)
        self._wake()

    def _lost_sight(self, folder: bytes) -> None:
        with self._lock:
            self._marked.gone.add(folder)
        self._wake()

    def _is_marked(self) -> bool:
        marked = self._marked
        return bool(marked.folders or marked.new or marked.gone or marked.is_lost)


def _is_same(path: bytes, other: bytes) -> bool:
    """Return whether two paths lead to one folder."""
    try:
        return os.path.samestat(os.lstat(path), os.lstat(other))
    except OSError:
        return False


def _no_watch(more: int) -> InotifyLimit:
    now = _limit("max_user_watches")
    return InotifyLimit(
        f"The kernel watches no more folders for you: {plural(more, 'folder')} more than the limit of {now:,}.",
        hint=f"raise the limit: sudo sysctl fs.inotify.max_user_watches={_rounded(now + more)}",
    )


def _no_instance() -> InotifyLimit:
    now = _limit("max_user_instances")
    return InotifyLimit(
        f"The kernel lets no more programs of yours watch folders: the limit is {now:,}.",
        hint=f"raise the limit: sudo sysctl fs.inotify.max_user_instances={_rounded(now + 1)}",
    )


def _limit(name: str) -> int:
    try:
        with open(_LIMITS + name, "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def _rounded(number: int) -> int:
    """Return the next power of two: the limit should not be reached again soon."""
    return 1 << number.bit_length()
