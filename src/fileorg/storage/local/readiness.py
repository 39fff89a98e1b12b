"""Whether a program writes to a file: asked before its content is copied, replaced or removed.

A lease (fcntl(2), F_SETLEASE) is refused while anyone has the file open for writing, or has a shared writable mapping
of it. Where there is none to be had, /proc tells as much of the processes that may be looked into; and what others may
be doing, on another machine or below a FUSE file system, only shows in the time of the last write.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import signal
import stat
import sys
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

_FUSE = 0x65735546
_BY_ITS_SERVER: Final = frozenset({0x6969, 0xFF534D42, 0x517B, 0xFE534D42})
"""NFS, CIFS, SMB, SMB 2: they refuse a lease also where the server has not given them one."""
_SHARED: Final = _BY_ITS_SERVER | {
    0x01021997, 0x00C36400, 0x5346414F, 0x6B414653, 0x0BD00BD0, 0x7461636F, 0x01161970, 0x786F4256,
}  # fmt: skip
"""With 9P, Ceph, both kinds of AFS, Lustre, OCFS2, GFS2 and folders of VirtualBox: other machines write there, too."""
_DOUBTFUL: Final = _SHARED | {_FUSE, posix.OVERLAY}
"""Where a lease is not the whole truth: on overlayfs, it knows of no mapping whose descriptor was closed."""
QUIET_NS = 10 * 10**9
"""For how long nothing may have been written where nobody can tell who writes: two looks, so far apart."""


class State(Enum):
    """What can be said of those who may write to a file."""

    FREE = auto()  # nobody does
    IN_USE = auto()  # someone does
    UNKNOWN = auto()  # nobody can tell


class Readiness(NamedTuple):
    """Whether a file can be taken; the process that writes to it, where that is known."""

    state: State
    pid: int | None = None
    is_leased: bool = False
    """Whether who wants to write to it has to wait: see `release`."""


FREE: Final = Readiness(State.FREE)


def readiness(fd: int, *, settle_ns: int = 0) -> Readiness:
    """Return whether anyone may write to an open file; nobody can where it is leased, until it is closed.

    What was written to within `settle_ns` is not free. Raises `OSError`.
    """
    answer, kind = _lease(fd), posix.file_system_type(fd)
    if answer is _Lease.REFUSED and kind not in _BY_ITS_SERVER:
        return Readiness(State.IN_USE, _writer_of(fd))
    is_leased = answer is _Lease.HELD
    if not is_leased or kind in _DOUBTFUL:
        state, pid = _without_lease(fd, kind, is_leased=is_leased)
        if state is not State.FREE:
            return Readiness(state, pid, is_leased)
    if settle_ns and not is_quiet(os.fstat(fd), settle_ns):
        return Readiness(State.UNKNOWN, None, is_leased)
    return Readiness(State.FREE, None, is_leased)


@contextlib.contextmanager
def held(open_read: Callable[[], BinaryIO]) -> Iterator[Readiness]:
    """Yield the readiness of the file that `open_read` opens, and hold the lease on it until the end.

    Raises `OSError`, but not where it may not be read.
    """
    try:
        file = open_read()
    except BlockingIOError:
        answer = Readiness(State.IN_USE)  # a file server has leased it for writing
    except PermissionError:
        answer = Readiness(State.UNKNOWN)
    else:
        with file:
            yield readiness(file.fileno())
        return
    yield answer


def _without_lease(fd: int, kind: int, *, is_leased: bool) -> tuple[State, int | None]:
    """What can be told where there is no lease, or that is not the whole truth."""
    seen = os.fstat(fd)
    is_shared = kind in _SHARED or (kind == _FUSE and not _is_of_a_disk(seen))
    if is_leased and kind == _FUSE and not is_shared:
        return State.FREE, None
    if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
        return State.FREE, None
    if (pid := _writer_of(fd)) is not None:
        return State.IN_USE, pid
    if not is_leased and os.geteuid() not in {0, seen.st_uid}:
        return State.UNKNOWN, None
    is_settled = (is_leased and not is_shared) or is_quiet(seen)
    return State.FREE if is_settled else State.UNKNOWN, None


def _is_of_a_disk(seen: os.stat_result) -> bool:
    """Return whether FUSE shows a disk, or an image of one: all who write there do it through its driver.

    Anything else may be a view of what others write to elsewhere.
    """
    if os.major(seen.st_dev):
        return True
    from fileorg.storage.local.mounts import plain  # few disks are FUSE

    device = b"%d:%d" % (os.major(seen.st_dev), os.minor(seen.st_dev))
    try:
        with open(f"{_PROC}/self/mountinfo", "rb") as mounts:
            fields = next((line.split() for line in mounts if line.split()[2] == device), [])
        source = plain(fields[fields.index(b"-") + 2])
        return source.startswith(b"/") and stat.S_ISREG(os.stat(source).st_mode)
    except (OSError, ValueError, IndexError):
        return False


def is_quiet(seen: os.stat_result, settle_ns: int = QUIET_NS) -> bool:
    """Return whether nothing has been written to a file for so long, or its time comes from another clock."""
    return abs(time.time_ns() - seen.st_mtime_ns) >= settle_ns


class _Lease(Enum):
    """What the system promises of an open file."""

    HELD = auto()  # nobody has it open for writing
    REFUSED = auto()  # someone has
    NONE = auto()  # nothing: another owner's file, or a file system without leases


def _lease(fd: int) -> _Lease:
    """Ask for a lease. It ends with the descriptor, or when someone has waited for it too long."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return _Lease.NONE
    try:
        # Who waits is told of by a signal, which is to end no process: this one is ignored unless it is asked for.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return _Lease.REFUSED if error.errno == errno.EAGAIN else _Lease.NONE
    return _Lease.HELD


def release(fd: int) -> None:
    """End the lease on an open file, if there is one: who wants to write to it need not wait any longer."""
    if hasattr(fcntl, "F_SETLEASE"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def is_leased(fd: int) -> bool:
    """Return whether a lease that was granted lasts, and nobody waits for its end."""
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK


# What /proc tells -----------------------------------------------------------------------------------------------------

_PROC = "/proc"
_MAPPED = rb"(?m)^[0-9a-f]+-[0-9a-f]+ .w.s [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) ([0-9]+) +(/.*)$"
"""Compiled when it is first asked for: nearly every run has leases."""


def _writer_of(fd: int) -> int | None:
    """Return a process that has the file open for writing or mapped, as far as this one may look into others."""
    if sys.platform != "linux":
        return None
    try:
        seen, path = os.fstat(fd), os.readlink(f"{_PROC}/self/fd/{fd}")
        processes = [name for name in os.listdir(_PROC) if name.isdecimal()]
    except OSError:
        return None
    for look in (_has_open, _has_mapped):
        for name in processes:
            if look(name, seen, path):
                return int(name)
    return None


def _has_open(process: str, seen: os.stat_result, path: str) -> bool:
    folder = f"{_PROC}/{process}/fd"
    try:
        numbers = os.listdir(folder)
    except OSError:
        return False  # another user's process, or one that has ended
    for number in numbers:
        link = f"{folder}/{number}"
        try:
            leads_to = os.readlink(link)
            # The mode of the link tells whether it is open for writing. What is neither of that name nor of that number
            # is not looked at: it may be on a disk that does not answer.
            if not leads_to.startswith("/") or not os.lstat(link).st_mode & stat.S_IWUSR:
                continue
            if leads_to == path or _inode_of(f"{_PROC}/{process}/fdinfo/{number}") == seen.st_ino:
                there = os.stat(link)
                if (there.st_dev, there.st_ino) == (seen.st_dev, seen.st_ino):
                    return True
        except OSError:
            continue  # it was closed just now
    return False


def _inode_of(facts: str) -> int:
    with open(facts, "rb") as file:
        found = re.search(rb"^ino:\s*([0-9]+)$", file.read(), re.MULTILINE)
    return int(found[1]) if found else 0


def _has_mapped(process: str, seen: os.stat_result, path: str) -> bool:
    try:
        with open(f"{_PROC}/{process}/maps", "rb") as file:
            maps = file.read()
    except OSError:
        return False
    name = os.fsencode(path).replace(b"\n", rb"\012")
    for major, minor, inode, mapped in re.findall(_MAPPED, maps):
        if mapped == name:  # on btrfs, what is said of the device is another one than stat(2) tells
            return True
        if int(inode) == seen.st_ino and os.makedev(int(major, 16), int(minor, 16)) == seen.st_dev:
            return True
    return False
