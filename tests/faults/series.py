"""Commands that run one after the other in this process, each in the state of a new one.

A fork per command costs more than most commands: each page that it touches is copied.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_CHANGED_BY_PYTHON = {"__builtins__", "__warningregistry__"}


class FirstState:
    """The state of all modules of fileorg in a new process. Caches by arguments stay: they depend on nothing else."""

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "fileorg"]
        self._globals = [(vars(module), dict(vars(module))) for module in self._modules]
        self._containers = list({id(one): (one, one.copy()) for one in self._mutable()}.values())
        self._open = _open()

    def note_open(self) -> None:
        """Note the descriptors that a series has open."""
        self._open = _open()

    def _mutable(self) -> list[Any]:
        return [one for _, known in self._globals for name, one in known.items() if _is_mutable(name, one)]

    def restore(self) -> None:
        """Reset everything that a command may have changed. Raises `AssertionError` if it left a descriptor open."""
        for now, first in self._globals:
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
