"""A real separate process that writes to a file while it is moved."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST = """
import ctypes, os, select, sys
path, pause = sys.argv[1], float(sys.argv[2])
told = lambda: select.select([sys.stdin], [], [], pause)[0]
"""

_MAPS = """
libc, fd = ctypes.CDLL(None, use_errno=True), os.open(path, os.O_RDWR)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
store = libc.mmap(None, os.fstat(fd).st_size, 3, 1, fd, 0)
assert store != 2**64 - 1, os.strerror(ctypes.get_errno())
"""

_LOOPS = {
    # The page is dirty after the first store. The descriptor is closed; mmap.mmap would keep a duplicate open.
    "maps": _MAPS
    + """
os.close(fd)
def write(n): ctypes.memmove(store, b"%08d" % n, 8)
""",
    "holds": """
fd = os.open(path, os.O_RDWR)
def write(n): os.pwrite(fd, b"%08d" % n, 0)
""",
    "opens": """
def write(n):
    fd = os.open(path, os.O_RDWR)
    seen = os.fstat(fd)
    os.pwrite(fd, b"%08d" % n, 0)
    os.close(fd)
""",
    "puts the time back": """
def write(n):
    fd = os.open(path, os.O_RDWR)
    seen = os.fstat(fd)
    os.pwrite(fd, b"%08d" % n, 0)
    os.utime(fd, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    os.close(fd)
""",
}
WAYS = tuple(_LOOPS)

_LAST = """
n = 1
write(n)
print("ready", flush=True)
while not told():
    try:
        write(n + 1)
    except FileNotFoundError:
        break
    n += 1
print(n, flush=True)
"""


class Writer(NamedTuple):
    """A program that writes increasing numbers of eight digits to the beginning of a file."""

    process: subprocess.Popen[str]

    def end(self) -> int:
        """Stop the program; return the last number written."""
        said, _ = self.process.communicate("stop\n", timeout=30)
        return int(said)


@contextlib.contextmanager
def writing(path: Path, way: str, *, pause: float = 0.0003) -> Iterator[Writer]:
    """Yield a started writer of one of `WAYS`, which pauses `pause` seconds after each number."""
    program = _FIRST + _LOOPS[way] + _LAST
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path), str(pause)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield Writer(process)
        finally:
            process.kill()


# Holders that do not write --------------------------------------------------------------------------------------------

_HELD = {
    "appends": "fd = os.open(path, os.O_WRONLY | os.O_APPEND)",
    "rewrites": "fd = os.open(path, os.O_RDWR)",
    "maps": _MAPS + "os.close(fd)",
    "has it by inheritance": """
fd = os.open(path, os.O_RDWR)
if os.fork():
    os.close(fd)
    time.sleep(60)
""",
    "sends it": """
import socket
fd, (one, other) = os.open(path, os.O_RDWR), socket.socketpair()
socket.send_fds(one, [b"fd"], [fd])  # on its way, no process has it open
os.close(fd)
""",
}
HOLDS = tuple(_HELD)
_NOBODY = 65534


@contextlib.contextmanager
def holding(path: Path, way: str) -> Iterator[int]:
    """Run a program that has a file open for writing in one of `HOLDS`, but writes nothing; yield its process id."""
    begin, end = "import ctypes, os, sys, time\npath = sys.argv[1]", "print(os.getpid(), flush=True)\ntime.sleep(60)"
    with _started([sys.executable, "-c", f"{begin}\n{_HELD[way]}\n{end}", str(path)]) as pid:
        yield pid


@contextlib.contextmanager
def held_by_nobody(path: Path) -> Iterator[int]:
    """Do the same as another user, who may not run root's Python."""
    with _started(["sh", "-c", 'exec 3>>"$0"; echo $$; sleep 60', str(path)], user=_NOBODY) as pid:
        yield pid


@contextlib.contextmanager
def leased_for_writing(path: Path) -> Iterator[int]:
    """Run a file server with a write lease on a file, as Samba, whose client is slow to give it up."""
    program = """
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(os.open(sys.argv[1], os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK)
print(os.getpid(), flush=True)
time.sleep(60)
"""
    with _started([sys.executable, "-c", program, str(path)]) as pid:
        yield pid


@contextlib.contextmanager
def _started(command: list[str], user: int | None = None) -> Iterator[int]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, user=user) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            while _is_alive(process.pid):  # also its children: a process's files are closed when it has ended
                time.sleep(0.001)


def _is_alive(group: int) -> bool:
    """Return whether any process of a group is still running."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in {"Z", "X"}:
                return True
    return False


class Mapped:
    """A shared mapping of a file for writes by this process; its descriptor may be closed."""

    def __init__(self, fd: int, size: int) -> None:
        self._libc, self._size = ctypes.CDLL(None, use_errno=True), size
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._start = self._libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
        if self._start in {None, ctypes.c_void_p(-1).value}:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def store(self, text: bytes) -> None:
        """Write to the beginning of the file."""
        ctypes.memmove(self._start, text, len(text))

    def close(self) -> None:
        self._libc.munmap(self._start, self._size)
