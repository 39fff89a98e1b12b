"""Commands that run one after the other in one process, each in the state of a new one.

A fork per command costs more than most commands: each page that it touches is copied.
"""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import sys
import traceback
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_COMMANDS = 300
"""The number of commands after which a series ends, so that no memory that they leave adds up."""
_CHANGED_BY_PYTHON = {"__builtins__", "__warningregistry__"}


class Series:
    """A fork of this process, which itself runs no command: its pages stay shared with its other forks."""

    def __init__(self, run: Callable[[str], int], first: FirstState, lowest_fd: int) -> None:
        """`run` runs the command of a request, and returns its status. Descriptors are at least `lowest_fd`."""
        self.commands = 0
        requests, self._requests = _pipe(lowest_fd)
        self._answers, answers = _pipe(lowest_fd)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._requests)
            os.close(self._answers)
            os.umask(0o022)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            with os.fdopen(requests) as lines:
                first.note_open()
                for line in lines:
                    os.write(answers, b"%d\n" % run(line))
            os.write(answers, "\n".join(first.changes()).encode())
            os._exit(0)
        os.close(requests)
        os.close(answers)

    def run(self, request: str) -> int | None:
        """Run the command of a request, and return its status, None if the process was killed."""
        self.commands += 1
        os.write(self._requests, request.encode())
        answer = os.read(self._answers, 32)
        return int(answer) if answer else None

    def end(self) -> int:
        """Wait for the end of the process, and return its status. Raises `AssertionError` if a command has changed what
        is not reset.
        """
        os.close(self._requests)
        changes = os.read(self._answers, 1 << 16)
        os.close(self._answers)
        status = os.waitpid(self.pid, 0)[1]
        if changes:
            raise AssertionError(f"not reset after a command: {changes.decode()}")
        return status


def _pipe(lowest_fd: int) -> tuple[int, int]:
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, lowest_fd) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


class FirstState:
    """The state of all modules of fileorg in a new process. Caches by arguments stay: they depend on nothing else."""

    def __init__(self, patched: frozenset[str]) -> None:
        """`patched` are the modules that requests change."""
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        modules = {name: vars(module) for name, module in sys.modules.items() if name.partition(".")[0] == "fileorg"}
        self._globals = {name: (now, now.copy()) for name, now in modules.items()}
        self._patched = [self._globals[name] for name in patched & modules.keys()]
        self._containers = list({id(one): (one, one.copy()) for one in self._mutable()}.values())
        self._open = _open()

    def note_open(self) -> None:
        """Note the descriptors that a series has open."""
        self._open = _open()

    def _mutable(self) -> list[Any]:
        return [one for now, _ in self._globals.values() for name, one in now.items() if _is_mutable(name, one)]

    def restore(self) -> None:
        """Reset what a command may have changed. Raises `AssertionError` if it left a descriptor open."""
        for now, first in self._patched:
            if now != first:
                now.clear()
                now.update(first)
        for one, first in self._containers:
            if len(one) != len(first):
                one.clear()
                (one.extend if isinstance(one, list) else one.update)(first)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)
        if _open() != self._open and (gc.collect(), _open())[1] != self._open:
            raise AssertionError(f"descriptors are still open: {_open() - self._open}")

    def changes(self) -> list[str]:
        """Return what has changed and is not reset: to look for it after each command would take as long as one."""
        return [
            f"{module}.{name}"
            for module, (now, first) in self._globals.items()
            if now != first
            for name in now.keys() | first.keys()
            if now.get(name) is not first.get(name)
            if not isinstance(now.get(name), ModuleType) and name not in _CHANGED_BY_PYTHON
        ]


def _is_mutable(name: str, one: Any) -> bool:
    return isinstance(one, dict | list | set) and name not in _CHANGED_BY_PYTHON


def _open() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def run(command: Callable[[], int], output: str, first: FirstState, crashed: int) -> int:
    """Run a command with its output in a file, and return its exit code, `crashed` if it raised."""
    fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
    code = crashed
    try:
        code = command()
        first.restore()
    except BaseException:
        code = crashed
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code
