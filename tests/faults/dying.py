"""Death at the k-th step that changes something, without strace: counted in the process itself.

strace sees every system call and takes a second for it. Ten thousand kills need something cheaper: the primitives by
which fileorg changes files, and the commits of its databases, count themselves, and the process kills itself at one.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

from fileorg.storage import posix

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_OS = (
    "link", "unlink", "rename", "replace", "mkdir", "rmdir", "symlink", "fsync", "ftruncate", "utime", "fchmod",
    "fchown", "setxattr", "removexattr", "pwrite",
)  # fmt: skip
_OF_POSIX = ("rename_noreplace", "sync_file_system")


def arm(die_at: int) -> None:
    """From here on this process counts, and is killed at the step of that number: before it, if that is even, else
    right after it.
    """
    counter = _Counter(die_at)
    for module, names in ((os, _OF_OS), (posix, _OF_POSIX)):
        for name in names:
            setattr(module, name, counter.counts(getattr(module, name)))
    vars(os)["open"] = counter.counts(os.open, lambda _path, flags, *_, **__: bool(flags & os.O_CREAT))

    class Connection(sqlite3.Connection):
        execute = counter.counts(sqlite3.Connection.execute, lambda _self, statement, *_: statement == "COMMIT")
        close = counter.counts(sqlite3.Connection.close)

    vars(sqlite3)["connect"] = functools.partial(sqlite3.connect, factory=Connection)


class _Counter:
    def __init__(self, die_at: int) -> None:
        self._left = die_at
        self._dies_before = die_at % 2 == 0

    def counts(self, act: Callable[..., Any], if_so: Callable[..., bool] = lambda *_, **__: True) -> Any:
        """`act`, counted where `if_so` of its arguments."""

        @functools.wraps(act)
        def counted(*arguments: Any, **named: Any) -> Any:
            if not if_so(*arguments, **named):
                return act(*arguments, **named)
            self._left -= 1
            if self._left == 0 and self._dies_before:
                _die()
            try:
                return act(*arguments, **named)
            finally:
                if self._left == 0:
                    _die()

        return counted


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
