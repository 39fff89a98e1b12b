"""Open folders of a tree: each is resolved once, beneath the root and without symlinks."""

from __future__ import annotations

import errno
import os
from _thread import get_ident  # importing `threading` takes a millisecond
from collections import OrderedDict
from typing import TYPE_CHECKING

from fileorg.core.descriptors import TooManyOpen, limit, telling_the_limit, too_many_open
from fileorg.core.model import WITHIN
from fileorg.storage.local import posix
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from fileorg.core.model import Entry

_MAXIMUM, _FEWEST = 512, 8
_LEADS_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class _Budget:
    """The open folder descriptors of all storages, least recently used first."""

    def __init__(self) -> None:
        self.limit = _MAXIMUM
        self.in_order: OrderedDict[int, tuple[dict[bytes, int], bytes]] = OrderedDict()

    def fit(self, newest: int) -> None:
        """Adapt the limit to the open descriptors; `newest` was opened last. Raises `TooManyOpen` if few are left."""
        taken = newest - len(self.in_order)  # the kernel gives out the lowest free number
        self.limit = min(_MAXIMUM, (limit() - taken) // 2)  # the rest is for files, databases and processes
        if self.limit < _FEWEST:
            raise too_many_open()

    def add(self, fd: int, fds: dict[bytes, int], folder: bytes) -> None:
        """Add the descriptor of a folder to `fds`; the least recently used ones are closed beyond the limit."""
        fds[folder] = fd
        self.in_order[fd] = fds, folder
        while len(self.in_order) > self.limit:
            oldest, (others, other) = self.in_order.popitem(last=False)
            del others[other]
            os.close(oldest)


_budgets: dict[int, _Budget] = {}
"""By thread, because another thread may be using the descriptor that is closed."""


def _check(fd: int, root: bytes) -> None:
    """Close an open folder that this process may not use. Raises `Outside`."""
    from fileorg.core.confinement import check_opened_folder  # few processes are confined

    try:
        check_opened_folder(fd, root)
    except BaseException:
        os.close(fd)
        raise


class OpenFolders:
    """Folder descriptors that stay open between calls.

    A folder that another program moves away meanwhile is still acted on at its new place, until `forget`. Call
    `forget(b"")` where paths must be resolved anew, such as before a batch. To be used only in the thread that created
    it.
    """

    def __init__(self, root: bytes, *, cross_mounts: bool = True) -> None:
        """Open the root. Raises `OSError` if it is not a readable directory, `TooManyOpen`, `Outside`."""
        self.root = os.path.realpath(root)
        self.cross_mounts = cross_mounts
        with telling_the_limit():
            self.root_fd = posix.open_root(self.root)
        if WITHIN in os.environ:
            _check(self.root_fd, self.root)
        self.fds: dict[bytes, int] = {}
        self._budget = _budgets.setdefault(get_ident(), _Budget())
        self.used = self._budget.in_order.move_to_end
        self.dev = os.fstat(self.root_fd).st_dev
        self._mounts: dict[int, int] = {}
        try:
            self._budget.fit(self.root_fd)
        except TooManyOpen:
            self.close()
            raise

    @property
    def identity(self) -> tuple[int, int]:
        """(dev, inode) of the root: its identity under any path."""
        seen = os.fstat(self.root_fd)
        return seen.st_dev, entry_of(b"", seen).inode

    @property
    def at_hand(self) -> int:
        """Number of descriptors a loop may cache: they stay open until it asks for more."""
        return self._budget.limit // 2

    def fd(self, folder: bytes) -> int:
        """Return a descriptor of the folder, valid until `at_hand` others were requested from any storage.

        Raises `OSError`.
        """
        if (known := self.fds.get(folder)) is not None:
            self.used(known)
            return known
        fd = posix.open_beneath(self.root_fd, folder, cross_mounts=self.cross_mounts)
        self._budget.add(fd, self.fds, folder)
        dev = os.fstat(fd).st_dev
        if dev != self.dev and dev not in self._mounts:
            self._mounts[dev] = os.dup(fd)  # for `sync`, which may run after the folder is closed
        return fd

    def forget(self, folder: bytes) -> None:
        """Close the descriptors of a folder and those beneath, before it is made, moved or removed."""
        below = folder + b"/" if folder else b""
        for known in [known for known in self.fds if known == folder or known.startswith(below)]:
            fd = self.fds.pop(known)
            del self._budget.in_order[fd]
            os.close(fd)

    def stat_folder(self, folder: bytes) -> Entry | None:
        try:
            seen = os.fstat(self.fd(folder))
            return entry_of(folder, seen)._replace(mtime_ns=seen.st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def follow_symlink(self, folder: bytes, name: bytes) -> Entry | None:
        """Return the entry that a symlink leads to, None if it is broken or circular. Nothing else follows symlinks.

        An unmounted disk counts as missing. Raises `OSError` where access is denied, such as behind a folder without
        search permission.
        """
        try:
            return entry_of(name, os.stat(name, dir_fd=self.fd(folder)))
        except OSError as error:
            if error.errno in _LEADS_NOWHERE:
                return None
            raise

    def sync(self) -> None:
        """Flush every file system on which a folder was opened; see `Storage.sync`."""
        for fd in (self.root_fd, *self._mounts.values()):
            posix.sync_file_system(fd)

    def close(self) -> None:
        self.forget(b"")
        for fd in self._mounts.values():
            os.close(fd)
        self._mounts.clear()
        if self.root_fd >= 0:
            os.close(self.root_fd)
            self.root_fd = -1
