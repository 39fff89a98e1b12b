"""Runs `python -m fileorg` in forks of a process that has imported everything.

A new Python takes longer to start than most commands take. Each fork is a process of its own, with its own words,
variables, folder and standard streams. What Python reads only at its start is the same for all of them:
`WarmPython.can_run` is False for a command that needs it otherwise.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import re
import resource
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_READ_AT_START = re.compile(
    r"PYTHON|LC_|LANG|TERM|COV|FORCE_COLOR|NO_COLOR|PY_COLORS|GITHUB_|COLUMNS|TMPDIR|SQLITE_|LD_"
)
"""Variables that Python, or a library that it imports, reads once."""
_IMPORTED_LATE = ("typer", "rich.live", "rich.progress_bar", "rich.table", "rich.tree", "aiobotocore.session")
_MAX_REQUEST_BYTES = 1 << 20
_PATIENCE_SECONDS = 60
_CRASHED = 70
"""An exit code that fileorg never returns."""


class WarmPython:
    """The process that forks. Threads may run commands side by side."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._inherited = _inherited()
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MAX_REQUEST_BYTES)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL, cwd="/", env=self._environment, pass_fds=[theirs.fileno()],
            )  # fmt: skip

    def can_run(self, environment: Mapping[str, str]) -> bool:
        """Return whether a command with these variables runs in a fork as it does in a new Python."""
        differing = dict(environment.items() ^ self._environment.items())
        is_covered = any(name.startswith("COV") for name in environment)
        return not is_covered and _inherited() == self._inherited and not any(map(_READ_AT_START.match, differing))

    def run(
        self, words: Sequence[str], given: bytes, folder: Path, environment: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end. Raises `subprocess.TimeoutExpired`."""
        request = json.dumps({"words": words, "folder": str(folder), "environment": dict(environment)}).encode()
        with contextlib.ExitStack() as stack:
            ours, theirs = map(stack.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            ends = [os.pipe() for _ in range(3)]
            stdin, stdout, stderr = (
                stack.enter_context(open(end, mode))
                for end, mode in ((ends[0][1], "wb"), (ends[1][0], "rb"), (ends[2][0], "rb"))
            )
            its = [ends[0][0], ends[1][1], ends[2][1]]
            socket.send_fds(self._requests, [request], [*its, theirs.fileno()])
            for fd in its:
                os.close(fd)
            theirs.close()
            pid = int(ours.recv(32))
            out = _communicate(pid, stdin, given, (stdout, stderr), seconds)
            ours.settimeout(seconds)
            return subprocess.CompletedProcess(words, os.waitstatus_to_exitcode(int(ours.recv(32))), *out)

    def close(self) -> None:
        self._requests.close()
        self._process.wait()


def _inherited() -> tuple[Any, ...]:
    """Return what a new process inherits besides its variables and its folder."""
    with open("/proc/self/status") as status:
        umask = next(line for line in status if line.startswith("Umask:"))
    limits = [resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)]
    return umask, limits, os.getresuid(), os.getresgid(), os.getgroups()


def _communicate(pid: int, stdin: Any, given: bytes, outputs: tuple[Any, Any], seconds: float) -> list[bytes]:
    """Write the input of a process, and return all that it writes."""
    ends = time.monotonic() + seconds
    found: dict[Any, list[bytes]] = {each: [] for each in outputs}
    with selectors.DefaultSelector() as waiting:
        for each in outputs:
            waiting.register(each, selectors.EVENT_READ)
        feeder = threading.Thread(target=_feed, args=(stdin, given), daemon=True)
        feeder.start()
        while waiting.get_map():
            ready = waiting.select(max(0, ends - time.monotonic()))
            if not ready:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(str(pid), seconds)
            for key, _ in ready:
                if part := os.read(key.fd, 1 << 16):
                    found[key.fileobj].append(part)
                else:
                    waiting.unregister(key.fileobj)
        feeder.join()
    return [b"".join(found[each]) for each in outputs]


def _feed(stdin: Any, given: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), stdin:
        if given:
            stdin.write(given)


_started: dict[frozenset[tuple[str, str]], WarmPython] = {}


def run_fileorg(
    words: Sequence[str | bytes | Path],
    folder: Path,
    environment: Mapping[str, str],
    usual: Mapping[str, str],
    given: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end, in a fork if a new Python would run it in the same way. Raises
    `subprocess.TimeoutExpired`.

    `usual` are the variables of most commands of a test: a process that forks is started with them.
    """
    key = frozenset(each for each in usual.items() if _READ_AT_START.match(each[0]))
    if key not in _started:
        _started[key] = WarmPython(usual)
        atexit.register(_started[key].close)
    if _started[key].can_run(environment):
        return _started[key].run([os.fsdecode(word) for word in words], given, folder, environment, _PATIENCE_SECONDS)
    return subprocess.run(
        [sys.executable, "-m", "fileorg", *words],
        input=given, capture_output=True, cwd=folder, env=environment, timeout=_PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def _serve(requests: socket.socket) -> None:
    """Fork a command for each request, until there are no more."""
    requests.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _MAX_REQUEST_BYTES)
    with selectors.DefaultSelector() as waiting:
        waiting.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.data is not None:  # a command has ended
                    pid, answers = key.data
                    waiting.unregister(key.fd)
                    os.close(key.fd)
                    with contextlib.suppress(BrokenPipeError), answers:
                        answers.send(b"%d" % os.waitpid(pid, 0)[1])
                    continue
                request, fds, *_ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, 4)
                if not request:
                    return
                pid = os.fork()
                if pid == 0:
                    _become(json.loads(request), fds)
                for fd in fds[:3]:
                    os.close(fd)
                answers = socket.socket(fileno=fds[3])
                answers.send(b"%d" % pid)
                waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answers))


def _become(request: dict[str, Any], fds: list[int]) -> NoReturn:
    """Run the command in this process, then exit."""
    code = _CRASHED
    try:
        for standard, fd in enumerate(fds[:3]):
            os.dup2(fd, standard)
        _open_streams()
        os.closerange(3, 1024)  # their objects are never freed: this function does not return
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        main = importlib.import_module("fileorg.__main__")
        sys.modules["__main__"] = main  # as for `python -m`: processes to come look at it
        sys.path.insert(0, request["folder"])
        sys.argv[:] = [str(main.__file__), *request["words"]]
        code = 0
        main.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    except BaseException:  # as Python does
        code = 1
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _open_streams() -> None:
    """Open the standard streams as Python does: an open one knows whether the file of before can be sought."""
    for standard, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        old = getattr(sys, name)
        buffering = 1 if name == "stderr" else -1
        stream = open(standard, mode, buffering, encoding=old.encoding, errors=old.errors, closefd=False)  # noqa: SIM115
        for each in (name, f"__{name}__"):
            setattr(sys, each, stream)


def _preload() -> None:
    import fileorg

    for module in pkgutil.walk_packages(fileorg.__path__, "fileorg."):
        if not any(part in module.name for part in (".serve", ".mcp", "__main__")):
            importlib.import_module(module.name)
    for name in _IMPORTED_LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


if __name__ == "__main__":
    _preload()
    _serve(socket.socket(fileno=int(sys.argv[1])))
