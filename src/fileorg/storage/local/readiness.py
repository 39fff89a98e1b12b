"""Detection of programs that write to a file, before its content is copied, replaced or removed.

A lease (fcntl(2), F_SETLEASE) is refused while any process has the file open for writing or in a shared writable
mapping. Without leases, /proc shows the processes that this user may inspect. Writers on other machines or below a FUSE
file system only show in the time of the last write.
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
from typing import TYPE_CHECKING, Final

from fileorg.core.tuples import NamedTuple
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from typing import BinaryIO

_FUSE: Final = 0x65735546
_BY_ITS_SERVER: Final = frozenset({0x6969, 0xFF534D42, 0x517B, 0xFE534D42})
"""NFS, CIFS, SMB, SMB 2: a refused lease may only mean that the server granted none."""
_SHARED: Final = _BY_ITS_SERVER | {
    0x01021997, 0x00C36400, 0x5346414F, 0x6B414653, 0x0BD00BD0, 0x7461636F, 0x01161970, 0x786F4256,
}  # fmt: skip
"""Also 9P, Ceph, both kinds of AFS, Lustre, OCFS2, GFS2 and VirtualBox folders: other machines write there, too."""
_WITHOUT_INODES: Final = frozenset({0x2011BAB0, 0x4D44})
"""exFAT and FAT: a file has a new inode number each time it is looked up."""
POLLED: Final = _SHARED | {_FUSE} | _WITHOUT_INODES
"""File systems where the kernel does not report all changes, or reports them for inodes that do not last."""
_DOUBTFUL: Final = _SHARED | {_FUSE, posix.OVERLAY}
"""File systems where a lease proves little: on overlayfs it misses mappings whose descriptor was closed."""
QUIET_NS = 10 * 10**9
"""Minimum age of the last write where writers cannot be detected."""


class State(Enum):
    """Knowledge about the writers of a file."""

    FREE = auto()  # no writer
    IN_USE = auto()  # a writer exists
    UNKNOWN = auto()  # undetectable


class Readiness(NamedTuple):
    """The state of a file, and the process that writes to it, if known."""

    state: State
    pid: int | None = None
    is_leased: bool = False
    """True if new writers have to wait: see `release`."""


FREE: Final = Readiness(State.FREE)


def readiness(fd: int, *, settle_ns: int = 0) -> Readiness:
    """Return the readiness of an open file; if it is leased, new writers wait until it is closed.

    A file written to within `settle_ns` is not free. Raises `OSError`.
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


def is_open_for_writing(fd: int, written: Callable[[], Container[str]]) -> bool:
    """Return whether a program writes to an open file, as far as this can be found out for very many files.

    `written` returns what `paths_open_for_writing` does; it is asked only where a lease proves little.
    """
    answer, kind = _lease(fd), posix.file_system_type(fd)
    if answer is _Lease.REFUSED and kind not in _BY_ITS_SERVER:
        return True
    if answer is _Lease.HELD and kind not in _DOUBTFUL:
        return False
    try:
        return os.readlink(f"{_PROC}/self/fd/{fd}") in written()
    except OSError:
        return False


def is_polled(fd: int) -> bool:
    """Return whether changes in an open folder can only be found by looking again and again."""
    return sys.platform != "linux" or posix.file_system_type(fd) in POLLED


@contextlib.contextmanager
def held(open_read: Callable[[], BinaryIO]) -> Iterator[Readiness]:
    """Yield the readiness of the file that `open_read` opens; a lease on it lasts until the end of the block.

    Raises `OSError`, except if the file may not be read.
    """
    try:
        file = open_read()
    except BlockingIOError:
        answer = Readiness(State.IN_USE)  # leased for writing by a file server
    except PermissionError:
        answer = Readiness(State.UNKNOWN)
    else:
        with file:
            yield readiness(file.fileno())
        return
    yield answer


def _without_lease(fd: int, kind: int, *, is_leased: bool) -> tuple[State, int | None]:
    """Return the state and the writer without a lease, or with one that proves little."""
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


def is_network(fd: int) -> bool:
    """Return whether an open file is on a network mount, or may be: behind FUSE, anything but a disk."""
    kind = posix.file_system_type(fd)
    return kind in _SHARED or (kind == _FUSE and not _is_of_a_disk(os.fstat(fd)))


def _is_of_a_disk(seen: os.stat_result) -> bool:
    """Return whether FUSE shows a disk or a disk image, so that all writes go through its driver.

    Anything else may be a view of files that others write elsewhere.
    """
    if os.major(seen.st_dev):
        return True
    from fileorg.storage.local.mounts import plain  # rarely needed

    device = b"%d:%d" % (os.major(seen.st_dev), os.minor(seen.st_dev))
    try:
        with open(f"{_PROC}/self/mountinfo", "rb") as mounts:
            fields = next((line.split() for line in mounts if line.split()[2] == device), [])
        source = plain(fields[fields.index(b"-") + 2])
        return source.startswith(b"/") and stat.S_ISREG(os.stat(source).st_mode)
    except (OSError, ValueError, IndexError):
        return False


def is_quiet(seen: os.stat_result, settle_ns: int = QUIET_NS) -> bool:
    """Return whether the last write is at least `settle_ns` ago, or its time comes from another clock."""
    return abs(time.time_ns() - seen.st_mtime_ns) >= settle_ns


class _Lease(Enum):
    """The answer to a lease request."""

    HELD = auto()  # no process has it open for writing; for a write lease, none has it open at all
    REFUSED = auto()  # a process has
    NONE = auto()  # unavailable: a foreign file, or no leases here


def _lease(fd: int, kind: int = fcntl.F_RDLCK) -> _Lease:
    """Request a lease. It ends with the descriptor, or when a writer has waited too long."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return _Lease.NONE
    try:
        # When a writer waits, the kernel signals the holder: by SIGURG, which is ignored by default, not by SIGIO,
        # which would end the process.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, kind)
    except OSError as error:
        return _Lease.REFUSED if error.errno == errno.EAGAIN else _Lease.NONE
    return _Lease.HELD


def is_alone(fd: int) -> bool | None:
    """Return whether a file is open nowhere else, not even for reading; None if leases are unavailable."""
    answer = _lease(fd, fcntl.F_WRLCK)
    if answer is _Lease.HELD:
        release(fd)
    return None if answer is _Lease.NONE else answer is _Lease.HELD


def release(fd: int) -> None:
    """End the lease on an open file, if any, so that writers need not wait."""
    if hasattr(fcntl, "F_SETLEASE"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def is_leased(fd: int) -> bool:
    """Return whether a granted lease still holds and no writer waits."""
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK


# Writers found in /proc ----

_PROC = "/proc"
_MAPPED = rb"(?m)^[0-9a-f]+-[0-9a-f]+ .w.s [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) ([0-9]+) +(/.*)$"
"""Compiled on first use, because leases answer nearly always."""


def paths_open_for_writing() -> frozenset[str]:
    """Return the files that processes have open for writing or mapped, as far as /proc may be read: in one pass."""
    found: set[str] = set()
    try:
        processes = [name for name in os.listdir(_PROC) if name.isdecimal()]
    except OSError:
        return frozenset()
    for process in processes:
        folder = f"{_PROC}/{process}/fd"
        with contextlib.suppress(OSError):
            for number in os.listdir(folder):
                with contextlib.suppress(OSError):  # closed meanwhile
                    link = f"{folder}/{number}"
                    leads_to = os.readlink(link)
                    if leads_to.startswith("/") and os.lstat(link).st_mode & stat.S_IWUSR:
                        found.add(leads_to)
            with open(f"{_PROC}/{process}/maps", "rb") as file:
                for _, _, _, mapped in re.findall(_MAPPED, file.read()):
                    found.add(os.fsdecode(mapped.replace(rb"\012", b"\n")))
    return frozenset(found)


def _writer_of(fd: int) -> int | None:
    """Return the id of a process that has the file open for writing or mapped, as far as /proc may be read."""
    if sys.platform != "linux":
        return None
    try:
        seen, path = os.fstat(fd), os.readlink(f"{_PROC}/self/fd/{fd}")
        processes = [name for name in os.listdir(_PROC) if name.isdecimal()]
    except OSError:
        return None
    for finds in (_has_open, _has_mapped):
        for name in processes:
            if finds(name, seen, path):
                return int(name)
    return None


def _has_open(process: str, seen: os.stat_result, path: str) -> bool:
    folder = f"{_PROC}/{process}/fd"
    try:
        numbers = os.listdir(folder)
    except OSError:
        return False  # another user's process, or one that ended
    for number in numbers:
        link = f"{folder}/{number}"
        try:
            leads_to = os.readlink(link)
            # The mode of the link says if it is open for writing. Links with another name and inode are skipped: a stat
            # could hang on a disk that does not answer.
            if not leads_to.startswith("/") or not os.lstat(link).st_mode & stat.S_IWUSR:
                continue
            if leads_to == path or _inode_of(f"{_PROC}/{process}/fdinfo/{number}") == seen.st_ino:
                there = os.stat(link)
                if (there.st_dev, there.st_ino) == (seen.st_dev, seen.st_ino):
                    return True
        except OSError:
            continue  # closed meanwhile
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
        if mapped == name:  # btrfs lists another device than stat(2) returns
            return True
        if int(inode) == seen.st_ino and os.makedev(int(major, 16), int(minor, 16)) == seen.st_dev:
            return True
    return False
