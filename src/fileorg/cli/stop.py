"""Ctrl-C during an operation: the first lets the current batch finish, the second interrupts at once."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, Exit, FileorgError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from fileorg.cli.progress import Screen

# Sent by Ctrl-C, by a service manager and by a closed terminal.
_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(FileorgError):
    """Raised for Ctrl-C if no batch has to finish first. The message says what was changed."""

    exit_code = Exit.INTERRUPTED
    code = ErrorCode.INTERRUPTED


@contextlib.contextmanager
def woken() -> Iterator[tuple[Callable[[], bool], Callable[[int], object]]]:
    """Yield a callable that returns whether a stop was requested, and one that takes the descriptor which a signal
    writes to: it ends a pause. The second request interrupts at once.
    """
    asked = False
    handlers = {each: signal.getsignal(each) for each in _ASKING}
    before = {each: handler for each, handler in handlers.items() if handler not in {None, signal.SIG_IGN}}

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(number, before[signal.Signals(number)])

    for each in before:
        signal.signal(each, ask)
    old = signal.set_wakeup_fd(-1)
    try:
        yield lambda: asked, lambda fd: signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    finally:
        signal.set_wakeup_fd(old)
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def stoppable(screen: Screen) -> Iterator[Callable[[], bool]]:
    """Yield a callable that returns whether a stop was requested. Ignored signals (`nohup`, `&`) stay ignored."""
    asked = False
    handlers = {each: signal.getsignal(each) for each in _ASKING}
    before = {each: handler for each, handler in handlers.items() if handler not in {None, signal.SIG_IGN}}

    def put_back() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        put_back()
        screen.stopping()

    for each in before:
        signal.signal(each, ask)
    try:
        yield lambda: asked
    finally:
        put_back()
