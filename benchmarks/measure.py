"""Run commands, and measure their time and the memory of all their processes together."""

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_EVERY_S = 0.05
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_DROP_CACHES = Path("/proc/sys/vm/drop_caches")


class CommandFailedError(Exception):
    """Raised if a measured command fails; the message is for people."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command; `peak_bytes` is None if its memory was not sampled.

    `processor_seconds` includes all processes that the command waited for.
    """

    seconds: float
    peak_bytes: int | None = None
    processor_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Settings for commands: folder, environment, and whether to empty the page cache first."""

    cwd: Path
    environment: Mapping[str, str]
    is_cold: bool = False

    def with_environment(self, **variables: str) -> "Bench":
        return Bench(self.cwd, {**self.environment, **variables}, self.is_cold)

    def cold(self, *, is_cold: bool) -> "Bench":
        return Bench(self.cwd, self.environment, is_cold)

    def time(
        self, command: Sequence[str], output: Path | None = None, may_end_with: Collection[int] = frozenset({0})
    ) -> Run:
        """Time one run after a sync, so that no earlier data is left to write. `output` gets its standard output, and
        `may_end_with` are the exit codes of a success.
        """
        self._settle()
        before = _processor_seconds()
        started = time.perf_counter()
        with self._running(command, output, may_end_with) as process:
            process.wait()
            seconds = time.perf_counter() - started
        return Run(seconds, processor_seconds=_processor_seconds() - before)

    def sample_memory(
        self,
        command: Sequence[str],
        output: Path | None = None,
        may_end_with: Collection[int] = frozenset({0}),
        every_s: float = SAMPLE_EVERY_S,
    ) -> Run:
        """Run like `time` and sample the memory. Do not report the time unless samples are rare: they slow it down."""
        self._settle()
        before = _processor_seconds()
        started = time.perf_counter()
        with self._running(command, output, may_end_with) as process:
            sampler = _Sampler(process.pid, every_s)
            sampler.start()
            try:
                process.wait()
                seconds = time.perf_counter() - started
            finally:
                sampler.stop()
        return Run(seconds, sampler.peak_bytes, _processor_seconds() - before)

    def output(self, command: Sequence[str]) -> str:
        """Return the standard output of a command that times itself, or needs no time."""
        self._settle()
        done = subprocess.run(
            command,
            cwd=self.cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise CommandFailedError(_complaint(command, done.returncode, done.stderr))
        return done.stdout

    @contextlib.contextmanager
    def _running(
        self, command: Sequence[str], output: Path | None, may_end_with: Collection[int]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command; kill it on an interruption, and raise `CommandFailedError` if it fails."""
        with tempfile.TemporaryFile() as errors, (output or Path(os.devnull)).open("wb") as answer:
            # A separate session, so that the sampler also finds processes whose parent has ended.
            process = subprocess.Popen(
                command,
                cwd=self.cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=errors,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            if process.returncode not in may_end_with:
                errors.seek(0)
                text = errors.read().decode(errors="replace")
                raise CommandFailedError(_complaint(command, process.returncode, text))

    def _settle(self) -> None:
        os.sync()
        if self.is_cold:
            _DROP_CACHES.write_text("3\n")


def processor_seconds(process: int) -> float:
    """Return the processor time of a process so far."""
    fields = Path("/proc", str(process), "stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processor_seconds() -> float:
    """Return the processor time of all child processes that have ended, and of their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def can_drop_caches() -> bool:
    return os.access(_DROP_CACHES, os.W_OK)


def disk_bytes(folder: Path) -> int:
    """Return the disk usage of the files in a folder, in bytes."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


class _Sampler(threading.Thread):
    """A thread that records the peak memory of all processes of a session."""

    def __init__(self, session: int, every_s: float) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._session, self._every_s = session, every_s
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._every_s):
            members = _family(self._session)
            self.peak_bytes = max(self.peak_bytes, sum(map(memory_bytes, members)))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _family(session: int) -> set[int]:
    """Return the processes of the session, and their descendants in other sessions."""
    parents: dict[int, int] = {}
    members: set[int] = set()
    for process, parent, its_session in _processes():
        parents[process] = parent
        if its_session == session:
            members.add(process)
    for process in parents:
        line = [process]
        while line[-1] in parents and line[-1] not in members:
            line.append(parents[line[-1]])
        if line[-1] in members:
            members.update(line)
    return members


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yield (process, parent, session) for every process."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                # The name of the program is in brackets, and may itself contain brackets and spaces.
                fields = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()
                yield int(name), int(fields[1]), int(fields[3])


def memory_bytes(process: int) -> int:
    """Return the proportional memory of a process, or its resident memory if unknown; 0 if it has ended."""
    folder = Path("/proc", str(process))
    with contextlib.suppress(OSError):
        for line in (folder / "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError):
        return int((folder / "statm").read_bytes().split()[1]) * PAGE_BYTES
    return 0


def _complaint(command: Sequence[str], exit_code: int, errors: str) -> str:
    tail = "\n".join(errors.strip().splitlines()[-12:]) or "(it printed no error)"
    return f"`{' '.join(command)}` ended with exit code {exit_code}:\n{tail}"
