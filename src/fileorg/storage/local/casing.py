"""Names on file systems that take `a` for `A`, and inode numbers on those that give them out anew.

Where both come together (exFAT through FUSE), even the two spellings of one name have different numbers: only the
listing of a folder tells how a name is spelled.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fileorg.core.names import join
from fileorg.storage.local import posix
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from fileorg.storage.local.folders import OpenFolders

# FUSE, FAT, exFAT, CIFS, SMB, SMB 2: a number is given to a file when it is looked at, and forgotten with memory.
_NUMBERED_BY_THE_DRIVER = frozenset({0x65735546, 0x4D44, 0x2011BAB0, 0xFF534D42, 0x517B, 0xFE534D42})
_NUMBERS_DO_NOT_LAST = _NUMBERED_BY_THE_DRIVER | {posix.OVERLAY}
_NO_CASE = frozenset({0x4D44, 0x2011BAB0})
_FUSE = 0x65735546
_PATIENCE, _PAUSE_SECONDS = 30, 0.1


class Casing:
    """What the names in the folders of a tree, and the numbers of the files there, are worth."""

    def __init__(self, folders: OpenFolders) -> None:
        self._folders = folders
        self._types: dict[int, int] = {}

    def _type(self, folder: bytes) -> int:
        fd = self._folders.fd(folder)
        dev = os.fstat(fd).st_dev
        if dev not in self._types:
            self._types[dev] = posix.file_system_type(fd)
        return self._types[dev]

    def has_stable_inodes(self, folder: bytes) -> bool:
        """Whether a file in this folder has the same inode number after the disk was plugged in again, or just later.

        On overlayfs, it may get another one when it is renamed: a lower layer gives way to the upper one.
        True where the folder is not there: nothing is taken for something else.
        """
        try:
            return self._type(folder) not in _NUMBERS_DO_NOT_LAST
        except OSError:
            return True

    def reuses_inodes(self, folder: bytes) -> bool:
        """Whether the number that a file in this folder had may be another file's by now, though both are there."""
        try:
            return self._type(folder) in _NUMBERED_BY_THE_DRIVER
        except OSError:
            return False

    def is_spelled(self, folder: bytes, name: bytes) -> bool:
        """Whether the folder lists exactly this name. Reads all of it. Raises `OSError`."""
        fd = self._folders.fd(folder)
        wanted = os.fsdecode(name)
        with os.scandir(fd) as entries:
            return any(entry.name == wanted for entry in entries)

    def is_another_case(self, folder: bytes, name: bytes) -> bool:
        """Whether there is something of that name only because case does not matter. Raises `OSError`."""
        try:
            os.lstat(name, dir_fd=self._folders.fd(folder))
        except FileNotFoundError:
            return False
        return not self.is_spelled(folder, name)

    def spellings(self, folder: bytes, name: bytes) -> list[bytes]:
        """The names that the folder lists which are `name` where case does not matter. Raises `OSError`."""
        folded = os.fsdecode(name).casefold()
        with os.scandir(self._folders.fd(folder)) as entries:
            return [os.fsencode(entry.name) for entry in entries if entry.name.casefold() == folded]

    def is_free_after_all(self, folder: bytes, name: bytes) -> bool:
        """Whether a name that seemed to be taken is free: a driver may have been asked for it in another case, and the
        kernel remembers the answer for a second or so, although the file is elsewhere by now. Waits until it forgets.

        Raises `OSError`.
        """
        if self.has_stable_inodes(folder) or self.spellings(folder, name):
            return False
        for _ in range(_PATIENCE):
            try:
                os.lstat(name, dir_fd=self._folders.fd(folder))
            except FileNotFoundError:
                return not self.spellings(folder, name)
            time.sleep(_PAUSE_SECONDS)
        return False

    def spelled(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        """The folder as the disk spells it, as far as it is there. `known` remembers what was asked before."""
        if not folder or folder in known:
            return known.get(folder, folder)
        above, _, name = folder.rpartition(b"/")
        above = self.spelled(above, known)
        known[folder] = join(above, self._spelled_in(above, name))
        return known[folder]

    def _spelled_in(self, above: bytes, name: bytes) -> bytes:
        try:
            fd = self._folders.fd(above)
            os.lstat(name, dir_fd=fd)
            wanted, folded, other = os.fsdecode(name), os.fsdecode(name).casefold(), name
            with os.scandir(fd) as entries:
                for entry in entries:
                    if entry.name == wanted:
                        return name
                    if entry.name.casefold() == folded:
                        other = os.fsencode(entry.name)
        except OSError:
            return name
        return other

    def is_case_insensitive(self) -> bool:
        """Whether `a` and `A` are one name here, as far as the entries of the root can tell."""
        fd = posix.open_beneath(self._folders.root_fd, b"")  # of its own: `is_spelled` reads the same folder meanwhile
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    answer = self._ignores_case(os.fsencode(entry.name))
                    if answer is not None:
                        return answer
        finally:
            os.close(fd)
        return self._is_found_by_another_case()

    def _ignores_case(self, name: bytes) -> bool | None:
        """Whether an entry of the root is found by another case, too; None where it cannot tell."""
        swapped = name.swapcase()
        if swapped == name:
            return None
        try:
            one, other = os.lstat(name, dir_fd=self._folders.root_fd), os.lstat(swapped, dir_fd=self._folders.root_fd)
        except OSError:
            return False
        if os.path.samestat(one, other) and one.st_nlink == 1:
            return True
        # A file with several names may have both. And the two may be one file, though they do not look so.
        if os.path.samestat(one, other) or not self.has_stable_inodes(b""):
            return None if self.is_spelled(b"", swapped) else True
        return False

    def _is_found_by_another_case(self) -> bool:
        """For an empty root: whether its own folder finds it so; a disk's own root is judged by what disk it is."""
        above, name = os.path.split(self._folders.root)
        swapped = name.swapcase()
        try:
            if os.lstat(above).st_dev != self._folders.dev:
                # Of those that FUSE mounts from a disk, most are exFAT or NTFS.
                is_fuse_disk = self._type(b"") == _FUSE and os.major(self._folders.dev) != 0
                return is_fuse_disk or self._type(b"") in _NO_CASE
            if swapped == name:
                return False
            seen = os.lstat(os.path.join(above, swapped))
            if (seen.st_dev, entry_of(name, seen).inode) == self._folders.identity:
                return True
            return not self.has_stable_inodes(b"") and swapped not in os.listdir(above)
        except OSError:
            return False
