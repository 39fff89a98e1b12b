"""What is worth another try, and how long to wait before it: exponential backoff with jitter, up to a limit in all."""

from __future__ import annotations

import errno
import os
import random
import time
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_SLICE_SECONDS = 0.1
"""A wait looks this often whether it is to end."""
PASSING = frozenset({errno.EBUSY, errno.EAGAIN, errno.ESTALE, errno.EIO})
"""The only errors that may pass: see `is_transient`."""


class FlushError(OSError):
    """A flush that failed. It is never tried again: the kernel may have dropped the pages that it could not write, and
    reports success the next time.
    """


class ReadError(OSError):
    """A read of a content that failed, on any file system."""


def is_transient(error: OSError, *, is_network: bool) -> bool:
    """Return whether the same step may succeed a little later. `is_network`: the file is on a network mount.

    ESTALE that fileorg raises itself, with its own text, stands for a file that has changed: no further try helps.
    """
    if isinstance(error, FlushError):
        return False
    if error.errno == errno.EIO:
        return is_network and isinstance(error, ReadError)
    return error.errno in PASSING and error.strerror == os.strerror(error.errno or 0)


class Backoff(NamedTuple):
    """The waits between tries: each `factor` times as long as the one before, and half of it random, so that programs
    that were disturbed by the same event do not return together.
    """

    tries: int
    first_seconds: float
    factor: float = 4.0
    longest_seconds: float = 300.0

    def wait(self, number: int, chance: float) -> float:
        """Return the seconds before try `number`, from 2; `chance` is from 0 to 1."""
        whole = min(self.longest_seconds, self.first_seconds * self.factor ** (number - 2))
        return whole * (1 + chance) / 2


FILES = Backoff(tries=4, first_seconds=0.25)
"""For the failed files of a batch."""
JOBS = Backoff(tries=3, first_seconds=15.0)
"""For a job whose files have failed. Its tries are an option."""
LONGEST_SECONDS = 60.0
"""The waits of one operation for files, in all: where a disk stays away, the job is tried again, not each batch."""


class Clock(NamedTuple):
    """The time and the chance that waits depend on."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def pause(self, seconds: float, is_over: Callable[[], bool]) -> bool:
        """Wait, or return False as soon as `is_over` returns true."""
        until = self.now() + seconds
        while (left := until - self.now()) > 0:
            if is_over():
                return False
            self.sleep(min(left, _SLICE_SECONDS))
        return not is_over()


CLOCK = Clock()


class Waits:
    """The waits of one operation. After tries that were all in vain, later files get fewer: the trouble lasts."""

    def __init__(self, backoff: Backoff, is_over: Callable[[], bool], *, clock: Clock, longest: float) -> None:
        """`is_over` ends a wait early; `longest` limits the waits in all."""
        self._backoff, self._is_over, self._clock = backoff, is_over, clock
        self._left = longest
        self._tries = backoff.tries

    def before(self, number: int) -> bool:
        """Wait before try `number`, from 2. Return False, perhaps at once, if there is to be no such try."""
        if number > self._tries or self._left <= 0:
            return False
        seconds = min(self._left, self._backoff.wait(number, self._clock.chance()))
        self._left -= seconds
        return self._clock.pause(seconds, self._is_over)

    def ended(self, *, in_vain: bool) -> None:
        """Note whether the tries for some files brought nothing at all."""
        self._tries = max(min(2, self._backoff.tries), self._tries - 1) if in_vain else self._backoff.tries
