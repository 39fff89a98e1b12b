"""Folders with several paths (bind mounts, file systems mounted twice), from the kernel's list of mounts."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.names import is_within
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


_OF_DISKS = frozenset({b"btrfs", b"zfs", b"bcachefs", b"tmpfs", b"ramfs"})
"""File systems with files of their own, though their device number is none of a disk."""


class Mount(NamedTuple):
    """A folder of a file system and its mount point, with what the file system shows, such as a device."""

    number: int
    dev: bytes
    folder: bytes
    point: bytes
    kind: bytes
    source: bytes
    options: bytes


class Mounts:
    """The current mounts of this process; empty where the kernel does not list them."""

    def __init__(self) -> None:
        self._all = list(_listed())
        self._numbers: dict[bytes, int | None] = {}

    def around(self, folder: bytes) -> list[Mount]:
        """Return the mounts at, above and below a folder."""
        return [each for each in self._all if is_within(folder, each.point) or is_within(each.point, folder)]

    def of(self, folder: bytes) -> Mount | None:
        """Return the mount that a folder is on."""
        number = self._number(folder)
        return next((each for each in self._all if each.number == number), None)

    def is_point(self, folder: bytes) -> bool:
        """Return whether something is mounted at a folder, also another folder of the same disk."""
        return os.path.ismount(folder) or any(each.point == folder for each in self._all)

    def may_show_others(self, folder: bytes) -> bool:
        """Return whether a mount of a folder, or in it, may show files of another file system: FUSE, an overlay, a
        network mount. True where the kernel does not list the mounts.
        """
        number = self._number(folder)
        at_or_in = (each for each in self._all if each.number == number or is_within(each.point, folder))
        return not self._all or any(each.dev.startswith(b"0:") and each.kind not in _OF_DISKS for each in at_or_in)

    def aliases(self, folder: bytes) -> Iterator[bytes]:
        """Yield paths outside of a folder that lead to it, to a part of it, or to a mount inside it."""
        for dev, mounted in [*self._place(folder), *((mount.dev, mount.folder) for mount in self.within(folder))]:
            parts = (m.point for m in self._all if m.dev == dev and is_within(m.folder, mounted) and self._is_seen(m))
            for path in (*self._paths(dev, mounted), *parts):
                if not is_within(path, folder):
                    yield path

    def twice(self, trees: Sequence[bytes]) -> set[bytes]:
        """Return folders in `trees` whose files all have another path in `trees`: all but one of each.

        The one that is not returned is a tree if possible, else a path without a mount point.
        """
        found: set[bytes] = set()
        for tree in trees:
            for dev, folder in self._place(tree):
                found |= {path for path in self._paths(dev, folder) if path not in trees and _is_in(path, trees)}
        for tree in trees:
            for mount in self.within(tree):
                others = (p for p in self._paths(mount.dev, mount.folder) if p != mount.point and _is_in(p, trees))
                if mount.point not in trees and any(not _is_in(path, found) for path in others):
                    found.add(mount.point)
        return found

    def _place(self, folder: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the device of a folder and its path on that file system."""
        number = self._number(folder)
        for mount in self._all:
            if mount.number == number:
                yield mount.dev, _moved(folder, mount.point, mount.folder)

    def _paths(self, dev: bytes, folder: bytes) -> Iterator[bytes]:
        """Yield all current paths of a folder of a file system."""
        for mount in self._all:
            if mount.dev == dev and is_within(folder, mount.folder):
                path = _moved(folder, mount.folder, mount.point)
                if self._number(path) == mount.number:
                    yield path

    def within(self, folder: bytes) -> list[Mount]:
        """Return the visible mounts below a folder."""
        below = (mount for mount in self._all if mount.point != folder and is_within(mount.point, folder))
        return [mount for mount in below if self._is_seen(mount)]

    def _is_seen(self, mount: Mount) -> bool:
        """Return whether the mount is visible at its path, not hidden by a later mount there or above."""
        return self._number(mount.point) == mount.number

    def _number(self, path: bytes) -> int | None:
        """Return the id of the mount that a path leads to."""
        if path not in self._numbers:
            self._numbers[path] = _mount_of(path) if self._all else None
        return self._numbers[path]


def _is_in(path: bytes, folders: Collection[bytes]) -> bool:
    return any(is_within(path, folder) for folder in folders)


def _moved(path: bytes, above: bytes, to: bytes) -> bytes:
    """Return the path moved from below `above` to below `to`."""
    return to.rstrip(b"/") + path[len(above.rstrip(b"/")) :].rstrip(b"/") or b"/"


def _mount_of(path: bytes) -> int | None:
    try:
        fd = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return mount_number(fd)
    finally:
        os.close(fd)


def mount_number(fd: int) -> int | None:
    """Return the number of the mount that an open file is on, None where the kernel does not say it. No other mount has
    the number while the file is open.
    """
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb") as about:
            return next((int(line[7:]) for line in about if line.startswith(b"mnt_id:")), None)
    except OSError:
        return None


def _listed() -> Iterator[Mount]:
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", "rb") as lines:
        for line in lines:
            number, _, dev, folder, point, *others = line.rstrip(b"\n").split(b" ")
            kind, source, options = others[others.index(b"-") + 1 :]
            if folder.startswith(b"/"):
                yield Mount(int(number), dev, plain(folder), plain(point), kind, plain(source), plain(options))


def plain(escaped: bytes) -> bytes:
    """Return a path from a list of mounts, with the escapes for blanks, line ends and backslashes decoded."""
    if b"\\" not in escaped:
        return escaped
    import re  # most paths have no escapes

    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), escaped)
