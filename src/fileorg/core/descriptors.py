"""How many files and folders this process may have open at once: the limit that `ulimit -n` sets."""

from __future__ import annotations

import contextlib
import errno
import resource
from typing import TYPE_CHECKING

from fileorg.core.errors import StorageFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENOUGH = 65_536
"""Each root takes two, one of them for its lock. With more, programs that close every number take their time."""


class TooManyOpen(StorageFailure):
    """The system does not let this process open what it needs: see `too_many_open`."""

    hint = "raise the limit with ulimit -n, as far as the system allows, and run the command again"


def raise_limit() -> None:
    """Allow this process, and those it starts, as many descriptors as the hard limit does, up to enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # a system may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def limit() -> int:
    """How many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def too_many_open() -> TooManyOpen:
    """What is raised then; it names the limit."""
    return TooManyOpen(f"More folders have to be open at once than the limit of {limit():,} allows (ulimit -n).")


@contextlib.contextmanager
def telling_the_limit() -> Iterator[None]:
    """What is opened within raises `TooManyOpen` where the limit does not allow it."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EMFILE:
            raise too_many_open() from error
        raise
