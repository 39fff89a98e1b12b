"""Shows a folder through FUSE, as sshfs and the like do: `passthrough.py BEHIND MOUNTPOINT`. A separate program."""

from __future__ import annotations

import errno
import os
import sys
import time

import mfusepy

_STAT = ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size")
_FREE = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")


class Passthrough(mfusepy.Operations):  # type: ignore[misc]
    use_ns = True

    def __init__(self, behind: str) -> None:
        self._behind = behind

    def _at(self, path: str) -> str:
        return self._behind + path

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        try:
            seen = os.lstat(self._at(path))
        except OSError as error:
            raise mfusepy.FuseOSError(error.errno) from error
        times = {"st_atime": seen.st_atime_ns, "st_mtime": seen.st_mtime_ns, "st_ctime": seen.st_ctime_ns}
        return {name: getattr(seen, name) for name in _STAT} | times

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._at(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))

    def create(self, path: str, mode: int, fi: object = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags & (os.O_ACCMODE | os.O_TRUNC))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        os.truncate(self._at(path), length)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.fsync(fh)

    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    def rename(self, old: str, new: str) -> None:
        os.rename(self._at(old), self._at(new))

    def link(self, target: str, source: str) -> None:
        raise mfusepy.FuseOSError(errno.EPERM)

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.chown(self._at(path), uid, gid, follow_symlinks=False)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path), ns=times or (time.time_ns(), time.time_ns()), follow_symlinks=False)

    def statfs(self, path: str) -> dict[str, int]:
        seen = os.statvfs(self._at(path))
        return {name: getattr(seen, name) for name in _FREE}


if __name__ == "__main__":
    mfusepy.FUSE(Passthrough(sys.argv[1]), sys.argv[2], foreground=True, nothreads=True, fsname="passthrough")
