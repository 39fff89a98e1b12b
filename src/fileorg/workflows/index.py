"""The index, for one command at a time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.state import INDEX, run_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.state import StateDirectory
    from fileorg.index.index import Index

_INDEX_LOCK = b"index.lock"


@contextlib.contextmanager
def locked_index(state: StateDirectory, what: str) -> Iterator[Index]:
    """The index, for this run alone; `what` is told to another that comes meanwhile. Raises `Locked`, `StateError`."""
    from fileorg.index.index import Index

    with run_lock(state, what, name=_INDEX_LOCK), Index(state.index) as index:
        state.check_opened(INDEX)
        yield index
