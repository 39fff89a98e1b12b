"""One fileorg command from outside: run it, trace it, kill it, or let its system calls fail."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

STRACE = shutil.which("strace")

MUTATING = (
    "renameat2", "renameat", "rename", "linkat", "link", "unlinkat", "unlink", "rmdir", "mkdirat", "mkdir",
    "symlinkat", "symlink", "pwrite64", "pwritev", "fdatasync", "fsync", "syncfs", "ftruncate", "fallocate",
    "utimensat", "fchmod", "fchmodat", "chmod", "fchown", "fsetxattr", "fremovexattr", "copy_file_range", "sendfile",
    "openat", "ioctl",
)  # fmt: skip
"""System calls that change files: of `openat` only those that may create a file, of `ioctl` only block sharing.

`write` is not included: fileorg and SQLite write to files by `pwrite64`, and to pipes and terminals by `write`.
"""

_DRIVER = Path(__file__).with_name("driver.py")
ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONFAULTHANDLER": "1",
    # For the negative controls.
    "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])),
    "NO_COLOR": "1",
    "LC_ALL": "C.UTF-8",
}
_SOON = 60.0
_OF_INTEREST = {"openat": re.compile("O_CREAT"), "ioctl": re.compile("FIDEDUPERANGE|FILE_EXTENT_SAME")}
_CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)")


@dataclass
class Request:
    """A request to the driver. `rows` per batch, 0 for the default; `die_at`, `halt_at`: a step, see `dying`."""

    words: list[str]
    env: dict[str, str] = field(default_factory=dict)
    output: str = ""
    rows: int = 0
    two_processes: bool = False
    control: str = ""
    die_at: int = 0
    halt_at: int = 0
    held: bool = False
    max_open: int = 0
    """The limit of open descriptors, 0 for the default."""
    in_series: bool = False
    """True to run it in a process that runs many, one after the other, each in the first state of all modules."""
    starts_job: bool = False
    """True for a command that starts a job in the background, which inherits its variables."""
    on_network: bool = False
    """True to treat all folders like those of a network mount."""
    wall: list[str] = field(default_factory=list)
    """The writable folders (`wall`), besides the driver's scratch folder; no restriction if empty."""


class Call(NamedTuple):
    """One system call of a run: number `number` of its name in its process, from 1."""

    name: str
    number: int
    rest: str

    @property
    def about(self) -> str:
        """The kind of file that it changes: `journal`, `index`, `state` (else in the state directory), or `user`."""
        for part in ("journal.db", "index.db"):
            if part in self.rest:
                return part.partition(".")[0]
        return "state" if "/state" in self.rest else "user"

    @property
    def kill(self) -> str:
        """The fault for strace that kills the process before the call has any effect."""
        return f"{self.name}:signal=KILL:when={self.number}"

    def __str__(self) -> str:
        return f"{self.name} #{self.number} ({self.about})"


class Finished(NamedTuple):
    """The end of a command: its exit code, or minus the signal that killed it."""

    code: int
    output: str
    calls: list[Call]


class Driver:
    """A process that forks commands. Not thread-safe."""

    def __init__(self, scratch: Path, python: str = sys.executable) -> None:
        """`python` is an interpreter that can import the fileorg to run."""
        self._scratch = scratch
        self._temporary = scratch / "temporary"
        self._temporary.mkdir(parents=True, exist_ok=True)
        # Without coverage: its files would be taken for fileorg's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        # SQLite reads the folder for its temporary files when it is loaded.
        environment |= ENVIRONMENT | {"SQLITE_TMPDIR": str(self._temporary)}
        self._process = subprocess.Popen(
            [python, str(_DRIVER)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment,
        )  # fmt: skip
        self._answers = b""

    @property
    def waits(self) -> list[float]:
        """The waits before further tries in the last command, in seconds. None of them takes any time."""
        return [float(line) for line in Path(f"{self._output}.waits").read_text().split()]

    def close(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait()
        _pipe(self._process.stdout).close()

    def run(self, request: Request) -> Finished:
        """Run a command without faults."""
        self.start(request)
        return self.end()

    def traced(self, request: Request, inject: list[str], names: tuple[str, ...] = MUTATING) -> Finished:
        """Run a command under strace, with faults in strace's syntax: `renameat2:signal=KILL:when=3`."""
        with self.tracing(request, inject, names) as log:
            finished = self.end()
        return finished._replace(calls=_parse(log.read_text(errors="replace")))

    @contextlib.contextmanager
    def tracing(self, request: Request, inject: list[str], names: tuple[str, ...] = MUTATING) -> Iterator[Path]:
        """Like `traced`, but run the block meanwhile, which must call `end`. Yield the path of strace's log."""
        request.held = True
        pid = self.start(request)
        log = self._scratch / "calls"
        with _attached(pid, log, inject, names):
            self.let_go()
            yield log

    def start(self, request: Request) -> int:
        """Start a command and return its process id."""
        request.output = request.output or str(self._scratch / "output")
        if request.wall:
            request.wall = [os.devnull, str(self._temporary), *request.wall]
        self._output = Path(request.output)
        self._send(json.dumps(vars(request)))
        return self._number()

    def let_go(self) -> None:
        """Release a command that was started with `held`."""
        self._send("")

    def has_ended(self, seconds: float) -> bool:
        """Wait for the end of the started command, at most so long, and return whether it has ended."""
        return b"\n" in self._answers or bool(select.select([_pipe(self._process.stdout)], [], [], seconds)[0])

    def end(self) -> Finished:
        """Wait for the end of the started command."""
        status = os.waitstatus_to_exitcode(self._number())
        return Finished(status, self._output.read_text(errors="replace"), [])

    def _send(self, line: str) -> None:
        _pipe(self._process.stdin).write(line.encode() + b"\n")

    def _number(self) -> int:
        while b"\n" not in self._answers:
            more = _pipe(self._process.stdout).read(4096)
            if not more:
                raise AssertionError("the driver has ended: see its traceback")
            self._answers += more
        line, _, self._answers = self._answers.partition(b"\n")
        return int(line)


class _attached:  # noqa: N801  a context manager
    """strace attached to a waiting process, until all its children have ended."""

    def __init__(self, pid: int, log: Path, inject: list[str], names: tuple[str, ...]) -> None:
        log.write_text("")
        options = [f"--inject={fault}" for fault in inject]
        chosen = ["-f", "-qqq", "-y", "-s", "32", "-o", str(log), "-e", f"trace={','.join(names)}", *options]
        self._pid = pid
        self._strace = subprocess.Popen([STRACE or "strace", *chosen, "-p", str(pid)], stderr=subprocess.PIPE)

    def __enter__(self) -> None:
        status, late = Path(f"/proc/{self._pid}/status"), time.monotonic() + _SOON
        while b"TracerPid:\t0\n" in status.read_bytes():
            if self._strace.poll() is not None or time.monotonic() > late:
                self._strace.kill()
                os.kill(self._pid, signal.SIGKILL)
                raise AssertionError(f"strace cannot attach: {self._strace.communicate()[1]!r}")
            time.sleep(0.001)

    def __exit__(self, *_: object) -> None:
        try:
            self._strace.communicate(timeout=_SOON)
        except subprocess.TimeoutExpired:
            self._strace.kill()
            raise AssertionError("a process lives on after the command has ended") from None


def _parse(log: str) -> list[Call]:
    """Return the calls in order. Each process has a separate count, as in strace."""
    counts: dict[tuple[str, str], int] = {}
    calls = []
    for line in log.splitlines():
        if (found := _CALL.match(line)) is not None:
            key = found["pid"], found["name"]
            counts[key] = counts.get(key, 0) + 1
            if (telling := _OF_INTEREST.get(found["name"])) and not telling.search(found["rest"]):
                continue
            calls.append(Call(found["name"], counts[key], found["rest"]))
    return calls


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("it was opened with pipes")
    return pipe
