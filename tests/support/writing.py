"""Another program that writes to a file while it is moved: a real one, in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIRST = """
import mmap, os, select, sys, time
path, pause = sys.argv[1], float(sys.argv[2])
told = lambda: select.select([sys.stdin], [], [], pause)[0]
"""

_LOOPS = {
    # Its page is dirty from the first store on.
    "maps": """
fd = os.open(path, os.O_RDWR)
store, n = mmap.mmap(fd, 0), 1
os.close(fd)
def write(n): store[0:8] = b"%08d" % n
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
    """A program that writes numbers, as eight digits, to the beginning of a file: 1, 2, and so on."""

    process: subprocess.Popen[str]

    def end(self) -> int:
        """Tell it to stop; the last number that it has written."""
        said, _ = self.process.communicate("stop\n", timeout=30)
        return int(said)


@contextlib.contextmanager
def writing(path: Path, way: str, *, pause: float = 0.0003) -> Iterator[Writer]:
    """A writer of one of `WAYS` that has begun, and rests `pause` seconds after each number."""
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
