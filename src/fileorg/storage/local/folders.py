"""The open folders of a tree: each is looked for once, beneath the root and with no symlink on the way."""

from __future__ import annotations

import errno
import os
from _thread import get_ident  # `threading` takes a millisecond
from collections import OrderedDict
from typing import TYPE_CHECKING

from fileorg.core.descriptors import TooManyOpen, limit, telling_the_limit, too_many_open
from fileorg.storage.local import posix
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from fileorg.core.model import Entry

_MOST, _FEWEST = 512, 8
_LEADS_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class _Budget:
    """The folders that all storages of this process keep open, a descriptor each; the one used last is at the end."""

    def __init__(self) -> None:
        self.most = _MOST
        self.in_order: OrderedDict[int, tuple[dict[bytes, int], bytes]] = OrderedDict()

    def fit(self, newest: int) -> None:
        """Fit the budget to what is open, of which `newest` was opened last. Raises `TooManyOpen` if little is left."""
        taken = newest - len(self.in_order)  # the kernel gives the lowest number that is free
        self.most = min(_MOST, (limit() - taken) // 2)  # the other half is for files, databases and processes
        if self.most < _FEWEST:
            raise too_many_open()

    def add(self, fd: int, fds: dict[bytes, int], folder: bytes) -> None:
        """Put the descriptor of a folder into `fds`; what was not used for longest may be closed for it."""
        fds[folder] = fd
        self.in_order[fd] = fds, folder
        while len(self.in_order) > self.most:
            oldest, (others, other) = self.in_order.popitem(last=False)
            del others[other]
            os.close(oldest)


_budgets: dict[int, _Budget] = {}
"""By thread: what is closed to make room may be in use in another one."""


class OpenFolders:
    """Folders stay open between calls.

    One that another program moves away meanwhile is still acted on, wherever it went, until `forget`. Call
    `forget(b"")` where a new look is due, such as before a batch. To be used in the thread that made it.
    """

    def __init__(self, root: bytes, *, cross_mounts: bool = True) -> None:
        """Raises `OSError` if `root` is no directory that can be read, `TooManyOpen`."""
        self.root = os.path.realpath(root)
        self.cross_mounts = cross_mounts
        with telling_the_limit():
            self.root_fd = posix.open_root(self.root)
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
        """(dev, inode) of the root: what it is, whatever leads there."""
        seen = os.fstat(self.root_fd)
        return seen.st_dev, entry_of(b"", seen).inode

    @property
    def at_hand(self) -> int:
        """Descriptors that a loop may remember by itself: so many stay open until it asks for others."""
        return self._budget.most // 2

    def fd(self, folder: bytes) -> int:
        """A descriptor of the folder, valid until `at_hand` others were asked for, of whatever storage.

        Raises `OSError`.
        """
        if (known := self.fds.get(folder)) is not None:
            self.used(known)
            return known
        fd = posix.open_beneath(self.root_fd, folder, cross_mounts=self.cross_mounts)
        self._budget.add(fd, self.fds, folder)
        dev = os.fstat(fd).st_dev
        if dev != self.dev and dev not in self._mounts:
            self._mounts[dev] = os.dup(fd)  # for `sync`: the folder itself may be closed by then
        return fd

    def forget(self, folder: bytes) -> None:
        """Close the descriptor of a folder that is about to go or come, and of those beneath it."""
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

    def follow(self, folder: bytes, name: bytes) -> Entry | None:
        """What a symlink leads to, None where it leads nowhere, or in a circle: the one place where one is followed.

        A disk that is not mounted is not there. Raises `OSError` where it cannot be told, as behind a closed folder.
        """
        try:
            return entry_of(name, os.stat(name, dir_fd=self.fd(folder)))
        except OSError as error:
            if error.errno in _LEADS_NOWHERE:
                return None
            raise

    def sync(self) -> None:
        """As the protocol says, for every file system that a folder was opened on."""
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
