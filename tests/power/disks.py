"""Serves image files as disks, and logs all writes and flushes in one order.

A separate program: `disks.py MOUNTPOINT LOG IMAGE...`. Each image is a file of the same name below the mount point; a
loop device on it passes writes on as they come, and a flush of the device as fsync. With one thread, the log has the
true order across all disks.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

import mfusepy
from tests.power.log import flush_entry, write_entry


class Disks(mfusepy.Operations):  # type: ignore[misc]
    use_ns = True

    def __init__(self, log: str, images: list[str]) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._names = ["/" + os.path.basename(image) for image in images]
        self._disks = [os.open(image, os.O_RDWR | os.O_CLOEXEC) for image in images]

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        size = os.fstat(self._disks[self._disk(path)]).st_size
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(name[1:] for name in self._names)]

    def open(self, path: str, flags: int) -> int:
        return self._disk(path)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(self._disks[fh], size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        os.write(self._log, write_entry(fh, offset, data))
        return os.pwrite(self._disks[fh], data, offset)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        os.write(self._log, flush_entry(fh))
        return 0

    def _disk(self, path: str) -> int:
        if path not in self._names:
            raise OSError(errno.ENOENT, path)
        return self._names.index(path)


if __name__ == "__main__":
    _, mountpoint, log, *images = sys.argv
    mfusepy.FUSE(Disks(log, images), mountpoint, foreground=True, nothreads=True, fsname="fileorg-power")
