"""Tells systemd that a service is ready, alive or stopping: sd_notify(3), as datagrams to its socket."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ServiceManager:
    """The service manager that started this process; without one, nothing is sent."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        is_ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._pause_seconds = int(microseconds) / 2e6 if microseconds.isdecimal() and is_ours else 0.0
        self._alive_at = 0.0

    def say(self, text: str) -> None:
        """Send a state such as `READY=1`."""
        if not self._address:
            return
        import socket

        address = self._address.replace("@", "\0", 1) if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(errors="replace"), address)

    def alive(self) -> None:
        """Send that the process works, twice as often as the service manager wants it."""
        if self._pause_seconds and time.monotonic() - self._alive_at >= self._pause_seconds:
            self._alive_at = time.monotonic()
            self.say("WATCHDOG=1")

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Send it from a thread, too, while one call may take longer than the service manager waits for a word: as the
        copy of a large film does.
        """
        if not self._pause_seconds:
            yield
            return
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(self._pause_seconds):
                self.say("WATCHDOG=1")

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join()
