"""Kills or halts a command at its k-th step, counted in the process itself, without strace.

Under strace, a command takes a second. Ten thousand kills need something cheaper: the primitives by which fileorg
changes files, and the commits of its databases, count themselves.
"""

from __future__ import annotations

import fcntl
import functools
import os
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_OS = (
    "link", "unlink", "rename", "replace", "mkdir", "rmdir", "symlink", "fsync", "ftruncate", "utime", "fchmod",
    "fchown", "setxattr", "removexattr", "pwrite",
)  # fmt: skip
_OF_POSIX = ("rename_noreplace", "exchange", "sync_file_system")


def arm(die_at: int) -> None:
    """Count steps from now on, and kill this process at step `die_at`: before an even step, right after an odd one."""
    _count(_Counter(die_at, signal.SIGKILL))


def arm_halt(halt_at: int) -> None:
    """Like `arm`, but halt there until SIGCONT. Read-only steps count too."""
    counter = _Counter(halt_at, signal.SIGSTOP)
    _count(counter)
    for module, names in ((os, ("lstat", "preadv", "fstat")), (posix, ("open_beneath",))):
        for name in names:
            setattr(module, name, counter.counts(getattr(module, name)))


def _count(counter: _Counter) -> None:
    for module, names in ((os, _OF_OS), (posix, _OF_POSIX), (fcntl, ("ioctl",))):
        for name in names:
            setattr(module, name, counter.counts(getattr(module, name)))
    vars(os)["open"] = counter.counts(os.open, lambda _path, flags, *_, **__: bool(flags & os.O_CREAT))

    class Connection(sqlite3.Connection):
        execute = counter.counts(sqlite3.Connection.execute, lambda _self, statement, *_: statement == "COMMIT")
        close = counter.counts(sqlite3.Connection.close)

    vars(sqlite3)["connect"] = functools.partial(sqlite3.connect, factory=Connection)


class _Counter:
    def __init__(self, number: int, strike: signal.Signals) -> None:
        self._left = number
        self._is_before = number % 2 == 0
        self._strike = strike

    def counts(self, step: Callable[..., Any], if_so: Callable[..., bool] = lambda *_, **__: True) -> Any:
        """Return `act` with counting, if `if_so` accepts the arguments."""

        @functools.wraps(step)
        def counted(*arguments: Any, **named: Any) -> Any:
            if not if_so(*arguments, **named):
                return step(*arguments, **named)
            self._left -= 1
            is_it = self._left == 0
            if is_it and self._is_before:
                self._struck(step)
            try:
                return step(*arguments, **named)
            finally:
                if is_it and not self._is_before:
                    self._struck(step)

        return counted

    def _struck(self, step: Callable[..., Any]) -> None:
        """Report the step on standard error, for the test that acts meanwhile."""
        if self._strike is signal.SIGSTOP:
            os.write(2, f"[halted {'before' if self._is_before else 'after'} {step.__name__}]\n".encode())
        os.kill(os.getpid(), self._strike)
