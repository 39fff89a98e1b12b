"""Which disks hold the files of a folder, also behind overlays, other views, disk images and encryption."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from fileorg.storage.local.mounts import Mount, Mounts, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAYERS = (b"lowerdir", b"lowerdir+", b"datadir+", b"upperdir")
_BLOCK_DEVICES = "/sys/dev/block"


def is_lost_with(folder: bytes, disk_of: bytes) -> bool:
    """Return whether a folder, or what is mounted in it, has files on the file system of another folder."""
    mounts = Mounts()
    lost = _Devices(mounts, into_images=False).of(disk_of)
    devices = _Devices(mounts, into_images=True)
    return any(not lost.isdisjoint(devices.of(path)) for path in (folder, *(m.point for m in mounts.within(folder))))


class _Devices:
    """The devices on which the files of folders are. `into_images`: also those that hold the image of a disk.

    Subvolumes of btrfs have device numbers of their own, so the device of their mount counts, too.
    """

    def __init__(self, mounts: Mounts, *, into_images: bool) -> None:
        self._mounts, self._into_images = mounts, into_images
        self._entered: set[bytes] = set()

    def of(self, folder: bytes) -> set[int]:
        """Return the numbers of the devices of a folder; none of a folder that cannot be looked at."""
        self._entered.clear()
        return set(self._of(folder))

    def _of(self, folder: bytes) -> Iterator[int]:
        if folder in self._entered:
            return
        self._entered.add(folder)
        with contextlib.suppress(OSError):
            yield os.stat(folder).st_dev
        mount = self._mounts.of(os.path.realpath(folder))
        if mount is None:
            return
        major, minor = mount.dev.split(b":")
        yield os.makedev(int(major), int(minor))
        for path in _shown(mount):
            yield from self._source(path)

    def _source(self, path: bytes) -> Iterator[int]:
        try:
            seen = os.stat(path)
        except OSError:
            return
        if stat.S_ISBLK(seen.st_mode):
            yield seen.st_rdev
            if self._into_images:
                yield from self._below(f"{os.major(seen.st_rdev)}:{os.minor(seen.st_rdev)}")
        elif stat.S_ISDIR(seen.st_mode):
            yield from self._of(path)
        elif self._into_images:
            yield from self._of(os.path.dirname(path))

    def _below(self, device: str) -> Iterator[int]:
        """Yield the devices below an encrypted one, and that of the file that a loop device shows."""
        about = os.path.realpath(f"{_BLOCK_DEVICES}/{device}")
        for each in (about, os.path.dirname(about)):  # a partition is in the folder of its disk
            with contextlib.suppress(OSError), open(f"{each}/loop/backing_file", "rb") as file:
                yield from self._of(os.path.dirname(file.read().rstrip(b"\n")))
        with contextlib.suppress(OSError):
            for name in os.listdir(f"{about}/slaves"):
                with open(f"{about}/slaves/{name}/dev") as file:
                    number = file.read().strip()
                major, minor = number.split(":")
                yield os.makedev(int(major), int(minor))
                yield from self._below(number)


def _shown(mount: Mount) -> Iterator[bytes]:
    """Yield what a mount shows: a device, a file, or folders."""
    if mount.source.startswith(b"/"):
        yield mount.source
    if mount.kind == b"overlay":
        for option in mount.options.split(b","):
            name, _, layers = option.partition(b"=")
            if name in _LAYERS:
                yield from map(plain, layers.split(b":"))
    elif mount.kind == b"fuse.mergerfs":
        with contextlib.suppress(OSError):
            branches = os.getxattr(os.path.join(mount.point, b".mergerfs"), "user.mergerfs.branches")
            yield from (each.rpartition(b"=")[0] or each for each in branches.split(b":"))
