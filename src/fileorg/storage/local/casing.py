"""Case-insensitive names, and inode numbers that do not last.

On exFAT through FUSE both come together: two spellings of one name even have different inode numbers, and only the
listing of the folder shows the actual spelling.
"""

from __future__ import annotations

import functools
import os
import stat
import time
from typing import TYPE_CHECKING

from fileorg.core.names import is_within, join, listed_path
from fileorg.storage.local import posix
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from fileorg.storage.local.open_folders import OpenFolders

# FUSE, FAT, exFAT, CIFS, SMB, SMB 2: the driver numbers a file on first access and forgets the number with its cache.
_NUMBERED_BY_THE_DRIVER = frozenset({0x65735546, 0x4D44, 0x2011BAB0, 0xFF534D42, 0x517B, 0xFE534D42})
_NUMBERS_DO_NOT_LAST = _NUMBERED_BY_THE_DRIVER | {posix.OVERLAY}
_NO_CASE = frozenset({0x4D44, 0x2011BAB0})
_FUSE = 0x65735546
_PATIENCE, _PAUSE_SECONDS = 30, 0.1


class Casing:
    """Case sensitivity and inode stability of the folders of a tree."""

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
        """Return whether a file in this folder keeps its inode number, also when the disk is mounted again.

        On overlayfs, a rename may change it: the file is copied from a lower layer to the upper one. True for a missing
        folder, so that nothing else is taken for the file.
        """
        try:
            return self._type(folder) not in _NUMBERS_DO_NOT_LAST
        except OSError:
            return True

    def reuses_inodes(self, folder: bytes) -> bool:
        """Return whether a file's old inode number may belong to another file although both exist."""
        try:
            return self._type(folder) in _NUMBERED_BY_THE_DRIVER
        except OSError:
            return False

    def has_exact_casing(self, folder: bytes, name: bytes) -> bool:
        """Return whether the folder lists exactly this name. Reads the whole folder. Raises `OSError`."""
        fd = self._folders.fd(folder)
        wanted = os.fsdecode(name)
        with os.scandir(fd) as entries:
            return any(entry.name == wanted for entry in entries)

    def differs_in_case(self, folder: bytes, name: bytes) -> bool:
        """Return whether the name exists only in another case. Raises `OSError`."""
        try:
            os.lstat(name, dir_fd=self._folders.fd(folder))
        except FileNotFoundError:
            return False
        return not self.has_exact_casing(folder, name)

    def casings(self, folder: bytes, name: bytes) -> list[bytes]:
        """Return the listed names that equal `name` if case is ignored. Raises `OSError`."""
        folded = os.fsdecode(name).casefold()
        with os.scandir(self._folders.fd(folder)) as entries:
            return [os.fsencode(entry.name) for entry in entries if entry.name.casefold() == folded]

    def is_free_after_all(self, folder: bytes, name: bytes) -> bool:
        """Return whether a name that seemed taken is free: after a lookup in another case, the kernel caches the answer
        for a second or so, although the file has moved. Waits until the cache expires.

        Raises `OSError`.
        """
        if self.has_stable_inodes(folder) or self.casings(folder, name):
            return False
        for _ in range(_PATIENCE):
            try:
                os.lstat(name, dir_fd=self._folders.fd(folder))
            except FileNotFoundError:
                return not self.casings(folder, name)
            time.sleep(_PAUSE_SECONDS)
        return False

    def actual_folder(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        """Return the folder in the spelling on disk, as far as it exists, and for a symlink to another folder of the
        tree that folder. `known` caches answers.

        Where `images` and `Images` are two names, an existing folder in the usual other case is taken for a missing
        one: nobody wants both.
        """
        if not folder or folder in known:
            return known.get(folder, folder)
        above, _, name = folder.rpartition(b"/")
        above = self.actual_folder(above, known)
        there = join(above, self._casing_in(above, name))
        known[folder] = self._behind_symlink(there) or there
        return known[folder]

    def _behind_symlink(self, path: bytes) -> bytes | None:
        """Return the folder of the tree that a symlink leads to, None for anything else."""
        folder, _, name = path.rpartition(b"/")
        try:
            if not stat.S_ISLNK(os.lstat(name, dir_fd=self._folders.fd(folder)).st_mode):
                return None
            root = self._folders.root
            real = os.path.realpath(os.path.join(root, path), strict=True)
            if real == root or not is_within(real, root):
                return None
            found = real[len(root.rstrip(b"/")) + 1 :]
            self._folders.fd(found)
        except OSError:
            return None
        return found

    def _casing_in(self, above: bytes, name: bytes) -> bytes:
        try:
            fd = self._folders.fd(above)
            if not self._ignores_all_case:
                return _in_usual_case(fd, name)
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

    @functools.cached_property
    def _ignores_all_case(self) -> bool:
        return self.is_case_insensitive()

    def is_case_insensitive(self) -> bool:
        """Return whether `a` and `A` are one name, as far as the entries of the root can tell."""
        fd = posix.open_beneath(self._folders.root_fd, b"")  # its own offset: `has_exact_casing` reads the same folder
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
        """Return whether an entry of the root is also found in another case; None if it cannot tell."""
        swapped = name.swapcase()
        if swapped == name:
            return None
        try:
            one, other = os.lstat(name, dir_fd=self._folders.root_fd), os.lstat(swapped, dir_fd=self._folders.root_fd)
        except OSError:
            return False
        if os.path.samestat(one, other) and one.st_nlink == 1:
            return True
        # A file with hard links may have both names. And one file may seem two where inodes are unstable.
        if os.path.samestat(one, other) or not self.has_stable_inodes(b""):
            return None if self.has_exact_casing(b"", swapped) else True
        return False

    def _is_found_by_another_case(self) -> bool:
        """Return the answer for an empty root: from its parent folder, or for the root of a disk from its type."""
        above, name = os.path.split(self._folders.root)
        swapped = name.swapcase()
        try:
            if os.lstat(above).st_dev != self._folders.dev:
                # Most disks mounted through FUSE are exFAT or NTFS.
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


def actual_path(path: bytes) -> bytes:
    """Return a real path in the spelling on disk: where case is ignored, two spellings of one folder are not alike."""
    # A lookup in another case leaves a second name in the cache of such a driver.
    return listed_path(path, may_look_up=lambda fd: posix.file_system_type(fd) not in _NUMBERED_BY_THE_DRIVER)


def _in_usual_case(above: int, name: bytes) -> bytes:
    """Return the name, or if it is missing, that of the one folder that is the same in lower, upper or title case.

    `above` is an open folder. To read all its names for this would take longer than to plan.
    """
    try:
        os.lstat(name, dir_fd=above)
    except FileNotFoundError:
        text = os.fsdecode(name)
        others = {os.fsencode(other) for other in (text.lower(), text.upper(), text.title(), text.capitalize())}
        found = [other for other in others if _is_folder(above, other)]
        return found[0] if len(found) == 1 else name
    return name


def _is_folder(above: int, name: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(name, dir_fd=above).st_mode)
    except OSError:
        return False
