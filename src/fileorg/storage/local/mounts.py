"""Folders with several paths, as the kernel lists its mounts: bind mounts, and disks that are mounted twice."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.names import is_within

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


class Mount(NamedTuple):
    """A folder of a file system, and where it is mounted."""

    number: int
    dev: bytes
    folder: bytes
    point: bytes


class Mounts:
    """Those of this process, as they are now; none where the kernel does not list them."""

    def __init__(self) -> None:
        self._all = list(_listed())
        self._numbers: dict[bytes, int | None] = {}

    def aliases(self, folder: bytes) -> Iterator[bytes]:
        """Yield the other paths, outside of a folder, of itself, of what holds no more than a part of it, and of what
        is mounted in it.
        """
        for dev, mounted in [*self._place(folder), *((mount.dev, mount.folder) for mount in self._within(folder))]:
            parts = (m.point for m in self._all if m.dev == dev and is_within(m.folder, mounted) and self._is_seen(m))
            for path in (*self._paths(dev, mounted), *parts):
                if not is_within(path, folder):
                    yield path

    def twice(self, trees: Sequence[bytes]) -> set[bytes]:
        """Return the folders in `trees` of which each file is met in another place of these, too: all but one of each.

        A place where nothing is mounted is kept before one where something is; a tree is kept before both.
        """
        found: set[bytes] = set()
        for tree in trees:
            for dev, folder in self._place(tree):
                found |= {path for path in self._paths(dev, folder) if path not in trees and _is_in(path, trees)}
        for tree in trees:
            for mount in self._within(tree):
                others = (p for p in self._paths(mount.dev, mount.folder) if p != mount.point and _is_in(p, trees))
                if mount.point not in trees and any(not _is_in(path, found) for path in others):
                    found.add(mount.point)
        return found

    def _place(self, folder: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The file system of a folder, and its path there."""
        number = self._number(folder)
        for mount in self._all:
            if mount.number == number:
                yield mount.dev, _moved(folder, mount.point, mount.folder)

    def _paths(self, dev: bytes, folder: bytes) -> Iterator[bytes]:
        """All paths of a folder of a file system that lead to it now."""
        for mount in self._all:
            if mount.dev == dev and is_within(folder, mount.folder):
                path = _moved(folder, mount.folder, mount.point)
                if self._number(path) == mount.number:
                    yield path

    def _within(self, folder: bytes) -> list[Mount]:
        below = (mount for mount in self._all if mount.point != folder and is_within(mount.point, folder))
        return [mount for mount in below if self._is_seen(mount)]

    def _is_seen(self, mount: Mount) -> bool:
        """Whether its path leads to it, and not to what was mounted there or above it later."""
        return self._number(mount.point) == mount.number

    def _number(self, path: bytes) -> int | None:
        """Of the mount that a path leads to."""
        if path not in self._numbers:
            self._numbers[path] = _mount_of(path) if self._all else None
        return self._numbers[path]


def _is_in(path: bytes, folders: Collection[bytes]) -> bool:
    return any(is_within(path, folder) for folder in folders)


def _moved(path: bytes, above: bytes, to: bytes) -> bytes:
    """The path that one below `above` has below `to`."""
    return to.rstrip(b"/") + path[len(above.rstrip(b"/")) :].rstrip(b"/") or b"/"


def _mount_of(path: bytes) -> int | None:
    try:
        fd = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb") as about:
            return next((int(line[7:]) for line in about if line.startswith(b"mnt_id:")), None)
    except OSError:
        return None
    finally:
        os.close(fd)


def _listed() -> Iterator[Mount]:
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", "rb") as lines:
        for line in lines:
            number, _, dev, folder, point, *_ = line.split(b" ")
            if folder.startswith(b"/"):
                yield Mount(int(number), dev, plain(folder), plain(point))


def plain(escaped: bytes) -> bytes:
    """Return a path as it is in a list of mounts without the escapes for blanks, line ends and backslashes."""
    if b"\\" not in escaped:
        return escaped
    import re  # paths are plain nearly always

    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), escaped)
