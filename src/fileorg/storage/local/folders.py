"""The open folders of a tree: each is looked for once, beneath the root and with no symlink on the way."""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from fileorg.storage.local import posix
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from fileorg.core.model import Entry

OPEN_FOLDERS = 256
"""Descriptors kept open; the usual limit of a process is 1,024."""


_LEADS_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class OpenFolders:
    """Folders stay open between calls.

    One that another program moves away meanwhile is still acted on, wherever it went, until `forget`. Call
    `forget(b"")` where a new look is due, such as before a batch.
    """

    def __init__(self, root: bytes, *, cross_mounts: bool = True) -> None:
        """Raises `OSError` if `root` is no directory that can be read."""
        self.root = os.path.realpath(root)
        self.cross_mounts = cross_mounts
        self._root_fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._fds: OrderedDict[bytes, int] = OrderedDict()
        self._dev = os.fstat(self._root_fd).st_dev
        self._mounts: dict[int, int] = {}

    @property
    def identity(self) -> tuple[int, int]:
        """(dev, inode) of the root: what it is, whatever leads there."""
        seen = os.fstat(self._root_fd)
        return seen.st_dev, entry_of(b"", seen).inode

    def fd(self, folder: bytes) -> int:
        """A descriptor of the folder, valid until `OPEN_FOLDERS` others were asked for. Raises `OSError`."""
        if folder in self._fds:
            self._fds.move_to_end(folder)
            return self._fds[folder]
        fd = posix.open_beneath(self._root_fd, folder, cross_mounts=self.cross_mounts)
        self._fds[folder] = fd
        dev = os.fstat(fd).st_dev
        if dev != self._dev and dev not in self._mounts:
            self._mounts[dev] = os.dup(fd)  # for `sync`: the folder itself may be closed by then
        if len(self._fds) > OPEN_FOLDERS:
            os.close(self._fds.popitem(last=False)[1])
        return fd

    def forget(self, folder: bytes) -> None:
        """Close the descriptor of a folder that is about to go or come, and of those beneath it."""
        below = folder + b"/" if folder else b""
        for known in [known for known in self._fds if known == folder or known.startswith(below)]:
            os.close(self._fds.pop(known))

    def stat_folder(self, folder: bytes) -> Entry | None:
        try:
            return entry_of(folder, os.fstat(self.fd(folder)))
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
        for fd in (self._root_fd, *self._mounts.values()):
            posix.sync_file_system(fd)

    def close(self) -> None:
        self.forget(b"")
        for fd in self._mounts.values():
            os.close(fd)
        self._mounts.clear()
        if self._root_fd >= 0:
            os.close(self._root_fd)
            self._root_fd = -1
