"""The limit on open files and folders that `ulimit -n` sets."""

from __future__ import annotations

import contextlib
import errno
import resource
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, StorageFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENOUGH = 65_536
"""Each root takes two, one for its lock. A higher limit slows down programs that close all possible descriptors."""


class TooManyOpen(StorageFailure):
    """The limit on open descriptors is too low: see `too_many_open`."""

    code = ErrorCode.TOO_MANY_OPEN
    hint = "raise the limit with ulimit -n, then run the command again"


def raise_limit() -> None:
    """Raise the limit of this process and its children to the hard limit, up to 65,536 descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # a system may allow less than its hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def limit() -> int:
    """Return the number of descriptors that this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def too_many_open() -> TooManyOpen:
    """Return the error for an exceeded limit; its message names the limit."""
    return TooManyOpen(f"Too many files and folders are open: the limit is {limit():,} (ulimit -n).")


@contextlib.contextmanager
def telling_the_limit() -> Iterator[None]:
    """Raise `TooManyOpen` where an open inside the block exceeds the limit."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EMFILE:
            raise too_many_open() from error
        raise
